"""The value of one card, read strictly: numbers with their units, and words."""

from __future__ import annotations

import math
import re
from typing import Any

import attrs

_NUMBER = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[EeDd][-+]?\d+)?)\s*\[?([a-zA-Z]*)\]?\s*")
_NOTHING = {"", "INDEF", "N/A", "NULL", "NONE", "UNDEFINED"}
_WORDS = {
    "s": ("s", "sec", "secs", "second", "seconds"),
    "ms": ("ms", "msec", "msecs", "millisec", "millisecs", "millisecond", "milliseconds"),
    "us": ("us", "usec", "usecs", "microsec", "microsecond", "microseconds"),
    "min": ("mins", "minute", "minutes"),
    "h": ("hr", "hrs", "hour", "hours"),
    "d": ("day", "days"),
}
_ALONE = {word: unit for unit, words in _WORDS.items() for word in words} | {unit: unit for unit in _WORDS}
_ONLY_IN_BRACKETS = ("us", "s", "min", "h", "d")
"""Units that are words or letters of plain sentences too: of a comment they count in brackets, or behind "in"."""


@attrs.frozen
class Number:
    """A number and the unit written behind it, empty where there is none; NaN where the value is no number."""

    value: float
    unit: str = ""


def is_nothing(value: Any) -> bool:
    """Tell whether a card says nothing: undefined, empty, or a word for that such as IRAF's INDEF."""
    return value is None or (isinstance(value, str) and value.strip().upper() in _NOTHING)


def number(value: Any) -> Number:
    """Read a value as a number, such as 30, '060.00', '1.5D2', '30 s' or '500 ms'; NaN where it is none.

    >>> number("060.00").value, number("500 ms"), number("1,5").value, number(True).value
    (60.0, Number(value=500.0, unit='ms'), nan, nan)
    """
    if isinstance(value, str):
        found = _NUMBER.fullmatch(value)
        unit = _ALONE.get(found[2].lower(), "?") if found and found[2] else ""
        return Number(float(re.sub("[Dd]", "e", found[1])), unit) if found and unit != "?" else Number(math.nan)
    try:
        return Number(math.nan if isinstance(value, bool) else float(value))
    except (TypeError, ValueError, OverflowError):
        return Number(math.nan)


def unit_in(comment: str) -> str:
    """Give the unit of time that a comment names: s, ms, us, min, h or d; empty where it names none.

    Seconds go first: "exposure in seconds (100 days after ...)" is in seconds.

    >>> unit_in("[d] time on source"), unit_in("Exposure time minutes"), unit_in("at min. 3 ms"), unit_in("[s] days")
    ('d', 'min', 'ms', 's')
    """
    text = comment.lower()
    named = {unit for unit, words in _WORDS.items() if _names(text, unit, words)}
    first = next((unit for unit in ("s", *_WORDS) if unit in named), "")
    bracketed = re.match(r"\s*\[(\w+)\]", text)
    return _ALONE.get(bracketed[1], first) if bracketed else first


def _names(text: str, unit: str, words: tuple[str, ...]) -> bool:
    free = [word for word in words if word not in _ONLY_IN_BRACKETS]
    marked = [*words, unit]
    return bool(
        re.search(rf"(?<![\w-])(?:{'|'.join(free)})(?!\w)", text)
        or re.search(rf"(?:[\[(]\s*|\bin )(?:{'|'.join(marked)})(?!\w)(?! the)", text)
    )
