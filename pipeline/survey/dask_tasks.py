"""Edge: many nights on the workers of Dask: planned, then made, each night in one piece but for masters it shares.

When a worker dies, Dask holds it against all tasks that were assigned to it, and gives up those that have seen a
few die.  So work is handed over little ahead of the workers, and what was given up is tried again alone, last: then it
is known which night it was that kills its worker.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar
from uuid import uuid4

from pipeline.compose.running import running
from pipeline.errors import WorkerError
from pipeline.records.identity import content_key
from pipeline.survey.dask_client import pass_through, result_of, wait_while_workers_last, was_killed
from pipeline.survey.plan import NightPlan, OwnTasks, Survey, Task, TaskResult, plan_night, shared_and_own_tasks
from pipeline.survey.tasks import run_own_tasks, run_task

Item = TypeVar("Item")

TASKS_AHEAD = 2
"""For each thread of the workers one task that it does, and one that is ready when that is done."""


def results_on_workers(
    client: Any, items: Sequence[Item], submit: Callable[[Item, str], Any], name: Callable[[Item], str]
) -> Iterator[tuple[Item, Any]]:
    """Give what became of each item, as it is known: a result, or what went wrong, as an exception.

    :param submit: hands one over, and gives its future; its second argument begins the keys of a second trial.
    :param name: how an item is called in messages.
    :raises WorkerError: there are no workers any more; it tells of what items nothing is known.
    """
    known = set()
    try:
        for item, result in _with_retries(client, items, submit, name):
            known.add(name(item))
            yield item, result
    except WorkerError as error:
        left = [name(item) for item in items if name(item) not in known]
        done = f"{len(items) - len(left)} of {len(items)} are done, and these are not:"
        raise WorkerError("\n  ".join([f"{error}; {done}", *left])) from error


def _with_retries(
    client: Any, items: Sequence[Item], submit: Callable[[Item, str], Any], name: Callable[[Item], str]
) -> Iterator[tuple[Item, Any]]:
    """Give what became of each item, those last that killed their workers, or stood beside one that did."""
    killed = []
    for item, future in _finished(client, items, lambda item: submit(item, "")):
        if was_killed(future):
            killed.append(item)
        else:
            yield item, result_of(future, name(item))
    for item in killed:
        for _, future in _finished(client, [item], lambda item: submit(item, "again-")):
            yield item, result_of(future, name(item))


def _finished(client: Any, items: Sequence[Item], submit: Callable[[Item], Any]) -> Iterator[tuple[Item, Any]]:
    """Give items with their futures, which are finished."""
    waiting, handed_over = deque(items), dict[Any, Item]()
    finished: SimpleQueue[Any] = SimpleQueue()

    def hand_over() -> None:
        ahead = TASKS_AHEAD * max(sum(client.nthreads().values()), 1)
        while waiting and len(handed_over) < ahead:
            item = waiting.popleft()
            future = submit(item)
            handed_over[future] = item
            future.add_done_callback(finished.put)

    def next_finished(seconds: float) -> Any:
        return finished.get(timeout=seconds)

    try:
        hand_over()
        while handed_over:
            future = wait_while_workers_last(client, next_finished)
            yield handed_over.pop(future), future
            hand_over()
    finally:
        if handed_over:
            client.cancel(list(handed_over))


def plan_on_workers(client: Any, lists: Sequence[Path], outputs: Sequence[Path], survey: Survey) -> list[NightPlan]:
    """Have workers plan the nights; one that kills each worker that tries it has a plan that says so."""
    sent, token = _sent_once(client, survey), uuid4().hex
    plans: dict[Path, NightPlan] = {}

    def submit(night: tuple[Path, Path], again: str) -> Any:
        return client.submit(plan_night, *night, sent, key=f"{again}plan-{token}-{content_key(night)}")

    nights = list(zip(lists, outputs, strict=True))
    for (filelist, output), plan in results_on_workers(client, nights, submit, lambda night: str(night[0])):
        plans[output] = NightPlan(filelist, error=plan) if isinstance(plan, Exception) else plan
    return [plans[output] for output in outputs]


def run_on_workers(
    client: Any, plans: Sequence[NightPlan], survey: Survey
) -> Iterator[tuple[Task, TaskResult | Exception]]:
    """Have workers do what is planned; give what became of each product, as it is known."""
    shared, nights = shared_and_own_tasks(plans)
    masters = _SharedMasters(client, shared, nights, _sent_once(client, survey))

    def submit(night: OwnTasks, again: str) -> Any:
        return client.submit(
            _run_own_tasks_on_worker, night, masters.survey, *masters.of(night, again), key=again + night.key
        )

    for night, found in results_on_workers(client, nights, submit, _name_of):
        for task in night.tasks:
            if task.output:
                yield task, found if isinstance(found, Exception) else found[task.key]


class _SharedMasters:
    """The futures of the masters that several nights need, each kept until the last of these is handed over.

    Then the workers keep it until that night is done.
    """

    def __init__(self, client: Any, shared: dict[str, Task], nights: Sequence[OwnTasks], survey: Any) -> None:
        self.client, self.shared, self.survey = client, shared, survey
        self.left = Counter(need for night in nights for need in night.needs)
        self.futures: dict[str, Any] = {}
        for key in shared:
            self._master(key, "")

    def _master(self, key: str, again: str) -> Any:
        if again + key not in self.futures:
            needs = (self._master(need, again) for need in self.shared[key].needs)
            self.futures[again + key] = self.client.submit(
                _run_task_on_worker, self.shared[key], self.survey, *needs, key=again + key, priority=-1
            )  # nights that are ready go first: masters made far ahead would fill the memory
        return self.futures[again + key]

    def of(self, night: OwnTasks, again: str) -> list[Any]:
        """Give the masters that a night needs; made anew where it is tried again."""
        futures = [self._master(need, again) for need in night.needs]
        if not again:
            self.left.subtract(night.needs)
            for need in night.needs:
                if not self.left[need]:
                    del self.futures[need]
        return futures


def _name_of(night: OwnTasks) -> str:
    return str(next(task.output for task in night.tasks if task.output))


def _sent_once(client: Any, survey: Survey) -> Any:
    """Send what is asked for once, and not with every task."""
    return client.submit(pass_through, survey, key=f"survey-{content_key(survey)}")


def _run_task_on_worker(task: Task, survey: Survey, *needs: TaskResult) -> TaskResult:
    with running(threads=_own_threads()):
        return run_task(task, survey, *needs)


def _run_own_tasks_on_worker(night: OwnTasks, survey: Survey, *needs: TaskResult) -> dict[str, TaskResult | Exception]:
    with running(threads=_own_threads()):
        return run_own_tasks(night, survey, *needs)


def _own_threads() -> int:
    from distributed import get_worker

    return int(get_worker().state.nthreads)
