"""Values put in order by comparing whole frames, and windows of what is left of them: against sorting and numpy."""

import numpy as np
import pytest
from hit_stacks import any_stacks
from hypothesis import given
from hypothesis import strategies as st
from strategies import seeds

from pipeline.statistics.order_statistics import Window, ranked, selection, true_in_each


@given(any_stacks, st.data(), st.booleans())
def test_values_of_any_ranks_are_those_of_sorting(stack, data, used_up):
    ranks = tuple(data.draw(st.lists(st.integers(0, len(stack) - 1), min_size=1, max_size=4)))
    ordered, before = np.sort(stack, axis=0), stack.copy()
    np.testing.assert_array_equal(ranked(stack, ranks, used_up=used_up), ordered[list(ranks)])
    if not used_up:
        np.testing.assert_array_equal(stack, before)


def test_twenty_frames_take_no_more_comparisons_than_a_known_network():
    assert len(selection(20, (9, 10))) <= 97


def drawn(seed, frames, missing):
    """Draw a stack of which some values are missing, but of no pixel all."""
    random = np.random.default_rng(seed)
    stack = random.normal(100, 10, (frames, 40)).round()
    stack[random.random(stack.shape) < missing] = np.nan
    stack[0] = np.where(np.isfinite(stack).any(axis=0), stack[0], 7.0)
    return stack


cases = given(seeds, st.integers(1, 80), st.sampled_from([0.0, 0.3, 0.9]))


@cases
def test_a_window_tells_of_the_finite_values_what_numpy_does(seed, frames, missing):
    stack = drawn(seed, frames, missing)
    window = Window.of(stack)
    np.testing.assert_array_equal(window.size, np.isfinite(stack).sum(axis=0))
    np.testing.assert_array_equal(window.lowest, np.nanmin(stack, axis=0))
    np.testing.assert_array_equal(window.highest, np.nanmax(stack, axis=0))
    np.testing.assert_array_equal(window.median, np.nanmedian(stack, axis=0))
    np.testing.assert_allclose(window.mean, np.nanmean(stack, axis=0), rtol=1e-14)


@cases
def test_what_lies_beyond_limits_is_left_out_of_a_window_and_stays_out(seed, frames, missing):
    stack = drawn(seed, frames, missing)
    low, high = np.full(40, 95.0), np.linspace(90, 120, 40)
    narrow = Window.of(stack).within(low=low, high=high)
    inside = (stack >= low) & (stack <= high)
    np.testing.assert_array_equal(narrow.size.clip(0), inside.sum(axis=0))
    few = np.flatnonzero(inside.any(axis=0))
    left = np.where(inside, stack, np.nan)[:, few]
    np.testing.assert_array_equal(narrow.of_columns(few).median, np.nanmedian(left, axis=0))
    np.testing.assert_allclose(narrow.of_columns(few).mean, np.nanmean(left, axis=0), rtol=1e-14)
    assert np.isnan(narrow.median[~inside.any(axis=0)]).all()
    wide = narrow.within(low=low - 50, high=high + 50)
    np.testing.assert_array_equal([wide.first, wide.stop], [narrow.first, narrow.stop])


@cases
def test_the_values_nearest_to_a_middle_are_left_all_of_them(seed, frames, missing):
    stack = drawn(seed, frames, missing)
    middle = np.linspace(80, 120, 40).round()
    near = Window.of(stack).nearest_to(middle)
    distance = np.abs(stack - middle)
    np.testing.assert_array_equal(near.size, (distance == np.nanmin(distance, axis=0)).sum(axis=0))
    ends = np.abs(np.stack([near.lowest, near.highest]) - middle)
    np.testing.assert_array_equal(ends, [np.nanmin(distance, axis=0)] * 2)


@pytest.mark.parametrize("frames", [1, 2, 255, 256, 600])
@pytest.mark.parametrize("share", [0.0, 0.7, 1.0])
def test_what_is_true_is_counted_also_beyond_what_a_byte_holds(frames, share):
    true = np.random.default_rng(frames).random((frames, 5)) < share
    np.testing.assert_array_equal(true_in_each(true), true.sum(axis=0))
