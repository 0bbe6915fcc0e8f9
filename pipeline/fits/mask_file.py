"""Edge: bad-pixel masks in files: those of others, where what is not 0 is bad, and ours, which say why."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits

from pipeline.fits.file_access import opened, packing_of, reading
from pipeline.fits.hdu_index import forward
from pipeline.fits.open import open_frame
from pipeline.records.arrays import sealed
from pipeline.records.interop import flags_hdu
from pipeline.records.pixels import FlagBits
from pipeline.stages.bad_pixels import Mask
from pipeline.version import CREATOR, made_by_us


def read_mask(path: str | Path, hdu: int | str | None = None) -> Mask:
    """Read a bad-pixel mask: an image that is 0 where a pixel is good, or the flags of a product of ours.

    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from pipeline import Mask, read_mask, write
    >>> with TemporaryDirectory() as folder:
    ...     write(Mask.of(np.array([[0, 1]])), f"{folder}/mask.fits")
    ...     read_mask(f"{folder}/mask.fits").flags
    array([[ 0, 64]], dtype=uint16)

    :param hdu: by default FLAGS of our own products and masks, else MASK, else the first HDU.
    :raises FrameError: there is no such image.
    """
    ours, named = _named(path) if hdu is None or hdu == "FLAGS" else (False, None)
    where = named if hdu is None else hdu
    values = open_frame(path, 0 if where is None else where).pixels.values
    name = str(path) if where is None else f"{path}[{where}]"
    return Mask(sealed(values.astype(FlagBits)), name) if ours and where == "FLAGS" else Mask.of(values, name=name)


def hdus_of_mask(mask: Mask) -> fits.HDUList:
    """Give what a mask is written as: 0 where good and 1 where bad, and FLAGS with the reasons."""
    primary = fits.PrimaryHDU((mask.flags != 0).astype(np.uint8))
    primary.header["COMMENT"] = "0 is good; 1 is bad, for a reason that FLAGS gives"
    primary.header["CREATOR"] = (CREATOR, "software that wrote this file")
    return fits.HDUList([primary, flags_hdu(mask.flags)])


def _named(path: str | Path) -> tuple[bool, str | None]:
    """Tell whether a file is ours, and which of the HDUs FLAGS and MASK it is to be read from."""
    if not Path(path).is_file():
        return False, None  # open_frame says what is wrong
    packing = packing_of(str(path))
    with reading(str(path), 0), opened(str(path), packing) as stream, fits.open(stream, memmap=False) as hdus:
        ours = made_by_us(hdus[0].header.get("CREATOR"))
        names = [str(hdu.name) for _, hdu in forward(hdus)]
    return ours, next((name for name in (("FLAGS", "MASK") if ours else ("MASK",)) if name in names), None)
