"""Edge: is a product up to date?  Its record, beside it, tells of what it was made, by which version.

The key of all that (the same files, settings and version give the same key, in every process, today and later) says
whether it is done; where it is not, the record says why.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path, PurePath
from typing import Any

import attrs
import numpy as np

from pipeline.errors import OutputError, SettingError
from pipeline.fits.atomic import check_writable, together, whereabouts
from pipeline.fits.write import write, write_json
from pipeline.provenance.record import notes_as_json, notes_from_json
from pipeline.records.note import Note
from pipeline.stages.header import ReducedImage
from pipeline.version import CREATOR


def content_key(*things: Any) -> str:
    """Give the key of records, settings and arrays: 32 hexadecimal digits of their BLAKE2b digest.

    Records count by their class and the fields that their equality counts, arrays by type, shape and bytes, functions
    and stages by where they are defined.

    >>> content_key("bias", 1) == content_key("bias", 1), content_key("bias", 1) == content_key("bias", 1.0)
    (True, False)

    :raises SettingError: a thing has no content that could be addressed, such as a function made on the fly.
    """
    digest = hashlib.blake2b(digest_size=16)
    for part in _content(things):
        digest.update(len(part).to_bytes(8, "big"))  # so that no two lists of parts run together into one
        digest.update(part)
    return digest.hexdigest()


def _content(thing: Any) -> Iterator[bytes]:
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
            yield from _content(item)
    elif attrs.has(type(thing)):
        fields = [field.name for field in attrs.fields(type(thing)) if field.eq]
        yield f"record {type(thing).__module__}.{type(thing).__qualname__} {len(fields)}".encode()
        for name in fields:
            yield from _content(getattr(thing, name))
    else:
        yield _defined(thing)


def _defined(thing: Any) -> bytes:
    """Name what is defined in a module."""
    module, name = getattr(thing, "__module__", None), getattr(thing, "__qualname__", "")
    if module is None or not name or "<" in name:
        raise SettingError(f"{thing!r} has no content that could be addressed; define it in a module, by name")
    return f"defined {module}.{name}".encode()


@attrs.frozen
class InputFile:
    """A file as it was when it was looked at: ``modified`` in ns, as the file system tells it."""

    kind: str
    path: str
    hdu: int | str
    size: int
    modified: int


@lru_cache
def code_digest() -> str:
    """Give the digest of the package's own sources, and of numpy's version: pixels depend on both.

    Of two trees at work on one version, and of two versions of numpy, products may differ.
    """
    sources = Path(__file__).parents[1]
    read = [(path.relative_to(sources).as_posix(), path.read_bytes()) for path in sorted(sources.rglob("*.py"))]
    return content_key(np.__version__, read)


@attrs.frozen
class MadeOf:
    """What a product is made of: settings, files, and the version that made it; ``address`` is the key of it all.

    ``code`` is the digest of that version's sources.
    """

    address: str
    settings: str
    inputs: tuple[InputFile, ...]
    creator: str = CREATOR
    code: str = attrs.field(factory=code_digest)


NOT_AS_WRITTEN = "and is not what was written"
"""What is wrong with a product whose record says that it is made of just what it should be, and that is not done."""


def record_beside(product: Path) -> Path:
    """Name the record of a product: reduced.fits.json stands beside reduced.fits."""
    return product.with_name(f"{product.name}.json")


def is_done(product: Path, made: MadeOf) -> bool:
    """Tell whether a product is there whole, and made of just this."""
    record = _record_at(record_beside(product))
    return record is not None and record.get("address") == made.address and _as_written(product, record)


def notes_beside(product: Path) -> tuple[Note, ...]:
    """Give the notes of a product that its record keeps."""
    record = _record_at(record_beside(product))
    return notes_from_json(record.get("notes", ())) if record else ()


def check_replaceable(product: Path, made: MadeOf, *, replace: bool) -> None:
    """See that a product which is not done can be written.

    :raises OutputError: something stands there that may not be replaced, or its folder is missing.
    """
    if product.is_file() and not replace:
        why = made_otherwise(product, made) or NOT_AS_WRITTEN
        raise OutputError(f"{product}: is there already, {why}; --force makes it again, over it")
    check_writable(product, replace)


def write_with_record(image: ReducedImage, product: Path, made: MadeOf, *, replace: bool) -> None:
    """Write a product and its record, each whole or not at all.

    The record has its place first: whoever stops between the two leaves a record without its product, and that is
    not done.

    :raises OutputError: the file is there and may not be replaced, or cannot be written.
    """
    with together():
        write(image, product, overwrite=replace)
        whole = whereabouts(product)
        written = {"size": whole.stat().st_size, "sha256": _digest(whole)}
        record = attrs.asdict(made) | {"product": written, "notes": notes_as_json(image.notes)}
        write_json(record_beside(product), record, overwrite=True)


def made_otherwise(product: Path, made: MadeOf) -> str:
    """Say how a product that is there was made, where not of this, or by another version; empty where it was."""
    record = _record_at(record_beside(product))
    if record is None:
        return "without a record of what it was made of"
    if record.get("address") == made.address:
        return ""
    if record.get("creator") != made.creator:
        return f"made by {record.get('creator')}, this is {made.creator}"
    if record.get("code") != made.code:
        return "made by other code of the same version, or with another numpy"
    inputs = json.loads(json.dumps(attrs.asdict(made)["inputs"]))
    return f"made {'from other files' if record.get('inputs') != inputs else 'with other settings'}"


def _record_at(path: Path) -> dict[str, Any] | None:
    """Read a record; None where there is none that can be read."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def _as_written(product: Path, record: dict[str, Any]) -> bool:
    """Tell whether a product has the bytes that were written."""
    try:
        size = product.stat().st_size
        return {"size": size, "sha256": _digest(product)} == record.get("product")
    except OSError:
        return False


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
