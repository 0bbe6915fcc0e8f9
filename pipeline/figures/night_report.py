"""Edge: ``write_report``: a night on one page: what came out, what it was made of, and how well.

First what a reader must know: the notes, the command, the files that were written, and what the page holds.  Then its
sections on products, quality, masters, history, recipe and header; at the end of this file the charts of the mean along
rows and columns before and after the reduction, and the tables of quality numbers.
"""

from __future__ import annotations

import html
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

import attrs
import numpy as np

from pipeline.compose.running import at_work
from pipeline.compose.settings import checked_call
from pipeline.errors import SettingError
from pipeline.figures.colour import Appearance
from pipeline.figures.export import write_plotly_beside
from pipeline.figures.figure import CONFIG
from pipeline.figures.html_page import CLEAR, PlotlyJs, page_text, panel, whole_page
from pipeline.figures.plotly_json import in_html
from pipeline.figures.view import View, view_of
from pipeline.fits.write import write_whole
from pipeline.night.masters import Masters
from pipeline.night.quality import Quality, quality_of, rejected_from
from pipeline.night.recipe import Recipe
from pipeline.night.summary import combined_words, step_words
from pipeline.records.arrays import Array
from pipeline.records.frames import FrameSet, Image, as_frames
from pipeline.records.note import Note, counted, merged
from pipeline.records.pixels import Flag, Pixels
from pipeline.stacking.result import CombineResult
from pipeline.stages.gain import to_electrons
from pipeline.stages.header import ReducedImage
from pipeline.stages.orientation import orient
from pipeline.statistics.amplifier_noise import AmplifierNoise
from pipeline.statistics.robust import MAD_TO_SIGMA
from pipeline.version import CREATOR

MOST_NAMES = 3
"""So many frames of a note are named at once; the others are shown when asked for."""

BEFORE, AFTER = "#c2571a", "#2f74c0"
"""Colours of a profile before the reduction and after it: told from each other on white and on black."""

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
    recipe: Recipe | None = None,
    files: Mapping[str, Path] = {},
    overwrite: bool = False,
) -> None:
    """Write the report of a night to one self-contained page: at its top what had to be assumed, or was found wrong.

    It is what one mails: it fetches nothing, and prints on paper as it is.

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
    :param recipe: the settings, which the page holds as the file that ``recipe_from_toml`` reads.
    :param files: where products and masters were written, by their kinds: ``{"light": Path("reduced.fits")}``; the page
        links to them from where it stands.
    :param look: limits, stretch and colours of its pictures to begin with.
    :param plotlyjs: where the page has plotly.js from: ``embed`` in it, ``directory`` beside it, ``cdn`` from a server.
    :param overwrite: write over a file that is there.
    :raises OutputError: the file is there and may not be overwritten, or cannot be written.
    """
    night = as_frames(frames)
    rows = quality_of(night, products, masters.images) if quality is None else quality
    links = {name: _link(file, Path(path).parent) for name, file in files.items()}
    with at_work(f"drawing {Path(path).name}"):
        text = night_page(products, masters, night, look, plotlyjs, rows, command, recipe, links)
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
    recipe: Recipe | None = None,
    links: Mapping[str, str] = {},
) -> str:
    """Give the page: notes, contents, products, quality of all frames, calibrations, history, recipe and header."""
    views = [view_of(product) for product in products]
    counts = ", ".join(f"{len(frames.of_kind(kind))} {kind}" for kind in _kinds(frames))
    shares = shares_rejected([*masters.images, *products])
    sections = {
        **{_title_of(product): _product(product, view, frames, look, links.get(product.kind, ""))
           for product, view in zip(products, views, strict=True)},
        "Quality": quality_section(quality, shares),
        **{f"Master {name}": _master(name, master, look, links.get(name, ""))
           for name, master in masters.named.items()},
        "History": [f"<ol>{''.join(f'<li><code>{_safe(step)}</code></li>' for step in products[0].history)}</ol>"],
        "Recipe": _recipe(recipe),
        "Header": _header(products[0]),
    }  # fmt: skip
    sections = {title: body for title, body in sections.items() if body}
    parts = [
        f"<h1>{_safe(views[0].title)}</h1>",
        f'<p class="sub">{_safe(views[0].subtitle)} · from {counts}</p>',
        *notes_panel(products, command, links),
        _contents(sections),
        *(_section(title, body) for title, body in sections.items()),
        f'<p class="sub">{CREATOR}</p>',
    ]
    title = f"{views[0].title}: report of the night"
    return whole_page(title, "\n".join(parts), plotlyjs, page_text("night.css"), page_text("night.js"))


