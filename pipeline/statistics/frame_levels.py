"""What makes each frame of a stack differ as a whole from the others: an offset, or a factor, or both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import attrs
import numpy as np

from pipeline.records.arrays import Array, BoolArray
from pipeline.statistics.noise import MOVING, typical_level
from pipeline.statistics.robust import AT_ONCE, MAD_TO_SIGMA, median, robust_mean, robust_means

SAMPLED_ROWS = {False: 15, True: 48}
FEW_PIXELS = 16
ENOUGH_PIXELS = 16_384
"""Around so many pixels tell the noise of a whole frame to a percent, were there but three frames; of more frames
fewer do, down to ``FEWEST_PIXELS``, of which each part of the frame has enough."""

FEWEST_PIXELS = 4096

ENOUGH_TO_SHIFT = 2048
"""And so many how a whole frame lies to a fortieth of its noise."""

FEW_FRAMES = 4

TOGETHER = 2**18
"""So many values are put in order together: enough to be worth a call; more would not stay in the cache."""

DIM = 1e-3
"""Levels of a smaller part than this of the brightest are known no better than those of that."""

FAINT = 10.0
"""Levels of fewer σ than this tell nothing of a factor: what differs there is an offset."""

_QUANTILES = np.array([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.997, 0.999, 1.0])


@attrs.frozen
class Shifts:
    """What each frame of a stack is expected to show: offset + factor·level."""

    offsets: Array
    factors: Array

    @classmethod
    def none(cls, frames: int) -> Shifts:
        """Expect the same of every frame."""
        return cls(np.zeros(frames), np.ones(frames))

    def taken_from(self, stack: Array) -> Array:
        """Give values, (frames, ...), as they would be did frames not differ."""
        ends = (-1,) + (1,) * (stack.ndim - 1)
        even: Array = (stack - self.offsets.reshape(ends)) / self.factors.reshape(ends)
        return even


def sampled(height: int, width: int, kind: str, frames: int) -> tuple[list[tuple[int, int]], slice]:
    """Choose rows to measure the noise on, in blocks of three so that neighbours are known, and columns of them.

    They depend on the shape, the kind and the number of frames alone.  Lights and arcs get more rows, so that no
    trace of a spectrum is missed, and of those and of pairs of frames all columns, for the neighbours' sake.
    """
    moving = kind in MOVING
    blocks = max(1, min(SAMPLED_ROWS[moving] // 3, height // 3))
    starts = np.unique(np.linspace(0, max(height - 3, 0), blocks).round().astype(int))
    rows = [(int(start), min(int(start) + 3, height)) for start in starts]
    enough = max(FEWEST_PIXELS, 2 * ENOUGH_PIXELS // max(frames - 1, 1))
    step = 1 if moving or frames == 2 else -(-3 * blocks * width // enough)
    return rows, slice(None, None, step | 1)  # odd: detectors read odd and even columns apart


def measure_shifts(stacks: Sequence[Array], kind: str, step: float = 1.0) -> Shifts:
    """Measure what makes each frame of a stack differ as a whole from the median of all.

    Bias and dark frames have an offset each; flats, lights and arcs a factor, and where the image spans levels
    enough to tell, an offset too.

    :param stacks: sampled blocks of rows, each (frames, rows, columns), NaN where a value is bad.
    :param step: that of a converter, in the unit of the values; 0 where they have none.
    """
    level, count = np.concatenate([typical_level(part) for part in gathered(stacks)]), len(stacks[0])
    good = np.isfinite(level)
    where = slice(None) if good.all() else good
    level = level[where]
    if count < 2 or level.size < FEW_PIXELS:
        return Shifts.none(count)
    if kind in ("bias", "dark"):
        thin = max(1, level.size // ENOUGH_TO_SHIFT) | 1
        sample = np.concatenate([some[:, ::thin] for some in _some_frames(stacks, where)])
        shifts = Shifts(_offsets(sample, level[::thin], step), np.ones(count))
    else:
        shifts = _lines(stacks, where, level, step)
    known = np.isfinite(shifts.offsets) & np.isfinite(shifts.factors)  # a frame that is bad all over says nothing
    return Shifts(np.where(known, shifts.offsets, 0.0), np.where(known, shifts.factors, 1.0))


def gathered(stacks: Sequence[Array]) -> Iterator[Array]:
    """Put blocks of rows together, (frames, pixels): as many as are worth a call, and not all of a large stack."""
    some, size = list[Array](), 0
    for stack in stacks:
        some.append(stack.reshape(len(stack), -1))
        size += stack.size
        if size >= TOGETHER or stack is stacks[-1]:
            yield np.concatenate(some, axis=1) if len(some) > 1 else some[0]
            some, size = [], 0


def _some_frames(stacks: Sequence[Array], where: BoolArray | slice) -> Iterator[Array]:
    """Give all sampled pixels of some frames, (frames, pixels), and then of the next: no copy of all is held."""
    few = max(1, AT_ONCE // max(1, sum(stack[0].size for stack in stacks)))
    for first in range(0, len(stacks[0]), few):
        frames = slice(first, first + few)
        yield np.concatenate([stack[frames].reshape(len(stack[frames]), -1) for stack in stacks], axis=1)[:, where]


def _offsets(sample: Array, level: Array, step: float) -> Array:
    """Give how far each frame lies above the middle one; of few frames the odd one draws their median: again then."""
    rounds = 3 if 2 < len(sample) <= FEW_FRAMES else 1
    for turn in range(rounds):
        offsets = robust_means(sample - level, step)
        offsets -= np.nanmedian(offsets)
        if turn < rounds - 1:
            level = typical_level(sample - offsets[:, None])
    return offsets


def _lines(stacks: Sequence[Array], where: BoolArray | slice, level: Array, step: float) -> Shifts:
    """Fit offset + factor·level to each frame through medians in bins of level.

    :param where: the pixels, of all, whose level this is.
    """
    bins = bins_of(level)
    centres = np.array([median(level[part]) for part in bins])
    if len(bins) < 3 or not np.ptp(centres) >= 0.1 * np.abs(centres).max() > 0:
        return _factors_alone(_some_frames(stacks, where), level, step)
    each = (frame for some in _some_frames(stacks, where) for frame in some)
    heights = np.array([[_median(frame[part]) for part in bins] for frame in each])
    weights = np.array([part.size for part in bins]) / np.maximum(np.abs(centres), step or DIM * np.abs(centres).max())
    weights = np.where(np.isfinite(heights), weights, 0.0)
    heights = np.nan_to_num(heights)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.sum(weights * centres, axis=1) / weights.sum(axis=1)
        lever = weights * (centres - mean[:, None])
        slopes = np.sum(heights * lever, axis=1) / np.sum(lever * (centres - mean[:, None]), axis=1)
        factors = np.where(slopes > 0, slopes, 1.0)
        return Shifts(np.sum(heights * weights, axis=1) / weights.sum(axis=1) - factors * mean, factors)


def shifts_of_sky(stacks: Sequence[Array], step: float = 1.0) -> Shifts:
    """Measure the same by most pixels alone, which show the sky: what is bright may have moved.

    :param stacks: as for :func:`measure_shifts`, and so ``step``.
    """
    thin = max(1, sum(stack[0].size for stack in stacks) // (2 * ENOUGH_TO_SHIFT)) | 1
    sample = np.concatenate([stack.reshape(len(stack), -1)[:, ::thin] for stack in stacks], axis=1)
    level = typical_level(sample)
    good = np.isfinite(level)
    if good.sum() < FEW_PIXELS:
        return Shifts.none(len(sample))
    shifts = _factors_alone([sample[:, good]], level[good], step)
    known = np.isfinite(shifts.offsets) & np.isfinite(shifts.factors)
    return Shifts(np.where(known, shifts.offsets, 0.0), np.where(known, shifts.factors, 1.0))


def _median(values: Array) -> float:
    """Give the median, ignoring NaN; NaN where nothing else is there."""
    return median(values[np.isfinite(values)])


def _factors_alone(groups: Iterable[Array], level: Array, step: float) -> Shifts:
    """Give the factors by which frames differ; offsets where levels do not stand out of the noise.

    :param groups: the pixels of some frames each, (frames, pixels).
    """
    middle = robust_mean(level, step)
    excesses, count, far = list[Array](), 0, 0
    for some in groups:
        distance = some - level
        excesses.append(robust_means(distance, step))
        count += int(np.count_nonzero(np.isfinite(distance)))
        far += int(np.count_nonzero(FAINT * MAD_TO_SIGMA * np.abs(distance, out=distance) >= abs(middle)))
    excess = np.concatenate(excesses)
    if 2 * far >= count:  # the median is: FAINT σ of the noise are more than the level
        return Shifts(excess - np.median(excess), np.ones(len(excess)))
    factors = 1 + excess / middle
    return Shifts(np.zeros(len(excess)), np.where(factors > 0, factors, 1.0))


def bins_of(level: Array) -> list[Array]:
    """Split pixels by level, finely at the bright end, where the few pixels that show the slope are."""
    order = _in_order(level)
    edges = np.unique((_QUANTILES * level.size).astype(int))
    return [order[start:stop] for start, stop in pairwise(edges) if stop - start >= 8]


def _in_order(values: Array) -> Array:
    """Give the places of values in order of size, of equal ones in their own: numpy's stable sort, in half its time."""
    order = np.argsort(values)
    ordered = values[order]
    parted = ordered[1:] != ordered[:-1]
    if parted.all():
        return order
    first_place = np.concatenate([[0], np.cumsum(parted)]) * values.size
    places: Array = np.sort(first_place + order) - first_place
    return places
