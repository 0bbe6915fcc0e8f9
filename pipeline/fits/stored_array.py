"""Edge: the numbers of an array as they stand in a file, big-endian, read by rows.

There are three ways to read them: from a file that is opened each time, as one that is packed must be
(:class:`ArrayInFile`); from one that stays open (:class:`ArrayInOpenFile`); and, once unpacked, from the anonymous file
that holds what memory does not (:class:`~pipeline.compose.spool.SpooledArray`).
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import attrs
import numpy as np
import numpy.typing as npt
from astropy.io import fits

from pipeline.compose.spool import SpooledArray
from pipeline.errors import FrameError
from pipeline.fits.file_access import OpenFile, in_our_words, opened, read_fully, reading, signature_of
from pipeline.fits.integrity import BLOCK, sum_of_stream
from pipeline.records.arrays import Array

UNPACKED = 4 * 2**20
"""So many bytes of a compressed file are unpacked at a time."""


class StoredArray(Protocol):
    """The numbers of an array as they are stored, big-endian, read by rows: the same every time, or an error."""

    def read(self, start: int, stop: int) -> Array:
        """Read some rows."""

    def read_into(self, start: int, stop: int, into: Array) -> None:
        """Read some rows into memory; what has changed meanwhile is for :meth:`check_unchanged` to say."""

    def check_unchanged(self) -> None:
        """Refuse what has changed since it was opened, once for many rows.

        :raises FrameError: it has.
        """


@attrs.frozen
class Origin:
    """Which array of which file: of a cube one ``plane``, counted from 0.

    ``signature`` tells that the file has not changed: size, modification time and inode.
    """

    path: str
    hdu: int | str
    signature: tuple[int, int, int]
    plane: int | None = None

    def __str__(self) -> str:
        return f"{self.path}[{self.hdu}]"

    def check(self, status: os.stat_result) -> None:
        """Refuse a file that is no longer what it was.

        :raises FrameError: it is not.
        """
        if signature_of(status) != self.signature:
            raise FrameError(f"{self.path}: changed since it was opened; open it again")


def _big_endian(dtype: npt.DTypeLike) -> np.dtype[Any]:
    return np.dtype(dtype).newbyteorder(">")


@attrs.frozen
class ArrayInFile:
    """An array in a file that is opened for each reading.

    ``offset`` is where the array of the HDU begins, once the file is unpacked; ``packing`` is gzip, bzip2, or tiles for
    an image that is compressed inside its HDU, and empty for a plain file.
    """

    origin: Origin
    shape: tuple[int, int]
    dtype: np.dtype[Any] = attrs.field(converter=_big_endian)
    offset: int
    packing: str

    def read(self, start: int, stop: int) -> Array:
        """Read some rows, and see behind them that the file was still what it was.

        :raises FrameError: the file ends early, is damaged, or has changed since it was opened.
        """
        with self._opened() as stream:
            if self.packing == "tiles":
                return self._unpacked_tiles(stream)[start:stop]
            rows = self._rows(stream, start, stop)
            self._check_packing(stream)
            return rows

    def read_into(self, start: int, stop: int, into: Array) -> None:
        """Read some rows into memory."""
        np.copyto(into, self.read(start, stop).reshape(-1))

    def check_unchanged(self) -> None:
        """Do nothing: each reading has seen it."""

    def unpacked(self) -> SpooledArray:
        """Read all rows into the anonymous file, a few at a time where they can be unpacked so."""
        return SpooledArray.of_pieces(self._pieces(), self.shape, self.dtype)

    def sum(self, span: int) -> int:
        """Add up the array as FITS does, as it stands in its HDU: so many bytes."""
        with in_our_words(self.origin.path, self.origin.hdu), opened(self.origin.path, self.packing) as stream:
            return sum_of_stream(stream, self.offset, span)

    def place(self, row: int) -> int:
        """Give where a row begins."""
        rows = (self.origin.plane or 0) * self.shape[0] + row
        return self.offset + rows * self.shape[1] * self.dtype.itemsize

    def short(self, missing: int, row: int) -> FrameError:
        """Say that the file ends early."""
        return FrameError(f"{self.origin}: the file ends {missing} bytes short of row {row}; get a whole copy")

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        """Open the file; when something has been read, see that it was still what it was: so it was until then."""
        with in_our_words(self.origin.path, self.origin.hdu), opened(self.origin.path, self.packing) as stream:
            ours = os.dup(stream.fileno())  # astropy closes what it has read
            try:
                yield stream
            finally:
                status = os.fstat(ours)
                os.close(ours)
                self.origin.check(status)

    def _rows(self, stream: Any, start: int, stop: int) -> Array:
        height, width = max(stop - start, 0), self.shape[1]
        size = height * width * self.dtype.itemsize
        stream.seek(self.place(start))
        data = read_fully(stream, size)
        if len(data) < size:
            raise self.short(size - len(data), stop)
        rows: Array = np.frombuffer(data, self.dtype).reshape(height, width)
        return rows

    def _pieces(self) -> Iterator[Array]:
        if self.packing == "tiles":
            yield self.read(0, self.shape[0]).astype(self.dtype, copy=False)
            return
        rows = max(1, UNPACKED // (self.shape[1] * self.dtype.itemsize))
        with self._opened() as stream:
            for start in range(0, self.shape[0], rows):
                yield self._rows(stream, start, min(start + rows, self.shape[0]))
            self._check_packing(stream)

    def _unpacked_tiles(self, stream: Any) -> Array:
        with (
            reading(self.origin.path, self.origin.hdu),
            fits.open(stream, memmap=False, do_not_scale_image_data=True) as hdus,
        ):
            planes = np.asarray(hdus[self.origin.hdu].data).reshape(-1, *self.shape)
        chosen: Array = planes[self.origin.plane or 0]
        return chosen

    def _check_packing(self, stream: Any) -> None:
        """Read on to the end of a packed file, if it is near: what packed it noted a checksum there."""
        if self.packing == "gzip":
            try:
                stream.read(BLOCK)
            except gzip.BadGzipFile as error:
                if "Not a gzipped file" not in str(error):  # what stands behind it harms nobody
                    raise


@attrs.frozen
class ArrayInOpenFile:
    """An array in a plain file that stays open."""

    array: ArrayInFile
    file: OpenFile

    def read(self, start: int, stop: int) -> Array:
        """Read some rows, and see behind them that the file was still what it was."""
        rows: Array = np.empty((max(stop - start, 0), self.array.shape[1]), self.array.dtype)
        self.read_into(start, stop, rows)
        self.check_unchanged()
        return rows

    def read_into(self, start: int, stop: int, into: Array) -> None:
        """Read some rows into memory.

        :raises FrameError: the file ends early.
        """
        found = self.file.read_into(into, self.array.place(start))
        if found < into.nbytes:
            self.check_unchanged()
            raise self.array.short(into.nbytes - found, stop)

    def check_unchanged(self) -> None:
        """Refuse a file that has changed since it was opened."""
        self.array.origin.check(os.fstat(self.file.descriptor))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(None), ()  # in another process the file is opened again
