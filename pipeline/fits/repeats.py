"""Edge: frames that a list names more than once."""

from __future__ import annotations

from collections.abc import Sequence

from toolz import groupby, unique

from pipeline.compose.running import advise
from pipeline.errors import AssumptionWarning
from pipeline.fits.frame_source import FitsSource
from pipeline.records.frames import Image

TAKEN_OUT = ("bias", "dark")
"""Kinds that are taken out of others: a frame that is taken out of itself leaves nothing."""


def without_repeats(frames: Sequence[Image], lines: Sequence[int | None]) -> tuple[list[Image], list[str]]:
    """Give opened frames without those that repeat another of their kind, and the problems with the others.

    A file is known by its size, time and inode, so that links and other ways of writing its path do not hide it.
    The same frame counts once in its kind, and this is said: twice it would pass for two with independent noise.
    A bias or dark that is also another kind is a problem; a flat, light or arc that is, is said.

    :param lines: where in the list each frame stands.
    """
    kept, problems = [], []
    groups = groupby(lambda place: _identity(frames[place]) or place, range(len(frames)))
    for places in groups.values():
        some = [frames[place] for place in places]
        kinds = list(unique(frame.kind for frame in some))
        kept += [places[[frame.kind for frame in some].index(kind)] for kind in kinds]
        if len(kinds) > 1 and set(kinds) & set(TAKEN_OUT):
            problems.append(
                f"line {lines[places[-1]]}: {some[-1].name}: listed as {' and as '.join(kinds)} (line "
                f"{', '.join(str(lines[place]) for place in places[:-1])}); taken out of itself it leaves nothing: "
                "list it once"
            )
        elif len(some) > 1:
            once = "; counts once for each" if len(kinds) > 1 else "; counts once"
            advise(f"{some[0].name}: listed {len(some)} times, as {' and '.join(kinds)}{once}", AssumptionWarning)
    return [frames[place] for place in sorted(kept)], problems


def _identity(frame: Image) -> tuple[tuple[int, int, int], int | str, int | None] | None:
    source = frame.data
    return (source.values.signature, source.values.hdu, source.values.plane) if isinstance(source, FitsSource) else None
