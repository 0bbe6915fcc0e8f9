"""Combining the rows of a stack, tile by tile: read, combine the bulk at once, look closer at the rest."""

from __future__ import annotations

import contextvars
import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain, pairwise

import attrs
import numpy as np

from pipeline.compose.running import how_to_run
from pipeline.records.pixels import Array, Pixels, Shared, sealed
from pipeline.stacking.judge import LOOK_BYTES, Looked, Settling, moving
from pipeline.stacking.plan import Plan
from pipeline.stacking.propagation import Followed, combine_with_errors, in_full, joined
from pipeline.stacking.screening import Bulk, can_tell
from pipeline.stacking.stack_rows import Reader, Rows
from pipeline.statistics.pixel_summary import VALUES

TILE_PIXELS = 2**18
"""So many pixels of all frames make a tile: operations on them are long enough for two threads not to wait for each
other, and a frame is still in the cache when it is looked at."""

PIXEL_BYTES = 6
"""So much more a tile takes for each pixel, of however few frames."""

BANDS = 4
"""Into so many bands of rows an image is cut, for threads to share."""


def combine_rows(plan: Plan) -> tuple[Pixels, Array, Array | None]:
    """Combine all rows; give the image, the number of values left out of each frame, and of each pixel where asked."""
    how = how_to_run()
    height, width = plan.shape
    if how.combine_with:
        combined: tuple[Pixels, Array, Array | None] = how.combine_with(plan)
        return combined
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
    return _together(plan, values, flags, followed.shares, followed.left_out, done)


@attrs.frozen
class _Done:
    """What a band found besides its values: values left out of each frame, and the errors of tiles that carry some."""

    rejected: Array
    errors: list[tuple[Array | None, Shared]]


@attrs.frozen
class Band:
    """Some rows of a stack, combined on their own."""

    values: Array
    flags: Array
    variance: Array | None
    left_out: Array | None
    done: _Done


def combine_band(plan: Plan, start: int, stop: int) -> Band:
    """Combine some rows only, for :func:`join_bands` to put together."""
    values, flags = np.empty(plan.shape, plan.dtype), np.zeros(plan.shape, np.uint8)  # other rows take no memory
    followed = Followed.of(plan)
    done = _combine_band(followed, start, stop, values, flags)
    variance, left_out = (
        None if plane is None else plane.reshape(plan.shape)[start:stop].copy()
        for plane in (followed.shares, followed.left_out)
    )
    return Band(values[start:stop].copy(), flags[start:stop].copy(), variance, left_out, done)


def join_bands(plan: Plan, bands: Sequence[Band]) -> tuple[Pixels, Array, Array | None]:
    """Put bands that cover all rows, in order, together; give what :func:`combine_rows` gives."""
    values, flags = (np.concatenate(planes) for planes in zip(*((b.values, b.flags) for b in bands), strict=True))
    variance, left_out = (
        None if planes[0] is None else np.concatenate(planes)
        for planes in zip(*((band.variance, band.left_out) for band in bands), strict=True)
    )
    return _together(plan, values, flags, variance, left_out, [band.done for band in bands])


def _together(
    plan: Plan,
    values: Array,
    flags: Array,
    variance: Array | None,
    left_out: Array | None,
    done: Sequence[_Done],
) -> tuple[Pixels, Array, Array | None]:
    errors = list(chain.from_iterable(part.errors for part in done))
    variance, left_out = (
        None if plane is None else sealed(plane).reshape(plan.shape) for plane in (variance, left_out)
    )
    pixels = Pixels(sealed(values), sealed(flags), *(joined(errors, plan) if errors else (variance, ())))
    return pixels, np.sum([part.rejected for part in done], axis=0), left_out


def _combine_band(followed: Followed, start: int, stop: int, values: Array, flags: Array) -> _Done:
    """Combine a band of rows into ``values`` and ``flags``."""
    how, plan = how_to_run(), followed.plan
    errors: list[tuple[Array | None, Shared]] = []
    at_once = max(1, min(VALUES, how.memory // (LOOK_BYTES * how.threads)))
    rejected = np.zeros(len(plan.frames), int)
    looked = Looked(plan, values.reshape(-1), flags.reshape(-1), rejected, at_once, followed.tell)
    width = plan.shape[1]
    reader = Reader(plan.frames)
    bulk = Bulk(plan, reader.whole)
    settling = Settling(bulk, looked, reader.zero)
    for first, last in _tiles(plan, start, stop, _bytes_a_value(plan, reader.whole)):
        rows = reader.read(first, last)
        full = in_full(plan, rows)
        out = values[first:last].reshape(-1)
        doubtful = None if full else bulk.combine(rows.stored, rows.zero, first, out)
        rows = rows.flagged(math.inf if doubtful is None else doubtful.highest)
        tile_flags, untrusted = rows.combined_flags
        if tile_flags is not None:
            flags[first:last] = tile_flags.reshape(-1, width)
        if full:
            errors.append(combine_with_errors(followed, rows, first, last, values, rejected))
            continue
        if doubtful is None:
            look = np.arange(rows.stored.shape[1])
            looked.add(look + first * width, rows.columns, first, last)
        elif untrusted is None:
            settling.add(doubtful, first, last)
        else:
            untrusted[doubtful.where - first * width] = True
            look = np.flatnonzero(untrusted)
            looked.add(look + first * width, partial(_columns_of, rows, look), first, last)
    settling.settle(start, stop)
    reader.check_unchanged()
    looked.look()
    if not errors:
        followed.give_variance(values, start, stop)
    return _Done(rejected, errors)


def _columns_of(rows: Rows, look: Array, part: slice) -> Array:
    return rows.columns(look[part])


def _bytes_a_value(plan: Plan, whole: bool) -> int:
    """Tell what a tile takes for each of its values, with what is made of it."""
    if not (whole and can_tell(plan)):
        return 32  # values, kept or not, and their order: in double precision
    return 18 if moving(plan) else 6


def _tiles(plan: Plan, start: int, stop: int, each: int) -> Iterator[tuple[int, int]]:
    """Cut a band into tiles that fit, with what is made of them, the memory."""
    how = how_to_run()
    most = how.memory // (how.threads * (each * len(plan.frames) + PIXEL_BYTES))
    rows = max(1, min(TILE_PIXELS, most) // plan.shape[1])
    for first in range(start, stop, rows):
        yield first, min(first + rows, stop)
