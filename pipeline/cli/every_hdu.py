"""Edge: ``reduce --every-hdu``: files of several detectors, reduced HDU by HDU into one product."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from pipeline.cli.options import delimiter_of, recipe_asked
from pipeline.cli.outputs import check_outputs, check_product_names, master_paths, planned_products, written_together
from pipeline.compose.running import one_by_one
from pipeline.compose.telling import told_together
from pipeline.errors import SettingError, StepError
from pipeline.fits.every_hdu import Product, read_every_hdu, write_every_hdu
from pipeline.fits.read_night import paths_of
from pipeline.night.masters import make_masters
from pipeline.night.reduce import reduce


def refuse_options_of_one_image(options: argparse.Namespace) -> None:
    """Refuse switches that are for one image only.

    :raises SettingError: one is given.
    """
    for name in ("each", "record", "figure", "report", "quality", "fringe", "save_recipe"):
        if getattr(options, name):
            raise SettingError(f"--{name.replace('_', '-')} is for files of one image; it does not go with --every-hdu")
    if options.plane is not None:
        raise SettingError("--plane is for cubes; --every-hdu reads the HDUs that hold one image each")


@told_together()  # what is found in every HDU is one fact
def reduce_every_hdu(options: argparse.Namespace, say: Callable[[str], None]) -> None:
    """Reduce a night HDU by HDU, and write the products of all into one file."""
    nights = read_every_hdu(options.filelist, delimiter=delimiter_of(options), exposure_key=options.exposure_key)
    first = next(iter(nights.values()))
    if not first.light.frames:
        raise StepError(f"{options.filelist}: no light frames in it; give at least one")
    planned = planned_products(options.output or Path("reduced.fits"), first)
    asked = {name: recipe_asked(options, mask_hdu=name) for name in nights}
    master_files = master_paths(options.masters, first, next(iter(asked.values())).recipe)
    inputs = [*paths_of(first), options.filelist, *(path for one in asked.values() for path in one.files)]
    check_outputs([*(one.path for one in planned), *master_files.values()], inputs, overwrite=options.overwrite)
    check_product_names(one.path for one in planned)
    say(f"{options.filelist}: {len(nights)} HDUs in each of {len(first)} files: {', '.join(map(str, nights))}")
    made: dict[Path, dict[int | str, Product]] = {}
    for name, frames in one_by_one(nights.items(), "HDU"):
        recipe = asked[name].recipe
        masters = make_masters(frames, recipe)
        for called, master in masters.named.items():
            if called in master_files:
                made.setdefault(master_files[called], {})[name] = master
        for one in planned:
            product = reduce(frames, recipe=recipe, masters=masters, kind=one.kind)
            made.setdefault(one.path, {})[name] = product
        say(f"HDU {name}: reduced")
    with written_together(say) as say_at_the_end:
        for path, products in made.items():
            write_every_hdu(products, path, overwrite=options.overwrite)
            say_at_the_end(f"wrote {path}: {len(products)} images")
