"""What a flat is divided by: its level in several senses, or the light of its lamp along the dispersion."""

import attrs
import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st
from made_masters import a_flat, full, planes_between
from strategies import quick, seeds

from pipeline import Flag, FrameSet, Image, MasterFlat, Pixels, combine, divide, normalise_flat, open_frame, write
from pipeline.errors import CalibrationError, SettingError, SkippedWarning, StepError
from pipeline.stages.flat import spline

SPECTRUM = (20, 60)
x = np.linspace(-1, 1, SPECTRUM[1])


def flat_of(values, **more):
    return Image.of(values, kind="flat", name="flat.fits", **more)


def a_response(seed):
    return np.random.default_rng(seed).uniform(0.9, 1.1, SPECTRUM)


colours = st.lists(st.floats(-1.5, 1.5), min_size=1, max_size=5)


@quick
@given(seeds, colours, st.floats(10, 5e4), st.sampled_from([0, 1]))
def test_a_lamp_of_any_colour_that_the_polynomial_can_follow_cancels(seed, terms, level, saxis):
    """Steep lamps too: exp(2 × 1.5 × 5) is seven orders of magnitude."""
    lamp = level * np.exp(np.polynomial.legendre.legval(x, terms))
    plain, lit = a_response(seed) * 1000, a_response(seed) * lamp
    if saxis == 0:
        plain, lit = plain.T, lit.T
    step = normalise_flat(by="polynomial", order=4, saxis=saxis)
    np.testing.assert_allclose(step(flat_of(lit)).pixels.values, step(flat_of(plain)).pixels.values, rtol=1e-6)


@quick
@given(seeds, st.integers(1, 12), seeds)
def test_a_lamp_of_any_colour_that_the_spline_can_follow_cancels(seed, pieces, colour):
    """A cubic spline of as many pieces, made by hand as a sum of cubics that begin at the knots."""
    rng = np.random.default_rng(colour)
    at = np.linspace(0, pieces, SPECTRUM[1])
    log_lamp = np.polynomial.polynomial.polyval(at / pieces, rng.uniform(-1, 1, 4))
    for knot in range(1, pieces):
        log_lamp = log_lamp + rng.uniform(-1, 1) * np.maximum(at - knot, 0) ** 3 / pieces**3
    step = normalise_flat(by="spline", order=pieces)
    one, other = (step(flat_of(a_response(seed) * lamp)) for lamp in (1000.0, 1000 * np.exp(log_lamp)))
    np.testing.assert_allclose(other.pixels.values, one.pixels.values, rtol=1e-6)


@given(st.integers(1, 20), st.integers(2, 200))
def test_splines_are_never_negative_and_add_up_to_one(pieces, count):
    terms = spline(count, pieces)
    assert terms.min() >= 0
    np.testing.assert_allclose(terms.sum(axis=1), 1)


@quick
@given(seeds)
def test_the_slit_stays_in_the_response(seed):
    """What changes across the dispersion is response, and stays."""
    slit = np.random.default_rng(seed).uniform(0.5, 1.5, (SPECTRUM[0], 1))
    response = normalise_flat(flat_of(slit * np.exp(2 * x)[None, :] * 5e3), by="polynomial").pixels.values
    np.testing.assert_allclose(response, np.broadcast_to(slit / slit.mean(), SPECTRUM), rtol=1e-5)


def test_a_hot_column_and_an_unlit_one_do_not_bend_the_curve():
    values = a_response(1) * 1000 * np.exp(x)
    plain = normalise_flat(flat_of(values), by="polynomial", order=2).pixels.values
    values[:, 30] *= 50
    values[:, 10] = -3
    hit = normalise_flat(flat_of(values), by="polynomial", order=2).pixels
    others = np.delete(np.arange(SPECTRUM[1]), [10, 30])
    np.testing.assert_allclose(hit.values[:, others] / hit.values[0, 0], plain[:, others] / plain[0, 0], rtol=5e-3)
    assert (hit.flags[:, 10] == Flag.NO_FLAT).all()
    assert (hit.values[:, 10] == 1).all()


