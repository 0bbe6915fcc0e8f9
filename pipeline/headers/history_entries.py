"""Entries of HISTORY that take as many cards as they need, and can be read back whole.

FITS knows no way for HISTORY to go on in the next card.  Here an entry goes on behind a card that is full to its last
column, and in one that begins with the blank which would have been in that column; an entry that ends in one of the
last two columns gets a full stop, in a card of its own.
"""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.headers.cards import CARD, Cards
from pipeline.headers.fits_standard import printable

LINE = CARD - len("HISTORY ")
"""Characters that a HISTORY card holds."""


def plain(entry: str) -> str:
    """Give an entry as it will be read back: in the characters that FITS knows, with single blanks.

    >>> plain("σ is  1.5")
    'sigma is 1.5'
    """
    return " ".join(printable(entry).split())


def lines_of(entry: str) -> list[str]:
    """Cut an entry into the texts of HISTORY cards."""
    left, lines = plain(entry), list[str]()
    while left:
        lines.append(left[:LINE].rstrip())
        left = left[len(lines[-1]) :]
    return [*lines, "."] if lines and len(lines[-1]) >= LINE - 1 else lines


def entries_in(cards: Cards, starts: tuple[str, ...]) -> list[str]:
    """Read the entries of HISTORY that begin in some way, each put together of its cards.

    >>> import astropy.io.fits as fits
    >>> header = fits.Header([("HISTORY", line) for line in [*lines_of("NOTE " + 30 * "word "), "combine()"]])
    >>> entries_in(Cards.of(header), ("NOTE",)) == [" ".join(["NOTE"] + 30 * ["word"])]
    True
    """
    return ["".join(lines) for lines in _apart(cards, starts)[0]]


def without_entries(cards: Cards, starts: tuple[str, ...]) -> Cards:
    """Leave out the entries of HISTORY that begin in some way."""
    return Cards("".join(_apart(cards, starts)[1]))


def with_entries(cards: Cards, entries: Iterable[str]) -> Cards:
    """Add entries to HISTORY, behind what stands there; the text of cards is quicker to change than astropy's header.

    >>> [image.rstrip() for image in with_entries(Cards.of({"HISTORY": "bias"}), ["NOTE dark"]).images]
    ['HISTORY bias', 'HISTORY NOTE dark']
    """
    images = list(cards.images)
    behind = next((at for at in range(len(images), 0, -1) if images[at - 1].startswith("HISTORY ")), len(images))
    images[behind:behind] = [f"HISTORY {line}".ljust(CARD) for entry in entries for line in lines_of(entry)]
    return Cards("".join(images))


def _apart(cards: Cards, starts: tuple[str, ...]) -> tuple[list[list[str]], list[str]]:
    """Give the lines of each entry that begins in some way, and all other cards."""
    entries: list[list[str]] = []
    others: list[str] = []
    before = ""
    for image in cards.images:
        line = image[len("HISTORY ") :].rstrip() if image.startswith("HISTORY ") else None
        if line is not None and (len(before) == LINE or (len(before) == LINE - 1 and line.startswith((" ", ".")))):
            if line != ".":  # that of lines_of
                entries[-1].append(line)
        elif line is not None and line.startswith(starts):
            entries.append([line])
        else:
            others.append(image)
            line = "" if line is not None else before
        before = line
    return entries, others