def _link(file: Path, folder: Path) -> str:
    """Link to a file from a page in a folder, as long as both are moved together."""
    try:
        where = quote(Path(os.path.relpath(file, folder)).as_posix())
    except ValueError:  # another drive
        where = _safe(file.resolve().as_uri())
    return f'<a href="{where}">{_safe(file.name)}</a>'


def _key(title: str) -> str:
    return re.sub("[^a-z0-9]+", "-", title.lower())


def _contents(titles: Iterable[str]) -> str:
    listed = "".join(f'<li><a href="#{_key(title)}">{_safe(title)}</a></li>' for title in titles)
    return f'<nav id="contents" aria-label="contents"><ol>{listed}</ol></nav>'


def _section(title: str, body: Iterable[str]) -> str:
    return f'<section id="{_key(title)}"><h2>{_safe(title)}</h2>\n{chr(10).join(body)}</section>'


def _safe(text: object) -> str:
    return html.escape(str(text))


def _kinds(frames: FrameSet) -> list[str]:
    return list(dict.fromkeys(frame.kind for frame in frames))


def _facts(rows: Iterable[tuple[str, str]], link: str) -> str:
    cells = "".join(f"<dt>{_safe(name)}</dt><dd>{_safe(value)}</dd>" for name, value in rows if value)
    return f'<dl class="facts">{f"<dt>file</dt><dd>{link}</dd>" if link else ""}{cells}</dl>'


def notes_panel(
    products: Sequence[ReducedImage],
    command: str = "",
    links: Mapping[str, str] = {},
) -> list[str]:
    """Give a panel with the notes of all products, what made them, and links to the files they are in.

    Notes are counted by kind; what made the products is a command line, or steps.
    """
    notes = merged(note for product in products for note in product.notes)
    asked = command or _expression(products[0])
    rows = "".join(_note_row(note, at_command=bool(command)) for note in notes)
    head = "<tr><th>kind</th><th>frames</th><th>note</th></tr>"
    table = f'<div class="wide"><table class="notes">{head}{rows}</table></div>' if notes else ""
    accused = ' class="accused"' if any(note.is_assumption for note in notes) else ""
    made_by = f"<p>Made by <code>{_safe(asked)}</code></p>"
    written = f"<p>Written: {', '.join(links.values())}</p>" if links else ""
    return [f'<section id="notes"{accused}><h2>{counted(notes)}</h2>{table}{made_by}{written}</section>']


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


def _title_of(product: ReducedImage) -> str:
    return "The reduced image" if product.kind == "light" else f"The reduced {product.kind}"


def _product(product: ReducedImage, view: View, frames: FrameSet, look: Appearance, link: str) -> list[str]:
    facts = [
        ("combined", combined_words(product.found)),
        ("done", step_words(product)),
        ("flagged", _flagged_words(view)),
    ]
    raw = frames.of_kind(product.kind).frames
    return [
        _facts(facts, link),
        panel(view, look, key=f"product-{product.kind}").body,
        *(before_and_after(raw[0], product, view) if raw else []),
    ]


def _flagged_words(view: View) -> str:
    """Count the flagged pixels, by reason."""
    counts = [(str(flag.name).lower().replace("_", " "), int(np.count_nonzero(view.flags & flag))) for flag in Flag]
    words = ", ".join(f"{count} {name}" for name, count in counts if count)
    share = 0.0 if view.masked is None else float(view.masked.mean())
    return f"{words} ({_percent(share)} of all pixels)" if words else "no pixel"


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"


def _master(name: str, master: Any, look: Appearance, link: str) -> list[str]:
    view, found, kind = view_of(master), master.image.found, master.image.kind
    facts = [("combined", combined_words(found)), ("level", _level(view)), ("flagged", _flagged_words(view))]
    if found is not None:
        counted = "electron" if master.image.went_through(to_electrons) else "adu"
        alone = len(found.amplifiers) == 1
        facts += [("noise", _noise(found, one, alone, counted)) for one in found.amplifiers]
    if kind == "dark":
        facts.append(("hot pixels", _hot(view)))
    return [_facts(facts, link), panel(view, look, key=f"picture-{_key(name)}", whole=False).body]


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


def _recipe(recipe: Recipe | None) -> list[str]:
    """Give the settings as a file that can be kept, folded away but on paper."""
    if recipe is None:
        return []
    from pipeline.night.recipe_text import recipe_to_toml  # which asks for every stage

    try:
        text = recipe_to_toml(recipe, comments=False)
    except SettingError as error:
        return [f"<p>It stands in no file: {_safe(error)}</p>"]
    return [f'<p>Save it as a file, for <code>ccd-pipeline reduce --recipe FILE</code>.</p>'
            f'<pre class="wide" tabindex="0">{_safe(text)}</pre>']  # fmt: skip


