"""Settling doubtful pixels: by their medians most are safe, or lose clearly what they lose; the rest waits.

They are settled many at a time: short operations in one thread keep another waiting.
"""

from __future__ import annotations

import attrs
import numpy as np

from pipeline.compose.running import how_to_run
from pipeline.records.pixels import Array
from pipeline.stacking.bulk import Bulk
from pipeline.stacking.clear import Clear, clear_of, frames_and_pixels
from pipeline.stacking.doubtful import Doubtful
from pipeline.stacking.judge import Looked, mean_of, moving
from pipeline.stacking.screening import UNMOVED
from pipeline.stacking.stack_rows import as_values
from pipeline.statistics.medians import FEW_FRAMES, bounds_by_pairs, middles
from pipeline.statistics.order_statistics import Window, counted, in_order
from pipeline.statistics.pixel_summary import NONE, Swept, shifted, total_of

ENOUGH = 2**20
"""So many values are settled together, if memory allows."""

SETTLE_BYTES = 24
"""What settling takes for each value."""


@attrs.define
class Settling:
    """Doubtful pixels of a band that wait to be settled; ``zero`` is what to add to a stored value."""

    bulk: Bulk
    looked: Looked
    zero: float
    waiting: list[Doubtful] = attrs.field(factory=list)
    at_once: int = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        how, frames = how_to_run(), len(self.bulk.plan.frames)
        self.at_once = max(1, min(ENOUGH, how.memory // (SETTLE_BYTES * how.threads)) // frames)

    def add(self, doubtful: Doubtful, first: int, last: int) -> None:
        """Let pixels of the rows from ``first`` to before ``last`` wait; not where their neighbours matter too."""
        self.waiting.append(doubtful)
        if moving(self.bulk.plan) or sum(one.where.size for one in self.waiting) >= self.at_once:
            self.settle(first, last)

    def settle(self, first: int, last: int) -> None:
        """Settle all that wait."""
        waiting, self.waiting = self.waiting, []
        if waiting:
            together = Doubtful.joined(waiting)
            for start in range(0, together.where.size, self.at_once):
                self._settle(together.only(slice(start, start + self.at_once)), first, last)

    def _settle(self, doubtful: Doubtful, first: int, last: int) -> None:
        with np.errstate(invalid="ignore", over="ignore"):
            doubtful = self._screened(doubtful)
            if not doubtful.where.size:
                return
            shown = self._shown(doubtful)
            clear = self._clear(shown)
        if clear is not None:
            self._put(doubtful, shown, clear)
            doubtful = doubtful.only(np.flatnonzero(~clear.clear))
        self.looked.add(doubtful.where, lambda part: self._values(doubtful, part), first, last)

    def _screened(self, doubtful: Doubtful) -> Doubtful:
        """Give those that may lose values still by their medians, or by closer bounds of these."""
        if self.bulk.sweep.medians and not self.bulk.sweep.spread:  # by their medians they were doubted
            return doubtful
        whole, shown = self.bulk.whole, self._shown(doubtful)
        low, high = np.minimum.reduce(shown), np.maximum.reduce(shown)
        bounds = bounds_by_pairs(shown) if whole and len(shown) > FEW_FRAMES else middles(shown)
        found = Swept(low, high, *bounds, NONE if whole else total_of(doubtful.stored, low, high))
        return doubtful.only(np.flatnonzero(~self.bulk.safe(doubtful.stored, found, doubtful.where, self.zero)))

    def _shown(self, doubtful: Doubtful) -> Array:
        """Give values as they are compared: shifted."""
        shifts, stored = self.bulk.sweep.shifts, doubtful.stored
        return shifted(stored.copy(), shifts) if shifts.any() else stored

    def _clear(self, shown: Array) -> Clear | None:
        """Tell which pixels lose values clearly, if any, and which these are; None where that is not told."""
        plan, bulk = self.bulk.plan, self.bulk
        if plan.clip is None or not bulk.whole or len(plan.amplifiers) > 1:
            return None
        if not plan.amplifiers:
            return clear_of(shown, plan.clip, None, UNMOVED)
        return clear_of(shown, plan.clip, plan.amplifiers[0].noise, bulk.moved(0, self.zero))

    def _put(self, doubtful: Doubtful, shown: Array, clear: Clear) -> None:
        """Combine pixels as far as they are clear: as whole numbers where frames are not shifted."""
        plan, looked, where, out = self.bulk.plan, self.looked, doubtful.where, clear.out
        if self.bulk.sweep.shifts.any():
            looked.put(where, self._values(doubtful), ~out)
        elif plan.method == "median":
            ordered = in_order(shown)
            window = Window(ordered, counted(ordered < clear.lowest), counted(ordered <= clear.highest))
            looked.set(where, window.median + self.zero, ~out, out)
        else:
            frame, pixel = frames_and_pixels(out)
            lost = np.bincount(pixel, as_values(shown[frame, pixel], self.zero), where.size)
            total = np.add.reduce(shown, axis=0, dtype=np.int64) + len(shown) * self.zero
            looked.set(where, mean_of(plan, total - lost, frame, pixel), ~out, out)

    def _values(self, doubtful: Doubtful, part: slice | None = None) -> Array:
        """Give values: float64, NaN where one is not finite."""
        return as_values(doubtful.stored if part is None else doubtful.stored[:, part], self.zero)
