"""Edge: the pixels of a frame on disk, read by rows: a source made of the arrays of its HDUs.

A raw frame has values alone; one of our products has flags and a standard deviation in HDUs beside them, and a master
the errors that it shares with others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np

from pipeline.errors import FrameError
from pipeline.fits.hdu_array import FrameArray, HduArray
from pipeline.fits.stored_array import Origin
from pipeline.records.arrays import Array, sealed, surely_finite, working_dtype
from pipeline.records.pixels import Flag, FlagBits, Pixels

UNEQUAL = 1e-5
"""Variances that differ by less than this fraction differ by rounding alone."""

SURELY_EQUAL = 0.9 * UNEQUAL
"""Less than this in single precision is less than that in double precision, of however many masters there are."""

AT_ONCE = 2**15
"""So many pixels of a product are made at once: they stay in the cache."""


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
        """Read some rows: many of a product that is quick to read a few at a time, into their place."""
        start, stop, _ = slice(start, stop).indices(self.shape[0])
        at_once = max(1, AT_ONCE // max(1, self.shape[1]))
        return (
            self._read_in_parts(start, stop, at_once)
            if stop - start > at_once and self._plain
            else self._read(start, stop)
        )

    @property
    def _plain(self) -> bool:
        """Whether it is a product as we write them, with its errors, in a file that stays open."""
        floats = [self.values, self.deviation, *(array for _, array in self.shared)]
        arrays = [*floats, *([] if self.flags is None else [self.flags])]
        return (
            all(isinstance(array, HduArray) and array.quick is not None and array.encoding.exact for array in arrays)
            and all(array is not None and array.dtype == self.dtype for array in floats)
            and (self.flags is None or self.flags.dtype == FlagBits)
        )

    def _read_in_parts(self, start: int, stop: int, at_once: int) -> Pixels:
        """Read many rows, each plane into its place while it is in the cache: the same as at once."""
        assert isinstance(self.values, HduArray) and self.deviation is not None  # noqa: PT018, S101 - see _plain
        shape = stop - start, self.shape[1]
        values, flags = np.empty(shape, self.dtype), np.zeros(shape, FlagBits)
        variance = np.zeros(shape, self.dtype)  # of most masters it stays so: all is shared
        shared = [np.empty(shape, self.dtype) for _ in self.shared]
        bytes_read = np.empty(at_once * shape[1] * self.dtype.itemsize, np.uint8)
        work = np.empty((2, at_once, shape[1]), self.dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            for first in range(start, stop, at_once):
                last = min(first + at_once, stop)
                here = slice(first - start, last - start)
                self.values.read_exact(first, last, values[here], bytes_read)
                if self.flags is not None:
                    self.flags.read_exact(first, last, flags[here], bytes_read)
                if not surely_finite(values[here]):
                    flags[here] |= ~np.isfinite(values[here]) * FlagBits(Flag.NONFINITE)
                whole, rest = work[:, : last - first]
                self.deviation.read_exact(first, last, whole, bytes_read)
                np.square(whole, out=whole)
                for plane, (_, array) in zip(shared, self.shared, strict=True):
                    array.read_exact(first, last, plane[here], bytes_read)
                sigmas = [plane[here] for plane in shared]
                if not (sigmas and _all_shared(whole, sigmas, rest)):
                    variance[here] = self._own(whole, sigmas) if sigmas else whole
        self.check_unchanged()
        pairs = tuple((key, sealed(plane)) for (key, _), plane in zip(self.shared, shared, strict=True))
        return Pixels(sealed(values), sealed(flags), sealed(variance), pairs)

    def _read(self, start: int, stop: int) -> Pixels:
        """Read some rows at once."""
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
        own = self._own(whole, [sigma for _, sigma in shared])
        return attrs.evolve(pixels, variance=sealed(own.astype(pixels.dtype)), shared=shared)

    def _own(self, whole: Array, sigmas: Sequence[Array]) -> Array:
        """Give what is left of a variance without that of what is shared."""
        own = whole - sum(sigma.astype(np.float64) ** 2 for sigma in sigmas)
        if (own < -UNEQUAL * whole).any():
            raise FrameError(
                f"{self.origin.path}: what it shares with other masters is more than its UNCERT, so that one of both "
                "was changed; write the master again, or delete its SHARED HDUs"
            )
        return np.where(own > UNEQUAL * whole, own, 0)

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


def _all_shared(whole: Array, sigmas: Sequence[Array], rest: Array) -> bool:
    """Tell, in less time than :meth:`FitsSource._own`, whether nothing is left of a variance: not all such show it.

    :param rest: memory to work in.
    """
    np.copyto(rest, whole)
    square = np.empty_like(rest)
    for sigma in sigmas:
        rest -= np.square(sigma, out=square)
    return bool((np.abs(rest, out=rest) < np.multiply(whole, SURELY_EQUAL, out=square)).all())
