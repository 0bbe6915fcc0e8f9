"""How much equal exposures should differ: the noise of a stack, given or measured from it.

σ² = a + b·level, the read noise and the photons; for lights and arcs also (d·∇level)² for small shifts of the
image between exposures, and c·(level − base)² for changes of its flux or sharpness.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import attrs
import numpy as np

from pipeline.errors import SettingError
from pipeline.pixels import Array
from pipeline.robust import MAD_TO_SIGMA, robust_mean

QUANTISATION = 1 / 12
"""The variance of rounding to whole numbers, ADU²: no integer frame is quieter."""

MOVING = ("light", "arc")
SAMPLED_ROWS = {False: 15, True: 48}
FEW_PIXELS = 16
SPREAD = 10.0
"""Levels that spread over fewer σ than this show no slope of the noise."""

FAINT = 10.0
"""Levels of fewer σ than this tell nothing of a factor: what differs there is an offset."""

SIGNIFICANT = 4.0
TELLING = 25.0
FIT_ROUNDS = 6
_QUANTILES = np.array([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.997, 0.999, 1.0])


@attrs.frozen
class Noise:
    """The variance of one value, in ADU²: max(a + b·level, floor) + (d·step)² + c·(level − base)².

    ``a`` is the read noise squared (with frames that hold a bias: less b·bias), ``b`` one over the gain in
    e⁻/ADU, ``step`` the largest difference between a pixel and its four neighbours.
    """

    a: float
    b: float = 0.0
    c: float = 0.0
    d: float = 0.0
    base: float = 0.0
    floor: float = QUANTISATION

    @classmethod
    def of(cls, *, gain: float, read_noise: float) -> Noise:
        """Make the noise of a detector from its gain in e⁻/ADU and its read noise in e⁻.

        >>> Noise.of(gain=2.0, read_noise=6.0)
        Noise(a=9.0, b=0.5, c=0.0, d=0.0, base=0.0, floor=0.08333333333333333)

        :raises SettingError: the gain is not positive, or the read noise negative.
        """
        if not gain > 0 or not read_noise >= 0:
            raise SettingError(
                f"gain={gain}, read_noise={read_noise}; expected a positive gain in e⁻/ADU and a read noise in e⁻"
            )
        return cls(a=(read_noise / gain) ** 2, b=1 / gain)

    def variance(self, level: Array, step: Array | float = 0.0) -> Array:
        """Give σ² at each level, and largest step to a neighbour, in ADU²."""
        counted = np.maximum(self.a + self.b * level, self.floor)
        if self.d == 0 and self.c == 0:
            return counted
        moved: Array = counted + (self.d * step) ** 2 + self.c * (level - self.base) ** 2
        return moved

    def scaled(self, factor: float) -> Noise:
        """Give the noise of the same frames in another unit, their values multiplied by ``factor``."""
        f = abs(factor)
        return Noise(self.a * f * f, self.b * f, self.c, self.d, self.base * f, self.floor * f * f)


@attrs.frozen
class Shifts:
    """What each frame of a stack is expected to show: offset + factor·level."""

    offsets: Array
    factors: Array

    @classmethod
    def none(cls, frames: int) -> Shifts:
        """Expect the same of every frame."""
        return cls(np.zeros(frames), np.ones(frames))


def largest_step(level: Array) -> Array:
    """Give the largest difference between each pixel and its neighbours above, below, left and right."""
    step = np.zeros_like(level)
    for axis in (0, 1):
        if level.shape[axis] > 1:
            difference = np.abs(np.diff(level, axis=axis))
            before, behind = [slice(None)] * 2, [slice(None)] * 2
            before[axis], behind[axis] = slice(None, -1), slice(1, None)
            step[tuple(before)] = np.fmax(step[tuple(before)], difference)
            step[tuple(behind)] = np.fmax(step[tuple(behind)], difference)
    return step


def sampled_blocks(height: int, kind: str) -> list[tuple[int, int]]:
    """Choose rows to measure the noise on, in blocks of three so that neighbours are known.

    They depend on the shape and the kind alone; lights and arcs get more, so that no trace of a spectrum is missed.
    """
    blocks = max(1, min(SAMPLED_ROWS[kind in MOVING] // 3, height // 3))
    starts = np.unique(np.linspace(0, max(height - 3, 0), blocks).round().astype(int))
    return [(int(start), min(int(start) + 3, height)) for start in starts]


def typical_level(stack: Array) -> Array:
    """Give the median over frames, ignoring NaN; of two values the lower one, because cosmic rays only add."""
    ordered = np.sort(stack, axis=0)
    count = np.isfinite(stack).sum(axis=0)
    low = np.take_along_axis(ordered, (np.maximum(count - 1, 0) // 2)[None], axis=0)[0]
    high = np.take_along_axis(ordered, np.minimum(count // 2, len(stack) - 1)[None], axis=0)[0]
    level: Array = np.where(count == 2, low, 0.5 * low + 0.5 * high)
    return level


def measure_shifts(stacks: Sequence[Array], kind: str) -> Shifts:
    """Measure what makes each frame of a stack differ as a whole from the median of all.

    Bias and dark frames have an offset each; flats, lights and arcs a factor, and where the image spans levels
    enough to tell, an offset too.

    :param stacks: sampled blocks of rows, each (frames, rows, columns), NaN where a value is bad.
    """
    sample = np.concatenate([stack.reshape(len(stack), -1) for stack in stacks], axis=1)
    level = typical_level(sample)
    good = np.isfinite(level)
    sample, level = sample[:, good], level[good]
    if len(sample) < 2 or level.size < FEW_PIXELS:
        return Shifts.none(len(sample))
    if kind in ("bias", "dark"):
        offsets = np.array([robust_mean(frame - level) for frame in sample])
        shifts = Shifts(offsets - np.nanmedian(offsets), np.ones(len(sample)))
    else:
        shifts = _lines(sample, level)
    known = np.isfinite(shifts.offsets) & np.isfinite(shifts.factors)  # a frame that is bad all over says nothing
    return Shifts(np.where(known, shifts.offsets, 0.0), np.where(known, shifts.factors, 1.0))


def _lines(sample: Array, level: Array) -> Shifts:
    """Fit offset + factor·level to each frame through medians in bins of level."""
    bins = _bins(level)
    centres = np.array([np.median(level[part]) for part in bins])
    if len(bins) < 3 or np.ptp(centres) < 0.1 * np.abs(centres).max():
        return _factors_alone(sample, level)
    heights = np.array([[_median(frame[part]) for part in bins] for frame in sample])
    weights = np.array([part.size for part in bins]) / np.maximum(np.abs(centres), 1)
    weights = np.where(np.isfinite(heights), weights, 0.0)
    heights = np.nan_to_num(heights)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.sum(weights * centres, axis=1) / weights.sum(axis=1)
        lever = weights * (centres - mean[:, None])
        slopes = np.sum(heights * lever, axis=1) / np.sum(lever * (centres - mean[:, None]), axis=1)
        factors = np.where(slopes > 0, slopes, 1.0)
        return Shifts(np.sum(heights * weights, axis=1) / weights.sum(axis=1) - factors * mean, factors)


def _median(values: Array) -> float:
    """Give the median, ignoring NaN; NaN where nothing else is there."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else float("nan")


