"""What has been done to frames, against what they are used for: said by the stages, whoever calls them."""

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import (
    FrameSet,
    Image,
    MasterBias,
    MasterDark,
    attach_header,
    chain,
    combine,
    divide,
    each,
    normalise_flat,
    pipe,
    reduce,
    subtract_bias,
    subtract_dark,
)
from pipeline.checks.done_before import (
    UNEXPECTED,
    bias_beside_dark,
    bias_in_divided,
    bias_in_flat,
    level_is_out,
    unexpectedly_done,
)
from pipeline.errors import CalibrationError, VarianceWarning
from pipeline.headers.status import Done, State
from pipeline.records.frames import KINDS
from pipeline.records.history import StepRecord

STEPS = ("overscan", "trimmed", "bias", "dark", "flat", "linear")
some_steps = st.sets(st.sampled_from(STEPS))
kinds = st.sampled_from(KINDS)


def frame(kind="light", level=1000.0, name="", seconds=10.0, done=(), **state):
    said = {step: Done(f"{step.upper()} = T") for step in done}
    image = Image.of(np.full((4, 5), level), kind=kind, exposure=seconds, name=name or f"{kind}.fits")
    return attrs.evolve(image, state=State(**said, **state))


def words(record):
    return [note.words for note in record.notes]


# ---- the laws ----


@given(kinds, some_steps, some_steps)
def test_a_calibration_is_unexpectedly_done_by_what_nobody_does_to_it_unless_a_step_did_it_here(kind, done, ours):
    image = attrs.evolve(frame(kind, done=done), history=tuple(StepRecord(step, does=step) for step in sorted(ours)))
    wrong = [step for step in STEPS if step in done - ours and step in UNEXPECTED.get(kind, ())]
    notes = unexpectedly_done([image])
    assert len(notes) == bool(wrong)
    for note in notes:
        assert note.frames == (f"{kind}.fits",)
        assert all(f"{step.upper()} = T" in note.words for step in wrong)


def test_a_step_that_found_nothing_to_do_here_did_not_do_it():
    skipped, worked = (StepRecord("subtract_dark", does="dark", needless=needless) for needless in (True, False))
    for step, told in ((skipped, 1), (worked, 0)):
        assert len(unexpectedly_done([attrs.evolve(frame("dark", done=["dark"]), history=(step,))])) == told


@given(some_steps, st.sampled_from(["adu", "electron", "adu/s", "electron/s", ""]))
def test_a_bias_is_said_to_be_in_just_where_nothing_can_have_taken_the_level_out(done, unit):
    out = bool(done & {"bias", "overscan"}) or unit in ("adu/s", "electron/s", "")
    image, flat = frame(done=done, unit=unit), frame("flat", done=done, unit=unit)
    assert level_is_out(image.state) == out
    for notes in (bias_in_divided(image), bias_in_flat(flat)):
        assert len(notes) == (not out and "dark" not in done)
    for calibrated in (False, True):
        dark = frame("dark", done=["bias"] if calibrated else [])
        assert len(bias_beside_dark(image, dark)) == (calibrated and not out)


# ---- said by the stages, whoever calls them ----


@pytest.mark.parametrize("kind", UNEXPECTED)
@pytest.mark.parametrize("count", [1, 3])
def test_a_calibration_that_had_itself_taken_out_is_said_once_when_it_is_combined_or_made_a_master(kind, count):
    frames = FrameSet(frame(kind, name=f"{i}.fits", done=[kind]) for i in range(count))
    make = {"bias": MasterBias.of, "dark": MasterDark.of, "flat": normalise_flat}[kind]
    expected = f"stands in the list as {kind}, and its header says {kind.upper()} = T; used as it is"
    for master in (make(combine(frames)), make(frames[0])) if count == 1 else (make(combine(frames)),):
        (note,) = [note for note in master.notes if "stands in the list" in note.words]
        assert note.words.startswith(expected)
        assert note.frames == tuple(f"{i}.fits" for i in range(count))


