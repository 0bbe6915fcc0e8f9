"""When the exposure began and ended, as a header says."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from pipeline.headers.cards import Cards

BEGIN = ("DATE-BEG", "DATE-OBS")
END = ("DATE-END",)


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
            leap = re.fullmatch(r"(.*T\d\d:\d\d:)60(\.\d*)?(.*)", text)  # which datetime does not know
            try:
                time = datetime.fromisoformat(f"{leap[1]}59{leap[2] or ''}{leap[3]}" if leap else text)
                moved = time + timedelta(seconds=1) if leap else time
                return (moved.astimezone(UTC) if moved.tzinfo else moved).replace(tzinfo=None)
            except (ValueError, OverflowError):
                continue
    return None
