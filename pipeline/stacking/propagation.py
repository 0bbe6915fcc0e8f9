"""The variance of combined frames: own errors average down, what frames share does not.

Combining frames value by value, with the errors that they carry or that their own scatter shows.
"""

from __future__ import annotations

import attrs
import numpy as np
from toolz import unique

from pipeline.records.pixels import Array, Shared, on_their_own, sealed
from pipeline.stacking.judge import added, combine_kept, kept, steps_of
from pipeline.stacking.plan import Plan
from pipeline.stacking.sigma_clip import by_noise, kept_values
from pipeline.stacking.stack_rows import Rows
from pipeline.statistics.amplifier_noise import variance_of, which_of
from pipeline.statistics.medians import counted, median_variance
from pipeline.statistics.noise import QUANTISATION
from pipeline.statistics.order_statistics import Window

ROWS = 2**17
"""So many pixels are given their variance together."""


ROUNDED = (0.6, 1.0)
"""The variance of rounding that is left in the median of an even and an odd number of whole numbers, over that of one:
of an even number two are in the middle, and most often they are rounded apart."""


def portions(plan: Plan, keep: Array) -> Array:
    """Give the part that each value has in the combination of those kept: (frames, pixels), its derivative."""
    if plan.method == "median":
        equal: Array = keep / np.maximum(keep.sum(axis=0), 1)
        return equal
    weights, factors = plan.weights, plan.shifts.factors
    typical = np.sum(weights * factors) / np.sum(weights)
    with np.errstate(invalid="ignore", divide="ignore"):
        part: Array = np.where(keep, weights[:, None], 0.0) * (typical / added(keep, weights * factors))
    return part


def spread_of(plan: Plan, keep: Array) -> Array | float:
    """Give what the variance of a mean has to be multiplied by."""
    return median_variance(keep.sum(axis=0)) if plan.method == "median" else 1.0


def share(plan: Plan, keep: Array) -> Array:
    """Give the variance of pixels over the noise of one frame, from which of their values are kept."""
    relative = np.ones(len(plan.frames)) if plan.errors is None else plan.errors.relative
    return added(portions(plan, keep) ** 2, plan.shifts.factors**2 * relative) * spread_of(plan, keep)


def from_noise(plan: Plan, values: Array, first_place: int, shares: Array | float) -> Array:
    """Give the variance of combined values in a row from the noise that one frame has at their level.

    The median of whole numbers is what was in the middle, rounded: that does not average out, as a mean's rounding.
    """
    assert plan.errors is not None  # noqa: S101 - for the type checker
    weights = plan.weights / np.sum(plan.weights)
    offset, factor = np.sum(weights * plan.shifts.offsets), np.sum(weights * plan.shifts.factors)
    level = (values - values.dtype.type(offset)) / values.dtype.type(factor)
    amplifiers = plan.errors.amplifiers
    place = np.arange(first_place, first_place + values.size) if len(amplifiers) > 1 else np.empty(0, int)
    one_frame = variance_of(counted(amplifiers), which_of(amplifiers, place, plan.shape[1]), 0.0)
    variance: Array = one_frame(level, slice(None)) * shares
    if plan.errors.whole and plan.method == "median" and len(plan.frames) > 2:
        variance += QUANTISATION * (ROUNDED[len(plan.frames) % 2] - shares)
    return variance


@attrs.define
class Followed:
    """What is followed while a stack is combined: each pixel's share of the noise, and the values left out of it.

    Both are maps of the whole image, flattened, None where nobody asks; ``usual`` is the share of a pixel that keeps
    all its values.  In the end the shares are turned into variance, where they are.
    """

    plan: Plan
    shares: Array | None
    left_out: Array | None
    usual: float

    @classmethod
    def of(cls, plan: Plan) -> Followed:
        """Begin with all values of all pixels kept."""
        pixels = plan.shape[0] * plan.shape[1]
        follow = plan.errors is not None and plan.errors.rule == "noise"
        usual = float(share(plan, np.ones((len(plan.frames), 1), bool))[0]) if follow else 0.0
        return cls(
            plan,
            np.full(pixels, usual, plan.dtype) if follow else None,
            np.zeros(pixels, np.uint16) if plan.counts else None,
            usual,
        )

    def tell(self, *, place: Array, keep: Array, out: Array) -> None:
        """Note which values of some pixels are kept, and which were left out."""
        if self.shares is not None:
            self.shares[place] = share(self.plan, keep)
        if self.left_out is not None:
            self.left_out[place] = out.sum(axis=0)

    def give_variance(self, values: Array, start: int, stop: int) -> None:
        """Turn the shares of the rows from ``start`` to before ``stop`` of a combined image into their variance."""
        if self.shares is None:
            return
        width, flat = self.plan.shape[1], values.reshape(-1)
        for first in range(start * width, stop * width, ROWS):
            part = slice(first, min(first + ROWS, stop * width))
            self.shares[part] = from_noise(self.plan, flat[part], first, self.shares[part])


def joined(errors: list[tuple[Array | None, Shared]], plan: Plan) -> tuple[Array | None, Shared]:
    """Put the errors of rows together."""
    if errors[0][0] is None:
        return None, ()
    variance = np.concatenate([own for own, _ in errors if own is not None]).astype(plan.dtype, copy=False)
    keys = unique(key for _, shared in errors for key, _ in shared)
    shared = ((key, np.concatenate([dict(part)[key] for _, part in errors])) for key in keys)
    return sealed(variance), tuple((key, sealed(sigma.astype(plan.dtype))) for key, sigma in shared)


def carry_variance(rows: Rows) -> bool:
    """Tell whether all frames carry variance."""
    return rows.parts is not None and all(part.variance is not None for part in rows.parts)


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
    out = np.isfinite(stack) & ~keep
    rejected += out.sum(axis=1)
    followed.tell(place=place, keep=keep, out=out)
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
