"""How the instrument was set and where it pointed, as headers say: what frames that are reduced together share."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

import attrs
from toolz import groupby, unique

from pipeline.compose.telling import say
from pipeline.headers import keyword_tables as tables
from pipeline.headers.cards import Cards
from pipeline.headers.keyword_tables import Together
from pipeline.headers.keywords import is_empty_wheel, temperature_from
from pipeline.headers.values import is_nothing
from pipeline.records.frames import Image
from pipeline.records.note import Note, merged

EVERY = (("bias", "dark", "flat", "light", "arc"),)
READ_OUT = (("bias", "dark", "flat"), ("bias", "dark", "light", "arc"))
EXPOSED = (("dark", "flat"), ("dark", "light", "arc"))
THROUGH = (("flat", "light"), ("arc",))
DISPERSED = (("flat", "light", "arc"),)
LIGHTS = (("light",),)

POINTING = 5.0
"""Seconds of arc by which lights may point apart: more than guiding wanders, less than dithers."""

WARMER = 1.0
"""K by which temperatures may differ, and one from its own set-point: 1 K more is about 12 % more dark current."""

ANGLE = 1e-3
"""Fraction by which the angle of a grating or its central wavelength may differ, as PypeIt and Gemini allow."""

_SAYS_NOTHING = {"UNKNOWN", "NOTPRESENT", "UNDEF", "NOT SET", "NAN"}
_SHORT = 2
"""A filter of so few letters is another in capitals: r is Sloan's, R Bessell's."""

Value: TypeAlias = float | str | None


@attrs.frozen
class _Told:
    """What a header says of a setting: under which keywords, in which words, and what of it is compared.

    ``gist`` is equal where nothing differs.
    """

    cards: tuple[tuple[tuple[str, ...], tuple[Value, ...], tuple[Value, ...]], ...]
    gist: Any


def _words(cards: Cards, keyword: str) -> float | str | None:
    """Give a number, or a text with single blanks; None where the card says nothing."""
    value = cards.get(keyword)
    if isinstance(value, bool | int | float):
        return float(value) if math.isfinite(value) else None
    text = " ".join(str(value).split())
    try:
        return float(text) if math.isfinite(float(text)) else None
    except ValueError:
        return None if is_nothing(value) or text.upper() in _SAYS_NOTHING else text


def _plain(cards: Cards, keyword: str) -> Value:
    """Give a number, or a text in capitals."""
    value = _words(cards, keyword)
    return value.upper() if isinstance(value, str) else value


def _filter(cards: Cards, keyword: str) -> Value:
    """Give the name of a filter, an empty one for a wheel without, with the case of letters that stand alone."""
    value = _words(cards, keyword)
    if not isinstance(value, str):
        return value
    return "" if is_empty_wheel(value) else value if len(value) <= _SHORT else value.upper()


def _at_set_point(cards: Cards, keyword: str) -> Value:
    """Give a temperature in °C: what was asked for, where the detector keeps to it."""
    celsius = temperature_from(cards, keyword)
    asked = next((said for key in tables.SET_POINT if (said := temperature_from(cards, key)) is not None), None)
    return asked if celsius is not None and asked is not None and abs(celsius - asked) <= WARMER else celsius


def _whole_number(cards: Cards, keyword: str) -> Value:
    """Give the number of a setting; None for what is none, such as an offset on the sky or a measured level."""
    value = _words(cards, keyword)
    elsewhere = re.search(
        r"arcsec|\bsky\b|point|\bra\b|\bdec\b|focus|slit|degree|dither", cards.comment(keyword).lower()
    )
    return value if isinstance(value, float) and value >= 0 and value.is_integer() and not elsewhere else None


def _angle_of_grating(cards: Cards, keyword: str) -> Value:
    """Give the angle of a grating: of a keyword of any angle only where the header names a grating."""
    named = keyword != "ANGLE" or any(key in cards.keywords for row in tables.DISPERSER for key in row)
    value = _plain(cards, keyword) if named else None
    return value or None  # 0 stands for no grating


def _telescope(cards: Cards, keyword: str) -> Value:
    """Give the name of a telescope; None for that of a driver or a program."""
    value = _plain(cards, keyword)
    return None if isinstance(value, str) and re.search(r"->|ASCOM|DRIVER|SIMULATOR|INDI|MOUNT", value) else value


def _name(cards: Cards, keyword: str) -> Value:
    """Give a name in capitals, without what it is spelt with: NGC 188 is NGC188."""
    value = _plain(cards, keyword)
    return re.sub(r"[\s_-]", "", value) if isinstance(value, str) else value


@attrs.frozen
class SharedSetting:
    """Something that frames of some kinds should share, and the keywords that tell of it.

    ``keywords`` are looked for in turn, each with those that say it together with it; the first that say something
    are compared with the same ones of other headers.  With ``every`` all are: the wheels of a camera stand beside each
    other.  With ``across`` values are compared whatever keyword they stand under.  ``together`` are the kinds compared
    with each other; ``read`` gives of a card what is compared, None where it says nothing; ``tolerance`` is for
    numbers, and ``relative`` tells that it is a fraction of them.  ``mend`` is what to do.
    """

    words: str
    keywords: Together
    together: tuple[tuple[str, ...], ...] = EVERY
    tolerance: float = 1e-6
    relative: bool = False
    read: Callable[[Cards, str], Value] = _plain
    every: bool = False
    across: bool = False
    mend: str = "use frames taken alike, or mend the card that is wrong"

    def same(self, one: Sequence[Value], other: Sequence[Value]) -> bool:
        """Tell whether two headers say the same, as far as both say something."""
        for a, b in zip(one, other, strict=True):
            if isinstance(a, float) and isinstance(b, float):
                if not abs(a - b) <= self.tolerance * (max(abs(a), abs(b)) if self.relative else 1):
                    return False
            elif a is not None and b is not None and a != b:
                return False
        return True

    def told(self, cards: Cards, present: frozenset[str]) -> _Told | None:
        """Give what a header says of the setting, None where it says nothing."""
        found: list[Any] = []
        for keywords in self.keywords:
            if present.isdisjoint(keywords):
                continue
            compared = tuple(self.read(cards, keyword) for keyword in keywords)
            if any(value is not None for value in compared):
                found.append((keywords, tuple(_words(cards, keyword) for keyword in keywords), compared))
                if not self.every:
                    break
        gist = [compared if self.across else (keywords, compared) for keywords, _, compared in found]
        return _Told(tuple(found), gist) if found else None


def _alone(keys: Iterable[str]) -> Together:
    """Look for keywords that stand by themselves."""
    return tuple((keyword,) for keyword in dict.fromkeys(keys))


_OF_ITS_OWN = "put the frames of each in a list of its own"
_READ_ALIKE = "use calibrations that were read out as the lights were, or mend the card that is wrong"
_TURN = "turn those of one kind before they are listed, or write all with one program"

SHARED_SETTINGS = (
    SharedSetting("instrument", tables.INSTRUMENT, mend=_OF_ITS_OWN),
    SharedSetting("detector", tables.DETECTOR, mend=_OF_ITS_OWN),
    SharedSetting("serial number of the camera", tables.SERIAL_NUMBER, every=True, mend=_OF_ITS_OWN),
    SharedSetting("telescope", tables.TELESCOPE, DISPERSED, read=_telescope, mend=_OF_ITS_OWN),
    SharedSetting(
        "gain",
        _alone([*tables.GAIN_AS_SET, *(key.keyword for key in tables.GAIN)]),
        tolerance=0.01,
        mend=_READ_ALIKE,
    ),
    SharedSetting("gain setting", tables.GAIN_SETTING, every=True, mend=_READ_ALIKE),
    SharedSetting(
        "black level (offset)",
        _alone(key.keyword for key in tables.BLACK_LEVEL),
        READ_OUT,
        read=_whole_number,
        mend=_READ_ALIKE,
    ),
    SharedSetting("pedestal", tables.PEDESTAL, READ_OUT, mend="bring all to one pedestal first"),
    SharedSetting("binning", tables.BINNING, mend=_READ_ALIKE),
    SharedSetting("readout section", tables.READOUT_SECTION, mend=_READ_ALIKE),
    SharedSetting("readout mode", tables.READOUT_MODE, mend=_READ_ALIKE),
    SharedSetting("row order", tables.ROW_ORDER, every=True, mend=_TURN),
    SharedSetting("colour mosaic", tables.COLOUR_MOSAIC, mend=_TURN),
    SharedSetting(
        "detector temperature",
        _alone(key.keyword for key in tables.TEMPERATURE),
        EXPOSED,
        tolerance=WARMER,
        read=_at_set_point,
        across=True,
        mend="use darks of the lights' temperature",
    ),
    SharedSetting(
        "filter",
        tables.FILTER,
        THROUGH,
        read=_filter,
        every=True,
        mend="use flats of the lights' filter, one filter a list",
    ),
    SharedSetting("grating", tables.DISPERSER, DISPERSED, mend="use flats and arcs of the lights' grating"),
    SharedSetting(
        "grating angle or central wavelength",
        _alone(key.keyword for key in tables.DISPERSER_ANGLE),
        DISPERSED,
        tolerance=ANGLE,
        relative=True,
        read=_angle_of_grating,
        every=True,
        mend="use flats and arcs of the lights' wavelengths",
    ),
    SharedSetting("dichroic", tables.DICHROIC, DISPERSED, mend="use flats and arcs of the lights' dichroic"),
    SharedSetting("slit", tables.SLIT, THROUGH, mend="use flats of the lights' slit"),
    SharedSetting(
        "rotator", tables.ROTATOR, (("flat", "light"),), tolerance=2.0, mend="use flats taken with the camera so turned"
    ),
)
"""What is compared of frames that are reduced together: what the keyword tables know of how the instrument was set."""

TARGET = SharedSetting(
    "target",
    (("OBJECT",),),
    LIGHTS,
    read=_name,
    mend="put each target in a list of its own, or reduce lights one by one",
)
POINTED_SETTINGS = (
    TARGET,
    SharedSetting("pier side", tables.PIER_SIDE, LIGHTS, mend="turn those of one side by 180 degrees first"),
)
"""What is compared of lights that are combined as they lie."""

_SETTINGS = (*SHARED_SETTINGS, *POINTED_SETTINGS)
_SHARED = tuple(enumerate(SHARED_SETTINGS))
_POINTED = tuple(enumerate(POINTED_SETTINGS, len(SHARED_SETTINGS)))
_read: WeakKeyDictionary[Cards, tuple[_Told | None, ...]] = WeakKeyDictionary()
"""What headers say of all settings: a header is read once, and forgotten when it goes."""


def _told(cards: Cards) -> tuple[_Told | None, ...]:
    known = _read.get(cards)
    if known is None:
        present = cards.keywords
        known = _read[cards] = tuple(setting.told(cards, present) for setting in _SETTINGS)
    return known


def check_alike(frames: Iterable[Image], *, with_others: Iterable[Image] = ()) -> None:
    """Say, in an :class:`AssumptionWarning` each, in what the headers of frames that are reduced together differ.

    Frames whose headers say nothing are not compared.

    :param with_others: images that stand for frames compared before, such as masters: each is compared with the
        first frame only.
    """
    given = tuple(frames)
    found = [*differences(given), *_masters_among(given)]
    for other in with_others:
        found += differences((given[0], other))
    for note in merged(found):
        say(note)


def check_target(lights: Iterable[Image]) -> None:
    """Say, in an :class:`AssumptionWarning` each, that lights to be combined are of several targets or pointings."""
    given = tuple(lights)
    heading = "lights that are combined as they lie differ in their headers"
    for note in (*_differences(_POINTED, given, heading), *_pointings(given, heading)):
        say(note)


def differences(frames: Sequence[Image]) -> list[Note]:
    """Find in what the headers of frames that are reduced together differ: a note for each setting."""
    return _differences(_SHARED, frames, "frames that are reduced together differ in their headers")


def _differences(settings: Iterable[tuple[int, SharedSetting]], frames: Sequence[Image], heading: str) -> list[Note]:
    every = [_told(frame.header) for frame in frames]
    notes = []
    for place, setting in settings:
        gists = [said.gist for told in every if (said := told[place])]
        if len(gists) < 2 or gists.count(gists[0]) == len(gists):
            continue  # most settings: this is asked for each frame and step
        for kinds in setting.together:
            known = [
                _Said(frame, *cards)
                for frame, told in zip(frames, every, strict=True)
                if frame.kind in kinds and (said := told[place])
                for cards in said.cards
            ]
            if note := _difference(setting, known):
                notes.append(attrs.evolve(note, words=f"{heading}: {note.words}"))
    return notes


def _difference(setting: SharedSetting, known: Sequence[_Said]) -> Note | None:
    """Find in what some headers differ in one setting."""
    columns = groupby(lambda said: () if setting.across else said.keywords, known)
    differing = [some for some in columns.values() if not _alike(setting, some)]
    if not differing:
        return None
    values = sorted({str(said.compared) for said in differing[0]})
    figures = [
        (", ".join(said.keywords), word) for said in differing[0][:2] for word in said.words if isinstance(word, float)
    ]
    return Note(
        f"{setting.words}: {'; '.join(map(_listed, differing))}",
        frames=_every_name(said.frame for some in differing for said in some),
        mend=setting.mend,
        figures=tuple(figures),
        fact=f"{setting.words} {'' if setting.across or setting.relative else values}",
    )


@attrs.frozen
class _Said:
    frame: Image
    keywords: tuple[str, ...]
    words: tuple[Value, ...]
    compared: tuple[Value, ...]


def _alike(setting: SharedSetting, some: Sequence[_Said]) -> bool:
    """Tell whether headers say the same: numbers as their median does, anything else as the first."""
    first = some[0].compared
    if len(first) == 1 and all(_is_number(said.compared[0]) for said in some):
        first = sorted((said.compared for said in some), key=lambda value: float(value[0] or 0))[len(some) // 2]
    return all(setting.same(said.compared, first) for said in some)


def _is_number(value: Value) -> bool:
    return isinstance(value, float)


MOST_VALUES = 4
"""So many values are listed, with the frames that have them."""


def _listed(some: Sequence[_Said]) -> str:
    """Give each value with the frames that have it, and of many values the extremes."""
    by_words = list(groupby(lambda said: (said.keywords, said.words), some).items())
    more = ""
    if len(by_words) > MOST_VALUES:
        by_words.sort(key=lambda item: [value if isinstance(value, float) else math.inf for value in item[0][1]])
        more = f"; and {len(by_words) - 2} values between"
        by_words = [by_words[0], by_words[-1]]
    said = []
    last: tuple[str, ...] = ()
    for (keywords, words), group in by_words:
        key = "" if keywords == last else f"{', '.join(keywords)} = "
        said.append(f"{key}{_value_words(words)} ({_names([one.frame for one in group])})")
        last = keywords
    return "; ".join(said) + more


def _value_words(words: Iterable[Value]) -> str:
    return ", ".join(f"{part:g}" if isinstance(part, float) else part for part in words if part is not None)


def _names(frames: Sequence[Image]) -> str:
    return frames[0].name + (f" and {len(frames) - 1} more" if len(frames) > 1 else "")


def _every_name(frames: Iterable[Image]) -> tuple[str, ...]:
    """Name the raw frames that frames and combinations are made of."""
    return tuple(unique(name for frame in frames for name in frame.sources or (frame.name,)))


def _masters_among(frames: Sequence[Image]) -> list[Note]:
    """Find combinations that stand among single frames, where each counts as one."""
    notes = []
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


def _pointings(lights: Sequence[Image], heading: str) -> list[Note]:
    """Find lights that point elsewhere than the first whose header says where."""
    known = [(light, where) for light in lights if (where := pointing(light))]
    apart = [(light, _seconds_apart(known[0][1], where)) for light, where in known[1:]]
    far = [(light, seconds) for light, seconds in apart if seconds > POINTING]
    if not far:
        return []
    first, (farthest, most) = known[0][0], max(far, key=lambda item: item[1])
    return [
        Note(
            f"{heading}: pointing: RA, DEC of {farthest.name} lies {most:.0f}″ from that of {first.name}",
            frames=_every_name((first, *(light for light, _ in far))),
            mend="align them first, or reduce lights one by one",
            at_command="align them first, or reduce them one by one (--each)",
            figures=(("seconds of arc", most),),
            fact="pointing",
        )
    ]


def _seconds_apart(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Give the distance of two near places (RA, DEC in degrees) in seconds of arc."""
    across = (other[0] - one[0] + 180) % 360 - 180
    return 3600 * math.hypot(across * math.cos(math.radians(one[1])), other[1] - one[1])


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
