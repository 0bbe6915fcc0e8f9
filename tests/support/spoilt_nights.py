"""Nights to be spoilt by one mistake each: how they are made, reduced and judged, and how mistakes are entered.

A mistake is a function that spoils a :class:`Night` and is entered by ``@mistake(area, words)``, the words being a
pattern of what a note has to name; ``@honest(area)`` enters a night in which nothing is wrong.  The first line of its
docstring says what was done.
"""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from typing import Any

import attrs
import numpy as np
from astropy.io import fits

from pipeline import (
    MasterBias,
    MasterDark,
    Recipe,
    attach_header,
    chain,
    combine,
    divide,
    each,
    flag_saturated,
    make_masters,
    pipe,
    read_night,
    reduce,
    running,
    subtract_bias,
    subtract_dark,
)
from pipeline.compose.telling import collecting
from pipeline.errors import PipelineError, PipelineWarning

SHAPE = (64, 80)
KINDS = ("bias", "dark", "flat", "light", "arc")
MASTERS = ("bias", "dark", "flat")
FAR = 5.0
"""σ beyond which a single pixel is wrong."""


@attrs.frozen
class Case:
    """An entry of the catalogue: ``words`` is the pattern of what has to be named, None for an honest night."""

    name: str
    area: str
    what: str
    words: str | None
    spoil: Callable[[Night], None]


CASES: dict[str, Case] = {}


def _entering(area: str, words: str | None) -> Callable[[Callable[[Night], None]], Callable[[Night], None]]:
    def enter(spoil):
        known = CASES.get(spoil.__name__)  # the same one where its module is imported under two names
        assert known is None or known.spoil.__code__.co_filename == spoil.__code__.co_filename, spoil.__name__
        CASES[spoil.__name__] = Case(spoil.__name__, area, inspect.getdoc(spoil).splitlines()[0], words, spoil)
        return spoil

    return enter


def mistake(area: str, words: str):
    """Enter a mistake, and a pattern of the words that name it."""
    return _entering(area, words)


def honest(area: str):
    """Enter a night with nothing wrong in it."""
    return _entering(area, None)


@attrs.define
class Raw:
    """A raw frame: values in ADU, cards, the type they are stored in, and what befalls the file."""

    values: np.ndarray
    cards: dict[str, Any]
    stored: str = "uint16"
    damage: Callable | None = None

    def write(self, path):
        kind = np.dtype(self.stored)
        values = self.values
        if kind.kind in "iu":
            values = np.clip(np.rint(values), np.iinfo(kind).min, np.iinfo(kind).max)
        path.write_bytes(_file_of(values.astype(kind), self.cards))
        if self.damage:
            self.damage(path)

    def alter(self, change):
        self.values = change(self.values)


UNSIGNED = {"uint16": 2**15, "uint32": 2**31}
"""What FITS takes from types that it does not know."""


def _file_of(values: np.ndarray, cards: dict[str, Any]) -> bytes:
    """Make a FITS file, in a tenth of the time that astropy takes for each of thousands."""
    zero, (height, width), size = UNSIGNED.get(values.dtype.name, 0), values.shape, values.dtype.itemsize
    bits = -8 * size if values.dtype.kind == "f" else 8 * size
    layout = {"SIMPLE": True, "BITPIX": bits, "NAXIS": 2, "NAXIS1": width, "NAXIS2": height}
    header = layout | cards | ({"BSCALE": 1, "BZERO": zero} if zero else {})
    text = "".join(_card(keyword, value, repr(value)) for keyword, value in header.items()) + "END"
    stored = (
        (values.astype(np.int64) - zero).astype(f">i{size}") if zero else values.astype(values.dtype.newbyteorder(">"))
    )
    return b"".join(
        part + filler * (-len(part) % 2880) for part, filler in ((text.encode(), b" "), (stored.tobytes(), b"\0"))
    )


@lru_cache(maxsize=2**12)
def _card(keyword: str, value: Any, _: str) -> str:
    """Write a card, (value, comment) or a value; frames share most, and words tell 1 from True."""
    name = keyword if len(keyword) <= 8 and " " not in keyword else f"HIERARCH {keyword}"
    return str(fits.Card(name, *(value if isinstance(value, tuple) else (value,))))


