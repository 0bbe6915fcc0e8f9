"""Edge: ``write_report``: a night on one page: what came out, what it was made of, and how well.

First the page and its sections on notes, products, masters, frames, history and header; then the charts of the mean
along rows and columns before and after the reduction, and the table of quality numbers.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from pipeline.compose.settings import checked_call
from pipeline.figures.colour import Appearance
from pipeline.figures.export import write_plotly_beside
from pipeline.figures.figure import CONFIG
from pipeline.figures.html_page import PlotlyJs, page_text, panel, whole_page
from pipeline.figures.plotly_json import in_html
from pipeline.figures.view import View, view_of
from pipeline.fits.write import write_whole
from pipeline.night.masters import Masters
from pipeline.night.quality import Quality, quality_of
from pipeline.night.summary import combined_words, step_words
from pipeline.records.arrays import Array
from pipeline.records.frames import FrameSet, Image, as_frames
from pipeline.records.note import Note, counted, merged
from pipeline.records.pixels import Flag, Pixels
from pipeline.stacking.result import CombineResult
from pipeline.stages.gain import to_electrons
from pipeline.stages.header import ReducedImage
from pipeline.statistics.amplifier_noise import AmplifierNoise
from pipeline.statistics.robust import MAD_TO_SIGMA
from pipeline.version import CREATOR

HEADS = ("type", "image", "exposure", "level", "noise", "gradient x", "gradient y", "saturated", "flagged", "rejected")
"""Of the columns of the table of quality numbers."""

MOST_NAMES = 3
"""So many frames of a note are named at once; the others are shown when asked for."""

BEFORE, AFTER = "#c2571a", "#21508a"
"""Colours of a profile before the reduction and after it."""

HOT = 5.0
"""A dark's pixel is called hot from so many standard deviations above its median."""


@checked_call
def write_report(
    path: str | Path,
    products: Sequence[ReducedImage],
    masters: Masters,
    frames: Iterable[Any],
    *,
    quality: Sequence[Quality] | None = None,
    look: Appearance = Appearance(),  # noqa: B008 - an immutable record
    plotlyjs: PlotlyJs = "embed",
    command: str = "",
    overwrite: bool = False,
) -> None:
    """Write the report of a night to one self-contained page: at its top what had to be assumed, or was found wrong.

    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from pipeline import make_masters, reduce, write_report
    >>> from pipeline.simulation.simulate import simulate
    >>> frames = simulate(shape=(32, 48)).frames
    >>> with TemporaryDirectory() as folder:
    ...     write_report(f"{folder}/night.html", [reduce(frames)], make_masters(frames), frames, plotlyjs="cdn")
    ...     Path(folder, "night.html").exists()
    True

    :param products: the reduced light, and the arc where there is one.
    :param masters: what they were calibrated with.
    :param frames: the night's raw frames: the first of a product's kind is shown beside it.
    :param quality: the quality numbers to list; by default those of the frames as they are, and of the products.
    :param command: the command line that made it; by default the steps of the first product, as Python.
    :param look: limits, stretch and colours of its pictures to begin with.
    :param plotlyjs: where the page has plotly.js from: ``embed`` in it, ``directory`` beside it, ``cdn`` from a server.
    :param overwrite: write over a file that is there.
    :raises OutputError: the file is there and may not be overwritten, or cannot be written.
    """
    night = as_frames(frames)
    rows = quality_of(night, products) if quality is None else quality
    text = night_page(products, masters, night, look, plotlyjs, rows, command)
    if plotlyjs == "directory":
        write_plotly_beside(Path(path))
    write_whole(Path(path), text.encode(errors="replace"), overwrite=overwrite)


def night_page(
    products: Sequence[ReducedImage],
    masters: Masters,
    frames: FrameSet,
    look: Appearance,
    plotlyjs: PlotlyJs,
    quality: Sequence[Quality] = (),
    command: str = "",
) -> str:
    """Give the page: notes, products, calibrations, frames and their quality, history and header."""
    views = [view_of(product) for product in products]
    counts = ", ".join(f"{len(frames.of_kind(kind))} {kind}" for kind in _kinds(frames))
    parts = [f"<h1>{_safe(views[0].title)}</h1>", f'<p class="sub">{_safe(views[0].subtitle)} · from {counts}</p>']
    parts += notes_panel(products, command)
    for product, view in zip(products, views, strict=True):
        parts += _product(product, view, frames, look)
    for name, master in masters.named.items():
        parts += _master(name, master, look)
    images = [(name, master.image) for name, master in masters.named.items()]
    parts += _rejections([*images, *((product.kind, product) for product in products)])
    parts += quality_section(quality)
    parts += _history(products[0])
    parts += _header(products[0])
    parts.append(f'<p class="sub">{CREATOR}</p>')
    title = f"{views[0].title}: report of the night"
    return whole_page(title, "\n".join(parts), plotlyjs, page_text("night.css"), page_text("night.js"))


