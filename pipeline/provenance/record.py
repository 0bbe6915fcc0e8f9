"""Edge: the record of a reduction beside its product."""

from __future__ import annotations

import hashlib
import math
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import astropy
import numpy as np
from astropy.io import fits

from pipeline.compose.running import at_work, one_by_one
from pipeline.errors import FrameError
from pipeline.fits.atomic import whereabouts
from pipeline.fits.file_access import signature_of
from pipeline.fits.frame_source import FitsSource
from pipeline.fits.write import write_json
from pipeline.night.recipe import Recipe
from pipeline.records.arrays import Array
from pipeline.records.frames import FrameSet, Image
from pipeline.records.history import StepRecord
from pipeline.records.note import KINDS, Note
from pipeline.stages.header import ReducedImage
from pipeline.version import CREATOR

FORMAT = 1
NOT_SETTINGS = {
    "run",
    "filelist",
    "output",
    "overwrite",
    "quiet",
    "record",
    "delimiter",
    "figure",
    "report",
    "limits",
    "stretch",
    "colours",
    "plotlyjs",
    "full",
    "compact",
    "figure_size",
    "dpi",
    "no_title",
    "no_histogram",
    "axes",
    "quality",
    "more",
    "output_dir",
    "force",
    "workers",
    "cluster",
    "command_line",
    "save_recipe",
}
"""Options of the command that say where and how to run it, not what to do."""


def write_record(
    path: Path,
    *,
    command: str,
    options: Mapping[str, Any],
    recipe: Recipe,
    frames: FrameSet,
    products: Sequence[tuple[ReducedImage | dict[str, Any], Path]],
    overwrite: bool = False,
) -> None:
    """Write the record of a reduction whose products have been written, perhaps not into their places yet, as JSON.

    It holds versions, the key of the recipe, settings, each input with its HDU, size and SHA-256, and each product
    with its notes, its steps and what each said, and the SHA-256 of its pixels.

    :param products: each as it was made, or what :func:`told_of` told of it then, and its file.
    :raises FrameError: an input has changed since it was read.
    :raises OutputError: the file is there and may not be overwritten, or cannot be written.
    """
    folder = path.resolve().parent
    settings = {name: value for name, value in options.items() if name not in NOT_SETTINGS}
    record = {
        "record": FORMAT,
        "creator": CREATOR,
        "versions": versions(),
        "command": command,
        "recipe": recipe.key,
        "settings": {name: _plain(value, folder) for name, value in settings.items()},
        "inputs": [
            _input(frame.kind, frame.data, folder)
            for frame in one_by_one(frames.frames, "recording frame")
            if isinstance(frame.data, FitsSource)
        ],
        "products": [
            {
                "name": file.name,
                "pixels": digests(file),
                **(made if isinstance(made, dict) else told_of(made)),
            }
            for made, file in products
        ],
    }
    write_json(path, record, overwrite=overwrite)


def told_of(product: ReducedImage | Image) -> dict[str, Any]:
    """Give what a record tells of a product that is at hand: its notes, its steps and what each said."""
    return {"notes": notes_as_json(product.notes), "steps": steps_as_json(product.history)}


def versions() -> dict[str, str]:
    """Give the versions of what the pixels depend on."""
    return {
        "ccd-pipeline": CREATOR.split()[-1],
        "python": platform.python_version(),
        "numpy": np.__version__,
        "astropy": astropy.__version__,
        "machine": platform.machine(),
    }


def digests(path: Path) -> dict[str, str]:
    """Give the SHA-256 of the pixels of each HDU of a product: of their type and shape, and then of their bytes."""
    with (
        at_work(f"recording {path.name}"),
        whereabouts(path).open("rb") as stream,
        fits.open(stream, memmap=False) as hdus,
    ):  # a name may look like an address
        return {hdu.name: _digest(np.asarray(hdu.data)) for hdu in hdus}


def _digest(values: Array) -> str:
    said = f"{values.dtype.name} {values.shape} ".encode()
    return hashlib.sha256(said + values.astype(values.dtype.newbyteorder(">")).tobytes()).hexdigest()


def steps_as_json(history: Iterable[StepRecord]) -> list[dict[str, Any]]:
    """Write the steps of a product as JSON holds them, those of its masters within them."""
    return [_step(step) for step in history]


def _step(step: StepRecord) -> dict[str, Any]:
    masters = [
        {"kind": made.kind, "said": notes_as_json(made.said), "steps": steps_as_json(made.history)}
        for made in step.masters
    ]
    said = notes_as_json(step.said)
    return {
        "stage": step.stage, "settings": dict(step.settings), "skipped": step.skipped, "said": said, "masters": masters
    }  # fmt: skip


def notes_as_json(notes: Iterable[Note]) -> list[dict[str, Any]]:
    """Write notes as JSON holds them: kind, words, frames, what to do, and figures, null where one is not finite."""
    return [
        {
            **{name: getattr(note, name) for name in ("kind", "words", "frames", "mend", "at_command", "fact", "more")},
            "figures": {name: float(size) if math.isfinite(size) else None for name, size in note.figures},
        }
        for note in notes
    ]


def notes_from_json(listed: Iterable[dict[str, Any]]) -> tuple[Note, ...]:
    """Read notes back that :func:`notes_as_json` wrote; figures that were not finite are NaN."""
    return tuple(
        Note(
            one["words"],
            KINDS[one["kind"]][0],
            frames=one["frames"],
            mend=one["mend"],
            at_command=one["at_command"],
            figures=((name, math.nan if size is None else size) for name, size in one["figures"].items()),
            fact=one["fact"],
            more=one.get("more", 0),
        )
        for one in listed
    )


def _input(kind: str, source: FitsSource, folder: Path) -> dict[str, Any]:
    path = Path(source.origin.path)
    if signature_of(path.stat()) != source.origin.signature:
        raise FrameError(f"{source.origin.path}: changed since it was opened; reduce again")
    return {"type": kind, "hdu": source.origin.hdu, **file_of(path, folder)}


def file_of(path: Path, folder: Path) -> dict[str, Any]:
    """Give what a record says of a file: where it is, as seen from the record's folder too, its size and SHA-256."""
    path = path.resolve()
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return {"path": str(path), "relative": _relative(path, folder), "size": path.stat().st_size, "sha256": digest}


def _relative(path: Path, folder: Path) -> str:
    try:
        return os.path.relpath(path, folder)
    except ValueError:  # on another drive
        return str(path)


def _plain(value: Any, folder: Path) -> Any:
    """Write a setting as JSON: a file that is read with its digest; a file or folder that is written not at all."""
    if isinstance(value, Path):
        return {"file": file_of(value, folder)} if value.is_file() else None
    return value
