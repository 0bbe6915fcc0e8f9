"""A header that cannot change: its cards verbatim, their values read when asked."""

import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st
from observatories import text

from pipeline import Cards
from pipeline.errors import HeaderError
from pipeline.headers.cards import CARD, keyword_of

keywords = st.from_regex(r"[A-Z][A-Z0-9]{0,4}", fullmatch=True).filter(lambda word: word not in ("END", "NAXIS"))
long_keywords = st.from_regex(r"ESO( [A-Z]{3,8}){1,3}", fullmatch=True)
printable = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=90).filter(
    lambda said: "'/" not in said  # to astropy the end of a string
)
values = st.booleans() | st.integers(-(10**9), 10**9) | st.integers(-999, 999).map(lambda n: n / 8) | printable
headers = st.dictionaries(keywords | long_keywords, values, max_size=8)
lines = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=CARD).map(lambda line: line.ljust(CARD))
anything = st.lists(lines, max_size=8).map("".join).map(Cards)


# ---- laws ----


@given(headers)
def test_what_goes_in_comes_out(said):
    cards = Cards.of(said)
    for keyword, value in said.items():
        assert cards.get(keyword) == value
        assert keyword in cards
    assert cards.keywords == set(said)
    assert [card.keyword for card in cards] == list(said)


@given(headers)
def test_a_header_of_astropys_and_cards_are_the_same(said):
    cards = Cards.of(said)
    assert Cards.of(cards.to_header()) == cards
    assert Cards.read(cards.to_header().tostring().encode("latin-1")) == cards


@given(anything)
def test_whatever_stands_there_the_text_is_kept_and_cards_are_cut_from_it(cards):
    assert "".join(cards.images) == cards.text
    assert all(len(image) % CARD == 0 for image in cards.images)
    for image in cards.images:
        keyword = keyword_of(image)
        cards.get(keyword)
        cards.comment(keyword)


@given(anything, st.binary(max_size=200))
def test_a_header_ends_with_end(cards, behind):
    raw = cards.text.encode("latin-1") + b"END".ljust(CARD) + behind
    stops = [at for at in range(0, len(cards.text), CARD) if cards.text[at : at + CARD].rstrip(" \0") == "END"]
    assert Cards.read(raw).text == cards.text[: stops[0] if stops else None]


@given(headers, headers)
def test_the_hdus_cards_win_over_the_primarys(own, primary):
    both = Cards.of(own).under(Cards.of(primary))
    for keyword in {**own, **primary}:
        assert both.get(keyword) == own.get(keyword, primary.get(keyword))
    assert both.keywords == {*own, *primary}


@given(headers)
def test_an_empty_header_is_the_unit_of_under(said):
    cards = Cards.of(said)
    assert cards.under(Cards()) == Cards().under(cards) == cards


# ---- single rules ----


def test_a_silent_card_of_the_hdu_leaves_the_word_to_the_primary():
    assert Cards(text("OBJECT  = ''")).under(Cards(text("OBJECT  = 'M 31'"))).get("OBJECT") == "M 31"


def test_commentary_of_both_stays():
    both = Cards(text("COMMENT mine")).under(Cards(text("COMMENT above")))
    assert list(both.to_header()["COMMENT"]) == ["above", "mine"]


@pytest.mark.parametrize(
    ("card", "keyword"),
    [
        ("EXPTIME = 1", "EXPTIME"),
        ("EXPTIME=1", "EXPTIME"),
        ("exptime = 1", "EXPTIME"),
        ("HIERARCH ESO  DET DIT = 1", "ESO DET DIT"),
        ("TOOLONGKEY= 3", "TOOLONGKEY"),
        ("COMMENT = 'with value'", "COMMENT"),
        ("no value at all", "NO VALUE"),
        ("", ""),
    ],
)
def test_the_keyword_of_a_card(card, keyword):
    assert keyword_of(card.ljust(CARD)) == keyword


def test_the_first_card_that_says_something_is_taken():
    cards = Cards(text("GAIN    =\nGAIN    = ''\nGAIN    = 2.0\nGAIN    = 3.0"))
    assert cards.get("GAIN") == 2.0
    assert cards.get("RDNOISE", 5.0) == 5.0


def test_a_value_that_breaks_the_standard_is_given_as_it_stands():
    assert Cards("OBJECT  = M31 / unquoted".ljust(CARD)).get("OBJECT") == "M31"


def test_a_long_string_is_one_card():
    cards = Cards.of({"LONG": "x" * 100, "NEXT": 1})
    assert len(cards.images) == 2
    assert cards.get("LONG") == "x" * 100


def test_cards_are_copied_and_fresh():
    header = fits.Header({"A": 1})
    cards = Cards.of(header)
    header["A"] = 2
    cards.to_header()["A"] = 3
    assert cards.get("A") == 1
    assert Cards.of(None) == Cards()


def test_what_no_card_holds_is_refused_by_name():
    with pytest.raises(HeaderError, match=r"lst = \[1, 2\]: no card holds that"):
        Cards.of({"lst": [1, 2]})
