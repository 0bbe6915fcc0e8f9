"""What the FITS standard (4.0) asks of one card, and how a card that breaks it is mended."""

from __future__ import annotations

import math
import re
from datetime import date
from typing import Any

import attrs
from astropy.io import fits

from pipeline.headers.cards import CARD, COMMENTARY, Cards, keyword_of
from pipeline.headers.quiet import quiet
from pipeline.headers.values import is_nothing, number

_STRING = r"'(?:[^']|'')*'"
_REAL = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[ED][+-]?\d+)?"
_VALUE = rf"(?:{_STRING}|[TF]|{_REAL}|\( *{_REAL} *, *{_REAL} *\))"
_END = r" *(?:/.*)?"
_STANDING = re.compile(
    rf"(?:[A-Z0-9_-]{{1,8}} *(?<=^.{{8}})= |HIERARCH +[A-Z0-9_-]+(?: +[A-Z0-9_-]+)* *= *) *{_VALUE}{_END}"
)
_WITHOUT = re.compile(rf"(?:[A-Z0-9_-]{{1,8}} *(?<=^.{{8}})=(?: |$)|HIERARCH .*=) *{_END}")
_GOES_ON = re.compile(rf"CONTINUE  *{_STRING}{_END}")
_CONFUSING = re.compile("NAXIS.*|CONTINUE.*|HIERARCH")
"""Keywords that readers take for the layout of the file."""
_NAME = re.compile(r"[A-Z0-9_-]+( [A-Z0-9_-]+)*")
_ALLOWED = re.compile("[ -~]*")

_ALTERNATE = r"[A-Z]?"
STRINGS = re.compile(
    "AUTHOR|INSTRUME|OBJECT|OBSERVER|ORIGIN|REFERENC|TELESCOP|TIMESYS|RADECSYS|PS\\d+_\\d+[A-Z]?|"
    f"(?:CTYPE|CUNIT|CNAME)\\d+{_ALTERNATE}|(?:WCSNAME|RADESYS|SPECSYS|SSYSOBS|SSYSSRC){_ALTERNATE}"
)
NUMBERS = re.compile(
    "EPOCH|MJD-OBS|MJD-AVG|RESTFREQ|OBSGEO-[XYZ]|"
    f"(?:CRPIX|CRVAL|CDELT|CROTA|CRDER|CSYER)\\d+{_ALTERNATE}|(?:PC|CD|PV)\\d+_\\d+{_ALTERNATE}|"
    f"(?:EQUINOX|LONPOLE|LATPOLE|RESTFRQ|RESTWAV|VELANGL|VELOSYS|ZSOURCE|WCSAXES){_ALTERNATE}"
)
CHOICES = {
    "RADECSYS": ("ICRS", "FK5", "FK4", "FK4-NO-E", "GAPPT"),
    "RADESYS": ("ICRS", "FK5", "FK4", "FK4-NO-E", "GAPPT"),
    **dict.fromkeys(
        ("SPECSYS", "SSYSOBS", "SSYSSRC"),
        ("TOPOCENT", "GEOCENTR", "BARYCENT", "HELIOCEN", "LSRK", "LSRD", "GALACTOC", "LOCALGRP", "CMBDIPOL", "SOURCE"),
    ),
}
"""Values that the standard allows where it gives a list."""

_EXPOSURES = ("EXPTIME", "EXPOSURE", "XPOSURE")
"""Of which a word for nothing, such as 'undefined', cannot stand: readers expect a number."""

_DATES = re.compile("DATE[A-Z0-9_-]{0,4}")
_NEW_STYLE = re.compile(
    r"[12]\d{3}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])(T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d*)?)?"
)
_OLD_STYLE = re.compile(r"(0[1-9]|[12]\d|3[01])/(0[1-9]|1[0-2])/(\d\d)")
MOST_AXES = 99
"""Their number has two digits."""

OLDEST = 11
"""Two-digit years below this are of the 2000s: no CCD is as old as 1910."""


@attrs.frozen
class Fate:
    """What becomes of a raw card: the text that stands in its place, or none; and why, if it is not as it was."""

    image: str | None
    why: str = ""


def check_card(image: str) -> Fate:
    """Judge one card of a raw header by itself: it stands as it is, is mended, or cannot stand."""
    head = image[:8].upper().rstrip()  # of whatever Python takes for a blank
    if head in COMMENTARY:
        plain = _ALLOWED.fullmatch(image)
        return Fate(image) if plain else Fate(head.ljust(8) + printable(image[8:]), "characters")
    name = keyword_of(image)
    if _CONFUSING.fullmatch(name):
        return Fate(None, "breaks the standard")
    if _WITHOUT.fullmatch(image.rstrip()) or (name in _EXPOSURES and is_nothing(Cards(image).get(name))):
        return Fate(None, "no value")
    if image.startswith("HIERARCH ") and any(names.fullmatch(name) for names in (NUMBERS, STRINGS)):
        return _typed(_rebuilt(image))  # readers see through it
    return _typed(Fate(image) if _stands(image) else _rebuilt(image))


