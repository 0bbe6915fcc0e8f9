"""Edge: a library of masters: a plain folder of FITS files, and an index that can be made anew from them.

A file takes its place whole or not at all, under a name that tells its kind, date and content; then it is entered in
the index.  Whoever opens the library enters what is not there and strikes out what has gone: whatever stops a writer,
and however many there are, the files say what is in it.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import sqlite3
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import attrs
import numpy as np
from astropy.io import fits
from toolz import groupby

from pipeline.checks.policy import Policy
from pipeline.compose.running import running
from pipeline.compose.telling import advise
from pipeline.errors import FileWarning, FrameError, OutputError, PipelineError
from pipeline.fits.atomic import sweep, whole_file
from pipeline.fits.file_access import reading
from pipeline.fits.open import FRAME_NAMES, open_frame
from pipeline.fits.write import write
from pipeline.library.criteria import HARD, SOFT, Taken, trimmed_shape
from pipeline.library.frame_kinds import is_a_master
from pipeline.library.scan import frame_in
from pipeline.records.frames import FrameSet, Image
from pipeline.records.identity import content_key
from pipeline.stages.bias import MasterBias
from pipeline.stages.dark import MasterDark
from pipeline.stages.flat import MasterFlat
from pipeline.version import made_by_us

AnyMaster: TypeAlias = MasterBias | MasterDark | MasterFlat

INDEX = "index.sqlite"
OF_THE_WRITING = ("DATE", "CHECKSUM", "DATASUM", "HISTORY", "COMMENT", "")
"""Cards that tell when and where a file was written, and not what is in it."""

SAMPLED_ROWS = 64
"""Of so many rows the errors and flags of a master are looked at."""

_NAME = re.compile(r"(bias|dark|flat)_(\d{4}-\d\d-\d\d|undated)_([0-9a-f]{16})(\..+)")
_PATIENCE = 60.0
"""Seconds for which a writer waits for another one's entry in the index."""


@attrs.frozen
class StoredMaster:
    """A master in a library: what it is of, when it was taken, and how good it is.

    ``file`` is its name in the folder, ``hdu`` where in it the image is, of the ``kind`` and ``shape`` that are told,
    ``setup`` the key of how it was taken (masters
    of one setup differ in date and temperature at most), ``day`` in MJD, ``exposure`` in s, ``temperature`` in °C, each
    None where no card says it.  ``frames`` counts those combined, ``error`` is the median standard deviation of its
    pixels (None where it has none) and ``flagged`` the fraction that is flagged, both of a sample of rows; ``made`` is
    when the file was written, ``words`` what people tell it by.

    >>> from pipeline import StoredMaster
    >>> StoredMaster("bias_2021-03-02_00.fits", 0, "bias", (2, 3), "a1", 59275.0, frames=7).frames
    7
    """

    file: str
    hdu: int | str
    kind: str
    shape: tuple[int, int]
    setup: str
    day: float | None = None
    exposure: float | None = None
    temperature: float | None = None
    frames: int = 1
    error: float | None = None
    flagged: float = 0.0
    made: str = ""
    words: str = ""
    key: str = ""

    @property
    def rank(self) -> tuple[int, str, str]:
        """Sort the better last: of more frames, or made later."""
        return self.frames, self.made, self.file


