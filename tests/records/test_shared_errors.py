"""Errors that images share through a master: added with their sign, once."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_pixels import GRID
from strategies import quick

from pipeline import Pixels
from pipeline.records.shared_errors import Share

variances = st.floats(0, 100)


@quick
@given(variances, variances, variances, st.floats(0, 5))
def test_a_bias_in_the_light_and_in_the_dark_is_counted_as_it_cancels(v_light, v_dark, v_bias, k):
    light, dark, bias = (Pixels.of([[9.0]], variance=[[v]]) for v in (v_light, v_dark, v_bias))
    bias = bias.as_shared("bias")
    clean_dark = dark.minus(bias).as_shared("dark")
    got = light.minus(bias).minus(clean_dark, times=k).total_variance[0, 0]
    assert got == pytest.approx(v_light + k**2 * v_dark + (1 - k) ** 2 * v_bias, rel=1e-9, abs=1e-9)


@quick
@given(variances, st.floats(-4, 4), st.floats(0.5, 4))
def test_shared_errors_are_scaled_and_divided_with_the_pixels(v, factor, response):
    """What a master adds to an image that is scaled and flat-fielded: (factor/response)² v."""
    light = Pixels.of([[9.0]], variance=[[0.0]]).minus(Pixels.of([[4.0]], variance=[[v]]).as_shared("bias"))
    flat = Pixels.of([[response]], variance=[[0.0]])
    assert light.times(factor).over(flat).total_variance[0, 0] == pytest.approx(v * (factor / response) ** 2)


signed = st.floats(-3, 3, width=32)


@quick
@given(
    st.lists(st.tuples(st.sampled_from("abc"), signed, signed), max_size=6), st.sampled_from([np.float32, np.float64])
)
def test_shared_errors_add_as_numbers_do(terms, dtype):
    """Masters' errors, times numbers and times planes, against one number for each."""
    planes = {key: np.full((2, 3), size, dtype) for key, size in zip("abc", (1.5, -0.7, 20.0), strict=True)}
    total, expected = Pixels.of(np.zeros((2, 3), dtype), variance=np.zeros((2, 3))), dict.fromkeys("abc", 0.0)
    for key, times, factor in terms:
        plane = np.full((2, 3), factor, dtype)
        one = Pixels(np.zeros((2, 3), dtype), np.zeros((2, 3)), np.zeros((2, 3)), ((key, planes[key].copy()),))
        total = total.times(plane).minus(one.times(4.0), times=times / 4)
        expected = {name: size * factor for name, size in expected.items()}
        expected[key] -= times * planes[key][0, 0]
    for key, sigma in total.shared:
        np.testing.assert_allclose(sigma, expected[key], rtol=1e-5, atol=1e-4)
        assert sigma.dtype == dtype
    squares = [size**2 for size in expected.values()]
    np.testing.assert_allclose(total.total_variance, sum(squares), rtol=1e-4, atol=1e-4 * max(squares) + 1e-8)
    assert [key for key, _ in total.shared] == sorted({key for key, _, _ in terms})


def test_what_cancels_is_not_there_any_more_however_it_is_held():
    """A bias subtracted and added again, by itself and by a copy, is gone to the last bit."""
    bias = Pixels.of(np.full((2, 2), 7.3), variance=np.full((2, 2), 1.7)).as_shared("bias")
    light = Pixels.of(np.full((2, 2), 9.1), variance=np.zeros((2, 2))).minus(bias, times=0.1)
    for again in (bias, pickle.loads(pickle.dumps(bias))):
        assert not light.minus(again, times=-0.1).total_variance.any()


def test_a_share_that_was_sent_elsewhere_is_sealed_there():
    share = pickle.loads(pickle.dumps(Share("bias", GRID, 2.0)))
    assert not share.plane.flags.writeable
    assert not share.plane.base.flags.writeable
    np.testing.assert_array_equal(share.sigma, 2 * GRID)


def test_planes_that_are_made_have_the_precision_of_the_image():
    flat = Pixels.of(GRID.astype(float) + 1, variance=np.ones((2, 3))).as_shared("flat")
    light = Pixels.of(GRID, variance=GRID).over(flat)
    assert {light.variance.dtype, *(sigma.dtype for _, sigma in light.shared)} == {GRID.dtype}


def test_values_and_variances_name_a_master():
    def key(values, variance):
        return Pixels.of(values, variance=variance).as_shared().shared[0][0]

    assert key(GRID, GRID) == key(GRID.copy(), GRID.copy())
    assert len({key(GRID, GRID), key(GRID + 1, GRID), key(GRID, GRID + 1), key(GRID, np.ones_like(GRID))}) == 4


def test_an_image_divided_by_a_flat_that_it_made_itself_has_no_error():
    flat = Pixels.of([[2.0]], variance=[[0.5]]).as_shared("flat")
    assert flat.over(flat).total_variance[0, 0] == 0
