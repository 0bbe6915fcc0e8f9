"""How a step is written: as the Python that makes it, with names for what no text holds.

Evaluated with ``step.names``, the repr of a step is that step: masters, masks and images stand in it by their names,
and are found by them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import numpy as np

from pipeline.errors import StepError
from pipeline.records.frames import Image
from pipeline.records.identity import content_key


def written(value: Any) -> str:
    """Write a setting as Python; an array by its type, shape and content key.

    >>> written(float("inf")), written((1.5, None)), written(np.zeros((2, 3)))[:24]
    ("float('inf')", '(1.5, None)', "array('float64', (2, 3),")
    """
    if isinstance(value, float) and not math.isfinite(value):
        return f"float('{value}')"
    if isinstance(value, np.ndarray):
        return f"array('{value.dtype}', {value.shape}, '{content_key(value)}')"
    if isinstance(value, Image):
        return f"Image({value.short_name!r})"
    if type(value) is tuple:
        return f"({', '.join(map(written, value))}{',' if len(value) == 1 else ''})"
    return repr(value)


def names_in_words_of(thing: Any) -> dict[str, Any]:
    """Give what the names stand for that a step or a chain is written with.

    :raises StepError: two masters, masks or images that differ are written alike.
    """
    names: dict[str, Any] = {}
    held: dict[str, dict[str, Any]] = {}
    for name, what in _named(thing):
        if _is_held(what):
            known = held.setdefault(name, {}).setdefault(written(what), what)
            if content_key(known) != content_key(what):
                raise StepError(f"two that differ are called {written(what)}; name them: Image.of(..., name='...')")
        else:
            names[name] = what
    return names | {name: _finder(name, known) for name, known in held.items()}


def _finder(name: str, known: dict[str, Any]) -> Callable[..., Any]:
    """Make what finds a thing that no text holds by the words with which it is written."""

    def find(*words: object, **more: object) -> Any:
        said = ", ".join([*map(repr, words), *(f"{key}={value!r}" for key, value in more.items())])
        return known[f"{name}({said})"]

    return find


def _is_held(thing: Any) -> bool:
    """Tell whether something has pixels, which no text holds."""
    whole = isinstance(thing, np.ndarray | Image) or hasattr(thing, "image")
    return whole or (hasattr(thing, "on_rows") and not hasattr(thing, "made_with"))


def _named(thing: Any) -> Iterator[tuple[str, Any]]:
    """Give the names in what a thing is written as, and what each stands for."""
    if hasattr(thing, "made_with"):  # a step, a chain
        for one in thing.made_with:
            yield from _named(one)
    elif isinstance(thing, tuple | list):
        for one in thing:
            yield from _named(one)
    elif _is_held(thing):
        yield "array" if isinstance(thing, np.ndarray) else type(thing).__name__, thing
    elif attrs.has(type(thing)):
        yield type(thing).__name__, type(thing)
        yield from _named([getattr(thing, field.name) for field in attrs.fields(type(thing))])
    elif callable(thing):
        yield getattr(thing, "__name__", repr(thing)), thing
