"""Where the flat of a spectrum has light: lamp times slit, whatever is missing, dead, hot or scattered."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick, seeds

from pipeline.checks.lamp_light import LampLight, lamp_times_slit


def a_product(seed, shape):
    rng = np.random.default_rng(seed)
    return rng, rng.uniform(0.5, 2, shape[1]) * 1000, rng.uniform(0.2, 1, shape[0])


@quick
@given(seeds, st.floats(0, 0.5), st.tuples(st.integers(4, 30), st.integers(4, 30)))
def test_a_product_comes_back_whatever_is_missing_of_it(seed, missing, shape):
    rng, lamp, slit = a_product(seed, shape)
    known = rng.random(shape) >= missing
    known[0], known[:, 0] = True, True  # no part hangs loose
    values = np.where(known, slit[:, None] * lamp, np.nan)
    found, across = lamp_times_slit(values, known)
    np.testing.assert_allclose((across[:, None] * found)[known], values[known], rtol=1e-4)


@quick
@given(seeds, st.sampled_from([0, 1]))
def test_dead_and_hot_pixels_leave_lamp_and_slit_as_they_are(seed, saxis):
    rng = np.random.default_rng(seed)
    lamp, slit = 1000 * np.exp(np.linspace(-1, 1, 80)), rng.uniform(0.7, 1, 40)
    values = slit[:, None] * lamp
    values[rng.integers(0, 40, 8), rng.integers(0, 80, 8)] = 0
    values[rng.integers(0, 40), rng.integers(0, 80)] = 60_000
    values[:25, rng.integers(10, 70)] = 0
    light = LampLight.of(
        values if saxis else values.T, known=np.ones((40, 80) if saxis else (80, 40), bool), sigma=1.0, saxis=saxis
    )
    seen = light.seen
    assert seen.sum() >= 78
    np.testing.assert_allclose(light.lamp[seen] / light.lamp[seen][0], lamp[seen] / lamp[seen][0], rtol=1e-3)
    np.testing.assert_allclose(light.slit / light.slit[0], slit / slit[0], rtol=1e-3)


def test_a_pixel_that_is_dead_in_the_midst_of_the_slit_is_no_place_without_light():
    values = np.full((30, 60), 1000.0)
    values[:5], values[12, 20] = 20, 60
    dark = LampLight.of(values, known=np.ones(values.shape, bool), sigma=1.0, saxis=1).leaves_dark(values)
    assert dark[:5].all()
    assert not dark[5:].any()


def test_slits_that_are_not_equally_bright_are_lit():
    values = np.full((80, 60), 1.0)
    for first, level in ((5, 5000.0), (30, 600.0), (60, 150.0)):
        values[first : first + 12] = level
    light = LampLight.of(values, known=np.ones(values.shape, bool), sigma=0.5, saxis=1)
    np.testing.assert_array_equal(light.leaves_dark(values), values < 10)


def test_a_frame_without_light_has_none():
    values = np.zeros((6, 8))
    light = LampLight.of(values, known=np.ones(values.shape, bool), sigma=0.0, saxis=1)
    assert not light.lit.any()
    assert light.leaves_dark(values).all()


def test_the_noise_of_an_unlit_column_is_told_by_its_neighbours_in_the_row():
    rng = np.random.default_rng(4)
    lamp = np.where(np.arange(200) < 60, 0.0, 4000.0)
    values = rng.normal(lamp * np.ones((50, 1)), 8)
    light = LampLight.of(values, known=np.ones(values.shape, bool), sigma=0.0, saxis=1)
    np.testing.assert_array_equal(light.lit, lamp > 0)
