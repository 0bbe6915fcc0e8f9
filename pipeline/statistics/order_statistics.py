"""The values of each pixel of a stack in order of size, and windows of them."""

from __future__ import annotations

import attrs
import numpy as np

from pipeline.records.pixels import Array
from pipeline.statistics.network import network_sorted

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
