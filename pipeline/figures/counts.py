"""How many pixels have which value: the counts of a histogram."""

from __future__ import annotations

import numpy as np

from pipeline.figures.colour import Limits, Range
from pipeline.records.pixels import Array

BINS, CHUNK = 256, 1 << 18


def span_of(limits: dict[Limits, Range]) -> Range:
    """Give what the histogram spans: both narrow limits and a little more, within what there is."""
    low = min(limits["zscale"].low, limits["percentile"].low)
    high = max(limits["zscale"].high, limits["percentile"].high)
    margin = (high - low) / 10
    return Range(max(low - margin, limits["minmax"].low), min(high + margin, limits["minmax"].high))


def binned(values: Array, span: Range) -> tuple[Array, int, int]:
    """Count values in equal bins, 2 ∛n and at most 256, and those below and above them.

    Some values at a time, as memory is slow.
    """
    bins = min(BINS, max(8, round(2 * float(np.cbrt(values.size)))))
    counts = np.zeros(bins + 2, np.int64)
    for start in range(0, values.size, CHUNK):
        chunk = values[start : start + CHUNK]
        place = (chunk - span.low) * (bins / (span.high - span.low))
        np.copyto(place, bins - 0.5, where=chunk == span.high)
        counts += np.bincount(np.floor(np.clip(place, -1, bins) + 1).astype(np.intp), minlength=bins + 2)
    return counts[1:-1], int(counts[0]), int(counts[-1])
