"""Edge: pages that hold frames whole: small at first view, every pixel when zoomed in, and no server anywhere."""

from __future__ import annotations

import base64
import hashlib
import html
import math
import re
import zlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from string import Template
from typing import Any, Literal, TypeAlias

import attrs
import numpy as np

from pipeline.figures.blocks import CELL, Blocks, block_size, noise_map
from pipeline.figures.colour import MAPS, MASK_COLOUR, NOTHING, Appearance, Limits, Range
from pipeline.figures.figure import CONFIG, FIRST_VIEW_CELLS, histogram, limits_of
from pipeline.figures.layout import LIMIT_WORDS, figure_layout, title_of
from pipeline.figures.plotly_json import in_html
from pipeline.figures.tile_codec import FRACTION, TILE, Tile, encode_flags, encode_tiles
from pipeline.figures.view import SkyGrid, View
from pipeline.records.arrays import FloatArray
from pipeline.records.pixels import Flag

PlotlyJs: TypeAlias = Literal["embed", "cdn", "directory"]

SCRIPT_NAME = "plotly.min.js"
"""What plotly.js is called where it lies beside a page."""

CLEAR = "rgba(0,0,0,0)"

SCRIPTS = (
    *("tiles.js", "colour.js", "picture.js", "sky.js", "theme.js", "controls.js"),
    *("readout.js", "cuts.js", "region.js", "limits.js", "frame.js", "desk.js", "page.js"),
)

OVERVIEW = 1024
"""Beside the tiles a page holds at most this number of blocks, squared: views of half the frame need no tile."""

SIGMA_STEP = 0.04
"""Standard deviations are told to 2 %: their logarithms to this step."""

QUICK = 2**22
"""Pixels that a browser decodes without being waited for: a page of so few needs no first view beside the tiles."""


@attrs.frozen
class Panel:
    """One frame of a page: its figure as HTML, and what the page's script reads of it."""

    title: str
    subtitle: str
    body: str


def page(panel: Panel, plotlyjs: PlotlyJs = "embed") -> str:
    """Give a page of one frame."""
    return page_of_several([panel], panel.title, plotlyjs)


def page_of_several(panels: Sequence[Panel], title: str, plotlyjs: PlotlyJs = "embed") -> str:
    """Give a page of frames that are looked at together: side by side or blinking, with one view for all."""
    sub = f'<p class="sub">{html.escape(panels[0].subtitle)}</p>\n' if len(panels) == 1 else ""
    bodies = "\n".join(panel.body for panel in panels)
    together = f'<div class="desk" data-tool="zoom">\n<div class="frames">\n{bodies}\n</div>\n</div>'
    return whole_page(title, f"<h1>{html.escape(title)}</h1>\n{sub}{together}", plotlyjs)


def iframe(text: str, title: str, height: int) -> str:
    """Give a page as a snippet to paste into another page: it runs by itself, without reach to that page."""
    snippet = (
        f'<iframe title="{html.escape(title)}" width="100%" height="{height}" loading="lazy" style="border:0"'
        f' sandbox="allow-scripts allow-downloads" srcdoc="{html.escape(text)}"></iframe>\n'
    )
    return snippet.encode("ascii", "xmlcharrefreplace").decode("ascii")  # whatever the encoding of that page


def whole_page(title: str, body: str, plotlyjs: PlotlyJs = "embed", style: str = "", script: str = "") -> str:
    """Put a page together: its own style and script, and plotly.js packed, beside it, or on plotly's server."""
    return Template(page_text("page.html")).substitute(
        title=html.escape(title),
        style=page_text("page.css") + style,
        plotly=_plotly_tag(plotlyjs),
        body=body,
        script="".join(map(page_text, SCRIPTS)) + script,
    )


