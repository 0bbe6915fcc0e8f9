"""What the property tests draw: pixels, stacks of raw frames, clips, and detectors' sizes."""

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from pipeline import Clip, Flag, FrameSet, Image, Noise, Pixels


def examples(number):
    """Ask for so many examples where a profile has 50 by default, and for fewer or more by as much as it has."""
    return settings(max_examples=max(1, number * settings.default.max_examples // 50))


quick = examples(35)

shapes = st.tuples(st.integers(1, 9), st.integers(1, 9))
few = st.integers(1, 8)
seeds = st.integers(0, 2**32 - 1)
reasons = st.sampled_from([0, 0, 0, *Flag, Flag.BAD | Flag.SATURATED])

OWN_SPREAD = (
    Clip("std", low=1.5, high=2.0),
    Clip("std", low=1.2, high=1.2, centre="mean", iterations=2),
    Clip("mad", low=3.0, high=4.0),
    Clip("mad", low=0.5, high=0.5, iterations=1),
)
GIVEN_NOISE = (Clip(noise=Noise(a=30.7)), Clip(noise=Noise(a=20.7, b=0.5, c=0.01, d=0.3, base=90.0)))
CLIPS = (None, Clip(), Clip(low=3.0, high=2.0), *GIVEN_NOISE, *OWN_SPREAD)
"""Every rule of spread, and none."""
clips = st.sampled_from(CLIPS)
methods = st.sampled_from(["mean", "median"])
kinds = st.sampled_from(["bias", "dark", "flat", "light", "arc"])


@st.composite
def stacks(draw, dtype="uint16", frames=few, shape=shapes):
    """Draw frames of one scene that differ in level, by noise, and by hits of any height: (frames, rows, columns)."""
    rng = np.random.default_rng(draw(seeds))
    size = (draw(frames), *draw(shape))
    scene = np.where(rng.random(size[1:]) < draw(st.sampled_from([0.0, 0.5])), rng.uniform(0, 2000, size[1:]), 100.0)
    stack = (
        scene
        + rng.normal(0, draw(st.sampled_from([0.0, 1.0, 5.0])), size)
        + rng.choice([0.0, 3.0, 8.0], (size[0], 1, 1))
    )
    stack = np.where(rng.random(size) < 0.05, stack + 10 ** rng.uniform(1, 4.7, size), stack)
    return stack.clip(0, 65_535).astype(dtype)


@st.composite
def flags_of(draw, stack):
    """Draw flags for a stack: most values good."""
    rng = np.random.default_rng(draw(seeds))
    return rng.choice(np.array([0] * 20 + [int(flag) for flag in Flag] * 2, np.uint16), stack.shape)


def frames_of(stack, flags=None, *, kind="light", exposure=10.0, header=None):
    """Make a FrameSet of a stack."""
    flags = np.zeros(stack.shape, np.uint16) if flags is None else flags
    return FrameSet(
        Image.of(Pixels.of(plane, bits), kind=kind, exposure=exposure, header=header, name=f"{kind}{number}.fits")
        for number, (plane, bits) in enumerate(zip(stack, flags, strict=True))
    )
