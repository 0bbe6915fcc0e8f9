"""The typical value of many that may hold a few wild ones."""

from __future__ import annotations

import math

import numpy as np

from pipeline.records.arrays import Array

MAD_TO_SIGMA = 1.482602218505602
"""1/Φ⁻¹(3/4): the standard deviation of a normal distribution over its median absolute deviation."""

WILD = 5.0


def median(values: Array) -> float:
    """Give the median of some numbers; NaN of none.

    It is numpy's, some ten times as quick: numpy looks for NaN too, of which there may be none here.
    """
    if not values.size:
        return math.nan
    middle = values.size // 2
    parted = np.partition(values, middle, axis=None)
    upper = float(parted[middle])
    return upper if values.size % 2 else 0.5 * (float(parted[:middle].max()) + upper)


def quantile(values: Array, fraction: float) -> float:
    """Give the value below which a fraction of some numbers lies, as numpy interpolates it, in a fraction of its time.

    >>> quantile(np.array([4.0, 1.0, 3.0, 2.0]), 0.5)
    2.5
    """
    place = fraction * (values.size - 1)
    above = math.ceil(place)
    parted = np.partition(values, above)
    upper, part = float(parted[above]), place - math.floor(place)
    if not part:
        return upper
    lower = float(parted[:above].max())
    return upper - (upper - lower) * (1 - part) if part >= 0.5 else lower + (upper - lower) * part


def kept(values: Array, step: float = 1.0) -> Array:
    """Tell which values are finite and within 5 σ of their median.

    σ is the scaled median absolute deviation, and at least one step of values that are whole multiples of it.

    :param step: by default that of whole numbers; 0 for none.
    """
    good = np.isfinite(values)
    if not good.any():
        return good
    known = values if good.all() else values[good]
    middle = np.median(known)
    distance = np.abs(values - middle)
    sigma = MAD_TO_SIGMA * float(np.median(np.abs(known - middle)))
    if sigma < step and _in_steps(known, step):
        sigma = step
    within: Array = good & (distance <= WILD * sigma)
    return within


def robust_mean(values: Array, step: float = 1.0) -> float:
    """Give the mean of the finite values within 5 σ of their median; NaN where there are none.

    Unlike the median it is not a whole number for whole numbers: an overscan level must be known better than to
    half an ADU.

    >>> robust_mean(np.array([3, 4, 4, 4, 60_000]))
    3.75

    :param step: as for :func:`kept`.
    """
    good = values[kept(values, step)]
    return float(good.mean(dtype=np.float64)) if good.size else float("nan")


AT_ONCE = 2**20
"""So many values of rows are looked at together: all frames of a large stack would be held several times over."""


def robust_means(rows: Array, step: float = 1.0) -> Array:
    """Give :func:`robust_mean` of each row, of finite values by operations on many rows at once."""
    if not np.isfinite(rows).all():
        return np.array([robust_mean(row, step) for row in rows])
    few = max(1, AT_ONCE // max(1, rows.shape[1]))
    means = [_means_of_finite(rows[first : first + few], step) for first in range(0, len(rows), few)]
    return np.concatenate(means) if means else np.empty(0)


def _means_of_finite(rows: Array, step: float) -> Array:
    distance = np.abs(rows - _medians(rows))
    sigma = MAD_TO_SIGMA * _medians(distance)
    for few in np.flatnonzero(sigma < step):
        if _in_steps(rows[few], step):
            sigma[few] = step
    kept = distance <= WILD * sigma
    means: Array = np.where(kept, rows, 0.0).sum(axis=1) / kept.sum(axis=1)
    return means


NEARLY = 0.05
"""By such a part of a step rounding may move what lies whole steps apart, in whatever unit values are by now."""


def _in_steps(values: Array, step: float) -> bool:
    """Tell whether values are whole multiples of a step."""
    times = values / step
    return bool((np.abs(times - np.rint(times)) < NEARLY).all())


def _medians(rows: Array) -> Array:
    """Give the median of each row, (rows, 1): by sorting, several times quicker than numpy's own."""
    ordered, count = np.sort(rows, axis=1), rows.shape[1]
    medians: Array = 0.5 * (ordered[:, (count - 1) // 2] + ordered[:, count // 2])
    return medians[:, None]


def fitted(terms: Array, values: Array) -> tuple[Array, Array]:
    """Fit a sum of terms, (values, terms), by least squares, leaving out values further than 5 σ from it.

    Gives the factors of the terms, and which values were kept.  σ is the scaled median absolute deviation.
    """
    good = np.ones(values.size, bool)
    least = 1e-9 * float(np.abs(values).max(initial=0.0))
    while True:
        factors: Array = np.linalg.lstsq(terms[good], values[good], rcond=None)[0]
        off = np.abs(values - terms @ factors)
        keep = good & (off <= max(WILD * MAD_TO_SIGMA * float(np.median(off[good])), least))
        if keep.sum() in (good.sum(), 0) or keep.sum() <= terms.shape[1]:
            return factors, good
        good = keep
