"""Edge: file lists proposed for the frames in a folder, from what their headers say, for people to check."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import attrs
from toolz import groupby

from pipeline.compose.running import running
from pipeline.detector.amplifiers import HDUS_PILED
from pipeline.errors import FrameError, PipelineError
from pipeline.fits.open import open_frame
from pipeline.headers import keywords
from pipeline.headers.cards import Cards
from pipeline.records.frames import KINDS, Image
from pipeline.stacking.compatibility import EQUAL_EXPOSURES
from pipeline.version import made_by_us

FRAME_NAMES = re.compile(r"[^.].*\.(fits?|fts)(\.(gz|bz2|fz))?", re.IGNORECASE | re.DOTALL)
LIST_ORDER = ("bias", "dark", "flat", "arc", "light")
SHARED = ("bias", "dark", "flat", "arc")

OBJECTS = (
    ("bias", re.compile(r"(bias|zero)(es|s)?", re.IGNORECASE)),
    ("dark", re.compile(r"darks?", re.IGNORECASE)),
    ("flat", re.compile(r"((dome|sky|twilight|internal|lamp|quartz)[ _-]*)?flats?([ _-]*fields?)?", re.IGNORECASE)),
    ("arc", re.compile(r"arcs?([ _-]*lamps?)?|comp(arison)?([ _-]*lamps?)?", re.IGNORECASE)),
)
"""What observers call calibrations in OBJECT, where the type of every exposure with the shutter open is OBJECT."""

EXPOSURE_LETTERS = {"a": "arc", "b": "bias", "d": "dark", "f": "flat", "w": "flat"}
"""The Liverpool Telescope's own letter for the type, in EXPID: v_f_20181129_10_1_0_0 is a flat."""


@attrs.frozen
class FoundFrame:
    """What a header says of a frame in a folder; ``kind`` is empty where it does not say, ``note`` says why not."""

    path: str
    hdu: int | str = 0
    kind: str = ""
    target: str = ""
    exposure: float | None = None
    filter: str = ""
    binning: tuple[int, int] | None = None
    shape: tuple[int, int] | None = None
    note: str = ""

    @property
    def words(self) -> str:
        """What people check a row by."""
        exposure = "" if self.exposure is None else f"{self.exposure:g} s"
        binned = "" if self.binning is None else f"binned {self.binning[0]}x{self.binning[1]}"
        size = "" if self.shape is None else f"{self.shape[1]}x{self.shape[0]} pixels"
        words = ", ".join(word for word in (self.target, exposure, self.filter, binned, size, self.note) if word)
        return _shown(" ".join(words.split()))


