"""What a step had to assume, or found wrong: a note, which is data and travels with what the step made."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import attrs
from toolz import groupby, unique

from pipeline.errors import (
    AssumptionWarning,
    ClipWarning,
    FileWarning,
    HeaderWarning,
    PipelineWarning,
    SettingError,
    SkippedWarning,
    VarianceWarning,
)

KINDS: dict[str, tuple[type[PipelineWarning], str]] = {
    "assumption": (AssumptionWarning, "of assumptions"),
    "header": (HeaderWarning, "of headers"),
    "clip": (ClipWarning, "of the clip"),
    "variance": (VarianceWarning, "of the variance"),
    "skipped": (SkippedWarning, "of steps done before"),
    "file": (FileWarning, "of files"),
    "other": (PipelineWarning, "of other things"),
}
"""What a kind of note is called in a header or a record, its class, and what a count of them says."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
"""Line breaks, and what would command a terminal: headers and names of files may hold it."""


ENTRIES = tuple(f"NOTE ({kind})" for kind in KINDS)
"""What an entry of HISTORY begins with that is a note."""

_NAMED = re.compile(r"(?: (.*?)(?: and (\d{1,9}) more)?)?:(?: (.*))?")
"""What follows in it: a name, how many more there are, and words."""


def _in_one_line(text: str) -> str:
    if not isinstance(text, str):
        raise SettingError(f"a note says {text!r}; expected a text")
    return _CONTROL.sub(" ", text)


