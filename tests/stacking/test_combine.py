"""The laws of combining: what changes nothing, what commutes, and what is refused."""

import pickle

import attrs
import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st
from made_frames import even_frames, exposed, without_bias
from made_masters import a_rate
from strategies import CLIPS, OWN_SPREAD, clips, examples, flags_of, frames_of, kinds, methods, quick, seeds, stacks

from pipeline import (
    Clip,
    Flag,
    FrameSet,
    Image,
    MasterBias,
    Noise,
    combine,
    each,
    measure_noise,
    open_frame,
    subtract_bias,
)
from pipeline.errors import AssumptionWarning, SettingError, StepError
from pipeline.headers.status import Done, State
from pipeline.statistics.noise import QUANTISATION

pytestmark = pytest.mark.filterwarnings("ignore::pipeline.errors.ClipWarning")


@pytest.mark.parametrize("clip", CLIPS)
@quick
@given(stack=stacks() | stacks(dtype="int32"), kind=kinds, method=methods, data=st.data())
def test_the_order_of_frames_changes_nothing(stack, kind, method, clip, data):
    flags = data.draw(flags_of(stack))
    order = data.draw(st.permutations(range(len(stack))))
    here = combine(frames_of(stack, flags, kind=kind), method=method, clip=clip)
    there = combine(frames_of(stack[order], flags[order], kind=kind), method=method, clip=clip)
    assert here.pixels == there.pixels
    assert there.found.rejected == tuple(here.found.rejected[i] for i in order)
    assert there.found.noise == here.found.noise


@quick
@given(stacks(dtype="float64"), kinds, methods, st.sampled_from([None, *OWN_SPREAD]), st.data())
def test_the_order_of_float_frames_changes_four_ulp_at_most(stack, kind, method, clip, data):
    stack = stack * np.pi
    order = data.draw(st.permutations(range(len(stack))))
    here, there = (
        combine(frames_of(s, kind=kind), method=method, clip=clip).pixels for s in (stack, stack[list(order)])
    )
    assert within_four_ulp(here.values, there.values, stack)


@quick
@given(stacks(frames=st.just(1)) | stacks(dtype="float64", frames=st.just(1)), kinds, methods, clips, st.data())
def test_one_image_gives_its_values_and_flags(stack, kind, method, clip, data):
    frames = frames_of(np.where(stack > 40_000, np.nan, stack / 3), data.draw(flags_of(stack)), kind=kind)
    image = combine(frames, method=method, clip=clip)
    assert image.pixels == frames.frames[0].pixels
    assert image.found.rejected == (0,)


@quick
@given(stacks(dtype="float64") | stacks(), st.booleans())
def test_without_a_clip_mean_and_median_are_numpys(stack, holes):
    stack = np.where(stack % 7 == 3, np.nan, stack / 3) if holes else stack
    stack = stack[:, :, np.isfinite(stack).any(axis=(0, 1))]
    stack = np.where(np.isfinite(stack).any(axis=0), stack, 1.0)
    if not stack.size:
        return
    for method, numpys in (("mean", np.nanmean), ("median", np.nanmedian)):
        got = combine(frames_of(stack), method=method, clip=None).pixels.values
        assert within_four_ulp(got, numpys(stack, axis=0), stack)


def within_four_ulp(a, b, operand):
    """Compare to 4 ulp of the largest operand, in the precision that the values have."""
    eps = np.finfo(a.dtype).eps
    largest = np.nanmax(np.abs(operand), initial=1.0)
    return np.array_equal(np.isnan(a), np.isnan(b)) and np.nanmax(np.abs(a - b), initial=0.0) <= 4 * eps * largest


noises = st.sampled_from([None, Noise(a=30.7), Noise(a=7.3)])


@quick
@given(stacks(dtype="float64"), kinds, methods, noises, seeds)
def test_combining_commutes_with_subtracting_a_constant_image(stack, kind, method, noise, seed):
    constant = np.random.default_rng(seed).uniform(0, 1000, stack.shape[1:])
    clip = None if noise is None else Clip(noise=noise)
    bias = MasterBias.of(Image.of(constant, kind="bias"))
    frames = frames_of(stack, kind=kind)
    first = combine(each(subtract_bias(bias=bias))(frames), method=method, clip=clip).pixels.values
    last = subtract_bias(combine(frames, method=method, clip=clip), bias=bias).pixels.values
    assert within_four_ulp(first, last, np.concatenate([stack, constant[None]]))


