"""A dark is scaled to the exposure of the image, and what cannot be scaled is refused or said."""

import re

import attrs
import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st
from made_masters import a_bias, a_dark, a_rate, full, planes_between

from pipeline import (
    Cards,
    FrameSet,
    Image,
    MasterBias,
    MasterDark,
    Pixels,
    Recipe,
    attach_header,
    chain,
    combine,
    declare,
    each,
    fit_dark,
    open_frame,
    pipe,
    reduce,
    scale_dark,
    subtract_bias,
    subtract_dark,
)
from pipeline.errors import AssumptionWarning, CalibrationError, SettingError, ShapeError, StepError
from pipeline.headers.status import Done
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


several = st.lists(
    st.builds(a_dark, planes_between(0, 1e4), seconds, has_bias=st.sampled_from([None, True, False])),
    min_size=1,
    max_size=4,
)


@given(several, st.randoms(), st.data())
def test_of_several_darks_the_one_as_long_as_the_image_is_taken_in_whatever_order(darks, order, data):
    own = data.draw(st.sampled_from(darks))
    darks = list({dark.exposure: dark for dark in (*darks, own)}.values())
    order.shuffle(darks)
    image = Image.of(full(2e4), exposure=own.exposure)
    out = subtract_dark(image, dark=tuple(darks))
    alone = subtract_dark(image, dark=own)
    assert out == alone
    assert [lineage.sources for lineage in out.history[-1].masters] == [own.lineage.sources]


@given(several.filter(lambda darks: all(dark.has_bias is False for dark in darks)), seconds)
def test_of_darks_of_other_exposures_the_next_longer_is_scaled(darks, t):
    image = Image.of(full(2e4), exposure=t)
    longer = [dark for dark in darks if dark.exposed >= 0.99 * t]
    taken = min(longer, key=lambda dark: dark.exposed) if longer else max(darks, key=lambda dark: dark.exposed)
    scale = subtract_dark(image, dark=darks).added[-1][1]
    assert scale * taken.exposed == pytest.approx(t, rel=0.03)


def test_no_dark_among_several_is_refused():
    with pytest.raises(SettingError, match=r"for none, say dark=None"):
        subtract_dark(Image.of(full(1), exposure=1), dark=())


@pytest.mark.parametrize("has_bias", [None, True])
def test_a_dark_within_1_percent_of_the_exposure_is_subtracted_as_it_is_with_the_pedestal(has_bias):
    image, dark = Image.of(full(1100), exposure=60.5), a_dark(full(1000), 60, has_bias=has_bias)
    out = subtract_dark(image, dark=dark)
    assert (out.pixels.values == 100).all()
    assert not out.notes


def test_a_dark_that_is_nearly_as_long_is_scaled_and_that_is_said():
    with pytest.warns(AssumptionWarning, match=r"scaled by 0\.966667 .* wrong by up to 33"):
        subtract_dark(Image.of(full(1100), exposure=58), dark=(a_dark(full(1000), 60, None), a_dark(full(1), 2, None)))


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


def a_night(warmer, size=256, lights=3):
    """Expose a night of hot pixels whose darks are so many K warmer than its lights: a factor of 2 for each 6 K."""
    rng = np.random.default_rng(7)
    rate = np.where(rng.random((size, size)) < 3e-3, rng.exponential(8, (size, size)) + 0.5, 0.05)
    times = 2 ** (warmer / 6)

    def frame(number, kind, seconds, current, sky):
        electrons = rng.poisson(current * seconds + sky, rate.shape) + rng.normal(0, 5, rate.shape)
        cards = {"GAIN": (1.5, "[electron/adu]"), "RDNOISE": (5.0, "[electron]"), "SATURATE": 65000}
        values = np.clip(np.round(1000 + electrons / 1.5), 0, 65535).astype(np.uint16)
        return Image.of(values, kind=kind, exposure=seconds, header=Cards.of(cards), name=f"{kind}{number}.fits")

    kinds = (("bias", 10, 0.0, 0 * rate, 0), ("dark", 10, 300.0, times * rate, 0), ("light", lights, 300.0, rate, 200))
    return FrameSet(frame(i, kind, *how) for kind, count, *how in kinds for i in range(count)), rate > 1, 1 / times


def masters_of(frames):
    bias = pipe(frames.bias, combine(variance="noise"), MasterBias.of)
    return bias, pipe(frames.dark, combine(variance="noise"), subtract_bias(bias=bias), MasterDark.of)


@pytest.mark.parametrize("warmer", [-10, -2, 0, 2, 10])
def test_a_dark_of_another_temperature_is_fitted_and_without_that_its_factor_is_said(warmer):
    frames, hot, times = a_night(warmer)
    bias, dark = masters_of(frames)
    light = pipe(frames.light, combine(variance="noise"), subtract_bias(bias=bias))
    out = fit_dark(light, dark=dark)
    found = {key: value for key, value, _ in out.added}
    assert found["DARKSCL"] == pytest.approx(times, rel=0.005)
    assert abs(found["DARKSCL"] - times) < 4 * found["DARKSERR"]
    pulls = (out.values - 200 / 1.5) / np.sqrt(out.pixels.total_variance)
    assert np.mean(np.abs(pulls[hot]) > 5) < 0.01
    assert abs(pulls[hot].mean()) < 0.3
    assert out.notes == ()
    by_exposure = [note.words for note in subtract_dark(light, dark=dark).history[-1].said]
    told = [float(re.search(r"the dark fits by ([\d.]+)", words)[1]) for words in by_exposure]
    assert told == pytest.approx([times] * (warmer != 0), rel=0.02)


