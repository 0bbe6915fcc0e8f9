"""The masters of a night: what each is made of, and what is said of it."""

import numpy as np
import pytest
from made_frames import photons
from made_masters import full
from strategies import frames_of

from pipeline import FrameSet, Image, combine, reduce
from pipeline.errors import AssumptionWarning
from pipeline.night.masters import pair_noise


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
    with pytest.warns(AssumptionWarning, match="flat array: no bias was taken out of the flat"):
        reduce(frames)


def test_bias_and_flat_frames_tell_the_noise_of_a_single_light():
    rng = np.random.default_rng(6)
    bias = combine(frames_of(1000 + photons(rng, np.zeros((96, 256)), 3), kind="bias"))
    flat = combine(frames_of(1000 + photons(rng, np.full((96, 256), 9000.0), 3), kind="flat"), variance="noise")
    noise = pair_noise(bias.found, flat.found)
    assert noise.a == pytest.approx(9 + 1 / 12, rel=0.05)
    assert noise.b == pytest.approx(0.5, rel=0.05)
    assert pair_noise(bias.found, None) is None
    assert pair_noise(bias.found, combine(frames_of(np.full((1, 9, 9), 9000.0), kind="flat")).found) is None
