"""What hypothesis draws for an annotation: every value that a setting so annotated may have, and records of them.

Annotations, and :class:`~pipeline.compose.settings.Limits` in them, say what is valid; where that is not all that there
is to it, as of a text that is to be a section, ``PARTICULAR`` and ``AGREE`` say the rest.
"""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import attrs
import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from hypothesis.strategies import SearchStrategy

import pipeline
from pipeline.compose.settings import Limits, parts_of, unknown_setting
from pipeline.errors import SettingError
from pipeline.headers.status import Done, State
from pipeline.night.recipe import has_pixels
from pipeline.records.frames import Location
from pipeline.records.history import Lineage, StepRecord
from pipeline.stacking.result import CombineResult

T = TypeVar("T")
Shape: TypeAlias = tuple[int, int]

SHAPE: Shape = (5, 6)
"""Rows and columns of what is drawn, unless others are asked for: images, masters and masks fit each other."""

Asked: TypeAlias = Shape | None
"""The shape that is asked for, or None for nothing that has pixels."""

LARGEST, SMALLEST = 1e6, 1e-6
"""Between these lie the numbers that are drawn, where a setting sets no limits of its own."""

MOST_ROUNDS = 30
"""Whole numbers count iterations, pixels, degrees: so many above the least are enough."""


DRAWN: dict[Any, Callable[..., SearchStrategy[Any]]] = {}
"""How records are drawn that are more than their fields: by functions of ``shape=`` and of fields that are given."""

PARTICULAR: dict[tuple[str, str], Callable[[Asked], SearchStrategy[Any]]] = {}
"""What is drawn for a setting of a stage, or a field of a record, whose annotation does not say all: by its owner's
name and its own."""

AGREE: dict[str, Callable[[Mapping[str, Any]], bool]] = {}
"""Whether the settings of a stage, or the fields of a record, go together, by its name."""


def records(of: type[T], /, *, shape: Asked = SHAPE, **fields: Any) -> SearchStrategy[T]:
    """Draw records of a class: its fields by their annotations, or as they are given, by a value or a strategy.

    ``st.from_type`` draws the same.

    >>> from hypothesis import given, settings
    >>> @settings(max_examples=5)
    ... @given(records(Limits, least=2.0))
    ... def limits_hold(limits):
    ...     assert not limits.hold(1.9)
    >>> limits_hold()

    :param shape: of whatever has pixels, (ny, nx); None for records whose fields have none, which any text can hold.
    :raises SettingError: it is no record, or has no such field.
    """
    if shape is None and has_pixels(of):
        return st.nothing()
    if of in DRAWN:
        return DRAWN[of](shape=shape, **fields)
    if not attrs.has(of):
        raise SettingError(f"records: {of!r} is no record; give a class such as Image, Clip or Recipe")
    return put_together(typing.cast("Callable[..., T]", of), of.__name__, required=_fields_of(of, shape, fields))


def _fields_of(of: type, shape: Asked, fields: Mapping[str, Any]) -> dict[str, SearchStrategy[Any]]:
    """Draw the fields of a record that are not given; first of all as they are by default."""
    hints = typing.get_type_hints(of, include_extras=True)
    known = {field.alias: field for field in attrs.fields(of) if field.init}
    for name in fields:
        if name not in known:
            raise unknown_setting(of.__name__, name, known)
    drawn = {name: drawn_or_given(value) for name, value in fields.items()}
    for alias, field in known.items():
        told_by_others = isinstance(field.default, attrs.Factory)  # type: ignore[arg-type]
        if alias not in fields and not told_by_others:
            default = [] if field.default is attrs.NOTHING else [st.just(field.default)]
            drawn[alias] = st.one_of(*default, drawn_for(of.__name__, alias, hints[field.name], shape))
    return drawn


def put_together(
    make: Callable[..., T],
    owner: str,
    *,
    required: Mapping[str, SearchStrategy[Any]],
    optional: Mapping[str, SearchStrategy[Any]] | None = None,
) -> SearchStrategy[T]:
    """Make a step or a record of its settings, where these agree with each other."""
    drawn = st.fixed_dictionaries(dict(required), optional=dict(optional or {}))
    agreed = drawn.filter(AGREE[owner]) if owner in AGREE else drawn
    return agreed.map(lambda settings: make(**settings))


