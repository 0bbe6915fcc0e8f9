"""Ctrl-C while the command is still being imported, when nobody could catch it: leave at once, without a traceback."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import Any

INTERRUPTED = 130
WORDS = "interrupted; nothing half-written is left"


def leave_at_once(*_: Any) -> None:
    """End this process, in which nothing has been begun or all is done: a handler of signals."""
    os.write(2, f"ccd-pipeline: {WORDS}\n".encode())
    os._exit(INTERRUPTED)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C raise KeyboardInterrupt in this block, as it does in every program."""
    ours = signal.getsignal(signal.SIGINT) is leave_at_once
    if ours:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        if ours:
            for stream in (sys.stdout, sys.stderr):
                stream.flush()  # what leaves at once takes with it what was not written yet
            signal.signal(signal.SIGINT, leave_at_once)


def is_command(started: list[str], arguments: list[str]) -> bool:
    """Tell whether a process was started as ``ccd-pipeline`` or ``python -m pipeline``, and not to import a library.

    >>> is_command(["python", "-m", "pipeline", "demo"], ["-m", "demo"])
    True
    >>> is_command(["python", "/usr/bin/ccd-pipeline", "demo"], ["/usr/bin/ccd-pipeline", "demo"])
    True
    >>> is_command(["python", "pipeline.py"], ["pipeline.py"])
    False

    :param started: sys.orig_argv.
    :param arguments: sys.argv; while the package of a module is imported it begins with ``-m``.
    """
    if not 0 < len(arguments) <= len(started):
        return False
    name = started[-len(arguments)]
    return (arguments[0], name) == ("-m", "pipeline") or PurePath(name).stem == "ccd-pipeline"


if is_command(sys.orig_argv, sys.argv) and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, leave_at_once)
