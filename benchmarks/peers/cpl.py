"""The Common Pipeline Library of ESO: its shared library called from a small interpreter; its median knows no clip."""

import ctypes.util
import sys
from functools import partial

from benchmarks.peers.python import SCRIPTS
from benchmarks.shared.process import Job


def missing():
    return (
        None if ctypes.util.find_library("cplcore") else "the library cplcore (Debian: libcplcore26) is not installed"
    )


def combine(stack, work, method="mean"):
    out = work / "out.fits"
    library = ctypes.util.find_library("cplcore")
    script = [sys.executable, "-I", "-S", str(SCRIPTS / "cpl_combine.py")]
    return Job([*script, library, str(out), method, *map(str, stack.paths)], work, out)


def combining(method):
    name = "ESO CPL, no clip" if method == "median" else "ESO CPL"
    return {name: partial(combine, method=method)}


def rules():
    return {"ESO CPL, sigclip": combine}
