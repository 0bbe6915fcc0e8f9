"""Edge: the command ``ccd-pipeline``.

Exit status: 0 done, 1 the data or the list is wrong, 2 the command line is wrong, 70 our bug, 130 interrupted.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.bias import MasterBias
from pipeline.clip import Clip
from pipeline.dark import MasterDark
from pipeline.delivery import together
from pipeline.detectors import reduce_every_hdu, refuse_others
from pipeline.errors import (
    AssumptionWarning,
    PipelineError,
    ReplayError,
    SettingError,
    StepError,
)
from pipeline.extras import NO_EXTRAS, add_extras, add_linearity, extra_steps
from pipeline.fits import open_frame, paths_of, read_night
from pipeline.flat import MasterFlat
from pipeline.frames import KINDS, FrameSet
from pipeline.header import CREATOR, ReducedImage, attach_header
from pipeline.inspection import add_figure_options, add_inspect, outputs_of, write_drawings
from pipeline.instrument import check_alike, check_target
from pipeline.interrupt import INTERRUPTED, WORDS, interruptible
from pipeline.many import add_many_options, add_worker_options, client_of, is_many, reduce_nights
from pipeline.notes import said_plainly, shown
from pipeline.options import UNUSED, add_flag_options, add_reduction_options, declared_of, flagging_of
from pipeline.output import write
from pipeline.products import check_outputs, master_paths, product_paths, record_path
from pipeline.progress import progress_bar
from pipeline.qualityfile import quality_of, write_quality
from pipeline.recipe import Recipe
from pipeline.recipes import Masters, make_masters, reduce
from pipeline.record import replay, write_record
from pipeline.report import combined_words, compared, counted, flag_words, step_words
from pipeline.running import running
from pipeline.scanning import add_scan
from pipeline.simulate import simulate, write_night
from pipeline.spreading import spread
from pipeline.switches import NO_SWITCHES, add_noise, add_switches, noise_given, steps_of

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
    combining = _combining_options()

    demo = commands.add_parser("demo", help="simulate a night, reduce it, compare the result with the truth")
    demo.add_argument("directory", nargs="?", default="demo", type=Path, metavar="DIRECTORY", help="default: demo")
    demo.add_argument("--seed", type=_seed, default=1, help="another night for every number (default: 1)")
    demo.add_argument("--overwrite", action="store_true", help="write over files that are there")
    demo.set_defaults(run=_demo, strict=False, quiet=False)

    reduction = commands.add_parser("reduce", parents=[combining], help="reduce the lights, and arcs, of a file list")
    add_many_options(reduction)
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

    add_inspect(commands)

    stack = commands.add_parser("combine", parents=[combining], help="combine the frames of one type, no more")
    stack.add_argument("--type", required=True, choices=KINDS, dest="kind", help="which frames of the list")
    stack.add_argument("-o", "--output", type=Path, required=True)
    add_worker_options(stack)
    stack.set_defaults(run=_combine, dark_has_bias=None, **UNUSED, **NO_SWITCHES, **NO_EXTRAS)
    add_scan(commands)
    again = commands.add_parser("replay", help="repeat a recorded reduction, and compare the pixels")
    again.add_argument("record", type=Path, metavar="RECORD", help="what --record wrote, such as reduced.json")
    again.set_defaults(run=_replay, strict=False, quiet=False)
    return parser


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0")
    return int(text)


def _combining_options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(add_help=False)
    add = options.add_argument
    add("filelist", type=Path, metavar="FILELIST", help="CSV of type, path[, hdu]")
    add("--method", choices=["mean", "median"], default="mean", help="default: mean")
    add("--clip", choices=["noise", "std", "mad", "none"], default="noise", help="spread to clip by (default: noise)")
    add("--sigma", type=float, default=5.0, metavar="K", help="clip at K sigma (default: 5)")
    add("--sigma-low", type=float, metavar="K", help="below; default: as --sigma")
    add("--sigma-high", type=float, metavar="K", help="above; default: as --sigma")
    add("--iterations", type=int, metavar="N", help="at most N rounds of clipping (default: until nothing changes)")
    add("--exposure-key", metavar="KEY", help="keyword of the exposure, looked for first: KEY or 'KEY [ms]'")
    add("--plane", type=int, metavar="N", help="which image of each cube, from 0 as HDUs are counted")
    add_noise(options)
    add(
        "--variance",
        choices=["noise", "scatter", "none"],
        default="noise",
        help="of the product: from the noise of the frames (default), or from each pixel's own values",
    )
    add("--saturation", type=float, metavar="S", help="ADU from which raw values are flagged (default: SATURATE card)")
    add_flag_options(options)
    add_linearity(options)
    add("--delimiter", default=",", metavar="D", help="between cells of the list (default: a comma; tab: a tab)")
    add("--strict", action="store_true", help="refuse what would have to be assumed, or falls short of what is asked")
    add("--overwrite", action="store_true", help="write over files that are there")
    add("--record", action="store_true", help="also write what it takes to repeat this: reduced.json for reduced.fits")
    add("--quiet", action="store_true", help="print notes and errors only")
    return options


def _recipe(options: argparse.Namespace) -> Recipe:
    noise = noise_given(options)
    counting = None if isinstance(noise, tuple) else noise  # of several amplifiers the frames tell more
    clip = None
    if options.clip != "none":
        low = options.sigma if options.sigma_low is None else options.sigma_low
        high = options.sigma if options.sigma_high is None else options.sigma_high
        clip = Clip(options.clip, low, high, iterations=options.iterations, counting=counting)
    return Recipe(
        method=options.method,
        clip=clip,
        saturation=options.saturation,
        variance=None if options.variance == "none" else options.variance,
        noise=noise,
        dark_has_bias={"yes": True, "no": False, None: None}[options.dark_has_bias],
        flagging=flagging_of(options),
        declared=declared_of(options),
        **steps_of(options),
        **extra_steps(options),
    )


def _night(options: argparse.Namespace) -> FrameSet:
    delimiter = "\t" if options.delimiter in ("tab", "\\t") else options.delimiter
    frames = read_night(options.filelist, delimiter=delimiter, exposure_key=options.exposure_key, plane=options.plane)
    counts = [counted(frames.of_kind(kind)) for kind in KINDS if frames.of_kind(kind).frames]
    _speaker(options)(f"{options.filelist}: {', '.join(counts)}")
    return frames


def _inputs(options: argparse.Namespace, frames: FrameSet) -> list[Path]:
    return [*paths_of(frames), options.filelist, *(path for path in (options.mask, options.fringe) if path)]


def _speaker(options: argparse.Namespace) -> Callable[[str], None]:
    """Give what prints a line of the report; a reader that has gone away does not cost the reduction."""

    def say(line: str) -> None:
        if not options.quiet:
            try:
                print(line, flush=True)
            except OSError:
                sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - until the process ends

    return say


def _reduce(options: argparse.Namespace) -> None:
    if options.each and outputs_of(options):
        raise SettingError("--figure and --report draw one reduction; with --each, draw its files by inspect")
    if options.every_hdu:
        refuse_others(options)
    if is_many(options):
        reduce_nights(options, _recipe(options), _speaker(options))
    elif options.every_hdu:
        reduce_every_hdu(options, _recipe, _speaker(options))
    else:
        _reduce_one(options)


def _reduce_one(options: argparse.Namespace) -> None:
    recipe, say = _recipe(options), _speaker(options)
    frames = _night(options)
    if not frames.light.frames:
        raise StepError(f"{options.filelist}: no light frames in it; give at least one")
    output = options.output or Path("reduced" if options.each else "reduced.fits")
    products = product_paths(output, frames, each=options.each)
    paths = master_paths(options.masters, frames)
    record = record_path(output, each=options.each) if options.record else None
    drawings = outputs_of(options)
    sides = [path for path in (record, options.quality, *drawings) if path]
    outputs = [*(path for path, *_ in products), *paths.values(), *sides]
    check_outputs(outputs, _inputs(options, frames), overwrite=options.overwrite)
    masters = make_masters(frames, recipe)
    for kind, master in _made(masters):
        say(f"master {kind}: {combined_words(master.image.found)}{flag_words(master.image)}")
    made = ((path, reduce(chosen, recipe=recipe, masters=masters, kind=kind)) for path, kind, chosen in products)
    keep = bool(sides)
    done = _delivered(made, options, keep, say) if options.each else []  # many products, each when it is done
    reduced = list(made)
    with _told_once_there(say) as tell:
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
        _record(record, "reduce", options, frames, done, tell)


@contextmanager
def _told_once_there(say: Callable[[str], None]) -> Iterator[Callable[[str], None]]:
    """Have what is written take its place together at the end; only then it is told of."""
    lines: list[str] = []
    with together():
        yield lines.append
    for line in lines:
        say(line)


def _delivered(
    made: Iterable[tuple[Path, ReducedImage]], options: argparse.Namespace, keep: bool, say: Callable[[str], None]
) -> list[tuple[ReducedImage, Path]]:
    """Write products; give back those that are still needed."""
    done = []
    for path, product in made:
        _deliver(product, path, options.overwrite, say)
        done += [(product, path)] if keep else []
    return done


def _made(masters: Masters) -> list[tuple[str, MasterBias | MasterDark | MasterFlat]]:
    every = (("bias", masters.bias), ("dark", masters.dark), ("flat", masters.flat))
    return [(kind, master) for kind, master in every if master is not None]


def _combine(options: argparse.Namespace) -> None:
    recipe = _recipe(options)
    frames = _night(options)
    record = record_path(options.output) if options.record else None
    outputs = [options.output, *([record] if record else [])]
    check_outputs(outputs, _inputs(options, frames), overwrite=options.overwrite)
    if not frames.of_kind(options.kind).frames:
        raise StepError(f"{options.filelist}: no {options.kind} frames in it")
    chosen = frames.of_kind(options.kind)
    check_alike(chosen)
    check_target(chosen.light)
    with client_of(options) as client, spread(client):
        product = attach_header(recipe.combined(recipe.prepared(chosen)))
    with _told_once_there(_speaker(options)) as tell:
        _deliver(product, options.output, options.overwrite, tell)
        _record(record, "combine", options, frames, [(product, options.output)], tell)


def _deliver(product: ReducedImage, path: Path, overwrite: bool, say: Callable[[str], None]) -> None:
    write(product, path, overwrite=overwrite)
    height, width = product.pixels.shape
    say(f"{product.kind}: {combined_words(product.found)}; {step_words(product)}")
    say(f"wrote {path}: {height} rows × {width} columns{flag_words(product)}")


def _record(
    path: Path | None,
    command: str,
    options: argparse.Namespace,
    frames: FrameSet,
    products: Sequence[tuple[ReducedImage, Path]],
    say: Callable[[str], None],
) -> None:
    if path:
        used = dict(vars(options))
        write_record(path, command=command, options=used, frames=frames, products=products, overwrite=options.overwrite)
        say(f"wrote {path}: repeat this with ccd-pipeline replay {path}")


def _replay(options: argparse.Namespace) -> None:
    say = _speaker(options)
    for name in replay(options.record, _run_again):
        say(f"{name}: the same pixels, bit for bit")


def _run_again(command: str, settings: Mapping[str, Any], filelist: Path, output: Path) -> None:
    if command not in ("reduce", "combine"):
        raise ReplayError(f"a record of the command {command!r}; expected reduce or combine")
    kind = ["--type", str(settings.get("kind"))] if command == "combine" else []
    parsed = _parser().parse_args([command, str(filelist), "-o", str(output), *kind])
    unknown = sorted(set(settings) - set(vars(parsed)))
    if unknown:
        raise ReplayError(f"settings that this version does not know: {', '.join(unknown)}; use the version it names")
    where = output.parent if settings.get("each") else output
    again = argparse.Namespace(**{**vars(parsed), **settings, "output": where, "quiet": True})
    again.run(again)


def _demo(options: argparse.Namespace) -> None:
    folder: Path = options.directory
    output = folder / "reduced.fits"
    say = _speaker(options)
    night = simulate(seed=options.seed)
    filelist = write_night(night, folder, overwrite=options.overwrite)
    command = ["reduce", str(filelist), "-o", str(output), *(["--overwrite"] if options.overwrite else [])]
    say(f"simulated {night.frames!r} in {folder}\n$ ccd-pipeline {' '.join(command)}")
    parsed = _parser().parse_args(command)
    parsed.run(parsed)
    say(compared(night, open_frame(output).pixels))
