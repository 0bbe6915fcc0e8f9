"""A calibration that does not fit its image is told by the step that uses it, from memory and from disk alike."""

import re
import warnings

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_steps import on_disk
from strategies import quick

from pipeline import (
    Cards,
    Flag,
    FrameSet,
    Image,
    MasterBias,
    MasterDark,
    Pixels,
    combine,
    declare,
    divide,
    each,
    normalise_flat,
    subtract_bias,
    subtract_dark,
)
from pipeline.checks.masters import bias_fits, dark_fits, dark_left_in, flat_fits
from pipeline.errors import AssumptionWarning
from pipeline.headers.status import Done
from pipeline.records.note import merged

SHAPE = (60, 100)
RNG = np.random.default_rng(3)
COLUMNS = 40.0 * (np.arange(100) % 8 < 2)
HOT = np.where(RNG.random(SHAPE) < 0.01, 400.0, 0.0)
RESPONSE = 1 + RNG.normal(0, 0.03, SHAPE)
OUT = Done("as a test says")


def image_of(values, kind="light", exposure=60.0, seed=1, sigma=4.0, **state):
    noisy = np.asarray(values) + np.random.default_rng(seed).normal(0, sigma, SHAPE)
    pixels = Pixels.of(noisy, variance=np.full(SHAPE, sigma**2))
    image = Image.of(pixels, kind=kind, exposure=exposure, name=f"{kind}.fits")
    return attrs.evolve(image, state=attrs.evolve(image.state, **state))


BIAS = MasterBias.of(image_of(1000 + COLUMNS, "bias", 0.0, seed=2, sigma=1.0))
DARK = MasterDark.of(image_of(HOT, "dark", 60.0, seed=3, sigma=1.0), has_bias=False)
FLAT = normalise_flat(image_of(20000 * RESPONSE, "flat", 5.0, seed=4, sigma=40.0, bias=OUT, dark=OUT))
LIGHT = 1000 + COLUMNS + HOT + 3000 * RESPONSE


def words(notes):
    return [note.words for note in notes]


@quick
@given(seed=st.integers(0, 2**31))
def test_a_dark_that_a_header_calls_out_is_looked_for(seed):
    raw, out = (image_of(level, seed=seed, bias=OUT) for level in (600 * RESPONSE + HOT, 600 * RESPONSE))
    (told,) = dark_left_in(attrs.evolve(raw, state=attrs.evolve(raw.state, dark=Done("DARKCOR = T"))), DARK.image, 1.0)
    assert "its header says that the dark is out (DARKCOR = T), and the hot pixels of dark" in told.words
    assert dark_left_in(out, DARK.image, 1.0) == ()


def test_subtract_dark_says_what_it_skips_against_the_pixels():
    raw = image_of(600 * RESPONSE + HOT, bias=OUT, dark=Done("DARKCOR = T"))
    with pytest.warns(AssumptionWarning, match="if it is raw"):
        assert subtract_dark(raw, dark=DARK).pixels == raw.pixels
    assert subtract_dark(raw, dark=None).notes == ()


def test_an_honest_light_fits_its_calibrations():
    assert bias_fits(image_of(LIGHT), BIAS.image) == ()
    assert dark_fits(image_of(LIGHT - 1000 - COLUMNS), DARK.image, 1.0) == ()
    assert flat_fits(image_of(3000 * RESPONSE, bias=OUT, sigma=30.0), FLAT.image) == ()


@quick
@given(sky=st.floats(-5, 60_000), seed=st.integers(0, 9))
def test_the_level_of_the_sky_accuses_nobody(sky, seed):
    light = image_of(1000 + COLUMNS + sky, seed=seed, sigma=np.sqrt(16 + max(sky, 0)))
    assert bias_fits(light, BIAS.image) == ()


