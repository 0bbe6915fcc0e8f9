"""Measuring the noise of a stack from rows of it, robustly: cosmic rays and a few bad pixels do not count."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import attrs
import numpy as np

from pipeline.records.arrays import Array
from pipeline.statistics.frame_levels import FEW_PIXELS, Shifts, bins_of, gathered
from pipeline.statistics.noise import MOVING, Noise, largest_step, typical_of
from pipeline.statistics.order_statistics import Window
from pipeline.statistics.robust import median, quantile
from pipeline.statistics.rounding import QUANTISATION

SPREAD = 10.0
"""Levels that spread over fewer σ than this show no slope of the noise."""

SIGNIFICANT = 4.0
"""Motion counts from so many of its standard errors."""

TELLING = 25.0
"""Motion is measured where it could show as so many times the other noise."""

CUT_OFF = 0.05
"""Where so many of all values are 0 and none is less, they were cut off there."""

FIT_ROUNDS = 6


UNEQUAL = 0.05
"""Where more pixels than this part have another number of values than most, that number alone tells the noise."""

HUGE = 1e60
"""No value that light made: its fourth power, which a fit takes, is no number any more."""


@attrs.frozen(eq=False, repr=False)
class NoiseSample:
    """Sampled pixels: their level, largest step to a neighbour, variance over frames, and its degrees of freedom."""

    level: Array
    step: Array
    variance: Array
    freedom: Array

    @property
    def degrees(self) -> int:
        """The degrees of freedom of most variances."""
        return int(median(self.freedom)) if self.freedom.size else 0

    @property
    def telling(self) -> NoiseSample:
        """The pixels that have two values or more, none of them so large that what is fitted overflows.

        Where many values are missing, those of the most common number of them.
        """
        enough = (self.freedom > 0) & (self.variance < HUGE**2) & (self.step < HUGE) & (np.abs(self.level) < HUGE)
        usual = most_common(self.freedom[enough])
        if np.count_nonzero(self.freedom[enough] != usual) > UNEQUAL * np.count_nonzero(enough):
            enough &= self.freedom == usual  # what their scatter says of the noise depends on how many there are
        return self if enough.all() else NoiseSample(*(plane[enough] for plane in attrs.astuple(self, recurse=False)))


def sample_of(stacks: Sequence[Array], shifts: Shifts) -> NoiseSample:
    """Measure level, step and variance of each pixel; the variance of fewer than two values is NaN."""
    parts = [_over_frames(part, shifts) for part in gathered(stacks)]
    level, variance, freedom = (np.concatenate(planes) for planes in zip(*parts, strict=True))
    ends = np.cumsum([stack[0].size for stack in stacks])[:-1]
    levels = [one.reshape(stack.shape[1:]) for one, stack in zip(np.split(level, ends), stacks, strict=True)]
    steps = np.concatenate([largest_step(level).reshape(-1) for level in levels])
    if len(stacks[0]) == 2:
        level = np.concatenate([_beside(level).reshape(-1) for level in levels])
    return NoiseSample(level, steps, variance, freedom)


def _over_frames(values: Array, shifts: Shifts) -> tuple[Array, Array, Array]:
    """Give the typical level of pixels, (frames, pixels), the variance of their values, and its degrees of freedom."""
    window = Window.of(shifts.taken_from(values))
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = window.mean_of((window.ordered - window.mean) ** 2) * window.size / (window.size - 1)
    return typical_of(window), variance, window.size - 1


def _beside(level: Array) -> Array:
    """Give the mean of the neighbours left and right: the lower of two values says something of their difference."""
    padded = np.pad(level, ((0, 0), (1, 1)), mode="reflect") if level.shape[1] > 1 else level
    beside: Array = 0.5 * (padded[:, :-2] + padded[:, 2:]) if level.shape[1] > 1 else level
    return np.where(np.isfinite(beside), beside, level)


def measure_stack_noise(
    stacks: Sequence[Array],
    shifts: Shifts,
    kind: str,
    counting: Noise | None = None,
    sample: NoiseSample | None = None,
    *,
    rounding: float = QUANTISATION,
) -> Noise:
    """Fit the noise to sampled blocks of rows, robustly: cosmic rays and a few bad pixels do not count.

    :param stacks: as for :func:`measure_shifts`.
    :param counting: the read and photon noise, where they are known.
    :param sample: what these pixels show, where that has been measured.
    :param rounding: the variance of rounding that values have, which no noise is less than.
    """
    sample = (sample or sample_of(stacks, shifts)).telling
    if counting and kind == "bias":
        return Noise(a=counting.a, floor=counting.floor)
    if sample.level.size < FEW_PIXELS or sample.degrees < 1:
        return counting or Noise(a=_pooled(sample, rounding), floor=rounding)
    noise = _above_pedestal(counting, sample) if counting else _counting_noise(sample, kind, rounding)
    if kind in ("bias", "dark") and noise.b == 0 and not counting:
        noise = attrs.evolve(noise, a=max(noise.a, _seen_from_above(stacks)))
    return _with_motion(noise, sample, rounding, fit_counting=counting is None) if kind in MOVING else noise


def _above_pedestal(counting: Noise, sample: NoiseSample) -> Noise:
    """Fit the one thing that gain and read noise leave open: how much of the level is a bias, which has no noise."""
    calm = sample.step <= quantile(sample.step, 0.5)
    typical = _typical(sample.variance[calm], sample.degrees, counting.floor)
    a = min(counting.a, typical - counting.b * median(sample.level[calm]))
    return Noise(a=a, b=counting.b, floor=max(counting.floor, counting.a))


def _pooled(sample: NoiseSample, rounding: float) -> float:
    return max(median(sample.variance), rounding) if sample.variance.size else rounding


def _counting_noise(sample: NoiseSample, kind: str, rounding: float) -> Noise:
    """Fit a + b·level; of lights and arcs to the calmer half of the pixels only.

    Bias frames have a alone, and so has a stack whose levels spread no wider than its noise: there a slope would be
    the noise's own.
    """
    calm = sample.step <= quantile(sample.step, 0.5) if kind in MOVING else slice(None)
    level, variance = sample.level[calm], sample.variance[calm]
    base = median(sample.level)
    bins = [] if kind == "bias" else bins_of(level)
    start = _binned(bins, variance, sample.degrees, rounding)
    if not _spans(level, bins, start):
        (a,), _ = _fit(np.ones((1, level.size)), variance, start, sample.degrees)
        return Noise(a=a, base=base, floor=max(rounding, 0.5 * a))
    (a, b), _ = _fit(np.stack([np.ones_like(level), level]), variance, start, sample.degrees)
    return Noise(a=a, b=b, base=base, floor=max(rounding, 0.5 * float(start.min())))


def _spans(level: Array, bins: list[Array], variance: Array) -> bool:
    """Tell whether levels, in bins, spread wider than their noise, so that they tell a slope of it."""
    means = [float(level[part].mean()) for part in bins] or [0.0]
    return bool(max(means) - min(means) > SPREAD * np.sqrt(median(variance)))


def _seen_from_above(stacks: Sequence[Array]) -> float:
    """Give the variance as the upper values alone tell it, where many lie on the lowest of all; 0 where few do.

    Unsigned frames without a pedestal are cut off at 0, and their scatter with them.  What lies one and two σ above
    the middle is not: the distance between those quantiles, over that of the same fractions of a normal distribution.
    """
    values = np.concatenate([stack.reshape(-1) for stack in stacks])
    values = values[np.isfinite(values)]
    if not values.size or values.min() != 0 or np.count_nonzero(values == 0) < CUT_OFF * values.size:
        return 0.0
    values = np.sort(values)
    edges = np.quantile(values, [0.8413, 0.9772], method="higher")
    above = 1 - np.searchsorted(values, edges, side="right") / values.size
    if edges[0] <= values[0] or not above[0] > above[1] > 0:
        return 0.0
    middle = (edges + values[np.searchsorted(values, edges, side="right")]) / 2
    normal = NormalDist()
    return float(((middle[1] - middle[0]) / (normal.inv_cdf(1 - above[1]) - normal.inv_cdf(1 - above[0]))) ** 2)


def _with_motion(noise: Noise, sample: NoiseSample, rounding: float, fit_counting: bool) -> Noise:
    """Add what shifts and changes of flux or seeing do at steep and bright places, where it can be told from 0.

    All terms are fitted together, lest the photon noise of a bright trace be taken for motion.  Motion that shows is
    then given its due in all but the most extreme twentieth of the pixels, which may be hit by cosmic rays: it goes
    along the steepest direction in some places and across it in others.
    """
    level, step2 = sample.level, sample.step**2
    noise = attrs.evolve(noise, base=median(level))
    bright2 = (level - noise.base) ** 2
    by_level = bins_of(level)
    start = np.maximum(*(_binned(b, sample.variance, sample.degrees, rounding) for b in (by_level, bins_of(step2))))
    if fit_counting:
        sloping = _spans(level, by_level, start)
        terms = np.stack([np.ones_like(level), *((level,) if sloping else ()), step2, bright2])
        (a, *found), errors = _fit(terms, sample.variance, start, sample.degrees)
        b, moved = (found[0], found[1:]) if sloping else (0.0, found)
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
    return max(0.0, quantile(excess[telling] / unit[telling], 0.95)) if telling.sum() >= FEW_PIXELS else 0.0


def _fit(terms: Array, variance: Array, start: Array, degrees: int, free: int = 1) -> tuple[list[float], list[float]]:
    """Fit factors of terms, non-negative but for the first ``free``, to variances known to √(2/degrees) of themselves.

    Reweighted least squares; values beyond what chi-square allows are left out.  Gives factors and their errors.
    """
    expected = start
    used, factors, errors = list(range(len(terms))), np.zeros(len(terms)), np.zeros(len(terms))
    for _ in range(FIT_ROUNDS):
        kept = variance <= chi_square(degrees, 4.0) * expected
        weighted = kept / expected**2 * terms
        while used:
            normal = np.zeros((len(used), len(used)))
            for n, p in enumerate(used):
                normal[n, : n + 1] = normal[: n + 1, n] = [np.sum(weighted[p] * terms[q]) for q in used[: n + 1]]
            scale = np.sqrt(np.diag(normal))
            scale = np.where(scale > 0, scale, 1.0)
            inverse = np.linalg.pinv(normal / np.outer(scale, scale), hermitian=True, rcond=1e-12)
            solved = inverse @ (np.array([np.sum(weighted[p] * variance) for p in used]) / scale)
            negative = [n for n, value in zip(used, solved, strict=True) if value < 0 and n >= free]
            if not negative:
                break
            used = [n for n in used if n not in negative]
        factors, errors = np.zeros(len(terms)), np.zeros(len(terms))
        if used:
            factors[used] = solved / scale
            errors[used] = np.sqrt(np.maximum(np.diag(inverse), 0) * 2 / degrees) / scale
        before, expected = expected, np.maximum(np.sum(factors[:, None] * terms, axis=0), 0.25 * start)
        if np.array_equal(expected, before):  # and so would all further rounds be
            break
    return factors.tolist(), errors.tolist()


def _binned(bins: list[Array], variance: Array, degrees: int, rounding: float) -> Array:
    """Give each pixel the typical variance of those in its bin, or of all where it is in none."""
    typical = np.zeros(variance.shape)
    for part in bins:
        typical[part] = max(_typical(variance[part], degrees, rounding), rounding)
    if not typical.all():
        typical[typical == 0] = max(_typical(variance, degrees, rounding), rounding)
    return typical


def _typical(variance: Array, degrees: int, rounding: float) -> float:
    """Give the mean variance of pixels without the hit ones: those far beyond what chi-square allows.

    It starts from the median or, where half of the pixels are quieter than the rest, from what a fifth exceeds.
    """
    middle, upper, most = quantile(variance, 0.5), quantile(variance, 0.8), chi_square(degrees, 4.0)
    typical = max(middle / chi_square(degrees, 0.0), upper / chi_square(degrees, 0.8416), rounding)
    for _ in range(5):
        kept = variance[variance <= most * typical]
        typical = max(float(kept.mean()), rounding / 4) if kept.size else typical
    return typical


def most_common(numbers: Array) -> int:
    """Give the whole number that is there most often, 0 of none."""
    return int(np.bincount(numbers.astype(int)).argmax()) if numbers.size else 0


def chi_square(degrees: int, sigma: float) -> float:
    """Give the chi-square quantile that is ``sigma`` of a normal one, over its degrees (Wilson and Hilferty 1931)."""
    return float((1 - 2 / (9 * degrees) + sigma * np.sqrt(2 / (9 * degrees))) ** 3)
