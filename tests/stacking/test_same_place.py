"""What is odd in its pixel, against what other frames show at the same place of the sky."""

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples, seeds

from pipeline import Image
from pipeline.stacking.clip import Clip
from pipeline.stacking.judge import judge, judge_by_own_values
from pipeline.stacking.moved import Moved
from pipeline.stacking.plan import CombineSettings, plan_of
from pipeline.stacking.same_place import SamePlace, _is_smooth, _is_thin, kept_by_noises
from pipeline.stacking.stack_rows import read_rows

SHIFTS = np.array([(0, 0), (10, 6), (-8, 4), (3, -9), (-6, -6)], float)
SHAPE = (96, 128)


def planned(values, shifts, tolerance=1.0, relative=None):
    frames = tuple(Image.of(value, kind="light", exposure=1, name=f"{n}.fits") for n, value in enumerate(values))
    ones = np.ones(len(frames))
    plan = plan_of(frames, CombineSettings("mean", Clip(), None, False), scale=ones, weighing=ones, moves=True)
    assert plan.moved is not None
    moved = Moved(np.asarray(shifts)[plan.order], plan.moved.sky, ones if relative is None else relative, tolerance)
    return attrs.evolve(plan, moved=moved)


def scene(rng, shifts=SHIFTS, stars=((48, 64),)):
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    values = 500 + rng.normal(0, 5, (len(shifts), *SHAPE))
    for number, (down, right) in enumerate(shifts):
        for row, column in stars:
            values[number] += 2000 * np.exp(-((y - row - down) ** 2 + (x - column - right) ** 2) / 3.0)
    return np.round(values).astype(np.float32)


def left_out(plan):
    """Give the values left out, (frames in their given order, ny, nx)."""
    rows = read_rows(plan.frames, 0, SHAPE[0])
    batch, keep = judge(rows.only(np.arange(rows.stored.shape[1])), plan)
    out = np.zeros(rows.stored.shape, bool)
    out[:, batch.place] = ~keep
    return out[np.argsort(plan.order)].reshape(-1, *SHAPE)


def test_a_star_that_moves_stays_and_a_hit_goes():
    values = scene(np.random.default_rng(1))
    values[2, 20:24, 30] += 300
    values[0, 80, 100] += 60
    out = left_out(planned(values, SHIFTS))
    assert out[2, 20:24, 30].all()
    assert out[0, 80, 100]
    assert out.sum() == 5


def test_a_wrong_shift_takes_nothing_that_its_own_pixel_keeps():
    values = scene(np.random.default_rng(2))
    plan = planned(values, SHIFTS[::-1])
    rows = read_rows(plan.frames, 0, SHAPE[0])
    everywhere = rows.only(np.arange(rows.stored.shape[1]))
    batch, own = judge_by_own_values(everywhere, plan)
    before = own.copy()
    again, keep = judge(everywhere, plan)
    assert (keep | ~before).all()
    assert np.array_equal(again.place, batch.place)


def test_frames_of_which_nobody_knows_how_they_lie_tell_their_own_light():
    values = scene(np.random.default_rng(3))
    values[1, 10, 20:30] += 200
    out = left_out(planned(values, np.full((5, 2), np.nan)))
    star = values - 500 > 100
    star[1, 10] = False
    assert not out[star].any()
    assert out[1, 10, 21:29].all()


def test_hot_pixels_of_others_explain_no_hit():
    values = scene(np.random.default_rng(4), stars=())
    values[:, ::7, ::9] += 3000
    values[3, 40, 41:45] += 200
    assert left_out(planned(values, SHIFTS))[3, 40, 41:45].sum() >= 3


def test_light_at_an_edge_that_no_other_frame_sees_is_kept():
    shifts = SHIFTS[:2]
    values = scene(np.random.default_rng(5), shifts, stars=((2, 3), (90, 122)))
    assert not left_out(planned(values, shifts))[values - 500 > 60].any()


def test_half_a_star_at_an_edge_that_no_other_frame_sees_is_kept():
    shifts = np.array([(0, 0), (-9, 0)], float)
    values = scene(np.random.default_rng(9), shifts, stars=((-2, 40), (48, 64), (30, 127)))
    values[1] = scene(np.random.default_rng(10), shifts[1:], stars=((48, 64), (30, 127)))[0]
    assert not left_out(planned(values, shifts))[0, :4].any()


def test_an_oblique_track_that_no_other_frame_sees_goes():
    values = scene(np.random.default_rng(11), np.array([(0, 0), (-12, 0)], float))
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    track = 2000 * np.exp(-((y - x + 30) ** 2) / 2 / 2 / 0.5**2) * (abs(y - 7) < 4)
    values[0] += np.round(track)
    assert left_out(planned(values, [(0, 0), (-12, 0)]))[0][track > 500].all()


@pytest.mark.parametrize("tolerance", [0.0, 2.0])
def test_what_is_tolerated_is_a_part_of_the_light(tolerance):
    values = scene(np.random.default_rng(6))
    values[0, 44:53, 60:69] += 0.9 * (values[0, 44:53, 60:69] - 500)  # a frame twice as transparent
    assert left_out(planned(values, SHIFTS, tolerance))[0, 44:53, 60:69].any() == (tolerance == 0)


