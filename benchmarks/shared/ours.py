"""Time what ours does to frames, each time its name comes in on a line: ``python ours.py FRAME ...``.

It is run by the Python of any checkout, whose package it measures, and knows no more of that than its public names.
"""

import sys
import time
import warnings

from pipeline import Clip, FrameSet, combine, open_frame
from pipeline.errors import ClipWarning

WAYS = {
    "ours, mean, noise clip": {},
    "ours, median, noise clip": {"method": "median"},
    "ours, mean, std clip": {"clip": Clip("std")},
    "ours, mean, no clip": {"clip": None},
}


def opened(paths, kind="bias"):
    """Open frames as ours."""
    return FrameSet(open_frame(path, kind=kind) for path in paths)


def ours(paths):
    """Give the ways in which ours combines frames, by name."""
    frames = opened(paths)
    return {
        name: lambda settings=settings: combine(frames, **settings).pixels.values.sum()
        for name, settings in WAYS.items()
    }


def seconds(function):
    """Time one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def main():
    warnings.simplefilter("ignore", ClipWarning)  # that std rejects nothing from 20 frames
    ways = ours(sys.argv[1:])
    for line in sys.stdin:
        print(seconds(ways[line.strip()]), flush=True)


if __name__ == "__main__":
    main()
