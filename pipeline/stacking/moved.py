"""Whether the image moves or changes between the frames of a stack, told from what is sampled of them anyway.

Where it does, no noise of the stack tells a star from a hit: values are then judged by the noise of the sky alone, and
those that are odd by what other frames show in the same place.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import attrs
import numpy as np

from pipeline.records.arrays import BoolArray, FloatArray, IntArray
from pipeline.records.frames import Image
from pipeline.stacking.clip import Clip
from pipeline.stacking.stack_rows import GoodPixels
from pipeline.statistics.amplifier_noise import AmplifierNoise, Sampled, cut_to, variance_of, which_of
from pipeline.statistics.frame_levels import Shifts, shifts_of_sky
from pipeline.statistics.motion import motion_of
from pipeline.statistics.noise import typical_level, typical_of
from pipeline.statistics.order_statistics import Window
from pipeline.statistics.robust import MAD_TO_SIGMA
from pipeline.statistics.sky_level import STANDS_OUT, Places, SkyLevel, smoothed
from pipeline.statistics.sky_noise import SkyNoise, sky_noise

ROWS_AROUND = 3
"""Rows above and below a pixel that tell what it may show."""

STEEPEST = 0.1
"""σ of the sky: with no steeper a slope of its noise the sky is as quiet 5 σ above itself, about."""

FARTHEST = 20.0
"""Pixels: a noise that asks for larger shifts is none, and would keep every hit; those in an empty sky ask for 17."""

ENOUGH_VALUES = 2**18
"""So many sampled values tell whether anything moves, where it shows in them at all."""

SQUARES = (20, 0.05)
"""So many pixels, and such a share of all that lost values, may have lost them with all eight around to hits: more do
where stars were left out."""

SQUARES_SEEN = (10, 0.02)
"""So few that frames are looked at: where they do not lie apart it was hits."""

NOT_LIT = 4.0
"""σ of the sky above it below which a value shows no star."""

STILL_BRIGHT = 0.5
"""Shifts that leave fewer than this part of the bright places so are wrong: the noise of the sky hides them."""

APART_BY_SOURCES, APART_BY_LIGHT = 0.5, 0.7
"""Pixels: by so much two frames lie apart, as sources tell, or light alone."""


@attrs.frozen(eq=False, repr=False)
class Moved:
    """How the frames of a stack lie on the sky, and what else it takes to compare them there.

    ``shifts`` are in pixels, (frames, 2), NaN where a frame does not tell; ``relative`` is the variance of each frame
    over the noise of all.  A value may exceed what the others show by ``tolerance`` times the light around: that is
    what seeing, transparency and parts of pixels make.
    """

    shifts: FloatArray
    sky: SkyLevel
    relative: FloatArray
    tolerance: float = 0.0

    @classmethod
    def of(cls, sampled: Sampled, shifts: Shifts, relative: FloatArray) -> Moved:
        """Begin with frames of which nobody knows how they lie."""
        levels = [typical_level(shifts.taken_from(block)) for block in sampled.blocks]
        return cls(np.full((len(relative), 2), np.nan), SkyLevel.of(levels, sampled.rows), relative)

    def in_order(self, order: IntArray) -> Moved:
        """Give the same of frames in another order."""
        return attrs.evolve(self, shifts=self.shifts[order], relative=self.relative[order])

    @property
    def known(self) -> BoolArray:
        """Which frames' shifts are known."""
        known: BoolArray = np.logical_and.reduce(np.isfinite(self.shifts), axis=1)
        return known

    @property
    def reach(self) -> int:
        """So many rows above and below its own a pixel may be looked for in."""
        rows = self.shifts[self.known, 0]
        return ROWS_AROUND + (int(np.ceil(np.ptp(rows))) if rows.size else 0)

    def from_first(self, order: IntArray) -> tuple[tuple[float, float] | None, ...]:
        """Give the shifts of frames in some order against the first that is known; None of one that is not."""
        ordered, known = self.shifts[order], self.known[order]
        first = ordered[int(known.argmax())]
        return tuple(
            (float(y), float(x)) if told else None for (y, x), told in zip(ordered - first, known, strict=True)
        )

    @property
    def unequal(self) -> bool:
        """Whether frames differ in noise."""
        return bool(np.ptp(self.relative) > 0)


