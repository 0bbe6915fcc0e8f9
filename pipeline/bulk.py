"""The bulk of a stack: pixels that certainly keep all their values, combined by operations on whole frames."""

from __future__ import annotations

import attrs
import numpy as np

from pipeline.amplifiers import which_of
from pipeline.clear import Clear
from pipeline.clip import Clip, frames_needed
from pipeline.order import in_order
from pipeline.pixels import Array
from pipeline.rows import Plan
from pipeline.screen import Moved, safe_from_distance, safe_from_noise, safe_from_std, tightened
from pipeline.sweep import Sweep, Swept, shifted

MANY_FRAMES = 50
"""From so many frames on pairs say little of the median; the mean and the distances from it say more."""


@attrs.frozen
class Doubtful:
    """Pixels that may lose values: ``where`` they are in their rows, and their values as stored (frames, pixels).

    ``highest`` is the highest value of any pixel.  ``keep`` tells of which of them it is clear what they keep, and
    which of the values that is.
    """

    where: Array
    stored: Array
    highest: float
    keep: tuple[Array, Array] | None = None

    @classmethod
    def of(cls, stored: Array, doubt: Array, highest: float) -> Doubtful:
        """Take the doubtful pixels out of rows, in native byte order."""
        where = places_of(doubt)
        taken = np.empty((len(stored), where.size), stored.dtype.newbyteorder("="))
        for into, frame in zip(taken, stored, strict=True):
            into[:] = frame.take(where)
        return cls(where, taken, highest)

    @property
    def apart(self) -> tuple[Doubtful, Doubtful]:
        """Give the pixels of which it is clear what they keep, and the others."""
        clear = np.zeros(self.where.size, bool) if self.keep is None else self.keep[0]
        return self._only(clear), self._only(~clear)

    def _only(self, which: Array) -> Doubtful:
        if which.all():
            return self
        places = np.flatnonzero(which)
        keep = None if self.keep is None else (which[places], self.keep[1].take(places, axis=1))
        return Doubtful(self.where[places], self.stored.take(places, axis=1), self.highest, keep)


def places_of(doubt: Array) -> Array:
    """Give the places where something is true, as np.flatnonzero does: where that is rarely, eight at a time."""
    eights = doubt.size // 8 * 8
    words = doubt[:eights].view(np.uint64)
    some = np.flatnonzero(words)
    inside = np.flatnonzero(words.take(some).view(np.bool_))
    return np.concatenate([(some[inside >> 3] << 3) + (inside & 7), np.flatnonzero(doubt[eights:]) + eights])


