"""Stages, steps and chains: settings checked early, history kept, and the algebra of putting them together."""

import pickle

import attrs
import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st
from strategies import frames_of, quick, seeds

import pipeline
from pipeline import (
    Amplifier,
    Clip,
    Flag,
    FrameSet,
    Image,
    LACosmic,
    MasterBias,
    MasterDark,
    Noise,
    Pixels,
    attach_header,
    chain,
    clean_cosmic_rays,
    combine,
    divide,
    each,
    flag_saturated,
    heal,
    linearise,
    normalise_flat,
    open_frame,
    orient,
    pipe,
    running,
    scale_dark,
    stage,
    subtract_bias,
    subtract_dark,
    subtract_overscan,
    to_electrons,
)
from pipeline.compose.lazy import LazyRows
from pipeline.errors import SettingError, SkippedWarning, StepError
from pipeline.headers.status import Done

SHAPE = (4, 5)
rng = np.random.default_rng(7)


def image_of(values, kind, exposure=10.0, flag=0):
    values = np.broadcast_to(np.asarray(values, np.float32), SHAPE)
    flags = np.zeros(SHAPE, np.uint8)
    flags[0, 0] = flag
    return Image.of(Pixels.of(values, flags, np.full(SHAPE, 2.0)), kind=kind, exposure=exposure, name=f"{kind}.fits")


BIAS = MasterBias.of(image_of(rng.uniform(90, 110, SHAPE), "bias", flag=Flag.HOT))
DARK = MasterDark.of(image_of(rng.uniform(1, 9, SHAPE), "dark", 20.0, flag=Flag.DEAD), has_bias=False)
FLAT = normalise_flat(image_of(rng.uniform(900, 1100, SHAPE), "flat", flag=Flag.BAD))
LIGHT = image_of(rng.uniform(500, 600, SHAPE), "light", 30.0, flag=Flag.COSMIC_RAY)

STEPS = (
    flag_saturated(level=550.0),
    subtract_bias(bias=BIAS),
    subtract_dark(dark=DARK),
    divide(flat=FLAT),
    subtract_bias(bias=None),
)
NIGHT = FrameSet(frames_of(rng.integers(500, 600, (3, *SHAPE)).astype("u2"), exposure=30.0))


@stage
def levelled(image: Image) -> Image:
    """Subtract an image's own mean: no pixelwise step."""
    pixels = image.pixels
    mean = Pixels.of(np.full(pixels.shape, pixels.values.mean()))
    return attrs.evolve(image, data=pixels.minus(mean))


class CountingSource:
    """Pixels that count how many rows of them were asked for."""

    def __init__(self, pixels):
        self.pixels, self.shape, self.dtype, self.read = pixels, pixels.shape, pixels.values.dtype, 0

    def rows(self, start, stop):
        self.read += stop - start
        return self.pixels.cut(slice(start, stop))

    def loaded(self):
        return self

    def check_unchanged(self):
        pass


def counted(frames):
    return FrameSet(attrs.evolve(frame, data=CountingSource(frame.pixels)) for frame in frames)


def on_disk(frames, folder):
    for number, frame in enumerate(frames):
        header = fits.Header({"EXPTIME": frame.exposure})
        fits.writeto(folder / f"{number}.fits", frame.pixels.values, header, overwrite=True)
    return FrameSet(open_frame(folder / f"{number}.fits") for number in range(len(frames)))


chains = st.lists(st.sampled_from([*STEPS[:4], levelled()]), unique_by=repr, max_size=4).map(
    lambda steps: sorted(steps, key=lambda step: STEPS.index(step) if step in STEPS else 2.5)
)
"""Steps in an order that is allowed."""

positive = st.floats(0.1, 100)
noises = st.none() | st.builds(Noise, a=positive, b=positive)
clips = st.builds(
    Clip,
    st.sampled_from(["noise", "std", "mad"]),
    low=positive,
    high=positive,
    centre=st.sampled_from(["median", "mean"]),
    iterations=st.none() | st.integers(1, 9),
    noise=noises,
    counting=noises,
)


def steps_of(stage, **settings):
    return st.fixed_dictionaries({}, optional=settings).map(lambda given: stage(**given))


