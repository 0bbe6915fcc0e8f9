"""The cards of amplifiers that have each their HDU, as one frame: what holds for all, and what for each."""

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import Amplifier, Cards, Image
from pipeline.detector.amplifier_values import regions_of
from pipeline.detector.amplifiers import declared_amplifiers
from pipeline.detector.detsec import Place
from pipeline.detector.multi_amplifier_header import (
    AmplifierPart,
    amplifiers_of_every_hdu,
    multi_amplifier_cards,
    places_of_parts,
)
from pipeline.detector.section import Section
from pipeline.errors import CalibrationError

ROWS, DATA, STRIP = 3, 4, 2
"""Each HDU: rows, columns of data, and of overscan behind them."""

sides = st.tuples(st.booleans(), st.booleans())
few = st.integers(0, 3)


def part(number, backwards=False, **known):
    """An amplifier's HDU in the pile, its data beside those before it on the detector."""
    low, x = number * ROWS, number * DATA
    span = f"{x + DATA}:{x + 1}" if backwards else f"{x + 1}:{x + DATA}"
    data = Section(0, DATA, low, low + ROWS)
    return AmplifierPart(
        what=f"HDU {number + 1}",
        area=Section(0, DATA + STRIP, low, low + ROWS),
        data=data,
        whole=data,
        overscan=Section(DATA, DATA + STRIP, low, low + ROWS),
        on_detector=f"[{span},1:{ROWS}]",
        **known,
    )


def piled(parts, first=None, other=None):
    """The frame of some parts, with the cards of the first HDU and of the others."""
    places, detector = places_of_parts(parts, (1, 1), "pile.fits")
    header = multi_amplifier_cards(Cards.of(first), [Cards.of(other)] * (len(parts) - 1), places, detector)
    return Image.of(np.ones((ROWS * len(parts), DATA + STRIP)), header=header, name="pile.fits")


@given(st.lists(st.booleans(), min_size=1, max_size=4))
def test_the_amplifiers_of_a_pile_are_those_that_its_cards_declare(flips):
    parts = [part(number, back) for number, back in enumerate(flips)]
    image = piled(parts)
    found = declared_amplifiers(image)
    assert [one.data for one in found] == [str(each.data) for each in parts]
    assert [one.overscan for one in found] == [str(each.overscan) for each in parts]
    assert [one.place for one in found] == [each.on_detector for each in parts]
    assert image.header.get("PILED") == len(parts)
    assert image.header.get("DETSEC") == f"[1:{DATA * len(parts)},1:{ROWS}]"


@given(few, few, few, few, sides)
def test_a_part_of_the_data_goes_where_it_lies_in_the_whole(left, right, below, above, backwards):
    """Shown by pixels: the whole put in its place, and the part in its own, agree."""
    frame = np.arange(80.0).reshape(8, 10)
    data, whole = Section(left, 10 - right, below, 8 - above), Section(0, 10, 0, 8)
    place = Place(Section(20, 30, 40, 48), backwards)
    where = attrs.evolve(part(0), data=data, whole=whole).placed(place)
    turn = tuple(slice(None, None, -1 if back else 1) for back in backwards[::-1])
    canvas = np.full((60, 60), np.nan)
    canvas[place.section.window] = frame[turn]
    np.testing.assert_array_equal(canvas[where.section.window], frame[data.window][turn])
    assert where.backwards == backwards


numbers = st.none() | st.integers(4, 72).map(lambda number: number / 8)


@given(st.lists(st.tuples(numbers, numbers, numbers), min_size=2, max_size=4))
def test_what_is_known_of_amplifiers_that_differ_stands_for_each_of_them(known):
    names = ("gain", "read_noise", "saturation")
    parts = [part(number, **dict(zip(names, each, strict=True))) for number, each in enumerate(known)]
    image = piled(parts, {"GAIN": 7.0, "RDNOISE": 7.0, "SATURATE": 7.0})
    for name, of_the_frame, values in zip(
        names, ("GAIN", "RDNOISE", "SATURATE"), zip(*known, strict=True), strict=True
    ):
        differ = len(set(values)) > 1
        assert [getattr(each, name) for each in regions_of(image)] == [value if differ else None for value in values]
        assert (of_the_frame in image.header) is not differ


@pytest.mark.parametrize(
    ("keyword", "mine", "other", "stays"),
    [
        ("FILTER", "r", "r", True),
        ("FILTER", "r", "g", False),
        ("FILTER", "r", None, True),
        ("AMPNAME", "one", "two", False),
        ("EXPTIME", 10.0, 10.1, True),
        ("DATE-OBS", "2018-08-10", "2018-08-11", True),
        ("CRVAL1", 1.0, 2.0, True),
        ("DATASEC", "[1:2,1:2]", "[1:2,1:2]", False),
        ("GAINA", 1.0, 1.0, False),
    ],
)
def test_a_card_of_the_first_hdu_stays_where_it_holds_for_all(keyword, mine, other, stays):
    image = piled([part(0), part(1)], {keyword: mine}, {} if other is None else {keyword: other})
    assert image.header.get(keyword) == (mine if stays else None)


def test_one_amplifier_given_is_that_of_every_hdu_and_several_are_one_of_each():
    image, one = piled([part(0), part(1)]), Amplifier("[2:4,*]", "[5:6,*]")
    found = amplifiers_of_every_hdu(image, (one,))
    assert [(each.data, each.overscan) for each in found] == [("[2:4,1:3]", "[5:6,1:3]"), ("[2:4,4:6]", "[5:6,4:6]")]
    assert [each.place for each in found] == ["[1:4,1:3]", "[5:8,1:3]"]
    assert amplifiers_of_every_hdu(image, (one, one)) == found
    assert amplifiers_of_every_hdu(image, ()) == ()
    assert amplifiers_of_every_hdu(Image.of(np.ones((3, 3))), (one,)) == (one,)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ((Amplifier(),) * 3, r"pile\.fits: 3 amplifiers given, 2 in the file; give one, or each"),
        ((Amplifier("[1:7,*]"),), r"lies outside an HDU of 3 rows × 6 columns"),
        ((Amplifier("[1:2,*]", "[9:9,*]"),), r"data \[1:2,\*\], overscan \[9:9,\*\] lies outside"),
    ],
)
def test_amplifiers_that_are_not_those_of_the_file_are_refused(wrong, words):
    with pytest.raises(CalibrationError, match=words):
        amplifiers_of_every_hdu(piled([part(0), part(1)]), wrong)