def _header(product: ReducedImage) -> list[str]:
    rows = "".join(f"<tr><td>{_safe(_lines(card.image))}</td></tr>" for card in product.header.to_header().cards)
    find = '<input type="search" id="find" placeholder="find in the header" aria-label="find in the header">'
    return [f'<p class="screen">{find} <span class="sub" id="found"></span></p>',
            f'<div class="wide cards" tabindex="0"><table id="cards">{rows}</table></div>']  # fmt: skip


def _lines(card: str) -> str:
    """Give a card as a file has it: a long one goes on in the next line."""
    return "\n".join(card[at : at + 80].rstrip() for at in range(0, len(card.rstrip()), 80))


# ---- before and after ----


def before_and_after(raw: Image, product: ReducedImage, view: View) -> list[str]:
    """Draw the mean along rows and columns before and after the reduction; of a product that was turned, as it lies."""
    turned = any(step.is_of(orient) and step.worked and step.was_told(saxis=0) for step in product.history)
    before, kind = raw.pixels.moved(np.rot90) if turned else raw.pixels, product.kind
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
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
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

COUNTED = ("saturated", "flagged", "rejected")


def shares_rejected(images: Iterable[Image | ReducedImage]) -> dict[str, float]:
    """Give by name which share of the pixels of each frame was left out when it was combined."""
    return {
        name: count / image.pixels.values.size
        for image in images
        for name, count in rejected_from([image]).items()
    }  # fmt: skip


def quality_section(rows: Sequence[Quality], shares: Mapping[str, float] = {}) -> list[str]:
    """Give a table for each unit, one row a frame or product, the frames of a kind together; nothing for none.

    :param shares: by name, which share of a frame's pixels was left out when it was combined.
    """
    if not rows:
        return []
    about = (
        "<p>Level: median of the good pixels. Noise: from pixel to pixel along rows. Gradient: right edge less left, "
        "upper less lower. Saturated and flagged: pixels. Rejected: values left out when frames were combined.</p>"
    )
    units = dict.fromkeys(row.unit for row in rows)
    return [about, *(_quality_table([row for row in rows if row.unit == unit], unit, shares) for unit in units)]


def _quality_table(rows: Sequence[Quality], unit: str, shares: Mapping[str, float]) -> str:
    measured = [_labelled(word, unit) for word in ("level", "noise", "gradient x", "gradient y")]
    heads = ["type", "image", "exposure (s)", *measured, *COUNTED, "of its pixels", "dark scaled by"]
    kinds = [[*of_kind] for _, of_kind in groupby(rows, lambda row: row.kind)]
    groups = [[_cells(row, _decimals(of_kind), shares) for row in of_kind] for of_kind in kinds]
    said = [any(row[column] for group in groups for row in group) for column in range(len(heads))]

    def line(cells: Iterable[str], tag: str) -> str:
        kept = (f"<{tag}>{_safe(cell)}</{tag}>" for cell, shown in zip(cells, said, strict=True) if shown)
        return f"<tr>{''.join(kept)}</tr>"

    bodies = (f"<tbody>{''.join(line(row, 'td') for row in group)}</tbody>" for group in groups)
    table = f'<table class="quality"><thead>{line(heads, "th")}</thead>{"".join(bodies)}</table>'
    return f'<div class="wide" tabindex="0">{table}</div>'


def _decimals(rows: Sequence[Quality]) -> int:
    """Give the decimals that show three digits of the noise: a level is known to no more."""
    noises = [row.noise for row in rows if row.noise > 0]
    return min(9, max(0, 2 - math.floor(math.log10(np.median(noises))))) if noises else 2


def _cells(row: Quality, decimals: int, shares: Mapping[str, float]) -> tuple[str, ...]:
    sizes = (row.level, row.noise, row.gradient_x, row.gradient_y)
    return (
        row.kind,
        re.split(r"[/\\]", row.name)[-1],
        "" if row.exposure is None else f"{row.exposure:g}",
        *("" if math.isnan(size) else f"{size:.{decimals}f}".replace("-", "−") for size in sizes),
        *("" if count is None else str(count) for count in (row.saturated, row.flagged, row.rejected)),
        _percent(shares[row.name]) if row.name in shares else "",
        "" if row.dark is None else f"{row.dark:.4g}",
    )
