"""Colours: even for every eye, stretched as astropy stretches, of limits that are never empty."""

import numpy as np
import pytest
from astropy.visualization import AsinhStretch, LogStretch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pipeline import Appearance
from pipeline.errors import SettingError
from pipeline.figures.colour import (
    LIMITS,
    MAPS,
    MASK_COLOUR,
    STRETCHES,
    Range,
    colour_scale,
    colours,
    ranges,
    stretched,
    unstretched,
)

EDGES = Range(100.0, 400.0)


# Machado, Oliveira and Fernandes (2009): how eyes without one of the three cones see linear RGB.
BLIND = {
    "normal": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def lab(rgb, eye="normal"):
    """CIE L*a*b* (D65) of sRGB colours as an eye sees them."""
    c = np.asarray(rgb, float) / 255
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    linear = np.clip(linear @ np.transpose(BLIND[eye]), 0, 1)
    xyz = linear @ np.array([[0.4124, 0.2126, 0.0193], [0.3576, 0.7152, 0.1192], [0.1805, 0.0722, 0.9505]])
    t = xyz / [0.9505, 1, 1.089]
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)


@pytest.mark.parametrize("eye", BLIND)
@pytest.mark.parametrize("name", MAPS)
def test_maps_grow_lighter_evenly_for_every_eye(name, eye):
    lightness = lab(colours(name, np.linspace(0, 1, 21)), eye)[:, 0]
    steps = np.diff(lightness)
    assert steps.min() > 0
    assert steps.max() < 2.2 * steps.mean()


@pytest.mark.parametrize("eye", BLIND)
@pytest.mark.parametrize("name", MAPS)
def test_masked_pixels_have_a_colour_that_no_value_has(name, eye):
    mark = lab(list(bytes.fromhex(MASK_COLOUR[name][1:])), eye)
    distance = np.linalg.norm(lab(colours(name, np.linspace(0, 1, 200)), eye) - mark, axis=-1)
    assert distance.min() > 40  # a just noticeable difference is about 2


@pytest.mark.parametrize(("stretch", "theirs"), [("log", LogStretch(1000)), ("asinh", AsinhStretch(0.1))])
def test_stretches_are_astropys_and_blank_nothing(stretch, theirs):
    values = np.linspace(100, 400, 50)
    np.testing.assert_allclose(stretched(values, EDGES, stretch), theirs((values - 100) / 300), atol=1e-12)
    assert stretched(np.array([-1e9, 1e9]), EDGES, stretch).tolist() == [0, 1]


@given(place=st.floats(0, 1), stretch=st.sampled_from(STRETCHES))
def test_a_stretch_is_undone(place, stretch):
    value = EDGES.low + float(unstretched(np.array(place), stretch)) * (EDGES.high - EDGES.low)
    assert stretched(np.array(value), EDGES, stretch) == pytest.approx(place, abs=1e-9)


@pytest.mark.parametrize("stretch", STRETCHES)
@pytest.mark.parametrize("name", MAPS)
def test_a_scale_gives_the_colours_of_the_stretched_values(name, stretch):
    scale = colour_scale(name, stretch)
    at = [t for t, _ in scale]
    assert at[0] == 0
    assert at[-1] == 1
    assert (np.diff(at) > 0).all()
    for t, colour in scale:
        wanted = colours(name, stretched(np.array(100 + 300 * t), EDGES, stretch))
        assert np.abs(np.array(colour[4:-1].split(","), int) - wanted.astype(int)).max() <= 1


@given(hnp.arrays(np.float32, st.integers(0, 60), elements=st.floats(-1e6, 1e6, width=32)))
def test_limits_are_never_empty(values):
    low, high = (float(values.min()), float(values.max())) if values.size else (0, 0)
    found = ranges(values, low, high)
    assert tuple(found) == LIMITS
    assert all(limits.low < limits.high for limits in found.values())


@pytest.mark.parametrize("bad", [{"limits": "z"}, {"stretch": "sqrt"}, {"colours": "jet"}])
def test_unknown_looks_are_refused(bad):
    with pytest.raises(SettingError, match=r"expected '.*' or '"):
        Appearance(**bad)
