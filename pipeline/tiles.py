"""Combining the rows of a stack, tile by tile: read, find what needs a closer look, look closer, add up."""

from __future__ import annotations

import contextvars
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, pairwise

import attrs
import numpy as np
from toolz import unique

from pipeline.clip import Clip, by_noise, by_own_spread, centre, frames_needed, kept_values
from pipeline.network import middles
from pipeline.noise import Noise, largest_step, typical_level
from pipeline.pixels import Array, Flag, Pixels, Shared, sealed
from pipeline.rows import Plan, Rows, read_rows
from pipeline.running import how_to_run
from pipeline.screen import extremes, safe_from_noise, safe_from_std

TILE_BYTES = 4 * 2**20
"""A tile of all frames stays in the processor's cache."""

LOOK_BYTES = 64
"""What a closer look takes for each value."""

LOOKED_AT = 8192
"""So many pixels are looked at together: few enough for the cache, enough to be worth a call."""

BANDS = 8
"""Into so many bands of rows an image is cut, for threads to share."""


def combine_rows(plan: Plan) -> tuple[Pixels, Array]:
    """Combine all rows; give the image, and the number of values left out of each frame."""
    how = how_to_run()
    height, width = plan.shape
    values, flags = np.empty((height, width), plan.dtype), np.zeros((height, width), np.uint8)
    edges = np.unique(np.linspace(0, height, min(height, max(BANDS, how.threads)) + 1).round().astype(int))
    bands = [(int(start), int(stop)) for start, stop in pairwise(edges)]
    context = contextvars.copy_context()

    def work(band: tuple[int, int]) -> _Done:
        return context.copy().run(_combine_band, plan, *band, values, flags)

    done: list[_Done] = []
    with ThreadPoolExecutor(how.threads) as pool:
        for (_, stop), part in zip(bands, pool.map(work, bands), strict=True):
            done.append(part)
            if how.progress:
                how.progress(stop, height)
    nonfinite = ~np.isfinite(values)
    if nonfinite.any():
        flags |= np.where(nonfinite, np.uint8(Flag.NONFINITE), np.uint8(0))
    errors = list(chain.from_iterable(part.errors for part in done))
    pixels = Pixels(sealed(values), sealed(flags), *_joined(errors, plan))
    return pixels, np.sum([part.rejected for part in done], axis=0)


@attrs.frozen
class _Done:
    """What a band found besides its values: values left out of each frame, and the errors of each tile."""

    rejected: Array
    errors: list[tuple[Array | None, Shared]]


def _combine_band(plan: Plan, start: int, stop: int, values: Array, flags: Array) -> _Done:
    """Combine a band of rows into ``values`` and ``flags``."""
    how = how_to_run()
    rejected = np.zeros(len(plan.frames), int)
    errors: list[tuple[Array | None, Shared]] = []
    waiting: list[tuple[Array, Array, Array | float]] = []
    flat = values.reshape(-1)
    width = plan.shape[1]
    for first, last in _tiles(plan, start, stop):
        rows = read_rows(plan.frames, first, last)
        tile_flags, untrusted = rows.combined_flags
        if tile_flags is not None:
            flags[first:last] = tile_flags.reshape(-1, width)
        if rows.parts is not None and all(part.variance is not None for part in rows.parts):
            errors.append(_with_errors(plan, rows, first, last, values, rejected))
            continue
        with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is not safe
            safe = _safe(plan, rows, untrusted)
        if safe is not None:
            flat[first * width : last * width] = _all_kept(plan, rows)
        look = np.arange(rows.stored.shape[1]) if safe is None else np.flatnonzero(~safe)
        if look.size:
            waiting.append((look + first * width, rows.columns(look), _steps(plan, first, last, look)))
        if sum(columns.size for _, columns, _ in waiting) * LOOK_BYTES > how.memory // how.threads:
            rejected += _look_closer(plan, waiting, flat)
            waiting = []
    return _Done(rejected + _look_closer(plan, waiting, flat), errors)


