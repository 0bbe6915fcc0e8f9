# %% [markdown]
# # Property tests of a stage
# A law says what holds for every image, and hypothesis looks for one for which it does not.  `pipeline.testing` draws
# the images: with NaN and infinities, with flags of every sort, with variance and without, of every kind and state.
# In a file of tests these functions are found by pytest; here we call them.

# %%
import attrs
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from pipeline import Image, check_stage, stage
from pipeline.testing import assert_same_image, images

few = settings(max_examples=20, deadline=None, database=None)


@stage(rows=True)
def scaled(image: Image, *, by: float = 1.0) -> Image:
    """Multiply by a number, and carry flags and variance along."""
    return attrs.evolve(image, data=image.pixels.times(by))


# %% [markdown]
# What the stage is for: powers of two are exact, so that scaling up and down again gives the same to the bit. (Down and
# up it may not: the least numbers lose digits.)


# %%
@few
@given(images(), st.integers(0, 20))
def test_scaling_forth_and_back_changes_nothing(image, power):
    there = scaled(image, by=2.0**power)
    assert_same_image(scaled(attrs.evolve(there, history=()), by=2.0**-power), image, ignore=["history"])


test_scaling_forth_and_back_changes_nothing()


# %% [markdown]
# And what every stage keeps, of whatever image: it is pure, only adds flags, follows the variance, gives some rows of
# the whole where it is asked for some rows, and pickles.


# %%
@settings(few, max_examples=3)
@given(images())
def test_it_keeps_the_laws_of_stages(image):
    check_stage(scaled(by=2.0), image)


test_it_keeps_the_laws_of_stages()


# %% [markdown]
# A wrong law is refused, by an image that breaks it; without `phases` hypothesis goes on to look for the smallest.


# %%
@settings(few, phases=[Phase.generate])
@given(images())
def test_scaling_by_two_makes_values_larger(image):
    good = ~image.pixels.mask
    assert (scaled(image, by=2.0).values[good] > image.values[good]).all()


try:
    test_scaling_by_two_makes_values_larger()
except AssertionError:
    print("values of 0 and below are no larger")
else:
    raise RuntimeError("hypothesis should have found 0")
