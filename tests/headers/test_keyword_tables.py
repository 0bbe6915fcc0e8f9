"""The tables of keywords: each keyword once, units that are known, and what one table owes another."""

import re

import pytest

from pipeline.headers import keyword_tables as tables
from pipeline.headers.keyword_tables import SECONDS, Key

KEYS = {name: table for name, table in vars(tables).items() if isinstance(table, tuple) and isinstance(table[0], Key)}
TOGETHER = {
    name: table
    for name, table in vars(tables).items()
    if isinstance(table, tuple) and isinstance(table[0], tuple) and name != "KIND_WORDS"
}
WORDS = {
    name: table
    for name, table in vars(tables).items()
    if isinstance(table, tuple) and isinstance(table[0], str) and not name.startswith("AMPLIFIER")
}


def words_of(name):
    """Give the keywords of a table, whatever its form."""
    if name in KEYS:
        return [key.keyword for key in KEYS[name]]
    return [word for group in TOGETHER[name] for word in group] if name in TOGETHER else list(WORDS[name])


@pytest.mark.parametrize("name", sorted({*KEYS, *TOGETHER, *WORDS}))
def test_every_keyword_is_in_its_table_once_and_can_stand_in_a_header(name):
    words = words_of(name)
    assert len(words) == len(set(words))
    for word in words:
        assert re.fullmatch(r"[A-Z0-9_-]{1,8}|[A-Z0-9_-]+( [A-Z0-9_-]+)+", word), word


def test_all_tables_are_seen():
    assert {"EXPOSURE", "GAIN", "READ_NOISE", "TEMPERATURE"} <= set(KEYS)
    assert {"FILTER", "BINNING", "SLIT", "DISPERSER"} <= set(TOGETHER)
    assert {"SATURATION", "IMAGE_TYPE", "DISPERSION", "GAIN_AS_SET"} <= set(WORDS)


def test_exposures_have_units_of_time_and_none_of_what_is_no_exposure():
    names = words_of("EXPOSURE")
    assert not {"DARKTIME", "TEXPTIME", "TELAPSE", "SHUTTIME", "LIVETIME", "SUBEXP"} & set(names)
    assert {key.unit for key in tables.EXPOSURE} <= set(SECONDS)


def test_units_that_another_card_gives_away_are_of_keywords_of_the_table():
    for trap in tables.EXPOSURE_ELSEWHERE:
        assert trap.keyword in words_of("EXPOSURE")
        assert trap.unit in SECONDS


def test_gains_as_set_are_gains():
    assert set(tables.GAIN_AS_SET) <= set(words_of("GAIN"))


def test_cards_of_one_amplifier_are_no_cards_of_the_frame():
    """What is written for each amplifier of a product is not read as the whole frame's."""
    named = [
        pattern.format(name)
        for table in (tables.AMPLIFIER_GAIN, tables.AMPLIFIER_READ_NOISE, tables.AMPLIFIER_SATURATION)
        for pattern in table
        for name in ("A", "2", "11")
        if not pattern.startswith("ESO")
    ]
    frame = {*words_of("GAIN"), *words_of("READ_NOISE"), *words_of("SATURATION")}
    assert not frame & set(named)


def test_kinds_begin_with_words_in_small_letters():
    assert [kind for kind, _ in tables.KIND_WORDS] == ["bias", "flat", "arc", "dark", "light"]
    assert all(word == word.lower() for _, words in tables.KIND_WORDS for word in words)
