"""What an image went through, step by step, and what a master is made of: the provenance of every product."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import attrs

from pipeline.headers.cards import Cards
from pipeline.headers.history_entries import entries_in
from pipeline.headers.status import Done
from pipeline.records.note import ENTRIES, Note, merged
from pipeline.version import made_by_us


class Named(Protocol):
    """What a history is asked for: a stage, such as ``subtract_bias``."""

    @property
    def name(self) -> str:
        """The stage's own name, which stands in HISTORY."""


@attrs.frozen
class Lineage:
    """What a master is made of: its kind, the names of its raw frames, and the steps they went through.

    ``combined`` is what combining found, where it was combined here; ``said`` what there was to say of the frames
    before any step.
    """

    kind: str
    sources: tuple[str, ...]
    history: tuple[StepRecord, ...]
    combined: Any = None
    said: tuple[Note, ...] = ()


@attrs.frozen
class StepRecord:
    """A step that an image went through: the provenance of an image is the list of these.

    ``stage`` is the stage's name, ``does`` the field of :class:`~pipeline.headers.status.State` that it fills, and
    ``settings`` are written as in Python.  What became of the step:

    - ``idle``: it was told that there is nothing to do, as by ``bias=None``;
    - ``done_before``: its work had been done, by this, and it left the image as it was;
    - ``needless``: it found nothing to do, as heal in an image without a bad pixel.

    ``said`` are the notes of what it had to assume, or found wrong.
    """

    stage: str
    settings: tuple[tuple[str, str], ...] = ()
    masters: tuple[Lineage, ...] = ()
    does: str = ""
    idle: bool = False
    done_before: Done | None = None
    needless: bool = False
    said: tuple[Note, ...] = ()

    def __str__(self) -> str:
        words = ", ".join(f"{name}={value}" for name, value in self.settings)
        return f"{self.stage}({words})" + (f" skipped: {self.skipped}" if self.skipped else "")

    @property
    def skipped(self) -> str:
        """Why the step was passed over, in words; empty where it was not."""
        return str(self.done_before) if self.done_before else "nothing to do" if self.needless else ""

    @property
    def worked(self) -> bool:
        """Whether the step did its work on the image."""
        return not (self.idle or self.done_before or self.needless)

    def is_of(self, *stages: Named) -> bool:
        """Tell whether this is a step of one of these stages."""
        return any(self.stage == stage.name for stage in stages)

    def was_told(self, **settings: Any) -> bool:
        """Tell whether the step had these settings, among others."""
        return all((name, repr(value)) in self.settings for name, value in settings.items())


def went_through(history: Iterable[StepRecord], *stages: Named) -> bool:
    """Tell whether a step of one of these stages is in a history, whatever became of it."""
    return any(step.is_of(*stages) for step in history)


def in_common(histories: Iterable[Iterable[StepRecord]]) -> tuple[StepRecord, ...]:
    """Put histories of frames together: each step once, with what was said in any of them."""
    steps: dict[StepRecord, list[Note]] = {}
    for history in histories:
        for step in history:
            steps.setdefault(attrs.evolve(step, said=()) if step.said else step, []).extend(step.said)
    return tuple(attrs.evolve(step, said=merged(said)) if said else step for step, said in steps.items())


def notes_in(cards: Cards) -> tuple[Note, ...]:
    """Read the notes back that stand in the HISTORY of a product of ours: their kinds, words and frames."""
    if not cards.get("NNOTES") or not made_by_us(cards.get("CREATOR")):
        return ()
    return tuple(map(Note.read, entries_in(cards, ENTRIES)))


def notes_of(said: Iterable[Note], history: Iterable[StepRecord]) -> tuple[Note, ...]:
    """Give what was said of an image before its steps, in them, and of the masters that they used: each fact once."""
    return merged(_every_note(said, history))


def _every_note(said: Iterable[Note], history: Iterable[StepRecord]) -> Iterator[Note]:
    yield from said
    for step in history:
        for master in step.masters:
            yield from _every_note(master.said, master.history)
        yield from step.said
