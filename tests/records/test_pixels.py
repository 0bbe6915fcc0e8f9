"""Pixels: the arithmetic of values, flags and variance."""

import pickle

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_pixels import GRID, arrays_of
from strategies import quick

from pipeline import Flag, Pixels
from pipeline.errors import ShapeError, StepError
from pipeline.testing import pixels

SMALL = np.full((2, 2), 1e-30, np.float32)

factors = st.floats(-8, 8, width=32)


@pytest.mark.parametrize(
    "values", [np.ones(3), np.ones((1, 2, 3)), np.ones((2, 2), complex), np.array([["a"]]), 5, np.float32(5)]
)
def test_what_is_no_image_of_real_numbers_is_refused(values):
    with pytest.raises(ShapeError, match="expected"):
        Pixels.of(values)


def test_planes_of_other_shapes_are_refused():
    with pytest.raises(ShapeError, match=r"\(2, 3\).*\(2, 2\)"):
        Pixels(GRID, np.zeros((2, 2), np.uint8))
    with pytest.raises(ShapeError, match=r"\(2, 3\).*\(1, 3\)"):
        Pixels.of(GRID).minus(Pixels.of(GRID[:1]))
    with pytest.raises(ShapeError, match=r"\(2, 3\).*\(1, 3\)"):
        Pixels.of(GRID).over(Pixels.of(GRID[:1]))


@pytest.mark.parametrize("other", [3.0, np.ones((2, 3))])
def test_what_is_no_pixels_is_neither_subtracted_nor_divided_by(other):
    for calculate in (Pixels.of(GRID).minus, Pixels.of(GRID).over):
        with pytest.raises(StepError, match=r"found (float|ndarray): .* Pixels\.of\(array\)"):
            calculate(other)


def test_what_is_not_finite_is_flagged():
    record = Pixels.of([[np.nan, np.inf, -np.inf, 1.0]], [[0, 0, int(Flag.BAD), int(Flag.HOT)]])
    assert record.flags.tolist() == [[1, 1, 1 | Flag.BAD, Flag.HOT]]
    assert record.mask.tolist() == [[True, True, True, True]]
    assert not Pixels.of(GRID).mask.any()


@quick
@given(pixels())
def test_pickling_gives_an_equal_and_sealed_record(record):
    record = record.as_shared("bias")
    back = pickle.loads(pickle.dumps(record))
    assert back == record
    assert not any(array.flags.writeable or array.base.flags.writeable for array in arrays_of(back))


def test_records_that_differ_anywhere_are_not_equal():
    record = Pixels.of(GRID, variance=GRID).as_shared("bias")
    others = [Pixels.of(GRID, variance=GRID), record.times(2.0), record.flagged(GRID > 4, Flag.HOT)]
    others += [attrs.evolve(record, values=record.values.astype("f8")), attrs.evolve(record, variance=None)]
    others += [attrs.evolve(record, shared=(("other", GRID),)), attrs.evolve(record, shared=(("bias", GRID),))]
    assert all(other != record for other in others)


def same(got, expected, rtol=1e-5):
    np.testing.assert_allclose(got, expected, rtol=rtol, atol=1e-30)


@quick
@given(pixels(), pixels(), factors)
def test_minus_is_numpys(a, b, k):
    got = a.minus(b, times=k)
    with np.errstate(invalid="ignore"):
        expected = (a.values - b.values.astype(np.float64) * k).astype(a.values.dtype)
    np.testing.assert_array_equal(got.values, expected)
    np.testing.assert_array_equal(got.flags, a.flags | b.flags)
    assert got.values.dtype == a.values.dtype
    assert (got.variance is None) == (a.variance is None or b.variance is None)
    if got.variance is not None:
        same(got.variance, a.variance + k**2 * b.variance)


@quick
@given(pixels(), factors)
def test_times_is_numpys(a, k):
    got = a.times(k)
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(got.values, (a.values * np.float64(k)).astype(a.values.dtype))
    np.testing.assert_array_equal(got.flags, a.flags)
    assert (got.variance is None) == (a.variance is None)
    if a.variance is not None:
        same(got.variance, a.variance * np.float64(k) ** 2)


@quick
@given(pixels(dtypes=["float64"]), pixels(dtypes=["float64"]))
def test_over_is_numpys(a, b):
    got = a.over(b)
    with np.errstate(all="ignore"):
        ratio = a.values / b.values
        va, vb = (0.0 if p.variance is None else p.variance for p in (a, b))
        variance = va / b.values**2 + vb * a.values**2 / b.values**4
    np.testing.assert_array_equal(got.values, ratio)
    np.testing.assert_array_equal(got.flags, a.flags | b.flags | ~np.isfinite(ratio))
    good = np.isfinite(ratio) & np.isfinite(variance) & (abs(b.values) > 1e-6)
    assert (got.variance is None) == (a.variance is None or b.variance is None)
    if got.variance is not None:
        same(got.variance[good], variance[good])


def test_a_division_worked_out_by_hand():
    """6 ± 0.6 over 3 ± 0.6: 2, and (0.6/3)² + (6·0.6/9)² = 0.04 + 0.16."""
    ratio = Pixels.of([[6.0]], variance=[[0.36]]).over(Pixels.of([[3.0]], variance=[[0.36]]))
    assert ratio.values[0, 0] == 2
    assert ratio.variance[0, 0] == pytest.approx(0.2)


@pytest.mark.parametrize(
    "done",
    [lambda p: p.minus(p, times=-1.0), lambda p: p.times(5.0), lambda p: p.over(Pixels.of(SMALL))],
)
def test_what_overflows_is_flagged(done):
    with np.errstate(over="ignore"):
        made = done(Pixels.of(np.full((2, 2), 3e38, np.float32)))
    assert np.isinf(made.values).all()
    assert (made.flags == Flag.NONFINITE).all()
