"""The photon noise of lights and arcs, for their variance: told apart from how noisy levels are."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np

from pipeline.noise import QUANTISATION, Noise, largest_step
from pipeline.pixels import Array
from pipeline.shifts import FEW_PIXELS, Shifts

ROUNDS = 8

TELLING = 25.0
"""Motion would show where a step to a neighbour, squared, is so many times the noise."""

MOVED = 1.25
"""From this many times the noise that photons explain, steep places tell of motion."""


def photon_noise(blocks: Sequence[Array], shifts: Shifts, judged: Noise) -> Noise:
    """Fit a + b·level to the variances of sampled pixels, their neighbours' level standing in for their own.

    A faint pixel's level is as noisy as its variance is small, which flattens the slope of an ordinary fit; the mean
    of the neighbours left and right has the same scene and noise of its own (the method of instrumental variables,
    Wald 1940).  Where frames have moved, steep places say more of that than of photons: there the noise stays that by
    which values are judged, without its motion.
    """
    parts = [_sample(block, shifts) for block in blocks if block.shape[2] > 2]
    if not parts:
        return judged.counted
    level, beside, variance, step = np.concatenate(parts, axis=1)
    if level.size < FEW_PIXELS:
        return judged.counted
    degrees = len(shifts.offsets) - 1
    wild = 1 + 5 * np.sqrt(2 / degrees) + 8 / degrees  # one of twenty thousand variances of a normal noise
    a, b = judged.a, judged.b
    expected = judged.counted.variance(beside)
    for _ in range(ROUNDS):
        weight = (variance <= wild * expected) / expected**2
        total = np.sum(weight)
        lever = weight * (beside - np.sum(weight * beside) / total)
        reach = float(np.sum(lever * level))
        b = max(float(np.sum(lever * variance)) / reach, 0.0) if reach > 0 else 0.0
        a = float(np.sum(weight * (variance - b * level)) / total)
        expected = np.maximum(a + b * beside, max(judged.floor, QUANTISATION))
    if not np.isfinite(a + b) or _moved(variance / expected, step**2 > TELLING * expected, degrees):
        return judged.counted
    return attrs.evolve(judged.counted, a=a, b=b)


def _sample(block: Array, shifts: Shifts) -> Array:
    """Give level, its neighbours' level, variance and step of the pixels that have all their values and neighbours."""
    even = (block - shifts.offsets[:, None, None]) / shifts.factors[:, None, None]
    level, variance = even.mean(axis=0), even.var(axis=0, ddof=1)
    beside = 0.5 * (level[:, :-2] + level[:, 2:])
    found = np.stack([plane.reshape(-1) for plane in (level[:, 1:-1], beside, variance[:, 1:-1])])
    found = np.concatenate([found, largest_step(level)[:, 1:-1].reshape(1, -1)])
    good: Array = found[:, np.isfinite(found).all(axis=0)]
    return good


def _moved(excess: Array, steep: Array, degrees: int) -> bool:
    count = int(steep.sum())
    if count < FEW_PIXELS:
        return False
    typical = float(np.mean(np.minimum(excess[steep], 1 + 5 * np.sqrt(2 / degrees) + 8 / degrees)))
    return bool(typical > MOVED + 4 * np.sqrt(2 / degrees / count))
