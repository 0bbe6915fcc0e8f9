"""Edge: the command ``ccd-pipeline replay``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from pipeline.cli.terminal import printer_of
from pipeline.errors import ReplayError
from pipeline.provenance.replay import replay

Parse: TypeAlias = Callable[[Sequence[str]], argparse.Namespace]
"""Reads a command line."""


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
