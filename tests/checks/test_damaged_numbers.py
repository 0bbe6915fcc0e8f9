"""Numbers that wrapped or were rounded too coarsely are told; honest ones, faint or saturated, are not."""

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick, seeds

from pipeline import FrameSet, Image, combine
from pipeline.checks.damaged_numbers import (
    bytes_swapped,
    number_notes,
    rounded_too_coarsely,
    wrapped_above,
    wrapped_below_zero,
)
from pipeline.errors import AssumptionWarning
from pipeline.headers.status import Done

SHAPE = (40, 50)


def sky(seed, level, sigma, stars=0.0):
    """Give whole numbers of a sky with stars whose brightest reaches ``stars``."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:40, :50]
    light = level + sum(
        stars * f * np.exp(-((y - rng.uniform(0, 40)) ** 2 + (x - rng.uniform(0, 50)) ** 2) / 18) for f in (1, 0.5, 0.2)
    )
    return np.rint(light + rng.normal(0, sigma, SHAPE))


@quick
@given(seed=seeds, level=st.floats(-3, 3), sigma=st.floats(2, 20))
def test_values_below_zero_that_wrapped_are_told(seed, level, sigma):
    values = sky(seed, level, sigma)
    assert wrapped_below_zero(values % 65536)
    assert not wrapped_below_zero(values)
    assert not wrapped_below_zero(np.maximum(values, 0))


@quick
@given(seed=seeds, level=st.floats(20_000, 32_000))
def test_values_above_32767_that_turned_negative_are_told(seed, level):
    values = sky(seed, level, 100, stars=20_000)
    assert wrapped_above(values.astype("u2").view("i2"))
    assert not wrapped_above(values)


@quick
@given(seed=seeds, level=st.floats(100, 5000), sigma=st.floats(0.5, 20))
def test_values_that_all_lost_their_zero_are_told(seed, level, sigma):
    """As in a bias, which has nothing above 32767."""
    assert wrapped_above(sky(seed, level, sigma) - 32768)
    assert not wrapped_above(sky(seed, level, sigma))
    assert not wrapped_above(sky(seed, level, sigma) - 2 * level)  # a calibration took away too much: told elsewhere


@quick
@given(seed=seeds, level=st.floats(0, 60_000), stars=st.floats(0, 1e6))
def test_skies_and_saturated_stars_are_honest(seed, level, stars):
    values = np.clip(sky(seed, level, 5 + np.sqrt(level), stars), 0, 65535)
    assert not wrapped_below_zero(values)
    assert not wrapped_above(values)
    assert not rounded_too_coarsely(values)


@quick
@given(seed=seeds, stars=st.floats(0, 60_000))
def test_differences_of_two_lights_are_honest(seed, stars):
    assert not wrapped_above(sky(seed, 0, 10, stars) - sky(seed + 1, 0, 10, stars))


@quick
@given(seed=seeds, level=st.integers(-5, 50))
def test_rounding_is_too_coarse_below_half_a_step(seed, level):
    assert not rounded_too_coarsely(sky(seed, level, 0.8))
    assert rounded_too_coarsely(sky(seed, level + 0.4, 0.15))
    assert not rounded_too_coarsely(sky(seed, level, 0.15) + 0.25)


@quick
@given(seed=seeds, level=st.floats(300, 12_000), stars=st.floats(0, 2e4), zero=st.sampled_from([0, 32768]))
def test_bytes_that_were_swapped_are_told(seed, level, stars, zero):
    values = sky(seed, level, 3 + np.sqrt(level), stars).ravel()
    swapped = (values - zero).astype(np.int32).astype("u2").byteswap()
    assert bytes_swapped((swapped.astype("i2") if zero else swapped).astype(float) + zero)
    assert not bytes_swapped(values)


@quick
@given(seed=seeds, low=st.floats(0, 3000), high=st.floats(3000, 65_000), step=st.sampled_from([1, 4, 16, 64, 256, 257]))
def test_bytes_of_wide_ranges_and_coarse_steps_are_not_swapped(seed, low, high, step):
    values = np.clip(sky(seed, np.linspace(low, high, 50), 5, 2e4), 0, 65535).ravel()
    assert not bytes_swapped(np.minimum(values // step, 65535 // step) * step)


def test_only_calibrated_frames_are_asked_for_rounding():
    values = sky(1, 1.4, 0.15)
    raw = Image.of(values, name="a.fits")
    rates = attrs.evolve(raw, state=attrs.evolve(raw.state, bias=Done("BIASCORR = T"), unit="electron/s"))
    assert number_notes([raw], [values.ravel()]) == ()
    (note,) = number_notes([rates], [values.ravel()])
    assert "whole numbers of electron/s" in note.words


def test_a_header_that_gives_the_sign_is_believed():
    values = sky(1, 30_000, 100, 20_000).astype("u2").view("i2").astype(float).ravel()
    for header, count in (({}, 1), ({"BITPIX": 16}, 1), ({"BITPIX": -32}, 0), ({"BITPIX": 16, "BZERO": 32768}, 0)):
        assert len(number_notes([Image.of(np.zeros(SHAPE), header=header)], [values])) == count


@pytest.mark.parametrize("clip", [None, "default"])
def test_combine_says_it_once_for_all_frames(clip):
    frames = FrameSet(Image.of(sky(n, 0, 5) % 65536, kind="bias", name=f"{n}.fits") for n in range(3))
    with pytest.warns(AssumptionWarning, match=r"0\.fits and 2 more: many of its values lie near 65535"):
        combine(frames, **({"clip": None} if clip is None else {}))