def _factors_alone(sample: Array, level: Array) -> Shifts:
    middle = robust_mean(level)
    excess = np.array([robust_mean(frame - level) for frame in sample])
    noise = MAD_TO_SIGMA * float(np.nanmedian(np.abs(sample - level)))
    if abs(middle) <= FAINT * noise:
        return Shifts(excess - np.median(excess), np.ones(len(sample)))
    factors = 1 + excess / middle
    return Shifts(np.zeros(len(sample)), np.where(factors > 0, factors, 1.0))


def _bins(level: Array) -> list[Array]:
    """Split pixels by level, finely at the bright end, where the few pixels that show the slope are."""
    order = np.argsort(level, kind="stable")
    edges = np.unique((_QUANTILES * level.size).astype(int))
    return [order[start:stop] for start, stop in pairwise(edges) if stop - start >= 8]


@attrs.frozen
class _Sample:
    """Sampled pixels: their level, largest step to a neighbour, and variance over frames with degrees of freedom."""

    level: Array
    step: Array
    variance: Array
    degrees: int


def _sample(stacks: Sequence[Array], shifts: Shifts) -> _Sample:
    levels, steps, variances, freedom = [], [], [], []
    for stack in stacks:
        even = (stack - shifts.offsets[:, None, None]) / shifts.factors[:, None, None]
        count = np.isfinite(even).sum(axis=0)
        level = typical_level(even)
        enough = count > 1
        levels.append((_beside(level) if len(stack) == 2 else level)[enough])
        steps.append(largest_step(level)[enough])
        even = np.sort(even[:, enough], axis=0)  # sorted: the sum does not depend on the order of the frames
        variances.append(np.nanvar(even, axis=0, ddof=1))
        freedom.append(count[enough] - 1)
    level, step, variance = (np.concatenate(parts) for parts in (levels, steps, variances))
    return _Sample(level, step, variance, int(np.median(np.concatenate(freedom))) if level.size else 0)


