"""Which values of a stack to leave out: the clip, and its rules of spread."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Literal, TypeAlias

import attrs
import numpy as np

from pipeline.errors import SettingError
from pipeline.noise import Noise
from pipeline.pixels import Array
from pipeline.robust import MAD_TO_SIGMA

EQUALLY_NEAR = 1e-9
"""Distances from the centre that differ by less than this fraction are equal: the two values around a median are."""

Spread: TypeAlias = Literal["noise", "std", "mad"]


def _positive(_: object, attribute: attrs.Attribute[float], value: float) -> None:
    if not isinstance(value, int | float | np.number) or not value > 0:
        raise SettingError(f"Clip: {attribute.name}={value}; expected a positive number of σ")


def _one_of(*words: str) -> Callable[[object, attrs.Attribute[str], str], None]:
    def check(_: object, attribute: attrs.Attribute[str], value: str) -> None:
        if value not in words:
            raise SettingError(f"Clip: {attribute.name}={value!r}; expected one of {', '.join(words)}")

    return check


def _whole(_: object, attribute: attrs.Attribute[int | None], value: int | None) -> None:
    if value is not None and (value != int(value) or value < 1):
        raise SettingError(f"Clip: {attribute.name}={value}; expected a whole number from 1, or None")


@attrs.frozen(repr=False)
class Clip:
    """Leave out values further than ``low`` σ below or ``high`` σ above the centre of their pixel.

    ``spread`` says what σ is: ``"noise"``, the noise of the whole stack (measured, or given as ``noise``);
    ``"std"`` or ``"mad"``, the spread of the pixel's own values.  ``iterations=None`` repeats until nothing
    more is left out.

    ``counting`` gives the read and photon noise where they are known, and lets the rest be measured: how frames
    differ in level, and how lights and arcs move.  ``noise`` gives all of it: nothing is measured.
    """

    spread: Spread = attrs.field(default="noise", validator=_one_of("noise", "std", "mad"))
    low: float = attrs.field(default=5.0, validator=_positive)
    high: float = attrs.field(default=5.0, validator=_positive)
    centre: Literal["median", "mean"] = attrs.field(default="median", validator=_one_of("median", "mean"))
    iterations: int | None = attrs.field(default=None, validator=_whole)
    noise: Noise | None = None
    counting: Noise | None = None

    def __attrs_post_init__(self) -> None:
        if math.isinf(self.low) and math.isinf(self.high):
            raise SettingError("Clip: low and high are infinite; for no clip, say clip=None (--clip none)")

    def __repr__(self) -> str:
        said = {"low": self.low, "high": self.high} | {
            field.name: getattr(self, field.name)
            for field in attrs.fields(Clip)
            if field.name != "spread" and getattr(self, field.name) != field.default
        }
        return f"Clip({self.spread!r}, {', '.join(f'{name}={value!r}' for name, value in said.items())})"


def frames_needed(clip: Clip) -> int:
    """Give the number of frames from which a clip can leave out anything at all.

    No value of n lies further from their mean than √(n−1) standard deviations, nor from their median than the root of
    n(n+3)/(n+1) for odd and of n(n+4)/(n+2) for even n, however extreme it is.

    >>> frames_needed(Clip("std"))
    24
    """
    if clip.spread != "std":
        return 3 if clip.spread == "mad" else 2
    k = min(clip.low, clip.high)
    if clip.centre == "mean":
        return max(math.floor(k * k) + 2, 3)
    return next(n for n in itertools.count(3) if (n * (n + 3) / (n + 1) if n % 2 else n * (n + 4) / (n + 2)) > k * k)


Judge: TypeAlias = Callable[[Array, Array], tuple[Array, Array]]
"""Gives centre and σ of pixels from the values that are left of them (NaN elsewhere) and their column numbers."""


def kept_values(stack: Array, clip: Clip, judge: Judge) -> Array:
    """Tell which values of a stack (frames, pixels) a clip keeps; NaN is never kept.

    As in astropy.stats.sigma_clip, a value left out comes back if it lies within the limits of the last round.
    """
    keep = np.isfinite(stack)
    limits = np.empty((2, stack.shape[1]))
    columns = np.arange(stack.shape[1])
    left = clip.iterations
    while columns.size and (left is None or left > 0):
        values, kept = stack[:, columns], keep[:, columns]
        middle, sigma = judge(np.where(kept, values, np.nan), columns)
        with np.errstate(invalid="ignore"):  # an infinite limit of a pixel without spread
            low, high = limits[:, columns] = middle - clip.low * sigma, middle + clip.high * sigma
            outside = kept & ((values < low) | (values > high))
        now = kept & ~outside
        _keep_nearest(now, kept, values, middle)
        keep[:, columns] = now
        columns = columns[(now != kept).any(axis=0)]
        left = None if left is None else left - 1
    kept_or_back: Array = keep | ((stack >= limits[0]) & (stack <= limits[1]))
    return kept_or_back


def _keep_nearest(now: Array, before: Array, values: Array, middle: Array) -> None:
    """Where a clip would leave nothing of a pixel, keep the values nearest to its centre."""
    emptied = np.flatnonzero(before.any(axis=0) & ~now.any(axis=0))
    if emptied.size:
        distance = np.where(before[:, emptied], np.abs(values[:, emptied] - middle[emptied]), np.inf)
        now[:, emptied] = distance <= distance.min(axis=0) * (1 + EQUALLY_NEAR)


def centre(stack: Array, method: str) -> Array:
    """Give the mean or median over frames, ignoring NaN; NaN where nothing else is there."""
    count = np.isfinite(stack).sum(axis=0)
    if method == "mean":
        total = np.zeros(stack.shape[1:])
        for frame in stack:  # frame by frame: the same order of additions whatever the shape of the tile
            total += np.where(np.isfinite(frame), frame, 0.0)
        with np.errstate(invalid="ignore"):
            return total / np.where(count > 0, count, np.nan)
    ordered = np.sort(stack, axis=0)  # NaN last
    low = np.take_along_axis(ordered, np.maximum(count - 1, 0)[None] // 2, axis=0)[0]
    high = np.take_along_axis(ordered, (count // 2).clip(max=len(stack) - 1)[None], axis=0)[0]
    middle: Array = np.where(low == high, low, 0.5 * low + 0.5 * high)
    return middle


def by_own_spread(clip: Clip) -> Judge:
    """Judge each pixel by the spread of its own values: standard deviation, or median absolute deviation."""

    def judge(values: Array, _columns: Array) -> tuple[Array, Array]:
        values = np.sort(values, axis=0)  # so that no sum depends on the order of the frames
        if clip.spread == "std":
            sigma = np.sqrt(centre((values - centre(values, "mean")) ** 2, "mean"))
        else:
            sigma = centre(np.abs(values - centre(values, "median")), "median") * MAD_TO_SIGMA
        return centre(values, clip.centre), sigma

    return judge


def by_noise(clip: Clip, noise: Noise, step: Array | float) -> Judge:
    """Judge each pixel by the noise of the whole stack.

    Where two values are left they are judged against each other, and the lower one holds: cosmic rays only add.

    :param step: the largest step to a neighbour, of each column of the stack.
    """

    def judge(values: Array, columns: Array) -> tuple[Array, Array]:
        values = np.sort(values, axis=0)
        pair = np.isfinite(values).sum(axis=0) == 2
        middle = np.where(pair, values[0], centre(values, clip.centre))
        there = step[columns] if isinstance(step, np.ndarray) else step
        return middle, np.sqrt(noise.variance(middle, there) * np.where(pair, 2.0, 1.0))

    return judge
