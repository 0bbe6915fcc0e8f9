"""Edge: how the command speaks on a terminal: help and usage, what is being done, notes of a line each, its report.

Every call of the command imports this file, for ``--help`` too: nothing heavy belongs here.
"""

from __future__ import annotations

import argparse
import difflib
import io
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from time import monotonic
from typing import Any, NoReturn, TextIO

from pipeline.errors import AssumptionWarning
from pipeline.records.note import Note, counted


class CommandParser(argparse.ArgumentParser):
    """A parser that says in one line what is wrong with a command line, and what to do; options stand in groups."""

    def __init__(
        self,
        *,
        examples: Sequence[str] = (),
        knowing: Callable[[str], Iterable[str]] = lambda _: (),
        **settings: Any,
    ) -> None:
        """Make a parser.

        :param examples: what to call it with, without the name of the program.
        :param knowing: gives the commands that know an option, for those who ask another one.
        """
        listed = "examples:\n" + "\n".join(f"  ccd-pipeline {line}" for line in examples) if examples else None
        super().__init__(epilog=listed, formatter_class=argparse.RawDescriptionHelpFormatter, **settings)
        self._titled: dict[str, Any] = {}
        self._knowing = knowing

    def group(self, title: str) -> Any:
        """Give the group of options with this title, which several functions may add to."""
        if title not in self._titled:
            self._titled[title] = self.add_argument_group(title)
        return self._titled[title]

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Refuse what is unknown where it is known what was asked of: at the command, not behind it."""
        options, unknown = super().parse_known_args(args, namespace)
        if unknown:
            asked = unknown[0].partition("=")[0]
            if not asked.startswith("-"):
                self.error(f"{asked} is one too many; {self.usage or self.prog}".replace("%(prog)s", self.prog))
            theirs = " and ".join(self._knowing(asked))
            mend = f"; it belongs to {theirs}" if theirs else _meant(asked, self._option_string_actions)
            self.error(f"{asked} is no option of {self.prog}{mend}")
        return options, unknown

    def knows(self, option: str) -> bool:
        """Tell whether it has an option of this name."""
        return option in self._option_string_actions

    def error(self, message: str) -> NoReturn:
        """Say it in one line, and end with status 2."""
        message = message.replace("ignored explicit argument", "it takes no value, found")
        for kind, wanted in (("float", "a number"), ("int", "a whole number")):
            message = message.replace(f"invalid {kind} value:", f"expected {wanted}, found")
        if choice := re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message):
            message += _meant(choice[1], re.findall(r"[^\s',]+", choice[2]))
        for action in self._actions:
            if message.endswith(f"are required: {action.metavar}") and isinstance(action.choices, dict):
                message += f", one of {', '.join(action.choices)}"
        self.exit(2, terminal_text(f"ccd-pipeline: {message}; see {self.prog} --help") + "\n")


def _meant(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


QUIET_SECONDS, DRAWN_EVERY = 0.7, 0.2
"""What takes less time leaves a terminal as it is; and so often it is drawn what is being done from then on."""


class _Task:
    """Something that is being done: in words, since when, and how much of it is done of how much, 0 if not known."""

    def __init__(self, words: str, total: int) -> None:
        self._words, self._count, self.done, self.total, self.began = words, total, 0, total, monotonic()

    def tell(self, done: int) -> None:
        self.done = done

    @property
    def words(self) -> str:
        return f"{self._words} {min(self.done + 1, self._count)} of {self._count}" if self._count else self._words


class StatusLine:
    """What is being done, on the last line of a terminal; gone when it is done, or while other lines are printed.

    Whoever works tells it, which costs next to nothing, and a thread draws it.  That lives while something is being
    done, and no longer, so that processes are forked without it.
    """

    def __init__(self, stream: TextIO) -> None:
        import threading  # here: help does without

        self._stream, self._quiet_until = stream, monotonic() + QUIET_SECONDS
        self._tasks: list[_Task] = []
        self._put: Callable[[str], None] | None = None
        self._thread, self._lock, self._stop = threading.Thread, threading.Lock(), threading.Event()

    @contextmanager
    def doing(self, words: str, total: int) -> Iterator[Callable[[int], None]]:
        """Show what is done in this block, as :class:`~pipeline.compose.running.Running` has it told."""
        task, thread = _Task(words, total if total > 1 else 0), None
        self._tasks.append(task)
        if len(self._tasks) == 1:
            self._stop.clear()
            thread = self._thread(target=self._draw, daemon=True)
            thread.start()
        try:
            yield task.tell
        finally:
            self._tasks.remove(task)
            if thread:
                self._stop.set()
                thread.join()

    def rows(self, done: int, total: int) -> None:
        """Show how many rows are done of what was begun last."""
        for task in self._tasks[-1:]:
            task.done, task.total = done, total

    @contextmanager
    def out_of_the_way(self) -> Iterator[None]:
        """Leave the line to what is printed in this block."""
        with self._lock:
            self._clear()
            yield

    def _draw(self) -> None:
        while not self._stop.wait(max(DRAWN_EVERY, self._quiet_until - monotonic())):
            from tqdm import tqdm  # here: most commands are done before

            tasks = list(self._tasks)
            with self._lock, suppress(OSError, ValueError):  # of a terminal that has gone away
                self._put = self._put or tqdm.status_printer(self._stream)
                if tasks:
                    self._put(self._words_of(*tasks))
        with self._lock:
            self._clear()

    def _words_of(self, *tasks: _Task) -> str:
        """Give what is being done, and what around it is one of several, as one line that fits."""
        from tqdm import tqdm
        from tqdm.utils import disp_trim

        *around, last = tasks
        words = [*(task.words for task in around if task.total), last.words]
        try:
            columns = os.get_terminal_size(self._stream.fileno()).columns or 80
        except OSError:
            columns = 80
        width = max(columns - 1, 1)
        line: str = tqdm.format_meter(
            last.done,
            last.total or None,
            monotonic() - last.began,
            ncols=width,
            prefix=terminal_text(": ".join(words)).replace("\n", " "),
            ascii="utf" not in (self._stream.encoding or "").lower(),
            bar_format="{desc} {percentage:3.0f}%|{bar:20}| [{elapsed}]" if last.total else "{desc} [{elapsed}]",
        )
        return str(disp_trim(line, width))  # which tqdm does not always do itself

    def _clear(self) -> None:
        if self._put:
            with suppress(OSError, ValueError):
                self._put("")
                self._put("")
        self._put = None


_status: StatusLine | None = None
"""That of the command that runs, which its lines go round."""


@contextmanager
def progress_shown(options: argparse.Namespace) -> Iterator[None]:
    """Show in this block what is being done, where there is a terminal and it is not to be quiet."""
    from pipeline.compose.running import at_work, running  # which asks for numpy: help does not

    global _status  # noqa: PLW0603 - there is one terminal
    if options.quiet or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":  # which draws no line again
        yield
        return
    _status = StatusLine(sys.stderr)
    forks = getattr(options, "workers", None)  # only without a thread: what they do is told part by part
    try:
        with running(doing=_status.doing, progress=_status.rows), nullcontext() if forks else at_work("working"):
            yield
    finally:
        _status = None


def _no_status() -> AbstractContextManager[None]:
    return _status.out_of_the_way() if _status else nullcontext()


_COMMANDS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""What a terminal would obey, or what would change the order of what it shows; but for the line feed."""


