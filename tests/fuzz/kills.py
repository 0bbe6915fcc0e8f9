"""Kill reductions that overwrite a product and its arc, at random moments: ``python -m tests.fuzz.kills --times 200``.

Two nights are reduced into the same files by turns, each by a process of its own that is killed (SIGKILL) in the
second half of the time that it takes.  After each kill every file must be whole: that of one night or of the other.
After one more run there must be no other file, hidden ones counted.  With ``--interrupt`` it is Ctrl-C (SIGINT)
instead: then the status is 130 and nothing is left at any time.
"""

import argparse
import hashlib
import os
import random
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
from astropy.io import fits

from pipeline.cli.main import main as command
from pipeline.cli.main import parsed

FILES = ("out.fits", "out_arc.fits", "out.json")
SHAPE = (120, 160)


def write_nights(folder: Path) -> None:
    """Write two nights whose pixels differ everywhere."""
    rng = np.random.default_rng(1)
    for name, level in (("old", 500), ("new", 900)):
        rows = []
        for kind, mean in (("bias", 100), ("flat", 3000), ("light", level), ("arc", level)):
            for number in (1, 2):
                path = folder / "raw" / f"{name}_{kind}{number}.fits"
                path.parent.mkdir(exist_ok=True)
                fits.writeto(path, rng.poisson(mean, SHAPE).astype(np.uint16), fits.Header({"EXPTIME": 10.0}))
                rows.append(f"{kind}, raw/{path.name}")
        (folder / f"{name}.csv").write_text("\n".join(rows))


def arguments(night: str) -> list[str]:
    return ["reduce", f"{night}.csv", "-o", "products/out.fits", "--overwrite", "--record", "--quiet"]


def start(night: str) -> int:
    """Reduce a night in a child process, which has imported everything already; give its number."""
    child = os.fork()
    if not child:
        status = 70
        try:
            warnings.simplefilter("ignore")
            signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background hears none
            status = command(arguments(night))
        finally:
            os._exit(status)
    return child


def seconds_of(night: str) -> float:
    """Reduce a night to its end; give how long that took."""
    began = time.monotonic()
    assert os.waitpid(start(night), 0)[1] == 0
    return time.monotonic() - began


def content(path: Path) -> str:
    """Tell what a file holds, after seeing that it is whole; but for the time at which it was written."""
    if path.suffix == ".json":
        return hashlib.sha256(path.read_bytes()).hexdigest()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with fits.open(path, checksum=True) as hdus:
            hdus.verify("exception")
            planes = [np.ascontiguousarray(hdu.data).tobytes() for hdu in hdus]
            if [hdu.name for hdu in hdus] != ["PRIMARY", "MASK", "UNCERT", "FLAGS"]:
                raise OSError(f"{path}: HDUs are missing")
    return hashlib.sha256(b"".join(planes)).hexdigest()


def contents(folder: Path) -> tuple[str, ...]:
    return tuple(content(folder / name) for name in FILES)


def run(times: int, seed: int, folder: Path, interrupt: bool = False) -> dict[str, int]:
    """Kill so many times; give how often what was found.

    :raises AssertionError: a file was neither old nor new, or something was left behind.
    """
    parsed(arguments("new"))  # which imports everything: children have it, and begin to reduce at once
    rng = random.Random(seed)
    os.chdir(folder)
    write_nights(folder)
    products = folder / "products"
    products.mkdir()
    known, seconds = {}, []
    for night in ("new", "old", "new", "old"):
        seconds.append(seconds_of(night))
        known[night] = contents(products)
    found: Counter = Counter()
    before = known["old"]
    for number in range(times):
        night = ("new", "old")[number % 2]
        if number % 10 == 9:  # a machine may be more or less busy than it was
            seconds = [*seconds[1:], seconds_of("new")]
            before = known["new"]
        child = start(night)
        time.sleep(rng.uniform(0.5, 1.2) * sorted(seconds)[1])
        os.kill(child, signal.SIGINT if interrupt else signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
        ended = status == 0
        assert ended or not interrupt or os.waitstatus_to_exitcode(status) == 130, f"kill {number}: {status}"
        now = contents(products)
        for name, one, old, new in zip(FILES, now, known["old"], known["new"], strict=True):
            assert one in (old, new), f"kill {number}: {name} is neither old nor new"
        found["done before the kill" if ended else "killed"] += 1
        left = len(list(products.iterdir())) > len(FILES)
        assert not left or not interrupt, f"kill {number}: a draft was left"
        found["left a draft"] += left
        found["of one night" if now in known.values() else "of both nights, each whole"] += 1
        found["changed"] += now != before
        before = now
    assert os.waitpid(start("old"), 0)[1] == 0
    assert contents(products) == known["old"]
    assert sorted(path.name for path in products.iterdir()) == sorted(FILES)
    return dict(found)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.kills", description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--interrupt", action="store_true", help="by Ctrl-C instead")
    parser.add_argument("--folder", type=Path, help="where; by default where temporary files are")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        found = run(options.times, options.seed, Path(folder), options.interrupt)
    print(f"{options.times} times all files whole; {', '.join(f'{count} {what}' for what, count in found.items())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
