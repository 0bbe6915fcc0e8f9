"""Lights that move: their noise is what they claim, they move as asked, and what struck them is known."""

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples, seeds

from pipeline.simulation import moving_lights
from pipeline.simulation.moving_lights import Defects, Exposed, drifting, lights, scattered, some_off
from pipeline.simulation.skies import Stars

SHAPE = (90, 100)


def made(seed=1, exposed=(Exposed(),) * 3, **settings):
    rng = np.random.default_rng(seed)
    return lights(rng, exposed, Stars.drawn(rng, 12, SHAPE, beyond=0), shape=SHAPE, **settings)


@examples(10)
@given(seeds, st.sampled_from([1.0, 60.0]), st.booleans())
def test_frames_lie_about_what_is_expected_by_their_noise(seed, seconds, hot):
    detector = Defects.hot(np.random.default_rng(seed), SHAPE) if hot else Defects()
    stack = made(seed, (Exposed(seconds=seconds),) * 3, detector=detector)
    pull = (stack.clean - stack.expected) / stack.sigma
    assert pull.std() == pytest.approx(1, abs=0.03)
    assert abs(pull.mean()) < 0.03


def test_what_struck_frames_is_all_that_tells_them_from_clean_ones():
    stack = made(hits=5e-3, trails=(10.0,))
    np.testing.assert_allclose(stack.values - stack.clean.astype(float), stack.hits + stack.trail, atol=0.51)
    assert (stack.values == stack.clean)[:, stack.untouched].all()
    assert not stack.trail[:-1].any()
    assert stack.trail[-1].max() == pytest.approx(10 * stack.sigma[-1][stack.blank].mean(), rel=0.1)
    assert 1e-3 < (stack.hits > 10 * stack.sigma).mean() < 2e-2
    assert not made(hits=0.0).hits.any()


def test_blank_sky_has_no_stars_and_no_defects():
    stack = made(detector=Defects.with_bad_columns(np.random.default_rng(2), SHAPE))
    assert 0.3 < stack.blank.mean() < 1
    assert np.ptp(stack.expected[:, stack.blank]) < 0.5 * stack.sigma.max()
    assert (~stack.sound).any(axis=0).sum() == 2
    assert not stack.blank[~stack.sound].any()


@given(seeds, st.integers(2, 20), st.floats(0.1, 14))
def test_lights_move_as_they_are_asked_to(seed, frames, by):
    rng = np.random.default_rng(seed)
    steps = np.diff([one.shift for one in drifting(rng, frames, by)], axis=0)
    np.testing.assert_allclose(np.hypot(*steps.T), by)
    assert np.abs([one.shift for one in scattered(rng, frames, by)]).max() <= by
    away = np.hypot(*np.array([one.shift for one in some_off(rng, frames, by)]).T)
    assert sorted(set(np.round(away, 6))) == [0, pytest.approx(by, abs=1e-6)]
    assert (away > 0).sum() == max(1, round(0.4 * frames))


def test_transparency_dims_stars_and_not_the_sky_and_time_both():
    bright, dim, short = (
        made(exposed=(Exposed(), Exposed(transparency=0.5), Exposed(seconds=30)), hits=0).expected - moving_lights.BIAS
    )
    sky = 200 / moving_lights.GAIN
    np.testing.assert_allclose(dim - sky, (bright - sky) / 2, atol=1e-9)
    np.testing.assert_allclose(short, bright / 2)


@pytest.mark.parametrize("told", [True, False])
def test_headers_tell_gain_and_read_noise_or_do_not(told):
    stack = made(told=told)
    frames = stack.frames()
    np.testing.assert_array_equal([frame.pixels.values for frame in frames], stack.values)
    assert [("GAIN" in dict(frame.header.to_header())) for frame in frames] == [told] * 3
    assert {frame.kind for frame in frames} == {"light"}
    others = attrs.evolve(stack, exposed=stack.exposed).frames(stack.clean)
    np.testing.assert_array_equal(others[1].pixels.values, stack.clean[1])
