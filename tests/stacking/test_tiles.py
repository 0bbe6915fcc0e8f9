"""Frames are combined tile by tile: their size and their edges change nothing, and the memory bounds them."""

import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st
from made_frames import on_disk
from strategies import CLIPS, flags_of, frames_of, kinds, methods, quick, stacks

from pipeline import Clip, FrameSet, Image, Noise, combine, open_frame, running
from pipeline.stacking.judge import steps_of
from pipeline.stacking.plan import CombineSettings, plan_of
from pipeline.statistics.noise import largest_step, typical_level

pytestmark = pytest.mark.filterwarnings("ignore::pipeline.errors.ClipWarning")


@pytest.mark.parametrize("clip", CLIPS)
@quick
@given(stack=stacks(), kind=kinds, method=methods, rows=st.integers(1, 3), data=st.data())
def test_the_size_of_tiles_changes_nothing(stack, kind, method, clip, rows, data):
    frames = frames_of(stack, data.draw(flags_of(stack)), kind=kind)
    with running(memory=max(2**10, rows * stack[:, 0].size * 64)):
        tiled = combine(frames, method=method, clip=clip)
    assert tiled == combine(frames, method=method, clip=clip)


@pytest.mark.parametrize(("shape", "told"), [((64, 256), [16, 32, 48, 64]), ((64, 128), [32, 64]), ((4, 9), [4])])
def test_progress_is_told_band_by_band_of_which_small_images_have_fewer(shape, told):
    done = []
    with running(progress=lambda rows, total: done.append((rows, total))):
        combine(frames_of(np.ones((2, *shape), "u2")))
    assert done == [(rows, shape[0]) for rows in told]


@pytest.mark.parametrize("clip", [Clip(low=1.5, high=1.5), Clip("mad"), Clip("std", low=1.5, high=1.5)], ids=repr)
def test_the_memory_bounds_what_is_made_of_tiles_whatever_is_left_out(tmp_path, clip):
    rng = np.random.default_rng(4)
    for number in range(40):
        fits.writeto(tmp_path / f"{number}.fits", rng.normal(1000, 5, (128, 512)).round().astype(np.uint16))
    frames = FrameSet(open_frame(tmp_path / f"{number}.fits", kind="bias") for number in range(40))
    tracemalloc.start()
    try:
        with running(threads=1, memory=4 * 2**20):
            combine(frames, clip=clip)
        assert tracemalloc.get_traced_memory()[1] < 12 * 2**20
    finally:
        tracemalloc.stop()


def test_steps_to_neighbours_reach_over_the_edges_of_tiles():
    """Rows 1000 ADU apart: a tile of one row that did not see its neighbours would take the shift for a hit."""
    scene = 1000.0 * (np.arange(40) % 2)[:, None] * np.ones((1, 9)) + 500
    frames = FrameSet(Image.of(scene + shift, exposure=1) for shift in (0, 0, 90))
    clip = Clip(noise=Noise(a=1.0, d=0.1))
    with running(memory=1024):
        rowwise = combine(frames, clip=clip)
    assert sum(rowwise.found.rejected) == 0
    assert rowwise.pixels == combine(frames, clip=clip).pixels
    assert sum(combine(frames, clip=Clip(noise=Noise(a=1.0))).found.rejected) == scene.size


@quick
@given(stacks(frames=st.integers(2, 8)), st.booleans(), st.randoms(use_true_random=False))
def test_the_steps_of_some_pixels_are_those_of_the_whole_image(stack, stored, random):
    frames = frames_of(stack, kind="light")
    if stored:
        with tempfile.TemporaryDirectory() as folder:
            frames = on_disk(Path(folder), frames)
            assert_steps(frames, stack, random)
    else:
        assert_steps(frames, stack, random)


def assert_steps(frames, stack, random):
    settings, ones = (
        CombineSettings("mean", Clip(noise=Noise(a=1.0, d=0.1)), None, map_left_out=False),
        np.ones(len(stack)),
    )
    plan = plan_of(frames.frames, settings, scale=ones, weighing=ones)
    height, width = stack.shape[1:]
    first = random.randrange(height)
    last = random.randrange(first, height) + 1
    rows = range(first * width, last * width)
    place = np.array(sorted(random.sample(rows, random.randint(0, len(rows)))), int)
    steps = largest_step(typical_level(stack.astype(float))).reshape(-1)
    found = steps_of(plan, place)
    assert found is None if not place.size else (found == steps[place]).all()
