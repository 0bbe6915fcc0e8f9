"""The noise of the sky: whatever stands in it and moves, it is that of one exposure."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.simulation.moving_lights import exposed_at, lights
from pipeline.simulation.skies import Lines
from pipeline.statistics.frame_levels import Shifts, sampled
from pipeline.statistics.noise import Noise
from pipeline.statistics.photon_noise import photon_noise
from pipeline.statistics.sky_noise import FEW_ELECTRONS, SkyNoise, sky_noise, variances_of_sky

SIGMA = 12.0
SHAPE = (192, 256)


def sky(rng, frames, shape=SHAPE, sigma=SIGMA, level=1000.0):
    return rng.normal(level, sigma, (frames, *shape))


def blocks_of(stack):
    rows, _ = sampled(*stack.shape[1:], "light", len(stack))
    return [stack[:, start:stop] for start, stop in rows]


def noise_of(stack, shifts=None):
    return sky_noise(blocks_of(stack), shifts or Shifts.none(len(stack)))


def stars(rng, frames, drift, fwhm=3.0, count=40, shape=SHAPE):
    """Give frames of stars that drift by so many pixels a frame along both axes, and change by ±30 %."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    images, sigma = np.zeros((frames, *shape)), fwhm / 2.3548
    for _ in range(count):
        top, left, flux = rng.uniform(0, shape[0]), rng.uniform(0, shape[1]), np.exp(rng.uniform(7, 13))
        for number, image in enumerate(images):
            moved = drift * (number - (frames - 1) / 2)
            r2 = (y - top - moved) ** 2 + (x - left - moved) ** 2
            image += flux * rng.uniform(0.7, 1.3) / (2 * np.pi * sigma**2) * np.exp(-r2 / (2 * sigma**2))
    return images


def within(found, truth, errors=5.0):
    return abs(found.variance / truth - 1) < errors * found.error


def test_it_is_what_numpy_finds_in_an_empty_sky():
    stack = sky(np.random.default_rng(1), 4)
    residual = stack - stack.mean(axis=0)
    q = (residual[:, :, :-4] - 2 * residual[:, :, 2:-2] + residual[:, :, 4:]) / np.sqrt(6)
    expected = (q**2).sum(axis=0).mean() / 3
    assert expected == pytest.approx(SIGMA**2, rel=0.02)
    found = noise_of(stack)
    assert within(found, expected, errors=4)
    assert found.level == pytest.approx(1000, abs=3)
    assert 0 < found.error < 0.03


@given(st.integers(0, 99), st.integers(2, 6), st.floats(0.1, 100))
def test_units_offsets_and_the_order_of_frames_change_nothing(seed, frames, factor):
    rng = np.random.default_rng(seed)
    stack, order, offsets = sky(rng, frames, (60, 80)), rng.permutation(frames), rng.uniform(-500, 500, frames)
    found = noise_of(stack)
    other = noise_of((factor * (stack + offsets[:, None, None]))[order])
    assert other.variance == pytest.approx(factor**2 * found.variance, rel=1e-6)
    assert other.level == pytest.approx(factor * (found.level + offsets.mean()), rel=1e-6)


@pytest.mark.parametrize("frames", [2, 3, 5, 10])
@pytest.mark.parametrize("drift", [0.0, 0.3, 1.0, 3.0])
@pytest.mark.parametrize("fwhm", [2.0, 6.0])
def test_stars_that_move_and_change_are_no_noise(frames, drift, fwhm):
    rng = np.random.default_rng(round(10 * drift) + frames)
    found = noise_of(sky(rng, frames) + stars(rng, frames, drift, fwhm))
    assert found.variance == pytest.approx(SIGMA**2, rel=0.03 + 4 * found.error)


@given(st.integers(0, 99), st.integers(2, 6))
def test_what_all_frames_share_and_what_hits_one_is_no_noise(seed, frames):
    rng = np.random.default_rng(seed)
    stack = sky(rng, frames, (120, 120))
    stack += np.where(rng.random(stack.shape[1:]) < 0.01, 3000, 0)  # hot pixels
    stack[rng.random(stack.shape) < 5e-4] += 8000
    stack[rng.random(stack.shape) < 5e-3] += 8 * SIGMA
    assert noise_of(stack).variance == pytest.approx(SIGMA**2, rel=0.02 + 5 * noise_of(stack).error)


