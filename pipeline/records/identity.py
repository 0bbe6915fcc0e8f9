"""What a record is, in few words: a key of all its content, and a hash that never looks at pixels.

Both are the same in every process, on whatever machine, and agree with ``==``: what is equal has one key and one hash.
Python's own hash of a text is another in each process, and a pickle is another after it was read: it tells which of
its texts are the same object.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import singledispatch
from types import BuiltinFunctionType, CodeType, FunctionType
from typing import Any, NamedTuple

import attrs
import numpy as np

from pipeline.errors import SettingError
from pipeline.records.arrays import Array


class _Asked(NamedTuple):
    """What counts: pixels, or of arrays their shape and type alone; and whether functions need a name."""

    pixels: bool
    named: bool = False


def content_key(*things: Any, named: bool = False) -> str:
    """Give a name that records of this content have, and no others, in every process: 32 hexadecimal digits.

    All pixels in memory are read; a frame on disk is told by its path, size, modification time and inode.  A record may
    say by a property ``content`` what it is, where that is not its fields.  Dask asks for this to tell its tasks apart.

    >>> content_key(1, "a") == content_key(1.0, "a"), content_key((1, "a")) == content_key([1, "a"])
    (True, False)

    :param named: refuse a function that no module has by a name: what it does is not in its code alone.
    :raises SettingError: there is such a function.
    """
    return _digest(things, _Asked(pixels=True, named=named))[:32]


def cheap_hash(thing: Any) -> int:
    """Give the hash of a record without a look at pixels: of arrays their shape and type count.

    A record may say by a property ``outline`` what is enough to tell it from most others.
    """
    return int(_digest(thing, _Asked(pixels=False))[:15], 16)


def _digest(thing: Any, asked: _Asked) -> str:
    said = hashlib.sha256()  # processors have instructions for it
    for part in _parts(thing, asked):
        said.update(part)
    return said.hexdigest()


@singledispatch
def _parts(thing: Any, asked: _Asked) -> Iterator[bytes]:
    """Write what a thing is, piece by piece, so that no two things are written alike."""
    said = "content" if asked.pixels or not hasattr(thing, "outline") else "outline"
    if attrs.has(type(thing)) or hasattr(thing, said):
        yield _text(type(thing).__module__, type(thing).__qualname__)
        yield from _parts(getattr(thing, said) if hasattr(thing, said) else _compared(thing), asked)
    else:
        made_of = thing.__reduce_ex__(4)
        listed = made_of if isinstance(made_of, str) else [list(p) if isinstance(p, Iterator) else p for p in made_of]
        yield from _parts(listed, asked)


def _compared(thing: Any) -> dict[str, Any]:
    """Give the fields by which records of attrs are compared."""
    return {field.name: getattr(thing, field.name) for field in attrs.fields(type(thing)) if field.eq}


@_parts.register(str)
@_parts.register(bytes)
@_parts.register(type(None))
def _word(thing: str | bytes | None, _asked: _Asked) -> Iterator[bytes]:
    yield _text("word", repr(str(thing) if isinstance(thing, str) else thing))


@_parts.register(int)
@_parts.register(float)
@_parts.register(complex)
@_parts.register(np.generic)
def _number(number: Any, _asked: _Asked) -> Iterator[bytes]:
    """Write a number as all are written that are equal to it: True as 1, and 1.0 too."""
    plain = number.item() if isinstance(number, np.generic) else number
    whole = isinstance(plain, int) or (isinstance(plain, float) and plain.is_integer())
    yield _text("number", repr(int(plain) if whole else plain))


@_parts.register(tuple)
@_parts.register(list)
def _sequence(things: tuple[Any, ...] | list[Any], asked: _Asked) -> Iterator[bytes]:
    yield _text("list" if isinstance(things, list) else "tuple", str(len(things)))
    for thing in things:
        yield from _parts(thing, asked)


@_parts.register(dict)
@_parts.register(set)
@_parts.register(frozenset)
def _in_any_order(things: Any, asked: _Asked) -> Iterator[bytes]:
    pairs = isinstance(things, dict)
    each = things.items() if pairs else things
    yield _text("mapping" if pairs else "set", *sorted(_digest(thing, asked) for thing in each))


@_parts.register(np.ndarray)
def _array(array: Array, asked: _Asked) -> Iterator[bytes]:
    """Write an array: NaN equals NaN, and 0 is −0."""
    yield _text("array", array.dtype.str, str(array.shape))
    if array.dtype.hasobject and asked.pixels:
        yield from _parts(array.tolist(), asked)
    elif asked.pixels:
        values = np.ascontiguousarray(array)
        if values.dtype.kind == "f":
            values = values + values.dtype.type(0)
            values[np.isnan(values)] = np.nan
        yield values.reshape(-1).view(np.uint8).tobytes()


@_parts.register(type)
@_parts.register(FunctionType)
@_parts.register(BuiltinFunctionType)
def _code(thing: Any, asked: _Asked) -> Iterator[bytes]:
    """Write a class or a function by its name, and one that has no name of its own, or is no module's, by its code."""
    yield _text("code", str(thing.__module__), thing.__qualname__)
    nameless = thing.__module__ == "__main__" or "<" in thing.__qualname__
    if nameless and asked.named:
        raise SettingError(f"{thing!r} has no content that could be told; define it in a module, by name")
    if isinstance(thing, FunctionType) and nameless:
        held = tuple(cell.cell_contents for cell in thing.__closure__ or ())
        yield from _parts((thing.__code__, thing.__defaults__, thing.__kwdefaults__, held), asked)


@_parts.register(CodeType)
def _compiled(code: CodeType, asked: _Asked) -> Iterator[bytes]:
    yield from _parts((code.co_code, code.co_consts, code.co_names), asked)


def _text(*words: str) -> bytes:
    return "".join(f"{len(word)}:{word}" for word in words).encode("utf-8", "surrogatepass")
