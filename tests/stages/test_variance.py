"""Variance: by hand where it can be, and true on simulated nights."""

import importlib.util
import warnings
from pathlib import Path

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import frames_of, quick, stacks

from pipeline import (
    Cards,
    Clip,
    Flag,
    FrameSet,
    Image,
    MasterBias,
    Noise,
    Pixels,
    Recipe,
    combine,
    correct_median,
    divide,
    each,
    estimate_variance,
    make_masters,
    normalise_flat,
    reduce,
    running,
    subtract_bias,
)
from pipeline.errors import StepError, VarianceWarning
from pipeline.night.masters import pair_noise
from pipeline.simulation.simulate import Counts, Detector, Exposures, simulate
from pipeline.statistics.medians import median_variance
from pipeline.statistics.photon_noise import slope_of

GIVEN = Clip(noise=Noise(a=9.0, b=0.5))
SIZE = (5, 5)


def flat_frames(*levels, **settings):
    return frames_of(np.stack([np.full(SIZE, level, float) for level in levels]), **settings)


def carrying(levels, variances):
    return FrameSet(
        Image.of(Pixels.of(np.full(SIZE, float(level)), 0, np.full(SIZE, float(variance))), name=f"{number}.fits")
        for number, (level, variance) in enumerate(zip(levels, variances, strict=True))
    )


def variance_of(image):
    return image.pixels.variance[2, 2]


# from the noise of the stack


def test_the_noise_of_one_frame_at_the_level_of_the_pixel_over_the_values_kept():
    """At 100: 9 + 50 over 4 frames; over 3 where one is hit, flagged or NaN; at 200: 9 + 100 over 4."""
    stack = np.full((4, 2, 3), 100.0)
    stack[:, 1, 2] = 200
    stack[2, 0, 0], stack[1, 0, 1] = 9000, np.nan
    flags = np.zeros(stack.shape, np.uint8)
    flags[3, 0, 2] = Flag.BAD
    image = combine(frames_of(stack, flags), clip=GIVEN, variance="noise", map_left_out=True)
    np.testing.assert_allclose(image.pixels.variance, [[59 / 3, 59 / 3, 59 / 3], [59 / 4, 59 / 4, 109 / 4]], rtol=1e-6)
    np.testing.assert_array_equal(image.found.left_out, [[1, 0, 0], [0, 0, 0]])
    assert image.pixels.variance.dtype == image.pixels.dtype


@pytest.mark.parametrize(("count", "factor"), [(2, 1), (3, 1.160**2), (4, 1.092**2), (5, 1.198**2)])
def test_a_median_of_few_has_the_variance_that_survivors_leave_it(count, factor):
    image = combine(flat_frames(*[100.5] * count), method="median", clip=GIVEN, variance="noise")
    assert variance_of(image) == pytest.approx(59.25 / count * factor, rel=6e-3)


@pytest.mark.parametrize("count", [3, 4, 5, 8, 9, 25])
def test_the_factors_of_the_median_are_those_of_normal_values(count):
    drawn = np.median(np.random.default_rng(1).normal(size=(200_000, count)), axis=1)
    assert float(median_variance(np.array(count))) == pytest.approx(count * drawn.var(), rel=0.012)


def test_nothing_asked_nothing_followed():
    image = combine(flat_frames(100, 100, 100))
    assert image.pixels.variance is None
    assert image.found.left_out is None
    assert image.found.gain is None
    assert reduce(flat_frames(9, 9), recipe=Recipe(variance=None)).pixels.variance is None


@settings(quick, max_examples=30)
@given(stacks(), st.sampled_from(["mean", "median"]), st.sampled_from([None, Clip(), Clip("mad")]))
def test_order_tiles_and_threads_change_no_variance(stack, method, clip):
    frames = frames_of(stack)
    whole = combine(frames, method=method, clip=clip, variance="noise").pixels
    with running(threads=1, memory=2**10):
        parts = combine(frames, method=method, clip=clip, variance="noise").pixels
    turned = combine(FrameSet(frames.frames[::-1]), method=method, clip=clip, variance="noise").pixels
    if len(frames) == 1:
        assert whole.variance is None
    else:
        np.testing.assert_array_equal(whole.variance, parts.variance)
        np.testing.assert_allclose(whole.variance, turned.variance, rtol=1e-5)
        assert (whole.variance > 0).all()


