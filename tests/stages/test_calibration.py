"""Bias, dark, flat, overscan and saturation: their laws, and examples worked out by hand."""

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline import (
    Clip,
    Flag,
    FrameSet,
    Image,
    MasterBias,
    MasterDark,
    MasterFlat,
    Noise,
    Pixels,
    Recipe,
    chain,
    combine,
    divide,
    each,
    flag_saturated,
    normalise_flat,
    pipe,
    reduce,
    scale_dark,
    subtract_bias,
    subtract_dark,
    subtract_overscan,
)
from pipeline.errors import (
    AssumptionWarning,
    CalibrationError,
    PipelineError,
    SettingError,
    ShapeError,
    SkippedWarning,
    StepError,
)

SHAPE = (4, 5)
seconds = st.floats(0.01, 10_000)


def planes(low, high, dtype=np.float64):
    return arrays(dtype, SHAPE, elements=st.floats(low, high, width=32))


def a_bias(values, **more):
    return MasterBias.of(Image.of(values, kind="bias", **more))


def a_dark(values, exposure=1.0, has_bias=False, **more):
    return MasterDark.of(Image.of(values, kind="dark", exposure=exposure, **more), has_bias=has_bias)


def a_flat(values, **more):
    return normalise_flat(Image.of(values, kind="flat", **more))


def full(value):
    return np.full(SHAPE, value, np.float32)


# bias


@given(planes(-1e5, 1e5))
def test_a_bias_minus_itself_is_nothing(values):
    bias = a_bias(values)
    assert not subtract_bias(bias.image, bias=bias).pixels.values.any()


@given(planes(0, 6e4), planes(0, 2e3), planes(0, 2e3))
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


@pytest.mark.parametrize("step", [subtract_bias, subtract_dark, divide])
def test_a_step_asked_for_twice_is_refused(step):
    setting = {
        "subtract_bias": {"bias": a_bias(full(1))},
        "subtract_dark": {"dark": a_dark(full(1))},
        "divide": {"flat": a_flat(full(1))},
    }[step.name]
    once = step(Image.of(full(10), exposure=1), **setting)
    with pytest.raises(StepError, match="asked for twice"):
        step(once, **setting)


def test_what_the_header_says_is_done_is_skipped_and_said_and_can_be_forced():
    image = attrs.evolve(Image.of(full(10)), state=attrs.evolve(Image.of(full(1)).state, bias="L1STATZE = 1"))
    with pytest.warns(SkippedWarning, match="L1STATZE = 1"):
        skipped = subtract_bias(image, bias=a_bias(full(3)))
    assert skipped.pixels == image.pixels
    assert skipped.history[-1].skipped == "L1STATZE = 1"
    forced = subtract_bias(image, bias=a_bias(full(3)), force=True)
    assert (forced.pixels.values == 7).all()


# dark


@given(planes(0, 1e4), seconds, seconds, seconds)
def test_scaling_a_dark_twice_is_scaling_it_once(values, t0, t1, t2):
    dark = a_dark(values, t0)
    twice, once = scale_dark(scale_dark(dark, exposure=t1), exposure=t2), scale_dark(dark, exposure=t2)
    assert twice.exposure == once.exposure == t2
    np.testing.assert_array_max_ulp(twice.pixels.values, once.pixels.values, 2)


@given(planes(0, 1e4), seconds)
def test_a_dark_scaled_to_its_own_exposure_is_itself(values, t):
    dark = a_dark(values, t)
    assert scale_dark(dark, exposure=t).pixels == dark.pixels


@given(planes(0, 1e4), seconds, seconds)
def test_subtracting_a_dark_is_subtracting_it_scaled(values, t_dark, t_light):
    image = Image.of(values + 1e4, exposure=t_light)
    out = subtract_dark(image, dark=a_dark(values, t_dark)).pixels.values
    expected = image.pixels.values - scale_dark(a_dark(values, t_dark), exposure=t_light).pixels.values
    np.testing.assert_allclose(
        out, expected, rtol=0, atol=2 * np.spacing(np.abs(values).max() * t_light / t_dark + 1e4)
    )


@given(planes(0, 1e4), seconds, seconds, seconds)
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


