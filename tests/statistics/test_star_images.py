"""Whether what a frame shows around a place is a star, and whether others show it in the same place."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples, seeds

from pipeline.simulation.strikes import cosmic_rays
from pipeline.statistics.star_images import WINDOW, has_moved, image_of_star, is_missing


def disc(fwhm, at):
    y, x = np.mgrid[: 2 * WINDOW + 1, : 2 * WINDOW + 1]
    return np.exp(-4 * np.log(2) * ((y - at[0]) ** 2 + (x - at[1]) ** 2) / fwhm**2)


@pytest.mark.parametrize(("fwhm", "star"), [(1.2, False), (2.0, True), (5.0, True)])
def test_an_image_is_a_star_where_it_is_as_wide(fwhm, star):
    assert (image_of_star(disc(fwhm, (9.3, 8.6))) is not None) == star


def test_what_is_long_is_no_star():
    long = sum(disc(2.0, (9, column)) for column in (6, 8, 10, 12))
    assert image_of_star(long) is None


@examples(20)
@given(seeds, st.sampled_from([2.0, 3.0, 6.0]), st.floats(0.3, 1.0))
def test_a_star_moved_where_another_frame_has_it_aside_and_not_where_it_is_only_hit(seed, fwhm, step):
    rng = np.random.default_rng(seed)
    side, angle = 2 * WINDOW + 1, rng.uniform(0, 2 * np.pi)
    here = np.array((9.0, 9.0)) + rng.uniform(-0.5, 0.5, 2)
    aside = here + step * fwhm / 3 * np.array((np.sin(angle), np.cos(angle)))
    shown, still, moved = (1000 * disc(fwhm, at) + rng.normal(0, 1.0, (side, side)) for at in (here, here, aside))
    star = image_of_star(shown).pixels
    assert has_moved(star, shown, moved)
    assert not has_moved(star, shown, still + cosmic_rays(rng, (side, side), 2))
    assert is_missing(star, shown, rng.normal(0, 1.0, (side, side)))
    assert not is_missing(star, shown, moved)
