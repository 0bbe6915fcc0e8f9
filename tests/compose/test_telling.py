"""Notes are collected by the step that says them, and told once, at the line of whoever called."""

import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import Image, MasterBias, attach_header, chain, each, pipe, running, stage
from pipeline.compose.telling import advise, collecting, told_together
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
    with pytest.warns(AssumptionWarning) as caught:
        image = around(an_image())
    assert {warning.message.note for warning in caught} == set(image.notes)
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


def saying(word):
    """Make a function that is no stage, and says a word of its image."""

    def plain(image):
        advise(f"is {word}", of=image)
        return image

    return plain


@stage
def calling(image: Image, *, steps: tuple = ()) -> Image:
    """Run steps inside of a stage."""
    return pipe(image, *steps)


@stage
def measuring(image: Image, *, steps: tuple = ()) -> Image:
    """Run steps for what they say of an image, and leave it as it is."""
    pipe(image, *steps)
    return image


def in_function(steps):
    return lambda image: told_together()(chain(*steps))(image)


PLAIN = st.text("abc", min_size=1, max_size=3).map(saying)
PROGRAMS = st.recursive(
    PLAIN | st.text("xyz", min_size=1, max_size=3).map(lambda word: doubtful(word=word)),
    lambda inner: st.lists(inner, max_size=3).flatmap(
        lambda steps: st.sampled_from([
            chain(*steps), in_function(steps), calling(steps=tuple(steps)), lambda image: pipe(image, *steps)
        ])
    ),
    max_leaves=8,
)  # fmt: skip


def words_of(notes):
    return {note.found for note in notes}


@given(programs=st.lists(PROGRAMS, max_size=3), others=st.lists(PLAIN, max_size=2))
def test_what_is_told_is_kept_however_steps_and_functions_are_nested(programs, others):
    told = []
    with running(on_note=told.append):
        one = pipe(an_image(), *programs, measuring(steps=tuple(others)))
    assert words_of(told) == words_of(one.notes)
    assert len(told) == len(one.notes)
    told = []
    with running(on_note=told.append):
        frames = each(chain(*programs))(FrameSet((an_image(), an_image("b.fits"))))
    assert set(told) == set(frames.notes)


@pytest.mark.parametrize("make", [lambda image: image, lambda image: FrameSet([image]), attach_header])
def test_what_a_function_says_goes_on_with_what_it_gives(make):
    with pytest.warns(AssumptionWarning) as caught:
        record = pipe(an_image(), make, saying("odd"), saying("even"))
    assert len(caught) == 2
    assert words_of(record.notes) == {"a.fits: is odd", "a.fits: is even"}
    if make is attach_header:
        assert record.header.get("NNOTES") == 2


def test_what_is_said_of_a_master_goes_with_it():
    bias = Image.of(np.ones((2, 3)), kind="bias", name="a.fits")
    with pytest.warns(AssumptionWarning):
        master = pipe(bias, MasterBias.of, saying_of_masters)
    assert words_of(master.image.notes) == {"is odd"}


def saying_of_masters(master):
    advise("is odd")
    return master


def test_what_is_said_in_a_stage_is_its_own():
    with pytest.warns(AssumptionWarning):
        image = calling(an_image(), steps=(saying("odd"), doubtful))
    assert [(step.stage, words_of(step.said)) for step in image.history] == [
        ("doubtful", {"a.fits: is doubtful"}),
        ("calling", {"a.fits: is odd"}),
    ]
    assert not image.said


def test_what_is_said_of_some_frames_stays_with_them():
    def of_the_first(frames):
        advise("is odd", of=frames[0])
        return frames

    with pytest.warns(AssumptionWarning):
        first, second = pipe(FrameSet((an_image(), an_image("b.fits"))), of_the_first)
    assert (words_of(first.notes), second.notes) == ({"a.fits: is odd"}, ())
