"""Whether frames that are reduced together were taken alike, and point alike, as their headers say.

What is compared, and what of a card, is in :mod:`~pipeline.checks.shared_settings`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import attrs
from toolz import groupby, unique

from pipeline.checks.shared_settings import (
    POINTED_SETTINGS,
    SHARED_SETTINGS,
    SHORT_FILTER,
    Said,
    SharedSetting,
    Told,
    Value,
    settings_in,
)
from pipeline.compose.running import how_to_run
from pipeline.compose.telling import say
from pipeline.records.frames import Image
from pipeline.records.note import Note

POINTING = 5.0
"""Seconds of arc by which lights may point apart: more than guiding wanders, less than dithers."""


POINTED_BY = (("RA", "DEC"), ("OBJCTRA", "OBJCTDEC"), ("CRVAL1", "CRVAL2"))
"""Where telescopes say that they point: the first of these that differ.  Those of amateurs' programs, and a solved
plate's, follow dithers that a mount's own may not tell."""


def check_alike(frames: Iterable[Image], *, with_others: Iterable[Image] = (), but: str = "") -> None:
    """Say, in an :class:`AssumptionWarning` each, in what the headers of frames that are reduced together differ.

    Frames whose headers say nothing are not compared.  What would be said quietly is not looked for.

    :param with_others: images that stand for frames compared before, such as masters: each is compared with the
        first frame only.
    :param but: the words of a setting in which they may differ.
    """
    if how_to_run().quiet:
        return
    given = tuple(frames)
    found = [*differences(given), *_masters_among(given)]
    for other in with_others:
        found += differences((given[0], other), but=but)
    say(*found)


def check_target(lights: Iterable[Image]) -> None:
    """Say, in an :class:`AssumptionWarning` each, that lights to be combined are of several targets or pointings."""
    given = tuple(lights)
    heading = "lights that are combined as they lie differ in their headers"
    say(*_differences(POINTED_SETTINGS, given, heading), *_pointings(given, heading))


def differences(frames: Sequence[Image], *, but: str = "") -> list[Note]:
    """Find in what the headers of frames that are reduced together differ: a note for each setting."""
    heading = "frames that are reduced together differ in their headers"
    settings = [setting for setting in SHARED_SETTINGS if setting.words != but]
    return [*_differences(settings, frames, heading), *_of_8_bits(frames, heading)]


def _differences(settings: Iterable[SharedSetting], frames: Sequence[Image], heading: str) -> list[Note]:
    if len(frames) < 2:
        return []
    every = [settings_in(frame.header) for frame in frames]
    first = every[0]
    unlike = {words for said in every[1:] for words, told in said.items() if told is not first.get(words)}
    notes = []
    for setting in settings:
        if setting.words not in unlike:
            continue  # most: this is asked for each frame and step
        gists = [told.gist for said in every if (told := said.get(setting.words))]
        if len(gists) < 2 or gists.count(gists[0]) == len(gists):
            continue
        for kinds in setting.together:
            known = [
                (frame, told)
                for frame, said in zip(frames, every, strict=True)
                if frame.kind in kinds and (told := said.get(setting.words))
            ]
            if note := _difference(setting, known):
                notes.append(attrs.evolve(note, words=f"{heading}: {note.words}"))
    return notes


OfFrame: TypeAlias = tuple[Image, Said]


def _difference(setting: SharedSetting, known: Sequence[tuple[Image, Told]]) -> Note | None:
    """Find in what some headers differ in one setting."""
    cards = [(frame, said) for frame, told in known for said in told.cards]
    columns = groupby(lambda one: () if setting.across else one[1].keywords, cards)
    differing = [some for some in columns.values() if not _alike(setting, some)] or _unlike_across(setting, known)
    if not differing:
        return None
    values = sorted({str(said.compared) for _, said in differing[0]})
    figures = [
        (", ".join(said.keywords), word)
        for _, said in differing[0][:2]
        for word in said.words
        if isinstance(word, float)
    ]
    return Note(
        f"{setting.words}: {'; '.join(map(_listed, differing))}",
        frames=_every_name(frame for some in differing for frame, _ in some),
        mend=setting.mend,
        figures=tuple(figures),
        fact=f"{setting.words} {'' if setting.across or setting.relative else values}",
    )


def _alike(setting: SharedSetting, some: Sequence[OfFrame]) -> bool:
    """Tell whether headers say the same: numbers as their median does, anything else as the first."""
    every = [said.compared for _, said in some]
    first = every[0]
    if len(first) == 1 and all(_is_number(compared[0]) for compared in every):
        first = sorted(every, key=lambda value: float(value[0] or 0))[len(some) // 2]
    return all(setting.same(compared, first) for compared in every)


def _unlike_across(setting: SharedSetting, known: Sequence[tuple[Image, Told]]) -> list[list[OfFrame]]:
    """Find headers that say something else than the first one under another keyword of one meaning.

    Only where none of those keywords speaks in both, and each header has just one that does.
    """
    for place, meaning in enumerate(setting.alike):
        alone = [(frame, told.spoken & meaning, said) for frame, told in known if (said := told.alone[place])]
        others = [
            (frame, said)
            for frame, spoken, said in alone[1:]
            if spoken.isdisjoint(alone[0][1]) and is_another(alone[0][2], said)
        ]
        if others:
            return [[(alone[0][0], alone[0][2]), *others]]
    return []


def is_another(one: Said, other: Said) -> bool:
    """Tell whether two words, or two numbers, of different programs differ: V is Johnson-V, and r is not R."""
    (a,), (b,) = one.words, other.words
    if not isinstance(a, str) or not isinstance(b, str):
        return isinstance(a, float) and isinstance(b, float) and a != b
    if "" in (*one.compared, *other.compared):  # an empty wheel
        return one.compared != other.compared
    brief, long = sorted((a, b) if min(len(a), len(b)) <= SHORT_FILTER else (a.upper(), b.upper()), key=len)
    parts, more = (re.findall(r"[^\W_]+", word) for word in (brief, long))
    return not set(parts) <= set(more) and not "".join(more).startswith("".join(parts))


def _is_number(value: Value) -> bool:
    return isinstance(value, float)


MOST_VALUES = 4
"""So many values are listed, with the frames that have them."""


def _listed(some: Sequence[OfFrame]) -> str:
    """Give each value with the frames that have it, and of many values the extremes."""
    by_words = list(groupby(lambda one: (one[1].keywords, one[1].words), some).items())
    more = ""
    if len(by_words) > MOST_VALUES:
        by_words.sort(key=lambda item: [value if isinstance(value, float) else math.inf for value in item[0][1]])
        more = f"; and {len(by_words) - 2} values between"
        by_words = [by_words[0], by_words[-1]]
    listed = []
    last: tuple[str, ...] = ()
    for (keywords, words), group in by_words:
        key = "" if keywords == last else f"{', '.join(keywords)} = "
        listed.append(f"{key}{_value_words(words)} ({_names([frame for frame, _ in group])})")
        last = keywords
    return "; ".join(listed) + more


def _value_words(words: Iterable[Value]) -> str:
    return ", ".join(f"{part:g}" if isinstance(part, float) else part for part in words if part is not None)


def _names(frames: Sequence[Image]) -> str:
    return frames[0].name + (f" and {len(frames) - 1} more" if len(frames) > 1 else "")


def _every_name(frames: Iterable[Image]) -> tuple[str, ...]:
    """Name the raw frames that frames and combinations are made of."""
    return tuple(unique(name for frame in frames for name in frame.sources or (frame.name,)))


def _masters_among(frames: Sequence[Image]) -> list[Note]:
    """Find combinations that stand among single frames, where each counts as one."""
    notes: list[Note] = []
    if len(frames) < 2:
        return notes
    for kind, some in groupby(lambda frame: frame.kind, frames).items():
        counts = [frame.header.get("NCOMBINE") for frame in some]
        made = [n if isinstance(n, int) and n > 1 else 1 for n in counts]
        notes += [
            Note(
                f"is a combination of {n} {kind} frames (NCOMBINE), and counts as one of {len(some)}",
                frames=(frame.name,),
                mend="give either combinations or single frames",
            )
            for frame, n in zip(some, made, strict=True)
            if n != min(made)
        ]
    return notes


def _of_8_bits(frames: Sequence[Image], heading: str) -> list[Note]:
    """Find frames of 8 bits beside others, whose numbers these hold only in another scale."""
    few = [frame for frame in frames if frame.header.get("BITPIX") == 8]
    if not few or len(few) == len(frames):
        return []
    return [
        Note(
            f"{heading}: bits of a number: BITPIX = 8 ({_names(few)}), more in others",
            frames=_every_name(frames),
            mend="export all frames with 16 bits or as floats",
            fact="bits of a number",
        )
    ]


def _pointings(lights: Sequence[Image], heading: str) -> list[Note]:
    """Find lights that point elsewhere than the first whose header says where."""
    for ra, dec in POINTED_BY:
        known = [(light, where) for light in lights if (where := pointing(light, ra, dec))]
        if ra == "CRVAL1":  # of one pixel only
            known = [item for item in known if _pixel(item[0]) == _pixel(known[0][0])]
        apart = [(light, _seconds_apart(known[0][1], where)) for light, where in known[1:]]
        far = [(light, seconds) for light, seconds in apart if seconds > POINTING]
        if far:
            first, (farthest, most) = known[0][0], max(far, key=lambda item: item[1])
            return [
                Note(
                    f"{heading}: pointing: {ra}, {dec} of {farthest.name} lies {most:.0f}″ from that of {first.name}",
                    frames=_every_name((first, *(light for light, _ in far))),
                    mend="align them first, or reduce lights one by one",
                    at_command="align them first, or reduce them one by one (--each)",
                    figures=(("seconds of arc", most),),
                    fact="pointing",
                )
            ]
    return []


def _seconds_apart(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Give the distance of two near places (RA, DEC in degrees) in seconds of arc."""
    across = (other[0] - one[0] + 180) % 360 - 180
    return 3600 * math.hypot(across * math.cos(math.radians(one[1])), other[1] - one[1])


def _pixel(light: Image) -> tuple[Any, Any]:
    """Give the pixel that a header has coordinates of."""
    return light.header.get("CRPIX1"), light.header.get("CRPIX2")


def pointing(image: Image, ra: str = "RA", dec: str = "DEC") -> tuple[float, float] | None:
    """Give where a header points, in degrees; None where it does not say both coordinates.

    Sexagesimal right ascensions are hours; plain numbers are degrees, as the FITS standard has them.
    """
    if ra == "CRVAL1" and not str(image.header.get("CTYPE1", "")).startswith("RA--"):
        return None
    longitude, latitude = _angle(image.header.get(ra), 15.0), _angle(image.header.get(dec), 1.0)
    return None if longitude is None or latitude is None else (longitude, latitude)


def _angle(value: Any, per_unit: float) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if math.isfinite(value) else None
    found = re.fullmatch(r"\s*([-+]?)\s*(\d+)[:\s]\s*(\d+)(?:[:\s]\s*(\d+(?:\.\d*)?))?\s*", str(value))
    if not found:
        return None
    sign, degrees, minutes, seconds = found.groups()
    size = int(degrees) + int(minutes) / 60 + float(seconds or 0) / 3600
    return (-size if sign == "-" else size) * per_unit
