# %% [markdown]
# # Lights onto one grid by reproject
# `align` moves lights by whole pixels.  For parts of a pixel, turns and scales each light goes to reproject, values,
# flags and variance, and comes back with its header, so that `combine` can do the rest.

# %%
import attrs
import numpy as np
from astropy.wcs import WCS
from reproject import reproject_interp

from pipeline import Cards, Flag, Image, Pixels, attach_header, combine, stage
from pipeline.simulation.simulate import Counts, Detector, simulate


@stage
def onto(image: Image, *, grid: Cards, shape: tuple[int, int]) -> Image:
    """Resample an image onto the pixels that a header describes.

    Errors stay right for sums over stars; neighbours share theirs, so that single pixels scatter by less.
    """
    planes = (image.values, 1.0 * image.pixels.mask, 1.0 * image.pixels.total_variance)
    target = WCS(grid.to_header())
    values, bad, variance = (reproject_interp((plane, image.wcs), target, shape)[0] for plane in planes)
    flags = np.where(np.isnan(bad), Flag.UNCOVERED, np.where(bad > 0.1, Flag.BAD, 0))
    cards = image.header.to_header()
    cards.update(target.to_header())
    return attrs.evolve(image, data=Pixels.of(values, flags, variance), header=Cards.of(cards))


# %% [markdown]
# Three lights of one field, the second half a pixel, the third a pixel and a half aside, as their headers say.

# %%
sky = simulate(shape=(64, 96), scene="stars", counts=Counts(0, 0, 0, 1, 0), detector=Detector(overscan=0, noise=False))
field = sky.light


def light(shift):
    """Expose the field, moved along x by linear interpolation."""
    whole, part = int(shift), shift % 1
    moved = (1 - part) * np.roll(field, whole, axis=1) + part * np.roll(field, whole + 1, axis=1)
    cards = {"EXPTIME": 60.0, "OBJECT": "field", "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 10.0}
    cards |= {"CRVAL2": 20.0, "CDELT1": -1e-4, "CDELT2": 1e-4, "CRPIX1": 48.0 + shift, "CRPIX2": 32.0}
    return Image.of(Pixels.of(moved, 0, moved / 1.5), header=cards, name=f"light{shift}.fits")


lights = [light(shift) for shift in (0.0, 0.5, 1.5)]
step = onto(grid=lights[0].header, shape=lights[0].shape)
image = combine([step(one) for one in lights], clip=None)

# %% [markdown]
# The stars lie where they lay in the first; what only some see is said pixel by pixel, and header, history and errors
# have come through.

# %%
product = attach_header(image)
inner = np.s_[4:-4, 4:-4]
assert np.abs(image.values - field)[inner].max() < 0.15 * np.ptp(field)
assert product.header["CRPIX1"] == 48
assert product.header["OBJECT"] == "field"
assert product.header["NCOMBINE"] == 3
assert (step(lights[2]).pixels.flags & Flag.UNCOVERED).any()
assert np.isfinite(product.pixels.variance[inner]).all()
print(*image.history, sep="\n")
