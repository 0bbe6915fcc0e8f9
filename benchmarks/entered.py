"""How many files of the package one call enters: what a reader has to open to follow it.

Run it with the Python of the checkout that is counted, whatever the layout of its folders::

    python benchmarks/entered.py          # three numbers
    python benchmarks/entered.py --list   # and the files

A file counts once a function of it is called; what importing runs does not.  Each call is made twice: the first imports
all that it needs, the second is counted, with the package's caches emptied, so that it goes the way of a first call.
"""

import argparse
import contextlib
import functools
import gc
import importlib
import io
import sys
import tempfile
import threading
import warnings
from pathlib import Path

import numpy as np
from astropy.io import fits

import pipeline

PACKAGE = Path(pipeline.__file__).resolve().parent
SIZE, FRAMES = 256, 10
MODULE = "<module>"
"""What Python calls the code of a module, which runs when it is imported."""

CACHE = type(functools.cache(lambda: None))


def main():
    options = parsed()
    command = imported("pipeline.cli.main", "pipeline.cli").main
    imported("pipeline.simulation.simulate", "pipeline.simulate")
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is said of a small night is not what is counted
        for name, call in calls(Path(folder), command).items():
            files = entered(call)
            print(f"{len(files):4}  {name}")
            if options.list:
                print("".join(f"        {file}\n" for file in files), end="")


def parsed():
    parser = argparse.ArgumentParser(description="How many files of the package one call enters.")
    parser.add_argument("--list", action="store_true", help="name the files")
    return parser.parse_args()


def imported(*names):
    """Import the first of some modules that exists: what the layout of this checkout calls it."""
    for name in names:
        with contextlib.suppress(ModuleNotFoundError):
            return importlib.import_module(name)
    raise SystemExit(f"none of {', '.join(names)} is in {PACKAGE}")


def calls(folder, command):
    """Give the calls that are counted, by what they do; each may be made again and again."""
    paths = bias_frames(folder)
    listed = folder / "bias.csv"
    listed.write_text("".join(f"bias, {path}\n" for path in paths))
    night = simulated_night(folder)
    combine = pipeline.combine  # what finds the public names is no part of the call
    frames = pipeline.FrameSet(pipeline.open_frame(path, kind="bias") for path in paths)
    out = str(folder / "out.fits")
    combining = ["combine", str(listed), "--type", "bias", "-o", out, "--overwrite", "--quiet"]
    reducing = ["reduce", str(night), "-o", out, "--overwrite", "--quiet"]
    return {
        f"combine: {FRAMES} bias files of 16 bits, the default clip": lambda: combine(frames).pixels.values,
        "the command combine: a list of them to FITS": lambda: run(command, combining),
        "the command reduce: bias, dark, flat, light and arc": lambda: run(command, reducing),
    }


def bias_frames(folder):
    """Write bias frames with hits, as 16-bit FITS files."""
    rng = np.random.default_rng(1)
    paths = []
    for number in range(FRAMES):
        values = rng.normal(1000, 5, (SIZE, SIZE))
        values[rng.random(values.shape) < 5e-4] += 500  # some are left out, and what does that is entered too
        paths.append(folder / f"bias_{number}.fits")
        fits.writeto(paths[-1], values.round().astype(np.uint16), fits.Header({"EXPTIME": 0.0}))
    return paths


def simulated_night(folder):
    """Write a small night of every kind of frame; give the path of its list."""
    simulation = imported("pipeline.simulation.simulate", "pipeline.simulate")
    night = simulation.simulate(shape=(64, 128), counts=simulation.Counts(bias=5, dark=5, flat=5, light=3, arc=1))
    return simulation.write_night(night, folder / "night")


def run(command, arguments):
    with contextlib.redirect_stdout(io.StringIO()):
        status = command(arguments)
    if status:
        raise SystemExit(f"{arguments[0]}: exit status {status}")


def entered(call):
    """Tell in which files of the package a second call calls functions, in order of their names."""
    call()
    empty_caches()
    codes = set()

    def note(frame, event, _):
        if event == "call":
            codes.add(frame.f_code)

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    files = {Path(code.co_filename).resolve() for code in codes if code.co_name != MODULE}
    return sorted(str(file.relative_to(PACKAGE)) for file in files if file.is_relative_to(PACKAGE))


def empty_caches():
    """Empty the caches of the package's functions: what they remember, a first call has to find."""
    for found in gc.get_objects():
        if isinstance(found, CACHE) and found.__module__.startswith(pipeline.__name__):
            found.cache_clear()


if __name__ == "__main__":
    main()
