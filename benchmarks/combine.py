"""(a) Combining, whole processes: ours and the peers on the same frames, and whether their results agree."""

import statistics
from functools import partial

import numpy as np

from benchmarks import peers
from benchmarks.shared.process import image
from benchmarks.shared.rounds import heading, interleave, ratios, spread
from benchmarks.shared.stacks import first, make_stack

TOLERANCE = 0.01  # ADU
MEBIBYTE = 2**20


def table(scale, folder):
    most = make_stack(folder / "combine", max(scale.counts), scale.size)
    for method in ("mean", "median"):
        for count in scale.counts:
            compare(first(most, count), method, scale.runs, folder / f"combine_{method}_{count}")


def compare(stack, method, runs, work):
    heading(f"(a) {method} of {stack.name}, 5 σ, whole processes; median (range) of {runs}")
    jobs = peers.jobs(peers.combining(method), stack, work)
    costs, failed = interleave(jobs, runs)
    widths = "{:26}{:>20}{:>20}{:>9}{:>24}{:>10}{:>11}"
    print(widths.format("", "CPU s", "wall s", "peak MB", "CPU, times ours", "differs", "hits kept"))
    agree = partial(agreement, stack, method)
    for name, usage in costs.items():
        cpu = [run.cpu for run in usage]
        times = ratios(cpu, [run.cpu for run in costs["ours"]])
        peak = statistics.median(run.peak for run in usage) / MEBIBYTE
        wall = spread((run.wall for run in usage), ".2f")
        print(widths.format(name, spread(cpu, ".2f"), wall, f"{peak:.0f}", spread(times, ".2f"), *agree(jobs[name])))
    for name, reason in failed.items():
        print(f"{name}: failed: {reason}")
    print(
        f"differs: of the pixels no hit touches, the share further than {TOLERANCE} ADU from numpy's {method} of all "
        "values.\nhits kept: of the pixels a hit touches, the share nearer to the mean with hits than without.\n"
        "peak: of the largest process."
    )


def agreement(stack, method, job):
    """Compare a result with numpy where nothing is to be rejected, and where hits are, ask for them."""
    result, touched = image(job), stack.touched
    plain, ideal = stack.means
    expected = plain if method == "mean" else stack.median
    differs = np.mean(np.abs(result - expected)[~touched] > TOLERANCE)
    kept = np.mean((np.abs(result - plain) < np.abs(result - ideal))[touched])
    return f"{differs:.1e}" if differs else "0", f"{100 * kept:.1f} %" if method == "mean" else "–"
