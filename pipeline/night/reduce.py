"""The default chains: to use as they are, or to copy and change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from pipeline.compose.chain import chain, pipe
from pipeline.compose.running import advise
from pipeline.compose.stage import stage
from pipeline.detector.setup import check_alike, check_target
from pipeline.errors import AssumptionWarning, SettingError, StepError
from pipeline.night.masters import Masters, make_masters
from pipeline.night.recipe import Recipe, scale_of
from pipeline.records.frames import FrameSet, Image
from pipeline.stacking.add import add_images, by_lamp
from pipeline.stages.bad_pixels import grow_flags
from pipeline.stages.bias import subtract_bias
from pipeline.stages.dark import subtract_dark
from pipeline.stages.flat import divide
from pipeline.stages.header import ReducedImage, attach_header


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
    return add_images(FrameSet(parts))


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
