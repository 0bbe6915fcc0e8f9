"""Edge: what is to be done for many nights: a task for each master and each product, keyed by what it is made of.

What is done already is found by its record, its files by their size and time: no header is read of a night that is
done.  The tasks of a night go to one worker together, but for masters that
other nights need too: a night in one piece moves nothing, as its masters stay where its light and arc are made.  Taken
apart, a night of 9 MB of raw frames moved 3.6 to 7.2 MB of masters between two workers; and they form a chain, so that
little could be done at once.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import attrs

from pipeline.compose.running import running
from pipeline.compose.settings import checked
from pipeline.compose.telling import advise, told_together
from pipeline.errors import (
    FileListError,
    FileWarning,
    FrameError,
    OutputError,
    SettingError,
    StepError,
)
from pipeline.fits.atomic import identity
from pipeline.fits.file_access import signature_of
from pipeline.fits.frame_source import FitsSource
from pipeline.fits.read_night import opened_frames, parsed_list, problems_by_line, read_night
from pipeline.fits.write import product_name
from pipeline.night.masters import Masters
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
from pipeline.records.frames import KINDS, FrameSet, Image, Location
from pipeline.records.identity import content_key
from pipeline.records.note import Note
from pipeline.stages.bias import MasterBias
from pipeline.stages.dark import MasterDark
from pipeline.stages.flat import MasterFlat
from pipeline.version import CREATOR

CALIBRATIONS: tuple[tuple[str, tuple[str, ...]], ...] = (("bias", ()), ("dark", ("bias",)), ("flat", ("bias", "dark")))
"""The masters of a night, and those that each is made with."""

KEPT_MASTERS = ".masters"
"""Where in the folder of its products a night whose lights are reduced each keeps its masters, one of each kind."""


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
    :param each: reduce each light on its own: a list's products go to a folder, and are named after their frames.
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
    each: bool = False

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

    ``key`` is the same for tasks that do the same, in whatever night they stand; ``drawings`` are made of a product,
    and a master is kept in the file ``kept``, where there is one, for what is made later.
    """

    key: str
    kind: str
    frames: tuple[ListedFrame, ...]
    needs: tuple[str, ...] = ()
    output: Path | None = None
    made: MadeOf | None = None
    drawings: tuple[Path, ...] = ()
    kept: Path | None = None


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

    @property
    def masters(self) -> Masters:
        """The master that it gave, as those of a night."""
        return Masters(**({self.kind: self.master} if self.master else {}))  # type: ignore[arg-type]


def night_outputs(filelists: Sequence[Path], output_dir: Path | None, *, each: bool = False) -> list[Path]:
    """Name the product of each list: reduced.fits beside it, or after the list in ``output_dir``.

    With ``each`` these are folders: reduced beside the list, or named after it.
    Where lists have one name, as in 1/night.csv and 2/night.csv, their folders below the one that all lists share
    are made in ``output_dir`` too.

    :raises SettingError: two products would have one name.
    """
    if output_dir is None:
        outputs = [filelist.parent / ("reduced" if each else "reduced.fits") for filelist in filelists]
    else:
        names = [Path(filelist.name) for filelist in filelists]
        if len(set(names)) < len(names):
            whole = [filelist.resolve() for filelist in filelists]
            shared = Path(os.path.commonpath([path.parent for path in whole]))
            names = [path.relative_to(shared) for path in whole]
        outputs = [output_dir / name.with_suffix("" if each else ".fits") for name in names]
    seen: dict[Path, Path] = {}
    for filelist, output in zip(filelists, outputs, strict=True):
        if output.resolve() in seen:
            other = seen[output.resolve()]
            mend = "give them once, and names of their own" if output_dir else "give --output-dir"
            raise SettingError(f"{other} and {filelist} would both be written to {output}; {mend}")
        seen[output.resolve()] = filelist
    return outputs


def plan_night(filelist: Path, output: Path, survey: Survey) -> NightPlan:
    """Read the list of a night and what its files' headers say; see what is to be done, and what is done.

    :param output: its product; with ``each``, the folder of its products.
    """
    try:
        with collected_notes(survey) as notes:
            tasks = tasks_of_list(filelist, output, survey)
            todo = [task for task in tasks if survey.force or not done_already(task)]
            if any(task.output for task in todo):
                open_frames_of(todo, filelist, survey)
                for task in todo:
                    check_output(task, filelist, survey)
            else:
                todo = []
        left = {task.key for task in todo}
        there = tuple(task.output for task in tasks if task.output and task.key not in left)
        notes += (note for path in there for note in notes_beside(path))
    except Exception as error:  # noqa: BLE001 - told with the night; no night stops the others
        return NightPlan(filelist, error=error)
    return NightPlan(filelist, tuple(_needed(todo)), there, tuple(notes))


def _needed(tasks: Sequence[Task]) -> list[Task]:
    """Leave out the masters that no product to be made needs."""
    wanted = {need for task in tasks if task.output for need in task.needs}
    return [task for task in tasks if task.output or task.key in wanted]


