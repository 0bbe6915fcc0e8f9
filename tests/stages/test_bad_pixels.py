"""Masks, grown flags, hot and dead pixels: their laws, and examples by hand."""

import pickle

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from made_masks import SHAPE, at, flags, full

from pipeline import (
    Flag,
    Flagging,
    Image,
    Mask,
    Pixels,
    combine,
    each,
    flag_bad,
    flag_dead,
    flag_hot,
    grow_flags,
    noisy_pixels,
)
from pipeline.errors import AssumptionWarning, SettingError, ShapeError, StepError
from pipeline.stages import bad_pixels
from pipeline.statistics.noise import chi_squared_beyond, chi_squared_limit


@given(arrays(bool, SHAPE))
def test_a_mask_flags_what_is_not_zero_and_nothing_else(bad):
    for given_as in (bad, bad.astype(np.uint8), 7.0 * bad, fits.ImageHDU(bad.astype(np.int16))):
        if bad.mean() <= 0.5:
            image = flag_bad(Image.of(full(5)), mask=Mask.of(given_as))
            np.testing.assert_array_equal(image.pixels.flags, np.where(bad, Flag.BAD, 0))
            np.testing.assert_array_equal(image.pixels.values, 5)


@given(flags, flags)
def test_masks_join_and_add_to_what_is_flagged(one, other):
    joined = Mask.of(Pixels.of(full(0), one)) | Mask.of(Pixels.of(full(0), other))
    both = flag_bad(Image.of(Pixels.of(full(0), one)), mask=Mask.of(Pixels.of(full(0), other)))
    np.testing.assert_array_equal(joined.flags, both.pixels.flags)
    np.testing.assert_array_equal(joined.flags, one | other)
    assert pickle.loads(pickle.dumps(joined)) == joined


def test_no_mask_is_said_and_changes_nothing():
    image = flag_bad(Image.of(full(5)), mask=None)
    assert not image.pixels.mask.any()
    assert str(image.history[-1]) == "flag_bad(mask=None)"


def test_the_history_names_the_mask():
    image = flag_bad(Image.of(full(5)), mask=Mask.of(at((1, 1), (2, 2)), name="bad.fits"))
    assert str(image.history[-1]) == "flag_bad(mask=Mask('bad.fits', bad=2))"


@pytest.mark.parametrize("bad", [np.zeros(3), np.zeros((2, 2, 2)), np.zeros((2, 2), complex), "bad.fits"])
def test_what_is_no_mask_is_refused(bad):
    with pytest.raises(ShapeError, match="expected numbers on two axes, 0 where good"):
        Mask.of(bad)


@pytest.mark.parametrize("flags", [5, np.zeros(3, np.uint16)])
def test_flags_without_two_axes_are_no_mask(flags):
    with pytest.raises(ShapeError, match="mask array has the shape"):
        Mask(flags)


def test_a_mask_the_other_way_round_is_said():
    with pytest.warns(AssumptionWarning, match="98% of its pixels are not 0.*turn it round"):
        Mask.of(~at((1, 1), (4, 4)))


def test_a_mask_of_another_shape_is_refused_by_name():
    with pytest.raises(ShapeError, match=r"light array is \(9, 11\), mask bad.fits \(2, 2\)"):
        flag_bad(Image.of(full(1)), mask=Mask.of(np.zeros((2, 2)), name="bad.fits"))
    with pytest.raises(ShapeError, match="mask one is"):
        Mask.of(np.zeros((2, 2)), name="one") | Mask.of(np.zeros((3, 2)), name="two")


def test_rows_of_a_mask_are_those_of_the_image():
    """A step on frames on disk is run on some rows at a time."""
    mask = Mask.of(at((3, 4), (8, 0)))
    whole = flag_bad(Image.of(full(1)), mask=mask)
    part = flag_bad(mask=mask).on_rows(3, 9, whole.shape)(Image.of(full(1)).rows(3, 9))
    np.testing.assert_array_equal(part.pixels.flags, whole.pixels.flags[3:9])


def grown_by_hand(flags, by, diagonals):
    """Look at every pair of pixels: all reasons spread but UNCOVERED."""
    rows, columns = np.indices(flags.shape)
    result = flags.copy()
    for y, x in np.argwhere(flags):
        down, across = abs(rows - y), abs(columns - x)
        near = np.maximum(down, across) <= by if diagonals else down + across <= by
        result[near] |= flags[y, x] & ~np.uint16(Flag.UNCOVERED)
    return result


