"""Edge: repeating a reduction from its record."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.errors import FileListError, ReplayError
from pipeline.provenance.record import FORMAT, digests, file_of, versions

_FILE = ("path", "relative", "sha256")
"""What a record says of a file that is needed to find it again."""

Run = Callable[[str, Mapping[str, Any], Path, Path], None]
"""Runs a command with settings on a file list, into an output."""


def replay(path: Path, run: Run) -> list[str]:
    """Repeat the reduction of a record; give the names of its products, whose pixels are the same bit for bit.

    :raises ReplayError: it is no record, or the pixels differ.
    :raises FileListError: with every input that is gone or changed.
    """
    record = _read(path)
    with tempfile.TemporaryDirectory(prefix="ccd-pipeline-") as folder:
        filelist, outputs = Path(folder, "list.csv"), Path(folder, "products")
        outputs.mkdir()
        filelist.write_text(_list_of(record["inputs"], path), encoding="utf-8")
        names = [product["name"] for product in record["products"]]
        run(record["command"], _settings(record["settings"], path), filelist, outputs / names[0])
        differ = [
            f"{product['name']}[{hdu}]"
            for product in record["products"]
            for hdu, found in _compared(product["pixels"], outputs / product["name"])
            if not found
        ]
    if differ:
        raise ReplayError(f"{path}: other pixels in {', '.join(differ)}{_other_versions(record['versions'])}")
    return names


def _compared(expected: Mapping[str, str], made: Path) -> list[tuple[str, bool]]:
    found = digests(made) if made.exists() else {}
    return [(hdu, expected.get(hdu) == found.get(hdu)) for hdu in {**expected, **found}]


def _other_versions(then: Mapping[str, str]) -> str:
    now = versions()
    words = [f"{name} {then.get(name, '?')}, now {now[name]}" for name in now if then.get(name) != now[name]]
    return f"; it was made with {'; '.join(words)}" if words else "; the versions are the same"


def _read(path: Path) -> dict[str, Any]:
    wanted = f"expected a record that --record wrote, of format {FORMAT}"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ReplayError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ReplayError(f"{path}: is no JSON ({error}); {wanted}") from error
    parts = {"command", "settings", "inputs", "products", "versions"}
    if not isinstance(record, dict) or record.get("record") != FORMAT or not parts <= set(record):
        raise ReplayError(f"{path}: is something else; {wanted}")
    if not _whole(record):
        raise ReplayError(f"{path}: an input, product or setting lacks a part, or a product is no plain name; {wanted}")
    return record


def _whole(record: Mapping[str, Any]) -> bool:
    """Tell whether a record has all that repeating it needs, and names products in the record's own folder only."""
    files, products, settings = record["inputs"], record["products"], record["settings"]
    try:
        said = [(file["type"], file["hdu"], *map(file.__getitem__, _FILE)) for file in files]
        said += [tuple(map(value["file"].__getitem__, _FILE)) for value in settings.values() if isinstance(value, dict)]
        names = [product["name"] for product in products]
        pixels = [product["pixels"] for product in products]
    except (TypeError, KeyError, AttributeError, IndexError):
        return False
    texts = all(isinstance(part, str) for row in said for part in row[-len(_FILE) :])
    plain = all(
        isinstance(name, str) and re.fullmatch(r"[^/\\\0]+", name) and name not in (".", "..") for name in names
    )
    parts = all(isinstance(part, dict) for part in (settings, record["versions"], *pixels))
    return bool(names) and texts and plain and parts and isinstance(record["command"], str)


def _list_of(inputs: Sequence[Mapping[str, Any]], record: Path) -> str:
    """Write the inputs as a file list, having seen that each is what it was."""
    found = [_found(file, record.resolve().parent) for file in inputs]
    problems = tuple(place for place in found if isinstance(place, str))
    if problems:
        raise FileListError(str(record), tuple(dict.fromkeys(problems)))
    rows = zip(inputs, found, strict=True)
    return "".join(f'{file["type"]},"{_quoted(place)}",{file["hdu"]}\n' for file, place in rows)


def _quoted(place: Path | str) -> str:
    return str(place).replace('"', '""')


def _found(file: Mapping[str, Any], folder: Path) -> Path | str:
    """Find an input where it was, or where it was as seen from the record; or say what is wrong with it."""
    places = [place for place in (Path(file["path"]), folder / file["relative"]) if place.is_file()]
    same = [place for place in places if file_of(place, folder)["sha256"] == file["sha256"]]
    if same:
        return same[0]
    return f"{file['path']}: {'has changed since' if places else 'is gone, and not beside the record either'}"


def _settings(settings: Mapping[str, Any], record: Path) -> dict[str, Any]:
    made = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            place = _found(value["file"], record.resolve().parent)
            if isinstance(place, str):
                raise FileListError(str(record), (place,))
            made[name] = place
        else:
            made[name] = value
    return made
