"""Which pixels of a stack certainly lose nothing to a clip: nearly all, told from what one sweep finds of them.

A pixel loses nothing if its largest and smallest value lie within the limits about its median; bounds of the median
are enough for that.
"""

from __future__ import annotations

import math

import attrs
import numpy as np

from pipeline.records.pixels import Array
from pipeline.stacking.clip import Clip
from pipeline.stacking.doubtful import places_of
from pipeline.statistics.noise import Noise
from pipeline.statistics.pixel_summary import VALUES, Swept, difference, mean_and_error

SINGLE, DOUBLE = 2e-7, 1e-9
"""More than what is computed in either precision may be off, of itself and in units of pixel values."""

MARGIN = 1 - 1e-3
"""Thresholds are lowered by this, more than single precision loses."""

SAMPLE, UNUSUAL = 1000, 50
"""Of so many pixels one in so many lies above, and one below, the usual levels."""

ULPS = 4
"""Differences of floats, shifted perhaps, are off by no more than so many units in the last place of the values."""

TINY = 1e-30
"""Of a variance below this single precision holds but a few digits, or none."""


@attrs.frozen
class Moved:
    """By how much stored values may still be shifted: by ``blur`` at the level ``base``, further off by more.

    That is ``tilt`` times the distance from there.  Two values at the base are shifted ``apart`` by no more than that.
    A level is a stored value and ``zero``.
    """

    zero: float
    base: float
    blur: float
    apart: float
    tilt: float

    def between(self, level: Array, span: Array) -> Array | float:
        """Give by how much two values may be shifted against each other, ``span`` apart at most and at a level."""
        if self.tilt == 0:
            return self.apart
        if self.tilt >= 1:
            return np.full_like(level, np.inf)
        real = level.dtype.type
        reach = np.abs(level - real(self.base)) + span.astype(real) + real(self.blur)
        shift: Array = real(self.apart) + real(2 * self.tilt / (1 - self.tilt)) * reach
        return shift


UNMOVED = Moved(zero=0.0, base=0.0, blur=0.0, apart=0.0, tilt=0.0)


def safe_from_noise(found: Swept, clip: Clip, noise: Noise, moved: Moved) -> Array:
    """Tell which pixels certainly lose nothing to a clip by the noise of the stack.

    Most are told by limits that hold at the usual levels, the others by those at their own.
    """
    up, down = _reach(found)
    if noise.b == 0 and moved.tilt == 0:
        highest, lowest = _limits(np.zeros(1), 0.0, clip, noise, moved)
        return _below(up, highest) & _below(down, lowest)
    medians = found.median_low
    some = np.sort(medians[:: max(1, medians.size // SAMPLE)])
    usual = some[[some.size // UNUSUAL, -1 - some.size // UNUSUAL]]
    rounding = ULPS * float(np.spacing(np.abs(usual).max())) if usual.dtype.kind == "f" else 0.0
    highest, lowest = _limits(usual.astype(np.float64) + moved.zero, rounding, clip, noise, moved)
    safe: Array = _below(up, highest) & _below(down, lowest) & (medians >= usual[0]) & (medians <= usual[1])
    others = places_of(~safe)
    safe[others] = _safe_at_their_own(found.only(others), clip, noise, moved)
    return safe


def _limits(levels: Array, rounding: float, clip: Clip, noise: Noise, moved: Moved) -> tuple[float, float]:
    """Give how far values may lie above and below medians that lie between two levels."""
    with np.errstate(invalid="ignore"):  # with no threshold on one side values may be shifted by anything
        sigma = math.sqrt(max(np.min(noise.a + noise.b * levels), noise.floor, 0))
        shift = np.max(moved.between(levels, np.full_like(levels, (clip.high + clip.low) * sigma)))
        reach = shift + moved.blur + rounding
        quietest = np.min(noise.a + noise.b * np.concatenate([levels - reach, levels + reach]))
        quietest -= DOUBLE * (abs(noise.a) + abs(noise.b) * np.abs(levels).max())
        least, off = math.sqrt(max(quietest, noise.floor, 0)) * MARGIN, shift + DOUBLE
        return clip.high * least - off, clip.low * least - off


def _safe_at_their_own(found: Swept, clip: Clip, noise: Noise, moved: Moved) -> Array:
    up, down = _reach(found)
    level = found.median_low.astype(np.float32)
    level += np.float32(moved.zero)
    shift = moved.between(level, found.span)
    rounding = np.float32(SINGLE) * (np.float32(abs(noise.a)) + np.float32(noise.b) * np.abs(level))
    lowest = level - shift - np.float32(moved.blur)
    counted = np.float32(noise.a) + np.float32(noise.b) * lowest - rounding
    variance = np.maximum(counted, np.float32(noise.floor))
    sigma32 = np.sqrt(variance) * np.float32(MARGIN)
    within: Array = (up + shift <= np.float32(clip.high) * sigma32) & (down + shift <= np.float32(clip.low) * sigma32)
    return within & (variance > np.float32(TINY))


def _reach(found: Swept) -> tuple[Array, Array]:
    """Give how far the largest and the smallest value may lie from the median: of floats with what rounding adds."""
    if found.low.dtype.kind in "iu":
        return difference(found.high, found.median_low), difference(found.median_high, found.low)
    low, high = found.low.astype(np.float64), found.high.astype(np.float64)
    rounding = ULPS * np.spacing(np.maximum(np.abs(found.low), np.abs(found.high))).astype(np.float64)
    return high - found.median_low + rounding, found.median_high - low + rounding


def _below(span: Array, limit: float) -> Array:
    """Compare in the type of the spans: whole numbers stay whole."""
    if not limit >= 0:  # NaN too: an infinite threshold of no noise
        return np.zeros(span.shape, bool)
    if span.dtype.kind == "u":
        limit = math.floor(min(limit, 2.0 ** (8 * span.itemsize - 1) - 1))
    below: Array = span <= span.dtype.type(limit)
    return below


def safe_from_std(stack: Array, found: Swept, clip: Clip) -> Array:
    """Tell which pixels certainly lose nothing to a clip by the standard deviation of their own values."""
    sigma = np.empty(found.low.shape)
    size = max(1, VALUES // len(stack))
    for first in range(0, sigma.size, size):
        part = slice(first, first + size)
        above = stack[:, part].astype(np.float64) - found.low[part]
        mean = np.add.reduce(above) / len(stack)
        variance = np.einsum("ij,ij->j", above, above) / len(stack) - mean * mean
        sigma[part] = np.sqrt(np.maximum(variance - DOUBLE * mean * mean, 0)) * MARGIN
    up, down = _reach(found)
    safe: Array = (up <= clip.high * sigma) & (down <= clip.low * sigma)
    return safe


def safe_from_squares(found: Swept, frames: int, clip: Clip) -> Array:
    """Tell the same from what is no more than the sum of the squares of how far values lie from their mean.

    No median lies further from the mean than the standard deviation (Hotelling and Solomons 1932).
    """
    assert found.squares is not None  # noqa: S101 - for the type checker
    mean, error = mean_and_error(found.total, found.low, found.high, frames)
    real = mean.dtype.type
    sigma = np.sqrt(np.maximum(found.squares, 0) * real(1 / frames)) * real(MARGIN)
    up, down = found.high - mean + error, mean - found.low + error
    safe: Array = (up <= real(clip.high - 1) * sigma) & (down <= real(clip.low - 1) * sigma)
    return safe
