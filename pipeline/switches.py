"""Edge: what the command line says of geometry, flat and gain, as the steps of a recipe."""

from __future__ import annotations

import argparse
from typing import Any

from pipeline.errors import SettingError
from pipeline.flat import CURVES, normalise_flat
from pipeline.gain import to_electrons
from pipeline.orientation import orient
from pipeline.overscan import subtract_overscan
from pipeline.sections import Amplifier

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
        help="sections of one amplifier, as '[1:1024,*]' '[2049:2080,*]'; one for each (default: what headers say)",
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


def steps_of(options: argparse.Namespace) -> dict[str, Any]:
    """Give the steps of a recipe that the switches ask for.

    :raises SettingError: switches contradict each other.
    """
    return {
        "overscan": None if options.no_overscan else _overscan(options),
        "normalise": _normalise(options),
        "electrons": to_electrons(gain=options.gain) if options.electrons else None,
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
