"""Edge: what is to be done for many nights: a task for each master and each product, keyed by what it is made of.

What is done already is found by its record.  The tasks of a night go to one worker together, but for masters that
other nights need too: a night in one piece moves nothing, as its masters stay where its light and arc are made.  Taken
apart, a night of 9 MB of raw frames moved 3.6 to 7.2 MB of masters between two workers; and they form a chain, so that
little could be done at once.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import attrs

from pipeline.compose.running import running
from pipeline.compose.settings import checked
from pipeline.compose.telling import advise
from pipeline.errors import (
    FileWarning,
    FrameError,
    OutputError,
    SettingError,
    StepError,
)
from pipeline.fits.atomic import identity
from pipeline.fits.frame_source import FitsSource
from pipeline.fits.read_night import read_night
from pipeline.night.recipe import Recipe
from pipeline.provenance.up_to_date import (
    NOT_AS_WRITTEN,
    InputFile,
    MadeOf,
    check_replaceable,
    code_for,
    is_done,
    made_otherwise,
    notes_beside,
    record_beside,
)
from pipeline.records.frames import FrameSet, Image, Location
from pipeline.records.identity import content_key
from pipeline.records.note import Note
from pipeline.stages.bias import MasterBias
from pipeline.stages.dark import MasterDark
from pipeline.stages.flat import MasterFlat
from pipeline.version import CREATOR

CALIBRATIONS: tuple[tuple[str, tuple[str, ...]], ...] = (("bias", ()), ("dark", ("bias",)), ("flat", ("bias", "dark")))
"""The masters of a night, and those that each is made with."""


def _as_output_dir(given: str | os.PathLike[str] | None) -> Path | None:
    return _as_folder("output_dir", given)


def _as_library(given: str | os.PathLike[str] | None) -> Path | None:
    return _as_folder("library", given)


def _as_folder(name: str, given: str | os.PathLike[str] | None) -> Path | None:
    if not isinstance(given, str | os.PathLike | None):
        raise SettingError(f"Survey: {name}={given!r}; expected the path of a folder or None")
    return None if given is None else Path(given)


@checked
@attrs.frozen
class Survey:
    """What is asked of every night.

    >>> from pipeline import Recipe, Survey
    >>> Survey(recipe=Recipe(method="median"), output_dir="products").recipe.method
    'median'

    :param output_dir: where products go, named after their lists; by default reduced.fits beside each list.
    :param delimiter: what stands between the cells of a list.
    :param exposure_key: the keyword of the exposure in seconds, looked for first.
    :param plane: which image of each cube, from 0.
    :param strict: refuse what would have to be assumed.
    :param overwrite: write over products that are there and were made otherwise, or by something else.
    :param force: make everything again, what is done too.
    :param library: a folder that keeps the masters made, for later nights; by default they are not kept.
    :param recipe: how each is reduced.
    :raises SettingError: a setting is of another type.
    """

    recipe: Recipe = Recipe()  # noqa: RUF009 - frozen
    output_dir: Path | None = attrs.field(default=None, converter=_as_output_dir)
    delimiter: str = ","
    exposure_key: str | None = None
    plane: int | None = None
    strict: bool = False
    overwrite: bool = False
    force: bool = False
    library: Path | None = attrs.field(default=None, converter=_as_library)

    __dask_tokenize__ = content_key


@attrs.frozen
class ListedFrame:
    """A frame of a list, to be opened, and its file's size, modification time and inode when the list was read."""

    frame: Image
    signature: tuple[int, int, int]
    input: InputFile


@attrs.frozen
class Task:
    """A master or a product to be made: of which frames, and with the results of which other tasks.

    ``key`` is the same for tasks that do the same, in whatever night they stand.
    """

    key: str
    kind: str
    frames: tuple[ListedFrame, ...]
    needs: tuple[str, ...] = ()
    output: Path | None = None
    made: MadeOf | None = None


