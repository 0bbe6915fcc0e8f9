"""Whether lights move, as sampled rows tell it, or what a clip has left out."""

from functools import partial

import attrs
import numpy as np
import pytest

from pipeline import Image, combine
from pipeline.simulation.moving_lights import GAIN, Exposed, exposed_at, lights
from pipeline.simulation.skies import Stars
from pipeline.stacking.clip import Clip
from pipeline.stacking.moved import Moved, is_moving, lie_apart, shown_in_turn
from pipeline.stacking.stack_rows import sample_rows
from pipeline.statistics.amplifier_noise import AmplifierNoise
from pipeline.statistics.frame_levels import Shifts, shifts_of_sky
from pipeline.statistics.noise import Noise
from pipeline.statistics.sky_level import SkyLevel

SHAPE = (200, 200)


def stars(seed, shifts, kind="light", hits=2e-3, count=40):
    rng = np.random.default_rng(seed)
    scene = Stars.drawn(rng, count, SHAPE, fluxes=(1e4, 4e5), beyond=20)
    frames = lights(rng, exposed_at(np.array(shifts, float)), scene, shape=SHAPE, hits=hits).frames()
    return frames if kind == "light" else [frame.of_kind(kind) for frame in frames]


def test_frames_lie_apart_or_not():
    here, there, far = stars(1, [(0, 0), (0.1, -0.1), (7, -3)])
    assert not lie_apart(here, there)
    assert lie_apart(here, far)


@pytest.mark.parametrize("hits", [0.0, 0.01])
def test_stars_that_drift_far_are_shown_in_turn_and_hits_on_still_ones_are_not(hits):
    def pair(step):
        frames = tuple(stars(5, [(0, step * number) for number in range(12)], hits=hits, count=80))
        sampled = sample_rows(frames, np.ones(12))
        return frames, shown_in_turn(sampled, shifts_of_sky(sampled.blocks))

    assert pair(0)[1] is None
    frames, apart = pair(2)
    assert apart is not None
    assert lie_apart(*(frames[number] for number in apart))


def test_shifts_are_told_against_the_first_frame_that_is_known():
    unknown = (np.nan, np.nan)
    sky = SkyLevel.of([np.zeros((3, 40))], [np.arange(3)])
    moved = Moved(np.array([(3.0, 1.0), unknown, (1.0, 2.0)]), sky, np.array([1.0, 2.0, 3.0]))
    assert moved.from_first(np.array([0, 1, 2])) == ((0, 0), None, (-2, 1))
    assert moved.from_first(np.array([1, 2, 0])) == (None, (0, 0), (2, -1))
    assert moved.in_order(np.array([2, 0, 1])).relative.tolist() == [3, 1, 2]
    assert moved.reach == 3 + 2


@pytest.mark.parametrize("frames", [2, 3, 8])
def test_still_lights_are_not_judged_as_moving_ones(frames):
    assert combine(stars(2, [(0, 0)] * frames)).found.shifts is None


@pytest.mark.parametrize("seed", range(3))
def test_photons_that_the_fit_of_three_frames_missed_are_no_motion(seed):
    frames = tuple(stars(seed, [(0, 0)] * 3))
    sampled = sample_rows(frames, np.ones(3))
    missed = [AmplifierNoise((0, 200), (0, 200), Noise(a=300.0))]
    asked = partial(is_moving, missed, sampled, Clip(), 200, shifts=Shifts.none(3))
    assert asked(slope=None)
    assert not asked(slope=1 / GAIN)


@pytest.mark.parametrize("frames", [5, 10])
def test_a_sky_that_rises_under_stars_is_no_motion(frames):
    still = stars(4, [(0, 0)] * frames, count=200)
    risen = [Image.of(frame.pixels.values + 15 * number, kind="light") for number, frame in enumerate(still)]
    assert combine(risen).found.shifts is None


@pytest.mark.filterwarnings("ignore::pipeline.errors.AssumptionWarning")
@pytest.mark.parametrize(
    "shifts", [[(0, 0), (0, 1)], [(0, 0), (0.5, 0.4), (1, 0.8)], [(0, 0), (9, -4), (-6, 8), (3, 3)]]
)
def test_shifts_are_found(shifts):
    found = np.array(combine(stars(3, shifts)).found.shifts)
    np.testing.assert_allclose(
        found, np.array(shifts) * -1 if found[1] @ np.array(shifts[1]) < 0 else shifts, atol=0.15
    )


def test_frames_that_are_one_and_the_same_do_not_move():
    frame = stars(5, [(0, 0)])[0]
    assert combine([frame, attrs.evolve(frame, sources=("copy.fits",))]).found.shifts is None
    sloped = np.broadcast_to(np.linspace(100, 5000, 16), (12, 16))
    assert combine([Image.of(sloped, kind="light") for _ in range(2)]).found.shifts is None


def test_empty_sky_and_hits_do_not_move():
    rng = np.random.default_rng(4)
    assert combine(lights(rng, (Exposed(),) * 3, None, shape=SHAPE, hits=0.01).frames()).found.shifts is None


@pytest.mark.filterwarnings("ignore::pipeline.errors.AssumptionWarning")
def test_two_sharp_dithered_lights_move_however_wrong_their_levels_are():
    rng = np.random.default_rng((0, 2))
    scene = Stars.drawn(rng, 80, (300, 300), fluxes=(1e3, 2e5), beyond=20)
    made = lights(rng, exposed_at(np.array([(0.0, 0.0), (0.7, -4.0)])), scene, shape=(300, 300), fwhm=2.0)
    assert combine(made.frames()).found.shifts is not None
