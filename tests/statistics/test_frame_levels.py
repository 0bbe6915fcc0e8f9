"""Frames differ in level, and that must not look like cosmic rays."""

import numpy as np
import pytest
from strategies import frames_of

from pipeline import combine

pytestmark = pytest.mark.filterwarnings("ignore::pipeline.errors.ClipWarning")


@pytest.mark.parametrize("kind", ["bias", "light"])
@pytest.mark.parametrize("rows", [6, 12])
def test_a_frame_that_is_bad_half_or_all_over_costs_no_more_than_its_own_values(kind, rows):
    stack = np.random.default_rng(3).poisson(400, (6, 12, 12)).astype(float)
    stack[2, :rows] = np.nan
    values = combine(frames_of(stack, kind=kind)).pixels.values
    np.testing.assert_allclose(values, np.nanmean(stack, axis=0), atol=8)


def test_frames_at_different_levels_are_no_outliers():
    """A bias 15 ADU high keeps all its pixels."""
    stack = np.random.default_rng(1).normal(300, 3, (9, 30, 30)).round()
    stack[4] += 15
    image = combine(frames_of(stack, kind="bias"))
    assert sum(image.found.rejected) <= 1
    assert image.found.offsets[4] == pytest.approx(15, abs=0.5)


def test_a_hit_leaves_the_mean_of_frames_of_different_brightness_where_it_was():
    """Factors 0.5, 1 and 2.1 of levels 100 and 200, and a hit on the faintest: the mean is still 200·3.6/3."""
    scene = np.full((12, 12), 200.0)
    scene[:6] = 100
    stack = np.array([scene * factor for factor in (0.5, 1.0, 2.1)])
    stack[0, 9, 9] = 9000
    image = combine(frames_of(stack, kind="flat"))
    assert image.found.rejected == (1, 0, 0)
    assert image.pixels.values[9, 9] == pytest.approx(240)
