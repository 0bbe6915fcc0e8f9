"""Edge: file lists proposed for the frames in a folder, from what their headers say, for people to check."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path

import attrs
from toolz import unique

from pipeline.checks.policy import Policy
from pipeline.compose.running import one_by_one, running
from pipeline.detector.amplifiers import HDUS_PILED
from pipeline.errors import FrameError, PipelineError
from pipeline.fits.open import FRAME_NAMES, open_frame
from pipeline.headers import keywords
from pipeline.library.frame_kinds import kind_of, target_card, why_finished
from pipeline.library.match import Choice, Match, match
from pipeline.records.frames import FrameSet, Image

LIST_ORDER = ("bias", "dark", "flat", "arc", "light")
TITLE = "# type, path, HDU  # proposed from the headers: check it"


@attrs.frozen
class FoundFrame:
    """A file in a folder, and the frame in it; without an image where there is none to use, ``note`` says why."""

    path: str
    hdu: int | str = 0
    image: Image | None = None
    note: str = ""

    @property
    def kind(self) -> str:
        """What it is; empty where nothing tells."""
        return "" if self.image is None else self.image.kind

    @property
    def words(self) -> str:
        """What people check a row by."""
        words = [*(_words_of(self.image) if self.image else ()), self.note]
        return _shown(" ".join(", ".join(filter(None, words)).split()))


def _words_of(image: Image) -> list[str]:
    binned, (rows, columns) = keywords.binning(image.header), image.shape
    return [
        target_card(image.header)[1],
        "" if image.exposure is None else f"{image.exposure:g} s",
        keywords.filter_name(image.header) or "",
        f"binned {binned[0]}x{binned[1]}" if binned else "",
        f"{columns}x{rows} pixels",
    ]


def propose_filelists(
    folder: str | Path,
    *,
    beside: Path | None = None,
    policy: Policy = Policy(),  # noqa: B008 - an immutable record
) -> dict[str, str]:
    """Propose file lists for the frames in a folder and the folders in it: the text of each list, by target.

    A list is for lights of one target, exposure and setup, with the calibrations that :func:`match` chooses for them,
    and for their flats.  Comments say of each choice what was equal, what differs and how far away it is, of each
    frame that no light needs why, and of files that cannot be read or placed what is wrong.  Without lights there is
    one list, of the calibrations.

    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from astropy.io import fits
    >>> from pipeline import propose_filelists
    >>> header = fits.Header({"IMAGETYP": "light", "OBJECT": "M 31", "EXPTIME": 30})
    >>> with TemporaryDirectory() as folder:
    ...     fits.PrimaryHDU(np.ones((2, 3)), header).writeto(f"{folder}/a.fits")
    ...     print(propose_filelists(folder)["M_31"], end="")
    # type, path, HDU  # proposed from the headers: check it
    # bias: none: there is none
    # dark: none: there is none
    # flat: none: there is none
    # arc: none: there is none
    light, a.fits, 0  # M 31, 30 s, 3x2 pixels

    :param beside: the folder that the lists will lie in, to which their paths are relative; by default the same.
    :param policy: tolerances, and for how long a calibration is valid.
    :raises FrameError: there is no such folder, or no FITS file in it.
    """
    return filelists_of(frames_in_folder(Path(folder), beside or Path(folder)), policy)


def frames_in_folder(folder: Path, beside: Path, *, without: Collection[Path] = ()) -> list[FoundFrame]:
    """Read what the headers of all files in a folder and the folders in it say, in the natural order of their names.

    :param beside: the folder that lists of them will lie in, to which their paths are relative.
    :param without: folders in it that are not looked into.
    :raises FrameError: there is no such folder, or no FITS file in it.
    """
    if not folder.is_dir():
        raise FrameError(f"{folder}: is no folder; name one that holds frames")
    paths = [path for path in _files_below(folder, without) if FRAME_NAMES.fullmatch(path.name)]
    if not paths:
        raise FrameError(f"{folder}: no FITS files in it (.fits, .fit, .fts, or these with .gz, .bz2, .fz)")
    first = unique(sorted(paths, key=lambda path: (path.is_symlink(), _natural(path))), key=Path.resolve)
    whole, base = folder.resolve(), beside.resolve()  # a link keeps its own name, which may tell what it is
    inside = {path: path.relative_to(folder) for path in sorted(first, key=_natural)}
    return [
        frame_in(path, Path(os.path.relpath(whole / at, base)), at.as_posix())
        for path, at in one_by_one(inside.items(), "reading the header of file")
    ]


def _files_below(folder: Path, without: Collection[Path]) -> Iterator[Path]:
    """Give the files in a folder and the folders in it, also in those that are links, each of these once."""
    whole, entered = folder.resolve(), {path.resolve() for path in without}
    for here, folders, names in os.walk(folder, followlinks=True):
        yield from (Path(here, name) for name in names)
        to_enter = []
        for path in (Path(here, name) for name in sorted(folders)):
            real = path.resolve()
            leads_back = path.is_symlink() and (real.is_relative_to(whole) or whole.is_relative_to(real))
            if real not in entered and not leads_back:
                entered.add(real)
                to_enter.append(path.name)
        folders[:] = to_enter


def _shown(text: str) -> str:
    """Write what is no text, or would break a line, as its number."""
    return re.sub(r"[\x00-\x1f\x7f\ud800-\udfff]", lambda sign: f"\\x{ord(sign[0]) & 0xFF:02x}", text)


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sort b2 before b11."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", str(path))]


def frame_in(path: Path, shown: Path, inside: str = "") -> FoundFrame:
    """Read what the header of a file says: of its first HDU, or the second where the first holds no image.

    Of a file of amplifiers that DETSEC puts together, all of them are taken as one frame, ``*``.

    :param shown: the path as the list is to give it.
    :param inside: the path from the folder that was asked for: names in it may tell the kind.
    """
    if _shown(shown.as_posix()) != shown.as_posix():
        return FoundFrame(_shown(shown.as_posix()), note="its name is none that a list can hold; rename it")
    if not path.exists():
        lost = "is a link to a file that is not there" if path.is_symlink() else "cannot be read: there is no such file"
        return FoundFrame(shown.as_posix(), note=lost)
    problem = ""
    for hdu in (0, "*", 1):
        try:
            with running(quiet=True):  # it is said when the list is read
                image = open_frame(path, hdu)
                if hdu != "*" or image.header.get(HDUS_PILED) != 1:
                    return frame_of(image, shown.as_posix(), hdu, inside)
        except PipelineError as error:
            problem = problem or " ".join(re.sub(rf"^{re.escape(str(path))}(\[\S*\])?: ", "", str(error)).split())
    return FoundFrame(shown.as_posix(), note=problem)


def frame_of(image: Image, path: str, hdu: int | str = 0, inside: str = "") -> FoundFrame:
    """Make a row of an opened image."""
    told = kind_of(image.header, inside)
    finished = why_finished(image.header, image.state, told.kind)
    if finished or not told.kind:
        note = finished or told.by or "no type of image in its header that is known"
        return FoundFrame(path, hdu, None, ", ".join([*filter(None, _words_of(image)), note]))
    return FoundFrame(
        path,
        hdu,
        attrs.evolve(image, kind=told.kind, sources=(path,)),
        f"{told.kind} by {told.by}" if told.by else "",
    )


@attrs.frozen
class ProposedList:
    """The text of a file list, and the lights and choices that it was made of; None where it has no lights."""

    text: str
    match: Match | None = None


def filelists_of(frames: Sequence[FoundFrame], policy: Policy = Policy()) -> dict[str, str]:  # noqa: B008
    """Give the text of a file list for each group of lights, by the group's name."""
    found = match((frame.image for frame in frames if frame.image), policy)
    return {name: proposed.text for name, proposed in proposed_lists(frames, found).items()}