def _safe(text: object) -> str:
    return html.escape(str(text))


def _kinds(frames: FrameSet) -> list[str]:
    return list(dict.fromkeys(frame.kind for frame in frames))


def _facts(rows: Iterable[tuple[str, str]]) -> str:
    cells = "".join(f"<dt>{_safe(name)}</dt><dd>{_safe(value)}</dd>" for name, value in rows if value)
    return f'<dl class="facts">{cells}</dl>'


def notes_panel(products: Sequence[ReducedImage], command: str = "") -> list[str]:
    """Give a panel with the notes of all products, counted by kind, and what made them: a command line, or steps."""
    notes = merged(note for product in products for note in product.notes)
    asked = command or _expression(products[0])
    rows = "".join(_note_row(note, at_command=bool(command)) for note in notes)
    head = "<tr><th>kind</th><th>frames</th><th>note</th></tr>"
    table = f'<div class="wide"><table class="notes">{head}{rows}</table></div>' if notes else ""
    accused = ' class="accused"' if any(note.is_assumption for note in notes) else ""
    made_by = f"<p>Made by <code>{_safe(asked)}</code></p>"
    return [f'<section id="notes"{accused}><h2>{counted(notes)}</h2>{table}{made_by}</section>']


def _note_row(note: Note, *, at_command: bool) -> str:
    names = [re.split(r"[/\\]", name)[-1] for name in note.frames]
    hidden = names[MOST_NAMES:]
    more = len(hidden) + note.more
    frames = _safe(", ".join(names[:MOST_NAMES])) + (f" and {more} more" if more else "")
    if hidden:
        frames = f"<details><summary>{frames}</summary>{_safe(', '.join(hidden))}</details>"
    mend = (at_command and note.at_command) or note.mend
    what_to_do = f' <span class="sub">{_safe(mend)}</span>' if mend else ""
    return f"<tr><td>{note.kind}</td><td>{frames}</td><td>{_safe(note.words)}{what_to_do}</td></tr>"


def _expression(product: ReducedImage) -> str:
    steps = [str(attrs.evolve(step, done_before=None, needless=False)) for step in product.history]
    return f"pipe({', '.join([f'frames.{product.kind}', *steps])})"


def _product(product: ReducedImage, view: View, frames: FrameSet, look: Appearance) -> list[str]:
    title = "The reduced image" if product.kind == "light" else f"The reduced {product.kind}"
    facts = [
        ("combined", combined_words(product.found)),
        ("done", step_words(product)),
        ("flagged", _flagged_words(view)),
    ]
    raw = frames.of_kind(product.kind).frames
    return [
        f"<h2>{title}</h2>",
        _facts(facts),
        panel(view, look, key=f"product-{product.kind}").body,
        *(before_and_after(raw[0], view, product.kind) if raw else []),
    ]


def _flagged_words(view: View) -> str:
    """Count the flagged pixels, by reason."""
    counts = [(str(flag.name).lower().replace("_", " "), int(np.count_nonzero(view.flags & flag))) for flag in Flag]
    words = ", ".join(f"{count} {name}" for name, count in counts if count)
    share = 0.0 if view.masked is None else float(view.masked.mean())
    return f"{words} ({_percent(share)} of all pixels)" if words else "no pixel"


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"


def _master(name: str, master: Any, look: Appearance) -> list[str]:
    view, found, kind = view_of(master), master.image.found, master.image.kind
    facts = [("combined", combined_words(found)), ("level", _level(view)), ("flagged", _flagged_words(view))]
    if found is not None:
        counted = "electron" if master.image.went_through(to_electrons) else "adu"
        alone = len(found.amplifiers) == 1
        facts += [("noise", _noise(found, one, alone, counted)) for one in found.amplifiers]
    if kind == "dark":
        facts.append(("hot pixels", _hot(view)))
    key = f"master-{re.sub('[^a-z0-9]+', '-', name)}"
    return [f"<h2>Master {name}</h2>", _facts(facts), panel(view, look, key=key, whole=False).body]


