"""The order of a reduction: one chain, from linearity to orientation, to use as it is or to copy and change.

- each raw frame: taken as raw or finished where that was said, saturation flagged, made linear, bad pixels flagged,
  overscan out, trimmed, amplifiers of several gains brought to electrons (``raw_steps``);
- put together (frames that differ are calibrated each, and then combined): combined, bias out, photons counted, dark
  out, cosmic rays cleaned, divided by the flat, aligned;
- the image: fringes out (of each light, where these are aligned), flags grown, bad pixels healed, in electrons, turned,
  its header attached.

Masters are made in the same order, as far as each goes, in :mod:`~pipeline.night.masters`; steps that depend on the
recipe and on the frames at hand stand in :mod:`~pipeline.night.recipe_steps`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal

import attrs

from pipeline.checks.policy import matched_notes
from pipeline.checks.same_setup import check_alike
from pipeline.compose.chain import chain, pipe
from pipeline.compose.settings import checked_call
from pipeline.compose.stage import stage
from pipeline.compose.telling import advise, say, told_together
from pipeline.errors import CalibrationError, SettingError, StepError
from pipeline.night.masters import Masters, make_masters
from pipeline.night.recipe import Recipe
from pipeline.night.recipe_steps import (
    AS_IT_IS,
    InPlace,
    combined_and_calibrated,
    combining,
    flags_grown,
    in_electrons,
    moves,
    photons_counted,
    raw_steps,
    scale_of,
    with_noise_known,
)
from pipeline.records.frames import FrameSet, Image, as_frames
from pipeline.stacking.add import add_images, by_lamp
from pipeline.stages.bias import MasterBias, subtract_bias
from pipeline.stages.dark import fit_dark, subtract_dark
from pipeline.stages.flat import divide
from pipeline.stages.header import ReducedImage, attach_header

RECIPE_CARD = "RECIPEID"
"""The card of a product that holds the key of its recipe's settings: RECIPE is what some telescopes call their own."""


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

    >>> from pipeline import reduce
    >>> from pipeline.simulation.simulate import simulate
    >>> reduce(simulate(shape=(32, 48)).frames)
    ReducedImage(light of 3 frames, 32×48, 120 s)

    :param masters: the calibrations; by default they are made from the night's own frames.
    :raises StepError: the night has no frames of this kind.
    """
    if kind not in ("light", "arc"):
        raise SettingError(f"reduce: kind={kind!r}; expected 'light' or 'arc'")
    chosen = frames.of_kind(kind)
    if not chosen.frames:
        raise StepError(f"reduce: no {kind} frames in {frames!r}; give at least one")
    is_light = kind == "light"
    made = masters or make_masters(frames, recipe)
    if is_light:
        _say_what_lacks(made, recipe)
    else:  # no stage sees both
        check_alike(chosen.frames[:1], with_others=frames.light.frames[:1])
        say(*matched_notes(frames.light, chosen, recipe.policy))
    kinds = ("bias", "dark", "flat") if is_light else ("bias", "dark")
    say(*matched_notes(chosen, [one for one in (*frames, *made.images) if one.kind in kinds], recipe.policy))
    key = recipe.key
    recipe = with_noise_known(recipe, made.noise, chosen)
    in_place = InPlace(recipe, kind)  # with the recipe's extra steps before and behind
    fringes_out = in_place("subtract_fringe", recipe.fringe if is_light else None)
    moved = is_light and moves(recipe, chosen)
    fitted = is_light and recipe.dark_scale == "fit"
    calibrate = chain(
        in_place("subtract_bias", subtract_bias(bias=made.bias)),
        photons_counted(recipe),
        in_place("subtract_dark", _dark_fitted(made) if fitted else subtract_dark(dark=made.dark)),
        in_place("clean_cosmic_rays", recipe.cosmics if is_light else None),
        in_place("divide", divide(flat=made.flat if is_light else None)),
        fringes_out if moved else AS_IT_IS,
    )
    finish = chain(
        AS_IT_IS if moved else fringes_out,
        in_place("grow_flags", flags_grown(recipe)),
        in_place("heal", recipe.healing),
        in_place("to_electrons", in_electrons(recipe)),
        in_place("orient", recipe.orient),
        named_by(key),
    )
    return pipe(
        chosen,
        raw_steps(recipe),  # saturation, linearity, bad pixels, overscan
        _lights_together(recipe, calibrate, made.bias) if is_light else _arcs_together(recipe, calibrate, made.bias),
        finish,
        attach_header,
    )


def _dark_fitted(made: Masters) -> Callable[[Image], Image]:
    """Fit the dark to an image; where too few of its pixels are hot for that, scale it by exposure, and say so."""

    def take_out(image: Image) -> Image:
        try:
            return fit_dark(image, dark=made.dark)
        except CalibrationError as error:
            advise(f"its dark is scaled by exposure, as it cannot be fitted: {error}", of=image)
            return subtract_dark(image, dark=made.dark)

    return take_out


def _say_what_lacks(made: Masters, recipe: Recipe) -> None:
    """Say what is asked for and cannot be done, for want of what it is done to."""
    if recipe.dark_scale == "fit" and made.dark is None:
        advise(
            "there is no dark to be fitted to the lights: none is taken out",
            mend="add dark frames, or leave out Recipe(dark_scale='fit')",
            at_command="add dark frames, or leave out --dark-scale",
        )
    if recipe.flat_sources is not None and made.flat is None:
        advise(
            "there are no flats in which stars could be masked",
            mend="add flats, or leave out Recipe(flat_sources=...)",
            at_command="add flats, or leave out --flat-sources",
        )
    flagging = recipe.flagging
    asked = (
        ("noisy", flagging.noisy, made.bias or made.dark, "bias"),
        ("hot", flagging.hot, made.dark, "dark"),
        ("dead", flagging.dead, made.flat, "flat"),
    )
    for which, limit, there, kind in asked:
        if limit is not None and there is None:
            advise(
                f"there are no {kind} frames that tell which pixels are {which}: none is flagged",
                mend=f"add {kind} frames, or leave out Flagging({which}=...)",
                at_command=f"add {kind} frames, or leave out --{which}",
            )


def named_by(key: str) -> Callable[[Image], Image]:
    """Have a product's header name the recipe that it was made by."""
    return lambda image: attrs.evolve(image, added=(*image.added, (RECIPE_CARD, key, "key of the recipe's settings")))


