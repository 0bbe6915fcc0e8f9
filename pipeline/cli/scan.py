"""Edge: the command ``ccd-pipeline scan``."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline.library.scan import propose_filelists, write_lists
from pipeline.night.filelist import parse_filelist


def add_scan(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("directory", type=Path, metavar="DIRECTORY", help="looked through with the folders in it")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("night.csv"), help="default: night.csv; for several, night_TARGET.csv"
    )
    parser.add_argument("--overwrite", action="store_true", help="write over files that are there")
    parser.add_argument("--quiet", action="store_true", help="print notes and errors only")
    parser.set_defaults(run=_scan, strict=False)


def _scan(options: argparse.Namespace) -> None:
    lists = propose_filelists(options.directory, beside=options.output.parent)
    for path, text in zip(write_lists(lists, options.output, overwrite=options.overwrite), lists.values(), strict=True):
        left_out = text.count("  # left out: ")
        told = f", {left_out} files left out" if left_out else ""
        rows = sum(1 for line in text.splitlines() if not line.startswith("#"))
        if not options.quiet:
            print(
                f"wrote {path}: {parse_filelist(text)!r}{told}; check it before it is used"
                if rows
                else f"wrote {path}: no frame could be placed{told}"
            )
