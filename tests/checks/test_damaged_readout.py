"""Frames that the readout damaged: each kind of damage is said of the frames that it struck."""

import numpy as np
import pytest
from hypothesis import given
from stacks_of_frames import SEEDS, checked


def half_dead(c, f):
    f[2] = np.where(c.x < 60, 0, f[2])


def shifted(c, f):
    f[1] = np.roll(f[1], 1, axis=1)


def smeared(c, f):
    f[2] = c.frame(c.field() + 0.4 * c.field().mean(axis=0))


def stuck(c, f):
    f[:] = [(frame.astype(int) | 64).astype(float) for frame in f]


@pytest.mark.parametrize(
    ("spoil", "fact", "which"),
    [
        (half_dead, "dead", "2"),
        (shifted, "columns", "1"),
        (smeared, "smeared", "2"),
        (stuck, "bit 64", "012"),
    ],
)
@given(SEEDS)
def test_damage_is_said(spoil, fact, which, seed):
    checked("light", spoil, fact, which, seed)
