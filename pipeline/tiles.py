"""Combining the rows of a stack, tile by tile: read, combine the bulk at once, look closer at the rest."""

from __future__ import annotations

import contextvars
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, pairwise

import attrs
import numpy as np

from pipeline.bulk import combine_bulk
from pipeline.carried import combine_with_errors, in_full
from pipeline.closer import LOOK_BYTES, VALUES, Looked
from pipeline.pixels import Array, Pixels, Shared, sealed
from pipeline.propagation import Followed, joined
from pipeline.rows import Plan, Reader
from pipeline.running import how_to_run

TILE_BYTES = 4 * 2**20
"""A tile of all frames stays in the processor's cache."""

BANDS = 8
"""Into so many bands of rows an image is cut, for threads to share."""


def combine_rows(plan: Plan) -> tuple[Pixels, Array, Array | None]:
    """Combine all rows; give the image, the number of values left out of each frame, and of each pixel where asked."""
    how = how_to_run()
    height, width = plan.shape
    values, flags = np.empty((height, width), plan.dtype), np.zeros((height, width), np.uint8)
    edges = np.unique(np.linspace(0, height, min(height, max(BANDS, how.threads)) + 1).round().astype(int))
    bands = [(int(start), int(stop)) for start, stop in pairwise(edges)]
    context = contextvars.copy_context()
    followed = Followed.of(plan)

    def work(band: tuple[int, int]) -> _Done:
        return context.copy().run(_combine_band, followed, *band, values, flags)

    done: list[_Done] = []
    with ThreadPoolExecutor(how.threads) as pool:
        for (_, stop), part in zip(bands, pool.map(work, bands), strict=True):
            done.append(part)
            if how.progress:
                how.progress(stop, height)
    errors = list(chain.from_iterable(part.errors for part in done))
    pixels = Pixels(sealed(values), sealed(flags), *joined(errors, plan))
    left_out = None if followed.left_out is None else sealed(followed.left_out.reshape(height, width))
    return pixels, np.sum([part.rejected for part in done], axis=0), left_out


@attrs.frozen
class _Done:
    """What a band found besides its values: values left out of each frame, and the errors of each tile or of all."""

    rejected: Array
    errors: list[tuple[Array | None, Shared]]


def _combine_band(followed: Followed, start: int, stop: int, values: Array, flags: Array) -> _Done:
    """Combine a band of rows into ``values`` and ``flags``."""
    how, plan = how_to_run(), followed.plan
    errors: list[tuple[Array | None, Shared]] = []
    at_once = max(1, min(VALUES, how.memory // (LOOK_BYTES * how.threads)))
    rejected = np.zeros(len(plan.frames), int)
    looked = Looked(plan, values.reshape(-1), flags.reshape(-1), rejected, at_once, followed.tell)
    width = plan.shape[1]
    reader = Reader(plan.frames)
    for first, last in _tiles(plan, start, stop):
        rows = reader.read(first, last)
        tile_flags, untrusted = rows.combined_flags
        if tile_flags is not None:
            flags[first:last] = tile_flags.reshape(-1, width)
        if in_full(plan, rows):
            errors.append(combine_with_errors(followed, rows, first, last, values, rejected))
            continue
        safe = combine_bulk(plan, rows.stored, rows.zero, first, values[first:last].reshape(-1))
        if safe is not None and untrusted is not None:
            safe &= ~untrusted
        look = np.arange(rows.stored.shape[1]) if safe is None else np.flatnonzero(~safe)
        if look.size:
            looked.add(rows, look, first, last)
    looked.look()
    return _Done(rejected, errors or [(followed.variance(values, start, stop), ())])


def _tiles(plan: Plan, start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Cut a band into tiles that fit the cache and, with what is made of them, the memory."""
    how = how_to_run()
    row = 2 * len(plan.frames) * plan.shape[1]
    rows = max(1, min(TILE_BYTES, how.memory // (8 * how.threads)) // row)
    for first in range(start, stop, rows):
        yield first, min(first + rows, stop)