def _beside(level: Array) -> Array:
    """Give the mean of the neighbours left and right: the lower of two values says something of their difference."""
    padded = np.pad(level, ((0, 0), (1, 1)), mode="reflect") if level.shape[1] > 1 else level
    beside: Array = 0.5 * (padded[:, :-2] + padded[:, 2:]) if level.shape[1] > 1 else level
    return np.where(np.isfinite(beside), beside, level)


def measure_stack_noise(stacks: Sequence[Array], shifts: Shifts, kind: str, counting: Noise | None = None) -> Noise:
    """Fit the noise to sampled blocks of rows, robustly: cosmic rays and a few bad pixels do not count.

    :param stacks: as for :func:`measure_shifts`.
    :param counting: the read and photon noise, where they are known.
    """
    sample = _sample(stacks, shifts)
    if counting and kind == "bias":
        return Noise(a=counting.a)
    if sample.level.size < FEW_PIXELS or sample.degrees < 1:
        return counting or Noise(a=_pooled(sample))
    noise = _above_pedestal(counting, sample) if counting else _counting_noise(sample, kind)
    return _with_motion(noise, sample, fit_counting=counting is None) if kind in MOVING else noise


def _above_pedestal(counting: Noise, sample: _Sample) -> Noise:
    """Fit the one thing that gain and read noise leave open: how much of the level is a bias, which has no noise."""
    calm = sample.step <= np.quantile(sample.step, 0.5)
    typical = _typical(sample.variance[calm], sample.degrees)
    a = min(counting.a, typical - counting.b * float(np.median(sample.level[calm])))
    return Noise(a=a, b=counting.b, floor=max(QUANTISATION, counting.a))


def _pooled(sample: _Sample) -> float:
    return max(float(np.median(sample.variance)), QUANTISATION) if sample.variance.size else QUANTISATION


def _counting_noise(sample: _Sample, kind: str) -> Noise:
    """Fit a + b·level; of lights and arcs to the calmer half of the pixels only.

    Bias frames have a alone, and so has a stack whose levels spread no wider than its noise: there a slope would be
    the noise's own.
    """
    calm = sample.step <= np.quantile(sample.step, 0.5) if kind in MOVING else np.ones(sample.level.size, bool)
    level, variance = sample.level[calm], sample.variance[calm]
    start = _binned(level, variance, sample.degrees)
    means = [float(level[part].mean()) for part in _bins(level)] or [0.0]
    spread = max(means) - min(means) > SPREAD * np.sqrt(np.median(start))
    terms = [np.ones_like(level), level] if spread and kind != "bias" else [np.ones_like(level)]
    a, b = (*_fit(np.stack(terms), variance, start, sample.degrees)[0], 0.0)[:2]
    lowest = float(start.min()) if spread else a
    return Noise(a=a, b=b, base=float(np.median(sample.level)), floor=max(QUANTISATION, 0.5 * lowest))