SMALL = 5.0
"""A part of an image whose noise is known worse than the whole's by this factor is too small for an amplifier's."""


def sky_of_each(
    amplifiers: Sequence[AmplifierNoise], sampled: Sampled, shifts: Shifts, **told: Any
) -> tuple[SkyNoise | None, ...]:
    """Give the noise of the sky in each amplifier: that of the whole image in a part that stars or lines made.

    :param told: what else :func:`sky_noise` is to know.
    """
    told["rounding"] = sampled.rounding.variance
    whole = sky_noise(sampled.blocks, shifts, **told)
    if len(amplifiers) == 1 or whole is None:
        return (whole,) * len(amplifiers)
    parts = (sky_noise(cut_to(sampled, one.rows, one.columns), shifts, **told) for one in amplifiers)
    return tuple(part if part and not part.crowded and part.error < SMALL * whole.error else whole for part in parts)


def noise_of_the_sky(
    amplifiers: Sequence[AmplifierNoise], skies: Iterable[SkyNoise | None], slope: float | None, *, least: float = 0.0
) -> tuple[AmplifierNoise, ...]:
    """Give amplifiers with the noise that the sky has in them, and photons above it; where that is told.

    :param slope: the variance that a unit of level adds by its photons, where that is known.
    :param least: what it is at least, where it is not.
    """
    return tuple(
        attrs.evolve(one, noise=one.noise.counted if sky is None else sky.about(_slope(one, sky, slope, least)))
        for one, sky in zip(amplifiers, skies, strict=True)
    )


def _slope(amplifier: AmplifierNoise, sky: SkyNoise, told: float | None, least: float) -> float:
    """Give the slope of the noise: what is measured of it may be what moves, and must not make the sky noisier."""
    return told if told is not None else max(least, min(amplifier.noise.b, STEEPEST * math.sqrt(sky.variance)))


