"""Stages and steps: settings checked early, history kept, a repr that is the expression that made it."""

import copy
import pickle
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given
from made_steps import (
    BIAS,
    DARK,
    FLAT,
    LIGHT,
    NIGHT,
    STEPS,
    chains,
    counted,
    image_of,
    names,
    on_disk,
)
from strategies import quick

import pipeline
from pipeline import (
    Clip,
    Flag,
    FrameSet,
    Image,
    Noise,
    Note,
    attach_header,
    chain,
    combine,
    divide,
    each,
    make_masters,
    pipe,
    read_night,
    scale_dark,
    stage,
    subtract_bias,
    subtract_dark,
    write,
)
from pipeline.compose.running import running
from pipeline.compose.stage import Master
from pipeline.errors import HeaderWarning, SettingError, SkippedWarning, StepError
from pipeline.headers.status import Done
from pipeline.records.arrays import FloatArray
from pipeline.simulation.simulate import simulate
from pipeline.testing import steps

PUBLIC = {name: getattr(pipeline, name) for name in pipeline.__all__}


@quick
@given(steps(takes=None, gives=None, shape=None))
def test_the_repr_of_a_step_is_the_expression_that_made_it(step):
    assert eval(repr(step), dict(PUBLIC)) == step


def test_masters_show_by_name():
    assert repr(subtract_bias(bias=BIAS)) == "subtract_bias(bias=MasterBias('bias.fits'))"
    assert repr(each(chain(subtract_dark(dark=DARK), combine))) == (
        "each(chain(subtract_dark(dark=MasterDark('dark.fits', exposure=20.0)), combine))"
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
        (
            lambda: subtract_bias(bias=DARK),
            "bias=MasterDark('dark.fits', exposure=20.0); expected a MasterBias or None",
        ),
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


def test_of_masters_that_were_made_here_it_is_said_once_that_nothing_is_done_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frames = simulate(shape=(32, 48)).frames
    for name, master in make_masters(frames).named.items():
        write(master, f"{name}.fits")
    Path("night.csv").write_text("".join(f"{kind}, {kind}.fits\n" for kind in ("bias", "dark", "flat")))
    told = []
    with running(on_note=told.append):
        make_masters(read_night("night.csv"))
    assert [note.command_words for note in told] == [
        "dark.fits and 1 more: made here, as its header says: what was done to it is not done again"
    ]


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


def test_a_function_that_is_no_stage_is_refused_where_it_is_made_one():
    def by_place(image: Image, factor: float) -> Image:
        return image

    def of_any_number(*images: Image) -> Image:
        return images[0]

    def of_any_setting(image: Image, **settings: float) -> Image:
        return image

    def of_none() -> Image:
        return LIGHT

    def all_by_name(*, image: Image) -> Image:
        return image

    for function in (by_place, of_any_number, of_any_setting, of_none, all_by_name):
        says = rf"{function.__name__}\(.*\): a stage takes one record, and .* keyword-only"
        with pytest.raises(StepError, match=says):
            stage(function)


def test_what_has_no_name_or_no_signature_is_no_stage_and_what_is_asked_for_is_a_function():
    for thing in (partial(with_nothing), "rows", 3):
        with pytest.raises(StepError, match="is no stage: it takes a function with a name, made by def"):
            stage(thing)
    for name in ("rows", "believes", "ceiling", "looks", "another"):
        with pytest.raises(StepError, match=f"with_nothing: {name}='yes'; expected a function of the image and"):
            stage(**{name: "yes"})(with_nothing)


def test_a_stage_says_by_an_annotation_which_record_it_takes():
    def of_anything(image, *, factor: float = 1.0):
        return image

    def of_an_array(image: np.ndarray) -> np.ndarray:
        return image

    def of_something(image: "Nowhere") -> Image:  # noqa: F821
        return image

    def of_whatever(image: Any) -> Image:
        return image

    for function, says in (
        (of_anything, r"of_anything: .* takes nothing; a stage takes a record.*: def of_anything\(image: Image, "),
        (of_an_array, "of_an_array: .* takes ndarray; a stage takes a record"),
        (of_something, "of_something: its annotations cannot be read .*'Nowhere'.*import what they name"),
        (of_whatever, "of_whatever: .* takes .*Any; a stage takes a record"),
    ):
        with pytest.raises(StepError, match=says):
            stage(function)(LIGHT)


def test_what_a_stage_does_is_a_word_of_state_or_one_of_its_own():
    for does, says in (
        ("bais", "did you mean 'bias'"),
        ("fla", "did you mean 'flat'"),
        ("the sky", "a name of its own"),
    ):
        with pytest.raises(StepError, match=f"does='{does}' is nothing that a header tells of; .*{says}"):
            stage(does=does)(with_nothing)
    for settings, says in (({"does": 3}, "expected a name such as"), ({"rows": 1}, "expected a function")):
        with pytest.raises(StepError, match=says):
            stage(**settings)(with_nothing)

    @stage(does="vignetting")
    def brighten(image: Image) -> Image:
        return with_values(image, image.pixels.values * 2)

    with pytest.raises(StepError, match="brighten asked for twice"):
        pipe(LIGHT, brighten, brighten)

    @stage(rows=True)
    def first(frames: FrameSet) -> Image:
        return frames[0]

    with pytest.raises(StepError, match="first: rows= and does= are for stages of one Image; it takes a FrameSet"):
        first(NIGHT)


def with_nothing(image: Image) -> Image:
    return image


def with_values(image, values):
    return attrs.evolve(image, data=attrs.evolve(image.pixels, values=values))


def test_a_stage_that_would_change_its_record_is_told_what_to_do_instead():
    @stage
    def in_place(image: Image) -> Image:
        image.pixels.values[0] = 0
        return image

    @stage
    def by_force(image: Image) -> Image:
        image.pixels.values.flags.writeable = True
        return image

    @stage
    def set_field(image: Image) -> Image:
        image.exposure = 3.0
        return image

    @stage
    def forgotten(image: Image) -> Image:
        in_vain = image  # noqa: F841

    @stage
    def exhausted(image: Image) -> Image:
        return next(frame for frame in [image] if frame.kind == "bias")

    @stage
    def odd(image: Image) -> Image:
        raise ValueError("its own")

    for made, says in (
        (in_place, r"in_place writes into an array of its record, .* values = image\.pixels\.values\.copy\(\)"),
        (by_force, "by_force writes into an array of its record"),
        (set_field, r"set_field sets a field of a record, .* attrs\.evolve"),
        (forgotten, "forgotten gave None and should give an Image"),
        (exhausted, "exhausted asked an iterator for more than it has; give next"),
    ):
        with pytest.raises(StepError, match=says):
            made(LIGHT)
    with pytest.raises(ValueError, match="its own"):
        odd(LIGHT)


def test_history_and_notes_go_on_where_a_stage_makes_its_image_afresh():
    @stage
    def doubled(image: Image) -> Image:
        return Image.of(2 * image.pixels.values, header=image.header)

    @stage
    def average(frames: FrameSet) -> Image:
        return Image.of(np.mean([frame.pixels.values for frame in frames], axis=0))

    @stage
    def doubled_each(frames: FrameSet) -> FrameSet:
        return FrameSet(Image.of(2 * frame.pixels.values) for frame in frames)

    assert [names(frame) for frame in pipe(NIGHT, each(subtract_bias(bias=BIAS)), doubled_each)] == [
        ["subtract_bias", "doubled_each"]
    ] * len(NIGHT)
    raw = subtract_bias(LIGHT.noted([Note("is odd", frames=("light.fits",))]), bias=BIAS)
    image = doubled(raw)
    assert names(image) == ["subtract_bias", "doubled"]
    assert image.history[:1] == raw.history
    assert [note.words for note in image.notes] == ["is odd"]
    assert names(pipe(NIGHT, each(subtract_bias(bias=BIAS)), average)) == ["subtract_bias", "average"]
    with pytest.raises(StepError, match="subtract_bias asked for twice"):
        subtract_bias(image, bias=BIAS)


# ---- settings that are arrays, and masters of one's own ----


@stage(rows=True)
def plus(image: Image, *, plane: FloatArray, kernel: FloatArray | None = None) -> Image:
    """Add an array to an image: pixelwise."""
    return with_values(image, image.pixels.values + plane)


def test_an_array_as_a_setting_is_sealed_and_recorded_by_its_content(tmp_path):
    plane = np.arange(20.0).reshape(4, 5)
    step = plus(plane=plane)
    plane[0, 0] = 1e9
    image = step(LIGHT)
    assert image.pixels.values[0, 0] == LIGHT.pixels.values[0, 0]
    same, other = (plus(LIGHT, plane=np.arange(20.0).reshape(4, 5) + more).history[0] for more in (0, 1))
    assert image.history[0] == same != other
    assert str(same).startswith("plus(plane=array('float64', (4, 5), ")
    assert pickle.loads(pickle.dumps(step))(LIGHT) == image
    for frame in each(plus(plane=step.settings[0][1], kernel=np.ones((3, 3))))(on_disk(NIGHT, tmp_path)):
        assert not frame.in_memory
        np.testing.assert_array_equal(frame.rows(1, 3).pixels.values, frame.pixels.values[1:3])
        assert dict(frame.history[0].settings)["plane"] == dict(same.settings)["plane"]
    with pytest.raises(SettingError, match="plus: plane='x'; expected an array"):
        plus(plane="x")


@attrs.frozen
class MasterSky(Master):
    """A master of one's own, by inheritance."""

    image: Image


class OwnMaster:
    """A master of one's own, by what it has."""

    def __init__(self, image):
        self.image, self.lineage = image, image.lineage

    def on_rows(self, start, stop):
        return OwnMaster(self.image.rows(start, stop))


@pytest.mark.parametrize("made", [MasterSky, OwnMaster])
def test_a_master_of_ones_own_is_cut_to_rows_and_kept_in_the_history(made, tmp_path):
    @stage(rows=True)
    def subtract_sky(image: Image, *, sky: MasterSky | OwnMaster) -> Image:
        return attrs.evolve(image, data=image.pixels.minus(sky.image.pixels))

    sky = made(image_of(np.arange(20.0).reshape(4, 5), "light"))
    assert isinstance(sky, Master)
    whole = [subtract_sky(frame, sky=sky) for frame in NIGHT]
    assert whole[0].history[0].masters == (sky.image.lineage,)
    for frame, expected in zip(each(subtract_sky(sky=sky))(on_disk(NIGHT, tmp_path)), whole, strict=True):
        assert not frame.in_memory
        assert frame.pixels == expected.pixels
        assert frame.history[0].masters == (sky.image.lineage,)


def test_our_masters_are_masters():
    for master in (BIAS, DARK, FLAT):
        assert isinstance(master, Master)
    for other in (LIGHT, Clip(), 3.0, None, "text", np.ones(3)):
        assert not isinstance(other, Master)


# ---- stages that no module has by their name ----

NOTEBOOK = """
import sys, pickle, subprocess, attrs, numpy as np
from pipeline import Image, chain, stage

OFFSET = 3.0

@stage(rows=True)
def shifted(image: Image, *, by: float = 1.0) -> Image:
    return attrs.evolve(image, data=attrs.evolve(image.pixels, values=image.pixels.values + by + OFFSET))

step = chain(shifted(by=2.0), shifted)
image = Image.of(np.zeros((2, 3)))
"""
ROUND_TRIP = """
pickle.dump(step, open("there.pickle", "wb"))
subprocess.run([sys.executable, "other.py"], check=True)
assert pickle.load(open("back.pickle", "rb")) == step
assert pickle.loads(pickle.dumps(step)) == step
"""
OTHER_PROCESS = """
import pickle, numpy as np
from pipeline import Image
step = pickle.load(open("there.pickle", "rb"))
image = step(Image.of(np.zeros((2, 3))))
assert (image.pixels.values == 9).all()
assert [ran.stage for ran in image.history] == ["shifted"] * 2
pickle.dump(step, open("back.pickle", "wb"))
"""
ON_A_WORKER = """
from pipeline import workers
if __name__ == "__main__":
    with workers(1) as client:
        (made,) = client.gather(client.map(step, [image]))
        assert made == step(image)
"""


def test_a_stage_of_a_notebook_goes_to_another_process_and_comes_back_as_itself(tmp_path):
    pytest.importorskip("cloudpickle", reason="cloudpickle is not installed; it comes with Dask")
    (tmp_path / "other.py").write_text(OTHER_PROCESS)
    subprocess.run([sys.executable, "-c", NOTEBOOK + ROUND_TRIP], check=True, cwd=tmp_path)


@pytest.mark.slow
def test_a_stage_of_a_notebook_runs_on_a_worker_of_dask(tmp_path):
    pytest.importorskip("distributed", reason="Dask is not installed: pip install 'ccd-pipeline[distributed]'")
    subprocess.run([sys.executable, "-c", NOTEBOOK + ON_A_WORKER], check=True, cwd=tmp_path)


def test_a_stage_of_a_function_is_pickled_whole_and_one_of_a_module_by_its_name():
    cloudpickle = pytest.importorskip("cloudpickle", reason="cloudpickle is not installed; it comes with Dask")

    @stage
    def inside(image: Image) -> Image:
        return image

    for pickled in (pickle.dumps(inside()), cloudpickle.dumps(inside())):
        assert pickle.loads(pickled).stage is inside
    assert len(pickle.dumps(combine)) < 100 < len(pickle.dumps(inside))
    assert copy.deepcopy(inside) is inside
    made = stage(with_nothing)  # whose name is that of the function
    assert pickle.loads(pickle.dumps(made)) is made


def test_without_cloudpickle_a_stage_that_has_no_name_says_where_to_put_it(monkeypatch):
    @stage
    def inside(image: Image) -> Image:
        return image

    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    with pytest.raises(StepError, match=r"inside cannot go to another process: .* put it into a module, or pip"):
        pickle.dumps(inside)


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
