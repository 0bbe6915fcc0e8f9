"""Edge: files that take their places whole or not at all, one by one or several together.

A file is written as a draft beside its place, ``.PROCESS-TOKEN.tmp-NAME``, put on the disk, and renamed
(:func:`whole_file`); drafts of files that belong together are renamed when all are there (:func:`together`).  A lock
that goes with the process tells the draft of a living one from what a dead one left, in whatever container or on
whichever machine it lives: the next who writes the same file removes that.
"""

from __future__ import annotations

import glob
import os
import re
import secrets
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

import attrs
from astropy.io import fits

from pipeline.compose.running import at_work
from pipeline.errors import OutputError

try:
    import fcntl
except ImportError:
    LOCKS = False
else:
    LOCKS = True
"""Whether files can be locked: not on Windows, where one that is open cannot be renamed either."""

_DRAFT = re.compile(r"\.([0-9]{1,9})(-[0-9a-f]{8})?\.tmp-.+")


@attrs.frozen
class Draft:
    """A file that is being written; ``lock`` is an open descriptor that locks it, where there are locks."""

    path: Path
    temporary: Path
    overwrite: bool
    lock: int | None

    @classmethod
    def of(cls, path: Path, overwrite: bool) -> Draft:
        """Make an empty draft, and remove what processes that died while writing this file left behind."""
        sweep(path.parent, path.name)
        while True:
            temporary = path.with_name(f".{os.getpid()}-{secrets.token_hex(4)}.tmp-{path.name}")
            descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
            if not LOCKS:
                os.close(descriptor)
                return cls(path, temporary, overwrite, None)
            if _locked(descriptor) and temporary.exists():  # else one who sweeps was quicker than the lock
                return cls(path, temporary, overwrite, descriptor)
            os.close(descriptor)

    def place(self) -> None:
        """Rename the draft; where nothing may be overwritten, not over what came there in the meantime either."""
        if not self.overwrite:
            with suppress(OSError):  # it is there, or the file system has no links
                os.link(self.temporary, self.path)
                return
            check_writable(self.path, overwrite=False)
        self.temporary.replace(self.path)

    def discard(self) -> None:
        """Remove what is left of the draft, and let go of the lock."""
        with suppress(OSError):  # where it cannot be removed it was never made, and that has been said
            self.temporary.unlink(missing_ok=True)
        if self.lock is not None:
            os.close(self.lock)


def check_writable(path: Path, overwrite: bool) -> None:
    """See that nothing which must stay stands in the way of a product.

    :raises OutputError: the file is there and may not be overwritten, is no plain file, or its folder is missing
        or read-only.
    """
    if path.is_dir() or not path.name:
        raise OutputError(f"{path}: is a folder; name a file")
    if not path.parent.is_dir():
        raise OutputError(f"{path}: cannot be written: there is no folder {path.parent}; make it first")
    if not os.access(path.parent, os.W_OK):
        raise OutputError(
            f"{path}: cannot be written: nothing may be written in the folder {path.parent}; name another"
        )
    if path.exists() and not path.is_file():
        raise OutputError(f"{path}: is no plain file, and is never written over; choose another name")
    if (path.exists() or path.is_symlink()) and not overwrite:
        raise OutputError(f"{path}: is there already; choose another name, or allow overwriting (--overwrite)")


def identity(path: Path) -> tuple[int, int] | Path:
    """Give what is the same for all names of a file: links, other spellings, other cases of letters."""
    try:
        status = path.stat()
    except OSError:
        return path.resolve()
    return status.st_dev, status.st_ino


def sweep(folder: Path, name: str | None = None) -> None:
    """Remove drafts of a file, or of all files of a folder, that nobody writes any more.

    Whoever writes a file removes those of this one; others may stay, being in nobody's way.
    """
    for left in folder.glob(f".*.tmp-{'*' if name is None else glob.escape(name)}"):
        process = _DRAFT.fullmatch(left.name)
        if process:
            with suppress(OSError):
                _remove_if_left(left, int(process[1]))


def _remove_if_left(left: Path, process: int) -> None:
    descriptor = os.open(left, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    try:
        if _locked(descriptor, process):
            left.unlink()
    finally:
        os.close(descriptor)


def _locked(descriptor: int, process: int | None = None) -> bool:
    """Lock an open draft; where there are no locks, tell by its process, if it has one, whether it is left behind."""
    try:
        if LOCKS:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        pass
    return process is None or process == os.getpid() or not _alive(process)


def _alive(process: int) -> bool:
    if sys.platform == "win32":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


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
    with together() as drafts, _in_our_words(path), at_work(f"writing {path.name}"):
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
        for draft in drafts if LOCKS else ():
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
