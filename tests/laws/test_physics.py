"""Noise-free frames come back exactly: light = B + D·t + S·R gives S, arc = B + D·t + A gives A."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline import FrameSet, Image, Recipe, make_masters, reduce

SHAPE = (6, 7)
seconds = st.integers(1, 3600 * 16).map(lambda n: n / 16)


def fractions(high, parts):
    """Give planes of numbers that add up without rounding: what a frame cannot hold, no reduction can give back."""
    return arrays(np.int64, SHAPE, elements=st.integers(0, high * parts)).map(lambda n: n / parts)


def planes(low, high):
    return arrays(np.float64, SHAPE, elements=st.floats(low, high, width=32))


@st.composite
def nights(draw):
    """Frames of a noise-free detector, and the S and A that they should give."""
    bias, rate = draw(fractions(2000, 1)), draw(fractions(3, 1024))
    response = draw(planes(0.5, 1.5))
    response /= response.mean()
    lamp = draw(st.floats(5000, 40_000))
    sky, lines = draw(planes(0, 5000)), draw(planes(0, 5000))
    times = {kind: draw(seconds) for kind in ("flat", "light", "arc")}
    times["dark"] = 4 + draw(seconds)  # scaled by more than a thousand, the rounding of a dark drowns the flat
    signal = {"bias": 0, "dark": 0, "flat": lamp * response, "light": sky * response, "arc": lines}
    frames = [
        Image.of(bias + rate * times.get(kind, 0) + signal[kind], kind=kind, exposure=times.get(kind, 0.0))
        for kind in signal
        for _ in range(draw(st.integers(1, 3)))
    ]
    return FrameSet(frames), sky, lines


def ulps(frames, count):
    return count * np.spacing(max(np.abs(frame.pixels.values).max() for frame in frames))


@given(nights(), st.sampled_from([Recipe(), Recipe(method="median"), Recipe(clip=None)]))
def test_noise_free_lights_give_the_sky_and_arcs_the_lines(night, recipe):
    """The clip and the median change nothing of that."""
    frames, sky, lines = night
    masters = make_masters(frames, recipe)
    for kind, truth in (("light", sky), ("arc", lines)):
        reduced = reduce(frames, recipe=recipe, masters=masters, kind=kind).pixels.values
        np.testing.assert_allclose(reduced, truth, rtol=0, atol=ulps(frames, 16))


def test_a_thousand_is_a_thousand():
    """A bias of 100, a dark of 1 ADU/s, a lamp of 20,000 over a response of 0.5 and 1.5."""
    response = np.array([[0.5, 1.5]])
    frames = FrameSet(
        [
            Image.of(np.full((1, 2), 100, np.uint16), kind="bias"),
            Image.of(np.full((1, 2), 160, np.uint16), kind="dark", exposure=60),
            Image.of((100 + 10 + 20_000 * response).astype(np.uint16), kind="flat", exposure=10),
            Image.of((100 + 30 + 1000 * response).astype(np.uint16), kind="light", exposure=30),
        ]
    )
    reduced = reduce(frames).pixels.values
    assert reduced.dtype == np.float32
    np.testing.assert_array_equal(reduced, [[1000, 1000]])
