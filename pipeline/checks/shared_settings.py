"""What frames that are reduced together should share: how the instrument was set, and what of a header is compared."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import attrs

from pipeline.headers import keyword_tables as tables
from pipeline.headers.cards import VALUES, Cards, keyword_of
from pipeline.headers.keyword_tables import Together
from pipeline.headers.keywords import is_empty_wheel, temperature_from
from pipeline.headers.values import is_nothing

EVERY = (("bias", "dark", "flat", "light", "arc"),)
READ_OUT = (("bias", "dark", "flat"), ("bias", "dark", "light", "arc"))
EXPOSED = (("dark", "flat"), ("dark", "light", "arc"))
THROUGH = (("flat", "light"), ("arc",))
DISPERSED = (("flat", "light", "arc"),)
LIGHTS = (("light",),)

WARMER = 1.0
"""K by which temperatures may differ, and one from its own set-point: 1 K more is about 12 % more dark current."""

ANGLE = 1e-3
"""Fraction by which the angle of a grating or its central wavelength may differ, as PypeIt and Gemini allow."""

HEADERS = 2**7
"""So many headers of which it is remembered what they say: those of a night."""

_SAYS_NOTHING = {"UNKNOWN", "NOTPRESENT", "UNDEF", "NOT SET", "NAN"}
SHORT_FILTER = 2
"""A filter of so few letters is another in capitals: r is Sloan's, R Bessell's."""

Value: TypeAlias = float | str | None


@attrs.frozen
class Said:
    """What cards of a header say of a setting: under which keywords, in which words, and what of it is compared."""

    keywords: tuple[str, ...]
    words: tuple[Value, ...]
    compared: tuple[Value, ...]


@attrs.frozen(eq=False)
class Told:
    """What a header says of a setting; of the same card it is one and the same.

    ``cards`` are compared with the same ones of other headers; ``gist`` is equal where nothing differs.  ``spoken``
    are all keywords that say something, and ``alone`` are those that do so for all of their meaning: see
    :attr:`SharedSetting.alike`.
    """

    cards: tuple[Said, ...]
    gist: Any
    spoken: frozenset[str]
    alone: tuple[Said | None, ...]


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
    return "" if is_empty_wheel(value) else value if len(value) <= SHORT_FILTER else value.upper()


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


def _arm(cards: Cards, keyword: str) -> Value:
    """Give the arm: of cards that say something else nearly everywhere only Lick's two words and ESO's detectors."""
    value = _plain(cards, keyword)
    anything = keyword not in ("VERSION", "EXTNAME")
    return value if anything or re.fullmatch(r"KAST[BR]|CHIP\d", str(value)) else None


def _name(cards: Cards, keyword: str) -> Value:
    """Give a name in capitals, without what it is spelt with: NGC 188 is NGC188."""
    value = _plain(cards, keyword)
    return re.sub(r"[\s_-]", "", value) if isinstance(value, str) else value


@attrs.frozen
class SharedSetting:
    """Something that frames of some kinds should share, and the keywords that tell of it.

    ``keywords`` are looked for in turn, each with those that say it together with it; the first that say something
    are compared with the same ones of other headers.  With ``every`` all are: the wheels of a camera stand beside each
    other.  With ``across`` values are compared whatever keyword they stand under.  ``alike`` are sets of keywords of
    one meaning: where each of two headers has just one of a set, and not the same, these are compared.  ``together``
    are the kinds compared with each other; ``read`` gives of a card what is compared, None where it says nothing, and
    looks at cards ``beside`` it; ``tolerance`` is for numbers, and ``relative`` tells that it is a fraction of them.
    ``mend`` is what to do.
    """

    words: str
    keywords: Together
    together: tuple[tuple[str, ...], ...] = EVERY
    tolerance: float = 1e-6
    relative: bool = False
    read: Callable[[Cards, str], Value] = _plain
    every: bool = False
    across: bool = False
    alike: tuple[frozenset[str], ...] = ()
    beside: tuple[str, ...] = ()
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

    def told(self, cards: Cards) -> Told | None:
        """Give what a header says of the setting, None where it says nothing."""
        present, found = cards.keywords, list[Said]()
        for keywords in self.keywords:
            if not present.isdisjoint(keywords):
                compared = tuple(self.read(cards, keyword) for keyword in keywords)
                if any(value is not None for value in compared):
                    found.append(Said(keywords, tuple(_words(cards, keyword) for keyword in keywords), compared))
        if not found:
            return None
        compared_ones = tuple(found if self.every else found[:1])
        return Told(
            compared_ones,
            [said.compared if self.across else (said.keywords, said.compared) for said in compared_ones],
            frozenset(keyword for said in found for keyword in said.keywords),
            tuple(_alone_of(found, meaning) for meaning in self.alike),
        )


def _alone_of(found: Iterable[Said], meaning: frozenset[str]) -> Said | None:
    """Give the only one that says something under keywords of one meaning: an empty wheel where all are empty."""
    known = [said for said in found if not meaning.isdisjoint(said.keywords)]
    full = [said for said in known if said.compared != ("",)] or known[:1]
    return full[0] if len(full) == 1 else None


def _singly(keys: Iterable[str]) -> Together:
    """Look for keywords that stand by themselves."""
    return tuple((keyword,) for keyword in dict.fromkeys(keys))


_OF_ITS_OWN = "put the frames of each in a list of its own"
_READ_ALIKE = "use calibrations that were read out as the lights were, or mend the card that is wrong"
_TURN = "turn those of one kind before they are listed, or write all with one program"

DETECTOR_TEMPERATURE = "detector temperature"

SHARED_SETTINGS = (
    SharedSetting("instrument", tables.INSTRUMENT, mend=_OF_ITS_OWN),
    SharedSetting("arm", tables.ARM, read=_arm, mend=_OF_ITS_OWN),
    SharedSetting("detector", tables.DETECTOR, mend=_OF_ITS_OWN),
    SharedSetting("serial number of the camera", tables.SERIAL_NUMBER, every=True, mend=_OF_ITS_OWN),
    SharedSetting("telescope", tables.TELESCOPE, DISPERSED, read=_telescope, mend=_OF_ITS_OWN),
    SharedSetting(
        "gain",
        _singly([*tables.GAIN_AS_SET, *(key.keyword for key in tables.GAIN)]),
        tolerance=0.01,
        mend=_READ_ALIKE,
    ),
    SharedSetting(
        "gain setting", tables.GAIN_SETTING, every=True, alike=tables.ALIKE_IN_GAIN_SETTING, mend=_READ_ALIKE
    ),
    SharedSetting(
        "black level (offset)",
        _singly(key.keyword for key in tables.BLACK_LEVEL),
        READ_OUT,
        read=_whole_number,
        mend=_READ_ALIKE,
    ),
    SharedSetting("pedestal", tables.PEDESTAL, READ_OUT, mend="bring all to one pedestal first"),
    SharedSetting("binning", tables.BINNING, mend=_READ_ALIKE),
    SharedSetting("readout section", tables.READOUT_SECTION, mend=_READ_ALIKE),
    SharedSetting("readout mode", tables.READOUT_MODE, alike=tables.ALIKE_IN_READOUT_MODE, mend=_READ_ALIKE),
    SharedSetting("row order", tables.ROW_ORDER, every=True, mend=_TURN),
    SharedSetting("colour mosaic", tables.COLOUR_MOSAIC, mend=_TURN),
    SharedSetting(
        DETECTOR_TEMPERATURE,
        _singly(key.keyword for key in tables.TEMPERATURE),
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
        alike=tables.ALIKE_IN_FILTER,
        mend="use flats of the lights' filter, one filter a list",
    ),
    SharedSetting("grating", tables.DISPERSER, DISPERSED, mend="use flats and arcs of the lights' grating"),
    SharedSetting(
        "grating angle or central wavelength",
        _singly(key.keyword for key in tables.DISPERSER_ANGLE),
        DISPERSED,
        tolerance=ANGLE,
        relative=True,
        read=_angle_of_grating,
        every=True,
        beside=tuple(key for row in tables.DISPERSER for key in row),
        mend="use flats and arcs of the lights' wavelengths",
    ),
    SharedSetting("dichroic", tables.DICHROIC, DISPERSED, mend="use flats and arcs of the lights' dichroic"),
    SharedSetting("slit", tables.SLIT, THROUGH, tolerance=0.01, mend="use flats of the lights' slit"),
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

CHOSEN_BY = (SharedSetting("grating position", tables.DISPERSER_POSITION),)
"""What ranks calibrations that are chosen, but accuses none that are given: flats of either position serve."""

_BY_WORDS = {setting.words: setting for setting in (*SHARED_SETTINGS, *POINTED_SETTINGS, *CHOSEN_BY)}
_ASKED: dict[str, list[str]] = {}
"""By the keyword of a card, what it tells of."""
for _setting in _BY_WORDS.values():
    for _keyword in {key for row in (*_setting.keywords, _setting.beside) for key in row}:
        _ASKED.setdefault(_keyword, []).append(_setting.words)


def settings_in(cards: Cards) -> Mapping[str, Told]:
    """Give what a header says of settings, by their words; of those of which it says nothing, nothing.

    Headers of a night are nearly the same: neither a header nor a card is read again that was read before.
    """
    return _settings_in(cards.text)


@lru_cache(maxsize=HEADERS)
def _settings_in(text: str) -> dict[str, Told]:
    texts: dict[str, str] = {}
    for image in Cards(text).images:
        for words in _ASKED.get(keyword_of(image), ()):
            texts[words] = texts.get(words, "") + image
    return {words: told for words, card in texts.items() if (told := _told_by(words, card))}


@lru_cache(maxsize=VALUES)
def _told_by(words: str, text: str) -> Told | None:
    setting: SharedSetting = _BY_WORDS[words]
    return setting.told(Cards(text))
