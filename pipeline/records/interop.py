"""Pixels to and from what others understand: arrays, masked arrays, astropy HDUs, CCDData.

In: values, mask and standard deviation are taken, and BSCALE, BZERO and BLANK are applied where astropy has not.  Out:
the HDUs that stand beside an image in a product, its MASK, UNCERT and FLAGS, and of a master what it SHARED.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import numpy as np
from astropy.io import fits

from pipeline.errors import HeaderError, ShapeError
from pipeline.headers.cards import Cards
from pipeline.headers.quiet import quiet
from pipeline.headers.values import number
from pipeline.records.arrays import Array, FloatArray, sealed, surely_finite, working_dtype
from pipeline.records.pixels import Flag, FlagBits, Pixels
from pipeline.version import made_by_us

if TYPE_CHECKING:
    from astropy.units import Unit

Kind = TypeVar("Kind", bound=type)

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
    """Take values, mask, flags and uncertainty of an array, a masked array, an HDU or a CCDData; Pixels as they are.

    :raises ShapeError: it holds no image, or an uncertainty that is no standard deviation or variance, or of another
        unit.
    """
    if isinstance(thing, Pixels):
        return thing
    if isinstance(thing, np.ndarray):
        return Pixels.of(thing)
    if isinstance(thing, list | tuple) and not isinstance(thing, fits.HDUList):
        raise ShapeError(f"a {type(thing).__name__} is no image; make an array of its numbers: np.array(...)")
    values = values_of(thing)
    if values is None or isinstance(thing, list):
        raise ShapeError(f"{type(thing).__name__} holds no image of its own; give the HDU whose data are the image")
    return Pixels.of(np.asarray(values), _flags_of(thing), _variance_of(thing))


def _flags_of(thing: Any) -> Any:
    """Give the flags of what has a mask, flags or both: the mask says which pixels are bad, and flags of ours why."""
    masked, said = getattr(thing, "mask", None), _flags_beside(thing)
    if masked is None:
        masked = False if said is None else said != 0
    why: Any = said if has_own_flags(thing) else FlagBits(0)
    return np.where(masked, np.where(why != 0, why, FlagBits(Flag.BAD)), FlagBits(0))


def _flags_beside(thing: Any) -> Array | None:
    """Give the flags of a CCDData, or of several collections of them where any is set."""
    flags = None if isinstance(thing, Pixels) else getattr(thing, "flags", None)
    if isinstance(flags, Mapping):
        return np.any([np.asarray(one) != 0 for one in flags.values()], axis=0) if flags else None
    return flags if isinstance(flags, np.ndarray) else None


def has_own_flags(thing: Any) -> bool:
    """Tell whether flags beside an image are ours: its header says that we wrote it."""
    flags, header = getattr(thing, "flags", None), getattr(thing, "header", None) or {}
    return isinstance(flags, np.ndarray) and flags.dtype == FlagBits and made_by_us(header.get("CREATOR"))


_TO_VARIANCE = {"std": (2, 1), "var": (1, 2), "ivar": (-1, -2)}
"""To what power each sort of uncertainty is a variance, and that of the values' unit which is its own unit."""


def _variance_of(thing: Any) -> Array | None:
    """Give the variance of a CCDData in the square of its unit; infinite where an inverse variance is 0."""
    uncertainty: Any = getattr(thing, "uncertainty", None)
    if uncertainty is None:
        return None
    sort = getattr(uncertainty, "uncertainty_type", "")
    if sort not in _TO_VARIANCE:
        raise ShapeError(
            f"the uncertainty is of type {type(uncertainty).__name__}; expected StdDevUncertainty, "
            "VarianceUncertainty or InverseVariance"
        )
    power, of_unit = _TO_VARIANCE[sort]
    own_unit, unit = getattr(uncertainty, "unit", None), getattr(thing, "unit", None)
    try:
        factor = 1.0 if own_unit is None or unit is None else own_unit.to(unit**of_unit)
    except ValueError as error:
        raise ShapeError(
            f"values in {unit} with an uncertainty in {own_unit}: neither can be brought to the other; give the "
            "uncertainty the unit that it has"
        ) from error
    with np.errstate(divide="ignore"):
        variance: Array = (np.asarray(uncertainty.array, np.float64) * factor) ** float(power)
    return variance


