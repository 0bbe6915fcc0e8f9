"""What strikes frames: tracks as bright and long as asked for, wherever they lie; trails from side to side."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples, seeds

from pipeline.simulation.strikes import cosmic_rays, trail


@examples(40)
@given(seeds, st.tuples(st.integers(1, 40), st.integers(1, 40)))
def test_a_track_is_at_most_as_bright_and_long_as_asked_for(seed, shape):
    track = cosmic_rays(np.random.default_rng(seed), shape, 1, peaks=(10, 300), lengths=(1, 15))
    assert track.shape == shape
    assert track.min() >= 0
    assert track.max() <= 300 * (1 + 1e-9)
    rows, columns = np.nonzero(track > 5)
    assert rows.size == 0 or max(np.ptp(rows), np.ptp(columns)) <= 16 + 2 * 2


def test_tracks_are_of_all_lengths_and_each_has_its_peak():
    rng = np.random.default_rng(1)
    tracks = [cosmic_rays(rng, (80, 80), 1, peaks=(50, 51)) for _ in range(200)]
    whole = [track for track in tracks if not track[[0, -1]].any() and not track[:, [0, -1]].any()]
    sizes = np.array([(track > 10).sum() for track in whole])
    assert all(50 <= track.max() <= 51 for track in whole)
    assert np.mean(sizes <= 3) > 0.1
    assert np.mean(sizes >= 12) > 0.1


def test_no_tracks_leave_nothing_and_more_of_them_more():
    rng = np.random.default_rng(1)
    assert not cosmic_rays(rng, (30, 30), 0).any()
    assert (cosmic_rays(rng, (300, 300), 100) > 10).sum() > 4 * (cosmic_rays(rng, (300, 300), 10) > 10).sum() > 0


@examples(20)
@given(seeds, st.floats(2.0, 6.0))
def test_a_trail_crosses_the_frame_with_its_peak_and_wings(seed, fwhm):
    left = trail(np.random.default_rng(seed), (90, 70), 10.0, fwhm=fwhm)
    assert 9.3 < left.max() <= 10
    middle = left[:, 35]
    assert (middle > 5).sum() == pytest.approx(fwhm, abs=fwhm * 0.25 + 1.1)
    centre = middle.argmax()
    assert 0 < middle[centre + round(1.6 * fwhm)] < 0.4
