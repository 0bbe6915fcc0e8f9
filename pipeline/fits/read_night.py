"""Edge: the text of a file list, or what else was found in its place; and why a path in it leads nowhere."""

from __future__ import annotations

import codecs
import difflib
import re
import unicodedata
from pathlib import Path

from pipeline.errors import FileListError

LONGEST = 2**26
"""Bytes of a list: a million rows. What is longer is no list."""

_OTHERS = (
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
            content = stream.read(LONGEST + 1)
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        why = f"cannot be read: {getattr(error, 'strerror', None) or error}; expected a CSV file of type, path, hdu"
        mend = "; of a folder of frames, ccd-pipeline scan writes one" if isinstance(error, IsADirectoryError) else ""
        raise FileListError(str(path), (why + mend,)) from error
    problem = next((words for start, words in _OTHERS if content.startswith(start)), "") or _no_text(content)
    if problem:
        raise FileListError(str(path), (problem,))
    return content.decode("utf-8-sig", "surrogateescape")


def _no_text(content: bytes) -> str:
    if b"\0" in content:
        line = content[: content.index(b"\0")].count(b"\n") + 1
        return f"line {line}: holds a byte 0, and so is no text (or UTF-16); expected a CSV file list, saved as UTF-8"
    too_long = f"is longer than {LONGEST >> 20} MB; expected a CSV file of type, path, hdu"
    return too_long if len(content) > LONGEST else ""


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
