"""Run a command and print what it cost as JSON: seconds of CPU, seconds on the wall, peak memory in bytes.

    python launch.py LOG STDIN COMMAND ...

This runs in a small interpreter of its own: a process starts with the peak memory of the one that forked it, which
must not be the large one that made the frames.  What the command leaves running counts, once it ends.  Peak memory
is that of the largest single process.
"""

import ctypes
import json
import os
import resource
import sys
import time

ADOPT_ORPHANS = 36  # PR_SET_CHILD_SUBREAPER of Linux: what a command starts and does not wait for becomes ours
PATIENCE = 5.0  # seconds that what a command leaves running is waited for


def main():
    log, stdin, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(ADOPT_ORPHANS, 1, 0, 0, 0)
    source, sink = os.open(stdin, os.O_RDONLY), os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    files = [(os.POSIX_SPAWN_DUP2, source, 0), (os.POSIX_SPAWN_DUP2, sink, 1), (os.POSIX_SPAWN_DUP2, sink, 2)]
    start = time.perf_counter()
    child = os.posix_spawnp(command[0], command, os.environ, file_actions=files)
    _, status, _ = os.wait4(child, 0)
    wall = time.perf_counter() - start
    wait_for_orphans(start + wall + PATIENCE)
    cost = resource.getrusage(resource.RUSAGE_CHILDREN)
    unit = 1 if sys.platform == "darwin" else 1024
    usage = {"cpu": cost.ru_utime + cost.ru_stime, "wall": wall, "peak": cost.ru_maxrss * unit}
    print(json.dumps({"status": os.waitstatus_to_exitcode(status), **usage}))


def wait_for_orphans(deadline):
    while time.perf_counter() < deadline:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.01)
        except ChildProcessError:
            return


if __name__ == "__main__":
    main()
