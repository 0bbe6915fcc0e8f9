"""A large image in few cells that hide nothing: the mean of each block, and the single pixels that stand out of it."""

from __future__ import annotations

import attrs
import numpy as np

from pipeline.records.arrays import Array, BoolArray, FloatArray, IntArray
from pipeline.statistics.robust import MAD_TO_SIGMA

STANDS_OUT = 5.0
"""A pixel stands out of its block from this many standard deviations of the noise: by chance 10 in 4096²."""

CELL = 64
"""The side of the squares in which the noise is measured."""

ROW_STEP = 4


@attrs.frozen
class Blocks:
    """An image in blocks of ``size``×``size`` pixels; those on the upper and right edges may be smaller.

    ``mean`` is that of the good pixels, of all finite ones where none is good, NaN where none is finite;
    ``extreme`` the value of the pixel furthest from it, flagged ones included, where that stands out of the noise,
    else NaN; ``masked`` the fraction of masked pixels, None where no pixel is.
    """

    size: int
    mean: FloatArray
    extreme: FloatArray
    masked: FloatArray | None

    @property
    def shown(self) -> FloatArray:
        """The mean, and over it the extreme where pixels stand out alone or in a line, as those of a detector do.

        What is as wide as high is a star, which painted by its brightest pixels would be a square.
        """
        alone = np.zeros(self.mean.shape, bool)
        with np.errstate(invalid="ignore"):
            bright, dark = self.extreme > self.mean, self.extreme < self.mean
        for out in (bright, dark):
            wide = np.pad(out, 1)
            beside, above = wide[1:-1, :-2] | wide[1:-1, 2:], wide[:-2, 1:-1] | wide[2:, 1:-1]
            alone |= out & ~(beside & above)
        return np.where(alone, self.extreme, self.mean)


def block_size(shape: tuple[int, int], cells: int) -> int:
    """Give the least power of two that brings an image to at most ``cells``² blocks.

    >>> block_size((254, 1024), 512), block_size((4096, 4096), 512)
    (1, 8)
    """
    size = 1
    while -(-shape[0] // size) * -(-shape[1] // size) > cells * cells:
        size *= 2
    return size


def noise_map(values: FloatArray) -> FloatArray:
    """Give the noise, as σ, in each square of 64×64 pixels, from how much neighbours in a row differ.

    The median of |v₋₁ − 2 v₀ + v₊₁|/√6 of every fourth row, which a slope does not move; 0 where it cannot be told.
    """
    height, width = values.shape
    rows = values[::ROW_STEP]
    if width < 3:
        return np.zeros((-(-height // CELL), -(-width // CELL)))
    with np.errstate(invalid="ignore", over="ignore"):
        bend = np.abs(rows[:, :-2] + rows[:, 2:] - 2 * rows[:, 1:-1])
    noise = np.zeros((-(-height // CELL), -(-width // CELL)))
    for i in range(noise.shape[0]):
        for j in range(noise.shape[1]):
            square = bend[i * CELL // ROW_STEP : (i + 1) * CELL // ROW_STEP, j * CELL : (j + 1) * CELL].ravel()
            noise[i, j] = _median(square if np.isfinite(square).all() else square[np.isfinite(square)])
    noise *= MAD_TO_SIGMA / np.sqrt(6)
    return noise


def _median(values: FloatArray) -> float:
    return float(np.partition(values, values.size // 2)[values.size // 2]) if values.size else 0.0


def in_blocks(values: FloatArray, size: int, *, masked: BoolArray | None, noise: FloatArray) -> Blocks:
    """Bring an image to blocks.

    :param masked: True where a pixel is flagged; None for nowhere.
    :param noise: what :func:`noise_map` gives for the image.
    """
    if size == 1:
        fraction = None if masked is None else masked.astype(np.float64)
        known = np.where(np.isfinite(values), values, np.nan)
        return Blocks(1, known, np.full(values.shape, np.nan, values.dtype), fraction)
    mean = _means(values, size, masked=masked)
    finite = np.isfinite(values).all()
    high = _folded(np.fmax, values if finite else np.where(np.isfinite(values), values, -np.inf), size)
    low = _folded(np.fmin, values if finite else np.where(np.isfinite(values), values, np.inf), size)
    extreme = np.where(high - mean >= mean - low, high, low)
    sigma = noise[np.ix_(*(_cell_of(n, size) for n in values.shape))]
    with np.errstate(invalid="ignore"):
        stands_out = np.abs(extreme - mean) > STANDS_OUT * sigma
    fraction = None if masked is None else _summed(masked, size) / _counts(values.shape, size)
    return Blocks(size, mean, np.where(stands_out, extreme, np.nan), fraction)


def _means(values: FloatArray, size: int, *, masked: BoolArray | None) -> FloatArray:
    finite = np.isfinite(values)
    if masked is None and finite.all():
        return _summed(values, size) / _counts(values.shape, size)
    good = finite if masked is None else finite & ~masked
    with np.errstate(invalid="ignore"):
        mean = _summed(np.where(good, values, 0), size) / _summed(good, size)
        rest = _summed(np.where(finite, values, 0), size) / _summed(finite, size)
    return np.where(np.isnan(mean), rest, mean)


def _cell_of(length: int, size: int) -> IntArray:
    return np.minimum(np.arange(0, length, size) + size // 2, length - 1) // CELL


def _counts(shape: tuple[int, int], size: int) -> IntArray:
    rows, columns = (np.minimum(size, n - np.arange(0, n, size)) for n in shape)
    return np.outer(rows, columns)


def _summed(values: Array, size: int) -> Array:
    return _folded(np.add, values, size, np.float64)


def _folded(fold: np.ufunc, values: Array, size: int, dtype: type | None = None) -> Array:
    """Fold blocks by a ufunc: whole blocks by their shape, which is fast, and then the rest at the edges."""
    for axis in (0, 1):
        length = values.shape[axis]
        whole = length - length % size
        body, rest = np.split(values, [whole], axis=axis)
        shape = (whole // size, size, values.shape[1]) if axis == 0 else (values.shape[0], whole // size, size)
        parts = [fold.reduce(body.reshape(shape), axis=axis + 1, dtype=dtype)]
        if whole < length:
            parts.append(fold.reduce(rest, axis=axis, dtype=dtype, keepdims=True))
        values = np.concatenate(parts, axis=axis)
    return values
