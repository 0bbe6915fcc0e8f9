"""(a) Combining, whole processes: ours and the peers on the same frames, and whether their results agree."""

from functools import partial

import numpy as np

from benchmarks import peers
from benchmarks.shared.compare import compare
from benchmarks.shared.process import image
from benchmarks.shared.rounds import heading
from benchmarks.shared.stacks import first, make_stack

TOLERANCE = 0.01  # ADU


def table(scale, folder):
    most = make_stack(folder / "combine", max(scale.counts), scale.size)
    failed = {}
    for method in ("mean", "median"):
        for count in scale.counts:
            stack = first(most, count)
            heading(f"(a) {method} of {stack.name}, 5 σ, whole processes; median (range) of {scale.runs}")
            jobs = peers.jobs(peers.combining(method), stack, folder / f"{method}_{count}")
            failed |= compare(jobs, scale.runs, ("differs", "hits kept"), partial(agreement, stack, method))
    print(
        f"differs: of the pixels no hit touches, the share further than {TOLERANCE} ADU from numpy's mean or median of "
        "all values.\nhits kept: of the pixels hits touch, the share nearer to the mean with hits than without.\n"
        "peak: of the largest process."
    )
    return failed


def agreement(stack, method, job):
    """Compare a result with numpy where nothing is to be left out, and see whether it left the hits out."""
    result, touched = image(job), stack.touched
    plain, ideal = stack.means
    expected = plain if method == "mean" else stack.median
    # not "further than": NaN differs too
    differs = np.mean(~(np.abs(result - expected) <= TOLERANCE)[~touched])
    kept = np.mean((np.abs(result - plain) < np.abs(result - ideal))[touched])
    return f"{differs:.1e}" if differs else "0", f"{100 * kept:.1f} %" if method == "mean" else "–"
