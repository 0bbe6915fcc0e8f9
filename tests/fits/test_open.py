"""Opening a frame: header, exposure and pixels of every form of a file, and of what stands beside an image."""

import re

import numpy as np
import pytest
from astropy.io import fits
from fits_files import FORMS, NOISE, NOT_IN_TILES, TILES, TYPES, product, save, save_as, shown

from pipeline import Flag, Image, open_frame, write
from pipeline.errors import FileWarning, FrameError, HeaderError


@pytest.mark.parametrize(
    ("form", "dtype"),
    [(form, dtype) for form in FORMS for dtype in TYPES if form not in TILES or dtype not in NOT_IN_TILES],
)
def test_every_form_of_a_file_gives_the_same_pixels(tmp_path, form, dtype):
    values = NOISE.astype(dtype)
    frame = open_frame(*save_as(tmp_path, form, values))
    assert frame.shape == values.shape
    np.testing.assert_array_equal(shown(frame), values)
    np.testing.assert_array_equal(shown(frame.rows(7, 9)), values[7:9])


def test_header_and_exposure_come_from_the_hdu_then_from_the_primary(tmp_path):
    first, second = fits.ImageHDU(NOISE, name="A"), fits.ImageHDU(NOISE, name="B")
    primary = fits.PrimaryHDU()
    primary.header.update(EXPTIME=30.0, OBJECT="M13")
    second.header["EXPTIME"] = 40.0
    fits.HDUList([primary, first, second]).writeto(tmp_path / "a.fits")
    frames = [open_frame(tmp_path / "a.fits", hdu) for hdu in ("a", 2)]
    assert [frame.exposure for frame in frames] == [30.0, 40.0]
    assert all(frame.header.get("OBJECT") == "M13" for frame in frames)


@pytest.mark.parametrize("exposure", ["1,5", "NaN", -1.0, True, "9" * 5000, "a minute"])
def test_an_exposure_that_cannot_be_read_is_refused_with_its_card(tmp_path, exposure):
    path = save(tmp_path / "a.fits", NOISE, EXPTIME=exposure)
    with pytest.raises(HeaderError, match=rf"{re.escape(str(path))}: EXPTIME = .*expected an exposure in seconds"):
        open_frame(path)


def test_a_product_whose_flags_do_not_fit_is_refused(tmp_path):
    write(product(), tmp_path / "a.fits")
    with fits.open(tmp_path / "a.fits") as hdus:
        hdus["FLAGS"].data = hdus["FLAGS"].data[1:]
        hdus.writeto(tmp_path / "b.fits")
    with pytest.raises(FrameError, match=r"shape \(39, 50\), its image \(40, 50\)"):
        open_frame(tmp_path / "b.fits")


@pytest.mark.parametrize("name", ["MASK", "UNCERT", "FLAGS"])
def test_what_stands_beside_an_image_is_read_by_itself(tmp_path, name):
    write(product(NOISE, NOISE % 2 * int(Flag.HOT), NOISE + 4.0), tmp_path / "a.fits")
    alone = open_frame(tmp_path / "a.fits", name).pixels
    np.testing.assert_array_equal(alone.values, fits.getdata(tmp_path / "a.fits", name))
    assert not alone.flags.any()
    assert alone.variance is None


def test_an_exposure_that_cannot_be_read_is_left_aside_in_a_bias_which_needs_none(tmp_path):
    path = save(tmp_path / "a.fits", NOISE, EXPTIME=-1.0)
    with pytest.warns(FileWarning, match=r"a\.fits: EXPTIME = -1.0; .* a bias needs none: left aside"):
        frame = open_frame(path, kind="bias")
    assert frame.exposure is None
    image = Image.of(fits.PrimaryHDU(NOISE, fits.Header({"EXPTIME": -1.0})), kind="bias", name="a.fits")
    assert (image.exposure, image.said) == (
        frame.exposure,
        Image.of(NOISE, kind="bias", header=frame.header, name="a.fits").said,
    )
    assert image.said[0].words == frame.said[0].words
    for kind in ("dark", "flat", "light", "arc"):
        with pytest.raises(HeaderError):
            open_frame(path, kind=kind)
