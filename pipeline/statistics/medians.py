"""The median of each pixel of a stack: its middle values, bounds of these that are quick to find, and its variance."""

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


COMPARED_IN_FULL = 32
"""Bounds are sought among all values of so many frames, and of more among the smaller and the larger of each two."""


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


def bounds_by_pairs(stack: Array) -> tuple[Array, Array]:
    """Give what is no more than the lower and no less than the upper middle value, by two operations on all frames.

    Half of all values are no less than the least of the greater values of pairs of frames, and one more is no less
    than the greatest of the lesser ones: so the smaller of these two is no more than the lower middle value.  The same
    holds upside down.
    """
    pairs = len(stack) // 2
    most = np.maximum.reduce(np.minimum(stack[:pairs], stack[pairs : 2 * pairs]))
    least = np.minimum.reduce(np.maximum(stack[:pairs], stack[pairs : 2 * pairs]))
    return np.minimum(least, most), np.maximum(least, most)


def bounds_of_middles(stack: Array, out: int) -> tuple[Array, Array]:
    """Give what is no more than the lower and no less than the upper middle value, up to ``out`` values left out.

    Of many frames that is told by the smaller and the larger of each two.
    """
    count = len(stack)
    above = count - (count - out - 1) // 2  # so many values are no less than the lower one
    if count <= COMPARED_IN_FULL:
        least, most = ranked(stack, (count - above, above - 1))
        return least, most
    pairs = count // 2
    few = -(-above // 2)
    (least,) = ranked(np.minimum(stack[:pairs], stack[pairs : 2 * pairs]), (pairs - few,), used_up=True)
    (most,) = ranked(np.maximum(stack[:pairs], stack[pairs : 2 * pairs]), (few - 1,), used_up=True)
    return least, most


def median_variance(count: IntArray) -> FloatArray:
    """Give the variance of the median of ``count`` normal values, relative to that of their mean.

    π/2 for many (Kenney and Keeping 1951); the small-sample terms are fitted to the exact values, within 0.3 %.
    """
    values = np.maximum(count, 1)
    few = np.where(values % 2, 0.44 + 0.18 / values, 1.40 - 0.52 / values)
    many = np.pi / 2 * values / (values + few)
    return np.where(count > 2, many, 1.0)