class Night:
    """Raw frames by kind, the detector and the sky they were taken with, and the truth a reduction should give.

    Electrons of a scene times the response of the optics, plus dark current, over the gain, plus a pedestal.
    ``recipe`` and ``program`` are how it is reduced (``program(frames)`` gives the product), ``routes`` the ways in
    which it can be.  In place of the comparison with the truth, ``check(products)`` says what is wrong with what came
    of it, or ``wrong`` says it whatever comes.  ``marked`` are pixels that are judged apart, ``kept`` those that must
    not be flagged either.
    """

    def __init__(self, shape=SHAPE, seed=11):
        self.random = np.random.default_rng(seed)
        self.shape = shape
        self.y, self.x = np.indices(shape)
        self.gain, self.read_noise, self.lamp = 1.6, 6.0, 28_000.0
        self.pedestal = 900 + 2.5 * np.cos(self.x / 7) + 0.03 * self.y + self.random.normal(0, 0.8, shape)
        warm = self.random.random(shape) < 0.012
        self.current = np.where(warm, self.random.uniform(3, 18, shape), 0.04)
        self.grain = self.random.normal(1, 0.01, shape)
        self.response = self.optics(((20, 24), (46, 60)))
        self.stars = [
            (self.random.uniform(6, shape[0] - 6), self.random.uniform(6, shape[1] - 6), flux)
            for flux in np.geomspace(1.5e4, 2.5e5, 9)
        ]
        self.scene = self.sky()
        self.seconds = {"bias": 0.0, "dark": 120.0, "flat": 4.0, "light": 60.0, "arc": 8.0}
        self.minute = 0
        self.recipe, self.program, self.check, self.wrong = Recipe(), None, None, None
        self.truth, self.variance_known = None, True
        self.marked, self.kept = {}, {}
        self.rows, self.before, self.routes = None, None, tuple(ROUTES)
        self.bias, self.dark, self.flat, self.light, self.arc = [], [], [], [], []
        self.take()

    # what there is to see, and through what

    def dust(self, places):
        return np.any([(self.y - y) ** 2 + (self.x - x) ** 2 < 20 for y, x in places], axis=0)

    def optics(self, places, vignetting=0.25):
        """Give a response with vignetting, pixels' own, and dust at some places; judge the dust apart."""
        off_axis = (self.y - self.shape[0] / 2) ** 2 + (self.x - self.shape[1] / 2) ** 2
        self.dusty = self.dust(places)
        return (1 - vignetting * off_axis / off_axis.max()) * self.grain * np.where(self.dusty, 0.8, 1)

    def sky(self, level=2500.0, *, down=0.0, right=0.0, fwhm=3.0, stars=None):
        s = fwhm / 2.3548
        seen = np.full(self.shape, float(level))
        for y, x, flux in self.stars if stars is None else stars:
            apart = (self.y - y - down) ** 2 + (self.x - x - right) ** 2
            seen += flux / (2 * np.pi * s * s) * np.exp(-apart / (2 * s * s))
        return seen

    # exposures

    def expose(self, kind, *, electrons=None, seconds=None, cards=None, **other):
        """Give a raw frame; ``other`` are attributes of the night that are otherwise for this frame."""
        mine = {key: other.pop(key, getattr(self, key)) for key in _OF_A_FRAME}
        assert not other, other
        seconds = self.seconds[kind] if seconds is None else seconds
        if electrons is None:
            electrons = {"flat": self.lamp, "light": mine["scene"] * seconds / self.seconds["light"]}.get(kind, 0.0)
        collected = electrons * mine["response"] + mine["current"] * seconds
        collected = self.random.poisson(np.maximum(collected, 0) * np.ones(self.shape))
        read = self.random.normal(0, mine["read_noise"], self.shape)
        self.minute += 2
        return Raw((collected + read) / mine["gain"] + mine["pedestal"], self.cards(kind, seconds) | (cards or {}))

    def cards(self, kind, seconds):
        hour, minute = divmod(self.minute, 60)
        cards = {
            "IMAGETYP": {"light": "object"}.get(kind, kind),
            "EXPTIME": seconds,
            "DATE-OBS": f"2025-11-20T{1 + hour:02d}:{minute:02d}:00",
            "GAIN": (self.gain, "[e-/ADU]"),
            "RDNOISE": (self.read_noise, "[e-]"),
            "CCD-TEMP": -25.0,
            "XBINNING": 1,
            "YBINNING": 1,
            "INSTRUME": "IMAGER",
            "TELESCOP": "0.8m",
        }
        if kind in ("flat", "light"):
            cards["FILTER"] = "R"
        if kind == "light":
            cards |= {"OBJECT": "NGC 188", "RA": "00:47:28.0", "DEC": "+85:15:18"}
        return cards

    def take(self, **counts):
        """Take so many frames anew of each kind named; with none named, as many of each as is usual."""
        for kind, count in (counts or {"bias": 4, "dark": 4, "flat": 4, "light": 3}).items():
            setattr(self, kind, self.several(kind, count))

    def several(self, kind, count, **how):
        return [self.expose(kind, **how) for _ in range(count)]

    def all(self, *kinds):
        return [frame for kind in kinds or KINDS for frame in getattr(self, kind)]

    def card(self, keyword, value, *kinds):
        """Put a card into all frames of some kinds, or of all; None takes it out."""
        for frame in self.all(*kinds):
            if value is None:
                frame.cards.pop(keyword, None)
            else:
                frame.cards[keyword] = value

    # other cameras

    def no_darks(self):
        """Make it a camera without dark current, and a night without darks."""
        self.current = 0 * self.current
        self.dark = []
        self.take(flat=4, light=3)

    def add_overscan(self, *, jump, columns=12, cards=None):
        """Put overscan columns at the right of each frame, whose level jumps from frame to frame."""
        for frame in self.all():
            level = self.random.normal(0, jump)
            strip = self.random.normal(900 + level, self.read_noise / self.gain, (self.shape[0], columns))
            frame.values = np.hstack([frame.values + level, strip])
            frame.cards |= self.sections(columns) if cards is None else cards

    def sections(self, columns=12):
        height, width = self.shape
        return {"BIASSEC": f"[{width + 1}:{width + columns},1:{height}]", "TRIMSEC": f"[1:{width},1:{height}]"}

    def spectrograph(self, lights=3, arcs=2):
        """Make it a long slit: a trace along x, lines of the sky, a lamp that is red, arcs."""
        self.routes = ("reduce",)  # the ten lines have no arcs
        self.response, self.dusty = self.grain, np.zeros(self.shape, bool)
        self.lines = sum(np.exp(-((self.x - at) ** 2) / 4) for at in (11, 29, 44, 66))
        self.scene = 400 + 7000 * np.exp(-((self.y - 32) ** 2) / 8) + 2500 * self.lines
        self.lamp = 28_000 * (0.6 + 0.6 * self.x / self.shape[1])
        self.take(flat=4, light=lights)
        self.arc = self.several("arc", arcs, electrons=80 + 8000 * self.lines, cards={"LAMP": "Ne"})

    def mosaic_of_colours(self):
        """Make it a colour camera, RGGB."""
        red = (self.y % 2 == 0) & (self.x % 2 == 0)
        blue = (self.y % 2 == 1) & (self.x % 2 == 1)
        self.response = self.response * np.where(red, 0.5, np.where(blue, 0.4, 1.0))
        self.kept |= {"red": red, "blue": blue}
        self.lamp = 38_000.0
        self.take(flat=4, light=3)
        for frame in self.all():
            frame.cards |= {"BAYERPAT": "RGGB", "XBAYROFF": 0, "YBAYROFF": 0}

    # truth

    def wanted(self):
        """Give the truth in ADU and its σ, as a good reduction of these many frames has it."""
        lamp = self.response * self.lamp
        used = np.isfinite(lamp) & (self.response > 1e-3)
        field = lamp / lamp[used].mean() if self.flat else np.ones(self.shape)
        seen = self.scene * self.response
        read = (self.read_noise / self.gain) ** 2 + 1 / 12
        share = self.seconds["light"] / self.seconds["dark"] if self.dark else 0.0
        variance = ((seen + self.current * self.seconds["light"]) / self.gain**2 + read) / max(len(self.light), 1)
        if self.bias:  # a part of it comes back with the dark
            variance = variance + (1 - share) ** 2 * read / len(self.bias)
        if self.dark:
            dark = self.current * self.seconds["dark"] / self.gain**2 + read
            variance = variance + share**2 * dark / len(self.dark)
        truth, sigma = seen / self.gain / field, np.sqrt(variance) / field
        if self.flat:
            sigma = np.hypot(sigma, truth / np.sqrt(lamp * len(self.flat)))
        return (truth if self.truth is None else self.truth), sigma

    def parts(self):
        """Give the pixels that are judged apart."""
        low, left = self.y < self.shape[0] // 2, self.x < self.shape[1] // 2
        own = {
            "frame": np.ones(self.shape, bool),
            "stars": self.scene > 1.3 * np.median(self.scene),
            "warm pixels": self.current > 1,
            "dust": self.dusty,
        }
        rows, columns = {"low": low, "top": ~low}, {"left": left, "right": ~left}
        quarters = {f"{a} {b}": row & column for a, row in rows.items() for b, column in columns.items()}
        return own | quarters | self.marked | self.kept

    def write(self, folder):
        """Write frames under names that say nothing, and their list; give its path."""
        rows = []
        for kind in KINDS:
            for frame in getattr(self, kind):
                name = f"f{len(rows) + 1:02d}.fits"
                frame.write(folder / name)
                rows.append(f"{kind}, {name}")
        path = folder / "night.csv"
        path.write_text("\n".join(self.rows(rows) if self.rows else rows))
        if self.before:
            self.before(folder)
        return path


