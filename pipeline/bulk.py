"""The bulk of a stack: pixels that certainly keep all their values, combined by operations on whole frames.

Whole numbers are compared and added as they are stored, in blocks that stay in the processor's cache.
"""

from __future__ import annotations

import attrs
import numpy as np

from pipeline.amplifiers import which_of
from pipeline.clip import Clip, frames_needed
from pipeline.network import middles
from pipeline.pixels import Array
from pipeline.rows import Plan
from pipeline.screen import Extremes, extremes, safe_from_noise, safe_from_std

BLOCK = 16_384
"""So many pixels of all frames are worked on together."""

EXACT_IN_SINGLE = 128
"""Sums of so many numbers of 16 bits, shifted or not, are exact in single precision."""


def combine_bulk(plan: Plan, stored: Array, zero: float, first_row: int, out: Array) -> Doubtful | None:
    """Combine each pixel of ``stored`` (frames, pixels) into ``out``; give those for which that may be wrong.

    None where nothing can be told of any pixel.
    """
    if not plan.plain or not _can_tell(plan):
        return None
    which = None
    if len(plan.amplifiers) > 1:
        which = which_of(plan.amplifiers, np.arange(out.size) + first_row * plan.shape[1], plan.shape[1])
    block = _Block(plan, plan.whole_shifts, zero)
    doubtful = []
    with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is not safe
        for first in range(0, out.size, BLOCK):
            part = slice(first, first + BLOCK)
            safe = block.combine(stored[:, part], None if which is None else which[part], out[part])
            doubtful.append(Doubtful.of(stored[:, part], ~safe, first))
        return _settled(block, Doubtful.together(doubtful), which, out)


def _settled(block: _Block, doubtful: Doubtful, which: Array | None, out: Array) -> Doubtful:
    """Look at doubtful pixels once more, by their medians; give those that are doubtful still."""
    if not doubtful.where.size:
        return doubtful
    again = np.empty(doubtful.where.size, out.dtype)
    read_by = None if which is None else which[doubtful.where]
    safe = block.combine(doubtful.stored, read_by, again, exact=True)
    out[doubtful.where] = again
    left = Doubtful.of(doubtful.stored, ~safe, 0)
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
    def of(cls, stored: Array, doubt: Array, first: int) -> Doubtful:
        """Take the doubtful pixels out of rows that begin at pixel ``first``, while they are in the cache."""
        where = np.flatnonzero(doubt)
        return cls(where + first, stored.take(where, axis=1))

    @classmethod
    def together(cls, parts: list[Doubtful]) -> Doubtful:
        """Put pixels of several blocks together."""
        return cls(np.concatenate([p.where for p in parts]), np.concatenate([p.stored for p in parts], axis=1))


@attrs.frozen
class _Block:
    """How to combine a block of pixels: what to take from each frame first, and what to add to a value stored."""

    plan: Plan
    shifts: Array
    zero: float

    def combine(self, stored: Array, which: Array | None, out: Array, exact: bool = False) -> Array:
        """Combine, and tell which pixels are safe: from bounds of the median, or exactly."""
        clip, whole = self.plan.clip, stored.dtype.kind in "iu"
        median = self.plan.method == "median"
        if clip is None or _keeps_all(clip, len(stored)):
            out[:] = _median(middles(stored), self.zero) if median else _mean(stored, self.zero)
            return np.ones(out.size, bool) if whole else _finite(stored)
        even = shifted(stored, self.shifts)
        shared = median and not self.shifts.any()
        found = extremes(even, middles(even) if exact or shared else None)
        safe = self.safe_from_noise(found, which, clip) if self.plan.amplifiers else safe_from_std(even, found, clip)
        if median:
            out[:] = _median((found.median_low, found.median_high) if shared else middles(stored), self.zero)
        else:
            out[:] = _mean_of_near(even, found, self.zero, self.shifts) if _near(even) else _mean(stored, self.zero)
        return safe if whole else safe & _finite(stored)

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


def shifted(stored: Array, shifts: Array) -> Array:
    """Take whole numbers from each frame, in a type that holds the result."""
    if not shifts.any():
        return stored
    if stored.dtype.kind not in "iu":
        less: Array = np.subtract(stored, shifts[:, None].astype(stored.dtype))
        return less
    ends = np.iinfo(stored.dtype)
    narrow = stored.min() - shifts.max() >= ends.min and stored.max() - shifts.min() <= ends.max
    fits = narrow and ends.min <= shifts.min() and shifts.max() <= ends.max
    dtype = stored.dtype if fits else np.dtype(np.int32)
    shifted: Array = np.subtract(stored, shifts[:, None].astype(dtype), dtype=dtype)
    return shifted


def _median(middle: tuple[Array, Array], zero: float) -> Array:
    lower, upper = (values.astype(np.float64) for values in middle)
    median: Array = np.where(lower == upper, lower, 0.5 * lower + 0.5 * upper) + zero
    return median


def _near(stack: Array) -> bool:
    """Tell whether the values of most pixels may be so near each other that the last 16 bits tell their sum."""
    return stack.dtype.kind in "iu" and stack.itemsize == 2 and len(stack) <= EXACT_IN_SINGLE


def _mean_of_near(even: Array, found: Extremes, zero: float, shifts: Array | None = None) -> Array:
    """Give the mean of numbers of 16 bits, shifted, from sums that may overflow.

    Where all of a pixel's values together exceed its lowest by less than 2^16, the last 16 bits tell by how much; the
    others are added in full.
    """
    count = len(even)
    excess = np.add.reduce(even.view(np.uint16), axis=0, dtype=np.uint16)
    excess -= found.low.view(np.uint16) * np.uint16(count)
    total = found.low.astype(np.float32)
    total *= np.float32(count)
    total += excess
    far = np.flatnonzero(found.span > np.uint16((2**16 - 1) // count))
    if far.size:
        total[far] = np.add.reduce(even.take(far, axis=1), axis=0, dtype=np.int32)
    total += np.float32(count * zero + (0 if shifts is None else int(shifts.sum())))
    total /= np.float32(count)  # of a whole number below 2^24: rounded once, as if it were divided in double
    return total


def _mean(stored: Array, zero: float) -> Array:
    if _near(stored):
        lowest, highest = np.minimum.reduce(stored), np.maximum.reduce(stored)
        return _mean_of_near(stored, Extremes(lowest, highest, lowest, highest), zero)
    count = len(stored)
    total: Array = np.zeros(stored.shape[1], np.int32 if stored.dtype.kind in "iu" else np.float64)
    for frame in stored:  # frame by frame: numpy's own sum adds floats in an order that depends on the tile
        np.add(total, frame, out=total, casting="unsafe")
    mean: Array = (total + count * zero) / count
    return mean


def _finite(stored: Array) -> Array:
    finite: Array = np.isfinite(np.add.reduce(stored, axis=0, dtype=np.float64))
    return finite
