"""Edge: the command ``ccd-pipeline inspect``, and the figures that ``reduce`` draws of its night."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.cli.options import FIGURE_NAMES, add_appearance_options, check_figures, figure_form
from pipeline.cli.outputs import check_outputs
from pipeline.cli.terminal import CommandParser, printer_of
from pipeline.compose.running import one_by_one
from pipeline.errors import SettingError
from pipeline.figures.colour import Appearance
from pipeline.figures.export import export_figure
from pipeline.figures.night_report import write_report
from pipeline.fits.atomic import together
from pipeline.fits.open import open_frame
from pipeline.fits.write import product_stem
from pipeline.night.masters import Masters
from pipeline.night.quality import Quality
from pipeline.night.recipe import Recipe
from pipeline.night.summary import flag_words
from pipeline.records.frames import FrameSet
from pipeline.stages.header import ReducedImage


def add_inspect(command: CommandParser) -> None:
    """Add the options of the command that draws frames."""
    command.add_argument(
        "files",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="a FITS file; several, such as raw, master and reduced, stand in one page, side by side or blinking",
    )
    command.add_argument("--hdu", default="0", metavar="HDU", help="number or name of the HDU (default: 0)")
    command.add_argument(
        "-o",
        "--output",
        type=Path,
        nargs="+",
        metavar="OUT",
        help=f"{FIGURE_NAMES} (default: the page FILE.html beside it)",
        dest="figure",
    )
    command.add_argument("--overwrite", action="store_true", help="write over files that are there")
    command.add_argument("--quiet", action="store_true", help="print notes and errors only")
    add_appearance_options(command)
    command.set_defaults(run=_inspect, strict=False)


def _inspect(options: argparse.Namespace) -> None:
    files = options.files
    if not options.figure and len(files) > 1:
        raise SettingError(f"{len(files)} frames, and no name for their page: add -o FILE.html")
    options.figure = options.figure or [files[0].with_name(f"{product_stem(files[0].name)}.html")]
    check_figures(options.figure, several=len(files) > 1)
    figure_form(options)  # whether its settings can be
    check_outputs(options.figure, files, overwrite=options.overwrite)
    say = printer_of(options)
    images = []
    for file in one_by_one(files, "reading frame"):
        image = open_frame(file, int(options.hdu) if options.hdu.isdecimal() else options.hdu)
        image = image.rows(0, image.shape[0])  # read once, for all that follows
        height, width = image.shape
        say(f"{image.name}: {height} rows × {width} columns{flag_words(image)}")
        images.append(image)
    names = [image.short_name for image in images]
    with together():
        if len(images) == 1:
            write_figures(images[0], options, names[0], say)
        else:
            write_figures(images, options, names, say)


def write_drawings(
    products: Sequence[ReducedImage],
    masters: Masters,
    frames: FrameSet,
    quality: Sequence[Quality],
    recipe: Recipe,
    files: Mapping[str, Path],
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
            command=options.command_line,
            recipe=recipe,
            files=files,
            overwrite=options.overwrite,
        )
        say(f"wrote {options.report}")


def write_figures(record: Any, options: argparse.Namespace, name: str | list[str], say: Callable[[str], None]) -> None:
    """Write the figures that were asked for."""
    look = Appearance(options.limits, options.stretch, options.colours)
    form = figure_form(options)
    for path in options.figure:
        export_figure(record, path, look=look, form=form, name=name, overwrite=options.overwrite)
        say(f"wrote {path}")
