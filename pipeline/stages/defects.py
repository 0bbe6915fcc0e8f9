"""Hot and dead pixels, found where they stand out of their surroundings."""

from __future__ import annotations

import math

import attrs
import numpy as np

from pipeline.compose.stage import stage
from pipeline.errors import SettingError, StepError
from pipeline.records.frames import Image
from pipeline.records.pixels import Array, Flag
from pipeline.statistics.medians import middles
from pipeline.statistics.noise import QUANTISATION
from pipeline.statistics.robust import MAD_TO_SIGMA

WINDOW = 15
"""The surroundings of a pixel: so many rows and columns about it.  Defects of up to half of that stand out."""

ROWS_AT_ONCE = 16
HOT_SIGMA = 8.0
DEAD_BELOW = 0.5


@stage
def flag_hot(image: Image, *, sigma: float = HOT_SIGMA) -> Image:
    """Flag pixels of a dark that lie more than ``sigma`` standard deviations above their surroundings.

    The surroundings are the median along the row and then along the column, 15 pixels each, so that gradients and
    the glow of an amplifier are no defects, unless they climb by many σ within 7 pixels of the edge.  The standard
    deviation is 1.4826 times the median absolute deviation of all good pixels from their surroundings, and no less
    than that of rounding whole numbers.

    :raises StepError: the image is no dark, or holds no good pixel.
    :raises SettingError: sigma is not positive.
    """
    _check(image, "dark", "flag_hot")
    check_sigma(sigma)
    pixels = image.pixels
    above = pixels.values - surroundings(pixels.values, pixels.mask)
    good = np.abs(above[~pixels.mask])
    frames = image.found.frames if image.found else 1
    deviation = max(MAD_TO_SIGMA * float(np.median(good)), math.sqrt(QUANTISATION / frames))
    with np.errstate(invalid="ignore"):
        return attrs.evolve(image, data=pixels.flagged(above > sigma * deviation, Flag.HOT))


@stage
def flag_dead(image: Image, *, below: float = DEAD_BELOW) -> Image:
    """Flag pixels of a flat that see less than a fraction of what their surroundings do.

    The surroundings are as in :func:`flag_hot`: what vignetting or the edge of a slit darkens is not dead.  Bias
    and dark should be out of the flat, or its pedestal passes for light.

    :raises StepError: the image is no flat, or holds no good pixel.
    :raises SettingError: the fraction does not lie between 0 and 1.
    """
    _check(image, "flat", "flag_dead")
    check_below(below)
    pixels = image.pixels
    around = surroundings(pixels.values, pixels.mask)
    with np.errstate(invalid="ignore"):
        return attrs.evolve(image, data=pixels.flagged((around > 0) & (pixels.values < below * around), Flag.DEAD))


def check_sigma(sigma: float) -> None:
    """Refuse what is no number of standard deviations.

    :raises SettingError: it is not positive.
    """
    if not sigma > 0:
        raise SettingError(f"hot pixels from {sigma} σ up; expected a positive number")


def check_below(below: float) -> None:
    """Refuse what is no part of a response.

    :raises SettingError: it does not lie between 0 and 1.
    """
    if not 0 < below < 1:
        raise SettingError(f"dead pixels below {below} of their surroundings; expected a fraction between 0 and 1")


def _check(image: Image, kind: str, name: str) -> None:
    if image.kind != kind:
        raise StepError(f"{image.name} is a {image.kind}; {name} takes a {kind}")
    if image.pixels.mask.all():
        raise StepError(f"{image.name}: {name} finds no good pixel in it")


def surroundings(values: Array, mask: Array) -> Array:
    """Give the median of each pixel's row within the window, and of that the median along the column; float64.

    Bad pixels stand in as the median of the good ones.  Unlike a mean or one square window, medians along the axes
    follow edges that run along them, such as those of a slit.
    """
    filled = np.where(mask, np.median(values[~mask]), values).astype(np.float64)
    along_rows = _running_median(filled)
    return _running_median(along_rows.T).T


def _running_median(values: Array) -> Array:
    """Give the running median along rows; at the ends the values are mirrored.  A few rows at a time fit the cache."""
    half = min(WINDOW // 2, values.shape[1] - 1)
    result = np.empty_like(values)
    for start in range(0, len(values), ROWS_AT_ONCE):
        rows = np.pad(values[start : start + ROWS_AT_ONCE], [(0, 0), (half, half)], mode="reflect")
        shifted = np.lib.stride_tricks.sliding_window_view(rows, 2 * half + 1, axis=1)
        result[start : start + ROWS_AT_ONCE] = middles(np.moveaxis(shifted, -1, 0))[0]
    return result
