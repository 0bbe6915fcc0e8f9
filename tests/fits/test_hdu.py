"""An HDU's array: its axes, and a file that is cut in it."""

import os

import numpy as np
import pytest
from fits_files import NOISE, save, save_as, shown

from pipeline import open_frame
from pipeline.errors import FrameError


@pytest.mark.parametrize("axes", [(1, 3, 4), (3, 1, 4), (1, 1, 3, 4), (1, 3, 1, 4), (1, 1, 4), (1, 4)])
def test_axes_of_length_1_are_squeezed_as_far_as_two_are_left(tmp_path, axes):
    values = np.arange(np.prod(axes), dtype="i2").reshape(axes)
    frame = open_frame(save(tmp_path / "a.fits", values))
    assert frame.shape == (3 if 3 in axes else 1, 4)
    np.testing.assert_array_equal(shown(frame).ravel(), values.ravel())


@pytest.mark.parametrize("form", ["a.fits", "a_tiles.fits"])
def test_a_file_cut_in_its_pixels_is_refused_when_it_is_opened(tmp_path, form):
    path, hdu = save_as(tmp_path, form, NOISE)
    size = path.stat().st_size
    os.truncate(path, size - 2960)
    with pytest.raises(FrameError, match=r"the file is cut, \d+ of \d+ bytes are missing"):
        open_frame(path, hdu)
