"""Edge: the command ``ccd-pipeline library``: masters kept for later nights, listed, thinned out when asked.

``night --library DIR`` takes masters from there, and keeps those that it makes.
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

from pipeline.checks.policy import Policy, apart
from pipeline.cli.scan import add_policy, policy_of
from pipeline.cli.terminal import printer_of
from pipeline.errors import FrameError
from pipeline.fits.open import FRAME_NAMES
from pipeline.library.master_library import MasterLibrary, StoredMaster, expired, superseded
from pipeline.records.note import number_of

_FIRST_DAY = datetime(1858, 11, 17, tzinfo=UTC)
"""Where MJD begins."""


def add_library(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    what = parser.add_subparsers(required=True, metavar="WHAT", prog=parser.prog)
    told = {
        "add": "add masters, of whoever made them; what is there already stays",
        "list": "tell what is in it, and which are superseded or expired",
        "prune": "tell which are superseded or expired; with --delete, delete them",
    }
    add, listing, prune = (
        what.add_parser(name, help=words, description=f"{words[0].upper()}{words[1:]}.") for name, words in told.items()
    )
    for command, run in ((add, _add), (listing, _list), (prune, _prune)):
        command.add_argument("directory", type=Path, metavar="DIR", help="the library: a folder of FITS files")
        command.add_argument("--quiet", action="store_true", help="print notes and errors only")
        command.set_defaults(run=run, strict=False)
    add.add_argument("masters", nargs="+", type=Path, metavar="MASTER", help="a file, or a folder of files")
    add.add_argument("--kind", choices=["bias", "dark", "flat"], default="", help="where neither header nor name tells")
    prune.add_argument("--only", choices=["superseded", "expired"], help="these alone")
    prune.add_argument("--delete", action="store_true", help="delete them; without this, nothing is deleted")
    for command in (listing, prune):
        add_policy(command)


def _add(options: argparse.Namespace) -> None:
    say, library, problems = printer_of(options), MasterLibrary(options.directory), list[str]()
    there = {one.key for one in library.masters}
    for path in _files_in(options.masters):
        try:
            one = library.add(path, kind=options.kind)
        except FrameError as error:  # told at the end: it stops no other
            problems.append(str(error))
        else:
            say(f"{path}: {'is there already, as' if one.key in there else 'added as'} {one.file}")
            there.add(one.key)
    if problems:
        raise FrameError("\n  ".join(["not added:", *problems]))


def _files_in(given: list[Path]) -> list[Path]:
    """Give files, and those in folders that are FITS files by their names."""
    found = []
    for path in given:
        inside = sorted(file for file in path.rglob("*") if FRAME_NAMES.fullmatch(file.name)) if path.is_dir() else []
        if path.is_dir() and not inside:
            raise FrameError(f"{path}: no FITS files in it")
        found += inside or [path]
    return found


def _existing(options: argparse.Namespace) -> MasterLibrary:
    if not options.directory.is_dir():
        raise FrameError(f"{options.directory}: is no folder; add a master, and it is made")
    return MasterLibrary(options.directory)


def _list(options: argparse.Namespace) -> None:
    say, library, policy = printer_of(options), _existing(options), policy_of(options)
    masters = library.masters
    no_more = _why_no_more(masters, policy)
    for one in masters:
        error = "error not known" if one.error is None else f"error {one.error:.3g}"
        words = [
            one.words,
            number_of(one.frames, "frame"),
            error,
            f"{one.flagged:.2%} flagged",
            no_more.get(one.file, ""),
        ]
        say(f"{one.file}: {', '.join(filter(None, words))}")
    say(f"{number_of(len(masters), 'master')}, {len(no_more)} of them superseded or expired")


def _why_no_more(masters: tuple[StoredMaster, ...], policy: Policy, only: str = "") -> dict[str, str]:
    """Say of masters that are superseded or expired why, by their names."""
    better = {} if only == "expired" else superseded(masters, policy)
    today = (datetime.now(UTC) - _FIRST_DAY).total_seconds() / 86400
    old = {} if only == "superseded" else expired(masters, today, policy)
    found = {file: f"expired: {apart(-age)} today" for file, age in old.items()}
    return found | {file: f"superseded by {by}" for file, by in better.items()}


def _prune(options: argparse.Namespace) -> None:
    say, library = printer_of(options), _existing(options)
    masters = library.masters
    no_more = _why_no_more(masters, policy_of(options), options.only or "")
    if options.delete:
        library.remove(one for one in masters if one.file in no_more)
    for file, why in no_more.items():
        say(f"{'deleted' if options.delete else 'would delete'} {file}: {why}")
    kept = len(masters) - len(no_more) if options.delete else len(masters)
    say(f"left: {number_of(kept, 'master')}" if options.delete else f"nothing was deleted of {kept}; --delete does it")
