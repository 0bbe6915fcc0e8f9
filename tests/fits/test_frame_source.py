"""A product on disk as a source: flags and variance come with its values."""

import numpy as np
import pytest
from astropy.io import fits
from fits_files import NOISE, product
from hypothesis import given

from pipeline import Flag, Image, attach_header, open_frame, read_mask, write
from pipeline.testing import pixels


@given(pixels())
def test_a_product_comes_back_as_it_was_written(tmp_path_factory, written):
    path = tmp_path_factory.getbasetemp() / "product.fits"
    write(attach_header(Image.of(written, header={"EXPTIME": 3.0})), path, overwrite=True)
    frame = open_frame(path)
    back = frame.pixels
    assert frame.exposure == 3.0
    assert back.values.dtype == written.values.dtype
    expected = np.where(np.isinf(written.values), np.nan, written.values)
    np.testing.assert_array_equal(back.values, expected)
    np.testing.assert_array_equal(back.flags, written.flags)
    assert (back.variance is None) == (written.variance is None)
    if written.variance is not None:
        np.testing.assert_allclose(back.variance, written.variance, rtol=1e-6, atol=1e-40)  # by way of its root


@pytest.mark.parametrize("name", ["product.fits", "product.fits.gz"])
def test_rows_of_a_product_bring_their_flags_and_variance(tmp_path, name):
    flags = np.where(NOISE > 3000, int(Flag.SATURATED), 0)
    write(product(NOISE, flags, NOISE + 4.0), tmp_path / name)
    rows = open_frame(tmp_path / name).rows(10, 20).pixels
    np.testing.assert_array_equal(rows.flags, flags[10:20])
    np.testing.assert_allclose(rows.variance, NOISE[10:20] + 4.0, rtol=1e-6)


def test_flags_of_one_byte_are_read_as_those_of_two(tmp_path):
    """As products had them that were written before there were more reasons than eight."""
    flags = np.where(NOISE > 3000, int(Flag.SATURATED | Flag.HEALED), 0)
    hdus = product(NOISE, flags).to_hdulist()
    assert [hdus[name].header["BITPIX"] for name in ("MASK", "FLAGS")] == [8, 16]
    hdus.writeto(tmp_path / "now.fits")
    hdus["FLAGS"] = fits.ImageHDU(flags.astype(np.uint8), name="FLAGS")
    hdus.writeto(tmp_path / "before.fits")
    now, before = (open_frame(tmp_path / name).pixels for name in ("now.fits", "before.fits"))
    assert before == now
    np.testing.assert_array_equal(now.flags, flags)
    np.testing.assert_array_equal(read_mask(tmp_path / "before.fits").flags, flags)
