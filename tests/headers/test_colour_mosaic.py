"""Mosaics of colours: told from headers, and followed where images are cut, mirrored and turned."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick

from pipeline import Amplifier, Image, orient, subtract_overscan
from pipeline.headers.cards import Cards
from pipeline.headers.colour_mosaic import colour_mosaic, mosaic_moved

offsets = st.sampled_from([None, 0, 1])


def colours_by(header, shape, *, pattern_rows=2):
    """Give the letter of each pixel as a header tells it."""
    text = header.get("BAYERPAT")
    width = len(text) // pattern_rows
    y, x = np.indices(shape)
    rows, columns = y + header.get("YBAYROFF", 0), x + header.get("XBAYROFF", 0)
    return np.array(list(text))[(rows % pattern_rows) * width + columns % width]


def a_mosaic(x, y, shape=(7, 9)):
    """Give an image whose values are numbers of the letters that its header tells for its pixels."""
    header = {"BAYERPAT": "RGBC"} | {k: v for k, v in (("XBAYROFF", x), ("YBAYROFF", y)) if v is not None}
    letters = colours_by(Cards.of(header), shape)
    return Image.of(np.vectorize("RGBC".index)(letters).astype(float), header=header)


def check_colours(image):
    letters = colours_by(image.header, image.shape)
    np.testing.assert_array_equal(np.vectorize("RGBC".index)(letters), image.pixels.values)


@quick
@given(offsets, offsets, st.integers(1, 4), st.integers(1, 4))
def test_colours_stay_where_they_are_when_a_frame_is_trimmed(x, y, left, below):
    image = a_mosaic(x, y)
    check_colours(image)
    out = subtract_overscan(image, amplifiers=(Amplifier(f"[{left}:8,{below}:6]"),))
    check_colours(out)
    assert out.header.get("BAYERPAT") == "RGBC"
    if x is y is None and left % 2 == below % 2 == 1:
        assert "XBAYROFF" not in out.header


@quick
@given(offsets, offsets, st.sampled_from(["[8:1,1:7]", "[8:1,7:1]", "[1:8,7:1]"]))
def test_colours_stay_where_they_are_when_amplifiers_are_mirrored(x, y, place):
    out = subtract_overscan(a_mosaic(x, y), amplifiers=(Amplifier("[2:9,*]", place=place),))
    check_colours(out)


@quick
@given(offsets, offsets, st.integers(6, 9))
def test_colours_stay_where_they_are_when_an_image_is_turned(x, y, columns):
    check_colours(orient(a_mosaic(x, y, (7, columns)), saxis=0))


@pytest.mark.parametrize(
    ("cards", "told"),
    [
        ({"BAYERPAT": "RGGB"}, "BAYERPAT = RGGB"),
        ({"BAYERPAT": "  gbrg "}, "BAYERPAT = GBRG"),
        ({"BAYERPAT": "TRUE"}, "BAYERPAT = TRUE"),
        ({"COLORTYP": "CYGM"}, "COLORTYP = CYGM"),
        ({"COLORTYP": 2}, "COLORTYP = 2"),
        ({"CFAPAT": "XTRANS"}, "CFAPAT = XTRANS"),
        ({"COLORTYP": 0}, ""),
        ({"BAYERPAT": "NONE"}, ""),
        ({"BAYERPAT": ""}, ""),
        ({"BAYERPAT": "MONO"}, ""),
        ({"BAYERPAT": False}, ""),
        ({"BAYERPAT": "RGGB", "NAXIS3": 3}, ""),
        ({"FILTER": "RGGB"}, ""),
    ],
)
def test_headers_tell_of_a_mosaic(cards, told):
    assert colour_mosaic(Cards.of(cards)) == told


def test_a_pattern_of_six_pixels_is_followed_over_six():
    cards = Cards.of({"BAYERPAT": "XTRANS", "XBAYROFF": 4, "YBAYROFF": 0})
    moved = mosaic_moved(cards, x=(1, -3), y=(1, -6))
    assert (moved.get("XBAYROFF"), moved.get("YBAYROFF")) == (1, 0)


def test_without_a_mosaic_nothing_is_written():
    cards = Cards.of({"OBJECT": "M 67"})
    assert mosaic_moved(cards, x=(1, -3), y=(-1, 7)) is cards
