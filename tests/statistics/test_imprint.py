"""The structure of a master is found in an image as often as it was put there, and nowhere else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick

from pipeline.statistics.imprint import Relief, imprint_of_columns, imprint_of_warm
from pipeline.statistics.imprint import imprints as imprints_of

SHAPE = (60, 200)
RNG = np.random.default_rng(5)
SMOOTH = 300 + 2 * np.arange(200) + 3 * np.arange(60)[:, None]


def made(seed, sigma=5.0):
    return np.random.default_rng(seed).normal(0, sigma, SHAPE)


def imprints(image, master, **settings):
    return imprints_of(Relief.of(image), Relief.of(master), **settings)


@quick
@given(times=st.floats(-2, 4), seed=st.integers(0, 99))
def test_a_pattern_is_found_as_often_as_it_was_added(times, seed):
    pattern = 20.0 * (np.arange(200) % 8 < 2) + made(seed + 100, 1.0)
    (found,) = imprints(SMOOTH + made(seed) + times * pattern, 1000 + pattern, noise=0.0)
    assert found.times == pytest.approx(times, abs=0.05 + 6 * found.error)
    assert found.off_by(0.3) or abs(times - 1) < 0.6


@quick
@given(times=st.floats(0, 4), seed=st.integers(0, 99))
def test_hot_pixels_each_say_how_often_they_stand_in_an_image(times, seed):
    hot = np.where(np.random.default_rng(seed).random(SHAPE) < 0.01, 500.0, 0.0)
    (found,) = imprints(SMOOTH + made(seed) + times * hot, hot + made(seed + 1, 1.0), noise=None)
    assert found.times == pytest.approx(times, abs=0.05)
    assert (found.obeying > 0.9) == (abs(times - 1) < 0.2) or 0.2 <= abs(times - 1) < 0.3


@quick
@given(pedestal=st.floats(-0.4, 0.9), seed=st.integers(0, 99), stars=st.booleans())
def test_a_response_is_found_in_the_light_and_not_in_a_pedestal_whatever_stars_there_are(pedestal, seed, stars):
    response = 1 + made(seed + 1, 0.02)
    light = SMOOTH * 20.0
    if stars:
        y, x = np.random.default_rng(seed).integers(0, 60, 40), np.random.default_rng(seed).integers(0, 200, 40)
        light[y, x] *= 30
    image = light * response + np.sqrt(light) * made(seed, 1.0) + pedestal / (1 - pedestal) * SMOOTH * 20.0
    (found,) = imprints(image, response, noise=1e-6, response=True)
    assert found.times == pytest.approx(1 - pedestal, abs=0.1)
    assert found.off_by(0.3) == (abs(pedestal) > 0.3) or abs(abs(pedestal) - 0.3) < 0.1


@quick
@given(times=st.sampled_from([0.0, 1.0, 2.0]), period=st.sampled_from([3, 4, 6, 7, 8, 12]), seed=st.integers(0, 99))
def test_a_pattern_of_columns_below_the_noise_of_a_pixel_is_found(times, period, seed):
    pattern = 6.0 * (np.arange(200) % period < 2) + 0 * SMOOTH
    hot = np.where(np.random.default_rng(seed).random(SHAPE) < 0.01, 9.0, 0.0)
    found = imprint_of_columns(SMOOTH + made(seed) + times * pattern + 10 * hot, pattern + hot + made(seed + 100, 1.0))
    assert found.times == pytest.approx(times, abs=0.05 + 8 * found.error)  # 16 parts tell the error
    assert found.off_by(0.35) == (times != 1)


@quick
@given(times=st.sampled_from([0.0, 1.0, 2.0]), hits=st.floats(500, 50_000), seed=st.integers(0, 99))
def test_hits_in_the_master_hide_no_pattern_of_its_columns(times, hits, seed):
    pattern = 6.0 * (np.arange(200) % 8 < 2) + 0 * SMOOTH
    hit = np.where(np.random.default_rng(seed).random(SHAPE) < 0.01, hits, 0.0)
    found = imprint_of_columns(SMOOTH + made(seed) + times * pattern, pattern + hit + made(seed + 100, 1.0))
    assert found.off_by(0.35) == (times != 1)


@quick
@given(seed=st.integers(0, 99), hot_column=st.booleans())
def test_noise_and_a_single_column_are_no_pattern_of_columns(seed, hot_column):
    master = made(seed, 1.0) + 20.0 * hot_column * (np.arange(200) == 50)
    assert imprint_of_columns(SMOOTH + made(seed + 100), master) is None


@quick
@given(times=st.sampled_from([0.2, 1.0, 3.0]), seed=st.integers(0, 99))
def test_warm_pixels_tell_together_what_each_does_not(times, seed):
    warm = np.where(np.random.default_rng(seed).random(SHAPE) < 0.02, 15.0, 0.0)
    image, master = SMOOTH + made(seed + 1) + times * warm, warm + made(seed + 2, 1.0)
    assert imprints(image, master, noise=None) == []
    found = imprint_of_warm(Relief.of(image), Relief.of(master))
    assert found.times == pytest.approx(times, abs=0.05 + 6 * found.error)
    assert found.off_by(0.35) == (times != 1)
    assert imprint_of_warm(Relief.of(image), Relief.of(made(seed, 1.0))) is None


def test_noise_of_the_master_is_no_structure():
    noise_alone, image = made(1, 1.0), SMOOTH + made(2)
    assert imprints(image, noise_alone, noise=1.0) == []
    assert imprints(image, noise_alone, noise=None) == []
    half = noise_alone + made(3, 1.5)
    (found,) = imprints(SMOOTH + made(4, 1.0) + half - noise_alone, half, noise=1.0)
    assert found.times == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("shape", [(3, 4), (2, 40), (400, 30)])
def test_few_pixels_say_nothing(shape):
    assert imprints(RNG.normal(0, 1, shape), RNG.normal(0, 1, shape), noise=0.0) == []


@pytest.mark.parametrize("value", [0.0, 65535.0, np.nan])
def test_constant_images_say_nothing(value):
    pattern = 20.0 * (np.arange(200) % 8 < 2) + 0 * SMOOTH
    assert imprints(np.full(SHAPE, value), 1 + pattern, noise=0.0) == []
    assert imprints(np.full(SHAPE, value), 1 + pattern, noise=0.0, response=True) == []
    assert imprints(SMOOTH + made(1), np.full(SHAPE, value), noise=0.0) == []


def test_noise_said_too_large_accuses_no_master_and_a_double_pattern_is_told_all_the_same():
    pattern = made(3, 20.0)
    for times, told in ((1, False), (2, True)):
        (found,) = imprints(SMOOTH + made(4) + times * pattern, pattern, noise=120.0)
        assert found.times > 1.3 * times
        assert found.off_by(0.35) == told


@pytest.mark.parametrize("scale", [1e100, 1e160, 1e300])
def test_numbers_beyond_measure_are_bad_pixels(scale):
    pattern = 20.0 * (np.arange(200) % 8 < 2) + made(3, 1.0)
    image = SMOOTH + made(1) + pattern
    image[3, 3] = scale
    (found,) = imprints(image, pattern, noise=0.0)
    assert not found.off_by(0.3)
    assert imprints((SMOOTH + pattern) * scale, pattern * scale, noise=0.0) == [] or scale < 1e140
