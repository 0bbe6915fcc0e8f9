"""Edge: opening the frames of a file list, and single FITS files."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import attrs
from astropy.io import fits

from pipeline import keywords
from pipeline.cards import Cards
from pipeline.errors import AssumptionWarning, FileListError, FrameError, HeaderError, HeaderWarning, PipelineError
from pipeline.exposures import Reading, exposure_reading, key_of
from pipeline.filelist import parse_rows
from pipeline.files import onward, opened, reading
from pipeline.frames import FrameSet, Image, Location
from pipeline.header import CREATOR
from pipeline.planes import FitsSource, cards_of, contents, plane_of
from pipeline.repeats import without_repeats
from pipeline.running import advise

_PACKED = {b"\x1f\x8b": "gzip", b"BZ": "bzip2"}
_PACKED_OTHERWISE = {b"\x1f\x9d": "compress (.Z)", b"PK\x03\x04": "zip", b"\xfd7zXZ": "xz"}


def read_night(path: str | Path, *, delimiter: str = ",", exposure_key: str | None = None) -> FrameSet:
    """Read a file list and open its frames.  Paths in it are relative to the list.

    :param delimiter: what stands between cells.
    :param exposure_key: the keyword of the exposure, looked for first: ``KEY``, or ``KEY [ms]`` if not in seconds.
    :raises FileListError: with every problem of the list and of the files it names, by line.
    """
    path = Path(path)
    if exposure_key:
        key_of(exposure_key)  # a mistake in it is not every file's
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        why = f"byte {error.start} is not UTF-8 text; expected a CSV file list, saved as UTF-8"
        raise FileListError(str(path), (why,)) from error
    except OSError as error:
        raise FileListError(str(path), (f"cannot be read: {error.strerror}",)) from error
    if text.startswith("SIMPLE  ="):
        raise FileListError(str(path), ("is a FITS file; expected a list of them: a CSV file of type, path, hdu",))
    parsed = parse_rows(text, delimiter=delimiter, folder=path.parent)
    frames, problems = _opened_frames(parsed.frames, exposure_key)
    if parsed.problems or problems:
        raise FileListError(str(path), tuple(sorted([*parsed.problems, *problems], key=_line)))
    return frames


def _line(problem: str) -> int:
    """Give the line that a problem names; what concerns several lines comes last."""
    line = re.match(r"line (\d+): ", problem)
    return int(line[1]) if line else sys.maxsize


def paths_of(frames: FrameSet) -> set[Path]:
    """Give the files that opened frames are read from."""
    return {Path(frame.data.values.path) for frame in frames if isinstance(frame.data, FitsSource)}


def open_frames(frames: FrameSet, *, exposure_key: str | None = None) -> FrameSet:
    """Open frames that are not opened yet: header, exposure and shape now, pixels when asked.

    :raises FileListError: with every file that cannot be opened as an image.
    """
    opened, problems = _opened_frames(frames, exposure_key)
    if problems:
        raise FileListError("frames", problems)
    return opened


def _opened_frames(frames: FrameSet, exposure_key: str | None) -> tuple[FrameSet, tuple[str, ...]]:
    opened: list[Image] = []
    lines: list[int | None] = []
    problems: list[str] = []
    for frame in frames:
        where = frame.data
        try:
            opened.append(open_frame(frame, exposure_key=exposure_key))
            lines.append(where.line if isinstance(where, Location) else None)
        except PipelineError as error:
            line = f"line {where.line}: " if isinstance(where, Location) and where.line else ""
            problems.append(f"{line}{error}")
    single, repeats = without_repeats(opened, lines)
    problems += repeats
    try:
        return FrameSet(single), tuple(problems)
    except PipelineError as error:
        return FrameSet(), (*problems, str(error))


def open_frame(
    frame: Image | str | Path, hdu: int | str = 0, *, kind: str = "light", exposure_key: str | None = None
) -> Image:
    """Open one frame: header, exposure and shape now, pixels when asked.

    :param frame: a path, or an image that parse_filelist gave.
    :param hdu: the number or EXTNAME of the HDU, with a path.
    :raises FrameError: there is no image there.
    :raises HeaderError: the exposure in its header cannot be read.
    """
    if not isinstance(frame, Image):
        location = Location(str(frame), hdu)
        frame = Image(kind, location, sources=(str(location),))
    if not isinstance(frame.data, Location):
        return frame
    where = frame.data
    source, headers = _open_location(where)
    cards = headers[0].under(headers[1]) if len(headers) > 1 else headers[0]
    try:
        said, state = exposure_reading(*headers, keyword=exposure_key), keywords.state(cards)
    except HeaderError as error:
        raise HeaderError(f"{where}: {error}") from error
    if said is not None:
        _tell_of(said, where, exposure_key)
    seconds = None if said is None else said.value
    return attrs.evolve(frame, data=source, exposure=seconds, header=cards, state=state)


def _tell_of(said: Reading, where: Location, exposure_key: str | None) -> None:
    """Say where an exposure comes from, if that is not plain."""
    if exposure_key and said.card != key_of(exposure_key).keyword:
        advise(
            f"{where}: no {exposure_key} in the header; the exposure is that of {said.card}, {said.value:g} s",
            AssumptionWarning,
        )
    if said.note:
        advise(f"{where}: {said.note}", HeaderWarning)


def _open_location(where: Location) -> tuple[FitsSource, tuple[Cards, ...]]:
    """Open an HDU: where its pixels are, its header, and behind it the primary one."""
    packing = packing_of(where.path)
    with (
        reading(where.path, where.hdu),
        opened(where.path, packing) as stream,  # ours to close: astropy leaves a broken file open
        fits.open(stream, memmap=False, do_not_scale_image_data=True) as hdus,
    ):
        number = _number(hdus, where)
        plane = plane_of(hdus, number, where.path, packing)
        headers = tuple(cards_of(hdus[index], where.path, packing) for index in ((number, 0) if number else (0,)))
        ours = str(headers[-1].get("CREATOR", "")).startswith(CREATOR.split()[0])
        names = [str(other.name) for other in onward(hdus)] if ours and number == 0 else []
        flags, deviation = (
            plane_of(hdus, names.index(name), where.path, packing) if name in names else None
            for name in ("FLAGS", "UNCERT")
        )
        for beside in (flags, deviation):
            if beside and beside.shape != plane.shape:
                raise FrameError(f"{where}: HDU {beside.hdu} has the shape {beside.shape}, its image {plane.shape}")
    return FitsSource(plane, flags, deviation), headers


def packing_of(path: str) -> str:
    """Tell how a file is compressed, by its content; and that it is there and may be FITS.

    :raises FrameError: it is not.
    """
    try:
        with Path(path).open("rb") as stream:
            start = stream.read(6)
    except IsADirectoryError as error:
        raise FrameError(f"{path}: is a folder; expected a FITS file") from error
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        why = error.strerror if isinstance(error, OSError) else error
        hint = "; relative paths are relative to the file list" if isinstance(error, FileNotFoundError) else ""
        raise FrameError(f"{path}: cannot be read: {why}{hint}") from error
    if not start:
        raise FrameError(f"{path}: the file is empty; expected FITS")
    packing = next((name for magic, name in _PACKED.items() if start.startswith(magic)), "")
    if not packing and start != b"SIMPLE":
        other = next((name for magic, name in _PACKED_OTHERWISE.items() if start.startswith(magic)), "")
        found = f"is packed by {other}, unpack it first" if other else f"begins with {start!r}"
        raise FrameError(f"{path}: {found}; expected FITS (plain, .gz, .bz2 or tile-compressed)")
    return packing


def _number(hdus: fits.HDUList, where: Location) -> int:
    name = where.hdu.strip().upper() if isinstance(where.hdu, str) else None
    for number, hdu in enumerate(onward(hdus)):  # astropy reads HDUs as they are asked for
        if number == where.hdu or name == str(hdu.name).strip().upper() or (name == "PRIMARY" and number == 0):
            return number
    raise FrameError(f"{where.path}: has no HDU {where.hdu!r}; it has {contents(hdus)}")
