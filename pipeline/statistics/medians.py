"""The middle values of a stack, pixel by pixel, in the quickest way for its size and type."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np

from pipeline.records.pixels import Array
from pipeline.statistics.amplifier_noise import AmplifierNoise
from pipeline.statistics.order_statistics import network_middles, ranked

FEW_FRAMES = 8
"""The middle of so few frames is found at once by comparing them with each other."""


QUICK_NETWORK = 32
"""Of so many whole numbers comparing is quicker than looking for the middle."""


COMPARED_FRAMES = {1: 1000, 2: 1000, 4: 100, 8: 50}
"""Values of so many bytes are compared with each other up to so many frames; those of more frames are sorted."""


BLOCK = 2**17


FEW_PIXELS = 4096
"""Frames are compared in blocks that stay in the cache; fewer pixels are sorted, which is quicker then."""


def middles(stack: Array) -> tuple[Array, Array]:
    """Give the lower and the upper middle value over the first axis: the same for an odd number of frames.

    NaN in any frame gives NaN.

    >>> [int(value) for value in np.concatenate(middles(np.array([[5], [1], [9], [7]])))]
    [5, 7]
    """
    flat = stack.reshape(len(stack), -1)
    if len(stack) <= FEW_FRAMES:
        lower, upper = network_middles(flat)
    elif len(stack) > COMPARED_FRAMES[stack.itemsize] or flat.shape[1] < FEW_PIXELS:
        lower, upper = middles_by_sorting(flat)
    else:
        parts = [network_middles(flat[:, at : at + BLOCK]) for at in range(0, flat.shape[1], BLOCK)]
        lower, upper = (np.concatenate(part) for part in zip(*parts, strict=True))
    return lower.reshape(stack.shape[1:]), upper.reshape(stack.shape[1:])


def middles_by_sorting(stack: Array) -> tuple[Array, Array]:
    """Give the same of a few pixels, (frames, pixels), or of many frames."""
    ordered = np.sort(np.ascontiguousarray(stack.T), axis=1)
    if ordered.dtype.kind == "f":
        ordered[np.isnan(ordered[:, -1])] = np.nan
    return ordered[:, (len(stack) - 1) // 2], ordered[:, len(stack) // 2]


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
    if count <= QUICK_NETWORK:
        least, most = ranked(stack, (count - above, above - 1))
        return least, most
    pairs = count // 2
    few = -(-above // 2)
    (least,) = ranked(np.minimum(stack[:pairs], stack[pairs : 2 * pairs]), (pairs - few,), used_up=True)
    (most,) = ranked(np.maximum(stack[:pairs], stack[pairs : 2 * pairs]), (few - 1,), used_up=True)
    return least, most


def median_variance(count: Array) -> Array:
    """Give the variance of the median of ``count`` normal values, relative to that of their mean.

    π/2 for many (Kenney and Keeping 1951); the small-sample terms are fitted to the exact values, within 0.3 %.
    """
    counted = np.maximum(count, 1)
    few = np.where(counted % 2, 0.44 + 0.18 / counted, 1.40 - 0.52 / counted)
    many: Array = np.pi / 2 * counted / (counted + few)
    return np.where(count > 2, many, 1.0)


def counted(amplifiers: Sequence[AmplifierNoise]) -> tuple[AmplifierNoise, ...]:
    """Give amplifiers with read and photon noise alone."""
    return tuple(attrs.evolve(one, noise=one.noise.counted) for one in amplifiers)