def _with_motion(noise: Noise, sample: _Sample, fit_counting: bool) -> Noise:
    """Add what shifts and changes of flux or seeing do at steep and bright places, where it can be told from 0.

    All terms are fitted together, lest the photon noise of a bright trace be taken for motion.  Motion that shows is
    then given its due in all but the most extreme twentieth of the pixels, which may be hit by cosmic rays: it goes
    along the steepest direction in some places and across it in others.
    """
    level, step2 = sample.level, sample.step**2
    noise = attrs.evolve(noise, base=float(np.median(level)))
    bright2 = (level - noise.base) ** 2
    start = np.maximum(_binned(level, sample.variance, sample.degrees), _binned(step2, sample.variance, sample.degrees))
    if fit_counting:
        terms = np.stack([np.ones_like(level), level, step2, bright2])
        (a, b, *moved), errors = _fit(terms, sample.variance, start, sample.degrees)
        noise = attrs.evolve(noise, a=a, b=b)
    else:
        excess = sample.variance - noise.variance(level)
        moved, errors = _fit(np.stack([step2, bright2]), excess, start, sample.degrees, free=0)
    if not any(m > SIGNIFICANT * e for m, e in zip(moved, errors[-2:], strict=True)):
        return noise
    counted = noise.variance(level)
    d2 = _wide(sample.variance - counted, step2, counted)
    c = _wide(sample.variance - counted - d2 * step2, bright2, counted)
    return attrs.evolve(noise, d=float(np.sqrt(d2)), c=c)


def _wide(excess: Array, unit: Array, counted: Array) -> float:
    """Give the factor of ``unit`` that covers the excess of all but a twentieth of the pixels where it could show."""
    telling = unit > TELLING * counted
    return max(0.0, float(np.quantile(excess[telling] / unit[telling], 0.95))) if telling.sum() >= FEW_PIXELS else 0.0


def _fit(terms: Array, variance: Array, start: Array, degrees: int, free: int = 1) -> tuple[list[float], list[float]]:
    """Fit factors of terms, non-negative but for the first ``free``, to variances known to √(2/degrees) of themselves.

    Reweighted least squares; values beyond what chi-square allows are left out.  Gives factors and their errors.
    """
    expected = start
    used, factors, errors = list(range(len(terms))), np.zeros(len(terms)), np.zeros(len(terms))
    for _ in range(FIT_ROUNDS):
        kept = variance <= _chi_square(degrees, 4.0) * expected
        weight = kept / expected**2
        scale = np.sqrt(np.sum(weight * terms**2, axis=1))
        scale = np.where(scale > 0, scale, 1.0)
        while used:
            chosen = terms[used] / scale[used, None]
            normal = np.array([[np.sum(weight * p * q) for q in chosen] for p in chosen])
            inverse = np.linalg.pinv(normal, hermitian=True, rcond=1e-12)
            solved = inverse @ np.array([np.sum(weight * p * variance) for p in chosen])
            negative = [n for n, value in zip(used, solved, strict=True) if value < 0 and n >= free]
            if not negative:
                break
            used = [n for n in used if n not in negative]
        factors, errors = np.zeros(len(terms)), np.zeros(len(terms))
        if used:
            factors[used] = solved / scale[used]
            errors[used] = np.sqrt(np.maximum(np.diag(inverse), 0) * 2 / degrees) / scale[used]
        expected = np.maximum(np.sum(factors[:, None] * terms, axis=0), 0.25 * start)
    return factors.tolist(), errors.tolist()


def _binned(by: Array, variance: Array, degrees: int) -> Array:
    """Give each pixel the typical variance of those that are alike in ``by``."""
    typical = np.full(by.shape, max(_typical(variance, degrees), QUANTISATION))
    for part in _bins(by):
        typical[part] = max(_typical(variance[part], degrees), QUANTISATION)
    return typical


def _typical(variance: Array, degrees: int) -> float:
    """Give the mean variance of pixels without the hit ones: those far beyond what chi-square allows.

    It starts from the median or, where half of the pixels are quieter than the rest, from what a fifth exceeds.
    """
    middle, upper = np.quantile(variance, [0.5, 0.8])
    typical = max(float(middle) / _chi_square(degrees, 0.0), float(upper) / _chi_square(degrees, 0.8416), QUANTISATION)
    for _ in range(5):
        kept = variance[variance <= _chi_square(degrees, 4.0) * typical]
        typical = max(float(kept.mean()), QUANTISATION / 4) if kept.size else typical
    return typical


def _chi_square(degrees: int, sigma: float) -> float:
    """Give the chi-square quantile that is ``sigma`` of a normal one, over its degrees (Wilson and Hilferty 1931)."""
    return float((1 - 2 / (9 * degrees) + sigma * np.sqrt(2 / (9 * degrees))) ** 3)
