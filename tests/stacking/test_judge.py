"""What is told of pixels without going through the rounds of a clip, against those rounds."""

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import Image
from pipeline.stacking.clip import Clip
from pipeline.stacking.judge import ENOUGH_FRAMES, MOST_OUT, judge, plain_hits, rule_of
from pipeline.stacking.plan import CombineSettings, plan_of
from pipeline.stacking.screening import NO_SHIFT, ResidualShift, safe_from_noise, safe_from_squares
from pipeline.stacking.sigma_clip import ByOwnSpread, by_variance, kept_values
from pipeline.stacking.stack_rows import Batch
from pipeline.statistics.noise import Noise
from pipeline.statistics.pixel_summary import (
    Asked,
    bounds_by_pairs,
    bounds_of,
    bounds_of_middles,
    extremes_of,
    fine_groups_of,
    groups_of,
    summarise,
)
from pipeline.statistics.robust import robust_mean, robust_means

PIXELS = 400
seeds = st.integers(0, 2**32 - 1)


def stack_of(random, frames, sigma, level, hits):
    """Make whole numbers of a level, of which a fraction is hit, by anything from a little to very much."""
    stack = random.normal(level, sigma, (frames, PIXELS))
    hit = random.random(stack.shape) < hits
    stack[hit] += random.choice([-1, 1], hit.sum()) * sigma * 10 ** random.uniform(0.3, 2.5, hit.sum())
    return np.clip(np.rint(stack), -32768, 32767).astype(np.int16)


@settings(max_examples=300)
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


@settings(max_examples=300)
@given(
    seeds,
    st.integers(2, 30),
    st.sampled_from([0.0, 0.3, 2.0]),
    st.sampled_from([0.0, 0.02, 0.15]),
    st.sampled_from([0.0, 0.02, 0.5]),
    st.sampled_from([Clip(), Clip(low=3, high=4), Clip(low=1, high=1), Clip(high=np.inf)]),
    st.booleans(),
)
def test_what_is_safe_by_the_noise_loses_nothing(seed, frames, blur, tilt, b, clip, whole):
    """Of a scene of all levels, most of them alike, frames shifted as above."""
    random = np.random.default_rng(seed)
    noise, base = Noise(a=9.0, b=b, floor=0.1), 500.0
    level = np.where(random.random(PIXELS) < 0.8, 500, 10 ** random.uniform(2, 4, PIXELS))
    factors, at_base = 1 + random.uniform(-tilt, tilt, frames), random.uniform(-blur, blur, frames)
    offsets = at_base - (factors - 1) * base
    even = random.normal(level, np.sqrt(noise.variance(level)), (frames, PIXELS))
    stack = even * factors[:, None] + offsets[:, None]
    stack = np.rint(stack).astype(np.int16) if whole else stack
    found = summarise(stack, Asked(np.zeros(frames, int)))
    residual = ResidualShift(zero=0.0, base=base, blur=np.abs(at_base).max(), apart=np.ptp(at_base), tilt=tilt)
    even = (stack - offsets[:, None]) / factors[:, None]
    keep = kept_values(even, clip, by_variance(clip, lambda level, _: noise.variance(level)))
    assert not (safe_from_noise(found, clip, noise, residual) & ~keep.all(axis=0)).any()


@pytest.mark.parametrize(("power", "b", "variance"), [(15, 10.0, 0.12), (16, 2.0, 0.1), (20, 10.0, 2.0)])
def test_levels_that_single_precision_rounds_have_less_noise_perhaps(power, b, variance):
    """Read noise that nearly cancels the level's, where shifting values rounds them up."""
    low = np.float32(2**power - 2.0 ** (power - 24))
    noise, shifts = Noise(a=variance - b * (float(low) + 1), b=b), np.full(5, -1)
    for height in 5 * np.sqrt(variance) * (1 + np.linspace(1e-3, 0.3, 60)):
        stack = np.full((5, 64), low)
        stack[2] += np.float32(height)
        found = summarise(stack, Asked(shifts))
        even = stack.astype(float) + 1
        keep = kept_values(even, Clip(), by_variance(Clip(), lambda level, _: noise.variance(level)))
        safe = safe_from_noise(found, Clip(), noise, attrs.evolve(NO_SHIFT, base=float(low)))
        assert not (safe & ~keep.all(axis=0)).any()


