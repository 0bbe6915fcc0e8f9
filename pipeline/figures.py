"""A figure of a frame: a picture with its colour bar, its masked pixels and a histogram, as plotly understands it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import attrs
import numpy as np

from pipeline.blocks import Blocks
from pipeline.errors import SettingError
from pipeline.pixels import Array
from pipeline.stretch import MASK_COLOUR, STRETCHES, Limits, Range, Stretch, colour_scale, ranges
from pipeline.views import View, view_of

if TYPE_CHECKING:
    import plotly.graph_objects as go

CELLS = 512
"""First views have at most this number of blocks, squared: about what a screen has pixels for."""

BINS = 256

CONFIG = {"displaylogo": False, "showSendToCloud": False, "plotlyServerURL": "", "responsive": True}
"""Nothing is sent anywhere: plotly.js 4 would show a button that uploads the figure."""

LIMIT_WORDS: dict[Limits, str] = {"zscale": "ZScale", "percentile": "99.5 %", "minmax": "min–max"}

_INK, _GRID, _LINE, _FILL, _BAND = "#1c2733", "#dfe4ea", "#3f6591", "#7f9dbf", "rgba(33,80,138,0.13)"
_NONE = 0.5
"""What stands for no pixels on an axis of logarithms."""
_FONT = "system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif"


@attrs.frozen
class Look:
    """How a picture is to look: limits and stretch to begin with, and the colour map (see ``stretch.MAPS``)."""

    limits: Limits = attrs.field(default="zscale")
    stretch: Stretch = attrs.field(default="linear")
    colours: str = attrs.field(default="viridis")

    def __attrs_post_init__(self) -> None:
        for name, value, known in (
            ("limits", self.limits, get_args(Limits)),
            ("stretch", self.stretch, get_args(Stretch)),
            ("colours", self.colours, tuple(MASK_COLOUR)),
        ):
            if value not in known:
                raise SettingError(f"{name}={value!r}; expected one of {', '.join(map(repr, known))}")


def figure(record: Any, *, look: Look = Look(), cells: int = CELLS, name: str = "") -> go.Figure:
    """Draw a ReducedImage, a master, an Image, Pixels, or an array, HDU or CCDData, as a plotly Figure.

    Row 0 is at the bottom and pixels are square; x and y count pixels from 0, at their centres.  An image of more
    than ``cells``² pixels is shown in blocks: their mean, and over it single pixels that stand out by 5 σ, so that
    hot pixels and dead columns can be seen.  ``export_figure`` makes a page that zooms in on every pixel.

    :raises ShapeError: it is no two-dimensional array of real numbers.
    """
    import plotly.graph_objects as go

    return go.Figure(drawing(view_of(record, name), look, cells))


def drawing(view: View, look: Look, cells: int) -> dict[str, Any]:
    """Give the figure as plotly's plain description: data, layout and config, with arrays of numpy."""
    blocks = view.blocks(cells)
    limits = limits_of(view)
    data = [picture(view, blocks), overlay(blocks, look), histogram(view, limits)]
    layout = {**layout_of(view, look, limits), "title": _title(view), "updatemenus": _menus(limits, look)}
    return {"data": data, "layout": layout, "config": CONFIG}


def limits_of(view: View) -> dict[Limits, Range]:
    """Give the limits of the colours by each rule."""
    good = view.good
    return ranges(good, float(good.min()), float(good.max())) if good.size else ranges(good, 0, 1)


def _grid(blocks: Blocks) -> dict[str, float]:
    """Give where blocks lie: a pixel's centre has whole x and y."""
    size = blocks.size
    return {"x0": (size - 1) / 2, "dx": size, "y0": (size - 1) / 2, "dy": size}


def picture(view: View, blocks: Blocks) -> dict[str, Any]:
    """Draw the values."""
    what = "" if blocks.size == 1 else f"<br>mean of {blocks.size}×{blocks.size} pixels, or one that stands out of them"
    return {
        "type": "heatmap",
        "name": "values",
        "z": blocks.shown.astype(np.float32) if view.values.dtype == np.float32 else blocks.shown,
        **_grid(blocks),
        "coloraxis": "coloraxis",
        "hovertemplate": f"x %{{x}}, y %{{y}}<br><b>%{{z}}</b> {view.unit}{what}<extra></extra>",
    }


def overlay(blocks: Blocks, look: Look) -> dict[str, Any]:
    """Draw the masked pixels over the values; the fewer of a block are masked, the lighter."""
    colour = "{},{},{}".format(*bytes.fromhex(MASK_COLOUR[look.colours][1:]))
    masked = np.full((1, 1), np.nan) if blocks.masked is None else np.where(blocks.masked > 0, blocks.masked, np.nan)
    return {
        "type": "heatmap",
        "name": "masked",
        "z": masked.astype(np.float32),
        **_grid(blocks),
        "zmin": 0,
        "zmax": 1,
        "colorscale": [[0, f"rgba({colour},0.35)"], [1, f"rgba({colour},1)"]],
        "showscale": False,
        "hoverinfo": "skip",
    }


def histogram(view: View, limits: dict[Limits, Range]) -> dict[str, Any]:
    """Count the good pixels in bins about the limits."""
    span = _span(limits)
    counts, _, _ = binned(view.good, span)
    width = (span.high - span.low) / BINS
    centres = span.low + width * (np.arange(BINS) + 0.5)
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "histogram",
        "x": centres,
        "y": np.maximum(counts, _NONE),
        "text": counts,
        "xaxis": "x2",
        "yaxis": "y2",
        "fill": "tozeroy",
        "fillcolor": _FILL,
        "line": {"shape": "hvh", "color": _LINE, "width": 1},
        "hovertemplate": f"%{{text}} pixels of %{{x:.5g}} {view.unit}<extra></extra>",
    }


