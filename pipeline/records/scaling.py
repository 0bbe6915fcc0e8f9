"""BSCALE, BZERO and BLANK of an astropy HDU that was opened without them, or whose BLANK astropy passes over."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.io import fits

from pipeline.headers.cards import Cards
from pipeline.headers.values import number
from pipeline.records.pixels import Array, working_dtype

UNSIGNED = {("i2", 32768.0): "u2", ("i4", 2.0**31): "u4", ("i8", 2.0**63): "u8", ("u1", -128.0): "i1"}
"""Types of whole numbers with the BZERO that makes another of them."""


def values_of(thing: Any) -> Any:
    """Give the values of something with data; those of an HDU scaled, wherever astropy has not done so.

    Scaled whole numbers are told by their type: astropy makes floats of them, or the other sign.
    """
    values = getattr(thing, "data", thing)
    image = isinstance(thing, fits.PrimaryHDU | fits.ImageHDU | fits.CompImageHDU)
    if not image or values is None or values.dtype.kind not in "iu":
        return values
    cards = Cards.of(thing.header)
    bscale, bzero = (number(cards.get(keyword, default)).value for keyword, default in (("BSCALE", 1), ("BZERO", 0)))
    blank = cards.get("BLANK")
    shifted = bscale == 1 and values.dtype.newbyteorder("=").str[1:] in [
        to for (_, by), to in UNSIGNED.items() if by == bzero
    ]
    if (shifted or (bscale, bzero) == (1, 0)) and not isinstance(blank, int):
        return values
    return _scaled(values, (1.0, 0.0) if shifted else (bscale, bzero), blank if not shifted else _sum(blank, bzero))


def _sum(blank: Any, bzero: float) -> int | None:
    return blank + int(bzero) if isinstance(blank, int) else None


def _scaled(values: Array, by: tuple[float, float], blank: Any) -> Array:
    scaled: Array = values.astype(np.float64) * by[0] + by[1]
    if isinstance(blank, int):
        scaled[values == blank] = np.nan
    return scaled.astype(working_dtype(values.dtype.newbyteorder("=")))
