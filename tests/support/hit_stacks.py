"""Stacks of whole numbers, (frames, pixels): any at all, and those of a level of which some are hit."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

PIXELS = 400
any_stacks = st.integers(1, 24).flatmap(lambda frames: arrays(np.int16, (frames, 6)))


def stack_of(random, frames, sigma, level, hits):
    """Make whole numbers of a level, of which a fraction is hit, by anything from a little to very much."""
    stack = random.normal(level, sigma, (frames, PIXELS))
    hit = random.random(stack.shape) < hits
    stack[hit] += random.choice([-1, 1], hit.sum()) * sigma * 10 ** random.uniform(0.3, 2.5, hit.sum())
    return np.clip(np.rint(stack), -32768, 32767).astype(np.int16)
