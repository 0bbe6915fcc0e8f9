"""Edge: the command ``ccd-pipeline reduce``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from pipeline.cli.every_hdu import reduce_every_hdu, refuse_options_of_one_image
from pipeline.cli.options import (
    add_combining_options,
    add_figure_options,
    add_reduction_options,
    add_worker_options,
    check_figures,
    figure_form,
    inputs_of,
    night_of,
    recipe_asked,
)
from pipeline.cli.outputs import (
    PlannedProduct,
    ReductionFiles,
    check_outputs,
    check_product_names,
    master_paths,
    planned_products,
    record_command,
    record_path,
    write_product,
    written_together,
)
from pipeline.cli.step_options import add_core_steps, add_other_steps
from pipeline.cli.terminal import CommandParser, printer_of
from pipeline.compose.telling import told_together
from pipeline.errors import SettingError, StepError
from pipeline.fits.write import write, write_table
from pipeline.night.masters import Masters, make_masters
from pipeline.night.quality import quality_of, quality_table
from pipeline.night.recipe import Recipe
from pipeline.night.recipe_steps import raw_steps
from pipeline.night.reduce import reduce
from pipeline.night.summary import combined_words, flag_words
from pipeline.records.frames import FrameSet
from pipeline.stages.header import ReducedImage


def add_reduce(reduction: CommandParser) -> None:
    """Add the options of the command."""
    add_combining_options(reduction, output="reduced.fits; with --each a folder, reduced", several=True)
    _add_many_options(reduction)
    add = reduction.group("output").add_argument
    add("--masters", type=Path, metavar="DIR", help="also write master_bias, _dark and _flat there")
    reduction.group("calibration").add_argument(
        "--dark-has-bias", choices=["yes", "no"], help="whether darks hold the bias, with no bias frames"
    )
    reduction.group("calibration").add_argument(
        "--dark-scale",
        choices=["exposure", "fit"],
        help="take the dark out of lights by exposures (default), or as strong as its hot pixels stand in them",
    )
    add("--each", action="store_true", help="reduce each light on its own; the output is then a folder")
    add("--every-hdu", action="store_true", help="reduce every image HDU of the files on its own, into one product")
    reduction.group("input").add_argument(
        "--recipe", type=Path, metavar="FILE", help="settings from there; options go before them (see: recipe)"
    )
    add("--save-recipe", type=Path, metavar="FILE", help="also write the settings there, for --recipe")
    add_core_steps(reduction)
    add_figure_options(reduction)
    add_reduction_options(reduction)
    add_other_steps(reduction)
    reduction.set_defaults(run=_reduce)


def _add_many_options(command: CommandParser) -> None:
    """Add the switches for many nights."""
    add = command.group("many nights").add_argument
    add("--output-dir", type=Path, metavar="DIR", help="products go there, named after their lists; else beside them")
    add("--force", action="store_true", help="of many nights, make again what is done already too")
    add_worker_options(command)


def _is_many(options: argparse.Namespace) -> bool:
    """Tell whether many nights are asked for, or one in the way of many."""
    here = bool(options.output_dir or options.force) and not options.each
    return here or bool(options.more or options.cluster) or options.workers is not None


def _reduce(options: argparse.Namespace) -> None:
    if options.each and options.align:
        raise SettingError("--align is for lights that are combined; it does not go with --each")
    if options.every_hdu:
        refuse_options_of_one_image(options)
    if _is_many(options):
        from pipeline.cli.reduce_many import reduce_nights  # and with it all that many nights need

        reduce_nights(options, recipe_asked(options), printer_of(options))
    elif options.every_hdu:
        reduce_every_hdu(options, printer_of(options))
    elif options.each:
        from pipeline.cli.reduce_many import reduce_each_light

        reduce_each_light(options, recipe_asked(options), drawing_paths(options), printer_of(options))
    else:
        _reduce_one(options)


def drawing_paths(options: argparse.Namespace) -> tuple[Path, ...]:
    """Give the files of figures and report that were asked for.

    :raises SettingError: no kind of figure has such a name.
    """
    if options.figure:
        figure_form(options)  # whether its settings can be
        check_figures(options.figure)
    if options.report and options.report.suffix.lower() != ".html":
        raise SettingError(f"{options.report}: the report is a page; end its name in .html")
    return (*options.figure, *([options.report] if options.report else []))


@told_together()  # masters and lights may share a fact: it is told once
def _reduce_one(options: argparse.Namespace) -> None:
    """Reduce one night: its lights to one product, and its arcs."""
    asked, say = recipe_asked(options), printer_of(options)
    recipe = asked.recipe
    frames = night_of(options)
    if not frames.light.frames:
        raise StepError(f"{options.filelist}: no light frames in it; give at least one")
    files = _files_of(options, frames, recipe)
    check_outputs(files.every, inputs_of(options, frames, asked.files), overwrite=options.overwrite)
    check_product_names(planned.path for planned in files.products)
    masters = make_masters(frames, recipe)
    for kind, master in masters.named.items():
        say(f"master {kind}: {combined_words(master.image.found)}{flag_words(master.image)}")

    def reduced(planned: PlannedProduct) -> ReducedImage:
        return reduce(planned.frames, recipe=recipe, masters=masters, kind=planned.kind)

    products = [(reduced(planned), planned.path) for planned in files.products]
    with written_together(say) as tell:
        for product, path in products:
            write_product(product, path, options.overwrite, tell)
        for name, master in masters.named.items():
            if name in files.masters:
                write(master, files.masters[name], overwrite=options.overwrite)
        _write_beside(products, recipe, masters, frames, files, options, tell)


def _files_of(options: argparse.Namespace, frames: FrameSet, recipe: Recipe) -> ReductionFiles:
    """Tell which files are to be written; their folders are made.

    :raises OutputError: one cannot be, or a figure of it.
    """
    if options.figure and options.axes == "sky":
        from pipeline.figures.static_image import wcs_on_the_sky

        wcs_on_the_sky(frames.light.frames[0].header, frames.light.frames[0].name)
    output = options.output or Path("reduced.fits")
    return ReductionFiles(
        products=planned_products(output, frames),
        masters=master_paths(options.masters, frames, recipe),
        record=record_path(output) if options.record else None,
        quality=options.quality,
        recipe=options.save_recipe,
        drawings=drawing_paths(options),
    )


def _write_beside(
    products: Sequence[tuple[ReducedImage, Path]],
    recipe: Recipe,
    masters: Masters,
    frames: FrameSet,
    files: ReductionFiles,
    options: argparse.Namespace,
    say: Callable[[str], None],
) -> None:
    """Write what is asked for beside products that have been written: figures and report, quality, record."""
    images = [image for image, _ in products]
    wanted = options.quality or options.report
    measured = quality_of(raw_steps(recipe)(frames), images, masters.images) if wanted else []
    if files.drawings:
        from pipeline.cli.inspect import write_drawings

        written = {**{image.kind: path for image, path in products}, **files.masters}
        write_drawings(images, masters, frames, measured, recipe, written, options, say)
    if files.quality:
        write_table(files.quality, quality_table(measured), overwrite=options.overwrite)
        say(f"wrote {files.quality}: quality numbers of {len(measured)} images")
    if files.recipe:
        from pipeline.fits.read_recipe import write_recipe  # and with it all stages

        write_recipe(recipe, files.recipe, overwrite=options.overwrite)
        say(f"wrote {files.recipe}: the settings, for --recipe")
    record_command(files.record, "reduce", options, frames, products, say, recipe)
