"""Pixels whose clipping is clear: what they lose lies far beyond the limits, wherever their median moves meanwhile.

Most pixels that lose anything were hit in one frame, by far.  Which of their values a clip by noise keeps is told from
these in order, as whole numbers, without going through its rounds.
"""

from __future__ import annotations

import attrs
import numpy as np

from pipeline.clip import Clip
from pipeline.noise import Noise
from pipeline.order import counted
from pipeline.pixels import Array
from pipeline.screen import MARGIN, Moved
from pipeline.sums import difference

MOST_OUT = 4
"""Pixels that lose more values than these are not clear."""

ENOUGH_FRAMES = 8
"""Of fewer frames so few would be left that each moves the median by much."""


@attrs.frozen
class Clear:
    """Which pixels are clear, and of those the lowest and the highest value that is kept."""

    clear: Array
    lowest: Array
    highest: Array

    @classmethod
    def of(cls, ordered: Array, clip: Clip, noise: Noise, moved: Moved) -> Clear | None:
        """Tell it of pixels whose shifted values are ``ordered``, whole numbers (frames, pixels).

        Leaving out ``r`` values moves the median by no more than half of ``r``, rounded up, of those beside it.  None
        where the noise has terms that depend on more than the level.

        :param moved: by how much values may still be shifted against each other.
        """
        count = len(ordered)
        if noise.c or noise.d or clip.centre != "median" or count < ENOUGH_FRAMES:
            return None
        least = ordered[(count - 1) // 2 - MOST_OUT // 2].astype(np.float64) + moved.zero
        most = ordered[count // 2 + MOST_OUT // 2].astype(np.float64) + moved.zero
        span = difference(ordered[-1], ordered[0])
        shift = np.maximum(moved.between(least, span), moved.between(most, span))
        quiet = np.sqrt(np.minimum(noise.variance(least - shift), noise.variance(most + shift))) * MARGIN
        loud = np.sqrt(np.maximum(noise.variance(least - shift), noise.variance(most + shift))) / MARGIN
        kept = _count_to(ordered, least + (clip.high * quiet - shift) - moved.zero)
        perhaps_kept = _count_to(ordered, most + (clip.high * loud + shift) - moved.zero)
        out = _count_below(ordered, least - (clip.low * loud + shift) - moved.zero)
        perhaps_out = _count_below(ordered, most - (clip.low * quiet - shift) - moved.zero)
        clear = (kept == perhaps_kept) & (out == perhaps_out) & (count - (kept - out) <= MOST_OUT)
        stop = np.where(clear, kept, count)
        return cls(clear, _at(ordered, np.where(clear, out, 0)), _at(ordered, stop - 1))


def _count_to(ordered: Array, limit: Array) -> Array:
    """Count the values of each pixel up to a limit."""
    ends = np.iinfo(ordered.dtype)
    whole = np.floor(np.clip(limit, ends.min, ends.max)).astype(ordered.dtype)
    return counted(ordered <= whole) * (limit >= ends.min)


def _count_below(ordered: Array, limit: Array) -> Array:
    """Count the values of each pixel below a limit."""
    return _count_to(ordered, np.ceil(limit) - 1)


def _at(ordered: Array, place: Array) -> Array:
    """Give the value of each pixel that stands in a place."""
    found: Array = ordered.reshape(-1)[place * ordered.shape[1] + np.arange(ordered.shape[1])]
    return found
