"""The middle values of a stack, pixel by pixel, in the quickest way for its size and type."""

from __future__ import annotations

import numpy as np

from pipeline.network import network_middles
from pipeline.pixels import Array

FEW_FRAMES = 8
"""The middle of so few frames is found at once by comparing them with each other."""

QUICK_NETWORK = 32
"""Of so many whole numbers comparing is quicker than halving."""

MOST_FRAMES = 64
BLOCK = 2**16
FEW_PIXELS = 4096
"""A network takes a stack of up to ``MOST_FRAMES`` in blocks that stay in the cache; of fewer pixels, or more frames,
sorting is quicker."""

STRAGGLERS = 64
"""When but one pixel in so many is open, the rest is sorted."""


def middles(stack: Array) -> tuple[Array, Array]:
    """Give the lower and the upper middle value over the first axis: the same for an odd number of frames.

    NaN in any frame gives NaN.

    >>> [int(value) for value in np.concatenate(middles(np.array([[5], [1], [9], [7]])))]
    [5, 7]
    """
    flat = stack.reshape(len(stack), -1)
    if len(stack) <= FEW_FRAMES:
        lower, upper = network_middles(flat)
    elif len(stack) > MOST_FRAMES or flat.shape[1] < FEW_PIXELS:
        lower, upper = _by_sorting(flat)
    else:
        parts = [network_middles(flat[:, at : at + BLOCK]) for at in range(0, flat.shape[1], BLOCK)]
        lower, upper = (np.concatenate(part) for part in zip(*parts, strict=True))
    return lower.reshape(stack.shape[1:]), upper.reshape(stack.shape[1:])


def _by_sorting(stack: Array) -> tuple[Array, Array]:
    ordered = np.sort(np.ascontiguousarray(stack.T), axis=1)
    if ordered.dtype.kind == "f":
        ordered[np.isnan(ordered[:, -1])] = np.nan
    return ordered[:, (len(stack) - 1) // 2], ordered[:, len(stack) // 2]


def middles_between(stack: Array, least: Array, most: Array, room: Array) -> tuple[Array, Array]:
    """Give the middle values of whole numbers, (frames, pixels), that lie from ``least`` to ``most``: by halving.

    How many values lie at or below the middle of what is left of a range takes two operations on whole frames, so a
    few of these do for any number of frames; of whole numbers no range is halved more often than it has bits.

    :param room: memory in the shape of the stack.
    """
    bits = np.dtype(f"u{stack.itemsize}")
    count, middle, one = len(stack), (len(stack) - 1) // 2, bits.type(1)
    below = room.view(np.bool_).reshape(-1)[: stack.size].reshape(stack.shape)
    low, high = least.view(bits).copy(), most.view(bits).copy()
    at_most = np.full(low.shape, count, np.min_scalar_type(count))
    width = high - low
    while np.count_nonzero(width) * STRAGGLERS > width.size:
        half = low + (width >> one)
        np.less_equal(stack, half.view(stack.dtype), out=below)
        counted = np.add.reduce(below.view(np.uint8), axis=0, dtype=at_most.dtype)
        enough = counted > middle
        _put(at_most, counted, enough)
        _put(high, half, enough)
        _put(low, half + one, ~enough)
        np.subtract(high, low, out=width)
    lower = upper = low.view(stack.dtype)
    if count % 2 == 0:
        above = np.subtract(stack.view(bits), low + one, out=room.view(bits))
        following = low + one + np.minimum.reduce(above)
        _put(following, low, at_most > middle + 1)
        upper = following.view(stack.dtype)
    straggling = np.flatnonzero(width)
    if straggling.size:
        lower, upper = lower.copy(), upper.copy()
        lower[straggling], upper[straggling] = _by_sorting(stack.take(straggling, axis=1))
    return lower, upper


def _put(into: Array, values: Array, where: Array) -> None:
    """Put whole numbers in place: by bits, many times faster than by index or choice."""
    into ^= (into ^ values) & -where.astype(into.dtype)
