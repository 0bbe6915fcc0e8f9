"""Test that the variance of reduced images is true: pulls (reduced − truth)/σ over simulated nights.

Over good pixels their standard deviation is to be 1.00 ± 0.02 (± 0.02 + 0.06/n at 10 e⁻ and n lights), and their mean
within 0.02 + 1/(2σ√n) of 0, where σ is the noise of one of n lights in e⁻: what a variance told from the pixel's own
counts cannot avoid.  Headers tell gain and read noise in every other night, and where nothing else would.  Run
``python benchmarks/variance.py [--seeds 20]``; it prints the worst of each kind of night and ends with status 1 if any
is out of bounds.
"""

import argparse
import itertools
import sys
import warnings

import attrs
import numpy as np

from pipeline import Cards, FrameSet, Image, Recipe, combine, reduce
from pipeline.errors import AssumptionWarning
from pipeline.simulation.simulate import Counts, Detector, Exposures, simulate

SKIES = (10.0, 50.0, 200.0, 2000.0, 20_000.0)
WITHOUT = ((), ("bias",), ("dark",), ("flat",), ("bias", "dark", "flat"))
LIGHTS = (1, 2, 3, 4, 5, 10, 30)
FRAMES = (3, 5, 10, 30)
METHODS = ("mean", "median")
DARKS = (120.0, 600.0, 60.0)


def night_of(seed, sky, without, lights, frames, dark, shape=(64, 1024), scene="spectrum"):
    """Simulate a night that does without some calibrations, because its detector needs none of them."""
    counts = Counts(*(0 if kind in without else frames for kind in ("bias", "dark", "flat")), lights, 0)
    bare = "dark" in without
    detector = Detector(
        cosmic_rays=0,
        overscan=64 if "bias" in without else 0,
        structure=0.0 if "bias" in without else 1.0,
        dark_current=0.0 if bare else 0.02,
        hot_pixels=0.0 if bare else 1e-3,
        unevenness=0.0 if "flat" in without else 1.0,
    )
    exposures = Exposures(dark=dark, light=120.0)
    return simulate(seed=seed, sky=sky, shape=shape, scene=scene, counts=counts, detector=detector, exposures=exposures)


def untold(night):
    """Take gain and read noise out of all headers of a night."""
    bare = []
    for frame in night.frames:
        header = frame.header.to_header()
        del header["GAIN"], header["RDNOISE"]
        bare.append(attrs.evolve(frame, header=Cards.of(header)))
    return attrs.evolve(night, frames=FrameSet(bare))


def pulls_of(night, recipe):
    """Give the pulls of the good pixels of a night's reduced image."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AssumptionWarning)  # no bias in a flat that has none
        pixels = reduce(FrameSet(night.frames), recipe=recipe).pixels
    return ((pixels.values - night.light) / np.sqrt(pixels.total_variance))[~pixels.mask]


def bounds(sky, lights, read_noise=4.0):
    """Give how far the standard deviation may be from 1, and the mean from 0."""
    sigma = np.sqrt(sky + read_noise**2)
    return 0.02 if sky >= 50 else 0.02 + 0.06 / lights, 0.02 + 1 / (2 * sigma * np.sqrt(lights))


def cases(seeds):
    """Give each seed every sky and set of calibrations, and the rest by turns.

    In 14 seeds each of them meets every number of lights by mean and by median.
    """
    for seed in range(1, seeds + 1):
        for turn, (sky, without) in enumerate(itertools.product(SKIES, WITHOUT)):
            yield (
                seed,
                sky,
                without,
                LIGHTS[(seed + turn) % len(LIGHTS)],
                FRAMES[(seed + turn // 3) % len(FRAMES)],
                METHODS[(seed // len(LIGHTS) + turn) % len(METHODS)],
                DARKS[(seed + turn // 5) % len(DARKS)],
            )


UNITS = (1e-20, 1e-3, 1.0, 1e3, 1e20)
GAINS = (0.3, 1.0, 3.0, 8.0)
MISSING = (0.0, 0.3, 0.6)


def cells():
    """Give what cells vary: unit, gain, sky in e⁻, the part of values missing, whether noise is told, lights."""
    for unit, gain in itertools.product(UNITS, GAINS):
        yield unit, gain, 200.0, 0.0, True, 5
    for gain, sky, lights in itertools.product(GAINS, (0.0, 10.0, 2000.0), (2, 5)):
        yield 1.0, gain, sky, 0.0, False, lights  # blank, and quantised at 8 e⁻/ADU
    for missing, told in itertools.product(MISSING, (True, False)):
        yield 1.0, 1.5, 200.0, missing, told, 5


def pull_of_cell(unit, gain, sky, missing, told, lights, shape=(128, 512)):
    """Give the standard deviation of (combined − truth)/σ of blank lights in whole ADU, in a unit of so many to one."""
    rng, frames = np.random.default_rng(1), []
    header = {"GAIN": (gain / unit, "[e-/ADU]"), "RDNOISE": (5.0, "[e-]")} if told else {}
    for number in range(lights):
        counts = np.round(1000 + (rng.poisson(sky, shape) + rng.normal(0, 5, shape)) / gain)
        values = np.where(rng.random(shape) < missing, np.nan, counts * unit)
        frames.append(Image.of(values, header=header, exposure=60, name=f"{number}.fits"))
    pixels = combine(frames, variance="noise").pixels
    pull = (pixels.values - (1000 + sky / gain) * unit) / np.sqrt(pixels.variance)
    return float(np.std(pull[~pixels.mask]))


def print_cells():
    """Print the table of cells, and give how many are out: beyond 0.03 of 1."""
    out = 0
    for cell in cells():
        std = pull_of_cell(*cell)
        bad = not abs(std - 1) <= 0.03
        out += bad
        unit, gain, sky, missing, told, lights = cell
        print(
            f"unit {unit:g} gain {gain:g} sky {sky:g} e- missing {missing:g} {'told' if told else 'untold'} "
            f"lights {lights}: std {std:.3f}{' OUT' if bad else ''}",
            flush=True,
        )
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    worst, out = {}, print_cells()
    for seed, sky, without, lights, frames, method, dark in cases(options.seeds):
        night = night_of(seed, sky, without, lights, frames, dark)
        told = seed % 2 or (bool(without) and (lights == 1 or method == "median"))  # nothing else there would tell
        pull = pulls_of(night if told else untold(night), Recipe(method=method))
        wide, shifted = bounds(sky, lights)
        off, mean = pull.std() - 1, pull.mean()
        bad = not abs(off) <= wide or not abs(mean) <= shifted
        out += bad
        name = ("without " + ", ".join(without) if without else "all", sky)
        worst.setdefault(name, []).append((off, mean / shifted))
        if bad or options.verbose:
            print(
                f"{'OUT ' if bad else ''}seed {seed} sky {sky:g} without {without} lights {lights} frames {frames} "
                f"{method} dark {dark:g} s {'told' if told else 'untold'}: std {pull.std():.4f}, "
                f"mean {mean:+.4f} (bound {shifted:.4f})",
                flush=True,
            )
    for (name, sky), found in worst.items():
        off, mean = np.array(found).T
        print(
            f"{name:26} sky {sky:7g} e-: std {1 + off.min():.3f} to {1 + off.max():.3f}, "
            f"mean at most {np.abs(mean).max():.2f} of its bound"
        )
    print(f"{out} out of bounds")
    sys.exit(out > 0)


if __name__ == "__main__":
    main()
