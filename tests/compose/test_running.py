"""How stages run shows nowhere in what they give."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from made_steps import (
    SHAPE,
    STEPS,
    counted,
)
from strategies import frames_of, quick, seeds

from pipeline import (
    chain,
    combine,
    each,
    running,
)


@quick
@given(seeds, st.integers(1, 4), st.integers(2**10, 2**20))
def test_how_stages_run_shows_nowhere(seed, threads, memory):
    stack = np.random.default_rng(seed).poisson(300, (4, *SHAPE)).astype("u2")

    def reduced():
        reduce = chain(each(chain(*STEPS[:3])), combine)
        return reduce, repr(reduce), reduce(counted(frames_of(stack, exposure=30.0)))

    plain = reduced()
    with running(threads=threads, memory=memory, progress=max, quiet=True):
        inside = reduced()
    assert inside == plain
    assert inside[2].history == plain[2].history
    assert repr(inside[2].history) == repr(plain[2].history)


def test_running_ends_with_its_block():
    with running(threads=7), running(memory=2**20) as inner:
        assert (inner.threads, inner.memory) == (7, 2**20)
    with running() as how:
        assert how.threads != 7
