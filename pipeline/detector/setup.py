"""How the instrument was set and where it pointed, as headers say: what frames that are reduced together share."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import attrs
from toolz import groupby

from pipeline.compose.running import advise
from pipeline.errors import AssumptionWarning
from pipeline.records.frames import Image

Setting: TypeAlias = tuple[tuple[str, ...], tuple[Any, ...]]
"""Keywords, and what a header says under them."""

EVERY = (("bias", "dark", "flat", "light", "arc"),)
EXPOSED = (("dark", "flat", "light", "arc"),)
THROUGH = (("flat", "light"), ("arc",))
POINTING = 5.0
"""Seconds of arc by which lights may point apart: more than guiding wanders, less than dithers."""

_SAYS_NOTHING = {"", "NONE", "UNKNOWN", "UNDEFINED", "N/A", "NULL", "NOTPRESENT"}


@attrs.frozen
class Aspect:
    """Something that frames of some kinds should share.

    ``keywords`` are looked for in turn, each several that say it together; ``together`` are the kinds compared
    with each other; ``tolerance`` is for numbers.
    """

    words: str
    keywords: tuple[tuple[str, ...], ...]
    together: tuple[tuple[str, ...], ...] = EVERY
    tolerance: float = 1e-6


ASPECTS = (
    Aspect("gain", (("GAIN",), ("EGAIN",), ("CCDGAIN",)), tolerance=0.01),
    Aspect(
        "binning",
        (("CCDSUM",), ("XBINNING", "YBINNING"), ("CCDXBIN", "CCDYBIN"), ("CCDBINX", "CCDBINY"), ("BINNING",)),
    ),
    Aspect(
        "readout section",
        (("XORGSUBF", "YORGSUBF"), ("ROISEC",), ("CCDSEC",), ("DETSEC",)),
    ),
    Aspect("readout mode", (("READMODE",), ("RDMODE",), ("READOUTM",), ("RDSPEED",))),
    Aspect(
        "detector temperature",
        (("CCDATEMP",), ("CCD-TEMP",), ("CCDTEMP",), ("DETTEMP",), ("TEMPDET",)),
        EXPOSED,
        tolerance=1.0,  # 1 K more is about 12 % more dark current
    ),
    Aspect("filter", (("FILTER",), ("FILTER1", "FILTER2", "FILTER3"), ("FILTERI1", "FILTERI2", "FILTERI3")), THROUGH),
    Aspect(
        "grating",
        (("GRATID",), ("GRATING",), ("GRISM",), ("GRATNG_N", "GRISM_N"), ("GRATNAME",), ("GRISNAME",), ("DISPERSR",)),
        (("flat", "light", "arc"),),
    ),
    Aspect("slit", (("SLIT_N",), ("SLITNAME",), ("SLITID",), ("SLIT",), ("APERTURE",), ("SLITPOS",)), THROUGH),
)


def check_alike(frames: Iterable[Image], *, with_others: Iterable[Image] = ()) -> None:
    """Say, in an :class:`AssumptionWarning` each, in what the headers of frames that are reduced together differ.

    Frames whose headers say nothing are not compared.

    :param with_others: images that stand for frames compared before, such as masters: each is compared with the
        first frame only.
    """
    given = tuple(frames)
    lines = [*_differences(ASPECTS, given), *_masters_among(given)]
    for other in with_others:
        lines += _differences(ASPECTS, (given[0], other))
    _advise("frames that are reduced together differ in their headers", lines)


def check_target(lights: Iterable[Image]) -> None:
    """Say, in an :class:`AssumptionWarning` each, that lights to be combined are of several targets or pointings."""
    given = tuple(lights)
    lines = _differences((Aspect("target", (("OBJECT",),), (("light",),)),), given)
    _advise("lights that are combined as they lie differ in their headers", [*lines, *_pointings(given)])


def _advise(heading: str, lines: Sequence[str]) -> None:
    for line in lines:
        advise(f"{heading}: {line}", AssumptionWarning)


def _differences(aspects: Iterable[Aspect], frames: Sequence[Image]) -> list[str]:
    lines = []
    for aspect in aspects:
        for kinds in aspect.together:
            known = [(frame, said) for frame in frames if frame.kind in kinds and (said := _said(frame, aspect))]
            for keywords, some in groupby(lambda pair: pair[1][0], known).items():
                values = [said[1] for _, said in some]
                if not all(_same(one, values[0], aspect.tolerance) for one in values):
                    lines.append(f"{aspect.words}: {_listed(keywords, some)}")
    return lines


def _said(frame: Image, aspect: Aspect) -> Setting | None:
    for keywords in aspect.keywords:
        values = tuple(_plain(frame.header.get(keyword)) for keyword in keywords)
        if any(value is not None for value in values):
            return keywords, values
    return None


def _plain(value: Any) -> Any:
    """Give a number, or a text in capitals with single blanks; None where it says nothing."""
    if isinstance(value, bool | int | float):
        return float(value) if math.isfinite(value) else None
    text = " ".join(str(value).upper().split())
    try:
        return float(text)
    except ValueError:
        return None if text in _SAYS_NOTHING else text


def _same(one: tuple[Any, ...], other: tuple[Any, ...], tolerance: float) -> bool:
    for a, b in zip(one, other, strict=True):
        numbers = isinstance(a, float) and isinstance(b, float)
        if a is not None and b is not None and not (abs(a - b) <= tolerance if numbers else a == b):
            return False
    return True


def _listed(keywords: tuple[str, ...], known: Sequence[tuple[Image, Setting]]) -> str:
    """Give each value with the frames that have it."""
    by_value = groupby(lambda pair: pair[1][1], known)
    words = [f"{_value_words(value)} ({_names([frame for frame, _ in some])})" for value, some in by_value.items()]
    return f"{', '.join(keywords)} = {'; '.join(words)}"


def _value_words(value: tuple[Any, ...]) -> str:
    return ", ".join(f"{part:g}" if isinstance(part, float) else str(part) for part in value if part is not None)


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
