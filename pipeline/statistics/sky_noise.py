"""The noise of the sky of lights and arcs, free of what stands in it: stars that move are no noise.

The difference of two exposures holds what moved or changed between them beside the noise.  What moved is smooth over a
few pixels, and noise is not: second differences along a row keep the one and lose the other.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np

from pipeline.records.arrays import Array, BoolArray
from pipeline.statistics.frame_levels import FEW_PIXELS, Shifts
from pipeline.statistics.noise import QUANTISATION, Noise
from pipeline.statistics.noise_fit import chi_square

RUN = 64
"""Where not all pixels are needed, so many of a row that adjoin are taken together."""

ENOUGH_VALUES = 100_000
"""Half of so many values, those of all frames, tell the noise to half a percent."""

ENOUGH_PLACES = 4096
"""At so many places there is sky between the stars."""

SKY = (0.05, 0.5)
"""Sky is what lies between these quantiles of the level: above what is dead or unlit, below what is bright."""

SMOOTHED = 9
"""So many pixels of a row tell a level, lest the noise choose the sky."""

APART = 2
"""Second differences are taken of pixels so far apart: those of resampled frames share noise with the next."""

STRUCTURE = 1.1
"""By this factor, and four errors, differences over one pixel more grow only where something fine moves."""

TELLING = 0.01
"""Factors by which frames differ are looked at where they could make this part of the noise."""

LEAST = 0.8
"""No level has less than this part of the variance of the sky."""

CALM = 0.25
"""A run of which more than this part is sky tells what its row has in common."""

SHARED = 1.94
"""Second differences that overlap tell as much of a variance as so many times fewer would: 1 + 2 (4/9 + 1/36)."""

ROUNDS = 8


@attrs.frozen
class SkyNoise:
    """The variance of one value of the sky, in ADU², with its relative error, and the level that it was found at.

    ``floor`` is the least that the variance can be: that of rounding, where values are whole numbers.
    """

    variance: float
    level: float
    error: float
    floor: float = 0.0

    def about(self, slope: float) -> Noise:
        """Give the noise that grows with the level by ``slope`` and is right in the sky, however wrong the slope."""
        floor = max(LEAST * self.variance, self.floor)
        return Noise(a=self.variance - slope * self.level, b=slope, base=self.level, floor=floor)


@np.errstate(divide="ignore", invalid="ignore", over="ignore")  # what is not finite is not used
def sky_noise(blocks: Sequence[Array], shifts: Shifts) -> SkyNoise | None:
    """Measure the noise that one exposure has in the faint half of sampled pixels; of unlike ones it is their mean.

    With r a value less the mean over n frames, q = (r[x−k] − 2 r[x] + r[x+k])/√6 has the variance of the noise, less
    the nth part that the mean took.  Hits are left out as what no noise does.  What whole rows of one frame have in
    common is lost with the structure; it is added from how much the medians of adjoining rows differ.

    :param blocks: sampled rows, each (frames, rows, columns), NaN where a value is bad; columns adjoin.
    :param shifts: how frames differ as a whole; moving stars may have made them wrong.
    :returns: None where that takes more frames or pixels.
    """
    values, joined = _runs(blocks)
    if values.shape[0] < 2 or values.shape[2] <= 2 * APART:
        return None
    mean, left = _mean(values)
    level = _smoothed(mean)
    if np.isfinite(level).sum() < 2 * FEW_PIXELS:
        return None
    faint, bright = np.nanquantile(level, SKY)
    sky = (faint <= level) & (level <= bright)
    found = _noise_of(values - mean, left, sky, joined)
    unlike = shifts.factors / np.mean(shifts.factors) - 1
    if np.mean(unlike**2) * _typical(mean[None], None, sky, APART)[0] > TELLING * found[0]:
        again = _noise_of(values - mean - unlike[:, None, None] * mean, left, sky, joined)
        found = min(found, again)  # wrong factors add to the noise: the least is right
    variance, error = found
    if not np.isfinite(variance):
        return None
    whole = variance < 1 and not np.nanmax(values % 1)
    floor = QUANTISATION if whole else 0.0
    at = (float(np.median(level[sky])) - np.mean(shifts.offsets)) / np.mean(shifts.factors)
    return SkyNoise(max(variance, floor), float(at), error, floor)


def _runs(blocks: Sequence[Array]) -> tuple[Array, BoolArray]:
    """Give runs of adjoining pixels, (frames, runs, columns), no more than are needed.

    Also tells of each but the last whether the next run lies beside it, in the next row.
    """
    frames, _, width = blocks[0].shape
    every = sum(block[0].size for block in blocks) // max(ENOUGH_PLACES, ENOUGH_VALUES // frames)
    parts = list(blocks)
    if every > 1 and width >= 2 * RUN:
        starts = range(0, width - RUN + 1, RUN)
        parts = [
            block[:, :, start : start + RUN]
            for turn, block in enumerate(blocks)  # each gives other columns
            for start in starts[turn % every :: every]
        ]
    joined = np.ones(sum(part.shape[1] for part in parts), bool)
    joined[np.cumsum([part.shape[1] for part in parts]) - 1] = False
    return np.concatenate(parts, axis=1), joined[:-1]


def _mean(values: Array) -> tuple[Array, Array | None]:
    """Give the mean over frames, and the part of each value's variance that is left without it.

    That is None where it is the same everywhere.  Frames of which values are bad are brought to one level first, for
    the sake of means over some of them.
    """
    mean = values.mean(axis=0)
    if np.isfinite(mean).all():
        return mean, None
    good = np.isfinite(values)
    count = good.sum(axis=0)
    mean = np.where(good, values, 0.0).sum(axis=0) / count
    for number, known in enumerate(good):
        values[number] -= np.median((values[number] - mean)[known]) if known.any() else 0.0
    mean = np.where(good, values, 0.0).sum(axis=0) / count
    return mean, np.where(good & (count > 1), 1 - 1 / count, np.nan)


def _smoothed(level: Array) -> Array:
    """Average along rows; NaN where all of it is."""
    width = min(SMOOTHED, level.shape[1]) // 2
    good, around = np.isfinite(level), ((0, 0), (width + 1, width))
    planes = np.where(good, level, 0.0), good
    total, count = (np.cumsum(np.pad(plane, around), axis=1, dtype=float) for plane in planes)
    first, last = np.s_[:, : -2 * width - 1], np.s_[:, 2 * width + 1 :]
    smoothed: Array = (total[last] - total[first]) / (count[last] - count[first])
    return smoothed


def _noise_of(residual: Array, left: Array | None, sky: BoolArray, joined: BoolArray) -> tuple[float, float]:
    """Give the variance of the noise of the sky and its relative error; infinite ones where too few pixels tell."""
    (variance, error), (far, _) = (_typical(residual, left, sky, apart) for apart in (APART, APART + 1))
    if np.isfinite(far) and far > variance * (STRUCTURE + 4 * error):
        variance, error = _typical(residual, left, sky, apart=1)
    return variance + _of_rows(residual, sky, joined, variance), error


def _typical(residual: Array, left: Array | None, sky: BoolArray, apart: int) -> tuple[float, float]:
    """Give the variance of second differences and its relative error, of pixels of the sky without the hit ones."""
    if residual.shape[2] <= 2 * apart:
        return np.inf, np.inf
    here, sky = np.s_[..., apart:-apart], sky[:, apart:-apart]
    before, behind = np.s_[..., : -2 * apart], np.s_[..., 2 * apart :]
    q = residual[before] - 2 * residual[here] + residual[behind]
    if left is None:
        degrees = max(len(residual) - 1, 1)
        variance = np.einsum("fij,fij->ij", q, q)[sky] / (6 * degrees)
    else:
        share = (left[before] + 4 * left[here] + left[behind])[:, sky] / 6
        known, total = np.isfinite(share), np.nansum(share, axis=0)
        enough = total > 0.5 * total.max(initial=0.0)
        degrees = max(1, round(float(np.median(total[enough])))) if enough.any() else 1
        variance = (np.where(known, q[:, sky], 0.0) ** 2).sum(axis=0)[enough] / (6 * total[enough])
    if variance.size < FEW_PIXELS:
        return np.inf, np.inf
    typical, count = _without_hits(variance, degrees)
    return typical, float(np.sqrt(2 * SHARED / (count * degrees)))


def _without_hits(variance: Array, degrees: int) -> tuple[float, int]:
    """Give the mean of variances without those far beyond what chi-square allows, and how many it is of."""
    typical, count = float(np.median(variance)) / chi_square(degrees, 0.0) or float(variance.mean()), variance.size
    for _ in range(ROUNDS):
        kept = variance[variance <= chi_square(degrees, 4.0) * typical]
        if not kept.size:
            break
        before, typical, count = typical, float(kept.mean()), kept.size
        if typical == before:
            break
    return typical, count


def _of_rows(residual: Array, sky: BoolArray, joined: BoolArray, variance: float) -> float:
    """Give the variance of what a whole run has in common in one frame alone, where it shows.

    It is told from the next row, without the few values that stand out.
    """
    calm = np.flatnonzero(joined & (sky.mean(axis=1) > CALM)[:-1])
    step = residual[:, calm + 1] - residual[:, calm]
    degrees, width, reach = len(residual) - 1, residual.shape[2], 2 * np.sqrt(2 * variance)
    means = np.clip(step[:, np.isfinite(step).all(axis=(0, 2))], -reach, reach).mean(axis=2)
    if means.shape[1] < FEW_PIXELS:
        return 0.0
    typical, count = _without_hits(0.5 * (means**2).sum(axis=0) / degrees, degrees)
    excess = typical - variance / width
    return excess if excess > 4 * typical * np.sqrt(2 / (count * degrees)) else 0.0
