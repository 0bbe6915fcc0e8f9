"""Cosmic rays on single lights: what is found, what is wrongly found, and that nothing else changes."""

import sys
import warnings

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples, seeds

from pipeline import Flag, FrameSet, Image, LACosmic, Pixels, attach_header, clean_cosmic_rays, combine, each, pipe
from pipeline.errors import AssumptionWarning, CalibrationError, SettingError, StepError
from pipeline.headers.status import Done, State

GAIN, READ_NOISE = 1.7, 5.0
SHAPE = (110, 130)
OUT = State(bias=Done("ZEROCOR = T"))


def sky(rng, scene):
    """Give electrons without noise: sky with seeing-limited stars, or a trace with sky lines across it."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    bright = np.full(SHAPE, 120.0)
    if scene == "stars":
        for peak in 10 ** rng.uniform(1.5, 4.3, 25):
            bright += peak * np.exp(
                -((y - rng.uniform(0, SHAPE[0])) ** 2 + (x - rng.uniform(0, SHAPE[1])) ** 2) / (2 * 1.7**2)
            )
    else:
        bright += 2000 * np.exp(-((y - 50 - 0.01 * x) ** 2) / (2 * 1.8**2)) * (1 + 0.3 * np.sin(x / 17))
        for line in rng.uniform(0, SHAPE[1], 6):
            bright += rng.uniform(100, 3000) * np.exp(-((x - line) ** 2) / (2 * 1.5**2))
    return bright


def struck(rng, bright, hits=40):
    """Give a light in ADU and the boolean map of what cosmic rays hit: points and tracks of 15 to 200 σ."""
    sigma = np.sqrt(bright + READ_NOISE**2)
    charge = np.zeros(SHAPE)
    for _ in range(hits):
        length, angle, strength = int(rng.integers(1, 7)), rng.uniform(0, np.pi), rng.uniform(15, 200)
        y = (rng.uniform(0, SHAPE[0]) + np.arange(length) * np.sin(angle)).astype(int)
        x = (rng.uniform(0, SHAPE[1]) + np.arange(length) * np.cos(angle)).astype(int)
        inside = (y < SHAPE[0]) & (x >= 0) & (x < SHAPE[1])
        charge[y[inside], x[inside]] = strength * sigma[y[inside], x[inside]]
    electrons = rng.poisson(bright) + charge + rng.normal(0, READ_NOISE, SHAPE)
    return (electrons / GAIN).astype(np.float32), charge > 0


def light(values, flags=0, variance=None, **more):
    image = Image.of(Pixels.of(values, flags, variance), exposure=30.0, name="light.fits")
    return attrs.evolve(image, state=OUT, **more)


def found(image):
    return (image.pixels.flags & Flag.COSMIC_RAY) != 0


clean = clean_cosmic_rays(gain=GAIN, read_noise=READ_NOISE)


@pytest.mark.parametrize("carried", [False, True], ids=["gain and read noise", "carried variance"])
@pytest.mark.parametrize(
    ("scene", "by", "least", "most"),
    [
        ("stars", LACosmic(), 0.95, 5e-3),
        ("stars", LACosmic(fsmode="convolve", psfmodel="gauss", psffwhm=4.0), 0.95, 5e-3),
        ("stars", LACosmic(fsmode="convolve", psfmodel="moffat", psffwhm=4.0), 0.95, 5e-3),
        ("spectrum", LACosmic(), 0.93, 5e-3),
        ("spectrum", LACosmic(fsmode="convolve", psfmodel="gaussy", psffwhm=4.2), 0.93, 5e-3),
        ("spectrum", LACosmic(fsmode="convolve", psfmodel="gaussx", psffwhm=3.5), 0.93, 5e-3),
    ],
)
def test_cosmic_rays_are_found_and_stars_and_lines_are_not(scene, by, least, most, carried):
    hit_found, wrong, replaced = [], [], []
    for seed in range(2):
        rng = np.random.default_rng(seed)
        bright = sky(rng, scene)
        values, hit = struck(rng, bright)
        variance = (bright + READ_NOISE**2) / GAIN**2 if carried else None
        image = clean_cosmic_rays(light(values, variance=variance), gain=GAIN, read_noise=READ_NOISE, by=by)
        hit_found.append(found(image)[hit].mean())
        wrong.append(found(image)[~hit].mean())
        off = (image.pixels.values - bright / GAIN) / np.sqrt(bright + READ_NOISE**2) * GAIN
        replaced.append(np.median(np.abs(off[hit & found(image)])))
    assert np.mean(hit_found) > least
    assert np.mean(wrong) < most
    assert np.mean(replaced) < 3  # of the 15 to 200 σ that were there


@examples(4)
@given(seeds, st.sampled_from(["adu", "electron"]))
def test_units_stay_and_what_is_not_hit_keeps_its_bits(seed, unit):
    rng = np.random.default_rng(seed)
    values, _ = struck(rng, sky(rng, "stars"), hits=20)
    gain = GAIN if unit == "adu" else 1.0
    given = light(values * (1 if unit == "adu" else np.float32(GAIN)))
    given = attrs.evolve(given, state=attrs.evolve(OUT, unit=unit))
    image = clean_cosmic_rays(given, gain=gain, read_noise=READ_NOISE)
    assert image.state.unit == unit
    np.testing.assert_array_equal(image.pixels.values[~found(image)], given.pixels.values[~found(image)])
    assert (image.pixels.flags[found(image)] == Flag.COSMIC_RAY | Flag.HEALED).all()
    assert not image.pixels.flags[~found(image)].any()
    assert 0.9 * given.pixels.values.min() < image.pixels.values[found(image)].min()


def test_adu_and_electrons_give_the_same_hits():
    rng = np.random.default_rng(5)
    values, _ = struck(rng, sky(rng, "stars"))
    counts = light(values)
    charge = attrs.evolve(light(values * np.float32(GAIN)), state=attrs.evolve(OUT, unit="electron"))
    one, other = clean(counts), clean_cosmic_rays(charge, gain=1.0, read_noise=READ_NOISE)
    np.testing.assert_array_equal(found(one), found(other))
    np.testing.assert_allclose(one.pixels.values * np.float32(GAIN), other.pixels.values, rtol=1e-5)


@pytest.mark.parametrize("model", ["gaussxy", "gaussyx"])
def test_two_passes_are_one_after_the_other(model):
    rng = np.random.default_rng(6)
    values, _ = struck(rng, sky(rng, "spectrum"))
    both = clean_cosmic_rays(
        light(values), gain=GAIN, read_noise=READ_NOISE, by=LACosmic(fsmode="convolve", psfmodel=model)
    )
    import astroscrappy

    left, hits = np.pad(values * np.float32(GAIN), 8, mode="reflect"), 0
    for axis in model[-2:]:
        more, left = astroscrappy.detect_cosmics(
            left, gain=1.0, readnoise=READ_NOISE, satlevel=np.inf, fsmode="convolve", psfmodel=f"gauss{axis}"
        )
        hits |= more
    left, hits = left[8:-8, 8:-8], hits[8:-8, 8:-8]
    np.testing.assert_array_equal(found(both), hits)
    np.testing.assert_allclose(both.pixels.values[hits], left[hits] / GAIN, rtol=1e-6)


def test_one_hit_in_one_pixel_worked_out_by_hand():
    values = np.full((21, 21), 100.0, np.float32)
    values[10, 10] = 5000
    image = clean_cosmic_rays(light(values, variance=np.full((21, 21), 64.0)), gain=1.0, read_noise=4.0)
    assert np.argwhere(found(image)).tolist() == [[10, 10]]
    assert image.pixels.values[10, 10] == 100
    assert image.pixels.variance[10, 10] == 64


def test_a_replaced_value_gets_the_variance_of_its_neighbours():
    values, variance = np.full((21, 21), 100.0, np.float32), np.full((21, 21), 100.0, np.float32)
    values[10, 10], variance[10, 10] = 5000, 5000
    variance[:, 11:] = 120
    image = clean_cosmic_rays(light(values, variance=variance), gain=1.0, read_noise=4.0)
    near = variance[8:13, 8:13].astype(float)
    assert image.pixels.variance[10, 10] == np.float32((near.sum() - 5000) / 24)
    assert (image.pixels.variance == variance).sum() == variance.size - 1


def test_flagged_pixels_and_nan_are_not_looked_at_and_do_not_spread():
    rng = np.random.default_rng(7)
    values, _ = struck(rng, np.full(SHAPE, 120.0), hits=0)
    flags = np.zeros(SHAPE, np.uint8)
    values[40, 40], flags[40, 40] = 60_000 / GAIN, Flag.HOT
    values[70, 70] = np.nan
    image = clean(light(values, flags))
    assert image.pixels.flags[40, 40] == Flag.HOT
    assert image.pixels.flags[70, 70] == Flag.NONFINITE
    assert found(image).sum() <= 2
    assert np.isnan(image.pixels.values).sum() == 1


def test_a_background_keeps_lines_from_being_found():
    rng = np.random.default_rng(8)
    bright = np.full(SHAPE, 120.0)
    bright[:, ::20] += 4000.0  # lines one pixel wide, as sharp as cosmic rays
    values, hit = struck(rng, bright, hits=30)
    background = light((bright / GAIN).astype(np.float32))
    without, with_it = (
        clean_cosmic_rays(light(values), gain=GAIN, read_noise=READ_NOISE, background=given)
        for given in (None, background)
    )
    assert found(without)[~hit].mean() > 20 * found(with_it)[~hit].mean()
    assert found(with_it)[hit].mean() > 0.85


def test_the_header_says_what_was_done():
    rng = np.random.default_rng(9)
    values, _ = struck(rng, sky(rng, "stars"))
    by = LACosmic(fsmode="convolve", psfmodel="gaussxy", psffwhm=3.0)
    image = clean_cosmic_rays(light(values), gain=GAIN, read_noise=READ_NOISE, by=by)
    header = attach_header(image).header
    said = [header.get(key) for key in ("CCLEANED", "CGAIN", "CRDNOISE", "CFSMODE", "CPSFMOD", "NCOSMIC")]
    assert said == [True, GAIN, READ_NOISE, "convolve", "gaussxy", int(found(image).sum())]
    assert attach_header(clean(light(values))).header.get("CPSFMOD") == "none"
    assert "CCLEANED" not in attach_header(light(values)).header


def test_lights_are_cleaned_one_by_one_and_hits_are_left_out_of_their_combination():
    rng = np.random.default_rng(10)
    bright = sky(rng, "stars")
    lights = FrameSet(light(struck(rng, bright)[0]) for _ in range(2))
    image = pipe(lights, each(clean), combine(clip=None))
    only = found(each(clean)(lights)[0]) & ~found(each(clean)(lights)[1])
    assert only.sum() > 50
    np.testing.assert_array_equal(image.pixels.values[only], lights[1].pixels.values[only])
    assert not (image.pixels.flags[only] & Flag.COSMIC_RAY).any()
    assert attach_header(image).header.get("CCLEANED") is True


def test_the_mean_of_frames_is_judged_by_its_own_noise():
    rng = np.random.default_rng(11)
    quiet = [struck(rng, np.full(SHAPE, 120.0), hits=0)[0] for _ in range(9)]
    values = np.mean(quiet, axis=0, dtype=np.float64)
    sigma = np.sqrt((120 + READ_NOISE**2) / 9) / GAIN
    values[70, 70] += 9 * sigma  # 3 σ of one frame: no cosmic ray there
    combined = combine(FrameSet(light(frame) for frame in quiet), clip=None)
    mean = attrs.evolve(combined, data=Pixels.of(values.astype(np.float32)))
    assert found(clean(mean))[70, 70]
    assert not found(clean(attrs.evolve(mean, found=None)))[70, 70]


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: clean(light(np.ones((9, 9)), kind="arc")), StepError, "light.fits: is a arc"),
        (
            lambda: clean(attrs.evolve(light(np.ones((9, 9))), state=State(unit="electron"))),
            CalibrationError,
            "in elec",
        ),
        (lambda: clean(attrs.evolve(light(np.ones((9, 9))), state=State(unit="adu/s"))), CalibrationError, "in adu/s"),
        (lambda: clean_cosmic_rays(light(np.ones((9, 9))), gain=0.0, read_noise=1.0), SettingError, "gain=0.0"),
        (lambda: clean_cosmic_rays(light(np.ones((9, 9))), gain=1.0, read_noise=-1.0), SettingError, "read_noise=-1.0"),
        (lambda: LACosmic(fsmode="mean"), SettingError, "fsmode='mean'; expected 'median' or 'convolve'"),
        (lambda: LACosmic(psfmodel="gaussz"), SettingError, "expected 'gauss', 'gaussx'"),
        (lambda: LACosmic(cleantype="nothing"), SettingError, "expected 'median', 'medmask', 'meanmask' or 'idw'"),
        (lambda: LACosmic(sigclip=0.0), SettingError, "sigclip=0.0; expected a positive number"),
        (lambda: LACosmic(psfsize=6), SettingError, "psfsize=6; expected an odd number"),
    ],
)
def test_what_makes_no_sense_is_refused(make, error, says):
    with pytest.raises(error) as raised:
        make()
    assert says in str(raised.value)


def test_a_bias_left_in_is_said():
    with pytest.warns(AssumptionWarning, match="neither bias nor overscan is out"):
        clean(attrs.evolve(light(np.full((9, 9), 1000.0)), state=State()))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clean(light(np.full((9, 9), 100.0)))


def test_without_astroscrappy_a_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "astroscrappy", None)
    with pytest.raises(SettingError, match=r"pip install 'ccd-pipeline\[cosmicray\]'"):
        clean(light(np.ones((9, 9))))


def test_a_kernel_of_ones_own():
    rng = np.random.default_rng(12)
    values, hit = struck(rng, sky(rng, "stars"))
    y, x = np.mgrid[-3:4, -3:4]
    kernel = np.exp(-(x**2 + y**2) / (2 * 1.7**2))
    by = LACosmic(fsmode="convolve", psfk=kernel / kernel.sum())
    image = clean_cosmic_rays(light(values), gain=GAIN, read_noise=READ_NOISE, by=by)
    assert found(image)[hit].mean() > 0.95
    assert eval(repr(by)) == by