def what_was_left(thing: Any) -> Iterator[str]:
    """Say what an image of others has that is not kept, or is taken for something else."""
    if getattr(thing, "wcs", None) is not None and not hasattr(thing.wcs, "to_header"):
        yield f"a WCS of type {type(thing.wcs).__name__}, which no cards can hold: left aside"
    if _flags_beside(thing) is not None and not has_own_flags(thing):
        without_mask = getattr(thing, "mask", None) is None
        kept = "pixels with any are taken as bad" if without_mask else "left aside for its mask"
        yield f"flags whose meaning is not known: {kept}"


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
    """Give cards with those of a WCS beside them, as a CCDData has it; as they are where they say the same.

    A CCDData that is read takes these cards out of its header; where both say something, the WCS is what it goes by.
    """
    if wcs is None or not hasattr(wcs, "to_header"):
        return cards
    with suppress(HeaderError):  # what cannot be read is not the same
        mine = wcs_of(cards)
        if mine is not None and mine.wcs.compare(wcs.wcs, cmp=_NOT_ANCILLARY):
            return cards
    header = cards.to_header()
    for keyword in [keyword for keyword in header if _OF_A_WCS.fullmatch(keyword)]:
        header.remove(keyword, ignore_missing=True)
    with quiet(Warning):
        described = wcs.to_header(relax=True)
    for card in described.cards:
        if card.keyword not in header:
            header.append(card)
    return Cards.of(header)


_OF_A_WCS = re.compile(
    r"(CTYPE|CRVAL|CRPIX|CDELT|CUNIT|CROTA)[12]|(PC|CD)[12]_[12]|(A|B|AP|BP)_(ORDER|DMAX|\d_\d)|WCSAXES"
)
"""Cards of the primary description of where pixels lie: those of another may not stand beside them."""

_NOT_ANCILLARY = 1
"""To wcslib: dates and names beside a WCS do not count."""


def wcs_of(cards: Cards) -> Any:
    """Give the celestial or spectral WCS of a header, for the two axes of an image; None where it has none.

    :raises HeaderError: its cards contradict each other, or name what is not known.
    """
    if not any(cards.get(f"CTYPE{axis}") for axis in (1, 2)):
        return None
    from astropy.wcs import WCS

    try:
        with quiet(Warning):
            return WCS(cards.to_header(), naxis=2)  # of a squeezed image the header counts more axes
    except ValueError as error:
        why = str(error).strip().splitlines()[-1]
        raise HeaderError(f"the WCS in the header cannot be read: {why}; mend its cards") from error


def astropy_unit(name: str) -> Unit:
    """Give a unit of a state as astropy's; whatever word stands there is kept."""
    from astropy.units import Unit

    return Unit(name, parse_strict="silent")


_BINARY = ("add", "sub", "mul", "truediv", "floordiv", "mod", "divmod", "pow", "matmul", "and", "or", "xor")
_ARITHMETIC = (*_BINARY, *(f"r{name}" for name in _BINARY), "neg", "pos", "abs", "invert", "lt", "le", "gt", "ge")


def without_arithmetic(record: Kind) -> Kind:
    """Let a class refuse arithmetic with a sentence: numpy's would give bare arrays.

    :meth:`numpy.asarray` of it gives its values.
    """

    def refuse(*operands: object) -> Any:
        name = type(operands[0]).__name__
        article = "an" if name[0] in "AEIOU" else "a"
        raise TypeError(
            f"arithmetic with {article} {name} would lose its header, flags, variance and history; calculate with its "
            "values, or put the calculation into a stage of your own: @stage"
        )

    for name in _ARITHMETIC:
        setattr(record, f"__{name}__", refuse)
    record.__array_ufunc__ = None  # type: ignore[attr-defined]
    return record


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


def without_infinities(pixels: Pixels) -> Pixels:
    """Give NaN for infinite values, which are flagged: a program that minds no flags is not to reckon with them."""
    if surely_finite(pixels.values):
        return pixels  # as nearly always
    infinite = np.isinf(pixels.values)
    if not infinite.any():
        return pixels
    values = np.where(infinite, pixels.values.dtype.type(np.nan), pixels.values)
    return attrs.evolve(pixels, values=sealed(values)).flagged(infinite, Flag.NONFINITE)


def with_unknown_errors_flagged(pixels: Pixels) -> Pixels:
    """Flag pixels whose error, where errors are followed, is no finite number: how good they are nobody knows."""
    planes = [] if pixels.variance is None else [pixels.variance, *(sigma for _, sigma in pixels.shared)]
    if all(map(surely_finite, planes)):
        return pixels  # as nearly always
    with np.errstate(over="ignore", invalid="ignore"):
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
