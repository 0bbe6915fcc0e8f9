"""Numbers as others hand them over: numpy's scalars and astropy's quantities stand for Python's own."""

import math

import astropy.units as u
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import (
    Image,
    MasterDark,
    Noise,
    align,
    clean_cosmic_rays,
    flag_saturated,
    linearise,
    normalise_flat,
    scale_dark,
    to_electrons,
)
from pipeline.errors import SettingError
from pipeline.records.quantities import UNITS, plain_number

IMAGE = Image.of(np.arange(12, dtype=np.uint16).reshape(3, 4), exposure=30.0)
DARK = MasterDark.of(Image.of(np.ones((3, 4)), kind="dark", exposure=10.0), has_bias=False)
GAIN = u.electron / u.adu
positive = st.floats(1e-3, 1e6)


@given(st.booleans() | st.integers(-(2**62), 2**62) | st.floats(), st.sampled_from(sorted(UNITS)))
def test_a_number_of_numpys_is_the_number_that_it_holds(number, name):
    for scalar in (np.asarray(number)[()], np.array(number)):
        given_back = plain_number(scalar, name)
        assert type(given_back) is type(number)
        assert given_back == number or math.isnan(number)
    assert plain_number(number, name) is number


@given(positive, st.sampled_from(sorted(UNITS)))
def test_a_quantity_is_its_number_in_the_unit_of_the_setting_whatever_unit_it_came_in(number, name):
    unit = u.Unit(UNITS[name])
    assert plain_number(number * unit, name) == number
    assert plain_number((number * unit).to(1000 * unit), name) == pytest.approx(number)
    assert plain_number([number, 2 * number] * unit, name) == (number, 2 * number)


@given(positive)
def test_dn_and_counts_are_adu(number):
    for unit in (u.DN, u.count, u.adu):
        assert plain_number(number * u.electron / unit, "gain") == number
        assert plain_number(number * unit, "level") == number


@pytest.mark.parametrize("name", [*sorted(UNITS), "order"])
@pytest.mark.parametrize("unit", [u.m, u.electron**2, u.Jy])
def test_a_quantity_of_another_unit_is_refused(name, unit):
    with pytest.raises(SettingError, match=rf"{name}=3.0 .*; expected a number (in|without)"):
        plain_number(3.0 * unit, name)


def test_a_quantity_without_unit_is_a_number_for_a_setting_without_one():
    assert plain_number(3 * u.dimensionless_unscaled, "order") == 3
    assert plain_number(50 * u.percent, "fraction") == 0.5


def test_anything_else_is_given_as_it_is():
    mask = np.eye(3)
    assert plain_number(mask, "mask") is mask
    assert plain_number("mean", "method") == "mean"
    assert plain_number((np.float32(0.5), [np.int8(1)]), "by") == (0.5, [1])


# ---- where settings are asked for ----


@pytest.mark.parametrize(
    ("given_step", "step"),
    [
        (to_electrons(gain=np.float64(1.5)), to_electrons(gain=1.5)),
        (to_electrons(gain=np.float32(1.5)), to_electrons(gain=1.5)),
        (to_electrons(gain=1.5 * GAIN), to_electrons(gain=1.5)),
        (to_electrons(gain=[1.5, np.int8(2)]), to_electrons(gain=(1.5, 2))),
        (to_electrons(gain=np.array([1.5, 2.0])), to_electrons(gain=(1.5, 2.0))),
        (to_electrons(gain=[1.5, 2.0] * GAIN), to_electrons(gain=(1.5, 2.0))),
        (normalise_flat(order=np.int64(3)), normalise_flat(order=3)),
        (flag_saturated(level=np.uint16(60_000)), flag_saturated(level=60_000)),
        (flag_saturated(level=60_000 * u.adu), flag_saturated(level=60_000.0)),
        (scale_dark(exposure=0.5 * u.min), scale_dark(exposure=30.0)),
        (linearise(coefficients=np.array([1.0, 1e-6]), pedestal=300 * u.adu),
         linearise(coefficients=(1.0, 1e-6), pedestal=300.0)),
        (align(by=[[1.0, 2.0], [3, 4]]), align(by=((1.0, 2.0), (3, 4)))),
        (align(by=np.array([[1.0, 2.0]])), align(by=((1.0, 2.0),))),
        (clean_cosmic_rays(gain=1.5 * GAIN, read_noise=np.float32(4)), clean_cosmic_rays(gain=1.5, read_noise=4.0)),
        (clean_cosmic_rays(gain=1, read_noise=4 * u.electron), clean_cosmic_rays(gain=1, read_noise=4)),
    ],
    ids=repr,
)  # fmt: skip
def test_a_step_is_the_same_whoever_s_numbers_it_was_given(given_step, step):
    assert given_step == step
    assert repr(given_step).replace(".0", "") == repr(step).replace(".0", "")
    assert hash(given_step) == hash(step)


def test_an_exposure_is_given_in_any_unit_of_time():
    for exposure in (30, 30 * u.s, 0.5 * u.min, np.float32(30), np.int16(30)):
        image = Image.of(np.ones((2, 2)), exposure=exposure)
        assert (image.exposure, type(image.exposure)) == (30.0, float)
    with pytest.raises(SettingError, match=r"exposure=3\.0 m; expected a number in s"):
        Image.of(np.ones((2, 2)), exposure=3 * u.m)


def test_a_stage_runs_with_quantities_as_it_does_with_numbers():
    assert to_electrons(IMAGE, gain=2 * GAIN) == to_electrons(IMAGE, gain=2.0)
    assert scale_dark(DARK, exposure=1 * u.min) == scale_dark(DARK, exposure=60.0)
    assert Noise.of(gain=2 * GAIN, read_noise=np.float32(6) * u.electron) == Noise.of(gain=2.0, read_noise=6.0)
    for gain in (2 * u.adu, 2 * u.adu / u.electron):
        with pytest.raises(SettingError, match=r"gain=2\.0 .*; expected a number in electron / adu"):
            to_electrons(IMAGE, gain=gain)
