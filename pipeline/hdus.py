"""Edge: what the HDUs of a file hold, and where the array of one lies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from pipeline.cards import Cards
from pipeline.errors import FrameError
from pipeline.files import opened, signature_of
from pipeline.planes import Plane

BLOCK = 2880


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
    """List the HDUs of a file for a message; a header that gives a negative size would have them go on for ever."""
    words: list[str] = []
    last = -1
    for index, hdu in enumerate(hdus):
        place = hdu.fileinfo()["hdrLoc"] if hasattr(hdu, "fileinfo") else last + 1
        if place <= last:
            break
        words.append(f"{index}{f' {hdu.name}' if hdu.name else ''} ({_content(hdu)})")
        last = place
    return ", ".join(words)


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
