"""Sums over the frames of each pixel: of numbers of 16 bits by sums that may overflow, where these still tell."""

from __future__ import annotations

import numpy as np

from pipeline.pixels import Array

FULL = 2**16 - 1

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


def _near(low: Array, high: Array, count: int) -> Array:
    """Tell where ``count`` values exceed the lowest by less than 2^16 in all, so that 16 bits tell their sum."""
    near: Array = difference(high, low) <= np.uint16(FULL // count)
    return near


def total_of(stored: Array, low: Array, high: Array, words: Array | None = None) -> Array:
    """Give the sum of each pixel's values; of numbers of 16 bits by sums that may overflow, where these tell it.

    :param words: those sums, where they are known.
    """
    count = len(stored)
    if not in_16_bits(stored):
        total: Array = np.zeros(stored.shape[1], np.int64 if stored.dtype.kind in "iu" else np.float64)
        for frame in stored:  # frame by frame: numpy's own sum adds floats in an order that depends on the tile
            np.add(total, frame, out=total, casting="unsafe")
        return total
    if words is None:
        words = np.add.reduce(stored.view(np.uint16), axis=0, dtype=np.uint16)
    excess = words - low.view(np.uint16) * np.uint16(count)
    total = low.astype(np.float32 if count <= EXACT_IN_SINGLE else np.float64)
    total *= count
    total += excess
    if difference(high, low).max(initial=0) > FULL // count:
        far = np.flatnonzero(~_near(low, high, count))
        total[far] = np.add.reduce(stored[:, far], axis=0, dtype=np.int64)
    return total


def beyond_of(count: int, low: Array, high: Array, total: Array, whole: Array, words: Array) -> Array:
    """Give how far numbers of 16 bits lie from their mean on average, within half a unit; NaN where sums overflow.

    :param whole: their means, rounded.
    :param words: the sums of what is larger, of these and each value.
    """
    excess = words - whole.view(np.uint16) * np.uint16(count)
    mean = (total / total.dtype.type(count)).astype(np.float32)
    beyond: Array = np.float32(2 / count) * excess.astype(np.float32) - (mean - whole)
    beyond[~_near(low, high, count)] = np.nan
    return beyond