def proposed_lists(
    frames: Sequence[FoundFrame], matches: Sequence[Match], named: Callable[[Image], str] | None = None
) -> dict[str, ProposedList]:
    """Give a file list for each group of lights, by the group's name.

    :param matches: what :func:`match` chose among the frames.
    :param named: gives the name of a group by its first light, by default of its target; groups of one are counted.
    """
    by_name = {frame.path: frame for frame in frames if frame.image}
    unknown = [frame for frame in frames if frame.image is None]
    place = {name: number for number, name in enumerate(by_name)}
    matches = sorted((_in_order(place, one) for one in matches), key=lambda one: place[one.frames[0].name])
    lights = [one for one in matches if one.kind == "light"]
    if not lights:
        rows = sorted(by_name.values(), key=lambda frame: LIST_ORDER.index(frame.kind))
        return {"calibrations": ProposedList("\n".join([TITLE, *map(_row, rows), *map(_left_out, unknown), ""]))}
    flats = {frame.name: one for one in matches if one.kind == "flat" for frame in one.frames}
    listed = [choice for one in lights for choice in (*one.choices, *_dark_flats(one, flats))]
    used = {frame.name for choice in listed for frame in choice.frames}
    idle = {name for name, frame in by_name.items() if frame.kind != "light"} - used
    lists: dict[str, ProposedList] = {}
    for one in lights:
        rest = {image.name: why for choice in one.choices for image, why in choice.others if image.name in idle}
        lines = [TITLE, *_chosen_rows(one, flats, by_name)]
        lines += [_row(by_name[light.name]) for light in one.frames]
        lines += [_left_out(frame) for frame in unknown]
        lines += [_left_out(by_name[name], why) for name, why in rest.items()]
        lists[_counted((named or target_of)(one.frames[0]), lists)] = ProposedList("\n".join([*lines, ""]), one)
    return lists


