"""Edge: the command ``ccd-pipeline``.

Exit status: 0 done, 1 the data or the list is wrong, 2 the command line is wrong, 70 our bug, 130 interrupted.
"""

from __future__ import annotations

import argparse
import io
import shlex
import sys
import traceback
from collections.abc import Collection, Sequence
from typing import Any

from pipeline.cli.interrupt import INTERRUPTED, INTERRUPTED_WORDS, came_of_ctrl_c, interruptible
from pipeline.cli.terminal import CommandParser, notes_told, progress_shown, refused_words, terminal_text
from pipeline.errors import AssumptionWarning, PipelineError, SettingError
from pipeline.version import CREATOR

COMMANDS = {
    "demo": "simulate a night, reduce it, compare the result with the truth",
    "reduce": "reduce the lights, and arcs, of a file list",
    "recipe": "write the settings of a reduction as a file, for reduce --recipe",
    "inspect": "draw a frame: a page that zooms in on every pixel, an image, JSON",
    "combine": "combine the frames of one type, no more",
    "scan": "propose file lists for the frames in a folder, for you to check",
    "night": "reduce all that is in folders, by calibrations that fit, and say why",
    "library": "keep masters for later nights: add, list, prune",
    "replay": "repeat a recorded reduction, and compare the pixels",
}

OPERANDS = {
    "demo": "[DIRECTORY]",
    "reduce": "FILELIST [FILELIST ...]",
    "recipe": "[RECIPE]",
    "inspect": "FILE",
    "combine": "FILELIST --type KIND -o OUTPUT",
    "scan": "DIRECTORY",
    "night": "FOLDER [FOLDER ...]",
    "library": "WHAT DIR",
    "replay": "RECORD",
}
"""What stands behind each command, for its usage."""

EXAMPLES = {
    "reduce": (
        "reduce night.csv -o reduced.fits --report night.html",
        "reduce night.csv --flat-by spline --saxis 1 --masters masters",
        "reduce nights/*.csv --output-dir products --workers 2",
    ),
    "inspect": ("inspect reduced.fits", "inspect raw/b27.fits --stretch asinh -o b27.png b27.html"),
    "combine": ("combine night.csv --type bias -o bias.fits", "combine night.csv --type flat --clip mad -o flat.fits"),
    "scan": ("scan raw", "scan raw -o lists/night.csv"),
    "night": ("night raw --dry-run", "night raw -o products", "night raw1 raw2 -o products --workers 2"),
    "library": ("library add masters products/master_bias.fits", "library list masters"),
    "recipe": ("recipe > night.toml", "recipe old.toml -o new.toml"),
}
"""What each command is called with, most of all."""

OK, WRONG_DATA, WRONG_COMMAND, OUR_BUG = 0, 1, 2, 70


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; give its exit status."""
    return run(parsed(arguments))


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line, and import what its command needs."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that knows no σ still gets its report
    words = sys.argv[1:] if arguments is None else arguments
    options = parser_for(words).parse_args(words)
    options.command_line = shlex.join(["ccd-pipeline", *words])
    return options


def run(options: argparse.Namespace) -> int:
    """Run the command that was read; give its exit status."""
    try:
        with (
            interruptible(),
            notes_told(strict=options.strict, summary=not options.quiet),
            progress_shown(options),
        ):
            options.run(options)
    except SettingError as error:
        return _failed(str(error), WRONG_COMMAND)
    except (AssumptionWarning, PipelineError, MemoryError) as error:
        return _failed(_words_of(error), WRONG_DATA)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - where a bug is told from a user's mistake, last
        if came_of_ctrl_c(error):
            return _failed(INTERRUPTED_WORDS, INTERRUPTED)
        traceback.print_exc()
        return _failed("this is a bug in ccd-pipeline; please report it with the lines above", OUR_BUG)
    return OK


def _words_of(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return f"not enough memory: {error or 'none is left'}; give this process more, or let fewer run beside it"
    return refused_words(error) if isinstance(error, AssumptionWarning) else str(error)


def _failed(message: str, status: int) -> int:
    print(terminal_text(f"ccd-pipeline: {message}"), file=sys.stderr)
    return status


def parser_for(words: Collection[str]) -> CommandParser:
    """Give a parser that knows all commands, and the options of those among the words."""
    parser = CommandParser(
        prog="ccd-pipeline",
        usage="%(prog)s COMMAND [options]",
        description="CCD image reduction: raw frames in, a product out.",
        examples=("demo", "scan raw -o night.csv", "reduce night.csv -o reduced.fits --report night.html"),
    )
    parser.add_argument("--version", action="version", version=CREATOR)
    parser.add_argument(
        "--print-completion",
        choices=["bash", "zsh", "tcsh"],
        action=_Completion,
        help="for a shell to complete options",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", title="commands", prog=parser.prog)
    for name, words_of_help in COMMANDS.items():
        said = f"{words_of_help[0].upper()}{words_of_help[1:]}."
        usage = f"%(prog)s [options] {OPERANDS[name]}".rstrip()
        command = commands.add_parser(
            name,
            help=words_of_help,
            description=said,
            usage=usage,
            examples=EXAMPLES.get(name, ()),
            knowing=_knowing,
        )
        if name in words:
            _add_options(name, command)
    return parser


def _knowing(option: str) -> list[str]:
    """Give the commands that know an option; it imports what all of them need."""
    found = []
    for name in COMMANDS:
        command = CommandParser(prog=name)
        _add_options(name, command)
        found += [name] if command.knows(option) else []
    return found


class _Completion(argparse.Action):
    """Print what a shell takes to complete commands and options: ``eval "$(ccd-pipeline --print-completion bash)"``."""

    def __call__(self, parser: argparse.ArgumentParser, _options: Any, shell: Any, _option: str | None = None) -> None:
        try:
            import shtab
        except ImportError:
            parser.error(
                "--print-completion needs shtab, which is not installed: pip install 'ccd-pipeline[completion]'"
            )
        print(shtab.complete(parser_for(COMMANDS), shell))
        parser.exit()


def _add_options(name: str, command: CommandParser) -> None:
    """Import what a command needs, and add its options."""
    match name:
        case "demo":
            from pipeline.cli.demo import add_demo

            add_demo(command, parsed)
        case "reduce":
            from pipeline.cli.reduce import add_reduce

            add_reduce(command)
        case "recipe":
            from pipeline.cli.replay import add_recipe

            add_recipe(command)
        case "inspect":
            from pipeline.cli.inspect import add_inspect

            add_inspect(command)
        case "combine":
            from pipeline.cli.combine import add_combine

            add_combine(command)
        case "replay":
            from pipeline.cli.replay import add_replay

            add_replay(command, parsed)
        case _:
            _add_options_for_folders(name, command)


def _add_options_for_folders(name: str, command: CommandParser) -> None:
    """Do the same for the commands that look through folders."""
    match name:
        case "scan":
            from pipeline.cli.scan import add_scan

            add_scan(command)
        case "night":
            from pipeline.cli.night import add_night

            add_night(command)
        case "library":
            from pipeline.cli.library import add_library

            add_library(command)
