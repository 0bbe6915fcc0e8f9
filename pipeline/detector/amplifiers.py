"""Which part of a frame each amplifier read out."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import attrs

from pipeline.compose.settings import checked
from pipeline.compose.telling import advise
from pipeline.detector.detsec import Place, layout_by_detsec
from pipeline.detector.section import Section
from pipeline.errors import CalibrationError, HeaderError, SettingError
from pipeline.headers.cards import Cards
from pipeline.headers.keywords import binning
from pipeline.records.frames import Image
from pipeline.records.identity import content_key

OVERSCAN_SECTIONS = ("BIASSEC", "BSEC")
DATA_SECTIONS = ("TRIMSEC", "TSEC", "DATASEC", "DSEC")
"""Cards of one amplifier, the first that is there: NOAO's, with a letter or number where an HDU holds several
(DATASECA, BIASSEC1), and the short ones of quadrant readouts (BSEC11).  Without a number BSEC and TSEC are other
things: Lick's TSEC is a clock."""

HDUS_PILED = "PILED"
"""A card of ours: how many HDUs a frame piles up, one above the other."""

PLACED_SECTION = "PSEC"
"""Cards of ours, in a pile of HDUs: where the data of each amplifier go in the trimmed frame."""

_PORT = ("X", "Y", "NX", "NY", "PRSCX", "PRSCY", "OVSCX", "OVSCY")
_NONE = {"", "NONE", "UNKNOWN", "N/A", "0", "[0:0,0:0]"}
_CORNERS = re.compile(r"\[(\d+),(\d+):(\d+),(\d+)\]")
"""Calar Alto's order, the first corner before the second: [513,513:1536,1536].  Its BIASSEC begins and ends in column
or row 0 where nothing was overscanned, and its DATASEC counts on the whole detector, as CCDSEC does."""


def _a_section(_: object, field: attrs.Attribute[str], text: object) -> None:
    if text == "" and field.name == "overscan":
        return
    try:
        Section.of(str(text), (2**31, 2**31))
    except ValueError as error:
        raise SettingError(
            f"an amplifier with {field.name}={text!r}; expected a section such as '[1:1024,*]', columns first"
        ) from error


def _a_place(_: object, __: object, text: object) -> None:
    if text != "" and not re.fullmatch(r"\[[1-9]\d*:[1-9]\d*,[1-9]\d*:[1-9]\d*\]", str(text)):
        raise SettingError(f"an amplifier with place={text!r}; expected numbers from 1, such as '[1024:1,1:2048]'")


@checked
@attrs.frozen
class Amplifier:
    """What one amplifier read out: the section of a raw frame that holds its data, and its overscan.

    Sections are written as in FITS headers, ``[x1:x2,y1:y2]``, columns first, counted from 1, ends included;
    ``*`` is the whole axis.  No overscan is an empty text.  ``place`` is where the data go in the trimmed frame,
    backwards along an axis along which they are turned round; without places the gaps between data close.

    >>> from pipeline import Amplifier
    >>> Amplifier(data="[1:1024,*]", overscan="[2049:2080,*]")
    Amplifier(data='[1:1024,*]', overscan='[2049:2080,*]', place='')

    ``name`` is what its cards and messages call it.

    :raises SettingError: a text is no section.
    """

    data: str = attrs.field(default="[*,*]", validator=_a_section)
    overscan: str = attrs.field(default="", validator=_a_section)
    place: str = attrs.field(default="", validator=_a_place)
    name: str = attrs.field(default="", eq=False, repr=False)
    """The letter or number that its cards have in the header, where they have one."""

    __dask_tokenize__ = content_key


@attrs.frozen
class Readout:
    """An amplifier on a frame of known shape."""

    data: Section
    overscan: Section | None
    place: Place | None = None
    name: str = ""

    @classmethod
    def of(cls, amplifier: Amplifier, shape: tuple[int, int]) -> Readout:
        """Find an amplifier's sections on a frame."""
        overscan = Section.of(amplifier.overscan, shape) if amplifier.overscan else None
        place = Place.of(amplifier.place) if amplifier.place else None
        return cls(Section.of(amplifier.data, shape), overscan, place, amplifier.name)


def declared_amplifiers(image: Image) -> tuple[Amplifier, ...]:
    """Give the amplifiers that a header declares; none where it declares nothing.

    Sections that reach beyond the frame are left from before an earlier trim: said, and left out.

    :raises HeaderError: a card is there and is no section, or an overscan lacks its data section.
    """
    names = _suffixes(image.header)
    if names:
        every = [_named(image, name) for name in names]
        return _placed(image, every) if _all_inside(image, every) else ()
    if "ESO DET OUT1 NX" in image.header and "BIASSEC" not in image.header:
        return _eso(image)
    overscan, data = _inside(image, "BIASSEC"), _inside(image, "TRIMSEC") or _inside(image, "DATASEC")
    return (Amplifier(data or "[*,*]", overscan),) if overscan or data else _without_overscan(image)


