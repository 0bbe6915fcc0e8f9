"""The screen may only pass pixels that lose nothing: with and without it the results are the same."""

import numpy as np
import pytest
from astropy.io import fits
from made_frames import on_disk
from strategies import frames_of

from pipeline import Clip, FrameSet, Image, Noise, combine, open_frame

pytestmark = pytest.mark.filterwarnings("ignore::pipeline.errors.ClipWarning")


@pytest.fixture(scope="module")
def wild(request, tmp_path_factory):
    """So many frames with wild values of every height, as an array and on disk."""
    frames, folder = request.param, tmp_path_factory.mktemp("wild")
    rng = np.random.default_rng(frames)
    stack = rng.normal(1000, 5, (frames, 30, 40))
    stack += np.where(rng.random(stack.shape) < 0.03, rng.uniform(-80, 80, stack.shape), 0)
    stack *= rng.normal(1, 0.002, (frames, 1, 1))
    stack[:, :3] += 20_000 * rng.random(stack[:, :3].shape)  # sums of which 16 bits are not enough
    whole = stack.round().astype(np.uint16)
    paths = [folder / f"{number}.fits" for number in range(frames)]
    for path, plane in zip(paths, whole, strict=True):
        fits.writeto(path, plane, fits.Header({"EXPTIME": 1.0}))
    return whole, paths


def look_at_all(monkeypatch):
    """Tell nothing without going through the rounds of the clip."""
    for module in ("tiles", "judge"):
        monkeypatch.setattr(f"pipeline.stacking.{module}.can_tell", lambda _: False)


MANY = [pytest.param(frames, marks=pytest.mark.slow) for frames in (10, 26, 61)]


@pytest.mark.parametrize("wild", [2, 3, 7, 9, 20, *MANY], indirect=True)
@pytest.mark.parametrize("method", ["mean", "median"])
@pytest.mark.parametrize(
    "clip",
    [
        Clip(),
        Clip(low=3, high=4),
        Clip(low=6, high=2.5),
        Clip(noise=Noise(a=25.0), low=4, high=3),
        Clip(noise=Noise(a=-75.0, b=0.1), low=3, high=4),
        Clip("std", low=2, high=1.5),
        Clip("std", low=np.inf, high=2),
    ],
    ids=repr,
)
@pytest.mark.parametrize("kind", ["bias", "flat"])
def test_looking_closer_at_every_pixel_changes_nothing(monkeypatch, wild, method, clip, kind):
    """The screen may only pass pixels that lose nothing: with and without it the results are the same."""
    whole, paths = wild
    here = FrameSet(Image.of(plane, kind=kind, exposure=1) for plane in whole)
    there = FrameSet(open_frame(path, kind=kind) for path in paths)
    screened = [combine(images, clip=clip, method=method) for images in (here, there)]
    look_at_all(monkeypatch)
    exact = combine(here, clip=clip, method=method)
    assert [image.pixels for image in screened] == [exact.pixels] * 2
    assert [image.found.rejected for image in screened] == [exact.found.rejected] * 2
    assert len(whole) < 7 or sum(exact.found.rejected) > 0


@pytest.mark.parametrize("method", ["mean", "median"])
def test_so_it_is_where_one_frame_lies_above_the_others(monkeypatch, tmp_path, method):
    """A bias 20 ADU high, and hits that are clear: what one takes of the offset is made up for."""
    rng = np.random.default_rng(4)
    stack = rng.normal(1000, 3, (12, 60, 70))
    stack[5] += 20
    hit = rng.random(stack.shape) < 0.005
    stack[hit] += 500
    frames = on_disk(tmp_path, FrameSet(Image.of(plane.round(), kind="bias") for plane in stack))
    screened = combine(frames, method=method)
    assert screened.found.offsets[5] == pytest.approx(20, abs=0.3)
    assert sum(screened.found.rejected) > 200
    if method == "mean":
        even = np.where(hit, np.nan, stack.round()) - 20 * (np.arange(12) == 5)[:, None, None]
        np.testing.assert_allclose(screened.pixels.values, np.nanmean(even, axis=0) + 20 / 12, atol=0.1)
    look_at_all(monkeypatch)
    exact = combine(frames, method=method)
    assert screened.pixels == exact.pixels
    assert screened.found.rejected == exact.found.rejected


