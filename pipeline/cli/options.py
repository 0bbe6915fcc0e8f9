"""Edge: the options that several commands share, and what they ask for: a recipe, a night, workers, figures."""

from __future__ import annotations

import argparse
import logging
import re
import shlex
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from pipeline.cli.step_options import add_align, add_linearity, add_noise, core_steps, noise_given, other_steps
from pipeline.cli.terminal import CommandParser, printer_of
from pipeline.compose.running import at_work
from pipeline.errors import OutputError, SettingError
from pipeline.fits.mask_file import read_mask
from pipeline.fits.open import FRAME_NAMES
from pipeline.fits.read_night import paths_of, read_night
from pipeline.night.recipe import Flagging, Kind, Recipe
from pipeline.night.summary import frame_words
from pipeline.records.frames import KINDS, FrameSet
from pipeline.stacking.clip import Clip
from pipeline.stages.bad_pixels import Mask
from pipeline.stages.declare import Declared
from pipeline.statistics.noise import Noise

if TYPE_CHECKING:
    from pipeline.figures.static_image import FigureFile

# ---- combining ----


def _list_path(text: str) -> Path:
    path = Path(text)
    if FRAME_NAMES.fullmatch(path.name):
        where = shlex.quote(str(path.parent))
        raise argparse.ArgumentTypeError(
            f"{text} is a frame by its name, where a list of frames is wanted: ccd-pipeline scan {where} proposes one, "
            f"and ccd-pipeline night {where} reduces all that is there"
        )
    return path


class _Lists(argparse.Action):
    """Keep the first list as that of the night, and those behind it as those of other nights."""

    def __call__(self, _parser: Any, namespace: argparse.Namespace, values: Any, _option: str | None = None) -> None:
        namespace.filelist, *namespace.more = values


def add_combining_options(command: CommandParser, *, output: str = "", several: bool = False) -> None:
    """Add the options of the commands that combine frames.

    :param output: what is written where no name is given; by default one must be.
    :param several: whether lists of several nights may be given.
    """
    what = "CSV of type, path[, hdu]"
    if several:
        command.add_argument(
            "filelist",
            nargs="+",
            type=_list_path,
            action=_Lists,
            metavar="FILELIST",
            help=f"{what}, one for each night",
        )
    else:
        command.add_argument("filelist", type=_list_path, metavar="FILELIST", help=what)
    for title in ("input", "combining", "calibration", "flags", "noise", "output", "figures", "many nights"):
        command.group(title)  # those without options are not shown
    add = command.group("combining").add_argument
    add("--method", choices=["mean", "median"], help="of the values of each pixel (default: mean)")
    add("--clip", choices=["noise", "std", "mad", "none"], help="spread to clip by (default: noise)")
    add("--sigma", type=float, metavar="K", help="clip at K sigma (default: 5)")
    add("--sigma-low", type=float, metavar="K", help="below (default: as --sigma)")
    add("--sigma-high", type=float, metavar="K", help="above (default: as --sigma)")
    add("--iterations", type=int, metavar="N", help="at most N rounds of clipping (default: until nothing changes)")
    add_align(command)
    add = command.group("input").add_argument
    add("--exposure-key", metavar="KEY", help="keyword of the exposure, looked for first: KEY or 'KEY [ms]'")
    add("--plane", type=int, metavar="N", help="which image of each cube, from 0 as HDUs are counted")
    add("--delimiter", default=",", metavar="D", help="between cells of the list (default: a comma; tab: a tab)")
    add_noise(command)
    command.group("noise").add_argument(
        "--variance",
        choices=["noise", "scatter", "none"],
        help="of the product: from the noise of the frames (default), or from each pixel's own values",
    )
    add_flag_options(command)
    add_linearity(command)
    add = command.group("output").add_argument
    told = f"(default: {output})" if output else "a FITS file"
    add("-o", "--output", type=Path, required=not output, metavar="FILE", help=told)
    add("--strict", action="store_true", help="refuse what would have to be assumed, or falls short of what is asked")
    add("--overwrite", action="store_true", help="write over files that are there")
    add("--record", action="store_true", help="also write what it takes to repeat this: reduced.json for reduced.fits")
    add("--quiet", action="store_true", help="print notes and errors only")