def test_darks_of_several_exposures_and_a_short_light():
    """Darks of 100, 300 and 300 s with 1 ADU/s, a bias of 500, and a 10 s light of 1000 over it: 990."""
    frames = FrameSet(
        [
            Image.of(full(500), kind="bias"),
            *(Image.of(full(500 + t), kind="dark", exposure=t) for t in (100, 300, 300)),
            Image.of(full(1500), exposure=10),
        ]
    )
    np.testing.assert_allclose(reduce(frames).pixels.values, 990, rtol=1e-6)


# flat


@given(planes(100, 6e4), st.floats(0.1, 50))
def test_a_response_has_mean_one_and_forgets_the_lamp(values, lamp):
    one, other = a_flat(values), a_flat(values * lamp)
    good = ~one.pixels.mask
    assert abs(one.pixels.values[good].mean() - 1) < 1e-6
    np.testing.assert_allclose(one.pixels.values, other.pixels.values, rtol=1e-6)


@given(planes(-1e4, 6e4), planes(0.25, 2))
def test_division_undoes_multiplication_by_a_response(values, response):
    flat = a_flat(response)
    out = divide(Image.of(values * flat.pixels.values), flat=flat).pixels.values
    np.testing.assert_array_max_ulp(out, values, 2)


def test_a_pixel_that_is_not_positive_is_flagged_and_divides_by_one():
    values = full(2000)
    values[1, 2], values[3, 3] = 0, -5
    flat = a_flat(values)
    assert (flat.pixels.flags[1, 2], flat.pixels.values[1, 2]) == (Flag.NO_FLAT, 1)
    assert (flat.pixels.flags[3, 3], flat.pixels.values[3, 3]) == (Flag.NO_FLAT, 1)
    out = divide(Image.of(full(10)), flat=flat).pixels
    assert np.isfinite(out.values).all()
    assert out.mask.sum() == 2


def test_a_pixel_that_is_positive_by_less_than_its_noise_is_flagged():
    values = full(2000)
    values[0, 0] = 4.9
    image = attrs.evolve(Image.of(values, kind="flat"), data=Pixels.of(values, variance=full(1)))
    assert normalise_flat(image).pixels.flags[0, 0] == Flag.NO_FLAT
    assert normalise_flat(Image.of(values, kind="flat")).pixels.flags[0, 0] == 0


def test_the_noise_that_combining_found_tells_an_unlit_pixel():
    rng = np.random.default_rng(1)
    truth = np.full((40, 50), 3000.0)
    truth[5, 5] = 0
    frames = FrameSet(Image.of(rng.normal(truth, 10), kind="flat", exposure=1) for _ in range(5))
    assert normalise_flat(combine(frames)).pixels.flags[5, 5] == Flag.NO_FLAT


def test_a_negative_flat_is_an_error_and_never_an_image():
    with pytest.raises(CalibrationError, match="should be positive: was it finished already"):
        a_flat(full(-3))


def test_a_flat_with_nothing_good_in_it_is_an_error():
    with pytest.raises(CalibrationError, match="no good pixel"):
        a_flat(full(np.nan))


def test_a_master_flat_has_gone_through_normalise_flat():
    with pytest.raises(StepError, match="normalise_flat"):
        MasterFlat(Image.of(full(20_000), kind="flat"))


def test_nothing_comes_out_after_the_flat():
    done = divide(Image.of(full(10), exposure=1), flat=a_flat(full(1)))
    with pytest.raises(StepError, match="before that"):
        subtract_bias(done, bias=a_bias(full(1)))
    with pytest.raises(StepError, match="before that"):
        subtract_dark(done, dark=a_dark(full(1)))


# overscan


def framed(values, **cards):
    return Image.of(values, header=cards, name="frame.fits")


def test_the_overscan_comes_out_and_the_frame_is_trimmed_and_the_wcs_follows():
    values = np.hstack([np.full((3, 2), 500.0), np.full((3, 4), 600.0)])
    values[0, 0] = 60_000  # a cosmic ray in the overscan
    image = framed(values, BIASSEC="[1:2,1:3]", DATASEC="[3:6,1:2]", CRPIX1=10.0, CRPIX2=5.0)
    out = subtract_overscan(image)
    np.testing.assert_array_equal(out.pixels.values, np.full((2, 4), 100))
    assert (out.header.get("CRPIX1"), out.header.get("CRPIX2")) == (8, 5)
    assert "DATASEC" not in out.header
    assert "[1:2,1:3]" in out.state.overscan


