"""Edge: the values of one HDU, read by rows when asked: stored numbers, and how values are made of them.

:class:`FrameArray` is what is asked of values on disk, :class:`HduArray` those of one HDU; several HDUs that make one
frame are in :mod:`~pipeline.fits.multi_amplifier`.
"""

from __future__ import annotations

from typing import Any, Protocol

import attrs
import numpy as np

from pipeline.compose.spool import SpooledArray
from pipeline.compose.telling import advise
from pipeline.errors import HeaderWarning
from pipeline.fits.file_access import OpenFile, keep_open
from pipeline.fits.integrity import same_sum
from pipeline.fits.stored_array import ArrayInFile, ArrayInOpenFile, Origin, StoredArray
from pipeline.records.arrays import Array, working_dtype
from pipeline.records.interop import UNSIGNED_BZERO


class FrameArray(Protocol):
    """The values of a frame on disk, read by rows: those of one HDU, or of several that are stacked."""

    @property
    def origin(self) -> Origin:
        """Where in which file they stand."""

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx)."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the values in :meth:`read`."""

    @property
    def stored(self) -> tuple[str, float] | None:
        """The type of whole numbers and what to add to them, where rows can be read as stored; else None."""

    @property
    def in_spool(self) -> bool:
        """Whether values have been unpacked into the anonymous file, which no other process can read."""

    def read(self, start: int, stop: int) -> Array:
        """Read some rows, counted as slices count, in native byte order.

        :raises FrameError: the file ends early, is damaged, or has changed since it was opened.
        """

    def read_stored(self, start: int, stop: int, into: Array) -> None:
        """Read some rows as they are stored, big-endian; what has changed is for :meth:`check_unchanged` to say."""

    def check_unchanged(self) -> None:
        """Refuse a file that has changed since it was opened, once for many rows.

        :raises FrameError: it has.
        """

    def loaded(self) -> FrameArray:
        """Give the same quick to read: what is packed is unpacked once, the file of what is plain stays open."""


@attrs.frozen
class Encoding:
    """How values are stored: value = bscale · number + bzero, and none where the number is ``blank``."""

    stored: str
    bscale: float = 1.0
    bzero: float = 0.0
    blank: int | None = None

    @property
    def exact(self) -> bool:
        """Whether values are stored as they are, or shifted by the one number that makes them unsigned."""
        shifted = self.bzero != 0 and (self.stored, self.bzero) not in UNSIGNED_BZERO
        return self.bscale == 1 and not shifted and self.blank is None

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the values once BSCALE, BZERO and BLANK are applied."""
        if self.exact:
            return np.dtype(UNSIGNED_BZERO.get((self.stored, self.bzero), self.stored))
        return working_dtype(self.stored)

    def exact_into(self, numbers: Array, into: Array) -> None:
        """Put stored numbers that are values, or shifted ones, into memory of the values' type: see ``exact``."""
        native = into.view(np.dtype(self.stored))
        np.copyto(native, numbers)
        if self.bzero:
            bits = native.view(f"u{native.itemsize}")
            bits ^= bits.dtype.type(1 << (8 * native.itemsize - 1))  # BZERO is the sign bit's worth

    def values(self, numbers: Array) -> Array:
        """Apply BSCALE, BZERO and BLANK to stored numbers; in native byte order."""
        if self.exact:
            into = np.empty(numbers.shape, self.dtype)
            self.exact_into(numbers, into)
            return into
        scaled = numbers.astype(np.float64) * self.bscale + self.bzero
        if self.blank is not None and numbers.dtype.kind in "iu":
            ends = np.iinfo(numbers.dtype)
            if ends.min <= self.blank <= ends.max:  # numpy 2.0 crashes on what the type cannot hold
                scaled[numbers == self.blank] = np.nan
        return scaled.astype(self.dtype)


@attrs.frozen
class HduArray:
    """The values of one HDU: a :class:`FrameArray`.

    ``array`` is where they stand in their file; ``datasum`` what the ``span`` bytes of the HDU's data should sum up to,
    where its header says; ``quick`` where they are read from since they were loaded.
    """

    array: ArrayInFile
    encoding: Encoding
    datasum: int | None = None
    span: int = 0
    quick: ArrayInOpenFile | SpooledArray | None = attrs.field(default=None, eq=False, repr=False)

    @property
    def origin(self) -> Origin:
        """Where in which file they stand."""
        return self.array.origin

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx)."""
        return self.array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the values."""
        return self.encoding.dtype

    @property
    def stored(self) -> tuple[str, float] | None:
        """Whole numbers of 8 or 16 bits with nothing but a BZERO, in a file that is not packed, or no longer."""
        how = self.encoding
        whole = how.stored in ("u1", "i2") and how.exact and (not self.array.packing or self.in_spool)
        return (how.stored, how.bzero) if whole else None

    @property
    def in_spool(self) -> bool:
        """Whether they have been unpacked into the anonymous file."""
        return isinstance(self.quick, SpooledArray)

    def read(self, start: int, stop: int) -> Array:
        """Read some rows, with BSCALE, BZERO and BLANK applied."""
        start, stop, _ = slice(start, stop).indices(self.shape[0])
        return self.encoding.values(self._numbers.read(start, stop))

    def read_exact(self, start: int, stop: int, into: Array, scratch: Array) -> None:
        """Read rows of values that are stored exactly; what has changed is for :meth:`check_unchanged` to say.

        :param scratch: memory of bytes, for as many numbers as they are stored.
        """
        numbers = scratch[: into.nbytes].view(self.array.dtype).reshape(into.shape)
        self._numbers.read_into(start, stop, numbers)
        self.encoding.exact_into(numbers, into)

    def read_stored(self, start: int, stop: int, into: Array) -> None:
        """Read some rows as they are stored."""
        self._numbers.read_into(start, stop, into)

    def check_unchanged(self) -> None:
        """Refuse a file that has changed."""
        self._numbers.check_unchanged()

    def loaded(self) -> HduArray:
        """Give the same quick to read, and say where the data are not what the header says they sum up to."""
        if self.quick is not None:
            return self
        self.check_sum()
        if self.array.packing:
            return attrs.evolve(self, quick=self.array.unpacked())
        file = keep_open(self.origin.path)
        return self if file is None else self.over(file)

    def over(self, file: OpenFile) -> HduArray:
        """Give the same, read from its plain file that is open already."""
        return attrs.evolve(self, quick=ArrayInOpenFile(self.array, file))

    @property
    def _numbers(self) -> StoredArray:
        return self.quick or self.array

    def check_sum(self) -> None:
        """Say where the data are not what the header says they sum up to."""
        found = None if self.datasum is None else self.array.sum(self.span)
        if found is not None and self.datasum is not None and not same_sum(found, self.datasum):
            advise(
                "its data sum up to something else than its header says (DATASUM, CHECKSUM): the file is damaged, or "
                "was changed by what knows no checksums",
                HeaderWarning,
                of=str(self.origin),
                figures=(("sum", found), ("said", self.datasum)),
            )
