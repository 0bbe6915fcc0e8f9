"""The masters of a night: what each is made of, and what is said of it."""

import numpy as np
import pytest
from made_masters import full

from pipeline import FrameSet, Image, reduce
from pipeline.errors import AssumptionWarning


def test_darks_of_several_exposures_and_a_short_light():
    """Darks of 100, 300 and 300 s with 1 ADU/s, a bias of 500, and a 10 s light of 1000 over it: 990."""
    frames = FrameSet(
        [
            Image.of(full(500), kind="bias"),
            *(Image.of(full(500 + t), kind="dark", exposure=t) for t in (100, 300, 300)),
            Image.of(full(1500), exposure=10),
        ]
    )
    np.testing.assert_allclose(reduce(frames).pixels.values, 990, rtol=1e-6)


def test_a_dark_without_exposure_among_others_is_one_second_and_said():
    frames = FrameSet([Image.of(full(1), kind="dark"), Image.of(full(60), kind="dark", exposure=60)])
    light = Image.of(full(100), exposure=10)
    with pytest.warns(AssumptionWarning, match="dark array: no exposure in the header; taken for 1 s among"):
        reduced = reduce(FrameSet([*frames, light]))
    np.testing.assert_allclose(reduced.pixels.values, 90, rtol=1e-6)


def test_a_flat_with_no_bias_to_take_out_is_said():
    frames = FrameSet([Image.of(full(2000), kind="flat"), Image.of(full(1))])
    with pytest.warns(AssumptionWarning, match="flat array: no bias to take out of the flat"):
        reduce(frames)
