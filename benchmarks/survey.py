"""Many nights on two workers: time, bits, traffic, and what it takes to stop them.

Writes simulated nights, pairs of which share their biases, and then

- reduces them here with one thread and on worker processes, in turn, and compares times and every bit;
- counts what went between processes, beside the sizes of products and raw frames: bytes by the workers' own logs,
  transfers by the scheduler's counters, which know no bytes;
- gives them a night that cannot be read, and one whose light kills whoever opens it: no other may be lost;
- kills a worker in the middle: every product must still be right;
- kills the command in the middle and starts it again: it must make what is missing, and nothing else.

Run ``python benchmarks/survey.py [--nights 40] [--size 512] [--workers 2] [--runs 2]``; it ends with an error where
anything is not as it must be.
"""

import argparse
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from distributed import WorkerPlugin

import pipeline.survey.dask_tasks
from pipeline import Survey, reduce_many, running, workers
from pipeline.simulation.simulate import Counts, simulate, write_night

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from small_nights import borrow_biases, contents


def write_nights(folder, count, size):
    counts = Counts(bias=5, dark=3, flat=5, light=3, arc=1)
    lists = [
        write_night(simulate(seed=n, shape=(size, size), counts=counts), folder / f"n{n:03d}") for n in range(count)
    ]
    for lender, borrower in zip(lists[::2], lists[1::2], strict=False):
        borrow_biases(lender, borrower)
    return lists


