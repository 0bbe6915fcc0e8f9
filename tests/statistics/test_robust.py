"""The typical value of many that may hold a few wild ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import seeds

from pipeline.statistics.noise import typical_level
from pipeline.statistics.robust import fitted, kept, median, quantile, robust_mean, robust_means


def scattered(seed, size=200, sigma=2.0):
    return np.random.default_rng(seed).normal(100, sigma, size)


@given(seeds, st.integers(1, 40), st.sampled_from([np.float32, np.float64, np.uint16]), st.booleans())
def test_the_median_is_that_of_numpy(seed, size, dtype, square):
    values = (np.abs(scattered(seed, size * (size if square else 1))) * 100).astype(dtype)
    values = values.reshape(size, -1)
    assert median(values) == pytest.approx(np.median(values.astype(np.float64)), rel=1e-12)


def test_the_median_of_nothing_is_unknown():
    assert np.isnan(median(np.array([])))


@given(seeds, st.integers(1, 30), st.floats(50, 1e12), st.booleans())
def test_wild_and_missing_values_do_not_count_however_far_they_lie(seed, count, off, missing):
    values = scattered(seed)
    wild = np.concatenate([values, np.full(count, np.nan if missing else 100 + off)])
    keep = kept(wild)
    assert not keep[200:].any()
    assert keep[:200].sum() >= 190
    assert robust_mean(wild) == values[keep[:200]].mean() == pytest.approx(100, abs=6 * 2 / np.sqrt(200))


@given(seeds, st.integers(-5, 5), st.booleans(), st.permutations(range(12)))
def test_in_another_unit_or_order_the_same_values_are_kept(seed, power, turned, order):
    values = scattered(seed, 12) + np.where(np.arange(12) == 4, 300, 0)
    unit = (-1 if turned else 1) * 2.0**power
    np.testing.assert_array_equal(kept(values * unit)[list(order)], kept(values[list(order)]))


def test_equal_whole_numbers_may_differ_by_five():
    """Most of them being alike, their spread is 0 and yet rounding made them so: σ is one unit at least."""
    assert kept(np.array([7] * 6 + [12, 13, 2, 1])).tolist() == [True] * 7 + [False, True, False]
    assert kept(np.array([7, 7, 7, 7, 7.5])).tolist() == [True] * 4 + [False]


def test_of_nothing_known_nothing_is_kept():
    assert not kept(np.full(3, np.nan)).any()
    assert np.isnan(robust_mean(np.full(3, np.nan)))


@given(seeds, st.integers(0, 3), st.integers(0, 4))
def test_a_fit_finds_the_curve_beneath_wild_values(seed, degree, wild):
    random = np.random.default_rng(seed)
    x, truth = np.linspace(-1, 1, 80), random.uniform(-100, 100, degree + 1)
    terms = np.vander(x, degree + 1)
    values = terms @ truth
    off = random.choice(80, wild, replace=False)
    values[off] += random.choice([-1, 1], wild) * 10 ** random.uniform(3, 6, wild)
    factors, good = fitted(terms, values)
    np.testing.assert_allclose(factors, truth, atol=1e-6)
    assert not good[off].any()
    assert good.sum() > 40


@given(seeds, st.sampled_from([0.0, 0.3, 5.0]), st.sampled_from([1, 2, 7, 100]), st.booleans(), st.booleans())
def test_robust_means_are_those_of_each_row(seed, sigma, size, whole, bad):
    random = np.random.default_rng(seed)
    rows = random.normal(100, sigma, (4, size))
    rows[random.random(rows.shape) < 0.05] += 1000
    rows = np.rint(rows) if whole else rows
    rows[random.random(rows.shape) < 0.05 * bad] = np.nan
    np.testing.assert_allclose(robust_means(rows), [robust_mean(row) for row in rows], rtol=1e-13)


@given(seeds, st.integers(1, 9), st.integers(1, 30), st.sampled_from([1, 7, 40]))
def test_how_many_values_are_looked_at_together_changes_no_bit(seed, frames, size, at_once):
    rows = np.random.default_rng(seed).normal(100, 3, (frames, size))
    means, levels = robust_means(rows), typical_level(rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.statistics.robust.AT_ONCE", at_once)
        patch.setattr("pipeline.statistics.noise.AT_ONCE", at_once)
        np.testing.assert_array_equal(robust_means(rows), means)
        np.testing.assert_array_equal(typical_level(rows), levels)


@given(values=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40), fraction=st.floats(0, 1))
def test_a_quantile_is_numpys(values, fraction):
    values = np.array(values)
    assert quantile(values, fraction) == np.quantile(values, fraction)
