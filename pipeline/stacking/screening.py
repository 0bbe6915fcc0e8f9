"""Which pixels of a stack certainly lose nothing to a clip: nearly all, told from what one sweep finds of them.

A pixel loses nothing if its largest and smallest value lie within the limits about its median; bounds of the median
are enough for that.

Pixels that may lose values to a clip, taken out of the rows of a stack.

The bulk of a stack: pixels that certainly keep all their values, combined by operations on whole frames.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import attrs
import numpy as np

from pipeline.records.pixels import Array
from pipeline.stacking.clip import Clip, frames_needed
from pipeline.stacking.plan import Plan
from pipeline.statistics.amplifier_noise import which_of
from pipeline.statistics.noise import Noise
from pipeline.statistics.pixel_summary import VALUES, Sweep, Swept, difference, mean_and_error


@attrs.frozen
class Doubtful:
    """Pixels that may lose values: ``where`` they are in the flattened image, and what is stored (frames, pixels).

    ``highest`` is the highest value of any pixel.
    """

    where: Array
    stored: Array
    highest: float

    @classmethod
    def joined(cls, parts: Sequence[Doubtful]) -> Doubtful:
        """Put pixels of several rows together."""
        if len(parts) == 1:
            return parts[0]
        planes = zip(*((part.where, part.stored) for part in parts), strict=True)
        where, stored = (np.concatenate(plane, axis=-1) for plane in planes)
        return cls(where, stored, max(part.highest for part in parts))

    def only(self, places: Array | slice) -> Doubtful:
        """Give some of them."""
        if isinstance(places, slice):
            return Doubtful(self.where[places], self.stored[:, places], self.highest)
        if places.size == self.where.size:
            return self
        return Doubtful(self.where[places], self.stored.take(places, axis=1), self.highest)


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
    others = np.flatnonzero(~safe)
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
            where = np.flatnonzero(~self.safe(stored, found, range(begin, begin + out.size), zero))
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
