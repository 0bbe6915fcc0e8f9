"""Sorts of stacks of lights that move, or change otherwise; each made of a number of frames and a seed."""

from dataclasses import dataclass

import numpy as np
from attrs import evolve

from pipeline.simulation.moving_lights import Defects, Exposed, drifting, exposed_at, lights, scattered, some_off
from pipeline.simulation.skies import Lines, Stars, Trace, nebula

SHAPE = (300, 300)
WIDTHS = (2.0, 3.0, 6.0)
"""The seeing, px, by turns."""
COUNTS = (2, 3, 5, 10, 20)


@dataclass(frozen=True)
class Family:
    """Stacks of one sort: how their frames are exposed, what they see, whether each is calibrated with its variance."""

    exposed: object
    scene: object = None
    settings: object = None
    counts: tuple[int, ...] = COUNTS
    carried: bool = False


def still(_rng, frames):
    return (Exposed(),) * frames


def drift(step):
    return lambda rng, frames: drifting(rng, frames, step)


def scatter(span):
    return lambda rng, frames: scattered(rng, frames, span)


def off(by):
    return lambda rng, frames: some_off(rng, frames, by)


def later(shift):
    """Let the last two of five look aside."""
    return lambda _rng, frames: exposed_at(np.outer(np.arange(frames) >= 0.6 * frames, shift))


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
    return tuple(
        evolve(one, seconds=seconds) for one, seconds in zip(exposed_at(shifts), (2.0, 3.0, 60.0), strict=True)
    )


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
    "carried, still": Family(still, carried=True),
    "carried, drift 1": Family(drift(1.0), carried=True),
    "carried, dither 5": Family(scatter(5.0), carried=True),
    "unequal, 4 px": Family(unequal, counts=(3,)),
    "unequal, carried": Family(unequal, counts=(3,), carried=True),
    "hot, still": Family(still, settings=lambda rng: {"detector": Defects.hot(rng, SHAPE)}),
    "hot, drift 1": Family(drift(1.0), settings=lambda rng: {"detector": Defects.hot(rng, SHAPE)}),
    "hot, dither 5": Family(scatter(5.0), settings=lambda rng: {"detector": Defects.hot(rng, SHAPE)}),
    "columns, drift 1": Family(drift(1.0), settings=lambda rng: {"detector": Defects.with_bad_columns(rng, SHAPE)}),
    "columns, dither 5": Family(scatter(5.0), settings=lambda rng: {"detector": Defects.with_bad_columns(rng, SHAPE)}),
    "trail, still": Family(still, settings=lambda _rng: {"trails": (10.0,)}),
    "trail, dither 5": Family(scatter(5.0), settings=lambda _rng: {"trails": (10.0,)}),
    "trace, drift 1": Family(
        lambda _rng, frames: exposed_at(np.outer(np.arange(frames), (1.0, 0.0))),
        lambda rng, _fwhm: Trace.drawn(rng, SHAPE),
        lambda rng: {"fixed": Lines.drawn(rng, 12, SHAPE, fluxes=(200, 5000))},
    ),
    "trace, two off": Family(
        later((12.0, 0.0)),
        lambda rng, _fwhm: Trace.drawn(rng, SHAPE),
        lambda rng: {"fixed": Lines.drawn(rng, 12, SHAPE, fluxes=(200, 5000))},
        counts=(5, 10),
    ),
    "arc, two off": Family(
        later((0.0, 12.0)), lambda rng, _fwhm: Lines.drawn(rng, 15, SHAPE), lambda _rng: {"kind": "arc"}, counts=(5, 10)
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