def _each_in_one_line(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(map(_in_one_line, names))


def _plain_numbers(figures: Iterable[tuple[str, float]]) -> tuple[tuple[str, float], ...]:
    try:
        pairs = figures.items() if isinstance(figures, Mapping) else figures
        return tuple((name, float(size)) for name, size in pairs)
    except (TypeError, ValueError) as error:
        raise SettingError(f'a note with figures={figures!r}; expected numbers by name, [("level", 5.0)]') from error


def _a_class_of_warnings(_: object, __: object, category: Any) -> None:
    if not (isinstance(category, type) and issubclass(category, PipelineWarning)):
        raise SettingError(f"a note with category={category!r}; expected a class of warnings of pipeline.errors")


@attrs.frozen
class Note:
    """Something that was assumed, or found wrong: one fact, of one frame or of several.

    ``category`` is the class of the Python warning by which it is told.  ``words`` say what was found, in one line and
    without the names of ``frames``, which go before them.  ``mend`` says what to do, in Python; ``at_command`` the same
    in words of the command, where that differs.  ``figures`` are the numbers that the words give, by name.

    Notes of one ``fact`` are one note: see :func:`merged`.  By default that is the words.  ``more`` counts frames whose
    names are not known: a header has the first name alone.

    >>> from pipeline import Note
    >>> note = Note("no exposure in the header; taken for 1 s", frames=("a.fits", "b.fits"), mend="give it")
    >>> str(note)
    'a.fits and 1 more: no exposure in the header; taken for 1 s; give it'
    """

    words: str = attrs.field(converter=_in_one_line)
    category: type[PipelineWarning] = attrs.field(default=AssumptionWarning, validator=_a_class_of_warnings)
    frames: tuple[str, ...] = attrs.field(default=(), converter=_each_in_one_line, kw_only=True)
    mend: str = attrs.field(default="", converter=_in_one_line, kw_only=True)
    at_command: str = attrs.field(default="", converter=_in_one_line, kw_only=True)
    figures: tuple[tuple[str, float], ...] = attrs.field(default=(), converter=_plain_numbers, kw_only=True)
    fact: str = attrs.field(default="", kw_only=True)
    more: int = attrs.field(default=0, kw_only=True)

    def __dask_tokenize__(self) -> str:
        from pipeline.records.identity import content_key  # which asks for numpy: help does not

        return content_key(self)

    def __str__(self) -> str:
        return "; ".join(filter(None, [self.found, self.mend]))

    @property
    def found(self) -> str:
        """What was found, with the names of the frames and without what to do about it."""
        return f"{self._names}: {self.words}" if self.frames else self.words

    @property
    def command_words(self) -> str:
        """The note as the command says it."""
        return "; ".join(filter(None, [self.found, self.at_command or self.mend]))

    @property
    def kind(self) -> str:
        """What its category is called in a header or a record: that of our own classes which is nearest to it."""
        names = {category: name for name, (category, _) in KINDS.items()}
        return next(names[category] for category in self.category.__mro__ if category in names)

    @property
    def entry(self) -> str:
        """The note as HISTORY has it.

        >>> Note("no exposure in the header", frames=("a.fits",)).entry
        'NOTE (assumption) a.fits: no exposure in the header'
        """
        return f"NOTE ({self.kind}){' ' + self._names if self.frames else ''}: {self.words}"

    @classmethod
    def read(cls, entry: str) -> Note:
        """Read a note as HISTORY has it: its kind, words, first frame and how many more there are.

        >>> note = Note.read("NOTE (file) a.fits and 2 more: rounded")
        >>> note.category.__name__, note.words, note.frames, note.more
        ('FileWarning', 'rounded', ('a.fits',), 2)
        """
        kind, _, rest = entry.removeprefix("NOTE (").partition(")")
        parts = _NAMED.fullmatch(rest)
        name, more, words = parts.groups() if parts else (None, None, rest.strip())
        return cls(words or "", KINDS[kind][0], frames=names_of(name or ()), more=int(more or 0))

    @property
    def is_assumption(self) -> bool:
        """Whether strictness refuses it."""
        return issubclass(self.category, AssumptionWarning)

    @property
    def _names(self) -> str:
        others = len(self.frames) - 1 + self.more
        return self.frames[0] + (f" and {others} more" if others else "")


def merged(notes: Iterable[Note]) -> tuple[Note, ...]:
    """Put notes of one fact together, and those in the same words: one of them speaks for the frames of all.

    It is the one with the largest figures, of which the first is to be how large the wrong is: so it is said at its
    worst, whatever the order.  One that was read back from a header knows its words alone: another, that knows what to
    do, goes before it.

    >>> first, second = Note("is dark", frames=("a.fits",)), Note("is dark", frames=("b.fits",))
    >>> [str(note) for note in merged([first, second, first])]
    ['a.fits and 1 more: is dark']
    """
    notes = tuple(notes)
    if len(notes) < 2:
        return notes
    of_facts = groupby(lambda note: (note.category, note.fact or note.words), unique(notes))
    of_words = groupby(lambda note: (note.category, note.words), map(_in_one, of_facts.values()))
    return tuple(map(_in_one, of_words.values()))


def _in_one(notes: list[Note]) -> Note:
    if len(notes) == 1:
        return notes[0]
    names = tuple(unique(name for note in notes for name in note.frames))
    most = max(len(note.frames) + note.more for note in notes)  # who has no name may be one that another note names
    return attrs.evolve(max(notes, key=_weight), frames=names, more=max(0, most - len(names)))


def _weight(note: Note) -> tuple[bool, list[float]]:
    sizes = [-math.inf if math.isnan(size) else size for _, size in note.figures]
    return bool(note.fact or note.mend or note.figures), sizes


def counted(notes: Iterable[Note]) -> str:
    """Count notes, by kind.

    >>> counted([Note("is dark"), Note("was rounded", FileWarning), Note("is bright")])
    '3 notes: 2 of assumptions, 1 of files'
    """
    kinds = Counter(note.kind for note in notes)
    words = ", ".join(f"{count} {KINDS[kind][1]}" for kind, count in kinds.items())
    return f"{number_of(kinds.total(), 'note')}: {words}" if kinds else "no notes"


def number_of(count: int, thing: str) -> str:
    """Count things, by their name in the singular.

    >>> number_of(1, "night"), number_of(0, "night")
    ('1 night', '0 nights')
    """
    return f"{count} {thing}{'' if count == 1 else 's'}"


def names_of(frames: Any) -> tuple[str, ...]:
    """Give the names of a frame, of several, or those that were given.

    >>> names_of("a.fits"), names_of(["a.fits", "b.fits"])
    (('a.fits',), ('a.fits', 'b.fits'))
    """
    if isinstance(frames, str):
        return (frames,)
    if getattr(frames, "sources", ()):
        return tuple(frames.sources)
    if hasattr(frames, "name"):
        return (frames.name,)
    return tuple(name for frame in frames for name in names_of(frame))
