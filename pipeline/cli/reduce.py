"""Edge: the command ``ccd-pipeline reduce``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path

from pipeline.cli.every_hdu import reduce_every_hdu, refuse_others
from pipeline.cli.inspect import add_figure_options, outputs_of, write_drawings
from pipeline.cli.options import (
    add_combining_options,
    add_reduction_options,
    add_worker_options,
    inputs_of,
    night_of,
    recipe_of,
)
from pipeline.cli.outputs import (
    check_outputs,
    master_paths,
    product_paths,
    record_command,
    record_path,
    write_product,
    written_together,
)
from pipeline.cli.step_options import add_extras, add_switches
from pipeline.cli.terminal import printer_of
from pipeline.errors import SettingError, StepError
from pipeline.fits.quality_file import quality_of, write_quality
from pipeline.fits.write import write
from pipeline.night.masters import Masters, make_masters
from pipeline.night.reduce import reduce
from pipeline.night.summary import combined_words, flag_words
from pipeline.stages.bias import MasterBias
from pipeline.stages.dark import MasterDark
from pipeline.stages.flat import MasterFlat
from pipeline.stages.header import ReducedImage


def add_reduce(reduction: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_combining_options(reduction)
    _add_many_options(reduction)
    reduction.add_argument(
        "-o", "--output", type=Path, help="default: reduced.fits; with --each a folder, by default reduced"
    )
    reduction.add_argument("--masters", type=Path, metavar="DIR", help="also write master_bias, _dark and _flat there")
    reduction.add_argument(
        "--dark-has-bias", choices=["yes", "no"], help="whether darks hold the bias, with no bias frames"
    )
    reduction.add_argument(
        "--each", action="store_true", help="reduce each light on its own; the output is then a folder"
    )
    reduction.add_argument(
        "--every-hdu", action="store_true", help="reduce every image HDU of the files on its own, into one product"
    )
    add_switches(reduction)
    add_figure_options(reduction)
    add_reduction_options(reduction)
    add_extras(reduction)
    reduction.set_defaults(run=_reduce)


def _add_many_options(command: argparse.ArgumentParser) -> None:
    """Add the switches for many nights."""
    command.add_argument("more", nargs="*", type=Path, metavar="FILELIST", help="lists of other nights")
    command.add_argument(
        "--output-dir", type=Path, metavar="DIR", help="products go there, named after their lists; else beside them"
    )
    command.add_argument("--force", action="store_true", help="of many nights, make again what is done already too")
    add_worker_options(command)


def _is_many(options: argparse.Namespace) -> bool:
    """Tell whether many nights are asked for, or one in the way of many."""
    return bool(options.more or options.output_dir or options.force or options.workers or options.cluster)


def _reduce(options: argparse.Namespace) -> None:
    if options.each and outputs_of(options):
        raise SettingError("--figure and --report draw one reduction; with --each, draw its files by inspect")
    if options.every_hdu:
        refuse_others(options)
    if _is_many(options):
        from pipeline.cli.reduce_many import reduce_nights  # and with it all that many nights need

        reduce_nights(options, recipe_of(options), printer_of(options))
    elif options.every_hdu:
        reduce_every_hdu(options, recipe_of, printer_of(options))
    else:
        _reduce_one(options)


def _reduce_one(options: argparse.Namespace) -> None:
    recipe, say = recipe_of(options), printer_of(options)
    frames = night_of(options)
    if not frames.light.frames:
        raise StepError(f"{options.filelist}: no light frames in it; give at least one")
    output = options.output or Path("reduced" if options.each else "reduced.fits")
    products = product_paths(output, frames, each=options.each)
    paths = master_paths(options.masters, frames)
    record = record_path(output, each=options.each) if options.record else None
    drawings = outputs_of(options)
    sides = [path for path in (record, options.quality, *drawings) if path]
    outputs = [*(path for path, *_ in products), *paths.values(), *sides]
    check_outputs(outputs, inputs_of(options, frames), overwrite=options.overwrite)
    masters = make_masters(frames, recipe)
    for kind, master in _made(masters):
        say(f"master {kind}: {combined_words(master.image.found)}{flag_words(master.image)}")
    made = ((path, reduce(chosen, recipe=recipe, masters=masters, kind=kind)) for path, kind, chosen in products)
    keep = bool(sides)
    done = _delivered(made, options, keep, say) if options.each else []  # many products, each when it is done
    reduced = list(made)
    with written_together(say) as tell:
        done += _delivered(reduced, options, keep, tell)
        for kind, master in _made(masters):
            if kind in paths:
                write(master, paths[kind], overwrite=options.overwrite)
        made_of = [product for product, _ in done]
        measured = quality_of(recipe.prepared(frames), made_of) if options.quality or options.report else []
        if drawings:
            write_drawings(options, (made_of, masters, frames), measured, tell)
        if options.quality:
            write_quality(measured, options.quality, overwrite=options.overwrite)
            tell(f"wrote {options.quality}: quality numbers of {len(measured)} images")
        record_command(record, "reduce", options, frames, done, tell)


def _delivered(
    made: Iterable[tuple[Path, ReducedImage]], options: argparse.Namespace, keep: bool, say: Callable[[str], None]
) -> list[tuple[ReducedImage, Path]]:
    """Write products; give back those that are still needed."""
    done = []
    for path, product in made:
        write_product(product, path, options.overwrite, say)
        done += [(product, path)] if keep else []
    return done


def _made(masters: Masters) -> list[tuple[str, MasterBias | MasterDark | MasterFlat]]:
    every = (("bias", masters.bias), ("dark", masters.dark), ("flat", masters.flat))
    return [(kind, master) for kind, master in every if master is not None]
