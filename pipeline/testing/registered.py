"""What ``st.from_type`` of hypothesis draws for our classes: the same as :func:`~pipeline.testing.records`."""

from __future__ import annotations

import typing
from typing import Any

import attrs
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

import pipeline
from pipeline.headers.status import Done, State
from pipeline.records.frames import Location
from pipeline.records.history import Lineage, StepRecord
from pipeline.stacking.result import CombineResult
from pipeline.testing.drawn_values import DRAWN, SHAPE, records

NOT_PUBLIC = (StepRecord, Lineage, State, Done, Location, CombineResult)
"""Records that public ones hold, and of which nobody needs the name but to draw them."""


def public_records() -> tuple[type, ...]:
    """Give every record of which ``pipeline`` has the name, and the others that are drawn."""
    public = (getattr(pipeline, name) for name in dir(pipeline))
    found = (one for one in public if isinstance(one, type) and (attrs.has(one) or one in DRAWN))
    return tuple(dict.fromkeys((*found, *DRAWN, *NOT_PUBLIC)))


def register() -> None:
    """Tell hypothesis how to draw every record."""
    for record in public_records():
        st.register_type_strategy(record, _drawn)


def _drawn(thing: Any) -> SearchStrategy[Any]:
    """Draw what an annotation names: a record, or a step from one record to another."""
    of, parameters = typing.get_origin(thing) or thing, typing.get_args(thing)
    return DRAWN[of](shape=SHAPE, parameters=parameters) if parameters else records(of)
