"""Notes stay with what they are about: in its header, read back from a file, in its record, in its report."""

import json
import math
import re
import tempfile
from pathlib import Path

import attrs
import numpy as np
import pytest
from astropy.io import fits
from hypothesis import assume, given
from hypothesis import strategies as st
from small_nights import write_nights
from strategies import examples

from pipeline import FrameSet, Image, attach_header, make_masters, open_frame, read_night, reduce, running, write
from pipeline.errors import AssumptionWarning, FileWarning
from pipeline.headers.fits_standard import printable
from pipeline.headers.history_entries import entries_in
from pipeline.provenance.record import notes_as_json, notes_from_json
from pipeline.records.note import ENTRIES, KINDS, Note
from pipeline.simulation.simulate import Counts

WORDS = st.text(max_size=12) | st.sampled_from(["σ² = 3 × é", "it says 'yes' & no", "word " * 40, "x" * 200])
NOTES = st.lists(
    st.builds(
        Note,
        WORDS,
        st.sampled_from([category for category, _ in KINDS.values()]),
        frames=st.lists(WORDS.filter(lambda name: re.search(r"\w", name)), max_size=2),
        mend=WORDS,
        at_command=WORDS,
        figures=st.lists(st.tuples(WORDS, st.floats()), max_size=2, unique_by=lambda figure: figure[0]),
    ),
    max_size=5,
)


def product_with(notes):
    image = Image.of(np.ones((2, 3)), name="a.fits", header={"HISTORY": "was read out"})
    return attach_header(attrs.evolve(image, said=tuple(notes)))


def plain(note):
    """Give kind and words of a note as HISTORY may have them, without the blanks where it goes on in the next card."""
    return note.kind, "".join(printable(note.found).split()).rstrip(".")


@given(notes=NOTES)
def test_a_written_product_holds_each_note_counts_them_and_gives_them_back(notes):
    words = {note.words for note in notes}
    assume(len({"".join(printable(some).split()) for some in words}) == len(words))  # in ASCII too
    product = product_with(notes)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "product.fits")
        write(product, path)
        header, read = fits.getheader(path), open_frame(path)
        again = attach_header(read).header.to_header()
    assert header["NNOTES"] == len(entries_in(product.header, ENTRIES)) == len(read.notes)
    assert {plain(note) for note in read.notes} == {plain(note) for note in product.notes}
    assert (again["NNOTES"], list(again["HISTORY"])) == (header["NNOTES"], list(header["HISTORY"]))


NAMES = st.from_regex(
    r"([A-Z]:\\|[a-z]{1,60}/)?[a-z]{1,9}( and|[.]fits(\.gz)?|[.]FIT)?(\[(\*|[1-9])\])?", fullmatch=True
)
PLAIN_NOTES = st.lists(
    st.builds(
        Note,
        st.from_regex(r"[a-z]{1,70}(: [a-z]{1,9}| and [1-9] more)?", fullmatch=True),
        st.sampled_from([category for category, _ in KINDS.values()]),
        frames=st.lists(NAMES, max_size=4, unique=True),
        mend=st.sampled_from(["", "do it"]),
        fact=st.sampled_from(["", "first", "second"]),
    ),
    max_size=4,
)


def as_a_header_has_it(note):
    return (note.category, note.words, note.frames[:1], len(note.frames) + note.more)


@given(notes=PLAIN_NOTES)
def test_a_header_has_words_kind_first_frame_and_number_of_frames_of_each_note(notes):
    product = product_with(notes)
    read = Image.of(np.ones((2, 3)), header=product.header).notes
    assert product.header.get("NNOTES") == len(read)
    assert list(map(as_a_header_has_it, read)) == list(map(as_a_header_has_it, product.notes))


@given(notes=PLAIN_NOTES, later=PLAIN_NOTES)
def test_each_note_of_a_product_has_one_entry_also_where_it_is_of_a_fact_that_was_known(notes, later):
    product = product_with(notes).noted(later)
    entries = entries_in(product.header, ENTRIES)
    assert product.header.get("NNOTES") == len(entries)
    assert [note.entry for note in product.notes] == entries


def test_a_fact_that_is_said_again_and_is_worse_has_one_entry():
    mild, bad = (Note(f"is {size} off", frames=("a.fits",), figures=(("off", size),), fact="off") for size in (1, 2))
    product = product_with([mild]).noted([bad])
    assert entries_in(product.header, ENTRIES) == [note.entry for note in product.notes] == [bad.entry]
    assert product.header.get("NNOTES") == 1


