"""The value of one card, read strictly: numbers with their units, and words."""

from __future__ import annotations

import math
import re
from typing import Any

import attrs

_NUMBER = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[EeDd][-+]?\d+)?)\s*\[?(?:([a-zA-Zµμ]+)\.?)?\]?\s*")
_NOTHING = {"", "INDEF", "N/A", "NULL", "NONE", "UNDEFINED"}
_WORDS = {
    "s": ("s", "sec", "secs", "second", "seconds"),
    "ms": ("ms", "msec", "msecs", "millisec", "millisecs", "millisecond", "milliseconds"),
    "us": ("us", "usec", "usecs", "microsec", "microsecs", "microsecond", "microseconds"),
    "ns": ("ns", "nsec", "nsecs", "nanosec", "nanosecs", "nanosecond", "nanoseconds"),
    "cs": ("centisec", "centisecs", "centisecond", "centiseconds"),
    "min": ("mins", "minute", "minutes"),
    "h": ("hr", "hrs", "hour", "hours"),
    "d": ("day", "days"),
}
_ALONE = {word: unit for unit, words in _WORDS.items() for word in words} | {unit: unit for unit in _WORDS}
_WEAK = ("us", "s", "min", "h", "d", "cs", "ns", "second", "hour", "day")
"""Units that are words or letters of plain sentences too: of a comment they count by themselves, or clearly marked."""
_UNIT = rf"(?:{'|'.join(sorted(_ALONE, key=len, reverse=True))})\b\.?"
_STRONG = rf"(?:{'|'.join(word for word in sorted(_ALONE, key=len, reverse=True) if word not in _WEAK)})\b\.?"
_MARKED = (  # compiled by re when the first comment is read: these two take 4 ms
    rf"[\[(]\s*(?:in )?(?P<a>{_UNIT})(?=\s*[\]),;:])|\bin (?:units of )?(?P<b>{_UNIT})(?! the|-)"
    rf"|(?:^|[,;:])\s*(?P<c>{_UNIT})\s*(?=[,;:]|$)|^\s*(?P<d>{_STRONG})(?! (?:after|before|since|past)\b)"
)
_LAST = rf"(?P<before>[^\s,;:()\[\]]+)\s+(?:(?P<strong>{_STRONG})|(?P<weak>{_UNIT}))$"
_TIMES = ("time", "exposure", "exptime", "integration", "duration")
_NOT_UNITS = (
    "the",
    "per",
    "of",
    "each",
    "a",
    "an",
    "this",
    "every",
    "or",
    "and",
    "since",
    "after",
    "before",
    "ut",
    "utc",
)
_FRACTIONS = {"10": "", "100": "centisec", "1000": "ms", "1000000": "us", "1000000000": "ns"}


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
        unit = _ALONE.get(_plain(found[2]), "?") if found and found[2] else ""
        return Number(float(re.sub("[Dd]", "e", found[1])), unit) if found and unit != "?" else Number(math.nan)
    try:
        return Number(math.nan if isinstance(value, bool) else float(value))
    except (TypeError, ValueError, OverflowError):
        return Number(math.nan)


def unit_in(comment: str) -> str:
    """Give the unit of time that a comment names: s, cs, ms, us, ns, min, h or d; empty where it names none.

    It counts in brackets, behind "in", by itself, or as the last word; not behind a number, which makes it the length
    of something: "exposure (shutter delay 20 ms)".  One in square brackets goes first, then seconds.

    >>> unit_in("[d] time on source"), unit_in("Exposure time minutes"), unit_in("delay 3 ms"), unit_in("[s] (days)")
    ('d', 'min', '', 's')
    """
    return next(iter(units_in(comment)), "")


def units_in(comment: str) -> tuple[str, ...]:
    """Give all units of time that a comment names, the one that counts first."""
    text = _plain(comment)
    named = [_ALONE[word.rstrip(".")] for word in _named(text)]
    bracketed = [_ALONE[word] for word in re.findall(r"\[\s*(\w+)\s*\]", text) if word in _ALONE]
    first = [*bracketed, *(unit for unit in ("s", *_WORDS) if unit in named)]
    return tuple(dict.fromkeys(first))


def stranger_in(comment: str) -> str:
    """Give the word in square brackets that should be a unit and is none that we know; empty where there is none."""
    found = re.search(r"\[\s*([a-z]\w{0,11})\s*\]", _plain(comment))
    return found[1] if found and found[1] not in _ALONE else ""


def _plain(comment: str) -> str:
    """Give a comment in small letters, with every spelling of a unit of time in one word."""
    text = re.sub("â?µ|î¼|μ", "u", comment.strip().lower())  # UTF-8 taken for Latin-1 too
    text = re.sub(r"\b(milli|micro|nano|centi)[\s-]+(?=s(?:ec|econd)s?\b)", r"\1", text)
    return re.sub(
        r"(?<=[\[(])\s*1/(10+)\s*(?:s|secs?|seconds?)\b|(?<=\bin )1/(10+)\s*(?:s|secs?|seconds?)\b",
        lambda found: _FRACTIONS.get(found[1] or found[2], "") or found[0],
        text,
    )


def _named(text: str) -> list[str]:
    """Give the words of a comment that stand as units of time."""
    words = [word for found in re.finditer(_MARKED, text) for word in found.groups() if word]
    clause = re.sub(r"\s*[\[(][^\[(]*[\])]\s*$", "", text.partition(";")[0]).strip()
    last = re.search(_LAST, clause)
    if last and not re.search(r"\d$", last["before"]) and last["before"] not in _NOT_UNITS:
        words += [last["strong"]] if last["strong"] else [last["weak"]] if last["before"] in _TIMES else []
    return words
