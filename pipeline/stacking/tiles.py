"""Combining the rows of a stack, tile by tile: all pixels at once, and the few that may lose values once more.

An image is cut into bands of rows, which threads share, or workers; and a band into tiles.
"""

from __future__ import annotations

import contextvars
import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, pairwise

import attrs
import numpy as np

from pipeline.compose.running import how_to_run
from pipeline.records.arrays import Array, BoolArray, FloatArray, IntArray, Scratch, sealed
from pipeline.records.pixels import Flag, FlagBits, Pixels
from pipeline.stacking.judge import average_of_kept, explained, judge, judge_by_own_values, moving, weights_of
from pipeline.stacking.plan import Plan
from pipeline.stacking.propagation import (
    Errors,
    carried_variance,
    errors_of,
    from_noise,
    join_errors,
    share,
    with_own_errors,
)
from pipeline.stacking.screening import asked_of, average_of_all, can_tell, untouched
from pipeline.stacking.stack_rows import Batch, Reader, Rows
from pipeline.statistics.order_statistics import true_in_each
from pipeline.statistics.pixel_summary import summarise

TILE_PIXELS = 2**18
"""So many pixels of all frames make a tile: operations on them are long enough for two threads not to wait for each
other, and a frame is still in the cache when it is looked at."""

PIXEL_BYTES = 9
"""So much more a tile takes for each pixel, of however few frames."""

BANDS = 4
"""Into so many bands of rows an image is cut, for threads to share."""

BAND_PIXELS = 2**12
"""Bands of fewer pixels take more time to begin than to combine."""

JUDGED_VALUES, JUDGED_BYTES = 2**20, 24
"""So many values are judged together, if memory allows, and what that takes for each: short operations in one thread
keep another waiting."""

VARIANCE_PIXELS = 2**17
"""So many pixels are given their variance together."""


@attrs.frozen
class Band:
    """Some rows of an image that is being combined, flattened: from a place in the image on.

    ``shares`` is each pixel's share of the noise of one frame, and in the end its variance; ``left_out`` the number of
    values left out of it: None where nobody asks.  ``rejected`` is that of each frame, and ``errors`` are those of
    tiles where every value has its own.
    """

    first_place: int
    values: FloatArray
    flags: IntArray
    shares: FloatArray | None
    left_out: IntArray | None
    rejected: IntArray
    errors: list[Errors]

    @classmethod
    def of(cls, plan: Plan, start: int, stop: int) -> Band:
        """Begin with all values of all pixels kept."""
        pixels, frames, shares = (stop - start) * plan.shape[1], len(plan.frames), None
        if plan.variance == "noise":
            shares = np.full(pixels, share(plan, keep=np.ones((frames, 1), bool))[0], plan.dtype)
        values, flags = np.empty(pixels, plan.dtype), np.zeros(pixels, FlagBits)
        counted = plan.settings.map_left_out or plan.may_move
        left_out = np.zeros(pixels, np.uint16) if counted else None
        return cls(start * plan.shape[1], values, flags, shares, left_out, np.zeros(frames, int), [])

    @property
    def planes(self) -> tuple[Array | None, ...]:
        """What is known of each pixel."""
        return self.values, self.flags, self.shares, self.left_out

    def only(self, first_place: int, pixels: int) -> Band:
        """Give some of its pixels, to be combined in place, with counts of their own."""
        part = slice(first_place - self.first_place, first_place - self.first_place + pixels)
        shares = None if self.shares is None else self.shares[part]
        left_out = None if self.left_out is None else self.left_out[part]
        return Band(first_place, self.values[part], self.flags[part], shares, left_out, self.rejected * 0, [])

    def put(self, plan: Plan, judged: Batch, *, keep: BoolArray) -> None:
        """Set pixels that were judged to the average of those of their values that are kept."""
        for which, part in judged.in_parts():
            here, values, kept = part.place - self.first_place, part.values * plan.scale[:, None], keep[:, which]
            each = weights_of(plan, part)
            self.values[here] = average = average_of_kept(plan, values, keep=kept, each=each)
            nonfinite = ~np.isfinite(average)
            if nonfinite.any():
                self.flags[here[nonfinite]] |= FlagBits(Flag.NONFINITE)
            out = np.isfinite(values) & ~kept
            self.rejected[:] += [np.count_nonzero(row) for row in out]
            if self.shares is not None:
                self.shares[here] = share(plan, keep=kept, each=each)
            if self.left_out is not None:
                self.left_out[here] = true_in_each(out)

    def give_variance(self, plan: Plan) -> None:
        """Turn the shares of all pixels into their variance."""
        if self.shares is not None:
            for first in range(0, self.values.size, VARIANCE_PIXELS):
                part = slice(first, first + VARIANCE_PIXELS)
                self.shares[part] = from_noise(plan, self.values[part], self.first_place + first, self.shares[part])


