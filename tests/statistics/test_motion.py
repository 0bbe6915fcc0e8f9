"""Shifts are measured as they are, or not at all."""

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st
from star_fields import Field, dithers
from strategies import examples

from pipeline.statistics.motion import motion_of, to_whole_pixels

SHAPE = (320, 360)


def exposed(stars, shifts, seed=1, **settings):
    rng = np.random.default_rng(seed)
    return [stars.frame(rng, SHAPE, shift=shift, **settings) for shift in shifts]


def off(motion, shifts):
    """Give the largest error of a shift."""
    return np.abs(motion.shifts - (shifts - shifts[motion.reference])).max()


@pytest.mark.parametrize("fwhm", [2.0, 3.0, 6.0])
@pytest.mark.parametrize("stars", [18, 60, 400])  # of which some ten, a half or all lie in the frame
def test_shifts_of_sources_are_right_to_a_tenth_of_a_pixel(stars, fwhm):
    shifts = dithers(stars, 4, 14)
    images = exposed(Field.drawn(stars, stars, SHAPE, fluxes=(2e3, 4e4)), shifts, fwhm=fwhm, hits=50)
    motion = motion_of(images, "sources")
    assert off(motion, shifts) < 0.1
    assert motion.known.all()
    assert np.abs(np.degrees(motion.turned)).max() < 0.1


@pytest.mark.parametrize("by", ["sources", "correlation", "both"])
def test_shifts_of_a_tenth_of_the_frame_are_found(by):
    shifts = dithers(5, 3, 35)
    assert off(motion_of(exposed(Field.drawn(2, 90, SHAPE), shifts), by), shifts) < 0.1


@pytest.mark.parametrize("by", ["sources", "correlation", "both"])
@pytest.mark.parametrize("step", [0.0, 0.7, 4.0])
def test_what_stays_in_its_place_does_not_count_for_motion(by, step):
    """Hot pixels, which all frames share."""
    shifts = step * np.arange(4)[:, None] * [1.0, 0.6]
    images = exposed(Field.drawn(2, 60, SHAPE, fluxes=(3e3, 4e4)), shifts)
    places = np.random.default_rng(8).integers(0, images[0].size, 200)
    for image in images:
        image.flat[places] += 3000
    assert off(motion_of(images, by), shifts) < 0.15


def test_shapes_that_stay_in_their_place_do_not_count_for_correlation():
    """Dust, or reflections, as bright as the stars and three times as many."""
    shifts, fixed = dithers(7, 4, 12), Field.drawn(9, 250, SHAPE).light(SHAPE, fwhm=4.0)
    images = [image + fixed for image in exposed(Field.drawn(2, 80, SHAPE), shifts)]
    assert off(motion_of(images, "correlation"), shifts) < 1


def test_a_crowded_field_is_told_by_correlation():
    shifts = dithers(6, 3, 10)
    assert off(motion_of(exposed(Field.drawn(3, 2500, SHAPE), shifts), "correlation"), shifts) < 0.1


def test_broken_lines_are_told_by_correlation():
    """An arc: lines of unequal strength across the slit, which ends within the frame; no star anywhere."""
    rng, columns = np.random.default_rng(2), np.arange(SHAPE[1])
    shifts, images = np.array([[0.0, 0.0], [3.0, -5.4], [-2.0, 7.7]]), []
    at, strength = rng.uniform(30, 330, 20), 10 ** rng.uniform(2.5, 4, 20)
    for dy, dx in shifts:
        spectrum = (strength[:, None] * np.exp(-(((columns - at[:, None] - dx) / 1.5) ** 2) / 2)).sum(axis=0)
        slit = np.zeros(SHAPE[0])
        slit[int(100 + dy) : int(180 + dy)] = 1
        images.append(rng.poisson(np.outer(slit, spectrum) + 50).astype(np.float32))
    assert off(motion_of(images, "correlation"), shifts) < 0.3


def trace(shifts, rng, *, slope=0.0, sky=50.0):
    """Give spectra of a star without lines: the slit is along the columns."""
    rows, columns = np.indices(SHAPE)
    light = (6000 * np.exp(-(((rows - 170 - slope * columns - dy) / 2) ** 2) / 2) for dy in shifts)
    return [rng.poisson(sky + spectrum).astype(np.float32) for spectrum in light]