@quick
@given(stacks(dtype="float64"), st.sampled_from([None, Clip(), Clip("std")]))
def test_asking_for_a_variance_changes_no_value(stack, clip):
    frames = frames_of(stack)
    plain = combine(frames, clip=clip)
    for variance in ("noise", "scatter"):
        asked = combine(frames, clip=clip, variance=variance)
        np.testing.assert_array_equal(asked.pixels.values, plain.pixels.values)
        assert asked.found.rejected == plain.found.rejected


def test_parts_of_a_detector_have_each_their_own_variance():
    rng = np.random.default_rng(3)
    sigma = np.where(np.arange(256) < 128, 3.0, 9.0)
    frames = frames_of((1000 + rng.normal(0, sigma, (10, 128, 256))).round(), kind="bias")
    variance = combine(frames, variance="noise").pixels.variance
    assert variance[:, :120].mean() == pytest.approx(0.9 + 1 / 120, rel=0.05)
    assert variance[:, 136:].mean() == pytest.approx(8.1 + 1 / 120, rel=0.05)


# from each pixel's own values


def test_scatter_is_that_of_the_values_kept():
    """Of 1, 2, 3 the variance is 1, that of their mean 1/3; a single value tells none."""
    stack = np.array([[[1.0, 5.0]], [[2.0, np.nan]], [[3.0, np.nan]]])
    image = combine(frames_of(stack), clip=None, variance="scatter")
    np.testing.assert_allclose(image.pixels.variance, [[1 / 3, np.nan]])


# frames that carry variance


def test_frames_are_judged_by_the_variance_that_they_carry():
    """Of σ = 10, 40 above the others is noise and 60 is not, however alike the others are."""
    for level, rejected in ((140, 0), (160, 25)):
        image = combine(carrying([100, 100, 100, level], [100] * 4))
        assert sum(image.found.rejected) == rejected
    assert variance_of(image) == pytest.approx(100 / 3)


def test_each_frame_is_judged_by_its_own_variance():
    """40 above the others is 4 σ of a frame of σ = 10, and 40 σ of one of σ = 1."""
    noisy = combine(carrying([100, 100, 100, 100, 140], [1, 1, 1, 1, 100]))
    quiet = combine(carrying([100, 100, 100, 140, 100], [1, 1, 1, 1, 100]))
    assert noisy.found.rejected == (0, 0, 0, 0, 0)
    assert quiet.found.rejected == (0, 0, 0, 25, 0)


def test_a_given_noise_comes_before_what_frames_carry():
    image = combine(carrying([100, 100, 100, 140], [100] * 4), clip=Clip(noise=Noise(a=1.0)))
    assert image.found.rejected == (0, 0, 0, 25)


def test_inverse_variance_weights_by_hand():
    """Variances 1 and 3 weigh 3 to 1: (3·100 + 108)/4, with the variance 9/16 + 3/16."""
    image = combine(carrying([100, 108], [1, 3]), weights="variance", clip=None)
    assert image.pixels.values[2, 2] == pytest.approx(102)
    assert variance_of(image) == pytest.approx(0.75)


def test_frames_that_differ_keep_their_level_where_a_value_is_left_out():
    """Factors 0.9, 1 and 1.1 without the last: (0.9 + 1)·m/1.9, the level m of all, of variance (4 + 4)/1.9²."""
    scene = np.linspace(500, 2000, 400).reshape(20, 20)
    stack = np.stack([scene * factor for factor in (0.9, 1.0, 1.1)])
    stack[2, 10, 10] = 60_000
    frames = FrameSet(Image.of(Pixels.of(plane, 0, np.full(plane.shape, 4.0)), kind="flat") for plane in stack)
    image = combine(frames)
    assert image.found.rejected == (0, 0, 1)
    assert image.pixels.values[10, 10] == pytest.approx(scene[10, 10], rel=1e-3)
    assert image.pixels.variance[10, 10] == pytest.approx((1 / 1.9) ** 2 * 8, rel=1e-3)


