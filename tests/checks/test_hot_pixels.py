"""By what a dark stands in an image is found, whatever else lies on that; a dark that does not fit is told."""

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_steps import on_disk
from strategies import examples, seeds

from pipeline import Flag, FrameSet, Image, Pixels, declare
from pipeline.checks.hot_pixels import factor_seen, fitted_factor
from pipeline.checks.masters import dark_fits
from pipeline.errors import CalibrationError

SHAPE = (120, 160)
RNG = np.random.default_rng(5)
HOT = RNG.random(SHAPE) < 0.02
CURRENT = np.where(HOT, RNG.exponential(1500, SHAPE) + 60, 8.0)
Y, X = np.mgrid[: SHAPE[0], : SHAPE[1]]
FACTORS = st.floats(0.1, 4.0)


def frame(values, seed, kind="light", sigma=3.0, flags=0):
    """Expose, with the noise of electrons and of a readout."""
    variance = sigma**2 + np.maximum(values, 0)
    noisy = values + np.random.default_rng(seed).normal(0, 1, SHAPE) * np.sqrt(variance)
    return Image.of(Pixels.of(noisy, flags, variance), kind=kind, exposure=60.0, name=f"{kind}.fits")


DARK = frame(CURRENT, 1, "dark")
HALF = np.where(X < 80, CURRENT, 8)


def stars(rng, count=60, brightest=4e4):
    places = rng.uniform(0, 1, (count, 2)) * SHAPE
    peaks = np.geomspace(100, brightest, count)
    return sum(p * np.exp(-((Y - y) ** 2 + (X - x) ** 2) / 4) for (y, x), p in zip(places, peaks, strict=True))


@examples(30)
@given(FACTORS, seeds)
def test_the_factor_found_is_the_factor_put_in(times, seed):
    found = fitted_factor(frame(300 + times * CURRENT, seed), DARK)
    assert abs(found.times - times) < max(0.005 * times, 5 * found.error)
    assert found.error < 0.01 * times
    assert found.pixels > 200


def test_the_error_is_that_of_the_factor():
    """The dark's own noise is drawn anew too: it is the same for all lights."""
    pulls = []
    for seed in range(40):
        found = fitted_factor(frame(300 + 0.7 * CURRENT, 2 * seed), frame(CURRENT, 2 * seed + 1, "dark"))
        pulls.append((found.times - 0.7) / found.error)
    assert abs(np.mean(pulls)) < 4 / np.sqrt(40)
    assert 0.7 < np.std(pulls) < 1.3


@examples(15)
@given(st.floats(0.01, 100), FACTORS)
def test_scaling_the_dark_divides_the_factor(scale, times):
    light = frame(300 + times * CURRENT, 3)
    scaled = fitted_factor(light, attrs.evolve(DARK, data=DARK.pixels.times(scale)))
    assert scaled.times == pytest.approx(fitted_factor(light, DARK).times / scale, rel=1e-5)


@examples(20)
@given(FACTORS, seeds, st.sampled_from(["sky", "stars", "nebula", "hits", "bent", "saturated", "hot"]))
def test_what_lies_on_the_image_changes_nothing_within_errors(times, seed, what):
    rng = np.random.default_rng(seed)
    seen, flags = 300 + times * CURRENT, 0
    if what == "sky":
        seen = seen + 3000 + 10 * X - 5 * Y
    elif what == "stars":
        seen = seen + stars(rng)
    elif what == "nebula":
        seen = seen + 5000 * np.exp(-((Y - 50) ** 2 + (X - 60) ** 2) / 900)
    elif what == "hits":
        seen = seen + np.where(rng.random(SHAPE) < 0.1, rng.exponential(3000, SHAPE), 0)
    elif what == "bent":
        seen = np.where(CURRENT > 4000, 0.6 * seen, seen)
    elif what == "saturated":
        flags = np.where(seen > 2000, int(Flag.SATURATED), 0)
        seen = np.minimum(seen, 2000)
    else:
        flags = np.where(HOT, int(Flag.HOT), 0)
    found = fitted_factor(frame(seen, seed, flags=flags), DARK)
    assert abs(found.times - times) < 6 * found.error


def test_hits_in_the_dark_are_left_out():
    hit = frame(CURRENT + np.where(RNG.random(SHAPE) < 0.005, 2000.0, 0), 4, "dark")
    found = fitted_factor(frame(300 + 0.7 * CURRENT, 5), hit)
    assert abs(found.times - 0.7) < 5 * found.error
    assert 0.6 < found.agreeing < 0.95


