"""Edge: the switches of the command that ask for steps, and the steps of a recipe that they ask for.

First those of the core: geometry, flat, gain.  Then those around it: linearity, cosmic rays, fringes, healing; most
commands use none of these, and import them only then.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs

from pipeline.cli.terminal import CommandParser
from pipeline.compose.stage import Stage, Step
from pipeline.detector.amplifiers import Amplifier
from pipeline.errors import SettingError
from pipeline.fits.open import open_frame
from pipeline.night.recipe import Recipe
from pipeline.stages.flat import CURVES, MASKED_SIGMA, mask_sources, normalise_flat
from pipeline.stages.gain import to_electrons
from pipeline.stages.orientation import orient
from pipeline.stages.overscan import subtract_overscan
from pipeline.statistics.noise import Noise

NO_CORE_STEPS: dict[str, Any] = {"no_overscan": True, "flat_by": None, "flat_region": None, "electrons": False}
NO_CORE_STEPS |= {"flat_order": None, "flat_sources": None, "saxis": None}
"""What stands for the switches in a command that has none."""


def add_core_steps(parser: CommandParser) -> None:
    """Add the switches, in the order in which their steps run."""
    frame = flat = parser.group("calibration")
    frame.add_argument("--overscan", choices=["mean", "median"], help="how overscan is averaged (default: mean)")
    frame.add_argument(
        "--overscan-order",
        metavar="N",
        help="0: one level (default); N: curve of degree N along the rows; rows: each its own",
    )
    frame.add_argument(
        "--amplifier",
        nargs=2,
        action="append",
        metavar=("DATA", "OVERSCAN"),
        help="sections of one amplifier, as '[1:1024,*]' '[2049:2080,*]'; one for each (default: what headers say); "
        "of HDUs put together, in each HDU: one for all, or one for each",
    )
    frame.add_argument("--no-overscan", action="store_true", help="leave overscan in, and frames untrimmed")
    flat.add_argument(
        "--flat-by",
        metavar="HOW",
        help="what a flat is divided by: mean (default), median, a number; polynomial or spline along the dispersion",
    )
    flat.add_argument("--flat-region", metavar="SECTION", help="of which mean or median, as '[100:900,20:60]'")
    flat.add_argument("--flat-order", type=int, metavar="N", help="degree, or pieces of the spline (default: 6)")
    flat.add_argument(
        "--flat-sources",
        type=float,
        nargs="?",
        const=MASKED_SIGMA,
        metavar="K",
        help="mask stars and their wings in dithered flats of the twilight sky, from K sigma (default: 4)",
    )
    flat.add_argument("--electrons", action="store_true", help="products in electrons, by --gain or else the header")
    flat.add_argument(
        "--saxis", type=int, choices=[0, 1], help="dispersion along y (0: turned to lie along x) or x (1)"
    )


def add_noise(parser: CommandParser) -> None:
    """Add the switches of gain and read noise."""
    add = parser.group("noise").add_argument
    add(
        "--gain",
        type=_numbers,
        metavar="G[,G...]",
        help="e-/ADU; with --read-noise the noise to clip by and of single frames; several: of each amplifier "
        "(default: as headers say, or measured)",
    )
    add("--read-noise", type=_numbers, metavar="R[,R...]", help="e- (default: measured)")


def _numbers(text: str) -> float | tuple[float, ...]:
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}; expected a number, or one of each amplifier as 1.2,1.3") from error
    return numbers if len(numbers) > 1 else numbers[0]


def number_or_tuple(value: float | Sequence[float] | None) -> float | tuple[float, ...] | None:
    """Give a number, or one of each amplifier, as it was typed or as a record keeps it."""
    return tuple(value) if isinstance(value, Sequence) else value


def noise_given(options: argparse.Namespace, base: Recipe) -> Noise | tuple[Noise, ...] | None:
    """Give the noise that --gain and --read-noise say, perhaps of each amplifier.

    :raises SettingError: one comes without the other, or they are of different numbers of amplifiers.
    """
    gain, read_noise = number_or_tuple(options.gain), number_or_tuple(options.read_noise)
    if (gain is None) != (read_noise is None) and not ((options.electrons or base.electrons) and gain):
        raise SettingError("--gain and --read-noise go together: give both, or neither to have the noise measured")
    if gain is None or read_noise is None:
        return None
    count = max(len(one) if isinstance(one, tuple) else 1 for one in (gain, read_noise))
    gains, noises = (one if isinstance(one, tuple) else (one,) * count for one in (gain, read_noise))
    if len(gains) != len(noises):
        raise SettingError(f"--gain of {len(gains)} amplifiers and --read-noise of {len(noises)}; give both of each")
    every = tuple(Noise.of(gain=g, read_noise=r) for g, r in zip(gains, noises, strict=True))
    return every if count > 1 else every[0]


def changed(step: Step[Any, Any] | None, stage: Stage[Any, Any, Any], **given: Any) -> Any:
    """Give a stage's step with the settings that were given; the others are as in ``step``, where that is of it too."""
    before = dict(step.settings) if step is not None and step.stage == stage else {}
    return stage(**before | {name: value for name, value in given.items() if value is not None})


