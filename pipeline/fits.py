"""Edge: FITS files.  Opening frames, reading their rows when asked, and writing products whole or not at all."""

from __future__ import annotations

import bz2
import glob
import gzip
import os
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import attrs
import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning

from pipeline import keywords
from pipeline.bias import MasterBias
from pipeline.cards import Cards
from pipeline.dark import MasterDark
from pipeline.errors import FileListError, FrameError, OutputError, PipelineError
from pipeline.filelist import parse_rows
from pipeline.flat import MasterFlat
from pipeline.frames import FrameSet, Image, Location
from pipeline.header import CREATOR, ReducedImage, attach_header
from pipeline.pixels import Array, Pixels, working_dtype

BLOCK = 2880
_PACKED = {b"\x1f\x8b": "gzip", b"BZ": "bzip2"}
_PACKED_OTHERWISE = {b"\x1f\x9d": "compress (.Z)", b"PK\x03\x04": "zip", b"\xfd7zXZ": "xz"}
_UNSIGNED = {("i2", 32768.0): "u2", ("i4", 2.0**31): "u4", ("i8", 2.0**63): "u8", ("u1", -128.0): "i1"}


@attrs.frozen
class Plane:
    """The array of one HDU, read when asked.

    It remembers size, modification time and inode of its file, and refuses to read a file changed since: the same
    rows every time, or an error.
    """

    path: str
    hdu: int
    shape: tuple[int, int]
    stored: str
    offset: int
    packing: str
    signature: tuple[int, int, int]
    bscale: float = 1.0
    bzero: float = 0.0
    blank: int | None = None

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the values once BSCALE, BZERO and BLANK are applied."""
        if self.exact:
            return np.dtype(_UNSIGNED.get((self.stored, self.bzero), self.stored))
        return working_dtype(self.stored)

    @property
    def exact(self) -> bool:
        """Whether values are stored as they are, or shifted by the one number that makes them unsigned."""
        shifted = self.bzero != 0 and (self.stored, self.bzero) not in _UNSIGNED
        return self.bscale == 1 and not shifted and self.blank is None

    def read(self, start: int, stop: int) -> Array:
        """Read some rows, counted as slices count, in native byte order, with BSCALE, BZERO and BLANK applied.

        :raises FrameError: the file ends early, is damaged, or has changed since it was opened.
        """
        start, stop, _ = slice(start, stop).indices(self.shape[0])
        with _reading(self.path, self.hdu), _opened(self.path, self.packing) as stream:
            if _signature(os.fstat(stream.fileno())) != self.signature:
                raise FrameError(f"{self.path}: changed since it was opened; open it again")
            tiles = self.packing == "tiles"
            return self._scaled(self._unpacked(stream)[start:stop] if tiles else self._raw(stream, start, stop))

    def _unpacked(self, stream: Any) -> Array:
        with fits.open(stream, memmap=False, do_not_scale_image_data=True) as hdus:
            whole: Array = np.asarray(hdus[self.hdu].data).reshape(self.shape)
        return whole

    def _raw(self, stream: Any, start: int, stop: int) -> Array:
        stored = np.dtype(self.stored).newbyteorder(">")
        height, width = max(stop - start, 0), self.shape[1]
        size = height * width * stored.itemsize
        stream.seek(self.offset + start * width * stored.itemsize)
        data = stream.read(size)
        if len(data) < size:
            raise FrameError(
                f"{self.path}[{self.hdu}]: the file ends {size - len(data)} bytes short of row {stop}; get a whole copy"
            )
        raw: Array = np.frombuffer(data, stored).reshape(height, width)
        return raw

    def _scaled(self, raw: Array) -> Array:
        if self.exact:
            native = raw.astype(self.stored)
            if not self.bzero:
                return native
            bits = native.view(f"u{native.itemsize}")
            bits ^= bits.dtype.type(1 << (8 * native.itemsize - 1))  # BZERO is the sign bit's worth
            return bits.view(self.dtype)
        scaled = raw.astype(np.float64) * self.bscale + self.bzero
        if self.blank is not None and raw.dtype.kind in "iu":
            scaled[raw == self.blank] = np.nan
        return scaled.astype(self.dtype)


@attrs.frozen
class FitsSource:
    """The pixels of a frame on disk: its values, and for our own products flags and standard deviation."""

    values: Plane
    flags: Plane | None = None
    deviation: Plane | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx)."""
        return self.values.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the values."""
        return working_dtype(self.values.dtype)

    def rows(self, start: int, stop: int) -> Pixels:
        """Read some rows."""
        return Pixels.of(
            self.values.read(start, stop),
            flags=0 if self.flags is None else self.flags.read(start, stop).astype(np.uint8),
            variance=None if self.deviation is None else self.deviation.read(start, stop) ** 2,
        )

    def loaded(self) -> FitsSource | Pixels:
        """Give the same rows quick to read: a compressed file is unpacked once."""
        return self.rows(0, self.shape[0]) if self.values.packing else self


def read_night(path: str | Path, *, delimiter: str = ",", exposure_key: str | None = None) -> FrameSet:
    """Read a file list and open its frames.  Paths in it are relative to the list.

    :param delimiter: what stands between cells.
    :param exposure_key: the keyword of the exposure in seconds, looked for first.
    :raises FileListError: with every problem of the list and of the files it names, by line.
    """
    path = Path(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileListError(str(path), (f"byte {error.start} is not UTF-8 text; save the list as UTF-8",)) from error
    except OSError as error:
        raise FileListError(str(path), (f"cannot be read: {error.strerror}; expected a CSV file list",)) from error
    if text.startswith("SIMPLE  ="):
        raise FileListError(str(path), ("is a FITS file; expected a list of them: a CSV file of type, path, hdu",))
    parsed = parse_rows(text, delimiter=delimiter, folder=path.parent)
    frames, problems = _opened_frames(parsed.frames, exposure_key)
    if parsed.problems or problems:
        raise FileListError(str(path), tuple(sorted([*parsed.problems, *problems], key=_line)))
    return frames


def _line(problem: str) -> int:
    """Give the line that a problem names; what concerns several lines comes last."""
    line = re.match(r"line (\d+): ", problem)
    return int(line[1]) if line else sys.maxsize


def open_frames(frames: FrameSet, *, exposure_key: str | None = None) -> FrameSet:
    """Open frames that are not opened yet: header, exposure and shape now, pixels when asked.

    :raises FileListError: with every file that cannot be opened as an image.
    """
    opened, problems = _opened_frames(frames, exposure_key)
    if problems:
        raise FileListError("frames", problems)
    return opened


def _opened_frames(frames: FrameSet, exposure_key: str | None) -> tuple[FrameSet, tuple[str, ...]]:
    opened: list[Image] = []
    problems: list[str] = []
    for frame in frames:
        where = frame.data
        try:
            opened.append(open_frame(frame, exposure_key=exposure_key))
        except PipelineError as error:
            line = f"line {where.line}: " if isinstance(where, Location) and where.line else ""
            problems.append(f"{line}{error}")
    try:
        return FrameSet(opened), tuple(problems)
    except PipelineError as error:
        return FrameSet(), (*problems, str(error))


def open_frame(
    frame: Image | str | Path, hdu: int | str = 0, *, kind: str = "light", exposure_key: str | None = None
) -> Image:
    """Open one frame: header, exposure and shape now, pixels when asked.

    :param frame: a path, or an image that parse_filelist gave.
    :param hdu: the number or EXTNAME of the HDU, with a path.
    :raises FrameError: there is no image there.
    :raises HeaderError: the exposure in its header cannot be read.
    """
    if not isinstance(frame, Image):
        location = Location(str(frame), hdu)
        frame = Image(kind, location, sources=(str(location),))
    if not isinstance(frame.data, Location):
        return frame
    where = frame.data
    source, cards = _open_location(where)
    try:
        exposure, state = keywords.exposure(cards, exposure_key), keywords.state(cards)
    except PipelineError as error:
        raise type(error)(f"{where}: {error}") from error
    return attrs.evolve(frame, data=source, exposure=exposure, header=cards, state=state)


def _open_location(where: Location) -> tuple[FitsSource, Cards]:
    packing = _packing(where.path)
    with (
        _reading(where.path, where.hdu),
        Path(where.path).open("rb") as stream,  # ours to close: astropy leaves a broken file open
        fits.open(stream, memmap=False, do_not_scale_image_data=True) as hdus,
    ):
        number = _number(hdus, where)
        plane = _plane(hdus, number, where.path, packing)
        cards = Cards.of(hdus[number].header)
        ours = str(hdus[0].header.get("CREATOR", "")).startswith(CREATOR.split()[0])
        names = [str(other.name) for other in hdus] if ours and number == 0 else []
        flags, deviation = (
            _plane(hdus, names.index(name), where.path, packing) if name in names else None
            for name in ("FLAGS", "UNCERT")
        )
        for beside in (flags, deviation):
            if beside and beside.shape != plane.shape:
                raise FrameError(f"{where}: HDU {beside.hdu} has the shape {beside.shape}, its image {plane.shape}")
        if number > 0:
            cards = cards.under(Cards.of(hdus[0].header))
    return FitsSource(plane, flags, deviation), cards


def _packing(path: str) -> str:
    """Tell how a file is compressed, by its content; and that it is there and may be FITS."""
    try:
        with Path(path).open("rb") as stream:
            start = stream.read(6)
    except IsADirectoryError as error:
        raise FrameError(f"{path}: is a folder; expected a FITS file") from error
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        why = error.strerror if isinstance(error, OSError) else error
        raise FrameError(f"{path}: cannot be read: {why}; paths are relative to the file list") from error
    if not start:
        raise FrameError(f"{path}: the file is empty; expected FITS")
    packing = next((name for magic, name in _PACKED.items() if start.startswith(magic)), "")
    if not packing and start != b"SIMPLE":
        other = next((name for magic, name in _PACKED_OTHERWISE.items() if start.startswith(magic)), "")
        found = f"is packed by {other}, unpack it first" if other else f"begins with {start!r}"
        raise FrameError(f"{path}: {found}; expected FITS (plain, .gz, .bz2 or tile-compressed)")
    return packing


def _number(hdus: fits.HDUList, where: Location) -> int:
    try:
        number = int(hdus.index_of(where.hdu))
        hdus[number]  # astropy reads HDUs as they are asked for
    except (IndexError, KeyError):
        number = -1
    if number < 0:
        raise FrameError(f"{where.path}: has no HDU {where.hdu!r}; it has {_contents(hdus)}")
    return number


def _contents(hdus: fits.HDUList) -> str:
    """List the HDUs of a file for a message."""
    return ", ".join(f"{index}{f' {hdu.name}' if hdu.name else ''} ({_content(hdu)})" for index, hdu in enumerate(hdus))


def _content(hdu: Any) -> str:
    if isinstance(hdu, fits.GroupsHDU):
        return "random groups"
    if isinstance(hdu, fits.BinTableHDU | fits.TableHDU):
        return "a table"
    if not isinstance(hdu, fits.PrimaryHDU | fits.ImageHDU | fits.CompImageHDU):
        return "what is no standard FITS"
    axes = _axes(hdu.header)
    return "×".join(map(str, axes)) if axes and all(axes) else "no data"


def _axes(header: fits.Header) -> list[int]:
    """Give the axes as numpy orders them, rows before columns."""
    return [int(header[f"NAXIS{axis}"]) for axis in range(int(header.get("NAXIS", 0)), 0, -1)]


def _plane(hdus: fits.HDUList, number: int, path: str, packing: str) -> Plane:
    hdu = hdus[number]
    header = hdu.header
    what = f"{path}[{number}]"
    content = _content(hdu)
    if content[0] not in "0123456789":
        raise FrameError(f"{what}: holds {content}; expected an image; the file has {_contents(hdus)}")
    axes = _axes(header)
    shape = _two_axes(axes, what)
    stored = _stored_type(int(header["BITPIX"]), what)
    bscale, bzero = float(header.get("BSCALE", 1)), float(header.get("BZERO", 0))
    blank = header.get("BLANK") if stored[0] in "iu" else None
    compressed = isinstance(hdu, fits.CompImageHDU)
    place = hdu.fileinfo()
    offset = int(place["datLoc"])
    status = Path(path).stat()
    if not packing:
        # Of a compressed image only its size with the padding to a full block is known, and the padding may be absent.
        size = place["datSpan"] - BLOCK + 1 if compressed else shape[0] * shape[1] * np.dtype(stored).itemsize
        _check_size(what, offset + size, status.st_size)
    return Plane(
        path=path,
        hdu=number,
        shape=shape,
        stored=stored,
        offset=offset,
        packing="tiles" if compressed else packing,
        signature=_signature(status),
        bscale=bscale,
        bzero=bzero,
        blank=None if blank is None else int(blank),
    )


def _check_size(what: str, needed: int, size: int) -> None:
    if size < needed:
        missing = f"{needed - size} of {needed} bytes are missing"
        raise FrameError(f"{what}: the file is cut, {missing}; get a whole copy")


def _two_axes(axes: list[int], what: str) -> tuple[int, int]:
    """Squeeze axes of length 1, the last FITS axes first, until two are left."""
    while len(axes) > 2 and 1 in axes:
        axes = [*axes[: axes.index(1)], *axes[axes.index(1) + 1 :]]
    words = "×".join(map(str, axes))
    if len(axes) == 1:
        raise FrameError(f"{what}: is one-dimensional, {words} values; expected an image")
    if len(axes) > 2:
        raise FrameError(
            f"{what}: is a cube, {words}; expected an image; choose a plane by writing it to a file of its own, or in "
            "Python: Image.of(astropy.io.fits.getdata(path)[plane], kind=...)"
        )
    return axes[0], axes[1]


def _stored_type(bitpix: int, what: str) -> str:
    types = {8: "u1", 16: "i2", 32: "i4", 64: "i8", -32: "f4", -64: "f8"}
    if bitpix not in types:
        raise FrameError(f"{what}: BITPIX = {bitpix}; FITS knows {', '.join(map(str, types))}")
    return types[bitpix]


def _signature(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_size, status.st_mtime_ns, status.st_ino


def _opened(path: str, packing: str) -> IO[bytes] | gzip.GzipFile | bz2.BZ2File:
    if packing == "gzip":
        return gzip.open(path)
    return bz2.open(path) if packing == "bzip2" else Path(path).open("rb")


@contextmanager
def _reading(path: str, hdu: int | str) -> Iterator[None]:
    """Turn what astropy says of a bad file into our own words."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AstropyWarning)
            yield
    except PipelineError:
        raise
    except Exception as error:  # on a broken file astropy and its codecs raise whatever they stumble on
        why = "its header has no END, or its data end early" if "Empty or corrupt" in str(error) else error
        raise FrameError(f"{path}[{hdu}]: cannot be read as FITS: {why}; get a whole copy, or repair it") from error