def assert_not_safe(stack, offsets, factors, noise, residual):
    """The last pixel loses a value, and all others are alike."""
    even = (stack - offsets[:, None]) / factors[:, None]
    keep = kept_values(even, Clip(), by_variance(Clip(), lambda level, _: noise.variance(level)))
    assert not keep[:, -1].all()
    found = summarise(stack.astype(np.int16), Asked(np.zeros(len(stack), int)))
    assert safe_from_noise(found, Clip(), noise, residual)[:-1].all()
    assert not safe_from_noise(found, Clip(), noise, residual)[-1]


def test_limits_are_those_of_the_level_that_shifts_leave():
    """Frames 1 ADU high, at a level whose noise grows by ten of its variances with each ADU."""
    stack = np.full((5, 200), 1001)
    stack[2, -1] += 6
    residual = attrs.evolve(NO_SHIFT, base=1000.0, blur=1.0)
    assert_not_safe(stack, np.ones(5), np.ones(5), Noise(a=1 - 10 * 1000, b=10.0), residual)


def test_limits_of_usual_levels_hold_for_no_others():
    """A fainter pixel has less noise, a brighter one is shifted by more."""
    stack, alike = np.full((5, 200), 5000), np.ones(5)
    stack[:, -1], stack[2, -1] = 100, 150
    noise, residual = Noise(a=9.0, b=0.5), attrs.evolve(NO_SHIFT, base=5000.0)
    assert_not_safe(stack, 0 * alike, alike, noise, residual)
    factors = np.array([1, 1, 1, 1, 1.1])
    stack[:, -1] = 20_000  # of which the last frame shows 1,500 more, or so it should
    assert_not_safe(stack, (1 - factors) * 5000, factors, noise, attrs.evolve(residual, tilt=0.1))


def test_most_pixels_of_a_scene_are_safe_whatever_its_brightest_ones_are():
    random = np.random.default_rng(3)
    noise = Noise(a=9.0, b=0.5)
    level = np.where(random.random(PIXELS) < 0.02, 30_000, 500)
    stack = np.rint(random.normal(level, np.sqrt(noise.variance(level)), (3, PIXELS))).astype(np.int16)
    residual = attrs.evolve(NO_SHIFT, base=500.0, tilt=0.01)
    found = summarise(stack, Asked(np.zeros(3, int)))
    assert safe_from_noise(found, Clip(), noise, residual)[level == 500].mean() > 0.95


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


@settings(max_examples=100)
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


@given(seeds, st.integers(9, 80), st.sampled_from([0.0, 0.7, 5.0, 300.0]), st.sampled_from([0.0, 0.02]), st.booleans())
def test_a_standard_deviation_is_never_overrated(seed, frames, sigma, hits, whole):
    stack = stack_of(np.random.default_rng(seed), frames, sigma, 300, hits)
    stack = stack if whole else stack * 1.1
    found = summarise(stack, Asked(np.zeros(frames, int), spread=True))
    assert (found.squares <= (np.var(stack.astype(float), axis=0) * frames) * (1 + 1e-5)).all()
    for clip in (Clip("std", low=2, high=2), Clip("std", low=3, high=4)):
        safe = safe_from_squares(found, frames, clip)
        keep = ByOwnSpread(clip).kept(None, stack.astype(float))
        assert keep[:, safe].all()


@pytest.mark.parametrize("frames", [27, 50, 200])
def test_most_pixels_are_safe_by_their_own_spread(frames):
    stack = stack_of(np.random.default_rng(1), frames, 5.0, 300, 0.0)
    found = summarise(stack, Asked(np.zeros(frames, int), spread=True))
    assert safe_from_squares(found, frames, Clip("std")).mean() > 0.85


def arranged(seed, frames, spread, arrangement):
    """Make a stack in which groups, or pairs, of frames are as they would be drawn, or as much alike as can be."""
    stack = np.random.default_rng(seed).integers(-spread, spread + 1, (frames, 50)).astype(np.int16)
    if arrangement == "sorted":
        stack.sort(axis=0)
    elif arrangement == "doubled":
        pairs = frames // 2
        stack[pairs : 2 * pairs] = stack[:pairs]
    return stack


