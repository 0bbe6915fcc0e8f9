"""How stages run, which is no part of what they do: threads, memory, progress, strictness.

These settings never reach a step's repr, its equality or the history: the pixels do not depend on them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Annotated, Any

import attrs

from pipeline.compose.settings import Limits, checked
from pipeline.records.note import Note


@checked
@attrs.frozen
class Running:
    """How to run: ``threads`` at once, about ``memory`` bytes of tiles, ``progress(done, total)`` told of rows.

    ``strict``: refuse, as an error of the class of its warning, what would have to be assumed.  ``on_note`` is given
    each note in place of a Python warning.  ``quiet``: say nothing, and refuse nothing that would only be said.
    ``combine_with`` combines the rows of a stack in place of this process.
    """

    threads: Annotated[int, Limits(least=1)] = 2
    memory: Annotated[int, Limits(least=2**10)] = 64 * 2**20
    progress: Callable[[int, int], None] | None = None
    quiet: bool = False
    strict: bool = False
    on_note: Callable[[Note], None] | None = None
    combine_with: Callable[[Any], Any] | None = None


_running: ContextVar[Running] = ContextVar("running", default=Running())  # noqa: B039 - frozen


@contextmanager
def running(**changes: Any) -> Iterator[Running]:
    """Run the stages in this block with other threads, memory or progress.

    >>> from pipeline import running
    >>> with running(memory=2**20) as how:
    ...     how.memory
    1048576

    ``threads`` at once; about ``memory`` bytes of tiles; ``progress(done, total)`` is told of rows; ``strict=True``
    refuses, as an error, what would have to be assumed; ``on_note`` is given each note, in place of a Python warning.
    What is not said stays as it is around the block.  No setting of a step: results are the same to the bit.

    :raises SettingError: there is no such setting.
    """
    how = attrs.evolve(_running.get(), **changes)
    token = _running.set(how)
    try:
        yield how
    finally:
        _running.reset(token)


def how_to_run() -> Running:
    """Tell how stages run here."""
    return _running.get()
