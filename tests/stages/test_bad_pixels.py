"""Masks, grown flags, saturation in a fraction of frames, hot and dead pixels: their laws, and examples by hand."""

import pickle
from pathlib import Path

import attrs
import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline import (
    Flag,
    Flagging,
    FrameSet,
    Image,
    Mask,
    Pixels,
    Recipe,
    combine,
    drop_rare_saturation,
    each,
    flag_bad,
    flag_dead,
    flag_hot,
    flag_saturated,
    grow_flags,
    open_frame,
    read_mask,
    reduce,
    write,
)
from pipeline.cli.main import main
from pipeline.errors import AssumptionWarning, FrameError, SettingError, ShapeError, StepError

SHAPE = (9, 11)
flags = arrays(np.uint8, SHAPE, elements=st.sampled_from([0] * 12 + [int(flag) for flag in Flag]))


def full(value):
    return np.full(SHAPE, value, np.float32)


def at(*places, shape=SHAPE, value=True):
    plane = np.zeros(shape, type(value))
    for place in places:
        plane[place] = value
    return plane


# masks


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
    assert str(image.history[-1]) == "flag_bad(mask=Mask(bad.fits, 2 bad))"


@pytest.mark.parametrize("bad", [np.zeros(3), np.zeros((2, 2, 2)), np.zeros((2, 2), complex), "bad.fits"])
def test_what_is_no_mask_is_refused(bad):
    with pytest.raises(ShapeError, match="expected numbers on two axes, 0 where good"):
        Mask.of(bad)


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
    part = flag_bad(mask=mask).on_rows(3, 9)(Image.of(full(1)).rows(3, 9))
    np.testing.assert_array_equal(part.pixels.flags, whole.pixels.flags[3:9])


# growing


def grown_by_hand(flags, by, diagonals):
    """Look at every pair of pixels."""
    rows, columns = np.indices(flags.shape)
    result = np.zeros_like(flags)
    for y, x in np.argwhere(flags):
        down, across = abs(rows - y), abs(columns - x)
        near = np.maximum(down, across) <= by if diagonals else down + across <= by
        result[near] |= flags[y, x]
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


# masks in files


@given(flags)
def test_a_mask_written_and_read_is_itself(tmp_path_factory, given_flags):
    path = tmp_path_factory.mktemp("mask") / "m.fits"
    write(Mask.of(Pixels.of(full(0), given_flags)), path)
    again = read_mask(path)
    np.testing.assert_array_equal(again.flags, given_flags)
    np.testing.assert_array_equal(fits.getdata(path), given_flags != 0)


def test_the_flags_of_a_product_are_a_mask(tmp_path):
    product = reduce(FrameSet([Image.of(Pixels.of(full(3), at((1, 1), value=8)), exposure=1)]))
    write(product, tmp_path / "p.fits")
    assert read_mask(tmp_path / "p.fits").flags[1, 1] == Flag.HOT
    assert read_mask(tmp_path / "p.fits", "MASK").flags[1, 1] == Flag.BAD
    assert read_mask(tmp_path / "p.fits").flags.sum() == Flag.HOT


