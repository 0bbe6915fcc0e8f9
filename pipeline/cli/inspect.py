"""Edge: the command's words about figures: ``inspect``, and the figures that ``reduce`` draws."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pipeline.cli.outputs import check_outputs
from pipeline.errors import OutputError
from pipeline.figures.colour import LIMITS, MAPS, STRETCHES, Appearance
from pipeline.figures.export import FigureFile, check_name, export_figure
from pipeline.figures.night_page import write_report
from pipeline.fits.atomic import together
from pipeline.fits.open import open_frame
from pipeline.night.masters import Masters
from pipeline.night.quality import Quality
from pipeline.night.summary import flag_words
from pipeline.records.frames import FrameSet
from pipeline.stages.header import ReducedImage

_NAMES = "FILE.html, .iframe.html, .png, .jpg, .svg, .pdf or .json"


def add_figure_options(command: argparse.ArgumentParser) -> None:
    """Let a command draw its product."""
    command.add_argument("--figure", type=Path, nargs="+", default=[], metavar="OUT", help=f"also draw it: {_NAMES}")
    command.add_argument("--report", type=Path, metavar="FILE.html", help="also write a report of the night: one page")
    _add_looks(command)


def add_inspect(command: argparse.ArgumentParser) -> None:
    """Add the options of the command that draws a frame."""
    command.add_argument("file", type=Path, metavar="FILE", help="a FITS file")
    command.add_argument("--hdu", default="0", metavar="HDU", help="number or name of the HDU (default: 0)")
    command.add_argument(
        "-o", "--output", type=Path, nargs="+", required=True, metavar="OUT", help=_NAMES, dest="figure"
    )
    command.add_argument("--overwrite", action="store_true", help="write over files that are there")
    command.add_argument("--quiet", action="store_true", help="print notes and errors only")
    _add_looks(command)
    command.set_defaults(run=_inspect, strict=False)


def _add_looks(command: argparse.ArgumentParser) -> None:
    add = command.add_argument_group("figures").add_argument
    add("--limits", choices=LIMITS, default="zscale", help="values of the first and last colour (default: zscale)")
    add("--stretch", choices=STRETCHES, default="linear", help="of the colours (default: linear)")
    add("--colours", choices=list(MAPS), default="viridis", help="colour map (default: viridis)")
    add("--plotlyjs", choices=["embed", "directory", "cdn"], default="embed", help="where pages have plotly.js from")
    add("--full", action="store_true", help="JSON of every pixel, not of blocks")
    add("--compact", action="store_true", help="JSON with base64 arrays, for plotly.js from 2.28 on")
    add("--browser", action="store_true", help="PNG and JPG by kaleido and Chromium, like SVG and PDF")


def _inspect(options: argparse.Namespace) -> None:
    for path in options.figure:
        check_name(path)
    check_outputs(options.figure, [options.file], overwrite=options.overwrite)
    image = open_frame(options.file, int(options.hdu) if options.hdu.isdecimal() else options.hdu)
    image = image.rows(0, image.shape[0])  # read once, for all that follows
    say = (lambda _: None) if options.quiet else print
    height, width = image.shape
    say(f"{image.name}: {height} rows × {width} columns{flag_words(image)}")
    with together():
        write_figures(image, options, image.short_name, say)


def drawing_paths(options: argparse.Namespace) -> tuple[Path, ...]:
    """Give the files of figures and report that were asked for.

    :raises OutputError: no kind of figure has such a name.
    """
    for path in options.figure:
        check_name(path)
    if options.report and options.report.suffix.lower() != ".html":
        raise OutputError(f"{options.report}: the report is a page; end its name in .html")
    return (*options.figure, *([options.report] if options.report else []))


def write_drawings(
    products: Sequence[ReducedImage],
    masters: Masters,
    frames: FrameSet,
    quality: Sequence[Quality],
    options: argparse.Namespace,
    say: Callable[[str], None],
) -> None:
    """Write the figures and the report of a night that were asked for."""
    write_figures(products[0], options, Path(options.output or "reduced.fits").name, say)
    if options.report:
        look = Appearance(options.limits, options.stretch, options.colours)
        write_report(
            options.report,
            products,
            masters,
            frames,
            quality=quality,
            look=look,
            plotlyjs=options.plotlyjs,
            overwrite=options.overwrite,
        )
        say(f"wrote {options.report}")


def write_figures(record: Any, options: argparse.Namespace, name: str, say: Callable[[str], None]) -> None:
    """Write the figures that were asked for."""
    look = Appearance(options.limits, options.stretch, options.colours)
    form = FigureFile(options.plotlyjs, options.full, options.compact, options.browser)
    for path in options.figure:
        export_figure(record, path, look=look, form=form, name=name, overwrite=options.overwrite)
        say(f"wrote {path}")
