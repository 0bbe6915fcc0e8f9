"""What a frame is: bias, dark, flat, arc or light, by its header, and by the name of its file where that is silent.

Observatories say it in a card for the type, in the name of the target, by lamps, or not at all; what is told is told
with where it was read.
"""

from __future__ import annotations

import re

import attrs

from pipeline.headers import keywords
from pipeline.headers.cards import Cards
from pipeline.headers.exposure import exposure
from pipeline.headers.keyword_tables import TARGET
from pipeline.headers.status import State
from pipeline.headers.values import is_nothing
from pipeline.version import made_by_us

EXPOSURE_LETTERS = {"a": "arc", "b": "bias", "d": "dark", "f": "flat", "w": "flat"}
"""The Liverpool Telescope's own letter for the type, in EXPID: v_f_20181129_10_1_0_0 is a flat."""

_FLAT = r"(dome|sky|twi(light)?|internal|lamp|quartz|led|[dst])?[ _-]*flats?([ _-]*fields?)?"
_ARC = r"arcs?([ _-]*lamps?)?|comp(arison)?s?([ _-]*lamps?)?"
CALLED = (
    ("bias", re.compile(r"\W*(bias|zero)(e?s|[ _-]*frames?)?\W*\d*", re.IGNORECASE)),
    ("dark", re.compile(r"\W*(darks?([ _-]*frames?)?|dark[ _-]*flats?|flat[ _-]*darks?)\W*\d*", re.IGNORECASE)),
    ("flat", re.compile(rf"\W*({_FLAT})[\W_]*\d*", re.IGNORECASE)),
    ("arc", re.compile(rf"\W*({_ARC})[\W_]*\d*", re.IGNORECASE)),
)
"""What observers call calibrations where the type of every exposure with the shutter open is OBJECT."""

CALLED_AMONG_OTHERS = (
    ("flat", re.compile(rf"(?:.*[\W_])?{_FLAT}(?:[\W_]+\w{{1,8}})?\W*", re.IGNORECASE)),
    ("arc", re.compile(r"(?:.*[\W_])?arcs?\W*", re.IGNORECASE)),
)
"""The same with words of the setup beside it: ``0.5" LB arc``, ``dome flat V``."""

LONGEST_LAMP = 300.0
"""Seconds: what is exposed longer, and is called an arc among other words, is one on the sky, of a cluster's lens."""

IN_NAMES = (
    ("dark", re.compile(r"(?<![a-z])(dark[ _-]?flats?|flat[ _-]?darks?)(?![a-z])", re.IGNORECASE)),
    ("bias", re.compile(r"(?<![a-z])(master)?[ _-]?(bias(es)?|zeros?|offsets?)(?![a-z])", re.IGNORECASE)),
    ("dark", re.compile(r"(?<![a-z])(master)?[ _-]?darks?(?![a-z])", re.IGNORECASE)),
    ("flat", re.compile(r"(?<![a-z])(master)?[ _-]?(dome|sky|twi)?[ _-]?flats?(?![a-z])", re.IGNORECASE)),
    ("arc", re.compile(r"(?<![a-z])(arcs?|comps?)(?![a-z])", re.IGNORECASE)),
    ("light", re.compile(r"(?<![a-z])lights?(?![a-z])", re.IGNORECASE)),
)
"""The words in names of files and folders."""

ALSO_LAMPS = re.compile(r"LAMPSTA(\w)|LAMP(\w+)STA|LAMPSTAT(\w)")
"""Cards that say of one lamp whether it is on: Lick's LAMPSTA1, whose name is that of LAMPNAM1."""

_GLOWS = re.compile(r"(.*[\W_])?(blue|red|quartz|halogen|cont(inuum)?|flat|qth|incandescent|deuterium|white)(\W.*)?")


@attrs.frozen
class FrameKind:
    """The kind of a frame, empty where none of these, and by what it was told where that was not its type."""

    kind: str
    by: str = ""


