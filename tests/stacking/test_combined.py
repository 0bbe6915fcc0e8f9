"""A rule of one's own: what it combined becomes the image that combine would make, or is refused as there."""

from typing import Annotated

import astropy.units as u
import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_frames import SIZE, even_frames, exposed, on_disk
from strategies import flags_of, frames_of, quick, stacks

from pipeline import (
    Flag,
    FrameSet,
    Image,
    Limits,
    MasterBias,
    Pixels,
    attach_header,
    check_stage,
    combine,
    combined,
    each,
    flag_saturated,
    pipe,
    stage,
    subtract_bias,
)
from pipeline.errors import AssumptionWarning, SettingError, ShapeError, StepError

FACTS = ("kind", "exposure", "header", "sources", "state", "notes", "pixels")


@stage
def trimmed_mean(frames: FrameSet, *, cut: Annotated[int, Limits(least=0)] = 1) -> Image:
    """Leave out so many of the lowest and as many of the highest values of each pixel."""
    stack = np.array([np.where(frame.pixels.mask, np.nan, frame.values) for frame in frames])
    rank = stack.argsort(axis=0).argsort(axis=0)  # NaN comes last
    out = (rank < cut) | (rank >= np.isfinite(stack).sum(axis=0) - cut)
    kept = np.where(out, np.nan, stack)
    scatter = np.nanvar(kept, axis=0, ddof=1) / (~out).sum(axis=0)
    return combined(frames, np.nanmean(kept, axis=0), variance=scatter, rejected=out, method="trimmed")


@quick
@given(stacks() | stacks(dtype="float64"), st.booleans(), st.data())
def test_the_values_of_combine_become_the_image_of_combine(stack, with_variance, data):
    flags = data.draw(flags_of(stack))
    variance = np.ones_like(stack, float) if with_variance else [None] * len(stack)
    planes = zip(stack, flags, variance, strict=True)
    frames = FrameSet(Image.of(Pixels.of(*each), name=f"{n}.fits", exposure=9) for n, each in enumerate(planes))
    theirs = combine(frames, clip=None)
    mine = combined(frames, theirs.values, variance=theirs.pixels.variance)
    assert [getattr(mine, fact) for fact in FACTS] == [getattr(theirs, fact) for fact in FACTS]
    assert attrs.evolve(mine.found, method="mean") == theirs.found


def test_frames_on_disk_are_read_for_their_flags(tmp_path):
    stack = np.full((3, 40, 30), 100, "u2")
    stack[1, 3, 4] = 60_000
    frames = each(flag_saturated(level=5e4))(on_disk(tmp_path, frames_of(stack)))
    image = combined(frames, stack.mean(axis=0))
    assert np.flatnonzero(image.pixels.flags).tolist() == [3 * 30 + 4]
    assert image.pixels.flags[3, 4] == Flag.SATURATED


def test_a_trimmed_mean_in_ten_lines():
    """Of 100, 101, 102, 103 and a hit the middle three are left; a product of it says by which rule, and how many."""
    frames = even_frames(100, 101, 102, 103, 9000)
    image = pipe(frames, trimmed_mean(cut=1))
    assert image.values[0, 0] == 102
    assert image.pixels.variance[0, 0] == pytest.approx(1 / 3)
    assert image.found.rejected == (25, 0, 0, 0, 25)
    assert (image.found.left_out == 2).all()
    product = attach_header(image)
    header = product.header
    assert [header[key] for key in ("COMBTYPE", "NCOMBINE", "NREJECT", "XPOSURE", "EXPTIME")] == [
        "trimmed",
        5,
        50,
        50,
        10,
    ]
    assert [str(step) for step in product.history[:1]] == ["trimmed_mean(cut=1)"]
    assert "CLIPTYPE" not in header
    check_stage(trimmed_mean(cut=0), frames)


