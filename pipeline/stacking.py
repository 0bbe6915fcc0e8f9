"""Combining the frames of one kind into one image."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Literal

import attrs
import numpy as np

from pipeline.amplifiers import Amplifier, amplifiers_of
from pipeline.clip import Clip, frames_needed
from pipeline.errors import AssumptionWarning, ClipWarning, SettingError, StepError
from pipeline.fitting import measure_stack_noise
from pipeline.frames import FrameSet, Image, check_shapes
from pipeline.keywords import begin, end
from pipeline.noise import Noise
from pipeline.pixels import Array, Pixels
from pipeline.rows import Plan, sample_rows
from pipeline.running import advise
from pipeline.shifts import Shifts, measure_shifts
from pipeline.stages import stage
from pipeline.tiles import combine_rows

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
    amplifiers: tuple[Amplifier, ...]
    level: float | None
    exposures: tuple[float | None, ...]
    begin: datetime | None = None
    end: datetime | None = None

    @property
    def frames(self) -> int:
        """The number of frames."""
        return len(self.rejected)

    @property
    def noise(self) -> Noise | None:
        """The noise by which values were judged; where amplifiers differ, that of the noisiest."""
        return max((one.noise for one in self.amplifiers), key=lambda noise: noise.a, default=None)


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
    return _described(frames, plan, *combine_rows(plan))


def measure_noise(frames: FrameSet) -> Noise:
    """Measure the noise of a stack of equal exposures of one kind: two frames or more.

    :raises StepError: there are fewer than two frames.
    """
    if len(frames) < 2:
        raise StepError(f"the noise of {len(frames)} frames cannot be measured; it takes two or more")
    samples = sample_rows(frames.frames, np.ones(len(frames))).blocks
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


def _plan(frames: FrameSet, method: str, clip: Clip | None, scale: str | None, weights: str | None) -> Plan:
    ready = loaded(frames).frames
    factors = _scales(ready, scale)
    amplifiers: tuple[Amplifier, ...] = ()
    shifts = Shifts.none(len(ready))
    if clip and len(ready) > 1:
        if frames_needed(clip) > len(ready):
            advise(
                f"combine: a clip at {min(clip.low, clip.high):g} σ by {clip.spread} cannot reject anything from "
                f"{len(ready)} frames; it takes {frames_needed(clip)}, or another rule such as 'noise'",
                ClipWarning,
            )
        if clip.spread == "noise":
            if clip.noise is None:
                sampled = sample_rows(ready, factors)
                shifts = measure_shifts(sampled.blocks, ready[0].kind)
                amplifiers = amplifiers_of(sampled, ready[0].shape, shifts, ready[0].kind, clip.counting)
            else:
                amplifiers = (Amplifier((0, ready[0].shape[0]), (0, ready[0].shape[1]), clip.noise),)
    weighing = _weights(ready, weights, scale, 1 / factors)
    order = np.lexsort((shifts.factors, shifts.offsets))  # sums of shifts then do not depend on the frames' order
    return Plan(
        frames=tuple(ready[i] for i in order),
        order=order,
        method=method,
        clip=clip if len(ready) > 1 else None,
        amplifiers=amplifiers,
        shifts=Shifts(shifts.offsets[order], shifts.factors[order]),
        scale=factors[order],
        weights=weighing[order],
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


def _weights(frames: tuple[Image, ...], weights: str | None, scale: str | None, sizes: Array) -> Array:
    """Weigh frames as asked for, and scaled ones by the inverse of the variance that scaling gives them."""
    if weights is None:
        return sizes ** NOISE_POWER[scale]
    seconds = np.array([_seconds(frame) for frame in frames])
    if not (seconds > 0).all():
        raise StepError(f"combine: {frames[int(seconds.argmin())].name} has 0 s; it cannot be weighed by exposure")
    return seconds / seconds[0] if np.ptp(seconds) == 0 else seconds


def _described(frames: FrameSet, plan: Plan, pixels: Pixels, rejected: Array) -> Image:
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
        amplifiers=plan.amplifiers,
        level=_mean_level(pixels),
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
    mean = float(pixels.values.mean())
    if math.isfinite(mean):
        return mean
    good = pixels.values[np.isfinite(pixels.values)]
    return float(good.mean()) if good.size else None


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
