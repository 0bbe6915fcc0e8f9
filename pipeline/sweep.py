"""One sweep over the frames of a tile: what is found of each pixel by operations on whole blocks of frames.

A block is small enough to stay in the cache while it is looked at, and large enough for threads not to wait for each
other; so is a tile of several blocks for what is found of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import attrs
import numpy as np

from pipeline.middles import FEW_FRAMES, QUICK_NETWORK, middles, middles_between
from pipeline.pixels import Array
from pipeline.sums import beyond_of, difference, in_16_bits, total_of

BLOCK_BYTES = 640 * 2**10
"""Of a block in native byte order; as much again is worked in."""

MEDIAN_BYTES = 2 * 2**20
"""And of one in which medians are found: by many operations on one frame or two each, that must not be too short."""

VALUES = 2**17
"""So many values are looked at together where they are few: enough to be worth a call."""

NONE = np.empty(0, np.float32)


@attrs.frozen
class Swept:
    """Of each pixel, its values shifted: the smallest, the largest, bounds of the middle ones, and the sum.

    ``median_low`` and ``median_high`` are no more than the lower and no less than the upper middle value, and these
    themselves where medians were asked for.  ``total`` is empty where it was not; floats are added unshifted, lest they
    be rounded twice.  ``distance`` is how far values lie from their mean on average, NaN where that is not known,
    None where it was not asked for.
    """

    low: Array
    high: Array
    median_low: Array
    median_high: Array
    total: Array
    distance: Array | None = None

    @classmethod
    def of(cls, stored: Array, ordered: Array) -> Swept:
        """Tell the same of pixels whose values are ``ordered``: with their medians and sums."""
        low, high = ordered[0], ordered[-1]
        lower, upper = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
        return cls(low, high, lower, upper, total_of(stored, low, high))

    @classmethod
    def joined(cls, blocks: Sequence[Swept]) -> Swept:
        """Put together what was found of blocks."""
        planes = zip(*((b.low, b.high, b.median_low, b.median_high, b.total) for b in blocks), strict=True)
        low, high, least, most, total = map(np.concatenate, planes)
        distances = [block.distance for block in blocks if block.distance is not None]
        return cls(low, high, least, most, total, np.concatenate(distances) if distances else None)

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
        most = MEDIAN_BYTES if self.medians else BLOCK_BYTES
        size = max(1, most // (len(stored) * stored.itemsize))
        pixels = stored.shape[1]
        return (slice(first, min(first + size, pixels)) for first in range(0, pixels, size))

    def over(self, stored: Array) -> Swept:
        """Sweep over the frames of a tile, (frames, pixels), in any byte order."""
        if self._quick(stored):
            return self._over_words(stored)
        blocks = [self._over_block(stored[:, part]) for part in self.parts(stored)]
        return blocks[0] if len(blocks) == 1 else Swept.joined(blocks)

    def _quick(self, stored: Array) -> bool:
        return in_16_bits(stored) and not self.shifts.any() and not self.medians and len(stored) > FEW_FRAMES

    def _over_words(self, stored: Array) -> Swept:
        """Sweep over numbers of 16 bits that are not to be shifted, for bounds of medians: nearly all stacks.

        Of a block nothing is done but what takes all its frames: two threads would wait for each other all the time,
        were there short operations between these.
        """
        count, native = len(stored), stored.dtype.newbyteorder("=")
        low, high, least, most = np.empty((4, stored.shape[1]), native)
        excess, above, mean = np.empty((3, stored.shape[1]), np.uint16)
        whole = mean.view(native)
        for part in self.parts(stored):
            block, room = self.block(stored[:, part])
            _pairs(block, room, low[part], high[part], least[part], most[part])
            if self.sums:
                np.add.reduce(block.view(np.uint16), axis=0, dtype=np.uint16, out=excess[part])
            if self.distances:
                whole[part] = np.rint(
                    total_of(stored[:, part], low[part], high[part], excess[part]) / np.float32(count)
                )
                np.maximum(block, whole[part], out=room)
                np.add.reduce(room.view(np.uint16), axis=0, dtype=np.uint16, out=above[part])
        lower = np.minimum(least, most)
        np.maximum(least, most, out=most)
        total = total_of(stored, low, high, excess) if self.sums else NONE
        distance = beyond_of(count, low, high, total, whole, above) if self.distances else None
        return Swept(low, high, lower, most, total, distance)

    def _over_block(self, stored: Array) -> Swept:
        block, room = self.block(stored)
        low, high, least, most = _extremes(block, room, self.medians)
        total = total_of(block if block.dtype.kind in "iu" else stored, low, high) if self.sums else NONE
        distance = None
        if self.distances and in_16_bits(stored):
            distance = np.full(low.shape, np.nan, np.float32)
            if in_16_bits(block):
                whole = np.rint(total / np.float32(len(block))).astype(block.dtype)
                above = np.maximum(block, whole, out=room).view(np.uint16)
                words = np.add.reduce(above, axis=0, dtype=np.uint16)
                distance = beyond_of(len(block), low, high, total, whole, words)
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
    low, high, least, most = np.empty((4, block.shape[1]), block.dtype)
    _pairs(block, room, low, high, least, most)
    bounds = np.minimum(least, most), np.maximum(least, most)
    return low, high, *(middles_between(block, *bounds, room) if medians else bounds)


def _pairs(block: Array, room: Array, low: Array, high: Array, least: Array, most: Array) -> None:
    """Put in place the smallest and the largest value, and the least of the greater and most of the lesser of pairs."""
    pairs = len(block) // 2
    lesser, greater = room[:pairs], room[pairs : 2 * pairs]
    np.minimum(block[:pairs], block[pairs : 2 * pairs], out=lesser)
    np.maximum(block[:pairs], block[pairs : 2 * pairs], out=greater)
    np.minimum.reduce(lesser, axis=0, out=low)
    np.maximum.reduce(lesser, axis=0, out=most)
    np.maximum.reduce(greater, axis=0, out=high)
    np.minimum.reduce(greater, axis=0, out=least)
    if len(block) % 2:
        np.minimum(low, block[-1], out=low)
        np.maximum(high, block[-1], out=high)
