"""The clip where the image moves: what is odd in its pixel is kept if other frames show as much in the same place.

A star that moves is an outlier in every pixel that it crosses, and one whose image changes in all that it covers.  So
what the noise would have left out is looked for in the other frames where these see the same place of the sky, by
whole pixels: the median of drizzled mosaics, put back on each frame (Fruchter & Hook 2002, PASP 114, 144).  A wrong
shift cannot leave out what the pixel's own values keep; it costs some hits near stars.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import numpy as np

from pipeline.records.arrays import BoolArray, FloatArray, IntArray
from pipeline.stacking.clip import Clip
from pipeline.stacking.moved import Moved
from pipeline.stacking.plan import Plan
from pipeline.stacking.stack_rows import UNTRUSTED, Batch, read_rows
from pipeline.statistics.amplifier_noise import variance_of, which_of
from pipeline.statistics.medians import middles
from pipeline.statistics.noise import typical_level
from pipeline.statistics.order_statistics import true_in_each
from pipeline.statistics.star_images import FAINTEST, WIDEST_HIT

STEPS_CLOSE = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))
STEPS_AROUND = (*STEPS_CLOSE, (2, 0), (-2, 0), (0, 2), (0, -2), (2, 2), (2, -2), (-2, 2), (-2, -2))
"""Steps to pixels: what others show close by is expected; what they show around tells how much light there is."""

STEPS_NEARBY = ((4, 0), (-4, 0), (0, 4), (0, -4), (3, 3), (3, -3), (-3, 3), (-3, -3))
"""Steps to pixels of which others show one lit near a wing of a star, if none closer by."""

AT_EDGE = 3
"""So few pixels from it a star may lie beyond the edge."""

LESS = 0.2
"""Light counts so much less with every pixel that it lies further away than the next."""

ENOUGH_OTHERS = 7
"""What so many frames show is enough: those whose pixels lie most nearly on each other's."""

LIT = 8.0
"""σ above the sky from which light may make frames differ by more than their noise."""

THIN = 5.0
"""A pixel so many times as high as those left and right of it, and as many σ higher, is no image of the sky."""

SEEN_LIT, EVEN = 3.0, 0.25
"""σ above the sky of the median of three by three pixels, and its part of the largest, from which they are no hit."""

ALL_ROUND = 0.06
"""And all of the nine but one show such a part of the largest, to some σ: beside an oblique track two are dark."""

STILL = 0.3
"""Stars that move by no more than so many pixels stand in their places."""

WING = 3.0
"""A wing of a star, or a star that moved, is no brighter than so many times what others show of it nearby."""

LEAST = 1.0
"""The tolerated part of the light around: what parts of pixels ask for at least."""

SHARPEST = 2.5
"""A star is no more times as bright in a pixel as on both sides, in the geometric mean: at a FWHM of 1.7 px it is."""

BELOW = 1 - 1e-6
"""Of two values that are alike beyond their limits the higher one goes: cosmic rays only add."""


@attrs.frozen(eq=False, repr=False)
class Unlike:
    """Values that are outliers in their pixels: of which frame, and in which column of a batch.

    Each lies so far ``beyond`` what the other frames show there, infinitely so where light does not matter: it is
    explained if that is no more than the tolerated part of the ``light``.
    """

    frame: IntArray
    column: IntArray
    beyond: FloatArray
    light: FloatArray


