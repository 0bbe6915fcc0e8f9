"""Edge: a night from its file list: the list is read, its frames are opened, and all problems are told at once.

:func:`read_night` does it all; in the order of the file: the text of the list, or what else was found in its place; why
a path in it leads nowhere; frames that it names more than once; and opening what it names.
"""

from __future__ import annotations

import codecs
import difflib
import logging
import os
import re
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import attrs
from toolz import groupby, unique

from pipeline.compose.running import one_by_one
from pipeline.compose.telling import advise, collecting, told_together
from pipeline.errors import MOST, AssumptionWarning, FileListError, PipelineError, PipelineWarning
from pipeline.fits.frame_source import FitsSource
from pipeline.fits.hdu import plane_number
from pipeline.fits.open import open_frame
from pipeline.headers.exposure import parse_exposure_key
from pipeline.night.filelist import Parsed, parse_rows
from pipeline.records.frames import FrameSet, Image, Location, as_frames
from pipeline.records.note import Note

_log = logging.getLogger("pipeline")

LONGEST_LIST = 2**26
"""Bytes of a list: a million rows. What is longer is no list."""

_NO_LIST = (
    (b"SIMPLE  =", "is a FITS file; expected a list of them: a CSV file of type, path, hdu"),
    (b"PK\x03\x04", "is a spreadsheet or zip archive; save the sheet as CSV (UTF-8)"),
    (b"\xd0\xcf\x11\xe0", "is a spreadsheet; save the sheet as CSV (UTF-8)"),
    (b"\x1f\x8b", "is packed by gzip; unpack it first"),
    (b"BZh", "is packed by bzip2; unpack it first"),
    (codecs.BOM_UTF32_LE, "line 1: is UTF-32 text; save it as UTF-8"),
    (codecs.BOM_UTF16_LE, "line 1: is UTF-16 text; save it as UTF-8"),
    (codecs.BOM_UTF16_BE, "line 1: is UTF-16 text; save it as UTF-8"),
)


