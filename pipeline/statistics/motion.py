"""How frames of one field lie against each other: measured by their sources, or by the correlation of all that is lit.

Sources: the differences between the places of all pairs of sources of two frames are alike for those pairs that are
one source; the fullest small box of differences, and in it the median, is the shift.  Each sees what the other misses:
sources few stars in an empty field, correlation traces, nebulae and crowded fields.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import attrs
import numpy as np

from pipeline.records.arrays import BoolArray, FloatArray, IntArray
from pipeline.statistics.correlation import (
    BOTH,
    FARTHEST,
    MOSTLY,
    Coarse,
    brightest_windows,
    finer_shift,
    light_in,
    profiles_of,
)
from pipeline.statistics.sources import CENTRED_IN, NO_SOURCES, BinnedImage, Sources, find_in_blocks

BOX = 2
"""Pixels: differences are counted in boxes of so many to a side, and of two by two boxes together."""

ONE_SOURCE = 1.5
"""Pixels within which sources of two frames are one, once the shift is known."""

BEST_KNOWN = 0.02
"""Pixels to which the place of the brightest source is told: by how pixels cut it."""

PULLED = 3.0
"""A source that lies off by more than so many σ, or so many times what most do, was hit."""

FEWEST_SOURCES, SHARE_OF_SOURCES = 3, 0.25
"""So many sources must agree, and such a fraction of the frame that has fewer."""

CHANCE = 1e-4
"""How often as many may agree by chance."""


SURE_BY_SOURCES = 10
"""Correlation is not asked where so many sources agree, and most of the light falls on light."""


@attrs.frozen(eq=False)
class Motion:
    """How far each frame's image of the sky lies from that of a frame among them: (frames, 2), rows and columns.

    What is at (y, x) in the ``reference`` is at (y, x) + shift in the frame.  ``told`` says which of these numbers were
    measured, (frames, 2).  Where neither was, they are NaN; where one was, the other is 0: light that runs along an
    axis, such as a spectrum, does not tell how far it moved along that.

    ``agreeing`` is the number of sources by which a shift was measured, 0 where it was by correlation, and ``turned``
    by how many radians each is turned against the reference, from x towards y, where sources tell; else NaN.
    """

    shifts: FloatArray
    told: BoolArray
    agreeing: IntArray
    turned: FloatArray
    reference: int

    @property
    def known(self) -> BoolArray:
        """Which frames' shifts are known, at least along one axis."""
        known: BoolArray = np.logical_or.reduce(self.told, axis=1)
        return known


def motion_of(images: Sequence[FloatArray], by: Literal["sources", "correlation", "both"] = "both") -> Motion | None:
    """Measure how frames of one field lie against one among them; None where nothing tells of any two.

    Sources tell to 0.1 px, from some ten on; correlation to some tenths.  Of ``"both"`` that is believed which brings
    more of the light together that is not fixed to the detector, and of two that agree the sources.

    :param images: (ny, nx) each, NaN where a value is not to be used.  Each is asked for once, and again where
        correlation is needed; one or two are held at a time, and of each 0.3 MB at most.
    """
    found, light, profiles, step, shape = list[Sources](), list[IntArray](), [], 1, (0, 0)
    for image in images:
        shape = image.shape[0], image.shape[1]
        if min(shape) < 4 * CENTRED_IN:
            return None
        blocks = BinnedImage.of(image)
        step = blocks.by
        found.append(find_in_blocks(image, blocks) if by != "correlation" else NO_SOURCES)
        light.append(light_in(blocks))
        profiles.append(profiles_of(blocks))
    del image, blocks  # two others may be held below
    brightness = [int(lit.sum()) for lit in light]
    reference = max(range(len(found)), key=lambda i: (len(found[i]) * (len(found[i]) >= FEWEST_SOURCES), brightness[i]))
    told = [_matched(found[reference], sources, shape) for sources in found]
    if by != "sources":
        told = _by_light(images, Coarse.of(light, profiles, reference), told, step)
    told[reference] = _Shift((0.0, 0.0), len(found[reference]), 0.0)
    if all(shift is None for i, shift in enumerate(told) if i != reference):
        return None
    each = [shift or _UNKNOWN for shift in told]
    return Motion(
        np.array([shift.by for shift in each]),
        np.array([[axis in shift.axes for axis in BOTH] for shift in each]),
        np.array([shift.agreeing for shift in each]),
        np.array([shift.turned for shift in each]),
        reference,
    )


@attrs.frozen
class _Shift:
    """How a frame lies against the reference."""

    by: tuple[float, float]
    agreeing: int = 0
    turned: float = math.nan
    axes: tuple[int, ...] = BOTH

    def in_blocks(self, side: int) -> tuple[int, int]:
        """Give it in blocks of so many pixels a side."""
        return round(self.by[0] / side), round(self.by[1] / side)


_UNKNOWN = _Shift((math.nan, math.nan), axes=())


