"""How records show themselves in a notebook: a thumbnail, the steps that they went through, their notes.

The picture takes Pillow, which is imported when one is drawn; without it the words stand alone.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from html import escape
from typing import Any

import numpy as np

from pipeline.errors import PipelineError
from pipeline.records.arrays import Array
from pipeline.records.history import StepRecord
from pipeline.records.note import Note
from pipeline.records.source import Source

SIDE = 256
"""Pixels of a thumbnail along its longer side, at most."""

DARKEST, BRIGHTEST = 1.0, 99.5
"""Percentiles of the values that a thumbnail shows as black and as white."""

MOST_FRAMES = 100
"""Frames that a table of them lists."""


def html_of_image(title: str, source: Source | None, history: Iterable[StepRecord], notes: Iterable[Note]) -> str:
    """Give the HTML of an image: what it is, a thumbnail, each of its steps, each of its notes."""
    steps = "".join(f"<li><code>{escape(str(step))}</code></li>" for step in history)
    said = "".join(f"<li>{escape(str(note))}</li>" for note in notes)
    return "".join(
        [
            f"<div><p><b>{escape(title)}</b></p>",
            "" if source is None else _thumbnail(source),
            f"<p>Steps</p><ol>{steps}</ol>" if steps else "",
            f"<p>Notes</p><ul>{said}</ul>" if said else "",
            "</div>",
        ]
    )


def html_of_frames(title: str, rows: Iterable[tuple[Any, ...]]) -> str:
    """Give the HTML of frames: a table of what each is."""
    every = [f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in row)}</tr>" for row in rows]
    more = f"<p>... and {len(every) - MOST_FRAMES} more</p>" if len(every) > MOST_FRAMES else ""
    return f"<div><p><b>{escape(title)}</b></p><table>{''.join(every[:MOST_FRAMES])}</table>{more}</div>"


def _thumbnail(source: Source) -> str:
    """Give a small picture of pixels, the first row at the bottom; words where there is none to be had."""
    from io import BytesIO

    from PIL import Image as Picture

    try:
        shades = _shades(_sampled(source))
    except PipelineError as error:
        return f"<p>{escape(str(error))}</p>"
    if not shades.size:
        return ""
    file = BytesIO()
    Picture.fromarray(shades[::-1]).save(file, "PNG")
    return f'<img src="data:image/png;base64,{b64encode(file.getvalue()).decode()}" alt="its pixels"/>'


def _sampled(source: Source) -> Array:
    """Give the values of every so many rows and columns: no more is read of an image on disk."""
    height, width = source.shape
    every = max(1, -(-max(height, width) // SIDE))
    rows = [source.rows(row, row + 1).values[:, ::every] for row in range(0, height, every)]
    return np.concatenate(rows) if rows else np.empty((0, 0))


def _shades(values: Array) -> Array:
    """Give values as shades of grey, 0 to 255; what is not finite is black."""
    finite = np.isfinite(values)
    if not finite.any():
        return np.zeros(values.shape, np.uint8)
    low, high = np.percentile(values[finite], [DARKEST, BRIGHTEST]).astype(np.float64)
    shares = (np.where(finite, values, low) - low) / (high - low if high > low else 1.0)
    shades: Array = (255 * np.clip(shares, 0, 1)).astype(np.uint8)
    return shades
