"""Edge: files that take their places whole or not at all, one by one or several together."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from astropy.io import fits

from pipeline.errors import OutputError
from pipeline.fits.atomic import Draft, check_writable

_drafts: ContextVar[dict[Path, Draft] | None] = ContextVar("drafts", default=None)


@contextmanager
def together() -> Iterator[dict[Path, Draft]]:
    """Let the files that are written in this block take their places at its end: all of them, or on an error none.

    The last that was written goes first: whoever finds a new product finds all that was written after it, too.  In
    another such block this one counts as a part of that.
    """
    outer = _drafts.get()
    if outer is not None:
        yield outer
        return
    drafts: dict[Path, Draft] = {}
    token = _drafts.set(drafts)
    try:
        yield drafts
        _deliver(list(drafts.values()))
    finally:
        _drafts.reset(token)
        for draft in drafts.values():
            draft.discard()


@contextmanager
def whole_file(path: Path, overwrite: bool) -> Iterator[Path]:
    """Give a path to write to, and put the file in its place once it is on disk."""
    check_writable(path, overwrite)
    with together() as drafts, _in_our_words(path):
        draft = Draft.of(path, overwrite)
        try:
            yield draft.temporary
            with draft.temporary.open("rb+") as stream:
                os.fsync(stream.fileno())
        except BaseException:
            draft.discard()
            raise
        earlier, drafts[path] = drafts.pop(path, None), draft
        if earlier:
            earlier.discard()


def whereabouts(path: Path) -> Path:
    """Tell where a file is until it has its place."""
    drafts = _drafts.get() or {}
    return drafts[path].temporary if path in drafts else path


@contextmanager
def _in_our_words(path: Path, placed: list[Path] | None = None) -> Iterator[None]:
    try:
        yield
    except (OSError, fits.VerifyError) as error:
        there = f"; in their places already: {', '.join(map(str, placed))}" if placed else ""
        raise OutputError(f"{path}: cannot be written: {_why(error)}{there}") from error


def _why(error: BaseException) -> str:
    """Give the system's own words, behind whatever astropy makes of them."""
    behind: BaseException | None = error
    while behind is not None:
        if isinstance(behind, OSError) and behind.strerror:
            return behind.strerror
        behind = behind.__cause__ or behind.__context__
    return str(error).partition(". ")[0]  # of a full disk astropy tells again and again


def _deliver(drafts: list[Draft]) -> None:
    """Put files in their places, the last first, and that on the disk too."""
    for draft in drafts:
        check_writable(draft.path, draft.overwrite)
    placed: list[Path] = []
    with ExitStack() as replaced:  # held open, a file is not removed by renaming over it: that would take a while
        for draft in drafts if sys.platform != "win32" else ():
            with suppress(OSError):
                replaced.enter_context(draft.path.open("rb"))
        for draft in reversed(drafts):
            with _in_our_words(draft.path, placed):
                draft.place()
            placed.append(draft.path)
    for folder in {path.parent for path in placed}:
        with suppress(OSError):  # not every file system puts folders on the disk when asked
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
