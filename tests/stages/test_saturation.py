"""Saturation: judged on raw values, flagged to the end, and in masters set aside where it is rare."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from made_masters import SHAPE, a_bias, framed, full

from pipeline import (
    Flag,
    FrameSet,
    Image,
    Recipe,
    combine,
    flag_saturated,
    pipe,
    reduce,
    subtract_bias,
    subtract_overscan,
)
from pipeline.errors import StepError


@given(arrays(np.uint16, SHAPE), st.integers(1, 65535))
def test_raw_values_from_the_level_up_are_flagged(values, level):
    flagged = flag_saturated(Image.of(values), level=level).pixels
    np.testing.assert_array_equal(flagged.flags == Flag.SATURATED, values >= level)


def test_saturation_in_one_of_two_lights_stays_flagged_to_the_end():
    one, two = full(1000), full(1000)
    one[2, 2] = 65_000
    frames = FrameSet(Image.of(v, exposure=1) for v in (one, two))
    image = reduce(frames, recipe=Recipe(saturation=60_000))
    assert image.pixels.flags[2, 2] == Flag.SATURATED
    assert image.pixels.mask.sum() == 1


def test_saturation_is_judged_on_raw_values():
    reduced = subtract_bias(Image.of(full(100)), bias=a_bias(full(1)))
    level = subtract_overscan(framed(full(100), BIASSEC="[1:2,1:4]"))
    mean = combine(FrameSet([Image.of(full(100), exposure=1)] * 2))
    for image, by in ((reduced, "subtract_bias"), (level, "subtract_overscan"), (mean, "combine")):
        with pytest.raises(StepError, match=f"raw values, and {by} has run; put flag_saturated first"):
            flag_saturated(image, level=50)
    untouched = pipe(Image.of(full(100)), subtract_bias(bias=None), subtract_overscan)
    assert flag_saturated(untouched, level=50).pixels.mask.all()


def test_saturation_is_not_judged_on_what_was_reduced_elsewhere():
    assert not flag_saturated(framed(full(100), ZEROCOR=True, SATURATE=50)).pixels.mask.any()


def test_the_header_says_where_saturation_begins():
    assert flag_saturated(framed(full(60), SATURATE=50)).pixels.mask.all()
    assert not flag_saturated(framed(full(60))).pixels.mask.any()