def printable(text: str) -> str:
    """Write a text in the characters that FITS knows, 32 to 126."""
    swapped = text.replace("σ", "sigma").replace("×", "x").replace("−", "-").replace("µ", "u").replace("μ", "u")
    return "".join(c if " " <= c <= "~" else "?" for c in swapped)


def _stands(image: str) -> bool:
    first, *others = (image[at : at + CARD].rstrip() for at in range(0, len(image), CARD))
    return bool(
        _ALLOWED.fullmatch(image) and _STANDING.fullmatch(first) and all(_GOES_ON.fullmatch(other) for other in others)
    )


def _rebuilt(image: str) -> Fate:
    """Write a card anew from what can be read of it."""
    keyword = printable(keyword_of(image))
    if not _NAME.fullmatch(keyword) or _CONFUSING.fullmatch(keyword):
        return Fate(None, "breaks the standard")
    cards = Cards(printable(image))
    value, comment = cards.get(keyword), cards.comment(keyword)
    if value is None:
        return Fate(None, "breaks the standard")
    if isinstance(value, str):
        value = value.strip().strip("'")
    new = card_text(keyword, value, comment)
    return Fate(new, "written anew") if new and _stands(new) else Fate(None, "breaks the standard")


def card_text(keyword: str, value: Any, comment: str = "") -> str:
    """Write a card; empty where that cannot be."""
    name = keyword if len(keyword) <= 8 and " " not in keyword else f"HIERARCH {keyword}"
    try:
        with quiet():
            return str(fits.Card(name, value, comment))
    except (ValueError, fits.VerifyError):
        return ""


def _typed(fate: Fate) -> Fate:
    """See that a reserved keyword has a value of its type: mend what is clear, give up the rest."""
    if fate.image is None:
        return fate
    keyword, cards = keyword_of(fate.image), Cards(fate.image)
    value = cards.get(keyword, "")
    right: Any = value
    if NUMBERS.fullmatch(keyword):
        right = _as_number(keyword, value)
    elif STRINGS.fullmatch(keyword):
        text = value if isinstance(value, str) else fate.image[10:CARD].split("/")[0].strip()
        right = _as_choice(keyword, text)
    elif _DATES.fullmatch(keyword):
        right = _as_date(value)
    if right is None:
        return Fate(None, "no such value")
    if right is value:
        return fate
    new = card_text(keyword, right, cards.comment(keyword))
    return Fate(new, "written anew") if new else Fate(None, "no such value")


def _as_number(keyword: str, value: Any) -> Any:
    read = number(value)
    if isinstance(value, bool) or not math.isfinite(read.value) or read.unit:
        return None
    if keyword.startswith("WCSAXES"):
        return int(read.value) if read.value in range(MOST_AXES + 1) else None
    if keyword.startswith("CDELT") and read.value == 0:
        return None
    if keyword.startswith(("CRDER", "CSYER")) and read.value < 0:
        return None
    return value if isinstance(value, int | float) else read.value


def _as_choice(keyword: str, value: str) -> str | None:
    choices = CHOICES.get(keyword if keyword in CHOICES else keyword[:-1])
    if choices is None or value.strip() in choices:
        return value
    return value.strip().upper() if value.strip().upper() in choices else None


def _as_date(value: Any) -> str | None:
    """Give a date in the standard's form, or None.  Old ones are dd/mm/yy, of the 1900s if a CCD can be as old."""
    if not isinstance(value, str):
        return None
    text = value.strip()
    old = _OLD_STYLE.fullmatch(text)
    if (_NEW_STYLE.fullmatch(text) and _day(*text[:10].split("-"))) or (
        old and int(old[3]) >= OLDEST and _day(f"19{old[3]}", old[2], old[1])
    ):
        return value
    found = re.fullmatch(r"(\d{4})[-/.](\d\d?)[-/.](\d\d?)(?:[ T]+(\d\d:\d\d:\d\d(?:\.\d*)?))?\s*(?:Z|UTC?)?", text)
    parts = ("20" + old[3], old[2], old[1], "") if old else found.groups() if found else ("0", "0", "0", "")
    day = _day(*parts[:3])
    mended = f"{day}T{parts[3]}" if day and parts[3] else day
    return mended if _NEW_STYLE.fullmatch(mended) else None


def _day(year: str, month: str, day: str) -> str:
    """Give a day of the calendar in the standard's form; empty where there is no such day."""
    try:
        return date(int(year), int(month), int(day)).isoformat()
    except ValueError:
        return ""