@given(flags, st.integers(0, 4), st.booleans())
def test_growing_reaches_exactly_so_far(given_flags, by, diagonals):
    image = grow_flags(Image.of(Pixels.of(full(0), given_flags)), by=by, diagonals=diagonals)
    expected = grown_by_hand(given_flags, by, diagonals)
    np.testing.assert_array_equal(image.pixels.flags, expected)
    mask = Mask.of(Pixels.of(full(0), given_flags)).grown(by, diagonals=diagonals)
    np.testing.assert_array_equal(mask.flags, expected)


@given(flags, st.integers(0, 3), st.integers(0, 3), st.booleans())
def test_growing_twice_is_growing_by_the_sum(given_flags, one, other, diagonals):
    mask = Mask.of(Pixels.of(full(0), given_flags))
    twice = mask.grown(one, diagonals=diagonals).grown(other, diagonals=diagonals)
    assert twice == mask.grown(one + other, diagonals=diagonals)


@pytest.mark.parametrize("by", [-1, 1.5])
def test_growing_by_no_number_of_pixels_is_refused(by):
    with pytest.raises(SettingError, match="expected a whole number"):
        grow_flags(Image.of(full(1)), by=by)
    with pytest.raises(SettingError, match="expected a whole number"):
        Flagging(grow=by)


def sky(shape=(64, 64), seed=1, gradient=0.5):
    """A noisy gradient with a standard deviation of 3."""
    rng = np.random.default_rng(seed)
    return 200 + gradient * np.arange(shape[1]) + rng.normal(0, 3, shape)


def test_hot_pixels_stand_out_of_their_surroundings():
    """42 ADU are 14 σ and hot; a slope and the glow of a corner are none."""
    values = sky()
    values += 100 * np.exp(-np.hypot(*np.indices(values.shape)) / 40)
    hot = [(20, 30), (20, 31), (63, 0), (40, 63)]
    for place in hot:
        values[place] = np.median(values[max(place[0] - 3, 0) : place[0] + 4, max(place[1] - 3, 0) : place[1] + 4]) + 42
    image = flag_hot(Image.of(values, kind="dark", exposure=600))
    assert {tuple(place) for place in np.argwhere(image.pixels.flags == Flag.HOT)} == set(hot)
    assert image.pixels.mask.sum() == 4


@pytest.mark.parametrize("turned", [np.asarray, np.transpose], ids=["column", "row"])
def test_a_hot_column_or_row_is_hot_and_a_lower_sigma_finds_more(turned):
    values = sky(gradient=0)
    values[:, 17] += 60
    values[5, 40] = 218
    image = Image.of(turned(values), kind="dark", exposure=1)
    hot = turned(flag_hot(image).pixels.flags) == Flag.HOT
    assert hot[:, 17].all()
    assert hot.sum() == 64
    assert turned(flag_hot(image, sigma=4.5).pixels.flags)[5, 40] == Flag.HOT


def test_an_even_dark_of_whole_numbers_has_no_hot_pixel_for_a_unit():
    """Without spread the noise is that of rounding, 0.29: one unit is 3.5 σ, three are 10.4."""
    values = np.full((20, 20), 7, np.uint16)
    values[3, 3], values[9, 9], values[15, 15] = 8, 10, 0  # a pixel that is too low is not hot
    image = flag_hot(Image.of(values, kind="dark", exposure=1))
    assert np.argwhere(image.pixels.mask).tolist() == [[9, 9]]


def test_dead_pixels_see_less_than_their_surroundings():
    """Half of the surroundings is the limit; the shade beyond a slit and vignetting are none."""
    values = 20_000 * np.ones((64, 64)) * (1 - 0.5 * np.abs(np.arange(64) - 32) / 32)
    values[:12] *= 0.01
    for (y, x), response in {(30, 30): 0.45, (31, 40): 0.55, (50, 63): 0.1, (5, 5): 0.3}.items():
        values[y, x] *= response
    values[:, 20] *= np.where(np.arange(64) < 12, 1, 0.2)
    dead = flag_dead(Image.of(values, kind="flat", exposure=1)).pixels.flags == Flag.DEAD
    expected = at((30, 30), (50, 63), (5, 5), shape=(64, 64))
    expected[12:, 20] = True
    np.testing.assert_array_equal(dead, expected)
    assert flag_dead(Image.of(values, kind="flat", exposure=1), below=0.6).pixels.flags[31, 40] == Flag.DEAD


def test_bad_pixels_do_not_speak_for_their_surroundings():
    """A good pixel among bad ones far below it is not hot."""
    marked = at(*((y, x) for y in range(20, 40) for x in range(20, 40) if (y, x) != (30, 30)), shape=(64, 64))
    pixels = Pixels.of(np.where(marked, -5000, sky(gradient=0)), marked * Flag.BAD)
    assert not (flag_hot(Image.of(pixels, kind="dark", exposure=1)).pixels.flags & Flag.HOT).any()