def core_steps(options: argparse.Namespace, base: Recipe) -> dict[str, Any]:
    """Give the steps of a recipe that the switches ask for; what they do not name is as in ``base``.

    :raises SettingError: switches contradict each other.
    """
    gain = number_or_tuple(options.gain)
    counts = options.electrons or (base.electrons and gain is not None)
    return {
        "overscan": None if options.no_overscan else _overscan(options, base.overscan),
        "normalise": _normalise(options, base.normalise),
        "flat_sources": base.flat_sources if options.flat_sources is None else mask_sources(sigma=options.flat_sources),
        "electrons": changed(base.electrons, to_electrons, gain=gain) if counts else base.electrons,
        "orient": base.orient if options.saxis is None else changed(base.orient, orient, saxis=options.saxis),
    }


def _overscan(options: argparse.Namespace, base: Step[Any, Any] | None) -> Any:
    order = options.overscan_order
    if order is not None and order != "rows" and not order.isdecimal():
        raise SettingError(f"--overscan-order {order}; expected a whole number from 0, or rows")
    if not (options.overscan or options.amplifier or order is not None):
        return base
    amplifiers = tuple(Amplifier(data=data, overscan=over) for data, over in options.amplifier or ()) or None
    step = changed(base, subtract_overscan, method=options.overscan, amplifiers=amplifiers)
    return step if order is None else subtract_overscan(**dict(step.settings) | {"order": _order(order)})


def _order(text: str) -> int | None:
    return None if text == "rows" else int(text)


def _normalise(options: argparse.Namespace, base: Step[Any, Any]) -> Any:
    by: Any = options.flat_by
    if by is not None and by not in ("mean", "median", *CURVES):
        try:
            by = float(by)
        except ValueError as error:
            raise SettingError(f"--flat-by {by}; expected mean, median, polynomial, spline or a number") from error
    if by is None and options.flat_region is None and options.flat_order is None and options.saxis is None:
        return base
    region = options.flat_region
    if region is None and by not in (None, "mean", "median"):
        region = ""  # what a recipe says of another mean
    step = changed(base, normalise_flat, by=by, region=region, order=options.flat_order, saxis=options.saxis)
    if options.flat_order is not None and step.every_setting["by"] not in CURVES:
        raise SettingError("--flat-order is for --flat-by polynomial or spline")
    return step


# ---- steps around the core ----

NO_OTHER_STEPS: dict[str, Any] = {"cosmic_rays": None, "cosmic": [], "fringe": None, "fringe_scale": None}
NO_OTHER_STEPS |= {"heal": None, "heal_reach": None, "quality": None}
"""What stands for the switches of a reduction in a command that has none."""


def add_linearity(parser: CommandParser) -> None:
    """Add the switches of what is done to raw frames."""
    add = parser.group("calibration").add_argument
    add(
        "--linearity",
        metavar="C1,C2,...",
        help="correct raw values: s above the pedestal becomes C1 s + C2 s^2 + ... above it",
    )
    add("--pedestal", type=float, metavar="P", help="ADU, for --linearity (default: 0)")


def add_align(parser: CommandParser) -> None:
    """Add the switch that brings lights to one place of the sky."""
    parser.group("combining").add_argument(
        "--align",
        nargs="?",
        const="sources",
        choices=["sources", "correlation", "wcs"],
        metavar="BY",
        help="move lights by whole pixels to one place of the sky before they are combined: by sources (default), "
        "correlation or wcs",
    )


def add_other_steps(parser: CommandParser) -> None:
    """Add the switches of what is done to lights, in the order in which it is done; all are off by default."""
    add = parser.group("flags").add_argument
    add(
        "--cosmic-rays",
        choices=["median", "convolve"],
        metavar="MODE",
        help="clean each light by L.A.Cosmic, in fine structure mode median or convolve; needs --gain, --read-noise",
    )
    add(
        "--cosmic",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a setting of L.A.Cosmic, such as psfmodel=gaussy, psffwhm=3 or sigclip=5; repeat for more",
    )
    add = parser.group("calibration").add_argument
    add("--fringe", type=Path, metavar="FILE", help="fringe frame to subtract, scaled to fit each product")
    add("--fringe-scale", type=float, metavar="S", help="subtract S times the fringe frame instead")
    add = parser.group("flags").add_argument
    add(
        "--heal",
        choices=["nearest", "x", "y"],
        help="put interpolations in place of bad pixels, from all sides, along x or along y; they stay in the mask",
    )
    add("--heal-reach", type=int, metavar="N", help="pixels to the farthest good neighbour (default: any)")
    parser.group("output").add_argument(
        "--quality", type=Path, metavar="FILE", help="write quality numbers of every frame and product as CSV"
    )


