"""Edge: the pixels of a frame on disk, read by rows: a source made of the arrays of its HDUs.

A raw frame has values alone; one of our products has flags and a standard deviation in HDUs beside them, and a master
the errors that it shares with others.
"""

from __future__ import annotations

import math
from typing import Any

import attrs
import numpy as np

from pipeline.errors import FrameError
from pipeline.fits.hdu_array import FrameArray, HduArray
from pipeline.fits.stored_array import Origin
from pipeline.records.arrays import Array, sealed, working_dtype
from pipeline.records.pixels import FlagBits, Pixels

UNEQUAL = 1e-5
"""Variances that differ by less than this fraction differ by rounding alone."""


@attrs.frozen
class FitsSource:
    """The pixels of a frame on disk: its values, and for our own products flags and standard deviation.

    ``shared`` is the part of the error that a master shares with others, by its keys.
    """

    values: FrameArray
    flags: HduArray | None = None
    deviation: HduArray | None = None
    shared: tuple[tuple[str, HduArray], ...] = ()

    @property
    def origin(self) -> Origin:
        """Where in which file its values stand."""
        return self.values.origin

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx)."""
        return self.values.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the values."""
        return working_dtype(self.values.dtype)

    @property
    def arrays(self) -> tuple[FrameArray, ...]:
        """All arrays that pixels are made of."""
        beside = (array for array in (self.flags, self.deviation) if array is not None)
        return self.values, *beside, *(array for _, array in self.shared)

    def rows(self, start: int, stop: int) -> Pixels:
        """Read some rows."""
        deviation = None if self.deviation is None else self.deviation.read(start, stop)
        with np.errstate(over="ignore", invalid="ignore"):  # a damaged one may be huge, or a NaN that signals
            pixels = Pixels.of(
                self.values.read(start, stop),
                flags=0 if self.flags is None else self.flags.read(start, stop).astype(FlagBits),
                variance=None if deviation is None else deviation**2,
            )
            return self._sharing(pixels, start, stop) if self.shared else pixels

    def _sharing(self, pixels: Pixels, start: int, stop: int) -> Pixels:
        """Tell the errors that a master shares with others from its own, which is what is left of the variance.

        :raises FrameError: they are more than all of it.
        """
        shared = tuple((key, array.read(start, stop).astype(pixels.dtype)) for key, array in self.shared)
        whole = np.zeros(pixels.shape) if pixels.variance is None else pixels.variance
        own = whole - sum(sigma.astype(np.float64) ** 2 for _, sigma in shared)
        if (own < -UNEQUAL * whole).any():
            raise FrameError(
                f"{self.origin.path}: what it shares with other masters is more than its UNCERT, so that one of both "
                "was changed; write the master again, or delete its SHARED HDUs"
            )
        left = np.where(own > UNEQUAL * whole, own, 0).astype(pixels.dtype)
        return attrs.evolve(pixels, variance=sealed(left), shared=shared)

    @property
    def stored(self) -> tuple[str, float] | None:
        """The type of whole numbers in which the values are stored and what to add to them; None for anything else."""
        return self.values.stored if self.flags is None and self.deviation is None else None

    @property
    def ceiling(self) -> float:
        """Nothing is flagged as saturated yet, or all of it is."""
        return math.inf

    def read_stored(self, start: int, stop: int, into: Array) -> None:
        """Read some rows as they are stored, big-endian."""
        self.values.read_stored(start, stop, into)

    def check_unchanged(self) -> None:
        """Refuse a file that has changed since it was opened."""
        self.values.check_unchanged()

    def loaded(self) -> FitsSource:
        """Give the same rows quick to read."""
        return FitsSource(
            self.values.loaded(),
            self.flags and self.flags.loaded(),
            self.deviation and self.deviation.loaded(),
            tuple((key, array.loaded()) for key, array in self.shared),
        )
