"""Numbers that wrapped or were rounded too coarsely are told; honest ones, faint or saturated, are not."""

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick, seeds

from pipeline import FrameSet, Image, combine, declare
from pipeline.checks.damaged_numbers import (
    bytes_swapped,
    number_notes,
    rounded_too_coarsely,
    wrapped_above,
    wrapped_below_zero,
)
from pipeline.errors import AssumptionWarning
from pipeline.headers.status import Done
from pipeline.records.history import StepRecord

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


def test_counts_of_single_photons_that_hold_no_bias_as_was_said_are_raw():
    values = np.random.default_rng(1).poisson(0.05, SHAPE).astype(np.float32)
    light, finished = (declare(Image.of(values), state=state) for state in ("without bias", "finished"))
    assert number_notes([light], [values.ravel()]) == ()
    assert ["rounded" in note.words for note in number_notes([finished], [values.ravel()])] == [True]


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
@given(seed=seeds, power=st.integers(-60, 60), noise=st.sampled_from([0.15, 0.8]))
def test_rounding_is_as_coarse_in_any_unit(seed, power, noise):
    """Values such as 0.0049, 0.0098 are multiples of a step as well as 1 and 2 are."""
    values = sky(seed, 30.4, noise).ravel()
    assert rounded_too_coarsely(values * 1.25 * 2.0**power) == rounded_too_coarsely(values) == (noise < 0.5)


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
    assert "whole multiples of a step" in note.words


def test_a_header_that_gives_the_sign_is_believed():
    values = sky(1, 30_000, 100, 20_000).astype("u2").view("i2").astype(float).ravel()
    for header, count in (({}, 1), ({"BITPIX": 16}, 1), ({"BITPIX": -32}, 0), ({"BITPIX": 16, "BZERO": 32768}, 0)):
        assert len(number_notes([Image.of(np.zeros(SHAPE), header=header)], [values])) == count


# ---- where each begins and ends ----


def mixed(seed, *parts):
    """Give 2000 whole numbers: of each of some parts (share, level, sigma) so many, the first filling up."""
    rng = np.random.default_rng(seed)
    rest = [np.rint(rng.normal(level, sigma, round(2000 * share))) for share, level, sigma in parts[1:]]
    count = 2000 - sum(part.size for part in rest)
    return rng.permutation(np.concatenate([np.rint(rng.normal(*parts[0][1:], count)), *rest]))


@quick
@given(seed=seeds, share=st.sampled_from([0.003, 0.008]), high=st.sampled_from([150, 600]))
def test_values_wrapped_where_they_are_some_of_the_frame_and_the_rest_lies_near_zero(seed, share, high):
    values = mixed(seed, (1, high, 20), (share, -40, 8))
    assert wrapped_below_zero(values % 65536) == (share > 0.005 and high < 256)


@quick
@given(seed=seeds, level=st.integers(100, 220))
def test_halves_of_a_frame_on_both_sides_of_zero_wrapped(seed, level):
    assert wrapped_below_zero(mixed(seed, (1, level, 5), (0.5, -level, 5)) % 65536)


@quick
@given(seed=seeds)
def test_stars_over_a_sky_that_wrapped_hide_nothing(seed):
    assert wrapped_below_zero(mixed(seed, (1, 40, 20), (0.1, 600, 80)) % 65536)


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([(1, 65_400, 30)], id="all near full scale"),
        pytest.param([(1, 100, 20), (0.05, 65_400, 30), (0.1, 30_000, 5000)], id="bright stars and what leads to them"),
        pytest.param([(1, 600, 20), (0.05, 64_900, 50)], id="a full well that scatters"),
        pytest.param([(1, 100, 20), (0.05, 67_000, 300)], id="more than 16 bits"),
        pytest.param([(1, -60, 5), (0.05, 65_400, 30)], id="below 0 as they are"),
        pytest.param([(1, 100, 20), (0.02, 65_500, 0), (0.02, 65_520, 0), (0.02, 65_472, 0)], id="three amplifiers"),
    ],
)
@quick
@given(seed=seeds)
def test_values_near_full_scale_need_not_have_wrapped(parts, seed):
    assert not wrapped_below_zero(mixed(seed, *parts))