def used():
    """Give the seconds of processor time that this process and its children that ended have used."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def reduced(lists, folder, **how):
    start, before = time.perf_counter(), used()
    outcomes = reduce_many(lists, Survey(output_dir=folder), **how)
    assert not any(outcome.errors for outcome in outcomes), outcomes
    return time.perf_counter() - start, used() - before


def in_turn(lists, folder, options):
    """Reduce here and there in turn; give the wall times."""
    here, there, traffic = [], [], []
    for run in range(options.runs):
        with running(threads=1):
            seconds, processor = reduced(lists, folder / f"here{run}")
        here.append(seconds)
        print(f"one thread here: {seconds:.1f} s, of which the processor worked {processor / seconds:.0%}")
        with workers(options.workers) as client:
            before = client.run(used)
            seconds, driver = reduced(lists, folder / f"there{run}", client=client)
            there.append(seconds)
            worked = [after - before[worker] for worker, after in client.run(used).items()]
            traffic.append(sum(client.run(sent).values()))
            told = client.scheduler_info(n_workers=-1)["workers"].values()
            counted = sum(worker["metrics"]["transfer"]["incoming_count_total"] for worker in told)
            print(f"transfers from worker to worker by the scheduler's counters, a second old: {counted}")
        print(f"{options.workers} workers: {seconds:.1f} s, {seconds / here[-1]:.2f} of that")
        words = " + ".join(f"{one:.1f}" for one in worked)
        share = (sum(worked) + driver) / options.workers / processor
        print(
            f"processor time: {processor:.1f} s here, {words} s on workers, {driver:.1f} s for driver and scheduler; "
            f"so with as many cores to themselves at best {share:.2f}"
        )
    return here, there, traffic[-1]


def sent(dask_worker):
    """Give the bytes that a worker has sent, to another or to the driver, by its own log of transfers."""
    return sum(entry["total"] for entry in dask_worker.transfer_outgoing_log)


def kill_a_worker(lists, folder, options):
    """Kill a worker when a quarter of the nights are done."""
    with workers(options.workers) as client:
        pids = list(client.run(os.getpid).values())
        killed = []

        def kill(_outcome, finished, nights):
            if not killed and finished >= nights // 4:
                os.kill(pids[0], signal.SIGKILL)
                killed.append(finished)

        reduced(lists, folder, client=client, on_finished=kill)
    print(f"a worker killed after {killed[0]} of {len(lists)} nights: no night was lost")


class Poison(WorkerPlugin):
    """Kill a worker that begins a night."""

    def __init__(self, folder):
        self.folder = str(folder)

    def setup(self, worker):  # noqa: ARG002 - Dask gives it by name
        run_own_tasks = pipeline.survey.dask_tasks.run_own_tasks

        def or_die(night, *others):
            if any(known.input.path.startswith(self.folder) for task in night.tasks for known in task.frames):
                os.kill(os.getpid(), signal.SIGKILL)
            return run_own_tasks(night, *others)

        pipeline.survey.dask_tasks.run_own_tasks = or_die


def bad_nights(lists, folder, options):
    """Spoil the first night's list and poison the last but one's frames; give the products that must not be there."""
    spoilt = lists[0].with_name("spoilt.csv")
    spoilt.write_text(lists[0].read_text() + "light, raw/none.fits\n")
    lists, poisoned = [spoilt, *lists[1:]], lists[-2].parent
    with workers(options.workers) as client:
        client.register_plugin(Poison(poisoned / "raw" / "light"))
        outcomes = reduce_many(lists, Survey(output_dir=folder), client=client)
    bad = {outcome.filelist.parent.name: str(outcome.errors[0]) for outcome in outcomes if outcome.errors}
    assert sorted(bad) == sorted([spoilt.parent.name, poisoned.name]), bad
    assert "every worker that tried it died" in bad[poisoned.name]
    print(f"one list that cannot be read, one night that kills its workers: {len(lists) - 2} others made")
    return bad


def kill_the_driver(lists, folder, options):
    """Kill the command when a quarter of the products are there, and start it again."""
    command = [sys.executable, "-m", "pipeline", "reduce", *map(str, lists), "--output-dir", str(folder)]
    command += ["--workers", str(options.workers)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as driver:
        while len(list(folder.rglob("[!.]*.fits"))) < len(lists) // 2 and driver.poll() is None:
            time.sleep(0.05)
        assert driver.poll() is None, "the command ended before it could be killed"
        driver.send_signal(signal.SIGKILL)
    time.sleep(3)  # its workers see that it is gone, and go
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("[!.]*.fits")}
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    written, there = map(int, re.search(r"(\d+) products written, (\d+) done already", again.stdout).groups())
    assert there == len(before), (there, len(before))
    assert written + there == 2 * len(lists)
    assert all(path.stat().st_mtime_ns == then for path, then in before.items())
    left = list(folder.rglob(".*"))
    print(f"the command killed with {there} products done, and started again: {written} made, none of them twice")
    print(f"files left over by the dead processes: {len(left)}")


def size(folder, pattern):
    return sum(path.stat().st_size for path in folder.rglob(pattern))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nights", type=int, default=40)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--runs", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lists = write_nights(folder / "nights", options.nights, options.size)
        here, there, traffic = in_turn(lists, folder, options)
        expected = contents(folder / "here0")
        assert len(expected) == 2 * options.nights
        assert contents(folder / "there0") == expected
        ratio = statistics.median(there) / statistics.median(here)
        print(f"all {len(expected)} products the same to the bit; wall time {ratio:.2f} of that with one thread")
        nights = options.nights
        raw, products = size(folder / "nights", "raw/*.fits"), size(folder / "here0", "[!.]*.fits")
        print(
            f"a night: {raw / nights / 1e6:.2f} MB raw, {products / nights / 1e6:.2f} MB of products, "
            f"{traffic / nights / 1e6:.2f} MB sent by workers: {traffic / products:.2f} of the products, "
            f"{traffic / raw:.2f} of the raw frames"
        )
        kill_a_worker(lists, folder / "worker", options)
        assert contents(folder / "worker") == expected
        bad = bad_nights(lists, folder / "bad", options)
        assert contents(folder / "bad") == {
            name: one for name, one in expected.items() if Path(name).parts[0] not in bad
        }
        kill_the_driver(lists, folder / "driver", options)
        assert contents(folder / "driver") == expected
        print("after each: all products the same to the bit")


if __name__ == "__main__":
    main()
