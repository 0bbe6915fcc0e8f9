"""The bias comes out and nothing else."""

import attrs
import numpy as np
import pytest
from hypothesis import given
from made_masters import a_bias, a_dark, framed, full, planes_between

from pipeline import Image, MasterBias, subtract_bias, subtract_dark, subtract_overscan
from pipeline.errors import CalibrationError, ShapeError, SkippedWarning, StepError
from pipeline.headers.status import Done


@given(planes_between(-1e5, 1e5))
def test_a_bias_minus_itself_is_nothing(values):
    bias = a_bias(values)
    assert not subtract_bias(bias.image, bias=bias).pixels.values.any()


@given(planes_between(0, 6e4), planes_between(0, 2e3), planes_between(0, 2e3))
def test_the_bias_comes_out_and_nothing_else(signal, one, other):
    out = subtract_bias(Image.of(signal + one), bias=a_bias(other)).pixels.values
    np.testing.assert_allclose(out, signal + one - other, rtol=0, atol=1e-9)


def test_no_bias_is_said_recorded_and_changes_nothing():
    image = Image.of(full(7))
    after = subtract_bias(image, bias=None)
    assert after.pixels == image.pixels
    assert after.state == image.state
    assert str(after.history[-1]) == "subtract_bias(bias=None, force=False)"


def test_a_bias_of_another_shape_is_refused():
    with pytest.raises(ShapeError, match="light array: 4 rows × 5 columns\n  bias array: 2 rows × 2 columns"):
        subtract_bias(Image.of(full(1)), bias=a_bias(np.zeros((2, 2))))


def test_a_bias_is_made_of_bias_frames():
    with pytest.raises(StepError, match="is a light"):
        MasterBias.of(Image.of(full(1)))


def test_what_the_header_says_is_done_is_skipped_and_said_and_can_be_forced():
    image = attrs.evolve(Image.of(full(10)), state=attrs.evolve(Image.of(full(1)).state, bias=Done("L1STATZE = 1")))
    with pytest.warns(SkippedWarning, match="L1STATZE = 1"):
        skipped = subtract_bias(image, bias=a_bias(full(3)))
    assert skipped.pixels == image.pixels
    assert skipped.history[-1].skipped == "L1STATZE = 1"
    forced = subtract_bias(image, bias=a_bias(full(3)), force=True)
    assert (forced.pixels.values == 7).all()


def test_a_bias_is_not_taken_out_after_a_dark_that_may_have_held_it():
    image = subtract_dark(Image.of(full(1060), exposure=100), dark=a_dark(full(1010), 100, has_bias=None))
    with pytest.raises(StepError, match="may have been done already"):
        subtract_bias(image, bias=a_bias(full(1000)))


def test_overscan_is_out_of_image_and_bias_or_of_neither():
    raw = np.hstack([full(1000), full(1050)])
    light = subtract_overscan(framed(raw, BIASSEC="[1:5,1:4]", DATASEC="[6:10,1:4]"))
    with pytest.raises(CalibrationError, match=r"frame\.fits: its overscan is out .* that of bias array is not"):
        subtract_bias(light, bias=a_bias(full(1000)))