def test_each_frame_has_its_own_overscan_level():
    levels = [500, 510, 490]
    frames = FrameSet(framed(np.full((2, 6), x + np.arange(6) // 4), BIASSEC="[1:4,1:2]") for x in levels)
    for image in each(subtract_overscan)(frames):
        np.testing.assert_array_equal(image.pixels.values[0], [0, 0, 0, 0, 1, 1])


def test_the_level_of_whole_numbers_is_known_better_than_to_a_half():
    strip = np.random.default_rng(1).normal(1000.3, 3, (100, 50)).round()
    image = framed(np.hstack([strip, np.full((100, 1), 1000.3)]), BIASSEC="[1:50,1:100]")
    assert abs(subtract_overscan(image).pixels.values[0, -1]) < 0.2


def test_without_sections_the_frame_stays_as_it_is():
    image = framed(full(1))
    assert subtract_overscan(image).pixels == image.pixels


def test_trimsec_goes_before_datasec_and_trim_can_be_left_out():
    image = framed(full(1), DATASEC="[1:5,1:4]", TRIMSEC="[2:4,1:3]")
    assert subtract_overscan(image).shape == (3, 3)
    assert subtract_overscan(image, trim=False).shape == SHAPE


def test_a_section_left_from_before_a_trim_is_said_and_left_out():
    with pytest.warns(AssumptionWarning, match=r"frame\.fits: DATASEC = \[1:50,1:40\] reaches beyond"):
        out = subtract_overscan(framed(full(1), DATASEC="[1:50,1:40]"))
    assert out.shape == SHAPE


# saturation


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


# the default reduction


def test_the_default_reduction_is_the_chain_written_out():
    rng = np.random.default_rng(5)
    level = {"bias": 500, "dark": 560, "flat": 20_000, "light": 900}
    exposure = {"bias": 0, "dark": 60, "flat": 5, "light": 30}
    frames = FrameSet(
        Image.of(rng.poisson(level[kind], SHAPE).astype(np.uint16), kind=kind, exposure=exposure[kind])
        for kind in level
        for _ in range(3)
    )
    stack = combine(variance="noise")
    bias = pipe(frames.bias, stack, MasterBias.of)
    dark = pipe(frames.dark, stack, subtract_bias(bias=bias), MasterDark.of)
    flat = pipe(frames.flat, stack, subtract_bias(bias=bias), subtract_dark(dark=dark), normalise_flat)
    clean = chain(subtract_bias(bias=bias), subtract_dark(dark=dark), divide(flat=flat))
    assert reduce(frames).pixels == pipe(frames.light, stack, clean).pixels


def test_a_night_without_lights_is_refused():
    with pytest.raises(StepError, match="no light frames"):
        reduce(FrameSet([Image.of(full(1), kind="bias")]))


def test_lights_whose_exposures_differ_by_less_than_a_hundredth_are_equal():
    almost = FrameSet(Image.of(full(1), exposure=t) for t in (10, 10.05))
    assert reduce(almost).header.get("EXPTIME") == 10.025


# variance


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


def test_a_ccddata_brings_its_header_mask_unit_and_uncertainty():
    nddata = pytest.importorskip("astropy.nddata")
    uncertainty = nddata.StdDevUncertainty(full(3))
    mask = np.zeros(SHAPE, bool)
    mask[1, 1] = True
    ccd = nddata.CCDData(full(7), unit="electron", mask=mask, uncertainty=uncertainty, meta={"EXPTIME": 5})
    image = Image.of(ccd)
    assert (image.exposure, image.state.unit) == (5, "electron")
    assert (image.pixels.flags[1, 1], image.pixels.mask.sum()) == (Flag.BAD, 1)
    np.testing.assert_array_equal(image.pixels.variance, full(9))


def test_a_lazy_dark_warns_of_the_same_error(tmp_path):
    from astropy.io import fits

    from pipeline import open_frame

    fits.writeto(tmp_path / "light.fits", full(100), fits.Header({"EXPTIME": 10}))
    frames = FrameSet([open_frame(tmp_path / "light.fits")])
    with pytest.warns(AssumptionWarning, match="wrong by up to 25 adu"):
        each(subtract_dark(dark=a_dark(full(50), 20, has_bias=None)))(frames)


# what must not pass in silence


def test_a_bias_is_not_taken_out_after_a_dark_that_may_have_held_it():
    image = subtract_dark(Image.of(full(1060), exposure=100), dark=a_dark(full(1010), 100, has_bias=None))
    with pytest.raises(StepError, match="may have been done already"):
        subtract_bias(image, bias=a_bias(full(1000)))


def test_overscan_is_out_of_image_and_bias_or_of_neither():
    raw = np.hstack([full(1000), full(1050)])
    light = subtract_overscan(framed(raw, BIASSEC="[1:5,1:4]", DATASEC="[6:10,1:4]"))
    with pytest.raises(CalibrationError, match=r"frame\.fits: its overscan is out .* that of bias array is not"):
        subtract_bias(light, bias=a_bias(full(1000)))


def test_units_are_those_of_the_master():
    electrons = Image.of(full(10), header={"BUNIT": "electron"})
    with pytest.raises(CalibrationError, match="is in electron, bias array in adu"):
        subtract_bias(electrons, bias=a_bias(full(1)))
    assert reduce(FrameSet([Image.of(full(1), header={"BUNIT": "electron/s"})])).header.get("BUNIT") == "electron/s"


def test_a_dark_without_exposure_among_others_is_one_second_and_said():
    frames = FrameSet([Image.of(full(1), kind="dark"), Image.of(full(60), kind="dark", exposure=60)])
    light = Image.of(full(100), exposure=10)
    with pytest.warns(AssumptionWarning, match="dark array: no exposure in the header; taken for 1 s among"):
        reduced = reduce(FrameSet([*frames, light]))
    np.testing.assert_allclose(reduced.pixels.values, 90, rtol=1e-6)


def test_a_light_of_no_seconds_is_said():
    with pytest.warns(AssumptionWarning, match="0 s in the header, so that no dark"):
        subtract_dark(Image.of(full(1), exposure=0), dark=a_dark(full(1)))


def test_a_flat_with_no_bias_to_take_out_is_said():
    frames = FrameSet([Image.of(full(2000), kind="flat"), Image.of(full(1))])
    with pytest.warns(AssumptionWarning, match="flat array: no bias to take out of the flat"):
        reduce(frames)


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: MasterBias.of(FrameSet([Image.of(full(1), kind="bias")])), "combine the frames first"),
        (lambda: MasterDark.of("dark.fits"), "wrap it in Image.of"),
        (lambda: Image.of(full(1), kind="lights"), "expected one of bias"),
        (lambda: Image.of(full(1), exposure=-5), "expected seconds from 0"),
        (lambda: Image.of(full(1), exposure="30"), "expected seconds from 0"),
        (lambda: scale_dark(a_dark(full(1)), exposure="60"), "scale_dark: exposure should be"),
        (lambda: Pixels.of(full(1), flags=np.zeros(3, np.uint8)), "flags"),
        (lambda: Recipe(saturation=-5), "positive level"),
    ],
)
def test_what_makes_no_sense_is_refused_in_our_own_words(make, word):
    with pytest.raises(PipelineError, match=word):
        make()


def test_a_median_knows_less_than_a_mean():
    """The median of three normal values has 1.16² times the variance of their mean."""
    frames = FrameSet(Image.of(Pixels.of(full(v), 0, full(100))) for v in (1, 2, 3))
    np.testing.assert_allclose(combine(frames, clip=None).pixels.variance, 100 / 3)
    np.testing.assert_allclose(
        combine(frames, method="median", clip=None).pixels.variance, 100 / 3 * 1.16**2, rtol=5e-3
    )


def test_given_gain_and_read_noise_clip_although_the_bias_is_in():
    """A bias of 1000 has no photon noise: 60 ADU are 22 σ of a read noise of 4 e⁻ at 1.5 e⁻/ADU."""
    rng = np.random.default_rng(2)
    values = rng.normal(1000, 4 / 1.5, (5, 64, 64)).round()
    values[2, 10:20, 10] += 60
    for kind in ("bias", "light"):
        frames = FrameSet(Image.of(v, kind=kind, exposure=1) for v in values)
        found = combine(frames, clip=Clip(counting=Noise.of(gain=1.5, read_noise=4))).found
        assert found.rejected[2] >= 10
        assert sum(found.rejected) < 15
