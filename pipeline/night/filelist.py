"""The list of a night's frames: text in, a FrameSet of frames not opened yet out.  Nothing is read here."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import PurePath
from typing import Any, TypeAlias

import attrs
import numpy as np

from pipeline.errors import FileListError, SettingError
from pipeline.headers.keyword_tables import KIND_WORDS
from pipeline.records.frames import KINDS, FrameSet, Image, Location

Row: TypeAlias = Sequence[str | int | PurePath] | Mapping[str, Any]

_HEADER_ROW = {"type", "kind", "frame", "frametype", "imagetyp", "imagetype", "obstype", "filetype"}
_PATH_COLUMN = {"path", "file", "files", "filename", "filepath", "location"}
_HDU_COLUMN = {"hdu", "hdunumber", "hduname", "ext", "extension", "extname"}
_ELSEWHERE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_NOT_UTF8 = re.compile("[\udc80-\udcff]")
"""Bytes that are not UTF-8, as Python's ``surrogateescape`` passes them on."""


@attrs.frozen
class Parsed:
    """What a list says, and what is wrong with it."""

    frames: FrameSet
    problems: tuple[str, ...]


def parse_filelist(
    rows: str | Iterable[Any], *, delimiter: str = ",", folder: str | PurePath = "", name: str = "file list"
) -> FrameSet:
    r"""Read the text of a file list, or its rows, as a FrameSet whose images know kind, path and HDU.

    A row is ``type, path`` or ``type, path, hdu``: the type one of bias, dark, flat, light and arc in any case,
    the HDU a number or an EXTNAME, 0 where it is not given, or ``*`` for all HDUs of amplifiers as one frame .
    Blanks around cells, blank lines, a byte-order mark
    and everything behind a ``#`` outside quotes are passed over; cells may be quoted, and a quote in them is
    doubled; a first row of column names is skipped.  Relative paths are relative to ``folder``.

    Rows may be dictionaries as well, and a list a pandas DataFrame or an astropy Table: columns are then found by their
    names (type, kind or IMAGETYP; path or file; HDU, ext or EXTNAME), and others passed over.

    >>> from pipeline import parse_filelist
    >>> parse_filelist("light, a.fits\nBIAS , b.fits , 1  # a library bias\n")
    FrameSet(1 bias, 1 light)
    >>> parse_filelist([{"file": "a.fits", "kind": "light", "FILTER": "R"}])
    FrameSet(1 light)

    :param delimiter: what stands between cells; ``" "`` is any run of blanks.
    :param name: what to call the list in a message.
    :raises FileListError: with every problem of the list and its line.
    :raises SettingError: ``rows`` is the path of a list: read_night reads it.
    """
    parsed = parse_rows(rows, delimiter=delimiter, folder=folder)
    if parsed.problems:
        raise FileListError(name, parsed.problems)
    return parsed.frames


def parse_rows(rows: str | Iterable[Any], *, delimiter: str = ",", folder: str | PurePath = "") -> Parsed:
    """Do what :func:`parse_filelist` does, and give problems back instead of raising them."""
    if len(delimiter) != 1 or delimiter in '"#\r\n':
        raise SettingError(f"delimiter is {delimiter!r}; expected one character that is no quote, # or line break")
    if isinstance(rows, PurePath):
        raise SettingError(f"the path {rows} in place of a list; read_night reads the list that stands there")
    lines = _lines(rows, delimiter) if isinstance(rows, str) else _rows(_records_of(rows))
    images: list[Image] = []
    problems: list[str] = []
    for first, (number, cells) in _with_first(lines):
        if first and isinstance(cells, list) and _names_columns(cells):
            continue
        image = cells if isinstance(cells, str) else _image(number, cells, PurePath(folder))
        if isinstance(image, str):
            problems.append(f"line {number}: {image}")
        else:
            images.append(image)
    if not images and not problems:
        problems.append("no frames in it; expected rows such as: light, path/to/frame.fits")
    return Parsed(FrameSet(images), tuple(problems))


def _with_first(lines: Iterable[tuple[int, list[str] | str]]) -> Iterator[tuple[bool, tuple[int, list[str] | str]]]:
    for index, line in enumerate(lines):
        yield index == 0, line


def _names_columns(cells: list[str]) -> bool:
    """Tell whether a row is that of the columns' names."""
    first, second, *_ = (*map(_plain, cells), "")
    return first in _HEADER_ROW or (first not in KINDS and second in _PATH_COLUMN)


def _lines(text: str, delimiter: str) -> Iterator[tuple[int, list[str] | str]]:
    """Give the cells of each line that has any, or a problem, with the line's number."""
    for number, line in enumerate(re.split("\r\n|\r|\n", text.removeprefix("\ufeff")), start=1):
        cells = _wrong_bytes(line) or _split(line, delimiter)
        if isinstance(cells, str) or any(cells):
            yield number, cells


def _wrong_bytes(line: str) -> str:
    """Say which byte of a line is no UTF-8, and what it would be in Latin-1; empty where all are."""
    found = _NOT_UTF8.search(line)
    if not found:
        return ""
    byte = ord(found[0]) - 0xDC00
    return f"byte 0x{byte:02X} is not UTF-8 ({chr(byte)!r} in Latin-1); save the list as UTF-8"


def _split(line: str, delimiter: str) -> list[str] | str:
    """Split a line, as far as the first # outside quotes, into its cells; or say what is wrong with it."""
    if delimiter == " ":
        line = line.strip()
    cells: list[str] = []
    position: int | None = 0
    while position is not None:
        cell = _cell(delimiter).match(line, position)
        if not cell or (cell["plain"] or "").lstrip().startswith('"'):
            return "a quote opens a cell and does not close it; close it where the cell ends, or leave both out"
        quoted = cell["quoted"]
        cells.append((cell["plain"] if quoted is None else quoted.replace('""', '"')).strip())
        position = cell.end() if cell["more"] else None
    return cells


