"""The variance of combined frames: own errors average down, what frames share does not.

It comes from the noise of the whole stack, from each pixel's scatter, or from the variance that frames carry.
"""

from __future__ import annotations

from typing import TypeAlias

import attrs
import numpy as np
from toolz import unique

from pipeline.records.arrays import Array, BoolArray, FloatArray, Shared, sealed
from pipeline.records.pixels import on_their_own
from pipeline.records.shared_errors import was_moved
from pipeline.stacking.judge import average_of_kept, sum_of_rows, weights_of
from pipeline.stacking.plan import Plan
from pipeline.stacking.stack_rows import Batch, Rows
from pipeline.statistics.amplifier_noise import variance_of, which_of, without_motion
from pipeline.statistics.medians import median_variance
from pipeline.statistics.noise import MOVING
from pipeline.statistics.order_statistics import true_in_each

Errors: TypeAlias = tuple[FloatArray | None, Shared]
"""The own variance of some rows, and what they share with other images."""

LEFT_OF_ROUNDING = (0.6, 1.0)
"""The variance of rounding that is left in the median of an even and an odd number of whole numbers, over that of one:
of an even number two are in the middle, and most often they are rounded apart."""


def portions(plan: Plan, *, keep: BoolArray, each: FloatArray | None = None) -> FloatArray:
    """Give the part that each value has in the combination of those kept: (frames, pixels), its derivative.

    :param each: the weight of each value, where it is not that of its frame.
    """
    if plan.method == "median":
        equal: FloatArray = keep / np.maximum(true_in_each(keep), 1)
        return equal
    weights, factors = plan.weights, plan.shifts.factors
    if each is not None:
        kept, ones = np.where(keep, each, 0.0), np.ones(len(keep))
        with np.errstate(invalid="ignore", divide="ignore"):
            usual = sum_of_rows(each, factors) / sum_of_rows(each, ones)
            return np.asarray(kept * (usual / sum_of_rows(kept, factors)))
    typical = np.sum(weights * factors) / np.sum(weights)
    with np.errstate(invalid="ignore", divide="ignore"):
        part: FloatArray = np.where(keep, weights[:, None], 0.0) * (typical / sum_of_rows(keep, weights * factors))
    return part


def spread_of(plan: Plan, *, keep: BoolArray) -> FloatArray | float:
    """Give what the variance of a mean has to be multiplied by."""
    return median_variance(true_in_each(keep)) * plan.unlike if plan.method == "median" else 1.0


def share(plan: Plan, *, keep: BoolArray, each: FloatArray | None = None) -> FloatArray:
    """Give the variance of pixels over the noise of one frame, from which of their values are kept."""
    relative = np.ones(len(plan.frames)) if plan.relative is None else plan.relative
    squared = portions(plan, keep=keep, each=each) ** 2
    return sum_of_rows(squared, plan.shifts.factors**2 * relative) * spread_of(plan, keep=keep)


def from_noise(plan: Plan, values: FloatArray, first_place: int, shares: FloatArray | float) -> FloatArray:
    """Give the variance of combined values in a row from the noise that one frame has at their level.

    The median of whole numbers is what was in the middle, rounded: that does not average out, as a mean's rounding.
    """
    level = values
    if plan.frames[0].kind not in MOVING:  # whose noise is that at the level of the combination itself
        weights = plan.weights / np.sum(plan.weights)
        offset, factor = np.sum(weights * plan.shifts.offsets), np.sum(weights * plan.shifts.factors)
        level = (values - values.dtype.type(offset)) / values.dtype.type(factor)
    elif plan.settings.zero is not None:  # the noise is that of what lies above it
        level = values - plan.settings.zero.reshape(-1)[first_place : first_place + values.size].astype(values.dtype)
    amplifiers = plan.noise.photons
    place = np.arange(first_place, first_place + values.size) if len(amplifiers) > 1 else np.empty(0, int)
    one_frame = variance_of(without_motion(amplifiers), which_of(amplifiers, place, plan.shape[1]))
    variance: FloatArray = one_frame(level, slice(None)) * shares
    if plan.rounding and plan.method == "median" and len(plan.frames) > 2:
        variance += plan.rounding * (LEFT_OF_ROUNDING[len(plan.frames) % 2] - shares)
    return variance


