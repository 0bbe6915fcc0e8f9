"""Mosaics of colours: sensors whose neighbouring pixels see light of different colours, as headers tell.

BAYERPAT names the colours of the first two rows from their first pixel (RGGB: red, green; green, blue), XBAYROFF and
YBAYROFF where in that pattern the image begins.  COLORTYP is MaxIm DL's word for it, 0 for a sensor without colours.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable

from pipeline.headers.cards import Cards
from pipeline.headers.values import number

PATTERN_CARDS = ("BAYERPAT", "COLORTYP", "CFAPAT", "CFATYPE", "CFA")
OFFSET_CARDS = (("XBAYROFF", "YBAYROFF"), ("BAYOFFX", "BAYOFFY"))
"""Along x and along y, of one kind or the other."""

_LETTERS = re.compile("[RGBCMYWEL]{4}|[RGB]{36}")
_WORDS = re.compile("BAYER.*|X-?TRANS.*|TRUE|T|YES")


def colour_mosaic(cards: Cards) -> str:
    """Give the card that tells of a mosaic of colours; empty where none does, or colours have planes of their own.

    >>> colour_mosaic(Cards.of({"BAYERPAT": "RGGB"})), colour_mosaic(Cards.of({"COLORTYP": 0}))
    ('BAYERPAT = RGGB', '')
    """
    if cards.get("NAXIS3") == 3:
        return ""
    for keyword in PATTERN_CARDS:
        value = cards.get(keyword)
        text = str(value).strip().upper()
        several = _LETTERS.fullmatch(text) and len(set(text)) > 1
        if several or _WORDS.fullmatch(text) or number(value).value > 0:
            return f"{keyword} = {text}"
    return ""


def mosaic_moved(cards: Cards, *, x: tuple[int, int], y: tuple[int, int]) -> Cards:
    """Give the cards of an image whose pixels have moved: offsets follow, or the pattern where it is mirrored.

    :param x: how a column, counted from 1, becomes one of the image: (sign, offset), sign·x + offset.
    :param y: the same of a row.
    """
    size = _size(cards)
    if not size or (x[0] == y[0] == 1 and x[1] % size == y[1] % size == 0):
        return cards
    if x[0] == y[0] == 1:
        return _with_offsets(cards, -x[1], -y[1], size)
    columns, rows = ([sign * (place - offset) - 1 for place in (1, 2)] for sign, offset in (x, y))
    return _with_pattern(cards, lambda pattern: [[pattern[row % 2][column % 2] for column in columns] for row in rows])


def mosaic_turned(cards: Cards, *, columns: int) -> Cards:
    """Give the cards of an image of so many columns turned as numpy.rot90 turns it."""
    return _with_pattern(cards, lambda pattern: [[pattern[x][(columns - 1 - y) % 2] for x in (0, 1)] for y in (0, 1)])


def _size(cards: Cards) -> int:
    """Give after how many pixels the pattern comes again; 0 where there is none."""
    said = colour_mosaic(cards)
    return 0 if not said else 6 if "TRANS" in said or re.search("[RGB]{36}", said) else 2


def _with_offsets(cards: Cards, x: int, y: int, size: int) -> Cards:
    """Let the image begin so many pixels later in the pattern."""
    header = cards.to_header()
    keywords = next((pair for pair in OFFSET_CARDS if any(key in header for key in pair)), OFFSET_CARDS[0])
    for keyword, later in zip(keywords, (x, y), strict=True):
        if later % size or keyword in header:
            before = _offset(cards, (keyword,))
            header[keyword] = (
                (before + later) % size,
                cards.comment(keyword) or "where the image begins in the pattern",
            )
    return Cards.of(header)


def _with_pattern(cards: Cards, change: Callable[[list[str]], list[list[str]]]) -> Cards:
    """Write what becomes of the colours of the first two pixels of the first two rows; offsets are 0 from here on."""
    keyword = next((key for key in PATTERN_CARDS if key in cards), "")
    text = str(cards.get(keyword)).strip().upper()
    if _size(cards) != 2 or not _LETTERS.fullmatch(text):
        return cards
    x, y = (_offset(cards, keys) % 2 for keys in zip(*OFFSET_CARDS, strict=True))
    first, second = text[:2][x:] + text[:2][:x], text[2:][x:] + text[2:][:x]
    header = cards.to_header()
    header[keyword] = "".join(map("".join, change([second, first] if y else [first, second])))
    for key in (key for pair in OFFSET_CARDS for key in pair if key in header):
        header[key] = 0
    return Cards.of(header)


def _offset(cards: Cards, keywords: Iterable[str]) -> int:
    found = (number(cards.get(keyword)).value for keyword in keywords)
    return next((int(value) for value in found if math.isfinite(value)), 0)
