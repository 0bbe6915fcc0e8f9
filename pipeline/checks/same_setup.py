"""How the instrument was set and where it pointed, as headers say: what frames that are reduced together share."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import attrs
from toolz import groupby

from pipeline.compose.telling import advise
from pipeline.errors import AssumptionWarning
from pipeline.headers import keyword_tables as tables
from pipeline.headers.cards import Cards
from pipeline.headers.keyword_tables import Together
from pipeline.headers.keywords import temperature_from
from pipeline.headers.values import is_nothing
from pipeline.records.frames import Image

EVERY = (("bias", "dark", "flat", "light", "arc"),)
EXPOSED = (("dark", "flat", "light", "arc"),)
THROUGH = (("flat", "light"), ("arc",))
POINTING = 5.0
"""Seconds of arc by which lights may point apart: more than guiding wanders, less than dithers."""

_SAYS_NOTHING = {"UNKNOWN", "NOTPRESENT"}


def _plain(cards: Cards, keyword: str) -> float | str | None:
    """Give a number, or a text in capitals with single blanks; None where the card says nothing."""
    value = cards.get(keyword)
    if isinstance(value, bool | int | float):
        return float(value) if math.isfinite(value) else None
    text = " ".join(str(value).upper().split())
    try:
        return float(text)
    except ValueError:
        return None if is_nothing(value) or text in _SAYS_NOTHING else text


@attrs.frozen
class SharedSetting:
    """Something that frames of some kinds should share, and the keywords that tell of it.

    ``keywords`` are looked for in turn, each with those that say it together with it.  ``together`` are the kinds
    compared with each other; ``read`` gives of a card what is compared, None where it says nothing; ``tolerance`` is
    for numbers.
    """

    words: str
    keywords: Together
    together: tuple[tuple[str, ...], ...] = EVERY
    tolerance: float = 1e-6
    read: Callable[[Cards, str], float | str | None] = _plain


def _each(keys: Iterable[str]) -> Together:
    """Look for keywords that stand by themselves."""
    return tuple((keyword,) for keyword in dict.fromkeys(keys))


SHARED_SETTINGS = (
    SharedSetting("instrument", tables.INSTRUMENT),
    SharedSetting("detector", tables.DETECTOR),
    SharedSetting("gain", _each([*tables.GAIN_AS_SET, *(key.keyword for key in tables.GAIN)]), tolerance=0.01),
    SharedSetting("binning", tables.BINNING),
    SharedSetting("readout section", tables.READOUT_SECTION),
    SharedSetting("readout mode", tables.READOUT_MODE),
    SharedSetting(
        "detector temperature",
        _each(key.keyword for key in tables.TEMPERATURE),
        EXPOSED,
        tolerance=1.0,  # 1 K more is about 12 % more dark current
        read=temperature_from,
    ),
    SharedSetting("filter", tables.FILTER, THROUGH),
    SharedSetting("grating", tables.DISPERSER, (("flat", "light", "arc"),)),
    SharedSetting("slit", tables.SLIT, THROUGH),
)
"""What is compared: all that the keyword tables know of how the instrument was set."""

TARGET = SharedSetting("target", (("OBJECT",),), (("light",),))


@attrs.frozen
class Said:
    """What a frame's header says of a setting: under which keywords, in which words, and what of it is compared."""

    frame: Image
    keywords: tuple[str, ...]
    words: tuple[float | str | None, ...]
    compared: tuple[float | str | None, ...]


def check_alike(frames: Iterable[Image], *, with_others: Iterable[Image] = ()) -> None:
    """Say, in an :class:`AssumptionWarning` each, in what the headers of frames that are reduced together differ.

    Frames whose headers say nothing are not compared.

    :param with_others: images that stand for frames compared before, such as masters: each is compared with the
        first frame only.
    """
    given = tuple(frames)
    lines = [*_differences(SHARED_SETTINGS, given), *_masters_among(given)]
    for other in with_others:
        lines += _differences(SHARED_SETTINGS, (given[0], other))
    _advise("frames that are reduced together differ in their headers", lines)


def check_target(lights: Iterable[Image]) -> None:
    """Say, in an :class:`AssumptionWarning` each, that lights to be combined are of several targets or pointings."""
    given = tuple(lights)
    lines = _differences((TARGET,), given)
    _advise("lights that are combined as they lie differ in their headers", [*lines, *_pointings(given)])