@attrs.frozen
class RecipeAsked:
    """The recipe that was asked for, and the files that were read for it."""

    recipe: Recipe
    files: tuple[Path, ...] = ()


def recipe_of(options: argparse.Namespace, *, mask_hdu: int | str | None = None) -> Recipe:
    """Give the recipe that the options ask for: they go before the file of --recipe, and that before the defaults.

    :param mask_hdu: the HDU of masks to read, of files of several detectors; by default --mask-hdu says which.
    :raises SettingError: they contradict each other, or one is out of its range.
    :raises RecipeError: the file of --recipe holds none.
    """
    return recipe_asked(options, mask_hdu=mask_hdu).recipe


def recipe_asked(options: argparse.Namespace, *, mask_hdu: int | str | None = None) -> RecipeAsked:
    """Give the recipe that the options ask for, as :func:`recipe_of` does, and the files that are read for it."""
    base, files = Recipe(), tuple[Path, ...]()
    if options.recipe:
        from pipeline.fits.read_recipe import read_recipe_and_files  # and with it all stages

        base, files = read_recipe_and_files(options.recipe, mask_hdu)
    noise = noise_given(options, base)
    asked = attrs.evolve(
        base,
        method=options.method or base.method,
        clip=_clip(options, base.clip, noise),
        saturation=base.saturation if options.saturation is None else options.saturation,
        variance={None: base.variance, "none": None}.get(options.variance, options.variance),
        noise=noise or base.noise,
        dark_has_bias={"yes": True, "no": False, None: base.dark_has_bias}[options.dark_has_bias],
        dark_scale=options.dark_scale or base.dark_scale,
        flagging=flagging_of(options, mask_hdu, base.flagging),
        declared=declared_of(options, base.declared),
        **core_steps(options, base),
        **other_steps(options, base),
    )
    return RecipeAsked(asked, (*files, *(path for path in (options.mask, options.fringe) if path)))


def _clip(options: argparse.Namespace, base: Clip | None, noise: Noise | tuple[Noise, ...] | None) -> Clip | None:
    """Give the clip that the options ask for."""
    given: dict[str, Any] = {
        "spread": options.clip,
        "low": options.sigma if options.sigma_low is None else options.sigma_low,
        "high": options.sigma if options.sigma_high is None else options.sigma_high,
        "iterations": options.iterations,
        "counting": None if isinstance(noise, tuple) else noise,  # of several amplifiers the frames tell more
    }
    changed = {name: value for name, value in given.items() if value is not None}
    if options.clip == "none" or (base is None and not changed.keys() - {"counting"}):
        return None
    return attrs.evolve(base or Clip(), **changed)


def delimiter_of(options: argparse.Namespace) -> str:
    """Give what stands between the cells of the list, a tab by its name."""
    delimiter: str = options.delimiter
    return "\t" if delimiter in ("tab", "\\t") else delimiter


def night_of(options: argparse.Namespace) -> FrameSet:
    """Read the file list, and tell what it holds.

    :raises FileListError: with every problem of the list and of the files it names.
    """
    frames = read_night(
        options.filelist, delimiter=delimiter_of(options), exposure_key=options.exposure_key, plane=options.plane
    )
    counts = [frame_words(frames.of_kind(kind)) for kind in KINDS if frames.of_kind(kind).frames]
    printer_of(options)(f"{options.filelist}: {', '.join(counts)}")
    return frames


def inputs_of(options: argparse.Namespace, frames: FrameSet, files: Iterable[Path] = ()) -> list[Path]:
    """Give every file that is read, and must not be written over.

    :param files: those that were read for the recipe.
    """
    return [*paths_of(frames), options.filelist, *files]


# ---- flags and states ----

NO_REDUCTION = {
    "dark_has_bias": None,
    "dark_scale": None,
    "hot": None,
    "dead": None,
    "noisy": None,
    "grow": None,
    "no_diagonals": False,
    "raw": (),
    "finished": (),
    "without_bias": (),
    "recipe": None,
}
"""What stands for the switches of a reduction in a command that combines, and no more."""


