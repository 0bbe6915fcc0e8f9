"""Notes are collected by the step that says them, and told once, at the line of whoever called."""

import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from pipeline import Image, chain, each, pipe, running, stage
from pipeline.compose.telling import advise, collecting
from pipeline.errors import AssumptionWarning, FileWarning, StepError
from pipeline.records.frames import FrameSet


@stage
def doubtful(image: Image, *, word: str = "doubtful") -> Image:
    """Say that an image is doubtful."""
    advise(f"is {word}", AssumptionWarning, of=image)
    return image


@stage
def around(image: Image) -> Image:
    """Say something, and have another step say something."""
    advise("is outside", AssumptionWarning, of=image)
    return doubtful(image)


def an_image(name="a.fits"):
    return Image.of(np.ones((2, 3)), name=name)


@pytest.mark.parametrize(
    "call",
    [
        lambda: doubtful(an_image()),
        lambda: chain(doubtful())(an_image()),
        lambda: pipe(an_image(), doubtful()),
        lambda: each(doubtful)(FrameSet((an_image(), an_image("b.fits")))),
        lambda: pipe(FrameSet((an_image(),)), each(chain(chain(), doubtful()))),
    ],
)
def test_the_warning_points_at_the_line_of_the_user(call):
    with pytest.warns(AssumptionWarning, match="is doubtful") as caught:
        call()
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert caught[0].lineno == call.__code__.co_firstlineno


def test_each_step_keeps_what_it_said_itself():
    with pytest.warns(AssumptionWarning):
        image = around(an_image())
    inner, outer = image.history
    assert [str(note) for note in inner.said] == ["a.fits: is doubtful"]
    assert [str(note) for note in outer.said] == ["a.fits: is outside"]
    assert image.notes == (*inner.said, *outer.said)


def test_one_note_a_fact_not_a_frame():
    frames = FrameSet(an_image(f"{letter}.fits") for letter in "abc")
    with pytest.warns(AssumptionWarning, match=r"a.fits and 2 more: is doubtful$") as caught:
        done = each(doubtful)(frames)
    assert len(caught) == 1
    assert done.notes[0].frames == ("a.fits", "b.fits", "c.fits")
    assert len(done.history) == 1


def test_strictness_is_a_matter_of_the_note_alone():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with running(strict=True), pytest.raises(AssumptionWarning, match=r"a\.fits: is doubtful"):
            doubtful(an_image())
        with running(strict=True), collecting() as said:
            advise("is only told", FileWarning)
    assert [str(note) for note in said] == ["is only told"]


def test_a_filter_that_makes_warnings_errors_still_refuses():
    with warnings.catch_warnings():
        warnings.simplefilter("error", AssumptionWarning)
        with pytest.raises(AssumptionWarning, match="doubtful"):
            doubtful(an_image())


def test_what_went_wrong_goes_before_what_was_assumed_on_the_way():
    @stage
    def wrong(image: Image) -> Image:
        advise("is doubtful", AssumptionWarning)
        raise StepError("wrong")

    with warnings.catch_warnings():
        warnings.simplefilter("error", AssumptionWarning)
        with pytest.raises(StepError, match="wrong"):
            wrong(an_image())
    with pytest.warns(AssumptionWarning, match="doubtful"), pytest.raises(StepError):
        wrong(an_image())


def test_quiet_runs_say_and_refuse_nothing(recwarn):
    with running(quiet=True, strict=True):
        assert doubtful(an_image()).notes == ()
    assert not recwarn


def test_each_thread_has_its_own_notes_strictness_and_listener():
    together = threading.Barrier(8)

    def one(number):
        told = []
        with running(on_note=told.append, strict=number % 2 == 1):
            together.wait(timeout=30)
            try:
                notes = doubtful(an_image(f"{number}.fits"), word=f"of {number}").notes
            except AssumptionWarning as error:
                return [str(error)], told
            return [str(note) for note in notes], told

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(one, range(8)))
    for number, (words, told) in enumerate(found):
        assert words == [f"{number}.fits: is of {number}"]
        assert len(told) == (number % 2 == 0)
