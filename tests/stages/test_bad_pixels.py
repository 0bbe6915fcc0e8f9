"""Masks, grown flags, hot and dead pixels: their laws, and examples by hand."""

import pickle

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from made_masks import SHAPE, at, flags, full

from pipeline import Flag, Flagging, Image, Mask, Pixels, combine, each, flag_bad, flag_dead, flag_hot, grow_flags
from pipeline.errors import AssumptionWarning, SettingError, ShapeError, StepError


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
