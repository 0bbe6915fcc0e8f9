"""The values of each pixel of a stack in order of size, and windows of what is left of them.

Values are put in order by comparing whole frames with each other, pixel by pixel.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import attrs
import numpy as np

from pipeline.records.arrays import Array, BoolArray, FloatArray, IntArray


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


SORTED_BY_COMPARING = {"i": 32, "u": 32, "f": 12}
"""Up to so many values of each pixel are put in order more quickly by comparing whole frames than by sorting."""

EQUALLY_NEAR = 1e-9
"""Distances from the centre that differ by less than this fraction are equal: the two values around a median are."""


@attrs.frozen
class Window:
    """What is left of each pixel: its values from the ``first`` to before the ``stop``, in order of size.

    ``ordered`` is (frames, pixels), infinite behind the values that are finite.
    """

    ordered: Array
    first: IntArray
    stop: IntArray

    @classmethod
    def of(cls, stack: Array) -> Window:
        """Put the finite values of each pixel in order."""
        return cls.among(stack, keep=np.isfinite(stack))

    @classmethod
    def among(cls, stack: Array, *, keep: BoolArray) -> Window:
        """Put those values of each pixel in order that are kept, which are finite."""
        (frames, pixels), whole = stack.shape, bool(keep.all())
        stack = stack if whole else np.where(keep, stack, np.inf)
        if 1 < frames <= SORTED_BY_COMPARING[stack.dtype.kind]:
            ordered = np.stack(ranked(stack, tuple(range(frames))))
        else:
            ordered = np.sort(stack, axis=0)
        return cls(ordered, np.zeros(pixels, np.intp), np.full(pixels, frames) if whole else true_in_each(keep))

    @property
    def size(self) -> IntArray:
        """The number of values left of each pixel."""
        return self.stop - self.first

    @property
    def inside(self) -> BoolArray:
        """Where in the ordered values what is left of each pixel is."""
        rank = np.arange(len(self.ordered))[:, None]
        inside: BoolArray = (self.first <= rank) & (rank < self.stop)
        return inside

    @property
    def lowest(self) -> Array:
        """The smallest value left; of no meaning where none is."""
        return self._at(self.first)

    @property
    def highest(self) -> Array:
        """The largest value left; of no meaning where none is."""
        return self._at(self.stop - 1)

    @property
    def median(self) -> FloatArray:
        """The median of what is left; NaN where nothing is."""
        lower, upper = self._at((self.first + self.stop - 1) // 2), self._at((self.first + self.stop) // 2)
        middle: Array = np.where(lower == upper, lower, 0.5 * lower + 0.5 * upper)
        return np.where(self.size > 0, middle, np.nan)

    @property
    def mean(self) -> FloatArray:
        """The mean of what is left; NaN where nothing is."""
        return self.mean_of(self.ordered)

    def mean_of(self, values: FloatArray) -> FloatArray:
        """Give the mean of what stands in the places of what is left, added frame by frame.

        numpy's own sum would change the order of its additions with the number of pixels.
        """
        total = np.zeros(values.shape[1])
        whole = not self.first.any() and (self.stop == len(values)).all()
        for number, row in enumerate(values):
            total += row if whole else np.where((self.first <= number) & (number < self.stop), row, 0.0)
        return total / np.where(self.size > 0, self.size, np.nan)

    def of_columns(self, columns: IntArray) -> Window:
        """Give the windows of some pixels, in order; the same where that is all."""
        if columns.size == self.first.size:
            return self
        return Window(self.ordered.take(columns, axis=1), self.first[columns], self.stop[columns])

    def within(self, *, low: FloatArray, high: FloatArray) -> Window:
        """Leave out what lies below ``low`` or above ``high``."""
        below, not_above = true_in_each(self.ordered < low), true_in_each(self.ordered <= high)
        return Window(self.ordered, np.maximum(self.first, below), np.minimum(self.stop, not_above))

    def nearest_to(self, middle: FloatArray) -> Window:
        """Leave only the values that are nearest to ``middle``."""
        distance = np.where(self.inside, np.abs(self.ordered - middle), np.inf)
        near = distance <= distance.min(axis=0) * (1 + EQUALLY_NEAR)
        return Window(self.ordered, near.argmax(axis=0), len(near) - near[::-1].argmax(axis=0))

    def _at(self, place: IntArray) -> Array:
        pixels = self.ordered.shape[1]
        inside = place.clip(0, len(self.ordered) - 1)
        found: Array = self.ordered.reshape(-1)[inside * pixels + np.arange(pixels)]
        return found


def true_in_each(true: BoolArray) -> IntArray:
    """Count what is true of each pixel, along the first axis; up to 255 in single bytes, many at a time."""
    count = np.add.reduce(true.view(np.uint8), axis=0, dtype=np.uint8 if len(true) <= 255 else np.intp)
    return np.asarray(count, np.intp)
