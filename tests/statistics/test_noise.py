"""The noise of a value: how it goes with the unit, the level and the neighbours."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import seeds

from pipeline import Noise
from pipeline.errors import SettingError
from pipeline.statistics.noise import (
    chi_squared_beyond,
    chi_squared_limit,
    largest_step,
    neighbours_of,
    typical_level,
)

noises = st.builds(
    Noise,
    a=st.floats(-100, 100),
    b=st.floats(0, 2),
    c=st.floats(0, 0.1),
    d=st.floats(0, 1),
    base=st.floats(0, 1000),
)
shapes = st.tuples(st.integers(1, 7), st.integers(1, 7))


@given(noises, st.floats(0, 6e4), st.floats(0, 1e3), st.floats(0.01, 100), st.sampled_from([-1, 1]))
def test_in_another_unit_the_noise_is_the_same(noise, level, step, factor, sign):
    """Values that are turned round, as where one image is taken from another, have the noise of the level they had."""
    scaled = noise.scaled(sign * factor)
    assert scaled.variance(level * factor, step * factor) == pytest.approx(factor**2 * noise.variance(level, step))
    assert scaled.counted == noise.counted.scaled(factor)


@given(noises, st.floats(0, 6e4), st.floats(0, 1e3))
def test_motion_adds_to_what_is_counted_and_rounding_is_the_least(noise, level, step):
    counted = noise.counted.variance(level, step)
    assert counted == max(noise.a + noise.b * level, 1 / 12)
    assert noise.variance(level, step) == pytest.approx(
        counted + (noise.d * step) ** 2 + noise.c * (level - noise.base) ** 2
    )


@given(st.floats(0.1, 10), st.floats(0, 30), st.floats(0, 6e4))
def test_a_detector_of_gain_and_read_noise_has_that_many_electrons(gain, read_noise, level):
    """In electrons the variance is that of the readout, of rounding, and one for each electron."""
    counted = read_noise**2 + gain**2 / 12 + gain * level
    assert Noise.of(gain=gain, read_noise=read_noise).variance(level) * gain**2 == pytest.approx(counted)


@pytest.mark.parametrize(("gain", "read_noise"), [(0, 1), (-1, 1), (1, -1), (np.nan, 1), (1, np.nan)])
def test_what_is_no_detector_is_refused(gain, read_noise):
    with pytest.raises(SettingError, match=r"Noise.of: (gain|read_noise)=.*; expected a (positive )?number of e⁻"):
        Noise.of(gain=gain, read_noise=read_noise)


@given(seeds, shapes)
def test_the_largest_step_is_that_to_one_of_the_neighbours(seed, shape):
    level = np.random.default_rng(seed).integers(0, 1000, shape).astype(float)
    around = neighbours_of(np.arange(level.size), shape)
    rows, columns = np.divmod(around, shape[1])
    y, x = np.indices(shape).reshape(2, -1)
    assert (abs(rows - y) + abs(columns - x) <= 1).all()
    steps = abs(level.reshape(-1)[around] - level.reshape(-1))
    np.testing.assert_array_equal(largest_step(level).reshape(-1), steps.max(axis=0))


def test_a_missing_neighbour_makes_no_step():
    np.testing.assert_array_equal(largest_step(np.array([[1.0, np.nan, 5.0, 7.0]])), [[0, 0, 2, 2]])


@given(seeds, st.integers(1, 9), shapes)
def test_the_typical_level_is_the_median_and_of_two_the_lower(seed, frames, shape):
    stack = np.random.default_rng(seed).normal(100, 30, (frames, *shape))
    expected = stack.min(axis=0) if frames == 2 else np.median(stack, axis=0)
    np.testing.assert_array_equal(typical_level(stack), expected)
    with_one_missing = np.concatenate([stack, np.full((1, *shape), np.nan)])
    np.testing.assert_array_equal(typical_level(with_one_missing), expected)


@pytest.mark.parametrize(
    ("squares", "free", "beyond"),  # Abramowitz and Stegun 1964, table 26.8
    [(3.84146, 1, 0.05), (5.99146, 2, 0.05), (16.9190, 9, 0.05), (27.8772, 9, 0.001), (124.342, 100, 0.05)],
)
def test_chi_squared_is_that_of_the_tables(squares, free, beyond):
    assert chi_squared_beyond(squares, free) == pytest.approx(beyond, rel=2e-5)
    assert chi_squared_limit(beyond, free) == pytest.approx(squares, rel=1e-5)


@given(st.integers(1, 3000), st.floats(1e-9, 0.999))
def test_limits_of_chi_squared_are_exceeded_as_often_as_they_say(free, beyond):
    assert chi_squared_beyond(chi_squared_limit(beyond, free), free) == pytest.approx(beyond, rel=1e-6)