def test_masks_of_others(tmp_path):
    """A plain image, CCDData's MASK, and an HDU by number; FLAGS of another program has reasons of its own."""
    bad = at((2, 3), value=np.uint8(4))
    fits.writeto(tmp_path / "plain.fits", bad)
    hdus = [fits.PrimaryHDU(full(9)), fits.ImageHDU(bad, name="MASK"), fits.ImageHDU(bad, name="FLAGS")]
    fits.HDUList(hdus).writeto(tmp_path / "ccd.fits")
    for mask in (
        read_mask(tmp_path / "plain.fits"),
        read_mask(tmp_path / "ccd.fits"),
        read_mask(tmp_path / "ccd.fits", 1),
        read_mask(tmp_path / "ccd.fits", "FLAGS"),
    ):
        np.testing.assert_array_equal(mask.flags, bad // 4 * Flag.BAD)
    with pytest.raises(FrameError, match=r"absent\.fits: cannot be read"):
        read_mask(tmp_path / "absent.fits")
    with pytest.raises(FrameError, match="has no HDU 'BPM'"):
        read_mask(tmp_path / "ccd.fits", "BPM")


# saturation in a fraction of frames


def saturating(count, frames=4):
    """Frames of 100 of which some are saturated at (2, 2)."""
    planes = [full(100 + number) for number in range(frames)]
    for plane in planes[:count]:
        plane[2, 2] = 65_000
    return FrameSet(flag_saturated(Image.of(p, kind="flat", exposure=1), level=60_000) for p in planes)


@pytest.mark.parametrize(("count", "flag", "value"), [(0, 0, 101.5), (1, 0, 102), (2, 2, 32_551.25), (4, 2, 65_000)])
def test_half_of_the_frames_must_be_saturated(count, flag, value):
    """The mean of 100 to 103; of 101 to 103; of two saturated with 102 and 103; of four saturated."""
    image = combine(drop_rare_saturation(saturating(count), fraction=0.5), clip=None)
    assert (image.pixels.flags[2, 2], image.pixels.values[2, 2]) == (flag, value)
    assert image.pixels.mask.sum() == (flag != 0)
    assert image.pixels.values[0, 0] == 101.5


def test_by_default_one_frame_is_enough():
    assert combine(saturating(1), clip=None).pixels.flags[2, 2] == Flag.SATURATED


def test_nothing_saturated_is_nothing_done():
    frames = saturating(0)
    assert drop_rare_saturation(frames, fraction=1.0) is frames


@pytest.mark.parametrize("fraction", [0, -1, 1.1, float("nan")])
def test_a_fraction_of_frames_lies_above_0_and_up_to_1(fraction):
    for make in (lambda: drop_rare_saturation(saturating(1), fraction=fraction), lambda: Flagging(fraction=fraction)):
        with pytest.raises(SettingError, match="expected a fraction above 0 and up to 1"):
            make()


@pytest.mark.parametrize(("fraction", "flagged"), [(None, True), (0.5, False), (0.2, True)])
def test_the_fraction_holds_for_masters_and_never_for_lights(fraction, flagged):
    """One of four biases is saturated at (2, 2), and one of three lights at (5, 5)."""
    light = full(1100)
    light[5, 5] = 65_000
    biases = [full(100) for _ in range(4)]
    biases[0][2, 2] = 65_000
    frames = [Image.of(b, kind="bias") for b in biases] + [
        Image.of(v, exposure=1) for v in (full(1100), full(1100), light)
    ]
    recipe = Recipe(saturation=60_000, flagging=Flagging(fraction=fraction))
    product = reduce(FrameSet(frames), recipe=recipe)
    assert (product.pixels.flags[2, 2] == Flag.SATURATED) == flagged
    assert product.pixels.flags[5, 5] == Flag.SATURATED
    assert product.pixels.values[2, 2] == 1000


# hot and dead pixels


def sky(shape=(64, 64), seed=1, gradient=0.5):
    """A noisy gradient with a standard deviation of 3."""
    rng = np.random.default_rng(seed)
    return 200 + gradient * np.arange(shape[1]) + rng.normal(0, 3, shape)


def test_the_level_itself_is_saturated():
    image = flag_saturated(Image.of(np.array([[99.0, 100.0, 101.0]])), level=100)
    assert image.pixels.flags.tolist() == [[0, Flag.SATURATED, Flag.SATURATED]]


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
        (flag_hot(sigma=0), Image.of(full(1), kind="dark"), SettingError, "expected a positive number"),
        (flag_dead(below=1), Image.of(full(1), kind="flat"), SettingError, "expected a fraction between 0 and 1"),
    ],
)
def test_defects_are_looked_for_in_their_own_kind(step, image, error, word):
    with pytest.raises(error, match=word):
        step(image)


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


# the command


@pytest.fixture
def night(tmp_path, monkeypatch):
    """Bias 100, dark 1 ADU/s with a hot pixel, flat with a dead one; columns 1 to 4 are overscan."""
    monkeypatch.chdir(tmp_path)
    rows = []
    for kind, seconds, level in (("bias", 0, 0), ("dark", 60, 0), ("flat", 10, 9000), ("light", 10, 500)):
        values = np.full((20, 24), 100 + seconds + level, np.uint16)
        values[:, :4] = 100
        values[5, 6] += 10 * seconds
        values[7, 8] -= np.uint16(0.8 * level)
        cards = {"EXPTIME": seconds, "BIASSEC": "[1:4,1:20]", "TRIMSEC": "[5:24,1:20]"}
        fits.writeto(f"{kind}.fits", values, fits.Header(cards))
        rows.append(f"{kind}, {kind}.fits")
    (tmp_path / "night.csv").write_text("\n".join(rows))
    return tmp_path


def product_flags(*options):
    assert main(["reduce", "night.csv", "-o", "p.fits", "--overwrite", "--quiet", *options]) == 0
    found = fits.getdata("p.fits", "FLAGS")
    return {(int(y), int(x)): int(found[y, x]) for y, x in np.argwhere(found)}


