"""Edge: writing products, whole or not at all."""

from __future__ import annotations

import glob
import logging
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from astropy.io import fits

from pipeline.bias import MasterBias
from pipeline.dark import MasterDark
from pipeline.errors import OutputError, StepError
from pipeline.flat import MasterFlat
from pipeline.header import ReducedImage, attach_header
from pipeline.maskfile import hdus_of
from pipeline.masks import Mask

_log = logging.getLogger("pipeline")


def write(
    record: ReducedImage | MasterBias | MasterDark | MasterFlat | Mask,
    path: str | Path,
    *,
    overwrite: bool = False,
    ready: Callable[[Path], None] | None = None,
) -> None:
    """Write a product to a FITS file, whole or not at all.

    :param ready: told of the file once it is whole, and before it takes its place.
    :raises OutputError: the file is there and may not be overwritten, or cannot be written.
    """
    write_hdus(
        hdus_of(record) if isinstance(record, Mask) else hdus_of_product(record), Path(path), overwrite, ready=ready
    )


def write_hdus(hdus: fits.HDUList, path: Path, overwrite: bool, *, ready: Callable[[Path], None] | None = None) -> None:
    """Write HDUs to a file, whole or not at all, with checksums and the time.

    :raises OutputError: the file is there and may not be overwritten, or cannot be written.
    """
    hdus[0].header["DATE"] = (datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"), "UTC at which this file was written")
    with whole_file(path, overwrite) as temporary:
        hdus.writeto(temporary, checksum=True)
        if ready:
            ready(temporary)
    _log.info("wrote %s", path)


def write_whole(path: Path, content: bytes, *, overwrite: bool = False) -> None:
    """Write bytes to a file, whole or not at all.

    :raises OutputError: the file is there and may not be overwritten, or cannot be written.
    """
    with whole_file(path, overwrite) as temporary:
        temporary.write_bytes(content)


def hdus_of_product(record: ReducedImage | MasterBias | MasterDark | MasterFlat) -> fits.HDUList:
    """Give what a product or master is written as: its image, MASK, UNCERT and FLAGS."""
    return _product_of(record).to_hdulist()


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


@contextmanager
def whole_file(path: Path, overwrite: bool) -> Iterator[Path]:
    """Give a path to write to, and put the file in its place once it is on disk."""
    check_writable(path, overwrite)
    temporary = path.with_name(f".{os.getpid()}.tmp-{path.name}")
    try:
        _sweep(path)
        yield temporary
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        check_writable(path, overwrite)
        temporary.replace(path)
    except (OSError, fits.VerifyError) as error:
        raise OutputError(f"{path}: cannot be written: {getattr(error, 'strerror', None) or error}") from error
    finally:
        with suppress(OSError):  # where it cannot be removed it was never made, and that has been said
            temporary.unlink(missing_ok=True)


def check_writable(path: Path, overwrite: bool) -> None:
    """See that nothing which must stay stands in the way of a product.

    :raises OutputError: the file is there and may not be overwritten, is no plain file, or its folder is missing.
    """
    if path.is_dir() or not path.name:
        raise OutputError(f"{path}: is a folder; name a file")
    if not path.parent.is_dir():
        raise OutputError(f"{path}: cannot be written: there is no folder {path.parent}; make it first")
    if path.exists() and not path.is_file():
        raise OutputError(f"{path}: is no plain file, and is never written over; choose another name")
    if path.exists() and not overwrite:
        raise OutputError(f"{path}: is there already; choose another name, or allow overwriting (--overwrite)")


def _sweep(path: Path) -> None:
    """Remove what processes that died while writing this product left behind, one with our own number included."""
    for left in path.parent.glob(f".*.tmp-{glob.escape(path.name)}"):
        process = left.name.split(".")[1]
        if re.fullmatch("[0-9]{1,9}", process) and (int(process) == os.getpid() or not _alive(int(process))):
            left.unlink(missing_ok=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
