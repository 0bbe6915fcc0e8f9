"""(d) Rejection by our default clip where a stack is difficult: bright, hot, shifted in level, of two read noises."""

import warnings

import numpy as np

from benchmarks.shared.judge import HEADINGS, Verdict
from benchmarks.shared.ours import opened
from benchmarks.shared.rounds import heading
from benchmarks.shared.stacks import first, make_stack
from pipeline import combine

PEDESTAL = 1000.0  # ADU: the bias level
READ_NOISE = 5.0  # ADU
GAIN = 1.5  # e⁻/ADU
LEVELS = (0, 100, 1000, 10_000, 30_000)  # ADU above the bias
HOT, HOTTEST = 0.01, 20_000.0  # a share of the pixels, and ADU


def table(scale, folder):
    heading(f"(d) our default clip on frames of {scale.rejection_size}² that are difficult")
    print(f"{'':38}{'frames':>7}{HEADINGS}")
    size, most = scale.rejection_size, max(scale.rejection_counts)
    for number, (name, kind, settings) in enumerate(variants(size, most)):
        stack = make_stack(folder / f"variant_{number}", most, size, seed=number, **settings)
        for count in scale.rejection_counts:
            show(name, kind, first(stack, count))


def variants(size, frames):
    """Give name, kind of frame, and what the frames are made of."""
    for level in LEVELS:
        yield f"level {level} ADU", "flat" if level else "bias", exposed(np.full((size, size), float(level)))
    yield "levels 0 to 30,000 ADU, a ramp", "flat", exposed(np.broadcast_to(np.linspace(0, 30_000, size), (size, size)))
    rng = np.random.default_rng(5)
    hot = np.where(rng.random((size, size)) < HOT, rng.uniform(50, HOTTEST, (size, size)), 0.0)
    yield "1 % hot pixels", "dark", exposed(hot)
    yield "one bias 20 ADU high", "bias", {"offsets": [20.0] + [0.0] * (frames - 1)}
    halves = np.where(np.arange(size) < size // 2, 3.0, 9.0)
    yield HALVES, "bias", {"sigma": np.broadcast_to(halves, (size, size))}


HALVES = "read noise 3 | 9 ADU, two halves"


def exposed(level):
    """Give the settings of frames with this many ADU of light above the bias."""
    return {"level": PEDESTAL + level, "sigma": np.sqrt(READ_NOISE**2 + level / GAIN)}


def show(name, kind, stack):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is assumed of frames without an exposure is no matter here
        master = combine(opened(stack.paths, kind))
    result = master.pixels.values.astype(float)
    frames = len(stack.paths)
    if name == HALVES:
        left = np.zeros(result.shape, bool)
        left[:, : stack.size // 2] = True
        print(f"{name + ', quiet half':38}{frames:7}{Verdict(stack, result, left)}")
        print(f"{name + ', loud half':38}{frames:7}{Verdict(stack, result, ~left)}")
        return
    said = ""
    if stack.offsets.any():
        offsets = np.array(master.found.offsets)
        said = f"   offset of the first over the others: {offsets[0] - offsets[1:].mean():.2f} ADU"
    print(f"{name:38}{frames:7}{Verdict(stack, result)}{said}")