def _span(limits: dict[Limits, Range]) -> Range:
    """Give what the histogram spans: both narrow limits and a little more, within what there is."""
    low = min(limits["zscale"].low, limits["percentile"].low)
    high = max(limits["zscale"].high, limits["percentile"].high)
    margin = (high - low) / 10
    return Range(max(low - margin, limits["minmax"].low), min(high + margin, limits["minmax"].high))


def binned(values: Array, span: Range) -> tuple[Array, int, int]:
    """Count values in equal bins, and those below and above them; some rows at a time, as memory is slow."""
    counts = np.zeros(BINS + 2, np.int64)
    scale = BINS / (span.high - span.low)
    for start in range(0, values.size, 1 << 18):
        place = (values[start : start + (1 << 18)] - span.low) * scale
        np.copyto(place, BINS - 0.5, where=values[start : start + (1 << 18)] == span.high)
        counts += np.bincount((np.clip(place, -1, BINS) + 1).astype(np.int16), minlength=BINS + 2)
    return counts[1:-1], int(counts[0]), int(counts[-1])


def layout_of(view: View, look: Look, limits: dict[Limits, Range]) -> dict[str, Any]:
    """Lay the figure out: the picture above, right way up with square pixels, and the histogram below it."""
    height, width = view.shape
    tall = min(max(880 * height / width, 240), 820)
    whole = tall + 260
    chosen = limits[look.limits]
    span = _span(limits)
    counts, below, above = binned(view.good, span)
    outside = f" · {below} pixels below, {above} above" if below or above else ""
    axis = {"color": _INK, "gridcolor": _GRID, "zeroline": False, "ticks": "outside", "linecolor": _INK}
    return {
        "height": round(whole),
        "margin": {"l": 70, "r": 20, "t": 110, "b": 60},
        "paper_bgcolor": "#ffffff",
        "plot_bgcolor": "#eceff2",
        "font": {"family": _FONT, "size": 13, "color": _INK},
        "showlegend": False,
        "xaxis": {
            **axis, "title": {"text": "x (column, from 0)"}, "range": [-0.5, width - 0.5], "constrain": "domain",
            "showgrid": False, "anchor": "y", "domain": [0, 1],
        },
        "yaxis": {
            **axis, "title": {"text": "y (row, from 0)"}, "range": [-0.5, height - 0.5], "constrain": "domain",
            "showgrid": False, "anchor": "x", "domain": [180 / whole, 1], "scaleanchor": "x", "scaleratio": 1,
        },
        "xaxis2": {
            **axis, "title": {"text": f"{_value(view)}{outside}"}, "anchor": "y2", "domain": [0, 1],
            "range": [span.low, span.high],
        },
        "shapes": [
            {
                "type": "rect", "xref": "x2", "yref": "paper", "x0": chosen.low, "x1": chosen.high, "y0": 0,
                "y1": 100 / whole, "layer": "below", "line": {"width": 0}, "fillcolor": _BAND,
            }
        ],
        "yaxis2": {
            **axis, "title": {"text": "pixels"}, "type": "log", "dtick": 2, "anchor": "x2",
            "range": [float(np.log10(_NONE)), float(np.log10(2 * max(counts.max(), 1)))],
            "domain": [0, 100 / whole], "exponentformat": "SI",
        },
        "coloraxis": {
            "colorscale": [[t, colour] for t, colour in colour_scale(look.colours, look.stretch)],
            "cmin": chosen.low,
            "cmax": chosen.high,
            "colorbar": {
                "title": {"text": view.unit or "value", "side": "right"}, "thickness": 16, "outlinewidth": 0,
                "len": 1 - 180 / whole, "y": 1, "yanchor": "top", "lenmode": "fraction", "tickcolor": _INK,
            },
        },
    }


def _value(view: View) -> str:
    return f"value ({view.unit})" if view.unit else "value"


def _title(view: View) -> dict[str, Any]:
    text = f"<b>{_escaped(view.title)}</b><br><span style='font-size:12px'>{_escaped(view.subtitle)}</span>"
    return {"text": text, "x": 0.01, "xanchor": "left", "y": 0.98, "yanchor": "top", "yref": "container"}


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def limit_choices(limits: dict[Limits, Range]) -> list[dict[str, Any]]:
    """Give a button for each rule of limits: what it is called and what it changes in the layout."""
    return [
        {
            "key": rule,
            "label": LIMIT_WORDS[rule],
            "change": {
                "coloraxis.cmin": r.low, "coloraxis.cmax": r.high, "shapes[0].x0": r.low, "shapes[0].x1": r.high
            },
        }
        for rule, r in limits.items()
    ]


def stretch_choices(look: Look) -> list[dict[str, Any]]:
    """Give a button for each stretch: what it is called and what it changes in the layout."""
    return [
        {"key": stretch, "label": stretch, "change": {"coloraxis.colorscale": colour_scale(look.colours, stretch)}}
        for stretch in STRETCHES
    ]


def _menus(limits: dict[Limits, Range], look: Look) -> list[dict[str, Any]]:
    """Give the buttons that every plotly draws without code of ours."""
    shared = {"type": "buttons", "direction": "right", "yanchor": "bottom", "y": 1.01, "xanchor": "left",
              "font": {"size": 11}, "pad": {"t": 0, "b": 4}, "showactive": True}

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
