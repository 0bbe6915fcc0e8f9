"""Sections: rectangles of a frame, as headers and people write them."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.detector.section import Section

HEIGHT, WIDTH = 9, 13


def spans(size):
    return st.tuples(st.integers(0, size - 1), st.integers(1, size)).filter(lambda span: span[0] < span[1])


sections = st.builds(lambda x, y: Section(*x, *y), spans(WIDTH), spans(HEIGHT))


def pixels_of(section, shape=(2 * HEIGHT, 2 * WIDTH)):
    """Give the pixels of a section as a mask."""
    mask = np.zeros(shape, bool)
    mask[section.window] = True
    return mask


@given(sections)
def test_a_section_is_read_as_it_is_written(section):
    assert Section.of(str(section), (HEIGHT, WIDTH)) == section
    assert Section.of(str(section).replace(":", " : ").replace(",", " , "), (HEIGHT, WIDTH)) == section


@given(sections)
def test_its_shape_is_that_of_its_window(section):
    assert np.zeros((HEIGHT, WIDTH))[section.window].shape == section.shape
    assert section.fits((HEIGHT, WIDTH))


@given(sections, st.sampled_from("*:"))
def test_stars_and_bare_colons_are_whole_axes(section, whole):
    columns, rows = str(section)[1:-1].split(",")
    assert Section.of(f"[{whole},{rows}]", (HEIGHT, WIDTH)) == Section(0, WIDTH, section.y1, section.y2)
    assert Section.of(f"[{columns},{whole}]", (HEIGHT, WIDTH)) == Section(section.x1, section.x2, 0, HEIGHT)


@given(sections, st.integers(0, 5), st.integers(0, 5))
def test_moved_there_and_back_it_is_where_it_was(section, x, y):
    there = section.moved(-x, -y)
    assert there.moved(x, y) == section
    np.testing.assert_array_equal(pixels_of(there), np.roll(pixels_of(section), (y, x), (0, 1)))


@given(sections, sections)
@example(Section(0, 4, 0, 4), Section(4, 6, 0, 4))
@example(Section(0, 4, 0, 4), Section(0, 4, 4, 6))
def test_sections_overlap_where_they_share_a_pixel(one, other):
    assert one.overlaps(other) == other.overlaps(one) == bool((pixels_of(one) & pixels_of(other)).any())


@given(sections, st.tuples(st.integers(1, HEIGHT), st.integers(1, WIDTH)))
def test_a_section_fits_a_frame_that_holds_all_its_pixels(section, shape):
    assert section.fits(shape) == (pixels_of(section, shape).sum() == np.prod(section.shape))


@pytest.mark.parametrize("text", ["1:8,1:2", "[0:8,*]", "[8:1,*]", "[1:8]", "", "[1:8,1:2,1:3]", "[a:b,*]", "[-1:8,*]"])
def test_what_is_no_section_is_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011 - its message is the text itself
        Section.of(text, (HEIGHT, WIDTH))
