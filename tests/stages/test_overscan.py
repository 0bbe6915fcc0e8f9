"""The overscan of each amplifier: levels that cancel, sections in every common form, data put side by side."""

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_masters import SHAPE, framed, full
from strategies import quick, seeds

from pipeline import Amplifier, Flag, FrameSet, Image, Pixels, each, subtract_overscan
from pipeline.detector.amplifiers import declared_amplifiers
from pipeline.errors import AssumptionWarning, CalibrationError, HeaderError, SettingError, StepError
from pipeline.headers.status import Done
from pipeline.stages.overscan import measure_levels

ROWS, WIDTH, STRIP = 12, 8, 5
KAST = (Amplifier("[1:8,*]", "[17:21,*]"), Amplifier("[9:16,*]", "[22:26,*]"))


def two_amplifiers(sky, one, other):
    """Lay out a frame as Kast's: data of both amplifiers, then both overscans; levels are numbers or (rows, 1)."""
    strips = [np.zeros((ROWS, STRIP)) + level for level in (one, other)]
    return np.hstack([sky[:, :WIDTH] + one, sky[:, WIDTH:] + other, *strips])


def a_sky(seed):
    return np.random.default_rng(seed).integers(0, 5000, (ROWS, 2 * WIDTH)).astype(float)


methods = st.sampled_from(["mean", "median"])
levels = st.integers(0, 40_000)
column = np.arange(ROWS)[:, None]


@quick
@given(seeds, levels, levels, methods, st.sampled_from([0, 1, 2, None]))
def test_each_amplifiers_level_cancels(seed, one, other, method, order):
    sky = a_sky(seed)
    out = subtract_overscan(framed(two_amplifiers(sky, one, other)), amplifiers=KAST, method=method, order=order)
    np.testing.assert_allclose(out.pixels.values, sky, rtol=0, atol=1e-6)


@quick
@given(seeds, st.lists(st.floats(-30, 30), min_size=1, max_size=4), methods)
def test_a_drift_along_the_rows_cancels_when_the_curve_can_follow_it(seed, terms, method):
    sky, drift = a_sky(seed), 900 + np.polynomial.legendre.legval(column / ROWS, terms)
    image = framed(two_amplifiers(sky, drift, 2 * drift))
    followed = subtract_overscan(image, amplifiers=KAST, method=method, order=len(terms) - 1).pixels.values
    np.testing.assert_allclose(followed, sky, rtol=0, atol=1e-6)


@quick
@given(seeds)
def test_rows_of_their_own_level_cancel(seed):
    rng = np.random.default_rng(seed)
    sky, drift = a_sky(seed), rng.integers(800, 1200, (ROWS, 1))
    out = subtract_overscan(framed(two_amplifiers(sky, drift, drift + 7)), amplifiers=KAST, order=None)
    np.testing.assert_array_equal(out.pixels.values, sky)


@quick
@given(
    seeds, st.integers(0, ROWS - 1), st.integers(0, 2 * STRIP - 1), st.floats(1e3, 6e4), st.sampled_from([0, 1, None])
)
def test_a_wild_or_flagged_overscan_pixel_changes_nothing(seed, y, x, height, order):
    values = two_amplifiers(a_sky(seed), 500.0, 510.0)
    hit, flags = values.copy(), np.zeros(values.shape, np.uint8)
    hit[y, 2 * WIDTH + x] += height
    step = subtract_overscan(amplifiers=KAST, order=order)
    clean = step(framed(values)).pixels.values
    np.testing.assert_allclose(step(framed(hit)).pixels.values, clean, rtol=0, atol=1e-6)
    flags[y, 2 * WIDTH + x] = Flag.SATURATED
    flagged = step(framed(Pixels.of(hit, flags))).pixels
    np.testing.assert_allclose(flagged.values, clean, rtol=0, atol=1e-6)
    assert not flagged.mask.any()


@pytest.mark.parametrize("order", [0, 1, None])
def test_a_flagged_overscan_pixel_does_not_count_however_usual_its_value(order):
    values = two_amplifiers(a_sky(1), 500.0, 510.0)
    flags = np.zeros(values.shape, np.uint8)
    values[::2, 17], flags[::2, 17] = 503, Flag.BAD
    out = subtract_overscan(framed(Pixels.of(values, flags)), amplifiers=KAST, order=order)
    np.testing.assert_allclose(out.pixels.values, a_sky(1), rtol=0, atol=1e-6)


