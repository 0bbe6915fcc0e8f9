"""Edge: an HDU of an opened file: its header, and where and how its array is stored.

What cannot be an image is refused; what can be read all the same, and is odd, is said: floats that are scaled,
rounding, checksums that do not fit, a last block that is not full.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from pipeline.compose.telling import advise
from pipeline.errors import FileWarning, FrameError, HeaderError, HeaderWarning, SettingError
from pipeline.fits.file_access import opened, signature_of
from pipeline.fits.hdu_array import Encoding, HduArray
from pipeline.fits.hdu_index import axes_of, content_of, contents, how_to_name
from pipeline.fits.integrity import ALL_ONES, BLOCK, TYPES, same_sum, sum_of
from pipeline.fits.stored_array import ArrayInFile, Origin
from pipeline.headers.cards import Cards
from pipeline.headers.values import number


def encoding_of(cards: Cards, what: str, stored: str) -> Encoding:
    """Read BSCALE, BZERO and BLANK; say where floats are scaled, which leftover cards do too.

    :raises HeaderError: one of them is no number, or BSCALE is 0.
    """
    bscale, bzero = (_number(cards, keyword, default, what) for keyword, default in (("BSCALE", 1.0), ("BZERO", 0.0)))
    if bscale == 0:
        raise HeaderError(f"{what}: BSCALE = 0 makes all values the same; expected another number: mend the card")
    if stored[0] == "f" and (bscale, bzero) != (1, 0):
        advise(
            f"its values are floats, and BSCALE = {bscale:g} and BZERO = {bzero:g} are applied, as FITS says",
            HeaderWarning,
            of=what,
            mend="where they were left over from an integer file, remove them",
        )
    blank = _number(cards, "BLANK", math.nan, what) if stored[0] in "iu" else math.nan
    if not math.isnan(blank) and blank != int(blank):
        raise HeaderError(f"{what}: BLANK = {blank:g}; expected a whole number: mend the card")
    return Encoding(stored, bscale, bzero, None if math.isnan(blank) else int(blank))


def _number(cards: Cards, keyword: str, default: float, what: str) -> float:
    """Read a number; BLANK must be one too where it is there."""
    said = cards.get(keyword)
    if said is None:
        return default
    if isinstance(said, int) and not isinstance(said, bool):
        return said  # of 64 bits, which no float holds
    value = number(said)
    if not math.isfinite(value.value) or value.unit:
        raise HeaderError(f"{what}: {keyword} = {said!r}; expected a number: mend the card, or remove it")
    return value.value


def tell_of_padding(what: str, end: int, size: int) -> None:
    """Say that a file ends before its last block is full."""
    if size < end:
        advise(
            f"the file ends {end - size} bytes before its last block is full; no pixel is missing", FileWarning, of=what
        )


def tell_of_loss(cards: Cards, what: str) -> None:
    """Say that an image was rounded when it was compressed in tiles, by the cards of its table."""
    numbers = range(1, 10)
    quantised = any(cards.get(f"TTYPE{n}") == "ZSCALE" for n in numbers)
    smoothed = any(cards.get(f"ZNAME{n}") == "SCALE" and number(cards.get(f"ZVAL{n}")).value > 0 for n in numbers)
    if quantised or smoothed:
        how = f"{cards.get('ZCMPTYPE')}, {cards.get('ZQUANTIZ', 'no dither') if quantised else 'smoothed'}"
        advise(f"its values were rounded when it was compressed ({how})", FileWarning, of=what)


def sum_of_data(raw: bytes, what: str) -> int | None:
    """Give what the data should sum up to by a header; None where it does not say.  Say where the header itself is off.

    CHECKSUM makes the sum over the whole HDU all ones, DATASUM is that of the data.
    """
    cards = Cards.read(raw)
    said = number(cards.get("DATASUM")).value
    datasum = int(said) if said == said and 0 <= said <= ALL_ONES else None
    if cards.get("CHECKSUM") is None:
        return datasum
    header = sum_of(raw)
    if datasum is None:
        return ALL_ONES - header
    if not same_sum(sum_of(raw, datasum), ALL_ONES):
        advise(
            "its CHECKSUM is false: a card was changed by what knows no checksums, or the file is damaged",
            HeaderWarning,
            of=what,
        )
    return datasum


MOST_PIXELS = 2**31
"""So many pixels no image has: a header that says so is damaged."""


def plane_number(plane: int | None) -> int | None:
    """Check the number of a plane.

    :raises SettingError: it is no whole number from 0.
    """
    if plane is not None and (isinstance(plane, bool) or not isinstance(plane, int) or plane < 0):
        raise SettingError(f"plane={plane!r}; expected a whole number from 0, or None")
    return plane


def hdu_array_of(hdus: fits.HDUList, number: int, path: str, packing: str, chosen: int | None = None) -> HduArray:
    """Give the array of an opened file's HDU.

    :param chosen: which image of a cube.
    :raises FrameError: the HDU holds no image, or a cube of which none is chosen, or the file is cut.
    """
    hdu = hdus[number]
    what = f"{path}[{number}]"
    _check_image(hdus, number, path)
    count, shape = _counted(axes_of(hdu.header), what, chosen)
    stored = TYPES[int(hdu.header["BITPIX"])]
    cards = cards_of(hdu, path, packing)
    compressed = isinstance(hdu, fits.CompImageHDU)
    place = hdu.fileinfo()
    status = Path(path).stat()
    if not packing:
        _check_whole(what, place, status.st_size, None if compressed else count * math.prod(shape), stored)
    raw = raw_header(hdu, path, packing)
    if compressed:
        tell_of_loss(Cards.read(raw), what)
    return HduArray(
        ArrayInFile(
            Origin(path, number, signature_of(status), chosen if count > 1 else None),
            shape,
            stored,
            offset=int(place["datLoc"]),
            packing="tiles" if compressed else packing,
        ),
        encoding_of(cards, what, stored),
        datasum=sum_of_data(raw, what) if not (packing and compressed) else None,
        span=int(place["datSpan"]),
    )


def _check_image(hdus: fits.HDUList, number: int, path: str) -> None:
    content = content_of(hdus[number])
    if content[0] not in "0123456789":
        raise FrameError(
            f"{path}[{number}]: holds {content}; expected an image; the file has {contents(hdus, path)}"
            f"{how_to_name(hdus, path)}"
        )


def _counted(axes: list[int], what: str, chosen: int | None) -> tuple[int, tuple[int, int]]:
    """Give how many planes there are, and the rows and columns of each."""
    *cube, height, width = _squeezed(axes, what)
    count = math.prod(cube)
    _check_plane(what, (*cube, height, width), count, chosen)
    if count * height * width >= MOST_PIXELS:
        raise FrameError(f"{what}: would have {'×'.join(map(str, axes))} pixels; fewer than 2^31 are expected")
    return count, (height, width)


def _check_whole(what: str, place: Mapping[str, Any], there: int, values: int | None, stored: str) -> None:
    """Refuse a file that is cut; ``values`` is None for a compressed image.

    Of that only its size with the padding to a full block is known, and the padding may be absent.
    """
    size = place["datSpan"] - BLOCK + 1 if values is None else values * np.dtype(stored).itemsize
    _check_size(what, place["datLoc"] + size, there)
    if values is not None:
        tell_of_padding(what, place["datLoc"] + place["datSpan"], there)


def cards_of(hdu: Any, path: str, packing: str) -> Cards:
    """Give the header of an HDU as it stands in the file; of a compressed image, that of the image."""
    return Cards.of(hdu.header) if isinstance(hdu, fits.CompImageHDU) else Cards.read(raw_header(hdu, path, packing))


def raw_header(hdu: Any, path: str, packing: str) -> bytes:
    """Give the bytes of an HDU's header."""
    place = hdu.fileinfo()
    with opened(path, packing) as stream:
        stream.seek(place["hdrLoc"])
        return bytes(stream.read(place["datLoc"] - place["hdrLoc"]))


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