def test_hot_pixels_that_go_each_its_own_way_cost_precision_and_no_more():
    own = np.exp(np.random.default_rng(6).normal(0, 0.1, SHAPE))
    found = fitted_factor(frame(300 + 0.5 * own * CURRENT, 7), DARK)
    assert abs(found.times / (0.5 * own[HOT].mean()) - 1) < 0.03
    assert 0.003 < found.error / found.times < 0.01


@pytest.mark.parametrize("values", [0.0, 8.0, np.nan])
def test_a_dark_without_hot_pixels_has_no_factor(values):
    dark = Image.of(Pixels.of(np.full(SHAPE, values), variance=np.ones(SHAPE)), kind="dark", exposure=60.0)
    with pytest.raises(CalibrationError, match="0 pixels in which the dark current"):
        fitted_factor(frame(300 + CURRENT, 8), dark)
    assert factor_seen(frame(300 + CURRENT, 8), dark) is None


def notes(times, light, dark=DARK):
    return [note for note in dark_fits(declare(light, state="without bias"), dark, times) if "dark:" in note.words]


@examples(20)
@given(st.sampled_from([0.5, 0.79, 1.0, 1.02, 1.26, 2.0]), st.sampled_from([0.5, 1.0, 2.0]), seeds)
def test_a_dark_that_does_not_fit_is_told_with_its_factor_and_one_that_does_is_not(part, by_exposure, seed):
    said = notes(by_exposure, frame(300 + part * by_exposure * CURRENT, seed))
    assert len(said) == (abs(part - 1) > 0.05)
    for note in said:
        assert dict(note.figures)["factor"] == pytest.approx(part * by_exposure, rel=0.02)
        assert ("too much dark" in note.words) == (part < 1)
        assert f"the dark fits by {dict(note.figures)['factor']:.3g}" in note.words
        assert "other temperature?" in note.words
        assert "--dark-scale fit" in note.at_command


@pytest.mark.parametrize("spoil", [
    pytest.param(lambda: (frame(8.0 + 0 * CURRENT, 9), frame(0 * CURRENT, 10, "dark")), id="no hot pixels"),
    pytest.param(lambda: (frame(300 + 0.1 * CURRENT, 9), attrs.evolve(DARK, data=DARK.pixels.times(0.1))), id="scaled"),
    pytest.param(lambda: (frame(300 + CURRENT + 30 * stars(RNG, 300), 9), DARK), id="crowded"),
    pytest.param(lambda: (frame(300 + 0.05 * CURRENT, 9), frame(0.05 * CURRENT, 10, "dark")), id="faint"),
    pytest.param(lambda: (frame(300 + HALF, 9), frame(HALF, 10, "dark")), id="half"),
    pytest.param(lambda: (frame(300 + CURRENT, 9), frame(CURRENT + 3000 * np.exp(-np.hypot(Y, X) / 40), 10, "dark")),
                 id="glow of the dark"),
])  # fmt: skip
def test_an_honest_dark_is_not_accused(spoil):
    light, dark = spoil()
    assert notes(1.0, light, dark) == []


def test_a_dark_that_hits_fill_accuses_no_temperature():
    dark = frame(np.where(HOT, CURRENT, 0) * (RNG.random(SHAPE) < 0.5), 11, "dark")
    hits = frame(dark.pixels.values + np.where(RNG.random(SHAPE) < 0.02, 2000.0, 0), 12, "dark")
    assert notes(1.0, frame(300 + dark.pixels.values, 13), hits) == []


def test_the_note_is_the_same_from_disk_and_reads_few_rows(tmp_path):
    wide = np.tile(CURRENT, (4, 4))
    dark = Image.of(wide, kind="dark", exposure=60.0, name="dark.fits")
    light = Image.of((300 + 0.79 * wide).astype(np.float32), exposure=60.0, name="light.fits")
    noisy = attrs.evolve(light, data=Pixels.of(light.values + RNG.normal(0, 3, wide.shape).astype(np.float32)))
    (stored,) = on_disk(FrameSet((noisy,)), tmp_path)
    here, there = (notes(1.0, attrs.evolve(one, sources=("a.fits",)), dark) for one in (noisy, stored))
    assert here == there
    assert len(here) == 1
    assert "fits by 0.79" in here[0].words
