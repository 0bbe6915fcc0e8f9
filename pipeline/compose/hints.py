"""Whether a setting is of the type that its annotation asks for, and that type in words."""

from __future__ import annotations

import numbers
import types
import typing
from typing import Any

import attrs


def _record_types(hint: Any) -> list[type]:
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    return [option for option in options if isinstance(option, type)]


def fits_hint(value: object, hint: Any) -> bool:
    """Check settings that should be records or numbers; words are the stage's own business."""
    options = _record_types(hint)
    if any(attrs.has(option) for option in options):
        several = [typing.get_args(option)[0] for option in typing.get_args(hint) if typing.get_origin(option) is tuple]
        each = isinstance(value, tuple) and bool(value) and all(isinstance(one, tuple(several)) for one in value)
        return isinstance(value, tuple(options)) or each
    said = set(typing.get_args(hint)) if isinstance(hint, types.UnionType) else {hint}
    numeric = bool(said & {float, int}) and said <= {float, int, types.NoneType}
    return not numeric or (value is None and types.NoneType in options) or is_number(value)


def is_number(value: object) -> bool:
    """Tell whether a value is a real number, of whatever type, and no truth value."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def words_of(hint: Any) -> str:
    """Say what type an annotation asks for."""
    names = ["None" if option is types.NoneType else option.__name__ for option in _record_types(hint)]
    return " or ".join(f"a {name}" if name != "None" else name for name in names) or str(hint)