def test_a_noisy_frame_weighs_less_and_the_variance_says_so():
    """Of σ = 3, 3, 3 and 12 the best mean has the variance 1/(3/9 + 1/144)."""
    rng = np.random.default_rng(4)
    frames = frames_of(1000 + rng.normal(0, 1, (4, 128, 128)) * np.array([3, 3, 3, 12.0])[:, None, None])
    plain = combine(frames, clip=None, variance="noise").pixels
    weighed = combine(frames, clip=None, weights="variance", variance="noise").pixels
    assert (plain.values - 1000).var() == pytest.approx(171 / 16, rel=0.05)
    assert (weighed.values - 1000).var() == pytest.approx(1 / (3 / 9 + 1 / 144), rel=0.05)
    assert ((weighed.values - 1000) / np.sqrt(weighed.variance)).std() == pytest.approx(1, abs=0.02)


def test_two_frames_do_not_tell_which_is_noisier():
    with pytest.warns(VarianceWarning, match=r"light0\.fits and light1\.fits: two frames do not tell"):
        image = combine(frames_of(np.random.default_rng(1).normal(9, 1, (2, 9, 9))), clip=None, weights="variance")
    assert image.found.frames == 2


def test_what_frames_share_is_not_averaged_and_their_own_noise_is():
    """Four frames of noise 9 + 0.5·100 less one bias of variance 3: 59/4 + 3."""
    bias = MasterBias.of(Image.of(Pixels.of(np.zeros(SIZE), variance=np.full(SIZE, 3.0)), kind="bias"))
    frames = each(subtract_bias(bias=bias))(flat_frames(100, 100, 100, 100))
    image = combine(frames, clip=GIVEN, variance="noise")
    assert variance_of(image) == pytest.approx(59 / 4)
    assert image.pixels.total_variance[2, 2] == pytest.approx(59 / 4 + 3)


def test_what_scaled_frames_share_is_scaled_as_they_are():
    """Darks of 100 and 300 s at 200 s, scaled by 2 and 2/3, weigh 1 to 9: a bias of σ 1 in both is 0.2 + 0.6 = 0.8."""
    bias = MasterBias.of(Image.of(Pixels.of(np.zeros(SIZE), variance=np.ones(SIZE)), kind="bias"))
    darks = FrameSet(
        Image.of(Pixels.of(np.full(SIZE, s / 10), variance=np.full(SIZE, 4.0)), kind="dark", exposure=s, name=f"{s}")
        for s in (100.0, 300.0)
    )
    image = combine(each(subtract_bias(bias=bias))(darks), clip=None, scale="exposure")
    assert image.pixels.values[2, 2] == pytest.approx(20)
    assert variance_of(image) == pytest.approx(0.1**2 * 16 + 0.9**2 * 16 / 9)
    assert image.pixels.total_variance[2, 2] == pytest.approx(1.6 + 0.8**2)


def test_a_flat_that_divides_each_light_keeps_its_own_error():
    """Lights of 100 and variance 4, each over a response of 1 and variance 0.01: 4/2 + 100²·0.01."""
    lamp = Image.of(Pixels.of(np.full(SIZE, 1000.0), variance=np.full(SIZE, 1e4)), kind="flat")
    flat = normalise_flat(lamp)
    image = combine(each(divide(flat=flat))(carrying([100, 100], [4, 4])), clip=None)
    assert image.pixels.total_variance[2, 2] == pytest.approx(102)


# a single frame


