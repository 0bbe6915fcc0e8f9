"""Edge: many nights on the workers of Dask: planned, then made, each night a task but for masters that several need.

Edge: handing work to the workers of Dask, little ahead of them, so that few pay for one that kills its worker.

When a worker dies, Dask holds it against all tasks that were assigned to it, and gives up those that have seen a
few die.  So only a few tasks are assigned at a time, and those given up are tried again alone, last: then it is known
which it was.
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
from pipeline.provenance.up_to_date import key_of
from pipeline.survey.dask_client import itself, patiently, result_of, was_killed
from pipeline.survey.plan import Bundle, Plan, Result, Survey, Task, bundled, plan_night
from pipeline.survey.tasks import run, run_bundle

T = TypeVar("T")


AHEAD = 2
"""For each thread of the workers one task that it does, and one that is ready when that is done."""


def done_there(
    client: Any, items: Sequence[T], submit: Callable[[T, str], Any], name: Callable[[T], str]
) -> Iterator[tuple[T, Any]]:
    """Give what became of each item, as it is known: a result, or what went wrong, as an exception.

    :param submit: hands one over, and gives its future; its second argument begins the keys of a second trial.
    :param name: how an item is called in messages.
    :raises WorkerError: there are no workers any more; it tells of what items nothing is known.
    """
    known = set()
    try:
        for item, result in _known(client, items, submit, name):
            known.add(name(item))
            yield item, result
    except WorkerError as error:
        left = [name(item) for item in items if name(item) not in known]
        done = f"{len(items) - len(left)} of {len(items)} are done, and these are not:"
        raise WorkerError("\n  ".join([f"{error}; {done}", *left])) from error


def _known(
    client: Any, items: Sequence[T], submit: Callable[[T, str], Any], name: Callable[[T], str]
) -> Iterator[tuple[T, Any]]:
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


def _finished(client: Any, items: Sequence[T], submit: Callable[[T], Any]) -> Iterator[tuple[T, Any]]:
    """Give items with their futures, which are finished."""
    waiting, there = deque(items), dict[Any, T]()
    finished: SimpleQueue[Any] = SimpleQueue()

    def hand_over() -> None:
        ahead = AHEAD * max(sum(client.nthreads().values()), 1)
        while waiting and len(there) < ahead:
            item = waiting.popleft()
            future = submit(item)
            there[future] = item
            future.add_done_callback(finished.put)

    def next_finished(seconds: float) -> Any:
        return finished.get(timeout=seconds)

    try:
        hand_over()
        while there:
            future = patiently(client, next_finished)
            yield there.pop(future), future
            hand_over()
    finally:
        if there:
            client.cancel(list(there))


def planned_there(client: Any, lists: Sequence[Path], outputs: Sequence[Path], survey: Survey) -> list[Plan]:
    """Have workers plan the nights; one that kills each worker that tries it has a plan that says so."""
    asked, token = _asked(client, survey), uuid4().hex
    plans: dict[Path, Plan] = {}

    def submit(night: tuple[Path, Path], again: str) -> Any:
        return client.submit(plan_night, *night, asked, key=f"{again}plan-{token}-{key_of(night)}")

    nights = list(zip(lists, outputs, strict=True))
    for (filelist, output), plan in done_there(client, nights, submit, lambda night: str(night[0])):
        plans[output] = Plan(filelist, error=plan) if isinstance(plan, Exception) else plan
    return [plans[output] for output in outputs]


def run_there(client: Any, plans: Sequence[Plan], survey: Survey) -> Iterator[tuple[Task, Result | Exception]]:
    """Have workers do what is planned; give what became of each product, as it is known."""
    shared, bundles = bundled(plans)
    masters = _Masters(client, shared, bundles, _asked(client, survey))

    def submit(bundle: Bundle, again: str) -> Any:
        return client.submit(_bundle_there, bundle, masters.asked, *masters.of(bundle, again), key=again + bundle.key)

    for bundle, found in done_there(client, bundles, submit, _name_of):
        for task in bundle.tasks:
            if task.output:
                yield task, found if isinstance(found, Exception) else found[task.key]


class _Masters:
    """The futures of the masters that several nights need, each kept until the last of these is handed over.

    Then the workers keep it until that night is done.
    """

    def __init__(self, client: Any, shared: dict[str, Task], bundles: Sequence[Bundle], asked: Any) -> None:
        self.client, self.shared, self.asked = client, shared, asked
        self.left = Counter(need for bundle in bundles for need in bundle.needs)
        self.futures: dict[str, Any] = {}
        for key in shared:
            self._master(key, "")

    def _master(self, key: str, again: str) -> Any:
        if again + key not in self.futures:
            needs = (self._master(need, again) for need in self.shared[key].needs)
            self.futures[again + key] = self.client.submit(
                _task_there, self.shared[key], self.asked, *needs, key=again + key, priority=-1
            )  # nights that are ready go first: masters made far ahead would fill the memory
        return self.futures[again + key]

    def of(self, bundle: Bundle, again: str) -> list[Any]:
        """Give the masters that a night needs; made anew where it is tried again."""
        futures = [self._master(need, again) for need in bundle.needs]
        if not again:
            self.left.subtract(bundle.needs)
            for need in bundle.needs:
                if not self.left[need]:
                    del self.futures[need]
        return futures


def _name_of(bundle: Bundle) -> str:
    return str(next(task.output for task in bundle.tasks if task.output))


def _asked(client: Any, survey: Survey) -> Any:
    """Send what is asked for once, and not with every task."""
    return client.submit(itself, survey, key=f"survey-{key_of(survey)}")


def _task_there(task: Task, survey: Survey, *needs: Result) -> Result:
    with running(threads=_own_threads()):
        return run(task, survey, *needs)


def _bundle_there(bundle: Bundle, survey: Survey, *needs: Result) -> dict[str, Result | Exception]:
    with running(threads=_own_threads()):
        return run_bundle(bundle, survey, *needs)


def _own_threads() -> int:
    from distributed import get_worker

    return int(get_worker().state.nthreads)
