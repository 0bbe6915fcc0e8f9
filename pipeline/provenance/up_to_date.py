"""Edge: is a product up to date?  Its record, beside it, tells of what it was made, by which version.

The key of all that (the same files, settings and version give the same key, in every process, today and later) says
whether it is done; where it is not, the record says why.  Whether it is still what was written its size and
time tell; its bytes are read only where the time is another, as of a copy.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from pipeline.errors import OutputError
from pipeline.fits.atomic import check_writable, together, whereabouts
from pipeline.fits.file_access import signature_of
from pipeline.fits.write import write, write_json
from pipeline.night.recipe import Recipe
from pipeline.provenance.record import notes_from_json, told_of
from pipeline.records.identity import content_key
from pipeline.records.note import Note
from pipeline.stages.bias import MasterBias
from pipeline.stages.dark import MasterDark
from pipeline.stages.flat import MasterFlat
from pipeline.stages.header import ReducedImage
from pipeline.version import CREATOR


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


def code_for(recipe: Recipe) -> str:
    """Give the digest of the code that a recipe runs: ours, and of stages of others the sources of their modules."""
    functions = (step.stage.function for step in recipe.steps)
    theirs = {
        module: inspect.getsourcefile(function)
        for function in functions
        if not (module := function.__module__).startswith("pipeline.")
    }
    read = [(module, Path(path).read_bytes() if path else b"") for module, path in sorted(theirs.items())]
    return content_key(code_digest(), read) if read else code_digest()


@attrs.frozen
class MadeOf:
    """What a product is made of: settings, files, and the version that made it; ``address`` is the key of it all.

    ``code`` is the digest of that version's sources, ``recipe`` the key of the recipe.
    """

    address: str
    settings: str
    inputs: tuple[InputFile, ...]
    creator: str = CREATOR
    code: str = attrs.field(factory=code_digest)
    recipe: str = ""


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
    return notes_from_json(told_beside(product)["notes"])


def told_beside(product: Path) -> dict[str, Any]:
    """Give what the record of a product tells of it: notes, and steps."""
    record = _record_at(record_beside(product)) or {}
    return {name: record.get(name, []) for name in ("notes", "steps")}


def check_replaceable(product: Path, made: MadeOf, *, replace: bool) -> None:
    """See that a product which is not done can be written.

    :raises OutputError: something stands there that may not be replaced, or its folder is missing.
    """
    if product.is_file() and not replace:
        why = made_otherwise(product, made) or NOT_AS_WRITTEN
        raise OutputError(f"{product}: is there already, {why}; --overwrite makes it again, over it")
    check_writable(product, replace)
    record = record_beside(product)
    if record.exists() and not replace and "address" not in (_record_at(record) or {}):
        raise OutputError(f"{record}: is there already, and no record of {product.name}; --overwrite writes over it")


def write_with_record(
    record: ReducedImage | MasterBias | MasterDark | MasterFlat,
    product: Path,
    made: MadeOf,
    *,
    replace: bool,
) -> None:
    """Write a product or a master and its record, each whole or not at all.

    The record has its place first: whoever stops between the two leaves a record without its product, and that is
    not done.

    :raises OutputError: the file is there and may not be replaced, or cannot be written.
    """
    with together():
        write(record, product, overwrite=replace)
        whole = whereabouts(product)
        size, modified, _ = signature_of(whole.stat())
        written = {"size": size, "modified": modified, "sha256": _digest(whole)}
        told = told_of(record if isinstance(record, ReducedImage) else record.image)
        write_json(record_beside(product), attrs.asdict(made) | {"product": written} | told, overwrite=True)


def made_otherwise(product: Path, made: MadeOf) -> str:
    """Say how a product that is there was made, where not of this, or by another version; empty where it was."""
    record = _record_at(record_beside(product))
    if record is None:
        return "without a record of what it was made of"
    if record.get("address") == made.address:
        return ""
    if record.get("creator") != made.creator:
        return f"made by {record.get('creator')}, this is {made.creator}"
    if record.get("recipe") != made.recipe:
        return "made with other settings"
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
    """Tell whether a product is what was written: by its size and time, and where the time is another, its bytes."""
    written = record.get("product")
    try:
        size, modified, _ = signature_of(product.stat())
        if not isinstance(written, dict) or written.get("size") != size:
            return False
        return bool(written.get("modified") == modified or written.get("sha256") == _digest(product))
    except OSError:
        return False


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
