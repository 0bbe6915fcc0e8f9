"""Combining the frames of one kind into one image, with the first one's header and what combining found."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Literal

import attrs
import numpy as np

from pipeline.checks.ceilings import saturation_notes
from pipeline.checks.done_before import unexpectedly_done
from pipeline.checks.listed_frames import kind_notes
from pipeline.checks.same_setup import check_alike, check_target
from pipeline.checks.times import impossible_times
from pipeline.compose.stage import stage
from pipeline.compose.telling import say
from pipeline.errors import SettingError, StepError
from pipeline.headers.cards import Cards
from pipeline.headers.epochs import begin, end
from pipeline.headers.wcs import cropped
from pipeline.records.arrays import FloatArray, IntArray
from pipeline.records.frames import FrameSet, Image, as_frames
from pipeline.records.pixels import Pixels
from pipeline.stacking.clip import Clip
from pipeline.stacking.compatibility import check_alike_reduced, check_exposures, seconds_of
from pipeline.stacking.motion import measure_motion, moves_after_all
from pipeline.stacking.plan import CombineSettings, Plan, plan_of
from pipeline.stacking.result import CombineResult
from pipeline.stacking.stack_rows import sample_rows
from pipeline.stacking.tiles import combine_rows
from pipeline.stacking.weights import NOISE_POWER
from pipeline.statistics.frame_levels import measure_shifts
from pipeline.statistics.noise import Noise
from pipeline.statistics.noise_fit import measure_stack_noise


@stage
def combine(
    frames: FrameSet,
    *,
    method: Literal["mean", "median"] = "mean",
    clip: Clip | None = Clip(),  # noqa: B008 - an immutable record
    scale: Literal["exposure", "level"] | None = None,
    weights: Literal["exposure", "variance"] | None = None,
    variance: Literal["noise", "scatter"] | Noise | None = None,
    map_left_out: bool = False,
) -> Image:
    """Combine the frames of one kind, pixel by pixel, ignoring NaN, values flagged, and outliers.

    The unit stays that of one frame.  Saturation in any frame stays flagged; other reasons only where no frame
    has a good value.  Without a clip, mean and median are numpy's nanmean and nanmedian.

    :param clip: what to leave out; None for nothing.
    :param scale: bring every frame to the mean exposure or level first; the bias must be out.
    :param weights: weigh frames by exposure, or by the inverse of the variance that they carry or else show; by
        default all count the same, and scaled ones by the noise that scaling leaves them.
    :param variance: where it comes from if the frames carry none: the ``"noise"`` of the whole stack, measured or
        given, at each pixel's level; or the ``"scatter"`` of each pixel's own values, which takes many frames.  The
        gain of lights and arcs is that of a ``Noise`` given here, or else of their headers, or else measured too:
        motion between exposures disturbs that.
        By default the result has a variance only where every frame has one.  A single frame has none of itself:
        see estimate_variance.
    :param map_left_out: also count the values left out of each pixel: ``found.left_out``.
    :raises StepError: there are no frames, or frames of different kinds or states.
    :raises ShapeError: the frames differ in shape, or have no pixels.
    """
    _check(frames, method, scale, weights, variance)
    ready = loaded(frames).frames
    factors = _scales(ready, scale)
    noise, rule = (variance, "noise") if isinstance(variance, Noise) else (None, variance)
    settings = CombineSettings(method, clip, rule, map_left_out, noise)
    weighing = _weights(ready, weights, scale, 1 / factors)
    plan = measure_motion(plan_of(ready, settings, scale=factors, weighing=weighing))
    if len(frames) == 1:
        image = _image_of(frames, plan, plan.frames[0].pixels, rejected=np.zeros(1, int))
    else:
        pixels, rejected, left_out = combine_rows(plan)
        if plan.may_move and left_out is not None and moves_after_all(plan, rejected, left_out):
            plan = measure_motion(plan_of(ready, settings, scale=factors, weighing=weighing, moves=True))
            pixels, rejected, left_out = combine_rows(plan)
        left_out = left_out if map_left_out else None
        image = _image_of(frames, plan, pixels, rejected=rejected, left_out=left_out)
    say(*saturation_notes(image, ready))
    return image


def measure_noise(frames: Iterable[Any]) -> Noise:
    """Measure the noise of a stack of equal exposures of one kind: two frames or more.

    :raises StepError: there are fewer than two frames.
    :raises ShapeError: they have no pixels.
    """
    known = as_frames(frames)
    if len(known) < 2:
        raise StepError(f"the noise of {len(known)} frames cannot be measured; it takes two or more")
    samples = sample_rows(known.frames, np.ones(len(known))).blocks
    kind = known[0].kind
    return measure_stack_noise(samples, measure_shifts(samples, kind), kind)


def _check(frames: FrameSet, method: str, scale: str | None, weights: str | None, variance: str | Noise | None) -> None:
    for name, value, known in (
        ("method", method, ("mean", "median")),
        ("scale", scale, (None, "exposure", "level")),
        ("weights", weights, (None, "exposure", "variance")),
        ("variance", "noise" if isinstance(variance, Noise) else variance, (None, "noise", "scatter")),
    ):
        if value not in known:
            raise SettingError(f"combine: {name}={value!r}; expected one of {', '.join(map(repr, known))}")
    if method == "median" and weights:
        raise SettingError(f"combine: weights={weights!r} with method='median'; weights need the mean")
    if not frames.frames:
        raise StepError(
            "combine: there are no frames of this kind; where a night has none, say so to the step that would use "
            "them, as in subtract_dark(dark=None)"
        )
    check_alike_reduced(frames)
    check_exposures(frames, scale)
    check_alike(frames)
    say(*unexpectedly_done(frames), *impossible_times(frames.frames), *kind_notes(frames.frames))
    check_target(frames.light)


def loaded(frames: FrameSet) -> FrameSet:
    """Give the same frames in a form that is quick to read in any order: packed ones are unpacked once."""
    return FrameSet(attrs.evolve(frame, data=frame.source.loaded()) for frame in frames)


def levels(frames: FrameSet) -> tuple[float, ...]:
    """Give the median level of each frame, from a few rows of it."""
    samples = sample_rows(frames.frames, np.ones(len(frames))).blocks
    return tuple(float(np.nanmedian(np.concatenate([stack[i] for stack in samples]))) for i in range(len(frames)))


def _scales(frames: tuple[Image, ...], scale: str | None) -> FloatArray:
    """Give the factor that brings each frame to the mean exposure or level."""
    if scale is None:
        return np.ones(len(frames))
    sizes = [seconds_of(frame) for frame in frames] if scale == "exposure" else list(levels(FrameSet(frames)))
    for frame, size in zip(frames, sizes, strict=True):
        if not size > 0:
            raise StepError(f"combine: {frame.name} has the {scale} {size:g}; it cannot be scaled")
    return math.fsum(sizes) / len(sizes) / np.array(sizes)


def _weights(frames: tuple[Image, ...], weights: str | None, scale: str | None, sizes: FloatArray) -> FloatArray | None:
    """Weigh frames as asked for, and scaled ones by the inverse of the variance that scaling gives them.

    None where the variance that they carry or show is to weigh them.
    """
    if weights == "variance":
        return None
    if weights is None:
        return sizes ** NOISE_POWER[scale]
    seconds = np.array([seconds_of(frame) for frame in frames])
    if not (seconds > 0).all():
        raise StepError(f"combine: {frames[int(seconds.argmin())].name} has 0 s; it cannot be weighed by exposure")
    return seconds / seconds[0] if np.ptp(seconds) == 0 else seconds


def _image_of(
    frames: FrameSet, plan: Plan, pixels: Pixels, *, rejected: IntArray, left_out: IntArray | None = None
) -> Image:
    """Make the image of combined pixels: the first frame's header, and what combining found."""
    first = frames.frames[0]
    back = np.argsort(plan.order)
    begins = [begin(frame.header) for frame in frames]
    ends = [end(frame.header, frame.exposure) for frame in frames]
    exposures = tuple(frame.exposure for frame in frames)
    found = CombineResult(
        method=plan.method,
        clip=plan.clip,
        rejected=tuple(rejected[back].tolist()),
        offsets=tuple(plan.shifts.offsets[back].tolist()),
        factors=tuple(plan.shifts.factors[back].tolist()),
        measured=plan.noise,
        level=_mean_level(pixels),
        exposures=exposures,
        begin=min(time for time in begins if time) if all(begins) else None,
        end=max(time for time in ends if time) if all(ends) else None,
        kind=first.kind,
        aligned=tuple(frame.shift or (0.0, 0.0) for frame in frames) if any(frame.shift for frame in frames) else None,
        shifts=None if plan.moved is None else plan.moved.from_first(back),
        left_out=left_out,
    )
    return Image(
        kind=first.kind,
        data=pixels,
        exposure=None if set(exposures) == {None} else math.fsum(map(seconds_of, frames)) / len(frames),
        header=_header_of(frames),
        sources=tuple(name for frame in frames for name in frame.sources),
        history=frames.history,
        state=first.state,
        added=(*_shared_cards(frames), *_cards(found)),
        found=found,
        said=frames.said,
    )