def single(value, kind="light", unit="adu", **cards):
    header = {"GAIN": 1.5, "RDNOISE": 4.0} | cards
    image, bias = (Image.of(np.full(SIZE, v), kind=k, header=header) for v, k in ((value, kind), (0.0, "bias")))
    image, bias = (attrs.evolve(one, state=attrs.evolve(one.state, unit=unit)) for one in (image, bias))
    return image if kind == "bias" else subtract_bias(image, bias=MasterBias.of(bias))


def test_a_single_frame_has_the_noise_of_its_gain_and_read_noise():
    """4 e⁻ at 1.5 e⁻/ADU are 16/2.25 ADU², 300 ADU of photons 200 ADU²; nothing is quieter than the readout."""
    assert variance_of(estimate_variance(single(300.0))) == pytest.approx(16 / 2.25 + 200)
    assert variance_of(estimate_variance(single(-3.0))) == pytest.approx(16 / 2.25)
    assert variance_of(estimate_variance(single(1000.0, kind="bias"))) == pytest.approx(16 / 2.25)
    assert variance_of(estimate_variance(single(300.0, unit="electron"))) == pytest.approx(16 + 300)
    assert variance_of(estimate_variance(single(300.0), noise=Noise(a=1.0, b=2.0))) == 601


@pytest.mark.parametrize(
    ("unit", "exposure", "expected"),
    [
        ("adu", 60.0, 16 / 2.25 + 200),
        ("adu/s", 60.0, 16 / 2.25 / 3600 + 200 / 60),
        ("electron", 60.0, 16 + 300),
        ("electron/s", 60.0, 16 / 3600 + 5),
    ],
)
@pytest.mark.parametrize("given", [True, False])
def test_the_noise_of_rates_and_of_electrons(unit, exposure, expected, given):
    """4 e⁻ at 1.5 e⁻/ADU; a rate is the counts over the seconds, so that 300 a second of 60 s are 18,000."""
    header = {"BUNIT": unit} | ({} if given else {"GAIN": 1.5, "RDNOISE": 4.0})
    bias, light = (
        Image.of(np.full(SIZE, value), kind=kind, exposure=exposure, header=header)
        for kind, value in (("bias", 0.0), ("light", 300.0))
    )
    noise = Noise.of(gain=1.5, read_noise=4.0)
    recipe = Recipe(clip=Clip(counting=noise), noise=noise) if given else Recipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VarianceWarning)
        pixels = reduce(FrameSet([bias, light]), recipe=recipe).pixels
    assert pixels.variance[2, 2] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (single(300.0, GAIN=None, RDNOISE=None), "no gain and read noise in its header"),
        (single(300.0, unit="electron/s"), "no gain and read noise"),
        (Image.of(np.ones(SIZE), header={"GAIN": 1.5, "RDNOISE": 4}), "its bias is still in"),
        (divide(single(1.0), flat=normalise_flat(Image.of(np.ones(SIZE), kind="flat"))), "flat-fielded already"),
        (Image.of(np.ones(SIZE), header={"GAIN": 1.5, "RDNOISE": 4, "ZEROCOR": True}), "calibrated elsewhere"),
    ],
)
def test_a_variance_that_cannot_be_known_is_left_out_with_a_word(image, words):
    with pytest.warns(VarianceWarning, match=words):
        assert estimate_variance(image).pixels.variance is None


@pytest.mark.parametrize(
    ("unit", "slope"), [("adu", 1 / 1.5), ("adu/s", 1 / 90), ("electron", 1), ("electron/s", 1 / 60)]
)
def test_what_a_unit_of_level_adds_by_its_photons(unit, slope):
    """A rate r of 60 s is 60 r counts: their variance, 60 r over the gain, over 60²."""
    light = Image.of(np.ones(SIZE), exposure=60.0, header={"BUNIT": unit, "GAIN": 1.5})
    assert slope_of([light, light]) == pytest.approx(slope)


def test_a_combination_is_no_single_frame():
    with pytest.raises(StepError, match="a combination, whose variance is not that of one frame"):
        estimate_variance(combine(flat_frames(1, 2)))