@attrs.frozen
class SamePlace:
    """Looks for what is odd in a pixel where the other frames of a plan see the same place of the sky."""

    plan: Plan
    clip: Clip
    moved: Moved

    def explained(self, batch: Batch, keep: BoolArray) -> BoolArray:
        """Give which values are kept (frames, pixels) once those are that other frames explain."""
        found = self.unlike(batch, keep)
        explained = found.beyond <= self.moved.tolerance * found.light
        keep[found.frame[explained], found.column[explained]] = True
        return keep

    def unlike(self, batch: Batch, keep: BoolArray) -> Unlike:
        """Tell of the values that are not kept how far they lie beyond what is seen in their places."""
        even = self.plan.shifts.taken_from(batch.values * self.plan.scale[:, None])
        frame, column = np.nonzero(np.isfinite(even) & ~keep)
        place, value = batch.place[column], even[frame, column]
        if not place.size:
            return Unlike(frame, column, np.empty(0), np.empty(0))
        with np.errstate(invalid="ignore", divide="ignore"):
            middle = np.where(keep, even, 0.0).sum(axis=0) / true_in_each(keep)
        level = self.moved.sky.at(place, self.plan.shape[1])
        low, high, light, whole, nearby = self._seen(frame, place, level)
        above = value - high - self.clip.high * self._sigma(place, high, frame)
        higher, near = value > middle[column], value - level <= WING * (nearby - level)
        near &= self._changes
        lit = ~whole | (near & higher & (above > max(self.moved.tolerance, LEAST) * light))
        lit[lit] = self._is_lit(frame[lit], place[lit], level[lit], smooth=whole[lit])
        least = np.minimum(low, level)
        below = least - self.clip.low * self._sigma(place, least, frame) - value
        beyond = np.where(higher, above, np.where(below > 0, np.inf, -np.inf))
        return Unlike(frame, column, np.where(lit, -np.inf, beyond), light)

    @property
    def _changes(self) -> bool:
        """Tell whether stars move, or change: else what one frame alone shows near them moves by itself."""
        known = self.moved.shifts[self.moved.known]
        return not known.size or self.moved.tolerance > LEAST or bool((np.ptp(known, axis=0) > STILL).any())

    def _sigma(self, place: IntArray, level: FloatArray, frame: IntArray | None = None) -> FloatArray:
        """Give σ at a level, as one frame has it."""
        amplifiers = self.plan.amplifiers
        variance = variance_of(amplifiers, which_of(amplifiers, place, self.plan.shape[1]))(level, slice(None))
        sigma: FloatArray = np.sqrt(variance if frame is None else variance * self.moved.relative[frame])
        return sigma

    def _seen(
        self, frame: IntArray, place: IntArray, level: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray, BoolArray, FloatArray]:
        """Give the least and the largest of what others show close to some places, and the light around.

        Also tells where others see all that is close; and the brightest that they show nearby, the sky where they show
        no light: there the trail of a satellite is no wing of a star.  Near the edge that has no end.  Where they see
        nothing that is the level of the sky.
        """
        sigma = self._sigma(place, level)
        lit_from, dark_to = level + LIT * sigma, level + SEEN_LIT * sigma
        low, high, light = level.copy(), level.copy(), np.zeros(place.shape)
        whole, (row, column), (bottom, right) = (
            np.zeros(place.shape, bool),
            np.divmod(place, self.plan.shape[1]),
            self.plan.shape,
        )
        inwards = np.minimum(np.minimum(row, bottom - 1 - row), np.minimum(column, right - 1 - column))
        nearby = level.copy()
        for number, shown in self._shown_by_others(frame, place):
            which = np.flatnonzero(frame == number)
            close = shown[: len(STEPS_CLOSE)]
            seen = np.isfinite(close)
            dark = (np.where(seen, close, -np.inf) <= dark_to[which]).all(axis=0)  # there no star is beyond the edge
            whole[which] = (seen | (dark & ~self._within(place[which]))).all(axis=0)
            some = seen.any(axis=0)
            low[which] = np.where(some, np.where(seen, close, np.inf).min(axis=0), level[which])
            high[which] = np.where(some, np.where(seen, close, -np.inf).max(axis=0), level[which])
            for (dy, dx), there in zip(STEPS_AROUND, shown, strict=False):
                counts = LESS ** max(np.hypot(dy, dx) - 1.0, 0.0)
                light[which] = np.fmax(light[which], counts * (there - lit_from[which]))
            brightest = np.where(shown > lit_from[which], shown, -np.inf).max(axis=0)
            brightest[(inwards[which] < AT_EDGE) & (brightest > level[which])] = np.inf
            nearby[which] = np.maximum(nearby[which], brightest)
        return low, high, light, whole, nearby

    def _within(self, place: IntArray) -> BoolArray:
        """Tell which of the steps close to some places lead to pixels of the image, (steps, places)."""
        row, column = np.divmod(place, self.plan.shape[1])
        down, right = np.array(STEPS_CLOSE).T[:, :, None]
        (y, x), (height, width) = (row + down, column + right), self.plan.shape
        within: BoolArray = (y >= 0) & (y < height) & (x >= 0) & (x < width)
        return within

    def _shown_by_others(self, frame: IntArray, place: IntArray) -> Iterator[tuple[int, FloatArray]]:
        """Give, for each frame, what is typical of others around its places, (steps, places); NaN where none sees."""
        (height, width), shifts, known = self.plan.shape, self.moved.shifts, self.moved.known
        steps = np.array(STEPS_AROUND + STEPS_NEARBY)
        asked = [number for number in np.unique(frame).tolist() if known[number]]
        others = {number: self._best_others(number) for number in asked}
        around, shown = dict[int, tuple[IntArray, IntArray]](), dict[int, FloatArray]()
        for number in asked:
            row, column = np.divmod(place[frame == number], width)
            around[number] = row + steps[:, :1], column + steps[:, 1:]
            shown[number] = np.full((len(others[number]), len(steps), row.size), np.nan, self.plan.dtype)
        for other in np.flatnonzero(known).tolist():
            seeing = [number for number in asked if other in others[number]]
            moves = {number: np.rint(shifts[other] - shifts[number]).astype(int).tolist() for number in seeing}
            ends = [
                (around[number][0].min() + down, around[number][0].max() + down) for number, (down, _) in moves.items()
            ]
            first, last = (
                max(min((end[0] for end in ends), default=0), 0),
                min(max((e[1] for e in ends), default=-1), height - 1),
            )
            if first > last:
                continue
            image = self._image(other, int(first), int(last) + 1)
            for number, (down, right) in moves.items():
                row, column = around[number][0] + (down - first), around[number][1] + right
                inside = (row >= 0) & (row < len(image)) & (column >= 0) & (column < width)
                there = image.take(np.where(inside, row * width + column, 0))
                there[~inside] = np.nan
                shown[number][others[number].index(other)] = there
        for number in asked:
            stack = shown[number].reshape(len(others[number]), -1)
            yield number, self._typical(stack, self.moved.relative[others[number]]).reshape(len(steps), -1)

    def _best_others(self, number: int) -> list[int]:
        """Give the frames that a frame is compared with: their numbers, in order."""
        apart = self.moved.shifts - self.moved.shifts[number]
        off = np.hypot(*(apart - np.rint(apart)).T)
        off[number] = np.nan
        best = np.argsort(off, kind="stable")[: min(ENOUGH_OTHERS, int(np.isfinite(off).sum()))]
        return sorted(best.tolist())

    def _typical(self, stack: FloatArray, relative: FloatArray) -> FloatArray:
        """Give what frames show together: their median, of two the lower; of unequal ones the mean by their noise."""
        if self.moved.unequal:
            weights = np.isfinite(stack) / relative[:, None]
            with np.errstate(invalid="ignore"):
                mean: FloatArray = np.nansum(stack * weights, axis=0) / weights.sum(axis=0)
            return mean
        if not len(stack):
            return np.full(stack.shape[1], np.nan)
        told = np.isfinite(stack).all(axis=0)
        whole = bool(told.all())
        typical = np.full(told.shape, np.nan)
        lower, upper = middles(stack if whole else stack[:, told])
        typical[told] = lower if len(stack) == 2 else 0.5 * (lower + upper)
        if not whole:
            typical[~told] = typical_level(stack[:, ~told])
        return typical

    def _image(self, number: int, first: int, last: int) -> FloatArray:
        """Read rows of a frame, brought together with the others: NaN where bad, thin things taken out."""
        image = self._values(number, first, last)
        width = image.shape[1]
        flat = image.reshape(-1)
        with np.errstate(invalid="ignore"):
            lowest = self.moved.sky.levels.min(keepdims=True).reshape(1)
            here = np.array([first * width])
            place = np.flatnonzero(flat > lowest + THIN * self._sigma(here, lowest, np.array([number])))
            level = self.moved.sky.at(place + here, width)
            sigma = self._sigma(place + here, level, np.full(place.shape, number))
            column = place % width
            beside = np.fmax(flat[place - (column > 0)], flat[place + (column < width - 1)])  # at an edge itself
            thin = flat[place] - level > THIN * (np.fmax(beside - level, 0.0) + sigma)
            flat[place[thin]] = np.fmax(beside, level)[thin]
        return image

    def _values(self, number: int, first: int, last: int) -> FloatArray:
        """Read rows of a frame, brought together with the others: NaN where bad."""
        rows, real = read_rows((self.plan.frames[number],), first, last), self.plan.dtype.type
        even: FloatArray = np.add(rows.stored[0], real(rows.zero), dtype=real)
        even[~np.isfinite(even)] = np.nan
        if rows.flags[0] is not None:
            even[rows.flags[0] & UNTRUSTED != 0] = np.nan
        even *= real(self.plan.scale[number])
        even -= real(self.plan.shifts.offsets[number])
        even /= real(self.plan.shifts.factors[number])
        return even.reshape(last - first, -1)

    def _is_lit(self, frame: IntArray, place: IntArray, level: FloatArray, *, smooth: BoolArray) -> BoolArray:
        """Tell where a frame shows near a place, all by itself, what is wider than a hit.

        :param smooth: where it must be as smooth as a star too: others see the place.
        """
        lit = np.zeros(place.shape, bool)
        reach, (height, width) = 3, self.plan.shape
        limit = SEEN_LIT * self._sigma(place, level, frame)
        steps = np.arange(-reach, reach + 1)
        for number in np.unique(frame).tolist():
            which = np.flatnonzero(frame == number)
            first = max(int(place[which].min()) // width - reach, 0)
            last = min(int(place[which].max()) // width + reach + 1, height)
            image = np.pad(self._values(number, first, last), 1, mode="edge")  # half a star is no wider than a hit
            image = np.pad(image, reach - 1, constant_values=np.nan)
            for part in np.array_split(which, -(-which.size // 4096)):
                row, column = np.divmod(place[part], width)
                up, right = row[:, None] + steps, column[:, None] + steps
                inside = ((up > 0) & (up < height - 1))[:, :, None] & ((right > 0) & (right < width - 1))[:, None]
                window = image[(up - first + reach)[:, :, None], (right + reach)[:, None]]
                window = np.where(np.isfinite(window), window, level[part][:, None, None])
                nine = np.lib.stride_tricks.sliding_window_view(window, (3, 3), axis=(1, 2)).reshape(part.size, 25, 9)
                ordered = np.sort(nine - level[part][:, None, None], axis=-1)
                second, middle, most = ordered[..., [1, 4, 8]].transpose(2, 0, 1)
                at_edge = ~inside[:, 1:-1, 1:-1].reshape(part.size, 25)
                all_round = (second + limit[part][:, None] > ALL_ROUND * most) | at_edge
                wide = (all_round & (middle > limit[part][:, None]) & (middle > EVEN * most)).any(axis=1)
                wide[wide] = ~_is_thin(window[wide] - level[part[wide]][:, None, None], inside[wide])
                asked = wide & smooth[part]
                above = window[asked] - level[part[asked]][:, None, None]
                seen = ((up >= 0) & (up < height))[:, :, None] & ((right >= 0) & (right < width))[:, None]
                wide[asked] = _is_smooth(above, 0.5 * limit[part[asked]], seen[asked])
                lit[part] = wide
        return lit


def _is_thin(windows: FloatArray, inside: BoolArray) -> BoolArray:
    """Tell in which windows (windows, side, side) the light in the middle is a track: long perhaps, but thin.

    Not where it is not ``inside``, but reaches the edge of the image, which may cut it.
    """
    side = windows.shape[1]
    middle = np.s_[:, side // 2 - 1 : side // 2 + 2, side // 2 - 1 : side // 2 + 2]
    bright = windows > FAINTEST * windows[middle].max(axis=(1, 2), keepdims=True)
    track = np.zeros(windows.shape, bool)
    track[:, side // 2, side // 2] = True
    track &= bright
    for _ in range(2 * side):
        wider = track.copy()
        wider[:, 1:] |= track[:, :-1]
        wider[:, :-1] |= track[:, 1:]
        wider[:, :, 1:] |= track[:, :, :-1]
        wider[:, :, :-1] |= track[:, :, 1:]
        track = wider & bright
    light, (y, x) = np.where(track, windows, 0.0), np.mgrid[:side, :side]
    with np.errstate(invalid="ignore", divide="ignore"):
        rows, columns, yy, xx, yx = (
            (light * of).sum(axis=(1, 2)) / light.sum(axis=(1, 2)) for of in (y, x, y * y, x * x, y * x)
        )
    yy, xx, yx = yy - rows**2, xx - columns**2, yx - rows * columns
    least = 0.5 * (yy + xx) - np.hypot(0.5 * (yy - xx), yx)
    thin: BoolArray = (least < WIDEST_HIT) & ~(track & ~inside).any(axis=(1, 2))
    return thin


def _is_smooth(windows: FloatArray, noise: FloatArray, inside: BoolArray) -> BoolArray:
    """Tell in which windows (windows, side, side) the light in the middle varies no faster than that of a star.

    In the logarithm it bends, from pixel to pixel, as a Gaussian of some width does; near what is brighter, that does.

    :param noise: what noise may add to a pixel of each.
    """
    middle, side = windows.shape[1] // 2, windows.shape[1]
    bright = windows >= windows[:, middle, middle][:, None, None]
    raised = np.maximum(windows, 0.0) + noise[:, None, None]
    smooth = np.ones(len(windows), bool)
    for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
        here, one, other = (
            np.s_[:, 1 + step * dy : side - 1 + step * dy, 1 + step * dx : side - 1 + step * dx] for step in (0, 1, -1)
        )
        most = SHARPEST ** (dy * dy + dx * dx) * np.sqrt(raised[one] * raised[other])
        sharp = windows[here] - noise[:, None, None] > most
        smooth &= ~(sharp & bright[here] & inside[one] & inside[other]).any(axis=(1, 2))
    return smooth


def kept_by_noises(plan: Plan, clip: Clip, relative: FloatArray, batch: Batch) -> BoolArray:
    """Tell which values (frames, pixels) agree with the mean of the others of their pixel, each counting by its noise.

    A frame that has most of the weight is not outvoted by noisy ones.  What agrees least goes first, and the rest is
    judged without it: until then a hit makes good values look wrong too, by fewer of their σ than itself.

    :param relative: the variance of each frame over the noise of all.
    """
    even = plan.shifts.taken_from(batch.values * plan.scale[:, None])
    keep = np.isfinite(even)
    even, variances = np.where(keep, even, 0.0), relative[:, None]
    variance = variance_of(plan.amplifiers, which_of(plan.amplifiers, batch.place, plan.shape[1]))
    left = np.arange(batch.place.size)
    while left.size:
        value, weights = even[:, left], keep[:, left] / variances
        others = weights.sum(axis=0) - weights
        with np.errstate(invalid="ignore", divide="ignore"):
            expected = ((value * weights).sum(axis=0) - value * weights) / others
            noise = np.stack([variance(row, left) for row in expected])
            off = (value - expected) / np.sqrt(noise * (variances + 1 / others))
        beyond = np.where(off > 0, off / clip.high, -off / clip.low * BELOW)
        beyond[~keep[:, left] | (true_in_each(keep[:, left]) < 2)] = 0.0
        worst = beyond.argmax(axis=0)
        out = beyond[worst, np.arange(left.size)] > 1
        left, worst = left[out], worst[out]
        keep[worst, left] = False
    return keep
