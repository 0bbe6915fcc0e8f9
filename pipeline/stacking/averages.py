"""The mean or the median of each pixel of a stack: of all its values, at once, or of those of them that are kept."""

from __future__ import annotations

import numpy as np

from pipeline.records.arrays import Array, BoolArray, FloatArray
from pipeline.stacking.plan import Plan
from pipeline.statistics.medians import middles
from pipeline.statistics.order_statistics import Window
from pipeline.statistics.pixel_summary import PixelSummary


def average_of_all(plan: Plan, stored: Array, zero: float, found: PixelSummary, out: FloatArray) -> None:
    """Write the mean or the median of all values, ``stored + zero``, from what a summary found: rounded once.

    The mean of whole numbers is so in whichever precision, and their median is exact in between.
    """
    whole, shifts = stored.dtype.kind in "iu", plan.whole_shifts
    if plan.method == "mean":
        real = found.total.dtype.type
        less = real(len(stored) * zero + int(shifts.sum())) if whole else real(0)
        total = np.add(found.total, less, out=out if out.dtype == real else None)
        np.divide(total, real(len(stored)), out=out, casting="same_kind")
        return
    lower, upper = middles(stored) if shifts.any() else (found.median_low, found.median_high)
    if not whole:  # the mean of two infinities is not a number
        half = np.multiply(lower, 0.5, dtype=np.float64)
        out[:] = np.where(lower == upper, lower, half + np.multiply(upper, 0.5, dtype=np.float64))
        return
    exact = np.dtype(np.float32 if stored.dtype.itemsize <= 2 else np.float64)
    total = np.add(lower, upper, dtype=exact, out=out if out.dtype == exact else None)
    total *= 0.5
    np.add(total, zero, out=out, casting="same_kind")


def average_of_kept(plan: Plan, values: FloatArray, *, keep: BoolArray) -> FloatArray:
    """Give the median, or the weighted mean, of what is kept: the mean as it would be had nothing been left out.

    With frames expected to show o + f·m, m is Σ w (x − o) / Σ w f over the values kept, and the mean of all
    frames Σ w (o + f m) / Σ w.  Where all are kept that is Σ w x / Σ w.
    """
    if plan.method == "median":
        return Window.among(values, keep=keep).median
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


def sum_of_rows(rows: Array, factors: FloatArray) -> FloatArray:
    """Add rows times their factors, row by row: numpy's own sum changes its order with the number of columns."""
    total = np.zeros(rows.shape[1])
    for row, factor in zip(rows, factors.tolist(), strict=True):
        total += row * factor if factor != 1 else row
    return total