@given(st.integers(0, 99), st.integers(2, 6), st.floats(0, 0.2))
def test_bad_values_leave_what_the_others_tell(seed, frames, bad):
    rng = np.random.default_rng(seed)
    stack = sky(rng, frames, (120, 120)) + rng.uniform(-300, 300, (frames, 1, 1))
    stack[rng.random(stack.shape) < bad] = np.nan
    stack[0, :, :20] = np.nan
    assert within(noise_of(stack), SIGMA**2)


def test_wrong_factors_cost_nothing_and_right_ones_take_out_what_changes():
    rng = np.random.default_rng(3)
    lines = 400 * rng.random(SHAPE[1]) * np.ones(SHAPE)
    factors = np.array([0.7, 1.0, 1.3])
    stack = sky(rng, 3, level=0.0) + factors[:, None, None] * (1000 + lines)
    assert within(noise_of(stack, Shifts(np.zeros(3), factors)), SIGMA**2)
    assert not within(noise_of(stack), SIGMA**2, errors=20)
    assert within(noise_of(sky(rng, 3), Shifts(np.zeros(3), np.array([0.01, 1, 30]))), SIGMA**2)


def test_noise_that_neighbours_share_counts_in_full():
    """As frames have it that were shifted by half a pixel: half of it is shared by the next."""
    stack = sky(np.random.default_rng(4), 5)
    resampled = 0.5 * (stack[:, :, 1:] + stack[:, :, :-1])
    assert within(noise_of(resampled), SIGMA**2 / 2)


@pytest.mark.parametrize("frames", [3, 8])
def test_rows_that_jump_as_a_whole_are_noise(frames):
    rng = np.random.default_rng(5)
    stack = sky(rng, frames) + rng.normal(0, 6, (frames, SHAPE[0], 1))
    assert noise_of(stack).variance == pytest.approx(SIGMA**2 + 36, rel=0.1)


@pytest.mark.parametrize(("sigma", "variance"), [(0.05, 1 / 12), (0.4, 0.16 + 1 / 12), (3.0, 9 + 1 / 12)])
def test_whole_numbers_are_as_noisy_as_rounding_makes_them(sigma, variance):
    rng = np.random.default_rng(6)
    stack = np.round(sky(rng, 6, sigma=sigma) + 0.3 * rng.random(SHAPE))
    found = sky_noise(blocks_of(stack), Shifts.none(6), rounding=1 / 12)
    assert found.variance == pytest.approx(variance, rel=0.1)


def test_rates_are_not_rounded():
    assert within(noise_of(sky(np.random.default_rng(7), 3, sigma=0.01, level=0.1)), 1e-4)


@pytest.mark.parametrize("shape", [(1, 3), (1, 5), (2, 8)])
def test_too_few_pixels_tell_nothing(shape):
    assert noise_of(sky(np.random.default_rng(8), 3, shape)) is None


def test_neither_does_one_frame_nor_bad_ones():
    stack = sky(np.random.default_rng(8), 2)
    assert noise_of(stack[:1]) is None
    assert noise_of(np.full_like(stack, np.nan)) is None


@given(st.floats(0.01, 1e4), st.floats(-100, 1e4), st.floats(0, 100), st.floats(-1e4, 1e5))
def test_no_slope_spoils_the_sky(variance, level, slope, elsewhere):
    noise = SkyNoise(variance, level, error=0.01).about(slope)
    assert float(noise.variance(np.array(level))) == pytest.approx(variance, rel=1e-6)
    assert float(noise.variance(np.array(elsewhere))) >= 0.8 * variance


