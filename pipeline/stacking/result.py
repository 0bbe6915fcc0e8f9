"""The image that a combination gives: with the first frame's header, and what combining found."""

from __future__ import annotations

import math

import numpy as np

from pipeline.headers.exposure import begin, end
from pipeline.records.frames import FrameSet, Image
from pipeline.records.pixels import Array, Pixels
from pipeline.stacking.compatibility import seconds_of
from pipeline.stacking.found import Found
from pipeline.stacking.plan import Told
from pipeline.stacking.stack_rows import Plan


def described(
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
        exposure=None if set(exposures) == {None} else math.fsum(map(seconds_of, frames)) / len(frames),
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
