"""Compact sources of an image, found and centred: stars, and what looks like them; and all that a mask should cover.

Those found serve to tell how frames lie against each other, so that few good ones do better than many: blends, trails,
lone hot pixels and hits of cosmic rays are left out by their shape, and what touches a bad pixel too.  A mask covers
whatever is bright, wings and all.
"""

from __future__ import annotations

import math
from functools import reduce

import attrs
import numpy as np

from pipeline.records.arrays import Array, BoolArray, FloatArray, IntArray
from pipeline.statistics.robust import MAD_TO_SIGMA, median

COARSE = 512
"""Sources are looked for in so many blocks to a side, at most, and centred in the pixels."""

TINY = 1e-30
"""At least so much is the standard deviation of anything."""

STRIP = 64
"""Rows of pixels that are binned at a time: they stay in the cache."""

CELL = 16
"""The background is the median of cells of so many blocks to a side."""

DETECTED = 5.0
"""σ of a block above the background from which a peak may be a source."""

SIGNIFICANT = 8.0
"""σ of the flux in the window from which it is one."""

CENTRED_IN = 7
"""Pixels from the peak to the edge of the window that a source is centred in."""

WINDOW_SIGMA = 2.0
"""Of the Gaussian that weighs the pixels of the window: near that of stars, whose centres it then tells best."""

ROUNDS, STEP = 5, 1.5
"""The window is moved so often, by so much of what its light lies off: best for stars of 2 to 6 px FWHM."""

SHAPE_SIGMA = 1.2
"""Of the one within which the shape is judged: narrow, so that noise and neighbours hardly count."""

MOST_OBLONG = 1.5
"""The larger second moment over the smaller one, within that: a trail has 1.9, a star of 3 by 4.5 px 1.4."""

SPIKE = 3.0
"""A pixel so many times as high as the highest of its neighbours is no part of a star."""

RUNS_ON = 0.3
"""Of the light in the middle; so much at two opposite ends of the window is that of a line, however wide."""

FULL = 0.15
"""The median of the nine innermost pixels over the brightest: next to 0 in clusters of up to four hot pixels."""

FILLED = 0.1
"""The sixth of sixteen pixels over the brightest, looked at before a source is centred: next to 0 in hot pairs."""

BOXES = ((2, 2), (4, 1), (8, 0))
"""Every so many pixels a box of twice as many to a side is looked at, and masked with so many steps around it."""

BRIGHTEST = 6.0
"""σ that a pixel counts at most: one that is hit makes no box bright."""

MOST = 150
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
    return find_in_blocks(values, BinnedImage.of(values), most)


def find_in_blocks(values: FloatArray, blocks: BinnedImage, most: int = MOST) -> Sources:
    """Find sources of an image whose blocks are known: see :func:`find_sources`."""
    if min(values.shape) < 4 * CENTRED_IN:
        return NO_SOURCES
    with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is no source
        y, x = _peaks(blocks.values, blocks.around)
        level, sigma = blocks.around.level_at(y, x), blocks.by * blocks.around.sigma_at(y, x)
        bright = np.argsort(level - blocks.values[y, x], kind="stable")
        y, x = blocks.brightest_within(y, x)
        bright = bright[_is_filled(values, y[bright], x[bright], level[bright])][: 2 * most]
        return _centred(values, y[bright], x[bright], sigma[bright], most)


NO_SOURCES = Sources(*(np.empty(0) for _ in range(4)))


