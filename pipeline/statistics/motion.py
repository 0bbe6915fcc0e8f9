"""How frames of one field lie against each other: measured by their sources, or by the correlation of all that is lit.

Sources: the differences between the places of all pairs of sources of two frames are alike for those pairs that are
one source; the fullest small box of differences, and in it the median, is the shift.  Correlation: phase correlation
(Kuglin & Hines 1975, Proc. Int. Conf. Cybernetics and Society, 163) of coarse images of what stands out of the
background, then correlation of full pixels where they hold most light.  Each sees what the other misses: sources few
stars in an empty field, correlation traces, nebulae and crowded fields.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import attrs
import numpy as np

from pipeline.records.arrays import Array, BoolArray, FloatArray
from pipeline.statistics.robust import MAD_TO_SIGMA
from pipeline.statistics.sources import Sources, Surroundings, binned, find_sources, level_spikes

FARTHEST = 0.25
"""Shifts are looked for up to this fraction of the shorter side."""

BOX = 2
"""Pixels: differences are counted in boxes of so many to a side, and of two by two boxes together."""

NEAR = 1.5
"""Pixels within which sources of two frames are one, once the shift is known."""

BEST_KNOWN = 0.05
"""Pixels to which the place of the brightest source is told: by how pixels cut it."""

FEWEST, SHARE = 3, 0.25
"""So many sources must agree, and such a fraction of the frame that has fewer."""

CHANCE = 1e-4
"""How often as many may agree by chance."""


@attrs.frozen(eq=False)
class Motion:
    """How far each frame's image of the sky lies from that of a frame among them: (frames, 2), rows and columns.

    What is at (y, x) in the ``reference`` is at (y, x) + shift in the frame.  NaN where a frame does not tell.

    ``turned`` is by how many radians each is turned against it, where sources tell: from x towards y.  ``weight``
    says how sure a shift is: the number of sources that agree, or the fraction of the light that falls on light.
    """

    shifts: FloatArray
    turned: FloatArray
    weight: FloatArray
    reference: int

    @property
    def known(self) -> BoolArray:
        """Which frames' shifts are known."""
        known: BoolArray = np.logical_and.reduce(np.isfinite(self.shifts), axis=1)
        return known


def motion_of_sources(images: Sequence[FloatArray]) -> Motion:
    """Measure how frames (ny, nx) lie against that with most sources; NaN marks what is not to be used.

    Each image is asked for once.  To 0.1 px from some ten sources on.
    """
    found, shape = list[Sources](), (0, 0)
    for image in images:
        found.append(find_sources(image))
        shape = image.shape[0], image.shape[1]
    return match_sources(found, shape)


def match_sources(found: Sequence[Sources], shape: tuple[int, int]) -> Motion:
    """Tell by the sources of frames of one shape how these lie against that which has most of them."""
    reference = max(range(len(found)), key=lambda i: (len(found[i]), float(found[i].flux.sum())))
    told = [_matched(found[reference], sources, shape) for sources in found]
    shifts, turned, weight = (np.array(part) for part in zip(*told, strict=True))
    return Motion(shifts, turned, weight, reference)


_UNKNOWN = (math.nan, math.nan), math.nan, 0.0


def _matched(one: Sources, other: Sources, shape: tuple[int, int]) -> tuple[tuple[float, float], float, float]:
    """Give the shift from one to the other, by what angle this is turned, and how many sources agree."""
    fewer = min(len(one), len(other))
    if fewer < FEWEST:
        return _UNKNOWN
    most = 2 * fewer + FEWEST  # the brightest of the longer list are those that the shorter has
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
        within = NEAR
    by_chance = np.count_nonzero(inside) * (2 * BOX) ** 2 / (2 * half * BOX) ** 2
    if near.size < max(FEWEST, SHARE * fewer, _surprising(by_chance, boxes.size)):
        return _UNKNOWN
    ours, theirs = np.divmod(near, min(most, len(other)))
    off, error = np.stack([dy[near], dx[near]]) - shift[:, None], np.hypot(one.error[ours], other.error[theirs])
    weights = 1 / (error**2 + BEST_KNOWN**2)
    spread = MAD_TO_SIGMA * np.median(np.abs(off))
    weights *= (np.abs(off) <= 3 * np.maximum(error, spread)).all(axis=0)
    mean = (weights * off).sum(axis=1) / weights.sum() if weights.any() else np.zeros(2)
    up, right = one.y[ours] - shape[0] / 2, one.x[ours] - shape[1] / 2
    turned = float(np.sum(right * off[0] - up * off[1]) / np.sum(right**2 + up**2))
    return (float(shift[0] + mean[0]), float(shift[1] + mean[1])), turned, float(near.size)


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


