"""How stages run shows nowhere in what they give."""

from contextlib import contextmanager

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
    flag_saturated,
    running,
)
from pipeline.compose.running import one_by_one


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


def test_whoever_asks_is_told_what_is_being_done():
    told = []

    @contextmanager
    def doing(words, total):
        told.append((words, total))
        yield lambda done: told.append(done)
        told.append("done")

    frames = frames_of(np.random.default_rng(1).poisson(300, (3, *SHAPE)).astype("u2"), exposure=30.0)
    with running(doing=doing):
        chain(each(flag_saturated(level=60000)), combine)(frames)
        assert list(one_by_one((letter for letter in "ab"), "letter", 2)) == ["a", "b"]
    each_of = [one for number in (1, 2, 3) for one in ((f"flag saturated light{number - 1}.fits", 0), "done", number)]
    assert told == [("frame", 3), *each_of, "done", ("combine 3 light", 0), "done", ("letter", 2), 1, 2, "done"]
    told.clear()
    with running(doing=doing, quiet=True):
        combine(frames)
    assert told == []
