"""The data of a frame's amplifiers, put side by side where the overscan between them has gone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import attrs
import numpy as np
from astropy.io import fits

from pipeline.compose.telling import advise
from pipeline.detector.amplifiers import HDUS_PILED, Readout
from pipeline.detector.detsec import check_apart
from pipeline.detector.section import Section
from pipeline.errors import CalibrationError
from pipeline.headers.cards import Cards
from pipeline.headers.colour_mosaic import mosaic_moved
from pipeline.headers.wcs import cropped, mirrored
from pipeline.records.arrays import Array, sealed
from pipeline.records.frames import Image
from pipeline.records.pixels import Flag, Pixels

_SECTION = re.compile(
    r"(BIAS|DATA|TRIM|CCD|DET|AMP|PRE|POST)SEC([A-Z]|\d{0,2})|[ABCDPT]SEC([A-Z]|\d{1,4})|PILED|[AD]TV[12]|[AD]TM[12]_[12]"
)
_PORT = re.compile(r"ESO DET OUT\d+ (PRSC|OVSC)[XY]")


@attrs.frozen
class Piece:
    """A section of a frame and where it goes; ``backwards`` along x and along y where it is turned round."""

    taken: Section
    goes: Section
    backwards: tuple[bool, bool] = (False, False)
    name: str = ""

    @property
    def motion(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """How x and y, counted from 1, become coordinates of the image: (sign, offset), sign·x + offset."""
        (left, down), taken, goes = self.backwards, self.taken, self.goes
        along_x = (-1, goes.x2 + taken.x1 + 1) if left else (1, goes.x1 - taken.x1)
        return along_x, ((-1, goes.y2 + taken.y1 + 1) if down else (1, goes.y1 - taken.y1))


@attrs.frozen
class Mosaic:
    """Sections of a frame and where each of them goes in an image of ``shape``."""

    pieces: tuple[Piece, ...]
    shape: tuple[int, int]

    @classmethod
    def of(cls, readouts: Sequence[Readout], name: str) -> Mosaic:
        """Put data in their places; where they have none, close the gaps between sections in rows and columns.

        :param name: what to call the frame.
        :raises CalibrationError: the sections overlap, do not fit their places, or without places do not fill a
            rectangle.
        """
        if readouts and all(readout.place for readout in readouts):
            return cls._placed(readouts, name)
        sections = [readout.data for readout in readouts]
        across = _closed({(section.x1, section.x2) for section in sections})
        upward = _closed({(section.y1, section.y2) for section in sections})
        whole = len(set(sections)) == len(sections) == len(across) * len(upward)
        if not whole or any(a.overlaps(b) for a in sections for b in sections if a is not b):
            listed = ", ".join(map(str, sections))
            raise CalibrationError(f"{name}: the amplifiers' data, {listed}, overlap or do not fill a rectangle")
        goes = (Section(*across[section.x1, section.x2], *upward[section.y1, section.y2]) for section in sections)
        size = max(end for _, end in upward.values()), max(end for _, end in across.values())
        names = _names(readouts)
        return cls(
            tuple(Piece(taken, place, name=name) for taken, place, name in zip(sections, goes, names, strict=True)),
            size,
        )

    @classmethod
    def _placed(cls, readouts: Sequence[Readout], name: str) -> Mosaic:
        places = [readout.place for readout in readouts if readout.place]
        for readout, place in zip(readouts, places, strict=True):
            if readout.data.shape != place.section.shape:
                raise CalibrationError(f"{name}: the data {readout.data} do not fit their place {place}")
        check_apart(places, name)
        pieces = (
            Piece(readout.data, place.section, place.backwards, called)
            for readout, place, called in zip(readouts, places, _names(readouts), strict=True)
        )
        return cls(tuple(pieces), (max(p.section.y2 for p in places), max(p.section.x2 for p in places)))

    @property
    def one_window(self) -> bool:
        """Whether the image is one section of the frame, as it lies."""
        return len(self.pieces) == 1 and not any(self.pieces[0].backwards) and self.pieces[0].goes.shape == self.shape

    def cut(self, pixels: Pixels) -> Pixels:
        """Keep the pieces, and put them where they go; what no amplifier has read is NaN, and flagged so."""
        if self.one_window:
            return pixels.cut(*self.pieces[0].taken.window)
        joined = pixels.moved(self._joined)
        gaps = np.ones(self.shape, bool)
        for piece in self.pieces:
            gaps[piece.goes.window] = False
        if not gaps.any():
            return joined
        none = joined.values.dtype.type(np.nan)
        variance = joined.variance
        return attrs.evolve(
            joined.flagged(gaps, Flag.NONFINITE),
            values=sealed(np.where(gaps, none, joined.values)),
            variance=None if variance is None else sealed(np.where(gaps, variance.dtype.type(np.nan), variance)),
        )

    def _joined(self, plane: Array) -> Array:
        joined = np.zeros(self.shape, plane.dtype)
        for piece in self.pieces:
            left, down = (slice(None, None, -1 if back else 1) for back in piece.backwards)
            joined[piece.goes.window] = plane[piece.taken.window][down, left]
        return joined


def _names(readouts: Sequence[Readout]) -> list[str]:
    return [readout.name or str(number) for number, readout in enumerate(readouts, start=1)]


def _closed(spans: set[tuple[int, int]]) -> dict[tuple[int, int], tuple[int, int]]:
    """Give each span its place when the gaps between them are closed."""
    placed, end = {}, 0
    for start, stop in sorted(spans):
        placed[start, stop] = (end, end + stop - start)
        end += stop - start
    return placed


def trimmed_cards(image: Image, mosaic: Mosaic) -> Cards:
    """Give the cards of a frame cut to a mosaic: the WCS follows, and sections that no longer hold are gone.

    Where gaps between amplifiers close, one WCS cannot have been right for all of them: it stays right for the
    amplifier that holds its reference pixel, or else the first, and that is said.
    """
    piece = mosaic.pieces[_reference(image.header, mosaic)]
    apart = len({one.motion for one in mosaic.pieces}) > 1
    if apart and HDUS_PILED not in image.header and any(key in image.header for key in ("CRPIX1", "CTYPE1", "CD1_1")):
        advise(
            f"columns or rows between the amplifiers' data are gone; the WCS is that of the amplifier at {piece.taken}",
            of=image,
        )
    header = without_sections(image.header).to_header()
    header.update(_on_the_detector(image, mosaic))
    for one in mosaic.pieces if len(mosaic.pieces) > 1 else ():
        read = (
            image.header.comment(f"DSEC{one.name}") if HDUS_PILED in image.header else f"that amplifier {one.name} read"
        )
        header[f"DSEC{one.name}"] = (str(one.goes), read)
    return moved_cards(Cards.of(header), piece)


def moved_cards(cards: Cards, piece: Piece) -> Cards:
    """Give the cards of an image in which a piece of the frame has gone where it goes."""
    (sign_x, x), (sign_y, y) = piece.motion
    cards = mosaic_moved(cards, x=(sign_x, x), y=(sign_y, y))
    for axis, sign, about in ((1, sign_x, x), (2, sign_y, y)):
        cards = mirrored(cards, axis=axis, about=about) if sign < 0 else cards
    return cropped(cards, x=-x if sign_x > 0 else 0, y=-y if sign_y > 0 else 0)


def _reference(cards: Cards, mosaic: Mosaic) -> int:
    """Give the number of the piece that holds the reference pixel; else 0, from which a pile has its header."""
    if HDUS_PILED in cards:
        return 0
    x, y = cards.get("CRPIX1"), cards.get("CRPIX2")
    if not isinstance(x, int | float) or not isinstance(y, int | float):
        return 0
    holds = (s.x1 < x + 0.5 <= s.x2 + 1 and s.y1 < y + 0.5 <= s.y2 + 1 for s in (p.taken for p in mosaic.pieces))
    return next((number for number, inside in enumerate(holds) if inside), 0)


def without_sections(cards: Cards) -> Cards:
    """Leave out the cards that count pixels of a frame that is no longer there."""
    header = cards.to_header()
    for keyword in {key for key in header if _SECTION.fullmatch(key) or _PORT.fullmatch(key)}:
        header.remove(keyword, remove_all=True)
    return Cards.of(header)


def _on_the_detector(image: Image, mosaic: Mosaic) -> fits.Header:
    """Give CCDSEC and DETSEC of what is kept of the one data section that they are for, where that can be told."""
    kept = fits.Header()
    if HDUS_PILED in image.header and (whole := _section(image, "DETSEC")):
        kept["DETSEC"] = (str(whole), "of all amplifiers")
    said = {key: _section(image, key) for key in ("DATASEC", "CCDSEC", "DETSEC")}
    data = said["DATASEC"]
    if mosaic.one_window and data and data.fits(image.shape):
        for keyword in ("CCDSEC", "DETSEC"):
            where = said[keyword]
            moved = where and _scaled(mosaic.pieces[0].taken, data, where)
            if moved:
                kept[keyword] = (str(moved), image.header.to_header().comments[keyword])
    return kept


def _section(image: Image, keyword: str) -> Section | None:
    try:
        return Section.of(str(image.header.get(keyword, "")), image.shape)
    except ValueError:
        return None


def _scaled(part: Section, data: Section, where: Section) -> Section | None:
    """Give the part of ``where`` that a part of the data lies on; None unless binning is by whole numbers."""
    spans = list(_spans(part, data, where))
    return None if None in spans else Section(*(end for span in spans if span for end in span))


def _spans(part: Section, data: Section, where: Section) -> Iterator[tuple[int, int] | None]:
    axes = (
        ((part.x1, part.x2), (data.x1, data.x2), (where.x1, where.x2)),
        ((part.y1, part.y2), (data.y1, data.y2), (where.y1, where.y2)),
    )
    for (a, b), (first, last), (start, stop) in axes:
        binning, rest = divmod(stop - start, last - first)
        inside = first <= a and b <= last and rest == 0
        yield (start + (a - first) * binning, start + (b - first) * binning) if inside else None
