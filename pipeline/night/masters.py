"""The calibrations of a night, made of its frames."""

from __future__ import annotations

import numpy as np

from pipeline.stacking.result import Found
from pipeline.statistics.noise import Noise


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
