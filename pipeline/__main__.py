"""``python -m pipeline`` and the command ``ccd-pipeline``: what has to come before anything large is imported."""

import gc
import os
import sys

from pipeline.cli.interrupt import leave_on_ctrl_c

THREADS = ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS")
"""What tells OpenBLAS how many threads to start, the first that is set."""


def main() -> int:
    """Run the command; give its exit status."""
    leave_on_ctrl_c()
    if not any(name in os.environ for name in THREADS):
        os.environ[THREADS[0]] = "1"  # numpy starts a thread for each core, which spin; we have no large matrices
    gc.disable()  # a sixth of the time of the imports goes into looking for garbage where there is none
    from pipeline.cli.main import parsed, run

    options = parsed()
    gc.freeze()  # what is imported stays: never look at it again, nor at the end of the process
    gc.enable()
    return run(options)


if __name__ == "__main__":
    sys.exit(main())
