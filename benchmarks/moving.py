"""(d) Rejection where lights move: starlight kept, hits gone, uncertainties true.

Each stack is made as often as there are seeds; these go through seeing of 2, 3 and 6 px, with and without gain in the
headers.  On its own, ``python -m benchmarks.moving --frames 2 3 --seeds 2 drift dither`` judges a few in seconds.
"""

import argparse
import sys
import time
import warnings
from dataclasses import dataclass, field

import numpy as np
from attrs import evolve

from benchmarks.shared.rounds import note
from pipeline import FrameSet, Image, MasterBias, combine, each, subtract_bias
from pipeline.simulation.moving_lights import (
    BIAS,
    Detector,
    Exposed,
    drifting,
    lights,
    scattered,
    shifted,
    some_off,
)
from pipeline.simulation.skies import Lines, Stars, Trace, nebula

SHAPE = (300, 300)
WIDTHS = (2.0, 3.0, 6.0)
COUNTS = (2, 3, 5, 10, 20)
BRIGHT, PLACE = 1000.0, 15
"""Places are so many pixels a side; those of so many σ are bright."""
HIT = 10.0
"""σ from which hits are judged."""


@dataclass(frozen=True)
class Family:
    """Stacks of one sort: how their frames are exposed, and what they see."""

    exposed: object
    scene: object = None
    settings: object = None
    counts: tuple[int, ...] = COUNTS


def still(_rng, frames):
    return (Exposed(),) * frames


def drift(step):
    return lambda rng, frames: drifting(rng, frames, step)


def scatter(span):
    return lambda rng, frames: scattered(rng, frames, span)


def off(by):
    return lambda rng, frames: some_off(rng, frames, by)


def turning(rng, frames):
    return tuple(Exposed(degrees=turn) for turn in np.linspace(-0.25, 0.25, frames) * rng.choice([-1, 1]))


def through_air(**changes):
    """Let the air change by ± so much, the telescope keep still."""
    return lambda rng, frames: tuple(
        Exposed(**{what: 1 + rng.uniform(-span, span) for what, span in changes.items()}) for _ in range(frames)
    )


def unequal(rng, frames):
    angle = rng.uniform(0, 2 * np.pi)
    shifts = 4 * np.outer(np.arange(frames) == frames - 1, (np.sin(angle), np.cos(angle)))
    return tuple(evolve(one, seconds=seconds) for one, seconds in zip(shifted(shifts), (2.0, 3.0, 60.0), strict=True))


def stars(rng, fwhm):
    """Give 80 stars, the brightest of them at half the full scale."""
    return Stars.drawn(rng, 80, SHAPE, fluxes=(1e3, 5e4 * fwhm**2))


FAMILIES = {
    "still": Family(still),
    "jitter 0.1": Family(scatter(0.1)),
    "jitter 0.3": Family(scatter(0.3)),
    "jitter 1": Family(scatter(1.0)),
    "drift 0.1": Family(drift(0.1)),
    "drift 0.3": Family(drift(0.3)),
    "drift 0.5": Family(drift(0.5)),
    "drift 1": Family(drift(1.0)),
    "drift 3": Family(drift(3.0)),
    "dither 5": Family(scatter(5.0)),
    "dither 14": Family(scatter(14.0)),
    "two of five off": Family(off(6.0), counts=(5, 10)),
    "rotation": Family(turning),
    "seeing": Family(through_air(seeing=0.3)),
    "transparency": Family(through_air(transparency=0.3)),
    "air and drift": Family(
        lambda rng, frames: tuple(
            evolve(one, seeing=1 + rng.uniform(-0.3, 0.3), transparency=1 + rng.uniform(-0.3, 0.3))
            for one in drifting(rng, frames, 1.0)
        )
    ),
    "unequal, 4 px": Family(unequal, counts=(3,)),
    "hot, still": Family(still, settings=lambda rng: {"detector": Detector.hot(rng, SHAPE)}),
    "hot, drift 1": Family(drift(1.0), settings=lambda rng: {"detector": Detector.hot(rng, SHAPE)}),
    "hot, dither 5": Family(scatter(5.0), settings=lambda rng: {"detector": Detector.hot(rng, SHAPE)}),
    "columns, drift 1": Family(drift(1.0), settings=lambda rng: {"detector": Detector.with_bad_columns(rng, SHAPE)}),
    "trail, still": Family(still, settings=lambda _rng: {"trails": (10.0,)}),
    "trail, dither 5": Family(scatter(5.0), settings=lambda _rng: {"trails": (10.0,)}),
    "trace, drift 1": Family(
        lambda _rng, frames: shifted(np.outer(np.arange(frames), (1.0, 0.0))),
        lambda rng, _fwhm: Trace.drawn(rng, SHAPE),
        lambda rng: {"fixed": Lines.drawn(rng, 12, SHAPE, fluxes=(200, 5000))},
    ),
    "arc, two off": Family(
        lambda _rng, frames: shifted(12.0 * np.outer(np.arange(frames) >= 0.6 * frames, (0.0, 1.0))),
        lambda rng, _fwhm: Lines.drawn(rng, 15, SHAPE),
        counts=(5, 10),
    ),
    "crowded, dither 5": Family(
        scatter(5.0), lambda rng, fwhm: Stars.drawn(rng, 1500, SHAPE, fluxes=(1e3, 5e4 * fwhm**2))
    ),
    "nebula, drift 1": Family(drift(1.0), lambda rng, _fwhm: nebula(rng, SHAPE)),
    "empty": Family(still, lambda rng, _fwhm: Stars.drawn(rng, 1, SHAPE, fluxes=(1.0, 2.0))),
}


