"""Edge: the arrays of several HDUs of a file, one above the other, read by rows when asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np

from pipeline.fits.file_access import hold
from pipeline.fits.hdu_array import Plane
from pipeline.records.pixels import Array, working_dtype


@attrs.frozen
class Pile:
    """The arrays of several HDUs of a file, one above the other, read by rows; those that are narrower end in NaN.

    It is read as a :class:`~pipeline.fits.hdu_array.Plane` is.
    """

    parts: tuple[Plane, ...]
    hdu: str

    @property
    def path(self) -> str:
        """The file."""
        return self.parts[0].path

    @property
    def signature(self) -> tuple[int, int, int]:
        """What tells that the file has not changed."""
        return self.parts[0].signature

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx)."""
        return sum(part.shape[0] for part in self.parts), max(part.shape[1] for part in self.parts)

    @property
    def exact(self) -> bool:
        """Whether all values are stored as they are, in one type and with one BZERO."""
        alike = len({(part.stored, part.bzero, part.shape[1]) for part in self.parts}) == 1
        return alike and all(part.exact for part in self.parts)

    @property
    def stored(self) -> str:
        """The type in which values are stored, where they are stored alike."""
        return self.parts[0].stored

    @property
    def bzero(self) -> float:
        """What is to be added to stored values, where they are stored alike."""
        return self.parts[0].bzero

    @property
    def packing(self) -> str:
        """How the file, or one of the HDUs, is compressed."""
        return next((part.packing for part in self.parts if part.packing), "")

    @property
    def spool(self) -> Any:
        """The anonymous file to which HDUs have been unpacked."""
        return next((part.spool for part in self.parts if part.spool is not None), None)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the values."""
        found = np.result_type(*(part.dtype for part in self.parts))
        narrower = len({part.shape[1] for part in self.parts}) > 1
        return working_dtype(found) if narrower else found

    def read(self, start: int, stop: int) -> Array:
        """Read some rows, counted as slices count."""
        start, stop, _ = slice(start, stop).indices(self.shape[0])
        rows = [np.empty((0, self.shape[1]), self.dtype)]
        for part, first, last in self._within(start, stop):
            values = part.read(first, last).astype(self.dtype, copy=False)
            missing = self.shape[1] - values.shape[1]
            rows.append(np.pad(values, ((0, 0), (0, missing)), constant_values=np.nan) if missing else values)
        return np.concatenate(rows)

    def read_into(self, start: int, stop: int, into: Array) -> None:
        """Read some rows as they are stored, big-endian, where they are stored alike, into ``into``."""
        place = 0
        for part, first, last in self._within(start, stop):
            size = (last - first) * self.shape[1]
            part.read_into(first, last, into[place : place + size])
            place += size

    def check_unchanged(self) -> None:
        """Refuse a file that is held open and has changed since it was opened."""
        for part in self.parts:
            part.check_unchanged()

    @property
    def plane(self) -> int | None:
        """Amplifiers are no planes of a cube."""
        return None

    def loaded(self) -> Pile:
        """Give the same quick to read: compressed HDUs are unpacked once, the file of plain ones stays open."""
        held = None if self.packing else hold(self.path)
        parts = (part.loaded() if held is None else attrs.evolve(part, held=held) for part in self.parts)
        return attrs.evolve(self, parts=tuple(parts)) if self.parts[0].held is None else self

    def _within(self, start: int, stop: int) -> Iterator[tuple[Plane, int, int]]:
        """Give the parts that hold some rows, and which of their own rows those are."""
        before = 0
        for part in self.parts:
            height = part.shape[0]
            first, last = max(start - before, 0), min(stop - before, height)
            if first < last:
                yield part, first, last
            before += height
