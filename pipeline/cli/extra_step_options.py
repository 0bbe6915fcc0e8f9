"""Edge: what the command line says of the steps around the core: linearity, cosmic rays, fringes, healing.

Most commands use none of them, and import them only then.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import attrs

from pipeline.cli.step_options import given
from pipeline.errors import SettingError
from pipeline.fits.open import open_frame

NO_EXTRAS: dict[str, Any] = {"cosmic_rays": None, "cosmic": [], "fringe": None, "fringe_scale": None}
NO_EXTRAS |= {"heal": None, "heal_reach": None, "quality": None}
"""What stands for the switches of a reduction in a command that has none."""


def add_linearity(parser: argparse.ArgumentParser) -> None:
    """Add the switches of what is done to raw frames."""
    parser.add_argument(
        "--linearity",
        metavar="C1,C2,...",
        help="correct raw values: s above the pedestal becomes C1 s + C2 s^2 + ... above it",
    )
    parser.add_argument("--pedestal", type=float, default=0.0, metavar="P", help="ADU, for --linearity (default: 0)")


def add_extras(parser: argparse.ArgumentParser) -> None:
    """Add the switches of what is done to lights, in the order in which it is done."""
    add = parser.add_argument_group("steps around the core, off by default").add_argument
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
    add("--fringe", type=Path, metavar="FILE", help="fringe frame to subtract, scaled to fit each product")
    add("--fringe-scale", type=float, metavar="S", help="subtract S times the fringe frame instead")
    add(
        "--heal",
        choices=["nearest", "x", "y"],
        help="put interpolations in place of bad pixels, from all sides, along x or along y; they stay in the mask",
    )
    add("--heal-reach", type=int, metavar="N", help="pixels to the farthest good neighbour (default: any)")
    add("--quality", type=Path, metavar="FILE", help="write quality numbers of every frame and product as CSV")


def extra_steps(options: argparse.Namespace) -> dict[str, Any]:
    """Give the steps of a recipe that the switches ask for.

    :raises SettingError: switches contradict each other or make no sense.
    """
    return {
        "linearity": _linearity(options.linearity, options.pedestal),
        "cosmics": _cosmics(options),
        "fringe": _fringe(options),
        "healing": _healing(options),
    }


def _linearity(text: str | None, pedestal: float) -> Any:
    if text is None:
        return None
    from pipeline.stages.linearity import linearise

    try:
        coefficients = tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise SettingError(f"--linearity {text}; expected numbers, as 1,2e-6,1e-11") from error
    return linearise(coefficients=coefficients, pedestal=pedestal)


def _cosmics(options: argparse.Namespace) -> Any:
    if options.cosmic_rays is None:
        if options.cosmic:
            raise SettingError("--cosmic is for --cosmic-rays MODE")
        return None
    if options.gain is None or options.read_noise is None:
        raise SettingError("--cosmic-rays needs --gain and --read-noise")
    from pipeline.stages.cosmic_rays import LACosmic, clean_cosmic_rays

    settings = LACosmic(fsmode=options.cosmic_rays, **dict(_setting(text, LACosmic) for text in options.cosmic))
    gain, read_noise = given(options.gain), given(options.read_noise)
    if options.electrons and isinstance(gain, tuple):
        gain = 1.0  # frames are electrons by then
    return clean_cosmic_rays(gain=gain or 0.0, read_noise=read_noise or 0.0, by=settings)


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


def _fringe(options: argparse.Namespace) -> Any:
    if options.fringe is None:
        if options.fringe_scale is not None:
            raise SettingError("--fringe-scale is for --fringe FILE")
        return None
    from pipeline.stages.fringe import MasterFringe, subtract_fringe

    return subtract_fringe(fringe=MasterFringe.of(open_frame(options.fringe)), scale=options.fringe_scale)


def _healing(options: argparse.Namespace) -> Any:
    if options.heal is None:
        if options.heal_reach is not None:
            raise SettingError("--heal-reach is for --heal")
        return None
    from pipeline.stages.healing import heal

    if options.heal == "nearest":
        return heal(by="nearest", reach=options.heal_reach)
    return heal(by="along", saxis=1 if options.heal == "x" else 0, reach=options.heal_reach)
