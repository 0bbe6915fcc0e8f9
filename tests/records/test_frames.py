"""Images and the sets of them: what is no frame is refused, kinds are told apart, names say where a frame is from."""

import re
from collections.abc import Sequence

import astropy.units as u
import attrs
import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st

from pipeline import (
    Cards,
    FrameSet,
    Image,
    MasterBias,
    MasterDark,
    MasterFringe,
    Pixels,
    attach_header,
    chain,
    combine,
    coverage,
    divide,
    drop_rare_saturation,
    each,
    make_masters,
    measure_noise,
    normalise_flat,
    pipe,
    reduce_each,
    subtract_bias,
)
from pipeline.errors import FrameError, SettingError, ShapeError, StepError
from pipeline.records.frames import KINDS, Location, as_frames
from pipeline.testing import cards, frame_sets, raw_images

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
    with pytest.raises(StepError, match=r"a FrameSet holds Images, of a list or whatever gives them; found 5"):
        FrameSet(5)


def test_a_file_of_several_hdus_is_no_list_of_frames():
    """Its MASK and UNCERT would be combined with the image."""
    product = attach_header(Image.of(np.ones((2, 3)))).to_hdulist()
    for take in (combine, FrameSet, as_frames):
        with pytest.raises(StepError, match=r"an HDUList, which is one file; give the HDUs that are frames"):
            take(product)
    with pytest.raises(TypeError):
        FrameSet() + product
    assert len(FrameSet(list(product)[:1])) == 1


@pytest.mark.parametrize("data", [np.ones((3, 4)), None, 5])
def test_an_image_of_no_pixels_is_refused_when_it_is_made(data):
    with pytest.raises(StepError, match=r"expected pixels, which have flags too: attrs\.evolve"):
        attrs.evolve(PLAIN_IMAGE, data=data)


def test_headers_and_names_are_taken_in_any_form():
    header = fits.Header({"OBJECT": "M31"})
    for form in (header, dict(header), Cards.of(header)):
        assert attrs.evolve(PLAIN_IMAGE, header=form).header == Cards.of(header)
    assert attrs.evolve(PLAIN_IMAGE, sources="a.fits").sources == attrs.evolve(PLAIN_IMAGE, sources=["a.fits"]).sources


@pytest.mark.parametrize("name", ["filter", "group_by", "sort_by", "table"])
def test_what_frames_are_asked_by_is_a_keyword_or_a_function(name):
    with pytest.raises(SettingError, match="5; expected"):
        getattr(FrameSet([PLAIN_IMAGE]), name)(5)


@pytest.mark.parametrize(
    "master",
    [
        MasterBias.of(Image.of(np.ones((2, 3)), kind="bias")),
        MasterDark.of(Image.of(np.ones((2, 3)), kind="dark", exposure=5)),
        normalise_flat(Image.of(np.ones((2, 3)), kind="flat", header={"ZEROCOR": True})),
        MasterFringe.of(Image.of(np.eye(3), kind="light")),
    ],
    ids=repr,
)
def test_masters_show_themselves_as_their_images_do(master):
    """Numpy would make an array without axes of any other object, in silence."""
    values = np.asarray(master)
    assert np.shares_memory(values, master.pixels.values)
    assert not values.flags.writeable
    assert Image.of(master) == master.image
    assert repr(master)[:9] in master._repr_html_()
    with pytest.raises(TypeError, match=r"arithmetic with a Master.* would lose its header"):
        master - 1.0
    with pytest.raises(TypeError, match="does not support ufuncs"):
        np.add(np.ones((2, 3)), master)
    with pytest.raises(StepError, match=f"found {re.escape(repr(master))}"):
        as_frames(master)


def test_one_image_is_joined_as_a_list():
    with pytest.raises(TypeError, match=r"joined as lists are: frames \+ \[image\]"):
        FrameSet() + PLAIN_IMAGE


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


# ---- the algebra of sets ----

BANDS = st.sampled_from(["B", "V", "R"])


nights = frame_sets(
    raw_images(pixels=PLAIN, header=cards() | cards(values=st.integers(0, 9), FILTER=BANDS)), max_size=6
)


@given(nights, nights, nights)
def test_sets_are_a_monoid_under_joining(a, b, c):
    assert (a + b) + c == a + (b + c)
    assert a + FrameSet() == a == FrameSet() + a
    assert (a + b).frames == a.frames + b.frames


