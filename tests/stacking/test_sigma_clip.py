"""The clip: what is left out of a stack, against astropy, brute force and numbers worked out by hand."""

import math
import warnings

import attrs
import numpy as np
import pytest
from astropy.stats import sigma_clip
from hypothesis import given
from hypothesis import strategies as st
from strategies import GIVEN_NOISE, frames_of, quick, seeds

from pipeline import Clip, Noise, combine
from pipeline.errors import ClipWarning, SettingError
from pipeline.stacking.clip import frames_needed
from pipeline.stacking.sigma_clip import ByOwnSpread, by_variance, kept_values

limits = st.floats(0.3, 6.0)
clips = st.builds(
    Clip,
    st.sampled_from(["std", "mad"]),
    low=limits,
    high=limits,
    centre=st.sampled_from(["median", "mean"]),
    iterations=st.none() | st.integers(1, 4),
)


@st.composite
def columns(draw):
    """Draw a stack of whole numbers or reals, with wild values and NaN: (frames, pixels)."""
    rng = np.random.default_rng(draw(seeds))
    size = (draw(st.integers(1, 30)), 12)
    stack = rng.normal(100, 4, size)
    stack = np.where(rng.random(size) < 0.1, stack + rng.uniform(-200, 900, size), stack)
    stack = np.where(rng.random(size) < draw(st.sampled_from([0.0, 0.3])), np.nan, stack)
    return np.round(stack) if draw(st.booleans()) else stack


def kept_by(clip, stack):
    stack = np.asarray(stack, float)
    if clip.spread != "noise":
        return ByOwnSpread(clip).kept(None, stack)
    return kept_values(stack, clip, by_variance(clip, lambda level, _: clip.noise.variance(level)))


def kept_by_astropy(clip, stack):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clipped = sigma_clip(
            stack,
            sigma_lower=clip.low,
            sigma_upper=clip.high,
            maxiters=clip.iterations,
            cenfunc=clip.centre,
            stdfunc="std" if clip.spread == "std" else "mad_std",
            axis=0,
        )
    return ~np.ma.getmaskarray(clipped)


def decided_by_a_hair(column, clip):
    """Tell whether some round meets a value within 1e-9 of the limit, or would reject all: one pixel, from scratch."""
    left = column[np.isfinite(column)]
    for _ in range(clip.iterations or left.size + 1):
        if not left.size:
            return True
        middle = np.median(left) if clip.centre == "median" else left.mean()
        sigma = left.std() if clip.spread == "std" else 1.482602218505602 * np.median(abs(left - np.median(left)))
        low, high = middle - clip.low * sigma, middle + clip.high * sigma
        scale = 1e-9 * max(abs(low), abs(high))
        if (np.minimum(abs(left - low), abs(left - high)) < scale).any():
            return True
        if not ((left < low) | (left > high)).any():
            return False
        left = left[(left >= low) & (left <= high)]
    return not left.size


@quick
@given(columns(), clips)
def test_std_and_mad_keep_the_values_that_astropy_keeps(stack, clip):
    for column, our, their in zip(stack.T, kept_by(clip, stack).T, kept_by_astropy(clip, stack).T, strict=True):
        if not decided_by_a_hair(column, clip):
            np.testing.assert_array_equal(our, their)


def test_few_of_the_pixels_compared_with_astropy_are_left_out_of_the_comparison():
    rng = np.random.default_rng(1)
    stack = np.where(rng.random((20, 500)) < 0.1, 400, rng.normal(100, 4, (20, 500)))
    for clip in (Clip("std", low=2.0, high=3.0), Clip("mad", low=2.0, high=3.0, iterations=2)):
        assert sum(decided_by_a_hair(column, clip) for column in stack.T) < 5
        assert 0.8 < kept_by(clip, stack).mean() < 0.99


