"""How lights that move are measured, judged and told."""

import numpy as np
import pytest
from astropy.stats import sigma_clip
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples, seeds

from pipeline import Clip, FrameSet, Image, Noise, combine, running
from pipeline.errors import AssumptionWarning
from pipeline.simulation.moving_lights import Defects, Exposed, exposed_at, lights
from pipeline.simulation.skies import Stars
from pipeline.simulation.strikes import cosmic_rays, trail
from pipeline.stacking.motion import lost_widely, stars_lost
from pipeline.stacking.moved import squares_of
from pipeline.stacking.plan import CombineSettings, plan_of

SHAPE, CELL = (200, 200), 40


def stack(shifts, seed=1, count=40, **settings):
    rng = np.random.default_rng(seed)
    scene = Stars.drawn(rng, count, SHAPE, fluxes=(1e4, 4e5), beyond=20)
    return lights(rng, exposed_at(np.array(shifts, float)), scene, shape=SHAPE, **settings)


def kept(made, image):
    seen = made.untouched & ~made.blank
    clean, sky = made.clean.mean(axis=0), made.sky.mean()
    return (image.pixels.values - sky)[seen].sum() / (clean - sky)[seen].sum()


DITHERED = [(0, 0), (6, -4), (-5, 3), (2, 8)]


def test_motion_is_said_once_with_the_shift_of_each_frame():
    with pytest.warns(AssumptionWarning, match="the image moves by up to .* px between frames") as told:
        combine(stack(DITHERED).frames())
    (note,) = [warning.message.note for warning in told if "moves by" in str(warning.message)]
    figures = dict(note.figures)
    found = [(figures[f"light_0{n}.fits rows"], figures[f"light_0{n}.fits columns"]) for n in (1, 2, 3, 4)]
    sign = np.sign(found[1][0] * DITHERED[1][0])
    np.testing.assert_allclose(np.multiply(found, sign), DITHERED, atol=0.15)
    assert "--align" in note.at_command
    assert "--each" in note.at_command


def test_motion_is_refused_where_assumptions_are():
    with running(strict=True), pytest.raises(AssumptionWarning, match="the image moves"):
        combine(stack(DITHERED).frames())


def test_small_motion_is_data_and_no_note():
    seen = []
    with running(on_note=seen.append):
        image = combine(stack([(0, 0), (0.15, 0.1), (-0.1, 0.1)]).frames())
    assert not [note for note in seen if "moves" in str(note)]
    assert image.found.shifts is None or np.ptp(image.found.shifts, axis=0).max() < 0.4


@pytest.mark.filterwarnings("ignore::pipeline.errors.AssumptionWarning")
@pytest.mark.parametrize(
    "settings",
    [
        {"method": "median"},
        {"clip": Clip(iterations=1)},
        {"clip": Clip(low=8, high=4)},
        {"clip": Clip(low=np.inf)},
        {"clip": Clip(centre="mean")},
        {"clip": Clip(counting=Noise.of(gain=1.5, read_noise=5))},
        {"weights": "exposure"},
        {"scale": None, "weights": "variance"},
        {"variance": "scatter"},
        {"map_left_out": True},
    ],
    ids=str,
)
def test_starlight_is_kept_however_frames_are_combined(settings):
    made = stack(DITHERED, seed=2)
    image = combine(made.frames(), **settings)
    plain = combine(made.frames(made.clean), **(settings | {"clip": None}))
    seen, sky = made.untouched & ~made.blank, made.sky.mean()
    share = (image.pixels.values - sky)[seen].sum() / (plain.pixels.values - sky)[seen].sum()
    assert share == pytest.approx(1, abs=0.005)
    assert image.found.shifts is not None


@pytest.mark.filterwarnings("ignore::pipeline.errors.AssumptionWarning")
def test_without_a_clip_or_with_that_of_astropy_nothing_is_measured():
    frames = stack(DITHERED).frames()
    assert combine(frames, clip=None).found.shifts is None
    assert combine(frames, clip=Clip("mad")).found.shifts is None


