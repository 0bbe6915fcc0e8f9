"""What is told of pixels without going through the rounds of a clip, against those rounds."""

import numpy as np
import pytest
from hit_stacks import PIXELS, stack_of
from hypothesis import given
from hypothesis import strategies as st
from made_frames import without_bias
from strategies import examples, frames_of, seeds

from pipeline import Flag, Image, combine
from pipeline.stacking.clip import Clip
from pipeline.stacking.judge import ENOUGH_FRAMES, judge, plain_hits, rule_of
from pipeline.stacking.plan import CombineSettings, plan_of
from pipeline.stacking.screening import NO_SHIFT, ResidualShift
from pipeline.stacking.sigma_clip import ByOwnSpread, by_variance, kept_values
from pipeline.stacking.stack_rows import Batch
from pipeline.statistics.noise import Noise


@examples(300)
@given(
    seeds,
    st.integers(ENOUGH_FRAMES, 30),
    st.sampled_from([0.4, 2.0, 5.0, 40.0]),
    st.sampled_from([300, -32_767, 32_767]),
    st.sampled_from([0.0, 0.3, 2.0]),
    st.sampled_from([0.0, 1e-3, 0.02]),
    st.sampled_from([0.0, 0.02, 0.15]),
    st.sampled_from([Clip(), Clip(low=3, high=4), Clip(iterations=1), Clip(iterations=2), Clip(low=np.inf)]),
)
def test_what_is_a_plain_hit_is_what_the_rounds_keep(seed, frames, sigma, level, blur, tilt, hits, clip):
    """Frames are shifted by up to ``blur`` at a base, and by ``tilt`` of the distance from it besides."""
    random = np.random.default_rng(seed)
    stack, base = stack_of(random, frames, sigma, level, hits), level + 200.0
    b = random.choice([0.0, 0.05, 0.5])
    noise = Noise(a=sigma**2 - b * level, b=b, floor=0.1)
    factors = 1 + random.uniform(-tilt, tilt, frames)
    offsets = random.uniform(-blur, blur, frames) - (factors - 1) * base
    even = (stack - offsets[:, None]) / factors[:, None]
    keep = kept_values(even, clip, by_variance(clip, lambda level, _: noise.variance(level)))
    at_base = offsets + (factors - 1) * base
    residual = ResidualShift(zero=0.0, base=base, blur=np.abs(at_base).max(), apart=np.ptp(at_base), tilt=tilt)
    assert_told(plain_hits(stack, clip, noise, residual), stack, keep)


@given(
    seeds,
    st.integers(ENOUGH_FRAMES, 70),
    st.sampled_from([0.4, 5.0, 300.0]),
    st.sampled_from([300, -32_767, 32_767]),
    st.sampled_from([0.0, 0.02, 0.15]),
    st.sampled_from(
        [
            Clip("std"),
            Clip("std", low=2, high=3),
            Clip("std", 0.9, 1.1),
            Clip("std", 3, 3, iterations=1),
            Clip("std", high=np.inf),
        ]
    ),
)
def test_so_it_is_by_the_standard_deviation(seed, frames, sigma, level, hits, clip):
    stack = stack_of(np.random.default_rng(seed), frames, sigma, level, hits)
    keep = ByOwnSpread(clip).kept(None, stack.astype(float))
    assert_told(plain_hits(stack, clip, None, NO_SHIFT), stack, keep)


@pytest.mark.parametrize(
    ("clip", "others", "kept"),
    [
        (Clip("std", low=100, high=0.5), [0, -1000, 174], [True, True, True]),
        (Clip("std", low=100, high=0.5), [0, -1000, 300], [True, True, False]),
        (Clip("std", low=0.41, high=2.8), [179, -108, -27, 1000], [True, False, True, False]),  # and another is lost
    ],
)
def test_a_value_may_come_back(clip, others, kept):
    """What is dropped at first may lie within the limits of the last round: the spread of the others is larger."""
    stack = np.array([0, 0, 0, 0, 0, *others], np.int16)[:, None]
    keep = ByOwnSpread(clip).kept(None, stack.astype(float))
    assert keep[5:, 0].tolist() == kept
    told = plain_hits(stack, clip, None, NO_SHIFT)
    assert told.plain.all()
    assert_told(told, stack, keep)


def test_equal_values_at_the_end_of_their_type_may_be_shifted_apart():
    stack = np.full((8, 1), 32_767, np.int16)
    for clip in (Clip(), Clip(high=np.inf), Clip(low=np.inf)):
        assert not plain_hits(stack, clip, Noise(a=1.0), ResidualShift(0.0, 32_767.0, 30.0, 30.0, 0.0)).plain.any()


def test_the_noise_is_that_of_the_level_after_shifting():
    """All frames lie 3 ADU high: at 997 ADU one σ is 1 ADU, at 1000 it is 2, and then 7 ADU would be within 5 σ."""
    stack = np.full((8, 1), 1000, np.int16)
    stack[2] = 1007
    assert not plain_hits(stack, Clip(), Noise(a=-996.0, b=1.0), ResidualShift(0.0, 1000.0, 3.0, 0.0, 0.0)).plain.any()


def assert_told(told, stack, keep):
    """Of plain hits the values that are lost are told."""
    np.testing.assert_array_equal(told.out[:, told.plain], ~keep[:, told.plain])


