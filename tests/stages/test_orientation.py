"""Orientation: everything turns together, once, as ASPIRED turns it."""

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from strategies import frames_of, quick

from pipeline import Flag, FrameSet, Image, MasterBias, Recipe, attach_header, combine, orient, reduce, subtract_bias
from pipeline.errors import HeaderError, SettingError, ShapeError, StepError
from pipeline.testing import pixels


def image_of(values, **cards):
    return Image.of(values, header=fits.Header(cards), name="light.fits")


@quick
@given(pixels())
def test_values_flags_and_variance_turn_alike_and_as_numpys_rot90(drawn):
    out = orient(Image.of(drawn), saxis=0).pixels
    np.testing.assert_array_equal(out.values, np.rot90(drawn.values))
    np.testing.assert_array_equal(out.flags, np.rot90(drawn.flags))
    assert (out.variance is None) == (drawn.variance is None)
    if drawn.variance is not None:
        np.testing.assert_array_equal(out.variance, np.rot90(drawn.variance))


@given(pixels())
def test_dispersion_along_x_stays_as_it_is(drawn):
    assert orient(Image.of(drawn), saxis=1).pixels == drawn


def test_a_spectrum_along_y_lies_along_x_with_its_top_at_the_left():
    """Rows count from the bottom: what was in the last column comes to lie in the first row, by numpy's rule."""
    values = np.array([[1, 2], [3, 4], [5, 6]])
    np.testing.assert_array_equal(orient(image_of(values), saxis=0).pixels.values, [[2, 4, 6], [1, 3, 5]])


def test_shared_errors_turn_too():
    bias = MasterBias.of(combine(frames_of(np.full((2, 3, 4), 5.0), kind="bias"), clip=None))
    assert orient(subtract_bias(image_of(np.ones((3, 4))), bias=bias), saxis=0).shape == (4, 3)


def test_the_product_says_so():
    header = (
        attach_header(orient(image_of(np.ones((2, 3)), DISPAXIS=2, CRPIX1=3.0, CRPIX2=1.0), saxis=0)).to_hdu().header
    )
    assert (header["DISPAXIS"], header["NAXIS1"], header["CRPIX1"], header["CRPIX2"]) == (1, 2, 1.0, 1.0)
    assert header["TURNED"].startswith("Turned by 90 degrees")
    along = attach_header(orient(image_of(np.ones((2, 3))), saxis=1)).to_hdu().header
    assert along["DISPAXIS"] == 1
    assert "TURNED" not in along


def test_lights_and_arcs_turn_alike_at_the_end():
    light, arc = np.arange(12.0).reshape(3, 4), np.arange(12.0).reshape(3, 4) * 2
    night = FrameSet([image_of(light), Image.of(arc, kind="arc")])
    recipe = Recipe(orient=orient(saxis=0))
    one, other = (reduce(night, recipe=recipe, kind=kind) for kind in ("light", "arc"))
    np.testing.assert_array_equal(one.pixels.values, np.rot90(light))
    np.testing.assert_array_equal(other.pixels.values, np.rot90(arc))


def test_turning_twice_is_refused():
    with pytest.raises(StepError, match="twice"):
        orient(orient(image_of(np.ones((2, 2))), saxis=0), saxis=0)


def test_a_header_that_says_dispersion_is_along_x_already_is_believed():
    along = image_of(np.ones((2, 3)), DISPAXIS=1)
    with pytest.raises(HeaderError, match=r"light\.fits: its header \(DISPAXIS = 1\)"):
        orient(along, saxis=0)
    assert orient(along, saxis=0, force=True).shape == (3, 2)


def test_a_master_that_is_not_turned_does_not_fit_even_where_it_is_square():
    bias = MasterBias.of(Image.of(np.ones((3, 3)), kind="bias"))
    with pytest.raises(ShapeError, match=r"light\.fits: is turned .* put orient last"):
        subtract_bias(orient(image_of(np.ones((3, 3))), saxis=0), bias=bias)


def test_saxis_is_0_or_1():
    with pytest.raises(SettingError, match="saxis=2; expected 0 or 1"):
        orient(image_of(np.ones((2, 2))), saxis=2)


def test_flags_stay_with_their_pixels():
    values = np.ones((2, 3))
    values[0, 2] = np.nan
    assert orient(image_of(values), saxis=0).pixels.flags[0, 0] == Flag.NONFINITE
