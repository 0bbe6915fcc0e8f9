"""Pixels: sealed values, and the arithmetic of values, flags and variance."""

import pickle

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import pixels, quick

from pipeline import Flag, Pixels
from pipeline.errors import ShapeError
from pipeline.records.shared_errors import Share

GRID = np.arange(6, dtype=np.float32).reshape(2, 3)
SMALL = np.full((2, 2), 1e-30, np.float32)
factors = st.floats(-8, 8, width=32)


def arrays_of(record):
    """List every array that a record of pixels hands out."""
    shared = [sigma for _, sigma in record.shared]
    known = [record.variance, record.total_variance] if record.variance is not None else []
    return [record.values, record.flags, *known, *shared]


def made_in_every_way():
    """List pixels that came out of every operation there is."""
    plain = Pixels.of(GRID, variance=GRID)
    master = Pixels.of(GRID + 1, variance=GRID).as_shared("bias")
    yield from (plain, Pixels.of(GRID.astype(">i2")), master, plain.minus(master), plain.minus(master).times(2.0))
    yield from (plain.over(master), plain.flagged(GRID > 2, Flag.HOT), master.cut(slice(1, 2)))
    yield pickle.loads(pickle.dumps(plain.minus(master)))


@pytest.mark.parametrize("record", list(made_in_every_way()))
def test_no_array_can_be_written(record):
    for array in arrays_of(record):
        for handle in (array, array.base, array.T, array[:1]):
            with pytest.raises(ValueError, match="read-only"):
                handle[...] = 0
        with pytest.raises(ValueError, match="WRITEABLE"):
            array.flags.writeable = True


def read_only(array):
    view = array.view()
    view.flags.writeable = False
    return view


@pytest.mark.parametrize(
    "handed_over",
    [
        lambda mine: mine,
        lambda mine: mine[:],
        lambda mine: mine.T,
        read_only,
        lambda mine: read_only(read_only(mine)),
        lambda mine: np.broadcast_to(mine[0], mine.shape),
        lambda mine: np.lib.stride_tricks.sliding_window_view(mine, mine.shape)[0, 0],
        lambda mine: read_only(read_only(mine).view(np.ma.MaskedArray)),
    ],
)
def test_a_callers_array_changed_afterwards_changes_nothing(handed_over):
    mine = {name: np.ones((3, 3), dtype) for name, dtype in (("v", "f4"), ("f", "u1"), ("s", "f4"))}
    values, flags, variance = (handed_over(array) for array in mine.values())
    records = [Pixels.of(values, flags, variance), Pixels(values, flags, variance, (("bias", variance),))]
    for array in mine.values():
        array[...] = 9
    for record in records:
        assert all((array[:] != 9).all() for array in arrays_of(record))


def test_a_mapped_file_changed_afterwards_changes_nothing(tmp_path):
    np.save(tmp_path / "a.npy", GRID)
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    records = [Pixels.of(mapped), Pixels.of(mapped[:])]
    np.load(tmp_path / "a.npy", mmap_mode="r+")[...] = 9
    assert all((record.values == GRID).all() for record in records)


def test_an_array_sealed_before_is_not_copied():
    record = Pixels.of(GRID)
    again = Pixels(record.values, record.flags)
    assert np.shares_memory(again.values, record.values)
    assert np.shares_memory(record.cut(slice(0, 1)).values, record.values)


@pytest.mark.parametrize("given_as", ["u1", "i2", ">u2", "f2", ">f4", "?", "i4", "u4", ">i8", "f8"])
def test_values_are_float32_where_that_is_exact_and_else_float64(given_as):
    values = Pixels.of(np.ones((1, 2), given_as)).values
    kept_as = "f8" if given_as in ("i4", "u4", ">i8", "f8") else "f4"
    assert (values.dtype, values.dtype.isnative, values.tolist()) == (np.dtype(kept_as), True, [[1, 1]])


@pytest.mark.parametrize("value", [2**16 - 1, -(2**15)])
def test_every_16_bit_count_is_kept_exactly(value):
    assert Pixels.of(np.array([[value]], "u2" if value > 0 else "i2")).values[0, 0] == value


@pytest.mark.parametrize("values", [np.ones(3), np.ones((1, 2, 3)), np.ones((2, 2), complex), np.array([["a"]])])
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


@pytest.mark.parametrize(
    "done",
    [lambda p: p.minus(p, times=-1.0), lambda p: p.times(5.0), lambda p: p.over(Pixels.of(SMALL))],
)
def test_what_overflows_is_flagged(done):
    with np.errstate(over="ignore"):
        made = done(Pixels.of(np.full((2, 2), 3e38, np.float32)))
    assert np.isinf(made.values).all()
    assert (made.flags == Flag.NONFINITE).all()