def _tiles(plan: Plan, start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Cut a band into tiles that fit the cache, and the memory that a closer look at all of it would take."""
    how = how_to_run()
    row = len(plan.frames) * plan.shape[1]
    rows = max(1, min(TILE_BYTES // (2 * row), how.memory // (LOOK_BYTES * row * how.threads)))
    for first in range(start, stop, rows):
        yield first, min(first + rows, stop)


def _safe(plan: Plan, rows: Rows, untrusted: Array | None) -> Array | None:
    """Tell which pixels certainly keep all their values; None where none can be told."""
    if not plan.plain or (plan.clip and plan.clip.centre != "median"):
        return None
    clip, stored = plan.clip, rows.stored
    if clip is None or (clip.spread == "std" and frames_needed(clip) > len(stored)):
        safe = np.ones(stored.shape[1], bool)
    elif clip.spread == "noise" and plan.noise is not None:
        safe = _safe_from_noise(plan, rows, plan.noise, clip)
    elif clip.spread == "std":
        safe = safe_from_std(stored, extremes(stored), clip)
    else:
        return None
    if stored.dtype.kind == "f":
        safe &= np.isfinite(np.add.reduce(stored, axis=0, dtype=np.float64))
    if untrusted is not None:
        safe &= ~untrusted
    return safe


def _safe_from_noise(plan: Plan, rows: Rows, noise: Noise, clip: Clip) -> Array:
    shifts = plan.whole_shifts
    left = plan.shifts.offsets + (plan.shifts.factors - 1) * noise.base - shifts
    blur, tilt = float(np.abs(left).max()), float(np.abs(plan.shifts.factors - 1).max())
    found = extremes(_shifted(rows.stored, shifts))
    return safe_from_noise(found, clip, noise, rows.zero, blur, tilt)


def _shifted(stored: Array, shifts: Array) -> Array:
    """Take whole numbers from each frame, in a type that holds the result."""
    if not shifts.any():
        return stored
    wide = np.int32 if stored.dtype.kind in "iu" else stored.dtype
    return np.stack([np.subtract(row, shift, dtype=wide) for row, shift in zip(stored, shifts, strict=True)])


def _all_kept(plan: Plan, rows: Rows) -> Array:
    """Give the mean or median of all frames."""
    stored, count = rows.stored, len(rows.stored)
    if plan.method == "median":
        lower, upper = (middle.astype(np.float64) for middle in middles(stored))
        median: Array = np.where(lower == upper, lower, 0.5 * lower + 0.5 * upper) + rows.zero
        return median
    total: Array = np.zeros(stored.shape[1], np.int32 if stored.dtype.kind in "iu" else np.float64)
    for frame in stored:
        np.add(total, frame, out=total, casting="unsafe")
    mean: Array = (total + count * rows.zero) / count
    return mean


def _look_closer(plan: Plan, waiting: list[tuple[Array, Array, Array | float]], flat: Array) -> Array:
    """Combine pixels one by one, as the clip asks; give the number of values left out of each frame."""
    if not waiting:
        return np.zeros(len(plan.frames), int)
    rejected = np.zeros(len(plan.frames), int)
    places, columns, steps = zip(*waiting, strict=True)
    place, stack = np.concatenate(places), np.concatenate(columns, axis=1)
    step = np.concatenate(steps) if isinstance(steps[0], np.ndarray) else None
    for first in range(0, place.size, LOOKED_AT):
        part = slice(first, first + LOOKED_AT)
        values = stack[:, part] if plan.plain else stack[:, part] * plan.scale[:, None]
        keep = _kept(plan, values, 0.0 if step is None else step[part])
        flat[place[part]] = _combined(plan, values, keep)
        rejected += (np.isfinite(values) & ~keep).sum(axis=1)
    return rejected


def _kept(plan: Plan, stack: Array, step: Array | float) -> Array:
    if plan.clip is None:
        return np.isfinite(stack)
    if plan.noise is None:
        return kept_values(stack, plan.clip, by_own_spread(plan.clip))
    even = (stack - plan.shifts.offsets[:, None]) / plan.shifts.factors[:, None]
    return kept_values(even, plan.clip, by_noise(plan.clip, plan.noise, step))


def _combined(plan: Plan, stack: Array, keep: Array) -> Array:
    return _mean(stack, keep, plan) if plan.method == "mean" else centre(np.where(keep, stack, np.nan), "median")


def _steps(plan: Plan, first: int, last: int, look: Array) -> Array | float:
    """Give the largest step to a neighbour where the noise asks for it, reading a row more above and below."""
    if plan.noise is None or plan.noise.d == 0:
        return 0.0
    above, below = max(first - 1, 0), min(last + 1, plan.shape[0])
    rows = read_rows(plan.frames, above, below)
    if plan.plain and rows.combined_flags[1] is None and rows.stored.dtype.kind != "f":
        lower, upper = middles(_shifted(rows.stored, plan.whole_shifts))
        level = lower.astype(float) if len(plan.frames) == 2 else 0.5 * lower + 0.5 * upper
    else:
        columns = rows.columns(slice(None)) * plan.scale[:, None] - plan.whole_shifts[:, None]
        level = typical_level(columns)
    step = largest_step(level.reshape(below - above, -1))
    return np.nan_to_num(step[first - above : step.shape[0] - (below - last)]).reshape(-1)[look]


def _mean(stack: Array, keep: Array, plan: Plan) -> Array:
    """Give the weighted mean over what is kept, as it would be had nothing been left out.

    With frames expected to show o + f·m, m is Σ w (x − o) / Σ w f over the values kept, and the mean of all
    frames Σ w (o + f m) / Σ w.  Where all are kept that is Σ w x / Σ w.
    """
    value, offset, factor = (np.zeros(stack.shape[1]) for _ in range(3))
    for frame, kept, w, o, f in zip(stack, keep, plan.weights, plan.shifts.offsets, plan.shifts.factors, strict=True):
        value += np.where(kept, frame * w, 0.0)
        offset += np.where(kept, o * w, 0.0)
        factor += np.where(kept, f * w, 0.0)
    total = plan.weights.sum()
    mean_offset = np.sum(plan.weights * plan.shifts.offsets) / total
    mean_factor = np.sum(plan.weights * plan.shifts.factors) / total
    with np.errstate(invalid="ignore", divide="ignore"):
        level = (value - offset) / factor
        mean: Array = np.where(keep.all(axis=0), value / total, mean_offset + mean_factor * level)
    return mean


def _with_errors(
    plan: Plan, rows: Rows, first: int, last: int, values: Array, rejected: Array
) -> tuple[Array | None, Shared]:
    """Combine a tile whose frames carry variance, and propagate that: own errors average down, shared ones do not."""
    stack = rows.columns(slice(None)) * plan.scale[:, None]
    keep = _kept(plan, stack, _steps(plan, first, last, np.arange(stack.shape[1])))
    shape = (last - first, plan.shape[1])
    values[first:last] = _combined(plan, stack, keep).reshape(shape)
    rejected += (np.isfinite(stack) & ~keep).sum(axis=1)
    weight = np.where(keep, (plan.weights * plan.scale)[:, None], 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        weight /= np.where(keep, plan.weights[:, None], 0.0).sum(axis=0)
    parts = rows.parts or ()
    own = np.stack([part.variance for part in parts if part.variance is not None]).reshape(keep.shape)
    own = np.where(keep, own, 0.0)
    spread = median_variance(keep.sum(axis=0)) if plan.method == "median" else 1.0
    variance = (spread * np.sum(weight**2 * own, axis=0)).reshape(shape)
    shared: dict[str, Array] = {}
    for part, share in zip(parts, weight, strict=True):
        for key, sigma in part.shared:
            shared[key] = shared.get(key, 0.0) + np.where(share > 0, share * sigma.reshape(-1), 0.0).reshape(shape)
    return variance, tuple(sorted(shared.items(), key=lambda item: item[0]))


def median_variance(count: Array) -> Array:
    """Give the variance of the median of ``count`` normal values, relative to that of their mean.

    π/2 for many (Kenney and Keeping 1951); the small-sample terms are fitted to the exact values, within 0.5 %.
    """
    many: Array = np.pi / 2 * count / (count + np.where(count % 2, 0.49, 1.32))
    return np.where(count > 2, many, 1.0)


def _joined(errors: list[tuple[Array | None, Shared]], plan: Plan) -> tuple[Array | None, Shared]:
    if not errors:
        return None, ()
    variance = np.concatenate([own for own, _ in errors if own is not None]).astype(plan.dtype)
    keys = unique(key for _, shared in errors for key, _ in shared)
    shared = ((key, np.concatenate([dict(part)[key] for _, part in errors])) for key in keys)
    return sealed(variance), tuple((key, sealed(sigma.astype(plan.dtype))) for key, sigma in shared)