steps_of_plain_settings = st.one_of(
    steps_of(combine, method=st.sampled_from(["mean", "median"]), clip=st.none() | clips, weights=st.none()),
    steps_of(flag_saturated, level=st.none() | positive),
    steps_of(
        subtract_overscan,
        method=st.sampled_from(["mean", "median"]),
        order=st.none() | st.integers(0, 9),
        amplifiers=st.just((Amplifier("[1:9,*]", "[10:12,*]"),)),
    ),
    steps_of(normalise_flat, by=st.sampled_from(["median", "spline"]) | positive, order=st.integers(1, 9)),
    steps_of(to_electrons, gain=positive),
    st.sampled_from([0, 1]).map(lambda saxis: orient(saxis=saxis)),
    positive.map(lambda exposure: scale_dark(exposure=exposure)),
    st.booleans().map(lambda force: subtract_bias(bias=None, force=force)),
    steps_of(heal, by=st.sampled_from(["nearest", "along"]), saxis=st.integers(0, 1), reach=st.none() | st.just(3)),
    st.lists(positive, min_size=1, max_size=3).map(lambda curve: linearise(coefficients=tuple(curve), pedestal=1.0)),
    st.builds(LACosmic, sigclip=positive, psfmodel=st.sampled_from(["gaussxy", "moffat"])).map(
        lambda by: clean_cosmic_rays(gain=1.5, read_noise=4.0, by=by)
    ),
)


@quick
@given(steps_of_plain_settings)
def test_the_repr_of_a_step_is_the_expression_that_made_it(step):
    assert eval(repr(step), dict(vars(pipeline))) == step


@quick
@given(st.lists(steps_of_plain_settings, max_size=3))
def test_the_repr_of_a_chain_is_the_expression_that_made_it(steps):
    for joined in (chain(*steps), each(chain(*steps))):
        assert eval(repr(joined), dict(vars(pipeline))) == joined


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
        (lambda: subtract_bias(bias=DARK), "bias should be a MasterBias or None, found MasterDark(dark.fits, 20 s)"),
        (lambda: subtract_bias(bias=BIAS.image), "bias should be a MasterBias or None, found Image(bias, bias.fits)"),
        (lambda: combine(clip="std"), "clip should be a Clip or None, found 'std'"),
        (lambda: combine(clip=Clip), "clip should be a Clip or None, found"),
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
        (lambda: combine(LIGHT), "combine takes a FrameSet, found Image(light, light.fits); give it a FrameSet"),
        (lambda: subtract_bias(NIGHT, bias=BIAS), "wrap the step: each(subtract_bias(...))"),
        (
            lambda: attach_header(NIGHT),
            "attach_header takes a Image, found FrameSet(3 light); combine the frames first",
        ),
        (lambda: each(combine)(LIGHT), "each(combine()) takes a FrameSet, found Image(light, light.fits)"),
        (lambda: each(combine)(NIGHT), "combine takes a FrameSet, found Image"),
        (lambda: scale_dark(LIGHT, exposure=1.0), "scale_dark takes a MasterDark, found Image"),
        (lambda: pipe(NIGHT, combine, combine), "combine takes a FrameSet, found Image"),
    ],
)
def test_the_wrong_record_is_refused_with_a_mend(run, says):
    with pytest.raises(StepError) as error:
        run()
    assert says in str(error.value)


def names(record):
    return [ran.stage for ran in record.history]


@quick
@given(chains)
def test_the_history_holds_the_steps_that_ran_and_only_those(steps):
    image = pipe(LIGHT, *steps)
    assert names(image) == [step.stage.name for step in steps]
    product = attach_header(image)
    said = [str(card) for card in product.header.to_header().get("HISTORY", [])]
    assert said == [str(ran) for ran in image.history]
    for keyword, name in (("ZEROCOR", "subtract_bias"), ("DARKCOR", "subtract_dark"), ("FLATCOR", "divide")):
        assert (keyword in product.header) == (name in names(image))


def test_history_goes_through_combining_and_names_each_step_once():
    image = pipe(NIGHT, each(subtract_bias(bias=BIAS)), combine)
    assert names(image) == ["subtract_bias", "combine"]
    assert image.history[0].masters == (BIAS.lineage,)
    assert ("method", "'mean'") in image.history[1].settings


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


def test_a_step_that_was_skipped_may_be_forced_after_all_once():
    done = attrs.evolve(LIGHT, state=attrs.evolve(LIGHT.state, bias=Done("ZEROCOR = T")))
    with pytest.warns(SkippedWarning):
        skipped = subtract_bias(done, bias=BIAS)
    forced = subtract_bias(skipped, bias=BIAS, force=True)
    assert forced.pixels == subtract_bias(LIGHT, bias=BIAS).pixels
    assert [step.worked for step in forced.history] == [False, True]
    with pytest.raises(StepError, match="asked for twice"):
        subtract_bias(forced, bias=BIAS, force=True)


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
@given(chains, st.integers(0, 4), st.integers(0, 4))
def test_chain_is_associative_and_its_unit_is_the_empty_chain(steps, i, j):
    i, j = sorted((min(i, len(steps)), min(j, len(steps))))
    f, g, h = chain(*steps[:i]), chain(*steps[i:j]), chain(*steps[j:])
    assert chain(f, chain(g, h)) == chain(chain(f, g), h) == chain(*steps)
    assert chain(f, chain()) == f == chain(chain(), f)
    assert chain(f, chain(g, h))(LIGHT) == chain(chain(f, g), h)(LIGHT) == pipe(LIGHT, *steps)
    assert chain()(LIGHT) is LIGHT


