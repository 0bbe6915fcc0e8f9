"""Stages and steps: settings checked early, history kept, a repr that is the expression that made it."""

import pickle

import attrs
import numpy as np
import pytest
from hypothesis import given
from made_steps import BIAS, DARK, FLAT, LIGHT, NIGHT, STEPS, chains, counted, names, on_disk, steps_of_plain_settings
from strategies import quick

import pipeline
from pipeline import (
    Clip,
    Flag,
    Image,
    Noise,
    attach_header,
    chain,
    combine,
    divide,
    each,
    pipe,
    scale_dark,
    stage,
    subtract_bias,
    subtract_dark,
)
from pipeline.compose.running import running
from pipeline.errors import HeaderWarning, SettingError, SkippedWarning, StepError
from pipeline.headers.status import Done

PUBLIC = {name: getattr(pipeline, name) for name in pipeline.__all__}


@quick
@given(steps_of_plain_settings)
def test_the_repr_of_a_step_is_the_expression_that_made_it(step):
    assert eval(repr(step), PUBLIC) == step


def test_masters_show_by_name():
    assert repr(subtract_bias(bias=BIAS)) == "subtract_bias(bias=MasterBias(bias.fits))"
    assert repr(each(chain(subtract_dark(dark=DARK), combine))) == (
        "each(chain(subtract_dark(dark=MasterDark(dark.fits, 20 s)), combine))"
    )


def test_settings_keep_the_order_of_the_stage_however_they_are_given():
    assert combine(clip=None, method="mean") == combine(method="mean", clip=None)
    assert repr(combine(clip=None, method="mean")) == "combine(method='mean', clip=None)"


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: combine(metod="mean"), "combine has no setting 'metod'; did you mean 'method'?"),
        (lambda: subtract_bias(bais=BIAS), "subtract_bias has no setting 'bais'; did you mean 'bias'?"),
        (lambda: divide(xyz=FLAT), "divide has no setting 'xyz'; it has flat, force"),
        (lambda: attach_header(gain=1), "attach_header has no setting 'gain'; it has none"),
        (lambda: subtract_bias(), "subtract_bias needs bias: for none, say bias=None"),
        (lambda: subtract_dark(force=True), "subtract_dark needs dark: for none, say dark=None"),
        (lambda: scale_dark(), "scale_dark needs exposure"),
        (lambda: subtract_bias(bias=DARK), "bias=MasterDark(dark.fits, 20 s); expected a MasterBias or None"),
        (
            lambda: subtract_bias(bias=BIAS.image),
            "bias=Image(bias, bias.fits, 4×5, 10 s); expected a MasterBias or None",
        ),
        (lambda: combine(clip="std"), "clip='std'; expected a Clip or None"),
        (lambda: combine(clip=Clip), "clip.Clip'>; expected a Clip or None"),
        (lambda: subtract_bias(LIGHT, BIAS), "subtract_bias takes one record, found 2; give its settings by name"),
    ],
)
def test_wrong_settings_are_refused_when_the_step_is_made(make, says):
    with pytest.raises(SettingError) as error:
        make()
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("run", "says"),
    [
        (
            lambda: combine(LIGHT),
            "combine takes a FrameSet, found Image(light, light.fits, 4×5, 30 s); give it a FrameSet",
        ),
        (lambda: subtract_bias(NIGHT, bias=BIAS), "wrap the step: each(subtract_bias(...))"),
        (
            lambda: attach_header(NIGHT),
            "attach_header takes an Image, found FrameSet(3 light); combine the frames first",
        ),
        (lambda: each(combine)(LIGHT), "each(combine()) takes a FrameSet, found Image(light, light.fits, 4×5, 30 s)"),
        (lambda: each(combine)(NIGHT), "combine takes a FrameSet, found Image"),
        (lambda: scale_dark(LIGHT, exposure=1.0), "scale_dark takes a MasterDark, found Image"),
        (lambda: pipe(NIGHT, combine, combine), "combine takes a FrameSet, found Image"),
    ],
)
def test_the_wrong_record_is_refused_with_a_mend(run, says):
    with pytest.raises(StepError) as error:
        run()
    assert says in str(error.value)


def test_a_setting_of_none_is_recorded_and_changes_no_pixel():
    image = subtract_bias(LIGHT, bias=None)
    assert image.pixels == LIGHT.pixels
    assert str(image.history[0]) == "subtract_bias(bias=None, force=False)"
    assert image.state == LIGHT.state


def test_a_step_that_the_header_says_was_done_is_skipped_and_said_to_be():
    done = attrs.evolve(LIGHT, state=attrs.evolve(LIGHT.state, bias=Done("ZEROCOR = T")))
    with pytest.warns(SkippedWarning, match=r"light\.fits: subtract_bias skipped, being done already \(ZEROCOR = T\)"):
        image = subtract_bias(done, bias=BIAS)
    assert image.pixels == LIGHT.pixels
    assert image.history[0].skipped == "ZEROCOR = T"
    assert subtract_bias(done, bias=BIAS, force=True).pixels == subtract_bias(LIGHT, bias=BIAS).pixels