@pytest.mark.parametrize("count", range(5))
def test_two_values_far_below_zero_are_no_lost_sign(count):
    values = mixed(1, (1, 20_000, 100))
    values[:count] = -30_000
    assert wrapped_above(values) == (count >= 3)


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([(1, 20_000, 100), (0.1, -32_768, 0)], id="blank"),
        pytest.param([(1, 20_000, 100), (0.1, -40_000, 100)], id="more than 16 bits"),
        pytest.param([(1, 0, 12_000)], id="wide differences"),
        pytest.param([(1, 100, 10), (0.1, -28_000, 100)], id="nothing far above 0"),
    ],
)
@quick
@given(seed=seeds)
def test_values_far_below_zero_need_not_have_lost_their_sign(parts, seed):
    assert not wrapped_above(mixed(seed, *parts))


@quick
@given(seed=seeds)
def test_bytes_of_a_gradient_were_swapped_and_those_of_two_levels_not(seed):
    gradient = sky(seed, np.linspace(1000, 9000, 50), 20).ravel()
    assert bytes_swapped(gradient.astype("u2").byteswap().astype(float))
    assert not bytes_swapped(mixed(seed, (1, 1000, 30), (0.5, 60_000, 200)))


@pytest.mark.parametrize(
    ("step", "zero"),
    [(256, 0.5), (65_536, 1), (-65_536, 1), (256, 0)],
    ids=["halves", "more than 16 bits", "far below 0", "8 bits in the large byte"],
)
@quick
@given(seed=seeds)
def test_what_no_camera_stores_in_16_bits_has_no_bytes_to_swap(step, zero, seed):
    assert not bytes_swapped(np.random.default_rng(seed).integers(0, 100, 600) * step + float(zero))


def test_a_few_coarse_steps_with_a_pixel_between_are_no_swapped_bytes():
    values = np.arange(600.0) % 4 * 256
    values[0] = 300
    assert not bytes_swapped(values)


@quick
@given(seed=seeds, high=st.integers(1, 60_000))
def test_bright_pixels_do_not_hide_that_others_were_rounded_and_one_value_is_no_noise(seed, high):
    values = sky(seed, 1.4, 0.15).ravel()
    values[::200] += high
    assert rounded_too_coarsely(values)
    assert not rounded_too_coarsely(np.full(600, float(high)))


@pytest.mark.parametrize(("known", "count"), [(511, 0), (512, 1), (1900, 1)])
def test_enough_good_pixels_are_needed_and_no_more(known, count):
    values = sky(1, 0, 5).ravel() % 65536
    values[known:] = np.nan
    assert len(number_notes([Image.of(np.zeros(SHAPE))], [values])) == count


@pytest.mark.parametrize("changed", [{}, {"bias": Done("BIASCORR")}, {"flat": Done("FLATCOR")}, {"unit": "electron/s"}])
def test_frames_calibrated_elsewhere_are_asked_for_rounding_and_those_calibrated_here_not(changed):
    raw = Image.of(sky(1, 1.4, 0.15), name="a.fits")
    image = attrs.evolve(raw, state=attrs.evolve(raw.state, **changed))
    for worked in (True, False):
        step = StepRecord("subtract_bias", does="bias", idle=not worked)
        here = attrs.evolve(image, history=(step,))
        assert len(number_notes([here], [raw.pixels.values.ravel()])) == bool(changed and not worked)


@pytest.mark.parametrize("clip", [None, "default"])
def test_combine_says_it_once_for_all_frames(clip):
    frames = FrameSet(Image.of(sky(n, 0, 5) % 65536, kind="bias", name=f"{n}.fits") for n in range(3))
    with pytest.warns(AssumptionWarning, match=r"0\.fits and 2 more: many of its values lie near 65535"):
        combine(frames, **({"clip": None} if clip is None else {}))
