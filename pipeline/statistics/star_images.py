"""What frames show around a place: whether it is a star, and whether that is in the same place in other frames.

Hits are sharp or long, and in one frame; stars are round, and as wide as the seeing.
"""

from __future__ import annotations

import attrs
import numpy as np

from pipeline.records.arrays import BoolArray, FloatArray
from pipeline.statistics.robust import MAD_TO_SIGMA
from pipeline.statistics.sky_noise import FEW_ELECTRONS

WINDOW, MIDDLE = 9, 4
"""Pixels around a place that are looked at, and around it the brightest one's."""

FAINTEST = 0.15
"""A star's image is what is brighter than this part of its peak, and adjoins it."""

FEWEST_PIXELS = 4
"""What is seen in fewer is no star."""

WIDEST_HIT, ROUND = 0.36, 1.6
"""Pixels²: the least second moment of a star's image about any axis; and by how much two of them differ, as widths."""

CUT_SHORT = 0.66
"""Without what is fainter than that a star's second moments are so much of all."""

ROUGH, SMOOTH = 0.3, 0.15
"""The part of a star's light, added up, by which it differs from a Gaussian of its moments is less than the first;
tracks that cross differ by more than the second."""

HALF_OF_NOISE, UNLIKE_NOISE = 0.4, 2.0
"""Noise adds so many σ of each pixel to what is brighter, and to what is fainter; a star that moved so many times as
much to both."""

STILL_THERE = 0.5
"""Of a star that keeps still other frames show more than this part."""


@attrs.frozen
class StarImage:
    """The pixels of a star in a window, (side, side), and where the brightest is from its middle.

    It may be so ``smooth`` that no hits look alike.
    """

    pixels: BoolArray
    peak: tuple[int, int]
    smooth: bool


def image_of_star(image: FloatArray) -> StarImage | None:
    """Tell which pixels are of what is brightest in the middle of a window; None if that is no round, wide star."""
    middle = image[WINDOW - MIDDLE : WINDOW + MIDDLE + 1, WINDOW - MIDDLE : WINDOW + MIDDLE + 1]
    y, x = (int(at) + WINDOW - MIDDLE for at in np.unravel_index(int(middle.argmax()), middle.shape))
    bright = image > FAINTEST * image[y, x]
    star = np.zeros(image.shape, bool)
    star[y, x] = True
    for _ in range(2 * WINDOW):
        star, before = with_neighbours(star) & bright, star
        if (star == before).all():
            break
    (rows, columns), light = np.nonzero(star), image[star]
    if light.sum() <= 0 or light.size < FEWEST_PIXELS:
        return None
    spread = np.cov(rows, columns, aweights=light, ddof=0)
    least, most = np.linalg.eigvalsh(spread)
    if least <= WIDEST_HIT or most >= ROUND**2 * least:
        return None
    around = with_neighbours(star)
    off = np.stack(np.nonzero(around)) - np.average([rows, columns], axis=1, weights=light)[:, None]
    smooth = np.exp(-0.5 * CUT_SHORT * np.einsum("ip,ij,jp->p", off, np.linalg.inv(spread), off))
    smooth *= (smooth @ image[around]) / (smooth @ smooth)
    rough = float(np.abs(image[around] - smooth).sum()) / float(light.sum())
    return StarImage(star, (y - WINDOW, x - WINDOW), rough < SMOOTH) if rough < ROUGH else None


def with_neighbours(some: BoolArray) -> BoolArray:
    """Add to some pixels, (ny, nx), those above and below, left and right of them."""
    wider = some.copy()
    wider[1:] |= some[:-1]
    wider[:-1] |= some[1:]
    wider[:, 1:] |= some[:, :-1]
    wider[:, :-1] |= some[:, 1:]
    return wider


def has_moved(star: BoolArray, shown: FloatArray, by_others: FloatArray) -> bool:
    """Tell whether one side of a star that a frame shows is brighter than in the others, and another one fainter."""
    difference = shown - by_others
    sigma = float(np.median(np.abs(difference[~star]))) * MAD_TO_SIGMA
    light = np.maximum(np.maximum(shown, by_others)[star], 0.0)
    noise = float(np.sqrt(sigma**2 + sigma / FEW_ELECTRONS * light).sum())
    brighter, fainter = (float(np.maximum(part, 0.0).sum()) for part in (difference[star], -difference[star]))
    return sigma > 0 and min(brighter, fainter) > UNLIKE_NOISE * HALF_OF_NOISE * noise


def is_missing(star: BoolArray, shown: FloatArray, by_others: FloatArray) -> bool:
    """Tell whether the others show little of a star that a frame shows."""
    return float(by_others[star].sum()) < STILL_THERE * float(shown[star].sum())
