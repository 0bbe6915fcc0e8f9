"""The variance of a combination: by hand."""

import numpy as np
import pytest
from made_frames import without_bias
from made_masters import full

from pipeline import FrameSet, Image, MasterBias, Pixels, combine, each, subtract_bias


def test_the_variance_of_a_scaled_and_weighed_mean_by_hand():
    """Factors 2 and 2/3, weights 1/4 and 3/4: (2/4)²·8 + (2/4)²·8."""
    frames = without_bias([100.0, 300.0], [10.0, 30.0], variance=8.0)
    image = combine(frames, scale="exposure", weights="exposure", clip=None)
    assert image.pixels.variance[0, 0] == pytest.approx(4.0)


def test_own_errors_average_down_and_shared_ones_do_not():
    bias = MasterBias.of(
        Image.of(Pixels.of(np.zeros((5, 5)), variance=np.full((5, 5), 3.0)).as_shared("bias"), kind="bias")
    )
    frame = Image.of(Pixels.of(np.full((5, 5), 9.0), variance=np.full((5, 5), 8.0)))
    image = combine(each(subtract_bias(bias=bias))(FrameSet([frame] * 4)), clip=None)
    assert image.pixels.total_variance[0, 0] == pytest.approx(8 / 4 + 3)


def test_the_variance_of_a_value_left_out_does_not_matter():
    images = [Image.of(Pixels.of([[v, 10.0]], variance=[[w, 4.0]])) for v, w in ((10, 4), (12, 4), (np.nan, np.nan))]
    combined = combine(FrameSet(images), clip=None).pixels
    np.testing.assert_allclose(combined.variance, [[2, 4 / 3]])


def test_a_median_knows_less_than_a_mean():
    """The median of three normal values has 1.16² times the variance of their mean."""
    frames = FrameSet(Image.of(Pixels.of(full(v), 0, full(100))) for v in (1, 2, 3))
    np.testing.assert_allclose(combine(frames, clip=None).pixels.variance, 100 / 3)
    np.testing.assert_allclose(
        combine(frames, method="median", clip=None).pixels.variance, 100 / 3 * 1.16**2, rtol=5e-3
    )