@given(notes=PLAIN_NOTES, again=st.integers(0, 4))
def test_what_is_said_again_of_a_product_that_was_taken_up_is_one_note_with_what_stands_there(notes, again):
    product = product_with(notes)
    for taken_up in (Image.of(product), Image.of(np.ones((2, 3)), header=product.header)):
        attached = attach_header(taken_up.noted(product.notes[:again]))
        assert list(attached.header.to_header()["HISTORY"]) == list(product.header.to_header()["HISTORY"])
        assert attached.header.get("NNOTES") == product.header.get("NNOTES")


@given(notes=NOTES)
def test_a_record_holds_all_of_each_note_and_gives_it_back(notes):
    def as_json_holds_it(note):
        return attrs.evolve(note, figures=[(n, size if math.isfinite(size) else math.nan) for n, size in note.figures])

    kept = json.loads(json.dumps(notes_as_json(notes), allow_nan=False))
    assert notes_from_json(kept) == tuple(map(as_json_holds_it, notes))


def test_a_quiet_product_counts_none():
    assert product_with([]).header.get("NNOTES") == 0


def test_notes_of_a_product_taken_up_in_memory_are_not_entered_twice():
    product = product_with([Note("is dark", frames=("a.fits",))])
    again = attach_header(Image.of(product))
    assert again.header.get("NNOTES") == 1
    assert [note.found for note in again.notes] == ["a.fits: is dark"]


@pytest.mark.parametrize("kind", ["bias", "dark", "flat"])
def test_notes_of_a_written_master_are_those_of_a_later_night(tmp_path, kind):
    counts = Counts(bias=3, dark=2, flat=3, light=1, arc=0)
    (first,) = write_nights(tmp_path / "first", 1, counts=counts)
    (later,) = write_nights(tmp_path / "later", 1, counts=counts)
    assert reduce(read_night(later)).notes == ()
    fits.setval(first.parent / "raw" / f"{kind}_01.fits", "GAIN", value=0.3)
    with running(on_note=lambda _: None):
        master = getattr(make_masters(read_night(first)), kind)
        write(master, tmp_path / f"{kind}.fits")
    raw = [line for line in later.read_text().splitlines() if not line.startswith(kind)]
    later.write_text("\n".join([*raw, f"{kind}, {tmp_path / kind}.fits"]))
    image = reduce(read_night(later))
    (note,) = (note for note in master.image.notes if "gain" in note.words)
    assert (note.category, note.found) in [(other.category, other.found) for other in image.notes]
    assert entries_in(image.header, ENTRIES).count(note.entry) == 1


@pytest.mark.parametrize("kind", ["light", "arc"])
@examples(15)
@given(seconds=st.lists(st.sampled_from([10.0, 20.0]), min_size=2, max_size=3), gain=st.sampled_from([1.5, 15.0]))
def test_what_a_run_tells_is_kept_with_what_it_gives(kind, seconds, gain):
    rng = np.random.default_rng(5)

    def frame(of, exposure):
        level = {"bias": 100.0, "flat": 20_000.0}.get(of, 100 + 50 * exposure)
        values = np.round(rng.normal(level, 3, (12, 16)))
        cards = {"GAIN": gain, "RDNOISE": 4.5, "EXPTIME": exposure}
        return Image.of(values, kind=of, header=cards, name=f"{of}{next(numbers)}.fits")

    numbers = iter(range(100))
    calibrations = [frame(of, exposure) for of, exposure in (("bias", 0.0), ("flat", 5.0)) for _ in range(3)]
    night = FrameSet([*calibrations, *(frame(kind, exposure) for exposure in seconds)])
    told = []
    with running(on_note=told.append):
        image = reduce(night, kind=kind)
    assert set(told) == set(image.notes)
    assert image.header.get("NNOTES") == len(told)
    assert any(f"{kind}s of" in note.words for note in told) == (len(set(seconds)) > 1)


def test_notes_of_a_product_are_told_and_refused_again_by_who_takes_it_up(tmp_path):
    notes = [Note("is dark", frames=("a.fits",)), Note("was rounded", FileWarning)]
    write(product_with(notes), tmp_path / "all.fits")
    write(product_with(notes[1:]), tmp_path / "file.fits")
    told = []
    with running(on_note=told.append):
        assert open_frame(tmp_path / "all.fits").notes == tuple(told)
    assert [note.found for note in told] == [note.found for note in notes]
    with running(quiet=True):
        assert open_frame(tmp_path / "all.fits").notes == tuple(told)
    with running(strict=True, on_note=told.append):
        assert len(open_frame(tmp_path / "file.fits").notes) == 1
        with pytest.raises(AssumptionWarning, match=r"a\.fits: is dark"):
            open_frame(tmp_path / "all.fits")
