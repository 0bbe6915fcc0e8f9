"""A closer look at pixels that may lose values: each judged as the clip asks."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import numpy as np

from pipeline.records.pixels import Array, Flag
from pipeline.stacking.clear import frames_and_pixels
from pipeline.stacking.sigma_clip import by_noise, by_own_spread, kept_values
from pipeline.stacking.stack_rows import Plan, Rows, read_rows
from pipeline.statistics.amplifier_noise import variance_of, which_of
from pipeline.statistics.medians import middles
from pipeline.statistics.noise import neighbours_of, typical_level
from pipeline.statistics.order_statistics import Window
from pipeline.statistics.pixel_summary import shifted

LOOK_BYTES = 64
"""What a closer look takes for each value."""


@attrs.define
class Looked:
    """Pixels of a band that wait for a closer look, looked at together when there are enough of them.

    ``values`` and ``flags`` are those of the whole image, flattened; ``rejected`` counts the values left out of
    each frame; ``tell`` is told the place of pixels, which of their values are kept, and which were left out.
    """

    plan: Plan
    values: Array
    flags: Array
    rejected: Array
    at_once: int
    tell: Callable[[Array, Array, Array], None]
    waiting: list[tuple[Array, Array, Array | float]] = attrs.field(factory=list)

    def add(self, place: Array, columns: Callable[[slice], Array], first: int, last: int) -> None:
        """Let pixels of the rows from ``first`` to before ``last`` wait.

        :param place: where in the flattened image they are.
        :param columns: gives the values of some of them, float64 (frames, pixels).
        """
        if not place.size:
            return
        steps = steps_of(self.plan, place, first, last)
        chunk = max(1, self.at_once // len(self.plan.frames))
        for start in range(0, place.size, chunk):
            part = slice(start, start + chunk)
            step = steps[part] if isinstance(steps, np.ndarray) else steps
            self.waiting.append((place[part], columns(part), step))
            if sum(columns.size for _, columns, _ in self.waiting) >= self.at_once:
                self.look()

    def look(self) -> None:
        """Combine all that wait."""
        if not self.waiting:
            return
        places, columns, steps = zip(*self.waiting, strict=True)
        self.waiting = []
        place, stack = np.concatenate(places), np.concatenate(columns, axis=1)
        if not self.plan.plain:
            stack *= self.plan.scale[:, None]
        keep = kept(self.plan, stack, place, np.concatenate(steps) if isinstance(steps[0], np.ndarray) else 0.0)
        self.put(place, stack, keep)

    def put(self, place: Array, stack: Array, keep: Array) -> None:
        """Combine pixels, each at its place in the image, of whose values it is known which they keep."""
        self.set(place, combine_kept(self.plan, stack, keep), keep, np.isfinite(stack) & ~keep)

    def set(self, place: Array, combined: Array, keep: Array, out: Array) -> None:
        """Set pixels to what their values combine to; of these some are kept, and some left out by the clip."""
        self.values[place] = combined
        nonfinite = ~np.isfinite(combined)
        if nonfinite.any():
            self.flags[place[nonfinite]] |= np.uint8(Flag.NONFINITE)
        self.rejected += [np.count_nonzero(row) for row in out]
        self.tell(place, keep, out)


def kept(plan: Plan, stack: Array, place: Array, step: Array | float) -> Array:
    """Tell which values of a stack (frames, pixels) the clip of a plan keeps; ``place`` is that of each pixel."""
    if plan.clip is None:
        return np.isfinite(stack)
    if not plan.amplifiers:
        return kept_values(stack, plan.clip, by_own_spread(plan.clip))
    even = stack - plan.shifts.offsets[:, None]
    if (plan.shifts.factors != 1).any():
        even /= plan.shifts.factors[:, None]
    which = which_of(plan.amplifiers, place, plan.shape[1])
    return kept_values(even, plan.clip, by_noise(plan.clip, variance_of(plan.amplifiers, which, step)))


def combine_kept(plan: Plan, stack: Array, keep: Array) -> Array:
    """Give the mean or median of what is kept."""
    if plan.method == "median":
        return Window.of(np.where(keep, stack, np.nan)).median
    return mean_of(plan, added(np.where(keep, stack, 0.0), plan.weights), *frames_and_pixels(~keep))


def mean_of(plan: Plan, total: Array, frame: Array, pixel: Array) -> Array:
    """Give the weighted mean over what is kept from its sum, as it would be had nothing been left out.

    With frames expected to show o + f·m, m is Σ w (x − o) / Σ w f over the values kept, and the mean of all
    frames Σ w (o + f m) / Σ w.  Where all are kept that is Σ w x / Σ w.

    :param frame: of each value that is left out, and so ``pixel``.
    """
    weights, offsets, factors = plan.weights, plan.weights * plan.shifts.offsets, plan.weights * plan.shifts.factors
    whole, pixels = np.sum(weights), total.size
    lost = np.bincount(pixel, minlength=pixels)
    offset = np.sum(offsets) - np.bincount(pixel, offsets[frame], pixels)
    factor = np.sum(factors) - np.bincount(pixel, factors[frame], pixels)
    factor[lost == len(weights)] = 0  # not what rounding leaves of it
    with np.errstate(invalid="ignore", divide="ignore"):
        level = (total - offset) / factor
    mean: Array = np.where(lost, np.sum(offsets) / whole + np.sum(factors) / whole * level, total / whole)
    return mean


def moving(plan: Plan) -> bool:
    """Tell whether a pixel's noise asks for its largest step to a neighbour."""
    return any(one.noise.d for one in plan.amplifiers)


def steps_of(plan: Plan, place: Array, first: int, last: int) -> Array | float:
    """Give the largest step of pixels to a neighbour where the noise asks for it; a row more is read on each side.

    :param place: where in the flattened image they are: in the rows from ``first`` to before ``last``.
    """
    if not moving(plan):
        return 0.0
    above, below = max(first - 1, 0), min(last + 1, plan.shape[0])
    here = place - above * plan.shape[1]
    around = neighbours_of(here, (below - above, plan.shape[1]))
    level = np.full((below - above) * plan.shape[1], np.nan)
    asked = np.zeros(level.shape, bool)
    asked[around], asked[here] = True, True
    level[asked] = _levels(plan, read_rows(plan.frames, above, below), np.flatnonzero(asked))
    steps: Array = np.fmax.reduce(np.abs(level[around] - level[here]))
    return np.nan_to_num(steps)


def _levels(plan: Plan, rows: Rows, which: Array) -> Array:
    """Give the typical level of some pixels; of two values the lower one, because cosmic rays only add."""
    if plan.plain and rows.combined_flags[1] is None and rows.stored.dtype.kind != "f":
        lower, upper = middles(shifted(rows.stored.take(which, axis=1), plan.whole_shifts))
        return lower.astype(float) if len(plan.frames) == 2 else 0.5 * lower + 0.5 * upper
    return typical_level(rows.columns(which) * plan.scale[:, None] - plan.whole_shifts[:, None])


def added(rows: Array, factors: Array) -> Array:
    """Add rows times their factors, row by row: numpy's own sum changes its order with the number of columns."""
    total = np.zeros(rows.shape[1])
    for row, factor in zip(rows, factors.tolist(), strict=True):
        total += row * factor if factor != 1 else row
    return total
