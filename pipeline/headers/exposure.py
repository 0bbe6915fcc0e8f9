"""For how long an image was exposed, as its header says.

Headers give the exposure under some fifty keywords and in units from microseconds to days.  What is read here comes
with the card that says it, and with what contradicts it.
"""

from __future__ import annotations

import math
import re
from itertools import product

import attrs

from pipeline.errors import HeaderError, SettingError
from pipeline.headers import keyword_tables as tables
from pipeline.headers.cards import Cards
from pipeline.headers.keyword_tables import Elsewhere, Key
from pipeline.headers.values import is_nothing, number, stranger_in, unit_in, units_in

_COUNTS = re.compile(
    r"\bexp(?:osure|\.)? ?(?:#|number|no\b|num\b|id\b|index|count)|\b(?:number|count) of exp|^number\b"
)
"""A comment that tells that the card counts exposures instead of measuring one."""


@attrs.frozen
class Reading:
    """A number that a header gives: in the unit of its table, with the card it comes from.

    ``note`` says what else the header says, where cards that should agree do not.
    """

    value: float
    card: str
    note: str = ""


def exposure(*headers: Cards, keyword: str | None = None) -> float | None:
    """Give the exposure in seconds; None where no card says it.  See :func:`exposure_reading`."""
    reading = exposure_reading(*headers, keyword=keyword)
    return None if reading is None else reading.value


def exposure_reading(*headers: Cards, keyword: str | None = None) -> Reading | None:
    """Give the exposure in seconds and the card that says it; None where no card does.

    The first header with any card of the table is believed, in it the first card of the table: the science HDU's
    header comes first, then the primary one.  Cards of one header that mean the same and differ by more than 1 %
    are told of, and those of the other headers, in the reading's note; so are units of which it is not sure.

    :param headers: in the order in which they are believed.
    :param keyword: where to look first, such as ``MYEXP``, or ``MYEXP [ms]`` where it is not in seconds.
    :raises HeaderError: a card is there and is not a number of seconds from 0.
    """
    own = [parse_exposure_key(keyword)] if keyword else []
    for keys in (own, tables.EXPOSURE):
        for cards in headers:
            for key in keys:
                seconds = _exposure_of(cards, key)
                if seconds is not None:
                    notes = (_disagreement(cards, key, seconds, headers), _doubt(cards, key))
                    return Reading(seconds, key.keyword, "; ".join(note for note in notes if note))
    return None


def parse_exposure_key(keyword: str) -> Key:
    """Read what a user says of the exposure's keyword: ``KEY`` or ``KEY [unit]``.

    :raises SettingError: it is neither.
    """
    found = re.fullmatch(r"\s*(?:HIERARCH\s+)?([^][]+?)\s*(?:\[(\w+)\])?\s*", keyword)
    if not found or (found[2] or "s") not in tables.SECONDS:
        units = ", ".join(tables.SECONDS)
        raise SettingError(f"exposure key {keyword!r}; expected KEY, or KEY [unit] with a unit of {units}")
    return Key(found[1], found[2] or "", alike=True)


def _exposure_of(cards: Cards, key: Key) -> float | None:
    value = cards.get(key.keyword)
    if is_nothing(value) or not _means_it(cards, key):
        return None
    read = number(value)
    count = next((number(cards.get(times)).value for times in key.times if not is_nothing(cards.get(times))), 1.0)
    seconds = read.value * tables.SECONDS[read.unit or _unit_of_time(cards, key)] * (count if count > 0 else 1.0)
    if not 0 <= seconds < math.inf:
        raise HeaderError(f"{key.keyword} = {value!r}; expected an exposure in seconds, a number from 0")
    return seconds


def _unit_of_time(cards: Cards, key: Key) -> str:
    """Give the unit of a card: what its comment says, what another card gives away, or the table's."""
    return unit_in(cards.comment(key.keyword)) or next(
        (trap.unit for trap in tables.EXPOSURE_ELSEWHERE if trap.keyword == key.keyword and _holds(cards, trap)),
        key.unit or "s",
    )


def _holds(cards: Cards, trap: Elsewhere) -> bool:
    said = str(cards.get(trap.card, "")).strip().upper()
    return bool(said) and (not trap.words or said in (word.upper() for word in trap.words))


def _means_it(cards: Cards, key: Key) -> bool:
    comment = cards.comment(key.keyword).lower()
    return key.says in comment and not _COUNTS.search(comment)


def _doubt(cards: Cards, key: Key) -> str:
    """Say in which unit an exposure was taken, where its comment names several, or one that nobody knows."""
    comment = cards.comment(key.keyword)
    several, stranger = units_in(comment), stranger_in(comment)
    if number(cards.get(key.keyword)).unit or not (len(several) > 1 or stranger):
        return ""
    said = f"names the units {' and '.join(several)}" if len(several) > 1 else f"names the unknown unit [{stranger}]"
    return f"the comment of {key.keyword}, {comment!r}, {said}; taken to be in {_unit_of_time(cards, key)}"


def _disagreement(cards: Cards, chosen: Key, seconds: float, headers: tuple[Cards, ...]) -> str:
    """Say which cards of the same meaning have another value than the one that was chosen."""
    others = []
    for key, header in product(tables.EXPOSURE if chosen.alike else (), headers):
        try:
            same = header is cards and key.keyword == chosen.keyword
            other = _exposure_of(header, key) if key.alike and not same else None
        except HeaderError:
            other = math.nan
        if other is not None and not math.isclose(other, seconds, rel_tol=0.01, abs_tol=1e-3):
            where = "" if header is cards else " in the other header"
            others.append(f"{key.keyword} = {header.get(key.keyword)}{where}")
    if not others:
        return ""
    return f"{chosen.keyword} = {cards.get(chosen.keyword)} but {', '.join(others)}; the exposure is {chosen.keyword}'s"