@pytest.mark.parametrize("method", ["mean", "median"])
@pytest.mark.parametrize("order", [0, 1, 3, None])
def test_the_levels_variance_is_that_of_its_scatter(method, order):
    rng = np.random.default_rng(3)
    pulls = []
    for _ in range(300):
        strip = Pixels.of(rng.normal(1000, 5, (40, 31)))
        found = measure_levels(strip, method=method, order=order, rows=(0, 40))
        pulls.append((found.values - 1000)[[3, 20, 37], 0] / np.sqrt(found.variance[[3, 20, 37], 0]))
    assert np.std(pulls) == pytest.approx(1, abs=0.1)


def test_an_images_variance_grows_by_that_of_the_level():
    rng = np.random.default_rng(4)
    values = rng.normal(1000, 4, (100, 30))
    image = framed(
        Pixels.of(values, variance=np.full(values.shape, 16.0)), BIASSEC="[21:30,1:100]", DATASEC="[1:20,1:100]"
    )
    plain, rows = (subtract_overscan(image, order=order).pixels.variance for order in (0, None))
    np.testing.assert_allclose(plain, 16 + 16 / 1000, rtol=0.005)
    np.testing.assert_allclose(rows, 16 + 16 / 10, rtol=0.03)
    assert subtract_overscan(framed(values, BIASSEC="[21:30,1:100]")).pixels.variance is None


# every common form of sections: the same frame, the same answer

ONE = {"data": "[1:8,1:12]", "overscan": "[17:21,1:12]"}
OTHER = {"data": "[9:16,1:12]", "overscan": "[22:26,1:12]"}
FORMS = {
    "numbers": ("BIASSEC1", "DATASEC1", "BIASSEC2", "DATASEC2"),
    "letters": ("BIASSECA", "TRIMSECA", "BIASSECB", "TRIMSECB"),
    "quadrants": ("BSEC11", "TSEC11", "BSEC21", "DSEC21"),
}


@pytest.mark.parametrize("form", FORMS)
def test_sections_of_several_amplifiers_are_read_in_every_form(form):
    sky = a_sky(1)
    texts = (ONE["overscan"], ONE["data"], OTHER["overscan"], OTHER["data"])
    cards = dict(zip(FORMS[form], texts, strict=True))
    out = subtract_overscan(framed(two_amplifiers(sky, 500, 600), cards, CRPIX1=1.0))
    np.testing.assert_array_equal(out.pixels.values, sky)
    assert not any(key in out.header for key in FORMS[form] if not key.startswith("DSEC"))
    kept = [str(value) for keyword, value in out.header.items() if keyword.startswith("DSEC")]
    assert kept == ["[1:8,1:12]", "[9:16,1:12]"]  # where in the trimmed frame each amplifier's pixels are
    assert out.header.get("CRPIX1") == 1.0
    assert [value for key, value, _ in out.added if key in ("OSLEVEL1", "OSLEVEL2")] == [500, 600]


def test_a_quadrant_readout_closes_its_cross_of_overscan():
    """Four amplifiers, their overscans in the middle columns: prescan | data | overscan | overscan | data | prescan."""
    sky = a_sky(2)
    level = np.repeat(np.array([[10, 20], [30, 40]]), 6, axis=0)
    blocks = [
        np.zeros((ROWS, 2)), sky[:, :8] + level[:, :1], np.zeros((ROWS, 3)) + level[:, :1],
        np.zeros((ROWS, 3)) + level[:, 1:], sky[:, 8:] + level[:, 1:], np.zeros((ROWS, 2)),
    ]  # fmt: skip
    eso = {}
    for number, (x, y) in enumerate([(1, 1), (16, 1), (1, 12), (16, 12)], start=1):
        port = {"X": x, "Y": y, "NX": 8, "NY": 6, "PRSCX": 2, "PRSCY": 0, "OVSCX": 3, "OVSCY": 0}
        eso |= {f"HIERARCH ESO DET OUT{number} {key}": value for key, value in port.items()}
    out = subtract_overscan(framed(np.hstack(blocks), eso))
    np.testing.assert_array_equal(out.pixels.values, sky)
    assert "ESO DET OUT1 OVSCX" not in out.header
    assert out.header.get("ESO DET OUT1 NX") == 8


