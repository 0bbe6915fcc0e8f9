"""Notes stay with what they are about: in its header, read back from a file, in its record, in its report."""

import json
import tempfile
from pathlib import Path

import attrs
import numpy as np
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from pipeline import Image, attach_header, open_frame, write
from pipeline.headers.fits_standard import printable
from pipeline.provenance.record import notes_as_json
from pipeline.records.note import KINDS, Note

WORDS = st.text(max_size=12) | st.sampled_from(["σ² = 3 × é", "it says 'yes' & no", "word " * 40, "x" * 200])
NOTES = st.lists(
    st.builds(
        Note,
        WORDS,
        st.sampled_from([category for category, _ in KINDS.values()]),
        frames=st.lists(WORDS, max_size=2),
        mend=WORDS,
        at_command=WORDS,
        figures=st.lists(st.tuples(WORDS, st.floats()), max_size=2, unique_by=lambda figure: figure[0]),
    ),
    max_size=5,
)


def product_with(notes):
    image = Image.of(np.ones((2, 3)), name="a.fits", header={"HISTORY": "was read out"})
    return attach_header(attrs.evolve(image, said=tuple(notes)))


def plain(text):
    """Give a text as HISTORY may have it, without the blanks at which it goes on in another card."""
    return "".join(printable(text).split())


@given(notes=NOTES)
def test_a_written_product_holds_each_note_counts_them_and_gives_them_back(notes):
    product = product_with(notes)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "product.fits")
        write(product, path)
        header, read = fits.getheader(path), open_frame(path)
        again = attach_header(read).header.to_header()
    found = {(note.kind, plain(note.found).rstrip(".")) for note in product.notes}
    history = plain("".join(header["HISTORY"]))
    assert all(f"NOTE({kind}){words}" in history for kind, words in found)
    assert header["NNOTES"] == len(read.notes) == len({plain(note.entry) for note in product.notes})
    assert {(note.kind, plain(note.words).rstrip(".")) for note in read.notes} == found
    assert (again["NNOTES"], list(again["HISTORY"])) == (header["NNOTES"], list(header["HISTORY"]))


@given(notes=NOTES)
def test_a_record_holds_all_of_each_note(notes):
    kept = json.loads(json.dumps(notes_as_json(notes), allow_nan=False))
    assert len(kept) == len(notes)
    for note, data in zip(notes, kept, strict=True):
        for name in ("kind", "words", "mend", "at_command", "fact"):
            assert data[name] == getattr(note, name)
        assert tuple(data["frames"]) == note.frames
        assert list(data["figures"]) == [name for name, _ in note.figures]
        assert [size for size in data["figures"].values() if size is not None] == [
            size for _, size in note.figures if np.isfinite(size)
        ]


def test_a_quiet_product_counts_none():
    assert product_with([]).header.get("NNOTES") == 0


def test_notes_of_a_product_taken_up_in_memory_are_not_entered_twice():
    product = product_with([Note("is dark", frames=("a.fits",))])
    again = attach_header(Image.of(product))
    assert again.header.get("NNOTES") == 1
    assert [note.found for note in again.notes] == ["a.fits: is dark"]
