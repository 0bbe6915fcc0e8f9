"""The steps of a reduction that depend on its recipe, and on the frames at hand.

What is done to raw frames before any two are put together; whether frames are combined before they are calibrated or
after; what is known of their noise.  Each function gives a step, to stand in a chain such as those of
:mod:`~pipeline.night.masters` and :mod:`~pipeline.night.reduce`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, TypeAlias

import attrs
import numpy as np

from pipeline.compose.chain import Chain, chain, each
from pipeline.compose.telling import advise
from pipeline.detector.amplifier_values import several_gains
from pipeline.night.recipe import Extra, Place, Recipe
from pipeline.records.frames import FrameSet, Image
from pipeline.records.pixels import Flag
from pipeline.stacking.combine import combine, levels
from pipeline.stacking.combined import loaded
from pipeline.stacking.compatibility import exposures_differ
from pipeline.stages.bad_pixels import flag_bad, grow_flags
from pipeline.stages.bias import MasterBias
from pipeline.stages.declare import declare
from pipeline.stages.gain import to_electrons
from pipeline.stages.overscan import declares_sections
from pipeline.stages.saturation import drop_rare_saturation, flag_saturated
from pipeline.stages.variance import correct_median, estimate_variance, is_median_of_counts, noise_of
from pipeline.statistics.noise import Noise
from pipeline.statistics.photon_noise import in_unit_of

Scale: TypeAlias = Literal["exposure", "level"]

AS_IT_IS: Chain[Image, Image] = chain()
"""Stands for a step that the recipe leaves out."""

UNEVEN = 0.1
"""Flats whose levels differ by more than this fraction are calibrated each: in twilight light fades, and bias and dark
do not fade with it."""

GAINS_DIFFER = 1.3
"""A header's gain that is wrong by this factor is said to be."""


# raw frames, before any two are put together


def raw_steps(recipe: Recipe) -> Chain[FrameSet, FrameSet]:
    """Make raw frames ready to be combined."""
    return chain(
        each(_as_declared(recipe)),
        _with_extra(recipe, "flag_saturated", each(flag_saturated(level=recipe.saturation))),
        _with_extra(recipe, "linearise", each(recipe.linearity or AS_IT_IS)),
        _with_extra(recipe, "subtract_overscan", _overscan_out(recipe)),
        _gains_of_amplifiers_evened(recipe),
    )


def _with_extra(recipe: Recipe, place: Place, step: Callable[[FrameSet], FrameSet]) -> Chain[FrameSet, FrameSet]:
    """Put before and behind a step over frames what the recipe adds there, for frames of the kinds that it names."""

    def added(extra: Extra) -> Callable[[FrameSet], FrameSet]:
        def run(frames: FrameSet) -> FrameSet:
            ready = iter(each(extra.step)(frames.filter(lambda frame: frame.kind in extra.kinds)))
            return FrameSet(next(ready) if frame.kind in extra.kinds else frame for frame in frames)

        return run

    before = [added(extra) for extra in recipe.extra if extra.before == place]
    return chain(*before, step, *(added(extra) for extra in recipe.extra if extra.after == place))


def _as_declared(recipe: Recipe) -> Callable[[Image], Image]:
    """Take frames as raw, as finished, or as without bias, where the user says so."""

    def take(image: Image) -> Image:
        for kind, state in recipe.declared:
            image = declare(image, state=state) if image.kind == kind else image
        return image

    return take


def _overscan_out(recipe: Recipe) -> Callable[[FrameSet], FrameSet]:
    """Take out the overscan and trim, where anything declares sections; flag bad pixels of the whole frame before."""

    def take_out(frames: FrameSet) -> FrameSet:
        if recipe.overscan is None or not (recipe.reads_amplifiers or any(map(declares_sections, frames))):
            return frames
        mask = recipe.flagging.mask
        of_whole_frame = mask is not None and mask.shape == frames[0].shape
        return each(chain(flag_bad(mask=mask) if of_whole_frame else AS_IT_IS, recipe.overscan))(frames)

    return take_out


