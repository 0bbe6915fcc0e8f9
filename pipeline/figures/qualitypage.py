"""Quality numbers as a table of a page."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Sequence

from pipeline.night.quality import Quality

HEADS = ("type", "image", "exposure", "level", "noise", "gradient x", "gradient y", "saturated", "flagged", "rejected")


def quality_section(rows: Sequence[Quality]) -> list[str]:
    """Give a heading and the table of the quality numbers of frames and products; nothing for none."""
    if not rows:
        return []
    head = "".join(f"<th>{name}</th>" for name in HEADS)
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in _cells(row))}</tr>" for row in rows)
    return [
        "<h2>Quality</h2>",
        "<p>Level: median of the good pixels. Noise: from pixel to pixel along rows. Gradient: right edge less left, "
        "upper less lower. Counts: of pixels, and of values left out when frames were combined.</p>",
        f'<div class="wide"><table class="quality"><tr>{head}</tr>{body}</table></div>',
    ]


def _cells(row: Quality) -> tuple[str, ...]:
    unit = f" {row.unit}" if row.unit else ""
    exposure = "" if row.exposure is None else f"{row.exposure:g} s"
    sizes = (row.level, row.noise, row.gradient_x, row.gradient_y)
    measured = ("" if math.isnan(size) else f"{size:.5g}{unit}" for size in sizes)
    rejected = "" if row.rejected is None else str(row.rejected)
    name = re.split(r"[/\\]", row.name)[-1]
    return row.kind, name, exposure, *measured, str(row.saturated), str(row.flagged), rejected
