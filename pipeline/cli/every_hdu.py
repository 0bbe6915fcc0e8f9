"""Edge: ``reduce --every-hdu``: files of several detectors, HDU by HDU into one product."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Literal

import attrs

from pipeline.cli.outputs import check_outputs, master_paths, product_paths
from pipeline.errors import SettingError, StepError
from pipeline.fits.every_hdu import Product, _words, read_every_hdu, write_every_hdu
from pipeline.fits.read_night import paths_of
from pipeline.night.masters import Masters, make_masters
from pipeline.night.recipe import Recipe
from pipeline.night.reduce import reduce
from pipeline.records.frames import FrameSet
from pipeline.stages.header import ReducedImage


def refuse_others(options: argparse.Namespace) -> None:
    """Refuse switches that are for one image only.

    :raises SettingError: one is given.
    """
    for name in ("each", "record", "figure", "report", "quality", "fringe"):
        if getattr(options, name):
            raise SettingError(f"--{name} is for files of one image; it does not go with --every-hdu")


def reduce_every_hdu(
    options: argparse.Namespace, recipe_of: Callable[[argparse.Namespace], Recipe], say: Callable[[str], None]
) -> None:
    """Reduce a night HDU by HDU, and write the products of all into one file."""
    delimiter = "\t" if options.delimiter in ("tab", "\\t") else options.delimiter
    nights = read_every_hdu(options.filelist, delimiter=delimiter, exposure_key=options.exposure_key)
    first = next(iter(nights.values()))
    if not first.light.frames:
        raise StepError(f"{options.filelist}: no light frames in it; give at least one")
    output = options.output or Path("reduced.fits")
    paths = product_paths(output, first, each=False)
    masters = master_paths(options.masters, first)
    inputs = [*paths_of(first), options.filelist, *([options.mask] if options.mask else [])]
    check_outputs([*(path for path, *_ in paths), *masters.values()], inputs, overwrite=options.overwrite)
    say(f"{options.filelist}: {len(nights)} HDUs in each of {len(first)} files: {_words(nights)}")
    made: dict[Path, dict[int | str, Product]] = {}
    for name, frames in nights.items():
        named = argparse.Namespace(**{**vars(options), "mask_hdu": str(name) if options.mask else None})
        for path, product in _of_one(frames, recipe_of(named), [(path, kind) for path, kind, _ in paths], masters):
            made.setdefault(path, {})[name] = product
        say(f"HDU {name}: reduced")
    for path, products in made.items():
        write_every_hdu(products, path, overwrite=options.overwrite)
        say(f"wrote {path}: {len(products)} images")


def _of_one(
    frames: FrameSet, recipe: Recipe, paths: list[tuple[Path, Literal["light", "arc"]]], folder: Mapping[str, Path]
) -> Iterator[tuple[Path, Product]]:
    """Give the products of one detector, and its masters, with the files that they go to."""
    masters = make_masters(frames, recipe)
    for kind, path in folder.items():
        master: Product | None = attrs.asdict(masters, recurse=False)[kind]
        if master is not None:
            yield path, master
    yield from ((path, _reduced(frames, recipe, masters, kind)) for path, kind in paths)


def _reduced(frames: FrameSet, recipe: Recipe, masters: Masters, kind: Literal["light", "arc"]) -> ReducedImage:
    return reduce(frames, recipe=recipe, masters=masters, kind=kind)
