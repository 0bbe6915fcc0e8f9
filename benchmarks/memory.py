"""(f) Peak memory of combining by our command, above an interpreter with numpy and astropy imported."""

import statistics
import sys

from benchmarks.peers import ours
from benchmarks.shared.process import Job
from benchmarks.shared.process import folder as folder_of
from benchmarks.shared.rounds import heading, interleave
from benchmarks.shared.stacks import first, make_stack

MEBIBYTE = 2**20
FIXED, PER_PIXEL = 150e6, 16  # bytes: the promise


def table(scale, folder):
    heading(f"(f) peak memory, mean of uint16 frames of {scale.memory_size}²; median of {scale.runs}")
    most = make_stack(folder / "memory", max(scale.memory_counts), scale.memory_size)
    jobs = {"interpreter": interpreter(folder_of(folder / "memories", "interpreter"))}
    for count in scale.memory_counts:
        jobs[count] = ours.combine(first(most, count), folder_of(folder / "memories", str(count)))
    costs, failed = interleave(jobs, scale.runs)
    peaks = {name: statistics.median(run.peak for run in usage) / MEBIBYTE for name, usage in costs.items()}
    promise = (FIXED + PER_PIXEL * scale.memory_size**2) / MEBIBYTE
    base = peaks.pop("interpreter")
    print(f"interpreter with numpy and astropy: {base:.0f} MB")
    print(f"{'frames':>8}{'peak MB':>10}{'above':>9}{'promised':>10}")
    for count, peak in peaks.items():
        print(f"{count:8}{peak:10.0f}{peak - base:9.0f}{promise:10.0f}")
    for name, reason in failed.items():
        print(f"{name} frames: failed: {reason}")
    return failed


def interpreter(work):
    out = work / "out.fits"
    code = f"import pathlib, numpy, astropy.io.fits; pathlib.Path({str(out)!r}).touch()"
    return Job([sys.executable, "-c", code], work, out)
