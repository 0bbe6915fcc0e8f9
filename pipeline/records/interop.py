"""Pixels to and from what others understand: arrays, masked arrays, astropy HDUs, CCDData.

In: values, mask and standard deviation are taken, and BSCALE, BZERO and BLANK are applied where astropy has not.  Out:
the HDUs that stand beside an image in a product, its MASK, UNCERT and FLAGS, and of a master what it SHARED.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
from astropy.io import fits

from pipeline.errors import ShapeError
from pipeline.headers.cards import Cards
from pipeline.headers.values import number
from pipeline.records.arrays import Array, FloatArray, working_dtype
from pipeline.records.pixels import Flag, FlagBits, Pixels

UNSIGNED_BZERO = {("i2", 32768.0): "u2", ("i4", 2.0**31): "u4", ("i8", 2.0**63): "u8", ("u1", -128.0): "i1"}
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
        to for (_, by), to in UNSIGNED_BZERO.items() if by == bzero
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


def pixels_of(thing: Any) -> Pixels:
    """Take values, mask and standard deviation of an array, a masked array, an HDU or a CCDData; Pixels as they are.

    :raises ShapeError: it holds no image, or an uncertainty of another kind.
    """
    if isinstance(thing, Pixels):
        return thing
    if isinstance(thing, np.ndarray):
        return Pixels.of(thing)
    values, masked = values_of(thing), getattr(thing, "mask", None)
    if values is None or isinstance(thing, list):
        raise ShapeError(f"{type(thing).__name__} holds no image of its own; give the HDU whose data are the image")
    flags = 0 if masked is None else np.where(masked, FlagBits(Flag.BAD), FlagBits(0))
    uncertainty: Any = getattr(thing, "uncertainty", None)
    squared = {"std": 2, "var": 1}.get(getattr(uncertainty, "uncertainty_type", ""))
    if uncertainty is not None and squared is None:
        raise ShapeError(f"the uncertainty is {uncertainty!r}; expected standard deviations or variances")
    variance = None if squared is None else np.asarray(uncertainty.array, np.float64) ** squared
    return Pixels.of(np.asarray(values), flags, variance)


def with_type(cards: Cards, thing: Any) -> Cards:
    """Give cards with the type in which whole numbers of 8 or 16 bits came, as a file has it; as they are if they tell.

    The values themselves become floats, which do not say where those numbers end.
    """
    dtype = getattr(thing if isinstance(thing, np.ndarray) else getattr(thing, "data", None), "dtype", None)
    if dtype is None or dtype.kind not in "iu" or dtype.itemsize > 2 or "BITPIX" in cards:
        return cards
    came = dtype.newbyteorder("=").str[1:]
    stored, zero = next((key for key, to in UNSIGNED_BZERO.items() if to == came), (came, 0.0))
    bits = fits.Header({"BITPIX": 8 * int(stored[1])} | ({"BZERO": zero} if zero else {}))
    return Cards(Cards.of(bits).text + cards.text)


def with_wcs(cards: Cards, wcs: Any) -> Cards:
    """Give cards with those of a WCS beside them, as a CCDData has it; as they are where they hold one themselves.

    A CCDData that is read takes these cards out of its header.
    """
    if wcs is None or not hasattr(wcs, "to_header") or any(f"CTYPE{axis}" in cards for axis in (1, 2)):
        return cards
    header = cards.to_header()
    for card in wcs.to_header(relax=True).cards:
        if card.keyword not in header:
            header.append(card)
    return Cards.of(header)


SHARED_KEY = "SHAREKEY"
"""The card that names the error in a SHARED HDU: errors of one key are one error, in whatever file they stand."""

_NAMES = re.compile(r"MASK|UNCERT|FLAGS|SHARED\d+")


def is_companion(name: str) -> bool:
    """Tell whether an HDU of this name stands beside an image, in a product of ours; theirs has the same EXTVER."""
    return _NAMES.fullmatch(name) is not None


def companions_of(pixels: Pixels) -> Iterator[fits.ImageHDU]:
    """Give the MASK (0 good, 1 not), UNCERT (standard deviation, where known) and FLAGS of an image."""
    mask = fits.ImageHDU(pixels.mask.view(np.uint8), name="MASK")
    mask.header["COMMENT"] = "0 is good; 1 is flagged, for a reason that FLAGS gives"
    yield mask
    variance = pixels.total_variance
    if variance is not None:
        uncertainty = fits.ImageHDU(sigma_of(variance), name="UNCERT")
        uncertainty.header["UTYPE"] = ("StdDevUncertainty", "one standard deviation")
        yield uncertainty
    yield flags_hdu(pixels.flags)


def sigma_of(variance: FloatArray) -> FloatArray:
    """Give standard deviations; NaN where the variance is infinite, which tells of none."""
    sigma: FloatArray = np.sqrt(variance)
    sigma[np.isinf(sigma)] = np.nan
    return sigma


def with_unknown_errors_flagged(pixels: Pixels) -> Pixels:
    """Flag pixels whose error, where errors are followed, is no finite number: how good they are nobody knows."""
    planes = [] if pixels.variance is None else [pixels.variance, *(sigma**2 for _, sigma in pixels.shared)]
    with np.errstate(over="ignore", invalid="ignore"):
        if all(math.isfinite(float(plane.sum(dtype=np.float64))) for plane in planes):
            return pixels  # as nearly always, and quickly seen
        variance = pixels.total_variance
    unknown = np.zeros(pixels.shape, bool) if variance is None else ~np.isfinite(variance) & ~pixels.mask
    return pixels.flagged(unknown, Flag.NONFINITE) if unknown.any() else pixels


def flags_hdu(flags: Array) -> fits.ImageHDU:
    """Give the HDU that says for each pixel, bit by bit, why it should not be trusted."""
    hdu = fits.ImageHDU(flags.copy(), name="FLAGS")
    for flag in Flag:
        hdu.header[f"FLAG{flag.bit_length() - 1}"] = (str(flag.name), f"bit of value {int(flag)}")
    return hdu


def shared_hdus(pixels: Pixels) -> Iterator[fits.ImageHDU]:
    """Give SHARED1, SHARED2, ...: the parts of the error in UNCERT that other masters have too, each with its sign."""
    for place, (key, sigma) in enumerate(pixels.shared, start=1):
        hdu = fits.ImageHDU(sigma.copy(), name=f"SHARED{place}")
        hdu.header[SHARED_KEY] = (key, "the same error as in other files with this key")
        hdu.header["COMMENT"] = "one standard deviation, with its sign; part of UNCERT"
        yield hdu