def _without_overscan(image: Image) -> tuple[Amplifier, ...]:
    """Read the data sections of several amplifiers that have no overscan, where they leave a part of the frame out."""
    found = (re.fullmatch(r"(?:TRIM|DATA)SEC([A-Z]|\d{1,2})", keyword) for keyword in image.header.keywords)
    names = sorted({match[1] for match in found if match}, key=lambda name: (len(name), name))
    texts = {name: next(filter(None, (_said(image.header, key + name) for key in DATA_SECTIONS)), "") for name in names}
    try:
        data = {name: Section.of(text, image.shape) for name, text in texts.items() if text}
    except ValueError:
        return ()
    if not data:
        return ()
    columns, rows = {(one.x1, one.x2) for one in data.values()}, {(one.y1, one.y2) for one in data.values()}
    in_a_grid = len(set(data.values())) == len(data) == len(columns) * len(rows) and _apart(columns) and _apart(rows)
    covered = sum(height * width for height, width in (one.shape for one in data.values()))
    if not in_a_grid or not all(one.fits(image.shape) for one in data.values()) or covered == math.prod(image.shape):
        return ()
    return _placed(image, [Amplifier(str(one), name=name) for name, one in data.items()])


def _apart(spans: Iterable[tuple[int, int]]) -> bool:
    """Tell whether stretches of an axis have no pixel in common."""
    return all(one[1] <= other[0] for one, other in pairwise(sorted(spans)))


def _named(image: Image, name: str) -> Amplifier:
    """Read the sections of one of several amplifiers.  Only in an HDU of a pile may one have no overscan."""
    place = _said(image.header, PLACED_SECTION + name)
    piled = bool(place) and not any(_said(image.header, key + name) for key in OVERSCAN_SECTIONS)
    return Amplifier(
        _text(image, DATA_SECTIONS, name), "" if piled else _text(image, OVERSCAN_SECTIONS, name), place, name
    )


def _placed(image: Image, amplifiers: list[Amplifier]) -> tuple[Amplifier, ...]:
    """Give amplifiers their places by DETSECA and the like, where each has one, and they make sense together.

    Where DETSEC stands for all of DATASEC, the data are one image as they lie, and DETSECA tells how each was read.
    """
    texts = [_said(image.header, f"DETSEC{amplifier.name}") for amplifier in amplifiers]
    if not all(texts) or any(amplifier.place for amplifier in amplifiers) or detsec_of_all(image.header):
        return tuple(amplifiers)
    shapes = [Section.of(amplifier.data, image.shape).shape for amplifier in amplifiers]
    try:
        detector = layout_by_detsec(texts, shapes, binning(image.header), image.name)
    except CalibrationError as error:
        found = str(error).removeprefix(f"{image.name}: ")
        advise(f"{found}; the amplifiers' data are put side by side as they lie", of=image)
        return tuple(amplifiers)
    places = zip(amplifiers, detector.places, strict=True)
    return tuple(attrs.evolve(amplifier, place=str(place)) for amplifier, place in places)


def detsec_of_all(cards: Cards) -> str:
    """Give the DETSEC that stands for all of an HDU's DATASEC; empty where there are not both."""
    return _said(cards, "DETSEC") if _said(cards, "DATASEC") else ""


def _suffixes(cards: Cards) -> list[str]:
    """Give the letters or numbers of the amplifiers that have an overscan, or a place, of their own."""
    found = (re.fullmatch(r"BIASSEC([A-Z]|\d{1,2})|[BP]SEC([A-Z]|\d{1,4})", keyword) for keyword in cards.keywords)
    named = {match[1] or match[2] for match in found if match}
    spoken = (name for name in named if any(_said(cards, key + name) for key in (*OVERSCAN_SECTIONS, PLACED_SECTION)))
    return sorted(spoken, key=lambda name: (len(name), name))


def _said(cards: Cards, keyword: str) -> str:
    text = str(cards.get(keyword, "")).strip()
    if corners := _CORNERS.fullmatch(text.replace(" ", "")):
        x1, y1, x2, y2 = corners.groups()
        return "" if "0" in (x2, y2) else f"[{x1}:{x2},{y1}:{y2}]"
    return "" if text.upper().replace(" ", "") in _NONE else text


def _text(image: Image, keys: tuple[str, ...], name: str) -> str:
    keyword = next((key + name for key in keys if _said(image.header, key + name)), "")
    if not keyword:
        wanted = ", ".join(key + name for key in keys)
        raise HeaderError(
            f"{image.name}: an overscan of amplifier {name} without its data section ({wanted}); "
            "give amplifiers by hand (--amplifier), or leave sections alone (--no-overscan)"
        )
    return _read(image, keyword)


