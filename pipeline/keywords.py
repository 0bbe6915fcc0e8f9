"""What a header says: exposure, gain, read noise, saturation, dates, sections, and what was done before."""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta
from typing import Any

from pipeline.cards import Cards
from pipeline.errors import HeaderError
from pipeline.state import State

EXPOSURE = ("EXPTIME", "EXPOSURE", "XPOSURE", "EXP_TIME", "ITIME", "ESO DET WIN1 DIT1")
"""Exposure in seconds, the first that is there; not DARKTIME, which is 0 or far larger on many cameras."""

SATURATION = ("SATURATE",)
BEGIN = ("DATE-BEG", "DATE-OBS")
END = ("DATE-END",)

DONE = {
    "overscan": ("L1STATOV", "OVERSCAN"),
    "trimmed": ("L1STATTR", "TRIM"),
    "bias": ("L1STATZE", "ZEROCOR"),
    "dark": ("L1STATDA", "DARKCOR"),
    "flat": ("L1STATFL", "FLATCOR"),
}
"""Cards that say that a step has been done: the Liverpool Telescope's (1 is done; 0 and −1 are not), then IRAF's
(true, or a sentence)."""

RESPONSE = "RESPONSE"
"""Our own card for a finished flat: values without unit, of mean 1."""

UNITS = dict.fromkeys(("adu", "adus", "count", "counts", "dn"), "adu") | dict.fromkeys(
    ("electron", "electrons", "e-", "e"), "electron"
)

_NOT_DONE = {"", "F", "FALSE", "N", "NO", "NONE", "0", "-1", "OMIT", "PERFORM", "SKIPPED", "UNKNOWN"}
_NUMBER = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[EeDd][-+]?\d+)?)\s*(?:s|sec|secs|second|seconds)?\s*")


def exposure(cards: Cards, keyword: str | None = None) -> float | None:
    """Give the exposure in seconds; None where no card says it.

    :param keyword: where to look first.
    :raises HeaderError: a card is there and is not a number of seconds from 0.
    """
    for key in (*([keyword] if keyword else []), *EXPOSURE):
        value = cards.get(key)
        if value is not None:
            return _seconds(key, value)
    return None


def _seconds(keyword: str, value: Any) -> float:
    text = _NUMBER.fullmatch(value) if isinstance(value, str) else None
    number = re.sub("[Dd]", "e", text[1]) if text else value
    try:
        seconds = math.nan if isinstance(value, bool) else float(number)
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise HeaderError(f"{keyword} = {value!r}; expected an exposure in seconds, a number from 0")
    return seconds


def saturation(cards: Cards) -> float | None:
    """Give the level in ADU from which raw values are saturated; None where no card says it."""
    values = [cards.get(key) for key in SATURATION]
    levels = [float(v) for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    return next((level for level in levels if level > 0), None)


def begin(cards: Cards) -> datetime | None:
    """Give the time at which the exposure began; None where no card says it in the FITS form."""
    return _time(cards, BEGIN)


def end(cards: Cards, seconds: float | None) -> datetime | None:
    """Give the time at which the exposure ended: what the header says, or else its beginning and the exposure."""
    start = begin(cards)
    try:
        return _time(cards, END) or (start + timedelta(seconds=seconds or 0) if start else None)
    except OverflowError:
        return None


def _time(cards: Cards, keys: tuple[str, ...]) -> datetime | None:
    for text in (str(cards.get(key)).strip() for key in keys):
        if re.match(r"\d{4}-\d\d-\d\dT\d", text):
            try:
                return datetime.fromisoformat(text).replace(tzinfo=None)
            except ValueError:
                continue
    return None


def section(cards: Cards, keyword: str) -> tuple[slice, slice] | None:
    """Give a section card such as ``[1:2048,1:350]`` as (rows, columns) counted from 0; None where there is none.

    :raises HeaderError: the card is there and is no section.
    """
    value = cards.get(keyword)
    if value is None or str(value).strip().upper() in _NOT_DONE:
        return None
    found = re.fullmatch(r"\s*\[\s*(\d+)\s*:\s*(\d+)\s*,\s*(\d+)\s*:\s*(\d+)\s*\]\s*", str(value))
    x1, x2, y1, y2 = (int(number) for number in found.groups()) if found else (0, 0, 0, 0)
    if not (1 <= x1 <= x2 and 1 <= y1 <= y2):
        raise HeaderError(f"{keyword} = {value!r}; expected a section such as [1:2048,1:350], columns first")
    return slice(y1 - 1, y2), slice(x1 - 1, x2)


def state(cards: Cards) -> State:
    """Tell what the header says has been done to the image, with the card that says so."""
    if cards.get(RESPONSE) is True:
        by = f"{RESPONSE} = T"
        return State(overscan=by, bias=by, dark=by, unit="")
    done = {step: next((_said(cards, key) for key in keys if _said(cards, key)), "") for step, keys in DONE.items()}
    unit = str(cards.get("BUNIT", "adu")).strip()
    return State(**done, unit=UNITS.get(unit.lower(), unit))


def _said(cards: Cards, keyword: str) -> str:
    value = cards.get(keyword)
    if keyword.startswith("L1STAT"):
        done = value == 1 and not isinstance(value, bool)
    else:
        done = value is True or (isinstance(value, str) and value.strip().upper() not in _NOT_DONE)
    return f"{keyword} = {'T' if value is True else value}" if done else ""
