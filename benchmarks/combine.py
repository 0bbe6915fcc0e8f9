"""Time combining: ours, astropy.stats.sigma_clip and ccdproc on the same frames, beside the floor.

The floor is one pass that reads the same pixels and swaps their bytes.  Ratios are of medians of interleaved runs,
in one process.  Run ``python benchmarks/combine.py [--frames 20] [--size 2048] [--runs 5]``; peers that are not
installed are left out, and said.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from astropy.io import fits

from pipeline import Clip, FrameSet, combine, open_frame


def write_frames(folder, count, size):
    rng = np.random.default_rng(1)
    paths = []
    for number in range(count):
        values = rng.normal(1000, 5, (size, size)).round()
        hit = rng.random(values.shape) < 5e-4
        values[hit] += rng.uniform(50, 1000, hit.sum())
        paths.append(folder / f"{number}.fits")
        fits.writeto(paths[-1], values.astype(np.uint16))
    return paths


def floor(paths, size):
    """Read all pixels, 64 rows at a time, and swap their bytes."""
    streams = [path.open("rb") for path in paths]
    native = np.empty((64, size), np.int16)

    def run():
        for row in range(0, size, 64):
            for stream in streams:
                stream.seek(2880 + 2 * size * row)
                np.copyto(native, np.frombuffer(stream.read(128 * size), ">i2").reshape(64, size))

    return run


def contenders(paths, size):
    frames = FrameSet(open_frame(path, kind="bias") for path in paths)
    yield "floor: read and swap", floor(paths, size)
    yield "ours, mean, noise clip", lambda: combine(frames).pixels.values.sum()
    yield "ours, median, noise clip", lambda: combine(frames, method="median").pixels.values.sum()
    yield "ours, mean, std clip", lambda: combine(frames, clip=Clip("std")).pixels.values.sum()
    yield "ours, mean, no clip", lambda: combine(frames, clip=None).pixels.values.sum()
    try:
        from astropy.stats import sigma_clip

        def astropy_mean():
            stack = np.stack([fits.getdata(path) for path in paths])
            return np.ma.mean(sigma_clip(stack, sigma=5, axis=0), axis=0).sum()

        yield "astropy.stats.sigma_clip", astropy_mean
        import ccdproc

        def ccdproc_mean():
            ccds = [ccdproc.CCDData.read(path, unit="adu") for path in paths]
            combiner = ccdproc.Combiner(ccds)
            combiner.sigma_clipping(5, 5, func=np.ma.median)
            return combiner.average_combine().data.sum()

        yield "ccdproc.Combiner", ccdproc_mean
    except ImportError as error:
        print(f"left out: {error.name} is not installed")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--size", type=int, default=2048)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = write_frames(Path(folder), options.frames, options.size)
        runs = list(contenders(paths, options.size))
        seconds = {name: [] for name, _ in runs}
        for _ in range(options.runs):
            for name, run in runs:
                start = time.perf_counter()
                run()
                seconds[name].append(time.perf_counter() - start)
    base = statistics.median(seconds["floor: read and swap"])
    print(f"{options.frames} uint16 frames of {options.size}², medians of {options.runs}")
    for name, times in seconds.items():
        middle = statistics.median(times)
        print(f"{name:28}{middle:9.3f} s  {middle / base:8.1f} x floor  ({min(times):.3f} to {max(times):.3f})")


if __name__ == "__main__":
    main()
