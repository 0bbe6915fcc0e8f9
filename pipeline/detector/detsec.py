"""Where on its detector each amplifier's data lie: DETSEC, made places in one image.

DETSEC counts unbinned pixels of the detector, and runs backwards along an axis along which the data were stored the
other way round (NOAO Mosaic Data Capture Agent, Valdes & Tody 1998).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import attrs

from pipeline.detector.section import Section
from pipeline.errors import CalibrationError

_SPAN = re.compile(r"\s*\[\s*(\d+)\s*:\s*(\d+)\s*,\s*(\d+)\s*:\s*(\d+)\s*\]\s*")

SPARSE = 8
"""An image with more than so many times the pixels that its amplifiers read is mostly gaps."""


@attrs.frozen
class Place:
    """Where data go in an image, and whether they are turned round on their way, along x and along y."""

    section: Section
    backwards: tuple[bool, bool] = (False, False)

    @classmethod
    def of(cls, text: str) -> Place:
        """Read a place such as ``[1024:1,1:2048]``, which runs backwards along x.

        :raises ValueError: the text is no section.
        """
        found = _SPAN.fullmatch(text)
        if not found or "0" in found.groups():
            raise ValueError(text)
        a, b, c, d = map(int, found.groups())
        section = Section(min(a, b) - 1, max(a, b), min(c, d) - 1, max(c, d))
        return cls(section, (a > b, c > d))

    def __str__(self) -> str:
        s = self.section
        x, y = ((s.x1 + 1, s.x2), (s.y1 + 1, s.y2))
        (a, b), (c, d) = (pair[::-1] if back else pair for pair, back in zip((x, y), self.backwards, strict=True))
        return f"[{a}:{b},{c}:{d}]"


@attrs.frozen
class DetectorLayout:
    """The part of a detector that amplifiers read: their places in one image of it, its size, and its DETSEC."""

    places: tuple[Place, ...]
    shape: tuple[int, int]
    section: str


def layout_by_detsec(
    sections: Sequence[str], shapes: Sequence[tuple[int, int]], binning: tuple[int, int] | None, name: str
) -> DetectorLayout:
    """Place data of some shapes by the DETSEC of each, in an image that begins where the first of them does.

    :param binning: along x and y; None: as the sizes say.
    :param name: what to call the frame.
    :raises CalibrationError: a text is no section, a size does not fit its data, places overlap, or gaps are most of
        the image.
    """
    on_detector = [_read(text, name) for text in sections]
    x1, y1 = min(p.section.x1 for p in on_detector), min(p.section.y1 for p in on_detector)
    x2, y2 = max(p.section.x2 for p in on_detector), max(p.section.y2 for p in on_detector)
    steps = binning or _binning(on_detector[0].section.shape, shapes[0])
    places = tuple(
        attrs.evolve(place, section=_binned(place.section.moved(x1, y1), steps, shape, f"{name}: DETSEC = {text}"))
        for place, text, shape in zip(on_detector, sections, shapes, strict=True)
    )
    check_apart(places, name)
    height, width = max(p.section.y2 for p in places), max(p.section.x2 for p in places)
    if height * width > SPARSE * sum(rows * columns for rows, columns in shapes):
        raise CalibrationError(
            f"{name}: DETSEC puts {len(places)} amplifiers into {height} rows × {width} columns, most of them gaps; "
            "choose the HDUs of one detector, by a pattern of their names"
        )
    return DetectorLayout(places, (height, width), f"[{x1 + 1}:{x2},{y1 + 1}:{y2}]")


def check_apart(places: Sequence[Place], name: str) -> None:
    """Refuse places that overlap.

    :raises CalibrationError: two do.
    """
    for number, place in enumerate(places):
        other = next((one for one in places[:number] if one.section.overlaps(place.section)), None)
        if other:
            raise CalibrationError(
                f"{name}: amplifiers {places.index(other) + 1} and {number + 1} would lie on each other, at {other} "
                f"and {place}; are they of different detectors?"
            )


def _read(text: str, name: str) -> Place:
    try:
        return Place.of(text)
    except ValueError as error:
        raise CalibrationError(
            f"{name}: DETSEC = {text!r}; expected a section such as [1:1024,1:2048], backwards where data are stored so"
        ) from error


def _binning(unbinned: tuple[int, int], shape: tuple[int, int]) -> tuple[int, int]:
    return max(round(unbinned[1] / shape[1]), 1), max(round(unbinned[0] / shape[0]), 1)


def _binned(section: Section, steps: tuple[int, int], shape: tuple[int, int], what: str) -> Section:
    """Give a section of the detector in binned pixels, of the size of its data; a rest of unbinned pixels is lost."""
    for step, unbinned, size in zip(steps[::-1], section.shape, shape, strict=True):
        if not unbinned // step <= size <= -(-unbinned // step):
            raise CalibrationError(
                f"{what}, binned by {steps[0]} and {steps[1]}, does not fit its data of {shape[0]} rows × {shape[1]} "
                "columns"
            )
    x, y = section.x1 // steps[0], section.y1 // steps[1]
    return Section(x, x + shape[1], y, y + shape[0])