scaling_noises = noises | st.sampled_from(
    [Noise(a=20.7, b=0.51, c=0.013, d=0.31, base=90.3), Noise(a=0.0, b=1.37), Noise(a=1.1, c=0.053, base=900.7)]
)


@quick
@given(stacks(dtype="float64"), kinds, methods, scaling_noises, st.floats(0.1, 10))
def test_combining_commutes_with_scaling(stack, kind, method, noise, factor):
    here, there = (None, None) if noise is None else (Clip(noise=noise), Clip(noise=noise.scaled(factor)))
    first = combine(frames_of(stack * factor, kind=kind), method=method, clip=there).pixels.values
    last = combine(frames_of(stack, kind=kind), method=method, clip=here).pixels.times(factor).values
    assert within_four_ulp(first, last, stack * factor)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ((0, 0, 0), 0),
        ((Flag.SATURATED, 0, 0), Flag.SATURATED),
        ((Flag.BAD, 0, Flag.HOT), 0),
        ((Flag.BAD, Flag.HOT, Flag.HOT), Flag.BAD | Flag.HOT),
        ((Flag.BAD | Flag.SATURATED, 0, 0), Flag.SATURATED),
        ((Flag.BAD, Flag.BAD, Flag.BAD | Flag.SATURATED), Flag.BAD | Flag.SATURATED),
    ],
)
@pytest.mark.parametrize("method", ["mean", "median"])
def test_saturation_sticks_and_other_flags_stay_only_where_no_good_value_is_left(flags, expected, method):
    stack = np.full((3, 2, 2), 100.0)
    image = combine(
        frames_of(stack, np.broadcast_to(np.array(flags, np.uint8)[:, None, None], stack.shape)), method=method
    )
    assert (image.pixels.flags == expected).all()
    assert (image.pixels.values == 100).all()


def test_a_flagged_value_does_not_count_and_a_saturated_one_does():
    stack = np.array([np.full((2, 2), value) for value in (100.0, 102.0, 900.0)])
    flags = np.zeros(stack.shape, np.uint8)
    flags[2] = Flag.BAD
    assert combine(frames_of(stack, flags), clip=None).pixels.values[0, 0] == 101
    flags[2] = Flag.SATURATED
    assert combine(frames_of(stack, flags), clip=None).pixels.values[0, 0] == pytest.approx(1102 / 3)


@pytest.mark.parametrize("clip", CLIPS)
@pytest.mark.parametrize("method", ["mean", "median"])
def test_a_pixel_that_is_nan_in_every_frame_stays_nan_and_is_flagged(clip, method):
    stack = np.full((4, 5, 5), 100.0)
    stack[:, 1, 2] = np.nan
    pixels = combine(frames_of(stack), clip=clip, method=method).pixels
    assert np.argwhere(np.isnan(pixels.values)).tolist() == np.argwhere(pixels.mask).tolist() == [[1, 2]]


@quick
@given(stacks(), kinds, methods, clips)
def test_frames_stay_as_they_were(stack, kind, method, clip):
    frames = frames_of(stack, kind=kind)
    before = pickle.dumps(frames)
    combine(frames, method=method, clip=clip)
    assert pickle.loads(before) == frames


def test_mean_and_median_by_hand():
    assert combine(even_frames(1, 2, 6), clip=None).pixels.values[0, 0] == 3
    assert combine(even_frames(1, 2, 6), clip=None, method="median").pixels.values[0, 0] == 2
    assert combine(even_frames(1, 2, 6, 9), clip=None, method="median").pixels.values[0, 0] == 4


def test_frames_of_0_s_are_not_weighed_by_their_exposure():
    frames = FrameSet(Image.of(np.ones((5, 5)), kind="bias", exposure=0.0) for _ in range(2))
    with pytest.raises(StepError, match="has 0 s; it cannot be weighed by exposure"):
        combine(frames, weights="exposure")


