"""One sweep over the frames of a tile: what is found of each pixel by operations on all frames at once.

Nothing but such operations is done for every pixel: two threads would wait for each other all the time, were there
short operations between these.
"""

from __future__ import annotations

import attrs
import numpy as np

from pipeline.records.pixels import Array
from pipeline.statistics.gallop import middles_near
from pipeline.statistics.groups import bounds_of, extremes_of, fine_groups_of, groups_of, least_squares
from pipeline.statistics.medians import QUICK_NETWORK, middles
from pipeline.statistics.sums import difference, mean_and_error, total_of

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
            found = Swept(low, high, low, high, NONE if quick(stored) else total_of(stored, low, high))
        else:
            found = self._with_bounds(stored)
        return self._with_medians(stored, found) if self.medians else found

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

    def _with_medians(self, stored: Array, found: Swept) -> Swept:
        if stored.dtype.kind in "iu" and not quick(stored):
            guess = a_little_below(found, len(stored)).astype(stored.dtype)
            lower, upper = middles_near(stored, found.low, found.high, guess, self._memory(stored))
        else:
            lower, upper = middles(stored)
        return attrs.evolve(found, median_low=lower, median_high=upper)

    def _memory(self, like: Array) -> Array:
        if self.memory.size < like.nbytes:
            self.memory = np.empty(like.nbytes, np.uint8)
        return self.memory[: like.nbytes].view(like.dtype).reshape(like.shape)


def a_little_below(found: Swept, frames: int) -> Array:
    """Give a whole number a little below the middle of most pixels: from the mean without the extremes."""
    real = found.total.dtype.type if found.total.dtype.kind == "f" else np.float64
    inner = np.subtract(found.total, found.low, dtype=real)
    inner -= found.high
    inner *= real(1 / (frames - 2))
    inner -= real(0.5)
    return np.rint(inner, out=inner)


def quick(stored: Array) -> bool:
    """Tell whether medians are found by comparing whole numbers, and so take no sums."""
    return stored.dtype.kind in "iu" and len(stored) <= QUICK_NETWORK


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
