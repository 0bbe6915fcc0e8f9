"""Edge: the command ``ccd-pipeline scan``: file lists proposed for a folder, and written for people to check."""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path
from typing import Any

from pipeline.checks.policy import Policy
from pipeline.cli.terminal import printer_of
from pipeline.errors import FrameError, OutputError, SettingError
from pipeline.fits.atomic import check_writable, together, whole_file
from pipeline.fits.open import FRAME_NAMES
from pipeline.library.scan import propose_filelists
from pipeline.night.filelist import parse_filelist


def add_scan(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("directory", type=Path, metavar="DIRECTORY", help="looked through with the folders in it")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("night.csv"), help="default: night.csv; for several, night_TARGET.csv"
    )
    add_policy(parser)
    parser.add_argument("--overwrite", action="store_true", help="write over files that are there")
    parser.add_argument("--quiet", action="store_true", help="print notes and errors only")
    parser.set_defaults(run=_scan, strict=False)


def add_policy(parser: argparse.ArgumentParser) -> None:
    """Add the option that says how strict the choice of calibrations is."""
    parser.add_argument(
        "--policy", type=Path, metavar="FILE", help="TOML of what calibrations may differ in, as dark_days = 400"
    )


def policy_of(options: argparse.Namespace, default: Policy = Policy()) -> Policy:  # noqa: B008 - immutable
    """Read the policy that is asked for.

    :param default: that of the recipe.
    :raises SettingError: the file cannot be read, or holds none.
    """
    path: Path | None = options.policy
    if path is None:
        return default
    try:
        given: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        given |= {name: tuple(value) for name, value in given.items() if isinstance(value, list)}
        return Policy(**given)
    except OSError as error:
        raise SettingError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"{path}: is no TOML: {error}") from error
    except SettingError as error:
        raise SettingError(f"{path}: {error}") from error


def _scan(options: argparse.Namespace) -> None:
    lists = propose_filelists(options.directory, beside=options.output.parent, policy=policy_of(options))
    say, placed = printer_of(options), 0
    for path, text in zip(write_lists(lists, options.output, overwrite=options.overwrite), lists.values(), strict=True):
        left_out = text.count("  # left out: ")
        without = f", {left_out} files left out" if left_out else ""
        rows = sum(1 for line in text.splitlines() if not line.startswith("#"))
        placed += rows
        say(
            f"wrote {path}: {parse_filelist(text)!r}{without}; check it before it is used"
            if rows
            else f"wrote {path}: no frame could be placed{without}"
        )
    if not placed:
        raise FrameError(f"{options.directory}: no frame could be placed; {options.output} says why of each")


def write_lists(lists: dict[str, str], output: Path, *, overwrite: bool = False) -> list[Path]:
    """Write all lists or none, their paths as they are: one under the name given, several with the target's name added.

    :raises OutputError: a file is there and may not be overwritten, or cannot be written.
    """
    several = len(lists) > 1
    paths = [output.with_name(f"{output.stem}_{name}{output.suffix}") if several else output for name in lists]
    for path in paths:
        if FRAME_NAMES.fullmatch(path.name):
            raise OutputError(f"{path}: is a frame by its name; name a list, such as night.csv")
        check_writable(path, overwrite)
    with together():
        for path, text in zip(paths, lists.values(), strict=True):
            with whole_file(path, overwrite) as temporary:
                temporary.write_text(text, encoding="utf-8")
    return paths
