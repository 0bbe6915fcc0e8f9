"""(d) Rejection where lights move: starlight kept, hits gone, uncertainties true.

Each stack is made as often as there are seeds; these go through seeing of 2, 3 and 6 px, with and without gain in the
headers.  On its own, ``python -m benchmarks.moving --frames 2 3 --seeds 2 drift dither`` judges a few in seconds.
"""

import argparse
import shutil
import sys
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from astropy.io import fits

from benchmarks import peers
from benchmarks.shared.families import COUNTS, FAMILIES, SHAPE, stack_of
from benchmarks.shared.process import RunError, image, run
from benchmarks.shared.process import folder as made
from benchmarks.shared.rounds import heading, note
from pipeline import Image, MasterBias, Noise, chain, combine, each, estimate_variance, subtract_bias
from pipeline.simulation.moving_lights import BIAS, GAIN, READ_NOISE

BRIGHT, PLACE = 1000.0, 15
"""Places are so many pixels a side; those of so many σ are bright."""
HIT = 10.0
"""σ from which hits are judged."""


def ours(stack, values, *, carried=False, **settings):
    """Combine values as a night's lights are; give the values, with the bias, and their variance.

    :param carried: calibrate each first, with its variance; so lights of several exposures are, scaled and weighed.
    """
    frames, bias = stack.frames(values), 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is said of motion is no matter here
        if carried or stack.unequal:
            bias = BIAS
            known = estimate_variance(noise=Noise.of(gain=GAIN, read_noise=READ_NOISE)) if carried else chain()
            no_bias = subtract_bias(bias=MasterBias.of(Image.of(np.full(SHAPE, BIAS), kind="bias")))
            frames = each(chain(no_bias, known))(frames)
        if stack.unequal:
            settings |= {"scale": "exposure", "weights": "exposure"}
        pixels = combine(frames, **settings).pixels
    return pixels.values.astype(float) + bias, pixels.variance


