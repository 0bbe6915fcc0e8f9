"""Whether a FITS file is whole: the layout that its headers give, looked at card by card, and its checksums.

Astropy stumbles over a header without END, or with a BITPIX or NAXISn that is none, or counts for ever; here it is told
which HDU has what wrong, before any pixel is read.  The checksums of FITS are sums of 32-bit words, with what overflows
added again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

CARD, BLOCK = 80, 2880

LONGEST_HEADER = 2**22
"""Bytes in which a header ends: 50,000 cards."""

TYPES = {8: "u1", 16: "i2", 32: "i4", 64: "i8", -32: "f4", -64: "f8"}
"""What BITPIX may be, and numpy's names for it."""

LARGEST = 2**60
"""Bytes that a file may have."""

_END = re.compile(rb"END(?:[ \0]|=|$)")
_WHOLE = re.compile(r"\s*([-+]?\d{1,40})\s*(?:/.*)?")


def first_fault(stream: Any, last: int | None = None) -> tuple[int, str]:
    """Say which HDU makes a file unreadable, and by what; by nothing where none does.

    :param stream: the file, unpacked, to be read from its beginning.
    :param last: the HDU after which nobody needs to look; by default all are looked at.
    """
    place = number = 0
    while last is None or number <= last:
        stream.seek(place)
        head = _header(stream)
        if number and not head.startswith(b"XTENSION"):
            break  # what stands behind the last HDU is nobody's business
        fault = fault_of(head)
        if fault:
            return number, fault
        place += -(-len(head) // BLOCK) * BLOCK + _data_size(head)
        number += 1
    return number, ""


def _header(stream: Any) -> bytes:
    """Read a header as far as its END, or as far as it goes."""
    head = b""
    while len(head) < LONGEST_HEADER:
        block = stream.read(BLOCK)
        head += block
        if len(block) < BLOCK or _end_of(block) >= 0:
            break
    return head


def _end_of(head: bytes) -> int:
    return next((at for at in range(0, len(head), CARD) if _END.match(head[at : at + CARD])), -1)


def fault_of(head: bytes) -> str:
    """Say what is wrong with the layout that a header gives; empty where nothing is."""
    if not head.startswith((b"SIMPLE", b"XTENSION")):
        return f"unpacked it begins with {head[:6]!r}; expected FITS"
    if b"\n" in head[: 2 * CARD] and _end_of(head) < 0:
        return "its header has line breaks; FITS has cards of 80 bytes without them: write it anew"
    if _end_of(head) < 0:
        return _no_end(head)
    if len(head) % BLOCK:
        return f"the file is cut in its header, {-len(head) % BLOCK} bytes of its block are missing; get a whole copy"
    return _no_type(head) or _no_axes(head)


def _no_end(head: bytes) -> str:
    stray = re.search(rb"(?i)\bend {8}", head)
    if stray and (stray.start() % CARD or stray[0][:3] != b"END"):
        return f"its header has no END: {stray[0][:3].decode()!r} at byte {stray.start()} begins no card; repair it"
    return f"its header has no END in {len(head)} bytes: the file is cut, or damaged; get a whole copy"


def _no_type(head: bytes) -> str:
    text = _text(head, "BITPIX")
    if _whole(text) not in TYPES:
        known = ", ".join(map(str, TYPES))
        return f"{_said('BITPIX', text)}; expected {known}, without point or quotes: mend the card"
    return ""


def _no_axes(head: bytes) -> str:
    text = _text(head, "NAXIS")
    axes = _whole(text)
    if axes is None or not 0 <= axes <= 999:
        return f"{_said('NAXIS', text)}; expected a whole number from 0 to 999, without point or quotes: mend the card"
    for axis in range(1, axes + 1):
        text = _text(head, f"NAXIS{axis}")
        size = _whole(text)
        if size is None or size < 0:
            said = _said(f"NAXIS{axis}", text)
            return f"{said}, and NAXIS = {axes}; expected a whole number from 0, without point or quotes: mend the card"
    if _data_size(head) > LARGEST:
        return f"its {axes} axes would hold {_data_size(head)} bytes, which no file does: mend NAXISn"
    return ""


def _said(keyword: str, text: str) -> str:
    return f"{keyword} = {text}" if text else f"{keyword} is missing"


def _text(head: bytes, keyword: str) -> str:
    """Give what stands in the place of a card's value; the first card of the keyword counts."""
    name = f"{keyword:8}=".encode()
    for at in range(0, len(head), CARD):
        if head[at : at + 9] == name:
            return head[at + 9 : at + CARD].decode("latin-1").partition(" /")[0].strip()
    return ""


def _whole(text: str) -> int | None:
    found = _WHOLE.fullmatch(text)
    return int(found[1]) if found else None


def _data_size(head: bytes) -> int:
    """Give the bytes of an HDU's data, in whole blocks."""
    read: Callable[[str, int], int] = lambda keyword, default: _whole(_text(head, keyword)) or default  # noqa: E731
    axes = [read(f"NAXIS{axis}", 0) for axis in range(1, read("NAXIS", 0) + 1)]
    grouped = axes[:1] == [0] and _text(head, "GROUPS") == "T"
    values = prod(axes[1:] if grouped else axes) if axes else 0
    size = abs(read("BITPIX", 8)) // 8 * read("GCOUNT", 1) * (read("PCOUNT", 0) + values)
    return -(-max(size, 0) // BLOCK) * BLOCK


ALL_ONES = 0xFFFFFFFF
SUMMED_AT_ONCE = 2**20


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
        piece = stream.read(min(left, SUMMED_AT_ONCE))
        if not piece:
            break
        total, left = sum_of(piece, total), left - len(piece)
    return total


def same_sum(one: int, other: int) -> bool:
    """Compare two sums; 0 has two forms."""
    return one % ALL_ONES == other % ALL_ONES
