"""The bulk of a stack: pixels that certainly keep all their values, combined by operations on whole frames."""

from __future__ import annotations

import attrs
import numpy as np

from pipeline.records.pixels import Array
from pipeline.stacking.clip import Clip, frames_needed
from pipeline.stacking.doubtful import Doubtful, places_of
from pipeline.stacking.screening import Moved, safe_from_noise, safe_from_squares, safe_from_std
from pipeline.stacking.stack_rows import Plan
from pipeline.statistics.amplifier_noise import which_of
from pipeline.statistics.pixel_summary import Sweep, Swept


@attrs.define
class Bulk:
    """Combines the bulk of rows after rows; ``whole`` says that values are stored as whole numbers."""

    plan: Plan
    whole: bool
    sweep: Sweep = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        clip, frames = self.plan.clip, len(self.plan.frames)
        by_own_spread = clip is not None and not _keeps_all(clip, frames) and not self.plan.amplifiers
        shifts = self.plan.whole_shifts
        medians = self.plan.method == "median" and not shifts.any()
        self.sweep = Sweep(shifts, medians, spread=by_own_spread)

    def combine(self, stored: Array, zero: float, first_row: int, out: Array) -> Doubtful | None:
        """Combine each pixel of ``stored`` (frames, pixels) into ``out``; give those for which that may be wrong.

        None where nothing can be told of any pixel.
        """
        plan = self.plan
        if not plan.plain or not can_tell(plan):
            return None
        with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is not safe
            found = self.sweep.over(stored)
            (self._mean if plan.method == "mean" else self._median)(stored, found, zero, out)
            highest = float(found.high.max()) + max(0, int(self.sweep.shifts.max()))
            begin = first_row * plan.shape[1]
            where = places_of(~self.safe(stored, found, range(begin, begin + out.size), zero))
            return Doubtful(where + begin, stored.take(where, axis=1), highest)

    def moved(self, number: int, zero: float) -> Moved:
        """Give by how much the values of an amplifier are shifted still, with whole shifts taken out."""
        shifts, base = self.plan.shifts, self.plan.amplifiers[number].noise.base
        tilt = float(np.abs(shifts.factors - 1).max())
        left = shifts.offsets + (shifts.factors - 1) * base - self.sweep.shifts
        return Moved(zero, base, float(np.abs(left).max()), float(np.ptp(left)), tilt)

    def _mean(self, stored: Array, found: Swept, zero: float, out: Array) -> None:
        """Write the mean of all values; that of whole numbers is rounded once, in whichever precision."""
        real = found.total.dtype.type
        less = real(len(stored) * zero + int(self.sweep.shifts.sum())) if stored.dtype.kind in "iu" else real(0)
        total = np.add(found.total, less, out=out if out.dtype == real else None)
        np.divide(total, real(len(stored)), out=out, casting="same_kind")

    def _median(self, stored: Array, found: Swept, zero: float, out: Array) -> None:
        """Write the median of all values: that of whole numbers is exact in between."""
        shifts = self.sweep.shifts
        if shifts.any():
            found = attrs.evolve(self.sweep, shifts=np.zeros_like(shifts), medians=True, spread=False).over(stored)
        lower, upper = found.median_low, found.median_high
        if stored.dtype.kind not in "iu":  # the mean of two infinities is not a number
            half = np.multiply(lower, 0.5, dtype=np.float64)
            out[:] = np.where(lower == upper, lower, half + np.multiply(upper, 0.5, dtype=np.float64))
            return
        exact = np.dtype(np.float32 if stored.dtype.itemsize <= 2 else np.float64)
        total = np.add(lower, upper, dtype=exact, out=out if out.dtype == exact else None)
        total *= 0.5
        np.add(total, zero, out=out, casting="same_kind")

    def safe(self, stored: Array, found: Swept, place: Array | range, zero: float) -> Array:
        """Tell which pixels, each at its place in the flattened image, are safe."""
        clip, frames = self.plan.clip, len(stored)
        if clip is None or _keeps_all(clip, frames):
            safe = np.ones(found.low.shape, bool)
        elif self.plan.amplifiers:
            safe = self._safe_from_noise(found, place, zero, clip)
        elif found.squares is not None:
            safe = safe_from_squares(found, frames, clip)
        else:
            safe = safe_from_std(stored, found, clip)
        return safe if stored.dtype.kind in "iu" else safe & np.isfinite(found.total)

    def _safe_from_noise(self, found: Swept, place: Array | range, zero: float, clip: Clip) -> Array:
        """Tell which pixels are safe, each by the noise of the amplifier that reads it."""
        amplifiers = self.plan.amplifiers
        if len(amplifiers) == 1:
            return safe_from_noise(found, clip, amplifiers[0].noise, self.moved(0, zero))
        which, safe = which_of(amplifiers, np.asarray(place), self.plan.shape[1]), np.zeros(found.low.shape, bool)
        for number, one in enumerate(amplifiers):
            safe |= safe_from_noise(found, clip, one.noise, self.moved(number, zero)) & (which == number)
        return safe


def can_tell(plan: Plan) -> bool:
    """Tell whether pixels can be told that certainly keep all their values."""
    clip = plan.clip
    if clip is None or _keeps_all(clip, len(plan.frames)):
        return True
    return clip.centre == "median" and (clip.spread == "std" or bool(plan.amplifiers))


def _keeps_all(clip: Clip, frames: int) -> bool:
    return clip.spread == "std" and frames_needed(clip) > frames
