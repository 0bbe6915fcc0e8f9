"""Where pixels lie on the sky, on the detector or along a wavelength: cards that follow when pixels move.

FITS standard 4.0, section 8: x_i = CDELTi Σ_j PCi_j (p_j − CRPIXj), or with CDi_j for CDELTi·PCi_j, for the primary
description and for each alternate one, a letter.  SIP: Shupe et al. 2005, ASP Conf. Ser. 347, 491.  LTV and LTM: IRAF's
image = LTM · physical + LTV.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from astropy.io import fits

from pipeline.headers.cards import Cards, keyword_of
from pipeline.headers.fits_standard import check_card
from pipeline.headers.product_cards import as_comments
from pipeline.headers.values import number

_DESCRIBES = re.compile(r"(?:C(?:TYPE|RVAL|DELT|RPIX|UNIT)[12]|(?:CD|PC)[12]_[12])([A-Z]?)")
_MOVES = re.compile(rf"{_DESCRIBES.pattern}|CROTA[12][A-Z]?|LTV[12]|LTM[12]_[12]")
_SIP = re.compile(r"(A|B|AP|BP)_(ORDER|DMAX|(\d)_(\d))")


def cropped(cards: Cards, *, x: float, y: float) -> Cards:
    """Give the cards of an image that lost ``x`` columns at its left and ``y`` rows at its bottom.

    Each description's reference pixel moves along, one without CRPIX from 0, which is what the standard takes it for;
    and so does IRAF's LTV.
    """
    if x == y == 0:
        return cards
    header = _mended(cards)
    for letter in _letters(header):
        for axis, lost in ((1, x), (2, y)):
            if lost:
                _put(header, f"CRPIX{axis}{letter}", _number(header, f"CRPIX{axis}{letter}", 0.0) - lost)
    if _has_physical(header):
        for axis, lost in ((1, x), (2, y)):
            if lost:
                _put(header, f"LTV{axis}", _number(header, f"LTV{axis}", 0.0) - lost)
    return Cards.of(header)


def turned(cards: Cards, *, columns: int) -> Cards:
    """Give the cards of an image of so many columns turned as numpy.rot90 turns it: x' = y, y' = columns + 1 − x.

    The world axes keep their numbers: only the way from pixels to them turns.
    """
    header = _mended(cards)
    for letter in _letters(header):
        _turn_matrix(header, letter)
        x, y = (_number(header, f"CRPIX{axis}{letter}", 0.0) for axis in (1, 2))
        _put(header, f"CRPIX1{letter}", y)
        _put(header, f"CRPIX2{letter}", columns + 1 - x)
    _turn_sip(header)
    if _has_physical(header):
        _turn_physical(header, columns)
    return Cards.of(header)


def mirrored(cards: Cards, *, axis: int, about: int) -> Cards:
    """Give the cards of an image mirrored along an axis, 1 for x or 2 for y: its coordinate x becomes about − x.

    The world axes keep their numbers, as in :func:`turned`.
    """
    header = _mended(cards)
    for letter in _letters(header):
        kind, matrix = _matrix(header, letter)
        for i, row in enumerate(matrix, start=1):
            for j, along in enumerate(row, start=1):
                _put(header, f"{kind}{i}_{j}{letter}", -along if j == axis else along)
            header.remove(f"CROTA{i}{letter}", ignore_missing=True)
        _put(header, f"CRPIX{axis}{letter}", about - _number(header, f"CRPIX{axis}{letter}", 0.0))
    _mirror_sip(header, axis)
    if _has_physical(header):
        _put(header, f"LTV{axis}", about - _number(header, f"LTV{axis}", 0.0))
        for j in (1, 2):
            _put(header, f"LTM{axis}_{j}", -_number(header, f"LTM{axis}_{j}", float(axis == j)))
    return Cards.of(header)


def _mended(cards: Cards) -> fits.Header:
    """Give a header in which each card that moves is there once and can be read; the text of others is a COMMENT.

    Mended before they move: a card that is moved as it is mended, or moved twice, is wrong.
    """
    images: list[str] = []
    seen: set[str] = set()
    for image in cards.images:
        names = (keyword_of(image), image[:8].strip().upper())  # the second is what astropy takes for it
        name = next((name for name in names if _MOVES.fullmatch(name)), "")
        fate = check_card(image) if name else None
        if fate is None:
            images.append(image)
        elif fate.image and name not in seen:
            images.append(fate.image)
            seen.add(name)
        else:
            images += as_comments(fate.why or "given again", image)
    return Cards("".join(images)).to_header()


def _letters(header: fits.Header) -> list[str]:
    """Give the letters of the descriptions in a header; an empty one for the primary."""
    found = (_DESCRIBES.fullmatch(keyword) for keyword in header)
    return sorted({match[1] for match in found if match})


def _number(header: fits.Header, keyword: str, default: float) -> float:
    value = header.get(keyword, default)
    read = number(value).value
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return value if plain else read if math.isfinite(read) else default


def _put(header: fits.Header, keyword: str, value: float) -> None:
    """Set a card; a new one stands with its kind, before the commentary at the end."""
    header.set(keyword, value + 0.0 if isinstance(value, float) else value)


def _matrix(header: fits.Header, letter: str) -> tuple[str, list[list[float]]]:
    """Give the matrix from pixels to intermediate world coordinates, and the kind of card that holds it."""
    keys = [f"{i}_{j}{letter}" for i in (1, 2) for j in (1, 2)]
    if any(f"CD{key}" in header for key in keys):
        numbers = [_number(header, f"CD{key}", 0.0) for key in keys]
        return "CD", [numbers[:2], numbers[2:]]
    if any(f"PC{key}" in header for key in keys) or not _number(header, f"CROTA2{letter}", 0.0):
        numbers = [_number(header, f"PC{key}", float(key[0] == key[2])) for key in keys]
        return "PC", [numbers[:2], numbers[2:]]
    angle = math.radians(_number(header, f"CROTA2{letter}", 0.0))
    ratio = _number(header, f"CDELT2{letter}", 1.0) / _number(header, f"CDELT1{letter}", 1.0)
    cosine, sine = math.cos(angle), math.sin(angle)
    return "PC", [[cosine, -sine * ratio], [sine / ratio, cosine]]


def _turn_matrix(header: fits.Header, letter: str) -> None:
    kind, matrix = _matrix(header, letter)
    for i, (along_x, along_y) in enumerate(matrix, start=1):
        _put(header, f"{kind}{i}_1{letter}", along_y)
        _put(header, f"{kind}{i}_2{letter}", -along_x)
        header.remove(f"CROTA{i}{letter}", ignore_missing=True)


def _turn_sip(header: fits.Header) -> None:
    """Turn distortion polynomials: A'(u', v') = B(−v', u'), B'(u', v') = −A(−v', u')."""
    old = {key: header[key] for key in list(header) if _SIP.fullmatch(key)}
    for key in old:
        header.remove(key)
    for key, value in old.items():
        family, what = key.split("_", 1)
        other = ("B" if family[0] == "A" else "A") + family[1:]
        if what in ("ORDER", "DMAX"):
            header[f"{other}_{what}"] = value
        else:
            p, q = (int(number) for number in what.split("_"))
            sign = (-1) ** p * (-1 if other[0] == "B" else 1)
            header[f"{other}_{q}_{p}"] = sign * value


def _mirror_sip(header: fits.Header, axis: int) -> None:
    """Mirror distortion polynomials: along x, A'(u, v) = −A(−u, v) and B'(u, v) = B(−u, v)."""
    for key in [key for key in header if _SIP.fullmatch(key)]:
        family, what = key.split("_", 1)
        if what not in ("ORDER", "DMAX"):
            power = int(what.split("_")[axis - 1])
            header[key] *= (-1) ** power * (-1 if family[0] == "AB"[axis - 1] else 1)


def _has_physical(header: fits.Header) -> bool:
    return any(re.fullmatch(r"LTV[12]|LTM[12]_[12]", keyword) for keyword in header)


def _turn_physical(header: fits.Header, columns: int) -> None:
    x, y = (_number(header, f"LTV{axis}", 0.0) for axis in (1, 2))
    matrix = [[_number(header, f"LTM{i}_{j}", float(i == j)) for j in (1, 2)] for i in (1, 2)]
    new: Iterable[tuple[str, float]] = (
        ("LTV1", y),
        ("LTV2", columns + 1 - x),
        *((f"LTM1_{j}", matrix[1][j - 1]) for j in (1, 2)),
        *((f"LTM2_{j}", -matrix[0][j - 1]) for j in (1, 2)),
    )
    for keyword, value in new:
        _put(header, keyword, value)