@quick
@given(steps=chains, cut=st.integers(0, 4))
def test_each_of_a_chain_is_the_chain_of_each(tmp_path_factory, steps, cut):
    f, g = chain(*steps[:cut]), chain(*steps[cut:])
    for frames in (NIGHT, on_disk(NIGHT, tmp_path_factory.mktemp("night"))):
        assert each(chain(f, g))(frames) == chain(each(f), each(g))(frames)


@quick
@given(steps=chains, rows=st.tuples(st.integers(0, 3), st.integers(1, 4)))
def test_frames_on_disk_give_the_same_pixels_and_history_as_frames_in_memory(tmp_path_factory, steps, rows):
    here = each(chain(*steps))(NIGHT)
    there = each(chain(*steps))(on_disk(NIGHT, tmp_path_factory.mktemp("night")))
    start, stop = min(rows), max(rows)
    for one, other in zip(here, there, strict=True):
        assert one.pixels == other.pixels
        assert one.rows(start, stop).pixels == other.rows(start, stop).pixels
        assert (one.history, one.state, one.added) == (other.history, other.state, other.added)
    assert combine(here).pixels == combine(there).pixels


def test_a_pixelwise_step_over_frames_on_disk_reads_nothing_until_rows_are_asked_for():
    frames = counted(NIGHT)
    lazy = each(chain(*STEPS[:4]))(frames)
    assert [frame.data.read for frame in frames] == [0, 0, 0]
    assert all(isinstance(frame.data, LazyRows) for frame in lazy)
    assert {frame.data.dtype for frame in lazy} == {np.dtype("f4")}
    assert lazy.frames[1].rows(1, 3).pixels == pipe(NIGHT.frames[1], *STEPS[:4]).rows(1, 3).pixels
    assert [frame.data.read for frame in frames] == [0, 2, 0]


def test_a_step_that_needs_its_whole_image_reads_each_frame_once():
    frames = counted(NIGHT)
    result = each(chain(levelled, subtract_bias(bias=BIAS)))(frames)
    assert [frame.pixels for frame in result] == [pipe(f, levelled, subtract_bias(bias=BIAS)).pixels for f in NIGHT]
    assert [frame.data.read for frame in frames] == [SHAPE[0]] * 3


def test_a_lazy_step_refuses_a_master_of_another_shape_when_it_is_asked_for():
    small = MasterBias.of(Image.of(np.ones((2, 5)), kind="bias"))
    with pytest.raises(pipeline.errors.ShapeError, match=r"light0\.fits: 4 rows × 5 columns\n  bias array: 2 rows × 5"):
        each(subtract_bias(bias=small))(counted(NIGHT))


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


@quick
@given(seeds, st.integers(1, 4), st.integers(2**10, 2**20))
def test_how_stages_run_shows_nowhere(seed, threads, memory):
    stack = np.random.default_rng(seed).poisson(300, (4, *SHAPE)).astype("u2")

    def reduced():
        reduce = chain(each(chain(*STEPS[:3])), combine)
        return reduce, repr(reduce), reduce(counted(frames_of(stack, exposure=30.0)))

    plain = reduced()
    with running(threads=threads, memory=memory, progress=max, quiet=True):
        inside = reduced()
    assert inside == plain
    assert inside[2].history == plain[2].history
    assert repr(inside[2].history) == repr(plain[2].history)


def test_running_ends_with_its_block():
    with running(threads=7), running(memory=2**20) as inner:
        assert (inner.threads, inner.memory) == (7, 2**20)
    with running() as how:
        assert how.threads != 7


def test_a_stage_takes_settings_by_name_only():
    def scaled(image: Image, factor: float) -> Image:
        return attrs.evolve(image, data=image.pixels.times(factor))

    with pytest.raises(TypeError, match="keyword-only"):
        stage(scaled)(LIGHT, factor=1.0)


def test_a_stage_is_called_what_its_function_is_called():
    assert (combine.__name__, combine.__module__, repr(combine)) == ("combine", "pipeline.stacking.combine", "combine")
    assert combine.__doc__.startswith("Combine the frames")
