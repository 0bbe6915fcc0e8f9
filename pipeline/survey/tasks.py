"""Edge: doing the tasks of a survey, masters and products, here or on a worker."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from traceback import format_exception
from typing import Literal, TypeAlias

from pipeline.compose.telling import advise
from pipeline.errors import FileWarning, FrameError, OutputError, PipelineError
from pipeline.fits.atomic import together
from pipeline.fits.read_night import open_frames
from pipeline.library.frame_kinds import is_a_master
from pipeline.library.master_library import MasterLibrary
from pipeline.night.masters import Masters, master_bias, master_dark, master_flat
from pipeline.night.recipe import Recipe
from pipeline.night.reduce import reduce
from pipeline.night.summary import combined_words, flag_words, step_words
from pipeline.provenance.up_to_date import is_done, write_with_record
from pipeline.records.frames import FrameSet
from pipeline.records.note import merged
from pipeline.stages.bias import MasterBias
from pipeline.stages.dark import MasterDark
from pipeline.stages.flat import MasterFlat
from pipeline.stages.header import ReducedImage
from pipeline.survey.plan import OwnTasks, Survey, Task, TaskResult, collected_notes, done_already, output_of, source_of

OnProduct: TypeAlias = Callable[[ReducedImage, Task, FrameSet, Masters], None]
"""Called with a product that was made, its task, the frames of that, and its masters, before it takes its place."""


def run_task(task: Task, survey: Survey, *needs: TaskResult, on_product: OnProduct | None = None) -> TaskResult:
    """Make a master, or make and write a product; ``needs`` are what the tasks that this one needs gave."""
    masters = Masters(**{need.kind: need.master for need in needs})  # type: ignore[arg-type]
    said: tuple[str, ...] = ()
    master = None
    with collected_notes(survey) as notes:
        if task.output is None:
            frames = _opened(task, survey)
            master = _master(task.kind, frames, masters, survey.recipe)
            if survey.library and master and not any(is_a_master(frame.header) for frame in frames):
                for one in master if isinstance(master, tuple) else (master,):
                    _kept(survey.library, one)
        elif on_product or survey.force or not done_already(task):  # a worker may have died before it said so
            said = _product(task, masters, survey, on_product)
    earlier = (note for need in needs for note in need.notes)
    return TaskResult(task.kind, master, merged([*earlier, *notes]), said)


def run_own_tasks(own: OwnTasks, survey: Survey, *needs: TaskResult) -> dict[str, TaskResult | Exception]:
    """Do the tasks that are a night's own; give what became of each product, by its key.

    :param needs: the masters that it shares with other nights, in the order in which it names them.
    """
    found = dict[str, TaskResult | Exception]()
    for task, result in run_tasks(own.tasks, survey, dict(zip(own.needs, needs, strict=True))):
        if isinstance(result, Exception) and not isinstance(result, PipelineError):
            result.add_note("".join(format_exception(result)))  # on its way to another process it loses its traceback
        found[task.key] = result
    return found


def run_tasks(
    tasks: Sequence[Task],
    survey: Survey,
    made: Mapping[str, TaskResult] | None = None,
    on_product: OnProduct | None = None,
    on_master: Callable[[TaskResult], None] | None = None,
) -> Iterator[tuple[Task, TaskResult | Exception]]:
    """Do tasks in their order; give what became of each product.  A master is kept until no task needs it.

    :param made: the results of tasks that are needed and not among these.
    :param on_product: called with each product; it is made then even where it is there, and is left as it is.
    :param on_master: called with what gave a master.
    """
    left = Counter(need for task in tasks for need in task.needs)
    kept: dict[str, TaskResult | Exception] = dict(made or {})
    for task in tasks:
        result = _tried(task, survey, [kept[need] for need in task.needs], on_product)
        if task.output is None:
            kept[task.key] = result
            if on_master and isinstance(result, TaskResult):
                on_master(result)
        for need in task.needs:
            left[need] -= 1
            if not left[need]:
                del kept[need]
        if task.output is not None:
            yield task, result


def _tried(
    task: Task, survey: Survey, needs: Sequence[TaskResult | Exception], on_product: OnProduct | None
) -> TaskResult | Exception:
    """Do a task; give what went wrong with it, or with what it needs, instead of raising it."""
    ready = []
    for need in needs:
        if isinstance(need, Exception):
            return need
        ready.append(need)
    try:
        return run_task(task, survey, *ready, **({"on_product": on_product} if on_product else {}))
    except Exception as error:  # noqa: BLE001 - told with the night; no night stops the others
        return error


def _opened(task: Task, survey: Survey) -> FrameSet:
    """Open the frames of a task, which may have waited for long.

    :raises FrameError: a file is not what it was when its list was read.
    """
    closed = FrameSet(known.frame for known in task.frames)
    frames = open_frames(closed, exposure_key=survey.exposure_key, plane=survey.plane)
    for known, frame in zip(task.frames, frames, strict=True):
        if source_of(frame).origin.signature != known.signature:
            raise FrameError(f"{frame.name}: changed since its list was read; start again")
    return frames


def _master(
    kind: str, frames: FrameSet, masters: Masters, recipe: Recipe
) -> MasterBias | MasterDark | tuple[MasterDark, ...] | MasterFlat | None:
    if kind == "bias":
        return master_bias(frames, recipe)
    if kind == "dark":
        return master_dark(frames, masters.bias, recipe)
    return master_flat(frames, masters.bias, masters.dark, recipe)


def _kept(folder: Path, master: MasterBias | MasterDark | MasterFlat) -> None:
    """Keep a master for later nights; where that cannot be, it is said, and costs no product."""
    try:
        MasterLibrary(folder).add(master)
    except OutputError as error:
        advise(f"is not kept in the library: {error}", FileWarning, of=master.image)


def _product(task: Task, masters: Masters, survey: Survey, on_product: OnProduct | None) -> tuple[str, ...]:
    """Make and write a product; say what was done."""
    kind: Literal["light", "arc"] = "light" if task.kind == "light" else "arc"
    frames = _opened(task, survey)
    image = reduce(frames, recipe=survey.recipe, kind=kind, masters=masters)
    path, made = output_of(task)
    there = not survey.force and is_done(path, made)
    with together():
        if not there:
            write_with_record(image, path, made, replace=survey.force or survey.overwrite)
        if on_product:
            on_product(image, task, frames, masters)
    height, width = image.pixels.shape
    if there:
        return ()
    return (
        f"{kind}: {combined_words(image.found)}; {step_words(image)}",
        f"wrote {path}: {height} rows × {width} columns{flag_words(image)}",
    )
