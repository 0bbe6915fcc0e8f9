"""The settings of the default reduction: what an observer may want otherwise, and nothing of the order of its steps.

The order stands in :mod:`pipeline.night.reduce`.
"""

from __future__ import annotations

import typing
from functools import cached_property
from typing import Any, Literal, TypeAlias

import attrs
import numpy as np

from pipeline.checks.policy import Policy
from pipeline.compose.settings import checked
from pipeline.compose.stage import Stage, Step
from pipeline.compose.written import written
from pipeline.errors import SettingError
from pipeline.records.frames import FrameSet, Image
from pipeline.records.identity import cheap_hash, content_key
from pipeline.stacking.clip import Clip, Sigmas
from pipeline.stages.bad_pixels import Growth, Mask, PartOfResponse, Times
from pipeline.stages.declare import Declared
from pipeline.stages.flat import MasterFlat, normalise_flat
from pipeline.stages.overscan import subtract_overscan
from pipeline.stages.saturation import Fraction, Level
from pipeline.statistics.noise import Noise


@checked
@attrs.frozen
class Flagging:
    """What is flagged besides what is saturated, not finite, or without flat.

    >>> from pipeline import Flagging, Recipe
    >>> Recipe(flagging=Flagging(hot=8, grow=1)).flagging.hot
    8

    :param fraction: of the frames of a bias, dark or flat that must be saturated to flag the master's pixel; by
        default any one is enough.
    :param mask: bad pixels, of the shape of the raw frames or of the trimmed ones.
    :param hot: flag pixels of the dark this many standard deviations above their surroundings; None for none.
    :param dead: flag pixels of the flat below this fraction of their surroundings; None for none.
    :param noisy: flag pixels that scatter from one bias or dark frame to the next as if they had this many times the
        noise of their surroundings; None for none.
    :param grow: flag neighbours of the product's flagged pixels out to so many pixels.
    :param diagonals: grow in squares, not along rows and columns only.
    :raises SettingError: a number is out of its range.
    """

    fraction: Fraction | None = None
    mask: Mask | None = None
    hot: Sigmas | None = attrs.field(default=None, repr=written)
    dead: PartOfResponse | None = None
    noisy: Times | None = None
    grow: Growth = 0
    diagonals: bool = True

    __hash__ = cheap_hash
    __dask_tokenize__ = content_key


Kind: TypeAlias = Literal["bias", "dark", "flat", "light", "arc"]

RawPlace: TypeAlias = Literal["flag_saturated", "linearise", "subtract_overscan"]
LaterPlace: TypeAlias = Literal[
    "subtract_bias",
    "subtract_dark",
    "clean_cosmic_rays",
    "divide",
    "subtract_fringe",
    "grow_flags",
    "heal",
    "to_electrons",
    "orient",
]
Place: TypeAlias = RawPlace | LaterPlace
"""The steps of a reduction, in their order, that others may stand before or behind."""

_OF_CALIBRATIONS: dict[str, tuple[str, ...]] = {
    "bias": typing.get_args(RawPlace),
    "dark": (*typing.get_args(RawPlace), "subtract_bias"),
    "flat": (*typing.get_args(RawPlace), "subtract_bias", "subtract_dark"),
}
"""The steps that there are on the way to a master."""


@checked
@attrs.frozen
class Extra:
    """A step that is no part of the default reduction, behind or before one that is, whether or not that has to work.

    Up to subtract_overscan it is done to each frame; from subtract_bias on to what was combined, or to each frame where
    frames are calibrated each.

    >>> from pipeline import Extra, Recipe, flag_hot
    >>> recipe = Recipe(extra=(Extra(flag_hot(sigma=8), after="divide"),))
    >>> recipe.extra[0].step
    flag_hot(sigma=8)

    :param step: what is done: a step of your own, or one of ours once more.
    :param after: the step that it stands behind.
    :param before: or the step that it stands before.
    :param kinds: the kinds of frames to which it is done.
    """

    step: Step[Image, Image]
    after: Place | None = None
    before: Place | None = None
    kinds: tuple[Kind, ...] = ("light",)

    __hash__ = cheap_hash
    __dask_tokenize__ = content_key

    def __attrs_post_init__(self) -> None:
        place = self.after or self.before
        if place is None or (self.after and self.before):
            raise SettingError(f"Extra: after={self.after!r}, before={self.before!r}; give one of the two")
        for kind in self.kinds:
            if place not in _OF_CALIBRATIONS.get(kind, (place,)):
                listed = ", ".join(_OF_CALIBRATIONS[kind])
                raise SettingError(f"Extra: a {kind} does not go through {place}; expected one of {listed}")


