"""Arrays: names for what they hold, those that cannot change, types that hold values exactly, memory used again."""

from __future__ import annotations

import math
from typing import Any, TypeAlias, TypeVar

import attrs
import numpy as np
import numpy.typing as npt

from pipeline.errors import ShapeError

Array: TypeAlias = npt.NDArray[Any]
FloatArray: TypeAlias = npt.NDArray[np.floating[Any]]
IntArray: TypeAlias = npt.NDArray[np.integer[Any]]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
Shared: TypeAlias = tuple[tuple[str, FloatArray], ...]

Scalar = TypeVar("Scalar", bound=np.generic)


def sealed(array: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
    """Adopt an array that nobody else holds: a read-only view of read-only memory, without a copy."""
    array.flags.writeable = False
    return array.view()


def surely_finite(plane: FloatArray) -> bool:
    """Tell whether a sum of squares shows, sooner than a look at each value, that all of them are finite.

    So are their squares then.  Not all planes of finite values show it: sums of very large ones are infinite.
    """
    flat = plane.reshape(-1)
    with np.errstate(over="ignore", invalid="ignore"):
        return math.isfinite(float(np.einsum("i,i->", flat, flat)))  # np.dot would start threads of its own


def seal(array: Any) -> Array:
    """Give a read-only view of a private copy; an array sealed before is passed as it is."""
    given: Array = np.asarray(array)
    base = given.base
    own_memory = type(base) is np.ndarray and base.flags.owndata and not base.flags.writeable  # no mapped file
    return given if own_memory and not given.flags.writeable else sealed(np.array(given))


def seal_values(values: Any) -> FloatArray:
    """Seal values in the float type that holds them exactly."""
    given: Array = np.asarray(values)
    dtype = working_dtype(given.dtype)
    return seal(given if given.dtype == dtype else sealed(given.astype(dtype)))


def array_of(values: Array, dtype: Any = None, copy: bool | None = None) -> Array:
    """Do the work of ``__array__``: values as they are, read-only, unless another type or a copy is asked for."""
    array: Array = np.array(values, dtype, copy=copy)
    return array


def working_dtype(dtype: npt.DTypeLike) -> np.dtype[Any]:
    """Give the float type that holds such values exactly: float32 up to 16 bits and for float32, else float64."""
    dtype = np.dtype(dtype)
    if dtype.kind not in "biuf":
        raise ShapeError(f"pixels are {dtype}; expected integers or real numbers")
    small = dtype.itemsize <= (4 if dtype.kind == "f" else 2)
    return np.dtype(np.float32 if small else np.float64)


def same_array(a: Array | None, b: Array | None) -> bool:
    """Tell whether two arrays hold the same values of the same type; NaN equals NaN."""
    if a is None or b is None:
        return a is b
    return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


PAGE = 4096


@attrs.define
class Scratch:
    """Memory that is worked in again and again, as large as it has to be: what it gave last is then overwritten."""

    memory: Array = attrs.field(factory=lambda: np.empty(0, np.uint8))

    def array(self, shape: tuple[int, ...], dtype: npt.DTypeLike, beside: Array | None = None) -> Array:
        """Give an array in this memory, of whatever values, half a page off one that is to be read ``beside`` it.

        At nearly the same place in a page a processor takes what it reads for what it has just written, and waits:
        whole operations then take twice as long.
        """
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        if self.memory.size < size + PAGE:
            self.memory = np.empty(size + PAGE, np.uint8)
        first = 0 if beside is None else (_address(beside) - _address(self.memory) + PAGE // 2) % PAGE
        return self.memory[first : first + size].view(dtype).reshape(shape)


def _address(array: Array) -> int:
    address: int = array.__array_interface__["data"][0]
    return address
