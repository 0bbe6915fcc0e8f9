"""The variance of a combination: by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_frames import GIVEN, SIZE, carrying, even_frames, variance_of, without_bias
from made_masters import full
from strategies import examples, frames_of, quick, stacks

from pipeline import (
    Clip,
    Flag,
    FrameSet,
    Image,
    MasterBias,
    Pixels,
    Recipe,
    combine,
    divide,
    each,
    normalise_flat,
    reduce,
    running,
    subtract_bias,
)


def test_the_variance_of_a_scaled_and_weighed_mean_by_hand():
    """Factors 2 and 2/3, weights 1/4 and 3/4: (2/4)²·8 + (2/4)²·8."""
    frames = without_bias([100.0, 300.0], [10.0, 30.0], variance=8.0)
    image = combine(frames, scale="exposure", weights="exposure", clip=None)
    assert image.pixels.variance[0, 0] == pytest.approx(4.0)


def test_own_errors_average_down_and_shared_ones_do_not():
    bias = MasterBias.of(
        Image.of(Pixels.of(np.zeros((5, 5)), variance=np.full((5, 5), 3.0)).as_shared("bias"), kind="bias")
    )
    frame = Image.of(Pixels.of(np.full((5, 5), 9.0), variance=np.full((5, 5), 8.0)))
    image = combine(each(subtract_bias(bias=bias))(FrameSet([frame] * 4)), clip=None)
    assert image.pixels.total_variance[0, 0] == pytest.approx(8 / 4 + 3)


def test_the_variance_of_a_value_left_out_does_not_matter():
    images = [Image.of(Pixels.of([[v, 10.0]], variance=[[w, 4.0]])) for v, w in ((10, 4), (12, 4), (np.nan, np.nan))]
    combined = combine(FrameSet(images), clip=None).pixels
    np.testing.assert_allclose(combined.variance, [[2, 4 / 3]])


def test_a_median_knows_less_than_a_mean():
    """The median of three normal values has 1.16² times the variance of their mean."""
    frames = FrameSet(Image.of(Pixels.of(full(v), 0, full(100))) for v in (1, 2, 3))
    np.testing.assert_allclose(combine(frames, clip=None).pixels.variance, 100 / 3)
    np.testing.assert_allclose(
        combine(frames, method="median", clip=None).pixels.variance, 100 / 3 * 1.16**2, rtol=5e-3
    )


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
    image = combine(even_frames(*[100.5] * count), method="median", clip=GIVEN, variance="noise")
    assert variance_of(image) == pytest.approx(59.25 / count * factor, rel=6e-3)


def test_nothing_asked_nothing_followed():
    image = combine(even_frames(100, 100, 100))
    assert image.pixels.variance is None
    assert image.found.left_out is None
    assert image.found.gain is None
    assert reduce(even_frames(9, 9), recipe=Recipe(variance=None)).pixels.variance is None


@examples(30)
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


def test_scatter_is_that_of_the_values_kept():
    """Of 1, 2, 3 the variance is 1, that of their mean 1/3; a single value tells none."""
    stack = np.array([[[1.0, 5.0]], [[2.0, np.nan]], [[3.0, np.nan]]])
    image = combine(frames_of(stack), clip=None, variance="scatter")
    np.testing.assert_allclose(image.pixels.variance, [[1 / 3, np.nan]])


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


def test_what_frames_share_is_not_averaged_and_their_own_noise_is():
    """Four frames of noise 9 + 0.5·100 less one bias of variance 3: 59/4 + 3."""
    bias = MasterBias.of(Image.of(Pixels.of(np.zeros(SIZE), variance=np.full(SIZE, 3.0)), kind="bias"))
    frames = each(subtract_bias(bias=bias))(even_frames(100, 100, 100, 100))
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


@pytest.mark.parametrize("variance", [None, "noise", "scatter"])
@pytest.mark.parametrize("carried", [True, False])
@pytest.mark.parametrize("method", ["mean", "median"])
def test_the_map_of_values_left_out_counts_these_wherever_the_variance_comes_from(variance, carried, method):
    values = np.random.default_rng(0).normal(100, 5, (5, 20, 20)).astype(np.float32)
    values[2, 3, 4] = 5000
    values[1, 7, 8] = np.nan
    frames = FrameSet(
        Image.of(Pixels.of(plane, variance=np.full(plane.shape, 25.0) if carried else None), kind="bias")
        for plane in values
    )
    found = combine(frames, method=method, map_left_out=True, variance=variance).found
    assert found.rejected == (0, 0, 1, 0, 0)
    assert found.left_out[3, 4] == 1
    assert found.left_out.sum() == 1
