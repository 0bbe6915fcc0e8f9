"""Saying what had to be assumed: notes are collected by the step that runs, and told at the end of the user's call.

A step that runs collects what is said in it, for its record.  The outermost call tells each fact once, as a Python
warning that points at the user's line, or to whom ``running(on_note=...)`` names.  All of this hangs on context
variables: each thread, task and worker has its own.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from contextvars import ContextVar
from typing import Any, Generic, TypeVar

from pipeline.compose.running import how_to_run
from pipeline.errors import AssumptionWarning, PipelineWarning
from pipeline.records.note import Note, merged, names_of

Own = TypeVar("Own", bound=list[Note] | None)


class _Call(Generic[Own]):
    """A step or another call that runs, and what was said in it.

    ``own`` is the list of who keeps it, None where nobody does; ``every`` what the whole outermost call said.  Every
    step enters one, so it is a plain class: a generator would take three times as long.
    """

    __slots__ = ("every", "outermost", "own", "token")

    def __init__(self, own: Own) -> None:
        self.own = own

    def __enter__(self) -> Own:
        outer = _call.get()
        self.outermost = outer is None
        self.every: list[Note] = [] if outer is None else outer.every
        self.token = _call.set(self)
        return self.own

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        try:
            if self.outermost and error is None:
                _tell(self.every)
            elif self.outermost:
                with suppress(PipelineWarning):  # made an error by a filter: what went wrong first goes before it
                    _tell(self.every)
        finally:
            _call.reset(self.token)


_call: ContextVar[_Call[Any] | None] = ContextVar("call", default=None)


def collecting() -> AbstractContextManager[list[Note]]:
    """Collect what is said in this block, for who keeps it, but for what blocks inside it collect.

    The outermost block tells it all.
    """
    return _Call([])


@contextmanager
def told_together() -> Iterator[None]:
    """Tell each fact of this block once; what is said in it belongs to the step around it, if there is one.

    Also a decorator, for functions that are no stages.
    """
    around = _call.get()
    with _Call(None if around is None else around.own):
        yield


def say(*notes: Note) -> None:
    """Say notes: they belong to the step that runs.

    :raises AssumptionWarning: of a note's own class, where it is an assumption and running is strict.
    """
    how = how_to_run()
    if how.quiet:
        return
    for note in notes:
        if how.strict and note.is_assumption:
            raise _warning(note)
    call = _call.get()
    if call is None:
        _tell(list(notes))
    else:
        call.every.extend(notes)
        if call.own is not None:
            call.own.extend(notes)


def keeping(notes: list[Note], record: Any) -> Any:
    """Keep notes that were said already, outside of any step: the step around has them, or else the record."""
    call = _call.get()
    if call is not None and call.own is not None:
        call.own.extend(notes)
    elif notes and hasattr(record, "noted"):
        return record.noted(notes)
    return record


def advise(words: str, category: type[PipelineWarning] = AssumptionWarning, *, of: Any = (), **more: Any) -> None:
    """Say a note in a few words: :func:`say` of a :class:`Note`.

    >>> import numpy as np
    >>> from pipeline import Image, advise, running, stage
    >>> @stage
    ... def look(image: Image) -> Image:
    ...     advise("is bright", of=image, mend="expose for less")
    ...     return image
    >>> with running(on_note=print):
    ...     image = look(Image.of(np.ones((2, 3)), name="a.fits"))
    a.fits: is bright; expose for less
    >>> len(image.notes)
    1

    :param of: the frame or frames that it is about, or their names.
    :param more: other fields of the note: ``mend``, ``at_command``, ``figures``, ``fact``.
    :param category: what kind of note: a class below ``PipelineWarning``.
    :raises PipelineWarning: of that class, where that is an AssumptionWarning and ``running(strict=True)``.
    """
    say(Note(words, category, frames=names_of(of), **more))


def _tell(notes: list[Note]) -> None:
    """Tell each fact once: to whom running names, or as a Python warning at the line that called us."""
    on_note = how_to_run().on_note
    for note in merged(notes):
        if on_note:
            on_note(note)
        else:
            warnings.warn(_warning(note), stacklevel=_level_of_the_user())


def _warning(note: Note) -> PipelineWarning:
    """Give a note as a warning that can be told or raised; its ``note`` is the data."""
    warning = note.category(str(note))
    warning.note = note
    return warning


_OURS = ("pipeline", "toolz", "tlz", "contextlib", "functools")
"""Packages whose lines are not the user's."""


def _level_of_the_user() -> int:
    """Count the calls from :func:`_tell` up to the first whose code is neither ours nor that of our tools."""
    frame, level = inspect.currentframe(), 0
    while frame and frame.f_back and frame.f_globals.get("__name__", "pipeline").partition(".")[0] in _OURS:
        frame, level = frame.f_back, level + 1
    return level
