"""How much equal exposures should differ: the noise of a stack.

σ² = a + b·level, the read noise and the photons; for lights and arcs also (d·∇level)² for small shifts of the
image between exposures, and c·(level − base)² for changes of its flux or sharpness.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Annotated, TypeAlias

import attrs
import numpy as np

from pipeline.compose.settings import Limits, Wanted, checked
from pipeline.compose.written import written
from pipeline.records.arrays import Array
from pipeline.records.identity import content_key
from pipeline.statistics.order_statistics import Window
from pipeline.statistics.robust import AT_ONCE
from pipeline.statistics.rounding import QUANTISATION

OneGain: TypeAlias = Annotated[float, Limits(above=0, unit="electron/adu")]
ReadNoise: TypeAlias = Annotated[float, Limits(least=0, unit="electron")]
_GAIN, _READ_NOISE = Wanted(OneGain), Wanted(ReadNoise)
NotNegative: TypeAlias = Annotated[float, Limits(least=0, finite=False)]

MOVING = ("light", "arc")
"""Kinds whose image moves and changes between exposures."""


@checked
@attrs.frozen
class Noise:
    """The variance of one value, in ADU²: max(a + b·level, floor) + (d·step)² + c·(level − base)².

    ``a`` is the variance of the readout, that of rounding to whole numbers included (with frames that hold a bias: less
    b·bias), ``b`` one over the gain in e⁻/ADU, ``step`` the largest difference between a pixel and its four neighbours.

    >>> from pipeline import Noise
    >>> noise = Noise.of(gain=2, read_noise=4)
    >>> noise
    Noise(a=4.083333333333333, b=0.5, c=0.0, d=0.0, base=0.0, floor=0.08333333333333333)
    >>> round(noise.variance(100.0), 3)
    np.float64(54.083)

    :raises SettingError: a term but for ``a`` and ``base`` is negative, or one is no number.
    """

    a: Annotated[float, Limits(finite=False)] = attrs.field(repr=written)
    b: NotNegative = attrs.field(default=0.0, repr=written)
    c: NotNegative = attrs.field(default=0.0, repr=written)
    d: NotNegative = attrs.field(default=0.0, repr=written)
    base: Annotated[float, Limits(finite=False)] = attrs.field(default=0.0, repr=written)
    floor: NotNegative = attrs.field(default=QUANTISATION, repr=written)

    __dask_tokenize__ = content_key

    @classmethod
    def of(cls, *, gain: float, read_noise: float) -> Noise:
        """Make the noise of a detector from its gain in e⁻/ADU and its read noise in e⁻, before it is rounded to ADU.

        Rounding adds its 1/12 ADU² to that (Janesick 2007, Photon Transfer).

        >>> Noise.of(gain=2.0, read_noise=6.0)
        Noise(a=9.083333333333334, b=0.5, c=0.0, d=0.0, base=0.0, floor=0.08333333333333333)

        :raises SettingError: the gain is not positive, or the read noise negative.
        """
        gain = _GAIN.take(gain, "Noise.of", "gain")
        read_noise = _READ_NOISE.take(read_noise, "Noise.of", "read_noise")
        return cls(a=(read_noise / gain) ** 2 + QUANTISATION, b=1 / gain)

    def variance(self, level: Array, step: Array | float = 0.0) -> Array:
        """Give σ² at each level, and largest step to a neighbour, in ADU²."""
        counted = np.maximum(self.a + self.b * level, self.floor)
        if self.d == 0 and self.c == 0:
            return counted
        moved: Array = counted + (self.d * step) ** 2 + self.c * (level - self.base) ** 2
        return moved

    @property
    def counted(self) -> Noise:
        """The read and photon noise alone: without what motion between exposures does."""
        return attrs.evolve(self, c=0.0, d=0.0)

    def scaled(self, factor: float) -> Noise:
        """Give the noise of the same frames in another unit, their values multiplied by ``factor``."""
        f = abs(factor)
        return Noise(self.a * f * f, self.b * f, self.c, self.d, self.base * f, self.floor * f * f)


def largest_step(level: Array) -> Array:
    """Give the largest difference between each pixel and its neighbours above, below, left and right."""
    step = np.zeros_like(level)
    for axis in (0, 1):
        if level.shape[axis] > 1:
            difference = np.abs(np.diff(level, axis=axis))
            before, behind = [slice(None)] * 2, [slice(None)] * 2
            before[axis], behind[axis] = slice(None, -1), slice(1, None)
            step[tuple(before)] = np.fmax(step[tuple(before)], difference)
            step[tuple(behind)] = np.fmax(step[tuple(behind)], difference)
    return step


def neighbours_of(place: Array, shape: tuple[int, int]) -> Array:
    """Give the places around pixels of a flattened image, (4, pixels): at its edge their own."""
    (height, width), (row, column) = shape, np.divmod(place, shape[1])
    above, below = place - width * (row > 0), place + width * (row < height - 1)
    return np.stack([above, below, place - (column > 0), place + (column < width - 1)])


def typical_level(stack: Array) -> Array:
    """Give the median over frames, ignoring NaN; of two values the lower one, because cosmic rays only add."""
    flat = stack.reshape(len(stack), -1)
    some = max(1, AT_ONCE // max(1, len(flat)))  # pixels: to put all values in order takes much memory
    levels = [typical_of(Window.of(flat[:, first : first + some])) for first in range(0, flat.shape[1], some)]
    return np.concatenate(levels).reshape(stack.shape[1:]) if levels else np.empty(stack.shape[1:])


def typical_of(window: Window) -> Array:
    """Give the median of what is left of each pixel; of two values the lower one."""
    level: Array = np.where(window.size == 2, window.lowest, window.median)
    return level


def chi_squared_beyond(squares: float, free: int) -> float:
    """Give the probability that the squares of so many ``free`` normal values of variance 1 add up to more.

    By its finite series (Abramowitz and Stegun 1964, 26.4.4 and 26.4.5).

    >>> round(chi_squared_beyond(16.92, 9), 3)
    0.05
    """
    if squares <= 0:
        return 1.0
    half, first = squares / 2, 0.5 if free % 2 else 0.0
    beyond = math.erfc(math.sqrt(half)) if free % 2 else 0.0
    powers = (first + step for step in range(free // 2))
    return beyond + sum(math.exp(power * math.log(half) - half - math.lgamma(power + 1)) for power in powers)


@lru_cache(maxsize=4096)
def chi_squared_limit(beyond: float, free: int) -> float:
    """Give what the squares of so many normal values exceed with the probability ``beyond``.

    >>> round(chi_squared_limit(0.05, 9), 2)
    16.92
    """
    low, high = 0.0, 2.0 * free + 100.0  # more than that have less than 1e-19
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if chi_squared_beyond(middle, free) > beyond else (low, middle)
    return (low + high) / 2
