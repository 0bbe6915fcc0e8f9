"""Edge: the command ``ccd-pipeline recipe``: the settings of a reduction as a file, to change and to reduce by."""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path

from pipeline.cli.terminal import printer_of
from pipeline.fits.read_recipe import read_recipe, write_recipe
from pipeline.night.recipe import Recipe
from pipeline.night.recipe_text import recipe_to_toml


def add_recipe(command: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    command.add_argument(
        "recipe", nargs="?", type=Path, metavar="RECIPE", help="a recipe to write out whole (default: today's defaults)"
    )
    command.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: the terminal, or where > leads")
    command.add_argument("--overwrite", action="store_true", help="write over a file that is there")
    command.set_defaults(run=_recipe, strict=False, quiet=False)


def _recipe(options: argparse.Namespace) -> None:
    recipe = Recipe() if options.recipe is None else read_recipe(options.recipe)
    if options.output is None:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8")  # as TOML is, whatever the terminal has
        print(recipe_to_toml(recipe), end="")
    else:
        write_recipe(recipe, options.output, overwrite=options.overwrite)
        printer_of(options)(f"wrote {options.output}: reduce by it with ccd-pipeline reduce --recipe {options.output}")
