"""Which pixels of a stack a clip certainly leaves untouched: nearly all, told from what a summary finds of them.

A pixel loses nothing if its largest and smallest value lie within the limits about its median; bounds of the median
are enough for that.  What such pixels combine to is the average of all their values.
"""

from __future__ import annotations

import math

import attrs
import numpy as np

from pipeline.records.arrays import Array, BoolArray, FloatArray
from pipeline.stacking.clip import Clip, frames_needed
from pipeline.stacking.plan import Plan
from pipeline.stacking.stack_rows import VALUES_AT_ONCE, Batch, Rows
from pipeline.statistics.amplifier_noise import which_of
from pipeline.statistics.medians import middles
from pipeline.statistics.noise import Noise
from pipeline.statistics.pixel_summary import Asked, PixelSummary, difference, mean_and_error

OFF_IN_SINGLE, OFF_IN_DOUBLE = 2e-7, 1e-9
"""More than what is computed in either precision may be off, of itself."""

MARGIN = 1 - 1e-3
"""Thresholds are lowered by this, more than single precision loses."""

SAMPLED_LEVELS, UNUSUAL = 1000, 50
"""Of so many pixels one in so many lies above, and one below, the usual levels."""

ULPS = 4
"""Differences of floats, shifted perhaps, are off by no more than so many units in the last place of the values."""

TINY_VARIANCE, HUGE_VARIANCE = 1e-30, 1e30
"""Of a variance below or above these single precision holds but a few digits, or none."""


def asked_of(plan: Plan) -> Asked:
    """Say what a summary has to find of the pixels of a stack, for most of them to be told untouched."""
    by_own_spread = not (plan.amplifiers or _keeps_all(plan))
    medians = plan.method == "median" and not plan.whole_shifts.any()
    return Asked(plan.whole_shifts, medians, spread=by_own_spread)


def can_tell(plan: Plan) -> bool:
    """Tell whether a summary of pixels tells which of them certainly keep all their values."""
    if not plan.plain or plan.carried is not None:
        return False
    clip = plan.clip
    if clip is None or _keeps_all(plan):
        return True
    return clip.centre == "median" and (clip.spread == "std" or bool(plan.amplifiers))


def _keeps_all(plan: Plan) -> bool:
    return plan.clip is None or (plan.clip.spread == "std" and frames_needed(plan.clip) > len(plan.frames))


def average_of_all(plan: Plan, stored: Array, zero: float, found: PixelSummary, out: FloatArray) -> None:
    """Write the mean or the median of all values, ``stored + zero``, from what a summary found: rounded once.

    The mean of whole numbers is so in whichever precision, and their median is exact in between.
    """
    whole, shifts = stored.dtype.kind in "iu", plan.whole_shifts
    if plan.method == "mean":
        real = found.total.dtype.type
        less = real(len(stored) * zero + int(shifts.sum())) if whole else real(0)
        total = np.add(found.total, less, out=out if out.dtype == real else None)
        np.divide(total, real(len(stored)), out=out, casting="same_kind")
        return
    lower, upper = middles(stored) if shifts.any() else (found.median_low, found.median_high)
    if not whole:  # the mean of two infinities is not a number
        half = np.multiply(lower, 0.5, dtype=np.float64)
        out[:] = np.where(lower == upper, lower, half + np.multiply(upper, 0.5, dtype=np.float64))
        return
    exact = np.dtype(np.float32 if stored.dtype.itemsize <= 2 else np.float64)
    total = np.add(lower, upper, dtype=exact, out=out if out.dtype == exact else None)
    total *= 0.5
    np.add(total, zero, out=out, casting="same_kind")


def untouched(found: PixelSummary, pixels: Rows | Batch, plan: Plan) -> BoolArray:
    """Tell which pixels, summarised so, certainly keep all their values; what is not finite does not."""
    if plan.clip is None or _keeps_all(plan):
        safe = np.ones(found.low.shape, bool)
    elif plan.amplifiers:
        safe = _safe_by_amplifier(found, pixels, plan, plan.clip)
    elif found.squares is not None:
        safe = safe_from_squares(found, len(plan.frames), plan.clip)
    else:
        safe = safe_from_std(pixels.stored, found, plan.clip)
    return safe if pixels.stored.dtype.kind in "iu" else safe & np.isfinite(found.total)


