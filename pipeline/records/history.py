"""What an image went through, and what a master is made of."""

from __future__ import annotations

from typing import Any

import attrs


@attrs.frozen
class Lineage:
    """What a master is made of: its kind, the names of its raw frames, and the steps they went through.

    ``combined`` is what combining found, where it was combined here.
    """

    kind: str
    sources: tuple[str, ...]
    history: tuple[Ran, ...]
    combined: Any = None


@attrs.frozen
class Ran:
    """A step that ran: the provenance of an image is the list of these."""

    stage: str
    settings: tuple[tuple[str, str], ...] = ()
    masters: tuple[Lineage, ...] = ()
    skipped: str = ""

    def __str__(self) -> str:
        words = ", ".join(f"{name}={value}" for name, value in self.settings)
        return f"{self.stage}({words})" + (f" skipped: {self.skipped}" if self.skipped else "")