@examples(100)
@given(
    seeds,
    st.integers(2, 30),
    st.sampled_from([np.int16, np.uint16, np.int32, np.float32]),
    st.sampled_from([Clip(), Clip(low=2, high=3), Clip("std", low=2, high=2), Clip("mad"), Clip(centre="mean"), None]),
    st.sampled_from([0.0, 0.01, 0.3]),
    st.sampled_from(["mean", "median"]),
    st.sampled_from(["bias", "flat"]),
)
def test_judging_is_going_through_the_rounds(seed, frames, dtype, clip, share, method, kind):
    """Whatever is told without them; of some pixels some values are not to be used."""
    random = np.random.default_rng(seed)
    level = 1000 + 300 * random.random(PIXELS) * (kind == "flat")
    stack = random.normal(level, 5, (frames, PIXELS)) + 3 * random.random((frames, 1))
    stack[random.random(stack.shape) < 0.02] += 10 ** random.uniform(0.5, 3)
    stack = stack.astype(dtype) if np.dtype(dtype).kind == "f" else np.rint(stack).astype(dtype)
    frames = tuple(Image.of(plane.reshape(20, -1), kind=kind, exposure=1) for plane in stack)
    ones = np.ones(len(frames))
    plan = plan_of(frames, CombineSettings(method, clip, None, map_left_out=False), scale=ones, weighing=ones)
    which = np.flatnonzero(random.random(PIXELS) < 0.7)
    order = [next(i for i, frame in enumerate(frames) if frame is one) for one in plan.frames]
    unusable = (random.random((len(frames), which.size)) < share) if share else None
    batch = Batch(which, stack[order][:, which], 0.0, unusable)
    rule = rule_of(plan)
    exact = rule.kept(batch, batch.values) if rule else np.isfinite(batch.values)
    judged, kept = judge(batch, plan)
    keep = np.ones(exact.shape, bool)
    keep[:, np.searchsorted(which, judged.place)] = kept
    np.testing.assert_array_equal(keep, exact)


@pytest.mark.parametrize(("frames", "noise"), [(20, Noise(a=25.0)), (50, Noise(a=25.0)), (50, None)])
def test_nearly_all_pixels_that_were_hit_are_plain_hits(frames, noise):
    stack = stack_of(np.random.default_rng(1), frames, 5.0, 300, 0.0)
    stack[3] += 500
    clip = Clip("noise" if noise else "std")
    told = plain_hits(stack, clip, noise, ResidualShift(0.0, 300.0, 0.1, 0.1, 0.0) if noise else NO_SHIFT)
    assert told.plain.mean() > 0.99
    assert told.out[3, told.plain].all()


def test_nothing_is_told_of_noise_that_depends_on_neighbours():
    stack = stack_of(np.random.default_rng(1), 20, 5.0, 300, 0.1)
    for noise in (Noise(a=25.0, d=0.1), Noise(a=25.0, c=0.1)):
        assert plain_hits(stack, Clip(), noise, NO_SHIFT) is None
    assert plain_hits(stack, Clip(centre="mean"), Noise(a=25.0), NO_SHIFT) is None
    assert plain_hits(stack[: ENOUGH_FRAMES - 1], Clip(), Noise(a=25.0), NO_SHIFT) is None


def test_pixels_that_lose_more_than_the_bounds_of_their_median_allow_are_no_plain_hits():
    """Of 20 values seven are hit: the median of what is left lies below all that it might be with four left out."""
    stack = np.arange(20, dtype=np.int16)[:, None] + 1000
    stack[13:] += 3000
    assert not plain_hits(stack, Clip(), Noise(a=400.0), NO_SHIFT).plain.any()
    assert plain_hits(stack[:17], Clip(), Noise(a=400.0), NO_SHIFT).plain.all()


def test_scaled_frames_are_judged_as_they_are_scaled():
    frames = without_bias([100.0, 200.0, 400.0, 300.0], [10.0, 20.0, 40.0, 10.0])
    image = combine(frames, scale="exposure", clip=Clip(noise=Noise(a=4.0)))
    assert image.found.rejected == (0, 0, 0, image.pixels.values.size)
    np.testing.assert_allclose(image.pixels.values, 200.0)


@pytest.mark.parametrize("frames", [2, 3, 9, 17, 30, 40])
def test_of_a_pixel_that_has_no_value_in_any_frame_nothing_is_known_whatever_frames_weigh(frames):
    random = np.random.default_rng(frames)
    scene = random.uniform(0.5, 1.5, (frames, 1, 1)) * (1000 + 500 * np.arange(30)) + random.normal(
        0, 500, (frames, 1, 1)
    )
    stack = random.normal(scene, 30, (frames, 20, 30))
    stack[:, 3, 4] = np.nan
    image = combine(frames_of(stack, kind="flat"), clip=Clip())
    assert np.argwhere(~np.isfinite(image.pixels.values)).tolist() == [[3, 4]]
    assert image.pixels.flags[3, 4] == Flag.NONFINITE


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
def test_an_average_that_is_too_large_for_its_type_is_flagged():
    stack = np.full((2, 4, 5), 100.0)
    stack[:, 1, 2] = 1.5e308
    pixels = combine(frames_of(stack, kind="bias"), clip=None).pixels
    assert np.argwhere(pixels.flags == Flag.NONFINITE).tolist() == [[1, 2]]
