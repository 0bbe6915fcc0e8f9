"""The middle values of many whole numbers, pixel by pixel: by looking for them, in ever longer steps, from a guess on.

How many values lie at or below a level takes two operations on whole frames, so a few looks do for any number of
frames.  No step is longer than half of what is left, so that there are never many more than a number has bits.
"""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from pipeline.records.pixels import Array
from pipeline.statistics.medians import middles_by_sorting

STEPS, SPARSE = 20, 61
"""The first step is the typical range of the values of a pixel over so many; one pixel in so many tells that."""

STRAGGLERS = 16
"""When but one pixel in so many is open, the rest is sorted."""


def middles_near(stack: Array, low: Array, high: Array, guess: Array, room: Array) -> tuple[Array, Array]:
    """Give the lower and the upper middle value of whole numbers, (frames, pixels).

    :param low: the smallest value of each pixel, and ``high`` the largest.
    :param guess: a little below the middle, in the type of the stack.
    :param room: memory in the shape of the stack.
    """
    bits = np.dtype(f"u{stack.itemsize}")  # differences of these are right where those of signed numbers overflow
    search = _Search(stack, bits, low.view(bits).copy(), high.view(bits).copy(), guess.view(bits), room)
    while np.count_nonzero(search.width) * STRAGGLERS > low.size:
        search.look()
    return search.middles()


@attrs.define
class _Search:
    """What is known of the lower middle values: that they lie from ``low`` to ``high``; where to look next: ``level``.

    ``at_most`` counts the values up to ``high``.  Where the lower one is found, the next look tells whether the upper
    one is no more than the ``next_number``.
    """

    stack: Array
    bits: np.dtype[Any]
    low: Array
    high: Array
    level: Array
    room: Array
    width: Array = attrs.field(init=False)
    at_most: Array = attrs.field(init=False)
    found: Array = attrs.field(init=False)
    next_number: Array = attrs.field(init=False)
    downwards: Array = attrs.field(init=False)
    first_step: int = attrs.field(init=False)
    looks: int = 0

    def __attrs_post_init__(self) -> None:
        self.width = self.high - self.low
        self.at_most = np.full(self.low.shape, len(self.stack), np.min_scalar_type(len(self.stack)))
        self.found, self.next_number = np.zeros((2, *self.low.shape), bool)

    @property
    def middle(self) -> int:
        """How many values lie before the lower middle one."""
        return (len(self.stack) - 1) // 2

    def look(self) -> None:
        """Count the values up to a level, and choose the next."""
        below = self.room.view(np.bool_).reshape(-1)[: self.stack.size].reshape(self.stack.shape)
        np.less_equal(self.stack, self.level.view(self.stack.dtype), out=below)
        counted = np.add.reduce(below.view(np.uint8), axis=0, dtype=self.at_most.dtype)
        enough = counted > self.middle
        self.next_number |= self.found & (counted > self.middle + 1)
        _put(self.low, self.level + self.bits.type(1), _mask(~(enough | self.found), self.bits))
        enough &= ~self.found
        _put(self.at_most, counted, _mask(enough, self.at_most.dtype))
        _put(self.high, self.level, _mask(enough, self.bits))
        self._go_on(enough)

    def _go_on(self, enough: Array) -> None:
        """Go the same way on, from the end that lies nearer to the guess; from what is found to the next number."""
        self.width = self.high - self.low
        self.found = self.width == 0
        if not self.looks:
            self.downwards, self.first_step = (
                _mask(enough, self.bits),
                max(1, int(np.median(self.width[::SPARSE])) // STEPS),
            )
        step = self.bits.type(min(self.first_step << max(self.looks - 1, 0), np.iinfo(self.bits).max))
        half = self.width >> self.bits.type(1)
        self.level = self.low + np.minimum(half, step - self.bits.type(1))
        _put(self.level, self.high - np.minimum(self.width - half, step), self.downwards)
        self.level += self.found
        self.looks += 1

    def middles(self) -> tuple[Array, Array]:
        """Give both middle values; those of the pixels that are open still by sorting."""
        lower, upper, open_still = self.low, self.low.copy(), ~self.found
        if len(self.stack) % 2 == 0:
            beyond = self.at_most <= self.middle + 1
            unknown = beyond & ~self.next_number
            if np.count_nonzero(unknown & self.found) * STRAGGLERS > unknown.size:
                _put(upper, self._following(), _mask(beyond, self.bits))
            else:
                upper += beyond
                open_still |= unknown
        lower, upper = lower.view(self.stack.dtype), upper.view(self.stack.dtype)
        rest = np.flatnonzero(open_still)
        lower[rest], upper[rest] = middles_by_sorting(self.stack.take(rest, axis=1))
        return lower, upper

    def _following(self) -> Array:
        """Give the smallest value above the lower middle one."""
        next_one = self.low + self.bits.type(1)
        above = np.subtract(self.stack.view(self.bits), next_one, out=self.room.view(self.bits))
        following: Array = next_one + np.minimum.reduce(above)
        return following


def _mask(where: Array, dtype: np.dtype[Any]) -> Array:
    """Give numbers of ones where something is true, of zeros elsewhere."""
    return -where.astype(dtype)


def _put(into: Array, values: Array, mask: Array) -> None:
    """Put whole numbers in place where a mask is of ones: many times faster than by index or choice."""
    into ^= (into ^ values) & mask
