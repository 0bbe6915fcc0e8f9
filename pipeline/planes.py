"""Edge: the array of one HDU, read by rows when asked."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from astropy.io import fits

from pipeline.cards import Cards
from pipeline.errors import FrameError
from pipeline.files import BLOCK, Held, hold, in_our_words, onward, opened, reading, signature_of
from pipeline.pixels import Array, Pixels, working_dtype
from pipeline.spool import Spool, put

UNPACKED = 4 * 2**20
"""So many bytes of a compressed file are unpacked at a time."""

_UNSIGNED = {("i2", 32768.0): "u2", ("i4", 2.0**31): "u4", ("i8", 2.0**63): "u8", ("u1", -128.0): "i1"}


@attrs.frozen
class Plane:
    """The array of one HDU, read when asked.

    It remembers size, modification time and inode of its file, and refuses to read a file changed since: the same
    rows every time, or an error.
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
    held: Held | None = attrs.field(default=None, eq=False, repr=False)
    spool: Spool | None = attrs.field(default=None, eq=False, repr=False)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the values once BSCALE, BZERO and BLANK are applied."""
        if self.exact:
            return np.dtype(_UNSIGNED.get((self.stored, self.bzero), self.stored))
        return working_dtype(self.stored)

    @property
    def exact(self) -> bool:
        """Whether values are stored as they are, or shifted by the one number that makes them unsigned."""
        shifted = self.bzero != 0 and (self.stored, self.bzero) not in _UNSIGNED
        return self.bscale == 1 and not shifted and self.blank is None

    def read(self, start: int, stop: int) -> Array:
        """Read some rows, counted as slices count, in native byte order, with BSCALE, BZERO and BLANK applied.

        :raises FrameError: the file ends early, is damaged, or has changed since it was opened.
        """
        start, stop, _ = slice(start, stop).indices(self.shape[0])
        return self._scaled(self.read_raw(start, stop))

    def read_raw(self, start: int, stop: int, spare: Array | None = None) -> Array:
        """Read some rows as they are stored, big-endian, perhaps into ``spare``."""
        if self.held is not None:
            with self._unchanged(self.held.descriptor):
                return self._raw(self.held, start, stop, spare)
        if self.spool is not None:
            return self._raw(self.spool, start, stop, spare)
        with in_our_words(self.path, self.hdu), opened(self.path, self.packing) as stream:
            tiles = self.packing == "tiles"
            with self._unchanged(stream.fileno()):
                return self._unpacked(stream)[start:stop] if tiles else self._raw(stream, start, stop)

    def loaded(self) -> Plane:
        """Give the same array quick to read: a compressed one is unpacked once, the file of a plain one stays open."""
        if self.held is not None or self.spool is not None:
            return self
        if not self.packing:
            return attrs.evolve(self, held=hold(self.path))
        stored = np.dtype(self.stored).newbyteorder(">")
        spool, place = put(rows.astype(stored, copy=False) for rows in self._pieces())
        return attrs.evolve(self, packing="", offset=place, spool=spool)

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

    @contextmanager
    def _unchanged(self, descriptor: int) -> Iterator[None]:
        """See, when something has been read, that the file was still what it was: so it was until then."""
        ours = os.dup(descriptor)  # astropy closes what it has read
        try:
            yield
        finally:
            status = os.fstat(ours)
            os.close(ours)
            if signature_of(status) != self.signature:
                raise FrameError(f"{self.path}: changed since it was opened; open it again")

    def _unpacked(self, stream: Any) -> Array:
        with (
            reading(self.path, self.hdu),
            fits.open(stream, memmap=False, do_not_scale_image_data=True) as hdus,
        ):
            whole: Array = np.asarray(hdus[self.hdu].data).reshape(self.shape)
        return whole

    def _raw(self, source: Any, start: int, stop: int, spare: Array | None = None) -> Array:
        """Read from what is held open, from the spool, or from a stream."""
        stored = np.dtype(self.stored).newbyteorder(">")
        height, width = max(stop - start, 0), self.shape[1]
        size = height * width * stored.itemsize
        place = self.offset + start * width * stored.itemsize
        data: Any
        if isinstance(source, Held | Spool):
            data = np.empty(size, np.uint8) if spare is None else spare[:size]
            found = source.read_into(data, place)
        else:
            source.seek(place)
            data = source.read(size)
            found = len(data)
        if found < size:
            raise FrameError(
                f"{self.path}[{self.hdu}]: the file ends {size - found} bytes short of row {stop}; get a whole copy"
            )
        raw: Array = np.frombuffer(data, stored).reshape(height, width)
        return raw

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


@attrs.frozen
class FitsSource:
    """The pixels of a frame on disk: its values, and for our own products flags and standard deviation."""

    values: Plane
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

    def read_stored(self, start: int, stop: int, into: Array, spare: Array) -> None:
        """Read some rows as they are stored, in native byte order; ``spare`` is as many bytes to work in."""
        np.copyto(into, self.values.read_raw(start, stop, spare).reshape(-1))

    def loaded(self) -> FitsSource:
        """Give the same rows quick to read."""
        planes = (None if plane is None else plane.loaded() for plane in (self.values, self.flags, self.deviation))
        return FitsSource(*planes)  # type: ignore[arg-type]


def plane_of(hdus: fits.HDUList, number: int, path: str, packing: str) -> Plane:
    """Give the array of an opened file's HDU.

    :raises FrameError: the HDU holds no image of two axes, or the file is cut.
    """
    hdu = hdus[number]
    header = hdu.header
    what = f"{path}[{number}]"
    content = _content(hdu)
    if content[0] not in "0123456789":
        raise FrameError(f"{what}: holds {content}; expected an image; the file has {contents(hdus)}")
    axes = _axes(header)
    shape = _two_axes(axes, what)
    stored = _stored_type(int(header["BITPIX"]), what)
    cards = cards_of(hdu, path, packing)
    bscale, bzero = float(cards.get("BSCALE", 1)), float(cards.get("BZERO", 0))
    blank = cards.get("BLANK") if stored[0] in "iu" else None
    compressed = isinstance(hdu, fits.CompImageHDU)
    place = hdu.fileinfo()
    offset = int(place["datLoc"])
    status = Path(path).stat()
    if not packing:
        # Of a compressed image only its size with the padding to a full block is known, and the padding may be absent.
        size = place["datSpan"] - BLOCK + 1 if compressed else shape[0] * shape[1] * np.dtype(stored).itemsize
        _check_size(what, offset + size, status.st_size)
    return Plane(
        path=path,
        hdu=number,
        shape=shape,
        stored=stored,
        offset=offset,
        packing="tiles" if compressed else packing,
        signature=signature_of(status),
        bscale=bscale,
        bzero=bzero,
        blank=None if blank is None else int(blank),
    )


def cards_of(hdu: Any, path: str, packing: str) -> Cards:
    """Give the header of an HDU as it stands in the file; of a compressed image, that of the image."""
    if isinstance(hdu, fits.CompImageHDU):
        return Cards.of(hdu.header)
    place = hdu.fileinfo()
    with opened(path, packing) as stream:
        stream.seek(place["hdrLoc"])
        return Cards.read(stream.read(place["datLoc"] - place["hdrLoc"]))


def contents(hdus: fits.HDUList) -> str:
    """List the HDUs of a file for a message."""
    return ", ".join(
        f"{index}{f' {hdu.name}' if hdu.name else ''} ({_content(hdu)})" for index, hdu in enumerate(onward(hdus))
    )


def _content(hdu: Any) -> str:
    if isinstance(hdu, fits.GroupsHDU):
        return "random groups"
    if isinstance(hdu, fits.BinTableHDU | fits.TableHDU):
        return "a table"
    if not isinstance(hdu, fits.PrimaryHDU | fits.ImageHDU | fits.CompImageHDU):
        return "what is no standard FITS"
    axes = _axes(hdu.header)
    return "×".join(map(str, axes)) if axes and all(axes) else "no data"


def _axes(header: fits.Header) -> list[int]:
    """Give the axes as numpy orders them, rows before columns."""
    return [int(header[f"NAXIS{axis}"]) for axis in range(int(header.get("NAXIS", 0)), 0, -1)]


def _check_size(what: str, needed: int, size: int) -> None:
    if size < needed:
        missing = f"{needed - size} of {needed} bytes are missing"
        raise FrameError(f"{what}: the file is cut, {missing}; get a whole copy")


def _two_axes(axes: list[int], what: str) -> tuple[int, int]:
    """Squeeze axes of length 1, the last FITS axes first, until two are left."""
    while len(axes) > 2 and 1 in axes:
        axes = [*axes[: axes.index(1)], *axes[axes.index(1) + 1 :]]
    words = "×".join(map(str, axes))
    if len(axes) == 1:
        raise FrameError(f"{what}: is one-dimensional, {words} values; expected an image")
    if len(axes) > 2:
        raise FrameError(
            f"{what}: is a cube, {words}; expected an image; choose a plane by writing it to a file of its own, or in "
            "Python: Image.of(astropy.io.fits.getdata(path)[plane], kind=...)"
        )
    return axes[0], axes[1]


def _stored_type(bitpix: int, what: str) -> str:
    types = {8: "u1", 16: "i2", 32: "i4", 64: "i8", -32: "f4", -64: "f8"}
    if bitpix not in types:
        raise FrameError(f"{what}: BITPIX = {bitpix}; FITS knows {', '.join(map(str, types))}")
    return types[bitpix]