def drawn_for(owner: str, name: str, hint: Any, shape: Asked) -> SearchStrategy[Any]:
    """Draw a setting of a stage, or a field of a record, by its owner's name, its own and its annotation."""
    particular = PARTICULAR.get((owner, name))
    return values_as(hint, shape=shape) if particular is None else particular(shape)


def drawn_or_given(value: Any) -> SearchStrategy[Any]:
    """Take a strategy as it is, and draw nothing but a value that is given."""
    return value if isinstance(value, SearchStrategy) else st.just(value)


def values_as(hint: Any, *, shape: Asked = SHAPE) -> SearchStrategy[Any]:
    """Draw what an annotation allows: of a union the simplest first, and None before that.

    >>> from typing import Annotated, Literal
    >>> from hypothesis import find
    >>> find(values_as(Annotated[float, Limits(above=3, unit="s")] | None), lambda value: value is not None)
    4.0
    >>> find(values_as(tuple[Literal["hot", "dead"], ...]), lambda reasons: reasons)
    ('hot',)
    """
    parts = sorted(parts_of(hint), key=lambda part: part is not types.NoneType)
    return st.one_of([_of_one_sort(part, None, shape) for part in parts])


def _of_one_sort(hint: Any, limits: Limits | None, shape: Asked) -> SearchStrategy[Any]:
    origin, inside = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return _of_one_sort(inside[0], next((more for more in inside[1:] if isinstance(more, Limits)), limits), shape)
    if origin is typing.Literal:
        return st.sampled_from(inside)
    if origin is tuple:
        return _tuples(inside, shape)
    if hint is float or hint is int:
        return _numbers(hint, limits or Limits())
    if np.ndarray in (origin, hint):
        return (
            st.nothing()
            if shape is None
            else arrays.arrays(np.float64, shape, elements=st.floats(-LARGEST, LARGEST, width=32))
        )
    if origin in DRAWN:
        return DRAWN[origin](shape=shape, parameters=inside)
    if hint in DRAWN or attrs.has(hint):
        return records(hint, shape=shape)
    return _PLAIN[hint] if hint in _PLAIN else st.from_type(hint)


def _tuples(inside: tuple[Any, ...], shape: Asked) -> SearchStrategy[tuple[Any, ...]]:
    if inside[-1] is Ellipsis:
        if shape is None and isinstance(inside[0], type) and has_pixels(inside[0]):
            return st.just(())
        return st.lists(values_as(inside[0], shape=shape), max_size=3).map(tuple)
    return st.tuples(*(values_as(one, shape=shape) for one in inside))


def _numbers(sort: type, limits: Limits) -> SearchStrategy[Any]:
    """Draw numbers between limits, and of moderate size where there are none; infinite where that may be."""
    bounds = [bound for bound in (limits.above, limits.below) if bound is not None]
    moderate = max(
        [LARGEST, *(10 * abs(bound) for bound in (*bounds, limits.least, limits.most) if math.isfinite(bound))]
    )
    low = max(limits.least, -moderate, limits.above if limits.above is not None else -math.inf)
    high = min(limits.most, moderate, limits.below if limits.below is not None else math.inf)
    low = SMALLEST if low == 0 and limits.above == 0 and sort is float else low
    if sort is int:
        least = math.floor(low) + (low == limits.above)
        return st.integers(least, min(math.ceil(high) - (high == limits.below), max(least, 0) + MOST_ROUNDS))
    numbers = st.floats(
        low, high, exclude_min=low == limits.above, exclude_max=high == limits.below, allow_subnormal=False
    )
    endless = not limits.finite and limits.most == math.inf and limits.below is None
    return numbers | st.just(math.inf) if endless else numbers


_PLAIN: dict[Any, SearchStrategy[Any]] = {
    bool: st.booleans(),
    str: st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12),
    types.NoneType: st.none(),
    Any: st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    Path: st.sampled_from(["a", "night/b", "c d"]).map(Path),
}


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
        st.register_type_strategy(record, _drawn_by_type)


def _drawn_by_type(thing: Any) -> SearchStrategy[Any]:
    """Draw what an annotation names: a record, or a step from one record to another."""
    of, parameters = typing.get_origin(thing) or thing, typing.get_args(thing)
    return DRAWN[of](shape=SHAPE, parameters=parameters) if parameters else records(of)
