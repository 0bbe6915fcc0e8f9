"""Edge: what the command says of warnings: one line each, and how many there were."""

from __future__ import annotations

import re
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.errors import AssumptionWarning, PipelineWarning

KINDS = {
    "AssumptionWarning": "of assumptions",
    "HeaderWarning": "of headers",
    "ClipWarning": "of the clip",
    "VarianceWarning": "of the variance",
    "SkippedWarning": "of steps done before",
    "FileWarning": "of files",
}
"""What the summary calls each kind of warning."""


_COMMANDS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""What a terminal would obey, or what would change the order of what it shows; but for the line feed."""


def shown(text: str) -> str:
    r"""Give text as it may be shown on a terminal: names of files and values of cards may hold anything.

    >>> shown("\x1b[2J: is gone")
    '\\x1b[2J: is gone'
    """
    return _COMMANDS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


@contextmanager
def said_plainly(*, strict: bool, summary: bool) -> Iterator[None]:
    """Print each warning once, as a line of its own; under ``strict`` an assumption is an error.

    :param summary: also count them at the end, by kind.
    """
    said: dict[str, str] = {}

    def show(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
        text = str(message)
        if text not in said:
            said[text] = KINDS.get(category.__name__, "")
            print(shown(f"ccd-pipeline: note: {text}"), file=sys.stderr)

    with warnings.catch_warnings():
        warnings.simplefilter("always", PipelineWarning)
        if strict:
            warnings.simplefilter("error", AssumptionWarning)
        warnings.showwarning = show
        yield
    if said and summary:
        print(_counted(said))


def _counted(said: dict[str, str]) -> str:
    """Count what was said by kind."""
    kinds = Counter(said.values())
    words = ", ".join(f"{count} {kind}" for kind, count in kinds.items() if kind)
    return f"{len(said)} {'note' if len(said) == 1 else 'notes'}" + (f": {words}" if words else "")
