"""The mean along rows and columns before and after a reduction, as charts of a page."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pipeline.figures.figure import CONFIG
from pipeline.figures.plotly_json import in_html
from pipeline.figures.view import View
from pipeline.records.frames import Image
from pipeline.records.pixels import Array, Pixels

BEFORE, AFTER = "#c2571a", "#21508a"


def before_and_after(raw: Image, view: View, kind: str) -> list[str]:
    """Draw the mean along rows and columns before and after the reduction."""
    before = raw.pixels
    after = Pixels(view.values, view.flags)
    charts = []
    for axis, name in ((0, "column"), (1, "row")):
        lines = [
            _line(f"first raw {kind}", before, axis, BEFORE, "y2"),
            _line("reduced", after, axis, AFTER, "y"),
        ]
        along, units = f"{'xy'[axis]} ({name}, from 0)", (view.unit, raw.state.unit)
        charts.append(_chart(f"profile-{kind}-{name}", lines, along, units))
    return [f"<h3>Before and after</h3>\n<p>Mean of each column, and of each row, of good pixels.</p>{''.join(charts)}"]


def _line(name: str, pixels: Pixels, axis: int, colour: str, on: str) -> dict[str, Any]:
    good = np.isfinite(pixels.values) & ~pixels.mask
    count = good.sum(axis=axis)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(good, pixels.values, 0).sum(axis=axis, dtype=np.float64) / count
    line = {"color": colour, "width": 1.2}
    return {"type": "scatter", "mode": "lines", "name": name, "y": _rounded(mean), "line": line, "yaxis": on}


def _rounded(values: Array) -> Array:
    """Keep six digits: a chart has no dots for more."""
    size = float(np.max(np.abs(values), initial=0, where=np.isfinite(values)))
    return np.round(values, 6 - math.ceil(math.log10(size))) if size > 0 else values


def _chart(key: str, lines: list[dict[str, Any]], along: str, units: tuple[str, str]) -> str:
    axis = {"gridcolor": "#dfe4ea", "zeroline": False, "automargin": True}
    arranged = {
        "height": 260,
        "margin": {"l": 55, "r": 55, "t": 30, "b": 45},
        "font": {"family": "system-ui, sans-serif", "size": 12, "color": "#1c2733"},
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        "xaxis": {**axis, "title": {"text": along}},
        "yaxis": {**axis, "title": {"text": _with("reduced", units[0])}, "color": AFTER},
        "yaxis2": {
            **axis, "title": {"text": _with("raw", units[1])}, "color": BEFORE, "overlaying": "y",
            "side": "right", "showgrid": False, "tickmode": "auto", "nticks": 6
        },
    }  # fmt: skip
    spec = in_html({"data": lines, "layout": arranged, "config": {**CONFIG, "displayModeBar": False}})
    return f'<div class="chart" data-chart="{key}"></div>\n<script type="application/json" id="{key}">{spec}</script>'


def _with(word: str, unit: str) -> str:
    return f"{word} ({unit})" if unit else word