def test_a_value_left_out_comes_back_if_it_lies_within_the_limits_of_the_last_round():
    """0 4 5 8 8 11: the median is 6.5, MAD 2, and 0 lies below 6.5 - 5.9; of the rest 8 and 3: 8 - 8.9."""
    column = np.array([[0], [4], [5], [8], [8], [11]])
    rounds = [kept_by(Clip("mad", low=2.0, high=2.0, iterations=n), column).ravel().tolist() for n in (1, None)]
    assert rounds == [[False, True, True, True, True, True], [True] * 6]


@quick
@given(columns(), clips)
def test_a_pixel_with_values_keeps_one(stack, clip):
    kept = kept_by(clip, stack)
    np.testing.assert_array_equal(kept.any(axis=0), np.isfinite(stack).any(axis=0))
    assert not kept[~np.isfinite(stack)].any()


@pytest.mark.parametrize("scale", [1.0, 0.1, 0.3, 1.7, 1 / 3])
def test_where_all_would_go_the_values_nearest_the_centre_stay(scale):
    """Median 150 and median absolute deviation 100 of 0, 100, 200, 300: at 0.1 σ nothing lies within 15 of 150."""
    clip = Clip("mad", low=0.1, high=0.1, iterations=1)
    assert kept_by(clip, np.array([[0], [100], [200], [300]]) * scale).ravel().tolist() == [False, True, True, False]


@quick
@given(st.lists(st.integers(0, 1000), min_size=1, max_size=8), st.floats(0.1, 10), st.sampled_from(GIVEN_NOISE))
def test_what_is_kept_does_not_depend_on_the_unit(counts, unit, clip):
    column = np.array(counts, float)[:, None]
    scaled = Clip(noise=clip.noise.scaled(unit))
    np.testing.assert_array_equal(kept_by(clip, column), kept_by(scaled, column * unit))


@pytest.mark.parametrize("centre", ["median", "mean"])
@pytest.mark.parametrize("k", [0.3, 0.9, 1.05, 1.3, 1.9, 2.2, 2.7, 3.3, 4.1, 4.95])
def test_frames_needed_is_the_first_number_from_which_one_wild_value_is_found(k, centre):
    clip = Clip("std", low=k, high=k + 1, centre=centre)

    def found(frames):
        """Try some zeros, some values on the way, and one wild value: the worst that a stack can hold."""
        ways = np.linspace(0, 0.5, 2001)
        stacks = (
            np.concatenate([np.zeros((zeros, 2001)), np.tile(ways, (frames - zeros - 1, 1)), np.ones((1, 2001))])
            for zeros in range(1, frames)
        )
        return any(not kept_by(clip, -1e6 * stack).all() for stack in stacks)

    needed = frames_needed(clip)
    assert not found(needed - 1)
    assert found(needed)


@pytest.mark.parametrize("spread", ["noise", "mad"])
def test_frames_needed_by_the_other_rules(spread):
    clip = Clip(spread, noise=Noise(a=1.0) if spread == "noise" else None)
    first = next(n for n in range(1, 9) if not kept_by(clip, 1e9 * np.eye(n, 1)).all())
    assert frames_needed(clip) == first == {"noise": 2, "mad": 3}[spread]


def test_a_clip_that_can_find_nothing_says_so_and_names_the_number_it_takes():
    frames = frames_of(np.full((10, 2, 2), 100, "u2"))
    with pytest.warns(ClipWarning, match=r"5 σ by std cannot reject anything from 10 frames; it takes 24"):
        combine(frames, clip=Clip("std"))


@quick
@given(columns(), st.floats(1, 1e6), st.sampled_from([*GIVEN_NOISE, Clip("mad"), Clip("mad", iterations=1, low=2.0)]))
def test_a_rejected_value_made_more_extreme_changes_nothing(stack, further, clip):
    """A value that the first round rejects; what later rounds reject, they reject by what is left of the others."""
    stack = stack[:, np.isfinite(stack).any(axis=0)]
    known = np.isfinite(stack)
    gone = known & ~kept_by(attrs.evolve(clip, iterations=1), stack) & ~kept_by(clip, stack)
    side = np.sign(stack - np.nanmedian(stack, axis=0))
    side = np.where(known.sum(axis=0) == 2, 1.0, side)  # the upper one of two
    np.testing.assert_array_equal(kept_by(clip, np.where(gone, stack + side * further, stack)), kept_by(clip, stack))