# by correlation

COARSE = 512
"""Blocks to a side, at most, in which all that is lit is correlated first."""

LIT, BRIGHTEST = 4.0, 100.0
"""σ of a block above its surroundings from which it is lit, and from which it counts no more."""

FEWEST_LIT = 12
"""Blocks in which light of two frames must fall together: hits alone meet in fewer."""

TAPER = 0.1
"""The fraction of a side at each end over which light fades out, so that the edges of frames do not correlate."""

BLUR = 1.0
"""Blocks over which the peak of the correlation is smoothed: a shift by parts of a block splits it."""

APART, STANDS_OUT = 4, 1.4
"""The peak is known where it is so many times as high as any that lies more blocks away."""

FREE = 3
"""Blocks from which a motion leaves nothing of a star in its place."""

SEEN, SEEN_PIXELS = 6, 128
"""In so many windows of so many pixels to a side, those with most light, the shift is measured again."""


def motion_by_correlation(images: Sequence[FloatArray]) -> Motion:
    """Measure how frames (ny, nx) lie against that with most light; NaN marks what is not to be used.

    Each image is asked for twice.  What stays in its place in all frames, while the rest moves, does not count.
    """
    lit, by, shape = list[FloatArray](), 1, (0, 0)
    for image in images:
        shape = image.shape[0], image.shape[1]
        by = max(1, -(-max(shape) // COARSE))
        lit.append(_lit(binned(image, by), by))
    reference = max(range(len(lit)), key=lambda i: float(lit[i].sum()))
    fixed = np.minimum.reduce(lit)
    whole, free = (_spectrum(lit[reference] - out) for out in (0, fixed))
    farthest = int(FARTHEST * min(lit[0].shape))
    told = [_UNKNOWN] * len(lit)
    ours, windows = images[reference], _brightest_windows(lit[reference], by, shape)
    for i, image in enumerate(images):
        peak = _peak(_spectrum(lit[i]), whole, fixed.shape, farthest)
        overlap = _overlap(lit[i], lit[reference], peak) if peak else 0.0
        other = _peak(_spectrum(lit[i] - fixed), free, fixed.shape, farthest)
        if other and max(map(abs, other)) >= FREE:  # of stars that move less, something is fixed too
            freed = [_overlap(lit[i] - fixed, lit[reference] - fixed, at) if at else 0.0 for at in (peak, other)]
            if freed[1] > max(SHARE, 2 * freed[0]):
                peak, overlap = other, freed[1]
        if i == reference:
            told[i] = (0.0, 0.0), math.nan, overlap
        elif peak and overlap > SHARE:
            fine = _finer(ours, image, (peak[0] * by, peak[1] * by), windows, by + 2)
            told[i] = fine, math.nan, overlap
    shifts, turned, weight = (np.array(part) for part in zip(*told, strict=True))
    return Motion(shifts, turned, weight, reference)


def _lit(blocks: FloatArray, by: int) -> FloatArray:
    """Give by how many σ blocks stand out of their surroundings; 0 where they do not."""
    around = Surroundings.of(blocks)
    y, x = np.nonzero(around.above(blocks, LIT))
    lit = np.zeros(blocks.shape, np.float32)
    lit[y, x] = (blocks[y, x] - around.level_at(y, x)) / around.sigma_at(y, x)
    if by == 1:
        level_spikes(lit, times=1)
    np.clip(lit, 0, BRIGHTEST, out=lit)
    for axis in (0, 1):
        side: int = lit.shape[axis]
        from_edge = np.minimum(np.arange(side), np.arange(side)[::-1]) + 0.5
        fade = np.sin(np.minimum(from_edge / (TAPER * side), 1) * np.pi / 2) ** 2
        lit *= np.expand_dims(fade.astype(np.float32), 1 - axis)
    return lit


def _spectrum(lit: Array) -> Array:
    spectrum: Array = np.fft.rfft2(lit).astype(np.complex64)
    return spectrum


def _peak(one: Array, other: Array, shape: tuple[int, ...], farthest: int) -> tuple[int, int] | None:
    """Give where the phase correlation peaks, in blocks; None where it has no one peak."""
    cross = one * np.conj(other)
    size = np.abs(cross)
    if not size.any():
        return None
    cross /= size + np.float32(1e-3) * size.mean()
    frequencies = np.fft.fftfreq(shape[0])[:, None] ** 2 + np.fft.rfftfreq(shape[1]) ** 2
    surface = np.fft.irfft2(cross * np.exp(-2 * (np.pi * BLUR) ** 2 * frequencies), shape)
    near = _around_zero(surface, farthest)
    row, column = divmod(int(near.argmax()), near.shape[1])
    rest = near.copy()
    rest[max(row - APART, 0) : row + APART + 1, max(column - APART, 0) : column + APART + 1] = 0
    stands_out = float(near[row, column]) >= STANDS_OUT * float(rest.max())
    return (row - farthest, column - farthest) if stands_out else None


def _overlap(one: FloatArray, other: FloatArray, shift: tuple[int, int]) -> float:
    """Give the fraction of the light of either, the lesser one's, that falls on light of the other."""
    parts = [
        (slice(max(off, 0), side + min(off, 0)), slice(max(-off, 0), side + min(-off, 0)))
        for off, side in zip(shift, one.shape, strict=True)
    ]
    ours, theirs = (image[parts[0][i], parts[1][i]] for i, image in enumerate((one, other)))
    least, both = min(float(ours.sum()), float(theirs.sum())), np.minimum(ours, theirs)
    return float(both.sum()) / least if np.count_nonzero(both) >= FEWEST_LIT else 0.0


def _around_zero(surface: FloatArray, farthest: int) -> FloatArray:
    """Give the part of a correlation for shifts up to so many rows and columns, that of none in its middle."""
    reach = np.arange(-farthest, farthest + 1)
    return surface[np.ix_(reach, reach)]


def _brightest_windows(lit: FloatArray, by: int, shape: tuple[int, int]) -> list[tuple[slice, slice]]:
    """Choose windows of full pixels that hold most light."""
    sides = [max(1, min(SEEN_PIXELS, side) // by) for side in shape]
    rows, columns = (whole // side for whole, side in zip(lit.shape, sides, strict=True))
    sums = lit[: rows * sides[0], : columns * sides[1]].reshape(rows, sides[0], columns, sides[1]).sum(axis=(1, 3))
    places = np.argsort(-sums, axis=None, kind="stable")[:SEEN].tolist()

    def part(place: int, side: int) -> slice:
        return slice(place * side * by, (place + 1) * side * by)

    return [(part(place // columns, sides[0]), part(place % columns, sides[1])) for place in places]


def _finer(
    ours: FloatArray, theirs: FloatArray, about: tuple[int, int], windows: list[tuple[slice, slice]], reach: int
) -> tuple[float, float]:
    """Measure a shift that is about so many rows and columns again, by what windows hold, up to a part of a pixel."""
    total: FloatArray = np.zeros(1)
    for window in windows:
        here, there = zip(*map(_in_both, window, about, ours.shape), strict=True)
        light, moved = (_spectrum(_above_level(image[part])) for image, part in ((ours, here), (theirs, there)))
        shape = ours[window].shape
        surface = _around_zero(np.fft.irfft2(moved * np.conj(light), shape), min(reach, min(shape) // 4))
        total = total + surface
    middle = total.shape[0] // 2
    row, column = divmod(int(total.argmax()), total.shape[1])
    if not (0 < row < total.shape[0] - 1 and 0 < column < total.shape[1] - 1):
        return float(about[0]), float(about[1])  # it climbs to something else, beyond
    along = total[:, column], total[row]
    fine = (at - middle + _vertex(line, at) for line, at in zip(along, (row, column), strict=True))
    up, right = fine
    return about[0] + up, about[1] + right


def _in_both(part: slice, off: int, side: int) -> tuple[slice, slice]:
    """Give a part of a side, moved so that it lies in both of two frames, of which one is off by so much."""
    size = min(part.stop - part.start, side - abs(off))
    start = min(max(part.start, -off, 0), side - size - max(off, 0))
    return slice(start, start + size), slice(start + off, start + off + size)


def _above_level(values: FloatArray) -> FloatArray:
    """Give what lies above the level of a window, up to a bound, its ends faded out."""
    known = values[np.isfinite(values)]
    if not known.size:
        return np.zeros(values.shape)
    middle, quarter = np.median(known), np.quantile(known, 0.25)
    sigma = max(MAD_TO_SIGMA * float(middle - quarter), 1e-30)
    above = np.nan_to_num(values - middle, nan=0.0)
    level_spikes(above, times=1)
    np.clip(above, 0, BRIGHTEST * sigma, out=above)
    above[above < LIT / 2 * sigma] = 0
    taper = (np.hanning(side + 2)[1:-1] for side in values.shape)
    return above * np.outer(*taper)


def _vertex(line: FloatArray, at: int) -> float:
    """Give where, from a place on, the parabola through the logarithms of a peak and its neighbours is highest."""
    if line[at - 1 : at + 2].min() <= 0:
        return 0.0
    before, here, behind = np.log(line[at - 1 : at + 2])
    bend = before - 2 * here + behind
    return float(0.5 * (before - behind) / bend) if bend < 0 else 0.0