@pytest.mark.parametrize(
    ("step", "image", "error", "word"),
    [
        (flag_hot(), Image.of(full(1), kind="flat"), StepError, "is a flat; flag_hot takes a dark"),
        (flag_dead(), Image.of(full(1), kind="dark"), StepError, "is a dark; flag_dead takes a flat"),
        (flag_hot(), Image.of(full(np.nan), kind="dark"), StepError, "no good pixel"),
    ],
)
def test_defects_are_looked_for_in_their_own_kind(step, image, error, word):
    with pytest.raises(error, match=word):
        step(image)


def test_limits_of_defects_make_sense():
    with pytest.raises(SettingError, match="flag_hot: sigma=0; expected a positive number of σ"):
        flag_hot(sigma=0)
    with pytest.raises(SettingError, match="flag_dead: below=1; expected a number above 0 and below 1"):
        flag_dead(below=1)


@given(st.integers(0, 2**32 - 1))
def test_defects_are_those_of_the_picture_turned_over(seed):
    values = sky((20, 24), seed)
    values[np.random.default_rng(seed).random(values.shape) < 0.03] += 300
    found = [
        turned(flag_hot(Image.of(turned(values), kind="dark", exposure=1)).pixels.flags)
        for turned in (lambda v: v, np.flipud, np.fliplr)
    ]
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_lazy_frames_take_a_mask(tmp_path):
    from pipeline import open_frames, parse_filelist

    for number in range(3):
        fits.writeto(tmp_path / f"{number}.fits", full(number).astype(np.uint16))
    frames = open_frames(parse_filelist([("light", tmp_path / f"{n}.fits") for n in range(3)]))
    masked = each(flag_bad(mask=Mask.of(at((8, 10)))))(frames)
    image = combine(masked, clip=None)
    assert np.argwhere(image.pixels.mask).tolist() == [[8, 10]]
    assert (image.pixels.values == 1).all()


# ---- pixels with a noise of their own ----


def shot(rng, noise, kind="bias", exposure=None, above=0.0):
    """One frame of uint16 with a standard deviation, 1000 ADU high, and something above that."""
    values = 1000 + rng.normal(0, 1, np.broadcast(noise, above).shape) * noise + above
    return Image.of(values.round().clip(0, 65535).astype(np.uint16), kind=kind, exposure=exposure)


def found_in(frames, times=4.0):
    return noisy_pixels(frames, times=times).flags == Flag.NOISY


@pytest.fixture(scope="module")
def few_noisy():
    """Where 5 % of 512 x 512 pixels have four times the noise, and what that is."""
    bad = np.random.default_rng(5).random((512, 512)) < 0.05
    return bad, np.where(bad, 20.0, 5.0)


@pytest.mark.parametrize(("frames", "least"), [(10, 0.98), (12, 0.99)])
def test_of_pixels_of_four_times_the_noise_98_per_cent_are_found_from_ten_frames(few_noisy, frames, least):
    bad, noise = few_noisy
    rng = np.random.default_rng(frames)
    found = found_in([shot(rng, noise) for _ in range(frames)])
    assert found[bad].mean() > least - 3 * np.sqrt(least * (1 - least) / bad.sum())
    assert found[~bad].sum() <= 8  # 1e-5 are 2.5, and in 1 of 1,000 cases more than 8


@pytest.mark.parametrize("frames", [10, 12])
def test_of_ordinary_pixels_one_of_100_000_is_found_noisy(frames):
    """Expected of pixels that scatter as they do: by how many more pixels than χ² tells lie beyond a lower limit."""
    rng = np.random.default_rng(frames)
    stack = [Image.of(1000 + rng.normal(0, 5, (512, 512)), kind="bias") for _ in range(frames)]
    squares, free = bad_pixels._scatter(tuple(stack))
    assert (free == frames - 1).mean() > 0.9999
    limit = chi_squared_limit(bad_pixels.BY_CHANCE, frames - 1)
    lower = chi_squared_limit(1e-3, frames - 1)
    more = (squares > lower).mean() / 1e-3  # 262 pixels: to 6 %
    steeper = np.log(bad_pixels.BY_CHANCE) / np.log(1e-3)
    assert bad_pixels.BY_CHANCE * more**steeper < 1e-5 * (1 + 2 * 0.06 * steeper)
    assert chi_squared_beyond(limit / 16, frames - 1) > 0.98


