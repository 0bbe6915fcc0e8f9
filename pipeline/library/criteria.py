"""What a calibration is held against: how it and the frames it is for were taken, hard criteria and soft ones.

A calibration that fails a hard criterion is never used; soft ones rank those that are left.  The rules are those of
observatories' own calibration managers: of Gemini (GeminiCalMgr), Las Cumbres (banzai), PypeIt, and of amateurs'
programs (WBPP, psf-guard).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any, TypeAlias

import attrs

from pipeline.checks.policy import Policy, apart, beyond, temperature
from pipeline.checks.same_setup import is_another
from pipeline.checks.shared_settings import CHOSEN_BY, SHARED_SETTINGS, SharedSetting, Told, settings_in
from pipeline.compose.running import running
from pipeline.detector.amplifiers import Readout, declared_amplifiers
from pipeline.detector.mosaic import Mosaic
from pipeline.detector.section import window_within
from pipeline.errors import PipelineError
from pipeline.headers.epochs import day
from pipeline.library.frame_kinds import is_a_master, target_card
from pipeline.records.frames import Image
from pipeline.version import made_by_us

CAMERA = ("instrument", "arm", "detector", "serial number of the camera", "binning", "readout section")
READOUT = ("gain", "gain setting", "black level (offset)", "readout mode", "row order", "colour mosaic")
OPTICS = ("filter", "grating", "grating angle or central wavelength", "dichroic", "telescope")
HARD = {
    "bias": (*CAMERA, *READOUT),
    "dark": (*CAMERA, *READOUT),
    "flat": (*CAMERA, *READOUT, *OPTICS),
    "arc": (*CAMERA, *OPTICS),
}
"""Settings in which a calibration of a kind may not differ."""

SOFT = {
    "bias": (),
    "dark": (),
    "flat": ("slit", "rotator", "grating position"),
    "arc": ("slit", "gain", "readout mode", "grating position"),
}
"""Those in which it should not, if there is another."""

CLOSER = ("slit", "grating position")
"""Those of them that tell groups of lights apart."""

STATED = {*READOUT[:4], *OPTICS[:3]}
"""Settings of which a calibration may not be silent where the light states them."""

GUESSED = ("filter", "grating")
"""Settings that nobody guesses: where the light is silent and calibrations differ, none is taken."""

Setting: TypeAlias = tuple[Told | None, ...]

_SETTINGS = {setting.words: setting for setting in (*SHARED_SETTINGS, *CHOSEN_BY)}


@attrs.frozen(eq=False)
class Taken:
    """How a frame was taken, as far as it matters here: ``temperature`` in °C, ``day`` in MJD, ``target`` in words."""

    image: Image
    settings: Mapping[str, Told]
    temperature: float | None
    day: float | None
    target: str
    master: bool
    ours: bool
    shape: tuple[int, int]
    to_compare: Setting  # of a calibration, what its kind is compared in

    @classmethod
    def of(cls, image: Image) -> Taken:
        """Read it from a frame's header."""
        cards = image.header
        settings = settings_in(cards)
        return cls(
            image,
            settings,
            temperature(cards),
            day(cards),
            plain_target(target_card(cards)[1]),
            is_a_master(cards),
            made_by_us(cards.get("CREATOR")),
            image.shape,
            tuple(settings.get(words) for words in asked_of(image.kind)),
        )


def plain_target(words: str) -> str:
    """Give what was pointed at without what it is spelt with: NGC 188 is ngc188."""
    return re.sub(r"[^a-z0-9]", "", words.lower())


@attrs.frozen
class Search:
    """What is looked for: calibrations of a kind for a group; ``by_bias`` tells whether it has a bias.

    ``first`` is the frame that stands for the group, ``settings`` are those in which calibrations are compared with it.
    """

    need: str
    group: Sequence[Taken]
    policy: Policy
    by_bias: bool
    targets: set[str]

    first: Taken = attrs.field(init=False, default=attrs.Factory(lambda self: self.group[0], takes_self=True))
    settings: Setting = attrs.field(init=False)
    _days: list[float] = attrs.field(init=False)

    @settings.default
    def _settings_asked_of_the_first(self) -> Setting:
        return tuple(self.first.settings.get(words) for words in asked_of(self.need))

    @_days.default
    def _days_of_all(self) -> list[float]:
        return [each.day for each in self.group if each.day is not None]

    def days_from(self, one: Taken) -> float | None:
        """Give by how many days a frame lies before (below 0) or after the group; None where a date is unknown."""
        return None if one.day is None or not self._days else beyond(self._days, one.day)


