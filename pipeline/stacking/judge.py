"""A closer look at pixels that may lose values: each judged as the clip asks.

Pixels whose clipping is clear: what they lose lies far beyond the limits, wherever their median moves meanwhile.

Most pixels that lose anything were hit in one frame, by far.  Which of their values a clip keeps, by noise or by their
own standard deviation, is told from these as whole numbers of 16 bits or less, by comparing all of them with limits.

Settling doubtful pixels: by their medians most are safe, or lose clearly what they lose; the rest waits.

They are settled many at a time: short operations in one thread keep another waiting.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import attrs
import numpy as np

from pipeline.compose.running import how_to_run
from pipeline.records.pixels import Array, Flag
from pipeline.stacking.clip import Clip
from pipeline.stacking.plan import Plan
from pipeline.stacking.screening import MARGIN, UNMOVED, Bulk, Doubtful, Moved
from pipeline.stacking.sigma_clip import by_noise, by_own_spread, kept_values
from pipeline.stacking.stack_rows import Rows, as_values, read_rows
from pipeline.statistics.amplifier_noise import variance_of, which_of
from pipeline.statistics.medians import FEW_FRAMES, bounds_by_pairs, bounds_of_middles, middles
from pipeline.statistics.noise import Noise, neighbours_of, typical_level
from pipeline.statistics.order_statistics import Window, counted, in_order
from pipeline.statistics.pixel_summary import NONE, Swept, difference, frames_and_pixels, shifted, total_of

Ends: TypeAlias = tuple[Array, Array]
"""What a number lies between."""


MOST_OUT = 4
"""Pixels that lose more values than these are not clear."""


ENOUGH_FRAMES = 8
"""Of fewer frames so few would be left that each moves the median by much."""


@attrs.frozen
class Clear:
    """Which pixels are clear, and which of their values, (frames, pixels), these lose.

    That is what lies below the ``lowest`` or above the ``highest``.
    """

    clear: Array
    out: Array
    lowest: Array
    highest: Array

    @classmethod
    def between(cls, shown: Array, clip: Clip, middle: Ends, sigma: Ends, shift: Array | float = 0.0) -> Clear:
        """Tell it where the median lies in the ``middle`` and σ between two values, both shifted by so much perhaps."""
        (least, most), (quiet, loud) = middle, sigma
        limits = _whole(least - clip.low * loud - shift, most + clip.high * loud + shift, shown.dtype)
        lowest, highest = most - clip.low * quiet + shift, least + clip.high * quiet - shift
        out = _beyond(shown, *limits)
        differ = np.logical_or.reduce(out != _beyond(shown, *_whole(lowest, highest, shown.dtype)))
        known = (lowest <= most) & (highest >= least) & (counted(out) <= MOST_OUT)
        return cls(known & ~differ, out, *limits)


def clear_of(shown: Array, clip: Clip, noise: Noise | None, moved: Moved) -> Clear | None:
    """Tell which pixels are clear, from their shifted values, whole numbers (frames, pixels); no others lose any.

    None where that is not told: of a mean, of few frames, and where noise depends on more than the level.

    :param noise: to judge by; None to judge each pixel by its own standard deviation.
    :param moved: by how much values may still be shifted against each other.
    """
    if clip.centre != "median" or len(shown) < ENOUGH_FRAMES or (noise and (noise.c or noise.d)):
        return None
    least, most = (bound.astype(np.float64) for bound in bounds_of_middles(shown, MOST_OUT))
    with np.errstate(invalid="ignore"):  # no limit at no spread: what is not a number is not clear
        if noise:
            told = _by_noise(shown, clip, (least, most), noise, moved)
        else:
            told = _by_own_spread(shown, clip, (least, most))
    ends = np.iinfo(shown.dtype)
    lowest, highest = np.where(told.clear, told.lowest, ends.min), np.where(told.clear, told.highest, ends.max)
    return Clear(told.clear, told.out & told.clear, lowest, highest)


def _by_noise(shown: Array, clip: Clip, middle: Ends, noise: Noise, moved: Moved) -> Clear:
    least, most = (end + moved.zero for end in middle)
    span = difference(np.maximum.reduce(shown), np.minimum.reduce(shown)) if moved.tilt else np.zeros(1)
    shift = np.maximum(moved.between(least, span), moved.between(most, span))
    reach = shift + moved.blur
    at_ends = noise.variance(least - reach), noise.variance(most + reach)
    sigma = np.sqrt(np.minimum(*at_ends)) * MARGIN, np.sqrt(np.maximum(*at_ends)) / MARGIN
    return Clear.between(shown, clip, middle, sigma, shift)


def _by_own_spread(shown: Array, clip: Clip, middle: Ends) -> Clear:
    """Go through the rounds, with the spread of what is left after each."""
    beyond = shown.astype(np.float32)  # exact, and so is what lies beyond the middle
    beyond -= middle[0].astype(np.float32)
    gone, left = np.zeros(shown.shape, bool), np.full(shown.shape[1], len(shown))
    clear = np.ones(left.shape, bool)
    for _ in range(MOST_OUT + 1 if clip.iterations is None else clip.iterations):
        mean = np.add.reduce(beyond) / left
        sigma = np.sqrt(np.maximum(np.einsum("ij,ij->j", beyond, beyond) / left - mean * mean, 0))
        found = Clear.between(shown, clip, middle, (sigma * MARGIN, sigma / MARGIN))
        lost = np.logical_or.reduce(found.out > gone)
        gone |= found.out
        left = len(shown) - counted(gone)
        clear &= found.clear & (left >= len(shown) - MOST_OUT)
        if not (lost & clear).any():
            break
        beyond[gone] = 0
    return attrs.evolve(found, clear=clear)


def _whole(lowest: Array, highest: Array, dtype: np.dtype[np.generic]) -> tuple[Array, Array]:
    """Give limits as whole numbers of a type, which those beyond what it holds do not matter to."""
    ends = np.iinfo(dtype)  # type: ignore[type-var]
    low = np.ceil(np.clip(lowest, ends.min, ends.max)).astype(dtype)
    high = np.floor(np.clip(highest, ends.min, ends.max)).astype(dtype)
    return low, high


def _beyond(shown: Array, lowest: Array, highest: Array) -> Array:
    beyond: Array = np.less(shown, lowest)
    beyond |= shown > highest
    return beyond


LOOK_BYTES = 64
"""What a closer look takes for each value."""


@attrs.define
class Looked:
    """Pixels of a band that wait for a closer look, looked at together when there are enough of them.

    ``values`` and ``flags`` are those of the whole image, flattened; ``rejected`` counts the values left out of
    each frame; ``tell`` is told the place of pixels, which of their values are kept, and which were left out.
    """

    plan: Plan
    values: Array
    flags: Array
    rejected: Array
    at_once: int
    tell: Callable[..., None]
    waiting: list[tuple[Array, Array, Array | float]] = attrs.field(factory=list)

    def add(self, place: Array, columns: Callable[[slice], Array], first: int, last: int) -> None:
        """Let pixels of the rows from ``first`` to before ``last`` wait.

        :param place: where in the flattened image they are.
        :param columns: gives the values of some of them, float64 (frames, pixels).
        """
        if not place.size:
            return
        steps = steps_of(self.plan, place, first, last)
        chunk = max(1, self.at_once // len(self.plan.frames))
        for start in range(0, place.size, chunk):
            part = slice(start, start + chunk)
            step = steps[part] if isinstance(steps, np.ndarray) else steps
            self.waiting.append((place[part], columns(part), step))
            if sum(columns.size for _, columns, _ in self.waiting) >= self.at_once:
                self.look()

    def look(self) -> None:
        """Combine all that wait."""
        if not self.waiting:
            return
        places, columns, steps = zip(*self.waiting, strict=True)
        self.waiting = []
        place, stack = np.concatenate(places), np.concatenate(columns, axis=1)
        if not self.plan.plain:
            stack *= self.plan.scale[:, None]
        keep = kept(self.plan, stack, place, np.concatenate(steps) if isinstance(steps[0], np.ndarray) else 0.0)
        self.put(place, stack, keep)

    def put(self, place: Array, stack: Array, keep: Array) -> None:
        """Combine pixels, each at its place in the image, of whose values it is known which they keep."""
        self.set(place, combine_kept(self.plan, stack, keep), keep, np.isfinite(stack) & ~keep)

    def set(self, place: Array, combined: Array, keep: Array, out: Array) -> None:
        """Set pixels to what their values combine to; of these some are kept, and some left out by the clip."""
        self.values[place] = combined
        nonfinite = ~np.isfinite(combined)
        if nonfinite.any():
            self.flags[place[nonfinite]] |= np.uint8(Flag.NONFINITE)
        self.rejected += [np.count_nonzero(row) for row in out]
        self.tell(place=place, keep=keep, out=out)


def kept(plan: Plan, stack: Array, place: Array, step: Array | float) -> Array:
    """Tell which values of a stack (frames, pixels) the clip of a plan keeps; ``place`` is that of each pixel."""
    if plan.clip is None:
        return np.isfinite(stack)
    if not plan.amplifiers:
        return kept_values(stack, plan.clip, by_own_spread(plan.clip))
    even = stack - plan.shifts.offsets[:, None]
    if (plan.shifts.factors != 1).any():
        even /= plan.shifts.factors[:, None]
    which = which_of(plan.amplifiers, place, plan.shape[1])
    return kept_values(even, plan.clip, by_noise(plan.clip, variance_of(plan.amplifiers, which, step)))


def combine_kept(plan: Plan, stack: Array, keep: Array) -> Array:
    """Give the mean or median of what is kept."""
    if plan.method == "median":
        return Window.of(np.where(keep, stack, np.nan)).median
    return mean_of(plan, added(np.where(keep, stack, 0.0), plan.weights), *frames_and_pixels(~keep))


def mean_of(plan: Plan, total: Array, frame: Array, pixel: Array) -> Array:
    """Give the weighted mean over what is kept from its sum, as it would be had nothing been left out.

    With frames expected to show o + f·m, m is Σ w (x − o) / Σ w f over the values kept, and the mean of all
    frames Σ w (o + f m) / Σ w.  Where all are kept that is Σ w x / Σ w.

    :param frame: of each value that is left out, and so ``pixel``.
    """
    weights, offsets, factors = plan.weights, plan.weights * plan.shifts.offsets, plan.weights * plan.shifts.factors
    whole, pixels = np.sum(weights), total.size
    lost = np.bincount(pixel, minlength=pixels)
    offset = np.sum(offsets) - np.bincount(pixel, offsets[frame], pixels)
    factor = np.sum(factors) - np.bincount(pixel, factors[frame], pixels)
    factor[lost == len(weights)] = 0  # not what rounding leaves of it
    with np.errstate(invalid="ignore", divide="ignore"):
        level = (total - offset) / factor
    mean: Array = np.where(lost, np.sum(offsets) / whole + np.sum(factors) / whole * level, total / whole)
    return mean


def moving(plan: Plan) -> bool:
    """Tell whether a pixel's noise asks for its largest step to a neighbour."""
    return any(one.noise.d for one in plan.amplifiers)


