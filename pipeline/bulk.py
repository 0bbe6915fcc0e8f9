"""The bulk of a stack: pixels that certainly keep all their values, combined by operations on whole frames.

Whole numbers are compared and added as they are stored, in the same memory again and again.
"""

from __future__ import annotations

import attrs
import numpy as np

from pipeline.amplifiers import which_of
from pipeline.clip import Clip, frames_needed
from pipeline.middles import middles, middles_between
from pipeline.pixels import Array
from pipeline.rows import Plan
from pipeline.screen import (
    Extremes,
    distances,
    extremes,
    safe_from_distance,
    safe_from_noise,
    safe_from_std,
    shifted,
    tightened,
)

EXACT_IN_SINGLE = 128
"""Sums of so many numbers of 16 bits, shifted or not, are exact in single precision."""

MANY_FRAMES = 50
"""From so many frames on pairs say little of the median; the mean and the distances from it say more."""


@attrs.define
class Bulk:
    """Combines the bulk of rows after rows; ``room`` is memory for as many values as the rows hold."""

    plan: Plan
    room: Array = attrs.field(factory=lambda: np.empty(0, np.uint8))

    def combine(self, stored: Array, zero: float, first_row: int, out: Array) -> Doubtful | None:
        """Combine each pixel of ``stored`` (frames, pixels) into ``out``; give those for which that may be wrong.

        None where nothing can be told of any pixel.
        """
        plan = self.plan
        if not plan.plain or not _can_tell(plan):
            return None
        which = None
        if len(plan.amplifiers) > 1:
            which = which_of(plan.amplifiers, np.arange(out.size) + first_row * plan.shape[1], plan.shape[1])
        if self.room.size < stored.nbytes:
            self.room = np.empty(stored.nbytes, np.uint8)
        block = _Block(plan, plan.whole_shifts, zero, self.room)
        with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is not safe
            doubtful = Doubtful.of(stored, ~block.combine(stored, which, out))
            return _settled(block, doubtful, which, out)


def _settled(block: _Block, doubtful: Doubtful, which: Array | None, out: Array) -> Doubtful:
    """Look at doubtful pixels once more, by their medians; give those that are doubtful still."""
    if not doubtful.where.size:
        return doubtful
    again = np.empty(doubtful.where.size, out.dtype)
    read_by = None if which is None else which[doubtful.where]
    safe = block.combine(doubtful.stored, read_by, again, exact=True)
    out[doubtful.where] = again
    left = Doubtful.of(doubtful.stored, ~safe)
    return attrs.evolve(left, where=doubtful.where[left.where])


def _can_tell(plan: Plan) -> bool:
    clip = plan.clip
    if clip is None or _keeps_all(clip, len(plan.frames)):
        return True
    return clip.centre == "median" and (clip.spread == "std" or bool(plan.amplifiers))


def _keeps_all(clip: Clip, frames: int) -> bool:
    return clip.spread == "std" and frames_needed(clip) > frames


@attrs.frozen
class Doubtful:
    """Pixels that may lose values: ``where`` they are in their rows, and their values as stored (frames, pixels)."""

    where: Array
    stored: Array

    @classmethod
    def of(cls, stored: Array, doubt: Array) -> Doubtful:
        """Take the doubtful pixels out of rows."""
        where = np.flatnonzero(doubt)
        return cls(where, stored.take(where, axis=1))


