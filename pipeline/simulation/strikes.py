"""What falls on frames and is no light of the sky: tracks of cosmic rays, trails of satellites."""

from __future__ import annotations

import math

import numpy as np

from pipeline.records.arrays import FloatArray
from pipeline.simulation.skies import log_even


def cosmic_rays(
    rng: np.random.Generator,
    shape: tuple[int, int],
    tracks: int,
    *,
    peaks: tuple[float, float] = (10.0, 300.0),
    lengths: tuple[int, int] = (1, 15),
) -> FloatArray:
    """Give tracks of cosmic rays: straight, of any angle, short ones most often, sharp or blurred by diffusion.

    What they leave varies along them.  No pixel is hit by two of them by design, but it may happen.

    :param peaks: of tracks, drawn evenly in their logarithm; the unit is that of the result.
    :param lengths: of tracks in pixels, drawn evenly in their logarithm.
    """
    hit = np.zeros(shape)
    for _ in range(tracks):
        length = log_even(rng, lengths[0], lengths[1] + 1)[0]
        start, angle, blur = rng.uniform(0, shape), rng.uniform(0, 2 * math.pi), rng.choice([0.25, 0.5])
        along = np.arange(0, length, 0.25)
        y, x = start[0] + along * math.sin(angle), start[1] + along * math.cos(angle)
        reach = 2
        top, left = int(y.min()) - reach, int(x.min()) - reach
        rows, columns = np.arange(top, int(y.max()) + reach + 1), np.arange(left, int(x.max()) + reach + 1)
        left_there = rng.gamma(4.0, 1 / 4.0, along.size)[:, None, None]
        spots = np.exp(-((rows[:, None] - y[:, None, None]) ** 2 + (columns - x[:, None, None]) ** 2) / 2 / blur**2)
        track = (left_there * spots).sum(axis=0)
        track *= log_even(rng, *peaks) / track.max()
        here, there = (rows >= 0) & (rows < shape[0]), (columns >= 0) & (columns < shape[1])
        hit[np.ix_(rows[here], columns[there])] += track[np.ix_(here, there)]
    return hit


def trail(
    rng: np.random.Generator, shape: tuple[int, int], peak: float, *, fwhm: float = 3.0, wings: float = 0.02
) -> FloatArray:
    """Give the trail of a satellite from side to side, as wide as stars, with faint wings three times as wide.

    :param wings: their share of the peak.
    """
    y, x = np.mgrid[: shape[0], : shape[1]]
    angle, through = rng.uniform(-0.6, 0.6), rng.uniform(0.3, 0.7) * shape[0]
    across = ((y - through) * math.cos(angle) - (x - shape[1] / 2) * math.sin(angle)) / fwhm
    profile: FloatArray = (1 - wings) * np.exp(-4 * math.log(2) * across**2)
    profile += wings * np.exp(-4 * math.log(2) * (across / 3) ** 2)
    return peak * profile