def _header_of(frames: FrameSet) -> Cards:
    """Give the first frame's header; of aligned frames its WCS with the part of a pixel that was left of its shift."""
    left = np.array([[along - round(along) for along in frame.shift or (0.0, 0.0)] for frame in frames])
    y, x = (left[0] - left.mean(axis=0)).tolist()
    return cropped(frames[0].header, x=x, y=y)


def _shared_cards(frames: FrameSet) -> tuple[tuple[str, object, str], ...]:
    """Give the cards that the steps of all frames ask for: sentences in the first one's words, numbers that agree."""
    agreed = []
    for card in frames[0].added:
        theirs = [[other for other in frame.added if other[0] == card[0]] for frame in frames]
        if all(theirs) and (isinstance(card[1], str) or all(card in other for other in theirs)):
            agreed.append(card)
    return tuple(agreed)


def _mean_level(pixels: Pixels) -> float | None:
    with np.errstate(invalid="ignore", over="ignore"):  # infinite and very large values are told by the result
        mean = float(pixels.values.mean(axis=1).mean(dtype=np.float64))  # row by row: twice as quick as at once
        if not math.isfinite(mean):
            good = pixels.values[np.isfinite(pixels.values)]
            mean = float(good.mean(dtype=np.float64)) if good.size else math.nan
    return mean if math.isfinite(mean) else None


def _cards(found: CombineResult) -> tuple[tuple[str, object, str], ...]:
    cards: list[tuple[str, object, str]] = [
        ("COMBTYPE", found.method, "how frames were combined"),
        ("CLIPTYPE", found.clip.spread if found.clip else "none", "spread by which outliers were left out"),
        ("NREJECT", sum(found.rejected), "number of values left out"),
    ]
    if found.clip:
        cards += [
            ("CLIPLOW", found.clip.low, "[sigma] values further below were left out"),
            ("CLIPHIGH", found.clip.high, "[sigma] values further above were left out"),
        ]
    return tuple(cards)
