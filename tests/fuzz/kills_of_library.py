"""Kill writers of a library of masters at random moments: ``python -m tests.fuzz.kills_of_library --times 200``.

A process adds masters, of two setups and many nights, one after another, until it is killed (SIGKILL); the next one
begins anew.  After each kill every file must be whole, the index must say what the files say, and what was in the
library before must be in it still.  After one more run all masters are in it, and no draft is left.
"""

import argparse
import os
import random
import signal
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from astropy.io import fits

from pipeline import MasterLibrary
from pipeline.library.master_library import file_key

SHAPE = (400, 500)


def write_masters(folder: Path, number: int) -> list[Path]:
    """Write masters whose pixels differ everywhere."""
    rng = np.random.default_rng(1)
    paths = [folder / f"{n:02d}.fits" for n in range(number)]
    for n, path in enumerate(paths):
        told = {"IMAGETYP": ("bias", "dark")[n % 2], "EXPTIME": 60.0 * (n % 2), "NCOMBINE": 5}
        header = fits.Header(told | {"DATE-OBS": f"2021-03-{1 + n:02d}T20:00:00"})
        fits.writeto(path, rng.normal(100, 5, SHAPE).astype(np.float32), header, overwrite=True)
    return paths


def start(library: MasterLibrary, paths: list[Path]) -> int:
    """Add masters in a child process, which has imported everything already; give its number."""
    child = os.fork()
    if not child:
        status = 70
        try:
            warnings.simplefilter("ignore")
            for path in paths:
                library.add(path)
            status = 0
        finally:
            os._exit(status)
    return child


def check(library: MasterLibrary, before: set[str]) -> set[str]:
    """See that the library is good; give the names of what is in it.

    :raises AssertionError: it is not.
    """
    masters = library.masters
    names = {one.file for one in masters}
    assert before <= names, f"lost: {before - names}"
    assert names == {path.name for path in library.folder.glob("[!.]*.fits")}
    for one in masters:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert file_key(library.folder / one.file, one.kind) == one.key, f"{one.file}: is not whole"
    library.rebuild()
    assert library.masters == masters, "the index made anew is another"
    return names


def run(times: int, seed: int, folder: Path, number: int = 20) -> int:
    """Kill so many times; give how often a draft was found that the killed one had left."""
    rng, names, drafts = random.Random(seed), set[str](), 0
    paths = write_masters(folder, number)
    library = MasterLibrary(folder / "library")
    began = time.monotonic()
    os.waitpid(start(library, paths), 0)
    seconds = time.monotonic() - began
    for _ in range(times):
        if len(names) == number:  # it is full: begin anew
            library.remove(library.masters)
            names = set()
        child = start(library, rng.sample(paths, number))
        time.sleep(rng.uniform(0, seconds / 2))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        drafts += bool(list(library.folder.glob(".*")))
        names = check(library, names)
    assert os.waitpid(start(library, paths), 0)[1] == 0
    library.add(write_masters(folder, number + 1)[-1])
    assert len(check(library, names)) == number + 1
    assert not list(library.folder.glob(".*")), "a draft was left"
    return drafts


def main() -> None:
    parser = argparse.ArgumentParser(description="Kill writers of a library of masters at random moments.")
    parser.add_argument("--times", type=int, default=200, metavar="N", help="default: 200")
    parser.add_argument("--seed", type=int, default=1, help="other moments for every number (default: 1)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        drafts = run(options.times, options.seed, Path(folder))
    print(f"{options.times} kills, {drafts} with a draft left, later removed: the library was good after each")


if __name__ == "__main__":
    main()
