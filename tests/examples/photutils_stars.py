# %% [markdown]
# # Stars by photutils
# A product goes to photutils as it is: values, errors and mask, each as an array, or all of it as a `CCDData`.

# %%
import numpy as np
from photutils.aperture import CircularAperture, aperture_photometry
from photutils.background import Background2D
from photutils.detection import DAOStarFinder

from pipeline import reduce
from pipeline.simulation.simulate import simulate

night = simulate(shape=(128, 192), scene="stars")
image = reduce(night.frames)

# %% [markdown]
# The mask holds what is flagged, `total_variance` the errors of frames and masters together.

# %%
sky = Background2D(image.values, 32, mask=image.pixels.mask)
above = image.values - sky.background
found = DAOStarFinder(8 * sky.background_rms_median, fwhm=4.2)(above, mask=image.pixels.mask)
assert len(found) > 5

# %%
_, x, y, *_ = found.colnames  # their names differ between versions
apertures = CircularAperture(np.transpose([found[x], found[y]]), 5)
error = np.sqrt(image.pixels.total_variance)
table = aperture_photometry(above, apertures, error=error, mask=image.pixels.mask)
table

# %% [markdown]
# The truth is known: the same apertures on the sky as it was.

# %%
true = aperture_photometry(night.light - sky.background, apertures, mask=image.pixels.mask)
pull = (table["aperture_sum"] - true["aperture_sum"]) / table["aperture_sum_err"]
print(np.round(np.asarray(pull), 1))
assert np.abs(np.median(pull)) < 1
assert np.std(pull) < 2
