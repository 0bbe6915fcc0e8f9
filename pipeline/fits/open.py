"""Edge: opening one frame: its header, exposure and state are read now, its pixels when asked.

Beside the image of one of our products its flags and errors are found; HDUs of single amplifiers become one frame.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path

import attrs
from astropy.io import fits

from pipeline.compose.telling import advise, collecting, say
from pipeline.errors import FileWarning, FrameError, HeaderError, HeaderWarning
from pipeline.fits.file_access import fault_in, opened, packing_of, reading
from pipeline.fits.frame_source import FitsSource
from pipeline.fits.hdu import cards_of, hdu_array_of, plane_number
from pipeline.fits.hdu_array import HduArray
from pipeline.fits.hdu_index import contents, forward, number_of
from pipeline.fits.multi_amplifier import is_multi_amplifier, is_pattern, stacked_hdus_of
from pipeline.headers.cards import Cards
from pipeline.headers.exposure import Reading, exposure_reading, parse_exposure_key
from pipeline.headers.status import state_of
from pipeline.records.frames import Image, Location
from pipeline.records.history import notes_in
from pipeline.records.interop import SHARED_KEY, is_companion
from pipeline.records.note import merged
from pipeline.version import made_by_us

_log = logging.getLogger("pipeline")

FRAME_NAMES = re.compile(r"[^.].*?(\.(?:fits?|fts)(?:\.(?:gz|bz2|fz))?)", re.IGNORECASE | re.DOTALL)
"""Names of files that are taken for FITS: hidden ones are left alone."""


def open_frame(
    frame: Image | str | Path,
    hdu: int | str = 0,
    *,
    kind: str = "light",
    exposure_key: str | None = None,
    plane: int | None = None,
) -> Image:
    """Open one frame: header, exposure and shape now, pixels when asked.

    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from astropy.io import fits
    >>> from pipeline import open_frame
    >>> with TemporaryDirectory() as folder:
    ...     fits.PrimaryHDU(np.ones((2, 3)), fits.Header({"EXPTIME": 30})).writeto(f"{folder}/a.fits")
    ...     image = open_frame(f"{folder}/a.fits")
    ...     image.shape, image.exposure, image.in_memory
    ((2, 3), 30.0, False)

    :param frame: a path, or an image that parse_filelist gave.
    :param hdu: the number, the EXTNAME or ``"EXTNAME,EXTVER"`` of the HDU, with a path; ``*``, or a pattern of
        EXTNAMEs such as ``im*``, for amplifiers that have each their HDU, and DETSEC, as one frame.
    :param plane: which image of a cube, from 0 as HDUs and rows are counted, in the order of the file.
    :param kind: bias, dark, flat, light or arc, of what has a path only.
    :param exposure_key: the keyword of the exposure, looked for first: ``KEY``, or ``KEY [ms]`` if not in seconds.
    :raises FrameError: there is no image there.
    :raises HeaderError: the exposure in its header cannot be read.
    """
    if not isinstance(frame, Image):
        location = Location(str(frame), hdu)
        frame = Image(kind, location, sources=(str(location),))
    if not isinstance(frame.data, Location):
        return frame
    with collecting() as said:
        opened_frame = _opened(frame, frame.data, exposure_key, plane)
        before = notes_in(opened_frame.header)
        say(*before)  # what a product of ours had to assume, whoever takes it up assumes again
    return attrs.evolve(opened_frame, said=merged((*before, *said)))


def _opened(frame: Image, where: Location, exposure_key: str | None, plane: int | None) -> Image:
    source, headers = _open_location(where, frame.kind, plane_number(plane))
    cards = headers[0].under(headers[1]) if len(headers) > 1 else headers[0]
    try:
        found, state = exposure_reading(*headers, keyword=exposure_key), state_of(cards)
    except HeaderError as error:
        if frame.kind != "bias":
            raise HeaderError(f"{where}: {error}") from error
        found, state = None, state_of(cards)
        advise(f"{error}; a bias needs none: left aside", FileWarning, of=str(where))
    if found is not None:
        _tell_of(found, where, exposure_key)
    seconds = None if found is None else found.value
    sources = frame.sources if source.origin.plane is None else (f"{where}[plane {source.origin.plane}]",)
    return attrs.evolve(frame, data=source, exposure=seconds, header=cards, state=state, sources=sources)


def _tell_of(said: Reading, where: Location, exposure_key: str | None) -> None:
    """Say where an exposure comes from, if that is not plain."""
    if exposure_key and said.card != parse_exposure_key(exposure_key).keyword:
        advise(
            f"no {exposure_key} in the header; the exposure is that of {said.card}, {said.value:g} s",
            of=str(where),
            figures=(("exposure", said.value),),
        )
    if said.note:
        advise(said.note, HeaderWarning, of=str(where))


def _open_location(where: Location, kind: str, chosen: int | None) -> tuple[FitsSource, tuple[Cards, ...]]:
    """Open an HDU: where its pixels are, its header, and behind it the primary one."""
    packing = packing_of(where.path)
    fault = fault_in(where.path, where.hdu if isinstance(where.hdu, int) else None)
    if fault:
        raise FrameError(fault)
    with (
        reading(where.path, where.hdu),
        opened(where.path, packing) as stream,  # ours to close: astropy leaves a broken file open
        fits.open(stream, memmap=False, do_not_scale_image_data=True) as hdus,
    ):
        if is_pattern(where.hdu):
            stacked, header = stacked_hdus_of(hdus, str(where.hdu), where.path, packing, sky=kind == "light")
            return FitsSource(stacked), (header,)
        number = number_of(hdus, where.path, where.hdu)
        if number == 0 and is_multi_amplifier(hdus):
            raise FrameError(
                f"{where}: holds no image, and several HDUs are parts of one by their DETSEC; give * as the HDU to "
                f"read them as one frame, or name one; the file has {contents(hdus, where.path)}"
            )
        array = hdu_array_of(hdus, number, where.path, packing, chosen)
        headers = tuple(cards_of(hdus[index], where.path, packing) for index in ((number, 0) if number else (0,)))
        ours = made_by_us(headers[-1].get("CREATOR"))
        if not ours or is_companion(str(hdus[number].name)):
            return FitsSource(array), headers
        return _with_companions(hdus, number, where, array, packing), headers


def _with_companions(hdus: fits.HDUList, number: int, where: Location, array: HduArray, packing: str) -> FitsSource:
    """Open what stands beside the image of a product of ours: flags, standard deviation, and what it shares."""
    version = hdus[number].ver
    beside = {str(hdu.name): index for index, hdu in forward(hdus) if hdu.ver == version}
    named = {name: index for name, index in beside.items() if is_companion(name) and name != "MASK"}
    arrays = {name: hdu_array_of(hdus, index, where.path, packing) for name, index in named.items()}
    for other in arrays.values():
        if other.shape != array.shape:
            raise FrameError(f"{where}: HDU {other.origin.hdu} has the shape {other.shape}, its image {array.shape}")
    keys = {name: str(hdus[named[name]].header.get(SHARED_KEY, "")) for name in arrays if name.startswith("SHARED")}
    if "" in keys.values() or len(set(keys.values())) < len(keys):
        raise FrameError(f"{where}: its SHARED HDUs should each name its own error by {SHARED_KEY}; write it again")
    shared = tuple(sorted((key, arrays[name]) for name, key in keys.items()))
    return FitsSource(array, arrays.get("FLAGS"), arrays.get("UNCERT"), shared)
