"""Content addresses: the same inputs and settings give the same key, in every process, today and later."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

import attrs
import numpy as np

from pipeline.errors import SettingError


def key_of(*things: Any) -> str:
    """Give the key of records, settings and arrays: 32 hexadecimal digits of their BLAKE2b digest.

    Records count by their class and the fields that their equality counts, arrays by type, shape and bytes, functions
    and stages by where they are defined.

    >>> key_of("bias", 1) == key_of("bias", 1), key_of("bias", 1) == key_of("bias", 1.0)
    (True, False)

    :raises SettingError: a thing has no content that could be addressed, such as a function made on the fly.
    """
    digest = hashlib.blake2b(digest_size=16)
    for part in _parts(things):
        digest.update(len(part).to_bytes(8, "big"))  # so that no two lists of parts run together into one
        digest.update(part)
    return digest.hexdigest()


def _parts(thing: Any) -> Iterator[bytes]:
    """Give what a thing consists of: a word that says what it is, and how much of it follows, and then that."""
    if thing is None or isinstance(thing, bool | int | float | complex | str | bytes | PurePath | np.generic):
        yield f"{type(thing).__name__} {thing!r}".encode()
    elif isinstance(thing, np.ndarray) and not thing.dtype.hasobject:
        yield f"array {thing.dtype.str} {thing.shape}".encode()
        yield thing.tobytes()
    elif isinstance(thing, tuple | list | dict):
        items = sorted(thing.items()) if isinstance(thing, dict) else thing
        yield f"{type(thing).__name__} {len(items)}".encode()
        for item in items:
            yield from _parts(item)
    elif attrs.has(type(thing)):
        fields = [field.name for field in attrs.fields(type(thing)) if field.eq]
        yield f"record {type(thing).__module__}.{type(thing).__qualname__} {len(fields)}".encode()
        for name in fields:
            yield from _parts(getattr(thing, name))
    else:
        yield _defined(thing)


def _defined(thing: Any) -> bytes:
    """Name what is defined in a module."""
    module, name = getattr(thing, "__module__", None), getattr(thing, "__qualname__", "")
    if module is None or not name or "<" in name:
        raise SettingError(f"{thing!r} has no content that could be addressed; define it in a module, by name")
    return f"defined {module}.{name}".encode()
