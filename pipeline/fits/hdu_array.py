"""Edge: the array of one HDU, read by rows when asked."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs
import numpy as np
from astropy.io import fits

from pipeline.compose.running import advise
from pipeline.compose.spool import Spool, put
from pipeline.errors import FrameError, HeaderWarning
from pipeline.fits.file_access import OpenFile, in_our_words, keep_open, opened, read_fully, reading, signature_of
from pipeline.fits.integrity import BLOCK, same, sum_of_stream
from pipeline.records.interop import UNSIGNED
from pipeline.records.pixels import Array, working_dtype

UNPACKED = 4 * 2**20
"""So many bytes of a compressed file are unpacked at a time."""


@attrs.frozen
class HduArray:
    """The array of one HDU, read when asked.

    Of a cube it is one ``plane``, counted from 0.  It remembers size, modification time and inode of its file, and
    refuses to read a file changed since: the same rows every time, or an error.
    """

    path: str
    hdu: int
    shape: tuple[int, int]
    stored: str
    offset: int
    packing: str
    signature: tuple[int, int, int]
    bscale: float = 1.0
    bzero: float = 0.0
    blank: int | None = None
    plane: int | None = None
    datasum: int | None = None
    span: int = 0
    held: OpenFile | None = attrs.field(default=None, eq=False, repr=False)
    spool: Spool | None = attrs.field(default=None, eq=False, repr=False)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the values once BSCALE, BZERO and BLANK are applied."""
        if self.exact:
            return np.dtype(UNSIGNED.get((self.stored, self.bzero), self.stored))
        return working_dtype(self.stored)

    @property
    def exact(self) -> bool:
        """Whether values are stored as they are, or shifted by the one number that makes them unsigned."""
        shifted = self.bzero != 0 and (self.stored, self.bzero) not in UNSIGNED
        return self.bscale == 1 and not shifted and self.blank is None

    def read(self, start: int, stop: int) -> Array:
        """Read some rows, counted as slices count, in native byte order, with BSCALE, BZERO and BLANK applied.

        :raises FrameError: the file ends early, is damaged, or has changed since it was opened.
        """
        start, stop, _ = slice(start, stop).indices(self.shape[0])
        return self._scaled(self.read_raw(start, stop))

    def read_raw(self, start: int, stop: int) -> Array:
        """Read some rows as they are stored, big-endian."""
        if self.held is not None:
            with self._unchanged(self.held.descriptor):
                return self._raw(self.held, start, stop)
        if self.spool is not None:
            return self._raw(self.spool, start, stop)
        with (
            in_our_words(self.path, self.hdu),
            opened(self.path, self.packing) as stream,
            self._unchanged(stream.fileno()),
        ):
            if self.packing == "tiles":
                return self._unpacked(stream)[start:stop]
            raw = self._raw(stream, start, stop)
            self._check_packing(stream)
            return raw

    def read_into(self, start: int, stop: int, into: Array) -> None:
        """Read some rows as they are stored, big-endian, into ``into``.

        Whether the file has changed is for :meth:`check_unchanged` to say, once for many rows.
        """
        quick = self.held or self.spool
        if quick is None:
            np.copyto(into, self.read_raw(start, stop).reshape(-1))
            return
        found = quick.read_into(into, self._place(start))
        if found < into.nbytes:
            self.check_unchanged()
            raise self._short(into.nbytes - found, stop)

    def check_unchanged(self) -> None:
        """Refuse a file that is held open and has changed since it was opened.

        :raises FrameError: it has.
        """
        if self.held is not None:
            self._check_signature(os.fstat(self.held.descriptor))

    def _check_signature(self, status: os.stat_result) -> None:
        if signature_of(status) != self.signature:
            raise FrameError(f"{self.path}: changed since it was opened; open it again")

    def _place(self, row: int) -> int:
        """Give where a row begins."""
        rows = (self.plane or 0) * self.shape[0] + row
        return self.offset + rows * self.shape[1] * np.dtype(self.stored).itemsize

    def _short(self, missing: int, row: int) -> FrameError:
        where = f"{self.path}[{self.hdu}]"
        return FrameError(f"{where}: the file ends {missing} bytes short of row {row}; get a whole copy")

    def loaded(self) -> HduArray:
        """Give the same array quick to read: a compressed one is unpacked once, the file of a plain one stays open."""
        if self.held is not None or self.spool is not None:
            return self
        self._check_sum()
        if not self.packing:
            return attrs.evolve(self, held=keep_open(self.path))
        stored = np.dtype(self.stored).newbyteorder(">")
        spool, place = put(rows.astype(stored, copy=False) for rows in self._pieces())
        return attrs.evolve(self, packing="", offset=place, spool=spool, plane=None)

    def _check_sum(self) -> None:
        """Say where the data are not what the header says they sum up to."""
        if self.datasum is None:
            return
        with in_our_words(self.path, self.hdu), opened(self.path, self.packing) as stream:
            found = sum_of_stream(stream, self.offset, self.span)
        if not same(found, self.datasum):
            advise(
                f"{self.path}[{self.hdu}]: its data sum up to {found}, and to {self.datasum} by its header (DATASUM, "
                "CHECKSUM): the file is damaged, or was changed by what knows no checksums",
                HeaderWarning,
            )

    def _pieces(self) -> Iterator[Array]:
        """Read all rows of a compressed array, a few at a time where it can be unpacked so."""
        if self.packing == "tiles":
            yield self.read_raw(0, self.shape[0])
            return
        rows = max(1, UNPACKED // (self.shape[1] * np.dtype(self.stored).itemsize))
        with (
            in_our_words(self.path, self.hdu),
            opened(self.path, self.packing) as stream,
            self._unchanged(stream.fileno()),
        ):
            for start in range(0, self.shape[0], rows):
                yield self._raw(stream, start, min(start + rows, self.shape[0]))
            self._check_packing(stream)

    @contextmanager
    def _unchanged(self, descriptor: int) -> Iterator[None]:
        """See, when something has been read, that the file was still what it was: so it was until then."""
        ours = os.dup(descriptor)  # astropy closes what it has read
        try:
            yield
        finally:
            status = os.fstat(ours)
            os.close(ours)
            self._check_signature(status)

    def _unpacked(self, stream: Any) -> Array:
        with (
            reading(self.path, self.hdu),
            fits.open(stream, memmap=False, do_not_scale_image_data=True) as hdus,
        ):
            whole: Array = np.asarray(hdus[self.hdu].data).reshape(-1, *self.shape)[self.plane or 0]
        return whole

    def _raw(self, source: Any, start: int, stop: int) -> Array:
        """Read from what is held open, from the spool, or from a stream."""
        stored = np.dtype(self.stored).newbyteorder(">")
        height, width = max(stop - start, 0), self.shape[1]
        size = height * width * stored.itemsize
        place = self._place(start)
        data: Any
        if isinstance(source, OpenFile | Spool):
            data = np.empty(size, np.uint8)
            found = source.read_into(data, place)
        else:
            source.seek(place)
            data = read_fully(source, size)
            found = len(data)
        if found < size:
            raise self._short(size - found, stop)
        raw: Array = np.frombuffer(data, stored).reshape(height, width)
        return raw

    def _check_packing(self, stream: Any) -> None:
        """Read on to the end of a packed file, if it is near: what packed it noted a checksum there."""
        if self.packing == "gzip":
            try:
                stream.read(BLOCK)
            except gzip.BadGzipFile as error:
                if "Not a gzipped file" not in str(error):  # what stands behind it harms nobody
                    raise

    def _scaled(self, raw: Array) -> Array:
        if self.exact:
            native = raw.astype(self.stored)
            if not self.bzero:
                return native
            bits = native.view(f"u{native.itemsize}")
            bits ^= bits.dtype.type(1 << (8 * native.itemsize - 1))  # BZERO is the sign bit's worth
            return bits.view(self.dtype)
        scaled = raw.astype(np.float64) * self.bscale + self.bzero
        if self.blank is not None and raw.dtype.kind in "iu":
            scaled[raw == self.blank] = np.nan
        return scaled.astype(self.dtype)