@attrs.define
class Bulk:
    """Combines the bulk of rows after rows; ``whole`` says that values are stored as whole numbers."""

    plan: Plan
    whole: bool
    sweep: Sweep = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        clip, frames = self.plan.clip, len(self.plan.frames)
        by_own_spread = clip is not None and not _keeps_all(clip, frames) and not self.plan.amplifiers
        many = bool(self.plan.amplifiers) and frames > MANY_FRAMES
        shifts = self.plan.whole_shifts
        medians = self.plan.method == "median" and not shifts.any()
        distances = by_own_spread or (many and not medians)
        self.sweep = Sweep(shifts, medians, sums=distances or not (medians and self.whole), distances=distances)

    def combine(self, stored: Array, zero: float, first_row: int, out: Array) -> Doubtful | None:
        """Combine each pixel of ``stored`` (frames, pixels) into ``out``; give those for which that may be wrong.

        None where nothing can be told of any pixel.
        """
        plan = self.plan
        if not plan.plain or not can_tell(plan):
            return None
        which = None
        if len(plan.amplifiers) > 1:
            which = which_of(plan.amplifiers, np.arange(out.size) + first_row * plan.shape[1], plan.shape[1])
        with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is not safe
            found = self.sweep.over(stored)
            out[:] = self._combined(stored, found, zero)
            highest = float(found.high.max()) + max(0, int(self.sweep.shifts.max()))
            doubtful = Doubtful.of(stored, ~self._safe(stored, found, which, zero), highest)
            return self._settled(doubtful, which, zero, out)

    def _settled(self, doubtful: Doubtful, which: Array | None, zero: float, out: Array) -> Doubtful:
        """Look at doubtful pixels once more, by their medians; give those that are doubtful still.

        Of those that lose values clearly it is told which they keep.
        """
        if not doubtful.where.size:
            return doubtful
        stored, where = doubtful.stored, doubtful.where
        values = stored if not self.sweep.shifts.any() else shifted(stored.copy(), self.sweep.shifts)
        ordered = in_order(values)
        found = Swept.of(values if self.whole else stored, ordered)
        out[where] = self._combined(stored, found, zero)
        left = np.flatnonzero(~self._safe(stored, found, None if which is None else which[where], zero))
        rest = attrs.evolve(doubtful, where=where[left], stored=stored.take(left, axis=1))
        return attrs.evolve(rest, keep=self._clear(ordered.take(left, axis=1), values.take(left, axis=1), zero))

    def _clear(self, ordered: Array, values: Array, zero: float) -> tuple[Array, Array]:
        """Tell which pixels lose values clearly, and which of all values those keep."""
        clear = None
        if self.plan.clip and len(self.plan.amplifiers) == 1 and values.dtype.kind in "iu":
            clear = Clear.of(ordered, self.plan.clip, self.plan.amplifiers[0].noise, self._moved(0, zero))
        if clear is None:
            return np.zeros(values.shape[1], bool), np.ones(values.shape, bool)
        return clear.clear, (values >= clear.lowest) & (values <= clear.highest)

    def _moved(self, number: int, zero: float) -> Moved:
        """Give by how much the values of an amplifier are shifted still, with whole shifts taken out."""
        shifts, base = self.plan.shifts, self.plan.amplifiers[number].noise.base
        tilt = float(np.abs(shifts.factors - 1).max())
        left = shifts.offsets + (shifts.factors - 1) * base - self.sweep.shifts
        return Moved(zero, base, float(np.abs(left).max()), tilt)

    def _combined(self, stored: Array, found: Swept, zero: float) -> Array:
        """Give mean or median of all values; the mean of whole numbers is rounded once, in whichever precision."""
        shifts = self.sweep.shifts
        if self.plan.method == "mean":
            real = found.total.dtype.type
            less = real(len(stored) * zero + int(shifts.sum())) if stored.dtype.kind in "iu" else real(0)
            mean: Array = (found.total + less) / real(len(stored))
            return mean
        if shifts.any():
            found = attrs.evolve(self.sweep, shifts=np.zeros_like(shifts), medians=True, distances=False).over(stored)
        lower, upper = found.median_low.astype(np.float64), found.median_high.astype(np.float64)
        if stored.dtype.kind not in "iu":  # the mean of two infinities is not a number
            median: Array = np.where(lower == upper, lower, 0.5 * lower + 0.5 * upper)
            return median
        lower += upper
        lower *= 0.5
        lower += zero
        return lower

    def _safe(self, stored: Array, found: Swept, which: Array | None, zero: float) -> Array:
        """Tell which pixels are safe."""
        clip, frames = self.plan.clip, len(stored)
        if clip is None or _keeps_all(clip, frames):
            safe = np.ones(found.low.shape, bool)
        elif self.plan.amplifiers:
            bounded = found if found.distance is None else tightened(found, frames)
            safe = self._safe_from_noise(bounded, which, zero, clip)
        elif found.distance is not None:
            safe = safe_from_distance(tightened(found, frames), frames, clip)
        else:
            safe = safe_from_std(stored, found, clip)
        return safe if stored.dtype.kind in "iu" else safe & np.isfinite(found.total)

    def _safe_from_noise(self, found: Swept, which: Array | None, zero: float, clip: Clip) -> Array:
        """Tell which pixels are safe, each by the noise of the amplifier that reads it."""
        safe = np.zeros(found.low.shape, bool)
        for number, one in enumerate(self.plan.amplifiers):
            own = safe_from_noise(found, clip, one.noise, self._moved(number, zero))
            if which is None:
                return own
            safe |= own & (which == number)
        return safe


def can_tell(plan: Plan) -> bool:
    """Tell whether pixels can be told that certainly keep all their values."""
    clip = plan.clip
    if clip is None or _keeps_all(clip, len(plan.frames)):
        return True
    return clip.centre == "median" and (clip.spread == "std" or bool(plan.amplifiers))


def _keeps_all(clip: Clip, frames: int) -> bool:
    return clip.spread == "std" and frames_needed(clip) > frames