def without_bias(values, **more):
    return declare(Image.of(values, **more), state="without bias")


HOT = np.where(np.random.default_rng(1).random((64, 64)) < 0.03, 900.0, 3.0)
NOISE = np.random.default_rng(2).normal(0, 1, (2, 64, 64))
WARM = MasterDark.of(
    Image.of(Pixels.of(HOT + NOISE[0], variance=np.ones(HOT.shape)), kind="dark", exposure=60, name="d.fits"),
    has_bias=False,
)
LIGHT = without_bias(Pixels.of(50 + 0.5 * HOT + NOISE[1], variance=np.ones(HOT.shape)), exposure=60, name="l.fits")


def test_the_error_of_the_factor_is_in_the_variance_the_header_and_the_history():
    out = fit_dark(LIGHT, dark=WARM)
    header = attach_header(out).header
    times, error = header["DARKSCL"], header["DARKSERR"]
    np.testing.assert_allclose(out.values, LIGHT.values - times * WARM.image.values)
    np.testing.assert_allclose(out.pixels.total_variance, 1 + times**2 + (error * WARM.image.values) ** 2)
    assert header["DARKCOR"] == f"Dark count correction image is d.fits with scale={times:.8g}"
    history = "".join(str(header.to_header()["HISTORY"]).split())
    assert f"withscale={times:.8g},fittedto" in history
    assert f"standarderror{error:.2g}" in history
    assert out.state.dark
    assert out.history[-1].masters[0].sources == ("d.fits",)


def test_exposures_do_not_count_and_each_light_has_its_own_factor():
    lights = FrameSet(
        without_bias(50 + times * HOT + NOISE[1], exposure=seconds) for times, seconds in ((0.5, 60), (2.0, 7))
    )
    found = [{key: value for key, value, _ in one.added}["DARKSCL"] for one in each(fit_dark(dark=WARM))(lights)]
    assert found == pytest.approx([0.5, 2.0], rel=0.005)


def test_frames_on_disk_are_fitted_as_those_in_memory(tmp_path):
    fits.writeto(tmp_path / "l.fits", LIGHT.values, fits.Header({"EXPTIME": 60.0}))
    clean = each(chain(declare(state="without bias"), fit_dark(dark=WARM)))
    (stored,) = clean(FrameSet((open_frame(tmp_path / "l.fits"),)))
    (here,) = clean(FrameSet((Image.of(LIGHT.values, exposure=60.0),)))
    np.testing.assert_array_equal(stored.pixels.values, here.pixels.values)


@pytest.mark.parametrize(("run", "error", "says"), [
    (lambda: fit_dark(Image.of(LIGHT.pixels, exposure=60), dark=WARM), StepError, "its bias is not out"),
    (lambda: fit_dark(LIGHT, dark=attrs.evolve(WARM, has_bias=True)), StepError, "d.fits: may hold the bias"),
    (lambda: fit_dark(LIGHT, dark=attrs.evolve(WARM, has_bias=None)), StepError, "d.fits: may hold the bias"),
    (lambda: fit_dark(LIGHT, dark=a_dark(0 * HOT)), CalibrationError, "0 pixels in which the dark current"),
    (lambda: fit_dark(LIGHT, dark=a_dark(full(1))), ShapeError, "rows"),
    (lambda: pipe(LIGHT, fit_dark(dark=WARM), fit_dark(dark=WARM)), StepError, "asked for twice"),
    (lambda: fit_dark(attrs.evolve(LIGHT, state=attrs.evolve(LIGHT.state, flat=Done("f"))), dark=WARM), StepError,
     "flat-fielded already"),
])  # fmt: skip
def test_what_cannot_be_fitted_is_refused(run, error, says):
    with pytest.raises(error, match=says):
        run()


def test_no_dark_is_no_fit_and_a_dark_full_of_hits_is_said():
    assert fit_dark(LIGHT, dark=None).pixels == LIGHT.pixels
    real = np.where(np.random.default_rng(3).random(HOT.shape) < 0.65, HOT, 3.0)
    with pytest.warns(AssumptionWarning, match=r"only \d\d % of the hot pixels of d.fits agree"):
        out = fit_dark(without_bias(50 + 0.5 * real + NOISE[1], exposure=60), dark=WARM)
    assert attach_header(out).header["DARKSCL"] == pytest.approx(0.5, rel=0.01)


def test_a_dark_that_is_fitted_may_be_of_another_temperature_as_headers_say():
    warm = MasterDark.of(without_bias(WARM.image.values, kind="dark", exposure=60, header={"CCD-TEMP": -10.0}))
    light = without_bias(50 + 0.5 * HOT + NOISE[1], exposure=60, header={"CCD-TEMP": -20.0})
    assert fit_dark(light, dark=warm).notes == ()
    with pytest.warns(AssumptionWarning, match="detector temperature"):
        subtract_dark(light, dark=warm)


def test_a_reduction_fits_the_dark_to_its_lights_alone():
    frames, _, times = a_night(-6, size=128)
    fitted = reduce(frames, recipe=Recipe(dark_scale="fit"))
    assert fitted.header["DARKSCL"] == pytest.approx(times, rel=0.01)
    assert [step.stage for step in fitted.history if step.does == "dark"] == ["fit_dark"]
    assert not any("dark" in note.words for note in fitted.notes)
    with pytest.warns(AssumptionWarning, match=r"the dark fits by (2\.0|1\.9)"):
        reduce(frames)