def test_levels_rows_and_amplifiers_make_no_pixel_noisy(few_noisy):
    """Levels drift, rows lie high or low, in each amplifier others, and one amplifier has more noise."""
    bad, noise = few_noisy
    rng = np.random.default_rng(2)
    right = np.arange(512) >= 256

    def disturbed():
        rows = np.where(right, 30 * rng.normal(size=(512, 1)), 8 * rng.normal(size=(512, 1)))
        return shot(rng, np.where(right, 1.6 * noise, noise), above=rng.uniform(0, 300) + rows)

    found = found_in([disturbed() for _ in range(12)])
    assert found[bad].mean() > 0.99
    assert found[~bad].sum() <= 12


def test_photon_noise_of_hot_pixels_and_hits_of_cosmic_rays_make_no_pixel_noisy():
    """Nor does the drift of their dark current with temperature."""
    rng = np.random.default_rng(3)
    hot = np.where(rng.random((512, 512)) < 0.03, 200 * rng.pareto(1.2, (512, 512)), 0).clip(0, 40_000)

    def dark(drift=0.02, hits=1e-3):
        charge = rng.poisson(hot * (1 + drift * rng.normal()))
        hit = (rng.random(hot.shape) < hits) * rng.exponential(500, hot.shape)
        return shot(rng, 5.0, "dark", 600, above=charge + hit)

    assert found_in([dark() for _ in range(10)]).sum() <= 25  # 4e-5 are 10


def test_random_telegraph_pixels_are_found(few_noisy):
    bad, _ = few_noisy
    rng = np.random.default_rng(4)
    found = found_in([shot(rng, 5.0, above=np.where(bad, 40 * (rng.random(bad.shape) < 0.5), 0)) for _ in range(10)])
    assert found[bad].mean() > 0.975
    assert found[~bad].sum() <= 12


def test_scatter_of_bias_and_dark_frames_is_pooled_and_exposures_kept_apart(few_noisy):
    bad, noise = few_noisy
    rng = np.random.default_rng(6)
    biases = [shot(rng, noise) for _ in range(4)]
    darks = [shot(rng, noise, "dark", seconds, above=seconds) for seconds in (60, 600, 60, 600, 60, 600, 600)]
    with pytest.warns(AssumptionWarning, match="none is flagged; it takes 10 bias frames"):
        assert not found_in(darks).any()
    found = found_in(biases + darks, times=5)
    assert found[bad].mean() > 0.9
    assert found[~bad].sum() <= 12


@given(st.integers(2, 6), st.floats(1.5, 12), st.integers(0, 2**32))
def test_too_few_frames_flag_nothing_and_say_so(frames, times, seed):
    rng = np.random.default_rng(seed)
    biases = [shot(rng, np.full((9, 11), 3.0)) for _ in range(frames)]
    if frames < 5 or times < 5:
        with pytest.warns(AssumptionWarning, match="too few bias and dark frames tell"):
            assert not found_in(biases, times).any()


@given(st.permutations(range(10)), st.floats(-300, 300), st.sampled_from([0.25, 2.0, 1024.0]))
def test_order_levels_and_units_do_not_matter(order, level, by):
    rng = np.random.default_rng(8)
    noise = np.where(rng.random((70, 40)) < 0.1, 40.0, 4.0)
    values = [1000 + rng.normal(0, noise) for _ in order]
    expected = found_in([Image.of(one, kind="bias") for one in values])
    other = [Image.of(by * (values[i] + (level if i == 3 else 0)), kind="bias") for i in order]
    np.testing.assert_array_equal(found_in(other), expected)
    assert expected.any()


def test_what_is_flagged_in_some_frames_counts_in_the_others():
    rng = np.random.default_rng(9)
    noise = np.full((70, 40), 4.0)
    noise[20, 7] = noise[30, 8] = 60
    frames = []
    for number in range(14):
        flags = np.zeros(noise.shape, np.uint16)
        flags[20, 7] = Flag.SATURATED if number < 4 else 0
        flags[30, 8] = Flag.SATURATED if number < 12 else 0
        frames.append(Image.of(Pixels.of(1000 + rng.normal(0, noise), flags), kind="bias"))
    assert np.argwhere(found_in(frames)).tolist() == [[20, 7]]


def test_only_bias_and_dark_frames_of_one_shape_tell_noise():
    bias = Image.of(full(1), kind="bias")
    with pytest.raises(StepError, match="noisy_pixels takes bias and dark frames"):
        noisy_pixels([bias, Image.of(full(1), kind="flat")])
    with pytest.raises(StepError, match="noisy_pixels takes bias and dark frames"):
        noisy_pixels([])
    with pytest.raises(ShapeError, match="one shape"):
        noisy_pixels([bias, Image.of(np.ones((2, 2)), kind="bias")])
    with pytest.raises(SettingError, match="from 1"):
        noisy_pixels([bias], times=1)
