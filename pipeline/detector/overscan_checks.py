"""Whether a frame's overscan is what its header says: still there, left unused, or where light falls.

Each check looks at an image and where its amplifiers lie, and gives notes; it changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import attrs
import numpy as np
from toolz import groupby

from pipeline.checks.done_before import contradicted
from pipeline.detector.amplifiers import Amplifier, Readout
from pipeline.detector.section import Section
from pipeline.errors import HeaderWarning
from pipeline.records.arrays import FloatArray
from pipeline.records.frames import Image
from pipeline.records.note import Note
from pipeline.statistics.robust import MAD_TO_SIGMA

STILL_THERE = 10.0
"""Overscan columns whose level is out lie within so many ADU, and so many σ, of 0."""

BIAS_STILL_THERE = 100.0
"""A bias frame whose overscan is out lies within so many ADU of 0: its pattern is what is left."""

ROWS_LOOKED_AT = 64

UNLIT_VARIANCE = 0.4
"""Columns without light have less than this part of the variance of lit ones, if those hold light to speak of."""

FLAT_SCATTER = 1.5
"""Columns without light scatter about one level by less than so many times the noise between neighbours."""


def overscan_still_there(image: Image, readouts: Sequence[Readout]) -> list[Note]:
    """Find levels in an image whose header says that its overscan is out."""
    places = [(r.overscan, STILL_THERE) for r in readouts if r.overscan and not r.overscan.overlaps(r.data)]
    if image.kind == "bias" and not places:
        places = [(Section.of("[*,*]", image.shape), BIAS_STILL_THERE)]
    for section, least in places:
        values = _looked_at(image, section)
        level, sigma = _level(values)
        if abs(level) > STILL_THERE * sigma and abs(level) > least:
            what = "bias" if least == BIAS_STILL_THERE else f"overscan {section}"
            return [
                contradicted(
                    image,
                    "overscan",
                    f"its {what} still has a level of about {level:.3g}",
                    fact=f"{what} still has a level",
                    level=level,
                )
            ]
    return []


def overscan_on_data(image: Image, readouts: Sequence[Readout]) -> list[Note]:
    """Find overscans that a header puts where it says the data are: what is taken out there is light."""
    said = any(key in image.header for key in ("DATASEC", "TRIMSEC"))
    return [
        Note(
            f"the overscan {readout.overscan} lies on the data {readout.data}: what light falls there is taken out",
            HeaderWarning,
            frames=(image.name,),
            mend=f"give both: subtract_overscan(amplifiers=(Amplifier('{readout.data}', '[first:last,*]'),))",
            at_command=f"give both: --amplifier '{readout.data}' '[first:last,*]', or leave it in: --no-overscan",
        )
        for readout in readouts
        if readout.overscan and readout.overscan.overlaps(readout.data) and (said or readout.data.shape != image.shape)
    ]


def unused_overscan(image: Image, readouts: Sequence[Readout]) -> list[Note]:
    """Find columns or rows beside the data that hold no light and that no card says are overscan.

    Only of a frame that holds light: its noise tells which columns do.  (ny, nx) pixels are looked at in the middle.
    """
    if image.kind not in ("light", "flat", "arc") or not readouts or any(readout.overscan for readout in readouts):
        return []
    if len(readouts) > 1:
        return _unused_by_several(image, readouts)
    data = readouts[0].data
    lit = _looked_at(image, data)
    for margin in sorted(_margins(data, image.shape), key=lambda section: -math.prod(section.shape)):
        dark = _looked_at(image, margin)
        if min(dark.shape) < 2 or not _is_unlit(dark, lit):
            continue
        across = margin.shape[0] == data.shape[0]
        count, what = (margin.shape[1], "columns") if across else (margin.shape[0], "rows")
        proposed = _proposed(data, margin, dark) if across else [Amplifier(str(data), str(margin))]
        return [_unused(image, f"{count} {what}, {margin}", [data], proposed, (what, count))]
    return []


def _unused_by_several(image: Image, readouts: Sequence[Readout]) -> list[Note]:
    """Find columns without light outside the data of several amplifiers: one strip for each, or one for all."""
    proposed, strips = list[Amplifier](), dict[Section, None]()
    for _, beside in sorted(groupby(lambda readout: (readout.data.y1, readout.data.y2), readouts).items()):
        data = sorted((readout.data for readout in beside), key=lambda section: section.x1)
        edges = [0, *(edge for one in data for edge in (one.x1, one.x2)), image.shape[1]]
        gaps = [Section(*gap, data[0].y1, data[0].y2) for gap in zip(edges[::2], edges[1::2], strict=True)]
        gaps = [gap for gap in gaps if gap.shape[1] > 1]
        if len(gaps) == len(data):
            shares = gaps
        elif len(gaps) == 1 and gaps[0].shape[1] % len(data) == 0:
            shares = _shares(gaps[0], len(data))
        else:
            shares = [max(gaps, key=lambda gap: gap.shape[1])] * len(data) if gaps else []
        for one, share in zip(data, shares, strict=False):
            if min(share.shape) < 2 or not _is_unlit(_looked_at(image, share), _looked_at(image, one)):
                return []
            proposed.append(Amplifier(str(one), str(share)))
        strips |= dict.fromkeys(gaps)
    if len(proposed) < len(readouts):
        return []
    count = sum(strip.x2 - strip.x1 for strip in {attrs.evolve(strip, y1=0, y2=1) for strip in strips})
    what = f"{count} columns, {', '.join(map(str, strips))}"
    return [_unused(image, what, [readout.data for readout in readouts], proposed, ("columns", count))]


def _shares(strip: Section, number: int) -> list[Section]:
    """Cut a strip into so many of one width, side by side."""
    width = (strip.x2 - strip.x1) // number
    return [attrs.evolve(strip, x1=strip.x1 + n * width, x2=strip.x1 + (n + 1) * width) for n in range(number)]


def _unused(
    image: Image, strips: str, data: Sequence[Section], proposed: Sequence[Amplifier], size: tuple[str, int]
) -> Note:
    as_data = " ".join(f"--amplifier '{one}' ''" for one in data)
    return Note(
        f"{strips}, lie outside its data {', '.join(map(str, data))} and look like overscan, though no card says "
        "so: they are cut away unused, and what the level drifts by stays in",
        HeaderWarning,
        frames=(image.name,),
        mend=f"use them: {_in_python(proposed)}",
        at_command="use them: "
        + " ".join(f"--amplifier '{one.data}' '{one.overscan}'" for one in proposed)
        + f"; or not: {as_data}",
        figures=(size,),
        fact=f"overscan {strips} unused",
    )


def untold_overscan(image: Image) -> list[Note]:
    """Find columns at an edge that hold no light, of a frame whose header tells of an overscan and not where it is."""
    told = str(image.header.get("BIASSEC", "")).strip()
    if not told or image.kind not in ("light", "flat", "arc"):
        return []
    values = _looked_at(image, Section.of("[*,*]", image.shape))
    width = values.shape[1]
    for section in (Section(width - _edge(values[:, ::-1]), width, 0, image.shape[0]),
                    Section(0, _edge(values), 0, image.shape[0])):  # fmt: skip
        data = Section(0, section.x1, 0, section.y2) if section.x1 else Section(section.x2, width, 0, section.y2)
        if section.x1 >= section.x2 or not _is_unlit(values[:, section.x1 : section.x2], values[:, data.x1 : data.x2]):
            continue
        count = section.shape[1]
        return [
            Note(
                f"BIASSEC = {told} tells of an overscan and not where it lies; {count} columns, {section}, hold no "
                "light and look like it: they are left in",
                HeaderWarning,
                frames=(image.name,),
                mend=f"use them: {_in_python([Amplifier(str(data), str(section))])}",
                at_command=f"use them: --amplifier '{data}' '{section}'; or not: --no-overscan",
                figures=(("columns", count),),
                fact=f"overscan {section} untold",
            )
        ]
    return []


def _edge(values: FloatArray) -> int:
    """Count the columns from the left that have one level; 0 where they are fewer than 4, or a quarter of all."""
    columns = np.nanmedian(values[:, : values.shape[1] // 4], axis=0)
    if columns.size < 4 or not np.isfinite(columns).all():
        return 0
    error = 1.25 * _noise(values[:, :4]) / math.sqrt(len(values))
    other = np.abs(columns - np.median(columns[:4])) > 5 * error + 0.5
    count = int(np.argmax(other)) if other.any() else 0
    return count if count >= 4 else 0


def _margins(data: Section, shape: tuple[int, int]) -> Iterator[Section]:
    height, width = shape
    sides = [(data.x2, width), (0, data.x1)]
    yield from (Section(x1, x2, data.y1, data.y2) for x1, x2 in sides if x2 - x1 > 1)
    sides = [(data.y2, height), (0, data.y1)]
    yield from (Section(data.x1, data.x2, y1, y2) for y1, y2 in sides if y2 - y1 > 1)


def _looked_at(image: Image, section: Section) -> FloatArray:
    """Give the good values of some rows in the middle of a section, (rows, columns) float64, NaN where bad."""
    first = max(section.y1, (section.y1 + section.y2 - ROWS_LOOKED_AT) // 2)
    pixels = image.source.rows(first, min(first + ROWS_LOOKED_AT, section.y2))
    values = np.where(pixels.mask, np.nan, pixels.values.astype(np.float64))
    return values[:, section.x1 : section.x2]


def _level(values: FloatArray) -> tuple[float, float]:
    """Give median and scatter of what is good; NaN where nothing is."""
    good = values[np.isfinite(values)]
    if not good.size:
        return math.nan, math.nan
    level = float(np.median(good))
    return level, max(MAD_TO_SIGMA * float(np.median(np.abs(good - level))), 1 / math.sqrt(12))


def _noise(values: FloatArray) -> float:
    """Give the noise of values by what neighbours along the columns differ by."""
    return _level(np.diff(values, axis=0 if len(values) > 1 else 1))[1] / math.sqrt(2)


def _is_unlit(dark: FloatArray, lit: FloatArray) -> bool:
    """Tell whether values lie about one level, or two side by side, and below lit ones by more than noise."""
    noise = _noise(dark)
    flat = all(_level(half)[1] < FLAT_SCATTER * noise for half in np.array_split(dark, 2, axis=1))
    return flat and noise**2 < UNLIT_VARIANCE * _noise(lit) ** 2 and _level(dark)[0] + 3 * noise < _level(lit)[0]


def _proposed(data: Section, margin: Section, values: FloatArray) -> list[Amplifier]:
    """Give the amplifier that would use a margin, or two, side by side, where it holds two levels."""
    middle = values.shape[1] // 2
    (left, noise), (right, _) = _level(values[:, :middle]), _level(values[:, -middle:])
    if values.shape[1] % 2 or (data.x2 - data.x1) % 2 or not abs(left - right) > noise / 2:
        return [Amplifier(str(data), str(margin))]
    halves = zip(_shares(data, 2), _shares(margin, 2), strict=True)
    return [Amplifier(str(one), str(other)) for one, other in halves]


def _in_python(amplifiers: Sequence[Amplifier]) -> str:
    listed = "".join(f"Amplifier({one.data!r}, {one.overscan!r}), " for one in amplifiers)
    return f"subtract_overscan(amplifiers=({listed.strip()}))"