def terminal_text(text: str) -> str:
    r"""Give text as it may be shown on a terminal: names of files and values of cards may hold anything.

    >>> terminal_text("\x1b[2J: is gone")
    '\\x1b[2J: is gone'
    """
    return _COMMANDS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


@contextmanager
def notes_told(*, strict: bool, summary: bool) -> Iterator[None]:
    """Print each note once, as a line of its own; under ``strict`` an assumption is an error.

    :param summary: also count them at the end, by kind.
    """
    from pipeline.compose.running import running  # which asks for numpy: help does not

    told: dict[str, Note] = {}

    def show(note: Note) -> None:
        text = note.command_words
        if text not in told:
            told[text] = note
            with _no_status():
                print(terminal_text(f"ccd-pipeline: note: {text}"), file=sys.stderr)

    with running(strict=strict, on_note=show):
        yield
    if told and summary:
        print_line(counted(told.values()))


def refused_words(error: AssumptionWarning) -> str:
    """Say in the command's words what was refused, and what to do about it."""
    return f"{error.note.command_words if error.note else error} (refused under --strict)"


def printer_of(options: argparse.Namespace) -> Callable[[str], None]:
    """Give what prints a line of the report, or under ``--quiet`` does not."""
    return (lambda _: None) if options.quiet else print_line


class _Nowhere(io.TextIOBase):
    """What is written here is gone."""

    def write(self, text: str) -> int:
        return len(text)


def print_line(line: str) -> None:
    """Print a line; a reader that has gone away, as head does, costs nothing of what is done."""
    try:
        with _no_status():
            print(line, flush=True)
    except OSError:
        sys.stdout = _Nowhere()  # until the process ends