@pytest.mark.parametrize(("light", "said"), [
    (600 + COLUMNS, "light.fits: lies below its bias: its level is 60"),
    (LIGHT - COLUMNS, "light.fits: the pattern of its bias bias.fits stands in it -?0"),
    (LIGHT + COLUMNS, "light.fits: the pattern of its bias bias.fits stands in it 1.9"),
])  # fmt: skip
def test_a_bias_that_does_not_fit_is_told(light, said):
    (note,) = bias_fits(image_of(light), BIAS.image)
    assert re.match(said, note.found)


def test_a_bias_in_another_scale_is_told():
    scaled = Image.of(BIAS.pixels.values / 65535, kind="bias", name="bias.fits")
    (note,) = bias_fits(image_of(LIGHT), scaled)
    assert "its bias bias.fits holds values from 0 to 1 (a median of 0.0153)" in note.found


@pytest.mark.parametrize("times", [1 / 400, 1.0, 5.0])
def test_little_taken_of_a_long_dark_is_no_other_unit_and_a_dark_in_another_unit_is(times):
    dark = 100 + COLUMNS + 0 * HOT
    said = [
        "from 0 to 1" in "".join(words(dark_fits(image_of(30_000 + COLUMNS), Image.of(values, kind="dark"), times)))
        for values in (dark, dark / 65535)
    ]
    assert said == [False, True]


def test_a_dark_with_hardly_any_counts_but_hot_pixels_is_in_no_other_scale():
    """A scale is told by values that all lie close to their own level, as those of a pedestal do."""
    assert dark_fits(image_of(3000 + HOT / 1000), Image.of(0.01 + HOT / 1000, kind="dark"), 1.0) == ()


def test_a_copy_of_the_bias_is_told():
    (note,) = bias_fits(attrs.evolve(BIAS.image, kind="dark"), BIAS.image)
    assert "has the same pixels as its bias" in note.found
    constant = Image.of(np.full(SHAPE, 5.0))
    assert bias_fits(constant, attrs.evolve(constant, kind="bias")) == ()  # a level that was put there


@quick
@given(part=st.sampled_from([0.7, 0.85, 0.95, 1.0]), seed=st.integers(0, 99))
def test_an_image_lies_below_its_bias_where_nearly_all_of_it_does(part, seed):
    values = np.where(np.arange(60) < part * 60, 600, 4000)[:, None] + COLUMNS
    told = "".join(words(bias_fits(image_of(values, seed=seed), BIAS.image)))
    assert ("lies below its bias" in told) == (part > 0.9)


def test_an_image_lies_below_its_bias_by_far_more_than_the_noise_of_a_single_frame():
    """A level drifts by as much from night to night as a frame scatters, however many are combined."""
    many = combine(FrameSet(image_of(940 + COLUMNS, seed=seed, sigma=16.0) for seed in range(16)))
    assert bias_fits(many, BIAS.image) == ()
    (note,) = bias_fits(image_of(940 + COLUMNS, sigma=4.0), BIAS.image)
    assert "lies below its bias" in note.words


@pytest.mark.parametrize(("times", "said"), [(0.3, "too much dark"), (3.0, "too little dark")])
def test_hot_pixels_tell_a_dark_that_does_not_fit(times, said):
    (note,) = dark_fits(image_of(3000 + times * HOT), DARK.image, 1.0)
    assert said in note.words
    assert dict(note.figures)["times"] == pytest.approx(times, abs=0.05)


@quick
@given(times=st.sampled_from([0.2, 1.0, 4.0]), seed=st.integers(0, 99))
def test_warm_pixels_that_noise_hides_tell_a_dark_of_which_too_little_is_taken(times, seed):
    """A dark of which too much is taken is not told so: single darks are hit, and hits look the same."""
    dark = MasterDark.of(image_of(0.04 * HOT, "dark", 60.0, seed=3, sigma=1.0), has_bias=False)
    notes = dark_fits(image_of(3000 + 0.04 * times * HOT, seed=seed), dark.image, 1.0)
    assert [note.words.startswith("too little dark") for note in notes] == [True] * (times > 1)


