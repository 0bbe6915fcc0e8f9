"""Cards that follow when pixels move: the same star at the same place of the sky, by astropy's own WCS."""

import warnings

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick

from pipeline.headers.cards import Cards
from pipeline.headers.wcs import cropped, mirrored, turned

DEGREES = 1e-9
COLUMNS = 200

small = st.floats(-0.2, 0.2)
pixel = st.floats(-50, 250)
FORMS = ("cd", "pc", "cdelt", "crota")


def sky_cards(letter, form, numbers, crpix):
    a, b, c, d = numbers
    cards = {f"CTYPE1{letter}": "RA---TAN", f"CTYPE2{letter}": "DEC--TAN", f"CRVAL1{letter}": 150.0 + a}
    cards |= {f"CRVAL2{letter}": 20.0 + 10 * b}
    if crpix:
        cards |= {f"CRPIX1{letter}": crpix[0], f"CRPIX2{letter}": crpix[1]}
    if form == "cd":
        matrix = {"1_1": -2e-4 * (1 + a), "1_2": 1e-4 * b, "2_1": 1e-4 * c, "2_2": 2e-4 * (1 + d)}
        return cards | {f"CD{key}{letter}": value for key, value in matrix.items()}
    cards |= {f"CDELT1{letter}": -2e-4, f"CDELT2{letter}": 3e-4}
    if form == "pc":
        cards |= {f"PC1_1{letter}": 1 + a, f"PC1_2{letter}": b, f"PC2_1{letter}": c, f"PC2_2{letter}": 1 + d}
    if form == "crota":
        cards |= {f"CROTA2{letter}": 100 * a}
    return cards


@st.composite
def headers(draw):
    """Draw a header with a primary and perhaps an alternate description, of every form."""
    numbers = st.tuples(small, small, small, small)
    place = st.none() | st.tuples(pixel, pixel)
    form = draw(st.sampled_from(FORMS))
    cards = sky_cards("", form, draw(numbers), draw(place))
    if draw(st.booleans()):
        cards |= sky_cards("A", draw(st.sampled_from(("cd", "pc", "cdelt"))), draw(numbers), draw(place))
    return fits.Header(cards), sorted({""} | {key[-1] for key in cards if key.endswith("A")})


@st.composite
def distorted(draw):
    """Draw a header with SIP, where every coefficient moves a star by pixels."""
    cards = sky_cards("", "cd", draw(st.tuples(small, small, small, small)), draw(st.tuples(pixel, pixel)))
    cards |= {"CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP", "A_ORDER": 3, "B_ORDER": 2}
    strong = st.sampled_from([-1e-4, 2e-4])
    cards |= {f"{key}_{p}_{q}": draw(strong) for key in "AB" for p, q in [(2, 0), (1, 1), (0, 2), (0, 1)]}
    return fits.Header(cards | {"A_2_1": draw(strong) / 100, "A_0_3": draw(strong) / 100})


