"""The level of an overscan, and how well it is known: one for all rows, one a row, or a curve along the rows."""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs
import numpy as np

from pipeline.errors import CalibrationError
from pipeline.records.pixels import Array, Pixels
from pipeline.statistics.robust import fitted, kept

Method: TypeAlias = Literal["mean", "median"]

MEDIAN_VARIANCE = np.pi / 2
"""The variance of the median of many normal values, over that of their mean."""


@attrs.frozen(eq=False, repr=False)
class Levels:
    """One level a row, (ny, 1), and its variance."""

    values: Array
    variance: Array


def measure_levels(strip: Pixels, *, method: Method, order: int | None, rows: tuple[int, int]) -> Levels:
    """Measure an overscan strip of (ny, nx) whose rows run across the way in which the level drifts.

    Flagged values do not count, nor do those further than 5 σ from the median: cosmic rays, trailing charge.

    :param order: 0 for one level, n for a polynomial of degree n through the rows' levels, None for each row its own.
    :param rows: the rows to give levels for, counted from the strip's first; a polynomial reaches beyond the strip.
    :raises CalibrationError: too few good values, or rows without one of their own.
    """
    values = np.where(strip.mask, np.nan, strip.values.astype(np.float64))
    worse = MEDIAN_VARIANCE if method == "median" else 1.0
    if order == 0:
        return _one(values[kept(values)], method, worse, int(rows[1] - rows[0]))
    known = np.flatnonzero(np.isfinite(values).any(axis=1))
    own = values[known]
    own[~kept(own - np.nanmedian(own, axis=1, keepdims=True))] = np.nan
    levels: Array = np.nanmean(own, axis=1) if method == "mean" else np.nanmedian(own, axis=1)
    if order is None:
        return _own(own, levels, known, rows, worse)
    return _curve(levels, known, order, rows)


def _one(good: Array, method: Method, worse: float, count: int) -> Levels:
    if not good.size:
        raise CalibrationError("holds no good pixel")
    level = good.mean() if method == "mean" else np.median(good)
    return Levels(np.full((count, 1), level), np.full((count, 1), worse * good.var() / good.size))


def _own(values: Array, levels: Array, known: Array, rows: tuple[int, int], worse: float) -> Levels:
    wanted = np.arange(*rows)
    missing = np.setdiff1d(wanted, known)
    if missing.size:
        raise CalibrationError(
            f"has no good pixel beside {missing.size} of the {wanted.size} rows of data (or columns, where it lies "
            "above them), the first of them number "
            f"{missing[0] - rows[0] + 1}; fit a curve instead (order=1, --overscan-order 1)"
        )
    at = np.searchsorted(known, wanted)
    counts = np.isfinite(values).sum(axis=1)
    scatter = float(np.nansum((values - levels[:, None]) ** 2)) / max(int(counts.sum()) - counts.size, 1)
    variance = worse * scatter / counts
    return Levels(levels[at, None], variance[at, None])


def _curve(levels: Array, known: Array, order: int, rows: tuple[int, int]) -> Levels:
    """Fit Legendre polynomials by least squares, leaving out rows further than 5 σ from the curve."""
    low, high = min(rows[0], 0), max(rows[1], int(known[-1]) + 1 if known.size else 0)

    def terms(at: Array) -> Array:
        return np.polynomial.legendre.legvander(2 * (at - low) / max(high - low - 1, 1) - 1, order)

    if known.size <= order + 1:
        raise CalibrationError(f"has {known.size} rows with good pixels, too few for a curve of order {order}")
    design = terms(known)
    factors, good = fitted(design, levels)
    left = max(int(good.sum()) - order - 1, 1)
    scatter = float(((levels - design @ factors)[good] ** 2).sum()) / left
    wanted = terms(np.arange(*rows))
    spread = np.einsum("ij,jk,ik->i", wanted, np.linalg.pinv(design[good].T @ design[good]), wanted)
    return Levels((wanted @ factors)[:, None], (scatter * spread)[:, None])
