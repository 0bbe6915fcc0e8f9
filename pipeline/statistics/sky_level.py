"""The level of the sky over an image, from its sampled rows; and whether what stands out of it keeps still."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np

from pipeline.records.arrays import Array, BoolArray, FloatArray, IntArray
from pipeline.statistics.noise_fit import chi_square

CELL = 32
"""The level is the median of cells of so many columns in each block of sampled rows, and of the cells beside them."""

STANDS_OUT = 8.0
"""σ above the sky from which a place is bright."""

OFTEN = 2.0
"""Bright places of still frames lose values no more than so many times as often as the sky."""

FEWEST_ODD = 3
"""And no more of them by chance."""

ENOUGH = 20
"""Variances of so many bright pixels tell whether they are those of a noise."""

TOO_CALM, TOO_WILD = 0.3, (0.2, 0.4)
"""Shares of them below what a tenth of a noise's, and above what a two-hundredth of it is; hits add to the latter as to
the sky's, to no more than the second."""


@attrs.frozen(eq=False, repr=False)
class SkyLevel:
    """The level of the sky in cells: ``levels`` of blocks of rows, whose middles are ``rows``, and columns of cells."""

    levels: FloatArray
    rows: FloatArray

    @classmethod
    def of(cls, levels: Sequence[Array], rows: Sequence[Array]) -> SkyLevel:
        """Measure it in the levels of blocks of rows, (rows, columns) each; NaN is left out.

        :param rows: which rows of the image these are.
        """
        cells = np.array([_medians_of_cells(block) for block in levels])
        around = np.lib.stride_tricks.sliding_window_view(np.pad(cells, 1, mode="edge"), (3, 3))
        smooth = _median(around.reshape(*cells.shape, 9))
        everywhere = smooth[np.isfinite(smooth)]
        smooth[~np.isfinite(smooth)] = np.median(everywhere) if everywhere.size else 0.0
        return cls(smooth, np.array([np.mean(block) for block in rows]))

    def at(self, place: IntArray, width: int) -> FloatArray:
        """Give the level at places of the flattened image."""
        row, column = np.divmod(place, width)
        first = int(row.min()) if row.size else 0
        rows = np.arange(first, int(row.max()) + 1) if row.size else row
        block = np.searchsorted(0.5 * (self.rows[1:] + self.rows[:-1]), rows)[row - first]
        level: FloatArray = self.levels[block, np.minimum(column // CELL, self.levels.shape[1] - 1)]
        return level


def _medians_of_cells(block: Array) -> Array:
    height, width = block.shape
    cells = max(1, width // CELL)
    last = block[:, (cells - 1) * CELL :]
    whole = block[:, : (cells - 1) * CELL].reshape(height, cells - 1, CELL)
    medians = _median(np.moveaxis(whole, 1, 0).reshape(cells - 1, height * CELL))
    return np.append(medians, _median(last.reshape(1, -1)))


def _median(values: Array) -> Array:
    """Give the lower median along the last axis without NaN; NaN where nothing else is."""
    ordered = np.sort(values, axis=-1)  # NaN comes last
    known = np.isfinite(ordered).sum(axis=-1, keepdims=True)
    middle: Array = np.take_along_axis(ordered, np.maximum(known - 1, 0) // 2, -1)[..., 0]
    return middle


def smoothed(level: Array) -> Array:
    """Give the medians of three columns, and of these the medians of the rows of a block: (columns,).

    A hot pixel is not in them, nor is a bad column or the track of a hit.
    """
    padded = np.pad(level, ((0, 0), (1, 1)), mode="edge")
    left, here, right = padded[:, :-2], padded[:, 1:-1], padded[:, 2:]
    along = np.maximum(np.minimum(left, here), np.minimum(np.maximum(left, here), right))
    middle: Array = np.sort(along, axis=0)[(len(along) - 1) // 2]
    return middle


MOST_HIT = 0.5
"""Of a block of pixels hits strike no more than this part."""


@attrs.frozen(eq=False, repr=False)
class Places:
    """Pixels of sampled rows: which are ``bright``, and ``odd`` as no noise is, and their variance over frames.

    ``ratio`` is that variance over the one expected, of so many ``degrees`` of freedom.
    """

    bright: BoolArray
    odd: BoolArray
    ratio: FloatArray
    degrees: int

    @classmethod
    def joined(cls, parts: Sequence[Places]) -> Places:
        """Put those of several blocks of frames together."""
        bright, odd, ratio = (
            np.concatenate(planes)
            for planes in zip(*((part.bright, part.odd_by_chance, part.ratio) for part in parts), strict=True)
        )
        return cls(bright, odd, ratio, parts[0].degrees)

    @property
    def odd_by_chance(self) -> BoolArray:
        """Which are odd, without dark ones of a block where most are: a trace that a frame shows there is no hit."""
        dark = ~self.bright
        by_light = np.count_nonzero(self.odd & dark) > MOST_HIT * np.count_nonzero(dark)
        return self.odd & self.bright if by_light else self.odd

    @property
    def restless(self) -> bool:
        """Whether bright ones differ between frames so that something moves or changes there.

        Either they have odd values more often than others; or their variances differ more from each other than those
        of a noise, whatever the noise is: too many are large, more than hits make so, or small.
        """
        count, odd = (int(np.count_nonzero(part)) for part in (self.bright, self.bright & self.odd))
        dark = max(self.bright.size - count, 1)
        expected = count * (int(np.count_nonzero(self.odd)) - odd) / dark
        by_hits = OFTEN * expected + FEWEST_ODD * (1 + np.sqrt(expected))
        if odd > by_hits:
            return True
        ratio = self.ratio[self.bright]
        ratio = ratio[np.isfinite(ratio) & (ratio > 0)]  # where all frames have one value nothing moves
        if ratio.size < ENOUGH:
            return False
        low, high = (chi_square(self.degrees, sigma) for sigma in (-1.2816, 2.5758))
        wild = min(TOO_WILD[0] + by_hits / ratio.size, TOO_WILD[1])
        return bool(np.mean(ratio < low) > TOO_CALM or np.mean(ratio > high) > wild)