def test_the_command_flags_defects_masks_and_neighbours(night):
    assert product_flags() == {}
    assert product_flags("--hot", "8", "--dead", "0.5") == {(5, 2): Flag.HOT, (7, 4): Flag.DEAD}
    raw, trimmed = at((3, 4), shape=(20, 24)), at((3, 0), shape=(20, 20))
    for name, mask in (("raw", raw), ("trimmed", trimmed)):
        write(Mask.of(mask), f"{name}.fits")
        assert product_flags("--mask", f"{name}.fits") == {(3, 0): Flag.BAD}
    edge = {(2, 0): 64, (3, 0): 64, (4, 0): 64, (3, 1): 64}
    assert product_flags("--mask", "raw.fits", "--grow", "1", "--no-diagonals") == edge
    assert product_flags("--mask", "raw.fits", "--grow", "1") == edge | {(2, 1): 64, (4, 1): 64}
    Path("p.fits").rename("earlier.fits")
    assert product_flags("--mask", "earlier.fits", "--mask-hdu", "MASK") == edge | {(2, 1): 64, (4, 1): 64}
    assert product_flags("--mask", "earlier.fits", "--mask-hdu", "1") == edge | {(2, 1): 64, (4, 1): 64}
    assert product_flags("--mask", "earlier.fits") == edge | {(2, 1): 64, (4, 1): 64}


def test_what_is_flagged_is_replayed(night):
    write(Mask.of(at((3, 4), shape=(20, 24))), "m.fits")
    options = ["--mask", "m.fits", "--hot", "8", "--dead", "0.5", "--grow", "1", "--no-diagonals", "--raw", "dark"]
    assert main(["reduce", "night.csv", "-o", "p.fits", "--record", "--quiet", *options]) == 0
    assert main(["replay", "p.json"]) == 0


def test_the_command_combines_with_a_mask(night):
    write(Mask.of(at((3, 4), shape=(20, 24))), "m.fits")
    assert main(["combine", "night.csv", "--type", "flat", "-o", "f.fits", "--mask", "m.fits"]) == 0
    assert np.argwhere(fits.getdata("f.fits", "MASK")).tolist() == [[3, 4]]


@pytest.mark.parametrize(
    ("options", "status", "word"),
    [
        (["--mask", "absent.fits"], 1, "absent.fits: cannot be read"),
        (["--mask", "small.fits"], 1, "mask small.fits (2, 2)"),
        (["--mask-hdu", "1"], 2, "--mask-hdu without --mask"),
        (["--hot", "-1"], 2, "expected a positive number"),
        (["--dead", "2"], 2, "expected a fraction between 0 and 1"),
        (["--grow", "-1"], 2, "expected a whole number"),
        (["--saturated-fraction", "0"], 2, "expected a fraction above 0"),
        (["--mask", "small.fits", "-o", "small.fits", "--overwrite"], 1, "is one of the files to be read"),
    ],
)
def test_mistakes_in_what_is_flagged(night, capsys, options, status, word):
    fits.writeto("small.fits", np.zeros((2, 2), np.uint8))
    assert main(["reduce", "night.csv", *options]) == status
    assert word in capsys.readouterr().err


def test_lazy_frames_take_a_mask(tmp_path):
    from pipeline import open_frames, parse_filelist

    for number in range(3):
        fits.writeto(tmp_path / f"{number}.fits", full(number).astype(np.uint16))
    frames = open_frames(parse_filelist([("light", tmp_path / f"{n}.fits") for n in range(3)]))
    masked = each(flag_bad(mask=Mask.of(at((8, 10)))))(frames)
    image = combine(masked, clip=None)
    assert np.argwhere(image.pixels.mask).tolist() == [[8, 10]]
    assert (image.pixels.values == 1).all()


@pytest.mark.parametrize("level", [None, 300.0, 1004.5, 40_000.0, 70_000.0])
@pytest.mark.parametrize("card", [None, 1003, 50_000.5])
def test_frames_flagged_on_disk_are_combined_as_they_are_in_memory(tmp_path, level, card):
    """They are compared as they are stored: 16 bits with BZERO."""
    values = np.random.default_rng(1).normal(1000, 3, (5, 30, 40)).round().astype(np.uint16)
    values[2, 3, 4], values[1, 7, 8] = 65_535, 45_000
    for number, frame in enumerate(values):
        header = fits.Header({} if card is None else {"SATURATE": card})
        fits.writeto(tmp_path / f"{number}.fits", frame, header)
    disk = each(flag_saturated(level=level))(
        FrameSet(open_frame(tmp_path / f"{number}.fits", kind="bias") for number in range(5))
    )
    memory = FrameSet(attrs.evolve(frame, data=frame.pixels) for frame in disk)
    assert all(frame.source.stored == ("i2", 32768.0) for frame in disk)
    for method in ("mean", "median"):
        assert combine(disk, method=method).pixels == combine(memory, method=method).pixels
