"""Edge: opening files: what a file is, by its first bytes; how it is packed; and what goes wrong, in our own words.

What is no FITS is told with what to do about it.  Whatever astropy or a codec raises of a broken file becomes a
:class:`~pipeline.errors.FrameError` that names the file and the card to blame.
"""

from __future__ import annotations

import bz2
import gzip
import io
import os
import re
import stat
import weakref
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from astropy.utils.exceptions import AstropyWarning

from pipeline.errors import FrameError, PipelineError, PipelineWarning
from pipeline.fits.integrity import BLOCK, CARD, first_fault
from pipeline.headers.quiet import quiet

READ_AT_ONCE = 2**24

_PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2"}
_NO_FITS = (
    (b"\x1f\x9d", "is packed by compress (.Z), unpack it first"),
    (b"PK\x03\x04", "is packed by zip, unpack it first"),
    (b"\xfd7zXZ", "is packed by xz, unpack it first"),
    (b"\x28\xb5\x2f\xfd", "is packed by zstd, unpack it first"),
    (b"7z\xbc\xaf", "is packed by 7-Zip, unpack it first"),
    (b"Rar!", "is packed by rar, unpack it first"),
    (b"\x89PNG", "is a PNG image, its values are no longer those of the detector; find the raw frame"),
    (b"\xff\xd8\xff", "is a JPEG image, its values are no longer those of the detector; find the raw frame"),
    (b"II*\0", "is a TIFF image or camera raw file, convert it to FITS first"),
    (b"MM\0*", "is a TIFF image, convert it to FITS first"),
    (b"\x89HDF", "is an HDF5 file, convert its image to FITS first"),
    (b"XISF0100", "is an XISF file, save it as FITS first"),
    (b"#ASDF", "is an ASDF file, convert its image to FITS first"),
    (b"\x93NUMPY", "is an array of numpy, in Python give it to Image.of"),
    (b"version https://", "stands for a file that Git LFS has not fetched, fetch it first (git lfs pull)"),
    (b"<!DOCTYPE", "is a web page, perhaps an error in place of a download; download it again"),
    (b"<!doctype", "is a web page, perhaps an error in place of a download; download it again"),
    (b"<html", "is a web page, perhaps an error in place of a download; download it again"),
    (b"XTENSION", "begins with an extension, put a primary header before it"),
    (b"\xef\xbb\xbfSIMPLE", "has a byte-order mark before its header, remove these 3 bytes"),
    (b"simple", "has its header in small letters, write it anew"),
)
"""How what is no FITS begins, and what to do with it."""


class OpenFile:
    """A file that stays open as long as this is referred to."""

    open_now = 0

    def __init__(self, path: str) -> None:
        self.descriptor = os.open(path, os.O_RDONLY)
        OpenFile.open_now += 1
        weakref.finalize(self, OpenFile._close, self.descriptor)

    @staticmethod
    def _close(descriptor: int) -> None:
        os.close(descriptor)
        OpenFile.open_now -= 1

    def read_into(self, memory: Any, place: int) -> int:
        """Fill memory with the bytes from a place on; give how many there were."""
        return os.preadv(self.descriptor, [memory], place)


def keep_open(path: str) -> OpenFile | None:
    """Keep a file open, if a share of the files that the system lets a process open is left for it."""
    if not hasattr(os, "preadv"):
        return None
    try:
        import resource

        share = resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 3
        return OpenFile(path) if OpenFile.open_now < share else None
    except (ImportError, OSError):
        return None


def signature_of(status: os.stat_result) -> tuple[int, int, int]:
    """Give what tells that a file has not changed: size, modification time and inode."""
    return status.st_size, status.st_mtime_ns, status.st_ino


class BeyondFitsError(Exception):
    """A header counts what FITS cannot hold."""


_COUNT = re.compile(rb"(Z?NAXIS|TFIELDS) *= *[+-]?0*([1-9]\d{3,})", re.IGNORECASE)