def add_flag_options(parser: CommandParser) -> None:
    """Add the switches that say what is flagged in any combination."""
    add = parser.group("flags").add_argument
    add("--saturation", type=float, metavar="S", help="ADU from which raw values are flagged (default: SATURATE card)")
    add("--mask", type=Path, metavar="FILE", help="bad pixels: an image that is not 0 there, or a product of ours")
    add("--mask-hdu", metavar="HDU", help="number or EXTNAME (default: FLAGS of our own products, MASK, or the first)")
    add(
        "--saturated-fraction",
        type=float,
        metavar="F",
        help="flag a bias, dark or flat pixel saturated in this fraction of frames; in fewer, use the others alone "
        "(default: in any)",
    )


def add_reduction_options(parser: CommandParser) -> None:
    """Add the switches that need masters or a product: defects, grown flags, and states."""
    add = parser.group("flags").add_argument
    add("--hot", type=float, metavar="K", help="flag dark pixels K sigma above their surroundings (8 is good)")
    add("--dead", type=float, metavar="F", help="flag flat pixels below F times their surroundings (0.5 is good)")
    add(
        "--noisy",
        type=float,
        metavar="K",
        help="flag pixels that scatter from one bias or dark frame to the next as if they had K times the noise of "
        "their surroundings (4 is good, from 10 frames)",
    )
    add("--grow", type=int, metavar="N", help="flag the neighbours of flagged pixels out to N pixels too")
    add("--no-diagonals", action="store_true", help="grow along rows and columns only")
    add = parser.group("input").add_argument
    add("--raw", action="append", default=[], choices=KINDS, help="frames of this type are raw, whatever headers say")
    add("--finished", action="append", default=[], choices=KINDS, help="frames of this type need no more corrections")
    add(
        "--without-bias",
        action="append",
        default=[],
        choices=[kind for kind in KINDS if kind != "bias"],
        help="frames of this type hold no bias that is to be taken out",
    )


def flagging_of(
    options: argparse.Namespace,
    mask_hdu: int | str | None = None,
    base: Flagging = Flagging(),  # noqa: B008 - an immutable record
) -> Flagging:
    """Make settings of the switches; those that are not given are as in ``base``.

    :param mask_hdu: the HDU of --mask to read; by default --mask-hdu says which.
    :raises FrameError: the mask cannot be read.
    """
    given = {
        "fraction": options.saturated_fraction,
        "mask": _mask(options, mask_hdu),
        "hot": options.hot,
        "dead": options.dead,
        "noisy": options.noisy,
        "grow": options.grow,
        "diagonals": False if options.no_diagonals else None,
    }
    return attrs.evolve(base, **{name: value for name, value in given.items() if value is not None})


def _mask(options: argparse.Namespace, hdu: int | str | None) -> Mask | None:
    said: str | None = options.mask_hdu
    if options.mask is None:
        if hdu is None and said is not None:
            raise SettingError("--mask-hdu without --mask; give the file too")
        return None
    if hdu is None:
        hdu = int(said) if said and said.isdecimal() else said
    return read_mask(options.mask, hdu)


def declared_of(
    options: argparse.Namespace, base: tuple[tuple[Kind, Declared], ...] = ()
) -> tuple[tuple[Kind, Declared], ...]:
    """Give what the user says of the states of frames; of kinds that no switch names, what ``base`` says."""
    said: list[tuple[list[Kind], Declared]] = [
        (options.raw, "raw"),
        (options.finished, "finished"),
        (options.without_bias, "without bias"),
    ]
    given = tuple((kind, state) for kinds, state in said for kind in kinds)
    named = {kind for kind, _ in given}
    return (*(one for one in base if one[0] not in named), *given)


# ---- who does the work ----


def add_worker_options(command: CommandParser) -> None:
    """Add the switches that tell who does the work."""
    where = command.group("many nights").add_mutually_exclusive_group()
    where.add_argument(
        "--workers", type=int, metavar="N", help="work in N processes on this machine (default: in this one)"
    )
    where.add_argument("--cluster", metavar="ADDRESS", help="work on the workers of this Dask scheduler")


@contextmanager
def client_of(options: argparse.Namespace, *, here: bool = False) -> Iterator[Any]:
    """Give a client of the workers that are asked for; None for none.

    :param here: None for those of this machine, too.
    """
    if options.workers is not None and options.workers < 1:
        raise SettingError(f"--workers {options.workers}; expected one or more")
    if here or (options.workers is None and options.cluster is None):
        yield None
    else:
        from pipeline.survey.dask_client import workers

        logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # what Dask gives up after Ctrl-C is nobody's concern
        with ExitStack() as stack:
            with at_work("waiting for workers"):
                client = stack.enter_context(workers(options.workers, options.cluster))
            yield client


