"""Edge: masters of lights that are reduced each, kept with the products, whole, as the FITS file of a master is not.

What is made with one that was kept has the same bits as what was made when it was new.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

import pipeline.errors
from pipeline.errors import OutputError, PipelineError, PipelineWarning, StepError
from pipeline.fits.atomic import sweep, whole_file
from pipeline.headers.cards import Cards
from pipeline.headers.status import Done, State
from pipeline.records.arrays import Array
from pipeline.records.frames import Image
from pipeline.records.history import Lineage, StepRecord
from pipeline.records.note import Note
from pipeline.records.pixels import Pixels
from pipeline.records.shared_errors import Share
from pipeline.stacking.clip import Clip
from pipeline.stacking.result import CombineResult, MeasuredNoise
from pipeline.stages.bias import MasterBias
from pipeline.stages.dark import MasterDark
from pipeline.stages.flat import MasterFlat
from pipeline.statistics.amplifier_noise import AmplifierNoise
from pipeline.statistics.noise import Noise

KEPT_RECORDS: dict[str, type] = {
    one.__name__: one
    for one in (AmplifierNoise, Cards, Clip, CombineResult, Done, Image, Lineage, MasterBias, MasterDark, MasterFlat,
                MeasuredNoise, Noise, Note, Pixels, Share, State, StepRecord)
}  # fmt: skip
"""What a kept master is made of: a file that names anything else is not one of ours."""

_ALIGNED = 64


def keep(things: Any, path: Path, key: str) -> None:
    """Write records of a master to a file that holds every bit of them, for what is made later; or, say nothing.

    It is text and arrays, which run nothing when they are read.  What cannot be kept, for want of space or because it
    is not in memory, is made again by whoever needs it.

    :param key: the key of all that they are made of.
    """
    arrays: list[Array] = []
    try:
        told = json.dumps(_as_json(things, arrays))
    except StepError:
        return
    forms = [(array.dtype.str, array.shape) for array in arrays]
    with suppress(OSError, OutputError):
        path.parent.mkdir(exist_ok=True)
        sweep(path.parent)
        with whole_file(path, overwrite=True) as draft, draft.open("wb") as stream:
            said = hashlib.sha256(told.encode())
            for array in arrays:
                _write_aligned(np.ascontiguousarray(array), stream, said.update)
            head = json.dumps({"key": key, "arrays": forms, "told": told, "sha256": said.hexdigest()}).encode()
            stream.write(head + len(head).to_bytes(8, "big"))


def kept(path: Path, key: str) -> Any:
    """Read what :func:`keep` wrote; None where there is nothing, or not just what ``key`` tells of, whole."""
    try:
        with path.open("rb") as stream:
            stream.seek(-8, 2)
            end = stream.tell()
            stream.seek(end - int.from_bytes(stream.read(8), "big"))
            head = json.loads(stream.read(end - stream.tell()))
            if head["key"] != key:
                return None
            stream.seek(0)
            said = hashlib.sha256(head["told"].encode())
            arrays = [_read_aligned(dtype, shape, stream, said.update) for dtype, shape in head["arrays"]]
            return _from_json(json.loads(head["told"]), arrays) if said.hexdigest() == head["sha256"] else None
    except (OSError, ValueError, LookupError, TypeError, AttributeError, MemoryError, OverflowError, PipelineError):
        return None


def _write_aligned(array: Array, stream: BinaryIO, update: Callable[[Any], None]) -> None:
    values = array.reshape(-1).view(np.uint8)
    update(values)
    stream.write(values.data)
    stream.write(bytes(-values.size % _ALIGNED))


def _read_aligned(dtype: str, shape: list[int], stream: BinaryIO, update: Callable[[Any], None]) -> Array:
    array = np.empty(shape, dtype)
    values = array.reshape(-1).view(np.uint8)
    stream.readinto(values)  # type: ignore[attr-defined]
    update(values)
    stream.seek(-values.size % _ALIGNED, 1)
    array.setflags(write=False)
    return array


def _as_json(thing: Any, arrays: list[Array]) -> Any:
    """Write a record as JSON holds it, its arrays put into a list: each thing as its kind and what it is made of."""
    if thing is None or type(thing) in (bool, int, float, str):
        return thing
    of: Any = thing.__class__
    if of is np.ndarray and thing.dtype.kind in "biuf":
        arrays.append(thing)
        return ["array", len(arrays) - 1]
    if isinstance(thing, np.generic) and thing.dtype.kind in "biuf":
        return ["number", thing.dtype.str, thing.tobytes().hex()]
    if of in (tuple, list, frozenset, dict):
        return [of.__name__, [_as_json(one, arrays) for one in (thing.items() if of is dict else thing)]]
    if of is datetime:
        return ["datetime", thing.isoformat()]
    if of is type and issubclass(thing, PipelineWarning):
        return ["kind", str(thing.__name__)]
    name = str(of.__name__)
    if KEPT_RECORDS.get(name) is not of:
        raise StepError(f"a {name} is not kept in a file")
    _, made_of, *state = thing.__reduce_ex__(4)
    return ["state" if state else "record", name, _as_json(state[0] if state else made_of, arrays)]


def _from_json(told: Any, arrays: list[Array]) -> Any:
    if not isinstance(told, list):
        return told
    made: dict[str, Callable[..., Any]] = {
        "array": lambda index: arrays[index],
        "number": lambda dtype, digits: np.frombuffer(bytes.fromhex(digits), dtype)[0],
        "tuple": lambda of: tuple(_from_json(one, arrays) for one in of),
        "list": lambda of: [_from_json(one, arrays) for one in of],
        "frozenset": lambda of: frozenset(_from_json(one, arrays) for one in of),
        "dict": lambda pairs: dict(_from_json(pair, arrays) for pair in pairs),
        "datetime": datetime.fromisoformat,
        "kind": lambda name: getattr(pipeline.errors, name),
        "record": lambda name, of: KEPT_RECORDS[name](*_from_json(of, arrays)),
        "state": lambda name, of: _in_state(KEPT_RECORDS[name], _from_json(of, arrays)),
    }
    kind, *of = told
    return made[kind](*of)


def _in_state(of: type, state: dict[str, Any]) -> Any:
    made: Any = object.__new__(of)
    made.__setstate__(state)
    return made
