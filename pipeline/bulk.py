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


def combine_bulk(plan: Plan, stored: Array, zero: float, first_row: int, out: Array) -> Array | None:
    """Combine each pixel of ``stored`` (frames, pixels) into ``out``; tell where that is right: nothing is left out.

    None where it cannot be told of any pixel.
    """
    if not plan.plain or not _can_tell(plan):
        return None
    safe = np.empty(stored.shape[1], bool)
    which = which_of(plan.amplifiers, np.arange(safe.size) + first_row * plan.shape[1], plan.shape[1])
    block = _Block(plan, plan.whole_shifts, zero)
    with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is not safe
        for first in range(0, safe.size, BLOCK):
            part = slice(first, first + BLOCK)
            safe[part] = block.combine(stored[:, part], which[part], out[part])
        rest = np.flatnonzero(~safe)
        if rest.size:
            again = np.empty(rest.size, out.dtype)
            safe[rest] = block.combine(stored.take(rest, axis=1), which[rest], again, exact=True)
            out[rest] = again
    return safe


def _can_tell(plan: Plan) -> bool:
    clip = plan.clip
    if clip is None or _keeps_all(clip, len(plan.frames)):
        return True
    return clip.centre == "median" and (clip.spread == "std" or bool(plan.amplifiers))


def _keeps_all(clip: Clip, frames: int) -> bool:
    return clip.spread == "std" and frames_needed(clip) > frames


@attrs.frozen
class _Block:
    """How to combine a block of pixels: what to take from each frame first, and what to add to a value stored."""

    plan: Plan
    shifts: Array
    zero: float

    def combine(self, stored: Array, which: Array, out: Array, exact: bool = False) -> Array:
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
        elif whole and even.itemsize == 2 and len(stored) <= EXACT_IN_SINGLE and _near(found, safe, len(stored)):
            out[:] = _mean_of_near(even, found.low, self.zero, int(self.shifts.sum()))
        else:
            out[:] = _mean(stored, self.zero)
        return safe if whole else safe & _finite(stored)

    def safe_from_noise(self, found: Extremes, which: Array, clip: Clip) -> Array:
        """Tell which pixels are safe, each by the noise of the amplifier that reads it."""
        shifts, amplifiers = self.plan.shifts, self.plan.amplifiers
        tilt = float(np.abs(shifts.factors - 1).max())
        safe = np.zeros(which.shape, bool)
        for number, one in enumerate(amplifiers):
            left = shifts.offsets + (shifts.factors - 1) * one.noise.base - self.shifts
            blur = float(np.abs(left).max())
            own = safe_from_noise(found, clip, one.noise, self.zero, blur, tilt)
            if len(amplifiers) == 1:
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


def _near(found: Extremes, safe: Array, count: int) -> bool:
    """Tell whether the values of all safe pixels differ so little that their sum is known from its last 16 bits."""
    return int((found.span * safe).max(initial=0)) * count < 2**16


def _mean_of_near(even: Array, low: Array, zero: float, shift: int) -> Array:
    """Give the mean of numbers of 16 bits that exceed ``low`` by less than 2^16 in all: sums may overflow till then."""
    count = len(even)
    excess = np.add.reduce(even.view(np.uint16), axis=0, dtype=np.uint16)
    excess -= low.view(np.uint16) * np.uint16(count)
    total = low.astype(np.float32)
    total += np.float32(zero)
    total *= np.float32(count)
    total += excess.astype(np.float32)
    if shift:
        total += np.float32(shift)
    total /= np.float32(count)  # of a whole number below 2^24: rounded once, as if it were divided in double
    return total


def _mean(stored: Array, zero: float) -> Array:
    count = len(stored)
    total: Array = np.zeros(stored.shape[1], np.int32 if stored.dtype.kind in "iu" else np.float64)
    for frame in stored:  # frame by frame: numpy's own sum adds floats in an order that depends on the tile
        np.add(total, frame, out=total, casting="unsafe")
    mean: Array = (total + count * zero) / count
    return mean


def _finite(stored: Array) -> Array:
    finite: Array = np.isfinite(np.add.reduce(stored, axis=0, dtype=np.float64))
    return finite