class Truth:
    """What combinations of a stack are measured by: those of the same weights that leave nothing out."""

    def __init__(self, stack):
        self.stack, self.blank, self.untouched = stack, stack.blank, stack.untouched
        self.plain, self.clean, self.expected = (
            ours(stack, of, clip=None)[0] if stack.unequal else of.mean(axis=0, dtype=float)
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
        hit = (stack.hits > HIT * told_from_others(stack)).any(axis=0) & stack.sound & ~in_trail
        # a pixel beside one that is lit is the wing of what lights that, be its own light less than half a σ
        in_sky = hit & np.lib.stride_tricks.sliding_window_view(np.pad(truth.blank, 1, mode="edge"), (3, 3)).all((2, 3))
        self.sky_hits.append(truth.left(image, in_sky) < 0.5)
        self.light_hits.append(truth.left(image, hit & ~in_sky) < 0.5)
        sky = truth.blank & truth.untouched
        self.lost.append(np.abs(image - truth.clean)[sky] > 0.01 * truth.noise)
        if in_trail.any():
            trailed = in_trail & truth.blank & (stack.hits < 0.01 * stack.sigma).all(axis=0)
            self.trail.append((image - truth.clean)[trailed].sum() / (truth.plain - truth.clean)[trailed].sum())
        if variance is not None and sky.sum() > 1000:
            scatter = np.mean((image - truth.expected)[sky] ** 2)
            self.uncertainty.append(np.sqrt(np.mean(variance[sky], dtype=float) / scatter))

    @property
    def starlight(self):
        """The share of it that is kept, where that is worst."""
        return worst(self.light)

    @property
    def found(self):
        """The share of hits in the sky that are gone."""
        hits = np.concatenate(self.sky_hits)
        return hits.mean() if hits.size else np.nan

    def columns(self, frames):
        """Give each measure: its words, and whether it is as it is to be."""
        place = worst(np.concatenate(self.places))
        light, lost = np.concatenate(self.light_hits), np.concatenate(self.lost)
        good = lost.sum() / lost.size / frames if lost.size else np.nan
        trail = max(self.trail, default=np.nan)
        least, most = (of(self.uncertainty, default=np.nan) for of in (min, max))
        return (
            (f"{self.starlight:7.4f}", not abs(self.starlight - 1) > 0.005),
            (f"{place:7.4f}", not abs(place - 1) > 0.005),
            (f"{100 * self.found:8.2f}", not self.found < (0.95 if frames == 2 else 0.99)),
            (f"{100 * light.mean():6.0f}" if light.size else f"{'':6}", True),
            (f"{good:9.1e}", not good > 1e-5),
            (f"{100 * trail:6.0f}" if self.trail else f"{'':6}", frames != 3 or not trail > 0.4),
            (f"{least:6.2f}–{most:.2f}", not (least < 0.95 or most > 1.07)),
        )

    def row(self, frames):
        """Write the measures in a line: a star behind those that are not as they are to be."""
        return " ".join(words + (" " if good else "*") for words, good in self.columns(frames))


def told_from_others(stack):
    """Give the noise by which a hit is told: that of its frame; of unequal ones that of the others too.

    Two frames of 2 and 3 s see no hit of 10 σ in one of 60 s.
    """
    if not stack.unequal:
        return stack.sigma
    seconds = np.array([one.seconds for one in stack.exposed])[:, None, None]
    information = (seconds / stack.sigma) ** 2
    others = information.sum(axis=0) - information
    return seconds * np.sqrt(1 / information + 1 / others)


def named(starts):
    """Give names and families by the start of their names; all of them where nothing is said."""
    return [(name, family) for name, family in FAMILIES.items() if not starts or name.startswith(tuple(starts))]


def worst(shares):
    """Give the share that is furthest from all."""
    return max(shares, key=lambda share: abs(share - 1), default=np.nan)


HEADINGS = f"{'light':>7} {'place':>8} {'hits, %':>9} {'on it':>7} {'good lost':>10} {'trail':>7} {'UNCERT':>11}"


def judged(family, frames, seeds):
    """Judge our default clip by stacks of one sort."""
    verdict = Verdict()
    for seed in range(seeds):
        stack = stack_of(family, frames, seed)
        verdict.add(Truth(stack), *ours(stack, stack.values, carried=family.carried, variance="noise"))
    return verdict


def table(scale, folder):
    """Set our default clip beside the peers' as they are used: 3 σ; theirs have no answer to unequal exposures."""
    makers, failed = peers.usual(), {}
    heading(
        f"(d) lights that move: starlight kept at worst, hits found in the sky, %; stacks each: {scale.moving_seeds}"
    )
    print(f"{'':20}{'frames':>7}" + "".join(f"{name:>17}" for name in ("ours", *makers)))
    for name, family in named(scale.moving_families):
        for frames in sorted(set(scale.moving_counts) & set(family.counts)):
            verdicts = {who: Verdict() for who in ("ours", *makers)}
            for seed in range(scale.moving_seeds):
                stack = stack_of(family, frames, seed)
                truth = Truth(stack)
                verdicts["ours"].add(truth, ours(stack, stack.values, carried=family.carried)[0])
                if stack.unequal:
                    continue
                files = on_disk(stack, made(folder, f"{name} {frames} {seed}"))
                for who, job in peers.jobs(makers, files, files.folder).items():
                    note(f"{name}, {frames} frames, {who}")
                    try:
                        run(job)
                        verdicts[who].add(truth, image(job))
                    except RunError as error:
                        failed[who] = error
                shutil.rmtree(files.folder)
            note("")
            print(f"{name:20}{frames:7}" + "".join(cell(verdict) for verdict in verdicts.values()), flush=True)
    for who, error in failed.items():
        print(f"{who} failed: {error}")
    return failed


@dataclass(frozen=True)
class Files:
    """A stack on disk, as peers take it."""

    folder: Path
    paths: list[Path]


def on_disk(stack, folder):
    paths = [folder / f"frame_{number:05}.fits" for number in range(1, len(stack.exposed) + 1)]
    for path, values in zip(paths, stack.values, strict=True):
        fits.writeto(path, values)
    return Files(folder, paths)


def cell(verdict):
    return f"{verdict.starlight:10.3f}{100 * verdict.found:7.1f}" if verdict.light else f"{'':17}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog=f"Families: {', '.join(FAMILIES)}.")
    parser.add_argument("families", nargs="*", help="by the start of their names; default: all")
    parser.add_argument("--frames", type=int, nargs="+", default=COUNTS, metavar="N")
    parser.add_argument("--seeds", type=int, default=6)
    options = parser.parse_args()
    print(f"{'':20}{'frames':>7} {HEADINGS}")
    start, failed = time.perf_counter(), 0
    for name, family in named(options.families):
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
