"""Pixels beyond the memory's budget: the same numbers, kept in an anonymous file."""

import pickle
import tempfile

import numpy as np
import pytest
from astropy.io import fits
from folders import files, ramp
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick

from pipeline import FrameSet, Image, Pixels, chain, combine, each, flag_saturated, open_frame, running, stage
from pipeline.compose.chain import _within_budget as within_budget
from pipeline.compose.spool import SpooledPixels, add_to_spool
from pipeline.errors import OutputError, StepError
from pipeline.testing import pixels


@quick
@given(pixels(shape=(6, 4)), st.integers(-7, 7), st.integers(-7, 7))
def test_rows_kept_in_the_spool_are_those_of_the_pixels(pixels, start, stop):
    kept, before = SpooledPixels.of(pixels).rows(start, stop), Image(kind="light", data=pixels).rows(start, stop).pixels
    assert kept == before


def test_errors_of_masters_are_kept_too():
    shared = (("bias", np.full((3, 4), 0.5)), ("dark", np.full((3, 4), -0.25)))
    pixels = Pixels(np.ones((3, 4)), np.zeros((3, 4), np.uint8), np.ones((3, 4)), shared)
    assert SpooledPixels.of(pixels).rows(0, 3) == pixels


@stage
def turned(image: Image) -> Image:
    """Turn an image by 180 degrees: a step that needs the whole of it."""
    pixels = image.pixels
    return Image(kind=image.kind, data=Pixels.of(pixels.values[::-1, ::-1]), exposure=image.exposure)


def test_a_budget_decides_where_frames_are_kept_and_nothing_else(tmp_path):

    rng = np.random.default_rng(1)
    for number in range(3):
        fits.writeto(tmp_path / f"{number}.fits.gz", rng.normal(1000, 5, (40, 30)).astype(np.uint16))
    frames = FrameSet(open_frame(tmp_path / f"{number}.fits.gz", kind="bias") for number in range(3))
    step = each(chain(flag_saturated(level=1004), turned))
    here = step(frames)
    with running(memory=2**10):
        there = step(frames)
        combined = combine(there)
    assert {type(frame.data) for frame in here} == {Pixels}
    assert {type(frame.data) for frame in there} == {SpooledPixels}
    assert combined.pixels == combine(here).pixels
    assert combine(frames).pixels == combine(FrameSet(Image.of(f.pixels, kind="bias") for f in frames)).pixels


def test_pixels_stay_in_memory_while_there_is_room():
    image = Image.of(np.ones((4, 4), np.float32))
    with running(memory=2**10):
        assert within_budget(image, 10) is image
        assert isinstance(within_budget(image, 11).data, SpooledPixels)


def test_a_full_disk_is_said(monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pipeline.compose.spool.Spool.add", full)
    with pytest.raises(OutputError, match=r"no room for frames .*set TMPDIR"):
        add_to_spool([np.ones(2)])


def test_what_is_kept_cannot_be_pickled():
    with pytest.raises(StepError, match="anonymous file cannot be pickled"):
        pickle.dumps(SpooledPixels.of(Pixels.of(np.ones((2, 2)))))


def test_frames_beyond_memory_are_kept_in_a_file_without_a_name(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    spool, _ = add_to_spool([ramp(1)])
    assert spool.read_into(np.empty(10, np.uint8), 0) == 10
    assert files(tmp_path) == {}
