"""Sealed arrays: nothing that a caller does changes a record, and no array is copied twice."""

import pickle

import numpy as np
import pytest
from made_pixels import GRID, arrays_of

from pipeline import Flag, Pixels
from pipeline.records.arrays import Scratch, surely_finite


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


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float64])
def test_scratch_memory_gives_whatever_is_asked_for_half_a_page_off(dtype):
    scratch, other = Scratch(), np.empty(5000, np.int16)
    for size in (10, 1000, 997, 1003, 3000, 5, 3300):
        array = scratch.array((2, size), dtype, beside=other[size % 7 :])
        assert (array.shape, array.dtype) == ((2, size), dtype)
        apart = array.__array_interface__["data"][0] - other[size % 7 :].__array_interface__["data"][0]
        assert apart % 4096 == 2048
        array[:] = 1


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_only_planes_of_finite_values_are_surely_finite(odd, dtype):
    plane = np.linspace(-1e15, 1e15, 3000, dtype=dtype).reshape(50, 60)
    assert surely_finite(plane)
    assert surely_finite(plane[:0])
    plane[-1, -1] = odd
    assert not surely_finite(plane)
