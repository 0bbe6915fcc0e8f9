"""The settings of the default reduction: what an observer may want otherwise, and nothing of the order of its steps.

The order stands in :mod:`pipeline.night.reduce`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import attrs

from pipeline.compose.stage import Step
from pipeline.errors import SettingError
from pipeline.records.frames import KINDS, FrameSet, Image
from pipeline.stacking.clip import Clip
from pipeline.stages.bad_pixels import Mask, check_below, check_sigma
from pipeline.stages.declare import STATES, Declared
from pipeline.stages.flat import MasterFlat, normalise_flat
from pipeline.stages.overscan import subtract_overscan
from pipeline.stages.saturation import check_fraction
from pipeline.statistics.noise import Noise


def _if_given(check: Callable[[float], None]) -> Callable[[object, object, float | None], None]:
    """Check a setting that may be None where it is not."""

    def validate(_: object, __: object, value: float | None) -> None:
        if value is not None:
            check(value)

    return validate


def _one_of(*known: object, or_a: type | None = None) -> Callable[[object, attrs.Attribute[Any], object], None]:
    """Refuse, when a recipe is made, what is none of these words, and no record of a type."""

    def validate(_: object, field: attrs.Attribute[Any], value: object) -> None:
        if value not in known and not (or_a and isinstance(value, or_a)):
            expected = [*map(repr, known), *([f"a {or_a.__name__}"] if or_a else [])]
            raise SettingError(f"Recipe: {field.name}={value!r}; expected one of {', '.join(expected)}")

    return validate


def _pixels(_: object, __: object, grow: int) -> None:
    if not isinstance(grow, int) or grow < 0:
        raise SettingError(f"grow={grow!r}; expected a whole number of pixels from 0")


@attrs.frozen
class Flagging:
    """What is flagged besides what is saturated, not finite, or without flat.

    :param fraction: of the frames of a bias, dark or flat that must be saturated to flag the master's pixel; by
        default any one is enough.
    :param mask: bad pixels, of the shape of the raw frames or of the trimmed ones.
    :param hot: flag pixels of the dark this many standard deviations above their surroundings; None for none.
    :param dead: flag pixels of the flat below this fraction of their surroundings; None for none.
    :param grow: flag neighbours of the product's flagged pixels out to so many pixels.
    :param diagonals: grow in squares, not along rows and columns only.
    """

    fraction: float | None = attrs.field(default=None, validator=_if_given(check_fraction))
    mask: Mask | None = None
    hot: float | None = attrs.field(default=None, validator=_if_given(check_sigma))
    dead: float | None = attrs.field(default=None, validator=_if_given(check_below))
    grow: int = attrs.field(default=0, validator=_pixels)
    diagonals: bool = True


def _positive_level(level: float) -> None:
    if not level > 0:
        raise SettingError(f"saturation={level}; expected a positive level in ADU")


def _known_kinds(_: object, __: object, declared: tuple[tuple[str, Declared], ...]) -> None:
    for kind, state in declared:
        if kind not in KINDS or state not in STATES:
            raise SettingError(
                f"declared: {kind!r} as {state!r}; expected {', '.join(KINDS)} as {', '.join(map(repr, STATES))}"
            )


@attrs.frozen
class Recipe:
    """The settings of the default reduction.

    :param method: how frames are combined.
    :param clip: what is left out of a combination; None for nothing.
    :param overscan: the step that takes out overscan and trims; None to leave both.
    :param saturation: level in ADU from which raw values are flagged; by default what headers say.
    :param dark_has_bias: whether darks hold the bias, where no bias frames tell.
    :param flagging: what else is flagged.
    :param declared: kinds of frames that are raw, finished, or without bias, whatever their headers say.
    :param normalise: the step that makes the flat a response.
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
    """

    method: Literal["mean", "median"] = attrs.field(default="mean", validator=_one_of("mean", "median"))
    clip: Clip | None = attrs.field(default=Clip(), validator=_one_of(None, or_a=Clip))
    overscan: Step[Image, Image] | None = attrs.field(default=subtract_overscan(), validator=_one_of(None, or_a=Step))
    saturation: float | None = attrs.field(default=None, validator=_if_given(_positive_level))
    dark_has_bias: bool | None = None
    flagging: Flagging = Flagging()
    declared: tuple[tuple[str, Declared], ...] = attrs.field(default=(), validator=_known_kinds)
    normalise: Step[Image, MasterFlat] = attrs.field(default=normalise_flat(), validator=_one_of(or_a=Step))
    electrons: Step[Image, Image] | None = attrs.field(default=None, validator=_one_of(None, or_a=Step))
    orient: Step[Image, Image] | None = attrs.field(default=None, validator=_one_of(None, or_a=Step))
    variance: Literal["noise", "scatter"] | Noise | None = attrs.field(
        default="noise", validator=_one_of("noise", "scatter", None, or_a=Noise)
    )
    noise: Noise | tuple[Noise, ...] | None = None
    linearity: Step[Image, Image] | None = attrs.field(default=None, validator=_one_of(None, or_a=Step))
    cosmics: Step[Image, Image] | None = attrs.field(default=None, validator=_one_of(None, or_a=Step))
    align: Step[FrameSet, FrameSet] | None = attrs.field(default=None, validator=_one_of(None, or_a=Step))
    fringe: Step[Image, Image] | None = attrs.field(default=None, validator=_one_of(None, or_a=Step))
    healing: Step[Image, Image] | None = attrs.field(default=None, validator=_one_of(None, or_a=Step))

    @property
    def reads_amplifiers(self) -> bool:
        """Whether the overscan is told where each amplifier lies, whatever headers declare."""
        return bool(self.overscan and dict(self.overscan.settings).get("amplifiers"))

    @property
    def gains_given(self) -> bool | None:
        """Whether each amplifier's gain is given; None where gains are left to headers."""
        gain = None if self.electrons is None else dict(self.electrons.settings).get("gain")
        return None if gain is None else isinstance(gain, tuple)
