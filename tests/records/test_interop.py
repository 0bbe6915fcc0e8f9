"""Ways out of the pipeline and back in: HDU, HDUList, CCDData, arrays, products."""

import warnings
from operator import iadd as add_to
from types import SimpleNamespace

import attrs
import numpy as np
import pytest
from astropy import units
from astropy.io import fits
from astropy.nddata import (
    CCDData,
    FlagCollection,
    InverseVariance,
    NDData,
    StdDevUncertainty,
    UnknownUncertainty,
    VarianceUncertainty,
)
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st
from made_masters import SHAPE, full

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
from pipeline.errors import HeaderError, HeaderWarning, ShapeError, SkippedWarning, StepError
from pipeline.records.frames import Location
from pipeline.testing import pixels

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
    values = np.where(np.isinf(given_pixels.values), np.nan, given_pixels.values)
    np.testing.assert_array_equal(back.pixels.values, values)
    np.testing.assert_array_equal(back.pixels.mask, given_pixels.mask)
    np.testing.assert_array_equal(Image.of(product.to_hdu()).pixels.values, values)


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


# ---- what astropy hands over is kept ----

UNCERTAINTIES = {
    StdDevUncertainty: lambda variance: np.sqrt(variance),
    VarianceUncertainty: lambda variance: variance,
    InverseVariance: lambda variance: 1 / variance,
}


@given(pixels(), st.sampled_from(["adu", "electron", "electron/s", "Jy", ""]))
def test_a_ccddata_of_ours_comes_back_whole(given_pixels, unit):
    image = frame(given_pixels)
    image = attrs.evolve(image, state=attrs.evolve(image.state, unit=unit))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        product = attach_header(image)
        back = Image.of(product.to_ccddata())
    assert back.header == product.header
    assert (back.exposure, back.state.unit) == (30.0, unit)
    np.testing.assert_array_equal(back.values, product.values)
    np.testing.assert_array_equal(back.pixels.flags, product.pixels.flags)
    assert back.wcs.wcs.compare(product.wcs.wcs)
    if given_pixels.variance is None:
        assert back.pixels.variance is None
    else:
        np.testing.assert_allclose(back.pixels.variance, product.pixels.variance, rtol=1e-6)


@pytest.mark.parametrize("sort", UNCERTAINTIES, ids=lambda sort: sort.__name__)
@pytest.mark.parametrize("unit", ["adu", "electron"])
@pytest.mark.parametrize("times", [1, 1000])
def test_an_uncertainty_of_every_sort_is_the_variance_that_it_means(sort, unit, times):
    variance = np.linspace(1, 9, 12).reshape(3, 4)
    said = UNCERTAINTIES[sort](variance)
    of_unit = {StdDevUncertainty: 1, VarianceUncertainty: 2, InverseVariance: -2}[sort]
    own_unit = units.CompositeUnit(times, [units.Unit(unit)], [1]) ** of_unit
    ccd = CCDData(VALUES, unit=unit, uncertainty=sort(said / float(times) ** of_unit, unit=own_unit))
    np.testing.assert_allclose(Image.of(ccd).pixels.variance, variance, rtol=1e-6)
    np.testing.assert_allclose(Image.of(CCDData(VALUES, unit=unit, uncertainty=sort(said))).pixels.variance, variance)


def test_an_inverse_variance_of_nothing_is_a_variance_without_end():
    ccd = CCDData(VALUES, unit="adu", uncertainty=InverseVariance(np.eye(3, 4)))
    np.testing.assert_array_equal(Image.of(ccd).pixels.variance, np.where(np.eye(3, 4), 1, np.inf))


def test_an_uncertainty_that_is_none_of_these_is_refused_in_few_words():
    with pytest.raises(ShapeError, match="the uncertainty is of type UnknownUncertainty; expected StdDevUncertainty"):
        Image.of(CCDData(VALUES, unit="adu", uncertainty=UnknownUncertainty(VALUES)))


def test_an_uncertainty_of_another_unit_is_refused():
    ccd = CCDData(VALUES, unit="adu", uncertainty=StdDevUncertainty(VALUES))
    other = SimpleNamespace(data=VALUES, unit=units.electron, uncertainty=ccd.uncertainty)
    with pytest.raises(ShapeError, match="values in electron with an uncertainty in adu: neither can be brought"):
        Image.of(other)


