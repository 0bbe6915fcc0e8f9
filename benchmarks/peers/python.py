"""Peers that are Python packages: a script of ours in an interpreter of its own."""

import importlib.util
import sys
from pathlib import Path

from benchmarks.shared.process import Job

SCRIPTS = Path(__file__).parents[1] / "scripts"


def missing(package):
    return None if importlib.util.find_spec(package) else f"{package} (a Python package) is not installed"


def script(name, work, *words, inputs=()):
    out = work / "out.fits"
    command = [sys.executable, str(SCRIPTS / name), str(out), *words, *map(str, inputs)]
    return Job(command, work, out)
