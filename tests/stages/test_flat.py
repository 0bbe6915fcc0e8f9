"""What a flat is divided by: its level in several senses, or the light of its lamp along the dispersion."""

import attrs
import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st
from made_masters import a_flat, full, planes_between
from strategies import quick, seeds

from pipeline import (
    Flag,
    FrameSet,
    Image,
    MasterFlat,
    Pixels,
    combine,
    declare,
    divide,
    normalise_flat,
    open_frame,
    running,
    write,
)
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


def edge(soft, rows=64, first=9, last=52):
    """Give how much of the light of a slit each row has, (rows, 1)."""
    y = np.arange(rows)[:, None]
    if not soft:
        return ((y >= first) & (y <= last)).astype(float)
    return 1 / (1 + np.exp((first - y) / soft)) / (1 + np.exp((y - last) / soft))


def behind_a_slit(light, seed, *, deviation=5.0):
    """Expose a flat with the noise of photons and of the readout, which it knows."""
    rng = np.random.default_rng(seed)
    variance = light + deviation**2
    values = rng.normal(light, np.sqrt(variance))
    return declare(flat_of(Pixels.of(values, variance=variance)), state="without bias")


@quick
@given(seeds, st.sampled_from([0.0, 1.0, 2.0, 3.0, 5.0]), st.sampled_from(["polynomial", "spline"]), st.booleans())
def test_rows_at_the_edge_of_a_slit_do_not_bend_the_lamp(seed, soft, by, upright):
    """In rows that have little light only bright columns are good; the mean over good rows was 8 % off."""
    along = np.linspace(-1, 1, 256)
    light = 8000 * np.exp(1.5 * along) * edge(soft)
    step = normalise_flat(by=by, saxis=0 if upright else 1)
    flat = step(behind_a_slit(light.T if upright else light, seed)).pixels
    values, flagged = (flat.values.T, flat.mask.T) if upright else (flat.values, flat.mask)
    spectrum = values[25:36].mean(axis=0).reshape(8, -1).mean(axis=1)  # photons: 0.1 %
    np.testing.assert_allclose(spectrum, spectrum.mean(), rtol=6e-3)
    assert flagged[light < 20].all()
    assert (values[flagged] == 1).all()


SCENES = {
    "several slits, one faint": edge(1, first=5, last=14)
    + 0.3 * edge(1, first=26, last=36)
    + edge(1, first=46, last=58),
    "slanted": 1 / (1 + np.exp(9 + 3 * np.linspace(-1, 1, 256) - np.arange(64)[:, None])),
    "bent orders": sum(
        np.exp(-(((np.arange(64)[:, None] - centre - 5 * np.linspace(-1, 1, 256) ** 2) / 3) ** 4))
        for centre in (9, 24, 39)
    ),
    "scattered light": edge(1) + 0.03,
}


@pytest.mark.parametrize("by", ["polynomial", "spline"])
@pytest.mark.parametrize("scene", SCENES)
def test_slits_of_all_sorts_leave_no_lamp_in_the_response(scene, by):
    slit, lamp = SCENES[scene], 8000 * np.exp(1.5 * np.linspace(-1, 1, 256))
    flat = normalise_flat(behind_a_slit(slit * lamp, 1), by=by).pixels
    seen = ~flat.mask & (slit > 0.2)
    assert seen.sum() > 0.99 * (slit * np.ones_like(flat.values) > 0.2).sum()
    assert flat.mask[slit * np.ones_like(flat.values) < 0.035].all()
    even = np.divide(flat.values, slit, out=np.zeros_like(flat.values), where=seen)  # a slit is 0 far from its orders
    spectrum = even.sum(axis=0).reshape(8, -1).sum(axis=1)
    spectrum /= seen.sum(axis=0).reshape(8, -1).sum(axis=1)
    np.testing.assert_allclose(spectrum, spectrum.mean(), rtol=6e-3)


