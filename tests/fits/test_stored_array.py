"""Rows of an array, however it is stored: those that astropy reads, no others, and none of a file that has changed."""

import os
import tracemalloc

import numpy as np
import pytest
from astropy.io import fits
from fits_files import FORMS, NOISE, TYPES, save, save_as, shown
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pipeline import open_frame
from pipeline.errors import FrameError


@given(st.data(), st.sampled_from(TYPES), st.tuples(st.integers(1, 6), st.integers(1, 6)))
def test_rows_are_what_astropy_reads(tmp_path_factory, data, dtype, shape):
    values = data.draw(arrays.arrays(dtype, shape))
    path = save(tmp_path_factory.getbasetemp() / "rows.fits", values)
    start, stop = sorted(data.draw(st.tuples(st.integers(0, shape[0]), st.integers(0, shape[0]))))
    frame = open_frame(path)
    rows = frame.source.rows(start, stop)
    expected = fits.getdata(path)[start:stop]
    assert rows.values.dtype == frame.source.dtype
    assert rows.values.dtype.isnative
    np.testing.assert_array_equal(rows.values, expected.astype(rows.values.dtype))
    np.testing.assert_array_equal(rows.mask, ~np.isfinite(rows.values))


@pytest.mark.parametrize("form", ["a.fits", "a.fits.gz", "a_tiles.fits"])
def test_rows_beyond_the_image_are_no_rows(tmp_path, form):
    source = open_frame(*save_as(tmp_path, form, NOISE)).source
    np.testing.assert_array_equal(source.rows(38, 1000).values, NOISE[38:])
    assert source.rows(5, 3).shape == (0, 50)


@pytest.mark.parametrize("form", FORMS)
def test_pixels_of_a_file_changed_since_are_refused(tmp_path, form):
    path, hdu = save_as(tmp_path, form, NOISE)
    frame = open_frame(path, hdu)
    save_as(tmp_path, form, NOISE + 1)
    os.utime(path, ns=(0, 0))  # the clock of a file system may be too coarse to see it
    with pytest.raises(FrameError, match="changed since it was opened"):
        frame.rows(0, 1)


def test_pixels_of_a_file_replaced_since_are_refused(tmp_path):
    frame = open_frame(save(tmp_path / "a.fits", NOISE))
    status = (tmp_path / "a.fits").stat()
    save(tmp_path / "b.fits", NOISE)
    os.utime(tmp_path / "b.fits", ns=(status.st_atime_ns, status.st_mtime_ns))
    (tmp_path / "b.fits").replace(tmp_path / "a.fits")
    with pytest.raises(FrameError, match="changed since"):
        shown(frame)


def test_opening_reads_no_pixels_and_rows_read_no_others(tmp_path):
    header = fits.PrimaryHDU(NOISE).header
    header.update(NAXIS1=5000, NAXIS2=5000, EXPTIME=3.0)
    (tmp_path / "a.fits").write_text(header.tostring())
    os.truncate(tmp_path / "a.fits", 2 * 5000**2 + 2880)
    tracemalloc.start()
    frame = open_frame(tmp_path / "a.fits")
    rows = frame.rows(4998, 5000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (frame.shape, frame.exposure, shown(rows).shape) == ((5000, 5000), 3.0, (2, 5000))
    assert peak < 2_000_000  # of 50 MB


@pytest.mark.parametrize("name", ["a.fits", "a.fits.gz", "a.fits.bz2"])
def test_loading_twice_is_loading_once(tmp_path, name):
    values = np.random.default_rng(3).integers(0, 65_536, (50, 40)).astype(np.uint16)
    fits.writeto(tmp_path / name, values)
    once = open_frame(tmp_path / name).source.loaded()
    assert once.loaded() == once
    np.testing.assert_array_equal(once.loaded().rows(0, 50).values, values)