@attrs.frozen
class MasterLibrary:
    """The masters in a folder, from which :func:`match` may take what is not at hand.

    >>> from tempfile import TemporaryDirectory
    >>> from pipeline import MasterLibrary, make_masters, match
    >>> from pipeline.simulation.simulate import simulate
    >>> frames = simulate(shape=(32, 48)).frames
    >>> with TemporaryDirectory() as folder:
    ...     library = MasterLibrary(folder)
    ...     bias = library.add(make_masters(frames).bias)
    ...     chosen = match([*frames.light, *library.frames_for(frames.light)])[0]["bias"]
    ...     bias.frames, chosen.why.partition(";")[0]
    (7, 'a master, at the same time')

    :param folder: a folder of FITS files; it is made when the first is added.
    """

    folder: Path = attrs.field(converter=Path)

    @property
    def masters(self) -> tuple[StoredMaster, ...]:
        """All of them, by kind, setup and date."""
        with self._opened() as index:
            rows = index.execute("SELECT * FROM masters ORDER BY kind, setup, day, file").fetchall()
        return tuple(_from_row(row) for row in rows)

    def add(self, master: AnyMaster | str | Path, *, kind: str = "") -> StoredMaster:
        """Add a master, a record or a file of whoever made it, and say which ones it supersedes; what is there stays.

        :param kind: bias, dark or flat, where neither header nor name of a file tells.
        :raises FrameError: a file holds no master.
        :raises OutputError: it cannot be written.
        """
        if not isinstance(master, str | Path):
            kind = {MasterBias: "bias", MasterDark: "dark", MasterFlat: "flat"}[type(master)]
            with TemporaryDirectory() as drafts:
                path = Path(drafts) / f"{kind}.fits"
                write(master, path)
                return self._add_file(path, kind)
        return self._add_file(Path(master), kind)

    def _add_file(self, path: Path, kind: str) -> StoredMaster:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{self.folder}: cannot be made a library: {error.strerror}") from error
        told = stored_master(path, kind)
        masters = self.masters
        there = next((one for one in masters if one.key == told.key), None)
        if there and there.made <= told.made:
            return there  # the same, made again: the first one stays, in whatever order they are added
        before = superseded(masters)
        sweep(self.folder)
        with whole_file(self.folder / told.file, overwrite=True) as temporary:
            shutil.copyfile(path, temporary)
        if there and there.file != told.file:
            self.remove([there])
        by_name = {one.file: one for one in self.masters}
        for one, by in superseded(by_name.values()).items():
            if one not in before:
                words = f"superseded by {by}: of {by_name[by].frames} frames, where this is of {by_name[one].frames}"
                advise(words, FileWarning, of=one)
        return by_name[told.file]

    def frames_for(self, frames: Iterable[Image], policy: Policy = Policy()) -> FrameSet:  # noqa: B008 - immutable
        """Open the masters that may be the best for some of these frames: of each setup those nearest in time.

        Superseded ones are passed over.  What :func:`match` chooses is the same as if all were opened.
        """
        return FrameSet(
            open_frame(self.folder / one.file, one.hdu, kind=one.kind) for one in self.masters_for(frames, policy)
        )

    def masters_for(self, frames: Iterable[Image], policy: Policy = Policy()) -> tuple[StoredMaster, ...]:  # noqa: B008
        """Tell which these are."""
        wanted = [Taken.of(frame) for frame in frames]
        masters = self.masters
        passed = superseded(masters)
        shapes = {one.image.shape for one in wanted} | {trimmed_shape(one.image) for one in wanted}
        asked = {(one.day, one.temperature) for one in wanted}
        setups = groupby(
            lambda one: (one.kind, one.setup, one.shape),
            (one for one in masters if one.shape in shapes and one.file not in passed),
        )
        kept = {one.file for alike in setups.values() for one in _nearest(alike, asked, policy)}
        return tuple(one for one in masters if one.file in kept)

    def remove(self, masters: Iterable[StoredMaster]) -> None:
        """Delete files.

        :raises OutputError: one cannot be deleted.
        """
        for one in masters:
            path = self.folder / one.file
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise OutputError(f"{path}: cannot be deleted: {error.strerror}") from error

    def rebuild(self) -> None:
        """Make the index anew from the files."""
        with self._opened() as index, index:
            index.execute("BEGIN IMMEDIATE")
            index.execute("DELETE FROM files")
            self._enter(index)

    # ---- the index ----

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """Open the index, brought up to date; a damaged one is made anew, and where none can be written, in memory."""
        if not self.folder.is_dir():
            with closing(_connected(":memory:")) as empty:
                yield empty
            return
        path = self.folder / INDEX
        try:
            index = self._up_to_date(str(path))
        except sqlite3.OperationalError as error:  # read-only, or a file system without locks
            advise(f"cannot be used: {error}; the files are read instead", FileWarning, of=str(path))
            index = self._up_to_date(":memory:")
        except sqlite3.DatabaseError as error:
            advise(f"is damaged: {error}; made anew from the files", FileWarning, of=str(path))
            path.unlink(missing_ok=True)
            index = self._up_to_date(str(path))
        with closing(index):
            yield index

    def _up_to_date(self, where: str) -> sqlite3.Connection:
        index = _connected(where)
        try:
            if self._differs(index):
                with index:
                    index.execute("BEGIN IMMEDIATE")
                    self._enter(index)
        except BaseException:
            index.close()
            raise
        return index

    def _differs(self, index: sqlite3.Connection) -> bool:
        return self._files() != _known(index)

    def _files(self) -> dict[str, tuple[int, int]]:
        """Give size and time of each file, by its name."""
        found = {}
        for path in self.folder.iterdir():
            if FRAME_NAMES.fullmatch(path.name):
                with suppress(FileNotFoundError):  # deleted by another just now
                    status = path.stat()
                    found[path.name] = status.st_size, status.st_mtime_ns
        return found

    def _enter(self, index: sqlite3.Connection) -> None:
        """Strike out what is no longer as it was, and enter what is new."""
        files, known = self._files(), _known(index)
        index.executemany(
            "DELETE FROM files WHERE file = ?", [(name,) for name in known if known[name] != files.get(name)]
        )
        for name in sorted(name for name in files if known.get(name) != files[name]):
            ours = _NAME.fullmatch(name)
            index.execute("DELETE FROM masters WHERE file = ?", (name,))
            index.execute("INSERT INTO files VALUES (?, ?, ?)", (name, *files[name]))
            try:
                kind, key = (ours[1], ours[3]) if ours else ("", "")
                one = attrs.evolve(stored_master(self.folder / name, kind, key), file=name)
            except PipelineError as error:
                advise(f"is in the library, and is no master: {error}", FileWarning, of=str(self.folder / name))
            else:
                index.execute(f"INSERT INTO masters VALUES ({', '.join('?' * len(COLUMNS))})", _to_row(one))  # noqa: S608
        index.execute("DELETE FROM masters WHERE file NOT IN (SELECT file FROM files)")