def propose_filelists(folder: str | Path, *, beside: Path | None = None) -> dict[str, str]:
    """Propose file lists for the frames in a folder and the folders in it: the text of each list, by target.

    A list is for lights of one target, exposure, filter, binning and size, with the biases, darks, flats and arcs
    that fit them: of the same size and binning, flats and arcs of the same filter, arcs of the same target where
    they name one.  Files that cannot be read or placed are in every list, as comments that say why.  Without lights
    there is one list, of the calibrations.

    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from astropy.io import fits
    >>> from pipeline import propose_filelists
    >>> header = fits.Header({"IMAGETYP": "light", "OBJECT": "M 31", "EXPTIME": 30})
    >>> with TemporaryDirectory() as folder:
    ...     fits.PrimaryHDU(np.ones((2, 3)), header).writeto(f"{folder}/a.fits")
    ...     print(propose_filelists(folder)["M_31"], end="")
    # type, path, HDU  # proposed from the headers: check it
    light, a.fits, 0  # M 31, 30 s, 3x2 pixels

    :param beside: the folder that the lists will lie in, to which their paths are relative; by default the same.
    :raises FrameError: there is no such folder, or no FITS file in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FrameError(f"{folder}: is no folder; name one that holds frames")
    paths = sorted((path for path in folder.rglob("*") if FRAME_NAMES.fullmatch(path.name)), key=_natural)
    if not paths:
        raise FrameError(f"{folder}: no FITS files in it (.fits, .fit, .fts, or these with .gz, .bz2, .fz)")
    base = (beside or folder).resolve()
    return filelists_of(
        [frame_in(path, Path(os.path.relpath(path.resolve(), base))) for path in paths if path.is_file()]
    )


def _shown(text: str) -> str:
    """Write what is no text, or would break a line, as its number."""
    return re.sub(r"[\x00-\x1f\x7f\ud800-\udfff]", lambda sign: f"\\x{ord(sign[0]) & 0xFF:02x}", text)


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sort b2 before b11."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", str(path))]


def frame_in(path: Path, shown: Path) -> FoundFrame:
    """Read what the header of a file says: of its first HDU, or the second where the first holds no image.

    Of a file of amplifiers that DETSEC puts together, all of them are taken as one frame, ``*``.

    :param shown: the path as the list is to give it.
    """
    if _shown(shown.as_posix()) != shown.as_posix():
        return FoundFrame(_shown(shown.as_posix()), note="its name is none that a list can hold; rename it")
    problem = ""
    for hdu in (0, "*", 1):
        try:
            with running(quiet=True):  # it is said when the list is read
                image = open_frame(path, hdu)
                if hdu != "*" or image.header.get(HDUS_PILED) != 1:
                    return frame_of(image, shown.as_posix(), hdu)
        except PipelineError as error:
            problem = problem or " ".join(str(error).removeprefix(f"{path}: ").split())
    return FoundFrame(shown.as_posix(), note=problem)


def frame_of(image: Image, path: str, hdu: int | str = 0) -> FoundFrame:
    """Make a row of an opened image."""
    cards = image.header
    if made_by_us(cards.get("CREATOR")):
        return FoundFrame(path, hdu, note="a product of ccd-pipeline")
    kind = kind_of(cards)
    return FoundFrame(
        path,
        hdu,
        kind,
        target=" ".join(str(cards.get("OBJECT", "")).split()),
        exposure=image.exposure,
        filter=keywords.filter_name(cards) or "",
        binning=keywords.binning(cards),
        shape=image.shape,
        note="" if kind else "no type of image in its header that is known",
    )


def kind_of(cards: Cards) -> str:
    """Tell bias, dark, flat, light and arc by header; empty where it does not say."""
    letter = re.match(r"[a-z]_([a-z])_\d{8}_", str(cards.get("EXPID", "")))
    if letter and letter[1] in EXPOSURE_LETTERS:
        return EXPOSURE_LETTERS[letter[1]]
    said = keywords.image_type(cards) or ""
    if said not in ("", "light"):
        return said
    called = str(cards.get("OBJECT", "")).strip()
    return next((kind for kind, words in OBJECTS if words.fullmatch(called)), said)


def filelists_of(frames: Sequence[FoundFrame]) -> dict[str, str]:
    """Give the text of a file list for each group of lights, by the group's name."""
    lights = [frame for frame in frames if frame.kind == "light"]
    shared = [frame for frame in frames if frame.kind in SHARED]
    unknown = [frame for frame in frames if frame.kind not in KINDS]
    targets = {_key(light.target) for light in lights} - {""}
    equal = _equal_exposures(light.exposure for light in lights)
    groups = groupby(lambda light: (equal[light.exposure], *_setting(light)), lights) or {None: []}
    lists: dict[str, str] = {}
    for group in groups.values():
        fitting = [frame for frame in shared if not group or _fits(frame, group[0], targets)]
        rows = sorted([*fitting, *group], key=lambda frame: LIST_ORDER.index(frame.kind))
        others = [] if len(groups) > 1 else [frame for frame in shared if frame not in fitting]
        lists[_name(group, lists)] = "\n".join([*_written(rows, [*unknown, *others]), ""])
    return lists


def _setting(frame: FoundFrame) -> tuple[object, ...]:
    return _key(frame.target), frame.filter, frame.binning, frame.shape


def _equal_exposures(exposures: Iterable[float | None]) -> dict[float | None, float | None]:
    """Give for each exposure the shortest of those that count as equal to it."""
    equal: dict[float | None, float | None] = {None: None}
    first = -1.0
    for seconds in sorted({seconds for seconds in exposures if seconds is not None}):
        first = first if seconds - first <= EQUAL_EXPOSURES * seconds else seconds
        equal[seconds] = first
    return equal


def _key(target: str) -> str:
    return re.sub(r"[^a-z0-9]", "", target.lower().replace("unknown", ""))


def _fits(frame: FoundFrame, light: FoundFrame, targets: Iterable[str]) -> bool:
    """Tell whether a calibration belongs to a light.  What a header does not say stands in nobody's way."""
    alike = frame.shape == light.shape and (not (frame.binning and light.binning) or frame.binning == light.binning)
    if frame.kind in ("flat", "arc"):
        alike &= not (frame.filter and light.filter) or frame.filter == light.filter
    if frame.kind == "arc":
        named = {target for target in targets if target in _key(frame.target)}
        alike &= not named or _key(light.target) in named
    return alike


def _name(group: Sequence[FoundFrame], taken: dict[str, str]) -> str:
    stem = re.sub(r"[^\w+.-]+", "_", group[0].target)[:60].strip("_.") if group else "calibrations"
    stem = stem or "lights"
    names = (stem if number == 1 else f"{stem}_{number}" for number in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)


def _written(rows: Iterable[FoundFrame], others: Iterable[FoundFrame]) -> Iterator[str]:
    yield "# type, path, HDU  # proposed from the headers: check it"
    for frame in rows:
        yield f"{frame.kind}, {_quoted(frame.path)}, {frame.hdu}  # {frame.words}".rstrip(" #")
    for frame in others:
        yield f"# {frame.kind or '?'}, {frame.path}  # left out: {frame.words}"


def _quoted(path: str) -> str:
    plain = path == path.strip() and not re.search(r'[,#"\r\n]', path)
    return path if plain else '"' + path.replace('"', '""') + '"'