def test_a_step_that_was_skipped_may_be_forced_after_all_and_again():
    done = attrs.evolve(LIGHT, state=attrs.evolve(LIGHT.state, bias=Done("ZEROCOR = T")))
    with pytest.warns(SkippedWarning):
        skipped = subtract_bias(done, bias=BIAS)
    forced = subtract_bias(skipped, bias=BIAS, force=True)
    assert forced.pixels == subtract_bias(LIGHT, bias=BIAS).pixels
    assert [step.worked for step in forced.history] == [False, True]
    with pytest.raises(StepError, match="asked for twice; the history holds it already; force=True does it once more"):
        subtract_bias(forced, bias=BIAS)
    again = subtract_bias(forced, bias=BIAS, force=True)
    assert again.pixels == forced.pixels.minus(BIAS.pixels)


@pytest.mark.parametrize("step", STEPS[1:4])
def test_a_step_asked_for_twice_is_refused(step):
    for twice, record in ((chain(step, step), LIGHT), (chain(each(step), each(step)), NIGHT)):
        with pytest.raises(StepError, match=f"{step.stage.name} asked for twice"):
            twice(record)
    with pytest.raises(StepError, match="asked for twice"):
        pipe(counted(NIGHT), each(step), each(step))
    with pytest.raises(StepError, match="asked for twice"):
        pipe(NIGHT, each(step), combine, step)


def test_none_may_be_said_before_the_step_is_done():
    assert names(pipe(LIGHT, subtract_bias(bias=None), subtract_bias(bias=BIAS))) == ["subtract_bias"] * 2


@quick
@given(chains)
def test_stages_from_image_to_image_only_add_flags_and_leave_their_input_alone(steps):
    records = (LIGHT, BIAS, DARK, FLAT)
    before = pickle.dumps(records)
    image = LIGHT
    for step in steps:
        after = step(image)
        assert not (image.pixels.flags & ~after.pixels.flags).any()
        image = after
    assert pickle.loads(before) == records


def test_the_flags_of_masters_come_along():
    flags = pipe(LIGHT, *STEPS[1:4]).pixels.flags
    assert flags[0, 0] == Flag.COSMIC_RAY | Flag.HOT | Flag.DEAD | Flag.BAD
    assert not flags[1:].any()


def every_record(folder):
    lazy = each(chain(*STEPS[:4]))(on_disk(NIGHT, folder))
    combined = combine(NIGHT)
    yield from (LIGHT, LIGHT.pixels, LIGHT.header, NIGHT, BIAS, DARK, FLAT, BIAS.lineage, combined, combined.found)
    yield from (lazy, lazy.frames[0].data, combine(lazy), attach_header(combined), scale_dark(DARK, exposure=5.0))
    yield from (Clip("std", low=2.0), Noise(a=1.0, b=0.5), Clip(noise=Noise(a=1.0)), combined.history[0])
    yield from (*STEPS, combine(clip=Clip("mad")), chain(*STEPS), each(chain(*STEPS)), chain(), combine)
    yield from (pipeline.parse_filelist("light,a.fits"), pipeline.Recipe())


def test_every_record_equals_itself_after_pickle(tmp_path):
    records = list(every_record(tmp_path))
    for record in records:
        assert pickle.loads(pickle.dumps(record)) == record
    kinds = {type(record).__name__ for record in records}
    assert kinds >= {"Image", "FrameSet", "MasterBias", "MasterDark", "MasterFlat", "ReducedImage", "Clip", "Noise",
                     "Pixels", "Step", "Chain", "Each", "Stage", "LazyRows"}  # fmt: skip


def test_a_pickled_step_gives_the_same_image():
    step = pickle.loads(pickle.dumps(chain(*STEPS)))
    assert step(LIGHT) == chain(*STEPS)(LIGHT)


def test_a_stage_takes_settings_by_name_only():
    def scaled(image: Image, factor: float) -> Image:
        return attrs.evolve(image, data=image.pixels.times(factor))

    with pytest.raises(TypeError, match="keyword-only"):
        stage(scaled)(LIGHT, factor=1.0)


def test_a_stage_is_called_what_its_function_is_called():
    assert (combine.__name__, combine.__module__, repr(combine)) == ("combine", "pipeline.stacking.combine", "combine")
    assert combine.__doc__.startswith("Combine the frames")


def test_a_word_that_may_mean_either_is_said_where_the_step_is_taken():
    unclear = Image.of(np.full((4, 5), 1000.0), header={"ZEROCOR": "yes"}, name="light.fits")
    bias = pipeline.MasterBias.of(Image.of(np.ones((4, 5)), kind="bias"))
    with pytest.warns(
        HeaderWarning, match=r"light\.fits: ZEROCOR = yes does not say whether subtract_bias has been done"
    ):
        assert subtract_bias(unclear, bias=bias).history[-1].worked
    with running(strict=True), pytest.raises(HeaderWarning, match="ZEROCOR"):
        subtract_bias(unclear, bias=bias)
    with running(strict=True):
        assert subtract_bias(unclear, bias=bias, force=True).history[-1].worked
        assert not subtract_bias(unclear, bias=None).notes
