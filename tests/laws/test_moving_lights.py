"""What the clip does where lights move: starlight stays, hits go, and how frames come and are read changes nothing."""

import attrs
import numpy as np
import pytest
from astropy.io import fits
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from strategies import examples, seeds

from pipeline import FrameSet, combine, open_frame, running
from pipeline.simulation.moving_lights import Defects, Exposed, drifting, lights, scattered, some_off
from pipeline.simulation.skies import Stars

SHAPE = (160, 160)
pytestmark = pytest.mark.filterwarnings("ignore::pipeline.errors.AssumptionWarning")


def tried(number):
    """Ask for so many examples; to make a stack smaller that breaks a law takes long and tells nothing."""
    return settings(examples(number), phases=(Phase.explicit, Phase.reuse, Phase.generate))


def stack_of(seed, exposed, fwhm=3.0, told=True, stars=30, shape=SHAPE, **settings):
    rng = np.random.default_rng(seed)
    scene = Stars.drawn(rng, stars, shape, fluxes=(1e3, 5e4 * fwhm**2), beyond=20)
    return lights(rng, exposed(rng), scene, shape=shape, fwhm=fwhm, told=told, **settings)


@attrs.frozen
class Motion:
    """How so many lights move, by how many px, and by how much the air they are seen through changes."""

    way: str
    frames: int
    by: float
    air: float

    def __call__(self, rng):
        """Expose them."""
        ways = {"scattered": scattered, "some off": some_off, "drifting": drifting}
        return tuple(
            attrs.evolve(one, seeing=1 + self.air * rng.uniform(-1, 1), transparency=1 + self.air * rng.uniform(-1, 1))
            for one in ways[self.way](rng, self.frames, self.by)
        )


def motions(least=2):
    """Draw a motion of so many lights or more: to 14 px, or 3 px from each light to the next."""
    spans = st.tuples(st.sampled_from(["scattered", "some off"]), st.sampled_from([0.1, 0.3, 1.0, 3.0, 8.0, 14.0]))
    steps = st.tuples(st.just("drifting"), st.sampled_from([0.1, 0.3, 1.0, 3.0]))
    air = st.sampled_from([0.0, 0.0, 0.3])
    return st.builds(
        lambda way, frames, air: Motion(way[0], frames, way[1], air), spans | steps, st.integers(least, 8), air
    )


def starlight_kept(stack, values):
    """Give the share of the starlight that a combination has of that of the same frames without hits."""
    seen = stack.untouched & ~stack.blank
    clean, sky = stack.clean.mean(axis=0), stack.sky.mean()
    return (values - sky)[seen].sum() / (clean - sky)[seen].sum()


def hits_gone(stack, values):
    """Tell of each pixel of blank sky hit by 10 σ or more whether less than half of that is left."""
    clean, plain = stack.clean.mean(axis=0), stack.values.mean(axis=0)
    hit = (stack.hits > 10 * stack.sigma).any(axis=0) & stack.blank
    return (values - clean)[hit] < 0.5 * (plain - clean)[hit]


@tried(20)
@given(seeds, motions(least=3), st.sampled_from([2.0, 3.0, 6.0]), st.booleans())
def test_starlight_is_kept_whatever_moves(seed, exposed, fwhm, told):
    stack = stack_of(seed, exposed, fwhm, told)
    bound = 0.02 if exposed.air else 0.005
    assert starlight_kept(stack, combine(stack.frames()).pixels.values) == pytest.approx(1, abs=bound)


@tried(20)
@given(seeds, motions(least=3), st.sampled_from([2.0, 3.0, 6.0]), st.booleans())
def test_hits_in_the_sky_go_whatever_moves(seed, exposed, fwhm, told):
    """On average it is 99 %; a stack has a hundred."""
    stack = stack_of(seed, exposed, fwhm, told, hits=4e-3)
    gone = hits_gone(stack, combine(stack.frames()).pixels.values)
    assert gone.mean() > 0.93


@pytest.mark.parametrize(("way", "air"), [("some off", 0.3), ("scattered", 0.0)])
def test_two_lights_keep_their_starlight_and_lose_their_hits(way, air):
    stack = stack_of(2, Motion(way, 2, 3.0, air), fwhm=2.0, hits=4e-3)
    values = combine(stack.frames()).pixels.values
    assert starlight_kept(stack, values) == pytest.approx(1, abs=0.005)
    assert hits_gone(stack, values).mean() > 0.85