def other_steps(options: argparse.Namespace, base: Recipe) -> dict[str, Any]:
    """Give the steps of a recipe that the switches ask for; what they do not name is as in ``base``.

    :raises SettingError: switches contradict each other or make no sense.
    """
    return {
        "linearity": _linearity(options, base.linearity),
        "cosmics": _cosmics(options, base.cosmics, counts=base.electrons is not None),
        "align": _align(options, base.align),
        "fringe": _fringe(options, base.fringe),
        "healing": _healing(options, base.healing),
    }


def _linearity(options: argparse.Namespace, base: Step[Any, Any] | None) -> Any:
    text, pedestal = options.linearity, options.pedestal
    if text is None and (base is None or pedestal is None):
        return base
    from pipeline.stages.linearity import linearise

    if text is None:
        return changed(base, linearise, pedestal=pedestal)
    try:
        coefficients = tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise SettingError(f"--linearity {text}; expected numbers, as 1,2e-6,1e-11") from error
    return changed(base, linearise, coefficients=coefficients, pedestal=pedestal)


def _align(options: argparse.Namespace, base: Step[Any, Any] | None) -> Any:
    if options.align is None:
        return base
    from pipeline.stages.align import align

    return align(by=options.align)


def _cosmics(options: argparse.Namespace, base: Step[Any, Any] | None, *, counts: bool) -> Any:
    if options.cosmic_rays is None and base is None:
        if options.cosmic:
            raise SettingError("--cosmic is for --cosmic-rays MODE")
        return None
    gain, read_noise = number_or_tuple(options.gain), number_or_tuple(options.read_noise)
    if base is None and (gain is None or read_noise is None):
        raise SettingError("--cosmic-rays needs --gain and --read-noise")
    from pipeline.stages.cosmic_rays import LACosmic, check_astroscrappy, clean_cosmic_rays

    if base is not None and base.stage != clean_cosmic_rays:
        return base
    check_astroscrappy()
    if not (options.cosmic_rays or options.cosmic or gain or read_noise):
        return base
    settings = dict(_setting(text, LACosmic) for text in options.cosmic)
    settings |= {"fsmode": options.cosmic_rays} if options.cosmic_rays else {}
    by = attrs.evolve(base.every_setting["by"] if base else LACosmic(), **settings)
    if (options.electrons or counts) and isinstance(gain, tuple):
        gain = 1.0  # frames are electrons by then
    return changed(base, clean_cosmic_rays, gain=gain, read_noise=read_noise, by=by)


def _setting(text: str, of: type[attrs.AttrsInstance]) -> tuple[str, Any]:
    """Read NAME=VALUE, the value of the type that the setting has by default."""
    name, _, value = text.partition("=")
    known = {f.name: f.default for f in attrs.fields(of) if f.name not in ("fsmode", "psfk")}
    if name not in known or not value:
        raise SettingError(f"--cosmic {text}; expected NAME=VALUE with one of {', '.join(known)}")
    default = known[name]
    try:
        if isinstance(default, bool):
            return name, {"true": True, "false": False}[value.lower()]
        return name, value if isinstance(default, str) else (int if isinstance(default, int) else float)(value)
    except (KeyError, ValueError) as error:
        kind = "true or false" if isinstance(default, bool) else "a number"
        raise SettingError(f"--cosmic {text}; expected {kind} behind {name}=") from error


def _fringe(options: argparse.Namespace, base: Step[Any, Any] | None) -> Any:
    if options.fringe is None and (base is None or options.fringe_scale is None):
        if options.fringe_scale is not None:
            raise SettingError("--fringe-scale is for --fringe FILE")
        return base
    from pipeline.stages.fringe import MasterFringe, subtract_fringe

    fringe = None if options.fringe is None else MasterFringe.of(open_frame(options.fringe))
    return changed(base, subtract_fringe, fringe=fringe, scale=options.fringe_scale)


def _healing(options: argparse.Namespace, base: Step[Any, Any] | None) -> Any:
    if options.heal is None and (base is None or options.heal_reach is None):
        if options.heal_reach is not None:
            raise SettingError("--heal-reach is for --heal")
        return base
    from pipeline.stages.healing import heal

    ways: dict[str | None, dict[str, Any]] = {
        None: {},
        "nearest": {"by": "nearest"},
        "x": {"by": "along", "saxis": 1},
        "y": {"by": "along", "saxis": 0},
    }
    return changed(base, heal, reach=options.heal_reach, **ways[options.heal])
