"""The parts of a detector that have each their own noise: found in the frames, not asked of the header."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import attrs
import numpy as np

from pipeline.records.arrays import Array, FloatArray, IntArray
from pipeline.statistics.frame_levels import Shifts
from pipeline.statistics.noise import Noise
from pipeline.statistics.noise_fit import NoiseSample, measure_stack_noise, sample_of
from pipeline.statistics.robust import median
from pipeline.statistics.rounding import Rounding

CONTRAST = 1.3
"""Parts whose variances differ by less than this factor are one."""

SIGNIFICANT_CHANGE = 8.0
"""A step of the noise counts from so many of its standard errors."""

FEW_LINES = 4
"""A part holds at least so many of the rows or columns that were sampled."""

PARTS = 4
"""No more parts than this are told apart along each axis."""


@attrs.frozen
class AmplifierNoise:
    """The noise of the rows and columns (from, to before) that one amplifier reads."""

    rows: tuple[int, int]
    columns: tuple[int, int]
    noise: Noise


@attrs.frozen(eq=False, repr=False)
class Sampled:
    """Blocks of sampled pixels (frames, rows, columns), and the rows and columns of the image that they come from.

    ``saturated`` is the part of each frame's pixels in those rows that is flagged as saturated, ``rounding`` how values
    were rounded.
    """

    blocks: list[Array]
    rows: list[Array]
    columns: Array
    saturated: Array = attrs.field(factory=lambda: np.zeros(0))
    rounding: Rounding = attrs.field(factory=Rounding)


def amplifiers_of(
    sampled: Sampled, shape: tuple[int, int], shifts: Shifts, kind: str, counting: Noise | None
) -> tuple[AmplifierNoise, ...]:
    """Measure the noise of a stack, of each part of the image on its own where parts differ."""
    sample = sample_of(sampled.blocks, shifts)
    rounding = sampled.rounding.variance
    whole = measure_stack_noise(sampled.blocks, shifts, kind, counting, sample, rounding=rounding)
    one = (AmplifierNoise((0, shape[0]), (0, shape[1]), whole),)
    if counting is not None or len(shifts.offsets) < 2:
        return one
    ratio = _relative(sampled, sample, whole)
    known = np.isfinite(ratio)
    rows, columns = (known.mean(axis=axis) > 0.5 for axis in (1, 0))  # of aligned frames one may be alone in many lines
    if not (rows.any() and columns.any()):
        return one
    ratio = np.where(known, ratio, 1.0)[np.ix_(rows, columns)]
    column_edges = _edges(np.median(ratio, axis=0), sampled.columns[columns], shape[1])
    row_edges = _edges(np.median(ratio, axis=1), np.concatenate(sampled.rows)[rows], shape[0])
    if len(column_edges) == 2 and len(row_edges) == 2:
        return one
    return tuple(
        AmplifierNoise(
            rows, columns, measure_stack_noise(cut_to(sampled, rows, columns), shifts, kind, rounding=rounding)
        )
        for rows in pairwise(row_edges)
        for columns in pairwise(column_edges)
    )


def _relative(sampled: Sampled, sample: NoiseSample, noise: Noise) -> Array:
    """Give the variance over frames of each sampled pixel, (rows, columns), over what is expected of its level.

    NaN where fewer than two frames tell.
    """
    relative: Array = (sample.variance / noise.variance(sample.level, sample.step)).reshape(-1, sampled.columns.size)
    return relative


def _edges(profile: Array, places: Array, length: int) -> list[int]:
    """Give the edges of the parts in which a profile of variances is level, the image's own included.

    An edge is put where the quieter side begins for sure: to judge a few lines by too large a noise costs nothing.
    """
    logs = np.log(np.maximum(profile, 1e-6))
    cuts = _split(logs, 0, logs.size, PARTS)
    edges = [0]
    for cut in cuts:
        quieter_before = median(logs[max(0, cut - 8) : cut]) < median(logs[cut : cut + 8])
        edges.append(int(places[cut - 1]) + 1 if quieter_before else int(places[cut]))
    return [*edges, length]


def _split(logs: Array, start: int, stop: int, parts: int) -> list[int]:
    """Split a profile where its mean changes most, if it does, and the pieces again (Page's cumulative sums, 1954)."""
    count = stop - start
    if parts < 2 or count < 2 * FEW_LINES:
        return []
    piece = logs[start:stop]
    scatter = max(median(np.abs(np.diff(piece))) / 0.954, 1e-3)
    before = np.arange(1, count)
    gap = np.cumsum(piece)[:-1] / before - (piece.sum() - np.cumsum(piece)[:-1]) / (count - before)
    weight = np.sqrt(before * (count - before) / count)
    strength = np.where((before >= FEW_LINES) & (count - before >= FEW_LINES), np.abs(gap) * weight / scatter, 0)
    cut = start + int(strength.argmax()) + 1
    contrast = abs(median(logs[start:cut]) - median(logs[cut:stop]))
    if strength.max() < SIGNIFICANT_CHANGE or contrast < np.log(CONTRAST):
        return []
    return [*_split(logs, start, cut, parts // 2), cut, *_split(logs, cut, stop, parts // 2)]


def cut_to(sampled: Sampled, rows: tuple[int, int], columns: tuple[int, int]) -> list[Array]:
    """Keep of the sampled blocks what lies in some rows and columns of the image."""
    across = (columns[0] <= sampled.columns) & (sampled.columns < columns[1])
    blocks = [
        block[:, (rows[0] <= at) & (at < rows[1])][:, :, across]
        for block, at in zip(sampled.blocks, sampled.rows, strict=True)
    ]
    return [block for block in blocks if block.size]


def without_motion(amplifiers: Sequence[AmplifierNoise]) -> tuple[AmplifierNoise, ...]:
    """Give amplifiers with read and photon noise alone."""
    return tuple(attrs.evolve(one, noise=one.noise.counted) for one in amplifiers)


def which_of(amplifiers: Sequence[AmplifierNoise], place: IntArray, width: int) -> IntArray:
    """Give the number of the amplifier that reads each pixel, counted through the flattened image."""
    which = np.zeros(place.shape, np.uint8)
    if len(amplifiers) > 1:
        row, column = np.divmod(place, width)
        for number, one in enumerate(amplifiers):
            inside = (one.rows[0] <= row) & (row < one.rows[1])
            which[inside & (one.columns[0] <= column) & (column < one.columns[1])] = number
    return which


def variance_of(
    amplifiers: Sequence[AmplifierNoise], which: IntArray, steps: FloatArray | None = None
) -> Callable[[FloatArray, IntArray | slice], FloatArray]:
    """Give the function that tells σ² of pixels at a level: ``which`` amplifier reads each, and its largest step."""

    def variance(level: FloatArray, columns: IntArray | slice) -> FloatArray:
        there = 0.0 if steps is None else steps[columns]
        known = amplifiers[0].noise.variance(level, there)
        for number, one in enumerate(amplifiers[1:], 1):
            known = np.where(which[columns] == number, one.noise.variance(level, there), known)
        return known

    return variance