@pytest.mark.parametrize("known", [True, False])
def test_beyond_the_ends_of_a_spectrum_and_outside_its_slit_the_response_is_one(known):
    """What is missing or dead changes nothing; without a variance the pixels tell the noise."""
    along = np.linspace(-1, 1, 256)
    light = 8000 * np.exp(-((along / 0.35) ** 4)) * edge(1)
    image = behind_a_slit(light, 3)
    values = image.pixels.values.copy()
    values[20:23], values[30:40, :120] = np.nan, np.nan
    values[:30, 100] = 0.5
    image = flat_of(Pixels.of(values, variance=image.pixels.variance if known else None))
    flat = normalise_flat(image, by="polynomial").pixels
    assert (flat.mask[light < 5]).mean() > 0.999
    assert (flat.values[flat.mask & np.isfinite(values)] == 1).all()
    assert not flat.mask[(light > 200) & (edge(1) > 0.3) & np.isfinite(values) & (values > 1)].any()
    spectrum = flat.values[42:50, 80:176].mean(axis=0).reshape(8, -1).mean(axis=1)
    np.testing.assert_allclose(spectrum, spectrum.mean(), rtol=6e-3)


def test_where_a_lamp_fades_the_response_is_no_choice_of_pixels_that_are_high_by_chance():
    light = 2000 * np.exp(4 * np.linspace(-1, 0, 128)) * np.ones((400, 1))
    flat = normalise_flat(behind_a_slit(light, 5), by="polynomial").pixels
    seen = ~flat.mask
    columns = seen.sum(axis=0) > 0
    spectrum = np.where(seen, flat.values, 0).sum(axis=0)[columns] / seen.sum(axis=0)[columns]
    assert 40 < columns.sum() < 120
    assert abs(spectrum[:8].mean() - 1) < 0.015


def notes_of(image, **settings):
    with running(on_note=str):
        return normalise_flat(image, **settings).notes


def test_a_header_that_tells_of_a_spectrum_has_what_is_outside_the_slit_flagged():
    """Light is scattered there, at 30 σ: for an image's flat that is a response, and stays."""
    light = 8000 * np.exp(0.5 * x) * (edge(1, rows=20, first=5, last=14) + 0.03)
    spectrum = {"GRISM": "600/4310", "SLIT_N": "2.0 arcsec"}
    image = behind_a_slit(light, 1, deviation=1.0)
    flat = normalise_flat(attrs.evolve(image, header=spectrum)).pixels
    assert flat.mask[:3].all()
    assert flat.mask[17:].all()
    assert (flat.values[flat.mask] == 1).all()
    assert not flat.mask[6:14].any()
    assert flat.values[~flat.mask].mean() == pytest.approx(1, abs=1e-6)
    for header in ({}, spectrum | {"GRISM": "Open"}, spectrum | {"BAYERPAT": "RGGB"}):
        assert not normalise_flat(attrs.evolve(image, header=header)).pixels.mask.any()


def test_a_spectrum_s_flat_with_the_lamp_left_in_is_told_and_not_refused():
    image = attrs.evolve(behind_a_slit(8000 * np.exp(x) * np.ones(SPECTRUM), 1), header={"DISPAXIS": 1})
    with running(strict=True):
        (note,) = notes_of(image)
    assert note.kind == "other"
    assert note.at_command == "--flat-by spline takes the lamp out"
    assert dict(note.figures)["times as bright"] == pytest.approx(np.exp(1.8), rel=0.05)
    assert not notes_of(image, by="spline")
    assert not notes_of(attrs.evolve(image, header={}))
    even = behind_a_slit(8000 * np.exp(0.05 * x) * np.ones(SPECTRUM), 1)
    assert not notes_of(attrs.evolve(even, header={"DISPAXIS": 1}))


def test_a_lamp_that_is_fitted_across_the_dispersion_of_the_header_is_told():
    image = attrs.evolve(behind_a_slit(8000 * np.exp(x) * np.ones(SPECTRUM), 1), header={"DISPAXIS": 1})
    (note,) = notes_of(image, by="polynomial", order=3, saxis=0)
    assert note.kind == "header"
    assert note.at_command == "if the header is right, say --saxis 1"


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
