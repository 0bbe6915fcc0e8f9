"""What whole frames tell at once of each pixel: bounds of its median, its sum, and its extremes."""

import numpy as np
import pytest
from hit_stacks import any_stacks, stack_of
from hypothesis import given
from hypothesis import strategies as st
from strategies import seeds

from pipeline.stacking.judge import MOST_OUT
from pipeline.statistics.pixel_summary import (
    Asked,
    bounds_by_pairs,
    bounds_of,
    bounds_of_middles,
    difference,
    extremes_of,
    fine_groups_of,
    groups_of,
    summarise,
)


def arranged(seed, frames, spread, arrangement):
    """Make a stack in which groups, or pairs, of frames are as they would be drawn, or as much alike as can be."""
    stack = np.random.default_rng(seed).integers(-spread, spread + 1, (frames, 50)).astype(np.int16)
    if arrangement == "sorted":
        stack.sort(axis=0)
    elif arrangement == "doubled":
        pairs = frames // 2
        stack[pairs : 2 * pairs] = stack[:pairs]
    return stack


arrangements = st.sampled_from(["drawn", "sorted", "doubled"])


@given(seeds, st.integers(1, 200), st.sampled_from([1, 4, 30_000]), arrangements)
def test_groups_of_frames_hold_the_median(seed, frames, spread, arrangement):
    stack = arranged(seed, frames, spread, arrangement)
    low, high, least, most = bounds_of(*extremes_of(stack, groups_of(frames)))
    ordered = np.sort(stack, axis=0)
    np.testing.assert_array_equal([low, high], ordered[[0, -1]])
    assert (least <= ordered[(frames - 1) // 2]).all()
    assert (most >= ordered[frames // 2]).all()


def test_more_than_half_of_any_number_of_frames_are_in_half_of_their_groups():
    for frames in range(1, 2000):
        groups = groups_of(frames)
        sizes = sorted(map(len, np.array_split(np.empty(frames), groups)))
        assert groups % 2
        assert sum(sizes[: groups // 2 + 1]) > frames / 2


@pytest.mark.parametrize("frames", range(2, 60))
def test_spread_is_told_from_groups_of_two_frames_or_more(frames):
    assert frames // fine_groups_of(frames) >= 2


def test_the_bounds_of_groups_are_close():
    stack = stack_of(np.random.default_rng(1), 50, 5.0, 300, 0.0)
    _, _, least, most = bounds_of(*extremes_of(stack, groups_of(50)))
    assert (most - least < 4 * 5).mean() > 0.95


@given(seeds, st.integers(MOST_OUT + 1, 90), arrangements, st.integers(0, MOST_OUT))
def test_middles_stay_within_bounds_whichever_values_are_left_out(seed, frames, arrangement, out):
    stack = arranged(seed, frames, 100, arrangement)
    least, most = bounds_of_middles(stack, MOST_OUT)
    ordered = np.sort(stack, axis=0)
    lower, upper = bounds_by_pairs(stack)
    assert (lower <= ordered[(frames - 1) // 2]).all()
    assert (upper >= ordered[frames // 2]).all()
    for below in range(out + 1):
        left = ordered[below : frames - (out - below)]
        assert (least <= left[(len(left) - 1) // 2]).all()
        assert (most >= left[len(left) // 2]).all()


def test_a_sum_of_words_that_overflows_is_told_from_one_that_does_not():
    stack = np.zeros((20, 3), np.int16)
    stack[0] = 30_000, -32_768, 3_276
    stack[1] = -30_000, 32_767, 0
    found = summarise(stack, Asked(np.zeros(20, int)))
    assert found.total.tolist() == [0, -1, 3_276]
    assert found.span.tolist() == [60_000, 65_535, 3_276]


@given(seeds, st.integers(2, 300), st.sampled_from([1, 200, 5_000, 32_767]), st.sampled_from([0.0, 0.001, 0.3]))
def test_sums_are_exact(seed, frames, spread, far):
    random = np.random.default_rng(seed)
    stack = random.integers(-spread, spread, (frames, 600), endpoint=True).astype(np.int16)
    stack[:, random.random(600) < far] = random.choice([-32_768, 32_767])
    found = summarise(stack, Asked(np.zeros(frames, int)))
    np.testing.assert_array_equal(found.total, stack.sum(axis=0, dtype=np.int64))


@given(any_stacks)
def test_the_bounds_hold_the_median(stack):
    found = summarise(stack, Asked(np.zeros(len(stack), int)))
    ordered = np.sort(stack, axis=0)
    np.testing.assert_array_equal(found.low, ordered[0])
    np.testing.assert_array_equal(found.high, ordered[-1])
    assert (found.median_low <= ordered[(len(stack) - 1) // 2]).all()
    assert (found.median_high >= ordered[len(stack) // 2]).all()
    np.testing.assert_array_equal(difference(high=found.high, low=found.low), found.high.astype(int) - found.low)
