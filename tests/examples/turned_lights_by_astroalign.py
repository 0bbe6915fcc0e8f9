# %% [markdown]
# # Turned lights by astroalign
# Lights that are turned against each other are found and resampled by astroalign, by their stars, and come back with
# header, flags and errors.

# %%
import astroalign
import attrs
import numpy as np

from pipeline import Cards, Flag, Image, Pixels, attach_header, combine, stage
from pipeline.simulation.skies import Pointing, Stars


@stage
def onto(image: Image, *, first: np.ndarray, header: Cards) -> Image:
    """Resample an image onto the first one's pixels: errors stay right for sums over stars, not pixel by pixel."""
    planes = [1.0 * plane for plane in (image.values, image.pixels.mask, image.pixels.total_variance)]
    move, _ = astroalign.find_transform(planes[0], first)
    values, bad, variance = (astroalign.apply_transform(move, plane, first, np.nan)[0] for plane in planes)
    flags = np.where(np.isnan(bad), Flag.UNCOVERED, np.where(bad > 0.1, Flag.BAD, 0))
    return attrs.evolve(image, data=Pixels.of(values, flags, variance.clip(0)), header=header)


# %% [markdown]
# Three lights of one field, turned by 4 degrees each, with their noise.

# %%
rng = np.random.default_rng(1)
shape = (160, 180)
stars = Stars(rng.uniform(10, 150, 60), rng.uniform(10, 170, 60), 10 ** rng.uniform(4, 5, 60))


def light(degrees):
    """Expose the field once: photons, and a sky of 200 electrons."""
    seen = 1.0 * rng.poisson(stars.light(shape, Pointing(3.0, (0.0, 0.0), degrees)) + 200)
    return Image.of(Pixels.of(seen, 0, seen + 25), exposure=60, header={"OBJECT": "field"}, name=f"{degrees}.fits")


lights = [light(degrees) for degrees in (0, 4, 8)]
step = onto(first=lights[0].values, header=lights[0].header)
image = combine([step(one) for one in lights], clip=None)

# %%
product = attach_header(image)
one, seen = lights[0].values - 200, product.values - 200
star = np.unravel_index(np.argmax(np.where(image.pixels.mask, 0, one)), shape)
box = tuple(slice(max(place - 5, 0), place + 6) for place in star)
print(f"the brightest star: {one[box].sum():.0f} e⁻ in the first, {seen[box].sum():.0f} in all")
assert abs(seen[box].sum() / one[box].sum() - 1) < 0.05
assert product.header["NCOMBINE"] == 3
assert product.pixels.variance is not None
assert (step(lights[2]).pixels.flags & Flag.UNCOVERED).any()
assert str(product.history[0]).startswith("onto(")
