"""Jobs run in turn and printed beside each other: what each cost, and how good its image is."""

import statistics

from benchmarks.shared.rounds import interleave, ratios, spread

MEBIBYTE = 2**20
COSTS = ("CPU s", "wall s", "peak MB", "CPU, times ours")
WIDTHS = "{:26}{:>24}{:>24}{:>9}{:>24}"


def compare(jobs, runs, judged, judge):
    """Run jobs, ours first; print their costs, and ``judge(job)`` under the headings ``judged``; give what failed."""
    costs, failed = interleave(jobs, runs)
    base = [run.cpu for run in next(iter(costs.values()))]
    print(WIDTHS.format("", *COSTS) + "".join(f"{heading:>11}" for heading in judged))
    for name, usage in costs.items():
        cpu = [run.cpu for run in usage]
        wall = spread((run.wall for run in usage), ".2f")
        peak = statistics.median(run.peak for run in usage) / MEBIBYTE
        row = WIDTHS.format(name, spread(cpu, ".2f"), wall, f"{peak:.0f}", spread(ratios(cpu, base), ".2f"))
        print(row + "".join(f"{word:>11}" for word in judge(jobs[name])))
    for name, reason in failed.items():
        print(f"{name}: failed: {reason}")
    return failed
