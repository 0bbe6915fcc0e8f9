"""Edge: ``reduce_many``: the nights of many file lists, reduced here, in processes, or on the workers of Dask."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePath
from typing import Annotated, Any

import attrs
from toolz import unique

from pipeline.compose.running import at_work, one_by_one
from pipeline.compose.settings import Limits, checked_call
from pipeline.errors import OutputError, SettingError
from pipeline.fits.atomic import identity
from pipeline.records.note import Note, merged
from pipeline.survey.dask_client import check_versions
from pipeline.survey.dask_tasks import plan_on_workers, run_on_workers
from pipeline.survey.plan import NightPlan, Survey, Task, TaskResult, night_outputs, plan_night
from pipeline.survey.tasks import can_fork, processes_that_pay, run_in_processes, run_tasks

OnFinished = Callable[["Outcome", int, int], None]
"""Called with what became of a night, how many nights are finished, and how many there are."""


@attrs.frozen
class Outcome:
    """What became of the night of a ``filelist``: products written and there already, and what there is to say.

    ``notes`` are what had to be assumed, of products that were there too, ``said`` what was done to the products;
    ``errors`` are empty where all went well.

    >>> from pathlib import Path
    >>> from pipeline import Outcome
    >>> Outcome(Path("night.csv"), written=(Path("night.fits"),)).errors
    ()
    """

    filelist: Path
    written: tuple[Path, ...] = ()
    there: tuple[Path, ...] = ()
    notes: tuple[Note, ...] = ()
    said: tuple[str, ...] = ()
    errors: tuple[Exception, ...] = ()


@checked_call
def reduce_many(
    filelists: Iterable[str | Path],
    survey: Survey = Survey(),  # noqa: B008 - an immutable record
    *,
    client: Any = None,
    processes: Annotated[int, Limits(least=1)] = 1,
    on_finished: OnFinished | None = None,
    on_chosen: Callable[[str], None] | None = None,
) -> list[Outcome]:
    """Reduce the nights of many file lists; write their products.

    Each master is made once, for all nights that name the same files.  A product that is there with a record that
    it was made of the same files with the same settings is left as it is.  What goes wrong with a night is told in
    its outcome, and stops no other.

    >>> from tempfile import TemporaryDirectory
    >>> from pipeline import Survey, reduce_many
    >>> from pipeline.simulation.simulate import Counts, simulate, write_night
    >>> with TemporaryDirectory() as folder:
    ...     path = write_night(simulate(shape=(32, 48), counts=Counts(arc=0)), folder)
    ...     (night,) = reduce_many([path], Survey(output_dir=folder))
    >>> night.errors, [product.name for product in night.written]
    ((), ['night.fits'])

    :param client: a Dask client, whose workers see the same files under the same names; None: this process.
    :param processes: work in so many processes of this machine where that pays: where it cannot fork, in this one.
    :param on_finished: called with each night as it is finished.
    :param on_chosen: called with how many processes were chosen and why, in words, where several may be.
    :param filelists: paths of lists.
    :param survey: what is asked of every night: recipe, output folder and the like.
    :raises SettingError: it is no list of paths, or two products would have one name.
    :raises OutputError: a product would be written over a frame that another night reads.
    :raises WorkerError: the workers run another version.
    """
    if isinstance(filelists, str | PurePath) or not isinstance(filelists, Iterable):
        raise SettingError(f"reduce_many takes a list of the paths of file lists; found {filelists!r}")
    lists = [Path(filelist) for filelist in filelists]
    outputs = night_outputs(lists, survey.output_dir, each=survey.each)
    if client is None:
        named = one_by_one(list(zip(lists, outputs, strict=True)), "looking at night")
        plans = [plan_night(filelist, output, survey) for filelist, output in named]
    else:
        check_versions(client)
        plans = plan_on_workers(client, lists, outputs, survey)
    _check_names(plans)
    tasks = list(unique((task for plan in plans for task in plan.tasks), key=lambda task: task.key))
    if client is None and processes > 1:
        chosen, why = processes_that_pay(plans, processes) if can_fork() else (1, "in this process: it cannot fork")
        if on_chosen:
            on_chosen(why)
        if chosen > 1:
            return _outcomes(plans, run_in_processes(plans, survey, chosen), on_finished)
    with at_work("night", total=len(plans)) as tell:

        def finished(outcome: Outcome, done: int, nights: int) -> None:
            tell(done)
            if on_finished:
                on_finished(outcome, done, nights)

        results = run_tasks(tasks, survey) if client is None else run_on_workers(client, plans, survey)
        return _outcomes(plans, results, finished)


def _check_names(plans: Sequence[NightPlan]) -> None:
    """See that no product is written over another night's, or over what another night reads."""
    every = Counter(path for plan in plans for path in (*plan.there, *(t.output for t in plan.tasks if t.output)))
    clashes = [str(path) for path, count in every.items() if count > 1]
    if clashes:
        raise SettingError(f"{clashes[0]}: would be the arc of one list and the light of another; rename a list")
    made = [(task.output, task.made) for plan in plans for task in plan.tasks if task.output and task.made]
    read = {identity(Path(one.path)) for _, of in made for one in of.inputs}
    for path, _ in made:
        if identity(path) in read:
            raise OutputError(f"{path}: is read for another night; choose another folder (--output-dir)")


def _outcomes(
    plans: Sequence[NightPlan], results: Iterable[tuple[Task, TaskResult | Exception]], on_finished: OnFinished | None
) -> list[Outcome]:
    """Put results together night by night, and tell of each when its last product is there."""
    night_of = {task.key: index for index, plan in enumerate(plans) for task in plan.tasks if task.output}
    found: list[dict[str, TaskResult | Exception]] = [{} for _ in plans]
    outcomes: dict[int, Outcome] = {}

    def look(index: int) -> None:
        plan = plans[index]
        if all(task.key in found[index] for task in plan.tasks if task.output):
            outcomes[index] = _outcome(plan, found[index])
            if on_finished:
                on_finished(outcomes[index], len(outcomes), len(plans))

    for index, plan in enumerate(plans):
        if not plan.tasks:
            look(index)
    for task, result in results:
        index = night_of[task.key]
        found[index][task.key] = result
        look(index)
    return [outcomes[index] for index in range(len(plans))]


def _outcome(plan: NightPlan, found: dict[str, TaskResult | Exception]) -> Outcome:
    """Tell what became of a night, its products in the order of its tasks."""
    products = [(task.output, found[task.key]) for task in plan.tasks if task.output]
    made = [(path, result) for path, result in products if isinstance(result, TaskResult)]
    errors = [
        *([plan.error] if plan.error else []),
        *(result for _, result in products if isinstance(result, Exception)),
    ]
    return Outcome(
        filelist=plan.filelist,
        written=tuple(path for path, _ in made),
        there=plan.there,
        notes=merged([*plan.notes, *(note for _, result in made for note in result.notes)]),
        said=tuple(word for _, result in made for word in result.said),
        errors=tuple(unique(errors, key=str)),  # what is wrong with a master is wrong with light and arc
    )
