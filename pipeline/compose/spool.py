"""Memory beyond the budget: arrays kept in an anonymous file that nobody else sees and that goes with its readers."""

from __future__ import annotations

import os
import tempfile
import threading
import weakref
from collections.abc import Iterable
from typing import Any

import attrs
import numpy as np

from pipeline.errors import OutputError, StepError
from pipeline.records.arrays import Array, Shared
from pipeline.records.pixels import NotStored, Pixels


class Spool:
    """An anonymous file to which arrays are added; it lives as long as something refers to it."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="ccd-pipeline-")  # noqa: SIM115 - closed as said below
        weakref.finalize(self, self._file.close)
        self._lock = threading.Lock()
        self._size = 0

    def add(self, pieces: Iterable[Array]) -> int:
        """Add the bytes of arrays, one behind the other; give their place."""
        with self._lock:
            place = self._file.seek(self._size)
            for piece in pieces:
                self._file.write(np.ascontiguousarray(piece).data)
                self._size += piece.nbytes
            self._file.flush()
        return place

    def read_into(self, memory: Any, place: int) -> int:
        """Fill memory with the bytes from a place on; give how many there were."""
        if hasattr(os, "preadv"):
            return os.preadv(self._file.fileno(), [memory], place)
        with self._lock:
            self._file.seek(place)
            return self._file.readinto(memory)

    def __reduce__(self) -> tuple[Any, ...]:
        raise StepError("pixels kept in an anonymous file cannot be pickled; raise the memory of running()")


_spools: weakref.WeakValueDictionary[int, Spool] = weakref.WeakValueDictionary()
_spools_lock = threading.Lock()


def add_to_spool(pieces: Iterable[Array]) -> tuple[Spool, int]:
    """Add the pieces of an array, as their bytes are; give the spool of this process, and their place in it.

    :raises OutputError: there is no room for it.
    """
    with _spools_lock:
        spool = _spools.get(os.getpid())
        if spool is None:
            spool = _spools[os.getpid()] = Spool()
    try:
        return spool, spool.add(pieces)
    except OSError as error:
        raise OutputError(
            f"{tempfile.gettempdir()}: no room for frames that memory does not hold: "
            f"{error.strerror}; set TMPDIR to a folder with room"
        ) from error


@attrs.frozen(eq=False)
class SpooledArray:
    """One array in the spool, read by rows."""

    spool: Spool
    place: int
    shape: tuple[int, int]
    dtype: np.dtype[Any]

    @classmethod
    def of(cls, array: Array) -> SpooledArray:
        """Keep an array."""
        return cls.of_pieces([array], (array.shape[0], array.shape[1]), array.dtype)

    @classmethod
    def of_pieces(cls, pieces: Iterable[Array], shape: tuple[int, int], dtype: np.dtype[Any]) -> SpooledArray:
        """Keep an array that comes in pieces, some rows at a time."""
        spool, place = add_to_spool(pieces)
        return cls(spool, place, shape, dtype)

    def read(self, start: int, stop: int) -> Array:
        """Read some rows."""
        rows: Array = np.empty((max(stop - start, 0), self.shape[1]), self.dtype)
        self.read_into(start, stop, rows)
        return rows

    def read_into(self, start: int, stop: int, into: Array) -> None:
        """Read some rows into memory.

        :raises OutputError: they are not all there.
        """
        found = self.spool.read_into(into, self.place + start * self.shape[1] * self.dtype.itemsize)
        if found < into.nbytes:
            raise OutputError(f"{tempfile.gettempdir()}: rows {start} to {stop} of a frame kept there are gone")

    def check_unchanged(self) -> None:
        """Do nothing: nobody else sees the spool."""


@attrs.frozen(eq=False)
class SpooledPixels(NotStored):
    """Pixels in the spool: a source."""

    values: SpooledArray
    flags: SpooledArray
    variance: SpooledArray | None
    shared: tuple[tuple[str, SpooledArray], ...]

    @classmethod
    def of(cls, pixels: Pixels) -> SpooledPixels:
        """Keep pixels."""
        return cls(
            SpooledArray.of(pixels.values),
            SpooledArray.of(pixels.flags),
            None if pixels.variance is None else SpooledArray.of(pixels.variance),
            tuple((key, SpooledArray.of(sigma)) for key, sigma in pixels.shared),
        )

    @property
    def content(self) -> Pixels:
        """What they are, wherever they are kept."""
        return self.rows(0, self.shape[0])

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx)."""
        return self.values.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the values."""
        return self.values.dtype

    def rows(self, start: int, stop: int) -> Pixels:
        """Read some rows."""
        start, stop, _ = slice(start, stop).indices(self.shape[0])
        shared: Shared = tuple((key, sigma.read(start, stop)) for key, sigma in self.shared)
        variance = None if self.variance is None else self.variance.read(start, stop)
        return Pixels(self.values.read(start, stop), self.flags.read(start, stop), variance, shared)
