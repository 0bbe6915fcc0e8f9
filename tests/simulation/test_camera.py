"""The simulated camera: counts by hand without noise, the statistics of photons with it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples, seeds

from pipeline.simulation.camera import Chip, Detector, arc_lines, chip_of, expose, spectrum, stars

QUIET = Detector(noise=False, overscan=0)


def even_chip(shape, *, bias=100.0, dark_rate=0.0):
    return Chip(np.full(shape, bias), np.full(shape, dark_rate), np.ones(shape))


def exposed(chip, detector, electrons, seconds, seed=1):
    image, hits = expose(np.random.default_rng(seed), chip, detector, "light", 0, electrons, seconds)
    return image.pixels.values, hits


def test_counts_are_the_bias_and_the_electrons_over_the_gain():
    """(300 + 2 e⁻/s · 10 s) / 4 e⁻/ADU = 80 ADU above a bias of 100."""
    values, hits = exposed(even_chip((3, 4), dark_rate=2.0), Detector(gain=4.0, noise=False, overscan=0), 300.0, 10.0)
    np.testing.assert_array_equal(values, np.full((3, 4), 180.0))
    assert hits == 0


@examples(30)
@given(seeds, st.integers(0, 5000), st.integers(1, 900), st.sampled_from([0.5, 1.0, 2.0]))
def test_twice_the_light_and_time_is_twice_the_counts_above_the_bias(seed, electrons, seconds, gain):
    detector = Detector(gain=gain, noise=False, overscan=0)
    chip = chip_of(np.random.default_rng(seed), (6, 7), detector)
    once, _ = exposed(chip, detector, electrons, seconds)
    twice, _ = exposed(chip, detector, 2 * electrons, 2 * seconds)
    np.testing.assert_allclose(twice - chip.bias, 2 * (once - chip.bias), rtol=1e-12, atol=1e-9)


def test_overscan_lies_at_the_right_edge_where_the_header_says():
    image, _ = expose(
        np.random.default_rng(1), even_chip((3, 4)), Detector(overscan=2, noise=False), "flat", 61, 30.0, 8
    )
    np.testing.assert_array_equal(image.pixels.values, [[120.0] * 4 + [1000.0] * 2] * 3)
    cards = {"DATASEC": "[1:4,1:3]", "BIASSEC": "[5:6,1:3]", "EXPTIME": 8, "DATE-OBS": "2026-01-01T01:01:00.000"}
    assert {keyword: image.header.get(keyword) for keyword in cards} == cards
    assert (image.name, image.kind, image.exposure) == ("flat_62.fits", "flat", 8)


@pytest.mark.parametrize(("electrons", "variance"), [(0.0, 36 / 4 + 1 / 12), (8000.0, 8000 / 4 + 36 / 4 + 1 / 12)])
def test_noise_is_that_of_photons_reading_and_rounding(electrons, variance):
    """Of 2 e⁻/ADU, read with 6 e⁻ and rounded to whole numbers."""
    detector = Detector(gain=2.0, read_noise=6.0, cosmic_rays=0.0, overscan=0)
    values, hits = exposed(even_chip((300, 300)), detector, electrons, 0.0)
    np.testing.assert_array_equal(values, values.round())
    assert hits == 0
    assert abs(values.mean() - (100 + electrons / 2)) < 5 * np.sqrt(variance / 90_000)
    assert abs(values.var() / variance - 1) < 5 * np.sqrt(2 / 90_000)


def test_cosmic_rays_are_as_many_as_exposing_and_reading_are_long():
    """1000 hits of 1 to 8 pixels in 10⁶ and 100 s, of which 10 are reading; 4.5 pixels each, but where steps fold."""
    detector = Detector(cosmic_rays=1000.0, overscan=0)
    long, short = (exposed(even_chip((1000, 1000)), detector, 0.0, seconds)[1] for seconds in (90.0, 0.0))
    assert 3.5 * 1000 < long < 4.5 * 1000
    assert 7 < long / short < 14


def test_what_is_too_bright_stays_at_full_scale():
    assert (exposed(even_chip((4, 5)), Detector(gain=1.0, overscan=0), 1e6, 0.0)[0] == 65_535).all()


@examples(30)
@given(seeds, st.floats(0, 1), st.integers(2, 30), st.integers(2, 30))
def test_a_response_has_a_mean_of_one_and_an_even_chip_no_structure(seed, unevenness, height, width):
    uneven = chip_of(np.random.default_rng(seed), (height, width), Detector(unevenness=unevenness))
    assert uneven.response.mean() == pytest.approx(1, abs=1e-12)
    even = chip_of(np.random.default_rng(seed), (height, width), Detector(unevenness=0, structure=0, hot_pixels=0))
    assert (even.response.std(), even.bias.std(), even.dark_rate.std()) == pytest.approx((0, 0, 0), abs=1e-12)
    assert chip_of(np.random.default_rng(seed), (height, width), Detector(hot_pixels=1)).dark_rate.min() >= 1


@pytest.mark.parametrize("scene", [spectrum, stars, arc_lines])
@given(seed=seeds)
@examples(20)
def test_a_scene_is_light_and_arc_lines_cross_all_rows(scene, seed):
    light = scene(np.random.default_rng(seed), (12, 40))
    assert light.shape == (12, 40)
    assert light.min() >= 0
    assert light.max() > 0
    assert scene is not arc_lines or (light == light[0]).all()
