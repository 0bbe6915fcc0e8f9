"""(d) Rejection: hits found, good values lost, and the noise of the master against the ideal, for every rule.

Of frames that hold still; and of lights that move, see :mod:`benchmarks.moving`.
"""

import numpy as np

from benchmarks import moving, peers
from benchmarks.shared.judge import HEADINGS, Verdict
from benchmarks.shared.process import RunError, image, run
from benchmarks.shared.rounds import heading, note
from benchmarks.shared.stacks import first, make_stack


def table(scale, folder):
    most = make_stack(folder / "rejection", max(scale.rejection_counts), scale.rejection_size)
    makers, failed = peers.rules(), {}
    for count in scale.rejection_counts:
        stack = first(most, count)
        heading(f"(d) mean of {stack.name}, 5 σ, hits of 10 to 200 σ on 5e-4 of each frame's pixels")
        print(f"{'':28}{HEADINGS}")
        for name, job in peers.jobs(makers, stack, folder / f"rejection_{count}").items():
            note(name)
            try:
                run(job)
            except RunError as error:
                note("")
                print(f"{name:28} failed: {error}")
                failed[name] = error
                continue
            result = image(job)
            note("")
            print(f"{name:28}{Verdict(stack, result)}" if np.isfinite(result).all() else f"{name:28} gives NaN")
    print(
        "found, good lost: what is left out is inferred from the result alone, for all in the same way.\n"
        "noise: of the result about the truth, in σ, over that of the plain mean of all values that are not hit."
    )
    return failed | moving.table(scale, folder / "moving")
