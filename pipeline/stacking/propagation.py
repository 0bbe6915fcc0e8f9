"""The variance of combined frames: own errors average down, what frames share does not."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np
from toolz import unique

from pipeline.records.pixels import Array, Shared, sealed
from pipeline.stacking.judge import added
from pipeline.stacking.stack_rows import Plan
from pipeline.statistics.amplifier_noise import AmplifierNoise, variance_of, which_of
from pipeline.statistics.noise import QUANTISATION

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


def median_variance(count: Array) -> Array:
    """Give the variance of the median of ``count`` normal values, relative to that of their mean.

    π/2 for many (Kenney and Keeping 1951); the small-sample terms are fitted to the exact values, within 0.3 %.
    """
    counted = np.maximum(count, 1)
    few = np.where(counted % 2, 0.44 + 0.18 / counted, 1.40 - 0.52 / counted)
    many: Array = np.pi / 2 * counted / (counted + few)
    return np.where(count > 2, many, 1.0)


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


def counted(amplifiers: Sequence[AmplifierNoise]) -> tuple[AmplifierNoise, ...]:
    """Give amplifiers with read and photon noise alone."""
    return tuple(attrs.evolve(one, noise=one.noise.counted) for one in amplifiers)


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

    def tell(self, place: Array, keep: Array, out: Array) -> None:
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
