"""How a stack is to be combined: by which noise its values are judged."""

import numpy as np

from pipeline import Clip, FrameSet, Image, Noise, combine


def test_given_gain_and_read_noise_clip_although_the_bias_is_in():
    """A bias of 1000 has no photon noise: 60 ADU are 22 σ of a read noise of 4 e⁻ at 1.5 e⁻/ADU."""
    rng = np.random.default_rng(2)
    values = rng.normal(1000, 4 / 1.5, (5, 64, 64)).round()
    values[2, 10:20, 10] += 60
    for kind in ("bias", "light"):
        frames = FrameSet(Image.of(v, kind=kind, exposure=1) for v in values)
        found = combine(frames, clip=Clip(counting=Noise.of(gain=1.5, read_noise=4))).found
        assert found.rejected[2] >= 10
        assert sum(found.rejected) < 15