@given(st.floats(60, 1e9))
@quick
def test_the_height_of_one_hit_among_thirty_does_not_matter_to_std(height):
    stack = 100 + np.arange(30.0)[:, None] % 3
    stack[7] += height
    assert np.flatnonzero(~kept_by(Clip("std"), stack)).tolist() == [7]


@pytest.mark.parametrize(
    ("pair", "kept"),
    [
        ((100, 128), [True, True]),
        ((100, 129), [True, False]),
        ((129, 100), [False, True]),
        ((np.nan, 9), [False, True]),
    ],
)
def test_two_frames_are_judged_against_each_other_and_the_lower_one_holds(pair, kept):
    """σ = 4 at k = 5: the limit is 5·√2·4 = 28.28."""
    assert kept_by(Clip(noise=Noise(a=16.0)), np.array([pair]).T).ravel().tolist() == kept


def test_two_values_left_of_three_are_judged_against_each_other():
    clip = Clip(noise=Noise(a=16.0))
    assert kept_by(clip, [[100], [np.nan], [200]]).ravel().tolist() == [True, False, False]


def test_low_and_high_limits_are_their_own():
    clip = Clip(low=2.0, high=4.0, noise=Noise(a=1.0))
    assert kept_by(clip, [[10], [10], [10], [10], [7.9], [8.1], [13.9], [14.1]]).ravel().tolist() == [
        *[True] * 4, False, True, True, False
    ]  # fmt: skip


def test_noise_grows_with_level():
    """At level 100 with a = 21, b = 1: σ = 11, and 5 σ is 55."""
    clip = Clip(noise=Noise(a=21.0, b=1.0))
    assert kept_by(clip, [[100], [100], [100], [154], [156]]).ravel().tolist() == [True] * 4 + [False]


@pytest.mark.parametrize("kind", ["bias", "light"])
@quick
@given(seed=seeds)
def test_one_wild_value_in_ten_frames_averages_to_the_clean_value(kind, seed):
    stack = np.random.default_rng(seed).poisson(200, (10, 12, 12)).astype("f8")
    clean = np.delete(stack[:, 3, 4], 6).mean()
    stack[6, 3, 4] = 1e6
    image = combine(frames_of(stack, kind=kind), clip=Clip(low=7.0, high=7.0))
    assert image.found.rejected == (0, 0, 0, 0, 0, 0, 1, 0, 0, 0)
    assert image.pixels.values[3, 4] == pytest.approx(clean, abs=3.0)  # the frames' own levels differ by a few
    assert combine(frames_of(stack, kind=kind), clip=Clip(noise=Noise(a=200.0))).pixels.values[3, 4] == clean


@pytest.mark.parametrize("clip", [None, Clip(), Clip("std"), Clip("mad")])
@pytest.mark.parametrize("method", ["mean", "median"])
@pytest.mark.filterwarnings("ignore::pipeline.errors.ClipWarning")
def test_a_missing_value_is_ignored(clip, method):
    stack = np.array([np.full((5, 5), level, float) for level in (101, 102, 104)])
    stack[0, 2, 2] = np.nan
    image = combine(frames_of(stack, kind="bias"), clip=clip, method=method)
    assert image.pixels.values[2, 2] == 103
    assert image.pixels.flags[2, 2] == 0


@pytest.mark.parametrize(
    "settings",
    [
        {"spread": "sdt"},
        {"low": 0.0},
        {"high": -1.0},
        {"low": math.nan},
        {"centre": "mode"},
        {"iterations": 0},
        {"iterations": 1.5},
    ],
)
def test_a_clip_that_makes_no_sense_is_refused(settings):
    with pytest.raises(SettingError, match=next(iter(settings))):
        Clip(**settings)
