"""Ways out of the pipeline and back in: HDU, HDUList, CCDData, arrays, products."""

import warnings

import numpy as np
import pytest
from astropy import units
from astropy.io import fits
from astropy.nddata import CCDData, StdDevUncertainty
from hypothesis import given
from made_masters import SHAPE, full
from strategies import pixels

from pipeline import (
    Flag,
    FrameSet,
    Image,
    MasterBias,
    MasterDark,
    Pixels,
    attach_header,
    combine,
    open_frame,
    pipe,
    subtract_bias,
    write,
)
from pipeline.errors import SkippedWarning, StepError

WCS_CARDS = {
    "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 10.0, "CRVAL2": 20.0, "CRPIX1": 2.0, "CRPIX2": 1.0,
    "CDELT1": -1e-3, "CDELT2": 1e-3,
}  # fmt: skip
VALUES = np.arange(12.0, dtype="f4").reshape(3, 4)


def frame(values=VALUES, **settings):
    return Image.of(values, exposure=30.0, header={"OBJECT": "M 31", "EXPTIME": 30.0, **WCS_CARDS}, **settings)


def as_hdu(kind):
    image = frame()
    return {
        "array": VALUES,
        "hdu": fits.ImageHDU(VALUES, image.header.to_header()),
        "ccddata": CCDData(VALUES, unit="adu", header=image.header.to_header()),
        "product": attach_header(image),
    }[kind]


WAYS = ["array", "hdu", "ccddata", "product"]


# ---- in ----


@pytest.mark.parametrize("way", WAYS)
def test_every_way_in_is_accepted_where_a_frame_is(way):
    thing = as_hdu(way)
    one = subtract_bias(thing, bias=MasterBias.of(np.full((3, 4), 2.0)))
    np.testing.assert_array_equal(one.pixels.values, VALUES - 2)
    np.testing.assert_array_equal(pipe(thing, subtract_bias(bias=None)).pixels.values, VALUES)
    np.testing.assert_array_equal(combine(FrameSet([thing, thing])).pixels.values, VALUES)
    np.testing.assert_array_equal(attach_header(thing).pixels.values, VALUES)
    assert Image.of(thing).kind == "light"
    assert Image.of(thing).exposure == (None if way == "array" else 30.0)


@pytest.mark.parametrize("way", ["array", "hdu", "ccddata"])
def test_masters_are_made_of_every_way_in(way):
    assert MasterBias.of(as_hdu(way)).image.kind == "bias"
    assert MasterDark.of(as_hdu(way)).image.kind == "dark"
    assert MasterDark.of(as_hdu(way)).exposed == (1.0 if way == "array" else 30.0)


@pytest.mark.parametrize("thing", [[[1.0, 2.0]], "a.fits", 3, None])
def test_what_is_no_frame_is_still_refused(thing):
    with pytest.raises(StepError):
        subtract_bias(bias=None)(thing)
    with pytest.raises(StepError):
        FrameSet([thing])
    with pytest.raises(StepError):
        MasterBias.of(thing)


def test_a_product_comes_back_as_from_a_file(tmp_path):
    bias = MasterBias.of(np.full((3, 4), 2.0))
    product = attach_header(subtract_bias(frame(), bias=bias))
    write(product, tmp_path / "a.fits")
    for back in (Image.of(product), open_frame(tmp_path / "a.fits")):
        assert back.pixels == product.pixels
        assert (back.exposure, back.history) == (30.0, ())
        assert back.state.bias.by.endswith("Zero level correction image is bias array")
        with pytest.warns(SkippedWarning, match="subtract_bias skipped"):
            again = subtract_bias(back, bias=bias)
        assert again.pixels == product.pixels


def test_an_arc_stays_an_arc_unless_it_is_said_to_be_something_else():
    arc = attach_header(frame(kind="arc"))
    assert Image.of(arc).kind == "arc"
    assert Image.of(arc, kind="flat", name="lamp.fits").sources == ("lamp.fits",)
    assert repr(FrameSet([arc, VALUES])) == "FrameSet(1 light, 1 arc)"


# ---- out ----


@given(pixels())
def test_out_and_in_again_changes_no_pixel(given_pixels):
    product = attach_header(frame(given_pixels))
    assert Image.of(product).pixels == product.pixels
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        back = Image.of(product.to_ccddata())
    np.testing.assert_array_equal(back.pixels.values, given_pixels.values)
    np.testing.assert_array_equal(back.pixels.mask, given_pixels.mask)
    np.testing.assert_array_equal(Image.of(product.to_hdu()).pixels.values, given_pixels.values)


@pytest.mark.parametrize("fill", [0.0, -1.0, np.nan])
def test_what_is_flagged_is_filled_with_what_is_asked_for(fill):
    product = attach_header(frame(Pixels.of(VALUES + 1, np.eye(3, 4) * int(Flag.HOT))))
    np.testing.assert_array_equal(product.to_hdu(fill=fill).data, np.where(np.eye(3, 4), fill, VALUES + 1))
    np.testing.assert_array_equal(product.to_hdu().data, VALUES + 1)


def test_a_ccddata_has_everything():
    noisy = Pixels.of(VALUES, np.eye(3, 4) * int(Flag.HOT), np.full((3, 4), 4.0))
    ccd = attach_header(frame(noisy)).to_ccddata()
    assert ccd.unit == units.adu
    assert isinstance(ccd.uncertainty, StdDevUncertainty)
    np.testing.assert_array_equal(ccd.uncertainty.array, 2.0)
    np.testing.assert_array_equal(ccd.mask, np.eye(3, 4, dtype=bool))
    assert ccd.header["OBJECT"] == "M 31"
    assert ccd.wcs.pixel_to_world_values(1, 0) == pytest.approx((10.0, 20.0))
    back = Image.of(ccd)
    np.testing.assert_array_equal(back.pixels.variance, 4.0)


def test_what_comes_out_is_fresh_and_may_be_written_to():
    product = attach_header(frame())
    hdus, ccd = product.to_hdulist(), product.to_ccddata()
    product.to_hdu().data[:] = -1
    hdus[0].data[:] = -1
    hdus["FLAGS"].data[:] = 1
    ccd.data[:] = -1
    ccd.mask[:] = True
    np.testing.assert_array_equal(product.pixels.values, VALUES)
    assert not product.pixels.mask.any()


def test_the_wcs_of_an_image_that_was_a_cube_has_two_axes():
    header = {**WCS_CARDS, "CTYPE3": "FREQ", "CRVAL3": 1e9, "CRPIX3": 1.0, "CDELT3": 1e6}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ccd = attach_header(Image.of(VALUES, exposure=1.0, header=header)).to_ccddata()
    assert ccd.wcs.naxis == 2
    assert ccd.wcs.wcs_pix2world(1, 0, 0) == [pytest.approx(10.0), pytest.approx(20.0)]
    assert ccd.header["CRVAL3"] == 1e9


def test_a_ccddata_brings_its_header_mask_unit_and_uncertainty():
    nddata = pytest.importorskip("astropy.nddata")
    uncertainty = nddata.StdDevUncertainty(full(3))
    mask = np.zeros(SHAPE, bool)
    mask[1, 1] = True
    ccd = nddata.CCDData(full(7), unit="electron", mask=mask, uncertainty=uncertainty, meta={"EXPTIME": 5})
    image = Image.of(ccd)
    assert (image.exposure, image.state.unit) == (5, "electron")
    assert (image.pixels.flags[1, 1], image.pixels.mask.sum()) == (Flag.BAD, 1)
    np.testing.assert_array_equal(image.pixels.variance, full(9))