@attrs.define
class Judged:
    """A candidate: why it is refused, how it ranks (the least is the best), what is equal and what differs."""

    one: Taken
    days: float | None
    refused: list[str] = attrs.field(factory=list)
    rank: list[float] = attrs.field(factory=list)
    equal: list[str] = attrs.field(factory=list)
    differs: list[str] = attrs.field(factory=list)

    @property
    def order(self) -> tuple[Any, ...]:
        """Sort the best first: by rank, then the nearest, single frames before masters, and our masters first."""
        one, days = self.one, math.inf if self.days is None else abs(self.days)
        return self.rank, days, one.master, not one.ours, one.image.name


def judged(search: Search, one: Taken) -> Judged:
    """Hold a candidate against all criteria."""
    found = Judged(one, search.days_from(one))
    if search.need == "arc":  # the wavelengths drift within weeks, the slit hardly moves them
        found.rank.append(found.days is None or abs(found.days) > search.policy.same_night)
    cut = _by_shape(search, found)
    if bool(one.image.state.turned) != bool(search.first.image.state.turned):
        found.refused.append("turned otherwise")
    _by_settings(search, found, cut)
    if search.need in ("bias", "dark"):
        _by_temperature(search, found)
    if search.need == "dark":
        _by_exposure(search, found)
    if search.need == "arc":
        _by_target(search, found)
    valid = search.policy.days(search.need)
    if found.days is not None and abs(found.days) > valid:
        found.refused.append(f"{apart(found.days)}, valid for {valid:g} days")
    return found


def _fits_trimmed(search: Search, one: Taken) -> bool:
    """Tell whether a master is of the size that the frames will have when their overscan is cut off."""
    return one.master and one.image.shape == trimmed_shape(search.first.image)


def trimmed_shape(image: Image) -> tuple[int, int]:
    """Give the shape of a frame when its overscan is cut off, as its header declares that."""
    with running(quiet=True), suppress(PipelineError):
        readouts = [Readout.of(amplifier, image.shape) for amplifier in declared_amplifiers(image)]
        return Mosaic.of(readouts, image.name).shape if readouts else image.shape
    return image.shape


def _size(one: Taken) -> str:
    return f"{one.image.shape[1]}x{one.image.shape[0]} pixels"


def _by_shape(search: Search, found: Judged) -> bool:
    """Compare sizes; tell whether a calibration shows more of the detector, and is to be cut to what frames show."""
    light, other = search.first.image, found.one.image
    unlike = found.one.shape != search.first.shape and not _fits_trimmed(search, found.one)
    cut = unlike and search.need != "arc" and bool(window_within(light.header, light.shape, other.header, other.shape))
    found.rank.append(cut)
    if cut:
        found.differs.append(f"{_size(found.one)}, of which the window is taken")
    elif unlike:
        found.refused.append(f"{_size(found.one)} for {_size(search.first)}")
    return cut


def _by_settings(search: Search, found: Judged, cut: bool) -> None:
    """Compare what headers say of how the instrument was set; the readout section not where it is cut to the light's.

    Of a thousand frames most were set as others were: what is found of two settings is remembered.
    """
    ignore = (*search.policy.ignore, *(("readout section",) if cut else ()))
    settings = compared_settings(search.need, search.settings, found.one.to_compare, ignore, search.policy.silent)
    found.refused += settings.refused
    found.equal += settings.equal
    found.differs += settings.differs
    found.rank += [settings.guessed, len(settings.differs)]


@attrs.frozen
class Compared:
    """What was found of two frames' settings; ``guessed`` are those on which the light is silent."""

    refused: list[str] = attrs.field(factory=list)
    equal: list[str] = attrs.field(factory=list)
    differs: list[str] = attrs.field(factory=list)
    guessed: int = 0