def _gains_of_amplifiers_evened(recipe: Recipe) -> Callable[[FrameSet], FrameSet]:
    """Bring frames whose amplifiers have each their gain to electrons: the flat would even gains out."""

    def even(frames: FrameSet) -> FrameSet:
        step, given = recipe.electrons, recipe.gains_given
        several = given if given is not None else any(map(several_gains, frames))
        if step is None or not several:
            return frames
        return FrameSet(frame if frame.state.unit == "" else step(frame) for frame in frames)

    return even


# putting frames together


def combining(recipe: Recipe, bias: MasterBias | None = None) -> Callable[[FrameSet], Image]:
    """Combine frames of one kind that are alike, and flag what the mask says is bad.

    :param bias: what is to be taken out afterwards.
    """
    return lambda frames: _combined(recipe, frames, bias=bias)


def combined_and_calibrated(
    recipe: Recipe, calibrate: Callable[[Image], Image], bias: MasterBias | None = None
) -> Callable[[FrameSet], Image]:
    """Combine equal frames and then calibrate; calibrate each of unequal ones, and then combine them scaled.

    Lights from which cosmic rays are cleaned, or which are aligned, are calibrated each.
    """

    def put_together(frames: FrameSet) -> Image:
        frames = loaded(frames) if frames[0].kind == "flat" else frames  # their levels are looked at first
        scale, light = scale_of(frames), frames[0].kind == "light"
        masked = recipe.flat_sources if frames[0].kind == "flat" else None
        if masked is not None and len(frames) == 1:
            frames, masked = masked(frames), None  # says that one flat does not tell stars
        if scale is None and masked is None and not (light and calibrates_each(recipe, frames)):
            return calibrate(_combined(recipe, frames, bias=bias))
        ready = each(calibrate)(frames)
        ready = aligned(recipe)(ready) if light else ready
        if masked is not None:
            return _combined(recipe, masked(ready), scale or "level")
        if not (scale and light):
            return _combined(recipe, ready, scale)
        return _combined(recipe, ready, scale, "exposure")

    return put_together


def calibrates_each(recipe: Recipe, lights: FrameSet) -> bool:
    """Tell whether something is asked for that is done to each light once it is calibrated."""
    return recipe.cosmics is not None or moves(recipe, lights)


def moves(recipe: Recipe, lights: FrameSet) -> bool:
    """Tell whether lights are to be aligned."""
    return recipe.align is not None and len(lights) > 1


def scale_of(frames: FrameSet) -> Scale | None:
    """Tell by what frames have to be scaled to be alike; None where they are."""
    kind = frames[0].kind
    if exposures_differ(frames):
        unknown = kind == "light" and any(frame.exposure is None for frame in frames)
        return None if unknown else ("level" if kind == "flat" else "exposure")
    if kind != "flat" or len(frames) == 1:
        return None
    found = np.array(levels(frames))
    return "level" if np.ptp(found) > UNEVEN * found.max() > 0 else None


def _combined(
    recipe: Recipe,
    frames: FrameSet,
    scale: Scale | None = None,
    weights: Literal["exposure"] | None = None,
    bias: MasterBias | None = None,
) -> Image:
    put_together = combine(
        method=recipe.method,
        clip=recipe.clip,
        scale=scale,
        weights=None if recipe.method == "median" else weights,
        variance=recipe.variance,
        zero=bias if bias is not None and _stands_in(bias, frames) else None,
    )
    image, fraction = put_together(frames), recipe.flagging.fraction
    if fraction and image.kind in ("bias", "dark", "flat") and (image.pixels.flags & Flag.SATURATED).any():
        image = put_together(drop_rare_saturation(frames, fraction=fraction))
    mask = recipe.flagging.mask
    masked = mask is None or image.went_through(flag_bad)
    return image if masked else flag_bad(image, mask=mask)


def _stands_in(bias: MasterBias, frames: FrameSet) -> bool:
    """Tell whether frames hold the bias that is to be taken out of their combination."""
    image, first = bias.image, frames[0]
    alike = image.shape == first.shape and image.state.unit == first.state.unit
    held = not any(frame.state.bias for frame in frames) and bool(image.state.overscan) == bool(first.state.overscan)
    return alike and held and len(frames) > 1


def aligned(recipe: Recipe) -> Callable[[FrameSet], FrameSet]:
    """Bring frames to one place of the sky, where the recipe says so; what the mask says is bad is flagged before."""

    def bring(frames: FrameSet) -> FrameSet:
        if not moves(recipe, frames) or recipe.align is None:
            return frames
        mask = recipe.flagging.mask
        masked = mask is None or frames[0].went_through(flag_bad)
        return recipe.align(frames if masked else each(flag_bad(mask=mask))(frames))

    return bring