def is_moving(
    amplifiers: Sequence[AmplifierNoise],
    sampled: Sampled,
    clip: Clip,
    width: int,
    *,
    shifts: Shifts,
    slope: float | None,
) -> bool:
    """Tell whether bright places differ between frames as nothing does that keeps still.

    Neither by how the sky of frames differs, nor by ``shifts``, which are wrong where the image moves, but right where
    the sky rises under stars that keep still, and these can be seen so.

    :param amplifiers: with the noise of the stack.
    :param slope: what headers tell of the photons' part of it, None where nothing: a few frames may not show it.
    """
    if any(one.noise.d > FARTHEST for one in amplifiers):
        return True
    every = -(-sum(block.size for block in sampled.blocks) // ENOUGH_VALUES)
    sampled = attrs.evolve(sampled, blocks=sampled.blocks[::every], rows=sampled.rows[::every])
    by_sky = _all_places(amplifiers, sampled, clip, width, shifts_of_sky(sampled.blocks, sampled.rounding.step), slope)
    if not by_sky.restless:
        return False
    by_all = _all_places(amplifiers, sampled, clip, width, shifts, slope)
    shown = int(np.count_nonzero(by_all.bright))
    return by_all.restless or shown < STILL_BRIGHT * int(np.count_nonzero(by_sky.bright))


def _all_places(
    amplifiers: Sequence[AmplifierNoise],
    sampled: Sampled,
    clip: Clip,
    width: int,
    shifts: Shifts,
    slope: float | None,
) -> Places:
    """Compare the values of all sampled pixels, brought together by ``shifts``, with what noise makes of them."""
    parts = (cut_to(sampled, one.rows, one.columns) for one in amplifiers)
    rounding = sampled.rounding.variance
    skies = (sky_noise(part, shifts, rounding=rounding, of_brighter=False) for part in parts)
    amplifiers = noise_of_the_sky(amplifiers, skies, None, least=slope or 0.0)
    windows = [Window.of(shifts.taken_from(block.reshape(len(block), -1))) for block in sampled.blocks]
    levels = [
        typical_of(window).reshape(block.shape[1:]) for window, block in zip(windows, sampled.blocks, strict=True)
    ]
    sky, places = SkyLevel.of(levels, sampled.rows), list[Places]()
    for window, level, rows in zip(windows, levels, sampled.rows, strict=True):
        place = rows[:, None] * width + sampled.columns
        with np.errstate(invalid="ignore", divide="ignore"):
            bright = smoothed(level) > _limit(amplifiers, sky, place[len(place) // 2], width)
            places.append(_places(amplifiers, clip, window, level, place, width, bright))
    return Places.joined(places)


def lie_apart(one: Image, other: Image) -> bool:
    """Tell whether two frames see the sky in different places."""
    motion = motion_of(GoodPixels((one, other)))
    if motion is None or not motion.known.all():
        return False
    return bool(np.abs(motion.shifts).max() >= (APART_BY_SOURCES if motion.agreeing.any() else APART_BY_LIGHT))


def shown_in_turn(sampled: Sampled, shifts: Shifts) -> tuple[int, int] | None:
    """Give two frames of which one shows stars where the other shows sky, in sampled rows; None where none does.

    Stars that move on and on are in none of the places that are bright in most frames.
    """
    count, sides = 0, list[IntArray]()
    for block in sampled.blocks[::2]:
        even = block - shifts.offsets[:, None, None]
        some = even[..., :: len(even)]
        some = some[np.isfinite(some)]
        if not some.size:
            continue
        sky = np.median(some)
        sigma = MAD_TO_SIGMA * np.median(np.abs(some - sky))
        with np.errstate(invalid="ignore"):
            in_turn = (even.max(axis=0) > sky + STANDS_OUT * sigma) & (even.min(axis=0) < sky + NOT_LIT * sigma)
        row, column = squares_of(in_turn).T
        count += int(np.count_nonzero(in_turn))
        sides.append(np.stack([even[:, row, column].argmax(axis=0), even[:, row, column].argmin(axis=0)]))
    squares = np.concatenate(sides, axis=1) if sides else np.empty((2, 0), int)
    if squares.shape[1] <= SQUARES_SEEN[0] + SQUARES_SEEN[1] * count:
        return None
    showing = np.bincount(squares[0], minlength=len(shifts.offsets))
    most = int(showing.argmax())
    dark = np.bincount(squares[1, squares[0] == most], minlength=len(shifts.offsets))
    return most, int(dark.argmax())


def squares_of(lost: BoolArray) -> IntArray:
    """Give the places, (places, 2), in the middle of three by three pixels that are all lost, of (ny, nx)."""
    height, width = lost.shape
    flat, place = lost.reshape(-1), np.flatnonzero(lost)
    row, column = np.divmod(place, width)
    place = place[(row > 0) & (row < height - 1) & (column > 0) & (column < width - 1)]
    for step in (1, -1, width, -width, width + 1, width - 1, 1 - width, -1 - width):
        place = place[flat[place + step]]
    return np.stack(np.divmod(place, width), axis=1)


def _limit(amplifiers: Sequence[AmplifierNoise], sky: SkyLevel, place: IntArray, width: int) -> FloatArray:
    """Give the levels from which places are bright."""
    level = sky.at(place, width)
    variance = variance_of(amplifiers, which_of(amplifiers, place, width))(level, slice(None))
    limit: FloatArray = level + STANDS_OUT * np.sqrt(variance)
    return limit


def _places(
    amplifiers: Sequence[AmplifierNoise],
    clip: Clip,
    window: Window,
    level: FloatArray,
    place: IntArray,
    width: int,
    bright: BoolArray,
) -> Places:
    """Compare the values of each pixel of a block with what noise makes of them."""
    place, flat = place.reshape(-1), level.reshape(-1)
    variance = variance_of(amplifiers, which_of(amplifiers, place, width))(flat, slice(None))
    sigma = np.sqrt(variance * np.where(window.size == 2, 2.0, 1.0))
    odd = (window.highest > flat + clip.high * sigma) | (window.lowest < flat - clip.low * sigma)
    squares = window.mean_of((window.ordered - window.mean) ** 2) * window.size / (window.size - 1)
    everywhere = np.broadcast_to(bright, level.shape).reshape(-1)
    return Places(everywhere, odd & (window.size > 1), squares / variance, max(len(window.ordered) - 1, 1))
