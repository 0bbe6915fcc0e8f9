"""Electrons: values and what is known of their noise, once, and a header that says so."""

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import frames_of, quick

from pipeline import (
    Image,
    MasterBias,
    Pixels,
    Recipe,
    attach_header,
    chain,
    combine,
    reduce,
    subtract_bias,
    to_electrons,
)
from pipeline.errors import CalibrationError, SettingError, SkippedWarning, StepError
from pipeline.headers.status import Done
from pipeline.testing import pixels

gains = st.floats(0.1, 50)


def image_of(values, **cards):
    return Image.of(values, header=cards, name="light.fits")


@quick
@given(pixels(), gains)
def test_values_grow_with_the_gain_and_variance_with_its_square(drawn, gain):
    out = to_electrons(Image.of(drawn), gain=gain).pixels
    with np.errstate(invalid="ignore", over="ignore"):
        np.testing.assert_array_max_ulp(out.values, (drawn.values * np.float64(gain)).astype(drawn.dtype), 1)
        np.testing.assert_array_equal(out.flags, drawn.flags)
        if drawn.variance is not None:
            np.testing.assert_allclose(out.variance, drawn.variance * gain**2, rtol=1e-6)


@quick
@given(pixels(dtypes=("float64",)), gains)
def test_electrons_before_or_after_the_bias_are_the_same(drawn, gain):
    """A gain commutes with subtracting, shared errors included."""
    light = Image.of(Pixels.of(np.nan_to_num(drawn.values, posinf=0.0), drawn.flags, np.ones(drawn.shape)))
    plain = Image.of(Pixels.of(np.full(drawn.shape, 100.0), variance=np.full(drawn.shape, 4.0)), kind="bias")
    bias, scaled = MasterBias.of(plain), MasterBias.of(to_electrons(plain, gain=gain))
    after = to_electrons(subtract_bias(light, bias=bias), gain=gain).pixels
    before = subtract_bias(to_electrons(light, gain=gain), bias=scaled).pixels
    largest = gain * (np.abs(light.pixels.values).max() + 100)
    np.testing.assert_allclose(before.values, after.values, rtol=0, atol=4 * np.spacing(largest))
    np.testing.assert_allclose(before.total_variance, after.total_variance, rtol=1e-12)


def test_photon_noise_in_electrons_is_its_own_variance():
    rng = np.random.default_rng(1)
    image = Image.of(Pixels.of(rng.poisson(900, (100, 100)) / 1.5, variance=np.full((100, 100), 900 / 1.5**2)))
    out = to_electrons(image, gain=1.5).pixels
    assert np.var(out.values) == pytest.approx(900, rel=0.05)
    np.testing.assert_allclose(out.variance, 900)


@pytest.mark.parametrize(("unit", "becomes"), [("adu", "electron"), ("adu/s", "electron/s")])
def test_a_rate_stays_a_rate(unit, becomes):
    assert to_electrons(image_of(np.ones((2, 2)), BUNIT=unit), gain=2.0).state.unit == becomes


def test_the_noise_that_combining_found_follows():
    stack = np.random.default_rng(2).normal(500, 4, (5, 40, 40)).round().astype("u2")
    image = combine(frames_of(stack))
    out = to_electrons(image, gain=2.0)
    assert out.found.level == 2 * image.found.level
    assert out.found.noise == image.found.noise.scaled(2.0)
    assert out.found.offsets == tuple(2 * offset for offset in image.found.offsets)
    assert out.found.rejected == image.found.rejected


# what the header says


def test_the_header_follows_so_that_nobody_multiplies_again():
    cards = {"GAIN": (2.5, "[e-/ADU] gain"), "RDNOISE": (4.0, "[e-]"), "READNOIS": (2.0, "[ADU]"), "SATURATE": 60000}
    header = attach_header(to_electrons(image_of(np.full((2, 2), 10.0), **cards))).to_hdu().header
    assert header["BUNIT"] == "electron"
    assert (header["GAIN"], header["RDNOISE"], header["READNOIS"], header["SATURATE"]) == (1.0, 4.0, 5.0, 150_000.0)
    assert header["GAINCOR"] == "Gain correction with 2.5 e-/ADU"


@pytest.mark.parametrize("cards", [{"GAIN": (0.5, "[ADU/e-]")}, {"GAIN": 2.0}, {"EGAIN": 2.0, "GAIN": (2, "[e-/ADU]")}])
def test_every_card_that_holds_the_gain_becomes_one(cards):
    out = to_electrons(image_of(np.ones((2, 2)), **cards))
    assert (out.pixels.values == 2).all()
    assert {key: out.header.get(key) for key in cards} == dict.fromkeys(cards, 1.0)


def test_a_mode_of_the_camera_is_no_gain_and_stays():
    light = image_of(np.ones((2, 2)), GAIN=(1, "DCS GAIN INDEX"))
    with pytest.raises(CalibrationError, match=r"light\.fits: no gain in e-/ADU .*GAIN = 1 may be a setting"):
        to_electrons(light)
    assert to_electrons(light, gain=1.2).header.get("GAIN") == 1


# what is refused


def test_electrons_twice_are_refused_and_electrons_in_the_header_are_left():
    once = to_electrons(image_of(np.ones((2, 2))), gain=2.0)
    with pytest.raises(StepError, match="twice"):
        to_electrons(once, gain=2.0)
    assert once.state.gain == Done("Gain correction with 2 e-/ADU")
    for cards in ({"BUNIT": "electron"}, {"BUNIT": "e-"}, {"GAINCOR": "Gain correction with 2 e-/ADU"}):
        with pytest.warns(SkippedWarning, match="done already"):
            assert (to_electrons(image_of(np.ones((2, 2)), **cards), gain=2.0).pixels.values == 1).all()


@pytest.mark.parametrize("gain", [0.0, -1.0, float("nan"), float("inf")])
def test_a_gain_is_positive(gain):
    with pytest.raises(SettingError, match=r"expected a positive number of e⁻/ADU|expected one for each"):
        to_electrons(image_of(np.ones((2, 2))), gain=gain)


def test_a_flux_is_no_count():
    with pytest.raises(CalibrationError, match=r"in Jy; a gain turns adu into electron"):
        to_electrons(image_of(np.ones((2, 2)), BUNIT="Jy"), gain=2.0)


def test_a_bias_in_adu_does_not_fit_an_image_in_electrons():
    bias = MasterBias.of(Image.of(np.ones((2, 2)), kind="bias"))
    with pytest.raises(CalibrationError, match="same unit"):
        chain(to_electrons(gain=2.0), subtract_bias(bias=bias))(image_of(np.ones((2, 2))))


def test_the_recipe_ends_in_electrons():
    frames = frames_of(np.full((3, 4, 4), 10, "u2"))
    product = reduce(frames, recipe=Recipe(electrons=to_electrons(gain=1.5)))
    assert (product.pixels.values == 15).all()
    assert product.header.get("BUNIT") == "electron"
    assert attrs.evolve(product.state, unit="adu", gain=None) == reduce(frames).state
