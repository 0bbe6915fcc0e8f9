"""The checksums of FITS: sums of 32-bit words, with what overflows added again."""

from __future__ import annotations

from typing import Any

import numpy as np

ALL_ONES = 0xFFFFFFFF
PIECE = 2**20


def sum_of(data: bytes, start: int = 0) -> int:
    """Add up data as FITS does: their 32-bit words in ones' complement.

    That is their sum modulo 2^32 - 1, and never 0's other form, all ones.

    >>> sum_of(bytes([255] * 4)), sum_of(bytes([0, 0, 0, 1]), 2), sum_of(bytes([1])), sum_of(bytes([255] * 7))
    (0, 3, 16777216, 4294967040)
    """
    whole = data + b"\0" * (-len(data) % 4)
    return (start + int(np.frombuffer(whole, ">u4").sum(dtype=np.uint64))) % ALL_ONES


def sum_of_stream(stream: Any, place: int, size: int) -> int:
    """Add up a part of a file."""
    stream.seek(place)
    total, left = 0, size
    while left > 0:
        piece = stream.read(min(left, PIECE))
        if not piece:
            break
        total, left = sum_of(piece, total), left - len(piece)
    return total


def same(one: int, other: int) -> bool:
    """Compare two sums; 0 has two forms."""
    return one % ALL_ONES == other % ALL_ONES
