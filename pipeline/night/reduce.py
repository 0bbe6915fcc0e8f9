"""The default chains: to use as they are, or to copy and change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import attrs

from pipeline.compose.chain import chain, pipe
from pipeline.compose.running import advise
from pipeline.compose.stage import stage
from pipeline.detector.setup import check_alike, check_target
from pipeline.errors import AssumptionWarning, CalibrationError, SettingError, StepError
from pipeline.night.masters import pair_noise
from pipeline.night.recipe import Recipe, scale_of
from pipeline.records.frames import FrameSet, Image
from pipeline.stacking.add import add, by_lamp
from pipeline.stages.bad_pixels import flag_dead, flag_hot, grow_flags
from pipeline.stages.bias import MasterBias, subtract_bias
from pipeline.stages.dark import MasterDark, subtract_dark
from pipeline.stages.flat import MasterFlat, divide
from pipeline.stages.header import ReducedImage, attach_header
from pipeline.statistics.noise import Noise

UNEXPECTED = {"bias": ("bias", "dark", "flat"), "dark": ("dark", "flat"), "flat": ("flat",)}
"""What nobody does to a frame that is to be a calibration."""


@attrs.frozen
class Masters:
    """The calibrations of a night; None where the night has no such frames."""

    bias: MasterBias | None = None
    dark: MasterDark | None = None
    flat: MasterFlat | None = None

    @property
    def images(self) -> tuple[Image, ...]:
        """The images of those that there are."""
        return tuple(master.image for master in (self.bias, self.dark, self.flat) if master is not None)

    @property
    def noise(self) -> Noise | None:
        """The noise of a single frame, its bias out, as raw bias and flat frames show it; None where they do not."""
        if self.bias is None or self.flat is None or _calibrated_first(self.flat.image):
            return None
        return pair_noise(self.bias.image.found, self.flat.image.found)


def _calibrated_first(image: Image) -> bool:
    """Tell whether frames were calibrated each, before they were combined."""
    steps = [ran.stage for ran in image.history]
    return "subtract_bias" in steps[: steps.index("combine")] if "combine" in steps else True


def make_masters(frames: FrameSet, recipe: Recipe = Recipe()) -> Masters:  # noqa: B008 - an immutable record
    """Make the calibrations that a night has frames for."""
    check_alike(frame for frame in frames if frame.kind in UNEXPECTED)
    bias = master_bias(frames, recipe)
    dark = master_dark(frames, bias, recipe)
    return Masters(bias, dark, master_flat(frames, bias, dark, recipe))


def master_bias(frames: FrameSet, recipe: Recipe) -> MasterBias | None:
    """Combine the bias frames, where there are any."""
    if not frames.bias.frames:
        return None
    counted = recipe.counted()
    return pipe(_expected(recipe.prepared(frames.bias)), recipe.combined, counted, _some_good, MasterBias.of)


def master_dark(frames: FrameSet, bias: MasterBias | None, recipe: Recipe) -> MasterDark | None:
    """Combine the dark frames, where there are any, and take out the bias."""
    if not frames.dark.frames:
        return None
    without_bias = chain(subtract_bias(bias=None if recipe.dark_has_bias is False else bias), recipe.counted())
    image = recipe.calibrated(_expected(recipe.prepared(frames.dark)), without_bias)
    hot = recipe.flagging.hot
    _some_good(image)
    return MasterDark.of(image if hot is None else flag_hot(image, sigma=hot), has_bias=recipe.dark_has_bias)


def master_flat(
    frames: FrameSet, bias: MasterBias | None, dark: MasterDark | None, recipe: Recipe
) -> MasterFlat | None:
    """Combine the flats, where there are any, take out bias and dark, and normalise."""
    if not frames.flat.frames:
        return None
    prepared = _expected(recipe.prepared(frames.flat))
    if bias is None and not any(frame.state.bias or frame.state.dark for frame in prepared):
        advise(
            f"{frames.flat[0].name}: no bias to take out of the flat; if it holds one, the response comes out too even",
            AssumptionWarning,
        )
    unlit = chain(subtract_bias(bias=bias), recipe.counted(), subtract_dark(dark=dark))
    image = recipe.calibrated(prepared, unlit)
    dead = recipe.flagging.dead
    return recipe.normalise(image if dead is None else flag_dead(image, below=dead))


def _some_good(image: Image) -> Image:
    """Refuse a calibration of which nothing is left: it would leave nothing of the lights."""
    if image.pixels.mask.all():
        raise CalibrationError(f"{image.name}: no good pixel in the {image.kind}, all are NaN or flagged; leave it out")
    return image


def _expected(frames: FrameSet) -> FrameSet:
    """Say where a header tells of a step that nobody does to such a calibration."""
    for frame in frames:
        done = [by for step in UNEXPECTED[frame.kind] if (by := getattr(frame.state, step))]
        if done:
            advise(
                f"{frame.name}: stands in the list as {frame.kind}, and its header says {' and '.join(done)}; used as "
                "it is: is it another kind of frame, or say that it is raw (--raw)",
                AssumptionWarning,
            )
    return frames


@stage
def reduce(
    frames: FrameSet,
    *,
    recipe: Recipe = Recipe(),  # noqa: B008 - an immutable record
    kind: Literal["light", "arc"] = "light",
    masters: Masters | None = None,
) -> ReducedImage:
    """Reduce a night's lights, or its arcs, to one image.

    Lights: overscan out and trimmed, combined, bias out, dark out, divided by the flat.  Lights of several
    exposures are calibrated each, scaled to their mean exposure, and weighed by exposure.  Arcs the same without
    the flat; those of several lamps or exposures are calibrated by lamp and exposure, and added.  What a header
    says has been done already is skipped, and said.  Steps that the recipe adds stand where its fields say.

    :param masters: the calibrations; by default they are made from the night's own frames.
    :raises StepError: the night has no frames of this kind.
    """
    if kind not in ("light", "arc"):
        raise SettingError(f"reduce: kind={kind!r}; expected 'light' or 'arc'")
    chosen = frames.of_kind(kind)
    if not chosen.frames:
        raise StepError(f"reduce: no {kind} frames in {frames!r}; give at least one")
    made = masters or make_masters(frames, recipe)
    light = frames.light.frames[:1] if kind == "arc" else ()
    check_alike(chosen, with_others=(*made.images, *light))
    recipe = recipe.knowing(made.noise, chosen)
    calibrate = chain(
        subtract_bias(bias=made.bias),
        recipe.counted(),
        subtract_dark(dark=made.dark),
        *((recipe.cosmics,) if recipe.cosmics and kind == "light" else ()),
        divide(flat=made.flat if kind == "light" else None),
    )
    image = (_lights if kind == "light" else _arcs)(recipe.prepared(chosen), calibrate, recipe)
    if image.pixels.mask.all():
        advise(f"{image.name}: no pixel of the {kind} is good: all are NaN or flagged", AssumptionWarning)
    return pipe(image, _finishing(recipe, kind), recipe.finished, attach_header)


def _finishing(recipe: Recipe, kind: str) -> Callable[[Image], Image]:
    """Give what comes after calibration: fringes out, flags grown, bad pixels healed."""
    flagging = recipe.flagging
    grow = grow_flags(by=flagging.grow, diagonals=flagging.diagonals) if flagging.grow else None
    steps = (recipe.fringe if kind == "light" else None, grow, recipe.healing)
    return chain(*(step for step in steps if step is not None))


def _lights(lights: FrameSet, calibrate: Callable[[Image], Image], recipe: Recipe) -> Image:
    check_target(lights)
    if scale_of(lights):
        advise(
            f"lights of several exposures, {_seconds_of(lights)}: each is calibrated, and all are combined at their "
            "mean exposure, weighed by exposure",
            AssumptionWarning,
        )
    return recipe.calibrated(lights, calibrate)


def _arcs(arcs: FrameSet, calibrate: Callable[[Image], Image], recipe: Recipe) -> Image:
    groups = by_lamp(arcs)
    parts = [pipe(group, recipe.combined, calibrate) for group in groups]
    if len(parts) == 1:
        return parts[0]
    listed = "; ".join(", ".join(arc.name for arc in group) for group in groups)
    advise(
        f"arcs of {len(groups)} lamps or exposures by their headers ({listed}): combined by lamp and exposure, "
        "and added",
        AssumptionWarning,
    )
    return add(FrameSet(parts))


def _seconds_of(frames: FrameSet) -> str:
    return ", ".join(f"{seconds:g} s" for seconds in sorted({frame.exposure or 0.0 for frame in frames}))


def reduce_each(
    frames: FrameSet,
    *,
    recipe: Recipe = Recipe(),  # noqa: B008 - an immutable record
    masters: Masters | None = None,
) -> list[ReducedImage]:
    """Reduce each of a night's lights to an image of its own, in the order of the night.

    :param masters: the calibrations; by default they are made, once, from the night's own frames.
    :raises StepError: the night has no lights.
    """
    if not frames.light.frames:
        raise StepError(f"reduce_each: no light frames in {frames!r}; give at least one")
    made = masters or make_masters(frames, recipe)
    return [reduce(FrameSet((light,)), recipe=recipe, masters=made) for light in frames.light]