@cache
def _as_taken() -> Night:
    return Night()


def sound_night() -> Night:
    """Give a night to be spoilt: a copy of one that is taken once."""
    return copy.deepcopy(_as_taken())


_OF_A_FRAME = ("scene", "response", "current", "pedestal", "gain", "read_noise")


# how a night is reduced


def by_reduce(frames, night):
    """Reduce by the whole recipe: lights, and arcs where there are any, with masters made once."""
    with collecting():
        masters = make_masters(frames, night.recipe)
        kinds = [kind for kind in ("light", "arc") if frames.of_kind(kind).frames]
        return {kind: reduce(frames, recipe=night.recipe, kind=kind, masters=masters) for kind in kinds}


def by_ten_lines(frames, night):
    """Reduce by the ten lines of the README, without the masters that the night has no frames for."""
    recipe = night.recipe
    frames = each(chain(flag_saturated(level=recipe.saturation), recipe.overscan))(frames)
    stack = combine(method="mean", variance=recipe.variance)
    bias = pipe(frames.bias, stack, MasterBias.of) if frames.bias.frames else None
    dark = pipe(frames.dark, stack, subtract_bias(bias=bias), _dark_of(recipe)) if frames.dark.frames else None
    calibrated = chain(subtract_bias(bias=bias), subtract_dark(dark=dark))
    flat = pipe(frames.flat, stack, calibrated, recipe.normalise) if frames.flat.frames else None
    image = pipe(frames.light, stack, calibrated, divide(flat=flat), attach_header)
    return {"light": image}