def panel(view: View, look: Appearance, *, key: str = "frame", whole: bool = True, label: str = "") -> Panel:
    """Make the figure of a frame.

    :param key: tells the frames of a page apart.
    :param whole: carry every pixel, to zoom in on; otherwise the blocks of the first view only.
    :param label: what the frame is called among others, over which it stands then.
    """
    blocks = view.blocks(OVERVIEW if whole else FIRST_VIEW_CELLS)
    tiles = encode_tiles(view.values, noise=view.noise) if whole or blocks.size == 1 else None
    limits = limits_of(view)
    content = {**_settings(view, look, limits), **_pixels(view, blocks, tiles), "digits": _digits(view, tiles)}
    data = in_html({**content, "label": label})
    heading = f'<h2>{html.escape(label)}</h2>\n<p class="sub">{html.escape(_line(view))}</p>\n' if label else ""
    note = html.escape(_note(view, tiles))
    note = f"<details><summary>How exactly</summary>{note}</details>" if label else note
    told = html.escape(f"picture of {label or view.title}; press ? for its keys")
    body = (
        f'<figure class="frame" data-frame="{key}">\n{heading}<div class="controls"></div>\n'
        '<p class="readout" role="status" aria-live="off">Point at a pixel.</p>\n'
        f'<div class="plot" role="application" tabindex="0" aria-label="{told}"></div>\n'
        f"<figcaption>{note}</figcaption>\n</figure>\n"
        f'<script type="application/json" id="{key}">{data}</script>'
    )
    return Panel(view.title, view.subtitle, body)


def _line(view: View) -> str:
    return f"{view.title} · {view.subtitle}"


def _settings(view: View, look: Appearance, limits: dict[Limits, Range]) -> dict[str, Any]:
    """Give the figure without its pixels, what its buttons change, and what the page's script says and paints."""
    data = [_ground(view), histogram(view, limits)]
    rules = [{"key": rule, "label": LIMIT_WORDS[rule], "range": [r.low, r.high]} for rule, r in limits.items()]
    return {
        "figure": {"data": data, "layout": figure_layout(view, look, limits), "config": CONFIG},
        "rules": rules,
        "look": {"limits": look.limits, "stretch": look.stretch, "colours": look.colours},
        "maps": MAPS,
        "marks": {name: list(bytes.fromhex(colour[1:])) for name, colour in MASK_COLOUR.items()},
        "title": title_of(view),
        "name": re.sub(r"\W+", "_", view.title).strip("_") or "frame",
        "told": _told(view, limits),
        "unit": view.unit,
        "masked": view.masked is not None,
        "nothing": NOTHING,
        "reasons": [str(flag.name).lower().replace("_", " ") for flag in Flag],
        "sky": [_rounded(grid) for grid in view.sky],
        "origin": view.origin,
    }


def _told(view: View, limits: dict[Limits, Range]) -> str:
    """Say what is to be seen, for those who do not see it."""
    unit = f" {view.unit}" if view.unit else ""
    inner, outer = limits["percentile"], limits["minmax"]
    flagged = 0 if view.masked is None else int(np.count_nonzero(view.masked))
    return (
        f"{_line(view)}. 99.5 % of the good pixels lie between {inner.low:.5g} and {inner.high:.5g}{unit}, "
        f"all between {outer.low:.5g} and {outer.high:.5g}; {flagged} pixels are flagged."
    )


def _rounded(grid: SkyGrid) -> dict[str, Any]:
    """Write coordinates to a thousandth of a pixel, directions to 0.2 milliseconds of arc at least."""
    places = 9 if len(grid.nodes) == 3 else 0
    return {
        "names": grid.names,
        "unit": grid.unit,
        "digits": grid.digits,
        "nodes": np.round(grid.nodes, places + grid.digits + (2 if not places else 0)),
    }


def _ground(view: View) -> dict[str, Any]:
    """Give plotly one cell that is not seen, for the axes and the colour bar: the picture below it is the script's."""
    height, width = view.shape
    where = {"x0": (width - 1) / 2, "dx": width, "y0": (height - 1) / 2, "dy": height}
    return {"type": "heatmap", "z": [[0]], **where, "coloraxis": "coloraxis", "opacity": 0, "hoverinfo": "skip"}


def _pixels(view: View, blocks: Blocks, tiles: list[Tile] | None) -> dict[str, Any]:
    """Give the pixels: in tiles, and in blocks for the first view where there are fewer of these."""
    return {
        "shape": view.shape,
        "side": TILE,
        "block": blocks.size,
        "overview": _overview(view, blocks) if blocks.size > 1 and not (tiles and view.values.size <= QUICK) else None,
        "tiles": tiles and [tile.as_list for tile in tiles],
        "flags": encode_flags(view.flags) if tiles and view.masked is not None else None,
        "sigmas": _sigmas(view) if tiles and view.sigma is not None else None,
    }


