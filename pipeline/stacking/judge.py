"""Which values of some pixels a clip keeps, and their average: plain hits are told first, the rest by exact rounds.

Most pixels that lose anything were hit in one frame, by far: what they lose lies far beyond the limits, wherever their
median moves meanwhile.  Which of their values a clip keeps, by noise or by their own standard deviation, is told from
these as whole numbers, by comparing all of them with limits.
"""

from __future__ import annotations

from typing import TypeAlias

import attrs
import numpy as np

from pipeline.records.arrays import Array, BoolArray, FloatArray, IntArray
from pipeline.stacking.clip import Clip
from pipeline.stacking.plan import Plan
from pipeline.stacking.same_place import SamePlace, kept_by_noises
from pipeline.stacking.screening import (
    MARGIN,
    NO_SHIFT,
    ResidualShift,
    can_tell,
    residual_shift,
    untouched,
)
from pipeline.stacking.sigma_clip import ByCarriedVariance, ByNoise, ByOwnSpread
from pipeline.stacking.stack_rows import Batch, read_rows
from pipeline.stacking.weights import of_variance
from pipeline.statistics.medians import ALWAYS_COMPARED, middles
from pipeline.statistics.noise import Noise, neighbours_of, typical_level
from pipeline.statistics.order_statistics import Window, true_in_each
from pipeline.statistics.pixel_summary import (
    NOT_SUMMED,
    PixelSummary,
    bounds_by_pairs,
    bounds_of_middles,
    difference,
    shifted,
    total_of,
)


def judge(batch: Batch, plan: Plan) -> tuple[Batch, BoolArray]:
    """Give those of some pixels that may lose values, and which values of these, (frames, pixels), a plan's clip keeps.

    All others keep all.  NaN is never kept.
    """
    return explained([judge_by_own_values(batch, plan)], plan)


def explained(judged: list[tuple[Batch, BoolArray]], plan: Plan) -> tuple[Batch, BoolArray]:
    """Put pixels that were judged by their own values together; keep what moves, too."""
    batch, keep = judged[0]
    if len(judged) > 1:
        batch, keep = Batch.joined([part for part, _ in judged]), np.concatenate([kept for _, kept in judged], axis=1)
    if plan.moved and plan.clip:
        keep = SamePlace(plan, plan.clip, plan.moved).explained(batch, keep)
    return batch, keep


def judge_by_own_values(batch: Batch, plan: Plan) -> tuple[Batch, BoolArray]:
    """Judge pixels by nothing but their own values."""
    if plan.moved and plan.moved.unequal and plan.clip:
        return batch, kept_by_noises(plan, plan.clip, plan.moved.relative, batch)
    usable: BoolArray = np.ones(batch.place.size, bool)
    if batch.unusable is not None:
        usable = ~np.logical_or.reduce(batch.unusable)
    hits, rule = None, rule_of(plan)
    if can_tell(plan) and batch.place.size:
        with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is not safe
            doubtful = np.flatnonzero(~(usable & _untouched_by_medians(batch, plan)))
            batch, usable = batch.only(doubtful), usable[doubtful]
            hits = _plain_hits(batch, plan) if doubtful.size else None
    keep = ~hits.out if hits else np.ones(batch.stored.shape, bool)
    left = np.flatnonzero(~(usable & hits.plain)) if hits else np.arange(batch.place.size)
    rest = batch.only(left)
    rest = attrs.evolve(rest, steps=steps_of(plan, rest.place))
    for which, part in rest.in_parts():
        values = part.values * plan.scale[:, None]
        keep[:, left[which] if hits else which] = rule.kept(part, values) if rule else np.isfinite(values)
    return batch, keep


def weights_of(plan: Plan, batch: Batch) -> FloatArray | None:
    """Give the weight of each value of some pixels, (frames, pixels); None where those of the frames hold for all."""
    if plan.pixel_weights is not None:
        return plan.pixel_weights.at(batch.place)
    if plan.by_own_variance and batch.carried is not None:
        return of_variance(batch.carried, plan.weights)
    return None


def average_of_kept(plan: Plan, values: FloatArray, *, keep: BoolArray, each: FloatArray | None = None) -> FloatArray:
    """Give the median, or the weighted mean, of what is kept: the mean as it would be had nothing been left out.

    With frames expected to show o + f·m, m is Σ w (x − o) / Σ w f over the values kept, and the mean of all
    frames Σ w (o + f m) / Σ w.  Where all are kept that is Σ w x / Σ w.

    :param each: the weight of each value, where it is not that of its frame.
    """
    if plan.method == "median":
        return Window.among(values, keep=keep).median
    if each is not None:
        return _by_pixel_weights(plan, values, keep=keep, each=each)
    weights, offsets, factors = plan.weights, plan.weights * plan.shifts.offsets, plan.weights * plan.shifts.factors
    total = sum_of_rows(np.where(keep, values, 0.0), weights)
    (frame, pixel), whole = np.divmod(np.flatnonzero(~keep), max(total.size, 1)), np.sum(weights)
    lost = np.bincount(pixel, minlength=total.size)
    offset = np.sum(offsets) - np.bincount(pixel, offsets[frame], total.size)
    factor = np.sum(factors) - np.bincount(pixel, factors[frame], total.size)
    factor[lost == len(weights)] = 0  # not what rounding leaves of it
    with np.errstate(invalid="ignore", divide="ignore"):
        level = (total - offset) / factor
    mean: FloatArray = np.where(lost, np.sum(offsets) / whole + np.sum(factors) / whole * level, total / whole)
    return mean