def _lights_together(
    recipe: Recipe, calibrate: Callable[[Image], Image], bias: MasterBias | None
) -> Callable[[FrameSet], Image]:
    """Combine and calibrate lights; those of several exposures are calibrated each, and this is said."""

    def put_together(lights: FrameSet) -> Image:
        if scale_of(lights):
            advise(
                f"lights of several exposures, {_seconds_of(lights)}: each is calibrated, and all are combined at "
                "their mean exposure, weighed by exposure",
                of=lights,
                mend="where they are not to be, put them in separate lists",
            )
        return combined_and_calibrated(recipe, calibrate, bias)(lights)

    return put_together


def _arcs_together(
    recipe: Recipe, calibrate: Callable[[Image], Image], bias: MasterBias | None
) -> Callable[[FrameSet], Image]:
    """Combine and calibrate arcs by lamp and exposure, and add what comes of several, which is said."""

    def put_together(arcs: FrameSet) -> Image:
        groups = by_lamp(arcs)
        parts = [pipe(group, combining(recipe, bias), calibrate) for group in groups]
        if len(parts) == 1:
            return parts[0]
        listed = "; ".join(", ".join(arc.short_name for arc in group) for group in groups)
        advise(
            f"arcs of {len(groups)} lamps or exposures by their headers ({listed}): combined by lamp and exposure, "
            "and added",
            of=arcs,
            mend="where they are not to be, put them in separate lists",
        )
        return add_images(FrameSet(parts))

    return put_together


def _seconds_of(frames: FrameSet) -> str:
    return ", ".join(f"{seconds:g} s" for seconds in sorted({frame.exposure or 0.0 for frame in frames}))


@checked_call
@told_together()
def reduce_each(
    frames: Iterable[Any],
    *,
    recipe: Recipe = Recipe(),  # noqa: B008 - an immutable record
    masters: Masters | None = None,
) -> list[ReducedImage]:
    """Reduce each of a night's lights to an image of its own, in the order of the night.

    >>> from pipeline import reduce_each
    >>> from pipeline.simulation.simulate import simulate
    >>> len(reduce_each(simulate(shape=(32, 48)).frames))
    3

    :param masters: the calibrations; by default they are made, once, from the night's own frames.
    :param recipe: the settings.
    :raises StepError: the night has no lights.
    """
    night = as_frames(frames)
    if not night.light.frames:
        raise StepError(f"reduce_each: no light frames in {night!r}; give at least one")
    made = masters or make_masters(night, recipe)
    return [reduce(FrameSet((light,)), recipe=recipe, masters=made) for light in night.light]
