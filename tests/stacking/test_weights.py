"""Frames weigh by their variance, carried or what their scatter tells, or as they are told to, value by value too."""

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_frames import carrying, even, even_frames, on_disk, variance_of, without_bias
from strategies import frames_of, quick, seeds

from pipeline import Clip, Noise, combine, running
from pipeline.errors import SettingError, ShapeError, StepError, VarianceWarning


def test_inverse_variance_weights_by_hand():
    """Variances 1 and 3 weigh 3 to 1: (3·100 + 108)/4, with the variance 9/16 + 3/16."""
    image = combine(carrying([100, 108], [1, 3]), weights="variance", clip=None)
    assert image.pixels.values[2, 2] == pytest.approx(102)
    assert variance_of(image) == pytest.approx(0.75)


def test_a_noisy_frame_weighs_less_and_the_variance_says_so():
    """Of σ = 3, 3, 3 and 12 the best mean has the variance 1/(3/9 + 1/144)."""
    rng = np.random.default_rng(4)
    frames = frames_of(1000 + rng.normal(0, 1, (4, 128, 128)) * np.array([3, 3, 3, 12.0])[:, None, None])
    plain = combine(frames, clip=None, variance="noise").pixels
    weighed = combine(frames, clip=None, weights="variance", variance="noise").pixels
    assert (plain.values - 1000).var() == pytest.approx(171 / 16, rel=0.05)
    assert (weighed.values - 1000).var() == pytest.approx(1 / (3 / 9 + 1 / 144), rel=0.05)
    assert ((weighed.values - 1000) / np.sqrt(weighed.variance)).std() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(("level", "of_value", "said"), [(50, True, True), (50, False, False), (9e4, True, False)])
def test_a_variance_that_goes_with_the_value_draws_the_mean_and_this_is_said(level, of_value, said):
    """Weights 1/x give the harmonic mean: of counts it is low by (n − 1)/n electrons, here 0.8."""
    counts = np.random.default_rng(5).poisson(level, (5, 60, 60)).astype(float)
    variance = counts if of_value else np.full(counts.shape, level)
    image = combine(carrying(counts, variance), weights="variance", clip=None)
    assert [note.fact for note in image.notes] == ["weights that draw the mean"] * said
    if said:
        assert dict(image.notes[0].figures)["drawn by"] == pytest.approx(-0.8, abs=0.1)
        assert image.values.mean() == pytest.approx(level - 0.8, abs=0.4)


def test_two_frames_do_not_tell_which_is_noisier():
    with pytest.warns(VarianceWarning, match=r"light0\.fits and 1 more: two frames do not tell"):
        image = combine(frames_of(np.random.default_rng(1).normal(9, 1, (2, 9, 9))), clip=None, weights="variance")
    assert image.found.frames == 2


@quick
@given(seeds, st.integers(1, 6), st.sampled_from(["one a frame", "one a value", "variance"]))
def test_weights_are_those_of_five_lines_of_numpy(seed, count, given_as):
    rng = np.random.default_rng(seed)
    size = (count, 3, 4)
    values, variance, weights = rng.normal(50, 9, size), rng.uniform(1, 9, size), rng.uniform(0.1, 9, size)
    if given_as == "one a frame":
        weights = np.broadcast_to(weights[:, :1, :1], size)
    frames = carrying(values, variance)
    given = {"one a frame": list(weights[:, 0, 0]), "one a value": weights, "variance": "variance"}[given_as]
    image = combine(frames, weights=given, clip=None)

    w = 1 / variance if given_as == "variance" else weights
    np.testing.assert_allclose(image.values, np.sum(w * values, axis=0) / np.sum(w, axis=0), rtol=1e-12)
    np.testing.assert_allclose(
        image.pixels.variance, np.sum(w**2 * variance, axis=0) / np.sum(w, axis=0) ** 2, rtol=1e-12
    )


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("variance", [None, "scatter"])
def test_values_that_a_clip_leaves_out_weigh_nothing(tmp_path, stored, variance):
    """Also where frames are on disk, in another order than that of their weights, and read a few rows at a time."""
    rng = np.random.default_rng(3)
    values = rng.normal(5000, 3, (7, 40, 30)).round()
    hit = rng.random(values.shape) < 0.02
    values, weights = values + 30_000 * hit, rng.uniform(1, 9, values.shape)
    frames = frames_of(values)
    frames = on_disk(tmp_path, frames) if stored else frames
    with running(memory=10_000):
        image = combine(frames, weights=weights, clip=Clip(noise=Noise(a=9.0)), variance=variance)
    w = np.where(hit, 0, weights)
    np.testing.assert_allclose(image.values, np.sum(w * values, axis=0) / np.sum(w, axis=0), rtol=2e-7)
    assert image.found.rejected == tuple(hit.sum(axis=(1, 2)))
    if variance:
        noise = np.ma.var(np.ma.array(values, mask=hit), axis=0, ddof=1)
        expected = noise * np.sum(w**2, axis=0) / np.sum(w, axis=0) ** 2
        np.testing.assert_allclose(image.pixels.variance, expected, rtol=1e-5)


