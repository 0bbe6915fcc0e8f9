"""(c) How the time of combining grows, in one process: frames 5 to 200, pixels 1k² to 8k²."""

import math
import shutil
import statistics

from benchmarks.floor import floor
from benchmarks.shared.ours import opened, seconds
from benchmarks.shared.rounds import heading, interleave
from benchmarks.shared.stacks import first, make_stack
from pipeline import combine


def table(scale, folder):
    most = make_stack(folder / "growth", max(scale.growth_counts), scale.growth_size)
    stacks = [first(most, count) for count in scale.growth_counts]
    heading(f"(c) growth with frames of {scale.growth_size}²; median of {scale.runs}")
    compare(stacks, scale.runs, [math.log(len(stack.paths)) ** 2 for stack in stacks], "log² of frames")
    shutil.rmtree(folder / "growth")

    stacks = [make_stack(folder / f"growth{size}", scale.growth_count, size) for size in scale.growth_sizes]
    heading(f"(c) growth with pixels, {scale.growth_count} frames; median of {scale.runs}")
    compare(stacks, scale.runs, [1.0] * len(stacks), "linear")


def compare(stacks, runs, bounds, law):
    """Measure nanoseconds per raw pixel, ours and the floor's, and how ours grows from the first on."""
    jobs = {}
    for number, stack in enumerate(stacks):
        jobs["ours", number] = combining(opened(stack.paths))
        jobs["floor", number] = floor(stack)
    costs, _ = interleave(jobs, runs, measure=seconds)
    print(f"{'':34}{'ours, ns a raw pixel':>22}{'floor':>9}{'times floor':>13}{'grown':>9}{law:>16}")
    start = None
    for number, stack in enumerate(stacks):
        raw = len(stack.paths) * stack.size**2 / 1e9
        ours, least = (statistics.median(costs[name, number]) / raw for name in ("ours", "floor"))
        start = start or ours
        grown, bound = ours / start, bounds[number] / bounds[0]
        print(f"{stack.name:34}{ours:22.2f}{least:9.2f}{ours / least:13.2f}{grown:9.2f}{bound:16.2f}")


def combining(frames):
    return lambda: combine(frames).pixels.values.sum()