COLUMNS = (*(field.name for field in attrs.fields(StoredMaster) if field.name != "shape"), "height", "width")

FORM = 1
"""The version of the index: another one is made anew."""


def _connected(where: str) -> sqlite3.Connection:
    index = sqlite3.connect(where, timeout=_PATIENCE, isolation_level=None)
    if index.execute("PRAGMA user_version").fetchone() != (FORM,):  # new, or of another version of this program
        index.execute("DROP TABLE IF EXISTS files")
        index.execute("DROP TABLE IF EXISTS masters")
        index.execute(f"PRAGMA user_version = {FORM}")
    index.execute("CREATE TABLE IF NOT EXISTS files (file TEXT PRIMARY KEY, size INTEGER, modified INTEGER)")
    index.execute(f"CREATE TABLE IF NOT EXISTS masters ({', '.join(COLUMNS)}, PRIMARY KEY (file))")
    return index


def _known(index: sqlite3.Connection) -> dict[str, tuple[int, int]]:
    return {name: (size, modified) for name, size, modified in index.execute("SELECT * FROM files")}


def _to_row(one: StoredMaster) -> tuple[object, ...]:
    told = attrs.asdict(one, recurse=False)
    return tuple((told | {"height": one.shape[0], "width": one.shape[1]})[name] for name in COLUMNS)


def _from_row(row: Sequence[object]) -> StoredMaster:
    told = dict(zip(COLUMNS, row, strict=True))
    return StoredMaster(shape=(told.pop("height"), told.pop("width")), **told)  # type: ignore[arg-type]


# ---- what is told of a master ----


def stored_master(path: Path, kind: str = "", key: str = "") -> StoredMaster:
    """Read what a file of a master tells, and give it the name that it has in a library.

    :param kind: what it is, where that is known already.
    :param key: the key of its content, where that is.
    :raises FrameError: it holds no master.
    """
    found = frame_in(path, Path(path.name), path.name)
    image = found.image
    if image is None and kind:  # its header says that it is something else, or nothing
        with running(quiet=True):
            image = open_frame(path, found.hdu, kind=kind)
    if image is None:
        raise FrameError(f"{path}: {found.note}")
    image = attrs.evolve(image, kind=kind or image.kind)
    if image.kind not in ("bias", "dark", "flat") or not is_a_master(image.header):
        raise FrameError(f"{path}: is no master of bias, dark or flat frames, but a single {image.kind}; combine some")
    taken = Taken.of(image)
    asked = (*HARD[image.kind], *SOFT[image.kind])
    settings = [(words, repr(taken.settings[words])) for words in asked if words in taken.settings]
    done = sorted(image.state.done), image.state.unit
    seconds = image.exposure if image.kind == "dark" else None
    count = image.header.get("NCOMBINE", image.header.get("STACKCNT", 1))
    error, flagged = _quality(image)
    date = "undated" if taken.day is None else (datetime(1858, 11, 17) + timedelta(taken.day)).strftime("%Y-%m-%d")
    suffix = FRAME_NAMES.fullmatch(path.name)
    key = key or file_key(path, image.kind)
    return StoredMaster(
        f"{image.kind}_{date}_{key}{suffix[1].lower() if suffix else '.fits'}",
        found.hdu,
        image.kind,
        image.shape,
        content_key(settings, seconds, done, made_by_us(image.header.get("CREATOR")))[:16],
        taken.day,
        image.exposure,
        taken.temperature,
        int(count) if isinstance(count, int | float) else 1,
        error,
        flagged,
        str(image.header.get("DATE", "")),
        found.words,
        key,
    )