def test_a_value_whose_variance_is_not_known_counts_where_that_of_no_frame_is():
    frames = carrying([100, 108], [even(1), even(3)])
    unknown = even(1)
    unknown[0, :2], unknown[0, 2] = (np.inf, 0), np.nan
    first = attrs.evolve(frames[0], data=attrs.evolve(frames[0].pixels, variance=unknown))
    assert combine([first, frames[1]], weights="variance", clip=None).values[0, :4].tolist() == [108, 108, 108, 102]
    blind = [attrs.evolve(f, data=attrs.evolve(f.pixels, variance=np.where(unknown > 1, np.inf, 2.0))) for f in frames]
    assert combine(blind, weights="variance", clip=None).values[0, 0] == 104


def test_weights_that_agree_are_no_weights():
    """Also to the bit, of whole numbers: what is computed is the same sum, times and over the same number."""
    frames = frames_of(np.random.default_rng(2).integers(0, 999, (4, 9, 9)).astype("u2"))
    plain = combine(frames)
    assert combine(frames, weights=[2, 2, 2, 2]).pixels == plain.pixels
    assert combine(frames, weights=np.full((4, 9, 9), 2.0)).pixels == plain.pixels


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"weights": [1, 2]}, SettingError, "2 numbers for weights, and 3 frames"),
        ({"weights": [1, 0, 2]}, SettingError, "weights of light1.fits is 0; .* left out of the list"),
        ({"weights": [1, 2, np.nan]}, SettingError, "weights of light2.fits is nan"),
        ({"weights": (-1, 2, 3)}, SettingError, "weights of light0.fits is -1"),
        ({"weights": np.ones((3, 2, 2))}, ShapeError, r"weights of shape \(3, 2, 2\); .* or one a value, \(3, 5, 5\)"),
        (
            {"weights": -np.ones((3, 5, 5))},
            SettingError,
            "light0.fits are not positive at 25 pixels, such as -1 in row 0",
        ),
        ({"weights": np.full((3, 5, 5), np.nan)}, SettingError, "such as nan in row 0, column 0; flag pixels"),
        ({"weights": [1, 2, 3], "method": "median"}, SettingError, "weights need the mean"),
        ({"scale": [1, 0, 2]}, StepError, "scale=factors with the bias still in"),
    ],
)
def test_odd_weights_are_refused_by_the_name_of_the_frame(settings, error, words):
    with pytest.raises(error, match=words):
        combine(even_frames(1, 2, 3), **settings)


def test_factors_are_taken_as_they_are_given():
    """Weights are not guessed from them; values that they bring to one exposure are of that exposure."""
    frames = without_bias([10, 30], [10, 30], variance=4)
    image = combine(frames, scale=(6, 2), clip=None)
    assert image.values[0, 0] == 60
    assert variance_of(image) == pytest.approx((36 * 4 + 4 * 4) / 4)
    assert image.exposure == 60
    assert combine(without_bias([10, 5], [9, 9]), scale=np.array([1, 2]), clip=None).exposure == 9
    with pytest.raises(SettingError, match=r"scale of 30 s is 0; expected a positive factor"):
        combine(frames, scale=(6, 0))
