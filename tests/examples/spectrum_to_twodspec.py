# %% [markdown]
# # A spectrum to ASPIRED's TwoDSpec
# Light and arc are reduced to images; TwoDSpec traces and extracts.  It wants an environment of its own:
# `pip install "aspired==0.5.1" "setuptools<81" "numpy<2.4"`.

# %%
import numpy as np
from aspired.spectral_reduction import TwoDSpec

from pipeline import Recipe, normalise_flat, reduce
from pipeline.simulation.simulate import simulate

night = simulate(shape=(128, 256))
recipe = Recipe(normalise=normalise_flat(by="spline"))  # the lamp's own colour is out of the flat
image = reduce(night.frames, recipe=recipe)
arc = reduce(night.frames, recipe=recipe, kind="arc")

# %% [markdown]
# TwoDSpec heals NaN, and reads no mask of a file: flagged pixels go in as NaN, and the mask beside.  Exposure and gain
# come from the header.

# %%
quiet = {"log_level": "CRITICAL", "log_file_name": None}
spec = TwoDSpec(image.to_hdu(fill=np.nan), cosmicray=False, readnoise=5.7, **quiet)
spec.add_bad_mask(image.pixels.mask)  # a boolean array; integers break it
spec.add_arc(arc.to_hdu())
assert spec.exptime == 120
assert (spec.arc == arc.values).all()

# %%
spec.ap_trace(nspec=1, display=False)
spec.ap_extract(apwidth=8, skywidth=10, skydeg=1, optimal=False, display=False)
counts = np.array(spec.spectrum_list[0].count)

# %% [markdown]
# The truth: the star's light, which is what stands above the sky of the simulation.

# %%
true = (night.light - np.median(night.light)).sum(axis=0) / 120  # TwoDSpec gives counts a second
print(f"counts by the truth: {np.median(counts / true):.3f}")
