"""Combining the frames of one kind into one image."""

from __future__ import annotations

import math
from typing import Literal

import attrs
import numpy as np

from pipeline.clip import Clip
from pipeline.dates import begin, end
from pipeline.errors import AssumptionWarning, SettingError, StepError
from pipeline.fitting import measure_stack_noise
from pipeline.found import Found
from pipeline.frames import FrameSet, Image, check_shapes
from pipeline.noise import Noise
from pipeline.photons import gain_of
from pipeline.pixels import Array, Pixels
from pipeline.planning import Told, Wanted, plan_of
from pipeline.rows import Plan, sample_rows
from pipeline.running import advise
from pipeline.shifts import measure_shifts
from pipeline.stages import stage
from pipeline.tiles import combine_rows
from pipeline.weighing import NOISE_POWER

EQUAL_EXPOSURES = 0.01
"""Exposures that differ by no more than this fraction of the longest count as equal."""


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
    :raises ShapeError: the frames differ in shape.
    """
    _check(frames, method, scale, weights, variance)
    ready = loaded(frames).frames
    factors = _scales(ready, scale)
    noise, rule = (variance, "noise") if isinstance(variance, Noise) else (None, variance)
    wanted = Wanted(method, clip, rule, map_left_out, noise)
    plan, told = plan_of(ready, factors, _weights(ready, weights, scale, 1 / factors), wanted)
    told = attrs.evolve(told, sampled=None, gain=gain_of(told, plan.errors.amplifiers) if plan.errors else None)
    if len(frames) == 1:
        return _described(frames, plan, told, plan.frames[0].pixels, np.zeros(1, int))
    return _described(frames, plan, told, *combine_rows(plan))


def measure_noise(frames: FrameSet) -> Noise:
    """Measure the noise of a stack of equal exposures of one kind: two frames or more.

    :raises StepError: there are fewer than two frames.
    """
    if len(frames) < 2:
        raise StepError(f"the noise of {len(frames)} frames cannot be measured; it takes two or more")
    samples = sample_rows(frames.frames, np.ones(len(frames))).blocks
    kind = frames.frames[0].kind
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
    _check_exposures(frames, scale)


def check_alike_reduced(frames: FrameSet) -> None:
    """Refuse frames of different kinds, states, units or shapes.

    :raises StepError: they differ in kind, state or unit.
    :raises ShapeError: they differ in shape.
    """
    first = frames.frames[0]
    for frame in frames.frames:
        if frame.kind != first.kind:
            raise StepError(f"combine: {first.name} is a {first.kind}, {frame.name} a {frame.kind}; combine one kind")
        if _done(frame) != _done(first):
            raise StepError(
                f"combine: {first.name} and {frame.name} have been reduced differently: {_done(first) or 'raw'}, "
                f"{_done(frame) or 'raw'}; bring them to the same state first"
            )
    check_shapes(frames.frames)


def _done(image: Image) -> str:
    steps = attrs.asdict(image.state)
    return ", ".join([f"{name} out" for name, by in steps.items() if by and name != "unit"] + [image.state.unit])


def _seconds(frame: Image) -> float:
    return 1.0 if frame.exposure is None else frame.exposure


def exposures_differ(frames: FrameSet) -> bool:
    """Tell whether the exposures of frames differ by more than 1 %, and so their values.

    None in the header is 1 s, as in subtract_dark; values per second do not depend on the exposure.
    """
    seconds = [_seconds(frame) for frame in frames if not frame.state.per_second]
    return bool(seconds) and max(seconds) - min(seconds) > EQUAL_EXPOSURES * max(seconds)


def _check_exposures(frames: FrameSet, scale: str | None) -> None:
    first = frames.frames[0]
    silent = [frame.name for frame in frames if frame.exposure is None]
    if silent and len(silent) < len(frames) and first.kind != "bias":
        advise(
            f"{', '.join(silent)}: no exposure in the header; taken for 1 s among frames that have one",
            AssumptionWarning,
        )
    if scale is None and first.kind != "bias" and exposures_differ(frames):
        listed = ", ".join(sorted({f"{f.exposure:g} s" if f.exposure is not None else "none" for f in frames}))
        mend = "where another card has it name that (--exposure-key), or " if silent else ""
        raise StepError(
            f"combine: the {first.kind} frames have different exposures ({listed}); {mend}put them in separate lists, "
            "or in Python take the bias out of each and combine with scale='exposure' or scale='level'"
        )
    if scale is not None and not all(frame.state.bias for frame in frames):
        if not all(any(ran.stage == "subtract_bias" for ran in frame.history) for frame in frames):
            raise StepError(f"combine: scale={scale!r} with the bias still in; take it out of each frame first")
        advise(
            f"{first.name}: frames scaled by {scale} with no bias taken out: what pedestal there is gets scaled too",
            AssumptionWarning,
        )


def loaded(frames: FrameSet) -> FrameSet:
    """Give the same frames in a form that is quick to read in any order: packed ones are unpacked once."""
    sources = [(frame, frame.source) for frame in frames]
    return FrameSet(f if isinstance(s, Pixels) else attrs.evolve(f, data=s.loaded()) for f, s in sources)


def levels(frames: FrameSet) -> tuple[float, ...]:
    """Give the median level of each frame, from a few rows of it."""
    samples = sample_rows(frames.frames, np.ones(len(frames))).blocks
    return tuple(float(np.nanmedian(np.concatenate([stack[i] for stack in samples]))) for i in range(len(frames)))


def _scales(frames: tuple[Image, ...], scale: str | None) -> Array:
    """Give the factor that brings each frame to the mean exposure or level."""
    if scale is None:
        return np.ones(len(frames))
    sizes = [_seconds(frame) for frame in frames] if scale == "exposure" else list(levels(FrameSet(frames)))
    for frame, size in zip(frames, sizes, strict=True):
        if not size > 0:
            raise StepError(f"combine: {frame.name} has the {scale} {size:g}; it cannot be scaled")
    return math.fsum(sizes) / len(sizes) / np.array(sizes)


def _weights(frames: tuple[Image, ...], weights: str | None, scale: str | None, sizes: Array) -> Array | None:
    """Weigh frames as asked for, and scaled ones by the inverse of the variance that scaling gives them.

    None where the variance that they carry or show is to weigh them.
    """
    if weights == "variance":
        return None
    if weights is None:
        return sizes ** NOISE_POWER[scale]
    seconds = np.array([_seconds(frame) for frame in frames])
    if not (seconds > 0).all():
        raise StepError(f"combine: {frames[int(seconds.argmin())].name} has 0 s; it cannot be weighed by exposure")
    return seconds / seconds[0] if np.ptp(seconds) == 0 else seconds


def _described(
    frames: FrameSet, plan: Plan, told: Told, pixels: Pixels, rejected: Array, left_out: Array | None = None
) -> Image:
    """Make the image of combined pixels: the first frame's header, and what combining found."""
    first = frames.frames[0]
    back = np.argsort(plan.order)
    begins = [begin(frame.header) for frame in frames]
    ends = [end(frame.header, frame.exposure) for frame in frames]
    exposures = tuple(frame.exposure for frame in frames)
    found = Found(
        method=plan.method,
        clip=plan.clip,
        rejected=tuple(rejected[back].tolist()),
        offsets=tuple(plan.shifts.offsets[back].tolist()),
        factors=tuple(plan.shifts.factors[back].tolist()),
        amplifiers=told.amplifiers,
        level=_mean_level(pixels),
        exposures=exposures,
        begin=min((time for time in begins if time), default=None),
        end=max((time for time in ends if time), default=None),
        kind=first.kind,
        gain=told.gain,
        left_out=left_out,
    )
    return Image(
        kind=first.kind,
        data=pixels,
        exposure=None if set(exposures) == {None} else math.fsum(map(_seconds, frames)) / len(frames),
        header=first.header,
        sources=tuple(name for frame in frames for name in frame.sources),
        history=frames.history,
        state=first.state,
        added=(*_shared_cards(frames), *_cards(found)),
        found=found,
    )


def _shared_cards(frames: FrameSet) -> tuple[tuple[str, object, str], ...]:
    """Give the cards that the steps of all frames ask for: sentences in the first one's words, numbers that agree."""
    kept = []
    for card in frames[0].added:
        told = [[other for other in frame.added if other[0] == card[0]] for frame in frames]
        if all(told) and (isinstance(card[1], str) or all(card in other for other in told)):
            kept.append(card)
    return tuple(kept)


def _mean_level(pixels: Pixels) -> float | None:
    with np.errstate(invalid="ignore", over="ignore"):  # infinite and very large values are told by the result
        mean = float(pixels.values.mean(axis=1).mean(dtype=np.float64))  # row by row: twice as quick as at once
        if not math.isfinite(mean):
            good = pixels.values[np.isfinite(pixels.values)]
            mean = float(good.mean(dtype=np.float64)) if good.size else math.nan
    return mean if math.isfinite(mean) else None


def _cards(found: Found) -> tuple[tuple[str, object, str], ...]:
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
