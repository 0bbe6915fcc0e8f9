"""Frames differ in level, and that must not look like cosmic rays."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import frames_of

from pipeline import combine
from pipeline.statistics import frame_levels
from pipeline.statistics.amplifier_noise import Sampled, amplifiers_of
from pipeline.statistics.frame_levels import bins_of, measure_shifts

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


@given(st.integers(1, 400), st.sampled_from([1, 7, 10_000]), st.integers(0, 9))
def test_bins_hold_places_in_order_of_level_and_equal_ones_in_their_own(count, levels, seed):
    level = np.random.default_rng(seed).integers(0, levels, count) / 4
    order = np.argsort(level, kind="stable")
    places = np.concatenate([np.empty(0, int), *bins_of(level)])
    where = int(np.flatnonzero(order == places[0])[0]) if places.size else 0
    np.testing.assert_array_equal(places, order[where : where + places.size])


@pytest.mark.parametrize("kind", ["bias", "flat", "light"])
@pytest.mark.parametrize("bad", [0.0, 0.01])
def test_it_does_not_matter_how_many_values_are_looked_at_together(kind, bad, monkeypatch):
    random = np.random.default_rng(5)
    blocks = [random.poisson(np.linspace(50, 4000, 40), (5, 3, 40)) * 1.0 for _ in range(6)]
    for block in blocks:
        block[random.random(block.shape) < bad] = np.nan
    rows, columns = [np.arange(start, start + 3) for start in range(0, 60, 10)], np.arange(40)

    def found():
        shifts = measure_shifts(blocks, kind)
        noise = amplifiers_of(Sampled(blocks, rows, columns), (60, 40), shifts, kind, None)
        return shifts.offsets.tolist(), shifts.factors.tolist(), noise

    at_once = found()
    monkeypatch.setattr(frame_levels, "TOGETHER", 1)
    monkeypatch.setattr(frame_levels, "AT_ONCE", 1)
    assert found() == at_once