def _by_pixel_weights(plan: Plan, values: FloatArray, *, keep: BoolArray, each: FloatArray) -> FloatArray:
    """Give the same weighted mean, with a weight for each value."""
    kept, (offsets, factors) = np.where(keep, each, 0.0), (plan.shifts.offsets, plan.shifts.factors)
    ones = np.ones(len(values))
    total, whole = sum_of_rows(kept * np.where(keep, values, 0.0), ones), sum_of_rows(each, ones)
    with np.errstate(invalid="ignore", divide="ignore"):
        level = (total - sum_of_rows(kept, offsets)) / sum_of_rows(kept, factors)
        usual = (sum_of_rows(each, offsets) + sum_of_rows(each, factors) * level) / whole
        mean: FloatArray = np.where(keep.all(axis=0), total / whole, usual)
    return mean


def sum_of_rows(rows: Array, factors: FloatArray) -> FloatArray:
    """Add rows times their factors, row by row: numpy's own sum changes its order with the number of columns."""
    total = np.zeros(rows.shape[1])
    for row, factor in zip(rows, factors.tolist(), strict=True):
        total += row * factor if factor != 1 else row
    return total


def rule_of(plan: Plan) -> ByCarriedVariance | ByNoise | ByOwnSpread | None:
    """Give the rule by which values are judged; None where all that are finite are kept."""
    if plan.clip is None:
        return None
    if not plan.amplifiers:
        return ByOwnSpread(plan.clip)
    by_noise = ByNoise(plan.clip, plan.amplifiers, plan.shifts, plan.shape[1])
    return by_noise if plan.carried is None else ByCarriedVariance(by_noise, plan.carried)


def _untouched_by_medians(batch: Batch, plan: Plan) -> BoolArray:
    """Tell which pixels keep all their values by their medians, or by closer bounds of these than a tile's."""
    whole, shown = batch.stored.dtype.kind in "iu", shifted(batch.stored, plan.whole_shifts)
    low, high = np.minimum.reduce(shown), np.maximum.reduce(shown)
    bounds = bounds_by_pairs(shown) if whole and len(shown) > ALWAYS_COMPARED else middles(shown)
    total = NOT_SUMMED if whole else total_of(batch.stored, low=low, high=high)
    return untouched(PixelSummary(low, high, *bounds, total), batch, plan)


Ends: TypeAlias = tuple[FloatArray, FloatArray]
"""What a number lies between."""

MOST_OUT = 4
"""Pixels that lose more values than these are not plain."""

ENOUGH_FRAMES = 8
"""Of fewer frames so few would be left that each moves the median by much."""


@attrs.frozen
class PlainHits:
    """Which pixels are plain, and which values, (frames, pixels), these lose."""

    plain: BoolArray
    out: BoolArray

    @classmethod
    def between(
        cls, shown: Array, clip: Clip, *, middle: Ends, sigma: Ends, shift: FloatArray | float = 0.0
    ) -> PlainHits:
        """Tell it where the median lies in the ``middle`` and σ between two values, both shifted by so much perhaps."""
        (least, most), (quiet, loud) = middle, sigma
        lowest, highest = most - clip.low * quiet + shift, least + clip.high * quiet - shift
        out = _beyond(shown, lowest=least - clip.low * loud - shift, highest=most + clip.high * loud + shift)
        differ = np.logical_or.reduce(out != _beyond(shown, lowest=lowest, highest=highest))
        known = (lowest <= most) & (highest >= least) & (true_in_each(out) <= MOST_OUT)
        return cls(known & ~differ, out)


def _plain_hits(batch: Batch, plan: Plan) -> PlainHits | None:
    """Tell which pixels are plain hits; None where that is not told."""
    if plan.clip is None or batch.stored.dtype.kind not in "iu" or len(plan.amplifiers) > 1:
        return None
    if not plan.amplifiers:
        return plain_hits(batch.stored, plan.clip, None, NO_SHIFT)
    residual = residual_shift(plan, 0, batch.zero)
    return plain_hits(shifted(batch.stored, plan.whole_shifts), plan.clip, plan.amplifiers[0].noise, residual)


