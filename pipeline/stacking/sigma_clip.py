"""Which values of a stack a clip keeps.

A clip leaves out what lies below one limit or above another, so what it keeps of a pixel's values, put in order, is
one window of them: they are put in order once, and a round of clipping moves the ends of the window.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from pipeline.records.pixels import Array
from pipeline.stacking.clip import Clip
from pipeline.statistics.order_statistics import Window
from pipeline.statistics.robust import MAD_TO_SIGMA

Judge: TypeAlias = Callable[[Window, Array], tuple[Array, Array]]
"""Gives centre and σ of pixels from what is left of them and their places in the stack."""


def kept_values(stack: Array, clip: Clip, judge: Judge) -> Array:
    """Tell which values of a stack (frames, pixels) a clip keeps; NaN is never kept, one value of a pixel always.

    As in astropy.stats.sigma_clip, a value left out comes back if it lies within the limits of the last round.
    """
    window = Window.of(stack)
    lowest, highest = np.empty((2, stack.shape[1]))
    columns = np.arange(stack.shape[1])
    rounds = clip.iterations
    while columns.size and (rounds is None or rounds > 0):
        middle, sigma = judge(window, columns)
        low, high = _limits(clip, middle, sigma)
        touched = np.flatnonzero((window.lowest < low) | (window.highest > high))
        lowest[columns], highest[columns] = low, high
        before = window.of_columns(touched)
        columns, low, high, middle = columns[touched], low[touched], high[touched], middle[touched]
        window = _clipped(before, low, high, middle)
        lowest[columns], highest[columns] = np.fmin(low, window.lowest), np.fmax(high, window.highest)
        moved = np.flatnonzero(window.size < before.size)
        columns, window = columns[moved], window.of_columns(moved)
        rounds = None if rounds is None else rounds - 1
    kept: Array = (stack >= lowest) & (stack <= highest)
    return kept


def _limits(clip: Clip, middle: Array, sigma: Array) -> tuple[Array, Array]:
    with np.errstate(invalid="ignore"):  # an infinite threshold, of a pixel without spread too, leaves all in
        low, high = middle - clip.low * sigma, middle + clip.high * sigma
    return np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high)


def _clipped(window: Window, low: Array, high: Array, middle: Array) -> Window:
    """Leave out what lies beyond the limits; where that is all, what is nearest to the centre stays."""
    now = window.within(low, high)
    emptied = np.flatnonzero(now.size <= 0)
    if emptied.size:
        near = window.of_columns(emptied).nearest_to(middle[emptied])
        now.first[emptied], now.stop[emptied] = near.first, near.stop
    return now


def by_own_spread(clip: Clip) -> Judge:
    """Judge each pixel by the spread of its own values: standard deviation, or median absolute deviation."""

    def judge(left: Window, _columns: Array) -> tuple[Array, Array]:
        if clip.spread == "std":
            mean = left.mean
            sigma = np.sqrt(left.mean_of((left.ordered - mean) ** 2))
            return (mean if clip.centre == "mean" else left.median), sigma
        median = left.median
        place = np.arange(len(left.ordered))[:, None]
        inside = (left.first <= place) & (place < left.stop)
        distances = Window.of(np.where(inside, np.abs(left.ordered - median), np.nan))
        return (left.mean if clip.centre == "mean" else median), distances.median * MAD_TO_SIGMA

    return judge


def by_noise(clip: Clip, variance: Callable[[Array, Array], Array]) -> Judge:
    """Judge each pixel by the noise of the whole stack.

    Where two values are left they are judged against each other, and the lower one holds: cosmic rays only add.

    :param variance: gives σ² of pixels from their level and their places in the stack.
    """

    def judge(left: Window, columns: Array) -> tuple[Array, Array]:
        pair = left.size == 2
        middle = np.where(pair, left.lowest, left.median if clip.centre == "median" else left.mean)
        return middle, np.sqrt(variance(middle, columns) * np.where(pair, 2.0, 1.0))

    return judge
