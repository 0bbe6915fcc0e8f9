"""Edge: the planes of a frame on disk: its values, and for our own products flags and standard deviation."""

from __future__ import annotations

import math
from typing import Any, Protocol

import attrs
import numpy as np

from pipeline.compose.spool import Spool
from pipeline.errors import FrameError
from pipeline.fits.hdu_array import HduArray
from pipeline.records.pixels import Array, Pixels, sealed, working_dtype

UNEQUAL = 1e-5
"""Variances that differ by less than this fraction differ by rounding alone."""


class Readable(Protocol):
    """The array of an HDU, or of several as one, read by rows: see :class:`~pipeline.fits.hdu_array.HduArray`."""

    @property
    def path(self) -> str: ...  # noqa: D102 - as Plane's, all of them
    @property
    def hdu(self) -> int | str: ...  # noqa: D102
    @property
    def shape(self) -> tuple[int, int]: ...  # noqa: D102
    @property
    def stored(self) -> str: ...  # noqa: D102
    @property
    def bzero(self) -> float: ...  # noqa: D102
    @property
    def packing(self) -> str: ...  # noqa: D102
    @property
    def signature(self) -> tuple[int, int, int]: ...  # noqa: D102
    @property
    def exact(self) -> bool: ...  # noqa: D102
    @property
    def dtype(self) -> np.dtype[Any]: ...  # noqa: D102
    @property
    def spool(self) -> Spool | None: ...  # noqa: D102
    def read(self, start: int, stop: int) -> Array: ...  # noqa: D102
    @property
    def plane(self) -> int | None: ...  # noqa: D102
    def read_into(self, start: int, stop: int, into: Array) -> None: ...  # noqa: D102
    def check_unchanged(self) -> None: ...  # noqa: D102
    def loaded(self) -> Readable: ...  # noqa: D102


@attrs.frozen
class FitsSource:
    """The pixels of a frame on disk: its values, and for our own products flags and standard deviation.

    ``shared`` is the part of the error that a master shares with others, by its keys.
    """

    values: Readable
    flags: HduArray | None = None
    deviation: HduArray | None = None
    shared: tuple[tuple[str, HduArray], ...] = ()

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx)."""
        return self.values.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the values."""
        return working_dtype(self.values.dtype)

    def rows(self, start: int, stop: int) -> Pixels:
        """Read some rows."""
        deviation = None if self.deviation is None else self.deviation.read(start, stop)
        with np.errstate(over="ignore", invalid="ignore"):  # a damaged one may be huge, or a NaN that signals
            pixels = Pixels.of(
                self.values.read(start, stop),
                flags=0 if self.flags is None else self.flags.read(start, stop).astype(np.uint8),
                variance=None if deviation is None else deviation**2,
            )
            return self._sharing(pixels, start, stop) if self.shared else pixels

    def _sharing(self, pixels: Pixels, start: int, stop: int) -> Pixels:
        """Tell the errors that a master shares with others from its own, which is what is left of the variance.

        :raises FrameError: they are more than all of it.
        """
        shared = tuple((key, plane.read(start, stop).astype(pixels.dtype)) for key, plane in self.shared)
        whole = np.zeros(pixels.shape) if pixels.variance is None else pixels.variance
        own = whole - sum(sigma.astype(np.float64) ** 2 for _, sigma in shared)
        if (own < -UNEQUAL * whole).any():
            raise FrameError(
                f"{self.values.path}: what it shares with other masters is more than its UNCERT, so that one of both "
                "was changed; write the master again, or delete its SHARED HDUs"
            )
        left = np.where(own > UNEQUAL * whole, own, 0).astype(pixels.dtype)
        return attrs.evolve(pixels, variance=sealed(left), shared=shared)

    @property
    def stored(self) -> tuple[str, float] | None:
        """The type of whole numbers in which the values are stored and what to add to them; None for anything else."""
        plane = self.values
        small = plane.stored in ("u1", "i2") and plane.exact and not plane.packing
        return (plane.stored, plane.bzero) if small and self.flags is None and self.deviation is None else None

    @property
    def ceiling(self) -> float:
        """Nothing is flagged as saturated yet, or all of it is."""
        return math.inf

    def read_stored(self, start: int, stop: int, into: Array) -> None:
        """Read some rows as they are stored, big-endian."""
        self.values.read_into(start, stop, into)

    def check_unchanged(self) -> None:
        """Refuse a file that has changed since it was opened."""
        self.values.check_unchanged()

    def loaded(self) -> FitsSource:
        """Give the same rows quick to read."""
        values, flags, deviation = (
            None if plane is None else plane.loaded() for plane in (self.values, self.flags, self.deviation)
        )
        shared = tuple((key, plane.loaded()) for key, plane in self.shared)
        return FitsSource(values, flags, deviation, shared)  # type: ignore[arg-type]
