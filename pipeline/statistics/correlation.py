"""How light lies against other light: by phase correlation of coarse images, then of pixels where most of it is.

Phase correlation (Kuglin & Hines 1975, Proc. Int. Conf. Cybernetics and Society, 163) of what stands out of the
background in blocks, so that noise does not count; then plain correlation of pixels in a few windows.  Light that runs
along an axis from end to end, as a spectrum does, tells only how far it moved across.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import attrs
import numpy as np

from pipeline.records.arrays import FloatArray, IntArray
from pipeline.statistics.robust import MAD_TO_SIGMA
from pipeline.statistics.sources import BinnedImage, level_spikes

FARTHEST = 0.25
"""Shifts are looked for up to this fraction of a side."""

LIT, BRIGHTEST = 4.0, 100.0
"""σ of a block above its surroundings from which it is lit, and from which it counts no more."""

FEWEST_LIT = 12
"""Blocks in which light of two frames must fall together: hits alone meet in fewer."""

LEFT = 0.15
"""So much of a frame's light must be left without what is fixed: less is what blocks cut elsewhere."""

TAPER = 0.1
"""The fraction of a side at each end over which light fades out, so that the edges of frames do not correlate."""

BLUR = 1.0
"""Blocks over which the peak of the correlation is smoothed: a shift by parts of a block splits it."""

APART, STANDS_OUT = 4, 1.4
"""The peak is known where it is so many times as high as any that lies more blocks away."""

ENOUGH, MOSTLY, NEARLY_ALL = 0.25, 0.5, 0.9
"""So much of the light must fall on light for a shift to be believed; most of it, if the rest is called fixed; and so
much leaves nothing to be explained."""

RUNS, RUNS_ON = 16, 0.2
"""Light runs along an axis if it loses so little when it is moved so many blocks along it, of what it loses across."""

ALIKE = 0.25
"""The correlation coefficient from which the light of pixels is one."""

SMOOTH = 33
"""Blocks over which a profile is smoothed; that is taken out of it."""

SAME, FILLED = 0.9, 0.05
"""The correlation coefficient from which profiles are one, where so much of the frame is lit."""

SEEN, SEEN_PIXELS = 6, 128
"""In so many windows of so many pixels to a side, those with most light, the shift is measured again."""

BOTH = (0, 1)
"""The axes along which a shift is looked for: rows, columns."""


def light_in(blocks: BinnedImage) -> IntArray:
    """Give by how many σ blocks stand out of their surroundings, uint8; 0 where they do not, and in lone ones."""
    y, x = np.nonzero(blocks.around.above(blocks.values, LIT))
    lit = np.zeros(blocks.values.shape, np.float32)
    with np.errstate(over="ignore"):
        lit[y, x] = (blocks.values[y, x] - blocks.around.level_at(y, x)) / blocks.around.sigma_at(y, x)
    level_spikes(lit)
    return np.clip(lit, 0, BRIGHTEST).astype(np.uint8)


def profiles_of(blocks: BinnedImage) -> tuple[FloatArray, FloatArray]:
    """Give what light does along rows and along columns: the root of its mean over the other axis, without its level.

    The lines of a lamp may leave no background anywhere, above which they could be seen.
    """
    known = np.isfinite(blocks.values)
    values = np.where(known, blocks.values, 0)
    rows, columns = (
        values.sum(axis=other, dtype=np.float64) / np.maximum(np.count_nonzero(known, axis=other), 1)
        for other in (1, 0)
    )
    return _contrast(rows), _contrast(columns)


