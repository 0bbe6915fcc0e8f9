"""Edge: the planes of a frame on disk: its values, and for our own products flags and standard deviation."""

from __future__ import annotations

import math
from typing import Any, Protocol

import attrs
import numpy as np

from pipeline.pixels import Array, Pixels, working_dtype
from pipeline.plane import Plane
from pipeline.spool import Spool


class Readable(Protocol):
    """The array of an HDU, or of several as one, read by rows: see :class:`~pipeline.plane.Plane`."""

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
    """The pixels of a frame on disk: its values, and for our own products flags and standard deviation."""

    values: Readable
    flags: Plane | None = None
    deviation: Plane | None = None

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
            return Pixels.of(
                self.values.read(start, stop),
                flags=0 if self.flags is None else self.flags.read(start, stop).astype(np.uint8),
                variance=None if deviation is None else deviation**2,
            )

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
        planes = (None if plane is None else plane.loaded() for plane in (self.values, self.flags, self.deviation))
        return FitsSource(*planes)  # type: ignore[arg-type]
