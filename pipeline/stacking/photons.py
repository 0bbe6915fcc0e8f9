"""What frames tell of their detector: gain and read noise, from how much equal exposures differ."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.stacking.found import Found
from pipeline.stacking.plan import Told
from pipeline.statistics.amplifier_noise import AmplifierNoise
from pipeline.statistics.frame_levels import FEW_PIXELS
from pipeline.statistics.noise import MOVING, Noise
from pipeline.statistics.noise_fit import sample_of

SPAN = 3.0
"""Levels that span this factor tell the gain."""


def gain_of(told: Told, photons: Sequence[AmplifierNoise]) -> tuple[float, float] | None:
    """Give the gain, one over the slope of the noise that was fitted, and its standard error.

    None where levels span less than a factor of 3, between a hundredth of the pixels at each end, where amplifiers
    differ, and where it was given or a header's was taken.  The error is that of the least-squares fit, with each
    pixel's variance known to √(2/degrees) of itself.

    :param photons: the read and photon noise of each amplifier.
    """
    if told.sampled is None or told.counting or len(photons) > 1 or photons[0].noise.b <= 0:
        return None
    if told.kind in MOVING and told.slope is not None:
        return None
    noise, sample = photons[0].noise, sample_of(told.sampled.blocks, told.shifts)
    if sample.level.size < FEW_PIXELS or sample.degrees < 1:
        return None
    low, high = np.quantile(sample.level, [0.01, 0.99])
    if low > 0 and high < SPAN * low:
        return None
    weight = noise.variance(sample.level) ** -2
    middle = np.sum(weight * sample.level) / np.sum(weight)
    error = np.sqrt(2 / sample.degrees / np.sum(weight * (sample.level - middle) ** 2))
    return 1 / noise.b, float(error / noise.b**2)


def pair_noise(bias: Found | None, flat: Found | None) -> Noise | None:
    """Give the noise of values whose bias is out, from raw stacks of bias and flat frames.

    Read noise from the bias; gain from what the flat's noise exceeds it by, over its level without the bias (Janesick
    2007, Photon Transfer).  None where either was not measured, or the flat has less noise by its photons than by its
    readout, and does not tell.
    """
    a, photons = (None if found is None else found.noise for found in (bias, flat))
    if bias is None or flat is None or a is None or photons is None or bias.level is None or flat.level is None:
        return None
    if bias.frames < 2 or flat.frames < 2:
        return None
    level, excess = flat.level - bias.level, float(photons.variance(np.array(flat.level))) - a.a
    return Noise(a=a.a, b=excess / level, floor=a.a) if level > 0 and excess > a.a else None
