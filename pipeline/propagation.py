"""Variance of combined frames that carry one: own errors average down, what they share does not."""

from __future__ import annotations

import numpy as np
from toolz import unique

from pipeline.closer import combine_kept, kept, steps_of
from pipeline.pixels import Array, Shared, sealed
from pipeline.rows import Plan, Rows


def combine_with_errors(
    plan: Plan, rows: Rows, first: int, last: int, values: Array, rejected: Array
) -> tuple[Array | None, Shared]:
    """Combine a tile whose frames carry variance, and propagate that: own errors average down, shared ones do not."""
    stack = rows.columns(slice(None)) * plan.scale[:, None]
    place = np.arange(first * plan.shape[1], last * plan.shape[1])
    keep = kept(plan, stack, place, steps_of(plan, first, last))
    shape = (last - first, plan.shape[1])
    values[first:last] = combine_kept(plan, stack, keep).reshape(shape)
    rejected += (np.isfinite(stack) & ~keep).sum(axis=1)
    weight = np.where(keep, (plan.weights * plan.scale)[:, None], 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        weight /= np.where(keep, plan.weights[:, None], 0.0).sum(axis=0)
    parts = rows.parts or ()
    own = np.stack([part.variance for part in parts if part.variance is not None]).reshape(keep.shape)
    own = np.where(keep, own, 0.0)
    spread = median_variance(keep.sum(axis=0)) if plan.method == "median" else 1.0
    variance = (spread * np.sum(weight**2 * own, axis=0)).reshape(shape)
    shared: dict[str, Array] = {}
    for part, share in zip(parts, weight, strict=True):
        for key, sigma in part.shared:
            shared[key] = shared.get(key, 0.0) + np.where(share > 0, share * sigma.reshape(-1), 0.0).reshape(shape)
    return variance, tuple(sorted(shared.items(), key=lambda item: item[0]))


def median_variance(count: Array) -> Array:
    """Give the variance of the median of ``count`` normal values, relative to that of their mean.

    π/2 for many (Kenney and Keeping 1951); the small-sample terms are fitted to the exact values, within 0.5 %.
    """
    many: Array = np.pi / 2 * count / (count + np.where(count % 2, 0.49, 1.32))
    return np.where(count > 2, many, 1.0)


def joined(errors: list[tuple[Array | None, Shared]], plan: Plan) -> tuple[Array | None, Shared]:
    """Put the errors of tiles together."""
    if not errors:
        return None, ()
    variance = np.concatenate([own for own, _ in errors if own is not None]).astype(plan.dtype)
    keys = unique(key for _, shared in errors for key, _ in shared)
    shared = ((key, np.concatenate([dict(part)[key] for _, part in errors])) for key in keys)
    return sealed(variance), tuple((key, sealed(sigma.astype(plan.dtype))) for key, sigma in shared)