def test_scale_by_exposure_by_hand():
    """100 in 10 s and 315 in 30 s are 200 and 210 in 20 s.

    The short frame's noise is scaled by 2, the long one's by 2/3: (1·200 + 9·210)/10; by exposure (10·200 + 30·210)/40.
    """
    frames = without_bias([100.0, 315.0], [10.0, 30.0])
    plain = combine(frames, scale="exposure", clip=None)
    assert plain.pixels.values[0, 0] == pytest.approx(209)
    assert plain.exposure == 20
    weighed = combine(frames, scale="exposure", weights="exposure", clip=None)
    assert weighed.pixels.values[0, 0] == pytest.approx(207.5)


def test_scale_by_level_brings_all_to_the_mean_level():
    image = combine(without_bias([100.0, 300.0], [5.0, 5.0]), scale="level", clip=None, method="median")
    assert image.pixels.values[0, 0] == pytest.approx(200)


def test_weights_by_exposure_by_hand():
    """Exposures within 1 % count as equal: (100·1000 + 200·1005)/2005."""
    frames = without_bias([100.0, 200.0], [1000.0, 1005.0])
    assert combine(frames, weights="exposure", clip=None).pixels.values[0, 0] == pytest.approx(301_000 / 2005)


def test_nothing_to_combine_is_refused():
    with pytest.raises(StepError, match="no frames"):
        combine(FrameSet())


@pytest.mark.parametrize("scale", ["exposure", "level"])
def test_scaling_with_the_bias_in_is_refused(scale):
    with pytest.raises(StepError, match="bias still in; take it out of each frame first"):
        combine(exposed(10.0, 20.0), scale=scale)


def test_scaling_where_there_is_said_to_be_no_bias_warns():
    frames = each(subtract_bias(bias=None))(exposed(10.0, 20.0, kind="dark"))
    with pytest.warns(AssumptionWarning, match="no bias taken out"):
        combine(frames, scale="exposure")


def test_lights_that_hold_a_pedestal_are_not_scaled_and_overscan_takes_one_out_as_a_bias_does():
    lights = each(subtract_bias(bias=None))(exposed(10.0, 20.0))
    with pytest.raises(StepError, match=r"10\.0\.fits: lights of several exposures are scaled, and its bias"):
        combine(lights, scale="exposure")
    level_out = attrs.evolve(State(), overscan=Done("Overscan section is [1:2,1:2] with mean"))
    levelled = FrameSet(attrs.evolve(light, state=level_out) for light in lights)
    assert combine(levelled, scale="exposure", clip=None).history[-1].said == ()


def test_frames_without_exposure_or_light_cannot_be_scaled():
    with pytest.raises(StepError, match="cannot be scaled"):
        combine(without_bias([1.0, 1.0], [0.0, 10.0]), scale="exposure")
    with pytest.raises(StepError, match="cannot be scaled"):
        combine(without_bias([1.0, -1.0], [10.0, 10.0]), scale="level")


@pytest.mark.parametrize("method", ["mean", "median"])
@pytest.mark.parametrize("frames", [2, 9, 20, 61, 130])
def test_without_a_clip_frames_on_disk_combine_as_numpy_does(tmp_path, frames, method):
    rng = np.random.default_rng(frames)
    whole = rng.normal(30_000, 4000 * rng.random((50, 60)), (frames, 50, 60)).round().astype(np.uint16)
    whole[0, :5], whole[-1, :5] = 0, 65_535
    for number, plane in enumerate(whole):
        fits.writeto(tmp_path / f"{number}.fits", plane)
    there = FrameSet(open_frame(tmp_path / f"{number}.fits", kind="bias") for number in range(frames))
    expected = getattr(np, method)(whole.astype(np.float64), axis=0).astype(np.float32)
    np.testing.assert_array_equal(combine(there, clip=None, method=method).pixels.values, expected)


def test_weights_need_the_mean():
    with pytest.raises(SettingError, match="weights='exposure' with method='median'; weights need the mean"):
        combine(exposed(1.0, 1.0), method="median", weights="exposure")


