"""Frames that are not what the list takes them for, and copies, are told; honest lists are quiet."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import quick, seeds

from pipeline import FrameSet, Image, combine
from pipeline.checks.listed_frames import copy_notes, kind_notes
from pipeline.errors import AssumptionWarning

RNG = np.random.default_rng(1)


def called(word, kind, exposure=10.0):
    return Image.of(np.ones((2, 2)), kind=kind, exposure=exposure, header={"IMAGETYP": word}, name=f"{word}.fits")


@pytest.mark.parametrize(("kind", "words", "said"), [
    ("bias", ["dark", "dark"], "stands in the list as bias, and its header calls it dark"),
    ("dark", ["flat", "dark"], "stands in the list as dark, and its header calls it flat"),
    ("flat", ["flat", "object"], "stands in the list as flat, and its header calls it light"),
    ("light", ["Bias Frame"], "stands in the list as light, and its header calls it bias"),
])  # fmt: skip
def test_a_header_that_calls_a_frame_another_kind_is_told(kind, words, said):
    (note,) = kind_notes([called(word, kind) for word in words])
    assert note.words == said


@pytest.mark.parametrize(("kind", "words", "exposure"), [
    ("flat", ["object", "object"], 10.0),  # a program that calls all frames so
    ("bias", ["dark", "bias"], 0.0),
    ("bias", ["dark", "dark"], 0.5),  # so short that it holds nothing but the bias
    ("dark", ["DARK", "Dark Frame"], 10.0),
    ("light", ["LIGHT", "", "science"], 10.0),
    ("flat", ["SKYFLAT", "Flat Field"], 10.0),
])  # fmt: skip
def test_honest_lists_are_quiet(kind, words, exposure):
    assert kind_notes([called(word, kind, exposure) for word in words]) == ()


def test_a_dark_of_no_time_is_a_bias_that_stands_among_the_darks():
    (note,) = kind_notes([called("dark", "dark", 0.0), called("Dark Frame", "dark")])
    assert note.words == "stands in the list as dark, and its header calls it bias"
    assert note.frames == ("dark.fits",)


@quick
@given(seed=seeds, copies=st.integers(1, 3))
@example(seed=1, copies=2)
def test_copies_are_told_once_and_exposures_never(seed, copies):
    rng = np.random.default_rng(seed)
    exposures = [np.rint(rng.normal(1000, 5, (30, 40))) for _ in range(3)]
    listed = exposures + [exposures[1]] * (copies - 1)
    frames = [Image.of(values, name=f"{n}.fits") for n, values in enumerate(listed)]
    notes = copy_notes(frames, [values.ravel() for values in listed])
    assert [note.frames for note in notes] == ([("1.fits", "3.fits", "4.fits")[:copies]] if copies > 1 else [])


@pytest.mark.parametrize("values", [np.full((30, 40), 7.0), RNG.integers(0, 9, (30, 40)), RNG.normal(0, 1, (10, 40))])
def test_constant_frames_those_of_few_numbers_and_small_ones_may_be_equal(values):
    frames = [Image.of(values, name=name) for name in ("a.fits", "b.fits")]
    assert copy_notes(frames, [np.ravel(values)] * 2) == ()


def test_combine_says_both():
    values = np.rint(RNG.normal(1000, 5, (30, 40)))
    frames = FrameSet(Image.of(values, kind="flat", header={"IMAGETYP": "dark"}, name=n) for n in ("a.fits", "b.fits"))
    with pytest.warns(AssumptionWarning) as told:
        combine(frames, clip=None)
    assert [str(w.message).partition(": ")[2][:20] for w in told] == ["stands in the list a", "the same pixels unde"]
