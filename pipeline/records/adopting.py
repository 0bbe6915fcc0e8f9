"""Pixels of what is not ours: an array, a masked array, an astropy HDU or a CCDData."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.errors import ShapeError
from pipeline.records.pixels import Flag, Pixels
from pipeline.records.scaling import values_of


def pixels_of(thing: Any) -> Pixels:
    """Take values, mask and standard deviation of an array, a masked array, an HDU or a CCDData.

    :raises ShapeError: it holds no image, or an uncertainty of another kind.
    """
    if isinstance(thing, np.ndarray):
        return Pixels.of(thing)
    values, masked = values_of(thing), getattr(thing, "mask", None)
    if values is None or isinstance(thing, list):
        raise ShapeError(f"{type(thing).__name__} holds no image of its own; give the HDU whose data are the image")
    flags = 0 if masked is None else np.where(masked, np.uint8(Flag.BAD), np.uint8(0))
    uncertainty: Any = getattr(thing, "uncertainty", None)
    squared = {"std": 2, "var": 1}.get(getattr(uncertainty, "uncertainty_type", ""))
    if uncertainty is not None and squared is None:
        raise ShapeError(f"the uncertainty is {uncertainty!r}; expected standard deviations or variances")
    variance = None if squared is None else np.asarray(uncertainty.array, np.float64) ** squared
    return Pixels.of(np.asarray(values), flags, variance)