def _level(view: View) -> str:
    good = view.good
    if not good.size:
        return ""
    spread = float(MAD_TO_SIGMA * np.median(np.abs(good - np.median(good))))
    unit = f" {view.unit}" if view.unit else ""
    return f"median {np.median(good):.6g}{unit}, spread of the pixels {spread:.4g}{unit}"


def _noise(found: CombineResult, amplifier: AmplifierNoise, alone: bool, unit: str) -> str:
    """Say what the fit σ² = a + b·level found, in frames of some unit."""
    noise, (top, end), (left, right) = amplifier.noise, amplifier.rows, amplifier.columns
    where = "" if alone else f"rows {top} to {end - 1}, columns {left} to {right - 1}: "
    if found.kind == "bias":
        read_noise = found.read_noise_of(noise)
        told = "unknown: frames hardly leave one whole number" if read_noise is None else f"{read_noise:.3g} {unit}"
        return f"{where}read noise {told}"
    sign = "−" if noise.a < 0 else "+"
    fit = f"σ² = {noise.b:.4g} · level {sign} {abs(noise.a):.4g}, in {unit} with the bias in"
    tells = found.kind == "flat" and noise.b > 0 and unit == "adu"
    return f"{where}gain about {1 / noise.b:.3g} e⁻/adu, from {fit}" if tells else where + fit


def _hot(view: View) -> str:
    good = view.good
    if not good.size:
        return ""
    middle = float(np.median(good))
    sigma = MAD_TO_SIGMA * float(np.median(np.abs(good - middle)))
    hot = int(np.count_nonzero(good > middle + HOT * sigma))
    return f"{hot} pixels more than {HOT:g} σ above the median of the dark, {_percent(hot / good.size)} of them"


def _rejections(images: Iterable[tuple[str, Image | ReducedImage]]) -> list[str]:
    """List the frames that were combined, and what was left out of each."""
    rows = [row for kind, image in images for row in _frame_rows(kind, image)]
    if not rows:
        return []
    head = "<tr><th>type</th><th>frame</th><th>exposure</th><th>rejected values</th><th>of its pixels</th></tr>"
    return [
        "<h2>Frames, and what was rejected of each</h2>",
        f'<div class="wide"><table class="frames">{head}{"".join(rows)}</table></div>',
    ]


def _frame_rows(kind: str, image: Image | ReducedImage) -> Iterable[str]:
    found = image.found
    if not isinstance(found, CombineResult) or len(image.sources) != found.frames:
        return
    size = image.pixels.values.size
    for name, rejected, seconds in zip(image.sources, found.rejected, found.exposures, strict=True):
        exposure = "" if seconds is None else f"{seconds:g} s"
        cells = (kind, re.split(r"[/\\]", name)[-1], exposure, rejected, _percent(rejected / size))
        yield f"<tr>{''.join(f'<td>{_safe(cell)}</td>' for cell in cells)}</tr>"


def _history(product: ReducedImage) -> list[str]:
    items = "".join(f"<li><code>{_safe(step)}</code></li>" for step in product.history)
    return ["<h2>History</h2>", f"<ol>{items}</ol>"]


def _header(product: ReducedImage) -> list[str]:
    rows = "".join(f"<tr><td>{_safe(_lines(card.image))}</td></tr>" for card in product.header.to_header().cards)
    find = '<input type="search" id="find" placeholder="find in the header" aria-label="find in the header">'
    return ["<h2>Header</h2>", f'<p>{find} <span class="sub" id="found"></span></p>',
            f'<div class="wide cards"><table id="cards">{rows}</table></div>']  # fmt: skip


def _lines(card: str) -> str:
    """Give a card as a file has it: a long one goes on in the next line."""
    return "\n".join(card[at : at + 80].rstrip() for at in range(0, len(card.rstrip()), 80))


# ---- before and after ----


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
        "yaxis": {**axis, "title": {"text": _labelled("reduced", units[0])}, "color": AFTER},
        "yaxis2": {
            **axis, "title": {"text": _labelled("raw", units[1])}, "color": BEFORE, "overlaying": "y",
            "side": "right", "showgrid": False, "tickmode": "auto", "nticks": 6
        },
    }  # fmt: skip
    spec = in_html({"data": lines, "layout": arranged, "config": {**CONFIG, "displayModeBar": False}})
    return f'<div class="chart" data-chart="{key}"></div>\n<script type="application/json" id="{key}">{spec}</script>'


def _labelled(word: str, unit: str) -> str:
    return f"{word} ({unit})" if unit else word


# ---- quality ----


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
