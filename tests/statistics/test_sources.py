"""Sources are found where stars are, and nowhere else."""

import numpy as np
import pytest
from star_fields import Field

from pipeline.statistics.sources import Surroundings, binned, find_sources, level_spikes

SHAPE = (320, 360)


@pytest.mark.parametrize("fwhm", [2.0, 3.0, 6.0])
def test_stars_are_centred_to_a_twentieth_of_a_pixel(fwhm):
    stars = Field.spaced(3, SHAPE)
    found = find_sources(stars.frame(np.random.default_rng(4), SHAPE, fwhm=fwhm))
    assert len(found) == stars.y.size
    away = np.hypot(found.y[:, None] - stars.y, found.x[:, None] - stars.x)
    assert np.median(away.min(axis=1)) < 0.05
    assert away.min(axis=1).max() < 0.25
    brightness = stars.flux[away.argmin(axis=1)]
    assert (np.diff(found.flux) <= 0).all()
    assert np.corrcoef(found.flux, brightness)[0, 1] > 0.99


def test_an_error_is_what_it_says_for_stars_as_wide_as_the_window():
    stars = Field.spaced(3, SHAPE, fluxes=(3e3, 3e3))
    pulls = []
    for seed in range(4):
        found = find_sources(stars.frame(np.random.default_rng(seed), SHAPE, fwhm=4.7))
        nearest = np.hypot(found.y[:, None] - stars.y, found.x[:, None] - stars.x).argmin(axis=1)
        pulls.append((found.y - stars.y[nearest]) / found.error)
    assert np.std(np.concatenate(pulls)) == pytest.approx(1, abs=0.3)


def spoilt(kind):
    rng = np.random.default_rng(7)
    image = rng.normal(500, 15, SHAPE).astype(np.float32)
    if kind == "one in a hundred pixels hot":
        hot = rng.random(SHAPE) < 0.01
        image[hot] += 10 ** rng.uniform(2, 4, np.count_nonzero(hot))
    if kind == "columns bad":
        image[:, ::40] += 400
        image[100:, 13:300:29] -= 300
    if kind == "trail":
        rows, columns = np.indices(SHAPE)
        image += 600 * np.exp(-(((rows - 0.7 * columns) / 2) ** 2))
    if kind == "broad lines":
        image = rng.poisson(image + 4000 * np.exp(-((((np.arange(SHAPE[1]) % 60) - 30) / 2.6) ** 2) / 2)).astype(float)
    if kind == "steep":
        image += 30 * np.arange(SHAPE[1])
    if kind == "not a number":
        image[:] = np.nan
    if kind == "one value":
        image[:] = 7
    return image


@pytest.mark.parametrize(
    "kind",
    [
        "noise",
        "one in a hundred pixels hot",
        "columns bad",
        "trail",
        "broad lines",
        "steep",
        "not a number",
        "one value",
    ],
)
def test_where_no_star_is_none_is_found(kind):
    assert len(find_sources(spoilt(kind))) == 0


def test_a_star_at_a_bad_pixel_is_left_out_and_the_others_stay():
    stars = Field.spaced(3, SHAPE)
    image = stars.frame(np.random.default_rng(4), SHAPE)
    image[round(stars.y[0]), round(stars.x[0])] = np.nan
    found = find_sources(image)
    assert len(found) == stars.y.size - 1
    assert np.hypot(found.y - stars.y[0], found.x - stars.x[0]).min() > 30


def test_hot_pixels_beside_stars_do_not_move_them():
    stars = Field.spaced(3, SHAPE)
    image = stars.frame(np.random.default_rng(4), SHAPE)
    for up, right in ((5, 0), (4, 4)):
        image[np.rint(stars.y).astype(int) + up, np.rint(stars.x).astype(int) + right] += 20_000
    found = find_sources(image)
    away = np.hypot(found.y[:, None] - stars.y, found.x[:, None] - stars.x).min(axis=1)
    assert len(found) == stars.y.size
    assert np.median(away) < 0.05


def test_a_star_of_several_peaks_is_found_once():
    stars = Field.spaced(3, SHAPE, fluxes=(4e4, 4e4))
    found = find_sources(stars.frame(np.random.default_rng(4), SHAPE, fwhm=9.0, sky=3000.0))
    assert len(found) > 0.8 * stars.y.size
    away = np.hypot(found.y[:, None] - stars.y, found.x[:, None] - stars.x)
    nearest = away.argmin(axis=1)[away.min(axis=1) < 6]
    assert len(set(nearest)) == len(nearest)


def test_frames_too_small_for_a_window_have_none():
    assert len(find_sources(np.ones((10, 400), np.float32))) == 0


def test_blocks_are_means_and_bad_where_a_pixel_is():
    values = np.arange(35.0).reshape(5, 7)
    values[3, 5] = np.nan
    np.testing.assert_array_equal(binned(values, 2), [[4, 6, 8], [18, 20, np.nan]])


def test_surroundings_are_those_of_the_cell_whatever_is_bright_in_it():
    rng = np.random.default_rng(2)
    values = rng.normal(100, 3, (64, 64))
    values[:, 32:] += 50
    values[10:14, 10:14] = 1e6
    values[40, ::3] = np.nan
    around = Surroundings.of(values)
    y, x = np.array([12, 50]), np.array([12, 60])
    np.testing.assert_allclose(around.level_at(y, x), [100, 150], atol=1.5)
    np.testing.assert_allclose(around.sigma_at(y, x), 3, rtol=0.35)
    assert around.above(values, 8).sum() == 16


def test_a_spike_is_levelled_and_a_star_is_not():
    image = Field(np.array([8.0]), np.array([8.0]), np.array([1e4])).light((17, 17), fwhm=2.0)
    before = image.copy()
    image[4, 4] = 900
    level_spikes(image, 1.0)
    np.testing.assert_allclose(image, before, atol=3)