def test_that_a_clip_by_each_pixels_own_spread_takes_light_that_moves_is_said_and_its_values_stay():
    seen, still, clip = [], [(0, 0)] * 5, Clip("mad", low=3, high=3)
    with running(on_note=seen.append):
        combine(stack(still).frames(), clip=clip)
        assert not [note for note in seen if "moves" in str(note)]
        made = stack([(0, 0), (6, -4), (-5, 3), (2, 8), (9, 1)])
        image = combine(made.frames(), clip=clip)
    (note,) = [note for note in seen if "moves" in str(note)]
    assert "a clip by mad takes its light for hits" in str(note)
    assert "--clip noise" in note.at_command
    kept = sigma_clip(made.values, 3, maxiters=None, cenfunc="median", stdfunc="mad_std", axis=0)
    np.testing.assert_allclose(image.pixels.values, kept.mean(axis=0), rtol=1e-6)


@pytest.mark.filterwarnings("ignore::pipeline.errors.AssumptionWarning")
def test_values_that_are_bad_are_not_used_where_lights_move():
    made = stack(DITHERED, seed=3)
    frames = []
    for frame in made.frames():
        values = frame.pixels.values.copy()
        values[50:60, 20:120] = np.nan
        frames.append(Image.of(values, kind="light", exposure=60.0, header=frame.header, name=frame.name))
    image = combine(FrameSet(frames))
    assert np.isnan(image.pixels.values[52:58, 30:110]).all()
    whole = combine(made.frames())
    far = np.ones(SHAPE, bool)
    far[30:80] = False
    sky = made.sky.mean()
    assert (image.pixels.values - sky)[far].sum() == pytest.approx((whole.pixels.values - sky)[far].sum(), rel=0.005)


@pytest.mark.filterwarnings("ignore::pipeline.errors.AssumptionWarning")
def test_one_star_alone_is_kept_though_nothing_tells_how_it_moves():
    rng = np.random.default_rng(5)
    scene = Stars(np.array([100.0]), np.array([100.0]), np.array([3e5]))
    made = lights(rng, exposed_at(np.array([(0, 0), (12, 0), (0, 12)], float)), scene, shape=SHAPE)
    assert kept(made, combine(made.frames())) == pytest.approx(1, abs=0.01)


@pytest.mark.filterwarnings("ignore::pipeline.errors.AssumptionWarning")
def test_seeing_that_changes_takes_no_starlight():
    rng = np.random.default_rng(6)
    scene = Stars.drawn(rng, 40, SHAPE, fluxes=(1e4, 4e5))
    made = lights(rng, tuple(Exposed(seeing=by) for by in (0.7, 1.0, 1.3)), scene, shape=SHAPE)
    assert kept(made, combine(made.frames())) == pytest.approx(1, abs=0.005)


def test_a_still_field_of_bad_columns_with_many_hits_is_judged_as_all_that_keeps_still():
    detector, shape = Defects.with_bad_columns(np.random.default_rng(0), (200, 300)), (200, 300)
    scene = Stars.drawn(np.random.default_rng(0), 10, shape)
    made = lights(np.random.default_rng(0), (Exposed(),) * 10, scene, shape=shape, detector=detector, hits=1e-2)
    with running(strict=True):
        assert combine(made.frames()).found.shifts is None


@pytest.mark.filterwarnings("ignore::pipeline.errors.AssumptionWarning")
@pytest.mark.parametrize("seed", [4, 5])
def test_two_lights_of_few_bright_stars_that_nowhere_overlap_lose_none_and_no_noise_keeps_hits(seed):
    shape, rng = (200, 300), np.random.default_rng(seed)
    scene = Stars.drawn(rng, 3, shape, fluxes=(3e5, 5e6), beyond=-20)
    made = lights(np.random.default_rng(seed), exposed_at(np.array([(0, 0), (6, -4)])), scene, shape=shape)
    image = combine(made.frames())
    assert kept(made, image) == pytest.approx(1, abs=0.005)
    hit = made.blank & (made.hits > 10 * made.sigma).any(axis=0)
    assert ((image.pixels.values - made.sky.mean())[hit] < 5 * made.sigma.mean()).mean() > 0.9


def plan(values):
    frames = FrameSet(Image.of(one, kind="light", name=f"{i}") for i, one in enumerate(values)).frames
    settings = CombineSettings("mean", None, None, map_left_out=True)
    return plan_of(frames, settings, scale=np.ones(len(frames)), weighing=np.ones(len(frames)))


def told(values):
    """Ask of frames, with a noise of 1, of which all that is 5 σ from their median was left out."""
    middle = np.median(values, axis=0) if len(values) > 2 else values.min(axis=0)
    lost = (np.abs(values - middle) > 5).any(axis=0)
    return stars_lost(plan(values), lost, middle, squares=squares_of(lost))