def steps_of(plan: Plan, place: Array, first: int, last: int) -> Array | float:
    """Give the largest step of pixels to a neighbour where the noise asks for it; a row more is read on each side.

    :param place: where in the flattened image they are: in the rows from ``first`` to before ``last``.
    """
    if not moving(plan):
        return 0.0
    above, below = max(first - 1, 0), min(last + 1, plan.shape[0])
    here = place - above * plan.shape[1]
    around = neighbours_of(here, (below - above, plan.shape[1]))
    level = np.full((below - above) * plan.shape[1], np.nan)
    asked = np.zeros(level.shape, bool)
    asked[around], asked[here] = True, True
    level[asked] = _levels(plan, read_rows(plan.frames, above, below), np.flatnonzero(asked))
    steps: Array = np.fmax.reduce(np.abs(level[around] - level[here]))
    return np.nan_to_num(steps)


def _levels(plan: Plan, rows: Rows, which: Array) -> Array:
    """Give the typical level of some pixels; of two values the lower one, because cosmic rays only add."""
    if plan.plain and rows.combined_flags[1] is None and rows.stored.dtype.kind != "f":
        lower, upper = middles(shifted(rows.stored.take(which, axis=1), plan.whole_shifts))
        return lower.astype(float) if len(plan.frames) == 2 else 0.5 * lower + 0.5 * upper
    return typical_level(rows.columns(which) * plan.scale[:, None] - plan.whole_shifts[:, None])


