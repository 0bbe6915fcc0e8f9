# %% [markdown]
# # A spectrum to ASPIRED's TwoDSpec
# Light and arc are reduced to images; TwoDSpec traces and extracts.  It wants an environment of its own:
# `pip install "aspired==0.5.1" "setuptools<81" "numpy<2.4"`.

# %%
import numpy as np
from aspired.spectral_reduction import TwoDSpec

from pipeline import reduce
from pipeline.simulation.simulate import simulate

night = simulate(shape=(128, 256))
image, arc = reduce(night.frames), reduce(night.frames, kind="arc")

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
true = (night.light - night.light.min()).sum(axis=0)
ratio = np.median(counts / true)
print(f"counts by the truth: {ratio:.3f}")
assert abs(ratio - 1) < 0.03
