"""Headers kept as text: FITS cards, or YAML that other projects dumped them into."""

import math
import re
import warnings

from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning

from pipeline import Cards

PART = re.compile(r"^### HDU.*\n", re.MULTILINE)
PLAIN = re.compile(r"^([A-Z][\w-]*): (.*)$")
BLOCK = re.compile(r"^- - (.*)\n  - (.*)\n  - (.*)\n  - (.*)$", re.MULTILINE)
LISTED = re.compile(r"^- \[([A-Z][\w-]*), (String|Double|Int|LongLong|Bool), (.*?)(?:, ('.*'|[^,]*))?\]$")


def headers_of(text):
    """Give the headers of a text in the order in which they are believed: the first HDU's, then the primary."""
    parts = [part for part in PART.split(text) if part.strip()]
    headers = [_cards(part) for part in parts[:2]]
    return headers[::-1]


def _cards(text):
    """Read one header; what is no card is passed over."""
    if "SIMPLE  =" in text or re.search(r"^[A-Z0-9_-]{1,8} *= ", text, re.MULTILINE) or "HIERARCH" in text:
        flat = text if "\n" in text[:200] else "\n".join(text[at : at + 80] for at in range(0, len(text), 80))
        return Cards("".join(line[:80].ljust(80) for line in flat.splitlines() if line[:3] != "END"))
    text = BLOCK.sub(r"- [\1, \2, \3, \4]", text)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AstropyWarning)
        return Cards.of(fits.Header([card for line in text.splitlines() if (card := _yaml_card(line))]))


def _yaml_card(line):
    found = LISTED.match(line) or PLAIN.match(line)
    if not found:
        return None
    groups = found.groups()
    value, comment = (groups[2], groups[3] or "") if len(groups) == 4 else (groups[1], "")
    quoted = value.startswith("'") or (len(groups) == 4 and groups[1] == "String")
    return found[1], (value.strip("'") if quoted else _plain(value)), comment.strip("'")[:40]


def _plain(value):
    words = {"true": True, "false": False, "null": None, "": None}
    if value in words:
        return words[value]
    try:
        return int(value)
    except ValueError:
        pass
    try:
        return float(value) if math.isfinite(float(value)) else None
    except ValueError:
        return value