def _in_order(place: Mapping[str, int], one: Match) -> Match:
    """Put the frames of a group, and those chosen for it, in the order in which they were found."""

    def placed(frames: FrameSet) -> FrameSet:
        return frames.sort_by(lambda frame: place[frame.name])

    choices = (attrs.evolve(choice, frames=placed(choice.frames)) for choice in one.choices)
    return attrs.evolve(one, frames=placed(one.frames), choices=tuple(choices))


def _chosen_rows(one: Match, flats: Mapping[str, Match], by_name: Mapping[str, FoundFrame]) -> Iterator[str]:
    dark_flats = _dark_flats(one, flats)
    for choice in one.choices:
        yield f"# {choice.need}: {_shown(choice.why)}"
        yield from (_row(by_name[frame.name]) for frame in choice.frames)
        listed = set(_names(choice.frames))
        for own in dark_flats if choice.need == "dark" else ():
            yield f"# dark of the flats: {_shown(own.why)}"
            yield from (_row(by_name[name]) for name in _names(own.frames) if name not in listed)
            listed.update(_names(own.frames))
    for own in _of_flats(one, flats):
        if own.need != "dark" or not dark_flats:
            names = ", ".join(_names(own.frames))
            yield f"# {own.need} of the flats, not listed: {_shown(own.why)}: {_shown(names)}"


def _of_flats(one: Match, flats: Mapping[str, Match]) -> Iterator[Choice]:
    """Give what the flats of a group need that the lights do not."""
    for match_of_flat in unique((flats[frame.name] for frame in one["flat"].frames), key=id):
        for choice in match_of_flat.choices:
            if choice.frames and _names(choice.frames) != _names(one[choice.need].frames):
                yield choice


def _names(frames: FrameSet) -> list[str]:
    return [frame.name for frame in frames]


def _dark_flats(one: Match, flats: Mapping[str, Match]) -> list[Choice]:
    """Give the darks of the flats that go into the list of the lights.

    Only where that has darks for the lights too, and no bias: then each is subtracted from its own, as it is.  With a
    bias darks of all exposures are scaled and become one.
    """
    paired = one["dark"].frames and not one["bias"].frames
    return [choice for choice in _of_flats(one, flats) if choice.need == "dark"] if paired else []


def target_of(light: Image) -> str:
    """Give the name of a light's target as names of files may have it."""
    return re.sub(r"[^\w+.-]+", "_", target_card(light.header)[1])[:60].strip("_.") or "lights"


def _counted(stem: str, taken: Collection[str]) -> str:
    names = (stem if number == 1 else f"{stem}_{number}" for number in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)


def _row(frame: FoundFrame) -> str:
    return f"{frame.kind}, {_quoted(frame.path)}, {frame.hdu}  # {frame.words}".rstrip(" #")


def _left_out(frame: FoundFrame, why: str = "") -> str:
    words = ", ".join(filter(None, (frame.words, _shown(why))))
    return f"# {frame.kind or '?'}, {frame.path}  # left out: {words}"


def _quoted(path: str) -> str:
    plain = path == path.strip() and not re.search(r'[,#"\r\n]', path)
    return path if plain else '"' + path.replace('"', '""') + '"'
