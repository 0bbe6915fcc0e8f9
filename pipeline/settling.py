"""Settling doubtful pixels: by their medians most are safe, or lose clearly what they lose; the rest waits.

They are settled many at a time: short operations in one thread keep another waiting.
"""

from __future__ import annotations

import attrs
import numpy as np

from pipeline.bulk import Bulk
from pipeline.clear import Clear
from pipeline.closer import Looked, moving
from pipeline.doubtful import Doubtful
from pipeline.order import in_order
from pipeline.pixels import Array
from pipeline.rows import as_values
from pipeline.running import how_to_run
from pipeline.sweep import Swept, shifted

ENOUGH = 2**19
"""So many values are settled together, if memory allows."""

SETTLE_BYTES = 48
"""What settling takes for each value."""


@attrs.define
class Settling:
    """Doubtful pixels of a band that wait to be settled; ``zero`` is what to add to a stored value."""

    bulk: Bulk
    looked: Looked
    zero: float = 0.0
    waiting: list[Doubtful] = attrs.field(factory=list)
    at_once: int = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        how, frames = how_to_run(), len(self.bulk.plan.frames)
        self.at_once = max(1, min(ENOUGH, how.memory // (SETTLE_BYTES * how.threads)) // frames)

    def add(self, doubtful: Doubtful, zero: float, first: int, last: int) -> None:
        """Let pixels of the rows from ``first`` to before ``last`` wait; not where their neighbours matter too."""
        self.waiting.append(doubtful)
        self.zero = zero
        if moving(self.bulk.plan) or sum(one.where.size for one in self.waiting) >= self.at_once:
            self.settle(first, last)

    def settle(self, first: int, last: int) -> None:
        """Settle all that wait."""
        waiting, self.waiting = self.waiting, []
        if waiting:
            together = Doubtful.joined(waiting)
            for start in range(0, together.where.size, self.at_once):
                self._settle(together.only(slice(start, start + self.at_once)), first, last)

    def _settle(self, together: Doubtful, first: int, last: int) -> None:
        with np.errstate(invalid="ignore", over="ignore"):
            doubtful, shown, ordered = self._not_safe(together)
        clear = self._clear(ordered)
        if clear is not None:
            known = np.flatnonzero(clear.clear)
            keep = (shown >= clear.lowest) & (shown <= clear.highest)
            self.looked.put(doubtful.where[known], self._values(doubtful.only(known)), keep.take(known, axis=1))
            doubtful = doubtful.only(np.flatnonzero(~clear.clear))
        self.looked.add(doubtful.where, lambda part: self._values(doubtful, part), first, last)

    def _not_safe(self, doubtful: Doubtful) -> tuple[Doubtful, Array, Array]:
        """Give those that may lose values still, with these values shifted, and in order."""
        bulk, stored = self.bulk, doubtful.stored
        shifts = bulk.sweep.shifts
        shown = shifted(stored.copy(), shifts) if shifts.any() else stored
        ordered = in_order(shown)
        found = Swept.of(shown if bulk.whole else stored, ordered)
        left = np.flatnonzero(~bulk.safe(stored, found, doubtful.where, self.zero))
        return doubtful.only(left), shown.take(left, axis=1), ordered.take(left, axis=1)

    def _clear(self, ordered: Array) -> Clear | None:
        """Tell which pixels lose values clearly, and which they keep; None where that is not told."""
        plan = self.bulk.plan
        if not plan.clip or len(plan.amplifiers) != 1 or ordered.dtype.kind not in "iu" or not ordered.size:
            return None
        return Clear.of(ordered, plan.clip, plan.amplifiers[0].noise, self.bulk.moved(0, self.zero))

    def _values(self, doubtful: Doubtful, part: slice | None = None) -> Array:
        """Give values: float64, NaN where one is not finite."""
        return as_values(doubtful.stored if part is None else doubtful.stored[:, part], self.zero)