@contextmanager
def combined_by(options: argparse.Namespace) -> Iterator[None]:
    """Have the workers that are asked for combine within this block, or this process."""
    with client_of(options) as client:
        if client is None:
            yield
        else:
            from pipeline.survey.dask_combine import combine_on

            with combine_on(client):
                yield


# ---- figures ----

FIGURE_NAMES = "FILE.html, .iframe.html, .png, .jpg, .svg, .pdf or .json"
"""What figures may be called: the name says which kind of file is written."""

MOST_INCHES = 200
"""A figure is so wide or high at most, as matplotlib's PDF is."""


def add_figure_options(command: CommandParser) -> None:
    """Let a command draw its product."""
    add = command.group("figures").add_argument
    add("--figure", type=Path, nargs="+", default=[], metavar="OUT", help=f"also draw it: {FIGURE_NAMES}")
    add("--report", type=Path, metavar="FILE.html", help="also write a report of the night: one page")
    add_appearance_options(command)


def add_appearance_options(command: CommandParser) -> None:
    """Add the options that say how figures look, and how they are written."""
    from pipeline.figures.colour import LIMITS, MAPS, STRETCHES  # which combining has no use for

    add = command.group("figures").add_argument
    add(
        "--limits",
        choices=LIMITS,
        default="percentile",
        help="values of the first and last colour (default: percentile, 99.5 %%)",
    )
    add("--stretch", choices=STRETCHES, default="asinh", help="of the colours (default: asinh)")
    add(
        "--colours",
        "--colour-map",
        choices=list(MAPS),
        default="viridis",
        metavar="MAP",
        help=f"colour map: {', '.join(MAPS)} (default: viridis)",
    )
    add(
        "--plotlyjs",
        choices=["embed", "directory", "cdn"],
        default="embed",
        help="where pages have plotly.js from (default: embed)",
    )
    add("--full", action="store_true", help="JSON of every pixel, not of blocks")
    add("--compact", action="store_true", help="JSON with base64 arrays, for plotly.js from 2.28 on")
    add(
        "--figure-size", type=_inches, metavar="WxH", help="of PNG, JPG, SVG and PDF in inches: 6x4 (default: 6.4 wide)"
    )
    add("--dpi", type=int, default=150, metavar="N", help="dots per inch of these (default: 150)")
    add("--no-title", action="store_true", help="leave the title out of these")
    add("--no-histogram", action="store_true", help="leave the histogram out of these")
    add(
        "--axes",
        choices=["index", "pixel", "sky"],
        default="index",
        help="of these: pixels from 0 (default), from 1 as FITS counts, or on the sky by the WCS",
    )


def _inches(text: str) -> tuple[float, float]:
    try:
        width, height = map(float, re.split("[x×]", text))
    except ValueError:
        width = height = nan
    if not (0 < width <= MOST_INCHES and 0 < height <= MOST_INCHES):
        raise argparse.ArgumentTypeError(f"expected inches up to {MOST_INCHES}, such as 6x4, found {text!r}")
    return width, height


def figure_form(options: argparse.Namespace) -> FigureFile:
    """Give how figures are to be written.

    :raises SettingError: the size or the dots are out of range.
    """
    from pipeline.figures.static_image import FigureFile

    return FigureFile(
        plotlyjs=options.plotlyjs,
        full=options.full,
        compact=options.compact,
        size=options.figure_size,
        dpi=options.dpi,
        title=not options.no_title,
        histogram=not options.no_histogram,
        axes=options.axes,
    )


def check_figures(paths: Iterable[Path], *, several: bool = False) -> None:
    """Tell whether figures of these names can be made, before there is anything to draw.

    :param several: of several frames in one.
    :raises SettingError: no kind of figure has such a name, or what draws it is not installed.
    """
    from pipeline.figures.export import check_figure

    try:
        for path in paths:
            check_figure(path, several=several)
    except OutputError as error:
        raise SettingError(str(error)) from error