@given(seeds, st.sampled_from(["mean", "median"]))
def test_the_level_is_that_of_the_region(seed, by):
    values = a_response(seed) * 3000
    values[0, 0] = np.nan
    window = values[4:10, 9:30]
    level = np.mean(window) if by == "mean" else np.median(window)
    response = normalise_flat(flat_of(values), by=by, region="[10:30,5:10]").pixels.values
    np.testing.assert_allclose(response[1:], values[1:] / level, rtol=1e-6)
    whole = normalise_flat(flat_of(values), by=by).pixels.values[4:10, 9:30]
    level = np.nanmean(values) if by == "mean" else np.nanmedian(values)
    np.testing.assert_allclose(whole, window / level, rtol=1e-6)


@given(seeds, st.floats(0.01, 1e5))
def test_a_given_number_divides(seed, number):
    values = a_response(seed) * 3000
    flat = normalise_flat(flat_of(values), by=number)
    np.testing.assert_allclose(flat.pixels.values, values / number, rtol=1e-6)
    np.testing.assert_allclose(divide(Image.of(values), flat=flat).pixels.values, number, rtol=1e-6)


@pytest.mark.parametrize("by", ["median", "polynomial", 500.0])
def test_variance_is_divided_by_the_same(by):
    values = a_response(2) * 1000 * np.exp(x)
    image = flat_of(Pixels.of(values, variance=values))
    out = normalise_flat(image, by=by).pixels
    np.testing.assert_allclose(out.total_variance / values, (out.values / values) ** 2, rtol=1e-5)


@pytest.mark.parametrize("settings", [{"by": 2000.0}, {"by": "spline"}, {"by": "median", "region": "[1:9,1:9]"}])
def test_a_finished_response_read_back_stays_to_the_bit(settings, tmp_path):
    made = normalise_flat(flat_of((a_response(3) * 1000 * np.exp(x)).astype("f4")), **settings)
    write(made, tmp_path / "flat.fits")
    header = fits.getheader(tmp_path / "flat.fits")
    assert header["RESPONSE"] is True
    read = open_frame(tmp_path / "flat.fits", kind="flat")
    np.testing.assert_array_equal(normalise_flat(read, **settings).pixels.values, made.pixels.values)
    np.testing.assert_array_equal(normalise_flat(read).pixels.values, made.pixels.values)
    with pytest.warns(SkippedWarning, match=rf"finished response \(divided by {header['FLATNORM'].split()[0]}"):
        normalise_flat(read, by=7.0)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"by": "mode"}, "expected 'mean'"),
        ({"by": -3.0}, "positive number"),
        ({"by": float("nan")}, "positive number"),
        ({"by": "spline", "order": 0}, "from 1 to 100"),
        ({"saxis": 2}, "saxis=2; expected 0 or 1"),
        ({"region": "5:6"}, "expected a section"),
        ({"region": "[1:9,1:99]"}, "reaches beyond its 20 rows"),
        ({"by": "spline", "region": "[1:9,1:9]"}, "is for 'mean' and 'median'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, words):
    with pytest.raises(SettingError, match=words):
        normalise_flat(flat_of(a_response(1)), **settings)


def test_too_few_lit_columns_are_refused():
    values = np.full(SPECTRUM, -1.0)
    values[:, :5] = 1000
    with pytest.raises(CalibrationError, match=r"flat\.fits: 5 lit columns .* too few for a polynomial of order 6"):
        normalise_flat(flat_of(values), by="polynomial")


def test_a_region_without_good_pixels_is_refused():
    values = a_response(1)
    values[:3, :3] = np.nan
    with pytest.raises(CalibrationError, match=r"no good pixel of the flat lies in the region \[1:3,1:3\]"):
        normalise_flat(flat_of(values), region="[1:3,1:3]")


@given(planes_between(100, 6e4), st.floats(0.1, 50))
def test_a_response_has_mean_one_and_forgets_the_lamp(values, lamp):
    one, other = a_flat(values), a_flat(values * lamp)
    good = ~one.pixels.mask
    assert abs(one.pixels.values[good].mean() - 1) < 1e-6
    np.testing.assert_allclose(one.pixels.values, other.pixels.values, rtol=1e-6)


@given(planes_between(-1e4, 6e4), planes_between(0.25, 2))
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
