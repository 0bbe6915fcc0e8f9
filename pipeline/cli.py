"""Edge: the command ``ccd-pipeline``.

Exit status: 0 done, 1 the data or the list is wrong, 2 the command line is wrong, 70 our bug, 130 interrupted.
"""

from __future__ import annotations

import argparse
import io
import sys
import traceback
from collections.abc import Sequence

from pipeline.asking import combining_options
from pipeline.combining import add_combine
from pipeline.demo import add_demo
from pipeline.errors import AssumptionWarning, PipelineError, SettingError
from pipeline.header import CREATOR
from pipeline.inspection import add_inspect
from pipeline.interrupt import INTERRUPTED, WORDS, interruptible
from pipeline.notes import said_plainly, shown
from pipeline.progress import progress_bar
from pipeline.reducing import add_reduce
from pipeline.replaying import add_replay
from pipeline.running import running
from pipeline.scanning import add_scan

OK, WRONG_DATA, WRONG_COMMAND, OUR_BUG = 0, 1, 2, 70


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; give its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that knows no σ still gets its report
    options = _parser().parse_args(arguments)
    try:
        with (
            interruptible(),
            said_plainly(strict=options.strict, summary=not options.quiet),
            running(progress=None if options.quiet else progress_bar()),
        ):
            options.run(options)
    except SettingError as error:
        return _failed(str(error), WRONG_COMMAND)
    except (AssumptionWarning, PipelineError, MemoryError) as error:
        return _failed(_words_of(error), WRONG_DATA)
    except KeyboardInterrupt:
        return _failed(WORDS, INTERRUPTED)
    except Exception:  # noqa: BLE001 - the last place where a bug of ours can be told from a user's mistake
        traceback.print_exc()
        return _failed("this is a bug in ccd-pipeline; please report it with the lines above", OUR_BUG)
    return OK


def _words_of(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return f"not enough memory: {error or 'none is left'}; give this process more, or let fewer run beside it"
    return f"{error} (refused under --strict)" if isinstance(error, AssumptionWarning) else str(error)


def _failed(message: str, status: int) -> int:
    print(shown(f"ccd-pipeline: {message}"), file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ccd-pipeline", description="CCD image reduction: raw frames in, a product out."
    )
    parser.add_argument("--version", action="version", version=CREATOR)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    combining = combining_options()
    add_demo(commands, _parsed)
    add_reduce(commands, combining)
    add_inspect(commands)
    add_combine(commands, combining)
    add_scan(commands)
    add_replay(commands, _parsed)
    return parser


def _parsed(words: Sequence[str]) -> argparse.Namespace:
    return _parser().parse_args(words)