def plain_hits(shown: Array, clip: Clip, noise: Noise | None, residual: ResidualShift) -> PlainHits | None:
    """Tell which pixels are plain hits, from their shifted values, whole numbers (frames, pixels).

    None where that is not told: of a mean, of few frames, and where noise depends on more than the level.

    :param noise: to judge by; None to judge each pixel by its own standard deviation.
    :param residual: by how much values may still be shifted against each other.
    """
    if clip.centre != "median" or len(shown) < ENOUGH_FRAMES or (noise and (noise.c or noise.d)):
        return None
    least, most = (bound.astype(np.float64) for bound in bounds_of_middles(shown, MOST_OUT))
    with np.errstate(invalid="ignore"):  # no limit at no spread: what is not a number is not plain
        if noise is None:
            return _hits_by_own_spread(shown, clip, (least, most))
        low, high = least + residual.zero, most + residual.zero
        span = difference(high=np.maximum.reduce(shown), low=np.minimum.reduce(shown)) if residual.tilt else np.zeros(1)
        shift = np.maximum(residual.between(low, span=span), residual.between(high, span=span))
        reach = shift + residual.blur
        at_ends = noise.variance(low - reach), noise.variance(high + reach)
        sigma = np.sqrt(np.minimum(*at_ends)) * MARGIN, np.sqrt(np.maximum(*at_ends)) / MARGIN
        return PlainHits.between(shown, clip, middle=(least, most), sigma=sigma, shift=shift)


def _hits_by_own_spread(shown: Array, clip: Clip, middle: Ends) -> PlainHits:
    """Go through the rounds, with the spread of what is left after each."""
    beyond = shown.astype(np.float32)  # exact, and so is what lies beyond the middle
    beyond -= middle[0].astype(np.float32)
    gone, left = np.zeros(shown.shape, bool), np.full(shown.shape[1], len(shown))
    plain = np.ones(left.shape, bool)
    for _ in range(MOST_OUT + 1 if clip.iterations is None else clip.iterations):
        mean = np.add.reduce(beyond) / left
        sigma = np.sqrt(np.maximum(np.einsum("ij,ij->j", beyond, beyond) / left - mean * mean, 0))
        found = PlainHits.between(shown, clip, middle=middle, sigma=(sigma * MARGIN, sigma / MARGIN))
        lost = np.logical_or.reduce(found.out > gone)
        gone |= found.out
        left = len(shown) - true_in_each(gone)
        plain &= found.plain & (left >= len(shown) - MOST_OUT)
        if not (lost & plain).any():
            break
        beyond[gone] = 0
    return PlainHits(plain, found.out)


def _beyond(shown: Array, *, lowest: FloatArray, highest: FloatArray) -> BoolArray:
    """Compare whole numbers with limits as such; those beyond what their type holds do not matter."""
    ends = np.iinfo(shown.dtype)
    beyond: BoolArray = np.less(shown, np.ceil(np.clip(lowest, ends.min, ends.max)).astype(shown.dtype))
    beyond |= shown > np.floor(np.clip(highest, ends.min, ends.max)).astype(shown.dtype)
    return beyond


def moving(plan: Plan) -> bool:
    """Tell whether a pixel's neighbours matter: its largest step to one, or what others show there."""
    return plan.moved is not None or _steep(plan)


def _steep(plan: Plan) -> bool:
    """Tell whether a pixel's noise asks for its largest step to a neighbour."""
    return any(one.noise.d for one in plan.amplifiers)


def steps_of(plan: Plan, place: IntArray) -> FloatArray | None:
    """Give the largest step of pixels to a neighbour where the noise asks for it: their rows are read once more.

    :param place: where in the flattened image they are: a row more is read above and below.
    """
    if not (_steep(plan) and place.size):
        return None
    (height, width), first, last = plan.shape, int(place.min()), int(place.max())
    above, below = max(first // width - 1, 0), min(last // width + 2, height)
    here = place - above * width
    around = neighbours_of(here, (below - above, width))
    asked = np.zeros((below - above) * width, bool)
    asked[around], asked[here] = True, True
    level = np.full(asked.shape, np.nan)
    level[asked] = _levels(plan, above, below, np.flatnonzero(asked))
    steps: FloatArray = np.fmax.reduce(np.abs(level[around] - level[here]))
    return np.nan_to_num(steps)


def _levels(plan: Plan, start: int, stop: int, which: IntArray) -> FloatArray:
    """Give the typical level of some pixels of rows; of two values the lower one, because cosmic rays only add."""
    batch = read_rows(plan.frames, start, stop).only(which)
    if plan.plain and batch.unusable is None and batch.stored.dtype.kind != "f":
        lower, upper = middles(shifted(batch.stored, plan.whole_shifts))
        return lower.astype(float) if len(plan.frames) == 2 else 0.5 * lower + 0.5 * upper
    return typical_level(batch.values * plan.scale[:, None] - plan.whole_shifts[:, None])
