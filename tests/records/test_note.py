"""Notes: data that is compared, put together and said in one line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import FileWarning, HeaderWarning, SettingError
from pipeline.records.note import Note, merged, names_of

WORDS = st.text(max_size=8)
NOTES = st.lists(
    st.builds(
        Note, WORDS, frames=st.lists(WORDS, max_size=3).map(tuple), mend=WORDS, fact=st.sampled_from(["", "the fact"])
    ),
    max_size=6,
)


@given(notes=NOTES)
def test_merging_is_done_once_and_for_all_and_loses_no_frame(notes):
    once = merged(notes)
    assert merged(once) == once
    assert {name for note in once for name in note.frames} == {name for note in notes for name in note.frames}
    assert len({note.words for note in once}) == len({note.fact or note.words for note in once}) == len(once)
    assert len(once) <= len({note.fact or note.words for note in notes})
    assert bool(once) == bool(notes)


@pytest.mark.parametrize(
    "wrong", [{"words": 5}, {"category": UserWarning}, {"mend": None}, {"figures": [5]}, {"figures": {"a": "b"}}]
)
def test_what_is_no_note_is_refused(wrong):
    with pytest.raises(SettingError, match="a note "):
        Note(**{"words": "is dark"} | wrong)
    assert Note("is dark", figures={"level": 5}).figures == (("level", 5.0),)


def test_a_note_that_knows_its_words_alone_is_of_the_fact_that_they_tell():
    read, known = Note("is dark", frames=("a.fits",), more=2), Note("is dark", frames=("b.fits",), mend="go", fact="f")
    for notes in ([read, known], [known, read]):
        (note,) = merged(notes)
        assert (note.mend, note.fact, set(note.frames), note.more) == ("go", "f", {"a.fits", "b.fits"}, 1)
    assert str(read) == "a.fits and 2 more: is dark"


@given(sizes=st.permutations([1, 2, 3]))
def test_a_wrong_of_several_sizes_is_said_at_its_worst(sizes):
    notes = [Note(f"is {size} off", frames=("a.fits",), figures=(("off", size),), fact="is off") for size in sizes]
    assert [note.words for note in merged(notes)] == ["is 3 off"]


@given(words=st.text())
def test_a_note_is_one_line_that_no_terminal_obeys(words):
    said = str(Note(words, frames=(words,), mend=words, at_command=words))
    assert not any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in said)


def test_what_to_do_is_said_in_the_words_of_who_asked():
    note = Note("is dark", frames=("a.fits",), mend="say dark=None", at_command="--no-dark")
    assert (str(note), note.command_words) == ("a.fits: is dark; say dark=None", "a.fits: is dark; --no-dark")
    assert note.found == "a.fits: is dark"


def test_strictness_refuses_assumptions_and_no_more():
    assert Note("x", HeaderWarning).is_assumption
    assert not Note("x", FileWarning).is_assumption


def test_names_are_those_of_frames_or_given():
    assert names_of(()) == ()
    assert names_of("ab") == ("ab",)
