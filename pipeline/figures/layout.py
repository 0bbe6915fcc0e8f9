"""How a figure is laid out: picture, colour bar, title, buttons, and the histogram with its counts below them."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.figures.colour import STRETCHES, Appearance, Limits, Range, colour_scale
from pipeline.figures.view import View
from pipeline.records.arrays import Array

LIMIT_WORDS: dict[Limits, str] = {"zscale": "ZScale", "percentile": "99.5 %", "minmax": "min–max"}
"""What the buttons call the rules of limits."""

INK, GRID, LINE, FILL, BAND = "#1c2733", "#dfe4ea", "#3f6591", "#7f9dbf", "rgba(33,80,138,0.13)"
FONT = "system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif"
AXIS = {"color": INK, "gridcolor": GRID, "zeroline": False, "ticks": "outside", "linecolor": INK}

NO_PIXELS = 0.5
"""What stands for no pixels on an axis of logarithms."""

BINS, CHUNK = 256, 1 << 18
"""The histogram has at most so many bins; so many values are counted at a time."""


def span_of(limits: dict[Limits, Range]) -> Range:
    """Give what the histogram spans: both narrow limits and a little more, within what there is."""
    low = min(limits["zscale"].low, limits["percentile"].low)
    high = max(limits["zscale"].high, limits["percentile"].high)
    margin = (high - low) / 10
    return Range(max(low - margin, limits["minmax"].low), min(high + margin, limits["minmax"].high))


def counts_in_bins(values: Array, span: Range) -> tuple[Array, int, int]:
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


def figure_layout(view: View, look: Appearance, limits: dict[Limits, Range]) -> dict[str, Any]:
    """Lay the figure out: the picture above, right way up with square pixels, and the histogram below it."""
    height, width = view.shape
    tall = min(max(880 * height / width, 120), 820)
    whole = tall + 180
    return {
        "height": round(whole + 170),
        "margin": {"l": 70, "r": 20, "t": 110, "b": 60},
        "paper_bgcolor": "#ffffff",
        "plot_bgcolor": "#eceff2",
        "font": {"family": FONT, "size": 13, "color": INK},
        "showlegend": False,
        "modebar": {"remove": ["sendChartToCloud", "sendDataToCloud"]},
        **_picture_axes(height, width, whole),
        **_histogram_axes(view, span_of(limits), whole),
        "shapes": [_band(limits[look.limits], whole)],
        "coloraxis": _colour_axis(view, look, limits[look.limits], whole),
    }


def _picture_axes(height: int, width: int, whole: float) -> dict[str, Any]:
    shared = {**AXIS, "constrain": "domain", "showgrid": False}
    return {
        "xaxis": {
            **shared,
            "title": {"text": "x (column, from 0)"},
            "range": [-0.5, width - 0.5],
            "anchor": "y",
            "domain": [0, 1],
        },
        "yaxis": {
            **shared,
            "title": {"text": "y (row, from 0)", "standoff": 4},
            "range": [-0.5, height - 0.5],
            "anchor": "x",
            "domain": [180 / whole, 1],
            "scaleanchor": "x",
            "scaleratio": 1,
        },
    }


def _histogram_axes(view: View, span: Range, whole: float) -> dict[str, Any]:
    counts, below, above = counts_in_bins(view.good, span)
    outside = f" · pixels outside: {below} below, {above} above" if below or above else ""
    return {
        "xaxis2": {
            **AXIS,
            "title": {"text": f"{_value(view)}{outside}"},
            "anchor": "y2",
            "domain": [0, 1],
            "range": [span.low, span.high],
        },
        "yaxis2": {
            **AXIS,
            "title": {"text": "pixels", "standoff": 4},
            "type": "log",
            "dtick": 2,
            "anchor": "x2",
            "range": [float(np.log10(NO_PIXELS)), float(np.log10(2 * max(counts.max(), 1)))],
            "domain": [0, 100 / whole],
            "exponentformat": "SI",
        },
    }


def _band(chosen: Range, whole: float) -> dict[str, Any]:
    """Shade what of the histogram lies between the first and the last colour."""
    return {
        "type": "rect",
        "xref": "x2",
        "yref": "paper",
        "x0": chosen.low,
        "x1": chosen.high,
        "y0": 0,
        "y1": 100 / whole,
        "layer": "below",
        "line": {"width": 0},
        "fillcolor": BAND,
    }


def _colour_axis(view: View, look: Appearance, chosen: Range, whole: float) -> dict[str, Any]:
    return {
        "colorscale": [[t, colour] for t, colour in colour_scale(look.colours, look.stretch)],
        "cmin": chosen.low,
        "cmax": chosen.high,
        "colorbar": {
            "title": {"text": view.unit or "value", "side": "right"},
            "thickness": 16,
            "outlinewidth": 0,
            "len": 1 - 180 / whole,
            "y": 1,
            "yanchor": "top",
            "lenmode": "fraction",
            "ypad": 0,
            "tickcolor": INK,
        },
    }


def _value(view: View) -> str:
    return f"value ({view.unit})" if view.unit else "value"


def title_of(view: View) -> dict[str, Any]:
    """Give the title, and the line below it."""
    text = f"<b>{_escaped(view.title)}</b><br><span style='font-size:12px'>{_escaped(view.subtitle)}</span>"
    return {"text": text, "x": 0.01, "xanchor": "left", "y": 1, "yanchor": "top", "pad": {"t": 24}}


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def limit_choices(limits: dict[Limits, Range]) -> list[dict[str, Any]]:
    """Give a button for each rule of limits: what it is called and what it changes in the layout."""
    return [
        {
            "key": rule,
            "label": LIMIT_WORDS[rule],
            "change": {
                "coloraxis.cmin": r.low,
                "coloraxis.cmax": r.high,
                "shapes[0].x0": r.low,
                "shapes[0].x1": r.high,
            },
        }
        for rule, r in limits.items()
    ]


def stretch_choices(look: Appearance) -> list[dict[str, Any]]:
    """Give a button for each stretch: what it is called and what it changes in the layout."""
    return [
        {"key": stretch, "label": stretch, "change": {"coloraxis.colorscale": colour_scale(look.colours, stretch)}}
        for stretch in STRETCHES
    ]


def menus_of(limits: dict[Limits, Range], look: Appearance) -> list[dict[str, Any]]:
    """Give the buttons that every plotly draws without code of ours."""
    shared = {
        "type": "buttons",
        "direction": "right",
        "yanchor": "bottom",
        "y": 1.01,
        "xanchor": "left",
        "font": {"size": 11},
        "pad": {"t": 0, "b": 4},
        "showactive": True,
    }

    def menu(x: float, choices: list[dict[str, Any]], active: str) -> dict[str, Any]:
        keys = [choice["key"] for choice in choices]
        buttons = [{"label": c["label"], "method": "relayout", "args": [c["change"]]} for c in choices]
        return {**shared, "x": x, "active": keys.index(active), "buttons": buttons}

    masks = [
        {"label": label, "method": "restyle", "args": [{"visible": shown}, [1]]}
        for label, shown in (("masked", True), ("not marked", False))
    ]
    return [
        menu(0, limit_choices(limits), look.limits),
        menu(0.32, stretch_choices(look), look.stretch),
        {**shared, "x": 0.62, "active": 0, "buttons": masks},
    ]