@pytest.mark.parametrize("slope", [0.0, 0.01])
@pytest.mark.parametrize("by", ["correlation", "both"])
@pytest.mark.parametrize("drift", [[0, 0.4, 0.8, 1.2], [0, 0, 0, 12], [0, 12], [0, 0, 0, 0]])
def test_a_spectrum_tells_how_far_it_moved_along_the_slit_and_nothing_else(drift, by, slope):
    motion = motion_of(trace(drift, np.random.default_rng(3), slope=slope), by)
    np.testing.assert_allclose(motion.shifts[:, 0], np.array(drift) - drift[motion.reference], atol=0.1)
    others = np.arange(len(drift)) != motion.reference
    assert (motion.told[others] == [True, False]).all()
    assert (motion.shifts[:, 1] == 0).all()


@pytest.mark.parametrize("seed", range(4))
def test_broad_lines_of_a_lamp_tell_how_far_they_moved_along_the_dispersion(seed):
    """Of which two and more may lie upon each other, and nothing is dark between them."""
    rng, columns = np.random.default_rng(seed), np.arange(SHAPE[1])
    at, flux = rng.uniform(0, SHAPE[1], 18), 10 ** rng.uniform(2.2, 4, 18)
    lines = [flux @ np.exp(-(((columns - at[:, None] - shift) / 2.6) ** 2) / 2) for shift in (0, 0, 12)]
    images = [rng.poisson(np.tile(200 + line, (SHAPE[0], 1))).astype(np.float32) for line in lines]
    motion = motion_of(images)
    np.testing.assert_allclose(motion.shifts[:, 1] - motion.shifts[0, 1], [0, 0, 12], atol=0.1)
    assert (motion.told[np.arange(3) != motion.reference] == [False, True]).all()


def test_lines_of_the_sky_across_a_spectrum_tell_that_nothing_moved_along_it():
    lines = 50 + 900 * np.exp(-((((np.arange(SHAPE[1]) - 70) % 93) / 2) ** 2) / 2)
    motion = motion_of(trace([0, 2, 12], np.random.default_rng(3), sky=lines))
    np.testing.assert_allclose(motion.shifts, [[0, 0], [2, 0], [12, 0]] - motion.shifts[0] * [-1, 0], atol=0.1)
    assert motion.told.all()


def empty(hits=0):
    return exposed(Field.drawn(1, 0, SHAPE), np.zeros((4, 2)), hits=hits)


@pytest.mark.parametrize("by", ["sources", "correlation", "both"])
@pytest.mark.parametrize("hits", [0, 40, 400])
def test_an_empty_field_tells_nothing(by, hits):
    assert motion_of(empty(hits), by) is None


def hot(share, rng):
    """Give what one in so many pixels glows with."""
    return np.where(rng.random(SHAPE) < share, 10 ** rng.uniform(1.5, 4.5, SHAPE), 0)


def flat():
    """Give a response that falls off to the corners, with dust."""
    rows, columns = np.indices(SHAPE)
    dust = Field.drawn(4, 30, SHAPE, fluxes=(2, 9)).light(SHAPE, fwhm=9.0)
    return 1 - 0.3 * ((rows - 160) ** 2 + (columns - 180) ** 2) / 240**2 - dust


QUIET = {
    "bias": lambda rng: rng.normal(1000, 5, SHAPE).round(),
    "bias with columns": lambda rng: (rng.normal(1000, 5, SHAPE) + 4 * np.sin(np.arange(SHAPE[1]))).round(),
    "few counts": lambda rng: rng.poisson(0.3, SHAPE),
    "flats": lambda rng: rng.poisson(30_000 * flat()),
    "sky, unevenly lit": lambda rng: rng.poisson(300 * flat()),
    "hot pixels": lambda rng: rng.poisson(200 + hot(0.01, np.random.default_rng(5))),
    "nothing": lambda _: np.zeros(SHAPE),
    "not a number": lambda _: np.full(SHAPE, np.nan),
    "half not a number": lambda rng: np.where(np.arange(SHAPE[1]) < 170, np.nan, rng.normal(200, 5, SHAPE)),
    "tiny": lambda rng: rng.poisson(200, (20, 300)),
    "small": lambda rng: rng.poisson(200, (40, 40)),
}