def added(rows: Array, factors: Array) -> Array:
    """Add rows times their factors, row by row: numpy's own sum changes its order with the number of columns."""
    total = np.zeros(rows.shape[1])
    for row, factor in zip(rows, factors.tolist(), strict=True):
        total += row * factor if factor != 1 else row
    return total


ENOUGH = 2**20
"""So many values are settled together, if memory allows."""


SETTLE_BYTES = 24
"""What settling takes for each value."""


@attrs.define
class Settling:
    """Doubtful pixels of a band that wait to be settled; ``zero`` is what to add to a stored value."""

    bulk: Bulk
    looked: Looked
    zero: float
    waiting: list[Doubtful] = attrs.field(factory=list)
    at_once: int = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        how, frames = how_to_run(), len(self.bulk.plan.frames)
        self.at_once = max(1, min(ENOUGH, how.memory // (SETTLE_BYTES * how.threads)) // frames)

    def add(self, doubtful: Doubtful, first: int, last: int) -> None:
        """Let pixels of the rows from ``first`` to before ``last`` wait; not where their neighbours matter too."""
        self.waiting.append(doubtful)
        if moving(self.bulk.plan) or sum(one.where.size for one in self.waiting) >= self.at_once:
            self.settle(first, last)

    def settle(self, first: int, last: int) -> None:
        """Settle all that wait."""
        waiting, self.waiting = self.waiting, []
        if waiting:
            together = Doubtful.joined(waiting)
            for start in range(0, together.where.size, self.at_once):
                self._settle(together.only(slice(start, start + self.at_once)), first, last)

    def _settle(self, doubtful: Doubtful, first: int, last: int) -> None:
        with np.errstate(invalid="ignore", over="ignore"):
            doubtful = self._screened(doubtful)
            if not doubtful.where.size:
                return
            shown = self._shown(doubtful)
            clear = self._clear(shown)
        if clear is not None:
            self._put(doubtful, shown, clear)
            doubtful = doubtful.only(np.flatnonzero(~clear.clear))
        self.looked.add(doubtful.where, lambda part: self._values(doubtful, part), first, last)

    def _screened(self, doubtful: Doubtful) -> Doubtful:
        """Give those that may lose values still by their medians, or by closer bounds of these."""
        if self.bulk.sweep.medians and not self.bulk.sweep.spread:  # by their medians they were doubted
            return doubtful
        whole, shown = self.bulk.whole, self._shown(doubtful)
        low, high = np.minimum.reduce(shown), np.maximum.reduce(shown)
        bounds = bounds_by_pairs(shown) if whole and len(shown) > FEW_FRAMES else middles(shown)
        found = Swept(low, high, *bounds, NONE if whole else total_of(doubtful.stored, low, high))
        return doubtful.only(np.flatnonzero(~self.bulk.safe(doubtful.stored, found, doubtful.where, self.zero)))

    def _shown(self, doubtful: Doubtful) -> Array:
        """Give values as they are compared: shifted."""
        shifts, stored = self.bulk.sweep.shifts, doubtful.stored
        return shifted(stored.copy(), shifts) if shifts.any() else stored

    def _clear(self, shown: Array) -> Clear | None:
        """Tell which pixels lose values clearly, if any, and which these are; None where that is not told."""
        plan, bulk = self.bulk.plan, self.bulk
        if plan.clip is None or not bulk.whole or len(plan.amplifiers) > 1:
            return None
        if not plan.amplifiers:
            return clear_of(shown, plan.clip, None, UNMOVED)
        return clear_of(shown, plan.clip, plan.amplifiers[0].noise, bulk.moved(0, self.zero))

    def _put(self, doubtful: Doubtful, shown: Array, clear: Clear) -> None:
        """Combine pixels as far as they are clear: as whole numbers where frames are not shifted."""
        plan, looked, where, out = self.bulk.plan, self.looked, doubtful.where, clear.out
        if self.bulk.sweep.shifts.any():
            looked.put(where, self._values(doubtful), ~out)
        elif plan.method == "median":
            ordered = in_order(shown)
            window = Window(ordered, counted(ordered < clear.lowest), counted(ordered <= clear.highest))
            looked.set(where, window.median + self.zero, ~out, out)
        else:
            frame, pixel = frames_and_pixels(out)
            lost = np.bincount(pixel, as_values(shown[frame, pixel], self.zero), where.size)
            total = np.add.reduce(shown, axis=0, dtype=np.int64) + len(shown) * self.zero
            looked.set(where, mean_of(plan, total - lost, frame, pixel), ~out, out)

    def _values(self, doubtful: Doubtful, part: slice | None = None) -> Array:
        """Give values: float64, NaN where one is not finite."""
        return as_values(doubtful.stored if part is None else doubtful.stored[:, part], self.zero)
