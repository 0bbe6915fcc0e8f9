"""Ctrl-C while the command is still being imported, when nobody could catch it: leave at once, without a traceback."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

INTERRUPTED = 130
INTERRUPTED_WORDS = "interrupted; nothing half-written is left"


def leave_on_ctrl_c() -> None:
    """Have Ctrl-C end this process from now on, unless it is ignored or caught by another."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, leave_at_once)


def leave_at_once(*_: Any) -> None:
    """End this process, in which nothing has been begun or all is done: a handler of signals."""
    os.write(2, f"ccd-pipeline: {INTERRUPTED_WORDS}\n".encode())
    os._exit(INTERRUPTED)


def came_of_ctrl_c(error: BaseException | None) -> bool:
    """Tell whether an error is Ctrl-C, or was raised on its way out: Python's own locks may stumble over it."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None


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