def test_esos_prescan_serves_where_there_is_no_overscan():
    port = {"X": 1, "Y": 1, "NX": 6, "NY": 4, "PRSCX": 3, "PRSCY": 0, "OVSCX": 0, "OVSCY": 0}
    image = framed(np.full((4, 9), 70.0), {f"HIERARCH ESO DET OUT1 {key}": value for key, value in port.items()})
    assert declared_amplifiers(image) == (Amplifier("[4:9,1:4]", "[1:3,1:4]"),)
    assert (subtract_overscan(image).pixels.values == np.zeros((4, 6))).all()


def test_esos_ports_that_do_not_fill_the_frame_are_left_out_with_a_word():
    port = {"X": 1, "Y": 1, "NX": 6, "NY": 4, "PRSCX": 3, "PRSCY": 0, "OVSCX": 0, "OVSCY": 0}
    image = framed(np.full((4, 6), 70.0), {f"HIERARCH ESO DET OUT1 {key}": value for key, value in port.items()})
    with pytest.warns(AssumptionWarning, match="ESO DET OUT"):
        assert subtract_overscan(image).pixels == image.pixels


def test_an_overscan_above_the_data_has_a_level_a_column():
    """As on ISIS: data in rows 1 to 9, overscan in rows 10 to 12, each column its own level."""
    sky, drift = a_sky(3)[:9], np.arange(2 * WIDTH) * 3.0 + 100
    values = np.vstack([sky + drift, np.broadcast_to(drift, (3, 2 * WIDTH))])
    image = framed(values, BIASSEC="[1:16,10:12]", TRIMSEC="[1:16,1:9]")
    np.testing.assert_allclose(subtract_overscan(image, order=None).pixels.values, sky, atol=1e-9)
    np.testing.assert_allclose(subtract_overscan(image, order=1).pixels.values, sky, atol=1e-6)


def test_flags_and_variance_go_where_their_pixels_go():
    values = two_amplifiers(a_sky(5), 10, 20)
    flags = np.random.default_rng(5).choice(np.array([0, 0, 2, 64], np.uint8), values.shape)
    flags[:, 2 * WIDTH :] = 0
    parts = (Amplifier("[2:4,1:6]", "[17:21,*]"), Amplifier("[9:11,1:6]", "[22:26,*]"))
    image = framed(Pixels.of(values, flags, values))
    pixels = subtract_overscan(image, amplifiers=parts).pixels
    np.testing.assert_array_equal(pixels.flags, np.hstack([flags[:6, 1:4], flags[:6, 8:11]]))
    np.testing.assert_array_equal(pixels.variance, np.hstack([values[:6, 1:4], values[:6, 8:11]]))


def test_each_frame_has_its_own_levels():
    frames = FrameSet(framed(two_amplifiers(a_sky(6), one, one + 9)) for one in (500, 510, 495))
    for image in each(subtract_overscan(amplifiers=KAST))(frames):
        np.testing.assert_array_equal(image.pixels.values, a_sky(6))


def test_untrimmed_the_levels_are_out_of_data_and_overscan():
    image = framed(two_amplifiers(a_sky(7), 500, 600))
    values = subtract_overscan(image, amplifiers=KAST, trim=False).pixels.values
    np.testing.assert_array_equal(values, two_amplifiers(a_sky(7), 0, 0))


# cards


def test_the_product_says_what_was_done_in_irafs_words():
    out = subtract_overscan(framed(two_amplifiers(a_sky(1), 1, 2)), amplifiers=KAST, method="median", order=1)
    said = {key: value for key, value, _ in out.added}
    assert said["OVERSCAN"] == "Overscan section is [17:21,1:12] and [22:26,1:12] with median and a curve of order 1"
    assert said["TRIM"] == "Trim data section is [1:8,1:12] and [9:16,1:12]"
    with pytest.raises(StepError, match="twice"):
        subtract_overscan(out, amplifiers=KAST)


# what is refused


