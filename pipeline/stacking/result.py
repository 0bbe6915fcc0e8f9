"""The image that a combination gives: with the first frame's header, and what combining found.

What combining found.
"""

from __future__ import annotations

import math
from datetime import datetime

import attrs
import numpy as np

from pipeline.headers.exposure import begin, end
from pipeline.records.frames import FrameSet, Image
from pipeline.records.pixels import Array, Pixels, same_array
from pipeline.stacking.clip import Clip
from pipeline.stacking.compatibility import seconds_of
from pipeline.stacking.plan import Plan, Told
from pipeline.statistics.amplifier_noise import AmplifierNoise
from pipeline.statistics.noise import Noise


@attrs.frozen
class Found:
    """What combining found: what was rejected, how the frames differ, and when and how long they were exposed.

    ``gain`` is one over the slope of the noise with level, e⁻/ADU, and its standard error: known where the noise was
    measured for the variance, on levels that span a factor of 3.  ``left_out`` is the number of values left out of
    each pixel, uint16 (ny, nx), where that was asked for.
    """

    method: str
    clip: Clip | None
    rejected: tuple[int, ...]
    offsets: tuple[float, ...]
    factors: tuple[float, ...]
    amplifiers: tuple[AmplifierNoise, ...]
    level: float | None
    exposures: tuple[float | None, ...]
    begin: datetime | None = None
    end: datetime | None = None
    kind: str = ""
    gain: tuple[float, float] | None = None
    left_out: Array | None = attrs.field(default=None, eq=attrs.cmp_using(eq=same_array), repr=False, hash=False)

    @property
    def frames(self) -> int:
        """The number of frames."""
        return len(self.rejected)

    @property
    def noise(self) -> Noise | None:
        """The noise by which values were judged; where amplifiers differ, that of the noisiest."""
        return max((one.noise for one in self.amplifiers), key=lambda noise: noise.a, default=None)

    @property
    def read_noise(self) -> float | None:
        """The read noise that bias frames show, in their unit; where amplifiers differ, that of the noisiest."""
        return math.sqrt(self.noise.a) if self.noise and self.kind == "bias" else None


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
