"""What a recipe asks for, and what it says of a header that it believes."""

import warnings

import attrs
import pytest

from pipeline import Cards, FrameSet, reduce
from pipeline.simulation.simulate import Counts, Detector, simulate


@pytest.mark.parametrize(("gain", "said"), [(1.5, False), (3.0, True), (0.75, True)])
def test_a_gain_in_the_header_that_bias_and_flat_do_not_bear_out_is_said(gain, said):
    night = simulate(shape=(48, 256), counts=Counts(light=2), detector=Detector(cosmic_rays=0))
    frames = []
    for frame in night.frames:
        header = frame.header.to_header()
        header["GAIN"] = gain
        frames.append(attrs.evolve(frame, header=Cards.of(header)))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        reduce(FrameSet(frames))
    words = [str(one.message) for one in caught if "bias and flat frames show" in str(one.message)]
    assert len(words) == said
    assert all(f"says a gain of {gain:g} e-/ADU" in word for word in words)