def _by_light(
    images: Sequence[FloatArray], coarse: Coarse, told: list[_Shift | None], step: int
) -> list[_Shift | None]:
    """Ask light how frames lie where sources do not tell, or explain little of it; blocks are ``step`` px a side."""
    better, ours = list(told), None
    for i, shift in enumerate(told):
        peak = coarse.shift_of(i) if i != coarse.reference and not _is_sure(shift, coarse, i, step) else None
        if peak is None or (shift and not _explains_more(peak[0], shift, coarse, i, step)):
            continue
        if ours is None:
            ours = images[coarse.reference]
            windows = brightest_windows(coarse.light[coarse.reference], step, ours.shape)
        fine = finer_shift(ours, images[i], (peak[0][0] * step, peak[0][1] * step), peak[1], windows, step + 2)
        if fine is not None:
            better[i] = _Shift(fine, axes=peak[1])
    return better


def _is_sure(shift: _Shift | None, coarse: Coarse, frame: int, step: int) -> bool:
    """Tell whether many sources agree on a shift, and most of the light too."""
    return (
        shift is not None
        and shift.agreeing >= SURE_BY_SOURCES
        and coarse.explained(frame, shift.in_blocks(step)) > MOSTLY
    )


def _explains_more(peak: tuple[int, int], shift: _Shift, coarse: Coarse, frame: int, step: int) -> bool:
    """Tell whether a shift by blocks is another than that of the sources, and brings much more light together."""
    rows, columns = shift.in_blocks(step)
    apart = peak[0] - rows, peak[1] - columns
    return coarse.leaves(apart) and coarse.is_freer(frame, peak, than=(rows, columns))


def _matched(one: Sources, other: Sources, shape: tuple[int, int]) -> _Shift | None:
    """Give the shift from one frame's sources to another's on which most of these agree; None if too few do."""
    fewer = min(len(one), len(other))
    if fewer < FEWEST_SOURCES:
        return None
    most = 2 * fewer + FEWEST_SOURCES  # the brightest of the longer list are those that the shorter has
    dy, dx = (
        (theirs[None, :most] - ours[:most, None]).reshape(-1) for ours, theirs in ((one.y, other.y), (one.x, other.x))
    )
    half = max(1, int(FARTHEST * min(shape) / BOX))
    y, x = (np.floor(part / BOX).astype(int) + half for part in (dy, dx))
    inside = (y >= 0) & (y < 2 * half) & (x >= 0) & (x < 2 * half)
    votes = np.bincount(2 * half * y[inside] + x[inside], minlength=4 * half * half).reshape(2 * half, 2 * half)
    boxes = votes[1:, 1:] + votes[:-1, 1:] + votes[1:, :-1] + votes[:-1, :-1]
    row, column = divmod(int(boxes.argmax()), boxes.shape[1])
    shift = np.array([(row + 1 - half) * BOX, (column + 1 - half) * BOX], float)
    within = float(BOX)
    for _ in range(3):
        near = np.flatnonzero((np.abs(dy - shift[0]) <= within) & (np.abs(dx - shift[1]) <= within))
        if near.size:
            shift = np.array([np.median(dy[near]), np.median(dx[near])])
        within = ONE_SOURCE
    by_chance = np.count_nonzero(inside) * (2 * BOX) ** 2 / (2 * half * BOX) ** 2
    if near.size < max(FEWEST_SOURCES, SHARE_OF_SOURCES * fewer, _surprising(by_chance, boxes.size)):
        return None
    ours, theirs = np.divmod(near, min(most, len(other)))
    off, error = np.stack([dy[near], dx[near]]), np.hypot(one.error[ours], other.error[theirs])
    error = np.hypot(error, BEST_KNOWN)
    for _ in range(2):
        pulls = np.abs(off - shift[:, None]).max(axis=0) / error
        weights = (pulls <= PULLED * max(1.0, float(np.median(pulls)))) / error**2
        shift = (off * weights).sum(axis=1) / weights.sum()
    off = off - shift[:, None]
    up, right = one.y[ours] - shape[0] / 2, one.x[ours] - shape[1] / 2
    turned = float(np.sum(right * off[0] - up * off[1]) / np.sum(right**2 + up**2))
    return _Shift((float(shift[0]), float(shift[1])), near.size, turned)


def _surprising(expected: float, boxes: int) -> int:
    """Give the number of pairs that no box has by chance, where each expects so many: by Chernoff's bound."""
    number = 1
    while number <= expected or boxes * math.exp(number - expected + number * math.log(expected / number)) > CHANCE:
        number += 1
        if expected == 0:
            break
    return number


def to_whole_pixels(shifts: FloatArray) -> FloatArray:
    """Give shifts (frames, 2) from where whole pixels leave least of them.

    Rounded, they are by how many pixels to move frames back so that what is left spreads least about its mean: the
    best place for a star, and the sharpest sum.  The frame in the middle stays.  Which frame comes first, or was
    measured against, does not matter.
    """
    return np.stack([_from_best_origin(along) for along in shifts.T], axis=1)


def _from_best_origin(along: FloatArray) -> FloatArray:
    parts = along - np.floor(along)
    cuts = [np.where(parts < cut, parts + 1, parts) for cut in np.sort(parts)]  # what is left, by where it begins
    left = min(cuts, key=lambda each: float(np.var(each)))
    pixels = along - left
    middle = np.sort(pixels)[(pixels.size - 1) // 2]
    moved: FloatArray = along - left.mean() - middle
    return moved
