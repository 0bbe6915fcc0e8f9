"""The typical value of many that may hold a few wild ones."""

from __future__ import annotations

import numpy as np

from pipeline.pixels import Array

MAD_TO_SIGMA = 1.482602218505602
"""1/Φ⁻¹(3/4): the standard deviation of a normal distribution over its median absolute deviation."""

WILD = 5.0


def robust_mean(values: Array) -> float:
    """Give the mean of the finite values within 5 σ of their median; NaN where there are none.

    Unlike the median it is not a whole number for whole numbers: an overscan level must be known better than to
    half an ADU.  σ is the scaled median absolute deviation, and at least one unit of a whole number.

    >>> robust_mean(np.array([3, 4, 4, 4, 60_000]))
    3.75
    """
    good = values[np.isfinite(values)]
    if not good.size:
        return float("nan")
    middle = np.median(good)
    distance = np.abs(good - middle)
    sigma = MAD_TO_SIGMA * float(np.median(distance))
    if sigma < 1 and not (good % 1).any():
        sigma = 1.0
    return float(good[distance <= WILD * sigma].mean(dtype=np.float64))
