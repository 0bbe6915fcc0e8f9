"""The values of each pixel of a stack in order of size, and windows of them.

Order in a stack, pixel by pixel, by comparing whole frames with each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import attrs
import numpy as np

from pipeline.records.pixels import Array


def network_middles(stack: Array) -> tuple[Array, Array]:
    """Give the lower and the upper middle value over the first axis: the same for an odd number of frames.

    NaN in any frame gives NaN.
    """
    lower, upper = ranked(stack, ((len(stack) - 1) // 2, len(stack) // 2))
    return lower, upper


def network_sorted(stack: Array) -> Array:
    """Give the values of each pixel in order of size; what a NaN does to them is not told."""
    return np.stack(ranked(stack, tuple(range(len(stack)))))


def ranked(stack: Array, ranks: tuple[int, ...], *, used_up: bool = False) -> list[Array]:
    """Give the values of some ranks over the first axis, counted from the smallest.

    A selection network (Batcher's odd-even merge sort, 1968, without what does not reach these ranks) needs no
    branches: minimum and maximum of whole rows run at the speed of memory, 20 times faster than sorting columns.

    :param used_up: whether the stack may be overwritten.
    """
    rows, own, spare = list(stack), [used_up] * len(stack), np.empty_like(stack[0])
    for low, high, wants_low, wants_high in selection(len(rows), ranks):
        a, b = rows[low], rows[high]
        if wants_low:
            rows[low] = np.minimum(a, b, out=spare)
            spare = a if own[low] else np.empty_like(a)
        if wants_high:
            rows[high] = np.maximum(a, b, out=b if own[high] else None)
        own[low], own[high] = own[low] or wants_low, own[high] or wants_high
    return [rows[rank] for rank in ranks]


@lru_cache(maxsize=256)
def selection(count: int, ranks: tuple[int, ...]) -> tuple[tuple[int, int, bool, bool], ...]:
    """Give the comparisons that put some of ``count`` values in place, and which of their results are used."""
    needed = set(ranks)
    chosen = []
    for low, high in reversed(list(_merge_sort(count))):
        wants = low in needed, high in needed
        if any(wants):
            chosen.append((low, high, *wants))
            needed |= {low, high}
    return tuple(reversed(chosen))


def _merge_sort(count: int) -> Iterator[tuple[int, int]]:
    """Give the comparisons of Batcher's odd-even merge sort for any number of values (Knuth, 5.2.2 M)."""
    top = 1 << max((count - 1).bit_length() - 1, 0)
    p = top
    while p > 0 and count > 1:
        q, r, d = top, 0, p
        while True:
            yield from ((i, i + d) for i in range(count - d) if i & p == r)
            if q == p:
                break
            d, q, r = q - p, q >> 1, p
        p >>= 1


FEW_FRAMES = {"i": 32, "u": 32, "f": 12}
"""So few values of each pixel are put in order more quickly by comparing whole frames than by sorting."""


EQUALLY_NEAR = 1e-9
"""Distances from the centre that differ by less than this fraction are equal: the two values around a median are."""


def in_order(stack: Array) -> Array:
    """Put the values of each pixel, (frames, pixels), in order of size, NaN last."""
    ordered: Array = network_sorted(stack) if 1 < len(stack) <= FEW_FRAMES[stack.dtype.kind] else np.sort(stack, axis=0)
    return ordered


@attrs.frozen
class Window:
    """What is left of each pixel: its values from the ``first`` to before the ``stop``, in order of size.

    ``ordered`` is (frames, pixels), NaN last.
    """

    ordered: Array
    first: Array
    stop: Array

    @classmethod
    def of(cls, stack: Array) -> Window:
        """Put the finite values of each pixel in order."""
        ordered = in_order(stack)
        pixels = stack.shape[1]
        if np.isfinite(ordered[0]).all() and np.isfinite(ordered[-1]).all():
            return cls(ordered, np.zeros(pixels, np.intp), np.full(pixels, len(stack)))
        finite = np.isfinite(stack)
        ordered = np.sort(np.where(finite, stack, np.nan), axis=0)
        return cls(ordered, np.zeros(pixels, np.intp), finite.sum(axis=0))

    @property
    def size(self) -> Array:
        """The number of values left of each pixel."""
        size: Array = self.stop - self.first
        return size

    @property
    def lowest(self) -> Array:
        """The smallest value left; of no meaning where none is."""
        return self._at(self.first)

    @property
    def highest(self) -> Array:
        """The largest value left; of no meaning where none is."""
        return self._at(self.stop - 1)

    @property
    def median(self) -> Array:
        """The median of what is left; NaN where nothing is."""
        lower, upper = self._at((self.first + self.stop - 1) // 2), self._at((self.first + self.stop) // 2)
        middle: Array = np.where(lower == upper, lower, 0.5 * lower + 0.5 * upper)
        return np.where(self.size > 0, middle, np.nan)

    @property
    def mean(self) -> Array:
        """The mean of what is left; NaN where nothing is."""
        return self.mean_of(self.ordered)

    def mean_of(self, values: Array) -> Array:
        """Give the mean of what stands in the places of what is left, added frame by frame.

        numpy's own sum would change the order of its additions with the number of pixels.
        """
        total = np.zeros(values.shape[1])
        whole = not self.first.any() and (self.stop == len(values)).all()
        for number, row in enumerate(values):
            total += row if whole else np.where((self.first <= number) & (number < self.stop), row, 0.0)
        return total / np.where(self.size > 0, self.size, np.nan)

    def of_columns(self, columns: Array) -> Window:
        """Give the windows of some pixels, in order; the same where that is all."""
        if columns.size == self.first.size:
            return self
        return Window(self.ordered.take(columns, axis=1), self.first[columns], self.stop[columns])

    def within(self, low: Array, high: Array) -> Window:
        """Leave out what lies below ``low`` or above ``high``."""
        below, not_above = counted(self.ordered < low), counted(self.ordered <= high)
        return Window(self.ordered, np.maximum(self.first, below), np.minimum(self.stop, not_above))

    def nearest_to(self, middle: Array) -> Window:
        """Leave only the values that are nearest to ``middle``."""
        place = np.arange(len(self.ordered))[:, None]
        left = (self.first <= place) & (place < self.stop)
        distance = np.where(left, np.abs(self.ordered - middle), np.inf)
        near = distance <= distance.min(axis=0) * (1 + EQUALLY_NEAR)
        return Window(self.ordered, near.argmax(axis=0), len(near) - near[::-1].argmax(axis=0))

    def _at(self, place: Array) -> Array:
        pixels = self.ordered.shape[1]
        inside = place.clip(0, len(self.ordered) - 1)
        found: Array = self.ordered.reshape(-1)[inside * pixels + np.arange(pixels)]
        return found


def counted(true: Array) -> Array:
    """Count along the first axis; up to 255 in single bytes, many at a time."""
    few = len(true) <= 255
    count: Array = np.add.reduce(true.view(np.uint8), axis=0, dtype=np.uint8 if few else np.intp)
    return count.astype(np.intp)
