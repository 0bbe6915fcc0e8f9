"""Edge: what the HDUs of a file hold, and where the array of one lies."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from pipeline.cards import Cards
from pipeline.errors import AssumptionWarning, FrameError, SettingError
from pipeline.files import fault_in, opened, signature_of
from pipeline.oddities import scaling_of, sum_of_data, tell_of_loss, tell_of_padding
from pipeline.planes import Plane
from pipeline.running import advise
from pipeline.soundness import BLOCK, TYPES

MOST_PIXELS = 2**31


def number_of(hdus: fits.HDUList, path: str, hdu: int | str) -> int:
    """Give the number of the HDU that is asked for by number, EXTNAME, or EXTNAME and EXTVER as in ``SCI,2``.

    :raises FrameError: there is none.
    """
    named = re.fullmatch(r"(.*\S)\s*,\s*([0-9]{1,9})", hdu) if isinstance(hdu, str) else None
    for key in (hdu, str(hdu), *([(named[1], int(named[2]))] if named else [])):
        try:
            number = int(hdus.index_of(key))
            hdus[number]  # astropy reads HDUs as they are asked for
        except (IndexError, KeyError):
            continue
        if number >= 0:
            if isinstance(key, str) and key:
                _tell_of_namesakes(hdus, path, key, number)
            return number
    raise FrameError(f"{path}: has no HDU {hdu!r}; it has {contents(hdus, path)}")


def _tell_of_namesakes(hdus: fits.HDUList, path: str, name: str, number: int) -> None:
    if fault_in(path):
        return
    others = [str(index) for index, hdu in _numbered(hdus) if hdu.name.strip().upper() == name.strip().upper()]
    if len(others) > 1:
        advise(
            f"{path}: HDUs {', '.join(others)} are all named {name}; {number} is taken; choose by number, or by EXTVER "
            f'too: "{name},2"',
            AssumptionWarning,
        )


def plane_number(plane: int | None) -> int | None:
    """Check the number of a plane.

    :raises SettingError: it is no whole number from 0.
    """
    if plane is not None and (isinstance(plane, bool) or not isinstance(plane, int) or plane < 0):
        raise SettingError(f"plane={plane!r}; expected a whole number from 0, or None")
    return plane


def plane_of(hdus: fits.HDUList, number: int, path: str, packing: str, chosen: int | None = None) -> Plane:
    """Give the array of an opened file's HDU.

    :param chosen: which image of a cube.
    :raises FrameError: the HDU holds no image, or a cube of which none is chosen, or the file is cut.
    """
    hdu = hdus[number]
    header = hdu.header
    what = f"{path}[{number}]"
    content = _content(hdu)
    if content[0] not in "0123456789":
        raise FrameError(
            f"{what}: holds {content}; expected an image; the file has {contents(hdus, path)}{_named(hdus, path)}"
        )
    axes = _axes(header)
    *cube, height, width = _squeezed(axes, what)
    count = math.prod(cube)
    _check_plane(what, (*cube, height, width), count, chosen)
    shape, plane = (height, width), chosen if count > 1 else None
    if count * height * width >= MOST_PIXELS:
        raise FrameError(f"{what}: would have {'×'.join(map(str, axes))} pixels; fewer than 2^31 are expected")
    stored = TYPES[int(header["BITPIX"])]
    cards = cards_of(hdu, path, packing)
    compressed = isinstance(hdu, fits.CompImageHDU)
    place = hdu.fileinfo()
    offset = int(place["datLoc"])
    status = Path(path).stat()
    if not packing:
        # Of a compressed image only its size with the padding to a full block is known, and the padding may be absent.
        size = place["datSpan"] - BLOCK + 1 if compressed else count * height * width * np.dtype(stored).itemsize
        _check_size(what, offset + size, status.st_size)
        if not compressed:
            tell_of_padding(what, offset + place["datSpan"], status.st_size)
    raw = raw_header(hdu, path, packing)
    if compressed:
        tell_of_loss(Cards.read(raw), what)
    scaling = scaling_of(cards, what, stored)
    return Plane(
        path=path,
        hdu=number,
        shape=shape,
        stored=stored,
        offset=offset,
        packing="tiles" if compressed else packing,
        signature=signature_of(status),
        bscale=scaling.bscale,
        bzero=scaling.bzero,
        blank=scaling.blank,
        plane=plane,
        datasum=sum_of_data(raw, what) if not (packing and compressed) else None,
        span=int(place["datSpan"]),
    )


def cards_of(hdu: Any, path: str, packing: str) -> Cards:
    """Give the header of an HDU as it stands in the file; of a compressed image, that of the image."""
    return Cards.of(hdu.header) if isinstance(hdu, fits.CompImageHDU) else Cards.read(raw_header(hdu, path, packing))


def raw_header(hdu: Any, path: str, packing: str) -> bytes:
    """Give the bytes of an HDU's header."""
    place = hdu.fileinfo()
    with opened(path, packing) as stream:
        stream.seek(place["hdrLoc"])
        return bytes(stream.read(place["datLoc"] - place["hdrLoc"]))


def contents(hdus: fits.HDUList, path: str) -> str:
    """List the HDUs of a file for a message; of one with a broken header, say what is wrong with that."""
    named = (f"{index}{f' {hdu.name}' if hdu.name else ''} ({_content(hdu)})" for index, hdu in _numbered(hdus))
    fault = fault_in(path)
    return f"a broken header, {fault}" if fault else ", ".join(named)


def _numbered(hdus: fits.HDUList) -> Iterator[tuple[int, Any]]:
    """Give the HDUs with their numbers, as far as astropy can read them; it would go on for ever with some."""
    last = -1
    for index in itertools.count():
        try:
            hdu = hdus[index]
        except (IndexError, OSError, ValueError, fits.VerifyError):
            break
        place = hdu.fileinfo()["hdrLoc"] if hasattr(hdu, "fileinfo") else last + 1
        if place <= last:
            break
        yield index, hdu
        last = place


def _named(hdus: fits.HDUList, path: str) -> str:
    """Say how to name the HDU that holds an image, where there is just one."""
    if fault_in(path):
        return ""
    images = [number for number, hdu in _numbered(hdus) if _content(hdu)[0] in "0123456789"]
    return f"; to take that, name it in the list: type, {Path(path).name}, {images[0]}" if len(images) == 1 else ""


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


def _squeezed(axes: list[int], what: str) -> list[int]:
    """Leave out axes of length 1, the last FITS axes first, as far as two are left."""
    while len(axes) > 2 and 1 in axes:
        axes = [*axes[: axes.index(1)], *axes[axes.index(1) + 1 :]]
    if len(axes) == 1:
        raise FrameError(f"{what}: is one-dimensional, {axes[0]} values; expected an image")
    return axes


def _check_plane(what: str, axes: tuple[int, ...], count: int, chosen: int | None) -> None:
    words = "×".join(map(str, axes))
    if count > 1 and chosen is None:
        raise FrameError(
            f"{what}: is a cube, {words}; expected an image; choose a plane, from 0 to {count - 1}, by --plane (in "
            "Python plane=0), or write each to a file of its own"
        )
    if count > 1 and chosen is not None and chosen >= count:
        raise FrameError(f"{what}: is a cube, {words}; it has planes 0 to {count - 1}, and no plane {chosen}")