@pytest.mark.parametrize("cards", [{}, WCS_CARDS, WCS_CARDS | {"CD1_1": -2e-3, "CD2_2": 2e-3}])
def test_a_wcs_that_was_set_goes_before_the_cards_of_the_header(cards):
    solved = WCS(fits.Header(WCS_CARDS | {"CRVAL1": 11.0, "CRPIX2": 3.0}))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = Image.of(CCDData(VALUES, unit="adu", wcs=solved, meta=fits.Header(cards | {"OBJECT": "M 31"})))
        found = image.wcs.pixel_to_world_values(2, 1)
    np.testing.assert_allclose(found, solved.pixel_to_world_values(2, 1), rtol=1e-12)
    assert image.header["OBJECT"] == "M 31"
    assert all(image.header.to_header().count(keyword) == 1 for keyword in image.header)


def test_a_product_that_astropy_has_read_keeps_its_wcs_mask_and_uncertainty(tmp_path):
    noisy = Pixels.of(VALUES, np.eye(3, 4) * int(Flag.HOT), np.full((3, 4), 4.0))
    product = attach_header(frame(noisy))
    write(product, tmp_path / "a.fits")
    ccd = CCDData.read(tmp_path / "a.fits")
    assert "CTYPE1" not in ccd.header
    back = Image.of(ccd)
    np.testing.assert_allclose(back.wcs.pixel_to_world_values(1, 0), product.wcs.pixel_to_world_values(1, 0))
    np.testing.assert_array_equal(back.pixels.mask, noisy.mask)
    np.testing.assert_array_equal(back.pixels.variance, noisy.variance)


def test_a_wcs_that_cannot_be_read_is_refused_where_it_is_asked_for_and_kept_in_the_header():
    image = Image.of(VALUES, exposure=1, header={**WCS_CARDS, "CTYPE1": "RA---XXX"})
    with pytest.raises(HeaderError, match=r"the WCS in the header cannot be read: .*XXX"):
        _ = image.wcs
    with pytest.warns(HeaderWarning, match="cannot be read"):
        ccd = attach_header(image).to_ccddata()
    assert (ccd.wcs, ccd.header["CTYPE1"]) == (None, "RA---XXX")
    ccd.wcs = WCS(fits.Header(WCS_CARDS))
    np.testing.assert_allclose(Image.of(ccd).wcs.pixel_to_world_values(2, 1), ccd.wcs.pixel_to_world_values(2, 1))


def test_nddata_brings_its_meta_as_a_header():
    thing = NDData(VALUES, unit="electron", mask=np.eye(3, 4) > 0, meta={"EXPTIME": 7.0, "OBJECT": "M 31"})
    image = Image.of(thing)
    assert (image.exposure, image.header["OBJECT"], image.state.unit) == (7.0, "M 31", "electron")
    np.testing.assert_array_equal(image.pixels.mask, np.eye(3, 4))
    assert combine([thing, thing]).header == image.header


def test_a_wcs_that_no_cards_can_hold_is_said_to_be_left_aside():
    class Other:
        pass

    thing = SimpleNamespace(data=VALUES, header={"OBJECT": "M 31"}, wcs=Other())
    (note,) = Image.of(thing).notes
    assert note.words == "a WCS of type Other, which no cards can hold: left aside"


def test_pixels_of_ours_say_nothing_about_flags():
    assert frame(Pixels.of(VALUES, np.eye(3, 4) * int(Flag.HOT))).notes == ()


def test_a_mask_says_which_pixels_are_bad_and_flags_of_ours_why():
    ours = attach_header(frame(Pixels.of(VALUES, np.eye(3, 4) * int(Flag.HOT)))).to_ccddata()
    ours.mask[0, 0], ours.mask[0, 1] = False, True
    flags = Image.of(ours).pixels.flags
    assert (flags[0, 0], flags[0, 1], flags[1, 1]) == (0, Flag.BAD, Flag.HOT)
    assert Image.of(ours).notes == ()


@pytest.mark.parametrize("flags", [np.eye(3, 4, dtype=int) * 5, np.eye(3, 4, dtype=bool), "collection"])
def test_flags_of_others_are_bad_where_nothing_else_says_so(flags):
    if isinstance(flags, str):
        flags = FlagCollection(shape=(3, 4))
        flags["a"], flags["b"] = np.eye(3, 4, dtype=int) * 2, np.zeros((3, 4), int)
    image = Image.of(CCDData(VALUES, unit="adu", flags=flags))
    np.testing.assert_array_equal(image.pixels.flags, np.eye(3, 4) * int(Flag.BAD))
    assert [note.words for note in image.notes] == [
        "flags whose meaning is not known: pixels with any are taken as bad"
    ]
    masked = Image.of(CCDData(VALUES, unit="adu", flags=flags, mask=np.zeros((3, 4), bool)))
    assert not masked.pixels.mask.any()
    assert "left aside for its mask" in masked.notes[0].words


