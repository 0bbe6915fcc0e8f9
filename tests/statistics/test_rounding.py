"""The step of a converter, as values show it in whatever unit they are by now; and that floats show none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples, seeds

from pipeline.statistics.rounding import Rounding, step_of

SHAPE = (5, 24, 64)
SINGLE = float(np.finfo(np.float32).eps)


def raw(seed, sigma, level=1000.0):
    rng = np.random.default_rng(seed)
    return np.rint(level + rng.normal(0, 3, SHAPE[1:]) + rng.normal(0, sigma, SHAPE))


def rounding_of(stack, scale=None, stored_whole=False):
    """Tell it of values as float32 holds them."""
    blocks = np.split(stack.astype(np.float32).astype(float), 8, axis=1)
    scale = np.ones(len(stack)) if scale is None else scale
    return Rounding.of(blocks, scale, last_place=SINGLE, stored_whole=stored_whole)


@examples(20)
@given(seeds, st.sampled_from([0.3, 1.0, 8.0, 100.0]), st.floats(-15, 15), st.booleans())
def test_whole_numbers_have_their_step_in_any_unit(seed, sigma, power, calibrated):
    """A bias that is out takes all frames along; of the median of frames it matters that they lie steps apart."""
    stack, unit = raw(seed, sigma), 10**power
    shown = stack.astype(np.float32) - np.float32(np.pi) * np.float32(100) if calibrated else stack.astype(np.float32)
    found = rounding_of(shown * np.float32(unit))
    assert found.step == pytest.approx(unit, rel=1e-3)
    assert found.variance == pytest.approx(unit**2 / 12, rel=2e-3)
    assert found.on_grid


@examples(20)
@given(seeds, st.sampled_from([0.3, 1.0, 8.0, 100.0]), st.integers(-50, 50))
def test_in_units_that_are_powers_of_two_it_is_the_same_to_the_bit(seed, sigma, power):
    for stack in (raw(seed, sigma), raw(seed, sigma) * np.pi, np.random.default_rng(seed).normal(100, 5, SHAPE)):
        one, other = rounding_of(stack), rounding_of(stack.astype(np.float32) * np.float32(2.0**power))
        assert other == Rounding(one.step * 2.0**power, one.variance * 4.0**power, one.on_grid)


@examples(20)
@given(seeds, st.sampled_from([1.0, 8.0]))
def test_an_overscan_of_each_row_leaves_the_step_and_no_common_grid(seed, sigma):
    level = np.random.default_rng(seed).normal(1000, 1, (SHAPE[0], SHAPE[1], 1))
    found = rounding_of(raw(seed, sigma) - level)
    assert found.step == pytest.approx(1, rel=1e-4)
    assert not found.on_grid


@examples(20)
@given(seeds, st.sampled_from([0.3, 8.0]), st.floats(-15, 15))
def test_floats_have_no_step_but_their_last_place(seed, sigma, power):
    rng, unit = np.random.default_rng(seed), 10**power
    for stack in (rng.normal(1000, sigma, SHAPE), raw(seed, sigma) / rng.normal(1, 0.01, SHAPE[1:])):
        found = rounding_of(stack * unit)
        assert (found.step, found.on_grid) == (0, False)
        assert found.variance == pytest.approx((1000 * SINGLE * unit) ** 2 / 12, rel=0.1)


def test_numbers_of_twelve_bits_that_fill_sixteen_have_steps_of_sixteen():
    assert rounding_of(16 * raw(1, 2.0), stored_whole=True) == Rounding(16.0, 16**2 / 12, True)


@pytest.mark.parametrize("hits", [0, 3])
def test_equal_values_and_hits_on_them_are_no_steps(hits):
    """Or a hit would be the step, and the noise too large to leave it out."""
    stack = np.full(SHAPE, 100.0)
    stack[0, 2, [5, 9, 30][:hits]] = [600, 1100, 1100][:hits]
    assert rounding_of(stack) == Rounding()
    assert rounding_of(stack / 7).step == 0
    assert rounding_of(stack / 7).variance == pytest.approx((100 / 7 * SINGLE) ** 2 / 12, rel=1e-5)


def test_frames_of_nothing_but_zeros_are_rounded_too():
    assert rounding_of(np.zeros(SHAPE)).variance > 0
    assert rounding_of(np.full(SHAPE, np.nan)).variance > 0


def test_scaled_frames_have_scaled_steps():
    scale = np.array([1.0, 2.0, 2.0, 1.0, 0.5])
    found = rounding_of(raw(2, 3.0), scale)
    assert found.variance == pytest.approx(np.mean(scale**2) / 12)
    assert not found.on_grid


@given(st.lists(st.integers(0, 5000), min_size=8, max_size=60, unique=True), st.floats(1e-6, 1e6))
def test_the_step_of_values_divides_them_all(times, step):
    found = step_of(np.array(times) * step, 1e-12)
    assert found == pytest.approx(np.gcd.reduce(times) * step, rel=1e-6)
