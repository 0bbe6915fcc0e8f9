"""The photon noise that a stack shows, told from what moves, jumps or is hot."""

import numpy as np
import pytest
from made_frames import SIZE, photons
from strategies import frames_of

from pipeline import Clip, Image, Noise, combine
from pipeline.statistics.photon_noise import slope_of


@pytest.mark.parametrize(
    ("unit", "slope"), [("adu", 1 / 1.5), ("adu/s", 1 / 90), ("electron", 1), ("electron/s", 1 / 60)]
)
def test_what_a_unit_of_level_adds_by_its_photons(unit, slope):
    """A rate r of 60 s is 60 r counts: their variance, 60 r over the gain, over 60²."""
    light = Image.of(np.ones(SIZE), exposure=60.0, header={"BUNIT": unit, "GAIN": 1.5})
    assert slope_of([light, light]) == pytest.approx(slope)


def test_the_gain_that_lights_show_is_not_flattened_by_noisy_levels():
    rng = np.random.default_rng(8)
    sky = 30 + 3000 * np.exp(-((np.arange(48)[:, None] - 24) ** 2) / 18) * np.ones(1024)
    gain, error = combine(frames_of(photons(rng, sky, 3)), variance="noise").found.gain
    assert abs(gain - 2) < 3 * error
    assert error < 0.06
    told = frames_of(photons(rng, sky, 3), header={"GAIN": (2.0, "[electron/adu]")})
    assert combine(told, variance="noise").found.gain is None
    given = Clip(counting=Noise.of(gain=2.0, read_noise=6.0))
    assert combine(frames_of(photons(rng, sky, 3)), clip=given, variance="noise").found.gain is None


@pytest.mark.parametrize("hot", [0.0, 0.003])
def test_hot_pixels_do_not_make_two_frames_look_quieter(hot):
    """Those that happen to scatter little pass for quiet ones: without a rule of their own, 6 % of the variance."""
    rng = np.random.default_rng(9)
    level = 40 + 500 * np.exp(-((np.arange(48)[:, None] - 24) ** 2) / 8) * np.ones(1024)
    level[rng.random(level.shape) < hot] += rng.uniform(200, 3000)
    pixels = combine(frames_of(photons(rng, level, 2)), variance="noise").pixels
    dark = level == 40
    assert np.median(pixels.variance[dark]) == pytest.approx((9 + 1 / 12 + 20) / 2, rel=0.03)


@pytest.mark.parametrize(("header", "given"), [({"GAIN": (2.0, "[electron/adu]")}, "noise"), ({}, Noise(a=9.0, b=0.5))])
@pytest.mark.parametrize("pixels", [0.1, 1.0])
def test_motion_is_no_photon_noise_where_the_gain_is_known(header, given, pixels):
    """A trace of 3000 ADU that moves between exposures: of 9 + 0.5·level there is as much as without."""
    rng = np.random.default_rng(12)
    y = np.arange(48)[:, None] * np.ones(512)
    levels = [30 + 3000 * np.exp(-((y - 24 - shift) ** 2) / 18) for shift in (-pixels / 2, 0, pixels / 2)]
    stack = np.concatenate([photons(rng, level, 1) for level in levels])
    variance = combine(frames_of(stack, header=header), variance=given).pixels.variance
    assert variance[24].mean() == pytest.approx((9 + 1 / 12 + 1515) / 3, rel=0.05)
    assert variance[4].mean() == pytest.approx((9 + 1 / 12 + 15) / 3, rel=0.2)


def test_each_amplifier_of_a_light_has_its_own_photon_noise():
    rng = np.random.default_rng(10)
    level = 40 + 2000 * np.exp(-((np.arange(48)[:, None] - 24) ** 2) / 18) * np.ones(512)
    halves = [photons(rng, level, 3, read_noise=noise) for noise in (4.0, 24.0)]
    pixels = combine(frames_of(np.concatenate(halves, axis=2)), variance="noise").pixels
    for columns, read in ((slice(8, 480), 4), (slice(544, 1016), 144)):
        faint = pixels.variance[:10, columns]
        assert faint.mean() == pytest.approx((read + 1 / 12 + 20) / 3, rel=0.04)