def _contrast(profile: FloatArray) -> FloatArray:
    above = np.sqrt(np.maximum(profile - np.quantile(profile, 0.05), 0))
    width = min(SMOOTH, profile.size // 4 * 2 + 1)
    smooth = np.convolve(np.pad(above, width // 2, mode="edge"), np.ones(width) / width, mode="valid")
    contrast: FloatArray = above - smooth
    return contrast


@attrs.frozen(eq=False)
class Coarse:
    """The light of frames in blocks, uint8 (ny, nx) each, and its profiles, against ``reference`` among them.

    ``fixed`` is what all have in the same place: of what moves, nothing; of the detector, all.
    """

    light: Sequence[IntArray]
    profiles: Sequence[tuple[FloatArray, FloatArray]]
    reference: int
    fixed: IntArray

    @classmethod
    def of(cls, light: Sequence[IntArray], profiles: Sequence[tuple[FloatArray, FloatArray]], reference: int) -> Coarse:
        """Compare light with that of one of the frames."""
        return cls(light, profiles, reference, np.minimum.reduce(light))

    def shift_of(self, frame: int) -> tuple[tuple[int, int], tuple[int, ...]] | None:
        """Give by how many blocks a frame is shifted against the reference, and the axes along which that is told.

        None where no shift brings enough of the light together.
        """
        told = self._by_light(frame, BOTH)
        by_profiles = self._by_profiles(frame)
        if by_profiles:
            shift, axes = by_profiles
            if told and all(abs(told[0][axis] - shift[axis]) <= 1 for axis in axes):
                return told
            return by_profiles
        return told or self._by_light(frame, (0,), (1,))

    def _by_light(self, frame: int, *ways: tuple[int, ...]) -> tuple[tuple[int, int], tuple[int, ...]] | None:
        """Give the shift along some axes that brings light together, with what is fixed or without that."""
        for axes in ways:
            peak = self._peak(frame, axes, fixed=True)
            done = peak is not None and (self.leaves(peak) or self.explained(frame, peak) > NEARLY_ALL)
            free = None if done else self._peak(frame, axes, fixed=False)
            if free and self.leaves(free) and self.is_freer(frame, free, than=peak or (0, 0)):
                return self._told_along(frame, free, axes, fixed=False)
            if peak and self.explained(frame, peak) > ENOUGH:
                return self._told_along(frame, peak, axes, fixed=True)
        return None

    def _by_profiles(self, frame: int) -> tuple[tuple[int, int], tuple[int, ...]] | None:
        """Give the shift of what light does along each axis, where that is told; of a few lit places it is not."""
        light = self.light[self.reference]
        if np.count_nonzero(light) < FILLED * light.size:
            return None
        pairs = zip(self.profiles[self.reference], self.profiles[frame], strict=True)
        rows, columns = (shift_of_profile(ours, theirs) for ours, theirs in pairs)
        axes = tuple(axis for axis, shift in enumerate((rows, columns)) if shift is not None)
        return ((rows or 0, columns or 0), axes) if axes else None

    def _told_along(
        self, frame: int, shift: tuple[int, int], axes: tuple[int, ...], *, fixed: bool
    ) -> tuple[tuple[int, int], tuple[int, ...]]:
        """Leave out of a shift what is not told, where light runs along an axis: it falls on light further on too."""
        if axes != BOTH:
            return shift, axes
        here, lost = self._overlap(frame, shift, fixed=fixed), []
        for on in ((RUNS, 0), (0, RUNS)):
            sides = [(shift[0] + sign * on[0], shift[1] + sign * on[1]) for sign in (1, -1)]
            lost.append(here - max(self._overlap(frame, side, fixed=fixed) for side in sides))
        if lost[0] < RUNS_ON * lost[1]:
            return (0, shift[1]), (1,)
        if lost[1] < RUNS_ON * lost[0]:
            return (shift[0], 0), (0,)
        return shift, axes

    def leaves(self, shift: tuple[int, int]) -> bool:
        """Tell whether what is shifted so leaves little of its light in its place, so that what stays is fixed."""
        light = self.light[self.reference]
        return _overlap(light, light, shift) < ENOUGH

    def explained(self, frame: int, shift: tuple[int, int]) -> float:
        """Give the fraction of the light that falls on the reference's; what is fixed counts if the shift is small."""
        return self._overlap(frame, shift, fixed=not self.leaves(shift))

    def is_freer(self, frame: int, shift: tuple[int, int], *, than: tuple[int, int]) -> bool:
        """Tell whether a shift explains much more of what is not fixed than another, and there is enough of that."""
        left = float(self._light(frame, fixed=False).sum()) / max(1, int(self.light[frame].sum()))
        return left > LEFT and self.freed(frame, shift) > max(MOSTLY, 2 * self.freed(frame, than))

    def freed(self, frame: int, shift: tuple[int, int]) -> float:
        """Give the fraction of the light that falls on the reference's, without what is fixed."""
        return self._overlap(frame, shift, fixed=False)

    def _peak(self, frame: int, axes: tuple[int, ...], *, fixed: bool) -> tuple[int, int] | None:
        """Give where the correlation of a frame with the reference peaks, in blocks; None where it has no one peak."""
        ours, theirs = (self._of(each, axes, fixed=fixed) for each in (self.reference, frame))
        near = correlated(ours, theirs, axes, whitened=axes == BOTH)
        at = np.unravel_index(int(near.argmax()), near.shape)
        rest = near.copy()
        rest[tuple(slice(max(place - APART, 0), place + APART + 1) for place in at)] = 0
        if not 0 < STANDS_OUT * float(rest.max()) <= float(near[at]):
            return None
        peak = [0, 0]
        for axis, place in zip(axes, at, strict=True):
            peak[axis] = int(place) - near.shape[axes.index(axis)] // 2
        return peak[0], peak[1]

    def _of(self, frame: int, axes: tuple[int, ...], *, fixed: bool) -> FloatArray:
        """Give the light of a frame, faded out at its ends; along one axis without what runs along that."""
        light = self._light(frame, fixed=fixed).astype(np.float32)
        if axes != BOTH:
            light -= np.median(light, axis=axes[0], keepdims=True)
        for axis in axes:
            side = light.shape[axis]
            from_edge = np.minimum(np.arange(side), np.arange(side)[::-1]) + 0.5
            fade = np.sin(np.minimum(from_edge / (TAPER * side), 1) * np.pi / 2) ** 2
            light *= np.expand_dims(fade.astype(np.float32), 1 - axis)
        return light

    def _light(self, frame: int, *, fixed: bool) -> IntArray:
        return self.light[frame] if fixed else self.light[frame] - self.fixed

    def _overlap(self, frame: int, shift: tuple[int, int], *, fixed: bool) -> float:
        return _overlap(self._light(frame, fixed=fixed), self._light(self.reference, fixed=fixed), shift)


def _overlap(one: IntArray, other: IntArray, shift: tuple[int, int]) -> float:
    """Give the fraction of the light of either, the lesser one's, that falls on light of the other."""
    parts = [
        tuple(slice(max(way, 0), max(side + min(way, 0), 0)) for way in (off, -off))
        for off, side in zip(shift, one.shape, strict=True)
    ]
    ours, theirs = (image[parts[0][i], parts[1][i]] for i, image in enumerate((one, other)))
    least, both = min(int(ours.sum()), int(theirs.sum())), np.minimum(ours, theirs)
    return int(both.sum()) / least if np.count_nonzero(both) >= FEWEST_LIT else 0.0


def shift_of_profile(ours: FloatArray, theirs: FloatArray) -> int | None:
    """Give by how many blocks a profile lies further than another; None if they are not alike, or elsewhere too."""
    farthest = max(1, int(FARTHEST * ours.size))
    alike = np.zeros(2 * farthest + 1)
    for place, lag in enumerate(range(-farthest, farthest + 1)):
        one, other = ours[max(0, -lag) : ours.size - max(0, lag)], theirs[max(0, lag) : ours.size - max(0, -lag)]
        one, other = one - one.mean(), other - other.mean()
        alike[place] = np.sum(one * other) / math.sqrt(np.sum(one**2) * np.sum(other**2) + 1e-300)
    best = int(alike.argmax())
    inner = alike[1:-1]
    tops = np.flatnonzero((inner >= alike[:-2]) & (inner >= alike[2:])) + 1
    others = alike[tops[np.abs(tops - best) > APART]]
    told = alike[best] > max(SAME, STANDS_OUT * float(others.max(initial=0.0)))
    return best - farthest if told else None


def correlated(
    ours: FloatArray, theirs: FloatArray, axes: tuple[int, ...] = BOTH, *, whitened: bool, reach: int | None = None
) -> FloatArray:
    """Correlate two images for shifts along axes, up to ``reach`` or a quarter of a side; none is in the middle."""
    shape = tuple(ours.shape[axis] for axis in axes)
    cross = np.fft.rfftn(theirs, axes=axes) * np.conj(np.fft.rfftn(ours, axes=axes))
    for axis in {0, 1} - set(axes):
        cross = cross.sum(axis=axis)
    if whitened:
        size = np.abs(cross)
        cross /= size + 1e-3 * size.mean() + np.finfo(size.dtype).tiny
        frequencies = np.fft.fftfreq(shape[0])[:, None] ** 2 + np.fft.rfftfreq(shape[1]) ** 2
        cross *= np.exp(-2 * (np.pi * BLUR) ** 2 * frequencies).astype(np.float32)
    surface = np.fft.irfftn(cross, shape, axes=tuple(range(len(shape))))
    most = [max(1, int(FARTHEST * side)) for side in shape]
    return surface[np.ix_(*(np.arange(-far, far + 1) for far in (min(reach or far, far) for far in most)))]


# ---- pixels ----


def brightest_windows(light: IntArray, by: int, shape: tuple[int, int]) -> list[tuple[slice, slice]]:
    """Choose windows of pixels of an image, of whose blocks the light is known, that hold most of it."""
    sides = [max(1, min(SEEN_PIXELS, side) // by) for side in shape]
    rows, columns = (whole // side for whole, side in zip(light.shape, sides, strict=True))
    whole = light[: rows * sides[0], : columns * sides[1]].astype(float)
    sums = whole.reshape(rows, sides[0], columns, sides[1]).sum(axis=(1, 3))
    places = [place for place in np.argsort(-sums, axis=None, kind="stable")[:SEEN].tolist() if sums.flat[place]]

    def part(place: int, side: int) -> slice:
        return slice(place * side * by, (place + 1) * side * by)

    return [(part(place // columns, sides[0]), part(place % columns, sides[1])) for place in places]


def finer_shift(
    ours: FloatArray,
    theirs: FloatArray,
    about: tuple[int, int],
    axes: tuple[int, ...],
    windows: list[tuple[slice, slice]],
    reach: int,
) -> tuple[float, float] | None:
    """Measure a shift that is about so many rows and columns again, by what windows hold, up to a part of a pixel.

    None of what does not move and is too faint for pixels to tell, such as a step of the bias: no light of the sky.
    """
    fine, alike = [float(about[0]), float(about[1])], False
    for number, axis in enumerate(axes):
        total, power = np.zeros((1,) * len(axes)), np.zeros(2)
        for window in windows:
            here, there = zip(*map(_in_both, window, about, ours.shape), strict=True)
            one, other = (
                _above_level(image[part], axes, across=axis) for image, part in ((ours, here), (theirs, there))
            )
            total = total + correlated(one, other, axes, whitened=False, reach=reach)
            power += np.sum(one**2), np.sum(other**2)
        at = np.unravel_index(int(total.argmax()), total.shape)
        alike |= bool(total[at] > ALIKE * math.sqrt(power[0] * power[1]))
        if total[at] > 0 and all(0 < place < side - 1 for place, side in zip(at, total.shape, strict=True)):
            line = total if len(axes) == 1 else total[:, at[1]] if number == 0 else total[at[0]]
            fine[axis] += float(at[number]) - total.shape[number] // 2 + _vertex(line, int(at[number]))
    if alike:
        return fine[0], fine[1]
    return (float(about[0]), float(about[1])) if any(about) else None


def _in_both(part: slice, off: int, side: int) -> tuple[slice, slice]:
    """Give a part of a side, moved so that it lies in both of two frames, of which one is off by so much."""
    size = min(part.stop - part.start, side - abs(off))
    start = min(max(part.start, -off, 0), side - size - max(off, 0))
    return slice(start, start + size), slice(start + off, start + off + size)


def _above_level(values: FloatArray, axes: tuple[int, ...], *, across: int) -> FloatArray:
    """Give the root of what lies above the level of a window, so that more than the brightest counts; it fades out.

    What runs along the axis to be measured is left out: it would show no motion.
    """
    known = values[np.isfinite(values)]
    if not known.size:
        return np.zeros(values.shape)
    middle, quarter = np.median(known), np.quantile(known, 0.25)
    sigma = max(MAD_TO_SIGMA * float(middle - quarter), 1e-300)
    above = np.nan_to_num(values - middle, nan=0.0)
    level_spikes(above, times=1)
    above[above < LIT / 2 * sigma] = 0
    np.sqrt(above, out=above)
    above -= np.median(above, axis=across, keepdims=True)
    for axis in axes:
        above *= np.expand_dims(np.hanning(values.shape[axis] + 2)[1:-1], 1 - axis)
    return above


def _vertex(line: FloatArray, at: int) -> float:
    """Give where, from a place on, the parabola through the logarithms of a peak and its neighbours is highest."""
    if line[at - 1 : at + 2].min() <= 0:
        return 0.0
    before, here, behind = np.log(line[at - 1 : at + 2])
    bend = before - 2 * here + behind
    return float(0.5 * (before - behind) / bend) if bend < 0 else 0.0
