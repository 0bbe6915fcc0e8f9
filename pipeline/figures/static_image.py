"""Edge: a frame as a static image for a paper: PNG, JPG, SVG or PDF, drawn by matplotlib, and astropy on the sky.

matplotlib is an extra.  It took the place of a painting of our own by Pillow, for PNG and JPG, and of kaleido with a
Chromium, for SVG and PDF, because it is less code for more: one way to every kind of file, axes on the sky by astropy's
WCSAxes, text that a journal takes (TrueType in PDF, outlines in SVG), and files that are the same bytes each time.  A
PNG takes about 0.9 s more of the processor, for imports; an SVG or PDF some seconds less, and no browser.  The user's
``matplotlibrc`` says which fonts there are.
"""

from __future__ import annotations

import io
import math
import textwrap
import warnings
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

import attrs
import numpy as np

from pipeline.compose.settings import Limits, checked
from pipeline.errors import OutputError, SettingError
from pipeline.figures.blocks import Blocks
from pipeline.figures.colour import MASK_COLOUR, NOTHING, Appearance, Range, colours, stretched, unstretched
from pipeline.figures.figure import limits_of
from pipeline.figures.html_page import PlotlyJs
from pipeline.figures.layout import FILL, INK, LINE, NO_PIXELS, counts_in_bins, span_of
from pipeline.figures.view import View
from pipeline.headers.cards import Cards
from pipeline.records.arrays import Array
from pipeline.records.interop import wcs_of

WIDE, TALLEST, FLATTEST = 6.4, 6.4, 0.9
"""Inches: of the whole figure, and of its picture at most and at least, where no size is asked for."""

LEFT, RIGHT, TOP, BOTTOM, BAR, HISTOGRAM, GAP = 0.68, 0.84, 0.6, 0.5, 0.13, 0.75, 0.55
"""Inches about and within the figure; without a title TOP shrinks to a margin."""

MARGIN, LEAST = 0.12, 0.4

NAMED = {"index": ("x (column, from 0)", "y (row, from 0)"), "pixel": ("x (column, from 1)", "y (row, from 1)")}
"""What axes are called that count pixels as Python does, and as FITS does."""

FIXED = {
    "svg": {"Date": None},
    "pdf": {"CreationDate": None},
    "png": {"Software": None},
}
"""What matplotlib would write of the clock and of itself."""

MOST_DOTS = 10**8
"""Of a static image: what no memory should be asked for by a slip."""

Inches: TypeAlias = Annotated[float, Limits(above=0, most=200, unit="inches")]
Axes: TypeAlias = Literal["index", "pixel", "sky"]


@checked
@attrs.frozen
class FigureFile:
    """How a figure is to be written, where its kind of file leaves a choice.

    >>> from pipeline import FigureFile
    >>> FigureFile(size=(3.5, 3), dpi=300, axes="sky").histogram
    True

    :param plotlyjs: where a page has plotly.js from: ``embed`` in it, ``directory`` beside it, ``cdn`` from plotly's
        server.
    :param full: JSON of every pixel.
    :param compact: JSON with base64 arrays, which plotly.js before 2.28 and R's plotly draw as nothing.
    :param size: inches along x and y of PNG, JPG, SVG and PDF; by default 6.4 wide, and as high as the frame asks for.
    :param dpi: dots per inch of these, in SVG and PDF of their picture.
    :param title: whether these have the title.
    :param histogram: whether these have the histogram.
    :param axes: of these: ``index``, pixels from 0; ``pixel``, from 1 as FITS counts; ``sky``, the header's WCS.
    :raises SettingError: plotly.js is nowhere such, there are no such axes, or the size is none, leaves no room for a
        picture, or is of too many dots.
    """

    plotlyjs: PlotlyJs = "embed"
    full: bool = False
    compact: bool = False
    size: tuple[Inches, Inches] | None = None
    dpi: Annotated[int, Limits(least=30, most=2400)] = 150
    title: bool = True
    histogram: bool = True
    axes: Axes = "index"

    @property
    def room(self) -> tuple[float, float]:
        """Inches along x and y that are left for the picture, at most."""
        wide, tall = self.size or (WIDE, self.above + self.below + TALLEST)
        return wide - self.left - RIGHT, tall - self.above - self.below

    @property
    def left(self) -> float:
        """Inches at the left of the picture."""
        return LEFT + (0.2 if self.axes == "sky" else 0)

    @property
    def above(self) -> float:
        """Inches above the picture."""
        return TOP if self.title else MARGIN

    @property
    def below(self) -> float:
        """Inches below the picture."""
        return BOTTOM + (HISTOGRAM + GAP if self.histogram else 0)

    def __attrs_post_init__(self) -> None:
        if self.size and min(self.room) < LEAST - 1e-9:
            least = (math.ceil(100 * (s - r + LEAST)) / 100 for s, r in zip(self.size, self.room, strict=True))
            raise SettingError(
                f"FigureFile: {self.size[0]:g}×{self.size[1]:g} inches have no room for a picture and what is about "
                f"it; ask for {' by '.join(f'{inches:g}' for inches in least)} (--figure-size), or leave out title "
                "and histogram (--no-title, --no-histogram)"
            )
        if self.size and self.size[0] * self.size[1] * self.dpi**2 > MOST_DOTS:
            raise SettingError(
                f"FigureFile: {self.size[0]:g}×{self.size[1]:g} inches at {self.dpi} dpi are more than {MOST_DOTS:g} "
                "dots; ask for fewer (--figure-size, --dpi)"
            )


