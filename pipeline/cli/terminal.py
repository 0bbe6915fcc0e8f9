"""Edge: how the command speaks on a terminal: help and usage, a bar of progress, notes of a line each, its report.

Every call of the command imports this file, for ``--help`` too: nothing heavy belongs here.
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from pipeline.errors import AssumptionWarning
from pipeline.records.note import Note, counted


class CommandParser(argparse.ArgumentParser):
    """A parser that says in one line what is wrong with a command line, and what to do; options stand in groups."""

    def __init__(self, *, examples: Sequence[str] = (), **settings: Any) -> None:
        listed = "examples:\n" + "\n".join(f"  ccd-pipeline {line}" for line in examples) if examples else None
        super().__init__(epilog=listed, formatter_class=argparse.RawDescriptionHelpFormatter, **settings)
        self._titled: dict[str, Any] = {}

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
            self.error(f"{asked} is no option of {self.prog}{_meant(asked, self._option_string_actions)}")
        return options, unknown

    def error(self, message: str) -> NoReturn:
        """Say it in one line, and end with status 2."""
        for kind, wanted in (("float", "a number"), ("int", "a whole number")):
            message = message.replace(f"invalid {kind} value:", f"expected {wanted}, found")
        if choice := re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message):
            message += _meant(choice[1], re.findall(r"[^\s',]+", choice[2]))
        self.exit(2, terminal_text(f"ccd-pipeline: {message}; see {self.prog} --help") + "\n")


def _meant(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def progress_bar() -> Callable[[int, int], None] | None:
    """Give what draws a bar for each stack; None where there is no terminal.

    It is told the rows done and the rows there are; a stack that is done leaves nothing behind.
    """
    if not sys.stderr.isatty():
        return None
    from tqdm import tqdm

    bar: Any = None

    def show(done: int, total: int) -> None:
        nonlocal bar
        if bar is None:
            bar = tqdm(total=total, desc="combining", unit=" rows", leave=False, file=sys.stderr)
        bar.update(done - bar.n)
        if done >= total:
            bar.close()
            bar = None

    return show


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


def print_line(line: str) -> None:
    """Print a line; a reader that has gone away, as head does, costs nothing of what is done."""
    try:
        print(line, flush=True)
    except OSError:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - until the process ends
