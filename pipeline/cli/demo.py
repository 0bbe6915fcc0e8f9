"""Edge: the command ``ccd-pipeline demo``."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import numpy as np

from pipeline.cli.replay import Parse
from pipeline.cli.terminal import printer_of
from pipeline.compose.running import at_work
from pipeline.fits.open import open_frame
from pipeline.records.pixels import Pixels
from pipeline.simulation.simulate import Night, simulate, write_night


def add_demo(demo: argparse.ArgumentParser, parse: Parse) -> None:
    """Add the options of the command, which runs another."""
    demo.add_argument("directory", nargs="?", default="demo", type=Path, metavar="DIRECTORY", help="default: demo")
    demo.add_argument("--seed", type=_seed, default=1, help="another night for every number (default: 1)")
    demo.add_argument("--overwrite", action="store_true", help="write over files that are there")
    demo.set_defaults(run=partial(_demo, parse), strict=False, quiet=False)


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0")
    return int(text)


def _demo(parse: Parse, options: argparse.Namespace) -> None:
    folder: Path = options.directory
    output = folder / "reduced.fits"
    say = printer_of(options)
    with at_work("simulating a night"):
        night = simulate(seed=options.seed)
        filelist = write_night(night, folder, overwrite=options.overwrite)
    command = ["reduce", str(filelist), "-o", str(output), *(["--overwrite"] if options.overwrite else [])]
    say(f"simulated {night.frames!r} in {folder}\n$ ccd-pipeline {' '.join(command)}")
    parsed = parse(command)
    parsed.run(parsed)
    say(_compared(night, open_frame(output).pixels))


def _compared(night: Night, pixels: Pixels) -> str:
    """Say how far a reduced image is from the truth, in units of what noise alone would do."""
    good = ~pixels.mask
    pull = ((pixels.values - night.light) / night.sigma)[good]
    return (
        f"compared with the truth: {good.mean():.2%} of pixels good; reduced − truth is {pull.mean():+.3f} σ on average"
        f" with a scatter of {pull.std():.3f} σ,\nwhere σ is what the noise of the frames alone leaves (0 and 1 are "
        f"perfect); {np.mean(np.abs(pull) > 5):.1e} of pixels lie beyond 5 σ,\nafter {night.hits} pixels of the lights "
        "had been hit by cosmic rays"
    )
