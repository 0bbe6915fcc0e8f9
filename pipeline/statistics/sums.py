"""Sums over the frames of each pixel: of numbers of 16 bits by sums that may overflow, where these still tell."""

from __future__ import annotations

import numpy as np

from pipeline.records.pixels import Array

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