def test_a_slope_that_motion_made_is_bounded_by_what_is_plausible():
    rng = np.random.default_rng(9)
    steps = np.repeat([0, 60, 200, 500], SHAPE[1] // 4) * np.ones(SHAPE)
    bright = np.sqrt(144 + 0.5 * steps) * rng.normal(0, 1, (5, *SHAPE)) + 1000 + steps
    found = noise_of(bright)
    assert 0.5 < found.plausible(100.0) < 1
    assert found.plausible(0.3) == 0.3
    assert noise_of(sky(rng, 5)).plausible(100.0) == pytest.approx(SIGMA / 3, rel=0.05)
    bare = sky_noise(blocks_of(sky(rng, 5, level=400.0)), Shifts.none(5), from_zero=True)
    assert bare.plausible(100.0) == pytest.approx(SIGMA**2 / 400, rel=0.1)


def test_a_noise_that_is_right_in_the_sky_is_confirmed():
    found = SkyNoise(variance=100.0, level=50.0, error=0.01)
    assert found.confirms(found.about(0.7))
    assert found.confirms(SkyNoise(101.0, 50.0, 0.01).about(0.1))
    assert not found.confirms(SkyNoise(110.0, 50.0, 0.01).about(0.1))


@given(st.integers(0, 99), st.permutations((1.0, 3.0, 10.0, 40.0)), st.floats(0.1, 10), st.booleans())
def test_each_frame_has_its_own_variance_however_unlike_they_are(seed, sigmas, factor, flat_field):
    rng, sigmas = np.random.default_rng(seed), np.array(sigmas)
    stack = sigmas[:, None, None] * rng.normal(0, 1, (4, *SHAPE)) + rng.uniform(0, 500, (4, 1, 1))
    stack += 3 * rng.normal(0, 1, SHAPE) if flat_field else 0
    found = variances_of_sky(blocks_of(factor * stack))
    np.testing.assert_allclose(found, (factor * sigmas) ** 2, rtol=0.5 if flat_field else 0.15)
    np.testing.assert_allclose(variances_of_sky(blocks_of(stack[::-1]))[::-1] * factor**2, found, rtol=1e-6)


def test_each_of_two_frames_has_its_own_variance():
    stack = sky(np.random.default_rng(11), 2) * np.array([1, 5])[:, None, None]
    np.testing.assert_allclose(variances_of_sky(blocks_of(stack)), SIGMA**2 * np.array([1, 25]), rtol=0.1)
    assert variances_of_sky([]) is None
    assert variances_of_sky(blocks_of(np.zeros((2, 60, 60)))) is None


def test_the_level_of_weighted_frames_is_that_of_their_mean():
    stack = sky(np.random.default_rng(12), 2) + np.array([0, 300])[:, None, None]
    assert noise_of(stack).level == pytest.approx(1150, abs=9)
    weights = np.array([1.0, 99.0])
    assert sky_noise(blocks_of(stack), Shifts.none(2), weights=weights).level == pytest.approx(1297, abs=9)


def test_a_field_full_of_stars_is_judged_where_it_is_faintest():
    rng = np.random.default_rng(14)
    crowded = noise_of(sky(rng, 5) + stars(rng, 5, 6.0, fwhm=2.0, count=250))
    assert crowded.crowded
    assert crowded.variance < 1.5 * SIGMA**2
    assert not noise_of(sky(rng, 5)).crowded


@pytest.mark.parametrize("seed", [0, 3, 4])
def test_lines_that_move_through_most_of_the_sky_leave_its_noise(seed):
    rng = np.random.default_rng(seed)
    exposed = exposed_at(12.0 * np.outer(np.arange(5) > 2, (0.0, 1.0)))
    made = lights(rng, exposed, Lines.drawn(rng, 15, (48, 300)), fwhm=3.0, shape=(48, 300), hits=0, kind="arc")
    assert noise_of(made.values.astype(float)).variance == pytest.approx(
        np.mean(made.sigma[:, made.blank] ** 2), rel=0.1
    )


def test_a_slope_of_fewer_electrons_than_any_gain_gives_is_not_taken_for_photons():
    told = SkyNoise(100.0, 1000.0, 0.01)
    steep = Noise(a=100.0 - 50 * 1000.0, b=50.0, base=1000.0)
    assert told.confirms(steep)
    assert photon_noise(None, steep, sky=told).b <= 10 / FEW_ELECTRONS
    assert photon_noise(None, steep, 50.0, sky=told) == steep