def _read(image: Image, keyword: str) -> str:
    text = _said(image.header, keyword)
    try:
        return str(Section.of(text, image.shape)) if text else ""
    except ValueError as error:
        raise HeaderError(
            f"{image.name}: {keyword} = {text!r}; expected a section such as [1:2048,1:350], columns first; or give "
            "amplifiers by hand (--amplifier), or leave sections alone (--no-overscan)"
        ) from error


def _inside(image: Image, keyword: str) -> str:
    text = _read(image, keyword)
    if text and _is_window(image, keyword, Section.of(text, image.shape)):
        return ""
    if text and not Section.of(text, image.shape).fits(image.shape):
        _left_over(image, f"{keyword} = {text}", Section.of(text, image.shape))
        return ""
    return text


def _is_window(image: Image, keyword: str, section: Section) -> bool:
    """Tell whether Calar Alto's section is all of the frame, counted from the corner of the detector."""
    (columns, rows), (height, width) = binning(image.header) or (1, 1), section.shape
    corners = _CORNERS.fullmatch(str(image.header.get(keyword)).replace(" ", "").strip())
    return bool(corners) and image.shape in ((height, width), (height // rows, width // columns))


def _all_inside(image: Image, amplifiers: list[Amplifier]) -> bool:
    for text in (text for amplifier in amplifiers for text in (amplifier.data, amplifier.overscan)):
        if text and not Section.of(text, image.shape).fits(image.shape):
            _left_over(image, f"the amplifier section {text}", Section.of(text, image.shape))
            return False
    return True


def _left_over(image: Image, what: str, section: Section | None = None) -> None:
    height, width = image.shape
    reaches = f"{what} reaches beyond its {height} rows × {width} columns"
    binned = section and section.binned(binning(image.header) or (1, 1))
    advise(
        f"{reaches}; it seems to count unbinned pixels, and would be {binned} in those of the frame; left out"
        if binned and binned.fits(image.shape)
        else f"{reaches}; taken for a card of the frame before it was trimmed, and left out",
        of=image,
        mend="where it is not, give the sections: subtract_overscan(amplifiers=...)",
        at_command="where it is not, give the sections: --amplifier",
    )


def _eso(image: Image) -> tuple[Amplifier, ...]:
    """Read ESO's ports: each at a corner, its prescan outermost, then its data, then its overscan.

    Source: ESO Data Interface Control Document, HIERARCH ESO DET OUTi X, Y, NX, NY, PRSCX, OVSCX, PRSCY, OVSCY.
    """
    ports: list[dict[str, Any]] = []
    while f"ESO DET OUT{len(ports) + 1} NX" in image.header:
        key = f"ESO DET OUT{len(ports) + 1}"
        ports.append({name: image.header.get(f"{key} {name}", 0) for name in _PORT})
    if any(not isinstance(value, int) or value < 0 for port in ports for value in port.values()):
        raise HeaderError(
            f"{image.name}: ESO DET OUT: expected whole numbers from 0; give amplifiers by hand (--amplifier)"
        )
    columns = [_port_axis(port, ports, "X", image.shape[1]) for port in ports]
    rows = [_port_axis(port, ports, "Y", image.shape[0]) for port in ports]
    found = [(x, y) for x, y in zip(columns, rows, strict=True) if x and y]
    if len(found) < len(ports):
        _left_over(image, "what ESO DET OUT says")
        return ()
    return tuple(
        Amplifier(f"[{x[0]},{y[0]}]", f"[{x[1]},{y[0]}]" if x[1] else "", name=str(number))
        for number, (x, y) in enumerate(found, start=1)
    )


def _port_axis(port: dict[str, int], ports: list[dict[str, int]], axis: str, size: int) -> tuple[str, str] | None:
    """Give one axis of a port's data and overscan, or else its prescan; None where the ports do not fill the frame."""
    pre, data, over = port[f"PRSC{axis}"], port[f"N{axis}"], port[f"OVSC{axis}"]
    lengths = {p[axis]: p[f"PRSC{axis}"] + p[f"N{axis}"] + p[f"OVSC{axis}"] for p in ports}
    if sum(lengths.values()) != size or data < 1:
        return None
    after = (pre + data + 1, pre + data + over) if over else (1, pre)
    spans = [(pre + 1, pre + data), after]
    if port[axis] != min(lengths):  # read out from the far end
        spans = [(size + 1 - b, size + 1 - a) for a, b in spans]
    texts = [f"{a}:{b}" if a <= b else "" for a, b in spans]
    return texts[0], texts[1]