def stack_of(family, frames, seed):
    """Make one stack of a family, and give its settings."""
    rng = np.random.default_rng((seed, frames))
    fwhm = WIDTHS[seed % 3]
    scene = (family.scene or stars)(rng, fwhm)
    settings = family.settings(rng) if family.settings else {}
    return lights(rng, family.exposed(rng, frames), scene, fwhm=fwhm, told=seed % 2 == 0, **settings)


def ours(stack, values, **settings):
    """Combine values as a night's lights are: raw; those of several exposures without bias, scaled, weighed."""
    frames = stack.frames(values)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is said of motion is no matter here
        if len({one.seconds for one in stack.exposed}) > 1:
            bias = MasterBias.of(Image.of(np.full(SHAPE, BIAS), kind="bias"))
            frames = each(subtract_bias(bias=bias))(frames)
            settings |= {"scale": "exposure", "weights": "exposure"}
        return combine(FrameSet(frames), **settings).pixels


class Truth:
    """What combinations of a stack are measured by: those of the same weights that leave nothing out."""

    def __init__(self, stack):
        self.stack, self.blank, self.untouched = stack, stack.blank, stack.untouched
        equal = len({one.seconds for one in stack.exposed}) == 1
        self.plain, self.clean, self.expected = (
            of.mean(axis=0, dtype=float) if equal else ours(stack, of, clip=None).values.astype(float)
            for of in (stack.values, stack.clean, stack.expected)
        )
        sky = self.blank if self.blank.any() else np.ones(SHAPE, bool)
        self.sky, self.noise = np.percentile(self.expected[sky], 5), np.percentile(stack.sigma[-1][sky], 5)

    def light(self, image):
        """Give the light of all places that are bright, and that of them without a clip: of no pixel that is hit."""
        seen = self.untouched & self.stack.sound

        def light(of):
            rows, columns = SHAPE[0] // PLACE, SHAPE[1] // PLACE
            return np.where(seen, of - self.sky, 0.0).reshape(rows, PLACE, columns, PLACE).sum(axis=(1, 3))

        bright = light(self.expected) > BRIGHT * self.noise
        return light(image)[bright], light(self.clean)[bright]

    def left(self, image, among):
        """Give how much of what struck some pixels is left in them."""
        return (image - self.clean)[among] / (self.plain - self.clean)[among]