def _dark_of(recipe):
    return lambda image: MasterDark.of(image, has_bias=recipe.dark_has_bias)


def by_program(frames, night):
    """Reduce by the night's own program."""
    return {"light": night.program(frames)}


ROUTES = {"reduce": by_reduce, "ten lines": by_ten_lines}


# how what came of it is judged


@attrs.frozen
class Verdict:
    """How a night came out, and why: REFUSED, SAID, CORRECTED and CLEAN are as they should be.

    Otherwise a mistake is SILENT (the result is wrong and no word names it), LAX (named, wrong, and not refused when
    strict), UNNAMED (refused for another reason) or REPEATED (one fact is said of frame after frame); an honest night
    is FALSE (accused) or WRONG.
    """

    outcome: str
    why: str

    @property
    def fine(self):
        return self.outcome in ("REFUSED", "SAID", "CORRECTED", "CLEAN")


def judged(case: Case, night: Night, folder, route: str) -> Verdict:
    """Reduce a spoilt night that is written to a folder, and judge what was said and what came of it."""
    by = by_program if night.program else ROUTES[route]
    path = night.write(folder)
    frames, notes, refusal = _run(lambda: read_night(path), strict=False)
    accused_when_read = any(note.is_assumption for note in notes)
    if not refusal:
        products, more, refusal = _run(lambda: by(frames, night), strict=False)
        notes += more
    told = " / ".join([*map(str, notes), refusal]).replace(f"{folder}/", "")
    wrong = "" if refusal else _wrong(products, night)
    if case.words is None:
        accused = [str(note) for note in notes if note.is_assumption]
        if refusal or accused:
            return Verdict("FALSE", refusal or " / ".join(accused))
        return Verdict("WRONG", f"{wrong} (said: {told})") if wrong else Verdict("CLEAN", told)
    named = re.search(case.words, told, re.IGNORECASE)
    if refusal:
        return Verdict("REFUSED" if named else "UNNAMED", told)
    if not named:
        return Verdict("SILENT", f"{wrong} (said: {told})") if wrong else Verdict("CORRECTED", told)
    if by is by_reduce and _repeated(notes):  # each of ten lines tells for itself
        return Verdict("REPEATED", told)
    strictly = (lambda: read_night(path)) if accused_when_read else (lambda: by(frames, night))
    if _run(strictly, strict=True)[2]:
        return Verdict("SAID", told)
    return Verdict("LAX", f"{told} ({wrong})") if wrong else Verdict("CORRECTED", told)


