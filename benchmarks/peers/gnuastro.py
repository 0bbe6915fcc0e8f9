"""GNU Astronomy Utilities: astarithmetic, clipping until σ changes by less than a thousandth."""

import shutil
from functools import partial

from benchmarks.shared.process import Job


def missing():
    return None if shutil.which("astarithmetic") else "astarithmetic (Debian: gnuastro) is not installed"


def combine(stack, work, method="mean"):
    out = work / "out.fits"
    operands = [*map(str, stack.paths), str(len(stack.paths)), "5", "0.001", f"sigclip-{method}"]
    return Job(["astarithmetic", *operands, "--globalhdu=0", "--quiet", f"--output={out}"], work, out)


def combining(method):
    name = "gnuastro, whole ADU" if method == "median" else "gnuastro"  # its median of integers is an integer
    return {name: partial(combine, method=method)}


def rules():
    return {"gnuastro, sigclip": combine}
