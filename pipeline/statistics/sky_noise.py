"""The noise of the sky of lights and arcs, free of what stands in it: stars that move are no noise.

The difference of two exposures holds what moved or changed between them beside the noise.  What moved is smooth over a
few pixels, and noise is not: second differences along a row keep the one and lose the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import attrs
import numpy as np

from pipeline.records.arrays import Array, BoolArray
from pipeline.statistics.frame_levels import FEW_PIXELS, Shifts
from pipeline.statistics.noise import Noise
from pipeline.statistics.noise_fit import chi_square
from pipeline.statistics.robust import MAD_TO_SIGMA, WILD

RUN = 64
"""Where not all pixels are needed, so many of a row that adjoin are taken together."""

ENOUGH_VALUES = 100_000
"""Half of so many values, those of all frames, tell the noise to half a percent."""

ENOUGH_PLACES = 4096
"""At so many places there is sky between the stars."""

SKY = (0.05, 0.5)
"""Sky is what lies between these quantiles of the level: above what is dead or unlit, below what is bright."""

FAINTEST = 0.15
"""Where all is full of stars, what lies below this quantile is nearest to a sky."""

BETWEEN_STARS = (0.01, 0.06)
"""And where even there it is not dark, what lies between these."""

BRIGHTER = (0.75, 0.9, 0.97, 1.0)
"""What lies between these tells how much noisier brighter pixels are at most."""

SMOOTHED = 9
"""So many pixels of a row tell a level, lest the noise choose the sky."""

APART = 2
"""Second differences are taken of pixels so far apart: those of resampled frames share noise with the next."""

STRUCTURE = 1.05
"""By this factor, and three errors, differences over one pixel more grow only where something fine moves."""

TELLING = 0.01
"""Factors by which frames differ are looked at where they could make this part of the noise."""

LEAST = 0.8
"""No level has less than this part of the variance of the sky."""

CALM = 0.25
"""A run of which more than this part is sky tells what its row has in common."""

CONFIRMED = 0.03
"""Variances that differ by less than this part, and one and a half errors, are alike."""

CHANCE = 0.2
"""The sky has structure where the mean of frames varies by more than its noise, by this part of it."""

FEW_ELECTRONS = 3.0
"""The noise of the sky is that of so many electrons at least: the gain cannot be less than that says."""

SHARED = 1.94
"""Second differences that overlap tell as much of a variance as so many times fewer would: 1 + 2 (4/9 + 1/36)."""

ROUNDS = 8


@attrs.frozen
class SkyNoise:
    """The variance of one value of the sky, in ADU², with its relative error, and the level that it was found at.

    ``floor`` is the least that the variance can be: that of rounding, where values are whole numbers; ``steepest`` the
    most that it can grow with the level, as brighter pixels show it; ``crowded`` says that there was no empty sky.
    """

    variance: float
    level: float
    error: float
    floor: float = 0.0
    steepest: float = np.inf
    crowded: bool = False

    def about(self, slope: float) -> Noise:
        """Give the noise that grows with the level by ``slope`` and is right in the sky, however wrong the slope."""
        floor = max(LEAST * self.variance, self.floor)
        return Noise(a=self.variance - slope * self.level, b=slope, base=self.level, floor=floor)

    def plausible(self, slope: float) -> float:
        """Bound a slope that motion may have made too steep: brighter pixels do not bear it, or no photons so few."""
        return min(slope, self.steepest, self.most)

    @property
    def most(self) -> float:
        """The slope of the fewest electrons."""
        return float(np.sqrt(self.variance)) / FEW_ELECTRONS

    def confirms(self, noise: Noise) -> bool:
        """Tell whether a noise is that of the sky, as well as this is known."""
        told = float(noise.variance(np.array(self.level)))
        uncertain = max(1.5 * self.error, 3 * (self.error - CONFIRMED))  # hardly known where many values are missing
        return abs(told / self.variance - 1) <= CONFIRMED + uncertain if self.variance > 0 else told == 0


@np.errstate(divide="ignore", invalid="ignore", over="ignore")  # what is not finite is not used
def sky_noise(
    blocks: Sequence[Array],
    shifts: Shifts,
    *,
    weights: Array | None = None,
    from_zero: bool = False,
    rounding: float = 0.0,
    of_brighter: bool = True,
) -> SkyNoise | None:
    """Measure the noise that one exposure has in the faint half of sampled pixels; of unlike ones it is their mean.

    With r a value less the mean over n frames, q = (r[x−k] − 2 r[x] + r[x+k])/√6 has the variance of the noise, less
    the nth part that the mean took.  Hits are left out as what no noise does.  What whole rows of one frame have in
    common is lost with the structure; it is added from how much the medians of adjoining rows differ.

    :param blocks: sampled rows, each (frames, rows, columns), NaN where a value is bad; columns adjoin.
    :param shifts: how frames differ as a whole; moving stars may have made them wrong.
    :param weights: how much each frame counts where the level is told; all the same by default.
    :param from_zero: no bias is in the values: photons make no more than all of the noise.
    :param rounding: the variance of rounding that values have.
    :param of_brighter: whether to look how much noisier brighter pixels are, and how quiet the darkest.
    :returns: None where that takes more frames or pixels.
    """
    if not blocks or len(blocks[0]) < 2 or blocks[0].shape[2] <= 2 * APART:
        return None
    values, joined = _runs(blocks)
    mean, left = _mean(values)
    part = np.ones(len(values)) / len(values) if weights is None else weights / np.sum(weights)
    shown = mean if np.ptp(part) == 0 else _weighted(values, part)
    level = _smoothed(shown)
    if np.isfinite(level).sum() < 2 * FEW_PIXELS:
        return None
    edges = np.nanquantile(level, [*SKY, *BRIGHTER])
    sky = (edges[0] <= level) & (level <= edges[1])
    residual, plane, (variance, error) = _without_scene(values, mean, left, sky, shifts.factors)
    if not np.isfinite(variance):
        return None
    far, _ = _typical(*_variances(residual, left, APART + 1), sky)
    crowded = bool(np.isfinite(far) and far > variance * (STRUCTURE + 3 * error))
    if crowded or (of_brighter and _too_bright(plane, sky, level, shown)):
        crowded, near = True, _variances(residual, left, APART - 1)
        sky, variance, error = _between_stars(near, plane, sky, level, darkest=of_brighter)
        plane = near
    steepest = _steepest(plane, level, edges[1:], variance, error) if of_brighter else np.inf
    plain = sky & (plane[0] <= chi_square(plane[1], 4.0) * variance)  # NaN is not
    at = float(np.mean(shown[plain]))
    variance += _of_rows(residual, sky, joined, variance)
    if from_zero and at > 0:
        steepest = min(steepest, variance * (1 + 3 * error) / at)
    return SkyNoise(max(variance, rounding), at, error, rounding, steepest, crowded)


@np.errstate(divide="ignore", invalid="ignore", over="ignore")
def variances_of_sky(blocks: Sequence[Array]) -> Array | None:
    """Measure the variance of each frame in the faint half of sampled pixels, however unlike frames are.

    It is that of second differences in the frame itself, less what they have in common with the mean of the others,
    weighed by how quiet these are: structure that stands still.  Chance that passes for it is none.

    :param blocks: as for :func:`sky_noise`.
    :returns: None where that takes more frames or pixels.
    """
    if not blocks or len(blocks[0]) < 2 or blocks[0].shape[2] <= 2 * APART:
        return None
    values, _ = _runs(blocks)
    q = (values[:, :, : -2 * APART] - 2 * values[:, :, APART:-APART] + values[:, :, 2 * APART :]) / np.sqrt(6)
    known = np.isfinite(q).all(axis=0)
    if np.count_nonzero(known) < 4 * FEW_PIXELS:
        return None
    weights = (MAD_TO_SIGMA * np.median(np.abs(q[:, known]), axis=1)) ** -2
    if not np.isfinite(weights).all():
        return None
    level = _smoothed(_weighted(values, weights))[:, APART:-APART]
    faint, bright = np.nanquantile(level[known], SKY)
    q = q[:, known & (faint <= level) & (level <= bright)]
    q = q[:, (np.abs(q) <= WILD * MAD_TO_SIGMA * np.median(np.abs(q), axis=1)[:, None]).all(axis=0)]
    others = (np.sum(weights[:, None] * q, axis=0) - weights[:, None] * q) / (np.sum(weights) - weights)[:, None]
    own, common = q * (q - others), q * others
    chance = np.sqrt(SHARED / q.shape[1])
    stands = np.mean(common, axis=1) > 3 * chance * np.std(common, axis=1)
    alone = np.maximum(np.mean(own, axis=1), chance * np.std(own, axis=1))
    found: Array = np.where(stands, alone, np.mean(q**2, axis=1))
    return found if np.isfinite(found).all() else None


def _too_bright(plane: tuple[Array, int], sky: BoolArray, level: Array, shown: Array) -> bool:
    """Tell whether all of the sky is so much noisier than its faintest part as photons could never make it."""
    faint = sky & (level <= np.nanquantile(level, FAINTEST))
    (variance, error), (quiet, unsure) = (_typical(*plane, part) for part in (sky, faint))
    limits = chi_square(plane[1], 4.0) * np.array([variance, quiet])
    lit = [shown[part & (plane[0] <= most)] for part, most in zip((sky, faint), limits, strict=True)]
    if not all(one.size for one in lit):
        return False
    bright, dark = (float(np.mean(one)) for one in lit)
    by_photons = np.sqrt(quiet) / FEW_ELECTRONS * max(bright - dark, 0.0)
    return bool(variance > quiet * (STRUCTURE + 3 * (error + unsure)) + by_photons)


def _between_stars(
    near: tuple[Array, int], plane: tuple[Array, int], sky: BoolArray, level: Array, *, darkest: bool
) -> tuple[BoolArray, float, float]:
    """Give the same of a crowded field.

    :param near: variances over fewer pixels than those of the ``plane``.
    :param darkest: whether to look where it is darkest, if even the faintest part is none.
    """
    faint = sky & (level <= np.nanquantile(level, FAINTEST))
    variance, error = _typical(*near, faint)
    if darkest and _typical(*plane, faint)[0] > variance * (STRUCTURE + 3 * error):
        low, high = np.nanquantile(level, BETWEEN_STARS)
        between = (low <= level) & (level <= high)
        least, unsure = _typical(*near, between)
        if least < variance:
            return between, least, unsure
    return faint, variance, error


def _runs(blocks: Sequence[Array]) -> tuple[Array, BoolArray]:
    """Give runs of adjoining pixels, (frames, runs, columns), no more than are needed.

    Also tells of each but the last whether the next run lies beside it, in the next row.
    """
    frames, _, width = blocks[0].shape
    every = round(sum(block[0].size for block in blocks) / max(ENOUGH_PLACES, ENOUGH_VALUES // frames))
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


def _without_scene(
    values: Array, mean: Array, left: Array | None, sky: BoolArray, factors: Array
) -> tuple[Array, tuple[Array, int], tuple[float, float]]:
    """Take from each frame the mean, or its factor times that where the sky has structure and so gets quieter.

    Factors that moving stars made wrong add to the noise.  Gives what is left, its variances, and what is typical.
    """
    residual, unlike = values - mean, factors / np.mean(factors) - 1
    plane = _variances(residual, left, APART)
    noise = _typical(*plane, sky)
    of_mean, _ = _typical(*_variances(mean[None], None, APART), sky)
    structure = of_mean - noise[0] / len(values)
    if structure > CHANCE * of_mean and structure * np.mean(unlike**2) > TELLING * noise[0]:
        scaled = residual - unlike[:, None, None] * mean
        of_scaled = _variances(scaled, left, APART)
        if (less := _typical(*of_scaled, sky))[0] < noise[0]:
            return scaled, of_scaled, less
    return residual, plane, noise


def _weighted(values: Array, weights: Array) -> Array:
    """Give the weighted mean of frames, of those that are not NaN."""
    good = np.isfinite(values)
    weighted: Array = np.tensordot(weights, np.where(good, values, 0.0), 1) / np.tensordot(weights, good, 1)
    return weighted


def _smoothed(level: Array) -> Array:
    """Average along rows; NaN where all of it is."""
    width = min(SMOOTHED, level.shape[1]) // 2
    good, around = np.isfinite(level), ((0, 0), (width + 1, width))
    planes = np.where(good, level, 0.0), good
    total, count = (np.cumsum(np.pad(plane, around), axis=1, dtype=float) for plane in planes)
    first, last = np.s_[:, : -2 * width - 1], np.s_[:, 2 * width + 1 :]
    smoothed: Array = (total[last] - total[first]) / (count[last] - count[first])
    return smoothed


def _variances(residual: Array, left: Array | None, apart: int) -> tuple[Array, int]:
    """Give the variance over frames of second differences, NaN where it is not known, and its degrees of freedom."""
    plane, degrees = np.full(residual.shape[1:], np.nan), max(len(residual) - 1, 1)
    here, before, behind = np.s_[..., apart:-apart], np.s_[..., : -2 * apart], np.s_[..., 2 * apart :]
    q = residual[before] - 2 * residual[here] + residual[behind]
    if left is None:
        plane[here] = np.einsum("fij,fij->ij", q, q) / (6 * degrees)
        return plane, degrees
    share = (left[before] + 4 * left[here] + left[behind]) / 6
    total = np.nansum(share, axis=0)
    known = total > 0.5 * total.max(initial=0.0)
    plane[here] = np.where(known, np.nansum(q * q, axis=0) / (6 * total), np.nan)
    return plane, max(round(float(np.median(total[known]))), 1) if known.any() else 1


def _typical(variances: Array, degrees: int, where: BoolArray) -> tuple[float, float]:
    """Give the mean of variances without hits, and its relative error; infinite ones where too few pixels tell."""
    some = variances[where]
    some = some[np.isfinite(some)]
    if some.size < FEW_PIXELS:
        return np.inf, np.inf
    typical, count = _without_hits(some, degrees)
    return typical, float(np.sqrt(2 * SHARED / (count * degrees)))


def _steepest(plane: tuple[Array, int], level: Array, edges: Array, variance: float, error: float) -> float:
    """Give the most by which the variance can grow with the level: what moves in some bright parts adds to it in all.

    :param edges: those of bins of the level.
    """
    base, least = float(np.median(level[level <= edges[0]])), np.inf
    told_by_noise = 5 * np.sqrt(variance / SMOOTHED)
    for low, high in pairwise(edges):
        where = (low < level) & (level <= high)
        typical, uncertain = _typical(*plane, where)
        if np.isfinite(typical) and (rise := float(np.median(level[where])) - base) > told_by_noise:
            least = min(least, (typical * (1 + 3 * uncertain) - variance * (1 - 3 * error)) / rise)
    return max(least, 0.0)


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
    """Give the variance of what a whole run has in common in one frame alone.

    It is told from the next row, without the few values that stand out.
    """
    calm = np.flatnonzero(joined & (sky.mean(axis=1) > CALM)[:-1])
    step = residual[:, calm + 1] - residual[:, calm]
    degrees, width, reach = len(residual) - 1, residual.shape[2], 2 * np.sqrt(2 * variance)
    means = np.clip(step[:, np.isfinite(step).all(axis=(0, 2))], -reach, reach).mean(axis=2)
    if means.shape[1] < FEW_PIXELS:
        return 0.0
    typical, _ = _without_hits(0.5 * (means**2).sum(axis=0) / degrees, degrees)
    return max(float(typical - variance / width), 0.0)
