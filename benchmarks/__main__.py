"""The command ``python -m benchmarks [TABLE ...] [options]``; exit status 1: a run failed."""

import argparse
import os
import platform
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import astropy
import numpy as np

from benchmarks import combine, figures, floor, growth, memory, night, peers, rejection, variants
from benchmarks.shared.scale import FULL, SHORT

TABLES = {
    "combine": combine,
    "floor": floor,
    "growth": growth,
    "rejection": rejection,
    "variants": variants,
    "night": night,
    "memory": memory,
    "figures": figures,
}


def main():
    options = parsed()
    scale = SHORT if options.short else FULL
    if options.runs:
        scale = replace(scale, runs=options.runs)
    scale = replace(scale, against=options.against)
    start = time.perf_counter()
    print(
        f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}; "
        f"Python {platform.python_version()}, numpy {np.__version__}, astropy {astropy.__version__}"
    )
    for reason in peers.missing():
        print(f"left out: {reason}")
    failed = []
    for name in options.tables or TABLES:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            if TABLES[name].table(scale, Path(folder)):
                failed.append(name)
    print(f"\n{time.perf_counter() - start:.0f} s in all{'; runs failed in: ' if failed else ''}{', '.join(failed)}")
    return 1 if failed else 0


def parsed():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="What reducing costs and what it finds, measured beside the peers that are installed.",
        epilog="Frames are made in a temporary folder and removed: up to 7 GB for the full memory table.",
    )
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=", ".join(TABLES))
    parser.add_argument("--short", action="store_true", help="smaller and fewer: ends within two minutes")
    parser.add_argument("--runs", type=int, metavar="N", help="runs of each, in turn (default: 5; short: 2)")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="where the frames go (default: the system's)")
    parser.add_argument("--against", metavar="PYTHON", help="floor: that of another checkout, whose package to compare")
    options = parser.parse_args()
    if unknown := set(options.tables) - set(TABLES):
        parser.error(f"no such table: {', '.join(sorted(unknown))}; there are {', '.join(TABLES)}")
    return options


if __name__ == "__main__":
    sys.exit(main())