def kind_of(cards: Cards, path: str = "") -> FrameKind:
    """Tell the kind of a frame.

    >>> kind_of(Cards.of({"OBSTYPE": "OBJECT", "OBJECT": "dome flat"}))
    FrameKind(kind='flat', by='OBJECT = dome flat')
    >>> kind_of(Cards.of({}), "night/dark/a.fits")
    FrameKind(kind='dark', by='the name of its file or folder')

    :param path: where the file lies, as far as names of folders may tell.
    """
    letter = re.match(r"[a-z]_([a-z])_\d{8}_", str(cards.get("EXPID", "")))
    if letter and letter[1] in EXPOSURE_LETTERS:
        return FrameKind(EXPOSURE_LETTERS[letter[1]])
    said = keywords.image_type(cards) or ""
    keyword, target = target_card(cards)
    if re.search(r"(?<![a-z])flat.*(?<![a-z])off(?![a-z])", target, re.IGNORECASE):
        return FrameKind("", f"{keyword} = {target}: a flat without its lamp is none")
    if said not in ("", "light"):
        return FrameKind(said)
    told = _called(cards, target) if target else ""
    if told:
        return FrameKind(told, f"{keyword} = {target}")
    lit = _lamp(cards)
    if lit:
        return FrameKind(*lit)
    named = _in_name(path, folders=not said) if not target else ""
    if named and named != said:
        return FrameKind(named, "the name of its file or folder")
    return FrameKind(said) if said else _by_exposure(cards)


def _by_exposure(cards: Cards) -> FrameKind:
    """Take what a camera exposed and called nothing for a light, and what it read out without exposing for a bias."""
    camera = any(cards.get(keyword) for keyword in ("INSTRUME", "SWCREATE"))
    seconds = exposure(cards) if camera else None
    if seconds is None:
        return FrameKind("")
    return FrameKind("light" if seconds else "bias", f"its exposure, {seconds:g} s: it says no type")


def target_card(cards: Cards) -> tuple[str, str]:
    """Give the card that says what was pointed at, and its words; empty where none does."""
    for keyword in TARGET:
        words = " ".join(str(cards.get(keyword, "")).split())
        if words and not is_nothing(words) and words.upper() != "UNKNOWN":
            return keyword, words
    return "", ""


def _called(cards: Cards, target: str) -> str:
    """Tell what an observer's words call a calibration; empty where they do not."""
    tables = (CALLED, CALLED_AMONG_OTHERS) if (exposure(cards) or 0) <= LONGEST_LAMP else (CALLED,)
    return next((kind for table in tables for kind, words in table if words.fullmatch(target)), "")


def _lamp(cards: Cards) -> tuple[str, str] | None:
    """Tell flat and arc by the lamps that are on, where a header says so of each."""
    for keyword in sorted(cards.keywords):
        found = ALSO_LAMPS.fullmatch(keyword)
        if found and str(cards.get(keyword)).strip().lower() == "on":
            name = str(cards.get(f"LAMPNAM{found[1]}", "")).strip()
            kind = "flat" if _GLOWS.fullmatch(name.lower().replace("_", " ")) else "arc"
            return kind, f"{keyword} = on{f' ({name})' if name else ''}"
    return None


def _in_name(path: str, *, folders: bool) -> str:
    """Tell the kind by the name of a file, and where that does not tell, of the folders around it."""
    *around, name = path.split("/")
    for part in (name, *reversed(around)) if folders else (name,):
        kind = next((kind for kind, words in IN_NAMES if words.search(part)), "")
        if kind:
            return kind
    return ""


def why_finished(cards: Cards, state: State, kind: str) -> str:
    """Say why a frame is a product, that nothing is to be done to again; empty where it may be reduced or used.

    Masters are used, whoever made them: what is out of them already is in their state.
    """
    if kind in ("bias", "dark", "flat"):
        return ""
    if made_by_us(cards.get("CREATOR")):
        return "a product of ccd-pipeline"
    return f"reduced already: {state.flat}" if state.flat and state.flat.sure and kind == "light" else ""


def is_a_master(cards: Cards) -> bool:
    """Tell whether a frame is a master, whoever made it: we, IRAF, ccdproc, Siril, PixInsight, LCO, DRAGONS."""
    count = cards.get("NCOMBINE", cards.get("STACKCNT", 0))
    several = isinstance(count, int | float) and not isinstance(count, bool) and count > 1
    said = any(cards.get(keyword) is True for keyword in ("ISMASTER", "COMBINED", "RESPONSE"))
    said |= any(cards.get(keyword) for keyword in ("PROCBIAS", "PROCDARK", "PROCFLAT"))
    words = str(cards.get("IMAGETYP", "")).strip().lower().startswith("master")
    return several or said or words or made_by_us(cards.get("CREATOR"))