def test_rates_of_several_exposures_combine_as_they_are():
    frames = FrameSet(a_rate(value, exposure=t) for value, t in ((4, 10), (6, 600)))
    assert (combine(frames, clip=None).pixels.values == 5).all()


# ---- the noise of a stack, measured by itself ----

NOISE_SHAPE = (48, 96)


def exposures(seed, frames, *, gain, read_noise, low=200.0, high=200.0):
    """Simulate exposures of electrons that rise from low to high across the frame: (frames, rows, columns) in ADU."""
    rng = np.random.default_rng(seed)
    electrons = np.broadcast_to(np.linspace(low, high, NOISE_SHAPE[1]), (frames, *NOISE_SHAPE))
    return (rng.poisson(electrons) + rng.normal(0, read_noise, electrons.shape)) / gain


@quick
@given(seeds, st.integers(2, 8), st.floats(1, 30))
def test_the_read_noise_of_biases_comes_back(seed, frames, read_noise):
    """Within 5 %, or 0.02 ADU where rounding to whole numbers shows."""
    rng = np.random.default_rng(seed)
    stack = np.rint(rng.normal(1000, read_noise, (frames, *NOISE_SHAPE))).astype(np.uint16)
    noise = measure_noise(frames_of(stack, kind="bias"))
    assert noise.b == 0
    assert np.sqrt(noise.a) == pytest.approx(np.hypot(read_noise, np.sqrt(QUANTISATION)), rel=0.05, abs=0.02)


@examples(20)
@given(seeds, st.floats(0.05, 1), st.floats(0, 1))
def test_the_read_noise_of_biases_that_hardly_leave_one_number_is_right_or_not_known(seed, sigma, phase):
    """Where between two whole numbers a bias lies decides what is seen of noise that is less than a step."""
    rng = np.random.default_rng(seed)
    stack = np.rint(1000 + phase + sigma * rng.standard_normal((10, *NOISE_SHAPE))).astype(np.uint16)
    told = combine(frames_of(stack, kind="bias")).found.read_noise
    assert told is None if sigma < 0.35 else told is None or told == pytest.approx(np.hypot(sigma, 12**-0.5), rel=0.06)
    assert told is not None or sigma < 0.55


@quick
@given(seeds, st.floats(0.5, 4))
def test_the_gain_of_flats_comes_back(seed, gain):
    stack = exposures(seed, 6, gain=gain, read_noise=5.0, low=500.0, high=20_000.0)
    noise = measure_noise(frames_of(stack, kind="flat"))
    assert 1 / noise.b == pytest.approx(gain, rel=0.1)


@quick
@given(seeds, kinds, st.integers(3, 6))
def test_the_measured_noise_is_what_combine_clips_by(seed, kind, frames):
    of_kind = frames_of(exposures(seed, frames, gain=1.5, read_noise=4.0), kind=kind)
    assert measure_noise(of_kind) == combine(of_kind).found.noise


@quick
@given(seeds, kinds, st.sampled_from([2.0, 8.0, 64.0]))
def test_the_measured_noise_scales_with_the_frames(seed, kind, factor):
    """To the bit with powers of 2, as long as it is above the rounding of whole numbers."""
    stack = exposures(seed, 4, gain=1.0, read_noise=10.0, high=4000.0)
    one, scaled = (measure_noise(frames_of(values, kind=kind)) for values in (stack, factor * stack))
    assert (scaled.a, scaled.b) == (pytest.approx(one.a * factor**2), pytest.approx(one.b * factor))
    assert (scaled.c, scaled.d) == (pytest.approx(one.c), pytest.approx(one.d))


@quick
@given(seeds, st.permutations(range(4)))
def test_the_order_of_frames_changes_nothing_of_their_noise(seed, order):
    stack = exposures(seed, 4, gain=1.0, read_noise=10.0).astype(np.uint16)
    assert measure_noise(frames_of(stack)) == measure_noise(frames_of(stack[list(order)]))


@pytest.mark.parametrize("frames", [0, 1])
def test_the_noise_of_fewer_than_two_frames_is_refused(frames):
    with pytest.raises(StepError, match=f"the noise of {frames} frames cannot be measured; it takes two or more"):
        measure_noise(FrameSet(frames_of(np.ones((frames, 4, 4)))))