def test_what_frames_share_with_a_master_goes_on_beside_the_variance_given():
    bias = MasterBias.of(Image.of(Pixels.of(np.zeros(SIZE), variance=np.full(SIZE, 3.0)), kind="bias"))
    frames = each(subtract_bias(bias=bias))(even_frames(100, 100))
    carrying = FrameSet(
        attrs.evolve(frame, data=attrs.evolve(frame.pixels, variance=np.full(SIZE, 4.0))) for frame in frames
    )
    image = combined(carrying, np.full(SIZE, 100.0), variance=np.full(SIZE, 2.0))
    assert (image.pixels.variance == 2).all()
    np.testing.assert_allclose(image.pixels.total_variance, 5)
    assert combined(carrying, np.full(SIZE, 100.0)).pixels.shared == ()


def test_masked_values_are_flagged_where_frames_are_not():
    flags = np.zeros((2, *SIZE), np.uint16)
    flags[:, 0, 0] = Flag.HOT
    frames = frames_of(np.ones((2, *SIZE)), flags)
    mask = np.zeros(SIZE, bool)
    mask[0, :2] = True
    values = np.ma.array(np.ones(SIZE), mask=mask)
    assert combined(frames, values).pixels.flags[0, :3].tolist() == [Flag.HOT, Flag.BAD, 0]


def test_notes_are_those_of_combine():
    """They belong to the stage in which it is called, or else to the image."""
    odd = FrameSet(Image.of(np.ones(SIZE), name=f"{band}.fits", header={"FILTER": band}, exposure=9) for band in "rR")
    with pytest.warns(AssumptionWarning, match="differ in their headers"):
        notes = combine(odd, clip=None).notes
    with pytest.warns(AssumptionWarning, match="differ in their headers"):
        bare = combined(odd, np.ones(SIZE))
    with pytest.warns(AssumptionWarning, match="differ in their headers"):
        inside = trimmed_mean(odd, cut=0)
    assert bare.said == inside.history[-1].said == notes


def test_frames_of_several_exposures_need_a_word_on_what_the_values_are():
    frames = exposed(10.0, 30.0)
    with pytest.raises(StepError, match=r"different exposures \(10 s, 30 s\)"):
        combined(frames, np.ones(SIZE))
    assert combined(frames, np.ones(SIZE), exposure=np.float32(40)).exposure == 40


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"values": np.ones((2, 2))}, ShapeError, r"values are of shape \(2, 2\); the frames have \(5, 5\)"),
        ({"values": [[1.0], [2.0, 3.0]]}, ShapeError, "values are in rows of several lengths"),
        ({"variance": np.ones(5)}, ShapeError, r"variance is of shape \(5,\)"),
        ({"rejected": [1, 2, 3]}, ShapeError, r"\(3,\); expected True where .* \(2, 5, 5\), or 2 numbers"),
        ({"rejected": [1, -2]}, ShapeError, "2 numbers of how many"),
        ({"rejected": np.ones((2, *SIZE))}, ShapeError, "an array of float64"),
        ({"values": np.ones(SIZE) * u.electron}, StepError, "values are in electron, and the frames in adu"),
        ({"variance": np.ones(SIZE) * u.adu}, StepError, "variance is in adu, and the frames in adu"),
        ({"variance": -np.eye(5)}, StepError, "variance is negative at 5 pixels; where it is not known it is NaN"),
        ({"method": 5}, SettingError, "combined: method=5; expected a text"),
        ({"exposure": -1}, SettingError, "seconds from 0"),
        ({"frames": []}, StepError, "there are no frames"),
        ({"frames": "ab"}, StepError, "expected a FrameSet"),
        ({"values": np.full(SIZE, 1j)}, ShapeError, "complex128"),
    ],
)
def test_what_is_wrong_is_refused(given, error, words):
    with pytest.raises(error, match=words):
        combined(**{"frames": exposed(1.0, 1.0), "values": np.ones(SIZE)} | given)
