"""Steps and chains as hypothesis draws them: of every public stage, valid, written so that they are made again."""

import inspect
import pickle
from contextlib import suppress
from typing import Annotated, Literal

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from strategies import examples

import pipeline
from pipeline import (
    FrameSet,
    Image,
    Limits,
    Master,
    ReducedImage,
    Step,
    add_images,
    align,
    combine,
    heal,
    reduce,
    running,
    stage,
)
from pipeline.compose.chain import Chain
from pipeline.compose.stage import Stage
from pipeline.errors import PipelineError, SettingError
from pipeline.testing import chains, check_stage, frame_sets, images, raw_images, records, steps

STAGES = [one for name in pipeline.__all__ if isinstance(one := getattr(pipeline, name), Stage)]
"""A new one is drawn too: its settings are read from its annotations."""

raw_frames = frame_sets(raw_images(), min_size=1)
any_chains = chains() | chains(takes=FrameSet) | chains(takes=FrameSet, gives=FrameSet)


@pytest.mark.parametrize("made", STAGES, ids=repr)
def test_steps_of_every_stage_are_valid_and_every_setting_is_drawn(made):
    seen = set()

    @examples(20)
    @given(steps(made))
    def look(step):
        assert step.stage is made
        seen.update(name for name, _ in step.settings)
        assert made(**dict(step.settings)) == step == pickle.loads(pickle.dumps(step))
        assert eval(repr(step), step.names) == step

    look()
    assert {name for name, default in made.defaults.items() if default is inspect.Parameter.empty} <= seen


@given(images(), steps())
def test_steps_keep_every_law_or_refuse_an_image_by_an_error_of_ours(image, step):
    """Whatever the image: half of what is drawn is NaN, flagged, of another kind, or was worked on before."""
    try:
        with running(on_note=lambda _: None):
            step(image)
        check_stage(step, image)
    except PipelineError as error:
        assert "breaks the law" not in str(error)


@given(raw_frames, steps(combine, add_images, align, reduce))
def test_frames_are_put_together_or_refused_by_an_error_of_ours(frames, step):
    with running(on_note=lambda _: None), suppress(PipelineError):
        assert len(step(frames).history) > 0


@given(any_chains)
def test_what_a_chain_says_makes_it_again(some):
    assert eval(repr(some), some.names) == some


@given(steps(), steps(takes=FrameSet), steps(gives=ReducedImage, takes=None))
def test_steps_take_and_give_what_was_asked_for(of_image, of_frames, to_product):
    assert (of_image.stage.takes, of_image.stage.hints["return"]) == (Image, Image)
    assert of_frames.stage.takes is FrameSet
    assert to_product.stage.hints["return"] is ReducedImage


@given(st.from_type(Step[FrameSet, Image]), st.from_type(Chain), st.from_type(Stage))
def test_types_of_steps_are_drawn_by_what_they_take_and_give(step, some, made):
    assert (step.stage.takes, step.stage.hints["return"]) == (FrameSet, Image)
    assert isinstance(some, Chain)
    assert made in STAGES


def test_a_stage_of_ones_own_is_drawn_by_its_annotations():
    @attrs.frozen
    class MasterSky(Master):
        image: Image

    @stage
    def own(
        image: Image,
        *,
        sky: MasterSky,
        plane: NDArray[np.float64],
        by: Literal["a", "b"],
        part: Annotated[float, Limits(least=0, below=1)] = 0.5,
    ) -> Image:
        return image

    @given(steps(own, by="a", shape=(2, 3)))
    def look(step):
        said = step.every_setting
        assert said["by"] == "a"
        assert said["plane"].shape == said["sky"].image.shape == (2, 3)
        assert 0 <= said["part"] < 1

    look()


def test_what_cannot_be_drawn_is_refused_by_name():
    with pytest.raises(SettingError, match="combine has no setting 'metod'; did you mean 'method'"):
        steps(combine, metod="mean")
    for strange in (abs, heal(reach=3)):
        with pytest.raises(SettingError, match=r"steps: .* is no stage; give stages"):
            steps(combine, strange)
    with pytest.raises(SettingError, match="no public stage takes"):
        steps(takes=FrameSet, gives=Step)
    with pytest.raises(SettingError, match="chains: none takes"):
        chains(takes=Image, gives=FrameSet)
    with pytest.raises(SettingError, match="is no record; give a class"):
        records(int)
    with pytest.raises(SettingError, match="Clip has no setting 'lw'; did you mean 'low'"):
        records(pipeline.Clip, lw=3)
