"""Whether what is bright in one amplifier repeats, faintly, in another: crosstalk.

Amplifiers that are read at the same time hear each other.  What is bright leaves a ghost, a thousandth of it or less,
at the place that another amplifier reads in the same moment: as far from its own corner, mirrored or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import attrs
import numpy as np

from pipeline.records.arrays import Array, BoolArray, IntArray
from pipeline.records.note import Note
from pipeline.statistics.robust import MAD_TO_SIGMA, median

Box = tuple[int, int, int, int]
"""Rows and columns of an amplifier: from, to before, from, to before."""

CELL = 16
"""What is bright is sought in cells of so many pixels to a side."""

BRIGHT = 2000.0
"""σ of a pixel above the sky from which something may leave a ghost that is seen."""

MOST = 12
"""So many bright places, the brightest, are looked at."""

WINDOW = 10
"""Pixels to each side of a bright place that are compared with those of a ghost."""

LEAST, MOST_OF_IT, NO_GHOST = 2e-6, 0.005, 0.02
"""The part of the light that a ghost may have: more may be another star, and much more is what is bright itself."""

COMPACT = 0.1
"""What is brighter than such a part of its peak at the edge of its window runs on, as spectra and trails do."""

SURE, EACH = 8.0, 3.0
"""A ghost counts from so many of its errors, and of one place from so many."""

ALIKE = 4.0
"""Ghosts of several places are the same part of each to so many errors, and a third."""

MOSTLY = 0.6
"""So many of the bright places at least have a ghost that is alike."""

PEAKED = 0.93
"""Two pixels off its place a ghost fits less well, by this factor at least."""

FEWEST_PIXELS = 300
"""So many pixels of a window have to be known."""

ELSEWHERE = tuple((up, right) for up in (-24, 0, 24) for right in (-24, 0, 24) if up or right)
"""Where no ghost would be, beside the place of one: what is found there is chance."""

BESIDE = ((-2, 0), (2, 0), (0, -2), (0, 2))


@attrs.frozen
class Ghost:
    """The part of the light of one amplifier that is seen in another, its error, and how many places tell it."""

    part: float
    error: float
    places: int


def crosstalk_notes(values: Array, amplifiers: Sequence[Box], names: tuple[str, ...]) -> tuple[Note, ...]:
    """Say where what is bright in one amplifier repeats in another.

    :param values: an image (ny, nx), NaN where a pixel is bad.
    :param amplifiers: the parts of it; none where nobody says so: then halves are looked at.
    :param names: those of its frames.
    """
    bright, sigma = _bright_places(values)
    if not bright.size:
        return ()
    height, width = values.shape
    left, right = (0, height, 0, width // 2), (0, height, width - width // 2, width)
    lower, upper = (0, height // 2, 0, width), (height - height // 2, height, 0, width)
    sets = (amplifiers,) if amplifiers else ((left, right), (lower, upper))
    found = [
        ghost
        for boxes in sets
        for one, other in permutations(boxes, 2)
        for mirrored in ((False, False), (False, True), (True, False), (True, True))
        if (ghost := _ghost(values, bright, one, other, mirrored, sigma))
    ]
    if not found:
        return ()
    most = max(found, key=lambda ghost: ghost.part / ghost.error)
    return (
        Note(
            f"what is bright in one amplifier repeats in another, {most.part:.2g} of it: crosstalk, whose ghosts "
            "stand in the product and are not flagged",
            frames=names,
            mend="take that part of each amplifier out of the other, pixel by pixel, in the raw frames",
            figures=(("part", most.part), ("error", most.error), ("places", float(most.places))),
            fact="crosstalk",
        ),
    )


def _ghost(
    values: Array, bright: IntArray, one: Box, other: Box, mirrored: tuple[bool, bool], sigma: float
) -> Ghost | None:
    """Give what is seen in another amplifier of the bright places of one; None where that is nothing, or chance.

    :param mirrored: whether rows and columns are read from opposite sides.
    """
    found = []
    for place in bright[_inside(bright, one)]:
        at = [
            end - 1 - (int(here) - start) if turned else there + int(here) - start
            for here, start, there, end, turned in zip(place, one[::2], other[::2], other[1::2], mirrored, strict=True)
        ]
        light = _window(values, (int(place[0]), int(place[1])))
        if light is not None and (told := _part_of(values, light, (at[0], at[1]), mirrored, sigma)):
            found.append(told)
    if not found:
        return None
    parts, errors = np.array(found).T
    weights = errors**-2
    part, error = float(np.sum(weights * parts) / np.sum(weights)), float(np.sum(weights) ** -0.5)
    shown = (parts > EACH * errors) | (part < 2 * EACH * errors)  # or too faint a ghost to show alone
    alike = (np.abs(parts - part) < ALIKE * errors + part / 3) & shown
    alone = np.count_nonzero(parts > EACH * errors) >= min(2, parts.size)
    shows = alone and part > SURE * error and LEAST < part < MOST_OF_IT and np.mean(alike) >= MOSTLY
    return Ghost(part, error, len(found)) if shows else None


def _part_of(
    values: Array, light: Array, at: tuple[int, int], mirrored: tuple[bool, bool], sigma: float
) -> tuple[float, float] | None:
    """Give the part of some light that is seen about a place, and its error; None where too little is known of it.

    It is 0 where another place close by fits better.
    """
    turned = light[:: -1 if mirrored[0] else 1, :: -1 if mirrored[1] else 1]
    part = _fitted(values, turned, at)
    elsewhere = [_fitted(values, turned, (at[0] + up, at[1] + right)) for up, right in ELSEWHERE]
    known = [one for one in elsewhere if one is not None and abs(one) < NO_GHOST]  # more would be no ghost either
    if part is None or len(known) < len(ELSEWHERE) // 2:
        return None
    spread = float(np.std(turned[np.isfinite(turned)])) * np.sqrt(turned.size)
    error = float(np.hypot(sigma / spread, np.sqrt(np.mean(np.square(known)))))
    beside = [_fitted(values, turned, (at[0] + up, at[1] + right)) for up, right in BESIDE]
    peaked = all(one is None or one < PEAKED * part + 2 * sigma / spread for one in beside)
    return (part if peaked else 0.0), error


def _fitted(values: Array, light: Array, at: tuple[int, int]) -> float | None:
    """Give how often some light stands about a place, by least squares; None at edges and where too little is known."""
    seen = _window(values, at)
    if seen is None:
        return None
    known = np.isfinite(light) & np.isfinite(seen)
    if np.count_nonzero(known) < FEWEST_PIXELS:
        return None
    lever = light[known] - light[known].mean()
    return float(np.sum(lever * seen[known]) / np.sum(lever**2))


def _window(values: Array, at: tuple[int, int]) -> Array | None:
    """Give the pixels about a place; None where some lie outside."""
    up, right = at[0] - WINDOW, at[1] - WINDOW
    size = 2 * WINDOW + 1
    if up < 0 or right < 0 or up + size > values.shape[0] or right + size > values.shape[1]:
        return None
    window: Array = values[up : up + size, right : right + size].astype(np.float64)
    return window


def _inside(places: IntArray, box: Box) -> BoolArray:
    """Tell which places lie in a box."""
    row, column = places.T
    inside: BoolArray = (box[0] <= row) & (row < box[1]) & (box[2] <= column) & (column < box[3])
    return inside


def _bright_places(values: Array) -> tuple[IntArray, float]:
    """Give rows and columns of the brightest compact places, (places, 2), and the noise of a pixel of the sky."""
    none = np.empty((0, 2), np.intp), 0.0
    height, width = (side // CELL * CELL for side in values.shape)
    if min(height, width) < 8 * CELL:
        return none
    some = values[:: max(1, height // 64)]
    steps = np.abs(some[:, 3::3] - some[:, :-3:3])
    steps, some = steps[np.isfinite(steps)], some[np.isfinite(some)]
    if not steps.size:
        return none
    sky, sigma = median(some), MAD_TO_SIGMA * median(steps) / float(np.sqrt(2))
    limit = sky + BRIGHT * sigma
    lines = np.fmax.reduceat(values[:height:2], np.arange(0, height // 2, CELL // 2), axis=0)  # images span more rows
    cells = np.fmax.reduceat(lines[:, :width], np.arange(0, width, CELL), axis=1)
    high = np.argwhere(cells > limit)
    if not sigma or not high.size:
        return none
    found: list[tuple[int, int]] = []
    for up, right in high[np.argsort(-cells[tuple(high.T)], kind="stable")[: 4 * MOST]] * CELL:
        cell = np.nan_to_num(values[up : up + CELL, right : right + CELL], nan=-np.inf)
        row, column = divmod(int(cell.argmax()), CELL)
        place = int(up) + row, int(right) + column
        if all(max(abs(place[0] - y), abs(place[1] - x)) > WINDOW for y, x in found) and _compact(values, place, sky):
            found.append(place)
    return np.array(found[:MOST]).reshape(-1, 2), sigma


def _compact(values: Array, place: tuple[int, int], sky: float) -> bool:
    """Tell whether what is bright ends within its window."""
    window = _window(values, place)
    if window is None:
        return False
    edge = np.concatenate([window[0], window[-1], window[:, 0], window[:, -1]])
    peak = window[WINDOW, WINDOW] - sky
    return bool(np.nanmax(edge, initial=-np.inf) - sky < COMPACT * peak)
