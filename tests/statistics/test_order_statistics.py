"""Selection by whole-frame comparisons, against sorting."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.statistics.medians import middles
from pipeline.statistics.order_statistics import selection
from pipeline.statistics.pixel_summary import Asked, difference, summarise

stacks = st.integers(1, 24).flatmap(lambda n: arrays(np.int16, (n, 6)))


@given(stacks)
def test_the_middle_values_are_those_of_sorting(stack):
    lower, upper = middles(stack)
    ordered = np.sort(stack, axis=0)
    np.testing.assert_array_equal(lower, ordered[(len(stack) - 1) // 2])
    np.testing.assert_array_equal(upper, ordered[len(stack) // 2])


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float32, np.float64])
@pytest.mark.parametrize(("count", "pixels"), [(2, 500), (9, 500), (20, 5000), (60, 5000), (101, 5000), (300, 5000)])
def test_the_middle_of_many(count, pixels, dtype):
    """Of few and of many pixels and frames, which are compared with each other or sorted."""
    stack = np.random.default_rng(count).normal(120, 20, (count, pixels)).astype(dtype)
    before, ordered = stack.copy(), np.sort(stack, axis=0)
    np.testing.assert_array_equal(middles(stack), ordered[[(count - 1) // 2, count // 2]])
    np.testing.assert_array_equal(stack, before)


def test_twenty_frames_take_no_more_comparisons_than_a_known_network():
    assert len(selection(20, (9, 10))) <= 97


@given(stacks)
def test_the_bounds_hold_the_median(stack):
    found = summarise(stack, Asked(np.zeros(len(stack), int)))
    ordered = np.sort(stack, axis=0)
    np.testing.assert_array_equal(found.low, ordered[0])
    np.testing.assert_array_equal(found.high, ordered[-1])
    assert (found.median_low <= ordered[(len(stack) - 1) // 2]).all()
    assert (found.median_high >= ordered[len(stack) // 2]).all()
    np.testing.assert_array_equal(difference(high=found.high, low=found.low), found.high.astype(int) - found.low)
