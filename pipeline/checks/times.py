"""Whether the times of frames can be: clocks that were reset or stood still, and cards that contradict each other.

Order in the list is no matter, and calibrations may be of another day; exposures of one camera do not overlap.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from statistics import median_low

from toolz import groupby

from pipeline.errors import AssumptionWarning, FileWarning, HeaderWarning
from pipeline.headers.epochs import begin, date_said, days_apart
from pipeline.records.frames import Image
from pipeline.records.note import Note

EARLIEST = datetime(1975, 1, 1)
"""No CCD saw the sky before: a clock that was reset shows 1970, 1904 or 1900."""

RESETS = (datetime(1980, 1, 1), datetime(1980, 1, 6))
"""Where clocks of DOS and GPS begin."""

OTHER_NIGHT = timedelta(days=20)
"""So far from all others, which lie within a day or two, a light is of another night, or its clock was wrong."""

OTHER_YEAR = timedelta(days=400)
"""The same of calibrations, which may be of a library."""

ROUNDED = 1.0
"""s by which exposures may overlap: clocks are rounded."""

FORMS_APART = 120.0
"""s, beside the exposure, by which two forms of an epoch may differ: by the middle for the beginning, TAI for UTC."""

MEND = "mend the cards of the date (DATE-OBS), or leave the frame out"


def impossible_times(frames: Sequence[Image]) -> list[Note]:
    """Find what cannot be of the times of frames of one kind."""
    dated = [(frame, moment) for frame in frames if (moment := begin(frame.header))]
    notes = [*_reset(dated), *_two_forms(frames)]
    if frames and frames[0].kind == "light":
        notes += [*_overlapping(dated), *_unknown(frames, dated)]
    return notes


Dated = Sequence[tuple[Image, datetime]]


def _reset(dated: Dated) -> Iterator[Note]:
    """Find dates of clocks that were reset, and one date far from all others."""
    early = [(frame, moment) for frame, moment in dated if is_early(frame, moment)]
    if early:
        yield _note(
            f"dated {_days(moment for _, moment in early)}: the clock was reset, or the date is wrong",
            [frame for frame, _ in early],
            "reset",
        )
    known = [item for item in dated if item not in early]
    if len(known) < 3:
        return
    middle = median_low([moment for _, moment in known])
    near = [moment for _, moment in known if abs(moment - middle) <= timedelta(days=2)]
    apart = OTHER_NIGHT if known[0][0].kind == "light" else OTHER_YEAR
    far = [item for item in known if abs(item[1] - middle) > apart]
    if far and len(near) == len(known) - len(far) >= 2 * len(far):
        yield _note(
            f"dated {_days(moment for _, moment in far)}, where the other frames of the kind are of "
            f"{_days([middle])}: another night, or a wrong clock",
            [frame for frame, _ in far],
            "another date",
        )


def is_early(frame: Image, moment: datetime) -> bool:
    """Tell whether no digital camera can have begun then: its clock was reset.  Plates that were scanned are older."""
    reset = any(timedelta(0) <= moment - zero < timedelta(days=1) for zero in RESETS)
    if not reset and moment >= EARLIEST:
        return False
    return not any(keyword.startswith(("PLATE", "PLTLABEL", "SCAN")) for keyword in frame.header.keywords)


def _overlapping(dated: Dated) -> Iterator[Note]:
    """Find exposures of one camera that begin while another one lasts."""
    of_cameras = groupby(lambda item: str(item[0].header.get("INSTRUME")) + str(item[0].header.get("DETECTOR")), dated)
    pairs = []
    for some in of_cameras.values():
        ordered = sorted(some, key=lambda item: item[1])
        for (one, start), (other, later) in itertools.pairwise(ordered):
            seconds = (one.exposure or 0.0) - (later - start).total_seconds()
            to_the_minute = start.second == later.second == start.microsecond == later.microsecond == 0
            slack = 59.0 if to_the_minute else ROUNDED + 0.01 * (one.exposure or 0.0)
            if seconds > slack and _file(one) != _file(other):
                pairs.append((seconds, one, other))
    if pairs:
        most = max(seconds for seconds, _, _ in pairs)
        yield _note(
            f"by their dates and exposures each begins up to {most:.3g} s before the one ahead of it ends, in one "
            "camera; the clock was wrong, or one exposure is listed twice",
            [frame for _, *both in pairs for frame in both],
            "overlap",
            (("seconds", most),),
        )


def _file(frame: Image) -> str:
    """Give the file that a frame is of: planes and HDUs of one file share their date."""
    return re.sub(r"\[[^][]*\]$", "", frame.name)


def _two_forms(frames: Sequence[Image]) -> Iterator[Note]:
    """Find dates in two forms that contradict each other."""
    found: dict[tuple[str, str], list[tuple[Image, float]]] = {}
    for frame in frames:
        for days, date, later in days_apart(frame.header):
            if abs(later) * 86400 > (frame.exposure or 0.0) + FORMS_APART:
                found.setdefault((days, date), []).append((frame, later))
    for (days, date), some in found.items():
        later = max((later for _, later in some), key=abs)
        size = f"{abs(later):.3g} d" if abs(later) >= 1 else f"{abs(later) * 86400:.0f} s"
        yield Note(
            f"{days} lies {size} {'after' if later > 0 else 'before'} {date}",
            HeaderWarning,
            frames=tuple(frame.name for frame, _ in some),
            mend="mend the one that is wrong",
            figures=(("days", later),),
            fact=f"{days} {date}",
        )


def _unknown(frames: Sequence[Image], dated: Dated) -> Iterator[Note]:
    """Find frames that do not say when they began, though they give a date or others say it."""
    known = {id(frame) for frame, _ in dated}
    silent = [frame for frame in frames if id(frame) not in known and (dated or date_said(frame.header))]
    if silent:
        said = date_said(silent[0].header)
        yield Note(
            f"{said + ' gives no' if said else 'no card gives a'} date and time; the epoch of the result is not known",
            FileWarning,
            frames=tuple(frame.name for frame in silent),
            mend="write DATE-OBS as 2020-01-14T03:25:00 where the epoch matters",
            fact="no epoch",
        )


def _note(words: str, found: Sequence[Image], fact: str, figures: tuple[tuple[str, float], ...] = ()) -> Note:
    names = tuple(dict.fromkeys(frame.name for frame in found))
    return Note(words, AssumptionWarning, frames=names, mend=MEND, figures=figures, fact=f"times: {fact}")


def _days(moments: Iterable[datetime]) -> str:
    days = sorted({moment.date().isoformat() for moment in moments})
    return days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
