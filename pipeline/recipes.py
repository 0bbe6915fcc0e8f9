"""The default chains: to use as they are, or to copy and change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

import attrs

from pipeline.bias import MasterBias, subtract_bias
from pipeline.clip import Clip
from pipeline.compose import chain, each, pipe
from pipeline.dark import MasterDark, subtract_dark
from pipeline.errors import AssumptionWarning, SettingError, StepError
from pipeline.flat import MasterFlat, divide, normalise_flat
from pipeline.frames import FrameSet, Image
from pipeline.header import ReducedImage, attach_header
from pipeline.overscan import declares_sections, subtract_overscan
from pipeline.running import advise
from pipeline.saturation import flag_saturated
from pipeline.stacking import combine, exposures_differ
from pipeline.stages import stage

Method: TypeAlias = Literal["mean", "median"]
Scale: TypeAlias = Literal["exposure", "level"]


def _positive_level(_: object, __: object, level: float | None) -> None:
    if level is not None and not level > 0:
        raise SettingError(f"saturation={level}; expected a positive level in ADU")


@attrs.frozen
class Recipe:
    """The settings of the default reduction.

    :param method: how frames are combined.
    :param clip: what is left out of a combination; None for nothing.
    :param overscan: take out the overscan that headers declare, and trim.
    :param saturation: level in ADU from which raw values are flagged; by default what headers say.
    :param dark_has_bias: whether darks hold the bias, where no bias frames tell.
    """

    method: Method = "mean"
    clip: Clip | None = Clip()  # noqa: RUF009 - frozen
    overscan: bool = True
    saturation: float | None = attrs.field(default=None, validator=_positive_level)
    dark_has_bias: bool | None = None

    def prepared(self, frames: FrameSet) -> FrameSet:
        """Do to raw frames what comes before combining."""
        flagged = each(flag_saturated(level=self.saturation))(frames)
        return each(subtract_overscan)(flagged) if self.overscan and any(map(declares_sections, flagged)) else flagged

    def combined(self, frames: FrameSet, scale: Scale | None = None) -> Image:
        """Combine frames that are prepared."""
        return combine(frames, method=self.method, clip=self.clip, scale=scale)


@attrs.frozen
class Masters:
    """The calibrations of a night; None where the night has no such frames."""

    bias: MasterBias | None = None
    dark: MasterDark | None = None
    flat: MasterFlat | None = None


def make_masters(frames: FrameSet, recipe: Recipe = Recipe()) -> Masters:
    """Make the calibrations that a night has frames for."""
    bias = master_bias(frames, recipe)
    dark = master_dark(frames, bias, recipe)
    return Masters(bias, dark, master_flat(frames, bias, dark, recipe))


def master_bias(frames: FrameSet, recipe: Recipe) -> MasterBias | None:
    """Combine the bias frames, where there are any."""
    if not frames.bias.frames:
        return None
    return pipe(frames.bias, recipe.prepared, recipe.combined, MasterBias.of)


def master_dark(frames: FrameSet, bias: MasterBias | None, recipe: Recipe) -> MasterDark | None:
    """Combine the dark frames, where there are any, and take out the bias."""
    if not frames.dark.frames:
        return None
    without_bias = subtract_bias(bias=None if recipe.dark_has_bias is False else bias)
    image = _calibrated(recipe.prepared(frames.dark), without_bias, recipe, scale="exposure")
    return MasterDark.of(image, has_bias=recipe.dark_has_bias)


def master_flat(
    frames: FrameSet, bias: MasterBias | None, dark: MasterDark | None, recipe: Recipe
) -> MasterFlat | None:
    """Combine the flats, where there are any, take out bias and dark, and normalise."""
    if not frames.flat.frames:
        return None
    if bias is None and not any(frame.state.bias or frame.state.dark for frame in frames.flat):
        advise(
            f"{frames.flat[0].name}: no bias to take out of the flat; if it holds one, the response comes out too even",
            AssumptionWarning,
        )
    unlit = chain(subtract_bias(bias=bias), subtract_dark(dark=dark))
    return pipe(_calibrated(recipe.prepared(frames.flat), unlit, recipe, scale="level"), normalise_flat)


def _calibrated(frames: FrameSet, calibrate: Callable[[Image], Image], recipe: Recipe, scale: Scale) -> Image:
    """Combine equal frames and then calibrate; calibrate each of unequal ones, and then combine them scaled."""
    if not exposures_differ(frames):
        return pipe(frames, recipe.combined, calibrate)
    return recipe.combined(each(calibrate)(frames), scale=scale)


@stage
def reduce(
    frames: FrameSet,
    *,
    recipe: Recipe = Recipe(),
    kind: Literal["light", "arc"] = "light",
    masters: Masters | None = None,
) -> ReducedImage:
    """Reduce a night's lights, or its arcs, to one image.

    Lights: overscan out and trimmed, combined, bias out, dark out, divided by the flat.  Arcs the same without
    the flat.  What a header says has been done already is skipped, and said.

    :param masters: the calibrations; by default they are made from the night's own frames.
    :raises StepError: the night has no frames of this kind.
    """
    if kind not in ("light", "arc"):
        raise SettingError(f"reduce: kind={kind!r}; expected 'light' or 'arc'")
    chosen = frames.of_kind(kind)
    if not chosen.frames:
        raise StepError(f"reduce: no {kind} frames in {frames!r}; give at least one")
    made = masters or make_masters(frames, recipe)
    return pipe(
        recipe.prepared(chosen),
        recipe.combined,
        subtract_bias(bias=made.bias),
        subtract_dark(dark=made.dark),
        divide(flat=made.flat if kind == "light" else None),
        attach_header,
    )