@attrs.frozen
class _Frame:
    """Where the picture lies in the figure, in inches, and how large the figure is."""

    wide: float
    tall: float
    left: float
    bottom: float
    width: float
    height: float

    def placed(self, left: float, bottom: float, width: float, height: float) -> tuple[float, float, float, float]:
        """Give a rectangle in inches as parts of the figure."""
        return left / self.wide, bottom / self.tall, width / self.wide, height / self.tall


def drawn(view: View, look: Appearance, form: FigureFile, kind: str) -> bytes:
    """Draw a view; give the bytes of the file.

    :param kind: png, jpg, svg or pdf.
    :raises OutputError: axes on the sky are asked for and there is no WCS.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    frame = _frame(view, form)
    limits = limits_of(view)
    steady = {"svg.hashsalt": "ccd-pipeline", "pdf.fonttype": 42}
    settings: Mapping[str, Any] = {"pil_kwargs": {"quality": 92, "subsampling": 0}} if kind == "jpg" else {}
    stream = io.BytesIO()
    with mpl.rc_context(steady), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a name in letters that the font lacks
        figure = Figure(figsize=(frame.wide, frame.tall), dpi=form.dpi)
        _picture(figure, view, look, limits[look.limits], form, frame)
        _colour_bar(figure, view, look, limits[look.limits], frame)
        if form.title:
            _title(figure, view, frame)
        if form.histogram:
            counts = figure.add_axes(frame.placed(frame.left, BOTTOM, frame.width, HISTOGRAM))
            _histogram(counts, view, span_of(limits), limits[look.limits])
        figure.savefig(stream, format=kind, dpi=form.dpi, metadata=FIXED.get(kind), **settings)
    return stream.getvalue()


def _frame(view: View, form: FigureFile) -> _Frame:
    """Give the picture the room that there is: pixels are square, and nothing is left at its sides."""
    (rows, columns), (across, up) = view.shape, form.room
    scale = min(across / columns, up / rows)
    width, height = columns * scale, rows * scale
    if form.size is None:
        height = max(height, FLATTEST)
        return _Frame(WIDE, form.above + form.below + height, form.left, form.below, max(width, LEAST), height)
    return _Frame(*form.size, form.left + (across - width) / 2, form.below + (up - height) / 2, width, height)


def _picture(figure: Any, view: View, look: Appearance, limits: Range, form: FigureFile, frame: _Frame) -> None:
    """Draw the picture, in no more blocks than the figure has dots for, and its axes."""
    rows, columns = view.shape
    blocks = view.blocks(max(64, round(form.dpi * np.sqrt(frame.width * frame.height) * 1.5)))
    first = 0.5 if form.axes == "pixel" else -0.5
    high, wide = (first + blocks.size * n for n in blocks.shown.shape)
    sky = {"projection": wcs_on_the_sky(view.header, view.title)} if form.axes == "sky" else {}
    axes = figure.add_axes(frame.placed(frame.left, frame.bottom, frame.width, frame.height), **sky)
    shown = coloured(blocks, limits, look)[::-1]
    axes.imshow(shown, origin="lower", extent=(first, wide, first, high), aspect="auto")  # as the frame has it
    axes.set_xlim(first, first + columns)
    axes.set_ylim(first, first + rows)
    if form.axes == "sky":
        for axis, name in zip(axes.coords, axes.wcs.wcs.ctype, strict=True):
            axis.set_axislabel(name.split("-")[0].replace("DEC", "Dec"), size=9)
            axis.set_ticklabel(size=8, exclude_overlapping=True)
        axes.coords.grid(color="white", alpha=0.3, linewidth=0.5)
    else:
        along, up = NAMED[form.axes]
        axes.set_xlabel(along, fontsize=9)
        axes.set_ylabel(up, fontsize=9)
    axes.tick_params(labelsize=8)


def wcs_on_the_sky(header: Cards, name: str) -> Any:
    """Give the celestial WCS of a header.

    :raises OutputError: it has none.
    """
    wcs = wcs_of(header)
    if wcs is None or not wcs.has_celestial:
        raise OutputError(f"{name}: no celestial WCS in its header, so no axes on the sky; draw axes of pixels")
    return wcs


def coloured(blocks: Blocks, limits: Range, look: Appearance) -> Array:
    """Give the colours of blocks, uint8 (ny, nx, 3), the top row first; grey where there is no value."""
    steps = 1024
    table = colours(look.colours, np.linspace(0, 1, steps + 1))
    place = np.nan_to_num(stretched(blocks.shown, limits, look.stretch))
    colour = table[np.rint(place * steps).astype(np.intp)]
    colour[np.isnan(blocks.shown)] = NOTHING
    if blocks.masked is not None:
        share = np.where(blocks.masked > 0, 0.35 + 0.65 * blocks.masked, 0)[..., None]
        mark = np.array(list(bytes.fromhex(MASK_COLOUR[look.colours][1:])))
        colour = np.rint(colour * (1 - share) + mark * share).astype(np.uint8)
    return np.ascontiguousarray(colour[::-1])


def _colour_bar(figure: Any, view: View, look: Appearance, limits: Range, frame: _Frame) -> None:
    """Draw the colours at equal distances and the values they stand for."""
    bar = figure.add_axes(frame.placed(frame.left + frame.width + 0.1, frame.bottom, BAR, frame.height))
    bar.imshow(colours(look.colours, np.linspace(1, 0, 256))[:, None], extent=(0, 1, 0, 1), aspect="auto")
    count = max(3, min(8, int(frame.height / 0.45)))
    if look.stretch == "linear":
        from matplotlib.ticker import MaxNLocator

        round_ones = np.asarray(MaxNLocator(count).tick_values(limits.low, limits.high))
        values = round_ones[(round_ones >= limits.low) & (round_ones <= limits.high)]
    else:
        even = limits.low + unstretched(np.linspace(0, 1, count + 1), look.stretch) * (limits.high - limits.low)
        digit = 10 ** np.floor(np.log10(np.diff(even) / 2))
        values = np.round(even[:-1] / digit) * digit
        values = values[values >= limits.low]
    bar.set_yticks(stretched(values, limits, look.stretch), [f"{value:.4g}".replace("-", "−") for value in values])
    bar.set_xticks([])
    bar.yaxis.tick_right()
    bar.yaxis.set_label_position("right")
    bar.tick_params(labelsize=8)
    bar.set_ylabel(view.unit or "value", fontsize=9, parse_math=False)


def _title(figure: Any, view: View, frame: _Frame) -> None:
    """Write the title and the line below it, as far as there is room."""
    left, top = frame.left / frame.wide, 1 - MARGIN / frame.tall
    for text, size, down, weight in ((view.title, 11, 0.0, "bold"), (view.subtitle, 8, 0.22, "normal")):
        letters = int((frame.wide - frame.left - MARGIN) / (0.0085 * size))  # of a usual width
        printable = text.encode(errors="replace").decode()  # a file's name may be no text
        shown = textwrap.shorten(printable, max(letters, 8), placeholder=" …")
        figure.text(
            left, top - down / frame.tall, shown, size=size, weight=weight, va="top", color=INK, parse_math=False
        )


def _histogram(axes: Any, view: View, span: Range, limits: Range) -> None:
    """Count the good pixels in bins about the limits, which are shaded."""
    counts, below, above = counts_in_bins(view.good, span)
    edges = np.linspace(span.low, span.high, counts.size + 1)
    axes.stairs(counts, edges, baseline=NO_PIXELS, fill=True, color=FILL)
    axes.stairs(np.maximum(counts, NO_PIXELS), edges, baseline=None, color=LINE, linewidth=0.7)
    axes.axvspan(max(limits.low, span.low), min(limits.high, span.high), color=LINE, alpha=0.13, linewidth=0, zorder=0)
    axes.set_yscale("log")
    axes.set_xlim(span.low, span.high)
    axes.set_ylim(NO_PIXELS, 2 * max(1, counts.max()))
    outside = f" · {below} pixels below, {above} above" if below or above else ""
    name = f"value ({view.unit})" if view.unit else "value"
    axes.set_xlabel(f"{name}{outside}", fontsize=9, parse_math=False)
    axes.set_ylabel("pixels", fontsize=9)
    axes.tick_params(labelsize=8)