@pytest.mark.parametrize("maker", [MasterBias, MasterDark])
def test_a_master_without_a_good_pixel_is_refused(maker):
    kind = maker.__name__.removeprefix("Master").lower()
    with pytest.raises(CalibrationError, match=f"no good pixel in the {kind}, all are NaN or flagged; leave it out"):
        maker.of(frame(kind, level=np.nan))


def test_a_flat_keeps_its_bias_where_the_step_was_forgotten_and_not_where_overscan_was_taken_out():
    bias, flats = MasterBias.of(frame("bias", 1000.0)), FrameSet([frame("flat", 6000.0)])
    flat = pipe(flats, combine, normalise_flat)
    (found,) = words(flat)
    assert found == "no bias was taken out of the flat; if it holds one, the response comes out too even"
    assert words(pipe(flats, combine, subtract_bias(bias=bias), normalise_flat)) == []
    assert words(normalise_flat(frame("flat", done=["overscan"]))) == []
    product = pipe(frame(), subtract_bias(bias=bias), divide(flat=flat), attach_header)
    assert words(product) == [found]  # the master's own goes with the product


def test_a_light_divided_with_its_bias_in_is_said_with_its_level():
    flat = normalise_flat(frame("flat", done=["bias"]))
    (single,) = divide(frame(), flat=flat).notes
    assert single.words.startswith("no bias was taken out of the light that is divided by the flat; if it holds one, ")
    (of_many,) = pipe(FrameSet([frame(level=900.0), frame(level=910.0)]), combine, divide(flat=flat)).notes
    assert "if it holds one, part of its mean level of 905 adu, the flat is imprinted on it" in of_many.words
    assert divide(frame(), flat=None).notes == ()


def test_a_dark_without_its_bias_leaves_that_of_the_light_in():
    bias = MasterBias.of(frame("bias", 1000.0))
    dark = MasterDark.of(subtract_bias(frame("dark", 1010.0), bias=bias))
    (found,) = words(subtract_dark(frame(), dark=dark))
    assert found.startswith("no bias was taken out of it, and one was out of the dark dark.fits")
    assert words(pipe(frame(), subtract_bias(bias=bias), subtract_dark(dark=dark))) == []
    assert words(subtract_dark(frame(), dark=MasterDark.of(frame("dark"), has_bias=False))) == []


@pytest.mark.parametrize("made", ["bias", "dark", "flat"])
def test_variance_that_a_master_without_any_takes_away_is_said(made):
    light = attrs.evolve(frame(done=["overscan"]), data=frame().pixels)
    light = attrs.evolve(light, data=attrs.evolve(light.pixels, variance=np.ones((4, 5))))
    masters = {
        "bias": MasterBias.of(frame("bias", done=["overscan"])),
        "dark": MasterDark.of(frame("dark", done=["overscan"]), has_bias=False),
        "flat": normalise_flat(frame("flat", done=["overscan"])),
    }
    stage = {"bias": subtract_bias, "dark": subtract_dark, "flat": divide}[made]
    after = stage(light, **{made: masters[made]})
    (note,) = after.notes
    assert (note.category, note.words) == (VarianceWarning, f"its variance is lost: the {made} {made}.fits has none")
    assert after.pixels.variance is None
    kept = masters[made]
    image = attrs.evolve(kept.image, data=attrs.evolve(kept.image.pixels, variance=np.ones((4, 5))))
    assert stage(light, **{made: attrs.evolve(kept, image=image)}).notes == ()


def test_an_image_of_which_nothing_is_good_is_said_when_it_becomes_a_product():
    assert words(attach_header(frame(level=np.nan))) == ["no pixel of the light is good: all are NaN or flagged"]
    assert words(attach_header(frame())) == []


def test_each_of_several_lights_says_one_fact_and_reduce_says_the_same():
    flat = normalise_flat(frame("flat", done=["bias"]))
    lights = FrameSet(frame(name=f"{i}.fits") for i in range(3))
    (note,) = pipe(lights, each(chain(divide(flat=flat))), combine).notes
    assert note.frames == ("0.fits", "1.fits", "2.fits")
    (said,) = [note for note in reduce(FrameSet([*lights, frame("flat", done=["bias"])])).notes if "bias" in note.words]
    assert said.words.partition("; ")[0] == note.words.partition("; ")[0]