def write(
    record: ReducedImage | MasterBias | MasterDark | MasterFlat, path: str | Path, *, overwrite: bool = False
) -> None:
    """Write a product to a FITS file, whole or not at all.

    :raises OutputError: the file is there and may not be overwritten, or cannot be written.
    """
    product = record if isinstance(record, ReducedImage) else attach_header(record.image)
    hdus = product.to_hdulist()
    hdus[0].header["DATE"] = (datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"), "UTC at which this file was written")
    with _whole_file(Path(path), overwrite) as temporary:
        hdus.writeto(temporary, checksum=True)


@contextmanager
def _whole_file(path: Path, overwrite: bool) -> Iterator[Path]:
    """Give a path to write to, and put the file in its place once it is on disk."""
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; name a file")
    temporary = path.with_name(f".{os.getpid()}.tmp-{path.name}")
    try:
        _refuse_existing(path, overwrite)
        _sweep(path)
        yield temporary
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        _refuse_existing(path, overwrite)
        temporary.replace(path)
    except (OSError, fits.VerifyError) as error:
        raise OutputError(f"{path}: cannot be written: {getattr(error, 'strerror', None) or error}") from error
    finally:
        with suppress(OSError):  # where it cannot be removed it was never made, and that has been said
            temporary.unlink(missing_ok=True)


def _refuse_existing(path: Path, overwrite: bool) -> None:
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
