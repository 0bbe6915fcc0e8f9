"""Edge: handing work to the workers of Dask, little ahead of them, so that few pay for one that kills its worker.

When a worker dies, Dask holds it against all tasks that were assigned to it, and gives up those that have seen a
few die.  So only a few tasks are assigned at a time, and those given up are tried again alone, last: then it is known
which it was.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from queue import SimpleQueue
from typing import Any, TypeVar

from pipeline.errors import WorkerError
from pipeline.survey.dask_client import patiently, result_of, was_killed

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
