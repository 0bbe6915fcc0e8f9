# %% [markdown]
# # A combination of your own
# A trimmed mean leaves out the lowest and the highest values of each pixel.  `combined` makes of its numbers what
# `combine` makes of its own: an image with header, exposure, epoch, flags and history.

# %%
import numpy as np

from pipeline import FrameSet, Image, attach_header, combined, pipe, stage
from pipeline.simulation.simulate import Counts, Detector, simulate


@stage
def trimmed_mean(frames: FrameSet, *, cut: int = 1) -> Image:
    """Leave out the ``cut`` lowest and highest values of each pixel, and take the mean of the rest."""
    stack = np.array([np.where(frame.pixels.mask, np.nan, frame.values) for frame in frames])
    good = np.isfinite(stack)
    place = np.argsort(np.argsort(stack, axis=0), axis=0)  # NaN goes last
    left_out = good & ((place < cut) | (place >= good.sum(axis=0) - cut))
    values = np.nanmean(np.where(left_out, np.nan, stack), axis=0)
    return combined(frames, values, rejected=left_out, method="trimmed")


# %%
counts = Counts(bias=0, dark=0, flat=0, light=7, arc=0)
lights = simulate(shape=(64, 96), counts=counts, detector=Detector(overscan=0)).frames.light
product = pipe(lights, trimmed_mean(cut=1), attach_header)
print(product, *product.notes, sep="\n")
assert product.header["NCOMBINE"] == 7
assert product.header["EXPTIME"] == 120
assert product.header["COMBTYPE"] == "trimmed"
assert "trimmed_mean(cut=1)" in str(product.history[0])

# %% [markdown]
# By hand, for one pixel:

# %%
column = np.sort([light.values[10, 20] for light in lights])
assert np.isclose(product.values[10, 20], column[1:-1].mean())
