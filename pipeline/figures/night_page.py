"""Edge: the report of a night: one page with what came out, what it was made of, and how well."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.creator import CREATOR
from pipeline.figures.colour import Look
from pipeline.figures.export import write_plotly_beside
from pipeline.figures.html_page import PlotlyJs, page_text, panel, whole_page
from pipeline.figures.profiles import before_and_after
from pipeline.figures.qualitypage import quality_section
from pipeline.figures.view import View, view_of
from pipeline.fits.quality_file import quality_of
from pipeline.fits.write import write_whole
from pipeline.night.masters import Masters
from pipeline.night.quality import Quality
from pipeline.night.summary import combined_words, step_words
from pipeline.records.frames import FrameSet, Image
from pipeline.records.pixels import Flag
from pipeline.stacking.result import Found
from pipeline.stages.header import ReducedImage
from pipeline.statistics.amplifier_noise import AmplifierNoise
from pipeline.statistics.robust import MAD_TO_SIGMA

HOT = 5.0
"""A dark's pixel is called hot from so many standard deviations above its median."""


def write_report(
    path: str | Path,
    products: Sequence[ReducedImage],
    masters: Masters,
    frames: FrameSet,
    *,
    quality: Sequence[Quality] | None = None,
    look: Look = Look(),  # noqa: B008 - an immutable record
    plotlyjs: PlotlyJs = "embed",
    overwrite: bool = False,
) -> None:
    """Write the report of a night to one self-contained page.

    :param products: the reduced light, and the arc where there is one.
    :param masters: what they were calibrated with.
    :param frames: the night's raw frames: the first of a product's kind is shown beside it.
    :param quality: the quality numbers to list; by default those of the frames as they are, and of the products.
    :raises OutputError: the file is there and may not be overwritten, or cannot be written.
    """
    rows = quality_of(frames, products) if quality is None else quality
    text = night_page(products, masters, frames, look, plotlyjs, rows)
    if plotlyjs == "directory":
        write_plotly_beside(Path(path))
    write_whole(Path(path), text.encode(errors="replace"), overwrite=overwrite)


def night_page(
    products: Sequence[ReducedImage],
    masters: Masters,
    frames: FrameSet,
    look: Look,
    plotlyjs: PlotlyJs,
    quality: Sequence[Quality] = (),
) -> str:
    """Give the page: products, calibrations, frames and their quality, history and header."""
    views = [view_of(product) for product in products]
    counts = ", ".join(f"{len(frames.of_kind(kind))} {kind}" for kind in _kinds(frames))
    parts = [f"<h1>{_safe(views[0].title)}</h1>", f'<p class="sub">{_safe(views[0].subtitle)} · from {counts}</p>']
    for product, view in zip(products, views, strict=True):
        parts += _product(product, view, frames, look)
    made = [(kind, master) for kind in ("bias", "dark", "flat") if (master := getattr(masters, kind)) is not None]
    for kind, master in made:
        parts += _master(kind, master, look)
    parts += _rejections([*((kind, master.image) for kind, master in made), *((p.kind, p) for p in products)])
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


def _product(product: ReducedImage, view: View, frames: FrameSet, look: Look) -> list[str]:
    title = "The reduced image" if product.kind == "light" else f"The reduced {product.kind}"
    facts = [("combined", combined_words(product.found)), ("done", step_words(product)), ("flagged", _bad(view))]
    raw = frames.of_kind(product.kind).frames
    return [
        f"<h2>{title}</h2>",
        _facts(facts),
        panel(view, look, key=f"product-{product.kind}").body,
        *(before_and_after(raw[0], view, product.kind) if raw else []),
    ]


def _bad(view: View) -> str:
    """Count the flagged pixels, by reason."""
    counts = [(str(flag.name).lower().replace("_", " "), int(np.count_nonzero(view.flags & flag))) for flag in Flag]
    words = ", ".join(f"{count} {name}" for name, count in counts if count)
    share = 0.0 if view.masked is None else float(view.masked.mean())
    return f"{words} ({_percent(share)} of all pixels)" if words else "no pixel"


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"


def _master(kind: str, master: Any, look: Look) -> list[str]:
    view, found = view_of(master), master.image.found
    facts = [("combined", combined_words(found)), ("level", _level(view)), ("flagged", _bad(view))]
    if found is not None:
        counted = "electron" if any(ran.stage == "to_electrons" for ran in master.image.history) else "adu"
        alone = len(found.amplifiers) == 1
        facts += [("noise", _noise(kind, one, alone, counted)) for one in found.amplifiers]
    if kind == "dark":
        facts.append(("hot pixels", _hot(view)))
    return [f"<h2>Master {kind}</h2>", _facts(facts), panel(view, look, key=f"master-{kind}", whole=False).body]


def _level(view: View) -> str:
    good = view.good
    if not good.size:
        return ""
    spread = float(MAD_TO_SIGMA * np.median(np.abs(good - np.median(good))))
    unit = f" {view.unit}" if view.unit else ""
    return f"median {np.median(good):.6g}{unit}, spread of the pixels {spread:.4g}{unit}"


def _noise(kind: str, amplifier: AmplifierNoise, alone: bool, unit: str) -> str:
    """Say what the fit σ² = a + b·level found, in frames of some unit."""
    noise, (top, end), (left, right) = amplifier.noise, amplifier.rows, amplifier.columns
    where = "" if alone else f"rows {top} to {end - 1}, columns {left} to {right - 1}: "
    if kind == "bias":
        return f"{where}read noise {math.sqrt(max(noise.a, noise.floor)):.3g} {unit}"
    sign = "−" if noise.a < 0 else "+"
    fit = f"σ² = {noise.b:.4g} · level {sign} {abs(noise.a):.4g}, in {unit} with the bias in"
    tells = kind == "flat" and noise.b > 0 and unit == "adu"
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
    if not isinstance(found, Found) or len(image.sources) != found.frames:
        return
    size = image.pixels.values.size
    for name, rejected, seconds in zip(image.sources, found.rejected, found.exposures, strict=True):
        exposure = "" if seconds is None else f"{seconds:g} s"
        cells = (kind, re.split(r"[/\\]", name)[-1], exposure, rejected, _percent(rejected / size))
        yield f"<tr>{''.join(f'<td>{_safe(cell)}</td>' for cell in cells)}</tr>"


def _history(product: ReducedImage) -> list[str]:
    items = "".join(f"<li><code>{_safe(ran)}</code></li>" for ran in product.history)
    return ["<h2>History</h2>", f"<ol>{items}</ol>"]


def _header(product: ReducedImage) -> list[str]:
    rows = "".join(f"<tr><td>{_safe(_lines(card.image))}</td></tr>" for card in product.header)
    find = '<input type="search" id="find" placeholder="find in the header" aria-label="find in the header">'
    return ["<h2>Header</h2>", f'<p>{find} <span class="sub" id="found"></span></p>',
            f'<div class="wide cards"><table id="cards">{rows}</table></div>']  # fmt: skip


def _lines(card: str) -> str:
    """Give a card as a file has it: a long one goes on in the next line."""
    return "\n".join(card[at : at + 80].rstrip() for at in range(0, len(card.rstrip()), 80))