def sky(header, letter, x, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wcs = WCS(header.copy(), key=letter or " ")  # astropy takes SIP out of what it is given
        return np.array(wcs.all_pix2world(x, y, 1))


def assert_same_place(before, after, letters, old, new):
    for letter in letters:
        one, other = sky(before, letter, *old), sky(after, letter, *new)
        np.testing.assert_allclose(other, one, rtol=0, atol=DEGREES)


@quick
@given(headers(), st.integers(0, 90), st.integers(0, 90), pixel, pixel)
def test_a_star_keeps_its_place_when_the_frame_is_trimmed(described, left, below, x, y):
    header, letters = described
    after = cropped(Cards.of(header), x=left, y=below).to_header()
    assert_same_place(header, after, letters, (x, y), (x - left, y - below))


@quick
@given(headers(), pixel, pixel)
def test_a_star_keeps_its_place_when_the_image_is_turned(described, x, y):
    header, letters = described
    after = turned(Cards.of(header), columns=COLUMNS).to_header()
    assert_same_place(header, after, letters, (x, y), (y, COLUMNS + 1 - x))


@quick
@given(distorted(), st.integers(0, 90), st.integers(0, 90), pixel, pixel)
def test_a_star_keeps_its_place_under_distortion(header, left, below, x, y):
    trimmed = cropped(Cards.of(header), x=left, y=below)
    assert_same_place(header, trimmed.to_header(), [""], (x, y), (x - left, y - below))
    around = turned(Cards.of(header), columns=COLUMNS)
    assert_same_place(header, around.to_header(), [""], (x, y), (y, COLUMNS + 1 - x))
    assert (around.get("A_ORDER"), around.get("B_ORDER")) == (2, 3)


@quick
@given(headers() | distorted().map(lambda header: (header, [""])), st.integers(-9, COLUMNS), pixel, pixel)
def test_a_star_keeps_its_place_when_the_image_is_mirrored(described, about, x, y):
    header, letters = described
    along_x = mirrored(Cards.of(header), axis=1, about=about)
    assert_same_place(header, along_x.to_header(), letters, (x, y), (about - x, y))
    along_y = mirrored(Cards.of(header), axis=2, about=about)
    assert_same_place(header, along_y.to_header(), letters, (x, y), (x, about - y))


@given(headers(), st.integers(1, 90))
def test_trimming_and_turning_agree_on_where_the_edge_was(described, left):
    """Cutting columns at the left and turning is turning and cutting rows at the top, which moves no pixel."""
    header, letters = described
    one = turned(cropped(Cards.of(header), x=left, y=0), columns=COLUMNS - left)
    other = turned(Cards.of(header), columns=COLUMNS)
    assert_same_place(other.to_header(), one.to_header(), letters, (7.0, 9.0), (7.0, 9.0))


def test_a_description_without_reference_pixel_counts_from_zero():
    """As of Lick's CRVAL2U = 1260, CDELT2U = -1: its row 1 is 1259, and stays so when ten rows go."""
    cards = Cards.of(fits.Header({"CRVAL2U": 1260, "CDELT2U": -1}))
    assert cropped(cards, x=0, y=10).get("CRPIX2U") == -10
    assert cropped(cards, x=0, y=0) == cards


physical = st.floats(-100, 100)


@given(physical, physical, st.sampled_from([0.5, 1.0, -2.0]), st.integers(0, 50), st.integers(0, 50))
def test_physical_coordinates_stay_with_their_pixels(x, y, scale, left, below):
    cards = Cards.of(fits.Header({"LTV1": x, "LTV2": y, "LTM1_1": scale, "LTM2_2": 1.0}))
    star = np.array([30.0, 40.0])

    def place(cards, at):
        header = cards.to_header()
        matrix = [[header.get(f"LTM{i}_{j}", float(i == j)) for j in (1, 2)] for i in (1, 2)]
        return np.linalg.solve(matrix, np.array(at) - [header["LTV1"], header["LTV2"]])

    trimmed = cropped(cards, x=left, y=below)
    np.testing.assert_allclose(place(trimmed, star - [left, below]), place(cards, star), atol=1e-9)
    around = turned(cards, columns=COLUMNS)
    np.testing.assert_allclose(place(around, [star[1], COLUMNS + 1 - star[0]]), place(cards, star), atol=1e-9)
    for axis in (1, 2):
        there = [COLUMNS - at if number == axis else at for number, at in enumerate(star, start=1)]
        back = mirrored(cards, axis=axis, about=COLUMNS)
        np.testing.assert_allclose(place(back, there), place(cards, star), atol=1e-9)


def test_a_header_without_wcs_gets_none():
    cards = Cards.of(fits.Header({"OBJECT": "sky", "EXPTIME": 3.0}))
    assert cropped(cards, x=3, y=4) == cards
    assert turned(cards, columns=10) == cards


@pytest.mark.parametrize(
    ("lines", "moved"),
    [
        ("CRPIX1  = 10.5\nCRPIX1  = 10.5", 5.5),
        ("CRPIX1  = 10.5\nCRPIX1  = 99.0", 5.5),
        ("CRPIX1  = '10.5'", 5.5),
        ("CRPIX1  =\nCRPIX1  = 10.5", 5.5),
        ("CRPIX1  = ''\nCRPIX1  = 10.5", 5.5),
        ("CRPIX1  =10.5", 5.5),
        ("CRPIX1  = 1.05D1/no blank\nLTV1    = 3/no blank", 5.5),
        ("CRPIX1  = abc", -5.0),
        ("", -5.0),
    ],
)
def test_what_is_no_clean_card_is_mended_before_it_moves(lines, moved):
    raw = Cards("".join(f"{line:80s}" for line in ["CTYPE1  = 'RA---TAN'", *lines.splitlines(), "LTV1    = '4.0'"]))
    made = cropped(raw, x=5, y=0)
    assert made.get("CRPIX1") == moved
    assert made.get("LTV1") == (-2.0 if "LTV1" in lines else -1.0)
    assert list(made.to_header()).count("CRPIX1") == 1
