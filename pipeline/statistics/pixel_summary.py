"""One sweep over the frames of a tile: what is found of each pixel by operations on all frames at once.

Nothing but such operations is done for every pixel: two threads would wait for each other all the time, were there
short operations between these.

Extremes of groups of frames: bounds of each pixel's median, from the fewest operations on whole frames.

Sums over the frames of each pixel: of numbers of 16 bits by sums that may overflow, where these still tell.
"""

from __future__ import annotations

import attrs
import numpy as np

from pipeline.records.pixels import Array
from pipeline.statistics.medians import middles
from pipeline.statistics.order_statistics import ranked

GROUPS = ((12, 1), (24, 3), (40, 5), (64, 7))
"""Up to so many frames, so many groups: the more there are, the closer the bounds, and the more there is to do."""


def groups_of(frames: int) -> int:
    """Give the number of groups for a number of frames, always odd: more than half of all are in any half of them."""
    groups = next((groups for most, groups in GROUPS if frames <= most), frames // 9 | 1)
    while half_of(frames, groups) <= frames // 2:
        groups -= 2
    return groups


def half_of(frames: int, groups: int) -> int:
    """Give the number of frames in the smaller half of the groups, rounded up."""
    size, larger = divmod(frames, groups)
    half = groups // 2 + 1
    return half * size + max(0, half - (groups - larger))


def fine_groups_of(frames: int) -> int:
    """Give the number of groups, of two frames or more, from which the spread of values is told closely."""
    return frames // 4 | 1


def extremes_of(stack: Array, groups: int) -> tuple[Array, Array]:
    """Give the smallest and the largest value in each group of the frames of a stack: (groups, pixels)."""
    lows, highs = np.empty((2, groups, stack.shape[1]), stack.dtype)
    for group, low, high in zip(np.array_split(stack, groups), lows, highs, strict=True):
        np.minimum.reduce(group, axis=0, out=low)
        np.maximum.reduce(group, axis=0, out=high)
    return lows, highs


def bounds_of(lows: Array, highs: Array) -> tuple[Array, Array, Array, Array]:
    """Give each pixel's smallest and largest value, and bounds of the middle ones; the extremes of groups are used up.

    More than half of the frames are in any half of the groups, rounded up (:func:`groups_of`): these are no less than
    the least of their smallest values.
    """
    middle, last = len(lows) // 2, len(lows) - 1
    low, median_low = ranked(lows, (0, middle), used_up=True)
    median_high, high = ranked(highs, (middle, last), used_up=True)
    return low, high, median_low, median_high


def least_squares(lows: Array, highs: Array, mean: Array, error: Array | float, frames: int) -> Array:
    """Give what is no more than the sum of the squares of how far all values of a pixel lie from their mean.

    That is the sum over the extremes of groups, each of two frames or more; of all places the mean has the least sum.

    :param error: by how much the mean may be off.
    """
    squares = np.full_like(mean, -frames * np.square(error))
    for row in (*lows, *highs):
        beyond = row.astype(mean.dtype)
        beyond -= mean
        beyond *= beyond
        squares += beyond
    return squares


FULL = 2**16 - 1


FEW = 256
"""One base serves all pixels if no more than one in so many lie too far above it."""


ROUNDED = 2.0**-7
"""Single precision holds the mean of numbers of 16 bits to better than this."""


EXACT_IN_SINGLE = 128
"""Sums of so many numbers of 16 bits, shifted or not, are exact in single precision."""


def difference(high: Array, low: Array) -> Array:
    """Subtract what is never larger; exact for whole numbers of any size."""
    if high.dtype.kind == "i":
        high, low = high.view(f"u{high.itemsize}"), low.view(f"u{low.itemsize}")
    less: Array = np.subtract(high, low)
    return less


def in_16_bits(stack: Array) -> bool:
    """Tell whether a stack holds whole numbers of 16 bits."""
    return stack.dtype.kind in "iu" and stack.itemsize == 2


def total_of(stored: Array, low: Array, high: Array) -> Array:
    """Give the sum of each pixel's values; of numbers of 16 bits by sums that may overflow, where these tell it.

    They do where all values together exceed the lowest, or a base below it, by less than 2^16.
    """
    count = len(stored)
    if not in_16_bits(stored):
        total: Array = np.zeros(stored.shape[1], np.int64 if stored.dtype.kind in "iu" else np.float64)
        for frame in stored:  # frame by frame: numpy's own sum adds floats in an order that depends on the tile
            np.add(total, frame, out=total, casting="unsafe")
        return total
    base = low.min(keepdims=True) if low.size else low
    far = _far(base, high, count)
    if far.size * FEW > low.size:
        base, far = low, _far(low, high, count)
    words = np.add.reduce(stored.view(np.uint16), axis=0, dtype=np.uint16)
    words -= base.view(np.uint16) * np.uint16(count)
    total = words.astype(np.float32 if count <= EXACT_IN_SINGLE else np.float64)
    total += base.astype(total.dtype) * count
    if far.size:
        total[far] = np.add.reduce(stored[:, far], axis=0, dtype=np.int64)
    return total


def _far(base: Array, high: Array, count: int) -> Array:
    """Give the pixels of which ``count`` values may exceed a base by 2^16 or more in all."""
    far: Array = np.flatnonzero(difference(high, base) > np.uint16(FULL // count))
    return far


def mean_and_error(total: Array, low: Array, high: Array, count: int) -> tuple[Array, Array | float]:
    """Give the mean, of numbers of 16 bits in single precision, and by how much it may be off."""
    if low.dtype.kind in "iu":
        return (total / count).astype(np.float32), ROUNDED
    largest = np.maximum(np.abs(low), np.abs(high), dtype=np.float64)
    return total / count, largest * (count * np.finfo(np.float64).eps)


VALUES = 2**17
"""So many values are looked at together where they are few: enough to be worth a call."""


NONE = np.empty(0, np.float32)


@attrs.frozen
class Swept:
    """Of each pixel, its values shifted: the smallest, the largest, bounds of the middle ones, and the sum.

    ``median_low`` and ``median_high`` are no more than the lower and no less than the upper middle value, and these
    themselves where medians were asked for.  ``total`` is the sum, empty where medians take none; floats are added
    unshifted, lest they be rounded twice.  ``squares``, None where spread was not asked for, are no more than the sum
    of the squares of how far values lie from their mean.
    """

    low: Array
    high: Array
    median_low: Array
    median_high: Array
    total: Array
    squares: Array | None = None

    @property
    def span(self) -> Array:
        """Largest less smallest value."""
        return difference(self.high, self.low)

    def only(self, places: Array) -> Swept:
        """Give what bounds some of the pixels."""
        low, high = self.low.take(places), self.high.take(places)
        return Swept(low, high, self.median_low.take(places), self.median_high.take(places), NONE)


@attrs.define
class Sweep:
    """How to sweep: what to take from each frame first, and whether medians, or the spread of values, are asked for.

    Frames are shifted only where neither is.  ``memory`` is worked in again and again.
    """

    shifts: Array
    medians: bool = False
    spread: bool = False
    memory: Array = attrs.field(factory=lambda: np.empty(0, np.uint8))

    def over(self, stored: Array) -> Swept:
        """Sweep over the frames of a tile, (frames, pixels), in native byte order."""
        if self.spread:
            found = self._with_spread(stored)
        elif self.medians:
            low, high = np.minimum.reduce(stored), np.maximum.reduce(stored)
            found = Swept(low, high, low, high, NONE if stored.dtype.kind in "iu" else total_of(stored, low, high))
        else:
            found = self._with_bounds(stored)
        if self.medians:
            lower, upper = middles(stored)
            found = attrs.evolve(found, median_low=lower, median_high=upper)
        return found

    def _with_bounds(self, stored: Array) -> Swept:
        shown = stored
        if self.shifts.any():
            shown = self._memory(stored)
            np.copyto(shown, stored)
            shown = shifted(shown, self.shifts)
        low, high, least, most = bounds_of(*extremes_of(shown, groups_of(len(shown))))
        return Swept(low, high, least, most, total_of(shown if shown.dtype.kind in "iu" else stored, low, high))

    def _with_spread(self, stored: Array) -> Swept:
        lows, highs = extremes_of(stored, fine_groups_of(len(stored)))
        low, high = np.minimum.reduce(lows), np.maximum.reduce(highs)
        total = total_of(stored, low, high)
        mean, error = mean_and_error(total, low, high, len(stored))
        return Swept(low, high, low, high, total, least_squares(lows, highs, mean, error, len(stored)))

    def _memory(self, like: Array) -> Array:
        if self.memory.size < like.nbytes:
            self.memory = np.empty(like.nbytes, np.uint8)
        return self.memory[: like.nbytes].view(like.dtype).reshape(like.shape)


def shifted(block: Array, shifts: Array) -> Array:
    """Take whole numbers from each frame, in place where the type holds the result."""
    if not shifts.any():
        return block
    if block.dtype.kind in "iu":
        ends = np.iinfo(block.dtype)
        fits = ends.min <= shifts.min() and shifts.max() <= ends.max
        if not (fits and block.min() - shifts.max() >= ends.min and block.max() - shifts.min() <= ends.max):
            wide: Array = np.subtract(block, shifts[:, None], dtype=np.int32)
            return wide
    less: Array = np.subtract(block, shifts[:, None].astype(block.dtype), out=block)
    return less


def frames_and_pixels(out: Array) -> tuple[Array, Array]:
    """Give the frame and the pixel of each value that is left out, frame by frame."""
    frame, pixel = np.divmod(np.flatnonzero(out), max(out.shape[1], 1))
    return frame, pixel