@attrs.frozen
class NightPlan:
    """What is to be done for a night: ``tasks`` in an order in which they can run; or what is wrong with it."""

    filelist: Path
    tasks: tuple[Task, ...] = ()
    there: tuple[Path, ...] = ()
    notes: tuple[Note, ...] = ()
    error: Exception | None = None


@attrs.frozen
class TaskResult:
    """What a task gave: a master for other tasks, or words about the product that it wrote; and its warnings."""

    kind: str
    master: MasterBias | MasterDark | tuple[MasterDark, ...] | MasterFlat | None = None
    notes: tuple[Note, ...] = ()
    said: tuple[str, ...] = ()


def night_outputs(filelists: Sequence[Path], output_dir: Path | None) -> list[Path]:
    """Name the product of each list: reduced.fits beside it, or after the list in ``output_dir``.

    Where lists have one name, as in 1/night.csv and 2/night.csv, their folders below the one that all lists share
    are made in ``output_dir`` too.

    :raises SettingError: two products would have one name.
    """
    if output_dir is None:
        outputs = [filelist.parent / "reduced.fits" for filelist in filelists]
    else:
        names = [Path(filelist.name) for filelist in filelists]
        if len(set(names)) < len(names):
            whole = [filelist.resolve() for filelist in filelists]
            shared = Path(os.path.commonpath([path.parent for path in whole]))
            names = [path.relative_to(shared) for path in whole]
        outputs = [output_dir / name.with_suffix(".fits") for name in names]
    seen: dict[Path, Path] = {}
    for filelist, output in zip(filelists, outputs, strict=True):
        if output.resolve() in seen:
            other = seen[output.resolve()]
            mend = "give them once, and names of their own" if output_dir else "give --output-dir"
            raise SettingError(f"{other} and {filelist} would both be written to {output}; {mend}")
        seen[output.resolve()] = filelist
    return outputs


def plan_night(filelist: Path, output: Path, survey: Survey) -> NightPlan:
    """Read the list of a night and what its files' headers say; see what is to be done, and what is done."""
    try:
        with collected_notes(survey) as notes:
            frames = read_night(
                filelist, delimiter=survey.delimiter, exposure_key=survey.exposure_key, plane=survey.plane
            )
            if not frames.light.frames:
                raise StepError(f"{filelist}: no light frames in it; give at least one")
            known = {kind: _closed(frames.of_kind(kind)) for kind in ("bias", "dark", "flat", "light", "arc")}
            tasks = _tasks_of_night(known, output, survey)
            todo = [task for task in tasks if survey.force or not done_already(task)]
            for task in todo:
                _check_output(task, filelist, survey)
        there = tuple(task.output for task in tasks if task.output and task not in todo)
        notes += (note for path in there for note in notes_beside(path))
    except Exception as error:  # noqa: BLE001 - told with the night; no night stops the others
        return NightPlan(filelist, error=error)
    wanted = todo if any(task.output for task in todo) else []
    return NightPlan(filelist, tuple(wanted), there, tuple(notes))


def _tasks_of_night(known: dict[str, tuple[ListedFrame, ...]], output: Path, survey: Survey) -> list[Task]:
    """Give the tasks of a night in an order in which they can run."""
    code = code_for(survey.recipe)
    settings = content_key(CREATOR, code, survey.recipe, survey.exposure_key, survey.plane, survey.strict, named=True)
    keys: dict[str, str] = {}
    tasks = []
    for kind, uses in CALIBRATIONS:
        if known[kind]:
            needs = tuple(keys[use] for use in uses if use in keys)
            tell_noise = kind == "bias" and survey.recipe.flagging.noisy is not None
            used = (*known[kind], *(known["dark"] if tell_noise else ()))
            keys[kind] = f"{kind}-{content_key(settings, [one.input for one in used], needs)}"
            tasks.append(Task(keys[kind], kind, used, needs))
    calibrations = tuple(one.input for kind, _ in CALIBRATIONS for one in known[kind])
    stem, dot, suffixes = output.name.partition(".")
    for kind, path in (("light", output), ("arc", output.with_name(f"{stem}_arc{dot}{suffixes}"))):
        if known[kind]:
            inputs = (*(one.input for one in known[kind]), *calibrations)
            made = MadeOf(
                content_key(settings, inputs),
                repr((survey.recipe, survey.exposure_key, survey.plane)),
                inputs,
                code=code,
                recipe=survey.recipe.key,
            )
            key = f"{kind}-{content_key(made.address, path)}"
            beside = known["light"][:1] if kind == "arc" else ()  # by which to see that they were set alike
            tasks.append(Task(key, kind, (*known[kind], *beside), tuple(keys.values()), path, made))
    return tasks


