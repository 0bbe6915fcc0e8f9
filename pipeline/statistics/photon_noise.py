"""The photon noise of lights and arcs, for their variance: told apart from how noisy levels are."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import attrs
import numpy as np

from pipeline.headers.keywords import gain, of_frame
from pipeline.records.arrays import Array
from pipeline.records.frames import Image
from pipeline.statistics.frame_levels import FEW_PIXELS, Shifts
from pipeline.statistics.noise import Noise, largest_step
from pipeline.statistics.noise_fit import most_common
from pipeline.statistics.order_statistics import true_in_each
from pipeline.statistics.sky_noise import SkyNoise

ROUNDS = 8

MAY_MOVE = 0.5
"""By so many pixels exposures may have moved against each other: what that does counts as noise of the fit."""

STEEP = 25.0
"""Motion would show where a step to a neighbour, squared, is so many times the noise."""

MOVED = 1.25
"""From this many times the noise that photons explain, steep places tell of motion."""

SPANNED = 5.0
"""Levels differ by more than their noise where what a pixel and its neighbours share is so many errors from none."""

TOLD, HARMLESS = 4.0, 0.05
"""A slope counts from so many of its errors; or where its error, times a level's noise, is less than such a part of the
variance."""

MISSING = 0.3
"""Where a value is missing in more pixels than this part, those are measured that have the most common number left."""

PEAK = 5.0
"""A pixel so many σ above all its neighbours is a hot one."""


@attrs.frozen(eq=False, repr=False)
class PhotonSample:
    """Sampled pixels with all their values and neighbours, over the frames of a stack.

    Their level, the mean level of the neighbours left and right, the variance over frames with its degrees of freedom,
    the largest step to a neighbour, and the height above all of them.
    """

    level: Array
    beside: Array
    variance: Array
    step: Array
    peak: Array
    degrees: int

    @classmethod
    def of(cls, blocks: Sequence[Array], shifts: Shifts, weights: Array | None = None) -> PhotonSample | None:
        """Measure sampled blocks of rows, (frames, rows, columns); None where there are too few pixels.

        :param weights: how much each frame counts in the level; all the same by default.
        """
        part = np.full(len(shifts.offsets), 1.0) if weights is None else weights
        wide = [block for block in blocks if block.shape[2] > 2]
        if not wide:
            return None
        counts = np.concatenate([true_in_each(np.isfinite(block)).reshape(-1) for block in wide])
        usual, measure = len(part), _measured
        if np.count_nonzero(counts < usual) > MISSING * counts.size:
            usual = most_common(counts[counts > 1])
            measure = partial(_measured_of_some, count=usual)
        planes = np.concatenate([measure(block, shifts, part / np.sum(part)) for block in wide], axis=1)
        if planes.shape[1] < FEW_PIXELS:
            return None
        level, beside, variance, step, peak = planes
        return cls(level, beside, variance, step, peak, usual - 1)


def slope_of(frames: Sequence[Image]) -> float | None:
    """Give the variance that a unit of level adds by its photons, as all headers say it; None where they do not.

    One for electrons, one over the gain for ADU; over the exposure for values per second.
    """
    slopes = {_slope(frame) for frame in frames}
    return slopes.pop() if len(slopes) == 1 else None


def _slope(frame: Image) -> float | None:
    with of_frame(frame.name):
        per_adu = 1.0 if frame.state.unit.startswith("electron") else gain(frame.header)
    seconds = frame.exposure if frame.state.per_second else 1.0
    if per_adu is None or not seconds or frame.state.flat:
        return None
    return 1 / (per_adu * seconds)


def in_unit_of(image: Image, noise: Noise) -> Noise | None:
    """Give the noise of one frame in ADU in the unit of an image, which may be electrons, or either per second.

    None for values per second of no known exposure.
    """
    factor = 1 / noise.b if image.state.unit.startswith("electron") and noise.b > 0 else 1.0
    if not image.state.per_second:
        return noise if factor == 1 else noise.scaled(factor)
    return noise.scaled(factor / image.exposure) if image.exposure else None


def photon_noise(
    sample: PhotonSample | None, judged: Noise, slope: float | None = None, sky: SkyNoise | None = None
) -> Noise:
    """Fit a + b·level to the variances of sampled pixels, which the noise of the sky confirms or replaces.

    Where frames have moved, steep and bright places say more of that than of photons.  A known slope does not mind;
    without one it stays that by which values are judged, without its motion, where motion is seen.

    :param slope: the variance that a unit of level adds by its photons, where that is known.
    :param sky: the noise where it is faint, free of what moved.
    """
    found = judged.counted
    if sample is not None:
        a, b = _fitted(sample, judged, 0.0 if slope is None else MAY_MOVE, slope)
        fitted = attrs.evolve(judged.counted, a=a, b=b)
        if np.isfinite(a + b) and not (slope is None and _moved(sample, fitted.variance(sample.beside))):
            found = fitted
    if sky is None or (sky.confirms(found) and (slope is not None or found.b <= sky.most)):
        return found
    return sky.about(sky.plausible(found.b) if slope is None else slope)


def _fitted(sample: PhotonSample, judged: Noise, may_move: float, slope: float | None = None) -> tuple[float, float]:
    """Fit a and, unless it is given, b, the neighbours' level standing in for the pixels' own.

    A faint pixel's level is as noisy as its variance is small, which flattens the slope of an ordinary fit; the mean
    of the neighbours left and right has the same scene and noise of its own (the method of instrumental variables,
    Wald 1940).  Where levels differ by hardly more than their noise no slope is told, and it is 0.  Hot pixels say
    nothing: by their neighbours' level only those that happen to scatter little would count.
    """
    level, beside, variance = sample.level, sample.beside, sample.variance
    wild = 1 + 5 * np.sqrt(2 / sample.degrees) + 8 / sample.degrees  # one of twenty thousand of a normal noise
    moved = (may_move * sample.step) ** 2
    a, b, expected = judged.a, judged.b, judged.counted.variance(beside)
    for _ in range(ROUNDS):
        hot = sample.peak > PEAK * np.sqrt(2 * expected / (sample.degrees + 1))
        weight = ((variance <= wild * expected) & ~hot) / (expected + moved) ** 2
        total = np.sum(weight)
        if not total:  # no pixel as quiet as expected, as where half of a frame is dead: nothing to better it by
            return judged.a, judged.b
        lever = weight * (beside - np.sum(weight * beside) / total)
        reach = float(np.sum(lever * level))
        fitted = max(float(np.sum(lever * variance)) / reach, 0.0) if reach > 0 else 0.0
        b = fitted if slope is None else slope
        a = float(np.sum(weight * (variance - b * level)) / total)
        before, expected = expected, np.maximum(a + b * beside, judged.floor)
        if np.array_equal(expected, before):  # and so would all further rounds be
            break
    if slope is None and b > 0 and not _spanned(sample, weight, lever, reach, b, before):
        return _fitted(sample, judged, may_move, 0.0)
    return a, b


def _spanned(sample: PhotonSample, weight: Array, lever: Array, reach: float, slope: float, expected: Array) -> bool:
    """Tell whether levels span a slope, or it is but the quotient of two numbers that noise made."""
    of_level = expected / (sample.degrees + 1)
    if reach <= SPANNED * np.sqrt(np.sum(lever**2 * of_level)):
        return False
    error = np.sqrt(np.sum(lever**2 * 2 * expected**2 / sample.degrees)) / reach
    typical = np.sum(weight * expected) / np.sum(weight)
    return bool(slope > TOLD * error or error * np.sqrt(typical / (sample.degrees + 1)) < HARMLESS * typical)


def _moved(sample: PhotonSample, expected: Array) -> bool:
    """Tell whether steep places vary more than photons explain."""
    steep = sample.step**2 > STEEP * expected
    count, degrees = int(steep.sum()), sample.degrees
    if count < FEW_PIXELS:
        return False
    excess = np.minimum(sample.variance[steep] / expected[steep], 1 + 5 * np.sqrt(2 / degrees) + 8 / degrees)
    return bool(np.mean(excess) > MOVED + 4 * np.sqrt(2 / degrees / count))


def _measured(block: Array, shifts: Shifts, weights: Array) -> Array:
    """Give level, neighbours' level, variance, step and height of a block's pixels: (5, pixels)."""
    even = shifts.taken_from(block)
    residual = (even - even.mean(axis=0)) * shifts.factors[:, None, None]  # as noisy as frames are
    variance = np.einsum("fij,fij->ij", residual, residual) / (len(block) - 1)
    return _planes(np.einsum("f,fij->ij", weights, block), variance)


def _measured_of_some(block: Array, shifts: Shifts, weights: Array, *, count: int) -> Array:
    """Give the same of pixels of which so many values are left."""
    good = np.isfinite(block)
    left = true_in_each(good)
    even = shifts.taken_from(block)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(good, even, 0.0).sum(axis=0) / left
        residual = np.where(good, even - mean, 0.0) * shifts.factors[:, None, None]
        variance = np.where(left == count, np.einsum("fij,fij->ij", residual, residual) / (left - 1), np.nan)
    return _planes(mean * np.sum(weights * shifts.factors) + np.sum(weights * shifts.offsets), variance)


def _planes(level: Array, variance: Array) -> Array:
    """Give level, neighbours' level, variance, step and height of the pixels of a block of which all are known."""
    highest = np.maximum(level[:, :-2], level[:, 2:])
    highest[1:] = np.maximum(highest[1:], level[:-1, 1:-1])
    highest[:-1] = np.maximum(highest[:-1], level[1:, 1:-1])
    inner, beside = level[:, 1:-1], 0.5 * (level[:, :-2] + level[:, 2:])
    planes = (inner, beside, variance[:, 1:-1], largest_step(level)[:, 1:-1], inner - highest)
    found = np.stack([plane.reshape(-1) for plane in planes])
    good: Array = found[:, np.isfinite(found).all(axis=0)]
    return good
