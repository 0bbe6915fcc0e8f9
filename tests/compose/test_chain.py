"""Chains: the algebra of putting steps together, and the history that they leave."""

from functools import partial
from itertools import takewhile

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_steps import BIAS, FLAT, LIGHT, NIGHT, chains, names, on_disk
from strategies import quick

import pipeline
from pipeline import (
    FrameSet,
    Image,
    MasterBias,
    attach_header,
    chain,
    combine,
    divide,
    each,
    pipe,
    stage,
    subtract_bias,
)
from pipeline.errors import StepError
from pipeline.testing import chains as drawn_chains

PUBLIC = {name: getattr(pipeline, name) for name in pipeline.__all__}


@quick
@given(drawn_chains(shape=None) | drawn_chains(takes=FrameSet, shape=None))
def test_the_repr_of_a_chain_is_the_expression_that_made_it(joined):
    assert eval(repr(joined), dict(PUBLIC)) == joined
    assert eval(repr(each(joined)), dict(PUBLIC)) == each(joined)


@quick
@given(chains)
def test_the_history_holds_the_steps_that_ran_and_only_those(steps):
    image = pipe(LIGHT, *steps)
    assert names(image) == [step.stage.name for step in steps]
    product = attach_header(image)
    said = [str(card) for card in product.header.to_header().get("HISTORY", [])]
    assert list(takewhile(lambda line: not line.startswith("NOTE "), said)) == [str(ran) for ran in image.history]
    for keyword, name in (("ZEROCOR", "subtract_bias"), ("DARKCOR", "subtract_dark"), ("FLATCOR", "divide")):
        assert (keyword in product.header) == (name in names(image))


def test_history_goes_through_combining_and_names_each_step_once():
    image = pipe(NIGHT, each(subtract_bias(bias=BIAS)), combine)
    assert names(image) == ["subtract_bias", "combine"]
    assert image.history[0].masters == (BIAS.lineage,)
    assert ("method", "'mean'") in image.history[1].settings


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


def doubled(image):
    return image.pixels.values * 2


def without_history(image):
    return Image.of(image.pixels.values, header=image.header)


def brighter(image):
    return attrs.evolve(image, data=attrs.evolve(image.pixels, values=image.pixels.values * 2))


@pytest.mark.parametrize("joined", [chain, pipe])
@pytest.mark.parametrize(
    ("function", "gave"), [(doubled, "a bare ndarray"), (without_history, "an image without its history")]
)
def test_a_function_that_strips_an_image_on_its_way_to_a_step_is_refused_with_what_to_return(joined, function, gave):
    raw = subtract_bias(LIGHT, bias=BIAS)
    run = {chain: lambda *steps: chain(*steps)(raw), pipe: lambda *steps: pipe(raw, *steps)}[joined]
    for following in (divide(flat=FLAT), attach_header, MasterBias.of, chain(divide(flat=FLAT))):
        with pytest.raises(StepError, match=rf"{function.__name__} gave {gave}: .* attrs\.evolve\(image"):
            run(function, following)
    assert run(brighter, attach_header).pixels.values[0, 0] == 2 * raw.pixels.values[0, 0]


def test_a_function_that_strips_frames_under_each_is_refused_and_as_the_last_of_a_chain_may_give_anything():
    for step in (doubled, chain(subtract_bias(bias=BIAS), doubled)):
        with pytest.raises(StepError, match="doubled gave a bare ndarray"):
            each(step)(NIGHT)
    with pytest.raises(StepError, match="without its history"):
        each(chain(subtract_bias(bias=BIAS), without_history))(NIGHT)
    kept = each(chain(subtract_bias(bias=BIAS), brighter))(NIGHT)
    assert names(kept[0]) == ["subtract_bias", "plain function brighter"]
    assert chain(combine, doubled)(NIGHT).shape == LIGHT.shape
    assert pipe(LIGHT, doubled, np.median, float) == np.median(2 * LIGHT.pixels.values)
    assert pipe(LIGHT.pixels.values, subtract_bias(bias=None)).shape == LIGHT.shape


@pytest.mark.parametrize("run", [pipe, lambda record, *steps: chain(*steps)(record)])
def test_what_a_plain_function_changed_has_a_line_in_the_history_and_what_it_only_chose_has_none(run):
    def first_two(frames):
        return frames[:2]

    def brightest(frames):
        return max(frames, key=lambda frame: frame.pixels.values.sum())

    def one_brighter(frames):
        return FrameSet([brighter(frames[0]), *frames[1:]])

    line = "plain function brighter"
    assert names(run(LIGHT, brighter)) == [line]
    assert names(run(LIGHT, partial(brighter)))[0].startswith("plain function functools.partial(<function brighter")
    assert [names(frame) for frame in run(NIGHT, each(brighter))] == [[line]] * len(NIGHT)
    assert names(run(NIGHT, combine(clip=None), brighter, attach_header)) == ["combine", line, "attach_header"]
    assert "plain function brighter()" in run(NIGHT, combine, brighter, attach_header).header.to_header()["HISTORY"]
    assert run(NIGHT, first_two, brightest) in NIGHT.frames
    assert names(run(NIGHT, brightest)) == names(run(NIGHT, lambda frames: frames.light)) == []
    assert [bool(names(frame)) for frame in run(NIGHT, one_brighter)] == [True, False, False]
    assert names(run(NIGHT.frames[0], lambda image: image, chain(chain(brighter)))) == [line]
    assert names(run(NIGHT, partial(combine, clip=None))) == ["combine"]


def test_a_stage_that_gives_something_else_than_it_says_is_refused_by_name():
    @stage
    def halved(image: Image) -> Image:
        return image.pixels.values / 2

    @stage
    def flattened(image: Image) -> MasterBias:
        return image

    for made, words in ((halved, "a bare ndarray"), (flattened, r"Image\(light, light\.fits, 4×5, 30 s\)")):
        wanted = made.function.__annotations__["return"]
        with pytest.raises(StepError, match=f"{made.name} gave {words} and should give an? {wanted.__name__}"):
            made(LIGHT)


def test_what_is_no_function_is_refused_where_steps_are_put_together():
    for put in (lambda: chain(combine, 5), lambda: each("combine"), lambda: pipe(NIGHT, combine(), None)):
        with pytest.raises(StepError, match="is no step; put together steps, stages and functions of one record"):
            put()