@quick
@given(times=st.sampled_from([0.0, 1.0, 2.0]), seed=st.integers(0, 99))
def test_a_pattern_of_columns_that_noise_hides_is_told(times, seed):
    columns = 8.0 * (np.arange(100) % 6 < 2)
    bias = MasterBias.of(image_of(1000 + columns, "bias", 0.0, seed=2, sigma=1.0))
    notes = bias_fits(image_of(2000 + times * columns, seed=seed, sigma=10.0), bias.image)
    assert ["the pattern of its bias" in note.words for note in notes] == [True] * (times != 1)


def test_a_dark_above_the_light_is_told():
    (note,) = dark_fits(image_of(300 + HOT), Image.of(DARK.pixels.values + 700, kind="dark"), 1.0)
    assert "lies below its dark: its level is 300" in note.words


@pytest.mark.parametrize(("light", "state", "said"), [
    (900 + 12 * RESPONSE, {}, "a pedestal is divided by the flat: of its level of 911.9 adu about 902"),
    (750 + 2250 * RESPONSE, {}, r"of its level of 2999 adu about 7\d\d.\d is no light"),
    (750 + 2250 * RESPONSE, {"bias": OUT}, r"a pedestal of about 7\d\d.\d adu is left in it"),
    (np.full(SHAPE, 3000), {"bias": OUT}, "it is flat-fielded already, or the flat does not fit it"),
    (1500 + 1500 * RESPONSE, {"bias": OUT}, "a pedestal of about 1.* adu is left in it"),
    (3000 * RESPONSE - 1500, {"bias": OUT}, "more was taken out of it than was in it"),
])  # fmt: skip
def test_a_response_that_the_light_does_not_show_is_told(light, state, said):
    (note,) = flat_fits(image_of(light, **state), FLAT.image)
    assert re.search(said, note.words)


@quick
@given(pedestal=st.sampled_from([0.0, 0.05, 0.3]), seed=st.integers(0, 99))
def test_a_quarter_of_pedestal_is_told_unless_it_was_taken_out_here_or_accepted(pedestal, seed):
    raw = image_of(3000 * (pedestal + (1 - pedestal) * RESPONSE), seed=seed, sigma=30.0)
    assert bool(flat_fits(raw, FLAT.image)) == (pedestal > 0.2)
    assert not flat_fits(declare(raw, state="without bias"), FLAT.image)
    assert not flat_fits(subtract_bias(raw, bias=MasterBias.of(image_of(0 * RESPONSE, "bias"))), FLAT.image)


@quick
@given(more=st.sampled_from([0.27, 0.5]), seed=st.integers(0, 99))
def test_a_little_more_structure_than_the_response_has_is_no_pedestal(more, seed):
    raw = image_of(3000 * (1 + (1 + more) * (RESPONSE - 1)), seed=seed)
    assert ["more was taken out" in note.words for note in flat_fits(raw, FLAT.image)] == [True] * (more > 0.35)


