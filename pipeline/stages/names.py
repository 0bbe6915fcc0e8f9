"""The cards that scripts written for ASPIRED read: how frames and masters were combined, under its names."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from pipeline.records.frames import Image
from pipeline.records.history import Lineage, Ran

LETTERS = {"bias": "B", "dark": "D", "flat": "F"}
"""What ASPIRED puts before COMTYPE, SIGCLIP, CLIPLOW, CLIPHIG and XPOSURE of each master."""


def cards_of(image: Image) -> Iterator[tuple[str, Any, str]]:
    """Give the cards of an image that was combined, and of the masters that its steps used.

    Of a master that was read from a file nothing is known but its name, and nothing is said.
    """
    found = image.found
    if found is not None:
        yield "SIGCLIP", found.clip is not None, "whether outliers were left out"
        if found.clip is not None:
            yield "CLIPHIG", found.clip.high, "[sigma] as CLIPHIGH"
        yield "WEIGHT", _by_exposure(image.history), "whether frames were weighed by exposure"
    for lineage in masters_of(image.history):
        letter = LETTERS.get(lineage.kind, "")
        if letter and lineage.combined is not None:
            yield from _of_master(letter, lineage.kind, lineage.combined)


def _of_master(letter: str, kind: str, found: Any) -> Iterator[tuple[str, Any, str]]:
    yield f"{letter}COMTYPE", found.method, f"how {kind} frames were combined"
    yield f"{letter}SIGCLIP", found.clip is not None, f"whether outliers of {kind} frames were left out"
    if found.clip is not None:
        yield f"{letter}CLIPLOW", found.clip.low, f"[sigma] of {kind} frames, below"
        yield f"{letter}CLIPHIG", found.clip.high, f"[sigma] of {kind} frames, above"
    if kind != "bias" and None not in found.exposures:
        yield f"{letter}XPOSURE", math.fsum(found.exposures), f"[s] total exposure of the {kind} frames"


def _by_exposure(history: tuple[Ran, ...]) -> bool:
    return any(ran.stage == "combine" and ("weights", "'exposure'") in ran.settings for ran in history)


def masters_of(history: tuple[Ran, ...]) -> Iterator[Lineage]:
    """Give the masters that steps used, and those that were used to make them."""
    for ran in history:
        if not ran.skipped:
            for lineage in ran.masters:
                yield lineage
                yield from masters_of(lineage.history)
