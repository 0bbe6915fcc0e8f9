"""The exact clip: which values of a stack it keeps, round by round, by one of three rules.

A round leaves out what lies below one limit or above another, so what it keeps of a pixel's values, put in order, is
one window of them: they are put in order once, and a round of clipping moves the ends of the window.

A rule says what lies in the middle of a pixel and what σ is: by the noise of the whole stack, by the variance that
frames carry, or by the spread of the pixel's own values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import attrs
import numpy as np

from pipeline.records.arrays import BoolArray, FloatArray, IntArray
from pipeline.stacking.clip import Clip
from pipeline.stacking.stack_rows import Batch
from pipeline.statistics.amplifier_noise import AmplifierNoise, variance_of, which_of, without_motion
from pipeline.statistics.frame_levels import Shifts
from pipeline.statistics.order_statistics import Window
from pipeline.statistics.robust import MAD_TO_SIGMA

CentreAndSigma: TypeAlias = Callable[[Window, IntArray], tuple[FloatArray, FloatArray]]
"""Gives centre and σ of pixels from what is left of them and their places in the stack."""


def kept_values(stack: FloatArray, clip: Clip, centre_and_sigma: CentreAndSigma) -> BoolArray:
    """Tell which values of a stack (frames, pixels) a clip keeps; NaN is never kept, one value of a pixel always.

    As in astropy.stats.sigma_clip, a value left out comes back if it lies within the limits of the last round.
    """
    window = Window.of(stack)
    lowest, highest = np.empty((2, stack.shape[1]))
    columns = np.arange(stack.shape[1])
    rounds = clip.iterations
    while columns.size and (rounds is None or rounds > 0):
        middle, sigma = centre_and_sigma(window, columns)
        low, high = _limits(clip, middle=middle, sigma=sigma)
        touched = np.flatnonzero((window.lowest < low) | (window.highest > high))
        lowest[columns], highest[columns] = low, high
        before = window.of_columns(touched)
        columns, low, high, middle = columns[touched], low[touched], high[touched], middle[touched]
        window = _clipped(before, low=low, high=high, middle=middle)
        lowest[columns], highest[columns] = np.fmin(low, window.lowest), np.fmax(high, window.highest)
        moved = np.flatnonzero(window.size < before.size)
        columns, window = columns[moved], window.of_columns(moved)
        rounds = None if rounds is None else rounds - 1
    return (stack >= lowest) & (stack <= highest)


def _limits(clip: Clip, *, middle: FloatArray, sigma: FloatArray) -> tuple[FloatArray, FloatArray]:
    with np.errstate(invalid="ignore"):  # an infinite threshold, of a pixel without spread too, leaves all in
        low, high = middle - clip.low * sigma, middle + clip.high * sigma
    return np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high)


def _clipped(window: Window, *, low: FloatArray, high: FloatArray, middle: FloatArray) -> Window:
    """Leave out what lies beyond the limits; where that is all, what is nearest to the centre stays."""
    now = window.within(low=low, high=high)
    emptied = np.flatnonzero(now.size <= 0)
    if emptied.size:
        near = window.of_columns(emptied).nearest_to(middle[emptied])
        now.first[emptied], now.stop[emptied] = near.first, near.stop
    return now


@attrs.frozen
class ByOwnSpread:
    """Judge each pixel by the spread of its own values: standard deviation, or median absolute deviation."""

    clip: Clip

    def kept(self, _batch: Batch, values: FloatArray) -> BoolArray:
        """Tell which values (frames, pixels) are kept; neither their place nor their neighbours matter."""
        return kept_values(values, self.clip, self._centre_and_sigma)

    def _centre_and_sigma(self, left: Window, _columns: IntArray) -> tuple[FloatArray, FloatArray]:
        median, by_mean = left.median, self.clip.centre == "mean"
        if self.clip.spread == "std":
            mean = left.mean
            return mean if by_mean else median, np.sqrt(left.mean_of((left.ordered - mean) ** 2))
        distances = Window.among(np.abs(left.ordered - median), keep=left.inside)
        return left.mean if by_mean else median, distances.median * MAD_TO_SIGMA


@attrs.frozen
class ByNoise:
    """Judge values by the noise of the whole stack: of the amplifier that reads each pixel, frames brought together."""

    clip: Clip
    amplifiers: tuple[AmplifierNoise, ...]
    shifts: Shifts
    width: int

    def kept(self, batch: Batch, values: FloatArray) -> BoolArray:
        """Tell which values (frames, pixels) are kept, from where pixels are and their steps to neighbours."""
        variance = variance_of(self.amplifiers, which_of(self.amplifiers, batch.place, self.width), batch.steps)
        return kept_values(self.shifts.taken_from(values), self.clip, by_variance(self.clip, variance))


@attrs.frozen
class ByCarriedVariance:
    """Judge values by the variance that each should carry, and by what motion adds.

    A hit value carries the variance of a bright one, and what is too low that of a faint one: so a value is judged by
    what is typical of its pixel, times what is typical of its frame: its ``relative`` variance.
    """

    noise: ByNoise
    relative: FloatArray

    def kept(self, batch: Batch, values: FloatArray) -> BoolArray:
        """Tell which values (frames, pixels) are kept, as :class:`ByNoise` does."""
        rule, relative, factors = self.noise, self.relative[:, None], self.noise.shifts.factors[:, None]
        even = rule.shifts.taken_from(values)
        assert batch.carried is not None  # noqa: S101 - for the type checker
        known = np.isfinite(values) & (batch.carried > 0)
        typical = Window.of(np.where(known, batch.carried / factors**2 / relative, np.nan)).median
        if len(values) > 2 and (relative != 1).any():
            centre = Window.of(even).median
            even = centre + (even - centre) / np.sqrt(relative)
        which = which_of(rule.amplifiers, batch.place, rule.width)
        whole = variance_of(rule.amplifiers, which, batch.steps)
        still = variance_of(without_motion(rule.amplifiers), which)

        def variance(level: FloatArray, columns: IntArray) -> FloatArray:
            expected, own = whole(level, columns), typical[columns]
            return np.where(np.isfinite(own), own + expected - still(level, columns), expected)

        return kept_values(even, rule.clip, by_variance(rule.clip, variance))


def by_variance(clip: Clip, variance: Callable[[FloatArray, IntArray], FloatArray]) -> CentreAndSigma:
    """Judge each pixel by a variance that does not depend on its own few values.

    Where two values are left they are judged against each other, and the lower one holds: cosmic rays only add.

    :param variance: gives σ² of pixels from their level and their places in the stack.
    """

    def centre_and_sigma(left: Window, columns: IntArray) -> tuple[FloatArray, FloatArray]:
        pair = left.size == 2
        middle = np.where(pair, left.lowest, left.median if clip.centre == "median" else left.mean)
        return middle, np.sqrt(variance(middle, columns) * np.where(pair, 2.0, 1.0))

    return centre_and_sigma