@quick
@given(sky=st.floats(80, 30_000), quarters=st.sets(st.integers(0, 3)), soft=st.booleans(), seed=st.integers(0, 9))
def test_quarters_without_light_are_told_and_light_that_fades_is_not(sky, quarters, soft, seed):
    y, x = np.indices(SHAPE)
    dead = np.isin(2 * (y // 30) + x // 50, list(quarters))
    seen = np.where(dead, 0.0, sky)
    if soft:
        seen = np.clip(sky * (x - 30) / 50, 0, sky)
    noise = np.sqrt(seen + 16)
    light = image_of(
        seen * RESPONSE + noise * np.random.default_rng(seed + 50).normal(0, 1, SHAPE), sigma=0.1, bias=OUT
    )
    told = [note.words for note in flat_fits(light, FLAT.image) if "no light" in note.words]
    assert len(told) == (not soft and 0 < len(quarters) < 4)


@pytest.mark.parametrize("state", [{}, {"bias": OUT}])
def test_a_half_at_0_is_dead_whether_the_level_was_taken_out_or_not(state):
    light = image_of(np.where(np.arange(100) < 50, 0, 3000 * RESPONSE), **state)
    (note,) = [note for note in flat_fits(light, FLAT.image) if "no light" in note.words]
    assert "in a half of it" in note.words


@pytest.mark.parametrize(("share", "told"), [(0.3, True), (0.7, False)])
def test_a_half_of_which_most_is_flagged_is_known_to_be_dead(share, told):
    half = np.arange(100) < 50
    light = image_of(np.where(half, 0, 3000 * RESPONSE), bias=OUT)
    flagged = light.pixels.flagged(half & (np.random.default_rng(9).random(SHAPE) < share), Flag.BAD)
    assert ["no light" in note.words for note in flat_fits(attrs.evolve(light, data=flagged), FLAT.image)] == [
        True
    ] * told


def test_a_few_rows_have_no_quarters():
    rows = Pixels.of(np.ones((7, 200)) * (np.arange(200) < 100))
    flat = Image.of(np.ones((7, 200)), kind="flat")
    assert flat_fits(Image.of(attrs.evolve(rows, values=3000 * rows.values)), flat) == ()


def test_a_flat_without_light_in_the_same_half_accuses_nobody():
    half = np.arange(100) < 50
    bad = attrs.evolve(FLAT.image.pixels, flags=np.where(half, np.uint16(1), np.uint16(0)) + np.zeros(SHAPE, np.uint16))
    light = image_of(np.where(half, 0, 3000 * RESPONSE), sigma=30.0, bias=OUT)
    assert flat_fits(light, attrs.evolve(FLAT.image, data=bad)) == ()


@pytest.mark.parametrize(("light", "sides", "said"), [
    (np.full(SHAPE, 3000), ("WEST", "EAST"), True),
    (np.full(SHAPE, 3000), ("WEST", "WEST"), False),
    (3000 * RESPONSE, ("WEST", "EAST"), None),
])  # fmt: skip
def test_another_pier_side_is_told_only_of_a_flat_that_does_not_fit(light, sides, said):
    here, there = ({"header": Cards.of({"PIERSIDE": side})} for side in sides)
    light = attrs.evolve(image_of(light, bias=OUT, sigma=30.0), **here)
    notes = flat_fits(light, attrs.evolve(FLAT.image, **there))
    assert [("pier side WEST, the flat on EAST" in note.words) for note in notes] == ([] if said is None else [said])


@pytest.mark.parametrize(("step", "values"), [
    (subtract_bias(bias=BIAS), 600 + COLUMNS),
    (subtract_dark(dark=DARK), 3000 + 3 * HOT),
    (divide(flat=FLAT), 900 + 12 * RESPONSE),
])  # fmt: skip
def test_steps_say_it_of_frames_in_memory_and_on_disk_alike(step, values, tmp_path):
    frames = FrameSet(attrs.evolve(image_of(values, seed=seed), sources=(f"{seed}.fits",)) for seed in (1, 2))
    with pytest.warns(AssumptionWarning, match=r"fits and 1 more: ") as told:
        here = each(step)(FrameSet(attrs.evolve(f, data=Pixels.of(f.pixels.values)) for f in frames))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        there = each(step)(on_disk(frames, tmp_path))
    assert len(told) == 1
    assert [words(one.notes) for one in here] == [words(one.notes) for one in there]
    assert all(words(one.notes) for one in there)
    assert not there[0].in_memory


@pytest.mark.parametrize("level", [1500, 4000, 20_000])
def test_a_flat_that_is_lit_in_part_fits_a_light_that_is_lit_there(level):
    """What the flat's noise is where no light falls tells nothing of its noise where some does."""
    lit = (np.arange(60) > 36)[:, None] + 0.001
    lamp = level * lit * RESPONSE
    seeds = map(np.random.default_rng, range(5))
    flats = (image_of(rng.poisson(lamp), "flat", 5.0, rng, bias=OUT, dark=OUT) for rng in seeds)
    flats = (attrs.evolve(flat, data=Pixels.of(flat.pixels.values, variance=16 + lamp)) for flat in flats)
    flat = normalise_flat(combine(FrameSet(flats)))
    light = image_of(np.random.default_rng(9).poisson(300 * lit * RESPONSE), bias=OUT, seed=8)
    assert flat_fits(light, flat.image) == ()


def test_opposite_faults_are_no_one_fact():
    lights = [attrs.evolve(image_of(3000 + times * HOT), sources=(f"{times}.fits",)) for times in (0.2, 0.6, 3.0)]
    notes = merged(note for light in lights for note in dark_fits(light, DARK.image, 1.0))
    assert [(note.words[:8], note.frames) for note in notes] == [
        ("too much", ("0.2.fits", "0.6.fits")),
        ("too litt", ("3.0.fits",)),
    ]
    assert dict(notes[0].figures)["times"] == pytest.approx(0.2, abs=0.05)  # the worst


def test_small_and_constant_images_say_nothing():
    few, level = Image.of(np.arange(12.0).reshape(3, 4)), Image.of(np.full(SHAPE, 5.0))
    for check in (bias_fits, flat_fits):
        assert check(few, Image.of(np.full((3, 4), 1e4), kind="bias")) == ()
        assert check(level, Image.of(np.full(SHAPE, 0.5), kind="bias")) == ()


def half_dead(value=0.0, part=0.5):
    """A light whose first rows hold one value."""
    values = image_of(LIGHT).pixels.values.copy()
    values[: int(part * SHAPE[0])] = value
    return Image.of(values, exposure=60.0, name="light.fits")


@pytest.mark.parametrize("part", [0.2, 0.5, 0.8])
def test_a_part_that_is_dead_is_told_below_its_bias(tmp_path, part):
    light = half_dead(part=part)
    (note,) = bias_fits(light, BIAS.image)
    assert "holds 0 adu and nothing else" in note.words or (part > 0.5 and "lies below its bias" in note.words)
    (there,) = on_disk([light], tmp_path)
    assert words(bias_fits(there, BIAS.image)) == [note.words]


@pytest.mark.parametrize(("rows", "told"), [(1, False), (5, False), (8, True)])
def test_some_dead_rows_are_a_defect_and_many_are_a_part(rows, told):
    assert len(bias_fits(half_dead(part=rows / SHAPE[0]), BIAS.image)) == told


def test_a_dead_part_that_is_flagged_or_dead_in_the_bias_too_is_known():
    light = half_dead()
    flagged = attrs.evolve(light, data=light.pixels.flagged(light.pixels.values == 0, Flag.BAD))
    dead = BIAS.image.pixels.values.copy()
    dead[: SHAPE[0] // 2] = 0
    assert bias_fits(flagged, BIAS.image) == ()
    assert "nothing else" not in "".join(words(bias_fits(light, Image.of(dead, kind="bias"))))


@quick
@given(seed=st.integers(0, 2**31), pedestal=st.floats(0, 30), sky=st.floats(0, 5))
def test_faint_lights_cut_off_at_0_are_not_dead(seed, pedestal, sky):
    """Those of a camera without much of a pedestal, whose bias is cut off too."""
    rng = np.random.default_rng(seed)
    bias, *lights = np.maximum(
        np.rint(rng.normal(pedestal, 4, (8, *SHAPE)) + sky * (np.arange(8) > 4)[:, None, None]), 0
    )
    master = MasterBias.of(Image.of(np.mean([bias, *lights[:4]], axis=0), kind="bias"))
    told = words(bias_fits(Image.of(lights[4], exposure=60.0), master.image))
    assert [said for said in told if "nothing else" in said] == []


def test_the_noise_that_a_master_carries_is_no_structure_of_it():
    noisy = Pixels.of(1 + np.random.default_rng(8).normal(0, 0.03, SHAPE), variance=np.full(SHAPE, 0.03**2))
    light = image_of(np.full(SHAPE, 3000.0), sigma=30.0, bias=OUT)
    assert flat_fits(light, attrs.evolve(FLAT.image, data=noisy)) == ()
    believed = attrs.evolve(noisy, variance=np.full(SHAPE, 1e-8))
    assert flat_fits(light, attrs.evolve(FLAT.image, data=believed)) != ()
