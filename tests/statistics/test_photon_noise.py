"""The photon noise that a stack shows, told from what moves, jumps or is hot."""

import numpy as np
import pytest
from made_frames import SIZE, photons
from strategies import frames_of

from pipeline import Clip, FrameSet, Image, Noise, combine
from pipeline.statistics.photon_noise import PhotonSample, photon_noise, slope_of


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


def test_where_no_pixel_is_as_quiet_as_judged_the_judged_noise_stays():
    """As where half of one frame of few is dead: all that is sampled varies by the whole of its level."""
    level = np.linspace(2900, 3100, 4096)
    sample = PhotonSample(level, level, np.full(4096, 1e6), np.zeros(4096), np.zeros(4096), degrees=2)
    judged = Noise(a=9.0, b=0.5)
    assert photon_noise(sample, judged, slope=0.5) == judged


def test_each_amplifier_of_a_light_has_its_own_photon_noise():
    rng = np.random.default_rng(10)
    level = 40 + 2000 * np.exp(-((np.arange(48)[:, None] - 24) ** 2) / 18) * np.ones(512)
    halves = [photons(rng, level, 3, read_noise=noise) for noise in (4.0, 24.0)]
    pixels = combine(frames_of(np.concatenate(halves, axis=2)), variance="noise").pixels
    for columns, read in ((slice(8, 480), 4), (slice(544, 1016), 144)):
        faint = pixels.variance[:10, columns]
        assert faint.mean() == pytest.approx((read + 1 / 12 + 20) / 3, rel=0.04)


def drifting(rng, frames, drift, changes=0.0):
    """Give photons of stars that drift by so many pixels a frame and change by so much, on a sky of 40 ADU."""
    y, x = np.mgrid[:160, :160]
    levels = np.full((frames, 160, 160), 40.0)
    for top, left, flux in zip(*rng.uniform(0, 160, (2, 25)), np.exp(rng.uniform(7, 12, 25)), strict=True):
        for number, level in enumerate(levels):
            r2 = (y - top - drift * number) ** 2 + (x - left - drift * number) ** 2
            level += flux * rng.uniform(1 - changes, 1 + changes) / 12.6 * np.exp(-r2 / 4)
    stack = np.stack([photons(rng, level, 1)[0] for level in levels])
    return stack, (levels < 40.5).all(axis=0)


@pytest.mark.parametrize("header", [{}, {"GAIN": (2.0, "[electron/adu]")}])
@pytest.mark.parametrize(("frames", "drift", "changes"), [(2, 3.0, 0.3), (3, 8.0, 0.0), (5, 1.0, 0.0), (10, 1.0, 0.3)])
@pytest.mark.parametrize("clip", [None, Clip()])
def test_stars_that_move_do_not_make_the_sky_noisier(header, frames, drift, changes, clip):
    stack, sky = drifting(np.random.default_rng(frames), frames, drift, changes)
    variance = combine(frames_of(stack, header=header), variance="noise", clip=clip).pixels.variance[sky]
    sigma = np.sqrt(np.mean(variance) / ((9 + 1 / 12 + 20) / frames))
    assert 0.95 < sigma < 1.07


@pytest.mark.parametrize("seconds", [(2, 3, 60), (2, 60)])
@pytest.mark.parametrize("header", [{}, {"GAIN": (2.0, "[electron/adu]")}])
def test_a_long_exposure_among_short_ones_has_its_own_noise(seconds, header):
    rng, times = np.random.default_rng(13), np.array(seconds)
    stack = np.concatenate([photons(rng, np.full((160, 160), 3.0 * one), 1) for one in times])
    lights = FrameSet(
        Image.of(
            frame, exposure=float(one), header=header | {"BUNIT": "adu", "ZEROCOR": "bias taken out"}, name=f"{one}"
        )
        for frame, one in zip(stack, seconds, strict=True)
    )
    pixels = combine(lights, variance="noise", scale="exposure").pixels
    assert np.sqrt(pixels.variance.mean()) == pytest.approx(pixels.values.std(), rel=0.05)


def test_lines_of_an_arc_that_moved_are_no_amplifiers():
    rng = np.random.default_rng(15)
    x = np.arange(300)
    lines = [
        sum(
            flux * np.exp(-((x - at - moved) ** 2) / 4)
            for at, flux in zip(range(20, 300, 40), 10 ** rng.uniform(3, 4, 7), strict=True)
        )
        for moved in (0, 0, 0, 12, 12)
    ]
    stack = np.stack([photons(rng, 40 + line * np.ones((120, 1)), 1)[0] for line in lines])
    dark = np.all([line < 0.5 for line in lines], axis=0)
    variance = combine(
        frames_of(stack, kind="arc", header={"GAIN": (2.0, "[electron/adu]")}), variance="noise"
    ).pixels.variance
    assert 0.95 < np.sqrt(variance[:, dark].mean() / ((9 + 1 / 12 + 20) / 5)) < 1.1


@pytest.mark.parametrize("seed", [503, 507, 508])
@pytest.mark.parametrize("frames", [2, 5])
def test_blank_lights_show_no_slope_of_their_noise(seed, frames):
    """Or a pixel's variance would follow its own noise, and a mean weighed by its inverse lie low."""
    stack = (1000 + 5 * np.random.default_rng(seed).standard_normal((frames, 128, 128))).astype(np.float32)
    pixels = combine(frames_of(stack), variance="noise").pixels
    sigma = np.sqrt(pixels.variance) / (5 / np.sqrt(frames))
    assert np.ptp(np.percentile(sigma, [1, 99])) < 0.05
    assert np.median(sigma) == pytest.approx(1, abs=0.06)
    weights = 1 / pixels.variance
    assert abs((pixels.values * weights).sum() / weights.sum() - 1000) < 0.05 * 5 / np.sqrt(frames)