def test_a_variance_that_is_there_is_kept():
    image = carrying([100], [7])[0]
    assert estimate_variance(image).pixels == image.pixels


# gain and read noise


def exposed(rng, levels, count, gain=2.0, read_noise=6.0):
    electrons = rng.poisson(gain * levels, (count, *levels.shape))
    return ((electrons + rng.normal(0, read_noise, electrons.shape)) / gain).round()


def test_gain_and_read_noise_that_frames_show():
    rng = np.random.default_rng(5)
    wide, narrow = (np.broadcast_to(np.linspace(low, 20_000, 256), (96, 256)) for low in (1000, 12_000))
    gain, error = combine(frames_of(exposed(rng, wide, 6), kind="flat"), variance="noise").found.gain
    assert abs(gain - 2) < 3 * error
    assert 1e-3 < error < 0.05
    assert combine(frames_of(exposed(rng, narrow, 6), kind="flat"), variance="noise").found.gain is None
    bias = combine(frames_of(1000 + exposed(rng, np.zeros((96, 256)), 6), kind="bias"))
    assert bias.found.read_noise == pytest.approx(np.sqrt(9 + 1 / 12), rel=0.02)
    assert combine(frames_of(exposed(rng, wide, 3))).found.read_noise is None


def test_the_gain_that_lights_show_is_not_flattened_by_noisy_levels():
    rng = np.random.default_rng(8)
    sky = 30 + 3000 * np.exp(-((np.arange(48)[:, None] - 24) ** 2) / 18) * np.ones(1024)
    gain, error = combine(frames_of(exposed(rng, sky, 3)), variance="noise").found.gain
    assert abs(gain - 2) < 3 * error
    assert error < 0.06
    told = frames_of(exposed(rng, sky, 3), header={"GAIN": (2.0, "[electron/adu]")})
    assert combine(told, variance="noise").found.gain is None
    given = Clip(counting=Noise.of(gain=2.0, read_noise=6.0))
    assert combine(frames_of(exposed(rng, sky, 3)), clip=given, variance="noise").found.gain is None


@pytest.mark.parametrize("hot", [0.0, 0.003])
def test_hot_pixels_do_not_make_two_frames_look_quieter(hot):
    """Those that happen to scatter little pass for quiet ones: without a rule of their own, 6 % of the variance."""
    rng = np.random.default_rng(9)
    level = 40 + 500 * np.exp(-((np.arange(48)[:, None] - 24) ** 2) / 8) * np.ones(1024)
    level[rng.random(level.shape) < hot] += rng.uniform(200, 3000)
    pixels = combine(frames_of(exposed(rng, level, 2)), variance="noise").pixels
    dark = level == 40
    assert np.median(pixels.variance[dark]) == pytest.approx((9 + 1 / 12 + 20) / 2, rel=0.03)


@pytest.mark.parametrize(("header", "given"), [({"GAIN": (2.0, "[electron/adu]")}, "noise"), ({}, Noise(a=9.0, b=0.5))])
@pytest.mark.parametrize("pixels", [0.1, 1.0])
def test_motion_is_no_photon_noise_where_the_gain_is_known(header, given, pixels):
    """A trace of 3000 ADU that moves between exposures: of 9 + 0.5·level there is as much as without."""
    rng = np.random.default_rng(12)
    y = np.arange(48)[:, None] * np.ones(512)
    levels = [30 + 3000 * np.exp(-((y - 24 - shift) ** 2) / 18) for shift in (-pixels / 2, 0, pixels / 2)]
    stack = np.concatenate([exposed(rng, level, 1) for level in levels])
    variance = combine(frames_of(stack, header=header), variance=given).pixels.variance
    assert variance[24].mean() == pytest.approx((9 + 1 / 12 + 1515) / 3, rel=0.05)
    assert variance[4].mean() == pytest.approx((9 + 1 / 12 + 15) / 3, rel=0.2)