def _sigmas(view: View) -> list[list[Any]]:
    """Give the logarithms of the standard deviations, NaN where one is not known or 0."""
    sigma = np.asarray(view.sigma)
    with np.errstate(divide="ignore", invalid="ignore"):
        logarithms = np.log(sigma)
    logarithms[~np.isfinite(logarithms)] = np.nan
    return _lists(logarithms, noise=np.full(view.noise.shape, SIGMA_STEP * FRACTION))


def _overview(view: View, blocks: Blocks) -> dict[str, Any]:
    excess = np.where(np.isnan(blocks.extreme), 0, blocks.extreme - blocks.mean)
    positive = view.noise[view.noise > 0]
    cells = tuple(-(-n // CELL) for n in blocks.mean.shape)
    noise = np.full(cells, np.median(positive) if positive.size else 0.0)
    return {
        "mean": _lists(blocks.mean, noise=noise_map(blocks.mean)),
        "excess": _lists(excess, noise=noise) if excess.any() else None,
        "masked": None if blocks.masked is None else _lists(blocks.masked.astype(np.float32), noise=np.zeros(cells)),
    }


def _lists(values: FloatArray, *, noise: FloatArray) -> list[list[Any]]:
    return [tile.as_list for tile in encode_tiles(values, noise=noise)]


def _steps(tiles: list[Tile] | None) -> list[float]:
    return sorted({tile.step for tile in tiles or [] if tile.step > 0})


def _digits(view: View, tiles: list[Tile] | None) -> int | None:
    """Give the decimals that tell a value to its step; None for seven digits in all."""
    finite = view.values[:: max(1, view.shape[0] // 64)]
    size = float(np.max(np.abs(finite), initial=0, where=np.isfinite(finite)))
    steps = _steps(tiles) or [float(np.min(view.noise, initial=math.inf, where=view.noise > 0)) / FRACTION]
    if not 0 < steps[0] < math.inf or not 1e-4 < size < 1e9:
        return None
    return min(12, max(0, math.ceil(-math.log10(steps[0])) + (steps[0] % 1 != 0)))


def _note(view: View, tiles: list[Tile] | None) -> str:
    """Say what is shown, and how exactly."""
    unit = f" {view.unit}" if view.unit else ""
    words = []
    if block_size(view.shape, FIRST_VIEW_CELLS) > 1:
        words.append(
            "Seen as a whole, the frame is in blocks of pixels: their mean, and over it single pixels that stand out "
            "by 5 σ of the noise, such as hot pixels and dead columns."
        )
        words.append("Zoomed in, it has every pixel." if tiles else "The page holds blocks only, not every pixel.")
    steps = _steps(tiles)
    if tiles and steps == [1.0]:
        words.append(f"Pixel values are exact, whole numbers of{unit or ' the unit'}.")
    elif steps:
        span = f"{steps[0]:.3g}" if len(steps) == 1 else f"{steps[0]:.3g} to {steps[-1]:.3g}"
        words.append(
            f"Pixel values are rounded to steps of {span}{unit}, an eighth of the local noise or less: each is within "
            "a sixteenth of the noise; the file has them in full."
        )
    elif tiles:
        words.append("Pixel values are to seven digits.")
    if tiles and view.sigma is not None:
        words.append("Standard deviations are told to 2 %.")
    words += [f"Coordinates are within {max(grid.error, 0.01):.2g} pixels of the WCS." for grid in view.sky[:1]]
    return " ".join([*words, "Wheel or drag: zoom in. Double-click: back to the whole frame. ? lists the keys."])


@cache
def page_text(name: str) -> str:
    """Give one of the files that pages are made of."""
    return files("pipeline.figures").joinpath("web", name).read_text(encoding="utf-8")


def plotly_script() -> bytes:
    """Give plotly.js, as the installed plotly brings it."""
    return files("plotly").joinpath("package_data", SCRIPT_NAME).read_bytes()


def _plotly_tag(plotlyjs: PlotlyJs) -> str:
    if plotlyjs == "directory":
        return f'<script src="{SCRIPT_NAME}"></script>'
    script = plotly_script()
    if plotlyjs == "embed":
        packed = base64.b64encode(zlib.compress(script, 9)).decode("ascii")
        return f'<script type="text/plain" id="plotly-packed">{packed}</script>'
    from plotly.offline import get_plotlyjs_version

    digest = base64.b64encode(hashlib.sha256(script).digest()).decode("ascii")
    return (
        f'<script src="https://cdn.plot.ly/plotly-{get_plotlyjs_version()}.min.js" integrity="sha256-{digest}" '
        'crossorigin="anonymous"></script>'
    )
