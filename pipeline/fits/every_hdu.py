"""Edge: files of several detectors, each in an HDU of its own: read as a night for each, written into one file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

from astropy.io import fits

from pipeline.errors import FileListError, FrameError, PipelineError, SettingError
from pipeline.fits.file_access import opened, packing_of, reading
from pipeline.fits.hdu_index import forward
from pipeline.fits.open import open_frame
from pipeline.fits.read_night import opened_frames, parsed_list, problems_by_line
from pipeline.fits.write import hdus_of_product, write_hdus
from pipeline.records.frames import FrameSet, Image, Location
from pipeline.records.interop import is_companion
from pipeline.stages.bias import MasterBias
from pipeline.stages.dark import MasterDark
from pipeline.stages.flat import MasterFlat
from pipeline.stages.header import ReducedImage
from pipeline.version import made_by_us

_OF_ONE_IMAGE = re.compile(
    r"|COMMENT|HISTORY|SIMPLE|BITPIX|EXTEND|NAXIS\d*|BUNIT|WCS.*|LONGSTRN"
    r"|(C(TYPE|RVAL|DELT|RPIX|UNIT|ROTA)|CD|PC|P[VS]|LT[VM])\d.*"
)
"""Cards that stand with an image only."""

Product: TypeAlias = ReducedImage | MasterBias | MasterDark | MasterFlat
"""What stands in an image HDU of such a file."""


def read_every_hdu(
    path: str | Path, *, delimiter: str = ",", exposure_key: str | None = None
) -> dict[int | str, FrameSet]:
    """Read a file list once for each HDU that holds an image: the same night, as each detector saw it.

    HDUs go together by EXTNAME, or by number where they have none or share it.  Rows name files, and no HDU.

    >>> from tempfile import TemporaryDirectory
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from astropy.io import fits
    >>> from pipeline import read_every_hdu
    >>> with TemporaryDirectory() as folder:
    ...     chips = [fits.ImageHDU(np.ones((2, 3), np.uint16), name=name) for name in ("BLUE", "RED")]
    ...     fits.HDUList([fits.PrimaryHDU(), *chips]).writeto(f"{folder}/a.fits")
    ...     _ = Path(folder, "night.csv").write_text("bias, a.fits")
    ...     read_every_hdu(f"{folder}/night.csv")
    {'BLUE': FrameSet(1 bias), 'RED': FrameSet(1 bias)}

    :param delimiter: what stands between the cells of the list.
    :param exposure_key: the keyword of the exposure, looked for first.
    :raises FileListError: with every problem of the list and of the files it names; files that do not all have the
        same image HDUs among them.
    """
    path = Path(path)
    parsed = parsed_list(path, delimiter=delimiter, exposure_key=exposure_key)
    problems = list(parsed.problems)
    first: dict[int | str, int | str] = {}
    nights: dict[int | str, list[Image]] = {}
    for kind, where in [(frame.kind, frame.data) for frame in parsed.frames if isinstance(frame.data, Location)]:
        try:
            found = _image_hdus(where)
            first = first or found
            _check_same(where, found, first)
        except PipelineError as error:
            problems.append(f"line {where.line}: {error}")
            continue
        for name, hdu in found.items():
            place = Location(where.path, hdu, where.line)
            nights.setdefault(name, []).append(Image(kind, place, sources=(str(place),)))
    opened = {name: opened_frames(FrameSet(night), exposure_key) for name, night in nights.items()}
    problems += [problem for _, some in opened.values() for problem in some]
    if problems:
        raise FileListError(str(path), problems_by_line(dict.fromkeys(problems)))
    return {name: frames for name, (frames, _) in opened.items()}


def _image_hdus(where: Location) -> dict[int | str, int | str]:
    """Name the HDUs of a file that hold images, and say where each is; those beside images of our products are none."""
    if where.hdu != 0:
        raise SettingError(f"names HDU {where.hdu!r} of {where.path}, and every HDU is to be read; leave it out")
    if not Path(where.path).is_file():
        open_frame(where.path)  # which says what is wrong
    packing = packing_of(where.path)
    with reading(where.path, 0), opened(where.path, packing) as stream, fits.open(stream, memmap=False) as hdus:
        ours = made_by_us(hdus[0].header.get("CREATOR"))
        every = list(forward(hdus))
        called = [str(hdu.name) if number else "" for number, hdu in every]
        images = [
            number
            for number, hdu in every
            if isinstance(hdu, fits.PrimaryHDU | fits.ImageHDU | fits.CompImageHDU)
            and len([size for size in hdu.shape if size > 1]) == 2
            and not (ours and is_companion(called[number]))
        ]
    if not images:
        raise FrameError(f"{where.path}: no HDU holds an image")
    located = [called[n] if called[n] and called.count(called[n]) == 1 else n for n in images]
    return {_name_in_raw_file(hdu, ours): hdu for hdu in located}


def _name_in_raw_file(hdu: int | str, ours: bool) -> int | str:
    """Give what HDUs of different files go together by: HDU3 in a product of ours was number 3 of the raw file."""
    old = re.fullmatch(r"HDU(\d+)", str(hdu)) if ours else None
    return int(old[1]) if old else hdu


def _check_same(where: Location, found: Iterable[int | str], first: Iterable[int | str]) -> None:
    if list(found) != list(first):
        raise FrameError(
            f"{where.path}: has the image HDUs {_listed(found)}, the first file {_listed(first)}; give files of "
            "the same detectors"
        )


def _listed(names: Iterable[int | str]) -> str:
    return ", ".join(map(str, names))


def write_every_hdu(products: Mapping[int | str, Product], path: str | Path, *, overwrite: bool = False) -> None:
    """Write the products of several detectors to one file, whole or not at all.

    Each image stands in an HDU named as its raw one, with what goes with it behind it, of the same EXTVER; the primary
    HDU holds the cards that all of them share.

    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from pipeline import Image, attach_header, open_frame, write_every_hdu
    >>> chips = {name: attach_header(Image.of(np.ones((2, 3)), name=name)) for name in ("BLUE", "RED")}
    >>> with TemporaryDirectory() as folder:
    ...     write_every_hdu(chips, f"{folder}/product.fits")
    ...     open_frame(f"{folder}/product.fits", "RED").shape
    (2, 3)

    :param overwrite: write over a file that is there.
    :raises OutputError: the file is there and may not be overwritten, or cannot be written.
    """
    primary = fits.PrimaryHDU(
        header=_common_cards([hdus_of_product(product)[0].header for product in products.values()])
    )
    hdus = fits.HDUList([primary])
    for version, (name, product) in enumerate(products.items(), start=1):
        image, *beside = hdus_of_product(product)
        called = name if isinstance(name, str) else f"HDU{name}"
        hdus.append(fits.ImageHDU(image.data, image.header, name=called, ver=version))
        for hdu in beside:
            hdu.ver = version
            hdus.append(hdu)
    write_hdus(hdus, Path(path), overwrite)


def _common_cards(headers: list[fits.Header]) -> fits.Header:
    """Give the cards that are the same in all headers, without the history of any of them."""
    first, *others = headers
    kept = [
        card
        for card in first.cards
        if not _OF_ONE_IMAGE.fullmatch(card.keyword)
        and all(card.keyword in other and other[card.keyword] == card.value for other in others)
    ]
    return fits.Header(kept)
