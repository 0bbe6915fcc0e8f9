"""Combining the frames of one kind into one image, with the first one's header and what combining found."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np

from pipeline.checks.ceilings import saturation_notes
from pipeline.compose.stage import stage
from pipeline.compose.telling import say
from pipeline.errors import SettingError, StepError
from pipeline.records.arrays import Array, FloatArray
from pipeline.records.frames import FrameSet, Image, as_frames, check_shapes
from pipeline.stacking.clip import Clip
from pipeline.stacking.combined import image_of, loaded
from pipeline.stacking.compatibility import (
    EQUAL_EXPOSURES,
    check_alike_reduced,
    check_exposures,
    say_what_differs,
    seconds_of,
)
from pipeline.stacking.motion import measure_motion, moves_after_all
from pipeline.stacking.plan import CombineSettings, plan_of
from pipeline.stacking.stack_rows import sample_rows
from pipeline.stacking.tiles import combine_rows
from pipeline.stacking.weights import NOISE_POWER, PixelWeights, one_each
from pipeline.statistics.frame_levels import measure_shifts
from pipeline.statistics.noise import Noise
from pipeline.statistics.noise_fit import measure_stack_noise


@runtime_checkable
class HasImage(Protocol):
    """A master, such as a MasterBias."""

    @property
    def image(self) -> Image:
        """What it is made of."""


@stage
def combine(
    frames: FrameSet,
    *,
    method: Literal["mean", "median"] = "mean",
    clip: Clip | None = Clip(),  # noqa: B008 - an immutable record
    scale: Literal["exposure", "level"] | tuple[float, ...] | None = None,
    weights: Literal["exposure", "variance"] | tuple[float, ...] | Array | None = None,
    variance: Literal["noise", "scatter"] | Noise | None = None,
    map_left_out: bool = False,
    zero: HasImage | None = None,
) -> Image:
    """Combine the frames of one kind, pixel by pixel, ignoring NaN, values flagged, and outliers.

    The unit stays that of one frame.  Saturation in any frame stays flagged; other reasons only where no frame
    has a good value.  Without a clip, mean and median are numpy's nanmean and nanmedian.

    >>> import numpy as np
    >>> from pipeline import Image, combine
    >>> image = combine([Image.of(np.full((2, 3), value), exposure=30) for value in (1.0, 2.0, 6.0)], clip=None)
    >>> image, image.values[0, 0]
    (Image(light, 3 frames, 2×3, 30 s), np.float64(3.0))

    :param method: the ``"mean"`` or the ``"median"`` of the values that are kept.
    :param clip: what to leave out; None for nothing.
    :param scale: bring every frame to the mean exposure or level first, or multiply it by a factor given here, one a
        frame; the bias must be out.
    :param weights: weigh frames by exposure; each value by the inverse of the variance that it carries, or frames that
        carry none by what they show; or by weights given here, one a frame, or an array (frames, ny, nx).  By default
        all count the same, and frames scaled to one exposure or level by the noise that scaling leaves them.
    :param variance: where it comes from if the frames carry none: the ``"noise"`` of the whole stack, measured or
        given, at each pixel's level; or the ``"scatter"`` of each pixel's own values, which takes many frames.  The
        gain of lights and arcs is that of a ``Noise`` given here, or else of their headers, or else measured too:
        motion between exposures disturbs that.
        By default the result has a variance only where every frame has one.  A single frame has none of itself:
        see estimate_variance.
    :param map_left_out: also count the values left out of each pixel: ``found.left_out``.
    :param zero: the MasterBias that is to be taken out of the combination: photons, and their variance, are those of
        what lies above it.  It stays in.
    :raises StepError: there are no frames, or frames of different kinds or states.
    :raises ShapeError: the frames differ in shape, or have no pixels, or ``zero`` is of another.
    """
    if method == "median" and weights is not None:
        asked = f"={weights!r}" if isinstance(weights, str) else ""
        raise SettingError(f"combine: weights{asked} with method='median'; weights need the mean")
    check_alike_reduced(frames)
    check_exposures(frames, scale)
    say_what_differs(frames)
    ready = loaded(frames).frames
    factors = _scales(ready, scale)
    noise, rule = (variance, "noise") if isinstance(variance, Noise) else (None, variance)
    given = isinstance(weights, tuple | np.ndarray)
    settings = CombineSettings(method, clip, rule, map_left_out, noise, given, _zero_of(zero, ready))
    weighing = _weights(ready, weights, scale, 1 / factors)
    plan = measure_motion(plan_of(ready, settings, scale=factors, weighing=weighing))
    if len(frames) == 1:
        pixels, rejected, left_out = plan.frames[0].pixels, np.zeros(1, int), None
    else:
        pixels, rejected, left_out = combine_rows(plan)
    if plan.may_move and left_out is not None and moves_after_all(plan, rejected, left_out, pixels.values):
        del pixels, rejected, left_out  # planning takes memory for its own
        plan = measure_motion(plan_of(ready, settings, scale=factors, weighing=weighing, moves=True))
        pixels, rejected, left_out = combine_rows(plan)
    back = np.argsort(plan.order)
    image = image_of(
        frames,
        pixels,
        method=plan.method,
        clip=plan.clip,
        rejected=tuple(rejected[back].tolist()),
        offsets=tuple(plan.shifts.offsets[back].tolist()),
        factors=tuple(plan.shifts.factors[back].tolist()),
        measured=plan.noise,
        shifts=None if plan.moved is None else plan.moved.from_first(back),
        left_out=left_out if map_left_out else None,
        exposure=_made_equal(ready, factors) if isinstance(scale, tuple) else None,
    )
    say(*saturation_notes(image, ready))
    return image


def _zero_of(zero: HasImage | None, frames: tuple[Image, ...]) -> FloatArray | None:
    """Give the values of a bias that stands in frames."""
    if zero is None:
        return None
    out = next((frame for frame in frames if frame.state.bias), None)
    if out is not None:
        raise SettingError(
            f"combine: zero is the bias that stands in frames, and that of {out.short_name} is out; leave zero away"
        )
    check_shapes([frames[0], zero.image])
    return zero.image.pixels.values


def measure_noise(frames: Iterable[Any]) -> Noise:
    """Measure the noise of a stack of equal exposures of one kind: two frames or more.

    >>> import numpy as np
    >>> from pipeline import Image, measure_noise
    >>> rng = np.random.default_rng(1)
    >>> biases = [Image.of(rng.normal(300, 5, (60, 80)), kind="bias") for _ in range(4)]
    >>> round(measure_noise(biases).a ** 0.5, 1)
    5.0

    :raises StepError: there are fewer than two frames.
    :raises ShapeError: they have no pixels.
    """
    known = as_frames(frames)
    if len(known) < 2:
        raise StepError(f"the noise of {len(known)} frames cannot be measured; it takes two or more")
    sampled, kind = sample_rows(known.frames, np.ones(len(known))), known[0].kind
    shifts = measure_shifts(sampled.blocks, kind, sampled.rounding.step)
    return measure_stack_noise(sampled.blocks, shifts, kind, rounding=sampled.rounding.variance)


def levels(frames: FrameSet) -> tuple[float, ...]:
    """Give the median level of each frame, from a few rows of it; NaN where no pixel of them is good."""
    samples = sample_rows(frames.frames, np.ones(len(frames))).blocks
    each = (np.concatenate([stack[i] for stack in samples]) for i in range(len(frames)))
    good = (values[np.isfinite(values)] for values in each)
    return tuple(float(np.median(values)) if values.size else math.nan for values in good)


def _scales(frames: tuple[Image, ...], scale: str | tuple[float, ...] | None) -> FloatArray:
    """Give the factor by which each frame is multiplied: as given, or to bring it to the mean exposure or level."""
    if scale is None:
        return np.ones(len(frames))
    if isinstance(scale, tuple):
        return one_each(frames, scale, "scale")
    sizes = [seconds_of(frame) for frame in frames] if scale == "exposure" else list(levels(FrameSet(frames)))
    for frame, size in zip(frames, sizes, strict=True):
        if not size > 0:
            raise StepError(f"combine: {frame.name} has the {scale} {size:g}; it cannot be scaled")
    return math.fsum(sizes) / len(sizes) / np.array(sizes)


def _made_equal(frames: tuple[Image, ...], factors: FloatArray) -> float | None:
    """Give the exposure to which given factors bring all frames; None where they do not, but are for something else."""
    seconds = factors * [seconds_of(frame) for frame in frames]
    equal = np.ptp(seconds) <= EQUAL_EXPOSURES * seconds.max() and frames[0].exposure is not None
    return float(seconds.mean()) if equal else None


def _weights(
    frames: tuple[Image, ...], weights: str | tuple[float, ...] | Array | None, scale: object, sizes: FloatArray
) -> FloatArray | PixelWeights | None:
    """Weigh frames as asked for, and scaled ones by the inverse of the variance that scaling gives them.

    None where the variance that they carry or show is to weigh them.
    """
    if isinstance(weights, str) and weights == "variance":
        return None
    if weights is None:
        return sizes ** NOISE_POWER[scale if isinstance(scale, str) else None]
    if isinstance(weights, tuple):
        return one_each(frames, weights, "weights")
    if isinstance(weights, np.ndarray):
        return PixelWeights.of(frames, weights)
    seconds = np.array([seconds_of(frame) for frame in frames])
    if not (seconds > 0).all():
        raise StepError(f"combine: {frames[int(seconds.argmin())].name} has 0 s; it cannot be weighed by exposure")
    return seconds / seconds[0] if np.ptp(seconds) == 0 else seconds
