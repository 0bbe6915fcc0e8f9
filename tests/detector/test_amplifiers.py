"""Which part of a frame each amplifier read: what headers declare, and what is given by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_masters import framed

from pipeline import Amplifier, Image, subtract_overscan
from pipeline.detector.amplifiers import Readout, declared_amplifiers
from pipeline.errors import AssumptionWarning, HeaderError, SettingError

ROWS, COLUMNS = 12, 26
sections = st.tuples(*[st.tuples(st.integers(1, size), st.integers(1, size)).map(sorted) for size in (COLUMNS, ROWS)])


def text(section):
    (x1, x2), (y1, y2) = section
    return f"[{x1}:{x2},{y1}:{y2}]"


# ---- laws ----


@given(sections, sections)
def test_what_a_header_declares_is_what_by_hand_is_said(data, overscan):
    said = framed(np.ones((ROWS, COLUMNS)), BIASSEC=text(overscan), DATASEC=text(data))
    assert declared_amplifiers(said) == (Amplifier(text(data), text(overscan)),)


@given(
    st.lists(st.tuples(sections, sections), min_size=2, max_size=4), st.sampled_from(["letters", "numbers", "corners"])
)
def test_several_amplifiers_are_read_in_the_order_of_their_names(parts, form):
    names = {"letters": "ABCD", "numbers": "1234", "corners": ("11", "12", "21", "22")}[form]
    keys = ("TSEC", "BSEC") if form == "corners" else ("DATASEC", "BIASSEC")
    cards = {
        f"{key}{name}": text(section)
        for name, part in zip(names, parts, strict=False)
        for key, section in zip(keys, part, strict=True)
    }
    cards = dict(sorted(cards.items(), reverse=True))
    found = declared_amplifiers(framed(np.ones((ROWS, COLUMNS)), **cards))
    assert found == tuple(Amplifier(text(data), text(overscan)) for data, overscan in parts)
    assert [one.name for one in found] == list(names)[: len(parts)]


@given(sections, st.integers(1, 9))
def test_a_section_that_reaches_beyond_the_frame_is_left_out_with_a_word(data, more):
    beyond = f"[1:{COLUMNS + more},1:{ROWS}]"
    for cards in ({"BIASSEC": beyond}, {"DATASEC1": text(data), "BIASSEC1": beyond}):
        with pytest.warns(AssumptionWarning, match=r"frame\.fits: .* reaches beyond its 12 rows × 26 columns"):
            assert declared_amplifiers(framed(np.ones((ROWS, COLUMNS)), **cards)) == ()


ports = st.tuples(st.integers(1, 9), st.integers(0, 4), st.integers(0, 4)).filter(lambda port: port[1] + port[2] > 0)


@given(ports, ports)
def test_esos_ports_read_from_their_own_sides(one, other):
    """Left: prescan, data, overscan; right: the other way round."""
    sizes = [sum(port) for port in (one, other)]
    cards = {}
    for number, ((data, pre, over), x) in enumerate(((one, 1), (other, sum(sizes))), start=1):
        port = {"X": x, "Y": 1, "NX": data, "NY": 3, "PRSCX": pre, "PRSCY": 0, "OVSCX": over, "OVSCY": 0}
        cards |= {f"HIERARCH ESO DET OUT{number} {key}": value for key, value in port.items()}
    image = framed(np.ones((3, sum(sizes))), cards)
    left, right = (Readout.of(amplifier, image.shape) for amplifier in declared_amplifiers(image))

    def counted_from_its_side(section, size):
        return (section.x1, section.x2) if size is None else (size - section.x2, size - section.x1)

    for readout, (data, pre, over), size in ((left, one, None), (right, other, sum(sizes))):
        assert counted_from_its_side(readout.data, size) == (pre, pre + data)
        strip = (pre + data, pre + data + over) if over else (0, pre)
        assert counted_from_its_side(readout.overscan, size) == strip


# ---- single rules ----


def test_licks_clock_is_no_trim_section():
    image = framed(np.ones((4, 6)), TSEC=1432097853, BSEC="5", DATASEC="[1:4,1:4]")
    assert declared_amplifiers(image) == (Amplifier("[1:4,1:4]"),)


@pytest.mark.parametrize("text", ["1:8", "[0:8,*]", "[8:1,*]", "[1:8]", "", "[1:8,1:2,1:3]"])
def test_a_text_that_is_no_section_is_refused_when_the_amplifier_is_made(text):
    with pytest.raises(SettingError, match="expected a section"):
        Amplifier(data=text)


def test_amplifiers_of_one_frame_go_where_detsec_says():
    """Sections with letters, in one HDU, stored in the order in which they were read."""
    sky = np.arange(40).reshape(5, 8)
    values = np.hstack([sky[:, 7:3:-1] + 10, sky[:, :4] + 20, np.full((5, 2), 10), np.full((5, 2), 20)]).astype("u2")
    cards = {
        "DATASECA": "[1:4,1:5]", "BIASSECA": "[9:10,1:5]", "DETSECA": "[16:9,1:10]", "CCDSUM": "2 2",
        "DATASECB": "[5:8,1:5]", "BIASSECB": "[11:12,1:5]", "DETSECB": "[1:8,1:10]",
    }  # fmt: skip
    np.testing.assert_array_equal(subtract_overscan(Image.of(values, header=cards)).pixels.values, sky)
    with pytest.warns(AssumptionWarning, match="side by side"):
        crossed = subtract_overscan(Image.of(values, header={**cards, "DETSECB": "[9:16,1:10]"}))
    np.testing.assert_array_equal(crossed.pixels.values, np.hstack([sky[:, 7:3:-1], sky[:, :4]]))
    given = (Amplifier("[1:4,*]", "[9:10,*]", place="[8:5,1:5]"), Amplifier("[5:8,*]", "[11:12,*]", place="[1:4,1:5]"))
    np.testing.assert_array_equal(subtract_overscan(Image.of(values), amplifiers=given).pixels.values, sky)


@pytest.mark.parametrize("cards", [{}, {"BIASSEC": "UNKNOWN"}, {"BIASSEC": "", "DATASEC": "[0:0,0:0]"}, {"TSEC": 143}])
def test_a_header_that_declares_nothing(cards):
    assert declared_amplifiers(framed(np.ones((ROWS, COLUMNS)), **cards)) == ()


def test_sections_in_the_order_of_calar_alto():
    """Corner before corner; a strip that ends in column 0 is none, and data may be counted on the whole detector."""
    none = {"BIASSEC": "[0,513:0,1536]", "DATASEC": f"[513,513:{512 + COLUMNS},{512 + ROWS}]"}
    assert declared_amplifiers(framed(np.ones((ROWS, COLUMNS)), **none)) == ()
    some = {"BIASSEC": f"[{COLUMNS - 1},1:{COLUMNS},{ROWS}]", "DATASEC": f"[1,1:{COLUMNS - 2},{ROWS}]"}
    usual = {"BIASSEC": f"[{COLUMNS - 1}:{COLUMNS},1:{ROWS}]", "DATASEC": f"[1:{COLUMNS - 2},1:{ROWS}]"}
    one, other = (declared_amplifiers(framed(np.ones((ROWS, COLUMNS)), **cards)) for cards in (some, usual))
    assert one == other != ()


@pytest.mark.parametrize("said", ["[8:1,*]", "the left edge", "[1:8]"])
def test_a_card_that_is_no_section_is_refused_with_the_way_out(said):
    with pytest.raises(HeaderError, match=r"frame\.fits: BIASSEC = .*expected a section .*--amplifier.*--no-overscan"):
        declared_amplifiers(framed(np.ones((ROWS, COLUMNS)), BIASSEC=said))


@pytest.mark.parametrize("place", ["[1:8,*]", "[0:8,1:2]", "left"])
def test_a_place_is_numbers(place):
    with pytest.raises(SettingError, match="expected numbers from 1"):
        Amplifier(place=place)
