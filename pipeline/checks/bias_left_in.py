"""Whether an image whose header says that its bias is out still holds it: by its level, and by its noise.

Photons have noise and a bias has none: of an image of ``level`` whose variance is v, with a gain of g e⁻/ADU and a read
noise of r ADU, all but g·(v − r²) is pedestal.  (Janesick 2007, Photon Transfer, has it the other way round.)
"""

from __future__ import annotations

import math

import numpy as np

from pipeline.checks.done_before import contradicted
from pipeline.errors import HeaderError
from pipeline.headers.keywords import gain
from pipeline.records.arrays import FloatArray
from pipeline.records.frames import Image
from pipeline.records.note import Note
from pipeline.statistics.robust import MAD_TO_SIGMA

ROWS_LOOKED_AT = 64

TELLING = 20.0
"""A bias that is this many times the noise of a pixel is told from none."""

NEAR, NEAR_BY_NOISE = 0.1, 0.2
"""A level, or what the noise does not account for, within this part of the bias is that of the bias."""


LARGE_PART = 0.25
"""Of a level the noise of a few frames tells no smaller part."""


def bias_left_in(image: Image, bias: Image) -> list[Note]:
    """Compare an image whose bias is said to be out with a bias.

    :param bias: raw but for its overscan, of the shape of the image.
    """
    if image.state.unit != "adu" or image.shape != bias.shape:
        return []
    (level, noise), (pedestal, readout) = _level_and_noise(image), _level_and_noise(bias)
    step = math.sqrt(12 * bias.found.measured.rounding) if bias.found else 1.0
    if not (pedestal > TELLING * max(readout, step) and level > pedestal - 5 * noise):
        return []
    alike = level <= (1 + NEAR) * pedestal
    told = pedestal > LARGE_PART * level and abs(_pedestal_by_noise(image, bias, level) / pedestal - 1) <= NEAR_BY_NOISE
    if not alike and not told:
        return []
    why = "is about that of the bias" if alike else "has the noise of one that holds the bias"
    return [
        contradicted(
            image,
            "bias",
            f"its level of {level:.4g} {why}, {pedestal:.4g}",
            fact=f"bias left in a {image.kind}",
            level=level,
            bias=pedestal,
        )
    ]


def _pedestal_by_noise(image: Image, bias: Image, level: float) -> float:
    """Give what of the level its noise does not account for; NaN where gain or noise between frames are not known."""
    try:
        per_adu = gain(image.header)
    except HeaderError:
        return math.nan
    noises = [one.found.noise for one in (image, bias) if one.found and one.found.noise]
    if per_adu is None or len(noises) < 2:
        return math.nan
    variance, readout = (float(noise.variance(np.array(level))) for noise in noises)  # of one frame
    return level - per_adu * (variance - readout)


def _level_and_noise(image: Image) -> tuple[float, float]:
    """Give the median of some rows in the middle, and what neighbours differ by."""
    first = max((image.shape[0] - ROWS_LOOKED_AT) // 2, 0)
    pixels = image.source.rows(first, first + ROWS_LOOKED_AT)
    values: FloatArray = np.where(pixels.mask, np.nan, pixels.values.astype(np.float64))
    steps = np.abs(np.diff(values, axis=1))
    if not np.isfinite(values).any() or not np.isfinite(steps).any():
        return math.nan, math.nan
    return float(np.nanmedian(values)), MAD_TO_SIGMA * float(np.nanmedian(steps)) / math.sqrt(2)
