"""Adding the errors of images, each times a factor: their own as variance, those shared with others with their sign."""

from __future__ import annotations

import hashlib
from typing import TypeAlias

import numpy as np

from pipeline.arrays import Array, Shared, sealed

Factor: TypeAlias = float | Array
"""By what a result changes with each pixel of an image: the same for all, or of each its own."""


def sum_of_variances(a: Array | None, b: Array | None, by_a: Factor, by_b: Factor) -> Array | None:
    """Add variances, each times the square of a factor: half of an error is none.

    0·∞, an error that nobody knows, stays unknown, here and below.
    """
    if a is None or b is None:
        return None
    total = scaled_variance(a, by_a)
    if b.any():  # a master has none of its own: they are shared
        total = _plus(total, scaled_variance(b, by_b))
    return sealed(total)


def sum_of_shared(a: Shared, b: Shared, by_a: Factor, by_b: Factor) -> Shared:
    """Add errors that images share with others, key by key, each times a factor: with their signs."""
    total = {key: scaled(sigma, by_a) for key, sigma in a}
    for key, sigma in b:
        term = scaled(sigma, by_b)
        total[key] = _plus(total[key], term) if key in total else term
    return tuple((key, sealed(total[key])) for key in sorted(total))


def scaled_variance(variance: Array, factor: Factor) -> Array:
    """Multiply by the square of a factor."""
    if not isinstance(factor, np.ndarray):
        return scaled(variance, factor * factor)
    once = scaled(variance, factor)
    return np.multiply(once, factor, out=once, casting="same_kind")


def scaled(plane: Array, factor: Factor) -> Array:
    """Multiply in the plane's own precision."""
    if not isinstance(factor, np.ndarray) and factor == 1:
        return plane
    product: Array = plane * np.asarray(factor, plane.dtype)
    return product


def _plus(a: Array, b: Array) -> Array:
    """Add in the type of the first, in memory that is not sealed yet."""
    spare = next((plane for plane in (a, b) if plane.flags.writeable and plane.dtype == a.dtype), None)
    return np.add(a, b, out=spare, dtype=a.dtype)


def hash_of(*planes: Array) -> str:
    """Give a name that planes of these values have, and no others."""
    said = hashlib.sha256()  # processors have instructions for it
    for plane in planes:
        said.update(np.ascontiguousarray(plane).reshape(-1).data)
    return said.hexdigest()[:16]