class _Watched:
    """A file that is not read on where a header counts beyond the 999 of the standard: astropy would count so far."""

    def read(self, size: int | None = -1, /) -> bytes:
        data: bytes = super().read(size)  # type: ignore[misc]
        if len(data) <= BLOCK:  # headers are read block by block
            for at in range(0, len(data), CARD):
                if found := _COUNT.match(data, at, at + CARD):
                    said = b" = ".join(found.groups()).decode()
                    raise BeyondFitsError(f"its header says {said}; the standard ends at 999")
        return data


class _Plain(_Watched, io.BufferedReader):
    pass


class _Gzip(_Watched, gzip.GzipFile):
    pass


class _Bzip2(_Watched, bz2.BZ2File):
    pass


def opened(path: str, packing: str) -> IO[bytes] | gzip.GzipFile | bz2.BZ2File:
    """Open a file as its packing asks."""
    if packing == "gzip":
        return _Gzip(path)
    return _Bzip2(path) if packing == "bzip2" else _Plain(io.FileIO(path))


def _unwatched(path: str, packing: str) -> IO[bytes] | gzip.GzipFile | bz2.BZ2File:
    if packing == "gzip":
        return gzip.open(path)
    return bz2.open(path) if packing == "bzip2" else Path(path).open("rb")


@contextmanager
def reading(path: str, hdu: int | str) -> Iterator[None]:
    """Turn what astropy says of a bad file into our own words, and leave out its warnings."""
    with in_our_words(path, hdu), quiet(AstropyWarning, RuntimeWarning):  # numpy's, where a header counts by 0
        yield


@contextmanager
def in_our_words(path: str, hdu: int | str) -> Iterator[None]:
    """Turn what goes wrong with a file into a FrameError that names it, and the card that is to blame."""
    try:
        yield
    except (PipelineError, PipelineWarning):
        raise
    except FileNotFoundError as error:
        raise FrameError(f"{path}: is gone since it was opened") from error
    except Exception as error:  # on a broken file astropy and its codecs raise whatever they stumble on
        layout = "a card of its layout (BSCALE, BZERO, EXTEND, DATASUM, ...) is no value that FITS knows"
        told = layout if "Empty or corrupt" in str(error) else str(error) or type(error).__name__
        why = f"{path}[{hdu}]: cannot be read as FITS: {told}; get a whole copy, or repair it"
        raise FrameError(fault_in(path) or why) from error


def fault_in(path: str, last: int | None = None) -> str:
    """Say which header of a file is broken, or that its packing is; empty where neither is."""
    packing = packing_of(path)
    try:
        with _unwatched(path, packing) as stream:
            number, fault = first_fault(stream, last)
    except (EOFError, zlib.error, OSError) as error:
        why = "is cut or damaged inside its packing" if packing else "cannot be read"
        return f"{path}: {why} ({error}); get a whole copy"
    return f"{path}[{number}]: {fault}" if fault else ""


def packing_of(path: str) -> str:
    """Tell how a file is compressed, by its content; and that it is there and may be FITS.

    :raises FrameError: it cannot be read, or is something else.
    """
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode) and not Path(path).is_dir():
            raise FrameError(f"{path}: is no plain file but a pipe or device; expected a FITS file")
        with Path(path).open("rb") as stream:
            start = stream.read(16)
    except IsADirectoryError as error:
        raise FrameError(f"{path}: is a folder; expected a FITS file") from error
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        why = error.strerror if isinstance(error, OSError) else error
        raise FrameError(f"{path}: cannot be read: {why}") from error
    if not start:
        raise FrameError(f"{path}: the file is empty; expected FITS")
    packing = next((name for magic, name in _PACKED.items() if start.startswith(magic)), "")
    if not packing and not start.startswith(b"SIMPLE"):
        other = next((words for magic, words in _NO_FITS if start.startswith(magic)), f"begins with {start[:6]!r}")
        raise FrameError(f"{path}: {other}; expected FITS (plain, .gz, .bz2 or tile-compressed)")
    return packing


def read_fully(stream: Any, size: int) -> bytes:
    """Read so many bytes, or as many as there are: memory is taken as they come, whatever a header promises."""
    pieces, left = [], size
    while left > 0 and (piece := stream.read(min(left, READ_AT_ONCE))):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)
