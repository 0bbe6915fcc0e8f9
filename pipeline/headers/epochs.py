"""When an exposure began and ended, as its header says, and what becomes of such cards where exposures are combined.

Headers give an epoch as a date with a time, as a date in one card and the time in another, in old forms, and as days:
MJD, JD.  All of them are taken to be of one time scale, the header's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TypeAlias

from pipeline.headers.cards import Cards
from pipeline.headers.values import number

BEGIN = ("DATE-BEG", "DATE-OBS", "DATE_OBS", "DATEOBS", "UTSHUT")
"""When the exposure began: a date and a time."""

END = ("DATE-END",)
"""When it ended."""

DATES = (*BEGIN, "UTDATE", "UT-DATE", "UTC-DATE", "OBSDATE", "OBS-DATE")
"""The day on which it began, where the time stands in a card of its own."""

TIMES = ("TIME-OBS", "TIME-BEG", "UTSTART", "UT-START", "UT_START", "UTC-OBS", "UT-OBS", "UTC-BEG", "EXPUTST", "UT",
         "UTC", "UTTIME", "UT-TIME", "OBSTIME")  # fmt: skip
"""The time at which it began."""

DAYS = ("MJD-BEG", "MJD-OBS", "MJD-STR", "MJD", "OBSMJD", "EXPSTART", "JD-BEG", "JD-OBS", "OBSJD", "JD")
"""When it began, in days: MJD, or JD, which is above 2,000,000."""

OF_THE_MIDDLE = ("MJD-AVG", "MJD-MID", "MJDMID", "MJD_MID", "MIDMJD", "MJDAVG", "MIDJD", "JD-AVG", "JD-MID", "JDMID",
                 "JD_MID", "JDAVG", "MID-JD", "TMID", "DATE-AVG", "DATE-MID", "DATEMID", "UT-MID", "UTMID", "UTMIDDLE",
                 "TIME-MID", "UTC-MID")  # fmt: skip
OF_THE_END = ("MJD-END", "MJDEND", "MJD_END", "JD-END", "JDEND", "JD_END", "EXPEND", "DATE-END", "TIME-END", "UTEND",
              "UT-END", "UT_END", "UTSTOP", "UTC-END", "EXPUTEND")  # fmt: skip
_ALSO_DAYS = ("EXPSTART", "EXPEND", "TMID")
AT_THE_SUN = re.compile(r"([HB]JD|MJD[HB])([-_].*)?|(H|B)MJD.*|JD-HELIO|JD_HELIO|JD-BARY|TDB.*|BTJD.*")
"""Cards of an epoch as seen from the Sun or its centre of mass: how far that is off follows the place on the sky."""

EARLIEST = 40
"""Two-digit years from this are of the 1900s: scans of plates are as old, and cameras younger."""

_DATE = re.compile(r"(\d{4})[-/.](\d\d?)[-/.](\d\d?)|(\d\d?)/(\d\d?)/(\d{4}|\d\d)")
_TIME = re.compile(r"(\d\d?):(\d\d)(?::(\d\d(?:\.\d*)?))?(?:\s*(?:Z|UTC?))?", re.IGNORECASE)
_OF_OTHER_SIGNS = re.compile(r"^(\d{4})[/.](\d\d)[/.](\d\d)(?=[T ])")
_UNIVERSAL = re.compile(r"(?<=\d)\s*UTC?$")
_DATE_AND_TIME = re.compile(r"\d{4}-\d\d-\d\d(T| +)\d")
_ZERO = datetime(1858, 11, 17)
"""Where MJD begins, in the time scale of the header."""
_JD = 2_400_000.5


def begin(cards: Cards) -> datetime | None:
    """Give the time at which the exposure began; None where no cards say it."""
    return _time(cards, BEGIN) or _of_two_cards(cards) or _of_days(cards)


def day(cards: Cards) -> float | None:
    """Give the MJD at which the exposure began, to be compared with others'; None where no cards say it.

    DATE-OBS goes first: every observatory writes it.
    """
    start = (
        _time(cards, ("DATE-OBS",))
        or begin(cards)
        or next((date for keyword in DATES if (date := _day(str(cards.get(keyword))))), None)
    )
    return None if start is None else (start - _ZERO) / timedelta(days=1)


def end(cards: Cards, seconds: float | None) -> datetime | None:
    """Give the time at which the exposure ended: what the header says, or else its beginning and the exposure."""
    start = begin(cards)
    try:
        return _time(cards, END) or (start + timedelta(seconds=seconds or 0) if start else None)
    except OverflowError:
        return None


def date_said(cards: Cards) -> str:
    """Give the card that should say when the exposure began, such as ``DATE-OBS = 2020-01-14``; empty where none is."""
    keyword = next((keyword for keyword in DATES if cards.get(keyword) is not None), "")
    return f"{keyword} = {cards.get(keyword)}" if keyword else ""


def days_apart(cards: Cards) -> Iterator[tuple[str, str, float]]:
    """Give the cards that say the beginning in days, the card of the date, and by how many days they are later.

    What a number is rounded to counts as no difference.
    """
    written = cards.text.upper()
    said = [days for days in DAYS if days in written]  # few are: looking for cards takes longer
    dated = next(((keyword, date) for keyword in BEGIN if said and (date := _time(cards, (keyword,)))), None)
    if dated is None:
        return
    keyword, date = dated
    for days in said:
        moment = number(cards.get(days)).value
        if 10_000 < moment < 3_000_000:
            later = moment - (_JD if moment > _JD else 0) - (date - _ZERO) / timedelta(days=1)
            digits = len(f"{moment!r}".rstrip("0").partition(".")[2])
            if abs(later) > 10.0**-digits:
                yield days, keyword, later


Span: TypeAlias = tuple[datetime | None, datetime | None]


def moved(cards: Cards, of_first: Span, of_all: Span) -> dict[str, object]:
    """Give what becomes of the cards of a first exposure where the combination begins or ends at other times.

    A card that says the beginning, the middle or the end follows, in whatever form and time scale it is written; one
    that cannot follow goes, and so do those of the middle and the end where the times are not known.

    :param of_first: when the first exposure began and ended.
    :param of_all: when the first of all began, and the last ended.
    :return: by keyword, the new value, or None for a card that is to go.
    """
    begins, ends = (there - here if here and there else None for here, there in zip(of_first, of_all, strict=True))
    if begins is None or ends is None:
        changed: dict[str, timedelta | None] = dict.fromkeys((*OF_THE_MIDDLE, *OF_THE_END))
    else:
        changed = dict.fromkeys((*DATES, *TIMES, *DAYS), begins)
        changed |= dict.fromkeys(OF_THE_MIDDLE, (begins + ends) / 2) | dict.fromkeys(OF_THE_END, ends)
    stale = {keyword for keyword in cards.keywords if AT_THE_SUN.fullmatch(keyword)} if begins or ends else set()
    followed = {
        keyword: None if later is None else _later(cards, keyword, later)
        for keyword, later in changed.items()
        if keyword in cards.keywords and later != timedelta(0) and cards.get(keyword) is not None
    }
    return followed | dict.fromkeys(stale)


def _later(cards: Cards, keyword: str, later: timedelta) -> object:
    """Give the value of a card that says an epoch, moved; None where it cannot be."""
    value = cards.get(keyword)
    days = number(value).value
    if 10_000 < days < 3_000_000 and ("JD" in keyword or keyword in _ALSO_DAYS):
        return days + later / timedelta(days=1)
    if _time(cards, (keyword,)):
        return _iso(_time(cards, (keyword,)), later)
    start = begin(cards)
    if isinstance(value, str) and _DATE.fullmatch(value.strip()):
        return (start + later).date().isoformat() if start else None
    if isinstance(value, str) and (clock := _clock(value)) is not None:
        return (_ZERO + clock + later).time().isoformat(timespec="milliseconds")
    return None


def _iso(moment: datetime | None, later: timedelta) -> str | None:
    return (moment + later).isoformat(timespec="milliseconds") if moment else None


def _of_two_cards(cards: Cards) -> datetime | None:
    """Put together a date and a time that stand in cards of their own."""
    day = next((day for keyword in DATES if (day := _day(str(cards.get(keyword))))), None)
    time = next((time for keyword in TIMES if (time := _clock(str(cards.get(keyword)))) is not None), None)
    return day + time if day and time is not None else None


def _day(text: str) -> datetime | None:
    found = _DATE.fullmatch(text.strip())
    if not found:
        return None
    year, month, day = (int(part) for part in (found.group(1, 2, 3) if found[1] else found.group(6, 5, 4)))
    if not found[1] and len(found[6]) == 2:
        year += 1900 if year >= EARLIEST else 2000
    try:
        return datetime(year, month, day)
    except ValueError:
        return None


def _clock(text: str) -> timedelta | None:
    """Read a time of the day."""
    found = _TIME.fullmatch(text.strip())
    time = timedelta(hours=int(found[1]), minutes=int(found[2]), seconds=float(found[3] or 0)) if found else None
    return time if time is not None and time < timedelta(days=1) else None


def _of_days(cards: Cards) -> datetime | None:
    """Read MJD or JD, where it says more than the day."""
    for keyword in DAYS:
        days = number(cards.get(keyword)).value
        days -= _JD if days > _JD else 0
        if 10_000 < days < 100_000 and days % 1:
            return _ZERO + timedelta(days=days)
    return None


def _time(cards: Cards, keys: tuple[str, ...]) -> datetime | None:
    """Read the first of some cards that gives a date and a time."""
    return next((time for key in keys if (time := _moment(str(cards.get(key))))), None)


@lru_cache(maxsize=256)
def _moment(text: str) -> datetime | None:
    """Read a date and a time of one card; the same ones are asked for again and again."""
    written = _OF_OTHER_SIGNS.sub(r"\1-\2-\3", _UNIVERSAL.sub("", text.strip()))
    if not _DATE_AND_TIME.match(written):
        return None
    written = re.sub(r"^(.{10}) +", r"\1T", written)
    leap = re.fullmatch(r"(.*T\d\d:\d\d:)60(\.\d*)?(.*)", written)  # which datetime does not know
    try:
        time = datetime.fromisoformat(f"{leap[1]}59{leap[2] or ''}{leap[3]}" if leap else written)
        later = time + timedelta(seconds=1) if leap else time
        return (later.astimezone(UTC) if later.tzinfo else later).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return None
