"""Entries of HISTORY that take as many cards as they need, and can be read back whole.

FITS knows no way for HISTORY to go on in the next card.  Here an entry goes on behind a card that is full to its last
column, and in one that begins with a blank; so that both can be told, no card ends with a blank, and an entry that
would end in a last column gets a full stop, in a card of its own.
"""

from __future__ import annotations

from pipeline.headers.cards import CARD, Cards
from pipeline.headers.fits_standard import printable

LINE = CARD - len("HISTORY ")
"""Characters that a HISTORY card holds."""


def lines_of(entry: str) -> list[str]:
    """Cut an entry into the texts of HISTORY cards, in the characters that FITS knows, with single blanks.

    >>> lines_of("σ is  1.5")
    ['sigma is 1.5']
    """
    left, lines = " ".join(printable(entry).split()), list[str]()
    while left:
        lines.append(left[:LINE].rstrip())
        left = left[len(lines[-1]) :]
    return [*lines, "."] if lines and len(lines[-1]) == LINE else lines


def entries_in(cards: Cards, start: str) -> list[str]:
    """Read the entries of HISTORY that begin with some word, each put together of its cards.

    >>> import astropy.io.fits as fits
    >>> header = fits.Header([("HISTORY", line) for line in [*lines_of("NOTE " + 30 * "word "), "combine()"]])
    >>> entries_in(Cards.of(header), "NOTE") == [" ".join(["NOTE"] + 30 * ["word"])]
    True
    """
    entries: list[str] = []
    before = ""
    for image in cards.images:
        if not image.startswith("HISTORY "):
            continue
        line = image[len("HISTORY ") :].rstrip()
        if before and (len(before) == LINE or line.startswith(" ")):
            entries[-1] += line
        elif line.split(" ")[0] == start:
            entries.append(line)
        else:
            line = ""
        before = line
    return entries