def test_each_amplifier_of_a_light_has_its_own_photon_noise():
    rng = np.random.default_rng(10)
    level = 40 + 2000 * np.exp(-((np.arange(48)[:, None] - 24) ** 2) / 18) * np.ones(512)
    halves = [exposed(rng, level, 3, read_noise=noise) for noise in (4.0, 24.0)]
    pixels = combine(frames_of(np.concatenate(halves, axis=2)), variance="noise").pixels
    for columns, read in ((slice(8, 480), 4), (slice(544, 1016), 144)):
        faint = pixels.variance[:10, columns]
        assert faint.mean() == pytest.approx((read + 1 / 12 + 20) / 3, rel=0.04)


# the median of counts


@pytest.mark.parametrize(("count", "missing"), [(3, 0.5513), (4, 0.5513), (5, 0.7132), (6, 0.7132)])
def test_a_median_of_counts_is_brought_up_to_the_mean(count, missing):
    """Noise 9 + 0.5·100, of which photons 50/59: (1 − v)·0.5/6·50/59, v the variance of the median of 3 or of 5."""
    noise = Noise(a=9.0, b=0.5)
    bias = MasterBias.of(Image.of(np.zeros(SIZE), kind="bias"))
    raw = combine(flat_frames(*[100.0] * count), method="median", clip=GIVEN)
    image = subtract_bias(raw, bias=bias)
    lifted = correct_median(image, noise=noise).pixels.values[2, 2]
    assert lifted - 100 == pytest.approx(missing * 0.5 / 6 * 50 / 59, rel=0.01)
    quiet = combine(flat_frames(*[100.0] * count), method="median")
    for same in (raw, subtract_bias(quiet, bias=bias), combine(flat_frames(100, 100, 100), clip=GIVEN)):
        assert correct_median(same, noise=noise).pixels == same.pixels
    assert correct_median(image).pixels == image.pixels  # no gain in its header


@pytest.mark.parametrize("count", [3, 4, 11])
def test_the_shift_of_the_median_is_that_of_skewed_counts(count):
    rng = np.random.default_rng(11)
    stack = (rng.poisson(20.0, (count, 500, 800)) + rng.normal(0, 3, (count, 500, 800))) / 2
    image = combine(frames_of(stack), method="median", clip=Clip(noise=Noise(a=2.25, b=0.5)))
    image = subtract_bias(image, bias=MasterBias.of(Image.of(np.zeros(stack.shape[1:]), kind="bias")))
    error = 1.25 * np.sqrt(29 / count) / 2 / np.sqrt(400_000)
    assert image.pixels.values.mean() < 10 - 6 * error
    assert abs(correct_median(image, noise=Noise(a=2.25, b=0.5)).pixels.values.mean() - 10) < 3 * error


def test_a_reduction_by_the_median_says_that_it_was_brought_up():
    night = simulate(shape=(24, 96), counts=Counts(light=5), detector=Detector(cosmic_rays=0))
    steps = {
        clip: [ran.stage for ran in reduce(night.frames, recipe=Recipe(method="median", clip=clip)).history]
        for clip in (Clip(), None, Clip("mad"))
    }
    assert "correct_median" in steps[Clip()]
    assert "correct_median" not in steps[None] + steps[Clip("mad")]
    assert "correct_median" not in [ran.stage for ran in reduce(night.frames).history]


def test_bias_and_flat_frames_tell_the_noise_of_a_single_light():
    rng = np.random.default_rng(6)
    bias = combine(frames_of(1000 + exposed(rng, np.zeros((96, 256)), 3), kind="bias"))
    flat = combine(frames_of(1000 + exposed(rng, np.full((96, 256), 9000.0), 3), kind="flat"), variance="noise")
    noise = pair_noise(bias.found, flat.found)
    assert noise.a == pytest.approx(9 + 1 / 12, rel=0.05)
    assert noise.b == pytest.approx(0.5, rel=0.05)
    assert pair_noise(bias.found, None) is None
    assert pair_noise(bias.found, combine(frames_of(np.full((1, 9, 9), 9000.0), kind="flat")).found) is None


