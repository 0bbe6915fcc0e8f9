"""Fuzz for a while: ``python -m tests.fuzz --minutes 10``.

Each target is fed mutated files in turn.  A finding is whatever is neither our own error nor our own warning, and what
takes more than 10 s of work; memory is limited.  Each is told once, with its input kept in a file, and repeated by
``python -m tests.fuzz --again FILE``.
"""

import argparse
import random
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

from .mutation import drawn, mutated, noise
from .targets import Target, targets

SECONDS = 10
MEMORY = 2 * 2**30


class Hang(BaseException):
    """A target took too long; no Exception, so that nothing takes it for a broken file."""


CLOCKS = (
    ((signal.ITIMER_PROF, signal.SIGPROF, SECONDS), (signal.ITIMER_REAL, signal.SIGALRM, 6 * SECONDS))
    if hasattr(signal, "setitimer")
    else ()
)
"""Seconds of work, however busy the machine is; and of waiting for what does not come; Windows has none."""


def guarded(target: Target, data: bytes, folder: Path) -> None:
    """Run a target, no longer than some seconds."""

    def stop(number: int, _: object) -> None:
        raise Hang(signal.Signals(number).name)

    before = [signal.signal(number, stop) for _, number, _ in CLOCKS]
    try:
        for clock, _, seconds in CLOCKS:
            signal.setitimer(clock, seconds)
        target.run(data, folder)
    finally:
        for (clock, number, _), handler in zip(CLOCKS, before, strict=True):
            signal.setitimer(clock, 0)
            signal.signal(number, handler)


def made(target: Target, rng: random.Random) -> bytes:
    """Make an input: nearly always a mutated seed."""
    if rng.random() < 0.02:
        return noise(rng)
    seed = rng.choice(target.seeds)
    data = target.pack(mutated(seed, drawn(rng)))
    return mutated(data, drawn(rng)) if target.pack is not bytes and rng.random() < 0.2 else data


def place_of(error: BaseException) -> str:
    """Name a finding by what was raised and where, so that it is told once."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames if "fuzz" not in frame.filename]
    return f"{type(error).__name__} at {' < '.join(reversed(lines[-4:]))}"


def fuzz(chosen: dict[str, Target], until: float, seed: int, keep: Path, folder: Path) -> tuple[Counter, dict]:
    """Feed the targets until a time; give executions by target, and findings by name."""
    rng = random.Random(seed)
    runs: Counter = Counter()
    found: dict[str, Path] = {}
    while time.monotonic() < until:
        for name, target in (pair for pair in chosen.items() for _ in range(pair[1].often)):
            data = made(target, rng)
            runs[name] += 1
            try:
                guarded(target, data, folder)
            except (Exception, Hang) as error:  # noqa: BLE001 - whatever it is, it is a finding
                place = f"{name}: {place_of(error)}"
                if place not in found:
                    found[place] = keep / f"{name}-{len(list(keep.iterdir()))}"
                    found[place].write_bytes(data)
                    print(f"{place}\n  {error!r:.300}\n  input kept in {found[place]}", flush=True)
    return runs, found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=None, help="default: another one each time")
    parser.add_argument("--only", nargs="+", default=None, metavar="TARGET")
    parser.add_argument("--again", type=Path, metavar="FILE", help="repeat a finding, named TARGET-NUMBER")
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir(), "ccd-pipeline-fuzz"), metavar="DIR")
    options = parser.parse_args()
    import resource  # which Windows has not

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    options.keep.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ccd-pipeline-fuzz-") as name:
        folder = Path(name)
        every = targets(folder)
        if options.again:
            guarded(every[options.again.name.partition("-")[0]], options.again.read_bytes(), folder)
            return 0
        seed = options.seed if options.seed is not None else random.SystemRandom().getrandbits(32)
        chosen = {name: every[name] for name in options.only or every}
        print(f"seed {seed}; {', '.join(chosen)}", flush=True)
        runs, found = fuzz(chosen, time.monotonic() + 60 * options.minutes, seed, options.keep, folder)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    counts = ", ".join(f"{count} {name}" for name, count in runs.items())
    print(
        f"{sum(runs.values())} executions in {options.minutes:g} minutes ({counts}); {len(found)} findings; {peak} MB"
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
