"""FITS files as instruments, amateurs' programs and broken pipelines write them: each made here, byte by byte."""

import io

import attrs
import numpy as np
from astropy.io import fits

BLOCK = 2880
SHAPE = (12, 16)
VALUES = (np.arange(192).reshape(SHAPE) * 37 % 3000 + 100).astype(np.int16)


@attrs.frozen
class Odd:
    """A file and what becomes of it: values that are read, or words of the refusal, and what is said besides."""

    name: str
    content: bytes
    hdu: str = ""
    values: np.ndarray | None = None
    refused: str = ""
    said: str = ""
    suffix: str = "fits"
    within: float = 0.0


def card(keyword, value):
    return f"{keyword:8}= {value:>20}".ljust(80)


def raw(cards, data=b"", *, end="END", fill=" ", pad=True):
    """Write a header as it is given, card by card, and data behind it."""
    text = "".join(cards) + end.ljust(80)
    head = text.encode("latin-1")
    head += fill.encode("latin-1") * (-len(head) % BLOCK)
    return head + data + (b"\0" * (-len(data) % BLOCK) if pad else b"")


def plain(*more, values=VALUES, drop=(), change=(), **settings):
    """Write a plain image with cards added, left out or changed."""
    bits = values.dtype.itemsize * (-8 if values.dtype.kind == "f" else 8)
    axes = values.shape[::-1]
    cards = [card("SIMPLE", "T"), card("BITPIX", bits), card("NAXIS", len(axes))]
    cards += [card(f"NAXIS{n}", axis) for n, axis in enumerate(axes, start=1)]
    cards = [dict(change).get(one[:8].strip(), one) for one in cards if one[:8].strip() not in drop]
    return raw([*cards, *more], values.astype(values.dtype.newbyteorder(">")).tobytes(), **settings)


def written(*hdus, **settings):
    """Write HDUs as astropy does."""
    stream = io.BytesIO()
    fits.HDUList(list(hdus)).writeto(stream, **settings)
    return stream.getvalue()


def tiles(values, compression, **settings):
    return written(fits.PrimaryHDU(), fits.CompImageHDU(values, compression_type=compression, **settings))
