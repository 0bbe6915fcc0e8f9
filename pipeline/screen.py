"""Which pixels of a stack certainly lose nothing to a clip: nearly all, told from a few whole-frame operations.

A pixel loses nothing if its largest and smallest value lie within the limits about its median.  Bounds of the median
are enough for that, and frames taken in pairs give them: half of all values are no less than the least of the greater
values of the pairs, and one more is no less than the greatest of the lesser ones; so the smaller of these two is no
more than the median.  The same holds upside down.
"""

from __future__ import annotations

import math

import attrs
import numpy as np

from pipeline.clip import Clip
from pipeline.middles import FEW_FRAMES, middles
from pipeline.noise import Noise
from pipeline.pixels import Array

SINGLE = 2e-7
MARGIN = 1 - 1e-3
"""Thresholds are lowered by this, more than single precision loses."""


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


@attrs.frozen
class Extremes:
    """Of each pixel: smallest and largest value, and the lower and the upper middle value, or bounds of them."""

    low: Array
    high: Array
    median_low: Array
    median_high: Array
    exact: bool = False

    @property
    def span(self) -> Array:
        """Largest less smallest value."""
        return difference(self.high, self.low)


def difference(high: Array, low: Array) -> Array:
    """Subtract what is never larger; exact for whole numbers of any size."""
    if high.dtype.kind == "i":
        high, low = high.view(f"u{high.itemsize}"), low.view(f"u{low.itemsize}")
    less: Array = np.subtract(high, low)
    return less


def extremes(stack: Array, room: Array, middle: tuple[Array, Array] | None = None) -> Extremes:
    """Find smallest, largest and median, or bounds of the median, of each pixel.

    :param stack: (frames, pixels) of any one type.
    :param room: memory in the shape of the stack.
    :param middle: the lower and upper middle values, where they are known.
    """
    if middle or len(stack) <= FEW_FRAMES:
        middle = middle or middles(stack)
        return Extremes(np.minimum.reduce(stack), np.maximum.reduce(stack), *middle, exact=True)
    pairs = len(stack) // 2
    lesser = np.minimum(stack[:pairs], stack[pairs : 2 * pairs], out=room[:pairs])
    greater = np.maximum(stack[:pairs], stack[pairs : 2 * pairs], out=room[pairs : 2 * pairs])
    low, least = np.minimum.reduce(lesser), np.minimum.reduce(greater)
    high, most = np.maximum.reduce(greater), np.maximum.reduce(lesser)
    if len(stack) % 2:
        np.minimum(low, stack[-1], out=low)
        np.maximum(high, stack[-1], out=high)
    return Extremes(low, high, np.minimum(least, most), np.maximum(least, most))


@attrs.frozen
class Distances:
    """Of each pixel: its mean, and bounds of how far its values lie from that on average; NaN where not known."""

    mean: Array
    least: Array
    most: Array


def distances(stack: Array, found: Extremes, total: Array, room: Array) -> Distances:
    """Find how far whole numbers of 16 bits lie from their mean on average, from sums that may overflow.

    :param total: the sum of the values of each pixel.
    :param room: memory in the shape of the stack.
    """
    count = np.float32(len(stack))
    mean = (total / count).astype(np.float32)
    near = np.rint(mean).astype(stack.dtype)
    above = np.maximum(stack, near, out=room)
    excess = np.add.reduce(above.view(np.uint16), axis=0, dtype=np.uint16)
    excess -= near.view(np.uint16) * np.uint16(len(stack))
    off = mean - near
    most = 2 * excess.astype(np.float32) / count - off
    most[found.span > np.uint16((2**16 - 1) // len(stack))] = np.nan
    return Distances(mean, most - np.abs(off), most)


def tightened(found: Extremes, known: Distances) -> Extremes:
    """Tighten the bounds of medians: none lies further from the mean than the values do on average (Jensen)."""
    ends = np.iinfo(found.low.dtype)
    most = np.where(np.isnan(known.most), np.inf, known.most)
    least = np.floor((known.mean - most).clip(ends.min, ends.max)).astype(found.low.dtype)
    upper = np.ceil((known.mean + most).clip(ends.min, ends.max)).astype(found.low.dtype)
    return attrs.evolve(
        found, median_low=np.maximum(found.median_low, least), median_high=np.minimum(found.median_high, upper)
    )


def safe_from_noise(found: Extremes, clip: Clip, noise: Noise, zero: float, blur: float, tilt: float) -> Array:
    """Tell which pixels certainly lose nothing to a clip by the noise of the stack.

    :param zero: what to add to a stored value to have its level.
    :param blur: by how much values may still be shifted at the level ``noise.base``.
    :param tilt: by what fraction of their distance from that level they may be shifted besides.
    """
    up = difference(found.high, found.median_low)
    down = difference(found.median_high, found.low)
    if noise.b == 0 and tilt == 0:
        sigma = float(np.sqrt(max(noise.a, noise.floor))) * MARGIN
        return _below(up, clip.high * sigma - 2 * blur) & _below(down, clip.low * sigma - 2 * blur)
    level = found.median_low.astype(np.float32)
    level += np.float32(zero)
    if tilt >= 1:
        return np.zeros(level.shape, bool)
    reach = np.abs(level - np.float32(noise.base)) + found.span.astype(np.float32) + np.float32(blur)
    shift: Array = np.float32(2 * blur) + np.float32(2 * tilt / (1 - tilt)) * reach
    rounding = np.float32(SINGLE) * (np.float32(abs(noise.a)) + np.float32(noise.b) * np.abs(level))
    counted = np.float32(noise.a) + np.float32(noise.b) * (level - shift) - rounding
    variance = np.maximum(counted, np.float32(noise.floor))
    sigma32 = np.sqrt(variance, out=variance)
    sigma32 *= np.float32(MARGIN)
    within: Array = (up + shift <= np.float32(clip.high) * sigma32) & (down + shift <= np.float32(clip.low) * sigma32)
    return within


def _below(span: Array, limit: float) -> Array:
    """Compare in the type of the spans: whole numbers stay whole."""
    if limit < 0:
        return np.zeros(span.shape, bool)
    if span.dtype.kind == "u":
        limit = math.floor(min(limit, 2.0 ** (8 * span.itemsize - 1) - 1))
    below: Array = span <= span.dtype.type(limit)
    return below


def safe_from_std(stack: Array, found: Extremes, clip: Clip) -> Array:
    """Tell which pixels certainly lose nothing to a clip by the standard deviation of their own values."""
    total, squares = np.zeros(found.low.shape, np.float32), np.zeros(found.low.shape, np.float32)
    for frame in stack:
        above = difference(frame, found.low).astype(np.float32)
        total += above
        squares += np.multiply(above, above, out=above)
    mean = total / np.float32(len(stack))
    variance = squares / np.float32(len(stack)) - mean * mean
    sigma = np.sqrt(np.maximum(variance - np.float32(1e-5) * mean * mean, 0)) * np.float32(MARGIN)
    up = difference(found.high, found.median_low)
    down = difference(found.median_high, found.low)
    safe: Array = (up <= np.float32(clip.high) * sigma) & (down <= np.float32(clip.low) * sigma)
    return safe


def safe_from_distance(found: Extremes, known: Distances, clip: Clip) -> Array:
    """Tell the same from distances alone: no standard deviation is less than the mean distance from the mean."""
    sigma = known.least * np.float32(MARGIN)
    up = difference(found.high, found.median_low)
    down = difference(found.median_high, found.low)
    safe: Array = (up <= np.float32(clip.high) * sigma) & (down <= np.float32(clip.low) * sigma)
    return safe
