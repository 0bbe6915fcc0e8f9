"""The step to whose multiples values were rounded: that of a converter, in whatever unit they are by now.

It is told from the values themselves.  A raw frame holds whole numbers; a bias, an overscan, a gain or an exposure turn
them into others, which still lie whole steps apart from frame to frame and from pixel to pixel.  Values over a flat do
not, and have no step but their own last place.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np

from pipeline.records.arrays import Array, FloatArray

QUANTISATION = 1 / 12
"""The variance of rounding to whole numbers: no integer frame is quieter."""

ENOUGH_PIXELS = 2**11
"""So many pixels tell a step."""

COMPARED_FRAMES = 3
"""So many frames are compared with the first."""

OFF = 4.0
"""Differences of differences are off by so many units in the last place of the values, at most."""

CLEAR = 16.0
"""A step is one where it is so many times as large as what may be off."""

MANY, MANY_OF_ONE = 8, 4
"""So many different whole numbers do not share a step by chance: of differences, and of values themselves."""

SCATTERED, FEWEST_SCATTERED = 0.02, 32
"""Where more than such a part of the values differ, and so many, and by one step, two and so on, these are steps and no
hits."""

FINE = 16.0
"""Two values that differ by less than such a part of themselves differ by a step."""

MOST_ROUNDS = 64


@attrs.frozen
class Rounding:
    """How values of frames were rounded.

    ``step`` is that between values as they are combined, 0 where they show none; ``variance`` that of rounding one
    value, in the unit of the values squared: never 0, since floats are rounded too.  ``on_grid`` tells whether at each
    pixel the values of all frames lie whole steps apart.
    """

    step: float = 1.0
    variance: float = QUANTISATION
    on_grid: bool = True

    @classmethod
    def of(cls, blocks: Sequence[Array], scale: FloatArray, *, last_place: float, stored_whole: bool) -> Rounding:
        """Tell it from sampled pixels.

        :param blocks: (frames, rows, columns), NaN where a value is bad, before they are scaled.
        :param scale: what each frame is multiplied by.
        :param last_place: the last place of a value, over the value: that of the type that values had.
        :param stored_whole: values are whole numbers by their type.
        """
        stack = _some(blocks)
        squared = float(np.mean(scale**2))
        if stored_whole or _is_whole(stack, last_place):
            step, on_grid = _whole_step(stack), True
        else:
            step, on_grid = _step_between(stack, last_place)
            step = step or step_of(stack[0], last_place)
        if not step:
            size = _typical_size(blocks, stack)
            if not size:
                return cls(0.0, QUANTISATION * squared, False)
            last = size * last_place
            return cls(0.0, last * last / 12 * squared, False)  # ** would raise where that is infinite
        return cls(step * float(np.sqrt(squared)), step**2 / 12 * squared, on_grid and not np.ptp(scale))


def step_of(values: Array, last_place: float) -> float:
    """Give the step of which values are whole multiples; 0 where they show none.

    >>> step_of(np.arange(30, 90) / 4, 1e-7)
    0.25
    >>> step_of(np.sqrt(np.arange(30, 90)), 1e-7)
    0.0

    :param last_place: of a value, over the value.
    """
    known = np.abs(values[np.isfinite(values)])
    if not known.size:
        return 0.0
    off = OFF / 2 * last_place * float(known.max())
    sizes = _different(known, off)
    step = _common_step(sizes, off)
    if not step:
        return 0.0
    steps = np.unique(np.rint(sizes / step))
    adjoin = steps[-1] - steps[0] == steps.size - 1 and (steps.size > 2 or step * FINE <= sizes[-1])
    return step if steps.size >= MANY_OF_ONE or adjoin else 0.0


def _some(blocks: Sequence[Array]) -> Array:
    """Choose (frames, rows, columns) of sampled blocks, from all of them."""
    frames, _, width = blocks[0].shape
    rows = max(1, ENOUGH_PIXELS // max(width, 1))
    every = max(1, sum(block.shape[1] for block in blocks) // rows)
    chosen = np.concatenate([block[:, turn % block.shape[1] :: every] for turn, block in enumerate(blocks)], axis=1)
    return chosen[:, :rows] if chosen.size else np.full((frames, 1, width), np.nan)


def _typical_size(blocks: Sequence[Array], stack: Array) -> float:
    """Give the typical size of values, of any where most are 0."""
    sizes = np.abs(stack[np.isfinite(stack)])
    return (float(np.median(sizes)) if sizes.size else 0.0) or max(
        float(np.nanmax(np.abs(block), initial=0.0, where=np.isfinite(block))) for block in blocks
    )


def _step_between(stack: Array, last_place: float) -> tuple[float, bool]:
    """Give the step of what frames differ by from pixel to pixel, 0 where none shows; and whether all lie on a grid.

    What a frame has in common along a row, such as an overscan level, cancels, and so does what all frames have.
    """
    if len(stack) < 2 or stack.shape[2] < 2:
        return 0.0, False
    apart = stack[1:] - stack[0]
    twice = np.diff(apart[:COMPARED_FRAMES], axis=2)
    size = np.abs(stack).max(axis=0)
    of_both = np.maximum(size[:, 1:], size[:, :-1])
    known = np.isfinite(of_both)
    if not known.any():
        return 0.0, False
    faint = known & (of_both <= 2 * np.median(of_both[known]))
    off = OFF * last_place * float(of_both[faint].max())
    sizes = np.abs(twice[:, faint]).reshape(-1)
    different = _different(sizes, off)
    step = _common_step(different, off)
    if not step:
        return 0.0, False
    steps = np.unique(np.rint(different / step))
    adjoin = steps[0] == 0 and steps[-1] == steps.size - 1
    if steps.size < MANY and not (
        adjoin and np.count_nonzero(sizes > off) > max(FEWEST_SCATTERED, SCATTERED * sizes.size)
    ):
        return 0.0, False
    whole = apart[:, size <= 2 * np.median(of_both[known])] / step
    return step, bool((np.abs(whole - np.rint(whole)) * step <= off).all())


def _is_whole(stack: Array, last_place: float) -> bool:
    """Tell whether values are whole numbers, and not so large that their type holds no others."""
    known = stack[np.isfinite(stack)]
    return bool(known.size) and float(np.abs(known).max()) * last_place < 1 and not np.any(known % 1)


def _whole_step(stack: Array) -> float:
    """Give the step of whole numbers: more than 1 where a converter's were multiplied, as those of 12 bits to 16."""
    values = stack[np.isfinite(stack)]
    if not values.size:
        return 1.0
    above = np.unique(values - values.min())
    return float(np.gcd.reduce(above.astype(np.int64))) if above.size >= MANY else 1.0


