"""Masters and rates made by hand, of planes of four rows and five columns."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline import Image, MasterBias, MasterDark, normalise_flat

SHAPE = (4, 5)


def planes_between(low, high, dtype=np.float64):
    return arrays(dtype, SHAPE, elements=st.floats(low, high, width=32))


def a_bias(values, **more):
    return MasterBias.of(Image.of(values, kind="bias", **more))


def a_dark(values, exposure=1.0, has_bias=False, **more):
    return MasterDark.of(Image.of(values, kind="dark", exposure=exposure, **more), has_bias=has_bias)


def a_flat(values, **more):
    return normalise_flat(Image.of(values, kind="flat", **more))


def full(value):
    return np.full(SHAPE, value, np.float32)


def framed(values, header=None, **cards):
    return Image.of(values, header={**(header or {}), **cards}, name="frame.fits")


def a_rate(value, kind="light", exposure=10.0):
    """Make an image in electrons a second, its bias out."""
    return Image.of(full(value), kind=kind, exposure=exposure, header={"BUNIT": "electron/s", "ZEROCOR": True})
