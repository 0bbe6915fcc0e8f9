"""What has been done to an image, as its header says: which steps, by what, and in which unit its values are."""

from __future__ import annotations

import re

import attrs

from pipeline.headers.cards import Cards


@attrs.frozen
class Done:
    """A step that has been done to an image: by what, in words, and whether that is sure.

    Written out it is those words, with "perhaps" before them where nobody knows.

    >>> str(Done("ZEROCOR = T")), str(Done("with the dark d.fits", sure=False))
    ('ZEROCOR = T', 'perhaps, with the dark d.fits')
    """

    by: str
    sure: bool = True

    def __str__(self) -> str:
        return self.by if self.sure else f"perhaps, {self.by}"


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
        return {name: by for name, by in attrs.asdict(self, recurse=False).items() if isinstance(by, Done)}

    @property
    def per_second(self) -> bool:
        """Whether values are rates: the exposure is divided out of them, and a dark needs no scaling."""
        return self.unit.endswith("/s")


UNITS = dict.fromkeys(("adu", "adus", "count", "counts", "dn"), "adu") | dict.fromkeys(
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
"""Cards that say that a step has been done: those of the Liverpool Telescope and Las Cumbres (1 is done; 0 and −1
are not), IRAF's and ccdproc's (true, or a sentence), HST's and DRAGONS' (COMPLETE, or the time at which it was)."""

CALSTAT_LETTERS = {"bias": "B", "dark": "D", "flat": "F"}
"""The letters of CALSTAT, in which MaxIm DL and AstroImageJ say what they have done, such as BDF."""

RESPONSE = "RESPONSE"
"""Our own card for a finished flat: values without unit, of mean 1."""

_FINISHED_AT = re.compile(r"COMPLETE|\d{4}-\d\d-\d\dT\d\d:\d\d.*")
_NOT_DONE = {"", "F", "FALSE", "N", "NO", "NONE", "0", "-1", "OMIT", "PERFORM", "SKIPPED", "UNKNOWN"}


def state_of(cards: Cards) -> State:
    """Tell what the header says has been done to the image, with the card that says so."""
    if cards.get(RESPONSE) is True:
        by = Done(f"{RESPONSE} = T")
        return State(overscan=by, bias=by, dark=by, unit="")
    said = {step: [_said(cards, key) for key in keys] for step, keys in STEP_CARDS.items()}
    done = {step: next(filter(None, each), None) for step, each in said.items()}
    for step, letter in CALSTAT_LETTERS.items():
        done[step] = done[step] or _lettered(cards, letter)
    unit = str(cards.get("BUNIT", "adu"))
    if unit_of(unit).startswith("electron"):
        done["gain"] = done["gain"] or Done(f"BUNIT = {unit.strip()}")
    return State(**done, unit=unit_of(unit))


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
    elif keyword.endswith("CORR") or keyword in ("OVERSUB", "TRIMMED"):
        done = isinstance(value, str) and bool(_FINISHED_AT.fullmatch(value.strip().upper()))
    else:
        done = value is True or (isinstance(value, str) and value.strip().upper() not in _NOT_DONE)
    return Done(f"{keyword} = {'T' if value is True else value}") if done else None
