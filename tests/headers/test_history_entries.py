"""HISTORY entries over several cards: read back whole, whatever stands before and behind them."""

import io

import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from pipeline.headers.cards import Cards
from pipeline.headers.fits_standard import printable
from pipeline.headers.history_entries import LINE, entries_in, lines_of, without_entries

WORDS = st.text(max_size=90) | st.lists(st.integers(1, 200), max_size=12).map(
    lambda sizes: " ".join("x" * size for size in sizes)
)


def written_and_read(lines):
    """Write lines as HISTORY into a file, and read its cards."""
    header = fits.Header()
    for line in lines:
        header.add_history(line)
    stream = io.BytesIO()
    fits.PrimaryHDU(header=header).writeto(stream)
    stream.seek(0)
    return Cards.of(fits.getheader(stream))


@given(entries=st.lists(WORDS, max_size=5))
def test_entries_come_back_as_they_were_whatever_their_length(entries):
    noted = [f"NOTE {' '.join(printable(entry).split())}".strip() for entry in entries]
    lines = ["combine(method='mean')", *(line for entry in noted for line in lines_of(entry)), "attach_header()"]
    read = entries_in(written_and_read(lines), ("NOTE",))
    assert [entry.removesuffix(".") for entry in read] == [entry.removesuffix(".") for entry in noted]
    assert [line for entry in read for line in lines_of(entry)] == lines[1:-1]


@pytest.mark.parametrize("length", range(LINE - 3, LINE + 4))
def test_an_entry_that_fills_its_card_swallows_no_other(length):
    lines = lines_of("NOTE ".ljust(length, "x"))
    found = entries_in(written_and_read([*lines, "subtract_bias()", *lines]), ("NOTE",))
    assert found == ["NOTE ".ljust(length, "x")] * 2


@pytest.mark.parametrize("length", [20, LINE - 2, LINE - 1, LINE])
def test_an_indented_card_of_another_program_is_no_part_of_an_entry(length):
    entry = "NOTE ".ljust(length, "x")
    cards = written_and_read([*lines_of(entry), "  indented by another program"])
    assert entries_in(cards, ("NOTE",)) == [entry]
    assert "indented by another program" in without_entries(cards, ("NOTE",)).text


def test_no_card_of_an_entry_ends_in_a_blank():
    lines = lines_of("NOTE " + "x " * 200)
    assert all(line == line.rstrip() and len(line) <= LINE for line in lines)
    assert "".join(lines) == "NOTE " + ("x " * 200).rstrip()
