"""Adding the errors of images, each times a factor: their own as variance, those shared with others with their sign."""

from __future__ import annotations

import hashlib
import re
from typing import Any, TypeAlias

import attrs
import numpy as np

from pipeline.records.arrays import Array, FloatArray, seal_values, sealed

Factor: TypeAlias = float | Array
"""By what a result changes with each pixel of an image: the same for all, or of each its own."""


@attrs.frozen(eq=False)
class Share:
    """The error that a master gives to all images that use it, times a factor: planes of it are made where asked for.

    ``plane`` is one signed standard deviation of each pixel, ``key`` says of what master.
    """

    key: str
    plane: FloatArray = attrs.field(converter=seal_values)
    factor: float = 1.0

    @classmethod
    def of(cls, share: Any) -> Share:
        """Take a key and a plane as well."""
        return share if isinstance(share, Share) else cls(*share)

    def __reduce__(self) -> tuple[type[Share], tuple[str, FloatArray, float]]:
        return Share, (self.key, self.plane, self.factor)  # sealed again when it arrives

    @property
    def sigma(self) -> FloatArray:
        """The plane, times the factor."""
        return sealed(scaled(self.plane, self.factor))

    def variance(self, out: FloatArray) -> FloatArray:
        """Give its square, in memory that is at hand."""
        with np.errstate(invalid="ignore", over="ignore"):  # an error that nobody knows stays unknown, here and below
            np.multiply(self.plane, self.plane, out=out)
            return out if abs(self.factor) == 1 else np.multiply(out, self.factor * self.factor, out=out)

    def times(self, by: Factor, dtype: Any) -> Share:
        """Multiply by a factor; a new plane is of that type."""
        if isinstance(by, np.ndarray):
            return Share(self.key, sealed(self._made(by, dtype)))
        return attrs.evolve(self, factor=self.factor * float(by))

    def plus(self, other: Share, by_self: Factor, by_other: Factor, dtype: Any) -> Share:
        """Add what the same master gives in another way, each times a factor: with their signs."""
        numbers = not (isinstance(by_self, np.ndarray) or isinstance(by_other, np.ndarray))
        if numbers and (self.plane is other.plane or np.array_equal(self.plane, other.plane)):  # as sent to a worker
            return attrs.evolve(self, factor=self.factor * float(by_self) + other.factor * float(by_other))
        total = self._made(by_self, dtype)
        total += other._made(by_other, dtype)
        return Share(self.key, sealed(total))

    def _made(self, by: Factor, dtype: Any) -> FloatArray:
        """Make a new plane of it, times a factor."""
        if not isinstance(by, np.ndarray):
            return np.multiply(self.plane, by * self.factor, dtype=dtype)
        product = np.multiply(self.plane, by, dtype=dtype)
        return product if self.factor == 1 else np.multiply(product, self.factor, out=product)


def sum_of_shares(
    a: tuple[Share, ...], b: tuple[Share, ...], by_a: Factor, by_b: Factor, dtype: Any
) -> tuple[Share, ...]:
    """Add errors that images share with others, key by key, each times a factor; new planes are of that type."""
    theirs = {share.key: share for share in b}
    total = [
        share.plus(theirs.pop(share.key), by_a, by_b, dtype) if share.key in theirs else share.times(by_a, dtype)
        for share in a
    ]
    total += [share.times(by_b, dtype) for share in theirs.values()]
    return tuple(sorted(total, key=lambda share: share.key))


def sum_of_variances(a: FloatArray | None, b: FloatArray | None, by_a: Factor, by_b: Factor) -> FloatArray | None:
    """Add variances, each times the square of a factor: half of an error is none."""
    if a is None or b is None:
        return None
    total = scaled_variance(a, by_a)
    if b.any():  # a master has none of its own: they are shared
        total = np.add(total, scaled_variance(b, by_b), dtype=a.dtype, out=total if total.flags.writeable else None)
    return sealed(total)


def scaled_variance(variance: FloatArray, factor: Factor) -> FloatArray:
    """Multiply by the square of a factor: rounded alike, be it a number or a plane of them."""
    square = np.square(factor)
    if not (isinstance(square, np.ndarray) and square.dtype == variance.dtype):
        return scaled(variance, square)
    with np.errstate(invalid="ignore"):
        return np.multiply(variance, square, out=square)


def scaled(plane: FloatArray, factor: Factor) -> FloatArray:
    """Multiply in the plane's own precision."""
    if not isinstance(factor, np.ndarray) and factor == 1:
        return plane
    with np.errstate(invalid="ignore"):
        product: FloatArray = plane * np.asarray(factor, plane.dtype)
    return product


def hash_of(*planes: Array) -> str:
    """Give a name that planes of these values have, and no others."""
    said = hashlib.sha256()  # processors have instructions for it
    for plane in planes:
        said.update(np.ascontiguousarray(plane).reshape(-1).data)
    return said.hexdigest()[:16]


_MOVED = re.compile(r"@([+-]\d+)([+-]\d+)$")


def moved_key(key: str, up: int, right: int) -> str:
    """Give the key of a master's error that was moved so many rows and columns: who was moved alike shares it.

    >>> moved_key("a", 2, -3), moved_key("a@+2-3", 0, 4), moved_key("a@+2-3", -2, 3)
    ('a@+2-3', 'a@+2+1', 'a')
    """
    before = _MOVED.search(key)
    if before:
        key, up, right = key[: before.start()], up + int(before[1]), right + int(before[2])
    return f"{key}@{up:+d}{right:+d}" if up or right else key


def was_moved(key: str) -> bool:
    """Tell whether a key is that of an error that was moved: none is shared with a master."""
    return _MOVED.search(key) is not None
