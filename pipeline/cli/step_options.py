"""Edge: what the command line says of geometry, flat and gain, as the steps of a recipe."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from pipeline.detector.amplifiers import Amplifier
from pipeline.errors import SettingError
from pipeline.stages.flat import CURVES, normalise_flat
from pipeline.stages.gain import to_electrons
from pipeline.stages.orientation import orient
from pipeline.stages.overscan import subtract_overscan
from pipeline.statistics.noise import Noise

NO_SWITCHES: dict[str, Any] = {"no_overscan": True, "flat_by": "mean", "flat_region": "", "electrons": False}
NO_SWITCHES |= {"flat_order": None, "saxis": None}
"""What stands for the switches in a command that has none."""


def add_switches(parser: argparse.ArgumentParser) -> None:
    """Add the switches, in the order in which their steps run."""
    frame = parser.add_argument_group("overscan and trimming")
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
    flat = parser.add_argument_group("flat, gain and orientation")
    flat.add_argument(
        "--flat-by",
        default="mean",
        metavar="HOW",
        help="what a flat is divided by: mean (default), median, a number; polynomial or spline along the dispersion",
    )
    flat.add_argument(
        "--flat-region", default="", metavar="SECTION", help="of which mean or median, as '[100:900,20:60]'"
    )
    flat.add_argument("--flat-order", type=int, metavar="N", help="degree, or pieces of the spline (default: 6)")
    flat.add_argument("--electrons", action="store_true", help="products in electrons, by --gain or else the header")
    flat.add_argument(
        "--saxis", type=int, choices=[0, 1], help="dispersion along y (0: turned to lie along x) or x (1)"
    )


def add_noise(parser: argparse.ArgumentParser) -> None:
    """Add the switches of gain and read noise."""
    add = parser.add_argument
    add(
        "--gain",
        type=_numbers,
        metavar="G[,G...]",
        help="e-/ADU; with --read-noise the noise to clip by and of single frames; several: of each amplifier",
    )
    add("--read-noise", type=_numbers, metavar="R[,R...]", help="e-")


def _numbers(text: str) -> float | tuple[float, ...]:
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}; expected a number, or one of each amplifier as 1.2,1.3") from error
    return numbers if len(numbers) > 1 else numbers[0]


def given(value: float | Sequence[float] | None) -> float | tuple[float, ...] | None:
    """Give a number, or one of each amplifier, as it was typed or as a record keeps it."""
    return tuple(value) if isinstance(value, Sequence) else value


def noise_given(options: argparse.Namespace) -> Noise | tuple[Noise, ...] | None:
    """Give the noise that --gain and --read-noise say, perhaps of each amplifier.

    :raises SettingError: one comes without the other, or they are of different numbers of amplifiers.
    """
    gain, read_noise = given(options.gain), given(options.read_noise)
    if (gain is None) != (read_noise is None) and not (options.electrons and gain):
        raise SettingError("--gain and --read-noise go together: give both, or neither to have the noise measured")
    if gain is None or read_noise is None:
        return None
    count = max(len(one) if isinstance(one, tuple) else 1 for one in (gain, read_noise))
    gains, noises = (one if isinstance(one, tuple) else (one,) * count for one in (gain, read_noise))
    if len(gains) != len(noises):
        raise SettingError(f"--gain of {len(gains)} amplifiers and --read-noise of {len(noises)}; give both of each")
    every = tuple(Noise.of(gain=g, read_noise=r) for g, r in zip(gains, noises, strict=True))
    return every if count > 1 else every[0]


def steps_of(options: argparse.Namespace) -> dict[str, Any]:
    """Give the steps of a recipe that the switches ask for.

    :raises SettingError: switches contradict each other.
    """
    return {
        "overscan": None if options.no_overscan else _overscan(options),
        "normalise": _normalise(options),
        "electrons": to_electrons(gain=given(options.gain)) if options.electrons else None,
        "orient": None if options.saxis is None else orient(saxis=options.saxis),
    }


def _overscan(options: argparse.Namespace) -> Any:
    order = options.overscan_order
    if order is not None and order != "rows" and not order.isdecimal():
        raise SettingError(f"--overscan-order {order}; expected a whole number from 0, or rows")
    settings: dict[str, Any] = {}
    if options.overscan:
        settings["method"] = options.overscan
    if order is not None:
        settings["order"] = None if order == "rows" else int(order)
    if options.amplifier:
        settings["amplifiers"] = tuple(Amplifier(data=data, overscan=over) for data, over in options.amplifier)
    return subtract_overscan(**settings)


def _normalise(options: argparse.Namespace) -> Any:
    by: str | float = options.flat_by
    if by not in ("mean", "median", *CURVES):
        try:
            by = float(by)
        except ValueError as error:
            raise SettingError(f"--flat-by {by}; expected mean, median, polynomial, spline or a number") from error
    if options.flat_order is not None and by not in CURVES:
        raise SettingError("--flat-order is for --flat-by polynomial or spline")
    given = {"region": options.flat_region or None, "order": options.flat_order, "saxis": options.saxis}
    settings = {name: value for name, value in given.items() if value is not None}
    return normalise_flat(**settings) if by == "mean" else normalise_flat(by=by, **settings)
