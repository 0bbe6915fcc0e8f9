"""Masks made by hand, of planes of nine rows and eleven columns."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline import Flag

SHAPE = (9, 11)
flags = arrays(np.uint16, SHAPE, elements=st.sampled_from([0] * 12 + [int(flag) for flag in Flag]))


def full(value):
    return np.full(SHAPE, value, np.float32)


def at(*places, shape=SHAPE, value=True):
    plane = np.zeros(shape, type(value))
    for place in places:
        plane[place] = value
    return plane