def _different(values: Array, off: float) -> Array:
    """Give the different ones of some values, in order: the means of those that rounding alone has parted."""
    ordered = np.sort(values)
    first = np.concatenate([[0], np.flatnonzero(np.diff(ordered) > off) + 1])
    means: Array = np.add.reduceat(ordered, first) / np.diff(np.append(first, ordered.size))
    return means


def _common_step(sizes: Array, off: float) -> float:
    """Give the largest number of which all sizes are whole multiples but for what may be off; 0 where there is none.

    As Euclid did, with what rounding leaves: a guess is bettered on ever larger multiples, until one is none.

    :param sizes: in order; how far they lie apart counts too.
    """
    sizes = np.concatenate([sizes, np.diff(sizes)])
    sizes = np.sort(sizes[sizes > off])
    if not sizes.size:
        return 0.0
    step = float(sizes[0])
    for _ in range(MOST_ROUNDS):
        reach, rest = 2 * step, np.zeros(0)
        while step >= CLEAR * off:
            some = sizes[: np.searchsorted(sizes, reach, side="right")]
            times = np.rint(some / step)
            far = np.abs(some - times * step)
            rest = far[far > off]
            if rest.size:
                break
            step = float(times @ some) / float(times @ times) if some.size else step
            if reach >= sizes[-1]:
                return step
            reach *= 2
        if not rest.size:
            return 0.0
        step = float(rest.min())
    return 0.0
