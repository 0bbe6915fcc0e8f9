# %% [markdown]
# # A stage of your own
# Sky is not subtracted here, since every field wants it otherwise.  Twelve lines make a stage of it that is as good
# as those of the library: checked settings, history, notes, errors, rows on disk, pickling.

# %%
from typing import Annotated, Literal

import attrs
import numpy as np

from pipeline import Image, Limits, advise, check_stage, combine, pipe, running, stage
from pipeline.errors import SettingError
from pipeline.simulation.simulate import Counts, simulate


@stage
def subtract_sky(
    image: Image, *, by: Literal["median", "mode"] = "median", reject: Annotated[float, Limits(above=1)] = 3.0
) -> Image:
    """Subtract one level of sky: that of the good pixels, without what stands out by ``reject`` σ."""
    values = image.values[~image.pixels.mask]
    spread = 1.4826 * np.median(np.abs(values - np.median(values)))
    sky = values[np.abs(values - np.median(values)) < reject * spread]
    level = np.median(sky) if by == "median" else 3 * np.median(sky) - 2 * sky.mean()
    if sky.size < values.size / 2:
        advise("less than half of the image is sky", of=image, mend="take the level from a blank field")
    return attrs.evolve(image, data=attrs.evolve(image.pixels, values=image.values - level))


# %% [markdown]
# Settings are checked when the step is made, long before a frame is read.

# %%
try:
    subtract_sky(by="medain")
except SettingError as error:
    print(error)

# %% [markdown]
# It goes into a chain like any other step, and stands in the history.

# %%
lights = simulate(shape=(96, 128), scene="stars", counts=Counts(bias=0, dark=0, flat=0, arc=0)).frames.light
notes = []
with running(on_note=notes.append):
    image = pipe(lights, combine, subtract_sky(by="mode"))
print(image.history[-1])
assert abs(np.median(image.values)) < 5
assert str(image.history[-1]) == "subtract_sky(by='mode', reject=3.0)"

# %% [markdown]
# `check_stage` tries the laws that every stage keeps: it does not change its input, keeps flags, variance and history,
# gives the same in another process.  A wrong stage is refused with the law that it breaks.

# %%
with running(on_note=notes.append):
    check_stage(subtract_sky(), image.rows(0, 32))
