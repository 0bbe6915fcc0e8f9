"""Edge: the commands ``ccd-pipeline recipe`` and ``replay``: what a reduction was made with, as a file, and made again.

A recipe is the settings alone, to change and to reduce by; a record names the frames, too.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from pipeline.cli.terminal import printer_of
from pipeline.errors import ReplayError
from pipeline.fits.read_recipe import read_recipe, write_recipe
from pipeline.night.recipe import Recipe
from pipeline.night.recipe_text import recipe_to_toml
from pipeline.provenance.replay import replay

Parse: TypeAlias = Callable[[Sequence[str]], argparse.Namespace]
"""Reads a command line."""


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


def add_replay(again: argparse.ArgumentParser, parse: Parse) -> None:
    """Add the options of the command, which runs others."""
    again.add_argument("record", type=Path, metavar="RECORD", help="what --record wrote, such as reduced.json")
    again.set_defaults(run=partial(_replay, parse), strict=False, quiet=False)


def _replay(parse: Parse, options: argparse.Namespace) -> None:
    say = printer_of(options)
    for name in replay(options.record, partial(_run_again, parse)):
        say(f"{name}: the same pixels, bit for bit")


def _run_again(parse: Parse, command: str, settings: Mapping[str, Any], filelist: Path, output: Path) -> None:
    if command not in ("reduce", "combine"):
        raise ReplayError(f"a record of the command {command!r}; expected reduce or combine")
    kind = ["--type", str(settings.get("kind"))] if command == "combine" else []
    parsed = parse([command, str(filelist), "-o", str(output), *kind])
    unknown = sorted(set(settings) - set(vars(parsed)))
    if unknown:
        raise ReplayError(f"settings that this version does not know: {', '.join(unknown)}; use the version it names")
    where = output.parent if settings.get("each") else output
    again = argparse.Namespace(**{**vars(parsed), **settings, "output": where, "quiet": True})
    again.run(again)