def test_wings_that_one_frame_alone_shows_so_wide_are_kept_and_hits_in_them_go():
    values, (y, x) = scene(np.random.default_rng(7), SHIFTS[:1].repeat(3, 0)), np.mgrid[: SHAPE[0], : SHAPE[1]]
    values[0] += np.round(3e3 * np.exp(-((y - 48) ** 2 + (x - 64) ** 2) / 2 / 2.2**2))  # far beyond what is tolerated
    values[0, 42, 68:70] += 1000
    out = left_out(planned(values, SHIFTS[:1].repeat(3, 0), 1.2))
    assert out[0, 42, 68:70].all()
    out[0, 40:45, 66:72] = False  # what is beside a hit goes with it
    assert not out.any()
    assert left_out(planned(values, SHIFTS[:1].repeat(3, 0)))[0, 46:51, 58:61].all()  # where all else stands still


def test_the_trail_of_a_satellite_goes_though_it_is_as_smooth_as_a_star():
    values, (y, x) = scene(np.random.default_rng(8)), np.mgrid[: SHAPE[0], : SHAPE[1]]
    trail = 100 * np.exp(-0.5 * ((y - 15 - 0.1 * x) / 1.3) ** 2)
    values[1] += np.round(trail)
    assert left_out(planned(values, SHIFTS))[1, :, 20:-20][trail[:, 20:-20] > 60].all()


def test_a_frame_that_has_most_of_the_weight_is_not_outvoted():
    rng = np.random.default_rng(7)
    relative = np.array([1.5, 1.4, 0.1])
    values = 500 + rng.normal(0, 1, (3, *SHAPE)) * 20 * np.sqrt(relative)[:, None, None]
    values[2, 50, 60] += 60  # ten of its own σ, within what the others tell
    values[0, 20, 20] += 500
    plan = planned(values.astype(np.float32), np.zeros((3, 2)))
    rows = read_rows(plan.frames, 0, SHAPE[0])
    keep = kept_by_noises(plan, Clip(), relative[plan.order], rows.only(np.arange(rows.stored.shape[1])))
    out = ~keep[np.argsort(plan.order)].reshape(-1, *SHAPE)
    assert not out[2, 50, 60]
    assert out[0, 20, 20]
    assert out.sum() < 5


@examples(30)
@given(seeds, st.lists(st.floats(0.1, 3), min_size=2, max_size=7), st.floats(20, 1e4))
def test_of_frames_that_differ_in_noise_a_hit_goes_alone_in_whichever_it_is(seed, variances, height):
    relative = np.array(variances) / np.mean(variances)
    rng = np.random.default_rng(seed)
    sigma = 5 * np.sqrt(relative)[:, None, None]
    values = 500 + rng.normal(0, 1, (len(relative), *SHAPE)) * sigma
    number, row, column = rng.integers(0, [len(relative), *SHAPE], (40, 3)).T
    hit = np.zeros(values.shape, bool)
    hit[number, row, column] = True
    hit &= hit.sum(axis=0) == 1
    values[hit] += height * 5 * np.sqrt(relative.max())
    plan = planned(values.astype(np.float32), np.zeros((len(relative), 2)))
    rows = read_rows(plan.frames, 0, SHAPE[0])
    keep = kept_by_noises(plan, Clip(), relative[plan.order], rows.only(np.arange(rows.stored.shape[1])))
    out = ~keep[np.argsort(plan.order)].reshape(-1, *SHAPE)
    assert out[hit].all()
    assert np.count_nonzero(out & ~hit) < 5


def test_nothing_odd_asks_for_nothing():
    plan = planned(np.full((3, *SHAPE), 7.0, np.float32), np.zeros((3, 2)))
    rows = read_rows(plan.frames, 0, 4)
    batch, keep = judge_by_own_values(rows.only(np.arange(4)), plan)
    assert plan.moved is not None
    assert SamePlace(plan, Clip(), plan.moved).unlike(batch, keep).beyond.size == 0


@examples(20)
@given(seeds, st.sampled_from([2.0, 3.0, 6.0]))
def test_tracks_are_thin_and_neither_stars_nor_traces_are(seed, fwhm):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-3:4, -3:4] + rng.uniform(-0.5, 0.5, (2, 1, 1))
    angle, inside = rng.uniform(0, np.pi), np.ones((1, 7, 7), bool)
    across, along = y * np.cos(angle) - x * np.sin(angle), y * np.sin(angle) + x * np.cos(angle)

    def thin(image, inside=inside):
        return bool(_is_thin(image[None] + rng.normal(0, 0.01, (1, 7, 7)), inside)[0])

    track = np.exp(-0.5 * (across / 0.5) ** 2) * (np.abs(along) < 3)
    assert thin(track)
    assert not thin(track, inside=np.zeros((1, 7, 7), bool))
    assert not thin(np.exp(-4 * np.log(2) * (y**2 + x**2) / fwhm**2))
    assert not thin(np.exp(-4 * np.log(2) * across**2 / fwhm**2))


@examples(20)
@given(seeds, st.sampled_from([2.0, 3.0, 6.0]))
def test_stars_are_smooth_wherever_a_window_shows_them_and_tracks_are_not(seed, fwhm):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-3:4, -3:4] + rng.uniform(-0.5, 0.5, (2, 1, 1))
    angle, inside, noise = rng.uniform(0, np.pi), np.ones((1, 7, 7), bool), np.full(1, 1.5)

    def smooth(image):
        return bool(_is_smooth(image[None] + rng.normal(0, 1, (1, 7, 7)), noise, inside)[0])

    track = 60 * np.exp(-0.5 * ((y * np.cos(angle) - x * np.sin(angle)) / 0.5) ** 2)
    away = fwhm * rng.uniform(0, 1) * np.array([np.sin(angle), np.cos(angle)])
    assert not smooth(track)
    assert smooth(1000 * np.exp(-4 * np.log(2) * ((y - away[0]) ** 2 + (x - away[1]) ** 2) / fwhm**2))