def _advise(heading: str, lines: Sequence[str]) -> None:
    for line in lines:
        advise(f"{heading}: {line}", AssumptionWarning)


def _differences(settings: Iterable[SharedSetting], frames: Sequence[Image]) -> list[str]:
    present = [frame.header.keywords for frame in frames]
    lines = []
    for setting in settings:
        every = [_said(frame, setting, there) for frame, there in zip(frames, present, strict=True)]
        for kinds in setting.together:
            known = [said for said in every if said and said.frame.kind in kinds]
            for keywords, some in groupby(lambda said: said.keywords, known).items():
                if not all(_same(said.compared, some[0].compared, setting.tolerance) for said in some):
                    lines.append(f"{setting.words}: {', '.join(keywords)} = {_listed(some)}")
    return lines


def _said(frame: Image, setting: SharedSetting, present: frozenset[str]) -> Said | None:
    """Read the first keywords of a setting under which a header says something."""
    cards = frame.header
    for keywords in setting.keywords:
        if present.isdisjoint(keywords):
            continue
        compared = tuple(setting.read(cards, keyword) for keyword in keywords)
        if any(value is not None for value in compared):
            return Said(frame, keywords, tuple(_plain(cards, keyword) for keyword in keywords), compared)
    return None


def _same(one: Sequence[float | str | None], other: Sequence[float | str | None], tolerance: float) -> bool:
    for a, b in zip(one, other, strict=True):
        if isinstance(a, float) and isinstance(b, float):
            if not abs(a - b) <= tolerance:
                return False
        elif a is not None and b is not None and a != b:
            return False
    return True


def _listed(known: Sequence[Said]) -> str:
    """Give each value with the frames that have it."""
    by_words = groupby(lambda said: said.words, known)
    return "; ".join(f"{_value_words(words)} ({_names([s.frame for s in some])})" for words, some in by_words.items())


def _value_words(words: Iterable[float | str | None]) -> str:
    return ", ".join(f"{part:g}" if isinstance(part, float) else part for part in words if part is not None)


def _names(frames: Sequence[Image]) -> str:
    return frames[0].name + (f" and {len(frames) - 1} more" if len(frames) > 1 else "")


def _masters_among(frames: Sequence[Image]) -> list[str]:
    """Find combinations that stand among single frames, where each counts as one."""
    lines = []
    for kind, some in groupby(lambda frame: frame.kind, frames).items():
        counts = [frame.header.get("NCOMBINE") for frame in some]
        made = [n if isinstance(n, int) and n > 1 else 1 for n in counts]
        lines += [
            f"{kind}: {frame.name} is a combination of {n} frames (NCOMBINE), and counts as one of {len(some)}"
            for frame, n in zip(some, made, strict=True)
            if n != min(made)
        ]
    return lines


def _pointings(lights: Sequence[Image]) -> list[str]:
    """Find lights that point elsewhere than the first whose header says where."""
    known = [(light, where) for light in lights if (where := pointing(light))]
    if not known:
        return []
    first, (ra, dec) = known[0]
    lines = []
    for light, (other_ra, other_dec) in known[1:]:
        across = (other_ra - ra + 180) % 360 - 180
        apart = 3600 * math.hypot(across * math.cos(math.radians(dec)), other_dec - dec)
        if apart > POINTING:
            lines.append(f"pointing: RA, DEC of {light.name} lies {apart:.0f}″ from that of {first.name}")
    return lines


def pointing(image: Image) -> tuple[float, float] | None:
    """Give RA and DEC of a header in degrees; None where it does not say both.

    Sexagesimal right ascensions are hours; plain numbers are degrees, as the FITS standard has them.
    """
    ra, dec = _angle(image.header.get("RA"), 15.0), _angle(image.header.get("DEC"), 1.0)
    return None if ra is None or dec is None else (ra, dec)


def _angle(value: Any, per_unit: float) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if math.isfinite(value) else None
    found = re.fullmatch(r"\s*([-+]?)\s*(\d+)[:\s]\s*(\d+)(?:[:\s]\s*(\d+(?:\.\d*)?))?\s*", str(value))
    if not found:
        return None
    sign, degrees, minutes, seconds = found.groups()
    size = int(degrees) + int(minutes) / 60 + float(seconds or 0) / 3600
    return (-size if sign == "-" else size) * per_unit