@pytest.mark.parametrize("kind", QUIET)
@pytest.mark.parametrize("by", ["sources", "correlation", "both"])
def test_where_the_sky_shows_nothing_no_motion_is_told(kind, by):
    rng = np.random.default_rng(2)
    assert motion_of([QUIET[kind](rng).astype(np.float32) for _ in range(4)], by) is None


def test_a_faint_step_of_the_bias_is_no_motion():
    rng = np.random.default_rng(2)
    step = 4.0 * ((np.arange(2100) > 1020) & (np.arange(2100) < 1056))
    assert motion_of([(rng.normal(950, 4, (350, 2100)) + step).astype(np.float32) for _ in range(3)]) is None


REAL = {
    "lt_sprat": ["v_e_20180810_12_1_0_0", "v_e_20180810_12_2_0_0"],
    "kast_blue": ["b11", "b12", "b13"],
    "kast_blue ": ["b21", "b22", "b23"],
}


@pytest.mark.parametrize("night", REAL)
def test_real_spectra_flats_and_bias_frames_that_hold_still_are_not_said_to_move(night, shared_data):
    folder = shared_data / night.strip() / "raw"
    motion = motion_of([fits.getdata(folder / f"{name}.fits.gz").astype(np.float32) for name in REAL[night]])
    assert motion is None or np.nanmax(np.abs(motion.shifts)) < 0.15


@pytest.mark.parametrize("by", ["sources", "correlation", "both"])
def test_frames_of_different_fields_tell_nothing(by):
    images = [exposed(Field.drawn(seed, 120, SHAPE), np.zeros((1, 2)))[0] for seed in range(3)]
    assert motion_of(images, by) is None


@pytest.mark.parametrize("degrees", [0.1, 0.3, 3.0])
def test_a_turned_frame_is_told_to_be_turned_or_not_told(degrees):
    rng, stars = np.random.default_rng(1), Field.drawn(4, 120, SHAPE, fluxes=(3e3, 4e4))
    motion = motion_of([stars.frame(rng, SHAPE, degrees=angle) for angle in (0.0, degrees)])
    if motion is not None:
        turned = np.degrees(motion.turned[1 - motion.reference]) * (1 if motion.reference == 0 else -1)
        assert turned == pytest.approx(degrees, abs=0.15)
    assert (motion is not None) == (degrees < 3)


DITHERED = exposed(Field.drawn(2, 60, SHAPE), dithers(3, 4, 9))


@examples(20)
@given(st.permutations(range(4)))
def test_the_order_of_frames_changes_nothing(order):
    images = DITHERED
    plain, mixed = motion_of(images, "sources"), motion_of([images[i] for i in order])
    np.testing.assert_array_equal(mixed.shifts, plain.shifts[list(order)])
    assert order[mixed.reference] == plain.reference


# ---- whole pixels ----

shifts = st.lists(st.tuples(st.floats(-30, 30), st.floats(-30, 30)), min_size=1, max_size=12).map(np.array)


@given(shifts)
def test_whole_pixels_leave_no_more_than_half_a_pixel_and_spread_as_little_as_can_be(given_shifts):
    moved = to_whole_pixels(given_shifts)
    left = moved - np.rint(moved)
    np.testing.assert_allclose(left.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(moved - moved[0], given_shifts - given_shifts[0], atol=1e-9)
    for other in (given_shifts, given_shifts - given_shifts[0], given_shifts + 0.37):
        assert (left.var(axis=0) <= (other - np.rint(other)).var(axis=0) + 1e-9).all()


@given(shifts, st.tuples(st.integers(-9, 9), st.integers(-9, 9)))
def test_where_shifts_are_counted_from_does_not_matter(given_shifts, more):
    np.testing.assert_allclose(to_whole_pixels(given_shifts + more), to_whole_pixels(given_shifts), atol=1e-9)


def test_the_frame_in_the_middle_stays():
    moved = to_whole_pixels(np.array([[0.0, 1.0], [5.0, 2.0], [-7.0, 3.0]]))
    np.testing.assert_array_equal(moved, [[0, -1], [5, 0], [-7, 1]])
