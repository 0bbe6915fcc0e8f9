"""What a survey night of 20 TB costs on a thousand workers: bytes and tasks on paper, time by simulation.

Measures, on this machine, what the simulation needs: the processor time for each byte that a task reads, with nights
on one worker and on two (benchmarks/survey.py has the bits), and what a task costs the scheduler.  Then simulates the
scheduler's own rule: a task goes to the worker that can begin it first, once the masters it lacks have been fetched.

A night whose masters serve no other is one task and moves nothing; here all lists share theirs, which is worse.

Assumed: frames of 4096² uint16; 189 detectors, whose masters are of 20 bias, 5 dark and 20 flat frames and serve all
lists of the night; lists of 3 lights; storage of 100 GB/s for all and 1 GB/s for each worker, which also bounds what a
worker fetches from others; processors like this one; nothing fails, and no worker waits for another's disk.

Run ``python benchmarks/scaling.py [--workers 10 100 1000 10000] [--size 768] [--nights 6]``.
"""

import argparse
import tempfile
from pathlib import Path

import attrs
import numpy as np
from survey import reduced, used, write_nights

from pipeline import workers
from pipeline.survey.dask_client import pass_through


@attrs.frozen
class Assumed:
    night: float = 20e12
    pixels: int = 4096**2
    detectors: int = 189
    calibrations: int = 45
    lights: int = 3
    storage: float = 100e9
    link: float = 1e9
    masters: int = 14 + 18 + 22  # bytes of a pixel: values, flags, variance, and the errors shared with each other
    product: int = 11  # values, mask, uncertainty and flags

    @property
    def frame(self):
        return 2 * self.pixels

    @property
    def lists(self):
        """Lists of a detector: the night's bytes that are no calibrations."""
        return round((self.night / self.detectors / self.frame - self.calibrations) / self.lights)


def measured(nights, size):
    """Give the processor seconds for each byte read, for 1 and 2 workers, and the scheduler's seconds for a task."""
    found = {}
    with tempfile.TemporaryDirectory() as name:
        lists = write_nights(Path(name) / "nights", nights, size)
        read = sum(path.stat().st_size for path in Path(name).rglob("raw/*.fits"))
        for count in (1, 2):
            with workers(count) as client:
                reduced(lists[:2], Path(name) / f"warm{count}", client=client)
                before = client.run(used)
                seconds, _ = reduced(lists, Path(name) / f"on{count}", client=client)
                processor = sum(client.run(used).values()) - sum(before.values())
                found[count] = seconds, processor / read
                if count == 2:
                    start = used()
                    client.gather([client.submit(pass_through, n, pure=False) for n in range(2000)])
                    scheduler = (used() - start) / 2000
    return found, scheduler


def simulated(assumed, count, per_byte, per_task):
    """Give the seconds until the last product is there, and the bytes of masters moved.

    The masters of a detector are a chain of three tasks; the lists of all detectors then come in turn.
    """
    free = np.zeros(count)
    masters = assumed.detectors
    speed = min(assumed.link, assumed.storage / count)
    holds = np.zeros((masters, count), bool)
    size = assumed.masters * assumed.pixels
    ready, moved = np.zeros(masters), 0.0
    scheduler = masters * assumed.lists * per_task  # every list is planned before anything is made
    for detector in range(masters):
        scheduler += 3 * per_task
        worker = int(free.argmin())
        read = assumed.calibrations * assumed.frame
        free[worker] = max(free[worker], scheduler) + read * (per_byte + 1 / speed)
        ready[detector] = free[worker]
        holds[detector, worker] = True
    work = assumed.lights * assumed.frame * (per_byte + 1 / speed) + assumed.product * assumed.pixels / speed
    for _ in range(assumed.lists):
        for detector in range(masters):
            scheduler += per_task
            begin = np.maximum(np.maximum(free, scheduler), ready[detector])
            begin += np.where(holds[detector], 0.0, size / assumed.link)
            worker = int(begin.argmin())
            moved += 0 if holds[detector, worker] else size
            holds[detector, worker] = True
            free[worker] = begin[worker] + work
    return free.max(), moved, scheduler


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, nargs="+", default=[10, 100, 1000, 10000])
    parser.add_argument("--size", type=int, default=768)
    parser.add_argument("--nights", type=int, default=6)
    options = parser.parse_args()
    found, per_task = measured(options.nights, options.size)
    (one, per_byte), (two, per_byte_of_two) = found[1], found[2]
    print(
        f"measured: {1e9 * per_byte:.1f} s of a processor for each GB read, on two workers {1e9 * per_byte_of_two:.1f};"
    )
    print(
        f"  wall time on two workers {two / one:.2f} of that on one; a task costs the scheduler {1e3 * per_task:.2f} ms"
    )
    assumed = Assumed()
    products = assumed.detectors * assumed.lists
    written = assumed.product * assumed.pixels * products
    print(f"on paper: {3 * assumed.detectors + 2 * products} tasks: each master, each list's plan and product;")
    print(f"  every raw byte is read once, {assumed.night / 1e12:.0f} TB, and {written / 1e12:.1f} TB are written")
    print("workers    hours  processors  storage  scheduler  masters moved   of the tightest bound")
    for count in options.workers:
        seconds, moved, scheduler = simulated(assumed, count, per_byte, per_task)
        processors = assumed.night * per_byte / count
        storage = (assumed.night + written) / min(count * assumed.link, assumed.storage)
        hours = " ".join(f"{bound / 3600:10.2f}" for bound in (processors, storage, scheduler))
        share = max(processors, storage, scheduler) / seconds
        print(f"{count:7} {seconds / 3600:8.2f} {hours} {moved / 1e12:11.2f} TB {share:13.0%}")


if __name__ == "__main__":
    main()
