"""Saturation: judged on raw values, flagged to the end, and in masters set aside where it is rare."""

import attrs
import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from made_masters import SHAPE, a_bias, framed, full

from pipeline import (
    Flag,
    Flagging,
    FrameSet,
    Image,
    Recipe,
    combine,
    drop_rare_saturation,
    each,
    flag_saturated,
    open_frame,
    pipe,
    reduce,
    subtract_bias,
    subtract_overscan,
)
from pipeline.errors import HeaderWarning, SettingError, StepError


@given(arrays(np.uint16, SHAPE), st.integers(1, 65535))
def test_raw_values_from_the_level_up_are_flagged(values, level):
    flagged = flag_saturated(Image.of(values), level=level).pixels
    np.testing.assert_array_equal(flagged.flags == Flag.SATURATED, values >= level)


def test_saturation_in_one_of_two_lights_stays_flagged_to_the_end():
    one, two = full(1000), full(1000)
    one[2, 2] = 65_000
    frames = FrameSet(Image.of(v, exposure=1) for v in (one, two))
    image = reduce(frames, recipe=Recipe(saturation=60_000))
    assert image.pixels.flags[2, 2] == Flag.SATURATED
    assert image.pixels.mask.sum() == 1


def test_saturation_is_judged_on_raw_values():
    reduced = subtract_bias(Image.of(full(100)), bias=a_bias(full(1)))
    level = subtract_overscan(framed(full(100), BIASSEC="[1:2,1:4]"))
    mean = combine(FrameSet([Image.of(full(100), exposure=1)] * 2))
    for image, by in ((reduced, "subtract_bias"), (level, "subtract_overscan"), (mean, "combine")):
        with pytest.raises(StepError, match=f"raw values, and {by} has run; put flag_saturated first"):
            flag_saturated(image, level=50)
    untouched = pipe(Image.of(full(100)), subtract_bias(bias=None), subtract_overscan)
    assert flag_saturated(untouched, level=50).pixels.mask.all()


def test_saturation_is_not_judged_on_what_was_reduced_elsewhere():
    assert not flag_saturated(framed(full(100), ZEROCOR=True, SATURATE=50)).pixels.mask.any()


def test_the_header_says_where_saturation_begins():
    assert flag_saturated(framed(full(60), SATURATE=50)).pixels.mask.all()
    assert not flag_saturated(framed(full(60))).pixels.mask.any()


@pytest.mark.parametrize("unknown", [-1, "NaN"])
@pytest.mark.filterwarnings("ignore::pipeline.errors.HeaderWarning")
def test_a_card_that_says_no_level_is_said_where_none_is_given(unknown):
    image = framed(full(60), SATURATE=unknown)
    (note,) = flag_saturated(image).notes
    assert note.category is HeaderWarning
    assert note.words == f"SATURATE = {unknown} says no level of saturation"
    assert flag_saturated(image, level=100).notes == ()
    assert flag_saturated(framed(full(60), SATURATE=100)).notes == ()


@given(st.lists(st.none() | st.integers(1, 100), min_size=2, max_size=2))
def test_an_amplifier_whose_level_no_card_gives_is_not_saturated(levels):
    sections = {"DATASECA": "[1:2,1:4]", "DATASECB": "[3:5,1:4]"}
    known = {f"SATURAT{name}": float(level) for name, level in zip("AB", levels, strict=True) if level is not None}
    flags = flag_saturated(framed(full(60), **sections, **known)).pixels.flags
    for half, level in zip((flags[:, :2], flags[:, 2:]), levels, strict=True):
        assert (half == (Flag.SATURATED if level is not None and level <= 60 else 0)).all()


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
        with pytest.raises(SettingError, match="expected a number above 0 and up to 1"):
            make()


@pytest.mark.parametrize(("fraction", "flagged"), [(None, True), (0.5, False), (0.2, True)])
def test_the_fraction_holds_for_masters_and_never_for_lights(fraction, flagged):
    """One of four biases is saturated at (2, 2), and one of three lights at (3, 3)."""
    light = full(1100)
    light[3, 3] = 65_000
    biases = [full(100) for _ in range(4)]
    biases[0][2, 2] = 65_000
    frames = [Image.of(b, kind="bias") for b in biases] + [
        Image.of(v, exposure=1) for v in (full(1100), full(1100), light)
    ]
    recipe = Recipe(saturation=60_000, flagging=Flagging(fraction=fraction))
    product = reduce(FrameSet(frames), recipe=recipe)
    assert (product.pixels.flags[2, 2] == Flag.SATURATED) == flagged
    assert product.pixels.flags[3, 3] == Flag.SATURATED
    assert product.pixels.values[2, 2] == 1000


def test_the_level_itself_is_saturated():
    image = flag_saturated(Image.of(np.array([[99.0, 100.0, 101.0]])), level=100)
    assert image.pixels.flags.tolist() == [[0, Flag.SATURATED, Flag.SATURATED]]


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
