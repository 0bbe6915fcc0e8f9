"""The middle of a few values, and how well they tell it."""

import numpy as np
import pytest
from hit_stacks import any_stacks
from hypothesis import given

from pipeline.statistics.medians import gain_of_unlike, median_variance, middles


@pytest.mark.parametrize("count", [3, 4, 5, 8, 9, 25])
def test_the_factors_of_the_median_are_those_of_normal_values(count):
    drawn = np.median(np.random.default_rng(1).normal(size=(200_000, count)), axis=1)
    assert float(median_variance(np.array(count))) == pytest.approx(count * drawn.var(), rel=0.012)


@given(any_stacks)
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


@pytest.mark.parametrize(("frames", "pixels"), [(5, 9), (20, 9), (20, 5000), (130, 5000)])
def test_a_value_that_is_no_number_leaves_no_middle(frames, pixels):
    stack = np.random.default_rng(1).normal(100, 5, (frames, pixels))
    stack[frames // 2, 3] = np.nan
    for middle in middles(stack):
        assert np.flatnonzero(np.isnan(middle)).tolist() == [3]


@pytest.mark.parametrize("sigmas", [(1, 1, 3), (1, 3, 3), (1, 1.5, 2, 3), (1, 1, 1, 1, 5), (1, 1.2, 1.5, 1.9, 2.4, 3)])
def test_a_median_of_unlike_values_follows_the_quiet_ones(sigmas):
    """By values drawn otherwise than it draws them itself; in any order, and of equal ones it is 1."""
    sigma = np.array(sigmas, float)
    drawn = np.random.default_rng(5).normal(0, sigma, (100_000, sigma.size))
    like = np.mean(sigma**2) / sigma.size * median_variance(np.array(sigma.size))
    assert gain_of_unlike(sigma**2) * like == pytest.approx(np.median(drawn, axis=1).var(), rel=0.03)
    assert gain_of_unlike(sigma[::-1] ** 2 * 4) == gain_of_unlike(sigma**2) < 1
    assert gain_of_unlike(np.full(sigma.size, 7.0)) == 1