@attrs.frozen(eq=False)
class BinnedImage:
    """An image in blocks of ``by`` x ``by`` pixels, their mean, and what is around them; lone hot pixels are levelled.

    ``halved`` is the image in blocks of 2 x 2.
    """

    halved: FloatArray
    values: FloatArray
    by: int
    around: Surroundings

    @classmethod
    def of(cls, image: FloatArray) -> BinnedImage:
        """Bin an image (ny, nx) to 512 x 512 blocks at most; NaN where a pixel is."""
        times = max(1, -(-max(image.shape) // (2 * COARSE)))
        with np.errstate(invalid="ignore", over="ignore"):
            halved = halved_without_spikes(image)
            values = binned(halved, times)
            return cls(halved, values, 2 * times, Surroundings.of(values))

    def brightest_within(self, y: IntArray, x: IntArray) -> tuple[IntArray, IntArray]:
        """Give the pixels, of which every second, that are brightest in some blocks or beside them."""
        each = self.by // 2
        steps = np.arange(-1, each + 1)
        rows, columns = (
            np.clip(at[:, None] * each + steps, 0, side - 1) for at, side in zip((y, x), self.halved.shape, strict=True)
        )
        around = self.halved[rows[:, :, None], columns[:, None, :]].reshape(len(y), steps.size**2)
        up, right = np.divmod(around.argmax(axis=1), steps.size)
        place = np.arange(len(y))
        return 2 * rows[place, up], 2 * columns[place, right]


def halved_without_spikes(values: FloatArray) -> FloatArray:
    """Give the means of 2 x 2 pixels; NaN where one is bad.  A last row or column that is left over is lost.

    The highest counts at most as far above the second as thrice that is above the least: hot pixels and hits are
    levelled, and stars of 2 px FWHM are not.
    """
    height, width = (side // 2 for side in values.shape)
    halved = np.empty((height, width), np.float32)
    for first in range(0, height, STRIP // 2):
        rows = values[2 * first : 2 * min(first + STRIP // 2, height), : 2 * width].astype(np.float32, copy=False)
        one, two, three, four = rows[::2, ::2], rows[::2, 1::2], rows[1::2, ::2], rows[1::2, 1::2]
        high, low, higher, lower = (
            np.maximum(one, two),
            np.minimum(one, two),
            np.maximum(three, four),
            np.minimum(three, four),
        )
        highest, least = np.maximum(high, higher), np.minimum(low, lower)
        middle, other = np.minimum(high, higher), np.maximum(low, lower)
        mean = halved[first : first + STRIP // 2]
        np.add(middle, other, out=mean)
        mean += least
        second = np.maximum(middle, other, out=middle)
        second *= 4
        least *= 3
        mean += np.minimum(highest, np.subtract(second, least, out=second), out=highest)
        mean *= 0.25
    return halved


def binned(values: FloatArray, by: int) -> FloatArray:
    """Give the means of blocks of ``by`` x ``by`` pixels; NaN where one is bad.  A rest of rows and columns is lost."""
    if by == 1:
        return values
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
        spread = np.where(
            middle > quarter, MAD_TO_SIGMA * (middle - quarter), np.nan
        )  # of few counts most may be equal
        rounding = np.fmax(np.spacing(np.abs(np.nan_to_num(middle))), TINY)
        return cls(_smoothed(middle), np.fmax(_smoothed(spread), rounding), size)

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
    """Give the median of each cell and its neighbours, the lower of two, without NaN; NaN where all are."""
    around = np.lib.stride_tricks.sliding_window_view(np.pad(cells, 1, mode="edge"), (3, 3)).reshape(*cells.shape, 9)
    ordered = np.sort(around, axis=-1)
    middle = np.maximum(np.count_nonzero(np.isfinite(ordered), axis=-1) - 1, 0) // 2
    smooth: FloatArray = np.take_along_axis(ordered, middle[..., None], -1)[..., 0]
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


def _is_filled(values: FloatArray, y: IntArray, x: IntArray, level: FloatArray) -> BoolArray:
    """Tell which places have more than a few bright pixels, before the rest is asked of them."""
    steps = np.arange(-1, 3)
    rows, columns = (np.clip(at[:, None] + steps, 0, side - 1) for at, side in zip((y, x), values.shape, strict=True))
    pixels = values[rows[:, :, None], columns[:, None, :]].reshape(len(y), steps.size**2) - level[:, None]
    pixels.sort(axis=1)
    filled: BoolArray = pixels[:, -6] > FILLED * pixels[:, -1]
    return filled


def _centred(values: FloatArray, y: IntArray, x: IntArray, sigma: FloatArray, most: int) -> Sources:
    """Centre what lies at some pixels, and keep what is compact; ``sigma`` is the noise of a pixel there."""
    steps = np.arange(-CENTRED_IN, CENTRED_IN + 1)
    inside = (
        (y >= CENTRED_IN) & (y < values.shape[0] - CENTRED_IN) & (x >= CENTRED_IN) & (x < values.shape[1] - CENTRED_IN)
    )
    y, x, sigma = y[inside], x[inside], sigma[inside]
    window = values[(y[:, None] + steps)[:, :, None], (x[:, None] + steps)[:, None, :]].astype(np.float64)
    edge = np.ones(window.shape[1:], bool)
    edge[1:-1, 1:-1] = False
    good = np.isfinite(window[:, 2:-2, 2:-2]).all(axis=(1, 2)) & np.isfinite(window[:, edge]).any(axis=1)
    y, x, sigma, window = y[good], x[good], sigma[good], window[good]
    if not len(window):
        return NO_SOURCES
    window -= np.nanmedian(window[:, edge], axis=1)[:, None, None]
    window[~np.isfinite(window)] = 0
    level_spikes(window, sigma[:, None, None])
    centre = np.full((2, len(window)), 0.5)
    for _ in range(ROUNDS):
        sums, _ = _moments(window, centre, steps, WINDOW_SIGMA)
        centre += STEP * np.stack([sums[:, 1, 0], sums[:, 0, 1]]) / sums[:, 0, 0]
        np.clip(np.nan_to_num(centre), -CENTRED_IN / 2, CENTRED_IN / 2, out=centre)
    sums, root = _moments(window, centre, steps, WINDOW_SIGMA)
    flux, noise = sums[:, 0, 0], sigma * root
    kept = (
        (flux > SIGNIFICANT * noise)
        & (np.abs(centre).max(axis=0) < CENTRED_IN / 2)
        & _is_compact(window, centre, steps)
    )
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


def _moments(window: FloatArray, centre: FloatArray, steps: IntArray, sigma: float) -> tuple[FloatArray, FloatArray]:
    """Weigh windows (n, side, side) by Gaussians about centres (2, n), and add up what lies how far from these.

    :return: at [n, p, q] the sum of light times p-th power of rows times q-th of columns; and the root of the sum of
        squared weights of each.
    """
    away = steps - centre[:, :, None]
    weights = np.exp(-(away**2) / (2 * sigma**2))
    rows, columns = np.stack([weights, weights * away, weights * away**2], axis=2)
    squared = (weights**2).sum(axis=2)
    return rows @ window @ np.swapaxes(columns, 1, 2), np.sqrt(squared[0] * squared[1])


def _is_compact(window: FloatArray, centre: FloatArray, steps: IntArray) -> BoolArray:
    """Tell what is more than a few pixels, and about as wide as high, by second moments."""
    sums, _ = _moments(window, centre, steps, SHAPE_SIGMA)
    yy, xx, xy = sums[:, 2, 0], sums[:, 0, 2], sums[:, 1, 1]
    mean, apart = (yy + xx) / 2, np.hypot((yy - xx) / 2, xy)
    row, column = (np.rint(centre).astype(int) + CENTRED_IN)[:, :, None] + np.arange(-1, 2)
    inner = window[np.arange(len(window))[:, None, None], row[:, :, None], column[:, None, :]].reshape(-1, 9)
    inner.sort(axis=1)
    full = inner[:, 4] > FULL * inner[:, 8]
    told: BoolArray = full & (sums[:, 0, 0] > 0) & (mean + apart < MOST_OBLONG * (mean - apart))
    return told & ~_runs_on(window)


def _runs_on(window: FloatArray) -> BoolArray:
    """Tell which windows hold a line, or an edge, rather than a star: it is bright at two opposite ends too."""
    boxes = [slice(0, 3), slice(CENTRED_IN - 1, CENTRED_IN + 2), slice(2 * CENTRED_IN - 2, 2 * CENTRED_IN + 1)]
    means = np.array([[window[:, up, right].mean(axis=(1, 2)) for right in boxes] for up in boxes]).reshape(9, -1)
    along = np.minimum(means[:4], means[:4:-1]).max(axis=0)  # of the four lines through the middle
    lines: BoolArray = along > RUNS_ON * means[4]
    return lines


def _once(sources: Sources, most: int) -> Sources:
    """Give sources brightest first, each once: neighbouring peaks may have been drawn to the same."""
    order: Array = np.argsort(-sources.flux, kind="stable")
    y, x = sources.y[order], sources.x[order]
    near = np.hypot(y[:, None] - y, x[:, None] - x) < CENTRED_IN / 2
    first = order[~np.tril(near, -1).any(axis=1)][:most]
    return Sources(*(part[first] for part in (sources.y, sources.x, sources.flux, sources.error)))


def mask_of_sources(excess: FloatArray, sigmas: float) -> BoolArray:
    """Tell what of an image (ny, nx) sources cover with their wings; NaN where a value is bad.

    Boxes of 4, 8 and 16 pixels, half of each over the next, are masked where the mean of their pixels lies so many σ
    above the level about them: the wider, the fainter are the wings that they find.

    :param excess: the image without whatever is smooth, of the same noise everywhere.
    """
    height, width = excess.shape
    widest = BOXES[-1][0]
    known = np.isfinite(excess)
    sigma = MAD_TO_SIGMA * median(np.abs(excess[known]))
    scaled = np.where(known, excess, 0) / max(sigma if known.any() else 0.0, TINY)
    room = [(0, -side % widest + (widest if side <= widest else 0)) for side in excess.shape]
    values = np.pad(np.clip(scaled, -BRIGHTEST, BRIGHTEST).astype(np.float32), room)
    good, mask = np.pad(known.astype(np.float32), room), np.zeros(values.shape, bool)
    for step, around in BOXES:
        total, count = (_in_boxes(plane, step) for plane in (values, good))
        with np.errstate(invalid="ignore", divide="ignore"):
            significance = np.where(count > 0, total / np.sqrt(count), np.nan)
            background = Surroundings.of(significance)
            rows, columns = (
                np.minimum(np.arange(side) // size, cells - 1)
                for side, size, cells in zip(significance.shape, background.size, background.level.shape, strict=True)
            )
            limit = (background.level + sigmas * background.sigma)[rows[:, None], columns]
        high, wide = np.pad(significance > limit, around + 1), 2 * around + 2
        for _ in range(2):  # down, and across
            high = reduce(np.logical_or, (high[first : len(high) - wide + 1 + first] for first in range(wide))).T
        np.logical_or(mask, high.repeat(step, axis=0).repeat(step, axis=1), out=mask)
    masked: BoolArray = mask[:height, :width] & known
    return masked


def _in_boxes(values: FloatArray, step: int) -> FloatArray:
    """Add up boxes of 2 x ``step`` pixels to a side, of which one begins every ``step``."""
    blocks = binned(values, step) * step**2
    pairs = blocks[1:] + blocks[:-1]
    boxes: FloatArray = pairs[:, 1:] + pairs[:, :-1]
    return boxes
