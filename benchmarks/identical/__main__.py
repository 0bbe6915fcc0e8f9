"""The command ``python -m benchmarks.identical --parent SIDE [--this SIDE]``; exit status 1: something differs."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from benchmarks.identical.checkouts import ROOT, CheckoutError, python_of
from benchmarks.identical.compare import differences
from benchmarks.shared.rounds import note

SIDE = Path(__file__).with_name("side.py")
FATES = ("identical", "different", "different as expected", "failed", "left out")

SHOWN = 4
"""So many differences of a case are shown, unless all are asked for."""

SETTLED = {"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "COLUMNS": "120"}
"""What both sides are to have the same: the order of sets, threads of others, the width of help."""


class SideError(Exception):
    """A side did not come to its end."""


def main():
    options = parsed()
    try:
        with tempfile.TemporaryDirectory(prefix="identical-") as folder:
            return listed(options, folder) if options.list else judged(options, Path(folder))
    except (CheckoutError, SideError) as error:
        print(f"benchmarks.identical: {error}", file=sys.stderr)
        return 2


def parsed():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.identical",
        description="Whether two checkouts give the same bits: each side runs the same cases, by a Python of its own.",
        epilog="A SIDE is the Python of an environment in which a checkout is installed, or a commit, for which one is "
        "made in a temporary folder (with --folder, in one that stays, and serves again).",
    )
    parser.add_argument("--parent", metavar="SIDE", help="the side that is right; needed but for --list")
    parser.add_argument("--this", metavar="SIDE", default=sys.executable, help="the other (default: this Python)")
    parser.add_argument(
        "--only", metavar="TEXT", action="append", default=[], help="cases with it in their names; again: and it"
    )
    parser.add_argument("--every", metavar="N", type=int, default=1, help="every Nth case: less, and sooner")
    parser.add_argument("--list", action="store_true", help="name the cases, and run none")
    parser.add_argument("--all", action="store_true", help=f"show all that differs in a case, and not {SHOWN} of it")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="where environments of commits stay")
    parser.add_argument(
        "--data", type=Path, metavar="DIR", default=ROOT.parent / "shared" / "data",
        help="real frames (default: ../shared/data, beside the checkout)",
    )  # fmt: skip
    options = parser.parse_args()
    if not (options.parent or options.list):
        parser.error("--parent: which side is right?")
    return options


def listed(options, folder):
    """Name the cases."""
    python = python_of(options.this, options.folder or Path(folder))
    return subprocess.run([python, *words_for(options, folder), "--list"], env=environment(), check=False).returncode


def judged(options, folder):
    """Run both sides and say what differs; give the exit status."""
    start = time.perf_counter()
    pythons = [python_of(side, options.folder or folder) for side in (options.parent, options.this)]
    folders = [folder / name for name in ("parent", "this")]
    indices = run(pythons, folders, options)
    for home, index in zip(folders, indices, strict=True):
        print(f"{home.name + ':':8}{index['package']}")
    counts = Counter()
    for number, pair in enumerate(zip(*(index["cases"] for index in indices), strict=True)):
        fate, words = judge(number, pair, folders, None if options.all else SHOWN)
        counts[fate] += 1
        if words:
            print(f"{fate.upper():10} {pair[0]['name']}: {words}")
    told = ", ".join(f"{counts[fate]} {fate}" for fate in FATES if counts[fate])
    print(f"{sum(counts.values())} combinations: {told or 'none'}; {time.perf_counter() - start:.0f} s")
    return 0 if counts["identical"] and not counts["different"] and not counts["failed"] else 1


def run(pythons, folders, options):
    """Run the cases on both sides at once; give what each tells of its own."""
    running = []
    for python, home in zip(pythons, folders, strict=True):
        home.mkdir()
        command = [python, *words_for(options, home)]
        log = (home / "log.txt").open("w")
        running.append(subprocess.Popen(command, env=environment(), cwd=home, stdout=log, stderr=log))
    try:
        while any(one.poll() is None for one in running):
            done = [len((home / "log.txt").read_text().splitlines()) for home in folders]
            note(f"cases done: {done[0]} of the parent, {done[1]} of this")
            time.sleep(0.2)
        note("")
    finally:
        for one in running:
            one.kill()
            one.wait()
    for one, home in zip(running, folders, strict=True):
        if one.returncode:
            said = (home / "log.txt").read_text().strip().splitlines()
            raise SideError(f"the side {home.name} ended with {one.returncode}:\n" + "\n".join(said[-20:]))
    return [json.loads((home / "index.json").read_text()) for home in folders]


def words_for(options, home):
    """Give the command line of a side behind its Python."""
    only = [word for text in options.only for word in ("--only", text)]
    return [str(SIDE), str(home), str(options.data.resolve()), "--every", str(options.every), *only]


def environment():
    """Give what a side's process finds: no modules but those of its own environment."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | SETTLED


def judge(number, pair, folders, shown):
    """Compare what two sides tell of a case; give its fate and what there is to say."""
    if reasons := {case["left_out"] for case in pair if "left_out" in case}:
        return "left out", "; ".join(sorted(reasons))
    for case, home in zip(pair, folders, strict=True):
        if failed := case.get("failed"):
            return "failed", f"on the side {home.name}: {failed.strip().splitlines()[-1]}"
    every = differences(pair[0]["name"], *(given(number, *side) for side in zip(pair, folders, strict=True)))
    if not every:
        return "identical", ""
    meant = all(reason for *_, reason in every)
    words = [f"{key or 'result'} {what}" for key, what, _ in every[:shown]]
    words += [f"and {len(every) - len(words)} more"] if len(every) > len(words) else []
    words += sorted({f"expected: {reason}" for *_, reason in every if reason})
    return "different as expected" if meant else "different", "; ".join(words)


def given(number, case, home):
    """Read what a side gave: arrays and texts by name."""
    with np.load(home / f"{number}.npz") as arrays:
        return {name: arrays[f"array{i}"] for i, name in enumerate(case["arrays"])}, case["texts"]


if __name__ == "__main__":
    sys.exit(main())
