"""Compact sources of an image, found and centred: stars, and what looks like them.

They serve to tell how frames lie against each other, so that few good ones do better than many: blends, trails, lone
hot pixels and hits of cosmic rays are left out by their shape, and what touches a bad pixel too.
"""

from __future__ import annotations

import math

import attrs
import numpy as np

from pipeline.records.arrays import Array, BoolArray, FloatArray, IntArray
from pipeline.statistics.robust import MAD_TO_SIGMA

BIN = 2
"""Sources are looked for in blocks of so many pixels to a side, and centred in the pixels."""

CELL = 16
"""The background is the median of cells of so many blocks to a side."""

DETECTED = 5.0
"""σ of a block above the background from which a peak may be a source."""

SIGNIFICANT = 8.0
"""σ of the flux in the window from which it is one."""

REACH = 7
"""Pixels from the peak to the edge of the window that a source is centred in."""

WINDOW_SIGMA = 2.0
"""Of the Gaussian that weighs the pixels of the window: near that of stars, whose centres it then tells best."""

ROUNDS = 6

SHAPE_SIGMA = 1.2
"""Of the one within which the shape is judged: narrow, so that noise and neighbours hardly count."""

MOST_OBLONG = 1.5
"""The larger second moment over the smaller one, within that: a trail has 1.9, a star of 3 by 4.5 px 1.4."""

SPIKE = 3.0
"""A pixel so many times as high as the highest of its neighbours is no part of a star."""

FULL = 0.15
"""The median of the nine innermost pixels over the brightest: next to 0 in clusters of up to four hot pixels."""

MOST = 300
"""So many sources, the brightest, are enough."""


@attrs.frozen
class Sources:
    """Where sources lie in an image, brightest first: rows ``y`` and columns ``x``, counted from 0.

    ``flux`` is that in the window, and serves to order them; ``error`` is how well each coordinate is known, in px.
    """

    y: FloatArray
    x: FloatArray
    flux: FloatArray
    error: FloatArray

    def __len__(self) -> int:
        return len(self.flux)


def find_sources(values: FloatArray, most: int = MOST) -> Sources:
    """Find the brightest compact sources of an image (ny, nx), NaN where a value is bad.

    Centres are those of pixels weighed by a Gaussian about them (XWIN of SExtractor: Bertin & Arnouts 1996).
    """
    if min(values.shape) < 4 * REACH:
        return _NONE
    with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is no source
        blocks = binned(values, BIN)
        around = Surroundings.of(blocks)
        y, x = _peaks(blocks, around)
        bright = np.argsort(around.level_at(y, x) - blocks[y, x], kind="stable")[: 2 * most]
        y, x = y[bright], x[bright]
        return _centred(values, BIN * y, BIN * x, BIN * around.sigma_at(y, x), most)


_NONE = Sources(*(np.empty(0) for _ in range(4)))


