"""How much each frame of a stack counts: by what it was scaled, its exposure, or how noisy it is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.records.arrays import Array
from pipeline.records.frames import Image
from pipeline.records.pixels import Pixels, on_their_own
from pipeline.statistics.amplifier_noise import Sampled
from pipeline.statistics.frame_levels import Shifts, sampled
from pipeline.statistics.robust import MAD_TO_SIGMA, WILD

NOISE_POWER = {None: 0, "exposure": 2, "level": 1}
"""The inverse variance of a scaled frame goes with this power of its size: dark frames are limited by read noise,
which scales with the values, flats by photons."""

QUIETEST = 0.02
"""No frame is taken for quieter than this fraction of the others: what says so is chance."""


def carried_variances(frames: Sequence[Image], scale: Array) -> Array:
    """Give the typical variance that each frame carries, scaled as it is, over the mean of all."""
    height, width = frames[0].shape
    rows, thin = sampled(height, width, frames[0].kind, len(frames))
    planes = [
        np.stack([_variance(part)[:, thin] * s**2 for part, s in zip(parts, scale, strict=True)])
        for parts in (on_their_own([frame.rows(*ends).pixels for frame in frames]) for ends in rows)
    ]
    stack = np.concatenate([plane.reshape(len(frames), -1) for plane in planes], axis=1)
    stack = stack[:, (np.isfinite(stack) & (stack > 0)).all(axis=0)]
    if not stack.size:
        return np.ones(len(frames))
    return _relative(np.median(stack / np.mean(stack, axis=0), axis=1))


def _variance(pixels: Pixels) -> Array:
    return np.full(pixels.shape, np.nan) if pixels.variance is None else pixels.variance.astype(np.float64)


def scattered_variances(samples: Sampled | None, shifts: Shifts) -> Array:
    """Measure the variance of each frame of three or more about their mean, over the mean variance of all.

    Of n frames with variances v and V = Σ v, the residuals from their mean have the variances v (1 − 2/n) + V/n².
    """
    count = len(shifts.offsets)
    if samples is None or count < 3:
        return np.ones(count)
    stack = np.concatenate([block.reshape(count, -1) for block in samples.blocks], axis=1)
    even = shifts.taken_from(stack)
    even = even[:, np.isfinite(even).all(axis=0)]
    if not even.size:
        return np.ones(count)
    residual = even - even.mean(axis=0)
    sigma = MAD_TO_SIGMA * np.median(np.abs(residual), axis=1)
    calm = (np.abs(residual) <= WILD * np.maximum(sigma, 1e-300)[:, None]).all(axis=0)
    if not calm.any():
        return np.ones(count)
    found = np.mean(residual[:, calm] ** 2, axis=1)
    total = found.sum() * count / (count - 1)
    return _relative(count / (count - 2) * (found - total / count**2)) if total > 0 else np.ones(count)


def _relative(variances: Array) -> Array:
    bounded = np.maximum(variances, QUIETEST * np.mean(variances))
    relative: Array = bounded / np.mean(bounded)
    return relative


def inverse(variances: Array) -> Array:
    """Give the weights of frames of these variances, over their mean; or the variances of frames of these weights."""
    return _relative(1 / variances)
