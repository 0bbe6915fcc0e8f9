"""Combining frames value by value, with the errors that they carry or that their own scatter shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import attrs
import numpy as np

from pipeline.records.pixels import Array, Pixels, Shared, sealed
from pipeline.stacking.judge import added, combine_kept, kept, steps_of
from pipeline.stacking.propagation import Followed, counted, from_noise, portions, share, spread_of
from pipeline.stacking.sigma_clip import by_noise, kept_values
from pipeline.stacking.stack_rows import Plan, Rows
from pipeline.statistics.amplifier_noise import variance_of, which_of
from pipeline.statistics.order_statistics import Window


def carry_variance(rows: Rows) -> bool:
    """Tell whether all frames carry variance."""
    return rows.parts is not None and all(part.variance is not None for part in rows.parts)


def on_their_own(parts: Sequence[Pixels]) -> tuple[Pixels, ...]:
    """Give images that are put together, the errors that one of them alone has counted as its own."""
    having = Counter(key for part in parts for key in part.shared_keys)

    def own(part: Pixels) -> Pixels:
        if part.variance is None or all(having[key] > 1 for key in part.shared_keys):
            return part
        alone = [sigma for key, sigma in part.shared if having[key] == 1]
        return attrs.evolve(
            part,
            variance=sealed(part.variance + sum(sigma * sigma for sigma in alone)),
            shared=tuple((key, sigma) for key, sigma in part.shared if having[key] > 1),
        )

    return tuple(map(own, parts))


def in_full(plan: Plan, rows: Rows) -> bool:
    """Tell whether errors need every value of every pixel: they do but where the noise of the stack tells all."""
    if plan.errors is None:
        return carry_variance(rows)
    shared = rows.parts is not None and any(part.shared_keys for part in rows.parts)
    return carry_variance(rows) or shared or plan.errors.rule == "scatter"


def combine_with_errors(
    followed: Followed, rows: Rows, first: int, last: int, values: Array, rejected: Array
) -> tuple[Array | None, Shared]:
    """Combine a tile of rows into ``values``, and give its own variance and what it shares with other images."""
    plan = followed.plan
    rows = attrs.evolve(rows, parts=rows.parts and on_their_own(rows.parts))
    stack = rows.columns(slice(None)) * plan.scale[:, None]
    place = np.arange(first * plan.shape[1], last * plan.shape[1])
    steps = steps_of(plan, place, first, last)
    carried = _carried(plan, rows) if carry_variance(rows) else None
    judged = plan.carried is not None and carried is not None
    keep = _kept_by_carried(plan, stack, carried, place, steps) if judged else kept(plan, stack, place, steps)
    shape = (last - first, plan.shape[1])
    combined = combine_kept(plan, stack, keep)
    values[first:last] = combined.reshape(shape)
    rejected += (np.isfinite(stack) & ~keep).sum(axis=1)
    followed.tell(place, stack, keep)
    part = portions(plan, keep)
    if plan.errors is not None and plan.errors.rule == "scatter":
        own = _scatter(plan, stack, keep) * share(plan, keep)
    elif carried is not None:
        own = spread_of(plan, keep) * added(part**2 * np.where(keep, carried, 0.0), np.ones(len(stack)))
    else:
        own = from_noise(plan, combined, int(place[0]), share(plan, keep))
    return own.reshape(shape), _shared(plan, rows, part, shape)


def _carried(plan: Plan, rows: Rows) -> Array:
    """Give the variance of each value, scaled as the values are: (frames, pixels)."""
    own = np.stack([part.variance.reshape(-1) for part in rows.parts or () if part.variance is not None])
    scaled: Array = own.astype(np.float64) * plan.scale[:, None] ** 2
    return scaled


def _shared(plan: Plan, rows: Rows, part: Array, shape: tuple[int, int]) -> Shared:
    """Combine what each frame shares with other images as the values are combined: with its sign."""
    shared: dict[str, Array] = {}
    if rows.parts is None:
        return ()
    for frame, scale, portion in zip(rows.parts, plan.scale, part, strict=True):
        for key, sigma in frame.shared:
            term = np.where(portion > 0, portion * scale * sigma.reshape(-1), 0.0).reshape(shape)
            shared[key] = shared.get(key, 0.0) + term
    return tuple(sorted(shared.items(), key=lambda item: item[0]))


def _scatter(plan: Plan, stack: Array, keep: Array) -> Array:
    """Give the variance of one value as those kept of its pixel show it; NaN where fewer than two are kept."""
    even = np.where(keep, (stack - plan.shifts.offsets[:, None]) / plan.shifts.factors[:, None], 0.0)
    count, each = keep.sum(axis=0), np.ones(len(stack))
    with np.errstate(invalid="ignore", divide="ignore"):
        from_mean = np.where(keep, even - added(even, each) / count, 0.0)
        return added(from_mean**2, each) / np.where(count > 1, count - 1, np.nan)


def _kept_by_carried(plan: Plan, stack: Array, carried: Array | None, place: Array, steps: Array | float) -> Array:
    """Tell which values are kept, each judged by the variance that it should carry, and by motion.

    A hit value carries the variance of a bright one, and what is too low that of a faint one: so a value is judged by
    what is typical of its pixel, times what is typical of its frame.
    """
    assert plan.clip is not None  # noqa: S101 - for the type checker
    assert plan.carried is not None  # noqa: S101
    assert carried is not None  # noqa: S101
    factors = plan.shifts.factors[:, None]
    even = (stack - plan.shifts.offsets[:, None]) / factors
    known = np.where(np.isfinite(stack) & (carried > 0), carried / factors**2 / plan.carried[:, None], np.nan)
    typical = Window.of(known).median
    if len(stack) > 2 and (plan.carried != 1).any():
        centre = Window.of(even).median
        even = centre + (even - centre) / np.sqrt(plan.carried)[:, None]
    which = which_of(plan.amplifiers, place, plan.shape[1])
    whole = variance_of(plan.amplifiers, which, steps)
    still = variance_of(counted(plan.amplifiers), which, 0.0)

    def variance(level: Array, columns: Array) -> Array:
        expected, own = whole(level, columns), typical[columns]
        judged: Array = np.where(np.isfinite(own), own + expected - still(level, columns), expected)
        return judged

    return kept_values(even, plan.clip, by_noise(plan.clip, variance))