def _safe_by_amplifier(found: PixelSummary, pixels: Rows | Batch, plan: Plan, clip: Clip) -> BoolArray:
    """Tell which pixels are safe, each by the noise of the amplifier that reads it."""
    amplifiers = plan.amplifiers
    if len(amplifiers) == 1:
        return safe_from_noise(found, clip, amplifiers[0].noise, residual_shift(plan, 0, pixels.zero))
    which, safe = which_of(amplifiers, pixels.place, plan.shape[1]), np.zeros(found.low.shape, bool)
    for number, one in enumerate(amplifiers):
        residual = residual_shift(plan, number, pixels.zero)
        safe |= safe_from_noise(found, clip, one.noise, residual) & (which == number)
    return safe


@attrs.frozen
class ResidualShift:
    """By how much stored values may still be shifted: by ``blur`` at the level ``base``, further off by more.

    That is ``tilt`` times the distance from there.  Two values at the base are shifted ``apart`` by no more than that.
    A level is a stored value and ``zero``.
    """

    zero: float
    base: float
    blur: float
    apart: float
    tilt: float

    def between(self, level: FloatArray, *, span: Array) -> FloatArray | float:
        """Give by how much two values may be shifted against each other, ``span`` apart at most and at a level."""
        if self.tilt == 0:
            return self.apart
        if self.tilt >= 1:
            return np.full_like(level, np.inf)
        real = level.dtype.type
        reach = np.abs(level - real(self.base)) + span.astype(real) + real(self.blur)
        shift: FloatArray = real(self.apart) + real(2 * self.tilt / (1 - self.tilt)) * reach
        return shift


NO_SHIFT = ResidualShift(zero=0.0, base=0.0, blur=0.0, apart=0.0, tilt=0.0)


def residual_shift(plan: Plan, number: int, zero: float) -> ResidualShift:
    """Give by how much the values of an amplifier are shifted still, with whole shifts taken out."""
    shifts, base = plan.shifts, plan.amplifiers[number].noise.base
    tilt = float(np.abs(shifts.factors - 1).max())
    left = shifts.offsets + (shifts.factors - 1) * base - plan.whole_shifts
    return ResidualShift(zero, base, float(np.abs(left).max()), float(np.ptp(left)), tilt)


