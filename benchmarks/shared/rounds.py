"""Interleaved runs: everyone once, then everyone again, so that all see the same machine; and their statistics."""

import statistics
import sys

from benchmarks.shared.process import RunError, run


def interleave(contenders, runs, measure=run):
    """Measure each contender ``runs`` times, in turn: what each cost, and what each failed with."""
    costs = {name: [] for name in contenders}
    failed = {}
    for number in range(runs):
        for name, contender in contenders.items():
            if name in failed:
                continue
            note(f"run {number + 1} of {runs}: {name}")
            try:
                costs[name].append(measure(contender))
            except RunError as error:
                failed[name] = str(error)
    note("")
    return {name: cost for name, cost in costs.items() if name not in failed}, failed


def note(text):
    """Say on a terminal what is going on, on one line that is written over."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def spread(values, form):
    """Write median (smallest to largest)."""
    values = list(values)
    return f"{statistics.median(values):{form}} ({min(values):{form}}–{max(values):{form}})"


def ratios(costs, base):
    """Divide run by run: both halves of a ratio come from the same round."""
    return [cost / other for cost, other in zip(costs, base, strict=True)]


def heading(text):
    print(f"\n{text}\n{'-' * len(text)}")
