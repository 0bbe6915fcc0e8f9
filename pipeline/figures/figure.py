"""A figure of a frame: a picture with its colour bar, its masked pixels and a histogram, as plotly understands it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.compose.settings import checked_call
from pipeline.figures.blocks import Blocks
from pipeline.figures.colour import MASK_COLOUR, Appearance, Limits, Range, ranges
from pipeline.figures.layout import FILL, LINE, NO_PIXELS, counts_in_bins, figure_layout, menus_of, span_of, title_of
from pipeline.figures.view import View, view_of

if TYPE_CHECKING:
    import plotly.graph_objects as go

FIRST_VIEW_CELLS = 512
"""First views have at most this number of blocks, squared: about what a screen has pixels for."""

CONFIG = {
    "displaylogo": False,
    "showSendToCloud": False,
    "plotlyServerURL": "",
    "responsive": True,
    "modeBarButtonsToRemove": ["select2d", "lasso2d"],
}
"""Nothing is sent anywhere: plotly.js 4 would show a button that uploads the figure."""


@checked_call
def figure(
    record: Any,
    *,
    look: Appearance = Appearance(),  # noqa: B008 - an immutable record
    cells: int = FIRST_VIEW_CELLS,
    name: str = "",
) -> go.Figure:
    """Draw a ReducedImage, a master, an Image, Pixels, or an array, HDU or CCDData, as a plotly Figure.

    Row 0 is at the bottom and pixels are square; x and y count pixels from 0, at their centres.  An image of more
    than ``cells``² pixels is shown in blocks: their mean, and over it single pixels that stand out by 5 σ, so that
    hot pixels and dead columns can be seen.  ``export_figure`` makes a page that zooms in on every pixel.

    >>> import numpy as np
    >>> from pipeline import figure
    >>> figure(np.eye(30), name="an eye").layout.title.text
    "<b>an eye</b><br><span style='font-size:12px'>30 × 30 pixels</span>"

    :param look: limits, stretch and colours to begin with.
    :param cells: columns, and rows, of the picture at most.
    :param name: the title; by default the record's own name.
    :raises ShapeError: it is no two-dimensional array of real numbers.
    """
    import plotly.graph_objects as go

    return go.Figure(drawing(view_of(record, name), look, cells))


def drawing(view: View, look: Appearance, cells: int) -> dict[str, Any]:
    """Give the figure as plotly's plain description: data, layout and config, with arrays of numpy."""
    blocks = view.blocks(cells)
    limits = limits_of(view)
    data = [picture(view, blocks), overlay(blocks, look), histogram(view, limits)]
    arranged = {**figure_layout(view, look, limits), "title": title_of(view), "updatemenus": menus_of(limits, look)}
    return {"data": data, "layout": arranged, "config": CONFIG}


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


def overlay(blocks: Blocks, look: Appearance) -> dict[str, Any]:
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
    span = span_of(limits)
    counts, _, _ = counts_in_bins(view.good, span)
    width = (span.high - span.low) / counts.size
    centres = span.low + width * (np.arange(counts.size) + 0.5)
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "histogram",
        "x": centres,
        "y": np.maximum(counts, NO_PIXELS),
        "text": counts,
        "xaxis": "x2",
        "yaxis": "y2",
        "fill": "tozeroy",
        "fillcolor": FILL,
        "line": {"shape": "hvh", "color": LINE, "width": 1},
        "hovertemplate": f"%{{text}} pixels of %{{x:.5g}} {view.unit}<extra></extra>",
    }
