"""Pixelwise steps over frames on disk wait until rows are asked for, and give what they give in memory."""

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_steps import BIAS, NIGHT, SHAPE, STEPS, chains, counted, levelled, on_disk
from strategies import quick

import pipeline
from pipeline import (
    Image,
    MasterBias,
    Pixels,
    chain,
    combine,
    each,
    pipe,
    stage,
    subtract_bias,
)
from pipeline.compose.lazy import LazyRows
from pipeline.errors import StepError


def unnamed(image):
    """Give an image's history, its notes without the names of files."""
    said = [tuple(attrs.evolve(note, frames=()) for note in step.said) for step in image.history]
    return [attrs.evolve(step, said=notes) for step, notes in zip(image.history, said, strict=True)]


@quick
@given(steps=chains, rows=st.tuples(st.integers(0, 3), st.integers(1, 4)))
def test_frames_on_disk_give_the_same_pixels_and_history_as_frames_in_memory(tmp_path_factory, steps, rows):
    here = each(chain(*steps))(NIGHT)
    there = each(chain(*steps))(on_disk(NIGHT, tmp_path_factory.mktemp("night")))
    start, stop = min(rows), max(rows)
    for one, other in zip(here, there, strict=True):
        assert one.pixels == other.pixels
        assert one.rows(start, stop).pixels == other.rows(start, stop).pixels
        assert (unnamed(one), one.state, one.added) == (unnamed(other), other.state, other.added)
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


def test_a_pixelwise_stage_that_loses_columns_is_refused(tmp_path):
    @stage(rows=True)
    def cropped(image: Image) -> Image:
        return attrs.evolve(image, data=Pixels.of(image.pixels.values[:, 1:]))

    with pytest.raises(StepError, match="cropped gave 4 of 5 columns; a stage with rows=True keeps the shape"):
        each(cropped)(on_disk(NIGHT, tmp_path))