def step(frames, value=1003):
    """Make half of the frames 3 ADU higher than the others, and one value 7 ADU."""
    stack = np.full((frames, 4, 4), 1000)
    stack[frames // 2 :] = value
    stack[-1, 0, 0] = 1007
    return stack


def one_off(frames, off, level=100, dtype=np.uint16):
    """Make one frame lie off the others, which are alike."""
    stack = np.full((frames, 2, 2), level, dtype)
    stack[0] = level + off
    return stack


def tiny(level):
    """Make a stack in units of which single precision cannot square."""
    return np.random.default_rng(1).normal(level, 1, (30, 60, 60)) * 1e-22


STD_400 = 400 / np.sqrt(399) * (1 - 1e-6)


@pytest.mark.parametrize(
    ("stack", "clip"),
    [
        (step(144), Clip(noise=Noise(a=1.0))),
        (step(162), Clip(noise=Noise(a=1.0))),
        (one_off(2, 10), Clip("std", low=5, high=0.5)),
        (one_off(9, 7), Clip(noise=Noise(a=(6.9999999 / 5) ** 2))),
        (one_off(9, 7, dtype=np.float32), Clip(noise=Noise(a=(6.9999999 / 5) ** 2))),
        (one_off(9, 5.0000001, level=-1e-7, dtype=np.float32), Clip(noise=Noise(a=1.0))),
        (one_off(400, -61_541, level=65_535), Clip("std", low=STD_400, high=STD_400)),
        (tiny(0), Clip("std", low=3, high=3)),
        (tiny(20), Clip(low=4, high=4, noise=Noise(0.5, 0.005, floor=0).scaled(1e-22))),
    ],
    ids=["144 frames", "162", "two", "threshold", "of floats", "rounded", "400", "tiny", "of given noise"],
)
def test_looking_closer_at_the_very_limits_changes_nothing(monkeypatch, tmp_path, stack, clip):
    frames = [Image.of(plane.astype(np.uint16) if stack.dtype == int else plane, kind="bias") for plane in stack]
    frames = FrameSet(frames) if stack.dtype.kind == "f" else on_disk(tmp_path, frames)
    screened = combine(frames, clip=clip)
    look_at_all(monkeypatch)
    exact = combine(frames, clip=clip)
    assert screened.pixels == exact.pixels
    assert screened.found.rejected == exact.found.rejected
    assert sum(exact.found.rejected) > 0


def test_looking_closer_at_floats_far_from_0_changes_nothing(monkeypatch):
    rng = np.random.default_rng(0)
    stacks = (rng.normal(2**20, 0.2, (3, 20, 20)) + np.array([-3, 0, 300])[:, None, None] for _ in range(20))
    sets = [FrameSet(Image.of(plane.astype(np.float32), kind="bias") for plane in stack) for stack in stacks]
    screened = [combine(frames, clip=Clip(low=2, high=2)) for frames in sets]
    look_at_all(monkeypatch)
    exact = [combine(frames, clip=Clip(low=2, high=2)) for frames in sets]
    assert [image.found.rejected for image in screened] == [image.found.rejected for image in exact]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_looking_closer_at_floats_that_differ_in_level_changes_nothing(monkeypatch, dtype):
    rng = np.random.default_rng(8)
    stack = (rng.normal(1000, 3, (9, 40, 50)) + rng.normal(0, 300, (9, 1, 1))).astype(dtype)
    stack[2, 5] += 100
    screened = combine(frames_of(stack, kind="bias"))
    look_at_all(monkeypatch)
    exact = combine(frames_of(stack, kind="bias"))
    assert screened.pixels == exact.pixels
    assert screened.found.rejected == exact.found.rejected