def _closed(frames: FrameSet) -> tuple[ListedFrame, ...]:
    """Close frames again, and remember their files: headers of all nights at once would fill the memory."""
    known = []
    for frame in frames:
        origin = source_of(frame).origin
        place = Path(origin.path)
        path = str(place.parent.resolve() / place.name)  # the name stands in headers, so that of a link is its own
        size, modified, _ = origin.signature
        closed = Image(frame.kind, Location(origin.path, origin.hdu), sources=frame.sources)
        known.append(ListedFrame(closed, origin.signature, InputFile(frame.kind, path, origin.hdu, size, modified)))
    return tuple(known)


def source_of(frame: Image) -> FitsSource:
    """Give the file behind a frame that is open."""
    if not isinstance(frame.data, FitsSource):
        raise FrameError(f"{frame.name}: is not read from a FITS file; a survey is made of files")
    return frame.data


def output_of(task: Task) -> tuple[Path, MadeOf]:
    """Give the path of a task's product, and what it is made of."""
    if task.output is None or task.made is None:
        raise StepError(f"{task.key}: makes no product")
    return task.output, task.made


def done_already(task: Task) -> bool:
    """Tell whether a task's product is there, made of just what it should be made of."""
    return task.output is not None and is_done(*output_of(task))


def _check_output(task: Task, filelist: Path, survey: Survey) -> None:
    """See that a product can be written, over none of the files to be read; say why one that is there is made again."""
    if task.output is None:
        return
    path, made = output_of(task)
    read = {identity(filelist), *(identity(Path(one.path)) for one in made.inputs)}
    for written in (path, record_beside(path)):
        if identity(written) in read:
            raise OutputError(f"{written}: is one of the files to be read; choose another folder (--output-dir)")
    if survey.output_dir is not None:
        _make_folder(path.parent)
    check_replaceable(path, made, replace=survey.force or survey.overwrite)
    why = made_otherwise(path, made) or ("" if survey.force else NOT_AS_WRITTEN)  # by force, what is done is made too
    if path.is_file() and why:
        advise(f"is there already, {why}; made again", FileWarning, of=str(path))


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made a folder for the products: {error.strerror}") from error


@contextmanager
def collected_notes(survey: Survey) -> Iterator[list[Note]]:
    """Collect the notes of what runs in this block; under ``strict`` an assumption is an error."""
    notes: list[Note] = []
    with running(strict=survey.strict, on_note=notes.append):
        yield notes


@attrs.frozen
class OwnTasks:
    """The tasks of a night that are its own, in an order in which they can run.

    :param needs: the keys of masters that are made for several nights, each in a task of its own.
    """

    key: str
    tasks: tuple[Task, ...]
    needs: tuple[str, ...] = ()


def shared_and_own_tasks(plans: Sequence[NightPlan]) -> tuple[dict[str, Task], list[OwnTasks]]:
    """Give the masters that several nights need, by their keys in an order in which they can be made; and the rest.

    What a shared master is made with is shared as well: its key says with which masters it is made.
    """
    wanted = Counter(task.key for plan in plans for task in plan.tasks)
    shared = {task.key: task for plan in plans for task in plan.tasks if wanted[task.key] > 1}
    nights = []
    for plan in plans:
        own = tuple(task for task in plan.tasks if task.key not in shared)
        needs = tuple(task.key for task in plan.tasks if task.key in shared)
        if own:
            nights.append(OwnTasks(f"night-{content_key([task.key for task in own])}", own, needs))
    return shared, nights
