"""Edge: what the command shows on a terminal: a bar of progress, warnings as notes of a line each, its report.

Every call of the command imports this file, for ``--help`` too: nothing heavy belongs here.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pipeline.errors import AssumptionWarning
from pipeline.records.note import Note, counted


def progress_bar() -> Callable[[int, int], None] | None:
    """Give what draws a bar for each stack (tqdm, the extra ``progress``); None where there is no terminal or no tqdm.

    It is told the rows done and the rows there are; a stack that is done leaves nothing behind.
    """
    if not sys.stderr.isatty():
        return None
    try:
        from tqdm import tqdm
    except ImportError:
        return None
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
