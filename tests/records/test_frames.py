"""Images and the sets of them: what is no frame is refused, kinds are told apart, names say where a frame is from."""

import attrs
import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st

from pipeline import FrameSet, Image, Pixels
from pipeline.errors import FrameError, SettingError, ShapeError, StepError
from pipeline.records.frames import KINDS, Location

PLAIN = Pixels.of(np.arange(12, dtype=np.uint16).reshape(3, 4))
kinds = st.lists(st.sampled_from(KINDS), max_size=9)


def frames_of_kinds(kinds):
    return FrameSet(Image(kind, PLAIN, sources=(f"{number}.fits",)) for number, kind in enumerate(kinds))


@given(kinds)
def test_a_set_is_its_kinds_each_in_the_order_of_the_set(kinds):
    frames = frames_of_kinds(kinds)
    parts = [frames.bias, frames.dark, frames.flat, frames.light, frames.arc]
    assert parts == [frames.of_kind(kind) for kind in KINDS]
    assert sorted((frame for part in parts for frame in part), key=list(frames).index) == list(frames)
    for kind, part in zip(KINDS, parts, strict=True):
        assert [frame.name for frame in part] == [f"{n}.fits" for n, said in enumerate(kinds) if said == kind]
        assert (f"{len(part)} {kind}" in repr(frames)) == bool(part.frames)


@given(st.integers(-5, 5), st.integers(-5, 5))
def test_rows_of_an_image_are_rows_of_its_pixels_and_nothing_else_changes(start, stop):
    image = Image("light", PLAIN, exposure=3.0, sources=("a.fits",))
    some = image.rows(start, stop)
    np.testing.assert_array_equal(some.pixels.values, PLAIN.values[start:stop])
    assert attrs.evolve(some, data=image.data) == image


@pytest.mark.parametrize("kind", ["lights", "", None, 3])
def test_a_kind_that_is_none_is_refused(kind):
    with pytest.raises(SettingError, match="expected one of bias, dark, flat, light, arc"):
        Image(kind, PLAIN)


@pytest.mark.parametrize("exposure", [-1.0, np.inf, np.nan, "3", True])
def test_an_exposure_that_is_no_time_is_refused(exposure):
    with pytest.raises(SettingError, match="expected seconds from 0, or None"):
        Image("light", PLAIN, exposure=exposure)


def test_what_is_no_frame_is_refused():
    with pytest.raises(StepError, match=r"a FrameSet holds Images; found 'a\.fits'"):
        FrameSet(["a.fits"])


def test_frames_of_one_kind_have_one_shape_and_lie_the_same_way():
    light, small = Image.of(PLAIN, name="a.fits"), Image.of(PLAIN.rows(0, 2), name="b.fits")
    with pytest.raises(ShapeError, match=r"a\.fits: 3 rows × 4 columns\n  b\.fits: 2 rows × 4 columns"):
        FrameSet([light, small])
    assert len(FrameSet([light, attrs.evolve(small, kind="dark")])) == 2


def test_a_frame_that_is_not_open_says_how_to_open_it():
    closed = Image("light", Location("a.fits", "SCI"), sources=("a.fits[SCI]",))
    assert not closed.in_memory
    with pytest.raises(FrameError, match=r"a\.fits\[SCI\]: not opened yet; pass its FrameSet through open_frames"):
        closed.pixels  # noqa: B018 - asked for


@pytest.mark.parametrize(
    ("sources", "name", "short"),
    [
        ((), "a light", "a light"),
        (("night/a.fits",), "night/a.fits", "a.fits"),
        (("C:\\night\\a.fits",), "C:\\night\\a.fits", "a.fits"),
        (("night/a.fits", "night/b.fits", "c"), "night/a.fits and 2 more", "a.fits and 2 more"),
    ],
)
def test_an_image_is_called_by_its_first_frame(sources, name, short):
    image = Image("light", PLAIN, sources=sources)
    assert (image.name, image.short_name) == (name, short)


def test_the_wcs_of_a_ccddata_is_kept_and_cards_of_its_own_are_not_doubled():
    cards = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRPIX1": 50.0, "CRPIX2": 40.0, "CRVAL1": 10.0, "CRVAL2": 20.0}
    header = fits.Header(cards | {"CDELT1": -1e-4, "CDELT2": 1e-4, "OBJECT": "M 1"})
    ccd = CCDData(np.ones((4, 5)), unit="adu", header={"OBJECT": "M 1"}, wcs=WCS(header))
    image = Image.of(ccd)
    assert {key: image.header.get(key) for key in cards} == cards
    assert image.header.get("OBJECT") == "M 1"
    own = Image.of(CCDData(np.ones((4, 5)), unit="adu", header=header, wcs=WCS(header)))
    assert own.header.keywords == Image.of(np.ones((4, 5)), header=header).header.keywords
