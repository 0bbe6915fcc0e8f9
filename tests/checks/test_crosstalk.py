"""Crosstalk between amplifiers is told from what is bright in one and repeats in another; fields of stars are not."""

import warnings

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import examples

from pipeline import FrameSet, Image, attach_header, reduce
from pipeline.checks.damaged_readout import crosstalk_notes, gain_notes
from pipeline.errors import AssumptionWarning

SIDE = 256
UP, RIGHT = np.mgrid[-10:11, -10:11]
seeds = st.integers(0, 2**32 - 1)


def field(seed, stars, fwhm=3.0, brightest=40_000.0):
    """Give a field of stars, some bright and most faint, without its sky and noise."""
    rng, light = np.random.default_rng(seed), np.zeros((SIDE, SIDE))
    for flux in np.minimum(20 * 10 ** rng.exponential(0.7, stars), brightest):
        y, x = rng.uniform(11, SIDE - 12, 2)
        up, right = int(y), int(x)
        near = (UP - (y - up)) ** 2 + (RIGHT - (x - right)) ** 2
        light[up - 10 : up + 11, right - 10 : right + 11] += flux * np.exp(-near * 2.77 / fwhm**2)
    return light


def seen(light, seed):
    """Give what is counted of it: over a sky of 200, with a noise of 5 and that of photons."""
    return light + 200 + np.random.default_rng(seed).normal(0, 5, light.shape) * np.sqrt(1 + light / 50)


def with_ghosts(light, part, turned):
    """Add a part of the left half to the right one."""
    half = SIDE // 2
    left = light[:, :half][:, ::-1] if turned else light[:, :half]
    return light + np.pad(part * left, ((0, 0), (half, 0)))


HALVES = ((0, SIDE, 0, SIDE // 2), (0, SIDE, SIDE // 2, SIDE))


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("declared", [(), HALVES])
@pytest.mark.parametrize("part", [1e-3, 3e-3])
def test_ghosts_of_what_is_bright_are_told_with_their_part_of_it(part, declared, turned):
    light = field(1, 20)
    light[190:198, 40:50] += 50_000
    (note,) = crosstalk_notes(seen(with_ghosts(light, part, turned), 2), declared, ("a.fits",))
    assert note.frames == ("a.fits",)
    assert dict(note.figures)["part"] == pytest.approx(part, rel=0.1)


@examples(10)
@given(seed=seeds, stars=st.sampled_from([3, 100, 3000]), fwhm=st.sampled_from([2.0, 5.0]))
def test_fields_of_stars_have_none(seed, stars, fwhm):
    assert crosstalk_notes(seen(field(seed, stars, fwhm), seed), (), ("a.fits",)) == ()


@pytest.mark.parametrize("others", [0, 40])
def test_one_star_where_a_ghost_would_be_is_none_among_others_like_it(others):
    """Of a field with one bright star, another lies at one of its 16 places by chance; in an empty one, hardly."""
    rng = np.random.default_rng(7)
    places = [(100.0, 60.0, 60_000.0), (100.0, SIDE - 61.0, 240.0)]
    places += [(*rng.uniform(12, SIDE - 13, 2), peak) for peak in rng.uniform(100, 500, others)]
    light = np.zeros((SIDE, SIDE))
    rows, columns = np.mgrid[:SIDE, :SIDE]
    for y, x, peak in places:
        light += peak * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) * 2.77 / 9)
    assert bool(crosstalk_notes(seen(light, 8), (), ("a.fits",))) is (others == 0)


@examples(5)
@given(seed=seeds, part=st.sampled_from([0.05, 1.0]))
def test_a_field_that_is_its_own_mirror_image_has_none(seed, part):
    light = field(seed, 50)
    assert crosstalk_notes(seen(light + part * light[:, ::-1], seed), (), ("a.fits",)) == ()


@examples(5)
@given(seed=seeds, part=st.floats(1e-3, 0.02))
def test_spectra_that_repeat_have_none(seed, part):
    """A bright trace, and a faint one as far from the other edge."""
    along = 1 + 0.5 * np.sin(np.arange(SIDE) / 20)
    across = np.exp(-((np.arange(SIDE) - 60)[:, None] ** 2) / 8)
    light = 40_000 * (across + part * across[::-1]) * along
    assert crosstalk_notes(seen(light, seed), (), ("a.fits",)) == ()


