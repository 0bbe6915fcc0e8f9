"""The median of counts lies below their mean: counts are skewed, and a median follows the bulk of them."""

from __future__ import annotations

import attrs
import numpy as np

from pipeline.compose.stage import stage
from pipeline.records.frames import Image
from pipeline.records.pixels import Array, sealed
from pipeline.stages.variance import noise_of
from pipeline.statistics.medians import median_variance
from pipeline.statistics.noise import QUANTISATION, Noise

MORE = 1.1
"""Frames whose variance is not so many times that of their readout hold few photons, or none that count."""


@stage(rows=True)
def correct_median(image: Image, *, noise: Noise | None = None) -> Image:
    """Bring a median of counts up to their mean: by up to a sixth of an electron.

    Of values of skewness γ and standard deviation σ, the median of n lies (1 − v)·γσ/6 below the mean on average, where
    v is the variance of the median of n normal values of unit variance; of an even number, of one less (Cornish and
    Fisher 1938).  Of photons γσ³ is b²·level, with σ² = a + b·level.  The bias has to be out.  An image that is no
    median of three frames or more stays as it is, and so does one whose noise is not known, or whose frames scattered
    no more than their readout alone does.

    :param noise: that of one frame without a bias, in the image's unit, as ``Noise.of(gain=1.5, read_noise=4.0)``; by
        default what the header says, where that is one noise for all amplifiers.
    """
    known = noise or noise_of(image)
    if not isinstance(known, Noise) or not is_median_of_counts(image, known):
        return image
    assert image.found is not None  # noqa: S101 - for the type checker
    values = image.pixels.values
    count = image.found.frames - (image.found.frames + 1) % 2
    missing = 1 - float(median_variance(np.array(count))) / count
    photons = known.b * np.maximum(np.nan_to_num(values), 0)
    shift: Array = missing * known.b / 6 * photons / (photons + max(known.a, known.floor))
    return attrs.evolve(image, data=attrs.evolve(image.pixels, values=sealed(values + shift.astype(values.dtype))))


def is_median_of_counts(image: Image, noise: Noise) -> bool:
    """Tell whether an image is the median of three frames or more that show more noise than their readout."""
    found = image.found
    if found is None or found.method != "median" or found.frames < 3 or image.kind == "bias":
        return False
    if found.noise is None or found.level is None or not (image.state.bias or image.state.overscan):
        return False
    readout = max(noise.a, noise.floor)
    return float(found.noise.variance(np.array(found.level))) > MORE * readout + QUANTISATION
