"""The median of each pixel of a stack: its middle values, in the quickest way for their number, and its variance."""

from __future__ import annotations

import numpy as np

from pipeline.records.arrays import Array, FloatArray, IntArray
from pipeline.statistics.order_statistics import ranked

ALWAYS_COMPARED = 8
"""The middle of so few frames is found at once by comparing them with each other."""

MOST_COMPARED = {1: 1000, 2: 1000, 4: 100, 8: 50}
"""Values of so many bytes are compared with each other up to so many frames; those of more frames are sorted."""

FEWEST_COMPARED = 4096
"""Fewer pixels than these are sorted, which is quicker then."""

IN_CACHE = 2**17
"""Frames are compared in blocks of so many pixels, which stay in the cache."""


def middles(stack: Array) -> tuple[Array, Array]:
    """Give the lower and the upper middle value over the first axis: the same for an odd number of frames.

    NaN in any frame gives NaN.

    >>> [int(value) for value in np.concatenate(middles(np.array([[5], [1], [9], [7]])))]
    [5, 7]
    """
    flat, frames = stack.reshape(len(stack), -1), len(stack)
    ranks, pixels = ((frames - 1) // 2, frames // 2), flat.shape[1]
    if frames > ALWAYS_COMPARED and (frames > MOST_COMPARED[stack.itemsize] or pixels < FEWEST_COMPARED):
        ordered = np.sort(np.ascontiguousarray(flat.T), axis=1)
        if ordered.dtype.kind == "f":
            ordered[np.isnan(ordered[:, -1])] = np.nan
        lower, upper = (ordered[:, rank] for rank in ranks)
    else:
        blocks = [ranked(flat[:, at : at + IN_CACHE], ranks) for at in range(0, max(pixels, 1), IN_CACHE)]
        lower, upper = (np.concatenate(block) for block in zip(*blocks, strict=True))
    return lower.reshape(stack.shape[1:]), upper.reshape(stack.shape[1:])


def median_variance(count: IntArray) -> FloatArray:
    """Give the variance of the median of ``count`` normal values, relative to that of their mean.

    π/2 for many (Kenney and Keeping 1951); the small-sample terms are fitted to the exact values, within 0.3 %.
    """
    values = np.maximum(count, 1)
    few = np.where(values % 2, 0.44 + 0.18 / values, 1.40 - 0.52 / values)
    many = np.pi / 2 * values / (values + few)
    return np.where(count > 2, many, 1.0)


DRAWN = 2**16
"""So many medians are drawn where no formula gives their variance: they tell it to 0.6 %."""


def gain_of_unlike(variances: FloatArray) -> float:
    """Give the variance of the median of normal values of unlike variances, over that which equal ones would have.

    The equal ones have the mean of the variances.  A median follows its quiet values: for many it has π/2·n/(Σ1/σ)²,
    which for few is too small by up to a third, so that it is drawn.

    >>> gain_of_unlike(np.array([4.0, 4.0, 4.0])), round(gain_of_unlike(np.array([1.0, 1.0, 1.0, 1.0, 25.0])), 2)
    (1.0, 0.25)
    """
    if variances.size < 3 or np.ptp(variances) <= 0.01 * np.mean(variances):
        return 1.0
    sigma = np.sqrt(np.sort(variances) / np.mean(variances))
    drawn = np.random.default_rng(0).standard_normal((sigma.size, DRAWN), np.float32)
    lower, upper = middles(drawn * sigma[:, None].astype(np.float32))
    like_lower, like_upper = middles(drawn)
    return float(np.mean((lower + upper) ** 2, dtype=float) / np.mean((like_lower + like_upper) ** 2, dtype=float))
