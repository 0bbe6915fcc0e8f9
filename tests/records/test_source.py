"""Sources: whoever reads rows need not ask whether they lie in memory, in a file, or wait for a step."""

import math

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from pipeline import FrameSet, Image, MasterBias, Pixels, each, flag_saturated, open_frame, subtract_bias
from pipeline.compose.spool import SpooledPixels
from pipeline.errors import StepError
from pipeline.records.source import Source

COUNTS = np.random.default_rng(3).integers(0, 60_000, (7, 5)).astype(np.uint16)
PLAIN = Pixels.of(COUNTS)
NOTHING = MasterBias.of(Image.of(np.zeros(COUNTS.shape, np.float32), kind="bias"))
ends = st.integers(-9, 9)


def waiting(frame, step):
    """Give what waits for a step over a frame on disk."""
    return each(step)(FrameSet([frame])).frames[0].source


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Give the same pixels by every way there is to read them, with whether they are read as they are stored."""
    path = tmp_path_factory.mktemp("sources") / "light.fits"
    fits.writeto(path, COUNTS)
    frame = open_frame(path)
    return {
        "memory": (PLAIN, False),
        "file": (frame.source, True),
        "file, kept open": (frame.source.loaded(), True),
        "flagging step": (waiting(frame, flag_saturated(level=1e6)), True),
        "other step": (waiting(frame, subtract_bias(bias=NOTHING)), False),
        "spool": (SpooledPixels.of(PLAIN), False),
    }


WAYS = ["memory", "file", "file, kept open", "flagging step", "other step", "spool"]


@pytest.mark.parametrize("way", WAYS)
@given(start=ends, stop=ends)
def test_rows_are_counted_as_slices_count_and_are_the_same_wherever_they_lie(sources, way, start, stop):
    source, _ = sources[way]
    assert isinstance(source, Source)
    assert (source.shape, source.dtype) == (PLAIN.shape, PLAIN.dtype)
    assert source.rows(start, stop) == source.loaded().rows(start, stop) == PLAIN.cut(slice(start, stop))
    source.check_unchanged()


@pytest.mark.parametrize("way", WAYS)
def test_what_is_read_as_stored_is_the_detectors_whole_numbers_and_the_rest_refuses(sources, way):
    source, stored = sources[way]
    into = np.empty(10, ">i2")
    if not stored:
        assert source.stored is None
        with pytest.raises(StepError, match=r"rows 2 to 4 are .*, not stored as >i2"):
            source.read_stored(2, 4, into)
        return
    dtype, zero = source.stored
    source.read_stored(2, 4, into)
    np.testing.assert_array_equal(into.astype(float) + zero, COUNTS[2:4].reshape(-1))
    assert np.dtype(dtype) == np.dtype("i2")


def test_a_ceiling_is_where_a_waiting_step_will_flag(sources):
    levels = {way: source.ceiling for way, (source, _) in sources.items()}
    assert levels.pop("flagging step") == 65535  # the type's, below the level that was asked for
    assert set(levels.values()) == {math.inf}


def test_pixels_in_memory_are_given_without_a_copy():
    assert PLAIN.rows(0, 7) is PLAIN.rows(-9, 9) is PLAIN.loaded() is Image.of(PLAIN).pixels is PLAIN
    assert np.shares_memory(PLAIN.rows(2, 4).values, PLAIN.values)
    assert np.shares_memory(Image.of(PLAIN).rows(2, 4).pixels.flags, PLAIN.flags)


def test_an_image_knows_whether_its_pixels_are_in_memory(sources):
    where = {way: Image("light", source).in_memory for way, (source, _) in sources.items()}
    assert where.pop("memory")
    assert not any(where.values())