@lru_cache
def _cell(delimiter: str) -> re.Pattern[str]:
    """Give the pattern of one cell, quoted or plain, and of what ends it: a delimiter, a # or the end of the line."""
    between = r"\s" if delimiter == " " else re.escape(delimiter)
    blanks = rf"(?:(?!{between})\s)*+"
    quoted = rf'{blanks}"(?P<quoted>(?:[^"]|"")*+)"{blanks}'
    plain = rf"(?P<plain>(?:(?!{between})[^#])*+)"
    more = rf"(?P<more>{between}{'+' if delimiter == ' ' else ''})"
    return re.compile(rf"(?:{quoted}|{plain})(?:{more}|#|\Z)")


def _records_of(rows: Any) -> Iterable[Row]:
    """Give the rows of a DataFrame or a Table as dictionaries where its columns have the names of ours."""
    of_array = getattr(getattr(rows, "dtype", None), "names", None)
    names = [*getattr(rows, "colnames", getattr(rows, "columns", of_array or ()))]
    if not names and (isinstance(rows, bytes | Mapping) or not isinstance(rows, Iterable)):
        raise SettingError(f"{rows!r} in place of a list; expected its text, or its rows")
    if not names:
        return rows  # type: ignore[no-any-return]
    cells = rows.itertuples(index=False, name=None) if hasattr(rows, "itertuples") else rows
    known = any(_plain(name) in _HEADER_ROW for name in names) and any(_plain(name) in _PATH_COLUMN for name in names)
    return [dict(zip(names, row, strict=True)) for row in cells] if known else list(cells)


def _rows(rows: Iterable[Row]) -> Iterator[tuple[int, list[str] | str]]:
    for number, row in enumerate(rows, start=1):
        if isinstance(row, Mapping):
            if any(map(_cell_text, row.values())):
                yield number, _named_cells(row)
        elif isinstance(row, str) or not isinstance(row, Iterable):
            yield number, f"a row is {row!r}; expected a sequence of cells: type, path, and perhaps an HDU"
        elif any(cells := [_cell_text(cell) for cell in row]):
            yield number, cells


def _named_cells(row: Mapping[str, Any]) -> list[str] | str:
    """Give type, path and HDU of a row whose cells have names, or say which of them it lacks."""
    columns = {_plain(name): name for name in row}
    kind, path, hdu = (
        next((columns[name] for name in columns if name in names), None)
        for names in (_HEADER_ROW, _PATH_COLUMN, _HDU_COLUMN)
    )
    if kind is None or path is None:
        return f"columns {', '.join(map(str, row))}; expected a type and a path, and perhaps an HDU"
    return [_cell_text(row[name]) for name in (kind, path, hdu) if name is not None]


def _plain(name: object) -> str:
    """Give the name of a column in small letters, without what stands between its words."""
    return re.sub("[ _-]", "", str(name).lower())


def _cell_text(cell: Any) -> str:
    """Give a cell as a text: empty for what tables have in place of nothing, and 1.0 as 1."""
    if cell is None or np.ma.is_masked(cell) or str(cell) in ("nan", "<NA>", "NaT"):
        return ""
    whole = isinstance(cell, float | np.floating) and float(cell).is_integer()
    return str(int(cell)) if whole else str(cell).strip()


def _image(line: int, cells: list[str], folder: PurePath) -> Image | str:
    """Make an image that is not opened yet, or say what is wrong with its row."""
    while len(cells) > 2 and not cells[-1]:
        cells = cells[:-1]
    if not 2 <= len(cells) <= 3:
        return _columns(cells)
    kind, path, hdu = cells[0].lower(), cells[1], (cells[2] if len(cells) == 3 else "0")
    if kind not in KINDS:
        return f"unknown type {cells[0]!r}; {_meant(kind, path)}"
    if not path:
        return f"no path behind {cells[0]!r}; expected: {kind}, path/to/frame.fits"
    if _ELSEWHERE.match(path):
        return f"{path}: nothing is fetched from elsewhere; expected the path of a file on this machine"
    number = re.fullmatch(r"\+?[0-9]{1,9}", hdu)
    if not number and re.fullmatch(r"[-+]?[\d.]+", hdu):
        return f"HDU {hdu!r} of {path}; expected a whole number from 0, or an EXTNAME"
    location = Location(str(folder / path), int(hdu) if number else hdu, line)
    return Image(kind, location, sources=(str(location),))


def _columns(cells: list[str]) -> str:
    """Say that a row has too few or too many cells, and what may be the reason."""
    columns = "1 column" if len(cells) == 1 else f"{len(cells)} columns"
    found = f"{columns} in {', '.join(cells)!r}; expected 2 or 3: type, path, and perhaps an HDU"
    if len(cells) > 3:
        return f'{found}; a cell that holds the delimiter stands in quotes, as "SCI,2" does'
    for delimiter, name in ((";", "';'"), ("\t", "tab"), ("|", "'|'"), (",", "','"), (" ", "' '")):
        if cells[0].split(delimiter)[0].strip().lower() in KINDS and delimiter in cells[0]:
            return f"{found}; say what stands between cells (--delimiter {name})"
    return found


def _meant(kind: str, path: str) -> str:
    """Say what may have been meant by a type that is none."""
    if path.lower() in KINDS:
        return "the type stands first, and the path behind it"
    close = difflib.get_close_matches(kind, KINDS, n=1)
    meant = next((name for name, starts in KIND_WORDS if kind.startswith(starts)), close[0] if close else "")
    return f"did you mean {meant!r}?" if meant else f"expected one of {', '.join(KINDS)}"
