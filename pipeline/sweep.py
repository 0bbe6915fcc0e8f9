"""One sweep over the frames of a tile: what is found of each pixel by operations on whole blocks of frames.

A block is small enough to stay in the cache while it is looked at, and large enough for threads not to wait for each
other; so is a tile of several blocks for what is found of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np

from pipeline.middles import FEW_FRAMES, QUICK_NETWORK, middles, middles_between
from pipeline.pixels import Array

BLOCK_BYTES = 1280 * 2**10
"""Of a block in native byte order; as much again is worked in."""

VALUES = 2**17
"""So many values are looked at together where they are few: enough to be worth a call."""

EXACT_IN_SINGLE = 128
"""Sums of so many numbers of 16 bits, shifted or not, are exact in single precision."""


def difference(high: Array, low: Array) -> Array:
    """Subtract what is never larger; exact for whole numbers of any size."""
    if high.dtype.kind == "i":
        high, low = high.view(f"u{high.itemsize}"), low.view(f"u{low.itemsize}")
    less: Array = np.subtract(high, low)
    return less


@attrs.frozen
class Swept:
    """Of each pixel, its values shifted: the smallest, the largest, bounds of the middle ones, and the sum.

    ``median_low`` and ``median_high`` are no more than the lower and no less than the upper middle value, and these
    themselves where medians were asked for.  ``total`` is NaN where it was not; floats are added unshifted, lest they
    be rounded twice.  ``distance`` is how far values lie from their mean on average, NaN where that is not known,
    None where it was not asked for.
    """

    low: Array
    high: Array
    median_low: Array
    median_high: Array
    total: Array | None
    distance: Array | None = None

    @classmethod
    def of(cls, stored: Array, ordered: Array) -> Swept:
        """Tell the same of pixels whose values are ``ordered``: with their medians and sums."""
        low, high = ordered[0], ordered[-1]
        lower, upper = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
        return cls(low, high, lower, upper, _total(stored, low, high))

    @property
    def span(self) -> Array:
        """Largest less smallest value."""
        return difference(self.high, self.low)


@attrs.define
class Sweep:
    """How to sweep: what to take from each frame first, and what is asked for besides extremes.

    That is medians instead of bounds of them, sums, and distances from the mean, which take sums.  ``memory`` is
    worked in again and again.
    """

    shifts: Array
    medians: bool = False
    sums: bool = True
    distances: bool = False
    memory: Array = attrs.field(factory=lambda: np.empty(0, np.uint8))

    def parts(self, stored: Array) -> Iterator[slice]:
        """Cut the pixels of a tile, (frames, pixels), into blocks."""
        size = max(1, BLOCK_BYTES // (len(stored) * stored.itemsize))
        pixels = stored.shape[1]
        return (slice(first, min(first + size, pixels)) for first in range(0, pixels, size))

    def over(self, stored: Array) -> Swept:
        """Sweep over a block of frames, (frames, pixels), in any byte order."""
        block, room = self.block(stored)
        low, high, least, most = _extremes(block, room, self.medians)
        total = _total(block if block.dtype.kind in "iu" else stored, low, high) if self.sums else None
        distance = None
        if self.distances and total is not None and _in_16_bits(block):
            distance = _beyond(block, low, high, total, room)
        return Swept(low, high, least, most, total, distance)

    def block(self, stored: Array) -> tuple[Array, Array]:
        """Give a block in native byte order, shifted, and as much memory to work in."""
        native = stored.dtype.newbyteorder("=")
        if stored.dtype == native and not self.shifts.any():
            return stored, self._memory(stored.shape, native)[0]
        block, room = self._memory(stored.shape, native)
        np.copyto(block, stored)
        less = shifted(block, self.shifts)
        return less, (room if less.dtype == native else np.empty_like(less))

    def _memory(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        size = 2 * shape[0] * shape[1]
        if self.memory.size < size * dtype.itemsize:
            self.memory = np.empty(size * dtype.itemsize, np.uint8)
        return self.memory[: size * dtype.itemsize].view(dtype).reshape(2, *shape)


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


def _extremes(block: Array, room: Array, medians: bool) -> tuple[Array, Array, Array, Array]:
    """Find smallest and largest value, and bounds of the middle ones or these themselves.

    Half of all values are no less than the least of the greater values of pairs of frames, and one more is no less
    than the greatest of the lesser ones: so the smaller of these two is no more than the lower middle value.  The same
    holds upside down.
    """
    whole = block.dtype.kind in "iu"
    if len(block) <= FEW_FRAMES or (medians and (not whole or len(block) <= QUICK_NETWORK)):
        return np.minimum.reduce(block), np.maximum.reduce(block), *middles(block)
    pairs = len(block) // 2
    lesser = np.minimum(block[:pairs], block[pairs : 2 * pairs], out=room[:pairs])
    greater = np.maximum(block[:pairs], block[pairs : 2 * pairs], out=room[pairs : 2 * pairs])
    low, most = np.minimum.reduce(lesser), np.maximum.reduce(lesser)
    high, least = np.maximum.reduce(greater), np.minimum.reduce(greater)
    if len(block) % 2:
        np.minimum(low, block[-1], out=low)
        np.maximum(high, block[-1], out=high)
    bounds = np.minimum(least, most), np.maximum(least, most)
    return low, high, *(middles_between(block, *bounds, room) if medians else bounds)


def _in_16_bits(stack: Array) -> bool:
    return stack.dtype.kind in "iu" and stack.itemsize == 2


def _near(low: Array, high: Array, count: int) -> Array:
    """Tell where ``count`` values exceed the lowest by less than 2^16 in all, so that 16 bits tell their sum."""
    near: Array = difference(high, low) <= np.uint16((2**16 - 1) // count)
    return near


def _total(block: Array, low: Array, high: Array) -> Array:
    """Give the sum of each pixel's values; of numbers of 16 bits by sums that may overflow, where these tell it."""
    count = len(block)
    if not _in_16_bits(block):
        total: Array = np.zeros(block.shape[1], np.int64 if block.dtype.kind in "iu" else np.float64)
        for frame in block:  # frame by frame: numpy's own sum adds floats in an order that depends on the tile
            np.add(total, frame, out=total, casting="unsafe")
        return total
    excess = np.add.reduce(block.view(np.uint16), axis=0, dtype=np.uint16)
    excess -= low.view(np.uint16) * np.uint16(count)
    total = low.astype(np.float32 if count <= EXACT_IN_SINGLE else np.float64)
    total *= count
    total += excess
    far = np.flatnonzero(~_near(low, high, count))
    if far.size:
        total[far] = np.add.reduce(block.take(far, axis=1), axis=0, dtype=np.int64)
    return total


def _beyond(block: Array, low: Array, high: Array, total: Array, room: Array) -> Array:
    """Give how far numbers of 16 bits lie from their mean on average, within half a unit; NaN where sums overflow."""
    count = np.float32(len(block))
    mean = (total / count).astype(np.float32)
    whole = np.rint(mean).astype(block.dtype)
    above = np.maximum(block, whole, out=room)
    excess = np.add.reduce(above.view(np.uint16), axis=0, dtype=np.uint16)
    excess -= whole.view(np.uint16) * np.uint16(len(block))
    beyond: Array = 2 * excess.astype(np.float32) / count - (mean - whole)
    beyond[~_near(low, high, len(block))] = np.nan
    return beyond
