"""How stages run, which is no part of what they do: threads, memory, progress, strictness.

These settings never reach a step's repr, its equality or the history: the pixels do not depend on them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from operator import length_hint
from typing import Annotated, Any, TypeVar

import attrs

from pipeline.compose.settings import Limits, checked
from pipeline.records.note import Note

Thing = TypeVar("Thing")


@checked
@attrs.frozen
class Running:
    """How to run: ``threads`` at once, about ``memory`` bytes of tiles, ``progress(done, total)`` told of rows.

    ``doing(words, total)`` is told what is begun: it gives a block in which that is done, and in it what is told how
    many of ``total`` are; a total of 0 is not known.
    ``strict``: refuse, as an error of the class of its warning, what would have to be assumed.  ``on_note`` is given
    each note in place of a Python warning.  ``quiet``: say nothing, and refuse nothing that would only be said.
    ``combine_with`` combines the rows of a stack in place of this process.
    """

    threads: Annotated[int, Limits(least=1)] = 2
    memory: Annotated[int, Limits(least=2**10)] = 64 * 2**20
    progress: Callable[[int, int], None] | None = None
    doing: Callable[[str, int], AbstractContextManager[Callable[[int], None]]] | None = None
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

    ``threads`` at once; about ``memory`` bytes of tiles; ``progress(done, total)`` is told of rows, ``doing(words,
    total)`` of all that takes time, as :class:`Running` says; ``strict=True`` refuses, as an error, what would have to
    be assumed; ``on_note`` is given each note, in place of a Python warning.
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


@contextmanager
def at_work(words: str, of: object = None, total: int = 0) -> Iterator[Callable[[int], None]]:
    """Tell whoever asked to know what is done in this block; give what is to be told how many of a total are done.

    :param of: what it is done to, whose name is asked for only where somebody wants to know.
    """
    how = _running.get()
    if how.doing is None or how.quiet:
        yield _told_nobody
    else:
        with how.doing(" ".join(filter(None, (words, getattr(of, "short_name", "")))), total) as tell:
            yield tell


def _told_nobody(done: int) -> None:
    """Take how many are done, where nobody asked."""


def one_by_one(things: Iterable[Thing], words: str, total: int = 0) -> Iterator[Thing]:
    """Give things one by one, and tell whoever asked at which of them the work is.

    :param total: how many there are, of what does not know its length.
    """
    with at_work(words, total=total or length_hint(things)) as tell:
        for number, thing in enumerate(things, 1):
            yield thing
            tell(number)
