"""Edge: quality numbers of a reduction, as a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline.fits.atomic import whole_file
from pipeline.night.quality import Quality, measure_quality, quality_table, rejected_from
from pipeline.records.frames import FrameSet
from pipeline.stages.header import ReducedImage


def quality_of(frames: FrameSet, products: Sequence[ReducedImage]) -> list[Quality]:
    """Measure prepared frames, read one by one, and the products made of them."""
    rejected = rejected_from(products)
    rows = [measure_quality(frame, rejected=rejected.get(frame.name)) for frame in frames]
    return [*rows, *map(measure_quality, products)]


def write_quality(rows: Sequence[Quality], path: Path, *, overwrite: bool = False) -> None:
    """Write quality numbers as CSV, whole or not at all.

    :raises OutputError: the file is there and may not be overwritten, or cannot be written.
    """
    with whole_file(path, overwrite) as temporary:
        quality_table(rows).write(temporary, format="ascii.csv", overwrite=True)
