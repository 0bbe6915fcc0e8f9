"""What differs between what two sides gave."""

import itertools
import re

import numpy as np

from benchmarks.identical.tolerance import EXPECTED, STAGES, renamed, renamed_key

AROUND = 40
"""So much is shown of texts that differ, from where they do."""


def differences(case, parent, this):
    """Give (name, what differs) of a case; each side is a pair of arrays and texts by name."""
    found = []
    for of_parent, of_this, differ in zip(parent, this, (arrays_differ, texts_differ), strict=True):
        left, right = ({renamed_key(key): value for key, value in side.items()} for side in (of_parent, of_this))
        for key in left | right:
            if key not in right or key not in left:
                found.append((key, "only of the parent" if key in left else "only of this"))
            elif what := differ(key, left[key], right[key]):
                found.append((key, what))
    return [(key, what, expected(case, key)) for key, what in found]


def expected(case, key):
    """Give the reason why something may differ; empty where it may not."""
    return next((one.reason for one in EXPECTED if one.covers(case, key)), "")


def arrays_differ(key, parent, this):
    """Say how two arrays differ, to the bit; flags by value, and all in whatever order of bytes."""
    if parent.shape != this.shape:
        return f"shape {parent.shape} -> {this.shape}"
    kinds = [array.dtype.newbyteorder("=") for array in (parent, this)]
    if re.search(r"(^|\.)(flags|left_out)$", key):
        kinds = [np.dtype(np.int64)] * 2
    if kinds[0] != kinds[1]:
        return f"type {kinds[0]} -> {kinds[1]}"
    parent, this = (np.ascontiguousarray(array, kinds[0]) for array in (parent, this))
    if parent.tobytes() == this.tobytes():
        return ""
    size = kinds[0].itemsize
    bytes_of = [array.reshape(-1).view(np.uint8).reshape(-1, size) for array in (parent, this)]
    other = np.flatnonzero((bytes_of[0] != bytes_of[1]).any(axis=1))
    place = tuple(int(at) for at in np.unravel_index(other[0], parent.shape))
    first = [array[place].item() for array in (parent, this)]
    return f"{other.size} of {parent.size} values, first at {place}: {first[0]!r} -> {first[1]!r}"


def texts_differ(key, parent, this):
    """Say where two texts part, once names of stages are today's and HISTORY has no lines."""
    parent, this = (_today(key, text) for text in (parent, this))
    if parent == this:
        return ""
    if key == "warnings":
        lines = [set(text.splitlines()) for text in (parent, this)]
        gone, come = sorted(lines[0] - lines[1]), sorted(lines[1] - lines[0])
        return "; ".join([*(f"no longer: {line}" for line in gone), *(f"new: {line}" for line in come)])
    pairs = itertools.zip_longest(parent, this)
    at = next(index for index, (left, right) in enumerate(pairs) if left != right)
    part = slice(max(0, at - AROUND // 2), at + AROUND)
    return f"{parent[part]!r} -> {this[part]!r}"


def _today(key, text):
    text = renamed(text)
    if key.endswith(".stage"):
        return STAGES.get(text, text)
    return re.sub(r"\s", "", text) if key.endswith("HISTORY") else text
