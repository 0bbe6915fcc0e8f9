"""astropy's sigma_clip watched, as a plugin of pytest: whatever its own tests clip, ours has to clip alike.

Ours has the standard deviation and the median absolute deviation, about the mean or the median of finite values.  Other
functions, and clips that grow over neighbours, are astropy's alone: such calls are not compared, nor those of more
values than any stack has frames: ours adds frame after frame.
"""

import warnings

import numpy as np
import pytest
from astropy.stats import SigmaClip
from astropy.units import Quantity

from pipeline import Clip
from pipeline.stacking.sigma_clip import ByOwnSpread

CENTRES = {"median": "median", "mean": "mean", np.median: "median", np.nanmedian: "median", np.mean: "mean"}
SPREADS = {"std": "std", "mad_std": "mad", np.std: "std", np.nanstd: "std"}

MOST = 2000
"""Values of a pixel that are compared."""

theirs = SigmaClip.__call__
compared = []


def clip_of(by):
    """Give the clip of ours that is the same, or None."""
    centre, spread = CENTRES.get(by.cenfunc), SPREADS.get(by.stdfunc)
    if centre is None or spread is None or by.grow:
        return None
    rounds = None if np.isinf(by.maxiters) else by.maxiters
    return Clip(spread, low=by.sigma_lower, high=by.sigma_upper, centre=centre, iterations=rounds)


def as_stack(data, axis):
    """Put what is clipped together along the first axis, as frames lie: (values, pixels)."""
    axes = tuple(range(data.ndim)) if axis is None else tuple(np.atleast_1d(axis))
    moved = np.moveaxis(data, axes, tuple(range(len(axes))))
    return moved.reshape(np.prod([data.shape[along] for along in axes], dtype=int), -1)


def watched(self, data, axis=None, **settings):
    clip, values = clip_of(self), np.ma.asarray(data.value if isinstance(data, Quantity) else data)
    finite = np.ma.masked_invalid(values.astype(float)).filled(np.nan)
    stack = as_stack(finite, axis) if finite.size else finite
    if clip is not None and 0 < len(stack) <= MOST:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            clipped = theirs(self, np.ma.array(finite, mask=np.isnan(finite)), axis=axis)
        kept = as_stack(~np.ma.getmaskarray(clipped), axis)
        np.testing.assert_array_equal(ByOwnSpread(clip).kept(None, stack), kept, f"{clip} keeps other values")
        compared.append(clip)
    return theirs(self, data, axis=axis, **settings)


def pytest_configure():
    SigmaClip.__call__ = watched


@pytest.fixture(autouse=True)
def _count_what_is_compared(record_property):
    compared.clear()
    yield
    record_property("used", len(compared))