@pytest.mark.parametrize("values", [np.zeros((4, 5)), np.zeros((200, 200)), np.full((200, 300), np.nan)])
def test_images_of_nothing_have_none(values):
    assert crosstalk_notes(values, (), ("a.fits",)) == ()


@pytest.mark.parametrize("part", [0.0, 1e-3])
def test_a_product_says_it(part):
    light = field(3, 40)
    light[100:110, 40:50] += 60_000
    image = Image.of(seen(with_ghosts(light, part, turned=True), 3), exposure=60, name="a.fits")
    if part:
        with pytest.warns(AssumptionWarning, match="repeats in another"):
            product = attach_header(image)
        assert "crosstalk" in str(product.to_hdu().header["HISTORY"])
    else:
        assert not attach_header(image).notes


def test_damaged_values_overflow_without_a_word():
    values = np.random.default_rng(1).normal(0, 1, (160, 160)).astype(np.float32)
    values[::3, ::7], values[::5, ::4] = 3e38, -3e38
    assert crosstalk_notes(values, [], ("a.fits",)) == ()


def single(seed, gains=(1.0, 1.0), level=1000.0, stars=0, drawn_out=0.0, upright=False):
    """A light of one frame in ADU, bias and flat out, its halves of two gains; and the variance that a gain of 1 gives.

    :param drawn_out: σ of unresolved light in one half, which optics draw out over neighbours.
    """
    rng = np.random.default_rng(seed)
    electrons = level + (field(seed, stars) if stars else np.zeros((SIDE, SIDE)))
    if drawn_out:
        light = rng.normal(0, 1, (SIDE, SIDE + 2))
        light = light[:, :-2] + 2 * light[:, 1:-1] + light[:, 2:]
        electrons += drawn_out * np.sqrt(level / 6) * light * (np.arange(SIDE) < SIDE // 2)
    gain = np.repeat(gains, SIDE // 2)
    counts = (rng.poisson(electrons.clip(0)) + rng.normal(0, 5, electrons.shape)) / gain
    counts = counts.T if upright else counts
    return counts, np.maximum(counts, 0) + 25


@examples(8)
@given(seeds, st.sampled_from([200.0, 3000.0]), st.booleans(), st.sampled_from([0, 60]))
def test_gains_of_halves_of_a_single_light_are_told_by_their_noise(seed, level, upright, stars):
    (note,) = gain_notes(*single(seed, (1.0, 1.2), level, stars, upright=upright), ("a.fits",))
    (one, noise), (other, its_own) = note.figures
    assert (one, other) == (("lower", "upper") if upright else ("left", "right"))
    assert noise == pytest.approx(1, abs=0.05)
    assert its_own == pytest.approx(1.2**-0.5, abs=0.05)


@examples(12)
@example(1, 3000.0, 0, 1.0, False)
@example(2, 3000.0, 300, 0.0, True)
@given(seeds, st.floats(0, 1e5), st.sampled_from([0, 300]), st.sampled_from([0.0, 0.3, 1.0, 3.0]), st.booleans())
def test_a_single_light_of_one_gain_is_told_to_have_no_two(seed, level, stars, drawn_out, upright):
    values, variance = single(seed, level=level, stars=stars, drawn_out=drawn_out, upright=upright)
    values[np.random.default_rng(seed).random(values.shape) < 0.01] = np.nan
    assert gain_notes(values, variance, ("a.fits",)) == ()


@pytest.mark.parametrize(("gains", "frames", "said"), [((1.0, 1.2), 1, 1), ((1.0, 1.0), 1, 0), ((1.0, 1.2), 2, 0)])
def test_a_product_of_one_light_says_that_its_halves_have_each_a_gain(gains, frames, said):
    def frame(electrons, kind, number):
        counts = np.random.default_rng(number).poisson(electrons, (SIDE, SIDE)) / np.repeat(gains, SIDE // 2)
        header = {"GAIN": 1.0, "RDNOISE": 5.0}
        return Image.of(np.rint(500 + counts).astype(np.uint16), kind=kind, exposure=9, header=header)

    levels = {"bias": (25, 5), "flat": (30_000, 5), "light": (2000, frames)}
    night = [
        frame(level + 25 * (kind != "bias"), kind, 100 * level + number)
        for kind, (level, count) in levels.items()
        for number in range(count)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        notes = reduce(FrameSet(night)).notes
    assert sum(note.fact == "gains of halves" for note in notes) == said
