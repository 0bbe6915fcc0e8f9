"""What is told of pixels without going through the rounds of a clip, against those rounds."""

import attrs
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.clear import ENOUGH_FRAMES, Clear
from pipeline.clip import Clip
from pipeline.doubtful import places_of
from pipeline.noise import Noise
from pipeline.robust import robust_mean, robust_means
from pipeline.screen import Moved, safe_from_distance, tightened
from pipeline.survivors import by_noise, by_own_spread, kept_values
from pipeline.sweep import Sweep

PIXELS = 400
seeds = st.integers(0, 2**32 - 1)


def stack_of(random, frames, sigma, level, hits):
    """Make whole numbers of a level, of which a fraction is hit, by anything from a little to very much."""
    stack = random.normal(level, sigma, (frames, PIXELS))
    hit = random.random(stack.shape) < hits
    stack[hit] += random.choice([-1, 1, 1, 1], hit.sum()) * sigma * 10 ** random.uniform(0.3, 2.5, hit.sum())
    return np.clip(np.rint(stack), -32768, 32767).astype(np.int16)


@given(
    seeds,
    st.integers(ENOUGH_FRAMES, 30),
    st.sampled_from([0.4, 2.0, 5.0, 40.0]),
    st.sampled_from([300, -32_767]),
    st.sampled_from([0.0, 0.3, 2.0]),
    st.sampled_from([0.0, 1e-3, 0.02]),
    st.sampled_from([0.0, 0.02, 0.15]),
    st.sampled_from([Clip(), Clip(low=3, high=4), Clip(iterations=1), Clip(iterations=2), Clip(low=np.inf)]),
)
def test_what_is_clear_is_what_the_rounds_keep(seed, frames, sigma, level, blur, tilt, hits, clip):
    """Frames are shifted by up to ``blur`` at a base, and by ``tilt`` of the distance from it besides."""
    random = np.random.default_rng(seed)
    stack, base = stack_of(random, frames, sigma, level, hits), level + 200.0
    b = random.choice([0.0, 0.05])
    noise = Noise(a=sigma**2 - b * level, b=b, floor=0.1)
    factors = 1 + random.uniform(-tilt, tilt, frames)
    offsets = random.uniform(-blur, blur, frames) - (factors - 1) * base
    even = (stack - offsets[:, None]) / factors[:, None]
    keep = kept_values(even, clip, by_noise(clip, lambda level, _: noise.variance(level)))
    told = Clear.of(np.sort(stack, axis=0), clip, noise, Moved(zero=0.0, base=base, blur=blur, tilt=tilt))
    seen = (stack >= told.lowest) & (stack <= told.highest)
    np.testing.assert_array_equal(seen[:, told.clear], keep[:, told.clear])


def test_nearly_all_pixels_that_were_hit_are_clear():
    stack = stack_of(np.random.default_rng(1), 20, 5.0, 300, 0.0)
    stack[3] += 500
    told = Clear.of(np.sort(stack, axis=0), Clip(), Noise(a=25.0), Moved(0.0, 300.0, 0.1, 0.0))
    assert told.clear.mean() > 0.99


def test_nothing_is_told_of_noise_that_depends_on_neighbours():
    stack = np.sort(stack_of(np.random.default_rng(1), 20, 5.0, 300, 0.1), axis=0)
    for noise in (Noise(a=25.0, d=0.1), Noise(a=25.0, c=0.1)):
        assert Clear.of(stack, Clip(), noise, Moved(0.0, 300.0, 0.0, 0.0)) is None
    assert Clear.of(stack, Clip(centre="mean"), Noise(a=25.0), Moved(0.0, 300.0, 0.0, 0.0)) is None


@given(seeds, st.integers(9, 80), st.sampled_from([0.7, 5.0, 300.0]), st.sampled_from([0.0, 0.02]))
def test_a_standard_deviation_is_never_overrated(seed, frames, sigma, hits):
    stack = stack_of(np.random.default_rng(seed), frames, sigma, 300, hits)
    found = Sweep(np.zeros(frames, int), distances=True).over(stack)
    for clip in (Clip("std", low=2, high=2), Clip("std", low=3, high=4)):
        safe = safe_from_distance(tightened(found, frames), frames, clip)
        keep = kept_values(stack.astype(float), clip, by_own_spread(clip))
        assert keep[:, safe].all()


def test_most_pixels_are_safe_by_their_own_spread():
    stack = stack_of(np.random.default_rng(1), 50, 5.0, 300, 0.0)
    found = Sweep(np.zeros(50, int), distances=True).over(stack)
    assert safe_from_distance(tightened(found, 50), 50, Clip("std")).mean() > 0.95


@given(seeds, st.integers(1, 100), st.sampled_from([0.0, 0.01, 0.5, 1.0]))
def test_places_are_those_of_numpy(seed, size, share):
    doubt = np.random.default_rng(seed).random(size) < share
    np.testing.assert_array_equal(places_of(doubt), np.flatnonzero(doubt))


@given(seeds, st.sampled_from([0.0, 0.3, 5.0]), st.sampled_from([1, 2, 7, 100]), st.booleans(), st.booleans())
def test_robust_means_are_those_of_each_row(seed, sigma, size, whole, bad):
    random = np.random.default_rng(seed)
    rows = random.normal(100, sigma, (4, size))
    rows[random.random(rows.shape) < 0.05] += 1000
    rows = np.rint(rows) if whole else rows
    rows[random.random(rows.shape) < 0.05 * bad] = np.nan
    np.testing.assert_allclose(robust_means(rows), [robust_mean(row) for row in rows], rtol=1e-13)


def test_a_sum_of_words_that_overflows_is_told_from_one_that_does_not():
    stack = np.zeros((20, 3), np.int16)
    stack[0] = 30_000, -32_768, 3_276
    stack[1] = -30_000, 32_767, 0
    found = Sweep(np.zeros(20, int), distances=True).over(stack)
    assert found.total.tolist() == [0, -1, 3_276]
    assert np.isnan(found.distance).tolist() == [True, True, False]
    assert attrs.evolve(found).span.tolist() == [60_000, 65_535, 3_276]
