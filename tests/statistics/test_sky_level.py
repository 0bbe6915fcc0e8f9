import numpy as np
import pytest

from pipeline.statistics.sky_level import Places, SkyLevel, smoothed


def test_the_level_of_the_sky_follows_a_slope_and_not_the_stars():
    rows, columns = np.mgrid[:96, :256]
    scene = 100 + 0.5 * columns + 0.2 * rows
    scene[:, 40:45] += 5000
    starts = range(0, 96, 12)
    blocks = [scene[start : start + 3] for start in starts]
    sky = SkyLevel.of(blocks, [np.arange(start, start + 3) for start in starts])
    place = np.arange(96 * 256)
    off = sky.at(place, 256) - (100 + 0.5 * (place % 256) + 0.2 * (place // 256))
    assert np.abs(off).max() < 16  # half a cell


def test_what_is_bad_all_over_tells_no_level():
    block = np.full((3, 64), np.nan)
    block[:, 32:] = 7.0
    sky = SkyLevel.of([block, block], [np.arange(3), np.arange(10, 13)])
    assert sky.at(np.array([0, 63, 64 * 12]), 64).tolist() == [7, 7, 7]


def test_smoothing_takes_hot_pixels_and_bad_columns_and_leaves_stars():
    level = np.zeros((3, 30))
    level[1, 5], level[:, 10] = 100, 100
    level[:, 20:24] = [30, 90, 90, 30]
    assert smoothed(level)[:15].max() == 0
    assert smoothed(level)[20:24].min() >= 30


def places(noisier, odd_share, *, degrees=4, seed=1):
    random, bright = np.random.default_rng(seed), np.arange(4000) < 400
    odd = random.random(4000) < np.where(bright, odd_share, 0.005)
    return Places(bright, odd, np.where(bright, noisier, 1.0) * random.chisquare(degrees, 4000) / degrees, degrees)


@pytest.mark.parametrize(
    ("noisier", "odd_share", "moves"),
    [
        (1.0, 0.005, False),
        (1.0, 0.05, True),
        (1.5, 0.005, False),
        (20.0, 0.0, True),
        (0.02, 0.0, True),
    ],
    ids=["still", "often odd", "noise not quite known", "all of them vary", "most are calm"],
)
def test_bright_places_are_restless_where_something_moves(noisier, odd_share, moves):
    assert places(noisier, odd_share).restless is moves


def test_hits_that_make_as_many_bright_places_vary_as_dark_ones_are_no_motion():
    random, bright = np.random.default_rng(2), np.arange(4000) < 400
    hit = random.random(4000) < 0.25
    ratio = np.where(hit, 50.0, random.chisquare(4, 4000) / 4)
    assert not Places(bright, hit, ratio, 4).restless


def test_what_is_odd_in_the_sky_too_hides_no_motion_of_all_that_is_bright():
    """Levels of frames are wrong where stars drew them: then the sky is odd."""
    bright = np.arange(4000) < 60
    odd = bright | (np.arange(4000) % 4 > 0)
    assert Places(bright, odd, np.where(odd, 50.0, 1.0), 2).restless


def test_a_trace_in_a_block_of_dark_pixels_does_not_pass_for_hits_all_over():
    size, rng = 900, np.random.default_rng(1)
    bright, odd = np.arange(size) < 100, rng.random(size) < 0.01
    shown_by_one = Places(np.zeros(size, bool), np.arange(size) < 890, np.ones(size), 4)
    moving, still = (
        Places(bright, odd | (bright & (rng.random(size) < share)), np.ones(size), 4) for share in (0.2, 0)
    )
    assert Places.joined([moving] * 6 + [shown_by_one]).restless
    assert not Places.joined([still] * 6).restless
    assert np.count_nonzero(Places.joined([still, shown_by_one]).odd) == np.count_nonzero(still.odd)