@pytest.mark.parametrize(
    ("amplifiers", "words"),
    [
        ((Amplifier("[1:30,*]"),), r"lies outside its 12 rows × 26 columns"),
        ((Amplifier("[1:8,*]", "[20:30,*]"),), r"frame\.fits: the amplifier with data \[1:8,\*\].*outside"),
        ((Amplifier("[1:8,*]"), Amplifier("[8:16,*]")), "overlap"),
        ((Amplifier("[1:8,1:6]"), Amplifier("[9:16,7:12]")), "do not fill a rectangle"),
    ],
)
def test_amplifiers_that_do_not_fit_are_refused(amplifiers, words):
    with pytest.raises(CalibrationError, match=words):
        subtract_overscan(framed(two_amplifiers(a_sky(1), 1, 2)), amplifiers=amplifiers)


def test_an_overscan_without_good_pixels_or_rows_is_refused():
    values = two_amplifiers(a_sky(1), 1.0, 2.0)
    values[3, 16:21] = np.nan
    with pytest.raises(
        CalibrationError, match=r"no good pixel beside 1 of the 12 rows of data .* number 4; fit a curve"
    ):
        subtract_overscan(framed(values), amplifiers=KAST, order=None)
    assert np.isfinite(subtract_overscan(framed(values), amplifiers=KAST, order=2).pixels.values).all()
    values[:, 16:21] = np.nan
    with pytest.raises(CalibrationError, match=r"frame\.fits: the overscan \[17:21,1:12\] holds no good pixel"):
        subtract_overscan(framed(values), amplifiers=KAST)


def test_an_amplifiers_overscan_without_its_data_is_refused():
    with pytest.raises(HeaderError, match=r"frame\.fits: an overscan of amplifier 2 without its data section"):
        subtract_overscan(framed(np.ones((4, 9)), BIASSEC1="[1:2,1:4]", DATASEC1="[3:5,1:4]", BIASSEC2="[6:7,1:4]"))


@pytest.mark.parametrize("settings", [{"method": "mode"}, {"order": -1}, {"order": 1.5}, {"amplifiers": ("[1:8,*]",)}])
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(SettingError, match="expected"):
        subtract_overscan(framed(np.ones((4, 9))), **settings)


def test_what_was_done_before_is_kept_when_only_the_trim_is_forced():
    image = framed(np.ones((4, 9)), DATASEC="[1:8,1:4]", OVERSCAN="done at the telescope")
    out = subtract_overscan(image, force=True)
    assert out.state == attrs.evolve(out.state, overscan=Done("OVERSCAN = done at the telescope"))
    assert out.state.trimmed


def test_rows_of_data_take_the_level_of_their_own_rows():
    """The strip begins two rows below the data: a level that climbs by 1 a row still comes out of each row."""
    raw = 100.0 + np.arange(12.0)[:, None] * np.ones((12, 12))
    image = Image.of(raw, header={"DATASEC": "[1:8,3:12]", "BIASSEC": "[9:12,1:12]"})
    for order in (1, None):
        np.testing.assert_allclose(subtract_overscan(image, order=order).pixels.values, 0, atol=1e-9)


def test_the_overscan_comes_out_and_the_frame_is_trimmed_and_the_wcs_follows():
    values = np.hstack([np.full((3, 2), 500.0), np.full((3, 4), 600.0)])
    values[0, 0] = 60_000  # a cosmic ray in the overscan
    image = framed(values, BIASSEC="[1:2,1:3]", DATASEC="[3:6,1:2]", CRPIX1=10.0, CRPIX2=5.0)
    out = subtract_overscan(image)
    np.testing.assert_array_equal(out.pixels.values, np.full((2, 4), 100))
    assert (out.header.get("CRPIX1"), out.header.get("CRPIX2")) == (8, 5)
    assert "DATASEC" not in out.header
    assert "[1:2,1:3]" in out.state.overscan.by


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


def test_the_overscan_of_the_columns_after_that_of_the_rows_is_another_step():
    values = np.full((60, 80), 500.0)
    values[:50, :70] += 300
    values[:, :70] += 7
    beside, below = Amplifier("[1:80,1:60]", "[71:80,1:60]"), Amplifier("[1:70,1:50]", "[1:70,51:60]")
    rows = subtract_overscan(Image.of(values), amplifiers=(beside,), trim=False)
    both = subtract_overscan(rows, amplifiers=(below,))
    assert both.shape == (50, 70)
    np.testing.assert_allclose(both.pixels.values, 300, atol=1e-3)
    with pytest.raises(StepError, match="asked for twice"):
        subtract_overscan(rows, amplifiers=(beside,), trim=False)
    with pytest.raises(StepError, match="asked for twice"):
        subtract_overscan(rows)
