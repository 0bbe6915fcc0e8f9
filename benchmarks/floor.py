"""(b) Combining in one process, beside the floor: one pass that reads the same pixels and swaps their bytes.

Each contender has a process of its own, and they are measured in turn.  ``--against PYTHON`` compares ours with that of
another checkout instead, whose Python that is: run by run, each way of combining in one, then in the other.
"""

import importlib.util
import os
import subprocess
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from astropy.io import fits
from astropy.stats import sigma_clip

from benchmarks.shared import ours as ways
from benchmarks.shared.ours import WAYS, ours, seconds
from benchmarks.shared.rounds import heading, interleave, ratios, spread
from benchmarks.shared.stacks import first, make_stack
from pipeline.errors import ClipWarning

ROOT = Path(__file__).resolve().parents[1]
HEADER = 2880  # bytes: our frames have one block of it
ROWS = 64  # read at a time


def table(scale, folder):
    most = make_stack(folder / "floor", max(scale.counts), scale.size)
    for count in scale.counts:
        stack = first(most, count)
        if scale.against:
            compare_with(scale.against, stack, scale.runs)
        else:
            compare(stack, scale.runs)


def compare_with(python, stack, runs):
    heading(f"(b) {stack.name}, ours and that of {python}; median (range) of {runs} runs in turn")
    with ExitStack() as processes:
        mine, theirs = (processes.enter_context(process(path, stack.paths)) for path in (sys.executable, python))
        jobs = {(who, way): partial(ask, who, way) for way in WAYS for who in (mine, theirs)}
        costs, _ = interleave(jobs, runs + 1, measure=lambda job: job())
        for one in (mine, theirs):
            one.stdin.close()
    print(f"{'':28}{'seconds':>22}{'theirs':>22}{'ours over theirs':>26}")
    for way in WAYS:
        own, other = costs[mine, way][1:], costs[theirs, way][1:]  # the first loads modules
        print(f"{way:28}{spread(own, '.3f'):>22}{spread(other, '.3f'):>22}{spread(ratios(own, other), '.2f'):>26}")


def process(python, paths):
    """Start a process that times ways of combining when asked to, with the package that a Python finds."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if python == sys.executable:
        environment["PYTHONPATH"] = str(ROOT)
    command = [python, "-P", ways.__file__, *map(str, paths)]
    return subprocess.Popen(command, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def ask(one, way):
    print(way, file=one.stdin, flush=True)
    return float(one.stdout.readline())


def compare(stack, runs):
    heading(f"(b) {stack.name}, each in one process, 5 σ; median (range) of {runs}")
    with ExitStack() as pools:
        jobs = {}
        for name in contenders(stack):
            pool = pools.enter_context(ProcessPoolExecutor(1, get_context("spawn")))
            jobs[name] = partial(pool.submit, timed, name, tuple(stack.paths), stack.size)
        costs, _ = interleave(jobs, runs + 1, measure=lambda job: job().result())
    costs = {name: times[1:] for name, times in costs.items()}  # the first loads modules
    print(f"{'':28}{'seconds':>22}{'times the floor':>26}")
    for name, times in costs.items():
        print(f"{name:28}{spread(times, '.3f'):>22}{spread(ratios(times, costs['floor']), '.2f'):>26}")


def timed(name, paths, size):
    """Time one contender, in a process of its own: what another leaves behind in memory is no burden to it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ClipWarning)  # that std rejects nothing from 20 frames
        return seconds(ready(paths, size)[name])


@cache
def ready(paths, size):
    return contenders(SimpleNamespace(paths=paths, size=size))


def contenders(stack):
    peers = {"astropy.stats.sigma_clip": lambda: astropy_mean(stack.paths)}
    if importlib.util.find_spec("ccdproc"):
        peers["ccdproc.Combiner"] = lambda: ccdproc_mean(stack.paths)
    return {
        "floor": floor(stack),
        **ours(stack.paths),
        **peers,
    }


def floor(stack):
    """Read all pixels, some rows at a time, and swap their bytes; files are opened outside the clock."""
    streams = [path.open("rb") for path in stack.paths]
    native = np.empty((ROWS, stack.size), np.int16)
    size = native.nbytes

    def run():
        for start in range(HEADER, HEADER + 2 * stack.size**2, size):
            for stream in streams:
                stream.seek(start)
                np.copyto(native, np.frombuffer(stream.read(size), ">i2").reshape(native.shape))

    return run


def astropy_mean(paths):
    stack = np.stack([fits.getdata(path) for path in paths])
    return np.ma.mean(sigma_clip(stack, sigma=5, maxiters=None, axis=0), axis=0).sum()


def ccdproc_mean(paths):
    import ccdproc

    combiner = ccdproc.Combiner([ccdproc.CCDData.read(path, unit="adu") for path in paths])
    combiner.sigma_clipping(5, 5, func=np.ma.median)
    return combiner.average_combine().data.sum()
