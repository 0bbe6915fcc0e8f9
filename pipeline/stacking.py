"""Combining the frames of one kind into one image."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime
from typing import Literal

import attrs
import numpy as np
from toolz import unique

from pipeline.clip import Clip, by_noise, by_own_spread, centre, frames_needed, kept_values
from pipeline.errors import AssumptionWarning, ClipWarning, SettingError, StepError
from pipeline.frames import FrameSet, Image, check_shapes
from pipeline.keywords import begin, end
from pipeline.noise import (
    Noise,
    Shifts,
    largest_step,
    measure_shifts,
    measure_stack_noise,
    sampled_blocks,
    typical_level,
)
from pipeline.pixels import STICKY, Array, Flag, Pixels, Shared, sealed
from pipeline.running import advise, how_to_run
from pipeline.stages import stage

NOISE_POWER = {None: 0, "exposure": 2, "level": 1}
"""The inverse variance of a scaled frame goes with this power of its size: dark frames are limited by read noise,
which scales with the values, flats by photons."""

EQUAL_EXPOSURES = 0.01
"""Exposures that differ by less than this fraction count as equal."""


@attrs.frozen
class Found:
    """What combining found: what was rejected, how the frames differ, and when and how long they were exposed."""

    method: str
    clip: Clip | None
    rejected: tuple[int, ...]
    offsets: tuple[float, ...]
    factors: tuple[float, ...]
    noise: Noise | None
    level: float | None
    exposures: tuple[float | None, ...]
    begin: datetime | None = None
    end: datetime | None = None

    @property
    def frames(self) -> int:
        """The number of frames."""
        return len(self.rejected)


@attrs.frozen
class _Plan:
    """How a stack is to be combined: the frames in the order of their shifts, and what is expected of each."""

    frames: tuple[Image, ...]
    order: Array
    method: str
    clip: Clip | None
    noise: Noise | None
    shifts: Shifts
    scale: Array
    weights: Array


@stage
def combine(
    frames: FrameSet,
    *,
    method: Literal["mean", "median"] = "mean",
    clip: Clip | None = Clip(),  # noqa: B008 - an immutable record
    scale: Literal["exposure", "level"] | None = None,
    weights: Literal["exposure"] | None = None,
) -> Image:
    """Combine the frames of one kind, pixel by pixel, ignoring NaN, values flagged, and outliers.

    The unit stays that of one frame.  Saturation in any frame stays flagged; other reasons only where no frame
    has a good value.  Without a clip, mean and median are numpy's nanmean and nanmedian.

    :param clip: what to leave out; None for nothing.
    :param scale: bring every frame to the mean exposure or level first; the bias must be out.
    :param weights: weigh frames by exposure; by default all count the same, and scaled ones by the noise that
        scaling leaves them.
    :raises StepError: there are no frames, or frames of different kinds or states.
    :raises ShapeError: the frames differ in shape.
    """
    _check(frames, method, scale, weights)
    plan = _plan(frames, method, clip, scale, weights)
    if len(frames) == 1:
        return _described(frames, plan, plan.frames[0].pixels, np.zeros(1, int))
    height, width = plan.frames[0].shape
    tiles = [_combine_rows(plan, start, stop) for start, stop in _tiles(plan, height, width)]
    pixels = Pixels(
        values=sealed(np.concatenate([tile.values for tile, _ in tiles])),
        flags=sealed(np.concatenate([tile.flags for tile, _ in tiles])),
        variance=_joined([tile.variance for tile, _ in tiles]),
        shared=_joined_shared([tile.shared for tile, _ in tiles]),
    )
    rejected = np.sum([rejected for _, rejected in tiles], axis=0)
    return _described(frames, plan, pixels, rejected)


def measure_noise(frames: FrameSet) -> Noise:
    """Measure the noise of a stack of equal exposures of one kind: two frames or more.

    :raises StepError: there are fewer than two frames.
    """
    if len(frames) < 2:
        raise StepError(f"the noise of {len(frames)} frames cannot be measured; it takes two or more")
    samples = _samples(frames.frames, np.ones(len(frames)))
    kind = frames.frames[0].kind
    return measure_stack_noise(samples, measure_shifts(samples, kind), kind)


def _check(frames: FrameSet, method: str, scale: str | None, weights: str | None) -> None:
    for name, value, known in (
        ("method", method, ("mean", "median")),
        ("scale", scale, (None, "exposure", "level")),
        ("weights", weights, (None, "exposure")),
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
    _check_exposures(frames, scale)


def _done(image: Image) -> str:
    steps = attrs.asdict(image.state)
    return ", ".join([f"{name} out" for name, by in steps.items() if by and name != "unit"] + [image.state.unit])


def _seconds(frame: Image) -> float:
    return 1.0 if frame.exposure is None else frame.exposure


def exposures_differ(frames: FrameSet) -> bool:
    """Tell whether the exposures of frames differ by more than 1 %; none in the header is 1 s, as in subtract_dark."""
    seconds = [_seconds(frame) for frame in frames]
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
        raise StepError(
            f"combine: the {first.kind} frames have different exposures ({listed}); put them in separate lists, or in "
            "Python take the bias out of each and combine with scale='exposure' or scale='level'"
        )
    if scale is not None and not all(frame.state.bias for frame in frames):
        if not all(any(ran.stage == "subtract_bias" for ran in frame.history) for frame in frames):
            raise StepError(f"combine: scale={scale!r} with the bias still in; take it out of each frame first")
        advise(
            f"{first.name}: frames scaled by {scale} with no bias taken out: what pedestal there is gets scaled too",
            AssumptionWarning,
        )


def _plan(frames: FrameSet, method: str, clip: Clip | None, scale: str | None, weights: str | None) -> _Plan:
    ready = tuple(_loaded(frame) for frame in frames)
    factors = _scales(ready, scale)
    noise, shifts = None, Shifts.none(len(ready))
    if clip and len(ready) > 1:
        if frames_needed(clip) > len(ready):
            advise(
                f"combine: a clip at {min(clip.low, clip.high):g} σ by {clip.spread} cannot reject anything from "
                f"{len(ready)} frames; it takes {frames_needed(clip)}, or another rule such as 'noise'",
                ClipWarning,
            )
        if clip.spread == "noise":
            noise = clip.noise
            if noise is None:
                kind = ready[0].kind
                samples = _samples(ready, factors)
                shifts = measure_shifts(samples, kind)
                noise = measure_stack_noise(samples, shifts, kind, clip.counting)
    weighing = _weights(ready, weights, scale, 1 / factors)
    order = np.lexsort((shifts.factors, shifts.offsets))  # sums of shifts then do not depend on the frames' order
    return _Plan(
        frames=tuple(ready[i] for i in order),
        order=order,
        method=method,
        clip=clip if len(ready) > 1 else None,
        noise=noise,
        shifts=Shifts(shifts.offsets[order], shifts.factors[order]),
        scale=factors[order],
        weights=weighing[order],
    )


def _loaded(frame: Image) -> Image:
    source = frame.source
    return frame if isinstance(source, Pixels) else attrs.evolve(frame, data=source.loaded())


def _scales(frames: tuple[Image, ...], scale: str | None) -> Array:
    """Give the factor that brings each frame to the mean exposure or level."""
    if scale is None:
        return np.ones(len(frames))
    if scale == "exposure":
        sizes = [_seconds(frame) for frame in frames]
    else:
        samples = _samples(frames, np.ones(len(frames)))
        sizes = [float(np.nanmedian(np.concatenate([stack[i] for stack in samples]))) for i in range(len(frames))]
    for frame, size in zip(frames, sizes, strict=True):
        if not size > 0:
            raise StepError(f"combine: {frame.name} has the {scale} {size:g}; it cannot be scaled")
    return math.fsum(sizes) / len(sizes) / np.array(sizes)


def _weights(frames: tuple[Image, ...], weights: str | None, scale: str | None, sizes: Array) -> Array:
    """Weigh frames as asked for, and scaled ones by the inverse of the variance that scaling gives them."""
    if weights is None:
        return sizes ** NOISE_POWER[scale]
    seconds = np.array([_seconds(frame) for frame in frames])
    if not (seconds > 0).all():
        raise StepError(f"combine: {frames[int(seconds.argmin())].name} has 0 s; it cannot be weighed by exposure")
    return seconds


def _samples(frames: tuple[Image, ...], scale: Array) -> list[Array]:
    height, _ = frames[0].shape
    return [_stack(frames, scale, start, stop)[0] for start, stop in sampled_blocks(height)]


def _stack(frames: tuple[Image, ...], scale: Array, start: int, stop: int) -> tuple[Array, list[Pixels]]:
    """Read rows of every frame: float64 (frames, rows, columns), NaN where a value is not to be used."""
    parts = [frame.rows(start, stop).pixels for frame in frames]
    good = np.stack([(part.flags & ~np.uint8(STICKY)) == 0 for part in parts])
    values = np.stack([part.values for part in parts], dtype=np.float64) * scale[:, None, None]
    hopeless = ~good.any(axis=0)
    return np.where((good | hopeless) & np.isfinite(values), values, np.nan), parts


def _tiles(plan: _Plan, height: int, width: int) -> Iterator[tuple[int, int]]:
    how = how_to_run()
    rows = max(1, how.memory // (len(plan.frames) * width * 64))
    for start in range(0, height, rows):
        yield start, min(start + rows, height)
        if how.progress:
            how.progress(min(start + rows, height), height)


def _combine_rows(plan: _Plan, start: int, stop: int) -> tuple[Pixels, Array]:
    """Combine some rows; give them, and the number of values rejected in each frame."""
    stack, parts = _stack(plan.frames, plan.scale, start, stop)
    shape = stack.shape[1:]
    stack = stack.reshape(len(stack), -1)
    offsets, factors = plan.shifts.offsets[:, None], plan.shifts.factors[:, None]
    keep = _kept(plan, (stack - offsets) / factors, start, stop)
    values = _mean(stack, keep, plan) if plan.method == "mean" else centre(np.where(keep, stack, np.nan), "median")
    variance, shared = _errors(parts, keep, plan)
    dtype = np.result_type(*(part.values for part in parts))
    pixels = Pixels(
        values=sealed(values.reshape(shape).astype(dtype)),
        flags=_flags(parts, np.isfinite(values).reshape(shape)),
        variance=None if variance is None else sealed(variance.reshape(shape).astype(dtype)),
        shared=tuple((key, sealed(sigma.reshape(shape).astype(dtype))) for key, sigma in shared),
    )
    return pixels, (np.isfinite(stack) & ~keep).sum(axis=1)


def _kept(plan: _Plan, even: Array, start: int, stop: int) -> Array:
    if plan.clip is None:
        return np.isfinite(even)
    if plan.noise is None:
        return kept_values(even, plan.clip, by_own_spread(plan.clip))
    return kept_values(even, plan.clip, by_noise(plan.clip, plan.noise, _steps(plan, start, stop)))


def _steps(plan: _Plan, start: int, stop: int) -> Array | float:
    """Give the largest step to a neighbour where the noise asks for it, reading a row more above and below."""
    if plan.noise is None or plan.noise.d == 0:
        return 0.0
    above, below = max(start - 1, 0), min(stop + 1, plan.frames[0].shape[0])
    stack, _ = _stack(plan.frames, plan.scale, above, below)
    even = (stack - plan.shifts.offsets[:, None, None]) / plan.shifts.factors[:, None, None]
    step = largest_step(typical_level(even))
    return np.nan_to_num(step[start - above : step.shape[0] - (below - stop)]).reshape(-1)


def _mean(stack: Array, keep: Array, plan: _Plan) -> Array:
    """Give the weighted mean over what is kept, as it would be had nothing been left out.

    With frames expected to show o + f·m, m is Σ w (x − o) / Σ w f over the values kept, and the mean of all
    frames Σ w (o + f m) / Σ w.
    """
    sums = {name: np.zeros(stack.shape[1]) for name in ("value", "offset", "factor")}
    for frame, kept, weight, offset, factor in zip(
        stack, keep, plan.weights, plan.shifts.offsets, plan.shifts.factors, strict=True
    ):
        sums["value"] += np.where(kept, frame * weight, 0.0)
        sums["offset"] += np.where(kept, offset * weight, 0.0)
        sums["factor"] += np.where(kept, factor * weight, 0.0)
    total = plan.weights.sum()
    with np.errstate(invalid="ignore", divide="ignore"):
        level = (sums["value"] - sums["offset"]) / sums["factor"]
    mean_offset = np.sum(plan.weights * plan.shifts.offsets) / total
    mean_factor = np.sum(plan.weights * plan.shifts.factors) / total
    mean: Array = mean_offset + mean_factor * level
    return mean


def _errors(parts: list[Pixels], keep: Array, plan: _Plan) -> tuple[Array | None, Shared]:
    """Propagate what variance the frames carry: own errors average down, shared ones do not."""
    if any(part.variance is None for part in parts):
        return None, ()
    weight = np.where(keep, (plan.weights * plan.scale)[:, None], 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        weight /= np.where(keep, plan.weights[:, None], 0.0).sum(axis=0)
    count = keep.sum(axis=0)
    spread = median_variance(count) if plan.method == "median" else 1.0
    own = np.stack([part.variance for part in parts if part.variance is not None]).reshape(keep.shape)
    shared: dict[str, Array] = {}
    for part, share in zip(parts, weight, strict=True):
        for key, sigma in part.shared:
            shared[key] = shared.get(key, 0.0) + share * sigma.reshape(-1)
    return spread * np.sum(weight**2 * own, axis=0), tuple(sorted(shared.items(), key=lambda item: item[0]))


def median_variance(count: Array) -> Array:
    """Give the variance of the median of ``count`` normal values, relative to that of their mean.

    π/2 for many (Kenney and Keeping 1951); the small-sample terms are fitted to the exact values, within 0.5 %.
    """
    many: Array = np.pi / 2 * count / (count + np.where(count % 2, 0.49, 1.32))
    return np.where(count > 2, many, 1.0)


def _flags(parts: list[Pixels], finite: Array) -> Array:
    flags = np.stack([part.flags for part in parts])
    any_frame = np.bitwise_or.reduce(flags, axis=0)
    hopeless = ((flags & ~np.uint8(STICKY)) != 0).all(axis=0)
    combined = np.where(hopeless, any_frame, any_frame & np.uint8(STICKY))
    return sealed(combined | np.where(finite, np.uint8(0), np.uint8(Flag.NONFINITE)))


def _joined(parts: list[Array | None]) -> Array | None:
    known = [part for part in parts if part is not None]
    return sealed(np.concatenate(known)) if len(known) == len(parts) else None


def _joined_shared(parts: list[Shared]) -> Shared:
    keys = list(unique(key for part in parts for key, _ in part))
    return tuple((key, sealed(np.concatenate([dict(part)[key] for part in parts]))) for key in keys)


def _described(frames: FrameSet, plan: _Plan, pixels: Pixels, rejected: Array) -> Image:
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
        noise=plan.noise,
        level=float(np.nanmean(pixels.values)) if np.isfinite(pixels.values).any() else None,
        exposures=exposures,
        begin=min((time for time in begins if time), default=None),
        end=max((time for time in ends if time), default=None),
    )
    return Image(
        kind=first.kind,
        data=pixels,
        exposure=None if set(exposures) == {None} else math.fsum(map(_seconds, frames)) / len(frames),
        header=first.header,
        sources=tuple(name for frame in frames for name in frame.sources),
        history=frames.history,
        state=first.state,
        added=(*(card for card in first.added if all(card in f.added for f in frames)), *_cards(found)),
        found=found,
    )


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
