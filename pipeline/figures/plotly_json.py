"""Figures as strict JSON: null for what is no number, plain lists, or base64 for those who can read it."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np

from pipeline.records.arrays import Array

_COMPACT = {"float32": "f4", "float64": "f8", "int64": "i4", "int32": "i4", "uint8": "u1"}


def as_json(thing: Any, *, compact: bool = False) -> str:
    """Write numbers, texts, lists, dicts and arrays as JSON that every reader takes.

    :param compact: arrays as base64, which plotly.js reads from 2.28 on and R's plotly not at all: both draw nothing,
        without an error, where they cannot.

    >>> as_json({"z": np.array([[1.5, np.nan]], ">f4"), "n": np.int16(3)})
    '{"z":[[1.5,null]],"n":3}'
    """
    return json.dumps(_plain(thing, compact), allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def in_html(thing: Any) -> str:
    r"""Write it to stand in a script element of a page, which no text in it can end, nor break a line.

    >>> in_html("</script>")
    '"\\u003c/script>"'
    """
    text = as_json(thing)
    for sign in "<\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _plain(thing: Any, compact: bool) -> Any:
    if isinstance(thing, dict):
        return {key: _plain(value, compact) for key, value in thing.items()}
    if isinstance(thing, list | tuple):
        return [_plain(value, compact) for value in thing]
    if isinstance(thing, np.ndarray):
        return _as_base64(thing) if compact else _as_list(thing)
    if isinstance(thing, np.generic):
        thing = thing.item()
    return None if isinstance(thing, float) and not np.isfinite(thing) else thing


def _as_list(array: Array) -> list[Any]:
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        listed = array.astype(object)
        listed[~np.isfinite(array)] = None
        return list(listed.tolist())
    return list(array.tolist())


def _as_base64(array: Array) -> dict[str, str]:
    """Write an array as plotly.js 2.28 and later read it: little-endian, infinities as NaN."""
    code = _COMPACT[array.dtype.newbyteorder("=").name]
    if array.dtype.kind == "f":
        array = np.where(np.isfinite(array), array, np.nan)
    octets = np.ascontiguousarray(array, "<" + code).tobytes()
    shape = {"shape": ", ".join(map(str, array.shape))} if array.ndim > 1 else {}
    return {"dtype": code, "bdata": base64.b64encode(octets).decode("ascii"), **shape}
