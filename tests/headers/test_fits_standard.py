"""What the FITS standard asks of one card, and how a card that breaks it is mended."""

import warnings
from datetime import date

import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from pipeline import Cards
from pipeline.headers.cards import CARD
from pipeline.headers.fits_standard import CHOICES, card_text, check_card, printable

anything = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=CARD).map(lambda line: line.ljust(CARD))
keywords = st.from_regex(r"[A-Z][A-Z0-9]{0,5}", fullmatch=True).filter(lambda word: word not in ("END", "NAXIS"))
reserved = st.sampled_from(
    [
        "EQUINOX",
        "MJD-OBS",
        "CRPIX1",
        "CDELT2",
        "CRDER1",
        "WCSAXES",
        "RADESYS",
        "SPECSYS",
        "OBJECT",
        "DATE-OBS",
        "EXPTIME",
    ]
)
texts = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=30).filter(
    lambda said: "'/" not in said  # to astropy the end of a string
)
values = st.booleans() | st.integers(-(10**9), 10**9) | st.integers(-999, 999).map(lambda n: n / 8) | texts


# ---- laws ----


@given(anything | st.tuples(reserved, values).map(lambda pair: card_text(*pair)))
def test_what_was_mended_once_stands(card):
    fate = check_card(card)
    assert fate.why if fate.image != card else not fate.why
    if fate.image is not None:
        assert check_card(fate.image).image == fate.image
        assert all(" " <= sign <= "~" for sign in fate.image)


@given(anything)
def test_what_stands_astropy_finds_nothing_to_mend_in(card):
    fate = check_card(card)
    if fate.image is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            fits.Card.fromstring(fate.image).verify("exception")


@given(keywords, values)
def test_a_card_that_astropy_writes_stands_as_it_is(keyword, value):
    card = card_text(keyword, value)
    assert check_card(card).image == card
    assert Cards(card).get(keyword) == value


@given(st.text(max_size=40))
def test_what_is_printable_is_so_already_and_as_long_or_longer(said):
    once = printable(said)
    assert printable(once) == once
    assert all(" " <= sign <= "~" for sign in once)
    assert len(once) >= len(said)


@given(st.dates(min_value=date(1000, 1, 1), max_value=date(2999, 12, 31)))
def test_dates_with_other_strokes_are_written_in_the_standards_form(day):
    for form in ("%Y/%m/%d", "%Y.%m.%d"):
        said = check_card(card_text("DATE-OBS", day.strftime(form)))
        assert Cards(said.image).get("DATE-OBS") == day.isoformat()
        assert said.why == "written anew"


# ---- single rules ----


@pytest.mark.parametrize(
    ("keyword", "said", "stands"),
    [
        ("EQUINOX", "2000.0", 2000.0),
        ("EQUINOX", "J2000", None),
        ("MJD-OBS", True, None),
        ("CDELT1", 0.0, None),
        ("CRDER1", -1.0, None),
        ("WCSAXES", "3", 3),
        ("WCSAXES", 100, None),
        ("OBJECT", 12, "12"),
        ("DATE-OBS", "10/08/05", "2005-08-10"),
        ("DATE-OBS", "10/08/95", "10/08/95"),
        ("DATE-OBS", "31/02/05", None),
        ("DATE-OBS", "2018-08-10 12:00:00 UT", "2018-08-10T12:00:00"),
        ("DATE-OBS", "2018-08-10T25:00:00", None),
        ("EXPTIME", "undefined", None),
    ],
)
def test_reserved_keywords_have_values_of_their_type(keyword, said, stands):
    image = check_card(card_text(keyword, said)).image
    assert (None if image is None else Cards(image).get(keyword)) == stands


@pytest.mark.parametrize("keyword", ["RADESYS", "RADESYSA", "SPECSYS", "SSYSOBSB"])
def test_a_choice_is_written_in_capitals_or_cannot_stand(keyword):
    choice = CHOICES[keyword if keyword in CHOICES else keyword[:-1]][0]
    assert Cards(check_card(card_text(keyword, choice.lower())).image).get(keyword) == choice
    assert check_card(card_text(keyword, "elsewhere")).image is None


@pytest.mark.parametrize("card", ["NAXISX  = 3", "CONTINUE= 1", "HIERARCH NAXIS FOO = 3", "EMPTY   ="])
def test_what_readers_take_for_the_layout_or_that_has_no_value_cannot_stand(card):
    fate = check_card(card.ljust(CARD))
    assert fate.image is None
    assert fate.why


def test_commentary_stands_but_for_its_characters():
    assert check_card("COMMENT plain".ljust(CARD)).why == ""
    fate = check_card("COMMENT Ångström".ljust(CARD))
    assert (fate.image.rstrip(), fate.why) == ("COMMENT ?ngstr?m", "characters")
