# %% [markdown]
# # A spectrum by specreduce
# A reduced two-dimensional spectrum goes to specreduce as `CCDData`, with its mask and its errors: trace, background
# and extraction are specreduce's.

# %%
import numpy as np
from astropy.nddata import CCDData
from specreduce.background import Background
from specreduce.extract import BoxcarExtract
from specreduce.tracing import FlatTrace

from pipeline import reduce
from pipeline.simulation.simulate import simulate

night = simulate(shape=(64, 256))
image = reduce(night.frames)
ccd = image.to_ccddata()
assert isinstance(ccd, CCDData)
assert ccd.uncertainty is not None

# %%
trace = FlatTrace(ccd, 32)
sky = Background.two_sided(ccd, trace, separation=20, width=8)
spectrum = BoxcarExtract(sky.sub_image(), trace, width=16).spectrum
spectrum

# %% [markdown]
# The truth, extracted in the same way:

# %%
true = CCDData(night.light, unit="adu")
bare = Background.two_sided(true, trace, separation=20, width=8).sub_image()
expected = BoxcarExtract(bare, trace, width=16).spectrum.flux
ratio = np.nanmedian(spectrum.flux / expected)
print(f"flux by the truth: {ratio:.3f}")
assert abs(ratio - 1) < 0.02