@pytest.mark.parametrize(("frames", "step"), [(2, 0.4), (3, 0.2), (5, 0.4)])
def test_stars_half_beyond_an_edge_keep_what_is_seen_of_them(frames, step):
    """The image has nothing beside a column at its edge that would tell light there from a thin track."""
    rng = np.random.default_rng(0)
    inside, along, out = (
        Stars.drawn(rng, 20, SHAPE, fluxes=(1e3, 5e5), beyond=0),
        np.arange(10, 150, 14),
        rng.uniform(0, 3, (4, 10)),
    )
    y, x = np.r_[along, along, -out[0], 159 + out[1]], np.r_[-out[2], 159 + out[3], along, along]
    there = Stars(np.r_[y, inside.y], np.r_[x, inside.x], np.r_[rng.uniform(3e3, 3e5, 40), inside.flux])
    stack = lights(rng, drifting(rng, frames, step), there, shape=SHAPE, fwhm=2.0, hits=0)
    lost = stack.clean.mean(axis=0) - combine(stack.frames()).pixels.values
    assert lost.max() < 2 * stack.sigma.min()  # the faintest of wings may go


@tried(10)
@given(seeds, motions(), st.randoms(use_true_random=False))
def test_the_order_of_lights_that_move_changes_nothing(seed, exposed, random):
    frames = stack_of(seed, exposed).frames()
    turned = list(frames)
    random.shuffle(turned)
    here, there = (combine(FrameSet(each), variance="noise") for each in (frames, turned))
    np.testing.assert_array_equal(here.pixels.values, there.pixels.values)
    np.testing.assert_array_equal(here.pixels.flags, there.pixels.flags)
    np.testing.assert_allclose(here.pixels.variance, there.pixels.variance, rtol=1e-5)
    assert sorted(here.found.rejected) == sorted(there.found.rejected)


@tried(8)
@given(seeds, motions(), st.sampled_from([2**16, 2**20]))
def test_tiles_and_threads_change_nothing_of_lights_that_move(seed, exposed, memory):
    frames = stack_of(seed, exposed).frames()
    whole = combine(frames, variance="noise", map_left_out=True)
    with running(threads=1, memory=memory):
        parts = combine(frames, variance="noise", map_left_out=True)
    assert parts.pixels == whole.pixels
    assert parts.found == whole.found


@tried(4)
@given(seeds, motions())
def test_lights_that_move_are_the_same_on_disk_and_in_memory(tmp_path_factory, seed, exposed):
    frames, folder = stack_of(seed, exposed).frames(), tmp_path_factory.mktemp("moving")
    for frame in frames:
        fits.writeto(folder / frame.name, frame.pixels.values.astype(np.uint16), frame.header.to_header())
    on_disk = FrameSet(open_frame(folder / frame.name, kind="light") for frame in frames)
    here, there = (combine(each, variance="noise") for each in (frames, on_disk))
    assert here.pixels == there.pixels
    assert here.found.rejected == there.found.rejected


@tried(8)
@given(seeds, motions(), st.floats(2, 20))
def test_a_hit_that_is_left_out_may_be_wilder(seed, exposed, times):
    stack = stack_of(seed, exposed)
    wild = stack.hits > 100 * stack.sigma
    wilder = attrs.evolve(stack, hits=np.where(wild, times * stack.hits, stack.hits))
    here, there = (combine(each.frames()).pixels.values for each in (stack, wilder))
    gone = wild.any(axis=0) & stack.blank & (here - stack.clean.mean(axis=0) < stack.sigma[0])
    np.testing.assert_allclose(there[gone], here[gone], atol=0.1 * stack.sigma.min())


@tried(15)
@given(
    seeds,
    st.integers(2, 10),
    st.sampled_from([2.0, 3.0, 6.0]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([0, 1, 30]),
)
def test_no_motion_is_seen_where_there_is_none(seed, frames, fwhm, told, hot, stars):
    """Nor among hot pixels, nor hits, nor where there is no star; of both together some tracks look like stars."""
    detector = Defects.hot(np.random.default_rng(seed), SHAPE) if hot else Defects()
    still = (Exposed(),) * frames
    stack = stack_of(seed, lambda _rng: still, fwhm, told, stars, detector=detector, hits=5e-4 if hot else 4e-3)
    assert combine(stack.frames()).found.shifts is None


@tried(20)
@given(seeds, motions(), st.tuples(st.integers(1, 12), st.integers(1, 12)))
def test_lights_of_a_few_pixels_are_combined_wherever_they_look(seed, exposed, shape):
    stack = stack_of(seed, exposed, shape=shape)
    assert np.isfinite(combine(stack.frames(), variance="noise").pixels.values).all()