def read_list(path: Path) -> str:
    """Read the text of a file list; bytes that are not UTF-8 are passed on, for the parser to name their lines.

    :raises FileListError: it cannot be read, or is no text.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(LONGEST_LIST + 1)
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        why = f"cannot be read: {getattr(error, 'strerror', None) or error}; expected a CSV file of type, path, hdu"
        lost = isinstance(error, IsADirectoryError | FileNotFoundError)
        mend = "; of a folder of frames, ccd-pipeline scan writes one" if lost else ""
        raise FileListError(str(path), (why + mend,)) from error
    problem = next((words for start, words in _NO_LIST if content.startswith(start)), "") or _no_text(content)
    if problem:
        raise FileListError(str(path), (problem,))
    return content.decode("utf-8-sig", "surrogateescape")


def _no_text(content: bytes) -> str:
    if b"\0" in content:
        line = content[: content.index(b"\0")].count(b"\n") + 1
        return f"line {line}: holds a byte 0, and so is no text (or UTF-16); expected a CSV file list, saved as UTF-8"
    too_long = f"is longer than {LONGEST_LIST >> 20} MB; expected a CSV file of type, path, hdu"
    return too_long if len(content) > LONGEST_LIST else ""


def why_not_there(path: str) -> str:
    """Say why there may be no file where a list says: what is not expanded, what is alike, what is missing."""
    place = Path(path)
    folder, name = place.parent, place.name
    said = _unexpanded(place)
    if said:
        return said
    slashes = path.replace("\\", "/")
    if slashes != path and Path(slashes).exists():
        return f"did you mean {slashes}?"
    if not folder.is_dir():
        return f"there is no folder {folder}"
    try:
        names = sorted(entry.name for entry in folder.iterdir())
    except OSError:  # a folder that may be entered and not listed
        names = []
    cut = next((other for other in names if other.startswith((f"{name}#", f"{name},"))), "")
    if cut:
        return f'a path that holds # or a comma stands in quotes: "{cut}"'
    same = [other for other in names if _plain(other) == _plain(name)]
    if same and unicodedata.normalize("NFC", same[0]) == unicodedata.normalize("NFC", name):
        return "a file of this name is there with its accents coded otherwise (Unicode); rename it, or copy its name"
    close = same or difflib.get_close_matches(name, names, n=2)
    if close:
        return f"{folder} has {' and '.join(close)}"
    return "relative paths are relative to the file list"


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _unexpanded(place: Path) -> str:
    """Say what a path holds that a shell would have taken for something else."""
    if any(part.startswith("~") for part in place.parts):
        return "~ is not expanded; write the folder in full"
    if re.search(r"\$\w|\$\{|%\w+%", str(place)):
        return "variables are not expanded; write the folder in full"
    if re.search(r"[*?]", place.name):
        return "patterns are not expanded; one row for each file, or let ccd-pipeline scan write the list"
    hdu = re.fullmatch(r"(.+)\[(.+)\]", place.name)
    if hdu:
        return f"the HDU has a column of its own: light, {hdu[1]}, {hdu[2]}"
    if place.name[-1:] in "'’”" or place.name[:1] in "'‘“":
        return 'quotes around a path are ", or none'
    return ""


TAKEN_OUT = ("bias", "dark")
"""Kinds that are taken out of others: a frame that is taken out of itself leaves nothing."""


def without_repeats(frames: Sequence[Image], lines: Sequence[int | None]) -> tuple[list[Image], list[str]]:
    """Give opened frames without those that repeat another of their kind, and the problems with the others.

    A file is known by its size, time and inode, so that links and other ways of writing its path do not hide it.
    The same frame counts once in its kind, and this is said: twice it would pass for two with independent noise.
    A bias or dark that is also another kind is a problem; a flat, light or arc that is, is said.

    :param lines: where in the list each frame stands.
    """
    kept, problems = [], []
    repeated: dict[int, tuple[Note, ...]] = {}
    groups = groupby(lambda place: _identity(frames[place]) or place, range(len(frames)))
    for places in groups.values():
        some = [frames[place] for place in places]
        kinds = list(unique(frame.kind for frame in some))
        kept += [places[[frame.kind for frame in some].index(kind)] for kind in kinds]
        if len(kinds) > 1 and set(kinds) & set(TAKEN_OUT):
            problems.append(
                f"line {lines[places[-1]]}: {some[-1].name}: listed as {' and as '.join(kinds)} (line "
                f"{', '.join(str(lines[place]) for place in places[:-1])}); taken out of itself it leaves nothing: "
                "list it once"
            )
        elif len(some) > 1:
            once = "; counts once for each" if len(kinds) > 1 else "; counts once"
            with collecting() as said:
                advise(f"listed {len(some)} times, as {' and '.join(kinds)}{once}", AssumptionWarning, of=some[0])
            repeated |= dict.fromkeys(places, tuple(said))
    return [attrs.evolve(frames[at], said=(*frames[at].said, *repeated.get(at, ()))) for at in sorted(kept)], problems


def _identity(frame: Image) -> tuple[tuple[int, int, int], int | str, int | None] | None:
    if not isinstance(frame.data, FitsSource):
        return None
    origin = frame.data.origin
    return origin.signature, origin.hdu, origin.plane


@told_together()
def read_night(
    path: str | Path, *, delimiter: str = ",", exposure_key: str | None = None, plane: int | None = None
) -> FrameSet:
    """Read a file list and open its frames.  Paths in it are relative to the list.

    >>> from tempfile import TemporaryDirectory
    >>> from pipeline import read_night
    >>> from pipeline.simulation.simulate import simulate, write_night
    >>> with TemporaryDirectory() as folder:
    ...     read_night(write_night(simulate(shape=(32, 48)), folder))
    FrameSet(7 bias, 5 dark, 7 flat, 3 light, 1 arc)

    :param delimiter: what stands between cells.
    :param exposure_key: the keyword of the exposure, looked for first: ``KEY``, or ``KEY [ms]`` if not in seconds.
    :param plane: which image of a cube, from 0 in the order of the file; frames that are no cubes have none to choose.
    :raises FileListError: with every problem of the list and of the files it names, by line.
    """
    path = Path(path)
    parsed = parsed_list(path, delimiter=delimiter, exposure_key=exposure_key)
    frames, problems = opened_frames(parsed.frames, exposure_key, plane_number(plane))
    _log.info("%s: %r", path, frames)
    if parsed.problems or problems:
        raise FileListError(str(path), problems_by_line([*parsed.problems, *problems]))
    return frames


def parsed_list(path: Path, *, delimiter: str, exposure_key: str | None) -> Parsed:
    """Read a file list, and open nothing yet; problems with its rows are in what it gives.

    :raises FileListError: it is no text.
    """
    if exposure_key:
        parse_exposure_key(exposure_key)  # a mistake in it is not every file's
    parsed = parse_rows(read_list(path), delimiter=delimiter, folder=path.parent)
    located = [
        (frame, frame.data, Path(frame.data.path)) for frame in parsed.frames if isinstance(frame.data, Location)
    ]
    folders = {folder: _shortest(folder) for folder in {place.parent for _, _, place in located}}
    short = [(frame, attrs.evolve(at, path=str(folders[place.parent] / place.name))) for frame, at, place in located]
    frames = FrameSet(attrs.evolve(frame, data=at, sources=(str(at),)) for frame, at in short)
    return attrs.evolve(parsed, frames=frames)


def _shortest(folder: Path) -> Path:
    """Give raw for lists/../raw: people read it in notes.  As it is where that is another folder, as behind a link."""
    short = Path(os.path.normpath(folder))
    with suppress(OSError):
        return short if short.samefile(folder) else folder
    return folder


def problems_by_line(problems: Iterable[str]) -> tuple[str, ...]:
    """Sort problems of a list by the lines that they name."""
    return tuple(sorted(problems, key=_line))


def _line(problem: str) -> int:
    """Give the line that a problem names; what concerns several lines comes last."""
    line = re.match(r"line (\d+): ", problem)
    return int(line[1]) if line else sys.maxsize


def paths_of(frames: FrameSet) -> set[Path]:
    """Give the files that opened frames are read from."""
    return {Path(frame.data.origin.path) for frame in frames if isinstance(frame.data, FitsSource)}


@told_together()
def open_frames(frames: Iterable[Any], *, exposure_key: str | None = None, plane: int | None = None) -> FrameSet:
    """Open frames that are not opened yet: header, exposure and shape now, pixels when asked.

    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from astropy.io import fits
    >>> from pipeline import open_frames, parse_filelist
    >>> with TemporaryDirectory() as folder:
    ...     fits.PrimaryHDU(np.ones((2, 3))).writeto(f"{folder}/a.fits")
    ...     open_frames(parse_filelist("bias, a.fits", folder=folder))[0].shape
    (2, 3)

    :param exposure_key: the keyword of the exposure, looked for first.
    :param plane: which image of a cube, from 0.
    :raises FileListError: with every file that cannot be opened as an image.
    """
    opened, problems = opened_frames(as_frames(frames), exposure_key, plane_number(plane))
    if problems:
        raise FileListError("frames", problems)
    return opened


def opened_frames(
    frames: FrameSet, exposure_key: str | None, plane: int | None = None
) -> tuple[FrameSet, tuple[str, ...]]:
    """Open frames, each place once however often it is listed; give what can be opened, and every problem."""
    opened: list[Image] = []
    lines: list[int | None] = []
    problems: list[str] = []
    known: dict[Any, Image | str] = {}
    for frame in one_by_one(frames.frames, "reading frame"):
        where = frame.data
        if not isinstance(where, Location):
            opened.append(frame)
            lines.append(None)
            continue
        place = where.path, where.hdu, frame.sources
        if place not in known:
            known[place] = _tried(frame, exposure_key, plane, hint=len(problems) < MOST)
        one = known[place]
        if isinstance(one, Image):
            opened.append(attrs.evolve(one, kind=frame.kind))
            lines.append(where.line)
        else:
            problems.append(f"line {where.line}: {one}" if where.line else one)
    single, repeats = without_repeats(opened, lines)
    problems += repeats
    try:
        return FrameSet(single), tuple(problems)
    except PipelineError as error:
        return FrameSet(), (*problems, str(error))


def _tried(frame: Image, exposure_key: str | None, plane: int | None, *, hint: bool) -> Image | str:
    """Open a frame, or say why it cannot be; where warnings are errors, of what it would have warned."""
    try:
        return open_frame(frame, exposure_key=exposure_key, plane=plane)
    except PipelineWarning as warning:
        return f"{warning} (refused, as assumptions are: --strict)"
    except PipelineError as error:
        missing = hint and isinstance(error.__cause__, FileNotFoundError) and isinstance(frame.data, Location)
        return f"{error}; {why_not_there(frame.data.path)}" if missing else str(error)  # type: ignore[union-attr]
