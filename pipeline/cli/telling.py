"""Edge: products written with the record of them, and told of when they are there."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pipeline.fits.atomic import together
from pipeline.fits.write import write
from pipeline.night.summary import combined_words, flag_words, step_words
from pipeline.provenance.record import write_record
from pipeline.records.frames import FrameSet
from pipeline.stages.header import ReducedImage


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
