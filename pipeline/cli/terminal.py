"""Edge: what the command says of warnings: one line each, and how many there were.

Edge: a bar that shows how far a stack is, on a terminal.

Edge: products written with the record of them, and told of when they are there.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.errors import AssumptionWarning, PipelineWarning
from pipeline.fits.atomic import together
from pipeline.fits.write import write
from pipeline.night.summary import combined_words, flag_words, step_words
from pipeline.provenance.record import write_record
from pipeline.records.frames import FrameSet
from pipeline.stages.header import ReducedImage


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


KINDS = {
    "AssumptionWarning": "of assumptions",
    "HeaderWarning": "of headers",
    "ClipWarning": "of the clip",
    "VarianceWarning": "of the variance",
    "SkippedWarning": "of steps done before",
    "FileWarning": "of files",
}
"""What the summary calls each kind of warning."""


_COMMANDS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""What a terminal would obey, or what would change the order of what it shows; but for the line feed."""


def shown(text: str) -> str:
    r"""Give text as it may be shown on a terminal: names of files and values of cards may hold anything.

    >>> shown("\x1b[2J: is gone")
    '\\x1b[2J: is gone'
    """
    return _COMMANDS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


@contextmanager
def said_plainly(*, strict: bool, summary: bool) -> Iterator[None]:
    """Print each warning once, as a line of its own; under ``strict`` an assumption is an error.

    :param summary: also count them at the end, by kind.
    """
    said: dict[str, str] = {}

    def show(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
        text = str(message)
        if text not in said:
            said[text] = KINDS.get(category.__name__, "")
            print(shown(f"ccd-pipeline: note: {text}"), file=sys.stderr)

    with warnings.catch_warnings():
        warnings.simplefilter("always", PipelineWarning)
        if strict:
            warnings.simplefilter("error", AssumptionWarning)
        warnings.showwarning = show
        yield
    if said and summary:
        print(_counted(said))


def _counted(said: dict[str, str]) -> str:
    """Count what was said by kind."""
    kinds = Counter(said.values())
    words = ", ".join(f"{count} {kind}" for kind, count in kinds.items() if kind)
    return f"{len(said)} {'note' if len(said) == 1 else 'notes'}" + (f": {words}" if words else "")


def speaker_of(options: argparse.Namespace) -> Callable[[str], None]:
    """Give what prints a line of the report; a reader that has gone away does not cost the reduction."""

    def say(line: str) -> None:
        if not options.quiet:
            try:
                print(line, flush=True)
            except OSError:
                sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - until the process ends

    return say


@contextmanager
def told_once_there(say: Callable[[str], None]) -> Iterator[Callable[[str], None]]:
    """Have what is written take its place together at the end; only then it is told of."""
    lines: list[str] = []
    with together():
        yield lines.append
    for line in lines:
        say(line)


def deliver(product: ReducedImage, path: Path, overwrite: bool, say: Callable[[str], None]) -> None:
    """Write a product, and tell of it."""
    write(product, path, overwrite=overwrite)
    height, width = product.pixels.shape
    say(f"{product.kind}: {combined_words(product.found)}; {step_words(product)}")
    say(f"wrote {path}: {height} rows × {width} columns{flag_words(product)}")


def record_done(
    path: Path | None,
    command: str,
    options: argparse.Namespace,
    frames: FrameSet,
    products: Sequence[tuple[ReducedImage, Path]],
    say: Callable[[str], None],
) -> None:
    """Write the record of a reduction, where one is asked for, and tell of it."""
    if path:
        used = dict(vars(options))
        write_record(path, command=command, options=used, frames=frames, products=products, overwrite=options.overwrite)
        say(f"wrote {path}: repeat this with ccd-pipeline replay {path}")
