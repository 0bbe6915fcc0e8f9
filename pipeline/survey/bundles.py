"""Edge: which tasks go together to a worker: those of a night, but for masters that other nights need too.

A night in one piece moves nothing: its masters stay where its light and arc are made.  Taken apart, a night of 9 MB of
raw frames moved 3.6 to 7.2 MB of masters between two workers; they form a chain, so that little could be done at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import attrs

from pipeline.provenance.up_to_date import key_of
from pipeline.survey.plan import Plan, Task


@attrs.frozen
class Bundle:
    """The tasks of a night that are its own, in an order in which they can run.

    :param needs: the keys of masters that are made for several nights, each in a task of its own.
    """

    key: str
    tasks: tuple[Task, ...]
    needs: tuple[str, ...] = ()


def bundled(plans: Sequence[Plan]) -> tuple[dict[str, Task], list[Bundle]]:
    """Give the masters that several nights need, by their keys and in an order in which they can be made; and nights.

    What a shared master is made with is shared as well: its key says with which masters it is made.
    """
    nights = Counter(task.key for plan in plans for task in plan.tasks)
    shared = {task.key: task for plan in plans for task in plan.tasks if nights[task.key] > 1}
    bundles = []
    for plan in plans:
        own = tuple(task for task in plan.tasks if task.key not in shared)
        needs = tuple(task.key for task in plan.tasks if task.key in shared)
        if own:
            bundles.append(Bundle(f"night-{key_of([task.key for task in own])}", own, needs))
    return shared, bundles