def safe_from_noise(found: PixelSummary, clip: Clip, noise: Noise, residual: ResidualShift) -> BoolArray:
    """Tell which pixels certainly lose nothing to a clip by the noise of the stack.

    Most are told by limits that hold at the usual levels, the others by those at their own.
    """
    up, down = _reach(found)
    if noise.b == 0 and residual.tilt == 0:
        highest, lowest = _limits(np.zeros(1), 0.0, clip, noise, residual)
        return _below(up, highest) & _below(down, lowest)
    medians = found.median_low
    some = np.sort(medians[:: max(1, medians.size // SAMPLED_LEVELS)])
    usual = some[[some.size // UNUSUAL, -1 - some.size // UNUSUAL]]
    rounding = ULPS * float(np.spacing(np.abs(usual).max())) if usual.dtype.kind == "f" else 0.0
    highest, lowest = _limits(usual.astype(np.float64) + residual.zero, rounding, clip, noise, residual)
    safe: BoolArray = _below(up, highest) & _below(down, lowest) & (medians >= usual[0]) & (medians <= usual[1])
    others = np.flatnonzero(~safe)
    safe[others] = _safe_at_their_own(found.only(others), clip, noise, residual)
    return safe


def _limits(
    levels: FloatArray, rounding: float, clip: Clip, noise: Noise, residual: ResidualShift
) -> tuple[float, float]:
    """Give how far values may lie above and below medians that lie between two levels."""
    with np.errstate(invalid="ignore"):  # with no threshold on one side values may be shifted by anything
        sigma = math.sqrt(max(np.min(noise.a + noise.b * levels), noise.floor, 0))
        shift = float(np.max(residual.between(levels, span=np.full_like(levels, (clip.high + clip.low) * sigma))))
        reach = shift + residual.blur + rounding
        quietest = np.min(noise.a + noise.b * np.concatenate([levels - reach, levels + reach]))
        quietest -= OFF_IN_DOUBLE * (abs(noise.a) + abs(noise.b) * np.abs(levels).max())
        least, off = math.sqrt(max(quietest, noise.floor, 0)) * MARGIN, shift + OFF_IN_DOUBLE * (reach + sigma)
        return clip.high * least - off, clip.low * least - off


def _safe_at_their_own(found: PixelSummary, clip: Clip, noise: Noise, residual: ResidualShift) -> BoolArray:
    up, down = _reach(found)
    level = found.median_low.astype(np.float32)
    level += np.float32(residual.zero)
    shift = residual.between(level, span=found.span)
    rounding = np.float32(OFF_IN_SINGLE) * (np.float32(abs(noise.a)) + np.float32(noise.b) * np.abs(level))
    lowest = level - shift - np.float32(residual.blur)
    counted = np.float32(noise.a) + np.float32(noise.b) * lowest - rounding
    variance = np.maximum(counted, np.float32(noise.floor))
    sigma32 = np.sqrt(variance) * np.float32(MARGIN)
    within: BoolArray = (
        (variance > np.float32(TINY_VARIANCE))
        & (variance < np.float32(HUGE_VARIANCE))
        & (up + shift <= np.float32(clip.high) * sigma32)
        & (down + shift <= np.float32(clip.low) * sigma32)
    )
    return within


def _reach(found: PixelSummary) -> tuple[Array, Array]:
    """Give how far the largest and the smallest value may lie from the median: of floats with what rounding adds."""
    if found.low.dtype.kind in "iu":
        return difference(high=found.high, low=found.median_low), difference(high=found.median_high, low=found.low)
    low, high = found.low.astype(np.float64), found.high.astype(np.float64)
    rounding = ULPS * np.spacing(np.maximum(np.abs(found.low), np.abs(found.high))).astype(np.float64)
    return high - found.median_low + rounding, found.median_high - low + rounding


def _below(span: Array, limit: float) -> BoolArray:
    """Compare in the type of the spans: whole numbers stay whole."""
    if not limit >= 0:  # NaN too: an infinite threshold of no noise
        return np.zeros(span.shape, bool)
    if span.dtype.kind == "u":
        limit = math.floor(min(limit, 2.0 ** (8 * span.itemsize - 1) - 1))
    below: BoolArray = span <= span.dtype.type(limit)
    return below


def safe_from_std(stack: Array, found: PixelSummary, clip: Clip) -> BoolArray:
    """Tell which pixels certainly lose nothing to a clip by the standard deviation of their own values."""
    sigma = np.empty(found.low.shape)
    size = max(1, VALUES_AT_ONCE // len(stack))
    for first in range(0, sigma.size, size):
        part = slice(first, first + size)
        above = stack[:, part].astype(np.float64) - found.low[part]
        mean = np.add.reduce(above) / len(stack)
        variance = np.einsum("ij,ij->j", above, above) / len(stack) - mean * mean
        sigma[part] = np.sqrt(np.maximum(variance - OFF_IN_DOUBLE * mean * mean, 0)) * MARGIN
    up, down = _reach(found)
    safe: BoolArray = (up <= clip.high * sigma) & (down <= clip.low * sigma)
    return safe


def safe_from_squares(found: PixelSummary, frames: int, clip: Clip) -> BoolArray:
    """Tell the same from what is no more than the sum of the squares of how far values lie from their mean.

    No median lies further from the mean than the standard deviation (Hotelling and Solomons 1932).
    """
    assert found.squares is not None  # noqa: S101 - for the type checker
    mean, error = mean_and_error(found.total, low=found.low, high=found.high, count=frames)
    real = mean.dtype.type
    sigma = np.sqrt(np.maximum(found.squares, 0) * real(1 / frames)) * real(MARGIN)
    up, down = found.high - mean + error, mean - found.low + error
    safe: BoolArray = (up <= real(clip.high - 1) * sigma) & (down <= real(clip.low - 1) * sigma)
    return safe
