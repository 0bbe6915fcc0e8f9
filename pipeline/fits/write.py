"""Edge: writing products, and what is told beside them, whole or not at all.

A product is FITS with checksums and the time; records are JSON, tables CSV.  How a file takes its place is for
:mod:`~pipeline.fits.atomic`.
"""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from astropy.io import fits

from pipeline.errors import StepError
from pipeline.fits.atomic import whole_file
from pipeline.fits.mask_file import hdus_of_mask
from pipeline.records.arrays import Array
from pipeline.records.frames import Image
from pipeline.records.interop import shared_hdus
from pipeline.stages.bad_pixels import Mask
from pipeline.stages.bias import MasterBias
from pipeline.stages.dark import MasterDark
from pipeline.stages.flat import MasterFlat
from pipeline.stages.header import ReducedImage, attach_header

if TYPE_CHECKING:
    from astropy.table import Table

_log = logging.getLogger("pipeline")


def write(
    record: ReducedImage | MasterBias | MasterDark | MasterFlat | Mask,
    path: str | Path,
    *,
    overwrite: bool = False,
) -> None:
    """Write a product to a FITS file, whole or not at all.

    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from pipeline import Image, attach_header, open_frame, write
    >>> with TemporaryDirectory() as folder:
    ...     write(attach_header(Image.of(np.ones((2, 3)), exposure=30)), f"{folder}/product.fits")
    ...     open_frame(f"{folder}/product.fits").exposure
    30.0

    :param overwrite: write over a file that is there.
    :raises OutputError: the file is there and may not be overwritten, or cannot be written.
    """
    write_hdus(hdus_of_mask(record) if isinstance(record, Mask) else hdus_of_product(record), Path(path), overwrite)


def product_name(image: Image) -> str:
    """Name the product of one frame after its file: raw/b27.fits.gz[2] gives b27_2.fits."""
    where = image.sources[0]
    path, _, hdu = where.rpartition("[") if where.endswith("]") else (where, "", "")
    name = re.split(r"[/\\]", path)[-1]
    stem = product_stem(name)
    part = re.sub(r"[^\w.-]+", "_", hdu.rstrip("]")).strip("_")
    return f"{stem}_{part}.fits" if part else f"{stem}.fits"


def product_stem(name: str) -> str:
    """Give the name of a FITS file without what says that it is one."""
    return re.sub(r"(?i)(\.(fits|fit|fts))?(\.(gz|bz2|fz))?$", "", name)


def write_hdus(hdus: fits.HDUList, path: Path, overwrite: bool) -> None:
    """Write HDUs to a file, whole or not at all, with checksums and the time.

    :raises OutputError: the file is there and may not be overwritten, or cannot be written.
    """
    hdus[0].header["DATE"] = (datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"), "UTC at which this file was written")
    for hdu in hdus:
        if hdu.data is not None and hdu.data.dtype.kind == "f":
            hdu.data = _big_endian(hdu.data)
    with whole_file(path, overwrite) as temporary:
        hdus.writeto(temporary, checksum=True)
    _log.info("wrote %s", path)


def _big_endian(values: Array) -> Array:
    """Turn values to the order of FITS, in place: astropy turns them there and back, for the sum and for the file."""
    turned = values.dtype.newbyteorder(">")
    return values if values.dtype == turned else values.byteswap(inplace=True).view(turned)


def write_whole(path: Path, content: bytes, *, overwrite: bool = False) -> None:
    """Write bytes to a file, whole or not at all.

    :raises OutputError: the file is there and may not be overwritten, or cannot be written.
    """
    with whole_file(path, overwrite) as temporary:
        temporary.write_bytes(content)


def hdus_of_product(record: ReducedImage | MasterBias | MasterDark | MasterFlat) -> fits.HDUList:
    """Give what a product is written as: its image, MASK, UNCERT and FLAGS; of a master also what it shares."""
    product = _product_of(record)
    hdus = product.to_hdulist()
    if not isinstance(record, ReducedImage):
        hdus.extend(shared_hdus(product.pixels))
    return hdus


def write_json(path: Path, record: Any, *, overwrite: bool = False) -> None:
    """Write a record as JSON, whole or not at all; file names that are no text survive it.

    :raises OutputError: the file is there and may not be overwritten, or cannot be written.
    """
    text = json.dumps(record, indent=1, ensure_ascii=False) + "\n"
    write_whole(path, text.encode(errors="backslashreplace"), overwrite=overwrite)


def write_table(path: Path, table: Table, *, overwrite: bool = False) -> None:
    """Write a table as CSV, whole or not at all.

    :raises OutputError: the file is there and may not be overwritten, or cannot be written.
    """
    with whole_file(path, overwrite) as temporary:
        table.write(temporary, format="ascii.csv", overwrite=True)


def _product_of(record: ReducedImage | MasterBias | MasterDark | MasterFlat) -> ReducedImage:
    if isinstance(record, ReducedImage):
        return record
    if isinstance(record, MasterDark):
        return attach_header(record.product)
    if not isinstance(record, MasterBias | MasterFlat):
        raise StepError(
            f"write takes a ReducedImage, a master or a Mask, found {record!r}; pass it through attach_header"
        )
    return attach_header(record.image)
