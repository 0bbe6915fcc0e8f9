"""Light is brought together that is one, whatever else is in the frames."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from star_fields import Field
from strategies import examples

from pipeline.statistics.correlation import (
    Coarse,
    brightest_windows,
    correlated,
    finer_shift,
    light_in,
    profiles_of,
    shift_of_profile,
)
from pipeline.statistics.sources import BinnedImage

SHAPE = (96, 128)
shifts = st.tuples(st.integers(-20, 20), st.integers(-30, 30))


def scattered(seed=1, share=0.02, shape=SHAPE):
    """Give light that is scattered over blocks, in lumps of some."""
    rng = np.random.default_rng(seed)
    lit = np.where(rng.random(shape) < share, rng.integers(20, 100, shape), 0)
    return np.maximum.reduce([np.roll(lit, (y, x), (0, 1)) for y in (0, 1) for x in (0, 1)]).astype(np.uint8)


def both(light, shift, fixed=0):
    """Compare light with itself, shifted, and with something fixed over both."""
    return compared(np.maximum(np.roll(light, shift, (0, 1)), fixed), np.maximum(light, fixed))


def compared(one, other):
    """Compare light with that of another frame; of profiles nothing is told."""
    return Coarse.of([one, other], [(np.zeros(SHAPE[0]), np.zeros(SHAPE[1]))] * 2, 1)


@examples(30)
@given(shifts)
def test_a_shift_is_where_the_correlation_is_highest(shift):
    light = scattered().astype(np.float32)
    surface = correlated(light, np.roll(light, shift, (0, 1)), whitened=True)
    middle = np.array(surface.shape) // 2
    np.testing.assert_array_equal(np.unravel_index(surface.argmax(), surface.shape) - middle, shift)


@examples(30)
@given(shifts)
def test_light_is_brought_together(shift):
    coarse = both(scattered(), shift)
    assert coarse.shift_of(0) == (shift, (0, 1))
    assert coarse.explained(0, shift) > 0.6


@examples(30)
@given(st.integers(-30, 30), st.integers(-40, 40))
def test_nothing_falls_together_beyond_the_edge_of_small_frames(up, right):
    light = scattered(shape=(19, 27))
    coarse = Coarse.of([light, light], [(np.zeros(19), np.zeros(27))] * 2, 1)
    assert (coarse.explained(0, (up, right)) == 0) or (abs(up) < 19 and abs(right) < 27)
    assert coarse.shift_of(0) is None or coarse.shift_of(0)[0] == (0, 0)


@pytest.mark.parametrize("shift", [(9, 0), (-7, 12), (0, -20)])
def test_what_is_fixed_does_not_count_where_the_rest_moves(shift):
    coarse = both(scattered(), shift, fixed=scattered(2, share=0.04))
    assert coarse.shift_of(0) == (shift, (0, 1))
    assert coarse.is_freer(0, shift, than=(0, 0))
    assert not coarse.is_freer(0, (0, 0), than=shift)


def test_light_that_is_another_tells_nothing():
    assert compared(scattered(1), scattered(2)).shift_of(0) is None
    assert compared(*[np.zeros(SHAPE, np.uint8)] * 2).shift_of(0) is None


@pytest.mark.parametrize("axis", [0, 1])
def test_light_that_runs_along_an_axis_tells_what_is_across(axis):
    across = np.zeros(SHAPE[axis], np.uint8)
    across[[20, 21, 22, 50, 51, 70]] = 80, 100, 70, 30, 50, 60
    light = np.ascontiguousarray(np.broadcast_to(np.expand_dims(across, 1 - axis), SHAPE))
    moved = np.roll(light, 5, axis)
    shift = (5, 0) if axis == 0 else (0, 5)
    assert compared(moved, light).shift_of(0) == (shift, (axis,))


def test_noise_and_lone_blocks_are_no_light():
    image = np.random.default_rng(1).normal(100, 5, (256, 256))
    image[9::16, 9::16] += 3000  # levelled as hot pixels, but for noise
    image[40:42, 60:62] += 3000  # a block
    assert np.count_nonzero(light_in(BinnedImage.of(image)) > 6) < 3
    image[100:110, 100:110] += 300
    assert np.count_nonzero(light_in(BinnedImage.of(image)) == 100) == 25


@examples(10)
@given(st.tuples(st.floats(-1.5, 1.5), st.floats(-1.5, 1.5)))
def test_parts_of_a_pixel_are_found(shift):
    stars, shape = Field.spaced(3, (200, 240)), (200, 240)
    ours, theirs = (stars.light(shape, shift=at) for at in ((0.0, 0.0), shift))
    light = light_in(BinnedImage.of(ours + np.random.default_rng(1).normal(0, 1, shape)))
    windows = brightest_windows(light, 2, shape)
    np.testing.assert_allclose(finer_shift(ours, theirs, (0, 0), (0, 1), windows, 4), shift, atol=0.05)
    assert finer_shift(ours, theirs, (0, 0), (1,), windows, 4)[0] == 0


def lamp(shift, seed=2, *, noise=1):
    """Give the lines of a lamp, so broad that there is no background between them."""
    rng, columns = np.random.default_rng(seed), np.arange(300)
    at, flux = rng.uniform(0, 300, 18), np.exp(rng.uniform(5, 9, 18))
    lines = (flux * np.exp(-(((columns[:, None] - at - shift) / 5) ** 2) / 2)).sum(axis=1)
    return np.random.default_rng(noise).poisson(np.tile(300 + lines, (280, 1))).astype(np.float32)


@examples(15)
@given(st.integers(-16, 16), st.integers(0, 20))
def test_the_lines_of_a_lamp_are_told_by_their_profile_along_the_dispersion_alone(blocks, seed):
    lamps = lamp(0, seed, noise=1), lamp(2 * blocks, seed, noise=2)
    ours, theirs = (profiles_of(BinnedImage.of(image)) for image in lamps)
    assert [shift_of_profile(*pair) for pair in zip(ours, theirs, strict=True)] == [None, blocks]


def test_profiles_of_noise_and_of_another_lamp_tell_nothing():
    rng = np.random.default_rng(1)
    noise = [profiles_of(BinnedImage.of(rng.normal(300, 5, (280, 300)))) for _ in range(2)]
    assert [shift_of_profile(*pair) for pair in zip(*noise, strict=True)] == [None, None]
    assert shift_of_profile(*(profiles_of(BinnedImage.of(lamp(0, seed)))[1] for seed in (1, 2))) is None
    assert shift_of_profile(np.zeros(40), np.zeros(40)) is None
