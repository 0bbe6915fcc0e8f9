"""Adding the errors of images: their own as variance, those that they share with others with their sign."""

from __future__ import annotations

import hashlib

import numpy as np

from pipeline.arrays import Array, Shared, sealed


def sum_of_variances(a: Array | None, b: Array | None, weight: float) -> Array | None:
    """Add variances, the second times a weight: half of an error is none."""
    if a is None or b is None:
        return None
    with np.errstate(invalid="ignore"):  # 0·∞: an error that nobody knows stays unknown
        return sealed(a + (b if weight == 1 else a.dtype.type(weight) * b))


def sum_of_shared(a: Shared, b: Shared, weight: float) -> Shared:
    """Add errors that images share with others, key by key, the second times a weight: with their signs."""
    total = dict(a)
    for key, sigma in b:
        with np.errstate(invalid="ignore"):  # as above
            term = sigma * sigma.dtype.type(weight)
            total[key] = sealed(total[key] + term if key in total else term)
    return tuple(sorted(total.items(), key=lambda item: item[0]))


def hash_of(*planes: Array) -> str:
    """Give a name that planes of these values have, and no others."""
    said = hashlib.blake2b(digest_size=8)
    for plane in planes:
        said.update(np.ascontiguousarray(plane).reshape(-1).data)
    return said.hexdigest()