def combine_rows(plan: Plan) -> tuple[Pixels, IntArray, IntArray | None]:
    """Combine all rows; give the image, the number of values left out of each frame, and of each pixel where asked."""
    how = how_to_run()
    height, width = plan.shape
    if how.combine_with:
        combined: tuple[Pixels, IntArray, IntArray | None] = how.combine_with(plan)
        return combined
    count = max(1, min(height, max(BANDS, how.threads), height * width // BAND_PIXELS))
    edges = np.unique(np.linspace(0, height, count + 1).round().astype(int)).tolist()
    context, whole = contextvars.copy_context(), Band.of(plan, 0, height)
    bands = [whole.only(start * width, (stop - start) * width) for start, stop in pairwise(edges)]

    def work(band: Band) -> None:
        context.copy().run(_combine, plan, band)

    with ThreadPoolExecutor(how.threads) as pool:  # which starts no thread before it is given work
        done = pool.map(work, bands) if len(bands) > 1 else map(work, bands)
        for stop, _ in zip(edges[1:], done, strict=True):
            if how.progress:
                how.progress(stop, height)
    return _image_of(plan, whole.planes, bands)


def combine_band(plan: Plan, start: int, stop: int) -> Band:
    """Combine some rows only, for :func:`join_bands` to put together."""
    band = Band.of(plan, start, stop)
    _combine(plan, band)
    return band


def join_bands(plan: Plan, bands: Sequence[Band]) -> tuple[Pixels, IntArray, IntArray | None]:
    """Put bands that cover all rows, in order, together; give what :func:`combine_rows` gives."""
    planes = zip(*(band.planes for band in bands), strict=True)
    return _image_of(plan, tuple(None if part[0] is None else np.concatenate(part) for part in planes), bands)


def _image_of(
    plan: Plan, planes: tuple[Array | None, ...], bands: Sequence[Band]
) -> tuple[Pixels, IntArray, IntArray | None]:
    values, flags, variance, left_out = (p if p is None else sealed(p).reshape(plan.shape) for p in planes)
    errors = list(chain.from_iterable(band.errors for band in bands))
    pixels = Pixels(values, flags, *(join_errors(errors, plan) if errors else (variance, ())))
    return pixels, np.sum([band.rejected for band in bands], axis=0), left_out


def _combine(plan: Plan, band: Band) -> None:
    """Combine the rows of a band."""
    reader, scratch, asked, waiting = Reader(plan.frames), Scratch(), asked_of(plan), list[Batch]()
    own = list[tuple[Batch, BoolArray]]()
    start, width = band.first_place // plan.shape[1], plan.shape[1]
    stop = start + band.values.size // width
    for first, last in _tiles(plan, start, stop, whole=reader.whole):
        rows, highest = reader.read(first, last), math.inf
        tile = band.only(first * width, (last - first) * width)
        doubtful: BoolArray = np.ones(tile.values.size, bool)
        if full := _in_full(plan, rows):
            rows = with_own_errors(rows)
        elif can_tell(plan):
            with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is not untouched
                found = summarise(rows.stored, asked, scratch)
                average_of_all(plan, rows.stored, rows.zero, found, tile.values)
                doubtful = ~untouched(found, rows, plan)
                highest = float(found.high.max()) + max(0.0, float(asked.shifts.max()))
        rows = rows.flagged(highest)
        flags, untrusted = rows.combined_flags
        if flags is not None and untrusted is not None:
            tile.flags[:] = flags
            doubtful |= untrusted
        batch = rows.only(np.flatnonzero(doubtful))
        if full:
            band.errors.append(_combine_with_errors(plan, band, rows, batch))
            continue
        waiting.append(batch)
        for judged, keep in _judged(plan, waiting, own, at_end=last == stop):
            band.put(plan, judged, keep=keep)
    reader.check_unchanged()
    if not band.errors:
        band.give_variance(plan)


def _judged(
    plan: Plan, waiting: list[Batch], own: list[tuple[Batch, BoolArray]], *, at_end: bool
) -> Iterator[tuple[Batch, BoolArray]]:
    """Judge pixels that wait; where lights move by what is around, too, for which rows are read again: of many at once.

    :param own: those that were judged by their own values, and wait for that.
    """
    how = how_to_run()
    at_once = max(1, min(JUDGED_VALUES, how.memory // (JUDGED_BYTES * how.threads)) // len(plan.frames))
    for some in _full(plan, waiting, at_once, at_end=at_end):
        own.append(judge_by_own_values(some, plan))
        places = np.concatenate([batch.place for batch, _ in own])
        if plan.moved is None or places.size >= at_once or (places.size and np.ptp(places) >= TILE_PIXELS):
            yield explained(own, plan)
            own.clear()
    if own and at_end:
        yield explained(own, plan)
        own.clear()


def _full(plan: Plan, waiting: list[Batch], at_once: int, *, at_end: bool) -> Iterator[Batch]:
    """Give pixels that wait to be judged once there are enough of them; at once where their neighbours matter too."""
    if at_end or moving(plan) or sum(batch.place.size for batch in waiting) >= at_once:
        together = Batch.joined(waiting)
        waiting.clear()
        for first in range(0, together.place.size, at_once):
            yield together.only(np.arange(first, min(first + at_once, together.place.size)))


def _in_full(plan: Plan, rows: Rows) -> bool:
    """Tell whether errors need every value of every pixel: they do but where the noise of the stack tells all."""
    if plan.variance is None or rows.carry_variance:
        return rows.carry_variance
    return plan.variance == "scatter" or any(part.shared_keys for part in rows.parts or ())


def _combine_with_errors(plan: Plan, band: Band, rows: Rows, batch: Batch) -> Errors:
    """Combine all pixels of rows of which every value has its own error."""
    batch = attrs.evolve(batch, carried=carried_variance(plan, rows))
    judged, kept = judge(batch, plan)
    keep = np.ones(batch.stored.shape, bool)
    keep[:, judged.place - rows.first_place] = kept
    band.put(plan, batch, keep=keep)
    return errors_of(plan, rows, batch, keep=keep)


def _tiles(plan: Plan, start: int, stop: int, *, whole: bool) -> Iterator[tuple[int, int]]:
    """Cut a band into tiles that fit, with what is made of them, the memory."""
    how = how_to_run()
    each = 33  # bytes a value: values, flags, kept or not, and their order, in double precision
    if whole and can_tell(plan):
        each = 19 if moving(plan) else 7
    most = how.memory // (how.threads * (each * len(plan.frames) + PIXEL_BYTES))
    rows = max(1, min(TILE_PIXELS, most) // plan.shape[1])
    for first in range(start, stop, rows):
        yield first, min(first + rows, stop)
