"""What operations on all frames at once tell of each pixel: its extremes, its sum, bounds of its median and its spread.

Nothing but such operations is done for every pixel: two threads would wait for each other all the time, were there
short operations between these.  Bounds of the median come from the extremes of groups of frames, which take the fewest
operations, and the sums of numbers of 16 bits from sums that may overflow, where these still tell.
"""

from __future__ import annotations

import attrs
import numpy as np

from pipeline.records.arrays import Array, FloatArray, IntArray, Scratch
from pipeline.statistics.medians import middles
from pipeline.statistics.order_statistics import ranked

NOT_SUMMED = np.empty(0, np.float32)


@attrs.frozen
class PixelSummary:
    """Of each pixel, its values shifted: the smallest, the largest, bounds of the middle ones, and the sum.

    ``median_low`` and ``median_high`` are no more than the lower and no less than the upper middle value, and these
    themselves where medians were asked for.  ``total`` is the sum, empty where nobody needs it; floats are added
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
        return difference(high=self.high, low=self.low)

    def only(self, places: IntArray) -> PixelSummary:
        """Give what bounds some of the pixels."""
        low, high = self.low.take(places), self.high.take(places)
        return PixelSummary(low, high, self.median_low.take(places), self.median_high.take(places), NOT_SUMMED)


@attrs.frozen
class Asked:
    """What a summary is asked for: medians, the spread of values, or else bounds of the median of shifted frames."""

    shifts: IntArray
    medians: bool = False
    spread: bool = False


def summarise(stored: Array, asked: Asked, scratch: Scratch | None = None) -> PixelSummary:
    """Summarise each pixel of the frames of a tile, (frames, pixels), in native byte order."""
    whole = stored.dtype.kind in "iu"
    if asked.spread:
        lows, highs = extremes_of(stored, fine_groups_of(len(stored)))
        low, high = np.minimum.reduce(lows), np.maximum.reduce(highs)
        total = total_of(stored, low=low, high=high)
        mean, error = mean_and_error(total, low=low, high=high, count=len(stored))
        squares = least_squares((*lows, *highs), mean, error, len(stored))
        found = PixelSummary(low, high, low, high, total, squares)
    elif asked.medians:
        low, high = np.minimum.reduce(stored), np.maximum.reduce(stored)
        found = PixelSummary(low, high, low, high, NOT_SUMMED if whole else total_of(stored, low=low, high=high))
    else:
        shown = shifted(stored, asked.shifts, scratch)
        low, high, least, most = bounds_of(*extremes_of(shown, groups_of(len(shown))))
        found = PixelSummary(low, high, least, most, total_of(shown if whole else stored, low=low, high=high))
    if asked.medians:
        lower, upper = middles(stored)
        found = attrs.evolve(found, median_low=lower, median_high=upper)
    return found


def shifted(stored: Array, shifts: IntArray, scratch: Scratch | None = None) -> Array:
    """Take whole numbers from each frame: the same where that is nothing, and of the same type where that holds it."""
    if not shifts.any():
        return stored
    if stored.dtype.kind in "iu":
        ends = np.iinfo(stored.dtype)
        fits = ends.min <= shifts.min() and shifts.max() <= ends.max
        if not (fits and stored.min() - shifts.max() >= ends.min and stored.max() - shifts.min() <= ends.max):
            wide: Array = np.subtract(stored, shifts[:, None], dtype=np.int32)
            return wide
    into = scratch.array(stored.shape, stored.dtype, beside=stored) if scratch else None
    less: Array = np.subtract(stored, shifts[:, None].astype(stored.dtype), out=into)
    return less


GROUPS = ((12, 1), (24, 3), (40, 5), (64, 7))
"""Up to so many frames, so many groups: the more there are, the closer the bounds, and the more there is to do."""


def groups_of(frames: int) -> int:
    """Give the number of groups for a number of frames, always odd: more than half of all are in any half of them."""
    groups = next((groups for most, groups in GROUPS if frames <= most), frames // 9 | 1)
    while _in_smaller_half(frames, groups) <= frames // 2:
        groups -= 2
    return groups


def _in_smaller_half(frames: int, groups: int) -> int:
    """Give the number of frames in the smaller half of the groups, rounded up."""
    size, larger = divmod(frames, groups)
    half = groups // 2 + 1
    return half * size + max(0, half - (groups - larger))


def fine_groups_of(frames: int) -> int:
    """Give the number of groups, of two frames or more, from which the spread of values is told closely."""
    return frames // 4 | 1


def extremes_of(stack: Array, groups: int) -> tuple[Array, Array]:
    """Give the smallest and the largest value in each group of the frames of a stack: (groups, pixels)."""
    lows, highs = Scratch().array((2, groups, stack.shape[1]), stack.dtype, beside=stack)
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


COMPARED_IN_FULL = 32
"""Bounds are sought among all values of so many frames, and of more among the smaller and the larger of each two."""


def bounds_by_pairs(stack: Array) -> tuple[Array, Array]:
    """Give what is no more than the lower and no less than the upper middle value, by two operations on all frames.

    Half of all values are no less than the least of the greater values of pairs of frames, and one more is no less
    than the greatest of the lesser ones: so the smaller of these two is no more than the lower middle value.  The same
    holds upside down.
    """
    pairs = len(stack) // 2
    most = np.maximum.reduce(np.minimum(stack[:pairs], stack[pairs : 2 * pairs]))
    least = np.minimum.reduce(np.maximum(stack[:pairs], stack[pairs : 2 * pairs]))
    return np.minimum(least, most), np.maximum(least, most)


def bounds_of_middles(stack: Array, out: int) -> tuple[Array, Array]:
    """Give what is no more than the lower and no less than the upper middle value, up to ``out`` values left out.

    Of many frames that is told by the smaller and the larger of each two.
    """
    count = len(stack)
    above = count - (count - out - 1) // 2  # so many values are no less than the lower one
    if count <= COMPARED_IN_FULL:
        least, most = ranked(stack, (count - above, above - 1))
        return least, most
    pairs = count // 2
    few = -(-above // 2)
    (least,) = ranked(np.minimum(stack[:pairs], stack[pairs : 2 * pairs]), (pairs - few,), used_up=True)
    (most,) = ranked(np.maximum(stack[:pairs], stack[pairs : 2 * pairs]), (few - 1,), used_up=True)
    return least, most


def least_squares(extremes: tuple[Array, ...], mean: FloatArray, error: Array | float, frames: int) -> FloatArray:
    """Give what is no more than the sum of the squares of how far all values of a pixel lie from their mean.

    That is the sum over the extremes of groups, each of two frames or more; of all places the mean has the least sum.

    :param error: by how much the mean may be off.
    """
    squares = np.full_like(mean, -frames * np.square(error))
    for row in extremes:
        beyond = row.astype(mean.dtype)
        beyond -= mean
        beyond *= beyond
        squares += beyond
    return squares


MOST_IN_16_BITS = 2**16 - 1

FAR_PIXELS = 256
"""One base serves all pixels if no more than one in so many lie too far above it."""

ROUNDED_MEAN = 2.0**-7
"""Single precision holds the mean of numbers of 16 bits to better than this."""

EXACT_IN_SINGLE = 128
"""Sums of so many numbers of 16 bits, shifted or not, are exact in single precision."""


def difference(*, high: Array, low: Array) -> Array:
    """Subtract what is never larger; exact for whole numbers of any size."""
    if high.dtype.kind == "i":
        high, low = high.view(f"u{high.itemsize}"), low.view(f"u{low.itemsize}")
    less: Array = np.subtract(high, low)
    return less


def total_of(stored: Array, *, low: Array, high: Array) -> Array:
    """Give the sum of each pixel's values; of numbers of 16 bits by sums that may overflow, where these tell it.

    They do where all values together exceed the lowest, or a base below it, by less than 2^16.
    """
    count, whole = len(stored), stored.dtype.kind in "iu"
    if not (whole and stored.itemsize == 2):
        total: Array = np.zeros(stored.shape[1], np.int64 if whole else np.float64)
        for frame in stored:  # frame by frame: numpy's own sum adds floats in an order that depends on the tile
            np.add(total, frame, out=total, casting="unsafe")
        return total
    base, most = low.min(keepdims=True) if low.size else low, np.uint16(MOST_IN_16_BITS // count)
    far = np.flatnonzero(difference(high=high, low=base) > most)
    if far.size * FAR_PIXELS > low.size:
        base, far = low, np.flatnonzero(difference(high=high, low=low) > most)
    words = np.add.reduce(stored.view(np.uint16), axis=0, dtype=np.uint16)
    words -= base.view(np.uint16) * np.uint16(count)
    total = words.astype(np.float32 if count <= EXACT_IN_SINGLE else np.float64)
    total += base.astype(total.dtype) * count
    if far.size:
        total[far] = np.add.reduce(stored[:, far], axis=0, dtype=np.int64)
    return total


def mean_and_error(total: Array, *, low: Array, high: Array, count: int) -> tuple[FloatArray, Array | float]:
    """Give the mean, of numbers of 16 bits in single precision, and by how much it may be off."""
    if low.dtype.kind in "iu":
        return (total / count).astype(np.float32), ROUNDED_MEAN
    largest = np.maximum(np.abs(low), np.abs(high), dtype=np.float64)
    return total / count, largest * (count * np.finfo(np.float64).eps)
