"""Parts of a detector with a noise of their own, and frames whose noise is cut off at 0."""

import numpy as np
import pytest

from pipeline import FrameSet, Image, combine


def stack(sigma, frames, level=1000.0, seed=0, kind="bias"):
    """Simulate whole-number frames of a level with a noise map."""
    rng = np.random.default_rng(seed)
    noisy = level + rng.normal(0, 1, (frames, *sigma.shape)) * sigma
    counts = noisy.round().clip(0, 65_535).astype(np.uint16)
    return FrameSet(Image.of(frame, kind=kind, exposure=1.0) for frame in counts)


def halves(shape, axis, edge, low=3.0, high=9.0):
    """Give the noise of a detector of two parts."""
    along = np.where(np.arange(shape[axis]) < edge, low, high)
    return along[:, None] * np.ones(shape) if axis == 0 else along * np.ones(shape)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("frames", [3, 8])
@pytest.mark.parametrize(("low", "high"), [(3.0, 9.0), (9.0, 3.0)])
def test_two_halves_have_each_their_noise(axis, frames, low, high):
    shape = (300, 500)
    sigma = halves(shape, axis, shape[axis] // 2, low, high)
    amplifiers = combine(stack(sigma, frames)).found.amplifiers
    (start, cut), (again, stop) = [(one.rows, one.columns)[axis] for one in amplifiers]
    assert (start, again, stop) == (0, cut, shape[axis])
    wider = (cut - shape[axis] // 2) * (1 if low > high else -1)  # by how much the noisier half has grown
    assert 0 <= wider <= shape[axis] // 50
    np.testing.assert_allclose([one.noise.a for one in amplifiers], [low**2, high**2], rtol=0.06)


def test_neither_half_loses_good_values():
    sigma = halves((400, 600), 1, 300)
    rejected = sum(combine(stack(sigma, 5)).found.rejected)
    assert rejected <= 1e-4 * 5 * sigma.size / 2


def test_an_edge_anywhere_leaves_the_quieter_part_smaller_never_larger():
    shape, edge = (120, 1500), 611
    left, right = combine(stack(halves(shape, 1, edge), 5)).found.amplifiers
    assert left.columns[1] == right.columns[0]
    assert edge - 30 <= left.columns[1] <= edge


def test_four_quadrants_have_each_their_noise():
    sigma = np.kron([[3.0, 6.0], [8.0, 12.0]], np.ones((200, 250)))
    found = [one.noise.a for one in combine(stack(sigma, 6)).found.amplifiers]
    np.testing.assert_allclose(found, [9, 36, 64, 144], rtol=0.08)


@pytest.mark.parametrize("kind", ["bias", "flat"])
def test_one_amplifier_is_one(kind):
    """Photon noise across a vignetted flat is no second amplifier."""
    y, x = np.mgrid[:200, :300]
    level = 20_000 * np.exp(-((x - 100) ** 2 + (y - 90) ** 2) / 3e4) if kind == "flat" else np.full((200, 300), 500.0)
    sigma = np.sqrt(25 + level / 1.5)
    for seed in range(5):
        assert len(combine(stack(sigma, 5, level, seed, kind)).found.amplifiers) == 1


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("frames", [2, 3])
def test_what_one_frame_alone_sees_is_no_amplifier(axis, frames):
    """As where frames of a dithered field were aligned."""
    still = stack(np.full((300, 300), 15.0), frames, kind="light")
    images = [image.pixels.values.astype(np.float32) for image in still]
    for image in images[1:]:
        image[(slice(None),) * axis + (slice(256, None),)] = np.nan
    combined = combine(FrameSet(Image.of(image, kind="light", exposure=1.0) for image in images))
    assert len(combined.found.amplifiers) == 1
    assert sum(combined.found.rejected) < 1e-4 * frames * 300 * 300


@pytest.mark.parametrize("frames", [3, 5, 20])
@pytest.mark.parametrize("level", [0.0, 3.0])
def test_noise_cut_off_at_zero_is_measured_above_it(frames, level):
    found = combine(stack(np.full((300, 400), 5.0), frames, level)).found
    assert found.noise.a == pytest.approx(25, rel=0.1)
    assert sum(found.rejected) <= 2e-5 * frames * 120_000


def test_quiet_whole_numbers_are_not_taken_for_cut_off():
    found = combine(stack(np.full((200, 300), 0.6), 5, 100.3)).found
    assert found.noise.a == pytest.approx(0.36 + 1 / 12, rel=0.2)
