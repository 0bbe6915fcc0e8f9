"""The simulated sky: no light is lost, and what is shifted is the same light elsewhere."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples, seeds

from pipeline.simulation.skies import Lines, Pointing, Stars, Together, Trace, log_even, nebula, pixel_shares

SHAPE = (60, 80)
widths = st.floats(1.5, 7.0)
steps = st.integers(-6, 6)


def stars(seed, spread=0.0):
    return Stars.drawn(np.random.default_rng(seed), 5, SHAPE, beyond=-25, spread=spread)


@examples(30)
@given(seeds, widths, st.floats(-0.5, 0.5), st.floats(0, 3))
def test_all_the_light_of_stars_falls_into_pixels(seed, fwhm, shift, spread):
    drawn = stars(seed, spread)
    light = drawn.light(SHAPE, Pointing(fwhm, (shift, -shift)))
    assert light.sum() == pytest.approx(drawn.flux.sum(), rel=1e-5)
    assert light.min() >= 0


@examples(30)
@given(seeds, widths, steps, steps)
def test_whole_pixels_move_light_and_change_none_of_it(seed, fwhm, rows, columns):
    rng = np.random.default_rng(seed)
    for scene, moved in (
        (stars(seed), (rows, columns)),
        (Trace.drawn(rng, SHAPE), (rows, 0)),
        (Lines(np.array([30.3, 45.0]), np.array([500.0, 90.0])), (0, columns)),
    ):
        still, there = scene.light(SHAPE, Pointing(fwhm)), scene.light(SHAPE, Pointing(fwhm, (rows, columns)))
        np.testing.assert_allclose(there, np.roll(still, moved, (0, 1)), rtol=1e-9, atol=1e-4)


@examples(20)
@given(seeds, st.floats(-30, 30))
def test_a_turn_back_brings_stars_back(seed, degrees):
    """And half a turn swaps both axes' ends."""
    drawn = stars(seed)
    half = drawn.light(SHAPE, Pointing(degrees=180))
    np.testing.assert_allclose(half[1:, 1:], drawn.light(SHAPE)[:0:-1, :0:-1], rtol=1e-6, atol=1e-6)
    middle = Stars(np.array([30.0]), np.array([40.0]), np.array([1e4]))
    np.testing.assert_allclose(
        middle.light(SHAPE, Pointing(degrees=degrees)), middle.light(SHAPE), rtol=1e-9, atol=1e-9
    )


@examples(20)
@given(seeds, widths)
def test_spectra_and_lines_have_their_flux_in_each_column_and_row(seed, fwhm):
    trace = Trace.drawn(np.random.default_rng(seed), SHAPE)
    np.testing.assert_allclose(trace.light(SHAPE, Pointing(fwhm)).sum(axis=0), trace.flux, rtol=1e-9)
    lines = Lines(np.array([30.3, 45.0]), np.array([500.0, 90.0]))
    np.testing.assert_allclose(lines.light(SHAPE, Pointing(fwhm)).sum(axis=1), 590.0)


def test_a_nebula_is_wide_and_the_sum_of_its_parts():
    scene = nebula(np.random.default_rng(1), SHAPE)
    assert isinstance(scene, Together)
    np.testing.assert_allclose(scene.light(SHAPE), sum(part.light(SHAPE) for part in scene.parts))
    assert np.mean(nebula(np.random.default_rng(1), (300, 300)).light((300, 300)) > 10) > 0.5


@given(st.floats(-3, 3), widths)
def test_shares_of_pixels_add_up_to_all(centre, fwhm):
    shares = pixel_shares(np.arange(-40, 41), centre, fwhm)
    assert shares.sum() == pytest.approx(1)
    assert abs(np.arange(-40, 41)[shares.argmax()] - centre) <= 0.5 + 1e-9


@given(seeds)
def test_numbers_are_drawn_evenly_in_their_logarithm(seed):
    drawn = log_even(np.random.default_rng(seed), 0.1, 1000.0, 2000)
    assert 0.1 <= drawn.min() <= drawn.max() <= 1000
    assert abs(np.mean(drawn < 10) - 0.5) < 0.06