@given(nights, nights)
def test_a_list_or_tuple_or_generator_of_frames_joins_as_a_set_does(a, b):
    assert a + list(b) == list(a) + b == a + tuple(b) == a + (frame for frame in b) == a + b
    assert sum([a, b], FrameSet()) == a + b


@given(nights, nights, st.sampled_from(KINDS))
def test_what_is_taken_out_of_a_join_is_the_join_of_what_is_taken_out(a, b, kind):
    def in_blue(frame):
        return frame.header.get("FILTER") == "B"

    assert (a + b).of_kind(kind) == a.of_kind(kind) + b.of_kind(kind)
    assert (a + b).filter(in_blue) == a.filter(in_blue) + b.filter(in_blue)


@given(nights, st.integers(-7, 7) | st.none(), st.integers(-7, 7) | st.none(), st.sampled_from([None, 1, 2, -1]))
def test_a_set_is_a_sequence_and_its_slices_are_sets(frames, start, stop, step):
    cut = slice(start, stop, step)
    assert isinstance(frames, Sequence)
    assert frames[cut] == FrameSet(frames.frames[cut])
    assert frames[:3] + frames[3:] == frames
    assert all(frames[frames.index(frame)] == frame in frames for frame in frames)


@given(nights, st.sampled_from(["FILTER", "AIRMASS", "NOSUCH", len, lambda frame: frame.kind]))
def test_groups_share_a_value_and_lose_and_double_no_frame(frames, key):
    key = (lambda frame: len(frame.sources)) if key is len else key
    groups = frames.group_by(key)
    tell = key if callable(key) else lambda frame: frame.header.get(key)
    assert all({tell(frame) for frame in group} == {value} for value, group in groups.items())
    place = list(frames).index  # of twins the first
    assert sorted(sum(groups.values(), FrameSet()), key=place) == sorted(frames, key=place)
    for group in groups.values():
        rest = iter(frames)
        assert all(any(frame == one for one in rest) for frame in group)  # in their order


@given(nights, st.sampled_from(["FILTER", "AIRMASS"]), st.booleans())
def test_sorting_by_a_card_orders_what_has_it_and_puts_the_rest_last(frames, key, reverse):
    values = [frame.header.get(key) for frame in frames.sort_by(key, reverse=reverse)]
    told = [value for value in values if value is not None]
    assert values == sorted(told, reverse=reverse) + [None] * (len(values) - len(told))
    assert frames.sort_by(key).sort_by(key) == frames.sort_by(key)
    assert frames.sort_by(lambda frame: frame.kind) == sum(map(frames.of_kind, sorted(KINDS)), FrameSet())


def test_numbers_are_sorted_before_texts():
    frames = FrameSet(Image("light", PLAIN, header=Cards.of({"SLIT": said})) for said in ("wide", 2, "1", 1.5, True))
    assert [frame.header["SLIT"] for frame in frames.sort_by("SLIT")] == [True, 1.5, 2, "1", "wide"]


@given(nights)
def test_a_table_has_a_row_for_each_frame_and_masks_what_it_does_not_say(frames):
    table = frames.table()
    assert len(table) == len(frames)
    for frame, row in zip(frames, table, strict=True):
        assert (row["kind"], row["name"]) == (frame.kind, frame.name)
        for keyword in table.colnames[3:]:
            assert (frame.header.get(keyword) is None) == np.ma.is_masked(row[keyword])
            assert np.ma.is_masked(row[keyword]) or row[keyword] == frame.header[keyword]
    assert set(table.colnames[3:]) == {keyword for frame in frames for keyword in frame.header}
    assert frames.table("FILTER", "NOSUCH").colnames == ["kind", "name", "exposure", "FILTER", "NOSUCH"]


def test_a_column_of_several_types_is_one_of_texts():
    frames = FrameSet(Image("light", PLAIN, header=Cards.of({"GAIN": said})) for said in (1, 1.5, "low", True))
    assert list(frames.table("GAIN")["GAIN"]) == ["1", "1.5", "low", "True"]
    assert list(frames[:2].table("GAIN")["GAIN"]) == [1.0, 1.5]


