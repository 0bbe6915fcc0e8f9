"""Pixels whose clipping is clear: what they lose lies far beyond the limits, wherever their median moves meanwhile.

Most pixels that lose anything were hit in one frame, by far.  Which of their values a clip keeps, by noise or by their
own standard deviation, is told from these as whole numbers of 16 bits or less, by comparing all of them with limits.
"""

from __future__ import annotations

from typing import TypeAlias

import attrs
import numpy as np

from pipeline.records.pixels import Array
from pipeline.stacking.clip import Clip
from pipeline.stacking.doubtful import places_of
from pipeline.stacking.screening import MARGIN, Moved
from pipeline.statistics.medians import bounds_of_middles
from pipeline.statistics.noise import Noise
from pipeline.statistics.order_statistics import counted
from pipeline.statistics.pixel_summary import difference

Ends: TypeAlias = tuple[Array, Array]
"""What a number lies between."""

MOST_OUT = 4
"""Pixels that lose more values than these are not clear."""

ENOUGH_FRAMES = 8
"""Of fewer frames so few would be left that each moves the median by much."""


@attrs.frozen
class Clear:
    """Which pixels are clear, and which of their values, (frames, pixels), these lose.

    That is what lies below the ``lowest`` or above the ``highest``.
    """

    clear: Array
    out: Array
    lowest: Array
    highest: Array

    @classmethod
    def between(cls, shown: Array, clip: Clip, middle: Ends, sigma: Ends, shift: Array | float = 0.0) -> Clear:
        """Tell it where the median lies in the ``middle`` and σ between two values, both shifted by so much perhaps."""
        (least, most), (quiet, loud) = middle, sigma
        limits = _whole(least - clip.low * loud - shift, most + clip.high * loud + shift, shown.dtype)
        lowest, highest = most - clip.low * quiet + shift, least + clip.high * quiet - shift
        out = _beyond(shown, *limits)
        differ = np.logical_or.reduce(out != _beyond(shown, *_whole(lowest, highest, shown.dtype)))
        known = (lowest <= most) & (highest >= least) & (counted(out) <= MOST_OUT)
        return cls(known & ~differ, out, *limits)


def clear_of(shown: Array, clip: Clip, noise: Noise | None, moved: Moved) -> Clear | None:
    """Tell which pixels are clear, from their shifted values, whole numbers (frames, pixels); no others lose any.

    None where that is not told: of a mean, of few frames, and where noise depends on more than the level.

    :param noise: to judge by; None to judge each pixel by its own standard deviation.
    :param moved: by how much values may still be shifted against each other.
    """
    if clip.centre != "median" or len(shown) < ENOUGH_FRAMES or (noise and (noise.c or noise.d)):
        return None
    least, most = (bound.astype(np.float64) for bound in bounds_of_middles(shown, MOST_OUT))
    with np.errstate(invalid="ignore"):  # no limit at no spread: what is not a number is not clear
        if noise:
            told = _by_noise(shown, clip, (least, most), noise, moved)
        else:
            told = _by_own_spread(shown, clip, (least, most))
    ends = np.iinfo(shown.dtype)
    lowest, highest = np.where(told.clear, told.lowest, ends.min), np.where(told.clear, told.highest, ends.max)
    return Clear(told.clear, told.out & told.clear, lowest, highest)


def _by_noise(shown: Array, clip: Clip, middle: Ends, noise: Noise, moved: Moved) -> Clear:
    least, most = (end + moved.zero for end in middle)
    span = difference(np.maximum.reduce(shown), np.minimum.reduce(shown)) if moved.tilt else np.zeros(1)
    shift = np.maximum(moved.between(least, span), moved.between(most, span))
    reach = shift + moved.blur
    at_ends = noise.variance(least - reach), noise.variance(most + reach)
    sigma = np.sqrt(np.minimum(*at_ends)) * MARGIN, np.sqrt(np.maximum(*at_ends)) / MARGIN
    return Clear.between(shown, clip, middle, sigma, shift)


def _by_own_spread(shown: Array, clip: Clip, middle: Ends) -> Clear:
    """Go through the rounds, with the spread of what is left after each."""
    beyond = shown.astype(np.float32)  # exact, and so is what lies beyond the middle
    beyond -= middle[0].astype(np.float32)
    gone, left = np.zeros(shown.shape, bool), np.full(shown.shape[1], len(shown))
    clear = np.ones(left.shape, bool)
    for _ in range(MOST_OUT + 1 if clip.iterations is None else clip.iterations):
        mean = np.add.reduce(beyond) / left
        sigma = np.sqrt(np.maximum(np.einsum("ij,ij->j", beyond, beyond) / left - mean * mean, 0))
        found = Clear.between(shown, clip, middle, (sigma * MARGIN, sigma / MARGIN))
        lost = np.logical_or.reduce(found.out > gone)
        gone |= found.out
        left = len(shown) - counted(gone)
        clear &= found.clear & (left >= len(shown) - MOST_OUT)
        if not (lost & clear).any():
            break
        beyond[gone] = 0
    return attrs.evolve(found, clear=clear)


def frames_and_pixels(out: Array) -> tuple[Array, Array]:
    """Give the frame and the pixel of each value that is left out, frame by frame."""
    frame, pixel = np.divmod(places_of(out.reshape(-1)), max(out.shape[1], 1))
    return frame, pixel


def _whole(lowest: Array, highest: Array, dtype: np.dtype[np.generic]) -> tuple[Array, Array]:
    """Give limits as whole numbers of a type, which those beyond what it holds do not matter to."""
    ends = np.iinfo(dtype)  # type: ignore[type-var]
    low = np.ceil(np.clip(lowest, ends.min, ends.max)).astype(dtype)
    high = np.floor(np.clip(highest, ends.min, ends.max)).astype(dtype)
    return low, high


def _beyond(shown: Array, lowest: Array, highest: Array) -> Array:
    beyond: Array = np.less(shown, lowest)
    beyond |= shown > highest
    return beyond