@pytest.mark.parametrize(("gain", "said"), [(1.5, False), (3.0, True), (0.75, True)])
def test_a_gain_in_the_header_that_bias_and_flat_do_not_bear_out_is_said(gain, said):
    night = simulate(shape=(48, 256), counts=Counts(light=2), detector=Detector(cosmic_rays=0))
    frames = []
    for frame in night.frames:
        header = frame.header.to_header()
        header["GAIN"] = gain
        frames.append(attrs.evolve(frame, header=Cards.of(header)))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        reduce(FrameSet(frames))
    words = [str(one.message) for one in caught if "bias and flat frames show" in str(one.message)]
    assert len(words) == said
    assert all(f"says a gain of {gain:g} e-/ADU" in word for word in words)


def test_real_frames_tell_the_gain_and_read_noise_of_their_detector(shared_data):
    """Kast blue has 1.2 e⁻/ADU and 3.7 e⁻."""
    from pipeline import read_night

    night = read_night(shared_data / "kast_blue" / "filelist.csv")
    noise = make_masters(night, Recipe()).noise
    assert 1 / noise.b == pytest.approx(1.2, rel=0.08)
    assert np.sqrt(noise.a) / noise.b == pytest.approx(3.7, rel=0.1)
    pixels = reduce(night).pixels
    assert (np.sqrt(pixels.total_variance[~pixels.mask]) > 0).all()


# the law


def law():
    """Give the program that tests all of it: here is a small part."""
    path = Path(__file__).parents[2] / "benchmarks" / "variance.py"
    spec = importlib.util.spec_from_file_location("variance_law", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("sky", "without", "lights", "frames", "method", "dark"),
    [
        (10.0, (), 1, 10, "mean", 600.0),
        (50.0, (), 1, 30, "mean", 120.0),
        (50.0, ("dark",), 5, 5, "mean", 600.0),
        (200.0, (), 3, 3, "mean", 120.0),
        (200.0, ("bias",), 10, 5, "median", 600.0),
        (2000.0, ("flat",), 4, 10, "median", 60.0),
        (10.0, (), 30, 30, "median", 60.0),
        (50.0, ("bias", "dark", "flat"), 30, 3, "median", 120.0),
        (20_000.0, (), 30, 10, "mean", 120.0),
        (20_000.0, ("bias", "dark", "flat"), 1, 3, "mean", 120.0),
    ],
)
def test_pulls_are_those_of_a_true_variance(sky, without, lights, frames, method, dark):
    program = law()
    pull = program.pulls_of(program.night_of(11, sky, without, lights, frames, dark), Recipe(method=method))
    wide, shifted = program.bounds(sky, lights)
    assert abs(pull.std() - 1) < wide
    assert abs(pull.mean()) < shifted


def test_a_bias_in_light_and_dark_cancels_in_the_variance_as_in_the_values():
    """3 biases, 3 darks as long as the 3 lights: counting the bias in each of them gives pulls of 0.71."""
    detector = Detector(read_noise=30, dark_current=0, hot_pixels=0, cosmic_rays=0, overscan=0, unevenness=0)
    night = simulate(
        seed=2,
        shape=(64, 512),
        scene="stars",
        sky=0.0,
        counts=Counts(bias=3, dark=3, flat=30, light=3, arc=0),
        exposures=Exposures(dark=120, light=120),
        detector=detector,
    )
    pixels = reduce(night.frames).pixels
    faint = night.light < 1
    error = (pixels.values - night.light)[faint]
    assert (error / np.sqrt(pixels.total_variance[faint])).std() == pytest.approx(1, abs=0.02)
    twice = pixels.total_variance[faint] + 2 * make_masters(night.frames).bias.pixels.total_variance[faint]
    assert (error / np.sqrt(twice)).std() == pytest.approx(0.71, abs=0.02)