def test_a_kind_that_is_none_is_no_empty_set():
    with pytest.raises(SettingError, match=r"'ligth'; expected one of bias, .*; did you mean 'light'"):
        FrameSet().of_kind("ligth")


def test_a_card_of_a_frame_that_is_not_open_is_not_asked_for():
    frames = FrameSet([Image("light", Location("a.fits"))])
    assert len(frames.table()) == 1
    for ask in (frames.group_by, frames.sort_by):
        with pytest.raises(FrameError, match="not opened yet"):
            ask("FILTER")


@pytest.mark.parametrize("other", [3, "a.fits", Image("light", PLAIN), np.zeros((3, 4)), {"a": 1}, None])
def test_what_is_no_list_of_frames_joins_no_set(other):
    for join in (lambda: FrameSet([PLAIN_IMAGE]) + other, lambda: other + FrameSet([PLAIN_IMAGE])):
        with pytest.raises(TypeError):
            join()


PLAIN_IMAGE = Image("light", PLAIN)
LISTS = [list, tuple, iter, lambda frames: (frame for frame in frames), FrameSet]


@pytest.mark.parametrize("listed", LISTS)
def test_a_list_of_frames_is_taken_wherever_a_set_is(listed):
    frames = FrameSet(Image.of(np.full((3, 4), n, np.uint16), name=f"{n}.fits") for n in range(3))
    assert combine(listed(frames)) == combine(frames)
    assert each(subtract_bias(bias=None))(listed(frames)) == each(subtract_bias(bias=None))(frames)
    assert pipe(listed(frames), chain(combine, attach_header)).pixels == combine(frames).pixels
    assert combine(listed([frame.pixels.values for frame in frames])).pixels == combine(frames).pixels
    assert as_frames(listed(frames)) == frames


def test_functions_of_a_set_take_a_list_as_well():
    frames = [Image.of(np.arange(400.0).reshape(20, 20) % 7 + n, name=f"{n}.fits", exposure=1) for n in range(3)]
    night = [Image.of(frame.values, kind=kind, exposure=1) for frame in frames[:2] for kind in ("bias", "light")]
    assert measure_noise(frames) == measure_noise(FrameSet(frames))
    assert make_masters(night) == make_masters(FrameSet(night))
    assert reduce_each(night) == reduce_each(FrameSet(night))
    assert drop_rare_saturation(frames, fraction=0.5) == FrameSet(frames)
    np.testing.assert_array_equal(coverage(frames), 3)


def test_what_is_refused_in_place_of_frames_is_named_in_few_words():
    for take in (combine, each(subtract_bias(bias=None)), as_frames):
        with pytest.raises(StepError, match="found a bare ndarray"):
            take(np.zeros((300, 300)))
    with pytest.raises(SettingError, match="flat=a bare CCDData; expected a MasterFlat"):
        divide(flat=CCDData(np.zeros((300, 300)), unit="adu"))


@pytest.mark.parametrize("thing", ["a.fits", PLAIN_IMAGE, np.zeros((2, 3, 4)), {"a": PLAIN_IMAGE}, 3, ["a.fits"]])
def test_what_is_no_list_of_frames_is_refused_where_a_set_is_taken(thing):
    for take in (combine, each(subtract_bias(bias=None)), as_frames):
        with pytest.raises(StepError, match="FrameSet"):
            take(thing)


def test_an_exposure_is_given_in_any_unit_of_time_and_as_any_number():
    for exposure in (30, 30 * u.s, 0.5 * u.min, np.float32(30), np.int16(30)):
        image = Image.of(np.ones((2, 2)), exposure=exposure)
        assert (image.exposure, type(image.exposure)) == (30.0, float)
    with pytest.raises(SettingError, match=r"exposure=<Quantity 3\. m>; expected seconds from 0"):
        Image.of(np.ones((2, 2)), exposure=3 * u.m)


def test_an_image_is_an_image_and_may_be_told_more():
    image = Image.of(np.ones((2, 2)), exposure=30, name="a.fits")
    assert Image.of(image) == image
    dark = Image.of(image, kind="dark", exposure=3, name="b.fits", header={"OBJECT": "cap"})
    assert (dark.kind, dark.exposure, dark.name, dark.header["OBJECT"]) == ("dark", 3.0, "b.fits", "cap")
    assert dark.pixels == image.pixels