@pytest.mark.parametrize(
    ("unit", "word"),
    [(units.adu, "adu"), (units.count, "adu"), (units.DN, "adu"), (units.electron, "electron"), (units.Jy, "Jy"),
     (units.electron / units.s, "electron/s"), (units.dimensionless_unscaled, "")],
    ids=str,
)  # fmt: skip
def test_the_unit_of_a_quantity_or_ccddata_is_the_state_s(unit, word):
    for image in (Image.of(VALUES * unit), Image.of(CCDData(VALUES, unit=unit))):
        assert image.state.unit == word
        assert image.unit == units.Unit(word)
        assert bool(image.state.gain) == word.startswith("electron")
    assert attach_header(Image.of(VALUES * unit, exposure=1)).unit == units.Unit(word)


# ---- as an array ----


@given(pixels(), st.sampled_from([None, "f4", "f8", "i4"]), st.sampled_from([None, True]))
def test_an_image_is_an_array_of_its_values(given_pixels, dtype, copy):
    product = attach_header(frame(given_pixels))
    for record, values in ((frame(given_pixels), given_pixels.values), (product, product.pixels.values)):
        with np.errstate(invalid="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = values.astype(dtype or given_pixels.dtype)
            array = np.array(record, dtype, copy=copy)
        np.testing.assert_array_equal(array, expected)
        assert array.dtype == expected.dtype
        assert (record.shape, record.dtype) == (given_pixels.shape, given_pixels.dtype)
        assert array.flags.writeable == (bool(copy) or array.dtype != given_pixels.dtype)
        np.testing.assert_array_equal(record.values, values)


def test_what_would_have_to_be_copied_is_not_where_that_is_forbidden():
    assert np.shares_memory(np.array(frame(), copy=False), frame().values) is False  # of two images
    image = frame()
    assert np.shares_memory(np.array(image, copy=False), image.values)
    with pytest.raises(ValueError, match="copy"):
        np.array(image, "f8", copy=False)


def test_frames_are_a_cube():
    np.testing.assert_array_equal(np.stack([frame(), frame()]), np.stack([VALUES, VALUES]))
    np.testing.assert_array_equal(np.asarray(FrameSet([frame(), frame()])), np.stack([VALUES, VALUES]))
    assert np.median(frame()) == np.median(VALUES)


OPERATIONS = {
    "image + 1": lambda x: x + 1, "1 - image": lambda x: 1 - x, "image * image": lambda x: x * x,
    "array / image": lambda x: VALUES / x, "image ** 2": lambda x: x**2, "-image": lambda x: -x,
    "abs(image)": abs, "image < 3": lambda x: x < 3, "array @ image": lambda x: VALUES.T @ x,
    "quantity - image": lambda x: 3 * units.adu - x, "sum": lambda x: sum([x, x]),
}  # fmt: skip
LOSES = r"arithmetic with an? \w+ would lose its header, flags, variance and history"
UFUNCS = {
    "sqrt": np.sqrt,
    "add": lambda x: np.add(VALUES, x),
    "sum": np.sum,
    "array += image": lambda x: add_to(VALUES.copy(), x),
}


@pytest.mark.parametrize("record", [frame(), attach_header(frame())], ids=repr)
@pytest.mark.parametrize("operate", OPERATIONS.values(), ids=OPERATIONS)
def test_arithmetic_that_would_lose_all_but_values_is_refused_with_a_sentence(operate, record):
    with pytest.raises(TypeError, match=LOSES):
        operate(record)


@pytest.mark.parametrize("record", [frame(), attach_header(frame())], ids=repr)
@pytest.mark.parametrize("function", UFUNCS.values(), ids=UFUNCS)
def test_functions_of_numpy_that_would_do_so_are_refused_by_numpy(function, record):
    with pytest.raises(TypeError, match="does not support ufuncs"):
        function(record)


def test_an_image_is_compared_as_a_record_even_with_an_array():
    assert (frame() == VALUES) is False
    assert (frame() != VALUES) is True
    assert frame() == frame()


def test_short_words_say_what_it_is():
    assert repr(Image.of(VALUES, exposure=30, name="a.fits")) == "Image(light, a.fits, 3×4, 30 s)"
    assert repr(Image.of(VALUES, kind="bias", name="a.fits")) == "Image(bias, a.fits, 3×4)"
    assert repr(Image("light", Location("a.fits"), sources=("a.fits",))) == "Image(light, a.fits)"
    assert repr(attach_header(frame())) == "ReducedImage(light of 1 frame, 3×4, 30 s)"
    assert repr(attach_header(combine([frame(), frame()]))) == "ReducedImage(light of 2 frames, 3×4, 30 s)"
