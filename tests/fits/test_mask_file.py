"""Masks in files: ours, and those of other programs."""

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from made_masks import at, flags, full

from pipeline import Flag, FrameSet, Image, Mask, Pixels, read_mask, reduce, write
from pipeline.errors import FrameError


@given(flags)
def test_a_mask_written_and_read_is_itself(tmp_path_factory, given_flags):
    path = tmp_path_factory.mktemp("mask") / "m.fits"
    write(Mask.of(Pixels.of(full(0), given_flags)), path)
    again = read_mask(path)
    np.testing.assert_array_equal(again.flags, given_flags)
    np.testing.assert_array_equal(fits.getdata(path), given_flags != 0)


def test_the_flags_of_a_product_are_a_mask(tmp_path):
    product = reduce(FrameSet([Image.of(Pixels.of(full(3), at((1, 1), value=8)), exposure=1)]))
    write(product, tmp_path / "p.fits")
    assert read_mask(tmp_path / "p.fits").flags[1, 1] == Flag.HOT
    assert read_mask(tmp_path / "p.fits", "MASK").flags[1, 1] == Flag.BAD
    assert read_mask(tmp_path / "p.fits").flags.sum() == Flag.HOT


def test_masks_of_others(tmp_path):
    """A plain image, CCDData's MASK, and an HDU by number; FLAGS of another program has reasons of its own."""
    bad = at((2, 3), value=np.uint8(4))
    fits.writeto(tmp_path / "plain.fits", bad)
    hdus = [fits.PrimaryHDU(full(9)), fits.ImageHDU(bad, name="MASK"), fits.ImageHDU(bad, name="FLAGS")]
    fits.HDUList(hdus).writeto(tmp_path / "ccd.fits")
    for mask in (
        read_mask(tmp_path / "plain.fits"),
        read_mask(tmp_path / "ccd.fits"),
        read_mask(tmp_path / "ccd.fits", 1),
        read_mask(tmp_path / "ccd.fits", "FLAGS"),
    ):
        np.testing.assert_array_equal(mask.flags, bad // 4 * Flag.BAD)
    with pytest.raises(FrameError, match=r"absent\.fits: cannot be read"):
        read_mask(tmp_path / "absent.fits")
    with pytest.raises(FrameError, match="has no HDU 'BPM'"):
        read_mask(tmp_path / "ccd.fits", "BPM")