def binned(values: FloatArray, by: int) -> FloatArray:
    """Give the means of blocks of ``by`` × ``by`` pixels; NaN where one is bad.  A rest of rows and columns is lost."""
    height, width = (side // by * by for side in values.shape)
    rows = values[:height:by, :width].astype(np.float32)
    for first in range(1, by):
        rows += values[first:height:by, :width]
    blocks: FloatArray = rows[:, ::by].copy()
    for first in range(1, by):
        blocks += rows[:, first::by]
    blocks /= by * by
    return blocks


@attrs.frozen
class Surroundings:
    """The level about each of many values and the standard deviation about it, in cells of equal ``size``, (ny, nx).

    Both by the median and the lower quartile, so that what is bright does not matter; of those the median of each
    cell and its neighbours.  Rows and columns beyond the last cell belong to none.
    """

    level: FloatArray
    sigma: FloatArray
    size: tuple[int, int]

    @classmethod
    def of(cls, values: FloatArray) -> Surroundings:
        """Measure them in every second row and column; NaN is left out."""
        rows, columns = (max(1, side // CELL) for side in values.shape)
        size = values.shape[0] // rows, values.shape[1] // columns
        cells = _in_cells(values, size)[:, ::2, :, ::2]
        ordered = np.sort(np.moveaxis(cells, 1, 2).reshape(rows, columns, -1), axis=-1)  # NaN comes last
        known = np.count_nonzero(np.isfinite(ordered), axis=-1)[..., None]
        middle, quarter = (np.take_along_axis(ordered, place, -1)[..., 0] for place in (known // 2, known // 4))
        rounding = np.spacing(np.abs(np.nan_to_num(middle)))
        return cls(_smoothed(middle), np.fmax(_smoothed(MAD_TO_SIGMA * (middle - quarter)), rounding), size)

    def above(self, values: FloatArray, sigmas: float) -> BoolArray:
        """Tell which of the values lie so many σ above their surroundings."""
        high = np.zeros(values.shape, bool)
        limit = (self.level + sigmas * self.sigma)[:, None, :, None]
        np.greater(_in_cells(values, self.size), limit, out=_in_cells(high, self.size))
        return high

    def level_at(self, y: IntArray, x: IntArray) -> FloatArray:
        """Give the level at some places within cells."""
        level: FloatArray = self.level[y // self.size[0], x // self.size[1]]
        return level

    def sigma_at(self, y: IntArray, x: IntArray) -> FloatArray:
        """Give the standard deviation at some places within cells."""
        sigma: FloatArray = self.sigma[y // self.size[0], x // self.size[1]]
        return sigma


def _in_cells(values: Array, size: tuple[int, int]) -> Array:
    """View values as (rows of cells, rows, columns of cells, columns)."""
    rows, columns = (side // step for side, step in zip(values.shape, size, strict=True))
    whole = values[: rows * size[0], : columns * size[1]]
    (down, right), strides = whole.strides, (rows, size[0], columns, size[1])
    return np.lib.stride_tricks.as_strided(whole, strides, (down * size[0], down, right * size[1], right))


def _smoothed(cells: FloatArray) -> FloatArray:
    around = np.lib.stride_tricks.sliding_window_view(np.pad(cells, 1, mode="edge"), (3, 3))
    smooth: FloatArray = np.nanmedian(around.reshape(*cells.shape, 9), axis=-1) if np.isfinite(cells).any() else cells
    return smooth


def _peaks(blocks: FloatArray, around: Surroundings) -> tuple[IntArray, IntArray]:
    """Give the rows and columns of blocks that stand out, and above their eight neighbours."""
    high = around.above(blocks, DETECTED)
    high[[0, -1]], high[:, [0, -1]] = False, False
    place, width = np.flatnonzero(high), blocks.shape[1]
    flat, top = blocks.reshape(-1), np.ones(place.size, bool)
    for step in (-width - 1, -width, -width + 1, -1):
        top &= (flat[place] > flat[place + step]) & (flat[place] >= flat[place - step])
    rows, columns = np.divmod(place[top], width)
    return rows, columns


def _centred(values: FloatArray, y: IntArray, x: IntArray, sigma: FloatArray, most: int) -> Sources:
    """Centre what lies at some pixels, and keep what is compact; ``sigma`` is the noise of a pixel there."""
    steps = np.arange(-REACH, REACH + 1)
    inside = (y >= REACH) & (y < values.shape[0] - REACH) & (x >= REACH) & (x < values.shape[1] - REACH)
    y, x, sigma = y[inside], x[inside], sigma[inside]
    window = values[(y[:, None] + steps)[:, :, None], (x[:, None] + steps)[:, None, :]].astype(np.float64)
    edge = np.ones(window.shape[1:], bool)
    edge[1:-1, 1:-1] = False
    good = np.isfinite(window[:, 2:-2, 2:-2]).all(axis=(1, 2)) & np.isfinite(window[:, edge]).any(axis=1)
    y, x, sigma, window = y[good], x[good], sigma[good], window[good]
    if not len(window):
        return _NONE
    window -= np.nanmedian(window[:, edge], axis=1)[:, None, None]
    window[~np.isfinite(window)] = 0
    level_spikes(window, sigma[:, None, None])
    centre = np.zeros((2, len(window)))
    for _ in range(ROUNDS):
        weight, offsets = _weights(centre, steps)
        total = (weight * window).sum(axis=(1, 2))
        for axis, offset in enumerate(offsets):
            centre[axis] += 2 * (weight * window * offset).sum(axis=(1, 2)) / total
        np.clip(centre, -REACH / 2, REACH / 2, out=centre)
    weight, _ = _weights(centre, steps)
    flux, noise = (weight * window).sum(axis=(1, 2)), sigma * np.sqrt((weight**2).sum(axis=(1, 2)))
    kept = (flux > SIGNIFICANT * noise) & (np.abs(centre).max(axis=0) < REACH / 2) & _is_compact(window, centre, steps)
    error = math.sqrt(2) * WINDOW_SIGMA * noise / flux  # of a star as wide as the window
    return _once(Sources(*(part[kept] for part in (y + centre[0], x + centre[1], flux, error))), most)


def level_spikes(values: FloatArray, sigma: FloatArray | float = 0.0, times: float = SPIKE) -> None:
    """Bring pixels that stand above all eight neighbours down to the highest of these, in place: (..., ny, nx).

    Those that are so many ``times`` as high, and 5 ``sigma`` more; values are above their surroundings.
    """
    inner, around = values[..., 1:-1, 1:-1], np.lib.stride_tricks.sliding_window_view(values, (3, 3), axis=(-2, -1))
    beside = [around[..., i, j] for i in range(3) for j in range(3) if (i, j) != (1, 1)]
    highest = np.maximum.reduce(beside)
    np.copyto(inner, highest, where=inner > times * np.maximum(highest, 0) + DETECTED * sigma)


def _weights(
    centre: FloatArray, steps: IntArray, sigma: float = WINDOW_SIGMA
) -> tuple[FloatArray, tuple[FloatArray, FloatArray]]:
    """Give the weights of a window's pixels, and how far these lie from the centre along rows and columns."""
    up, right = steps - centre[0, :, None], steps - centre[1, :, None]
    rows, columns = (np.exp(-(away**2) / (2 * sigma**2)) for away in (up, right))
    return rows[:, :, None] * columns[:, None, :], (up[:, :, None], right[:, None, :])


def _is_compact(window: FloatArray, centre: FloatArray, steps: IntArray) -> BoolArray:
    """Tell what is more than a few pixels, and about as wide as high, by second moments."""
    weight, (up, right) = _weights(centre, steps, SHAPE_SIGMA)
    weight *= window
    flux = weight.sum(axis=(1, 2))
    yy, xx, xy = (
        (weight * one * other).sum(axis=(1, 2)) / flux for one, other in ((up, up), (right, right), (up, right))
    )
    mean, apart = (yy + xx) / 2, np.hypot((yy - xx) / 2, xy)
    inner = np.sort(window[:, REACH - 1 : REACH + 2, REACH - 1 : REACH + 2].reshape(-1, 9), axis=1)
    full = inner[:, 4] > FULL * inner[:, 8]
    told: BoolArray = full & (mean + apart < MOST_OBLONG * (mean - apart))
    return told


def _once(sources: Sources, most: int) -> Sources:
    """Give sources brightest first, each once: neighbouring peaks may have been drawn to the same."""
    order: Array = np.argsort(-sources.flux, kind="stable")
    y, x = sources.y[order], sources.x[order]
    near = np.hypot(y[:, None] - y, x[:, None] - x) < REACH / 2
    first = order[~np.tril(near, -1).any(axis=1)][:most]
    return Sources(*(part[first] for part in (sources.y, sources.x, sources.flux, sources.error)))
