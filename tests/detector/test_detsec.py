"""Where on its detector each amplifier's data lie: places in one image by DETSEC."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multi_amplifier_files import layouts

from pipeline.detector.detsec import SPARSE, Place, check_apart, layout_by_detsec
from pipeline.detector.section import Section
from pipeline.errors import CalibrationError

ends = st.integers(1, 99)


def detsecs_of(layout):
    """Give the DETSEC and the shape of the data of each amplifier."""
    shapes = [np.empty(layout.shape)[window].shape for window in layout.windows]
    return [layout.detsec(number) for number in range(len(shapes))], shapes


@given(ends, ends, ends, ends)
def test_a_place_is_read_as_it_is_written(a, b, c, d):
    place = Place.of(f"[{a}:{b},{c}:{d}]")
    assert str(place) == f"[{a}:{b},{c}:{d}]"
    assert place.backwards == (a > b, c > d)
    assert place.section.shape == (abs(d - c) + 1, abs(b - a) + 1)


@given(layouts())
def test_amplifiers_lie_where_the_detector_has_them(layout):
    texts, shapes = detsecs_of(layout)
    made = layout_by_detsec(texts, shapes, layout.binning, "frame")
    assert made.shape == layout.spread(np.zeros(layout.shape)).shape
    for number, place in enumerate(made.places):
        assert place.section.window == layout.place(number)
        assert place.backwards == layout.flips[number]


@given(layouts())
def test_a_binning_that_nobody_tells_is_seen_by_the_sizes(layout):
    texts, shapes = detsecs_of(layout)
    assert layout_by_detsec(texts, shapes, None, "frame") == layout_by_detsec(texts, shapes, layout.binning, "frame")


@given(layouts(), st.data())
def test_the_order_of_amplifiers_changes_nothing(layout, data):
    texts, shapes = detsecs_of(layout)
    order = data.draw(st.permutations(range(len(texts))))
    made = layout_by_detsec(texts, shapes, layout.binning, "frame")
    other = layout_by_detsec([texts[i] for i in order], [shapes[i] for i in order], layout.binning, "frame")
    assert other.places == tuple(made.places[i] for i in order)
    assert (other.shape, other.section) == (made.shape, made.section)


def test_a_rest_of_unbinned_pixels_is_lost():
    made = layout_by_detsec(["[1:7,1:4]"], [(2, 3)], (2, 2), "frame")
    assert made.places == (Place(Section(0, 3, 0, 2)),)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ("here", r"frame: DETSEC = 'here'; expected a section"),
        ("[0:4,1:4]", r"DETSEC = '\[0:4,1:4\]'; expected a section"),
        ("[5:9,1:4]", r"binned by 1 and 1, does not fit its data of 4 rows × 4 columns"),
        ("[4:7,1:4]", r"amplifiers 1 and 2 would lie on each other, at \[1:4,1:4\] and \[4:7,1:4\]"),
        ("[1001:1004,1:4]", "into 4 rows × 1004 columns, most of them gaps"),
    ],
)
def test_amplifiers_of_no_one_image_are_refused(other, words):
    with pytest.raises(CalibrationError, match=words):
        layout_by_detsec(["[1:4,1:4]", other], [(4, 4)] * 2, (1, 1), "frame")


@pytest.mark.parametrize("columns", [2 * SPARSE, 2 * SPARSE + 1])
def test_an_image_may_be_so_many_times_its_data_and_no_more(columns):
    sections, shapes = ["[1:1,1:4]", f"[{columns}:{columns},1:4]"], [(4, 1)] * 2
    if columns == 2 * SPARSE:
        assert layout_by_detsec(sections, shapes, (1, 1), "frame").shape == (4, columns)
    else:
        with pytest.raises(CalibrationError, match="gaps"):
            layout_by_detsec(sections, shapes, (1, 1), "frame")


def test_places_that_touch_are_apart():
    check_apart([Place.of("[1:4,1:4]"), Place.of("[8:5,1:4]"), Place.of("[1:4,5:8]")], "frame")
