"""The data of a frame's amplifiers, put side by side where the overscan between them has gone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import attrs
import numpy as np
from astropy.io import fits

from pipeline.cards import Cards
from pipeline.errors import AssumptionWarning, CalibrationError
from pipeline.frames import Image
from pipeline.pixels import Array, Pixels
from pipeline.running import advise
from pipeline.sections import Section
from pipeline.wcs import shifted

_SECTION = re.compile(r"(BIAS|DATA|TRIM|CCD|DET|AMP|PRE|POST)SEC([A-Z]|\d{0,2})|[ABCDT]SEC\d{1,2}")
_PORT = re.compile(r"ESO DET OUT\d+ (PRSC|OVSC)[XY]")


@attrs.frozen
class Mosaic:
    """Sections of a frame and where each of them goes in an image of ``shape``."""

    pieces: tuple[tuple[Section, Section], ...]
    shape: tuple[int, int]

    @classmethod
    def of(cls, sections: Sequence[Section], name: str) -> Mosaic:
        """Close the gaps between sections that lie in rows and columns; their order on the frame stays.

        :param name: what to call the frame.
        :raises CalibrationError: the sections overlap, or do not fill a rectangle.
        """
        across = _closed({(section.x1, section.x2) for section in sections})
        upward = _closed({(section.y1, section.y2) for section in sections})
        whole = len(set(sections)) == len(sections) == len(across) * len(upward)
        if not whole or any(a.overlaps(b) for a in sections for b in sections if a is not b):
            listed = ", ".join(map(str, sections))
            raise CalibrationError(f"{name}: the amplifiers' data, {listed}, overlap or do not fill a rectangle")
        goes = (Section(*across[section.x1, section.x2], *upward[section.y1, section.y2]) for section in sections)
        size = max(end for _, end in upward.values()), max(end for _, end in across.values())
        return cls(tuple(zip(sections, goes, strict=True)), size)

    def cut(self, pixels: Pixels) -> Pixels:
        """Keep the pieces, and put them where they go."""
        if len(self.pieces) == 1:
            return pixels.cut(*self.pieces[0][0].window)
        return pixels.moved(self._joined)

    def _joined(self, plane: Array) -> Array:
        joined = np.empty(self.shape, plane.dtype)
        for taken, goes in self.pieces:
            joined[goes.window] = plane[taken.window]
        return joined

    @property
    def shifts(self) -> list[tuple[int, int]]:
        """How far each piece moves left and down."""
        return [(taken.x1 - goes.x1, taken.y1 - goes.y1) for taken, goes in self.pieces]


def _closed(spans: set[tuple[int, int]]) -> dict[tuple[int, int], tuple[int, int]]:
    """Give each span its place when the gaps between them are closed."""
    placed, end = {}, 0
    for start, stop in sorted(spans):
        placed[start, stop] = (end, end + stop - start)
        end += stop - start
    return placed


def trimmed(image: Image, mosaic: Mosaic) -> Cards:
    """Give the cards of a frame cut to a mosaic: the WCS follows, and sections that no longer hold are gone.

    Where gaps between amplifiers close, one WCS cannot have been right for all of them: it stays right for the
    amplifier that holds its reference pixel, or else the first, and that is said.
    """
    shifts = mosaic.shifts
    x, y = shifts[_reference(image.header, mosaic)]
    if len(set(shifts)) > 1 and any(keyword in image.header for keyword in ("CRPIX1", "CTYPE1", "CD1_1")):
        advise(
            f"{image.name}: columns or rows between the amplifiers' data are gone; the WCS is that of the amplifier at "
            f"{mosaic.pieces[shifts.index((x, y))][0]}",
            AssumptionWarning,
        )
    header = without_sections(image.header).to_header()
    header.update(_on_the_detector(image, mosaic))
    return shifted(Cards.of(header), x=x, y=y)


def _reference(cards: Cards, mosaic: Mosaic) -> int:
    """Give the number of the piece that holds the reference pixel; else 0."""
    x, y = cards.get("CRPIX1"), cards.get("CRPIX2")
    if not isinstance(x, int | float) or not isinstance(y, int | float):
        return 0
    holds = (s.x1 < x + 0.5 <= s.x2 + 1 and s.y1 < y + 0.5 <= s.y2 + 1 for s, _ in mosaic.pieces)
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
    said = {key: _section(image, key) for key in ("DATASEC", "CCDSEC", "DETSEC")}
    data = said["DATASEC"]
    if len(mosaic.pieces) == 1 and data and data.fits(image.shape):
        for keyword in ("CCDSEC", "DETSEC"):
            where = said[keyword]
            moved = where and _scaled(mosaic.pieces[0][0], data, where)
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