def join_errors(errors: list[Errors], plan: Plan) -> Errors:
    """Put the errors of rows together."""
    if errors[0][0] is None:
        return None, ()
    variance = np.concatenate([own for own, _ in errors if own is not None]).astype(plan.dtype, copy=False)
    keys = unique(key for _, shared in errors for key, _ in shared)
    shared = ((key, np.concatenate([dict(part)[key] for _, part in errors])) for key in keys)
    return sealed(variance), tuple((key, sealed(sigma.astype(plan.dtype))) for key, sigma in shared)


def with_own_errors(rows: Rows) -> Rows:
    """Give rows with the errors that one frame alone has counted as its own."""
    return attrs.evolve(rows, parts=rows.parts and on_their_own(rows.parts))


def carried_variance(plan: Plan, rows: Rows) -> FloatArray | None:
    """Give the variance that each value carries, scaled as the values are: (frames, pixels)."""
    if rows.parts is None or not rows.carry_variance:
        return None
    own = np.stack([part.variance.reshape(-1) for part in rows.parts if part.variance is not None])
    scaled: FloatArray = own.astype(np.float64) * plan.scale[:, None] ** 2
    return scaled


def errors_of(plan: Plan, rows: Rows, batch: Batch, *, keep: BoolArray) -> Errors:
    """Give the own variance of combined rows, and what they share with other images."""
    own: FloatArray
    each, ones, shape = weights_of(plan, batch), np.ones(len(keep)), (-1, plan.shape[1])
    portion = portions(plan, keep=keep, each=each)
    values = batch.values * plan.scale[:, None]
    if plan.variance == "scatter":
        own = _scatter(plan, values=values, keep=keep) * share(plan, keep=keep, each=each)
    elif batch.carried is not None:
        counted = np.where(keep & (portion != 0), batch.carried, 0.0)
        own = sum_of_rows(portion**2 * counted, ones) * spread_of(plan, keep=keep)
    else:
        mean, shares = average_of_kept(plan, values, keep=keep, each=each), share(plan, keep=keep, each=each)
        own = from_noise(plan, mean, rows.first_place, shares)
    shared, single = dict[str, Array](), dict[str, Array]()
    for frame, scale, part in zip(rows.parts or (), plan.scale, portion, strict=rows.parts is not None):
        for key, sigma in frame.shared:  # combined as the values are: with its sign
            with np.errstate(invalid="ignore"):  # 0·∞, an error that nobody knows, of a value that is left out
                term = np.where(part > 0, part * scale * sigma.reshape(-1), 0.0).reshape(shape)
            shared[key] = shared.get(key, 0.0) + term
            single[key] = single.get(key, 0.0) + term**2
    own = own.reshape(shape)
    if any(map(was_moved, shared)):
        shown = batch.carried is None and _shows_masters(plan)
        for key, total in shared.items():
            own = own + (total**2 - single[key]) * (len(keep) / (len(keep) - 1)) if shown else own + total**2
        shared = {}
    return own, tuple(sorted(shared.items(), key=lambda item: item[0]))


def _shows_masters(plan: Plan) -> bool:
    """Tell whether the noise was measured of the frames: of moved ones it shows what each has of a master's errors.

    What frames that were moved alike have in common does not show.
    """
    clip = plan.settings.clip
    return plan.variance == "scatter" or clip is None or (clip.noise is None and clip.counting is None)


def _scatter(plan: Plan, *, values: FloatArray, keep: BoolArray) -> FloatArray:
    """Give the variance of one value as those kept of its pixel show it; NaN where fewer than two are kept."""
    even = np.where(keep, plan.shifts.taken_from(values), 0.0)
    count, each = true_in_each(keep), np.ones(len(values))
    with np.errstate(invalid="ignore", divide="ignore"):
        from_mean = np.where(keep, even - sum_of_rows(even, each) / count, 0.0)
        return sum_of_rows(from_mean**2, each) / np.where(count > 1, count - 1, np.nan)
