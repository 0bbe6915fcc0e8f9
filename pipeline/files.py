"""Edge: files that are open, and what goes wrong with them in our own words."""

from __future__ import annotations

import bz2
import gzip
import io
import os
import re
import warnings
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from astropy.utils.exceptions import AstropyWarning

from pipeline.cards import CARD
from pipeline.errors import FrameError, PipelineError

BLOCK = 2880


class Held:
    """A file that stays open as long as this is referred to."""

    open_now = 0

    def __init__(self, path: str) -> None:
        self.descriptor = os.open(path, os.O_RDONLY)
        Held.open_now += 1
        weakref.finalize(self, Held._close, self.descriptor)

    @staticmethod
    def _close(descriptor: int) -> None:
        os.close(descriptor)
        Held.open_now -= 1

    def read_into(self, memory: Any, place: int) -> int:
        """Fill memory with the bytes from a place on; give how many there were."""
        return os.preadv(self.descriptor, [memory], place)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(None), ()


def hold(path: str) -> Held | None:
    """Keep a file open, if a share of the files that the system lets a process open is left for it."""
    if not hasattr(os, "preadv"):
        return None
    try:
        import resource

        share = resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 3
        return Held(path) if Held.open_now < share else None
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


def onward(hdus: Any) -> Iterator[Any]:
    """Give the HDUs of an opened file as far as each lies behind the one before.

    Where a header gives a negative size, or none, astropy reads the same HDUs again, for ever.
    """
    last = -1
    for hdu in hdus:
        place = hdu.fileinfo()["hdrLoc"] if hasattr(hdu, "fileinfo") else None
        if place is None or place > last:
            yield hdu
        if place is None or place <= last:
            return
        last = place


@contextmanager
def reading(path: str, hdu: int | str) -> Iterator[None]:
    """Turn what astropy says of a bad file into our own words, and leave out its warnings (not for threads)."""
    with in_our_words(path, hdu), warnings.catch_warnings():
        warnings.simplefilter("ignore", AstropyWarning)
        yield


@contextmanager
def in_our_words(path: str, hdu: int | str) -> Iterator[None]:
    """Turn what goes wrong with a file into a FrameError that names it."""
    try:
        yield
    except PipelineError:
        raise
    except FileNotFoundError as error:
        raise FrameError(f"{path}: is gone since it was opened") from error
    except Exception as error:  # on a broken file astropy and its codecs raise whatever they stumble on
        corrupt = "its header has no END, its data end early, or a card of its layout (EXTEND, BZERO, DATASUM) is bad"
        why = corrupt if "Empty or corrupt" in str(error) else error
        raise FrameError(f"{path}[{hdu}]: cannot be read as FITS: {why}; get a whole copy, or repair it") from error