def disc(fwhm, at):
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return np.exp(-4 * np.log(2) * ((y - at[0]) ** 2 + (x - at[1]) ** 2) / fwhm**2)


def places(rng, count):
    """Give places of stars that do not touch."""
    cells = rng.choice((SHAPE[0] // CELL) ** 2, count, replace=False)
    return CELL * np.stack(np.divmod(cells, SHAPE[1] // CELL), axis=1) + rng.uniform(12, CELL - 12, (count, 2))


@examples(20)
@given(seeds, st.integers(2, 4), st.sampled_from([2.0, 3.0, 6.0]), st.integers(1, 5))
def test_stars_are_told_wherever_they_lie_and_in_whichever_frame(seed, frames, fwhm, count):
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 1.0, (frames, *SHAPE))
    for place in places(rng, count):
        values[rng.integers(frames)] += 200 * disc(fwhm, place)
    assert told(values)


@examples(20)
@given(seeds, st.integers(2, 4), st.sampled_from([2.0, 3.0, 6.0]), st.floats(0.3, 1.0))
def test_stars_that_move_a_little_are_told_of_which_only_flanks_are_lost(seed, frames, fwhm, step):
    rng = np.random.default_rng(seed)
    at, angle = places(rng, 3), rng.uniform(0, 2 * np.pi)
    steps = fwhm / 3 * step * np.arange(frames)[:, None] * (np.sin(angle), np.cos(angle))
    values = np.array([1000 * sum(disc(fwhm, place + moved) for place in at) for moved in steps])
    assert told(values + rng.normal(0, 1.0, values.shape))


@examples(20)
@given(seeds, st.integers(2, 4), st.sampled_from([1e-3, 0.01]), st.sampled_from([0, 3, 25]))
def test_hits_are_no_stars_and_on_stars_that_keep_still_no_motion(seed, frames, share, count):
    rng = np.random.default_rng(seed)
    still = sum((100 * disc(3.0, place) for place in places(rng, count)), np.zeros(SHAPE))
    hits = np.array([cosmic_rays(rng, SHAPE, int(share * 4e4 / 6)) for _ in range(frames)])
    assert not told(still + hits + rng.normal(0, 1.0, hits.shape))


def widely(lost):
    return lost_widely(lost, squares=squares_of(lost))


@examples(30)
@given(seeds, st.sampled_from([0.0, 1e-3, 0.01]))
def test_hits_do_not_lie_as_stars_do(seed, share):
    assert not widely(cosmic_rays(np.random.default_rng(seed), SHAPE, int(share * 4e4 / 6)) > 5)


def test_what_was_left_out_of_stars_and_trails_lies_widely():
    y, x = np.mgrid[:200, :200]
    assert widely(sum((y - at) ** 2 + (x - 2 * at) ** 2 < 9 for at in (20, 50, 80)) > 0)
    assert widely(trail(np.random.default_rng(1), SHAPE, 20.0) > 5)


@pytest.mark.filterwarnings("ignore::pipeline.errors.AssumptionWarning")
@pytest.mark.parametrize("frames", [2, 3, 5])
def test_three_stars_that_move_stay(frames):
    rng = np.random.default_rng(frames)
    scene = Stars.drawn(rng, 3, SHAPE, fluxes=(4e4, 4e5), beyond=-20)
    exposed = exposed_at(12.0 * np.outer(np.arange(frames), (1.0, 0.5)))
    made = lights(rng, exposed, scene, shape=SHAPE, hits=2e-3)
    found = combine(made.frames()).pixels.values
    light = made.expected.mean(axis=0)
    bright = (light > light.min() + 20 * made.sigma.mean()) & (made.hits < 0.01 * made.sigma).all(axis=0)
    sky = np.median(light)
    assert (found - sky)[bright].sum() > 0.98 * (light - sky)[bright].sum()


def test_still_stars_with_hits_are_not_lost():
    rng = np.random.default_rng(7)
    scene = Stars.drawn(rng, 40, SHAPE, fluxes=(1e4, 4e5))
    made = lights(rng, (Exposed(),) * 8, scene, shape=SHAPE, hits=0.01)
    assert combine(made.frames(), map_left_out=True).found.shifts is None