@attrs.frozen
class _Block:
    """How to combine a block of pixels: what to take from each frame first, and what to add to a value stored."""

    plan: Plan
    shifts: Array
    zero: float
    room: Array

    def combine(self, stored: Array, which: Array | None, out: Array, exact: bool = False) -> Array:
        """Combine, and tell which pixels are safe: from bounds of the median, or exactly."""
        clip = self.plan.clip
        even = shifted(stored, self.shifts)
        found = extremes(even, self._room_for(even), middles(even) if exact else None)
        total = _total(even, found)
        if self.plan.method == "mean":
            out[:] = _mean(total, len(stored), self.zero, self.shifts)
        else:
            out[:] = self._median(stored, None if self.shifts.any() else found)
        if clip is None or _keeps_all(clip, len(stored)):
            safe = np.ones(out.size, bool)
        else:
            safe = self._safe(even, found, total, which, clip)
        return safe if stored.dtype.kind in "iu" else safe & np.isfinite(total)

    def _safe(self, even: Array, found: Extremes, total: Array, which: Array | None, clip: Clip) -> Array:
        by_noise = bool(self.plan.amplifiers)
        if not found.exact and _in_16_bits(even) and (not by_noise or len(even) > MANY_FRAMES):
            known = distances(even, found, total, self._room_for(even))
            found = tightened(found, known)
            if not by_noise:
                return safe_from_distance(found, known, clip)
        return self.safe_from_noise(found, which, clip) if by_noise else safe_from_std(even, found, clip)

    def _median(self, stored: Array, found: Extremes | None) -> Array:
        if stored.dtype.kind not in "iu":
            lower, upper = middles(stored)
        else:
            found = found or extremes(stored, self._room_for(stored))
            lower, upper = found.median_low, found.median_high
            if not found.exact:
                lower, upper = middles_between(stored, lower, upper, self._room_for(stored))
        low, high = lower.astype(np.float64), upper.astype(np.float64)
        median: Array = np.where(low == high, low, 0.5 * low + 0.5 * high) + self.zero
        return median

    def _room_for(self, stack: Array) -> Array:
        """Give memory in the shape of a stack, or new memory where that is too large."""
        if self.room.size < stack.nbytes:
            return np.empty_like(stack)
        return self.room[: stack.nbytes].view(stack.dtype).reshape(stack.shape)

    def safe_from_noise(self, found: Extremes, which: Array | None, clip: Clip) -> Array:
        """Tell which pixels are safe, each by the noise of the amplifier that reads it."""
        shifts, amplifiers = self.plan.shifts, self.plan.amplifiers
        tilt = float(np.abs(shifts.factors - 1).max())
        safe = np.zeros(found.low.shape, bool)
        for number, one in enumerate(amplifiers):
            left = shifts.offsets + (shifts.factors - 1) * one.noise.base - self.shifts
            blur = float(np.abs(left).max())
            own = safe_from_noise(found, clip, one.noise, self.zero, blur, tilt)
            if which is None:
                return own
            safe |= own & (which == number)
        return safe


def _in_16_bits(stack: Array) -> bool:
    return stack.dtype.kind in "iu" and stack.itemsize == 2


def _total(stack: Array, found: Extremes) -> Array:
    """Give the sum of each pixel's values, from sums that may overflow where 16 bits are enough to tell it.

    Where all of a pixel's values together exceed its lowest by less than 2^16, the last 16 bits tell by how much; the
    others are added in full.
    """
    count = len(stack)
    if not _in_16_bits(stack):
        total: Array = np.zeros(stack.shape[1], np.int64 if stack.dtype.kind in "iu" else np.float64)
        for frame in stack:  # frame by frame: numpy's own sum adds floats in an order that depends on the tile
            np.add(total, frame, out=total, casting="unsafe")
        return total
    excess = np.add.reduce(stack.view(np.uint16), axis=0, dtype=np.uint16)
    excess -= found.low.view(np.uint16) * np.uint16(count)
    total = found.low.astype(np.float32 if count <= EXACT_IN_SINGLE else np.float64)
    total *= count
    total += excess
    far = np.flatnonzero(found.span > np.uint16((2**16 - 1) // count))
    if far.size:
        total[far] = np.add.reduce(stack.take(far, axis=1), axis=0, dtype=np.int64)
    return total


def _mean(total: Array, count: int, zero: float, shifts: Array) -> Array:
    """Give the mean from the sum of values less shifts: of whole numbers rounded once, in whichever precision."""
    mean: Array = (total + total.dtype.type(count * zero + int(shifts.sum()))) / total.dtype.type(count)
    return mean
