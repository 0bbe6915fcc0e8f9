"""The pixels of one image: values, flags and variance, and the only arithmetic that moves all three."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from enum import IntFlag
from typing import Any, Self, TypeAlias

import attrs
import numpy as np

from pipeline.errors import ShapeError, StepError
from pipeline.records.arrays import (
    Array,
    BoolArray,
    FloatArray,
    IntArray,
    Shared,
    array_of,
    same_array,
    seal,
    seal_values,
    sealed,
    surely_finite,
    working_dtype,
)
from pipeline.records.identity import cheap_hash, content_key
from pipeline.records.shared_errors import Factor, Share, hash_of, scaled_variance, sum_of_shares, sum_of_variances

FlagBits: TypeAlias = np.uint16
"""What the flags of a pixel are kept in: one bit for each :class:`Flag`, and room for as many more."""


class Flag(IntFlag):
    """Why a pixel should not be trusted: one bit a reason, 0 is good.

    >>> from pipeline import Flag
    >>> Flag.SATURATED | Flag.HOT
    <Flag.SATURATED|HOT: 10>
    """

    NONFINITE = 1  # NaN, infinite, or BLANK in every frame
    SATURATED = 2  # at or above the saturation level in at least one frame
    NO_FLAT = 4  # the flat is not positive here: divided by 1
    HOT = 8
    DEAD = 16
    COSMIC_RAY = 32
    BAD = 64  # the user's own mask
    HEALED = 128  # the value is an interpolation
    UNCOVERED = 256  # no frame sees this place of the sky
    NOISY = 512  # scatters from frame to frame far more than its surroundings
    SOURCE = 1024  # stars or their wings lie here in every flat


STICKY = Flag.SATURATED
"""Reasons that one bad frame gives to the whole stack; the others need every frame to be bad."""


def _same_shares(a: tuple[Share, ...], b: tuple[Share, ...]) -> bool:
    return len(a) == len(b) and all(x.key == y.key and same_array(x.sigma, y.sigma) for x, y in zip(a, b, strict=True))


def seal_flags(flags: Any) -> IntArray:
    """Seal flags in the type that they are kept in."""
    flags = np.asarray(flags)
    return seal(flags if flags.dtype == FlagBits else sealed(flags.astype(FlagBits)))


def _seal_optional(variance: Any) -> FloatArray | None:
    return None if variance is None else seal_values(variance)


def _sealed_shares(shared: Iterable[Share | tuple[str, Any]]) -> tuple[Share, ...]:
    return tuple(map(Share.of, shared))


class NotStored:
    """What a :class:`~pipeline.records.source.Source` says whose rows are in memory or computed: see there."""

    __slots__ = ()

    @property
    def stored(self) -> None:
        """They are not as a detector stores them."""

    @property
    def ceiling(self) -> float:
        """What is saturated is flagged already."""
        return math.inf

    def read_stored(self, start: int, stop: int, into: Array) -> None:
        """Refuse: see :attr:`stored`."""
        raise StepError(f"rows {start} to {stop} are of {type(self).__name__}, not stored as {into.dtype}")

    def check_unchanged(self) -> None:
        """Do nothing: what nobody else sees does not change."""

    def loaded(self) -> Self:
        """Give itself: it is quick to read."""
        return self


@attrs.frozen(eq=True)
class Pixels(NotStored):
    """One image's values (ny, nx) with what is known about each of them.

    ``values`` float32 or float64, ``flags`` uint16 of :class:`Flag` bits, ``variance`` in the square of the
    values' unit, or None where it is not followed.  ``shared`` is the part of the error that comes from a
    master and is therefore the same in every image that used it: one signed standard deviation a pixel for
    each master, keyed by what the master is made of.  It is kept linear until :attr:`total_variance` is asked
    for, so that a bias that stands in the light and in the dark cancels as it does in the pixels
    (var = var_light + k² var_dark + (1 − k)² var_bias) instead of being counted twice.

    All arrays are sealed: read-only, and a private copy of what the caller handed over.

    Pixels in memory are a :class:`~pipeline.records.source.Source` too, so that nobody who reads rows need ask where
    they lie.

    >>> import numpy as np
    >>> from pipeline import Pixels
    >>> twice = Pixels.of(np.array([[1.0, np.nan]]), variance=np.ones((1, 2))).times(2)
    >>> twice.values, twice.mask, twice.variance
    (array([[ 2., nan]]), array([[False,  True]]), array([[4., 4.]]))

    :raises ShapeError: values have not two axes, or flags or variance another shape.
    """

    values: FloatArray = attrs.field(converter=seal_values, eq=attrs.cmp_using(eq=same_array))
    flags: IntArray = attrs.field(converter=seal_flags, eq=attrs.cmp_using(eq=same_array))
    variance: FloatArray | None = attrs.field(default=None, converter=_seal_optional, eq=attrs.cmp_using(eq=same_array))
    _shares: tuple[Share, ...] = attrs.field(
        default=(), alias="shared", converter=_sealed_shares, eq=attrs.cmp_using(eq=_same_shares)
    )

    __array_ufunc__ = None  # else an array times pixels would be a bare array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return array_of(self.values, dtype, copy)

    def __attrs_post_init__(self) -> None:
        if self.values.ndim != 2:
            raise ShapeError(f"pixels have the shape {self.values.shape}; expected two axes, (ny, nx)")
        known = [] if self.variance is None else [self.variance]
        planes = [self.flags, *known, *(share.plane for share in self._shares)]
        if any(plane.shape != self.values.shape for plane in planes):
            shapes = ", ".join(str(plane.shape) for plane in planes)
            raise ShapeError(f"values have the shape {self.values.shape}; flags and variance have {shapes}")

    @classmethod
    def of(cls, values: Any, flags: Any = 0, variance: Any = None) -> Pixels:
        """Copy an array of any real type, in any byte order; what is masked or not finite is flagged so."""
        masked = getattr(values, "mask", None)
        values = np.asarray(values)
        dtype = working_dtype(values.dtype)
        if values.ndim != 2:
            raise ShapeError(f"pixels have the shape {values.shape}; expected two axes, (ny, nx)")
        values = sealed(np.array(values, dtype))  # always a copy: a caller may thaw what is frozen
        flags = np.asarray(flags, FlagBits)
        if flags.shape not in ((), values.shape):
            raise ShapeError(f"values have the shape {values.shape}, flags {flags.shape}")
        if masked is not None:
            flags = flags | np.asarray(masked, bool) * FlagBits(Flag.BAD)
        flags = sealed(flags | ~np.isfinite(values) * FlagBits(Flag.NONFINITE))
        if variance is not None:
            variance = sealed(np.array(variance, values.dtype))
        return cls(values, flags, variance)

    __hash__ = cheap_hash
    __dask_tokenize__ = content_key

    def __reduce__(self) -> tuple[type[Pixels], tuple[Any, ...]]:
        return Pixels, (self.values, self.flags, self.variance, self._shares)

    def __repr__(self) -> str:
        height, width = self.shape
        return f"Pixels({height}×{width} {self.values.dtype}, {int(self.mask.sum())} flagged)"

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx)."""
        height, width = self.values.shape
        return height, width

    @property
    def content(self) -> tuple[Any, ...]:
        """What tells them from all other pixels: see :func:`~pipeline.records.identity.content_key`."""
        return self.values, self.flags, self.variance, self.shared

    @property
    def outline(self) -> tuple[Any, ...]:
        """What tells them from most other pixels, without a look at one."""
        return self.shape, self.dtype.name

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the values."""
        return self.values.dtype

    def rows(self, start: int, stop: int) -> Pixels:
        """Give some rows, counted as slices count: no copy is made, and all of them are these same pixels."""
        start, stop, _ = slice(start, stop).indices(self.shape[0])
        return self if (start, stop) == (0, self.shape[0]) else self.cut(slice(start, stop))

    @property
    def mask(self) -> BoolArray:
        """True where a pixel is flagged for whatever reason."""
        mask: BoolArray = self.flags != 0
        return mask

    @property
    def shared(self) -> Shared:
        """The errors shared with other images: of each master its key, and one signed standard deviation a pixel."""
        return tuple((share.key, share.sigma) for share in self._shares)

    @property
    def shared_keys(self) -> tuple[str, ...]:
        """The masters whose errors are shared."""
        return tuple(share.key for share in self._shares)

    @property
    def total_variance(self) -> FloatArray | None:
        """The variance with the shared errors added in; None where variance is not followed."""
        if self.variance is None or not self._shares:
            return self.variance
        total, square = self.variance.copy(), np.empty_like(self.variance)  # two planes, however many masters
        for share in self._shares:
            total += share.variance(out=square)
        return sealed(total)

    def minus(self, other: Pixels, times: float = 1.0) -> Pixels:
        """Subtract another image, scaled: rounded once, as a difference is in any precision."""
        _same_shape(self, other)
        with np.errstate(invalid="ignore"):  # ∞ − ∞, flagged since both were read
            if times == 1:
                values = self.values - other.values
            else:
                values = _in_double(lambda a, b: a - b * np.float64(times), self.values, other.values)
            return self._with(other, values, 1.0, -times)

    def times(self, factor: float | Array) -> Pixels:
        """Multiply by a number, or by one for each pixel that is known exactly."""
        with np.errstate(invalid="ignore"):  # ∞·0, flagged since it was read
            values = sealed(_in_double(np.multiply, self.values, np.broadcast_to(np.float64(factor), self.shape)))
            return attrs.evolve(
                self,
                values=values,
                flags=_with_nonfinite(self.flags, values=values),
                variance=None if self.variance is None else sealed(scaled_variance(self.variance, factor)),
                shared=sum_of_shares(self._shares, (), factor, 1.0, self.dtype),
            )

    def over(self, other: Pixels) -> Pixels:
        """Divide by another image; first-order error propagation."""
        _same_shape(self, other)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            ratio, inverse = self.values / other.values, 1 / other.values
            by_other = ratio * inverse
            return self._with(other, ratio, inverse, np.negative(by_other, out=by_other))

    def _with(self, other: Pixels, values: FloatArray, by_self: Factor, by_other: Factor) -> Pixels:
        """Give what ``values`` make of two images, whose derivatives by each of them are these."""
        values = _rounded(values, self.values.dtype)
        return Pixels(
            values=values,
            flags=_with_nonfinite(self.flags | other.flags, values=values),
            variance=sum_of_variances(self.variance, other.variance, by_self, by_other),
            shared=sum_of_shares(self._shares, other._shares, by_self, by_other, self.dtype),
        )

    def flagged(self, where: BoolArray, reason: Flag) -> Pixels:
        """Add a reason where the boolean array ``where`` is true."""
        return attrs.evolve(self, flags=sealed(self.flags | np.asarray(where, bool) * FlagBits(reason)))

    def cut(self, rows: slice, columns: slice = slice(None)) -> Pixels:
        """Keep some rows and columns."""
        return self.moved(lambda plane: plane[rows, columns])

    def moved(self, move: Callable[[Array], Array]) -> Pixels:
        """Move pixels to other places, or leave some out: values, flags and errors all alike."""
        return Pixels(
            values=move(self.values),
            flags=move(self.flags),
            variance=None if self.variance is None else move(self.variance),
            shared=tuple(attrs.evolve(share, plane=move(share.plane)) for share in self._shares),
        )

    def as_shared(self, key: str = "") -> Pixels:
        """Hand the pixels' own variance over to ``shared``: from here on it is one master's, the same in all users.

        :param key: what to call the master; by default what its pixels hash to.
        """
        if self.variance is None or (self._shares and not self.variance.any()):  # nothing is left to hand over
            return self
        key = key or hash_of(self.values, self.variance)
        sigma = sealed(np.sqrt(self.variance))
        return attrs.evolve(
            self,
            variance=sealed(np.zeros_like(self.variance)),
            shared=sum_of_shares(self._shares, (Share(key, sigma),), 1.0, 1.0, self.dtype),
        )


def _same_shape(a: Pixels, b: Pixels) -> None:
    if not isinstance(b, Pixels):
        raise StepError(
            f"pixels are subtracted from and divided by pixels, whose errors and flags count; found {type(b).__name__}:"
            " of numbers and arrays make some by Pixels.of(array), of an image take image.pixels"
        )
    if a.shape != b.shape:
        raise ShapeError(f"an image of {a.shape} does not fit one of {b.shape}, (rows, columns)")


CACHED = 2**16
"""So many pixels are computed at once in double precision."""


def _in_double(compute: Callable[..., Array], *planes: Array) -> Array:
    """Compute in double precision what is rounded once, to the type of the first plane: as much as the cache holds."""
    height, width = planes[0].shape
    rounded, rows = np.empty_like(planes[0]), max(1, CACHED // max(width, 1))
    for first in range(0, height, rows):
        part = slice(first, first + rows)
        rounded[part] = compute(*(plane[part] for plane in planes))
    return rounded


def _rounded(values: FloatArray, dtype: np.dtype[Any]) -> FloatArray:
    return sealed(values.astype(dtype, copy=False))


def _with_nonfinite(flags: IntArray, *, values: FloatArray) -> IntArray:
    """Flag values that are not finite, or no longer: too large for their type."""
    if surely_finite(values):
        return sealed(flags)
    finite = np.isfinite(values)
    return sealed(flags if finite.all() else flags | np.where(finite, FlagBits(0), FlagBits(Flag.NONFINITE)))


def on_their_own(parts: Sequence[Pixels]) -> tuple[Pixels, ...]:
    """Give images that are put together, the errors that one of them alone has counted as its own."""
    having = Counter(key for part in parts for key in part.shared_keys)

    def own(part: Pixels) -> Pixels:
        if part.variance is None or all(having[key] > 1 for key in part.shared_keys):
            return part
        alone = [sigma for key, sigma in part.shared if having[key] == 1]
        return attrs.evolve(
            part,
            variance=sealed(part.variance + sum(sigma * sigma for sigma in alone)),
            shared=tuple((key, sigma) for key, sigma in part.shared if having[key] > 1),
        )

    return tuple(map(own, parts))
