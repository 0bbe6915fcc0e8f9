"""Edge: doing the tasks of a survey, masters and products: here, on a worker, or in several processes here.

Processes that are forked have all that is imported, and all masters that nights share, without a copy: starting one
takes hundredths of a second, where a cluster of Dask on this machine takes seconds.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from pathlib import Path
from time import perf_counter
from traceback import format_exception
from typing import Any, Literal, TypeAlias

from pipeline.compose.running import one_by_one, running
from pipeline.compose.telling import advise
from pipeline.errors import FileWarning, FrameError, OutputError, PipelineError, WorkerError
from pipeline.fits.atomic import together
from pipeline.fits.read_night import open_frames
from pipeline.library.frame_kinds import is_a_master
from pipeline.library.master_library import MasterLibrary
from pipeline.night.masters import Masters, master_bias, master_dark, master_flat
from pipeline.night.recipe import Recipe
from pipeline.night.reduce import reduce
from pipeline.night.summary import combined_words, flag_words, step_words
from pipeline.provenance.kept_masters import keep, kept
from pipeline.provenance.up_to_date import is_done, write_with_record
from pipeline.records.frames import FrameSet
from pipeline.records.note import merged
from pipeline.stages.bias import MasterBias
from pipeline.stages.dark import MasterDark
from pipeline.stages.flat import MasterFlat
from pipeline.stages.header import ReducedImage
from pipeline.survey.plan import (
    NightPlan,
    OwnTasks,
    Survey,
    Task,
    TaskResult,
    collected_notes,
    done_already,
    output_of,
    shared_and_own_tasks,
    source_of,
)

OnProduct: TypeAlias = Callable[[ReducedImage, Task, FrameSet, Masters], None]
"""Called with a product that was made, its task, the frames of that, and its masters, before it takes its place."""


def run_task(task: Task, survey: Survey, *needs: TaskResult, on_product: OnProduct | None = None) -> TaskResult:
    """Make a master, or make and write a product; ``needs`` are what the tasks that this one needs gave."""
    again = task.made and task.kept and not (survey.force or survey.library) and kept(task.kept, task.made.address)
    if again:
        return TaskResult(task.kind, again[0], again[1], ("kept from an earlier run",))
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
    told = merged([*earlier, *notes])
    if task.made and task.kept and master:
        keep((master, told), task.kept, task.made.address)
    return TaskResult(task.kind, master, told, said)


def run_own_tasks(own: OwnTasks, survey: Survey, *needs: TaskResult | Exception) -> dict[str, TaskResult | Exception]:
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
    made: Mapping[str, TaskResult | Exception] | None = None,
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


# ---- several processes of this machine ----

BYTES_PER_SECOND = 5e7
"""Of raw frames, what one process reduces about; a product takes a tenth of a second besides."""


def can_fork() -> bool:
    """Tell whether this process can be forked: on Linux, where it runs no threads, whose locks would stay locked."""
    return sys.platform == "linux" and threading.active_count() == 1


def processes_that_pay(plans: Sequence[NightPlan], processes: int) -> tuple[int, str]:
    """Choose how many processes work, of so many at most: not more than nights, and none where starting costs more.

    Starting is measured, by starting one that does nothing; the work is estimated from the sizes of the frames.

    :return: how many, 1 for this one alone, and why, in words.
    """
    nights = [plan for plan in plans if plan.tasks]
    read = {one.input.path: one.input.size for plan in nights for task in plan.tasks for one in task.frames}
    products = sum(task.output is not None for plan in nights for task in plan.tasks)
    seconds = sum(read.values()) / BYTES_PER_SECOND + products / 10
    useful = min(processes, len(nights))
    if useful < 2:
        return 1, f"in this process: {'one night is' if nights else 'nothing is'} left to do"
    began = perf_counter()
    with suppress(OSError):
        nothing = multiprocessing.get_context("fork").Process(target=int)
        nothing.start()
        nothing.join()
    start = (perf_counter() - began) * useful
    work = f"{len(nights)} nights of about {seconds:.1f} s"
    if seconds * (1 - 1 / useful) < start:
        return 1, f"in this process: {work} in all, and starting {useful} takes {start:.2f} s"
    return useful, f"in {useful} processes: {work} in all, and starting them takes {start:.2f} s"


def run_in_processes(
    plans: Sequence[NightPlan], survey: Survey, processes: int
) -> Iterator[tuple[Task, TaskResult | Exception]]:
    """Do what is planned in processes of this machine; give what became of each product, as it is known.

    Masters that several nights share are made first, here.  A night whose process dies is tried again alone.
    """
    shared, nights = shared_and_own_tasks(plans)
    made: dict[str, TaskResult | Exception] = {}
    for key, task in shared.items():
        made[key] = _tried(task, survey, [made[need] for need in task.needs], None)
    left = dict[str, OwnTasks]()
    for night, found in _in_pool(nights, survey, made, processes):
        if isinstance(found, BrokenProcessPool):
            left[night.key] = night
        else:
            yield from _of_products(night, found)
    for night in left.values():
        for _, found in _in_pool([night], survey, made, 1):
            yield from _of_products(night, _died(night) if isinstance(found, BrokenProcessPool) else found)


def _died(night: OwnTasks) -> WorkerError:
    product = next(task.output for task in night.tasks if task.output)
    return WorkerError(f"{product}: the process that made it died, twice; is there memory enough?")


def _of_products(
    night: OwnTasks, found: dict[str, TaskResult | Exception] | Exception
) -> Iterator[tuple[Task, TaskResult | Exception]]:
    for task in night.tasks:
        if task.output:
            yield task, found if isinstance(found, Exception) else found[task.key]


_inherited: tuple[Survey, Mapping[str, TaskResult | Exception]] | None = None
"""What forked processes have of the one that started them."""


def _in_pool(
    nights: Sequence[OwnTasks], survey: Survey, made: Mapping[str, TaskResult | Exception], processes: int
) -> Iterator[tuple[OwnTasks, Any]]:
    """Give what became of nights in processes that are forked now: results, or what went wrong."""
    global _inherited  # noqa: PLW0603 - forked, not sent: masters are large
    _inherited = survey, made
    with _forked(processes) as pool:
        futures: dict[Future[Any], OwnTasks] = {pool.submit(_run_here, night): night for night in nights}
        for future in one_by_one(as_completed(futures), "night", len(nights)):  # told from now on: all are forked
            error = future.exception()
            if error is not None and not isinstance(error, Exception):
                raise error  # Ctrl-C, which every process of a terminal hears
            yield futures.pop(future), future.result() if error is None else error
    _inherited = None


@contextmanager
def _forked(processes: int) -> Iterator[ProcessPoolExecutor]:
    """Give a pool of processes that end with this block, by Ctrl-C where it is left in the midst of work."""
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("fork"), initializer=_hear_nothing)
    try:
        yield pool
    except BaseException:
        for process in set(multiprocessing.active_children()) - before:
            with suppress(ProcessLookupError):
                os.kill(process.pid or 0, signal.SIGINT)
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _hear_nothing() -> None:
    """Leave Ctrl-C to the process that forked this one, while there is nothing to do."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _run_here(night: OwnTasks) -> dict[str, TaskResult | Exception]:
    """Do the tasks of a night in a forked process; Ctrl-C is heard once, so that nothing half-written is left."""

    def stop(*_: Any) -> None:
        _hear_nothing()
        raise KeyboardInterrupt

    if _inherited is None:
        raise WorkerError("this process was not forked with what it needs")
    survey, made = _inherited
    signal.signal(signal.SIGINT, stop)
    try:
        with running(threads=1, progress=None, doing=None):  # the process that forked this one tells of nights
            return run_own_tasks(night, survey, *(made[need] for need in night.needs))
    finally:
        _hear_nothing()