arrangements = st.sampled_from(["drawn", "sorted", "doubled"])


@given(seeds, st.integers(1, 200), st.sampled_from([1, 4, 30_000]), arrangements)
def test_groups_of_frames_hold_the_median(seed, frames, spread, arrangement):
    stack = arranged(seed, frames, spread, arrangement)
    low, high, least, most = bounds_of(*extremes_of(stack, groups_of(frames)))
    ordered = np.sort(stack, axis=0)
    np.testing.assert_array_equal([low, high], ordered[[0, -1]])
    assert (least <= ordered[(frames - 1) // 2]).all()
    assert (most >= ordered[frames // 2]).all()


def test_more_than_half_of_any_number_of_frames_are_in_half_of_their_groups():
    for frames in range(1, 2000):
        groups = groups_of(frames)
        sizes = sorted(map(len, np.array_split(np.empty(frames), groups)))
        assert groups % 2
        assert sum(sizes[: groups // 2 + 1]) > frames / 2


@pytest.mark.parametrize("frames", range(2, 60))
def test_spread_is_told_from_groups_of_two_frames_or_more(frames):
    assert frames // fine_groups_of(frames) >= 2


def test_the_bounds_of_groups_are_close():
    stack = stack_of(np.random.default_rng(1), 50, 5.0, 300, 0.0)
    _, _, least, most = bounds_of(*extremes_of(stack, groups_of(50)))
    assert (most - least < 4 * 5).mean() > 0.95


@given(seeds, st.integers(MOST_OUT + 1, 90), arrangements, st.integers(0, MOST_OUT))
def test_middles_stay_within_bounds_whichever_values_are_left_out(seed, frames, arrangement, out):
    stack = arranged(seed, frames, 100, arrangement)
    least, most = bounds_of_middles(stack, MOST_OUT)
    ordered = np.sort(stack, axis=0)
    lower, upper = bounds_by_pairs(stack)
    assert (lower <= ordered[(frames - 1) // 2]).all()
    assert (upper >= ordered[frames // 2]).all()
    for below in range(out + 1):
        left = ordered[below : frames - (out - below)]
        assert (least <= left[(len(left) - 1) // 2]).all()
        assert (most >= left[len(left) // 2]).all()


@given(seeds, st.sampled_from([0.0, 0.3, 5.0]), st.sampled_from([1, 2, 7, 100]), st.booleans(), st.booleans())
def test_robust_means_are_those_of_each_row(seed, sigma, size, whole, bad):
    random = np.random.default_rng(seed)
    rows = random.normal(100, sigma, (4, size))
    rows[random.random(rows.shape) < 0.05] += 1000
    rows = np.rint(rows) if whole else rows
    rows[random.random(rows.shape) < 0.05 * bad] = np.nan
    np.testing.assert_allclose(robust_means(rows), [robust_mean(row) for row in rows], rtol=1e-13)


def test_a_sum_of_words_that_overflows_is_told_from_one_that_does_not():
    stack = np.zeros((20, 3), np.int16)
    stack[0] = 30_000, -32_768, 3_276
    stack[1] = -30_000, 32_767, 0
    found = summarise(stack, Asked(np.zeros(20, int)))
    assert found.total.tolist() == [0, -1, 3_276]
    assert found.span.tolist() == [60_000, 65_535, 3_276]


@given(seeds, st.integers(2, 300), st.sampled_from([1, 200, 5_000, 32_767]), st.sampled_from([0.0, 0.001, 0.3]))
def test_sums_are_exact(seed, frames, spread, far):
    random = np.random.default_rng(seed)
    stack = random.integers(-spread, spread, (frames, 600), endpoint=True).astype(np.int16)
    stack[:, random.random(600) < far] = random.choice([-32_768, 32_767])
    found = summarise(stack, Asked(np.zeros(frames, int)))
    np.testing.assert_array_equal(found.total, stack.sum(axis=0, dtype=np.int64))
