"""A product on disk as a source: flags and variance come with its values."""

import attrs
import numpy as np
import pytest
from astropy.io import fits
from fits_files import NOISE, product
from hypothesis import given

from pipeline import Flag, Image, MasterBias, Pixels, attach_header, open_frame, read_mask, write
from pipeline.errors import FrameError
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


@pytest.mark.parametrize("own", [0.0, 9.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_many_rows_of_a_product_are_those_that_are_read_a_few_at_a_time(tmp_path, monkeypatch, own, dtype):
    rng = np.random.default_rng(1)
    values = rng.normal(100, 5, (23, 17)).astype(dtype)
    values[5, 3], values[20, 1] = np.nan, np.inf
    variance = np.where(np.arange(23)[:, None] > 12, own, 0) + np.zeros((23, 17))
    shared = tuple((key, rng.normal(2, 1, (23, 17)).astype(dtype)) for key in "ab")
    pixels = attrs.evolve(Pixels.of(values, variance=variance), shared=shared)
    write(MasterBias(Image.of(pixels, kind="bias")), tmp_path / "b.fits")
    source = open_frame(tmp_path / "b.fits", kind="bias").source.loaded()
    at_once = source.rows(3, 22)
    monkeypatch.setattr("pipeline.fits.frame_source.AT_ONCE", 4 * 17)
    assert source.rows(3, 22) == at_once
    assert [key for key, _ in at_once.shared] == ["a", "b"]
    assert at_once.variance.any() == bool(own)
    assert np.count_nonzero(at_once.mask) == 2


def test_a_change_in_the_middle_of_many_rows_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.fits.frame_source.AT_ONCE", 1)
    pixels = attrs.evolve(Pixels.of(np.ones((4, 5)), variance=np.ones((4, 5))), shared=(("a", np.ones((4, 5))),))
    write(MasterBias(Image.of(pixels, kind="bias")), tmp_path / "b.fits")
    source = open_frame(tmp_path / "b.fits", kind="bias").source.loaded()
    with (tmp_path / "b.fits").open("ab") as stream:
        stream.write(b"\0" * 2880)
    with pytest.raises(FrameError, match="changed since it was opened"):
        source.rows(0, 4)