def _quality(image: Image) -> tuple[float | None, float]:
    """Give the median error and the fraction of flagged pixels, of a sample of rows."""
    height = image.shape[0]
    starts = range(0, height, max(1, height // SAMPLED_ROWS))
    parts = [image.source.rows(row, row + 1) for row in starts]
    totals = [(part.total_variance, ~part.mask) for part in parts]
    flagged = float(np.mean([part.mask.mean() for part in parts]))
    errors = [np.sqrt(variance[good]) for variance, good in totals if variance is not None]
    known = np.concatenate(errors) if errors else np.empty(0)
    return (float(np.median(known)) if known.size else None), flagged


def file_key(path: Path, kind: str) -> str:
    """Give the key of what a file holds, whenever it was written: all its pixels, and cards."""
    said = hashlib.sha256(kind.encode())
    with (
        reading(str(path), 0),
        path.open("rb") as stream,
        fits.open(stream, memmap=False, do_not_scale_image_data=True) as hdus,
    ):
        for hdu in hdus:
            cards = [str(card) for card in hdu.header.cards if card.keyword not in OF_THE_WRITING]
            said.update("\n".join(cards).encode())
            if hdu.data is not None:
                said.update(hdu.data.tobytes())
    return said.hexdigest()[:16]


# ---- which of them count ----


def superseded(masters: Iterable[StoredMaster], policy: Policy = Policy()) -> dict[str, str]:  # noqa: B008 - immutable
    """Give for each master of which a better one of the same night and setup is there the name of that."""
    found: dict[str, str] = {}
    for alike in groupby(lambda one: (one.kind, one.setup, one.shape), masters).values():
        nights: list[list[StoredMaster]] = []
        for one in sorted((one for one in alike if one.day is not None), key=lambda one: (one.day, one.file)):
            if nights and one.day - nights[-1][-1].day <= policy.same_night:
                nights[-1].append(one)
            else:
                nights.append([one])
        for night in nights:
            for one in night:
                better = [other for other in night if other.rank > one.rank and _as_warm(one, other, policy)]
                if better:
                    found[one.file] = max(better, key=lambda other: other.rank).file
    return found


def _as_warm(one: StoredMaster, other: StoredMaster, policy: Policy) -> bool:
    if one.kind == "flat" or one.temperature is None or other.temperature is None:
        return one.kind == "flat" or one.temperature is other.temperature
    return abs(one.temperature - other.temperature) <= policy.dark_temperature


def expired(masters: Iterable[StoredMaster], today: float, policy: Policy = Policy()) -> dict[str, float]:  # noqa: B008
    """Give for each master that is valid no more on a day, in MJD, how many days old it is."""
    ages = {one.file: (today - one.day, policy.days(one.kind)) for one in masters if one.day is not None}
    return {file: age for file, (age, valid) in ages.items() if age > valid}


def _nearest(
    alike: Sequence[StoredMaster], asked: Iterable[tuple[float | None, float | None]], policy: Policy
) -> Iterator[StoredMaster]:
    """Give of masters of one setup those nearest in time, before and after, and farther ones of a nearer temperature.

    Of two, the one that is nearer in both ranks before the other whatever else is asked of them.
    """
    dated = sorted((one for one in alike if one.day is not None), key=lambda one: (one.day, one.file))
    days = [one.day for one in dated if one.day is not None]
    yield from (one for one in alike if one.day is None)
    for day, temperature in asked:
        if day is None:
            yield from dated
            continue
        at = bisect_left(days, day)
        yield from _ever_nearer(dated[at:], temperature, policy)
        yield from _ever_nearer(dated[at - 1 :: -1] if at else (), temperature, policy)


def _ever_nearer(masters: Sequence[StoredMaster], temperature: float | None, policy: Policy) -> Iterator[StoredMaster]:
    """Give the first, and of those that follow each that is nearer in temperature than all before."""
    least = float("inf")
    for one in masters:
        apart = 0.0 if temperature is None or one.temperature is None else abs(one.temperature - temperature)
        apart = 0.0 if apart <= policy.dark_temperature or one.kind == "flat" else apart
        if apart < least:
            least = apart
            yield one
        if not least:
            return
