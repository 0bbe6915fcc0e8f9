"""The bulk of a stack: pixels that certainly keep all their values, combined by operations on whole frames.

Whole numbers are compared and added as they are stored, in blocks that stay in the processor's cache.
"""

from __future__ import annotations

import numpy as np

from pipeline.clip import Clip, frames_needed
from pipeline.network import middles
from pipeline.noise import Noise
from pipeline.pixels import Array
from pipeline.rows import Plan
from pipeline.screen import FEW_FRAMES, Extremes, extremes, safe_from_noise, safe_from_std

BLOCK = 16_384
"""So many pixels of all frames are worked on together."""

EXACT_IN_SINGLE = 128
"""Sums of so many numbers of 16 bits, shifted or not, are exact in single precision."""


def combine_bulk(plan: Plan, stored: Array, zero: float, out: Array) -> Array | None:
    """Combine each pixel of ``stored`` (frames, pixels) into ``out``; tell where that is right: nothing is left out.

    None where it cannot be told of any pixel.
    """
    if not plan.plain or not _can_tell(plan):
        return None
    safe = np.empty(stored.shape[1], bool)
    shifts = plan.whole_shifts
    for first in range(0, safe.size, BLOCK):
        part = slice(first, first + BLOCK)
        with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is not safe
            safe[part] = _combine_block(plan, shifts, stored[:, part], zero, out[part])
    return safe


def _can_tell(plan: Plan) -> bool:
    clip = plan.clip
    if clip is None or _keeps_all(clip, len(plan.frames)):
        return True
    return clip.centre == "median" and (clip.spread == "std" or plan.noise is not None)


def _keeps_all(clip: Clip, frames: int) -> bool:
    return clip.spread == "std" and frames_needed(clip) > frames


def _combine_block(plan: Plan, shifts: Array, stored: Array, zero: float, out: Array) -> Array | bool:
    clip, whole = plan.clip, stored.dtype.kind in "iu"
    if clip is None or _keeps_all(clip, len(stored)):
        out[:] = _median(middles(stored), zero) if plan.method == "median" else _mean(stored, zero)
        return True if whole else _finite(stored)
    even = shifted(stored, shifts)
    exact = plan.method == "median" and not shifts.any() and len(stored) > FEW_FRAMES
    found = extremes(even, middles(even) if exact else None)
    if clip.spread == "noise" and plan.noise is not None:
        safe = _safe_from_noise(plan, shifts, found, zero, plan.noise, clip)
    else:
        safe = safe_from_std(even, found, clip)
    if plan.method == "median":
        out[:] = _median((found.median_low, found.median_high) if exact else middles(stored), zero)
    elif whole and even.itemsize == 2 and len(stored) <= EXACT_IN_SINGLE and _near(found, safe, len(stored)):
        out[:] = _mean_of_near(even, found.low, zero, int(shifts.sum()))
    else:
        out[:] = _mean(stored, zero)
    return safe if whole else safe & _finite(stored)


def _safe_from_noise(plan: Plan, shifts: Array, found: Extremes, zero: float, noise: Noise, clip: Clip) -> Array:
    left = plan.shifts.offsets + (plan.shifts.factors - 1) * noise.base - shifts
    blur, tilt = float(np.abs(left).max()), float(np.abs(plan.shifts.factors - 1).max())
    return safe_from_noise(found, clip, noise, zero, blur, tilt)


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
    total += excess
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
