"""The HDUs that stand beside an image in a product: its MASK, UNCERT and FLAGS, and of a master what it SHARED."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
from astropy.io import fits

from pipeline.records.pixels import Array, Flag, Pixels

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
        uncertainty = fits.ImageHDU(np.sqrt(variance), name="UNCERT")
        uncertainty.header["UTYPE"] = ("StdDevUncertainty", "one standard deviation")
        yield uncertainty
    yield flags_hdu(pixels.flags)


def flags_hdu(flags: Array) -> fits.ImageHDU:
    """Give the HDU that says for each pixel, bit by bit, why it should not be trusted."""
    hdu = fits.ImageHDU(flags.copy(), name="FLAGS")
    for flag in Flag:
        hdu.header[f"FLAG{flag.bit_length() - 1}"] = (str(flag.name), f"bit of value {int(flag)}")
    return hdu


def shared_hdus(pixels: Pixels) -> Iterator[fits.ImageHDU]:
    """Give SHARED1, SHARED2, ...: the parts of the error in UNCERT that other masters have too, each with its sign."""
    for number, (key, sigma) in enumerate(pixels.shared, start=1):
        hdu = fits.ImageHDU(sigma.copy(), name=f"SHARED{number}")
        hdu.header[SHARED_KEY] = (key, "the same error as in other files with this key")
        hdu.header["COMMENT"] = "one standard deviation, with its sign; part of UNCERT"
        yield hdu
