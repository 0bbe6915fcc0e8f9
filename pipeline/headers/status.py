"""What has been done to an image, as its header says: which steps, by what, and in which unit its values are."""

from __future__ import annotations

import math
import re
from functools import lru_cache

import attrs

from pipeline.headers.cards import VALUES, Cards
from pipeline.headers.values import number


@attrs.frozen
class Done:
    """A step that has been done to an image: by what, in words, and whether that is sure.

    Written out it is those words.

    >>> str(Done("ZEROCOR = T")), str(Done("with the dark d.fits, if that held it", sure=False))
    ('ZEROCOR = T', 'with the dark d.fits, if that held it')
    """

    by: str
    sure: bool = True

    def __str__(self) -> str:
        return self.by

    @property
    def was_said(self) -> bool:
        """Whether it is the user who says so, here or when a product was made."""
        return self.by.endswith("as was said")


@attrs.frozen
class State:
    """What has been done to an image.  Each step says by what; None is: not done.

    ``unit`` is adu, electron, either of them per second, what else a header says, or empty for a response, which has
    none.
    """

    overscan: Done | None = None
    trimmed: Done | None = None
    bias: Done | None = None
    dark: Done | None = None
    flat: Done | None = None
    gain: Done | None = None
    turned: Done | None = None
    linear: Done | None = None
    cosmics: Done | None = None
    fringe: Done | None = None
    unit: str = "adu"

    @property
    def done(self) -> dict[str, Done]:
        """The steps that have been done, in the order of the fields."""
        return {name: by for name in _STEPS if (by := getattr(self, name))}

    def in_unit(self, unit: str) -> State:
        """Give the same state of values in a unit: in electrons, the gain is in them."""
        known = unit_of(unit)
        by = Done(f"unit = {unit}") if known.startswith("electron") else None
        return attrs.evolve(self, unit=known, gain=self.gain or by)

    @property
    def per_second(self) -> bool:
        """Whether values are rates: the exposure is divided out of them, and a dark needs no scaling."""
        return self.unit.endswith("/s")


_STEPS = tuple(field.name for field in attrs.fields(State) if field.name != "unit")

UNITS = dict.fromkeys(("adu", "adus", "count", "counts", "ct", "cts", "dn"), "adu") | dict.fromkeys(
    ("electron", "electrons", "e-", "e"), "electron"
)

_PER_SECOND = re.compile(
    r"(.+?)\s*(?:(?:/|\bper\b)\s*(?:s|secs?|seconds?)|[\s.*](?:s|secs?)\s*(?:\^|\*\*)?\s*\(?-1\)?)", re.IGNORECASE
)


def unit_of(text: str) -> str:
    """Give a unit in one spelling: adu, electron, either per second, or what else the text says.

    >>> unit_of("Counts"), unit_of("e-/sec"), unit_of("ADU s**-1"), unit_of("Jy")
    ('adu', 'electron/s', 'adu/s', 'Jy')
    """
    rate = _PER_SECOND.fullmatch(text.strip())
    word = rate[1] if rate else text.strip()
    return UNITS.get(word.lower(), word) + ("/s" if rate else "")


STEP_CARDS = {
    "overscan": ("L1STATOV", "OVERSCAN", "SUBOSCAN", "OVERSUB", "BLEVCORR"),
    "trimmed": ("L1STATTR", "TRIM", "TRIMIM", "TRIMMED"),
    "bias": ("L1STATZE", "L1STATBI", "ZEROCOR", "SUBBIAS", "BIASCORR"),
    "dark": ("L1STATDA", "DARKCOR", "SUBDARK", "DARKCORR"),
    "flat": ("L1STATFL", "FLATCOR", "FLATCORR"),
    "gain": ("GAINCOR",),
    "turned": ("TURNED",),
    "linear": ("LINCOR", "IRLINCOR"),
    "cosmics": ("CCLEANED",),
    "fringe": ("FRINGCOR", "FRINGECOR"),
}
"""Cards that may say that a step has been done: those of the Liverpool Telescope and Las Cumbres (1 is done; 0 and −1
are not), IRAF's and ccdproc's, HST's and DRAGONS'.  In raw headers the same words name sections, numbers, switches."""

CALSTAT_LETTERS = {"bias": "B", "dark": "D", "flat": "F"}
"""The letters of CALSTAT, in which MaxIm DL and AstroImageJ say what they have done, such as BDF."""

RESPONSE = "RESPONSE"
"""Our own card for a finished flat: values without unit, of mean 1."""