@lru_cache(maxsize=2**12)
def compared_settings(need: str, light: Setting, other: Setting, ignore: tuple[str, ...], silent: bool) -> Compared:
    """Compare what headers say of the settings that matter for a need, given in the order of :func:`asked_of`."""
    refused, equal, differs, guessed = list[str](), list[str](), list[str](), 0
    dispersed = any(told and words == "grating" for words, told in zip(asked_of(need), light, strict=True))
    for words, of_light, of_other in zip(asked_of(need), light, other, strict=True):
        if words in ignore or (words == "rotator" and dispersed):
            continue  # a spectrograph turns with the slit, and its flats turn with it
        if of_light is None:
            guessed += words in GUESSED and of_other is not None
        elif of_other is None:
            if words in STATED and words in HARD[need] and not silent:
                refused.append(f"{words} not said, for {value_of(of_light)}")
        elif difference := _difference(_SETTINGS[words], of_light, of_other):
            (refused if words in HARD[need] else differs).append(difference)
        else:
            equal.append(words)
    return Compared(refused, equal, differs, guessed)


def asked_of(need: str) -> tuple[str, ...]:
    """Name the settings in which calibrations of a kind are compared with what they are for."""
    return HARD.get(need, ()) + SOFT.get(need, ())


def _difference(setting: SharedSetting, light: Told, other: Told) -> str:
    """Say in what two headers differ in a setting; empty where they do not, as far as both say it alike."""
    for a in light.cards:
        for b in other.cards:
            if (setting.across or a.keywords == b.keywords) and not setting.same(b.compared, a.compared):
                return f"{setting.words} {_said(b.words)} for {_said(a.words)}"
    for meaning, a_alone, b_alone in zip(setting.alike, light.alone, other.alone, strict=True):
        spoken = light.spoken & other.spoken & meaning
        if a_alone and b_alone and not spoken and is_another(a_alone, b_alone):
            return f"{setting.words} {_said(b_alone.words)} for {_said(a_alone.words)}"
    return ""


def value_of(told: Told) -> str:
    """Say what a header tells of a setting."""
    return _said(told.cards[0].words)


def _said(words: Iterable[float | str | None]) -> str:
    return ", ".join(f"{word:g}" if isinstance(word, float) else word for word in words if word is not None)


def _by_temperature(search: Search, found: Judged) -> None:
    """Compare what the detectors measured: a dark is gated by it, a bias ranked within wider bounds."""
    policy = search.policy
    limit = policy.dark_temperature if search.need == "dark" else policy.bias_temperature
    light, other = search.first.temperature, found.one.temperature
    warmer = 0.0 if light is None or other is None else other - light
    if light is not None and other is None and search.need == "dark" and not policy.silent:
        found.refused.append(f"temperature not said, for {light:.1f} °C")
    elif abs(warmer) > limit:
        found.refused.append(_warmer(warmer))
    elif abs(warmer) > policy.dark_temperature:
        found.differs.append(_warmer(warmer))
    elif light is not None and other is not None:
        found.equal.append("temperature")
    found.rank.append(abs(warmer) if abs(warmer) > policy.dark_temperature else 0.0)


def _warmer(kelvin: float) -> str:
    return f"{abs(kelvin):.1f} K {'warmer' if kelvin > 0 else 'colder'}"


def _by_exposure(search: Search, found: Judged) -> None:
    """Take darks of the same exposure as they are; others only where the bias is known, and down rather than up."""
    light, other = search.first.image.exposure, found.one.image.exposure
    if light is None or other is None:
        found.differs.append("an exposure is not said")
        found.rank += [2.0, 0.0]
    elif as_long(light, other, search.policy):
        found.equal.append("exposure")
        found.rank += [0.0, 0.0]
    else:
        words = f"{other:g} s for {light:g} s"
        scalable = search.by_bias or found.one.image.state.bias or search.policy.scale_without_bias
        if not scalable:
            found.refused.append(f"{words}, and no bias to scale it by")
        elif other < light and not search.policy.scale_up:
            found.refused.append(f"{words}, which scaled up is mostly noise")
        else:
            found.differs.append(f"{words}, scaled")
        found.rank += [1.0, other] if other > light else [1.5, -other]


def as_long(one: float | None, other: float | None, policy: Policy) -> bool:
    """Tell whether two exposures count as equal."""
    return one is not None and other is not None and abs(one - other) <= policy.exposure * max(one, other)


def _by_target(search: Search, found: Judged) -> None:
    """Prefer arcs that name the light's target, and refuse those that name another's."""
    named = {target for target in search.targets if len(target) > 2 and target in found.one.target}
    own = search.first.target in named
    if named and not own:
        found.refused.append(f"for another target, {found.one.image.header.get('OBJECT')}")
    found.rank.append(not own)
    if own:
        found.equal.append("target")
