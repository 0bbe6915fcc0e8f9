"""Arcs of several lamps and exposures: each combined with its like, and all of them added."""

from __future__ import annotations

from typing import Any

import attrs
from toolz import concat

from pipeline.compose.stage import stage
from pipeline.errors import StepError
from pipeline.records.frames import FrameSet, Image
from pipeline.records.pixels import Pixels
from pipeline.stacking.compatibility import check_alike_reduced, exposures_differ
from pipeline.stacking.result import CombineResult, MeasuredNoise


def lamps(image: Image) -> tuple[Any, ...]:
    """Give what a header says of the lamps that were on: OBJECT, and the cards with LAMP in their keyword.

    Numbers with a fraction are left out: they are currents and positions.
    """
    cards = [(keyword, image.header.get(keyword)) for keyword in image.header if "LAMP" in keyword]
    named = tuple((keyword, value) for keyword, value in cards if not isinstance(value, float))
    return (str(image.header.get("OBJECT", "")).strip(), *named)


def by_lamp(arcs: FrameSet) -> tuple[FrameSet, ...]:
    """Split arcs into those of one lamp and one exposure, in the order in which they are listed."""
    groups: list[list[Image]] = []
    for arc in arcs:
        like = (g for g in groups if lamps(g[0]) == lamps(arc) and not exposures_differ(FrameSet([g[0], arc])))
        home = next(like, None)
        if home is None:
            groups.append([arc])
        else:
            home.append(arc)
    return tuple(map(FrameSet, groups))


@stage
def add_images(frames: FrameSet) -> Image:
    """Add images of one kind, pixel by pixel; so do their exposures.

    Arcs of several lamps become one image with the lines of all.  They are different scenes, so no clip may
    compare them: it would take the lines that only one lamp has for cosmic rays.  A flag in any image stays.

    >>> import numpy as np
    >>> from pipeline import Image, add_images
    >>> arcs = [Image.of(np.array([lines]), kind="arc", exposure=5) for lines in ([9.0, 0.0], [0.0, 7.0])]
    >>> added = add_images(arcs)
    >>> added.values, added.exposure
    (array([[9., 7.]]), 10.0)

    :raises StepError: there are no frames, or frames of different kinds, states or units.
    :raises ShapeError: the frames differ in shape.
    """
    if not frames.frames:
        raise StepError("add_images: there are no frames; give at least one")
    check_alike_reduced(frames)
    first, *others = frames.frames
    total: Pixels = first.pixels
    for other in others:
        total = total.minus(other.pixels, times=-1.0)
    seconds = [frame.exposure for frame in frames if frame.exposure is not None]
    found = _found(frames)
    cards: list[tuple[str, Any, str]] = [
        ("COMBTYPE", "sum", "how frames were combined, those of a lamp by a mean first")
    ]
    if found:
        cards.append(("NREJECT", sum(found.rejected), "number of values left out"))
    return attrs.evolve(
        first,
        data=total,
        exposure=sum(seconds) if seconds else None,
        sources=tuple(concat(frame.sources for frame in frames)),
        history=frames.history,
        added=(*first.added, *cards),
        found=found,
    )


def _found(frames: FrameSet) -> CombineResult | None:
    """Put together what combining found of each image."""
    found = [frame.found for frame in frames if frame.found]
    if len(found) < len(frames):
        return None
    return CombineResult(
        method="sum",
        clip=found[0].clip,
        rejected=tuple(concat(part.rejected for part in found)),
        offsets=tuple(concat(part.offsets for part in found)),
        factors=tuple(concat(part.factors for part in found)),
        measured=MeasuredNoise(),
        level=None,
        exposures=tuple(concat(part.exposures for part in found)),
        begin=min((part.begin for part in found if part.begin), default=None),
        end=max((part.end for part in found if part.end), default=None),
    )
