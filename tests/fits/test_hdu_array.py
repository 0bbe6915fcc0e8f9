"""Stored numbers become values: BSCALE, BZERO and BLANK, applied once."""

import numpy as np
import pytest
from astropy.io import fits
from fits_files import NOISE, NOT_IN_TILES, save, save_as, shown
from hypothesis import given
from hypothesis import strategies as st

from pipeline import open_frame

scalings = st.fixed_dictionaries(
    {},
    optional={
        "BSCALE": st.sampled_from([1.0, 2.0, 0.26, -1.0]),
        "BZERO": st.sampled_from([0.0, 100.0, 8587.25, -3.0]),
        "BLANK": st.sampled_from([3, 7, 200]),
    },
)


@given(st.sampled_from(["u1", "i2", "i4", "i8"]), scalings, st.sampled_from(["a.fits", "a.fits.gz", "a_tiles.fits"]))
def test_scaling_and_blank_are_applied_once(tmp_path_factory, dtype, cards, form):
    form = "a.fits" if dtype in NOT_IN_TILES else form
    stored = np.arange(12, dtype=dtype).reshape(3, 4)
    path, hdu = save_as(tmp_path_factory.getbasetemp(), form, stored, **cards)
    values = shown(open_frame(path, hdu))
    exactly = stored * cards.get("BSCALE", 1.0) + cards.get("BZERO", 0.0)
    exactly[stored == cards.get("BLANK", -1)] = np.nan
    np.testing.assert_array_equal(values, exactly.astype(values.dtype))
    with np.errstate(invalid="ignore"):
        oracle = fits.getdata(path, hdu)
    np.testing.assert_allclose(values, oracle, rtol=1e-6, atol=1e-3)  # astropy computes in float32


@pytest.mark.parametrize("form", ["a.fits", "a.fits.gz", "a_tiles.fits"])
def test_blank_of_unsigned_integers_is_the_stored_value(tmp_path, form):
    path, hdu = save_as(tmp_path, form, np.array([[0, 1], [40_000, 65_535]], "u2"), BLANK=-32768)
    np.testing.assert_array_equal(shown(open_frame(path, hdu)), [[np.nan, 1], [40_000, 65_535]])


def test_blank_may_be_0(tmp_path):
    """(astropy takes BLANK = 0 for no BLANK.)"""
    path = save(tmp_path / "a.fits", np.array([[0, 1]], "i2"), BLANK=0)
    np.testing.assert_array_equal(shown(open_frame(path)), [[np.nan, 1]])


@pytest.mark.parametrize("form", ["a.fits", "a_tiles.fits"])
def test_float_images_are_scaled_once_too(tmp_path, form):
    path, hdu = save_as(tmp_path, form, NOISE.astype("f4"), BSCALE=2.0, BZERO=5.0)
    np.testing.assert_array_equal(shown(open_frame(path, hdu)), NOISE * 2.0 + 5.0)
