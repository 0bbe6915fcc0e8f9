"""Edge: a bar that shows how far a stack is, on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any


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
