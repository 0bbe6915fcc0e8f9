"""One side: ``PYTHON side.py OUTPUT DATA [--only TEXT ...] [--list]`` runs the cases with that Python's package."""

import argparse
import json
import os
import shutil
import sys
import time
import traceback
import warnings
from importlib.util import find_spec
from pathlib import Path

ROOT = str(Path(__file__).resolve().parents[2])
sys.path[0] = ROOT
import benchmarks  # noqa: E402, F401 - the cases are those of this checkout, and the package is that of this Python

sys.path.remove(ROOT)

import numpy as np  # noqa: E402

import pipeline  # noqa: E402
from benchmarks.identical.case import LeftOutError  # noqa: E402
from benchmarks.identical.cases import every_case  # noqa: E402
from benchmarks.identical.described import described  # noqa: E402
from benchmarks.identical.tolerance import module  # noqa: E402

INDEX = "index.json"


def main():
    options = parsed()
    named = [case for case in every_case(options.data) if all(text in case.name for text in options.only)]
    wanted = named[:: options.every]
    if options.list:
        print("\n".join(case.name for case in wanted))
        return
    work = options.output / "work"
    told = []
    for number, case in enumerate(wanted):
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        os.chdir(work)
        start = time.perf_counter()
        arrays, texts, fate = ran(case, str(options.output))
        seconds = time.perf_counter() - start
        np.savez(options.output / f"{number}.npz", **{f"array{i}": array for i, array in enumerate(arrays.values())})
        told.append({"name": case.name, "arrays": list(arrays), "texts": texts, "seconds": seconds, **fate})
        print(case.name, flush=True)
    index = {"package": str(Path(pipeline.__file__).parent), "cases": told}
    (options.output / INDEX).write_text(json.dumps(index))


def parsed():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--list", action="store_true")
    return parser.parse_args()


def ran(case, folder):
    """Run a case: give its arrays and texts by name, and what became of it."""
    missing = [name for name in case.needs if find_spec(name) is None]
    if missing:
        return {}, {}, {"left_out": f"{', '.join(missing)} is not installed"}
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            found, fate = result(case)
        except LeftOutError as reason:
            return {}, {}, {"left_out": str(reason)}
    arrays = {key: value for key, value in found if isinstance(value, np.ndarray)}
    texts = {key: value.replace(folder, "") for key, value in found if key not in arrays}
    notes = sorted({f"{type(one.message).__name__}: {one.message}".replace(folder, "") for one in said})
    return arrays, texts | {"warnings": "\n".join(notes)}, fate


def result(case):
    """Give what a case gives, or the error that it ends in: a failure, unless it is to be refused."""
    fate = {}
    try:
        found = list(described(case.run(), ""))
        if case.refused:
            fate = {"failed": "it was to be refused, and was not"}
    except LeftOutError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told, and compared
        found = [("error", f"{type(error).__name__}: {error}")]
        if not (case.refused and isinstance(error, module("errors").PipelineError)):
            fate = {"failed": traceback.format_exc()}
    return found, fate


if __name__ == "__main__":
    main()
