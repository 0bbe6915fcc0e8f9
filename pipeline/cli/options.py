"""Edge: the command's switches for flags and states."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline.errors import SettingError
from pipeline.fits.mask_file import read_mask
from pipeline.night.recipe import Flagging
from pipeline.records.frames import KINDS
from pipeline.stages.bad_pixels import Mask
from pipeline.stages.declare import Declared


def add_flag_options(parser: argparse.ArgumentParser) -> None:
    """Add the switches that say what is flagged in any combination."""
    add = parser.add_argument
    add("--mask", type=Path, metavar="FILE", help="bad pixels: an image that is not 0 there, or a product of ours")
    add("--mask-hdu", metavar="HDU", help="number or EXTNAME (default: FLAGS of our own products, MASK, or the first)")
    add(
        "--saturated-fraction",
        type=float,
        metavar="F",
        help="flag a bias, dark or flat pixel saturated in this fraction of frames; in fewer, use the others alone "
        "(default: in any)",
    )


def add_reduction_options(parser: argparse.ArgumentParser) -> None:
    """Add the switches that need masters or a product: defects, grown flags, and states."""
    add = parser.add_argument
    add("--hot", type=float, metavar="K", help="flag dark pixels K sigma above their surroundings (8 is good)")
    add("--dead", type=float, metavar="F", help="flag flat pixels below F times their surroundings (0.5 is good)")
    add("--grow", type=int, default=0, metavar="N", help="flag the neighbours of flagged pixels out to N pixels too")
    add("--no-diagonals", action="store_true", help="grow along rows and columns only")
    add("--raw", action="append", default=[], choices=KINDS, help="frames of this type are raw, whatever headers say")
    add("--finished", action="append", default=[], choices=KINDS, help="frames of this type need no more corrections")


def flagging_of(options: argparse.Namespace) -> Flagging:
    """Make settings of the switches.

    :raises FrameError: the mask cannot be read.
    """
    return Flagging(
        fraction=options.saturated_fraction,
        mask=_mask(options),
        hot=options.hot,
        dead=options.dead,
        grow=options.grow,
        diagonals=not options.no_diagonals,
    )


def _mask(options: argparse.Namespace) -> Mask | None:
    hdu: str | None = options.mask_hdu
    if options.mask is None:
        if hdu is not None:
            raise SettingError("--mask-hdu without --mask; give the file too")
        return None
    return read_mask(options.mask, int(hdu) if hdu and hdu.isdecimal() else hdu)


def declared_of(options: argparse.Namespace) -> tuple[tuple[str, Declared], ...]:
    """Give what the user says of the states of frames."""
    raw: list[tuple[str, Declared]] = [(kind, "raw") for kind in options.raw]
    return (*raw, *((kind, "finished") for kind in options.finished))


UNUSED = {"hot": None, "dead": None, "grow": 0, "no_diagonals": False, "raw": (), "finished": ()}
"""Where there is no reduction, none of its switches is set."""