UNREADABLE_UNIT = "BUNITRAW"
"""Our own card for a unit in words that nobody else reads: BUNIT is empty then, or CCDData could not be read."""

_DONE = re.compile(
    r"T|TRUE|\d{4}-\d\d-\d\dT\d\d:\d\d.*"  # HST's and DRAGONS': the time at which it was
    r"|.*\b(DONE|COMPLETED?|FINISHED|SUBTRACTED|CORRECTED|REMOVED|APPLIED|PERFORMED|TRIMMED|DIVIDED|FLAT-?FIELDED"
    r"|CALIBRATED|CLEANED|LINEARI[SZ]ED|TURNED|TAKEN OUT)\b.*"
    r"|.*\b(IMAGE|DATA SECTION|OVERSCAN SECTION|STRIP|LINEARITY CORRECTION) IS\b.*"  # IRAF's ccdred, and ours
    r"|.*\b(OVERSCAN|TRIM|ZERO|DARK|FLAT|FRINGE) IS (?!ON\b|OFF\b|ENABLED|DISABLED|AVAILABLE).*"  # IRAF's mscred
    r"|GAIN CORRECTION WITH .*|.*\bAS WAS SAID"  # ours
    r"|CCD=.*"  # ccdproc's: how its function was called
)
_NOT_DONE = re.compile(
    r"|F|FALSE|N|NO|NONE|N/A|NULL|OFF|0|-1|OMIT|PERFORM|SKIPPED|UNKNOWN|RAW|PENDING|DISABLED|FAILED|\[.*"
    r"|.*\b(NOT|NEVER|NOTHING|TO BE|WILL BE|CANNOT)\b.*|NO (?!BIAS IN IT, ).*"
)


def state_of(cards: Cards) -> State:
    """Tell what the header says has been done to the image, with the card that says so."""
    if cards.get(RESPONSE) is True:
        by = Done(f"{RESPONSE} = T")
        return State(overscan=by, bias=by, dark=by, unit="")
    said = {step: [_said(cards, key) for key in keys] for step, keys in STEP_CARDS.items()}
    done = {step: next(filter(None, each), None) for step, each in said.items()}
    for step, letter in CALSTAT_LETTERS.items():
        done[step] = done[step] or _lettered(cards, letter)
    unit = str(cards.get(UNREADABLE_UNIT, cards.get("BUNIT", "adu")))
    if unit_of(unit).startswith("electron"):
        done["gain"] = done["gain"] or Done(f"BUNIT = {unit.strip()}")
    return State(**done, unit=unit_of(unit))


@lru_cache(maxsize=VALUES)
def unclear_card(cards: Cards, step: str) -> str:
    """Give the card whose text may mean that a step has been done, or that it is to be; empty where there is none.

    >>> unclear_card(Cards.of({"FLATCOR": "yes"}), "flat"), unclear_card(Cards.of({"FLATCOR": "no"}), "flat")
    ('FLATCOR = yes', '')
    """
    texts = ((key, cards.get(key)) for key in STEP_CARDS.get(step, ()))
    return next(
        (
            f"{key} = {text.strip()}"
            for key, text in texts
            if isinstance(text, str)
            and math.isnan(number(text).value)
            and not (_NOT_DONE.fullmatch(_plain(text)) or _said(cards, key))
        ),
        "",
    )


def without_states(cards: Cards) -> Cards:
    """Give the cards without those that say what has been done to the image, but for its unit and orientation."""
    header = cards.to_header()
    corrections = (key for step, keys in STEP_CARDS.items() if step not in ("gain", "turned") for key in keys)
    for keyword in (RESPONSE, "CALSTAT", *corrections):
        header.remove(keyword, ignore_missing=True, remove_all=True)
    return Cards.of(header)


def _lettered(cards: Cards, letter: str) -> Done | None:
    """Read CALSTAT, which is nothing but letters of its own."""
    text = str(cards.get("CALSTAT", "")).strip().upper()
    return Done(f"CALSTAT = {text}") if letter in text and re.fullmatch("[BDFMO]+", text) else None


def _said(cards: Cards, keyword: str) -> Done | None:
    value = cards.get(keyword)
    if keyword.startswith("L1STAT"):
        done = not isinstance(value, bool) and (value == 1 or (isinstance(value, str) and value.strip() == "1"))
    else:
        text = _plain(value) if isinstance(value, str) else ""
        done = value is True or bool(_DONE.fullmatch(text) and not _NOT_DONE.fullmatch(text))
    return Done(f"{keyword} = {'T' if value is True else value}") if done else None


def _plain(text: str) -> str:
    return " ".join(text.upper().split())
