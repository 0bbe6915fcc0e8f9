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

from pipeline.detector.amplifiers import Amplifier
from pipeline.errors import SettingError
from pipeline.fits.open import open_frame
from pipeline.stages.flat import CURVES, normalise_flat
from pipeline.stages.gain import to_electrons
from pipeline.stages.orientation import orient
from pipeline.stages.overscan import subtract_overscan
from pipeline.statistics.noise import Noise

NO_CORE_STEPS: dict[str, Any] = {"no_overscan": True, "flat_by": "mean", "flat_region": "", "electrons": False}
NO_CORE_STEPS |= {"flat_order": None, "saxis": None}
"""What stands for the switches in a command that has none."""


def add_core_steps(parser: argparse.ArgumentParser) -> None:
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


def number_or_tuple(value: float | Sequence[float] | None) -> float | tuple[float, ...] | None:
    """Give a number, or one of each amplifier, as it was typed or as a record keeps it."""
    return tuple(value) if isinstance(value, Sequence) else value


def noise_given(options: argparse.Namespace) -> Noise | tuple[Noise, ...] | None:
    """Give the noise that --gain and --read-noise say, perhaps of each amplifier.

    :raises SettingError: one comes without the other, or they are of different numbers of amplifiers.
    """
    gain, read_noise = number_or_tuple(options.gain), number_or_tuple(options.read_noise)
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


def core_steps(options: argparse.Namespace) -> dict[str, Any]:
    """Give the steps of a recipe that the switches ask for.

    :raises SettingError: switches contradict each other.
    """
    return {
        "overscan": None if options.no_overscan else _overscan(options),
        "normalise": _normalise(options),
        "electrons": to_electrons(gain=number_or_tuple(options.gain)) if options.electrons else None,
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
    by: Any = options.flat_by
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


# ---- steps around the core ----

NO_OTHER_STEPS: dict[str, Any] = {"cosmic_rays": None, "cosmic": [], "fringe": None, "fringe_scale": None}
NO_OTHER_STEPS |= {"heal": None, "heal_reach": None, "quality": None}
"""What stands for the switches of a reduction in a command that has none."""


def add_linearity(parser: argparse.ArgumentParser) -> None:
    """Add the switches of what is done to raw frames."""
    parser.add_argument(
        "--linearity",
        metavar="C1,C2,...",
        help="correct raw values: s above the pedestal becomes C1 s + C2 s^2 + ... above it",
    )
    parser.add_argument("--pedestal", type=float, default=0.0, metavar="P", help="ADU, for --linearity (default: 0)")


def add_align(parser: argparse.ArgumentParser) -> None:
    """Add the switch that brings lights to one place of the sky."""
    parser.add_argument(
        "--align",
        nargs="?",
        const="sources",
        choices=["sources", "correlation", "wcs"],
        metavar="BY",
        help="move lights by whole pixels to one place of the sky before they are combined: by sources (default), "
        "correlation or wcs",
    )


def add_other_steps(parser: argparse.ArgumentParser) -> None:
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


def other_steps(options: argparse.Namespace) -> dict[str, Any]:
    """Give the steps of a recipe that the switches ask for.

    :raises SettingError: switches contradict each other or make no sense.
    """
    return {
        "linearity": _linearity(options.linearity, options.pedestal),
        "cosmics": _cosmics(options),
        "align": _align(options.align),
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


def _align(by: Any) -> Any:
    if by is None:
        return None
    from pipeline.stages.align import align

    return align(by=by)


def _cosmics(options: argparse.Namespace) -> Any:
    if options.cosmic_rays is None:
        if options.cosmic:
            raise SettingError("--cosmic is for --cosmic-rays MODE")
        return None
    if options.gain is None or options.read_noise is None:
        raise SettingError("--cosmic-rays needs --gain and --read-noise")
    from pipeline.stages.cosmic_rays import LACosmic, clean_cosmic_rays

    settings = LACosmic(fsmode=options.cosmic_rays, **dict(_setting(text, LACosmic) for text in options.cosmic))
    gain, read_noise = number_or_tuple(options.gain), number_or_tuple(options.read_noise)
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
