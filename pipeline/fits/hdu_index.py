"""Edge: which HDUs a file has, and which of them is meant."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from astropy.io import fits

from pipeline.compose.telling import advise
from pipeline.errors import FrameError
from pipeline.fits.file_access import fault_in


def number_of(hdus: fits.HDUList, path: str, hdu: int | str) -> int:
    """Give the number of the HDU that is asked for by number, EXTNAME, or EXTNAME and EXTVER as in ``SCI,2``.

    :raises FrameError: there is none.
    """
    named = re.fullmatch(r"(.*\S)\s*,\s*([0-9]{1,9})", hdu) if isinstance(hdu, str) else None
    for key in (hdu, str(hdu), *([(named[1], int(named[2]))] if named else [])):
        number = _found(hdus, key)
        if number is not None:
            if isinstance(key, str):
                _tell_of_namesakes(hdus, path, key, number)
            return number
    raise FrameError(f"{path}: has no HDU {hdu!r}; it has {contents(hdus, path)}")


def _found(hdus: fits.HDUList, key: int | str | tuple[str, int]) -> int | None:
    """Look for an HDU by number, name, or name and version; astropy's own search may go on for ever."""
    name, version = key if isinstance(key, tuple) else (str(key), None)
    for number, hdu in forward(hdus):
        if isinstance(key, int):
            if number == key:
                return number
        elif name and hdu.name.strip().upper() == name.strip().upper() and version in (None, hdu.ver):
            return number
    return None


def _tell_of_namesakes(hdus: fits.HDUList, path: str, name: str, number: int) -> None:
    if fault_in(path):
        return
    others = [str(index) for index, hdu in forward(hdus) if hdu.name.strip().upper() == name.strip().upper()]
    if len(others) > 1:
        advise(
            f"HDUs {', '.join(others)} are all named {name}; {number} is taken",
            of=path,
            mend=f'choose by number, or by EXTVER too: "{name},2"',
        )


def contents(hdus: fits.HDUList, path: str) -> str:
    """List the HDUs of a file for a message; of one with a broken header, say what is wrong with that."""
    named = (f"{index}{f' {hdu.name}' if hdu.name else ''} ({content_of(hdu)})" for index, hdu in forward(hdus))
    fault = fault_in(path)
    return f"a broken header, {fault}" if fault else ", ".join(named)


def how_to_name(hdus: fits.HDUList, path: str) -> str:
    """Say how to name the HDU that holds an image, where there is just one."""
    if fault_in(path):
        return ""
    images = [number for number, hdu in forward(hdus) if content_of(hdu)[0] in "0123456789"]
    return f"; to take that, name it in the list: type, {Path(path).name}, {images[0]}" if len(images) == 1 else ""


def content_of(hdu: Any) -> str:
    """Say what an HDU holds: the axes of an image, rows before columns, or in words what else."""
    if isinstance(hdu, fits.GroupsHDU):
        return "random groups"
    if isinstance(hdu, fits.BinTableHDU | fits.TableHDU):
        return "a table"
    if not isinstance(hdu, fits.PrimaryHDU | fits.ImageHDU | fits.CompImageHDU):
        return "what is no standard FITS"
    axes = axes_of(hdu.header)
    return "×".join(map(str, axes)) if axes and all(axes) else "no data"


def forward(hdus: fits.HDUList) -> Iterator[tuple[int, Any]]:
    """Give the HDUs with their numbers, as far as astropy can read them; it would go on for ever with some."""
    last = -1
    for index in itertools.count():
        try:
            hdu = hdus[index]
        except (IndexError, OSError, ValueError, fits.VerifyError):
            break
        place = hdu.fileinfo()["hdrLoc"] if hasattr(hdu, "fileinfo") else None
        if place is not None and place <= last:
            break
        yield index, hdu
        if place is None:  # a broken one, of which astropy does not know where it ends
            break
        last = place


def axes_of(header: fits.Header) -> list[int]:
    """Give the axes as numpy orders them, rows before columns."""
    return [int(header[f"NAXIS{axis}"]) for axis in range(int(header.get("NAXIS", 0)), 0, -1)]