def tasks_of_list(filelist: Path, output: Path, survey: Survey) -> list[Task]:
    """Give what a night takes, done or not, in an order in which it can be done; headers are not read.

    :raises FileListError: with every problem of the list, and of the files it names where one is not there.
    :raises StepError: it has no lights.
    """
    listed = parsed_list(filelist, delimiter=survey.delimiter, exposure_key=survey.exposure_key)
    known, names = _known(listed.frames), [frame.sources for frame in listed.frames]
    if listed.problems or not known or survey.plane is not None:  # a product is named after its plane of a cube
        frames = read_night(filelist, delimiter=survey.delimiter, exposure_key=survey.exposure_key, plane=survey.plane)
        known, names = _known(listed.frames), [frame.sources for frame in frames]
    named = [attrs.evolve(one, frame=attrs.evolve(one.frame, sources=name)) for one, name in zip(known, names)]  # noqa: B905
    by_kind = {kind: tuple(one for one in named if one.frame.kind == kind) for kind in KINDS}
    if not by_kind["light"]:
        raise StepError(f"{filelist}: no light frames in it; give at least one")
    return _tasks_of_night(by_kind, output, survey)


def _known(frames: FrameSet) -> list[ListedFrame]:
    """Tell what the files of frames are, without opening them; nothing where one is not there."""
    whole = lru_cache(Path.resolve)
    known = []
    for frame in frames:
        if not isinstance(frame.data, Location):
            raise StepError(f"{frame.name}: is not read from a file; a survey is made of files")
        place = Path(frame.data.path)
        try:
            signature = signature_of(place.stat())
        except (OSError, ValueError):
            return []
        path = str(whole(place.parent) / place.name)  # the name stands in headers, so that of a link is its own
        size, modified, _ = signature
        known.append(ListedFrame(frame, signature, InputFile(frame.kind, path, frame.data.hdu, size, modified)))
    return known


def open_frames_of(tasks: Sequence[Task], filelist: Path, survey: Survey) -> FrameSet:
    """Open the frames of tasks, each once.

    :raises FileListError: with every problem of the files that the list names, by line.
    """
    frames = {id(known): known.frame for task in tasks for known in task.frames}
    with told_together():
        opened, problems = opened_frames(FrameSet(frames.values()), survey.exposure_key, survey.plane)
    if problems:
        raise FileListError(str(filelist), problems_by_line(problems))
    return opened


def _tasks_of_night(known: dict[str, tuple[ListedFrame, ...]], output: Path, survey: Survey) -> list[Task]:
    """Give the tasks of a night in an order in which they can run."""
    code = code_for(survey.recipe)
    settings = content_key(CREATOR, code, survey.recipe, survey.exposure_key, survey.plane, survey.strict, named=True)
    said, name = repr((survey.recipe, survey.exposure_key, survey.plane)), survey.recipe.key
    keys: dict[str, str] = {}
    tasks = []
    for kind, uses in CALIBRATIONS:
        if known[kind]:
            needs = tuple(keys[use] for use in uses if use in keys)
            tell_noise = kind == "bias" and survey.recipe.flagging.noisy is not None
            used = (*known[kind], *(known["dark"] if tell_noise else ()))
            keys[kind] = f"{kind}-{content_key(settings, [one.input for one in used], needs)}"
            made = MadeOf(keys[kind], said, tuple(one.input for one in used), code=code, recipe=name)
            kept = output / KEPT_MASTERS / kind if survey.each else None
            tasks.append(Task(keys[kind], kind, used, needs, made=made, kept=kept))
    calibrations = tuple(one.input for kind, _ in CALIBRATIONS for one in known[kind])
    calibrated_by = content_key(calibrations)
    for kind, frames, path in _products_of_night(known, output, each=survey.each):
        inputs = tuple(one.input for one in frames)
        made = MadeOf(
            content_key(settings, inputs, calibrated_by), said, (*inputs, *calibrations), code=code, recipe=name
        )
        beside = known["light"][:1] if kind == "arc" else ()  # by which to see that they were set alike
        key = f"{kind}-{content_key(made.address, path)}"
        tasks.append(Task(key, kind, (*frames, *beside), tuple(keys.values()), path, made))
    clashes = [str(path) for path, count in Counter(task.output for task in tasks if task.output).items() if count > 1]
    if clashes:
        raise OutputError(f"{clashes[0]}: two products would have this name; choose another, or rename a frame")
    return tasks


def _products_of_night(
    known: dict[str, tuple[ListedFrame, ...]], output: Path, *, each: bool
) -> Iterator[tuple[str, tuple[ListedFrame, ...], Path]]:
    """Give kind, frames and file of each product: one of the lights, or one of each, and one of the arcs."""
    stem, dot, suffixes = output.name.partition(".")
    if each:
        yield from (("light", (one,), output / product_name(one.frame)) for one in known["light"])
    else:
        yield "light", known["light"], output
    if known["arc"]:
        yield "arc", known["arc"], output / "arc.fits" if each else output.with_name(f"{stem}_arc{dot}{suffixes}")


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
    """Tell whether a task's product is there, made of just what it should be made of, and what is drawn of it."""
    if task.output is None or not is_done(*output_of(task)):
        return False
    made = task.output.stat().st_mtime_ns
    return all(drawing.is_file() and drawing.stat().st_mtime_ns >= made for drawing in task.drawings)


def check_output(task: Task, filelist: Path, survey: Survey) -> None:
    """See that a product can be written, over none of the files to be read; say why one that is there is made again.

    :raises OutputError: it cannot.
    """
    if task.output is None:
        return
    path, made = output_of(task)
    read = {identity(filelist), *(identity(Path(one.path)) for one in made.inputs)}
    for written in (path, record_beside(path)):
        if identity(written) in read:
            raise OutputError(f"{written}: is one of the files to be read; choose another folder (--output-dir)")
    if survey.output_dir is not None or survey.each:
        _make_folder(path.parent)
    if not survey.force and is_done(path, made):  # made again for what is drawn of it, and not written
        return
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