@dataclass
class Verdict:
    """What a way to combine does to stacks of one sort, one after the other."""

    light: list = field(default_factory=list)
    places: list = field(default_factory=list)
    sky_hits: list = field(default_factory=list)
    light_hits: list = field(default_factory=list)
    lost: list = field(default_factory=list)
    trail: list = field(default_factory=list)
    uncertainty: list = field(default_factory=list)

    def add(self, truth, image, variance=None):
        """Judge one more combination; what is NaN was left out, of starlight too."""
        stack = truth.stack
        image = np.where(np.isfinite(image), image, truth.sky)
        kept, all_of_it = truth.light(image)
        self.places.append(kept / all_of_it)
        self.light.append(kept.sum() / all_of_it.sum() if kept.size else np.nan)
        in_trail = (stack.trail > 0.01 * stack.sigma).any(axis=0)
        hit = (stack.hits > HIT * stack.sigma).any(axis=0) & stack.sound & ~in_trail
        self.sky_hits.append(truth.left(image, hit & truth.blank) < 0.5)
        self.light_hits.append(truth.left(image, hit & ~truth.blank) < 0.5)
        sky = truth.blank & truth.untouched
        self.lost.append(np.abs(image - truth.clean)[sky] > 0.01 * truth.noise)
        if in_trail.any():
            trailed = in_trail & truth.blank & (stack.hits < 0.01 * stack.sigma).all(axis=0)
            self.trail.append((image - truth.clean)[trailed].sum() / (truth.plain - truth.clean)[trailed].sum())
        if variance is not None and sky.sum() > 1000:
            scatter = np.mean((image - truth.expected)[sky] ** 2)
            self.uncertainty.append(np.sqrt(np.mean(variance[sky], dtype=float) / scatter))

    def columns(self, frames):
        """Give each measure: its words, and whether it is as it is to be."""
        whole, place = (
            max(of, key=lambda kept: abs(kept - 1), default=np.nan) for of in (self.light, np.concatenate(self.places))
        )
        sky, light, lost = (np.concatenate(of) for of in (self.sky_hits, self.light_hits, self.lost))
        good = lost.sum() / lost.size / frames if lost.size else np.nan
        trail = max(self.trail, default=np.nan)
        least, most = (of(self.uncertainty, default=np.nan) for of in (min, max))
        return (
            (f"{whole:7.4f}", not abs(whole - 1) > 0.005),
            (f"{place:7.4f}", not abs(place - 1) > 0.005),
            (
                f"{100 * sky.mean():8.2f}" if sky.size else f"{'':8}",
                not sky.size or sky.mean() >= (0.95 if frames == 2 else 0.99),
            ),
            (f"{100 * light.mean():6.0f}" if light.size else f"{'':6}", True),
            (f"{good:9.1e}", not good > 1e-5),
            (f"{100 * trail:6.0f}" if self.trail else f"{'':6}", frames != 3 or not trail > 0.4),
            (f"{least:6.2f}–{most:.2f}", not (least < 0.95 or most > 1.07)),
        )

    def row(self, frames):
        """Write the measures in a line: a star behind those that are not as they are to be."""
        return " ".join(words + (" " if good else "*") for words, good in self.columns(frames))


HEADINGS = f"{'light':>7} {'place':>8} {'hits, %':>9} {'on it':>7} {'good lost':>10} {'trail':>7} {'UNCERT':>11}"


def judged(family, frames, seeds):
    """Judge our default clip by stacks of one sort."""
    verdict = Verdict()
    for seed in range(seeds):
        stack = stack_of(family, frames, seed)
        pixels = ours(stack, stack.values, variance="noise")
        verdict.add(Truth(stack), pixels.values, pixels.variance)
    return verdict


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog=f"Families: {', '.join(FAMILIES)}.")
    parser.add_argument("families", nargs="*", help="by the start of their names; default: all")
    parser.add_argument("--frames", type=int, nargs="+", default=COUNTS, metavar="N")
    parser.add_argument("--seeds", type=int, default=6)
    options = parser.parse_args()
    print(f"{'':20}{'frames':>7} {HEADINGS}")
    start, failed = time.perf_counter(), 0
    for name, family in FAMILIES.items():
        if options.families and not name.startswith(tuple(options.families)):
            continue
        for frames in sorted(set(options.frames) & set(family.counts)):
            note(f"{name}, {frames} frames")
            verdict = judged(family, frames, options.seeds)
            failed += not all(good for _, good in verdict.columns(frames))
            note("")
            print(f"{name:20}{frames:7} {verdict.row(frames)}", flush=True)
    print(f"{failed} rows are not as they are to be (*); {time.perf_counter() - start:.0f} s")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