def _run(make, *, strict):
    """Read or reduce; give what came of it, the notes, and why it was refused, if it was."""
    notes: list[Any] = []
    with running(on_note=notes.append, strict=strict):
        try:
            made = make()
        except (PipelineError, PipelineWarning) as error:
            return None, notes, f"{type(error).__name__}: {error}"
    return made, notes, ""


def _repeated(notes):
    """Tell whether notes differ in nothing but the frames they are of."""
    facts = [re.sub(r"\S*f\d\d\.fits( and \d+ more)?", "", str(note)) for note in notes]
    return len(set(facts)) < len(facts)


def _wrong(products, night):
    if night.wrong is not None:
        return night.wrong
    return night.check(products) if night.check else faults(products["light"], night)


def faults(image, night: Night) -> str:
    """Say in what a product differs from the truth: nothing where it is right within its noise."""
    values, bad, variance = np.asarray(image.pixels.values, float), image.pixels.mask, image.pixels.total_variance
    truth, sigma = night.wanted()
    if values.shape != truth.shape:
        return f"shape {values.shape} in place of {truth.shape}"
    deviation, good = (values - truth) / sigma, ~bad & np.isfinite(values)
    found = [f"only {good.mean():.0%} good"] if good.mean() < 0.4 else []
    for name, where in night.parts().items():
        found += _differences(name, deviation[where & good])
    found += [f"{name} flagged" for name, where in night.kept.items() if good[where].mean() < 0.9]
    if variance is None:
        found += ["no variance"] if night.variance_known else []
    elif good.any():
        ratio = np.median(np.sqrt(variance[good]) / sigma[good])
        found += [] if 0.8 < ratio < 1.3 else [f"standard deviation {ratio:.2f} of the noise"]
    return "; ".join(found[:3])


def _differences(name, deviation) -> Iterable[str]:
    """Give a line where pixels lie apart from the truth on average, or too many of them far from it."""
    if deviation.size <= 7:
        return
    mean, far = deviation.mean(), np.mean(abs(deviation) > FAR)
    if abs(mean) > 0.25 + 4 / np.sqrt(deviation.size) or far > max(0.01, 2.5 / deviation.size):
        yield f"{name} {mean:+.1f} σ, {far:.0%} beyond {FAR:g}"
