"""FITSH: ficombine.  The variance that version 0.9.4 clips by is never positive, so it rejects nothing."""

import shutil
from functools import partial

from benchmarks.shared.process import Job

MODES = {"mean": "rejmean", "median": "rejmed"}


def missing():
    return None if shutil.which("ficombine") else "ficombine (Debian: fitsh) is not installed"


def combine(stack, work, method="mean"):
    out = work / "out.fits"
    mode = f"{MODES[method]},sigma=5,iterations=10"
    return Job(["ficombine", *map(str, stack.paths), "-m", mode, "-b", "-32", "-o", str(out)], work, out)


def combining(method):
    return {"fitsh ficombine": partial(combine, method=method)}


def rules():
    return {"fitsh, rejmean": combine}