@checked
@attrs.frozen
class Recipe:
    """The settings of the default reduction.

    >>> from pipeline import Recipe, subtract_overscan, to_electrons
    >>> Recipe(method="median", overscan=subtract_overscan(order=1), electrons=to_electrons(gain=1.5)).electrons
    to_electrons(gain=1.5)

    :param method: how frames are combined.
    :param clip: what is left out of a combination; None for nothing.
    :param overscan: the step that takes out overscan and trims; None to leave both.
    :param saturation: level in ADU from which raw values are flagged; by default what headers say.
    :param dark_has_bias: whether darks hold the bias, where no bias frames tell.
    :param dark_scale: how strong the dark is taken out of lights: by exposures, or as strong as it stands in them.
    :param flagging: what else is flagged.
    :param declared: kinds of frames that are raw, finished, or without bias, whatever their headers say.
    :param normalise: the step that makes the flat a response.
    :param flat_sources: the step that masks stars in flats, once bias and dark are out of each; None where they show
        none, or no twilight sky.
    :param electrons: the step that turns the calibrated image into electrons, or each frame, where amplifiers have
        gains of their own; None to leave it in ADU.
    :param orient: the last step before the header, which lays the dispersion along x; None to leave it as it lies.
    :param variance: where the variance comes from, as in combine; None to follow none.
    :param noise: what gain and read noise say of a single frame, as ``Noise.of(gain=..., read_noise=...)``, or of each
        amplifier of it, in a tuple; by default what its header says, or else what the bias and flat frames show.
    :param linearity: the step that straightens raw values; None to take them as they are.
    :param cosmics: the step that cleans each light, once bias and dark are out; None to leave that to the clip.
    :param align: the step that brings lights to one place of the sky, once they are flat-fielded and their fringes are
        out; then they are calibrated each.
    :param fringe: the step that takes fringes out of the flat-fielded light.
    :param healing: what interpolates over bad pixels, once flags are grown.
    :param extra: steps of your own, each behind or before one of these.
    :param policy: what calibrations may differ in from the frames they are for, and for how long they are valid.
    :raises SettingError: a setting is of another type or out of its range, or a step is no such step.
    """

    method: Literal["mean", "median"] = "mean"
    clip: Clip | None = Clip()  # noqa: RUF009 - immutable
    overscan: Step[Image, Image] | None = subtract_overscan()  # noqa: RUF009 - immutable
    saturation: Level | None = attrs.field(default=None, repr=written)
    dark_has_bias: bool | None = None
    dark_scale: Literal["exposure", "fit"] = "exposure"
    flagging: Flagging = Flagging()
    declared: tuple[tuple[Kind, Declared], ...] = ()
    normalise: Step[Image, MasterFlat] = normalise_flat()  # noqa: RUF009 - immutable
    electrons: Step[Image, Image] | None = None
    orient: Step[Image, Image] | None = None
    flat_sources: Step[FrameSet, FrameSet] | None = None
    variance: Literal["noise", "scatter"] | Noise | None = "noise"
    noise: Noise | tuple[Noise, ...] | None = None
    linearity: Step[Image, Image] | None = None
    cosmics: Step[Image, Image] | None = None
    align: Step[FrameSet, FrameSet] | None = None
    fringe: Step[Image, Image] | None = None
    healing: Step[Image, Image] | None = None
    extra: tuple[Extra, ...] = ()
    policy: Policy = Policy()  # noqa: RUF009 - immutable

    __hash__ = cheap_hash
    __dask_tokenize__ = content_key

    @cached_property
    def key(self) -> str:
        """What tells the settings from all others, whoever gave them and how: 32 hexadecimal digits.

        Recipes that are equal have one, in every process.  Masks and masters count by their pixels, wherever they were
        read; stages by module and name.
        """
        return content_key(_told(self))

    @property
    def steps(self) -> tuple[Step[Any, Any], ...]:
        """Its steps, those that it adds last."""
        own = (getattr(self, field.name) for field in attrs.fields(Recipe))
        return (*(step for step in own if isinstance(step, Step)), *(extra.step for extra in self.extra))

    @property
    def reads_amplifiers(self) -> bool:
        """Whether the overscan is told where each amplifier lies, whatever headers declare."""
        return bool(self.overscan and dict(self.overscan.settings).get("amplifiers"))

    @property
    def gains_given(self) -> bool | None:
        """Whether each amplifier's gain is given; None where gains are left to headers."""
        gain = None if self.electrons is None else dict(self.electrons.settings).get("gain")
        return None if gain is None else isinstance(gain, tuple)


def _told(value: Any) -> Any:
    """Say what a setting is: names, numbers and keys."""
    if isinstance(value, Step):
        return _told(value.stage), {name: _told(one) for name, one in value.every_setting.items()}
    if isinstance(value, Stage):
        return f"{value.function.__module__}:{value.function.__qualname__}"
    if isinstance(value, tuple):
        return tuple(map(_told, value))
    if has_pixels(type(value)):
        return pixels_key(value)
    if attrs.has(type(value)):
        every = {field.name: _told(getattr(value, field.name)) for field in attrs.fields(type(value)) if field.eq}
        return type(value).__qualname__, every
    return value


def has_pixels(kind: type) -> bool:
    """Tell whether settings of a class hold pixels: an array, an image, a master or a mask, which no text holds."""
    known = (np.ndarray, Image)
    held = hasattr(kind, "on_rows") or (attrs.has(kind) and hasattr(kind, "image"))
    return issubclass(kind, known) or (held and not issubclass(kind, Step))


def pixels_key(value: Any) -> str:
    """Give the key of what a setting's pixels are, and not of where they were read or what they are called."""
    if isinstance(value, np.ndarray):
        return content_key(value)
    if isinstance(value, Image):
        return content_key(value.pixels)
    named = {field.name: getattr(value, field.name) for field in attrs.fields(type(value)) if field.name != "name"}
    return content_key(
        type(value).__qualname__, {name: one.pixels if isinstance(one, Image) else one for name, one in named.items()}
    )