class InPlace:
    """Puts steps in their places, and before and behind each what the recipe adds there for one kind of frames."""

    def __init__(self, recipe: Recipe, kind: str) -> None:
        self._extra = [extra for extra in recipe.extra if kind in extra.kinds]

    def __call__(self, place: Place, step: Callable[[Image], Image] | None) -> Chain[Image, Image]:
        """Give the step in its place, perhaps none, with what is added."""
        before = [extra.step for extra in self._extra if extra.before == place]
        return chain(*before, step or AS_IT_IS, *(extra.step for extra in self._extra if extra.after == place))


# photons and their noise


def with_noise_known(recipe: Recipe, shown: Noise | None, frames: FrameSet) -> Recipe:
    """Give the same recipe, that takes the noise of frames whose headers do not tell it from what others show.

    Where headers tell a gain that the others do not bear out, this is said.

    :param shown: the noise that bias and flat frames show; None where they do not.
    """
    if recipe.variance != "noise" or (recipe.clip and recipe.clip.counting):
        return recipe
    if isinstance(recipe.noise, tuple) or (recipe.noise is None and shown is None):
        return recipe
    if recipe.noise or shown is None:
        return attrs.evolve(recipe, variance=recipe.noise)
    told = [noise_of(frame) for frame in frames]
    if not all(told):
        return attrs.evolve(recipe, variance=shown)
    slopes = [noise.b / shown.b for noise in told if isinstance(noise, Noise)] or [1.0]
    off = max(slopes, key=lambda ratio: abs(math.log(ratio)))
    if abs(math.log(off)) > math.log(GAINS_DIFFER):
        advise(
            f"its header says a gain of {1 / (off * shown.b):.3g} e-/ADU, bias and flat frames show "
            f"{1 / shown.b:.3g}; the header is believed for its variance",
            of=frames,
            mend="where it is wrong, give the noise: Recipe(noise=Noise.of(gain=..., read_noise=...))",
            at_command="where it is wrong, give both: --gain and --read-noise",
            figures=(("said", 1 / (off * shown.b)), ("shown", 1 / shown.b)),
        )
    return recipe


def photons_counted(recipe: Recipe) -> Callable[[Image], Image]:
    """Do what has to be done about photons once the bias is out, their noise being known.

    An image of one frame gets its variance; combine tells that of more.  A median is brought up to the mean, but
    for one that was asked for without a clip by the noise: that is to be the median, and no more.
    """
    shown = recipe.variance if isinstance(recipe.variance, Noise) else None

    def count(image: Image) -> Image:
        if recipe.variance is None or image.found is None:
            return image
        noise = _noise_said(recipe, image) or noise_of(image) or shown
        if image.found.frames == 1:
            return image if image.pixels.variance is not None else estimate_variance(image, noise=noise)
        by_noise = recipe.clip is not None and recipe.clip.spread == "noise"
        lifted = by_noise and isinstance(noise, Noise) and is_median_of_counts(image, noise)
        return correct_median(image, noise=noise) if lifted and isinstance(noise, Noise) else image

    return count


def _noise_said(recipe: Recipe, image: Image) -> Noise | tuple[Noise, ...] | None:
    """Give the noise that the recipe says, in the image's unit."""
    if not isinstance(recipe.noise, tuple):
        return in_unit_of(image, recipe.noise) if recipe.noise else None
    each_one = tuple(in_unit_of(image, one) for one in recipe.noise)
    return None if None in each_one else tuple(one for one in each_one if one)


# finishing


def flags_grown(recipe: Recipe) -> Callable[[Image], Image]:
    """Flag the neighbours of flagged pixels, where the recipe says so."""
    flagging = recipe.flagging
    return grow_flags(by=flagging.grow, diagonals=flagging.diagonals) if flagging.grow else AS_IT_IS


def in_electrons(recipe: Recipe) -> Callable[[Image], Image]:
    """Turn the image into electrons, where the recipe says so and its frames were not before."""
    step = recipe.electrons
    return lambda image: image if step is None or image.went_through(to_electrons) else step(image)
