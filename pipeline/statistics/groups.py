"""Extremes of groups of frames: bounds of each pixel's median, from the fewest operations on whole frames."""

from __future__ import annotations

import numpy as np

from pipeline.records.pixels import Array
from pipeline.statistics.network import ranked

GROUPS = ((12, 1), (24, 3), (40, 5), (64, 7))
"""Up to so many frames, so many groups: the more there are, the closer the bounds, and the more there is to do."""


def groups_of(frames: int) -> int:
    """Give the number of groups for a number of frames, always odd: more than half of all are in any half of them."""
    groups = next((groups for most, groups in GROUPS if frames <= most), frames // 9 | 1)
    while half_of(frames, groups) <= frames // 2:
        groups -= 2
    return groups


def half_of(frames: int, groups: int) -> int:
    """Give the number of frames in the smaller half of the groups, rounded up."""
    size, larger = divmod(frames, groups)
    half = groups // 2 + 1
    return half * size + max(0, half - (groups - larger))


def fine_groups_of(frames: int) -> int:
    """Give the number of groups, of two frames or more, from which the spread of values is told closely."""
    return frames // 4 | 1


def extremes_of(stack: Array, groups: int) -> tuple[Array, Array]:
    """Give the smallest and the largest value in each group of the frames of a stack: (groups, pixels)."""
    lows, highs = np.empty((2, groups, stack.shape[1]), stack.dtype)
    for group, low, high in zip(np.array_split(stack, groups), lows, highs, strict=True):
        np.minimum.reduce(group, axis=0, out=low)
        np.maximum.reduce(group, axis=0, out=high)
    return lows, highs


def bounds_of(lows: Array, highs: Array) -> tuple[Array, Array, Array, Array]:
    """Give each pixel's smallest and largest value, and bounds of the middle ones; the extremes of groups are used up.

    More than half of the frames are in any half of the groups, rounded up (:func:`groups_of`): these are no less than
    the least of their smallest values.
    """
    middle, last = len(lows) // 2, len(lows) - 1
    low, median_low = ranked(lows, (0, middle), used_up=True)
    median_high, high = ranked(highs, (middle, last), used_up=True)
    return low, high, median_low, median_high


def least_squares(lows: Array, highs: Array, mean: Array, error: Array | float, frames: int) -> Array:
    """Give what is no more than the sum of the squares of how far all values of a pixel lie from their mean.

    That is the sum over the extremes of groups, each of two frames or more; of all places the mean has the least sum.

    :param error: by how much the mean may be off.
    """
    squares = np.full_like(mean, -frames * np.square(error))
    for row in (*lows, *highs):
        beyond = row.astype(mean.dtype)
        beyond -= mean
        beyond *= beyond
        squares += beyond
    return squares
