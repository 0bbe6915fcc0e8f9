"""The unit of pixel values, in one spelling."""

from __future__ import annotations

import re

UNITS = dict.fromkeys(("adu", "adus", "count", "counts", "dn"), "adu") | dict.fromkeys(
    ("electron", "electrons", "e-", "e"), "electron"
)
_PER_SECOND = re.compile(
    r"(.+?)\s*(?:(?:/|\bper\b)\s*(?:s|secs?|seconds?)|[\s.*](?:s|secs?)\s*(?:\^|\*\*)?\s*\(?-1\)?)", re.IGNORECASE
)


def unit(text: str) -> str:
    """Give a unit in one spelling: adu, electron, either per second, or what else the text says.

    >>> unit("Counts"), unit("e-/sec"), unit("ADU s**-1"), unit("Jy")
    ('adu', 'electron/s', 'adu/s', 'Jy')
    """
    rate = _PER_SECOND.fullmatch(text.strip())
    word = rate[1] if rate else text.strip()
    return UNITS.get(word.lower(), word) + ("/s" if rate else "")
