"""Sections: rectangles of a frame, as headers and people write them, ``[x1:x2,y1:y2]``."""

from __future__ import annotations

import re
from collections.abc import Callable

import attrs

from pipeline.headers import keywords
from pipeline.headers.cards import Cards

_AXIS = r"\s*(?:(\d+)\s*:\s*(\d+)|[*:])\s*"
_TEXT = re.compile(rf"\s*\[{_AXIS},{_AXIS}\]\s*")


@attrs.frozen
class Section:
    """A rectangle: columns from ``x1`` to before ``x2``, rows from ``y1`` to before ``y2``, counted from 0."""

    x1: int
    x2: int
    y1: int
    y2: int

    @classmethod
    def of(cls, text: str, shape: tuple[int, int]) -> Section:
        """Read a section such as ``[1:2048,1:350]``, columns first, counted from 1.

        ``*``, or ``:`` alone as ccdproc has it, is a whole axis of the frame.

        >>> Section.of("[2049:2080,*]", (350, 2112))
        Section(x1=2048, x2=2080, y1=0, y2=350)

        :raises ValueError: the text is no section.
        """
        found = _TEXT.fullmatch(text)
        if not found:
            raise ValueError(text)
        x1, x2, y1, y2 = (None if number is None else int(number) for number in found.groups())
        section = cls((x1 or 1) - 1, x2 or shape[1], (y1 or 1) - 1, y2 or shape[0])
        if 0 in (x1, x2, y1, y2) or section.x1 >= section.x2 or section.y1 >= section.y2:
            raise ValueError(text)
        return section

    def __str__(self) -> str:
        return f"[{self.x1 + 1}:{self.x2},{self.y1 + 1}:{self.y2}]"

    @property
    def window(self) -> tuple[slice, slice]:
        """(rows, columns), to index an array with."""
        return slice(self.y1, self.y2), slice(self.x1, self.x2)

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx)."""
        return self.y2 - self.y1, self.x2 - self.x1

    def fits(self, shape: tuple[int, int]) -> bool:
        """Tell whether the section lies within a frame."""
        return self.y2 <= shape[0] and self.x2 <= shape[1]

    def moved(self, x: int, y: int) -> Section:
        """Give the section ``x`` columns and ``y`` rows further left and down."""
        return Section(self.x1 - x, self.x2 - x, self.y1 - y, self.y2 - y)

    def binned(self, by: tuple[int, int]) -> Section:
        """Give the section in pixels binned by so many along x and y, where it counts unbinned ones; a rest is lost."""
        x1, y1 = self.x1 // by[0], self.y1 // by[1]
        return Section(x1, max(self.x2 // by[0], x1 + 1), y1, max(self.y2 // by[1], y1 + 1))

    def overlaps(self, other: Section) -> bool:
        """Tell whether two sections share a pixel."""
        return self.x1 < other.x2 and other.x1 < self.x2 and self.y1 < other.y2 and other.y1 < self.y2


def window_within(part: Cards, shape: tuple[int, int], whole: Cards, larger: tuple[int, int]) -> Section | None:
    """Give where in a larger frame a part of the detector lies; None where headers do not tell that of both alike.

    :param shape: of the part, (ny, nx), with the cards ``part``.
    :param larger: of the larger frame, with the cards ``whole``.
    """
    if keywords.binning(part) != keywords.binning(whole):
        return None
    for said in (_subframe, *(_section_said(keyword) for keyword in ("CCDSEC", "DETSEC", "ROISEC"))):
        inner, outer = said(part, shape), said(whole, larger)
        if inner and outer:
            section = inner.moved(outer.x1, outer.y1)
            return section if section.x1 >= 0 and section.y1 >= 0 and section.fits(larger) else None
    return None


def _subframe(cards: Cards, shape: tuple[int, int]) -> Section | None:
    """Read where a frame begins as cameras' programs write it: in binned pixels, from 0."""
    x, y = cards.get("XORGSUBF"), cards.get("YORGSUBF")
    as_read = (cards.get("NAXIS2", shape[0]), cards.get("NAXIS1", shape[1])) == shape
    if not as_read or not isinstance(x, int) or not isinstance(y, int) or x < 0 or y < 0:
        return None
    return Section(x, x + shape[1], y, y + shape[0])


def _section_said(keyword: str) -> Callable[[Cards, tuple[int, int]], Section | None]:
    """Read a section of unbinned pixels of the detector, where that is just what the frame holds."""

    def read(cards: Cards, shape: tuple[int, int]) -> Section | None:
        by = keywords.binning(cards) or (1, 1)
        try:
            section = Section.of(str(cards.get(keyword)), (0, 0))
        except ValueError:
            return None
        whole = section.x1 % by[0] == 0 and section.y1 % by[1] == 0
        binned = section.binned(by)
        return binned if whole and binned.shape == shape else None

    return read
