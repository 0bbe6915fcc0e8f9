"""Frames weigh by their variance: carried, or what their scatter tells."""

import numpy as np
import pytest
from made_frames import carrying, variance_of
from strategies import frames_of

from pipeline import combine
from pipeline.errors import VarianceWarning


def test_inverse_variance_weights_by_hand():
    """Variances 1 and 3 weigh 3 to 1: (3·100 + 108)/4, with the variance 9/16 + 3/16."""
    image = combine(carrying([100, 108], [1, 3]), weights="variance", clip=None)
    assert image.pixels.values[2, 2] == pytest.approx(102)
    assert variance_of(image) == pytest.approx(0.75)


def test_a_noisy_frame_weighs_less_and_the_variance_says_so():
    """Of σ = 3, 3, 3 and 12 the best mean has the variance 1/(3/9 + 1/144)."""
    rng = np.random.default_rng(4)
    frames = frames_of(1000 + rng.normal(0, 1, (4, 128, 128)) * np.array([3, 3, 3, 12.0])[:, None, None])
    plain = combine(frames, clip=None, variance="noise").pixels
    weighed = combine(frames, clip=None, weights="variance", variance="noise").pixels
    assert (plain.values - 1000).var() == pytest.approx(171 / 16, rel=0.05)
    assert (weighed.values - 1000).var() == pytest.approx(1 / (3 / 9 + 1 / 144), rel=0.05)
    assert ((weighed.values - 1000) / np.sqrt(weighed.variance)).std() == pytest.approx(1, abs=0.02)


def test_two_frames_do_not_tell_which_is_noisier():
    with pytest.warns(VarianceWarning, match=r"light0\.fits and 1 more: two frames do not tell"):
        image = combine(frames_of(np.random.default_rng(1).normal(9, 1, (2, 9, 9))), clip=None, weights="variance")
    assert image.found.frames == 2
