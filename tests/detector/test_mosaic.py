"""The data of amplifiers put side by side: pixels, flags, gaps, and the cards that follow."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_masters import framed
from strategies import seeds

from pipeline import Amplifier, Cards, Flag, Pixels, subtract_overscan
from pipeline.detector.amplifiers import Readout
from pipeline.detector.detsec import Place
from pipeline.detector.mosaic import Mosaic, Piece, moved_cards, without_sections
from pipeline.detector.section import Section
from pipeline.errors import AssumptionWarning, CalibrationError

sides = st.tuples(st.booleans(), st.booleans())
"""Whether data are turned round, along x and along y."""


# ---- laws ----


@st.composite
def spans(draw):
    """Draw spans of data along an axis, with gaps between them, and the size of the frame."""
    found, at = [], 0
    for _ in range(draw(st.integers(1, 3))):
        start = at + draw(st.integers(0, 2))
        at = start + draw(st.integers(1, 4))
        found.append((start, at))
    return found, at + draw(st.integers(0, 2))


@given(spans(), spans(), seeds)
def test_gaps_close_and_every_pixel_of_data_is_there_once(across, upward, seed):
    (columns, width), (rows, height) = across, upward
    frame = np.random.default_rng(seed).random((height, width))
    mosaic = Mosaic.of([Readout(Section(*x, *y), None) for y in rows for x in columns], "frame.fits")
    y, x = (np.concatenate([np.arange(*span) for span in along]) for along in (rows, columns))
    np.testing.assert_array_equal(mosaic.cut(Pixels.of(frame)).values, frame[np.ix_(y, x)])
    assert mosaic.shape == (len(y), len(x))


@given(st.integers(1, 5), st.integers(1, 5), sides, st.integers(0, 3), st.integers(0, 3))
def test_data_lie_in_their_place_turned_round_as_it_says(height, width, backwards, x, y):
    """What no amplifier has read is NaN, and flagged so."""
    frame = np.arange(1.0, height * width + 1).reshape(height, width)
    place = Place(Section(x, x + width, y, y + height), backwards)
    out = Mosaic.of([Readout(Section(0, width, 0, height), None, place)], "frame.fits").cut(Pixels.of(frame))
    left, down = (slice(None, None, -1 if back else 1) for back in backwards)
    np.testing.assert_array_equal(out.values[y:, x:], frame[down, left])
    assert np.isnan(out.values).sum() == out.values.size - frame.size
    np.testing.assert_array_equal(out.flags == Flag.NONFINITE, np.isnan(out.values))


@given(st.integers(0, 9), st.integers(0, 9), st.integers(1, 9), st.integers(1, 9), sides)
def test_a_star_keeps_its_pixel_when_its_piece_moves(x, y, width, height, backwards):
    """The reference pixel is a star: where it was in the frame and where it is in the image hold the same value."""
    frame = np.arange(400.0).reshape(20, 20)
    piece = Piece(Section(x, x + width, y, y + height), Section(0, width, 0, height), backwards)
    cards = moved_cards(Cards.of({"CRPIX1": x + 1.0, "CRPIX2": y + 1.0, "CTYPE1": "RA---TAN"}), piece)
    image = Mosaic((piece,), (height, width)).cut(Pixels.of(frame)).values
    assert image[int(cards.get("CRPIX2")) - 1, int(cards.get("CRPIX1")) - 1] == frame[y, x]


# ---- single rules ----


def test_the_wcs_is_that_of_the_amplifier_with_the_reference_pixel_where_a_gap_closes():
    parts = (Amplifier("[1:8,*]"), Amplifier("[11:16,*]"))
    for crpix, after in ((4.0, 4.0), (12.0, 10.0)):
        image = framed(np.arange(12.0 * 16).reshape(12, 16), CRPIX1=crpix, CRPIX2=3.0)
        with pytest.warns(AssumptionWarning, match=r"frame\.fits: columns or rows between the amplifiers"):
            out = subtract_overscan(image, amplifiers=parts)
        assert out.header.get("CRPIX1") == after


def test_the_detector_section_follows_the_trim_and_the_binning():
    cards = {"DATASEC": "[3:14,1:12]", "CCDSEC": "[101:124,201:224]", "DETSEC": "[201:101,1:12]", "CCDSUM": "2 2"}
    out = subtract_overscan(framed(np.arange(12.0 * 16).reshape(12, 16), cards, TRIMSEC="[5:10,2:12]"))
    assert out.header.get("CCDSEC") == "[105:116,203:224]"
    assert "DETSEC" not in out.header  # mirrored: what it becomes is not said


@pytest.mark.parametrize("other", [(3, 6, 0, 4), (4, 6, 2, 4), (0, 4, 0, 4)])
def test_sections_that_make_no_image_are_refused(other):
    with pytest.raises(CalibrationError, match="overlap or do not fill a rectangle"):
        Mosaic.of([Readout(Section(*section), None) for section in ((0, 4, 0, 4), other)], "frame.fits")


def test_data_that_do_not_fit_their_place_are_refused():
    readout = Readout(Section(0, 4, 0, 4), None, Place.of("[1:3,1:4]"))
    with pytest.raises(CalibrationError, match=r"the data \[1:4,1:4\] do not fit their place \[1:3,1:4\]"):
        Mosaic.of([readout], "frame.fits")


def test_cards_that_count_pixels_of_the_frame_go_and_others_stay():
    going = {"BIASSEC": "a", "DATASECA": "a", "BSEC11": "a", "ATV1": 1.0, "DTM1_1": 1.0, "PILED": 2, "AMPSEC": "a"}
    staying = {"SECZ": 1.1, "TSECOND": "a", "LTV1": 1.0, "OBJECT": "a", "DETECTOR": "a"}
    assert without_sections(Cards.of(going | staying)) == Cards.of(staying)
