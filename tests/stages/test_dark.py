"""A dark is scaled to the exposure of the image, and what cannot be scaled is refused or said."""

import attrs
import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st
from made_masters import a_bias, a_dark, a_rate, full, planes_between

from pipeline import (
    FrameSet,
    Image,
    MasterBias,
    MasterDark,
    Pixels,
    each,
    pipe,
    scale_dark,
    subtract_bias,
    subtract_dark,
)
from pipeline.errors import AssumptionWarning, CalibrationError, SettingError, StepError
from pipeline.records.note import merged

seconds = st.floats(0.01, 10_000)


@given(planes_between(0, 1e4), seconds, seconds, seconds)
def test_scaling_a_dark_twice_is_scaling_it_once(values, t0, t1, t2):
    dark = a_dark(values, t0)
    twice, once = scale_dark(scale_dark(dark, exposure=t1), exposure=t2), scale_dark(dark, exposure=t2)
    assert twice.exposure == once.exposure == t2
    np.testing.assert_array_max_ulp(twice.pixels.values, once.pixels.values, 2)


@given(planes_between(0, 1e4), seconds)
def test_a_dark_scaled_to_its_own_exposure_is_itself(values, t):
    dark = a_dark(values, t)
    assert scale_dark(dark, exposure=t).pixels == dark.pixels


@given(planes_between(0, 1e4), seconds, seconds)
def test_subtracting_a_dark_is_subtracting_it_scaled(values, t_dark, t_light):
    image = Image.of(values + 1e4, exposure=t_light)
    out = subtract_dark(image, dark=a_dark(values, t_dark)).pixels.values
    expected = image.pixels.values - scale_dark(a_dark(values, t_dark), exposure=t_light).pixels.values
    np.testing.assert_allclose(
        out, expected, rtol=0, atol=2 * np.spacing(np.abs(values).max() * t_light / t_dark + 1e4)
    )


@given(planes_between(0, 1e4), seconds, seconds, seconds)
def test_a_dark_scaled_before_is_scaled_to_the_light_all_the_same(values, t_dark, t_other, t_light):
    image, dark = Image.of(values + 1e4, exposure=t_light), a_dark(values, t_dark)
    scaled = scale_dark(dark, exposure=t_other)
    assert subtract_dark(image, dark=scaled).pixels == subtract_dark(image, dark=dark).pixels


@pytest.mark.parametrize("exposure", [0, -1, float("nan"), float("inf")])
def test_a_dark_cannot_be_scaled_to_no_exposure(exposure):
    with pytest.raises(SettingError, match="positive"):
        scale_dark(a_dark(full(1)), exposure=exposure)


def test_a_dark_without_exposure_is_no_dark():
    with pytest.raises(CalibrationError, match="0 s"):
        a_dark(full(1), exposure=0)


def test_a_dark_that_may_hold_the_bias_is_scaled_with_a_warning_that_states_the_error():
    light, dark = Image.of(full(100), exposure=10), a_dark(full(50), 20, has_bias=None)
    with pytest.warns(AssumptionWarning, match=r"scaled by 0\.5 .* wrong by up to 25 adu"):
        out = subtract_dark(light, dark=dark)
    assert (out.pixels.values == 75).all()


def test_a_dark_that_is_scaled_to_several_exposures_is_one_fact():
    frames = FrameSet(Image.of(full(100), exposure=seconds, name=f"{seconds}.fits") for seconds in (10, 5, 20))
    said = [
        note for image in each(subtract_dark(dark=a_dark(full(50), 20, has_bias=None)))(frames) for note in image.notes
    ]
    (note,) = merged(note for note in said if "no bias taken out" in note.words)
    assert note.frames == ("10.fits", "5.fits")
    assert dict(note.figures) == {"ratio": 0.25, "error": 37.5}  # the worst


def test_a_dark_known_to_hold_the_bias_is_not_scaled():
    dark = a_dark(full(50), 20, has_bias=True)
    with pytest.raises(CalibrationError, match="does not grow with time"):
        subtract_dark(Image.of(full(100), exposure=10), dark=dark)
    same = subtract_dark(Image.of(full(100), exposure=20), dark=dark)
    assert (same.pixels.values == 50).all()
    assert same.state.bias  # it went out with the dark


def test_a_dark_with_its_bias_in_does_not_fit_an_image_with_its_bias_out():
    image = subtract_bias(Image.of(full(100), exposure=10), bias=a_bias(full(10)))
    with pytest.raises(StepError, match="take the bias out of the dark too"):
        subtract_dark(image, dark=a_dark(full(50), 10, has_bias=None))


def test_no_exposure_card_is_one_second_and_said():
    with pytest.warns(
        AssumptionWarning, match=r"light\.fits: no exposure in the header; taken for 1 s.*scaled by 0\.1"
    ):
        out = subtract_dark(Image.of(full(100), name="light.fits"), dark=a_dark(full(50), 10))
    assert (out.pixels.values == 95).all()


def test_a_bias_in_light_and_dark_is_not_counted_twice():
    """Variances of light 9, raw dark 4, bias 2, and k = 1/4: 9 + 4/16 + (1 − 1/4)²·2 = 10.375."""

    def image(value, variance, kind, exposure=None):
        return attrs.evolve(
            Image.of(full(value), kind=kind, exposure=exposure), data=Pixels.of(full(value), 0, full(variance))
        )

    bias = MasterBias.of(image(100, 2, "bias"))
    dark = MasterDark.of(subtract_bias(image(140, 4, "dark", 40), bias=bias))
    light = pipe(image(500, 9, "light", 10), subtract_bias(bias=bias), subtract_dark(dark=dark))
    np.testing.assert_allclose(light.pixels.total_variance, 10.375)
    np.testing.assert_allclose(light.pixels.values, 390)


def test_a_lazy_dark_warns_of_the_same_error(tmp_path):

    from pipeline import open_frame

    fits.writeto(tmp_path / "light.fits", full(100), fits.Header({"EXPTIME": 10}))
    frames = FrameSet([open_frame(tmp_path / "light.fits")])
    with pytest.warns(AssumptionWarning, match="wrong by up to 25 adu"):
        each(subtract_dark(dark=a_dark(full(50), 20, has_bias=None)))(frames)


def test_a_light_of_no_seconds_is_said():
    with pytest.warns(AssumptionWarning, match="0 s in the header, so that no dark"):
        subtract_dark(Image.of(full(1), exposure=0), dark=a_dark(full(1)))


@given(st.floats(0.1, 1e4), st.floats(0.1, 1e4))
def test_a_dark_that_is_a_rate_is_the_same_for_every_exposure(t_dark, t_light):
    dark = MasterDark.of(a_rate(0.25, "dark", t_dark))
    assert scale_dark(dark, exposure=t_light).pixels == dark.pixels
    out = subtract_dark(a_rate(5, exposure=t_light), dark=dark)
    assert (out.pixels.values == 4.75).all()
    assert ("DARKSCL", 1.0, "factor by which the dark was scaled") in out.added
