"""Frames of one field brought to one place, by whole pixels: nothing is interpolated, so that errors stay true.

A star's image is cut by pixels elsewhere in each frame; its flux stays, and the noise of neighbouring pixels stays
their own.  What is left of shifts after rounding has a variance of 1/12 px² along each axis, where they are any, and
so adds 8 ln 2 / 12 = 0.46 px² to the square of the FWHM: 5.6 % of 2 px, 2.5 % of 3 px, 0.6 % of 6 px.  That is the
floor of whole pixels; the best origin leaves less of few frames: of 3, 5, 8 and 20 at any shifts 2.2, 2.8, 3.4 and
4.2 % of 2 px, and 1.0, 1.3, 1.5 and 1.9 % of 3 px, on average.  Parts of pixels, turns and scales are for programs
that resample, such as reproject and astroalign.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Literal

import attrs
import numpy as np

from pipeline.compose.stage import stage
from pipeline.compose.telling import advise
from pipeline.detector.mosaic import without_sections
from pipeline.errors import HeaderError, PipelineWarning, SettingError, StepError
from pipeline.headers.quiet import quiet
from pipeline.headers.wcs import cropped
from pipeline.records.arrays import Array, BoolArray, FloatArray, sealed
from pipeline.records.frames import FrameSet, Image, as_frames
from pipeline.records.pixels import Flag, FlagBits, Pixels
from pipeline.records.shared_errors import moved_key
from pipeline.records.source import RowsOfAnother
from pipeline.stacking.stack_rows import GoodPixels
from pipeline.stages.checks import check_neighbours
from pipeline.statistics.motion import motion_of, to_whole_pixels

BY = ("sources", "correlation", "wcs")
BY_SOURCES = "align by='sources' (--align sources), or by shifts that you give"

TURNED = 1.0
"""Pixels by which corners may be off because frames are turned against each other, before that is said."""

ROWS_AT_ONCE = 256


@stage
def align(
    frames: FrameSet,
    *,
    by: Literal["sources", "correlation", "wcs"] | tuple[tuple[float, float], ...] = "sources",
) -> FrameSet:
    """Move frames of one field so that each place of the sky lies in the same pixel of all, by whole pixels.

    Values, flags and errors move together, and so do WCS and LTV.  What a frame does not see after that is NaN and
    UNCOVERED.  Frames should have bias, dark, flat and fringes out: these stay where the detector is.  The frame in
    the middle of all stays in its place.  Each image tells its ``shift``; ``combine`` keeps them, ``found.aligned``.

    >>> import numpy as np
    >>> from pipeline import Image, align
    >>> first, second = (Image.of(np.arange(12.0).reshape(3, 4) - shift) for shift in (0, 1))
    >>> [frame.values[1] for frame in align([first, second], by=((0, 0), (0, 1)))]
    [array([4., 5., 6., 7.]), array([ 4.,  5.,  6., nan])]

    :param by: ``"sources"`` measures shifts by stars, to 0.1 px from some ten on; ``"correlation"`` by all that is
        lit, such as traces, nebulae and crowded fields; ``"wcs"`` believes the headers; or the shifts themselves: of
        each frame how many rows and columns further what it shows lies than it should.
    :raises StepError: frames are no lights or arcs of one kind, or it cannot be told how one lies.
    :raises HeaderError: by WCS, where a frame has none.
    """
    kinds = {frame.kind for frame in frames}
    if not kinds <= {"light", "arc"} or len(kinds) > 1:
        raise StepError(f"align takes lights, or arcs, found {frames!r}; give it frames.light")
    for frame in frames:
        check_neighbours(frame, "align")
    if not isinstance(by, str):
        return FrameSet(map(_moved, frames, _checked(by, len(frames))))
    if by not in BY:
        raise SettingError(f"align: by={by!r}; expected one of {', '.join(map(repr, BY))}, or the shifts of all frames")
    if len(frames) < 2:
        return frames
    found = to_whole_pixels(_by_wcs(frames) if by == "wcs" else _measured(frames, by))
    return align(frames, by=tuple((round(float(y), 3), round(float(x), 3)) for y, x in found))  # so they are in HISTORY


def _checked(shifts: tuple[tuple[float, float], ...], frames: int) -> tuple[tuple[float, float], ...]:
    """Refuse what are no shifts of so many frames."""
    if len(shifts) != frames or not all(len(shift) == 2 and all(map(math.isfinite, shift)) for shift in shifts):
        raise SettingError(f"align: by={shifts!r}; expected (rows, columns) of each of {frames} frames")
    return shifts


def _moved(image: Image, shift: tuple[float, float]) -> Image:
    """Move what an image shows back by a shift, rounded to whole rows and columns."""
    before = image.shift or (0.0, 0.0)
    image = attrs.evolve(image, shift=(before[0] + shift[0], before[1] + shift[1]))
    up, right = (-round(along) for along in shift)
    if up == right == 0:
        return image
    if abs(up) >= image.shape[0] or abs(right) >= image.shape[1]:
        raise StepError(
            f"{image.name}: lies {-up} rows and {-right} columns off, more than the frame has: it shows another field; "
            "leave it out"
        )
    moved = MovedRows(image.source, up, right)
    return attrs.evolve(
        image,
        data=moved.rows(0, image.shape[0]) if image.in_memory else moved,
        header=cropped(without_sections(image.header), x=-right, y=-up),
    )


@attrs.frozen
class MovedRows(RowsOfAnother):
    """A source whose rows are those of another, moved up by ``up`` rows and to the right by ``right`` columns."""

    up: int
    right: int

    def rows(self, start: int, stop: int) -> Pixels:
        """Read some rows of the other, and put them where they go."""
        height, width = self.shape
        start, stop, _ = slice(start, stop).indices(height)
        stop = max(start, stop)
        first, last = (min(max(row - self.up, 0), height) for row in (start, stop))
        pixels = self.source.rows(first, last)
        there = slice(first + self.up - start, last + self.up - start)
        columns = slice(max(self.right, 0), max(width + min(self.right, 0), 0))
        taken = slice(max(-self.right, 0), max(width - max(self.right, 0), 0))

        def put(plane: Array, beyond: float) -> Array:
            moved = np.full((stop - start, width), beyond, plane.dtype)
            if last > first:
                moved[there, columns] = plane[:, taken]
            return sealed(moved)

        return Pixels(
            values=put(pixels.values, math.nan),
            flags=put(pixels.flags, int(Flag.UNCOVERED)),
            variance=None if pixels.variance is None else put(pixels.variance, math.nan),
            shared=tuple((moved_key(key, self.up, self.right), put(sigma, math.nan)) for key, sigma in pixels.shared),
        )


def coverage(frames: Iterable[Any], *, seconds: bool = False) -> FloatArray:
    """Count, for each pixel, the aligned frames that see it, or with ``seconds`` how long: (ny, nx).

    What is bad, or was left out of their combination, counts: that is for FLAGS and ``found.left_out`` to tell.

    >>> import numpy as np
    >>> from pipeline import Image, align, coverage
    >>> frames = [Image.of(np.ones((1, 4))), Image.of(np.ones((1, 4)))]
    >>> coverage(align(frames, by=((0, 0), (0, 1))))
    array([[2., 2., 2., 1.]])

    :raises StepError: seconds are asked for, and a frame has no exposure.
    """
    known = as_frames(frames)
    if seconds and any(frame.exposure is None for frame in known):
        raise StepError("coverage: a frame has no exposure; count frames: seconds=False")
    seen = np.zeros(known[0].shape)
    for frame in known:
        for first in range(0, len(seen), ROWS_AT_ONCE):
            flags = frame.source.rows(first, min(first + ROWS_AT_ONCE, len(seen))).flags
            seen[first : first + ROWS_AT_ONCE] += (flags & FlagBits(Flag.UNCOVERED) == 0) * (
                frame.exposure if seconds else 1.0
            )
    return seen


def _measured(frames: FrameSet, by: Literal["sources", "correlation"]) -> FloatArray:
    """Measure how far what each frame shows lies from that of one of them.

    :raises StepError: one does not tell.
    """
    motion = motion_of(GoodPixels(tuple(frames)), by)
    if motion is None or not motion.known.all():
        lost = [frame.name for i, frame in enumerate(frames) if motion is None or not motion.known[i]]
        others, ways = zip(*((repr(other), f"--align {other}") for other in BY if other != by), strict=True)
        found = "too few sources agree with those" if by == "sources" else "no one shift brings its light to that"
        where = f"{found} of {frames[motion.reference].name}" if motion else "nothing tells how frames lie"
        raise StepError(
            f"{', '.join(lost)}: {where}; leave out what shows another field, or align by={' or '.join(others)} "
            f"({', '.join(ways)}), or by shifts that you give"
        )
    if not motion.told.all():
        _say_untold(frames, motion.told)
    _say_turned(frames, motion.turned * math.hypot(*frames[0].shape) / 2)
    return motion.shifts


def _say_untold(frames: FrameSet, told: BoolArray) -> None:
    """Say which frames' light runs along an axis, so that nothing tells how far it moved along that."""
    for axis, along in enumerate(("columns", "rows")):
        if not told[:, axis].all():
            advise(
                f"light runs along the {along}: how far it moved so cannot be told, and frames stay",
                PipelineWarning,
                of=frames,
                mend="align by the shifts that you give, if it did",
                at_command='if it did, give the shifts in a recipe: align = {step = "align", by = [[0, 0], [1, 0]]}',
            )


def _say_turned(frames: FrameSet, off: FloatArray) -> None:
    """Say where frames do not lie upon each other, wherever they are moved.

    :param off: pixels that the corners of each lie off when its middle is in place; NaN where nothing tells.
    """
    most = float(np.nanmax(np.abs(off), initial=0.0))
    if most > TURNED:
        advise(
            f"frames are turned or scaled against each other: at the corners they lie {most:.1f} px off, which whole "
            "pixels do not mend",
            of=frames,
            mend="reduce each, and let reproject or astroalign turn them",
            at_command="reduce each, with --each, and let reproject or astroalign turn them",
            figures=(("pixels", most),),
        )


def _by_wcs(frames: FrameSet) -> FloatArray:
    """Tell by WCS where the middle of the first frame's sky lies in each: shifts (frames, 2).

    :raises HeaderError: a frame has no celestial WCS.
    """
    from astropy.wcs import WCS

    found = []
    for frame in frames:
        with quiet(Warning):
            wcs = WCS(frame.header.to_header(), naxis=2)
        if not wcs.has_celestial:
            raise HeaderError(f"{frame.name}: its header has no WCS to align by; {BY_SOURCES}")
        found.append(wcs)
    height, width = frames[0].shape
    corners = np.array([[x, y] for x in (0, width - 1) for y in (0, height - 1)], float)
    at = np.array([corners.mean(axis=0), *corners])
    sky = found[0].wcs_pix2world(at, 0)
    away = np.array([wcs.wcs_world2pix(sky, 0) for wcs in found]) - at  # of each frame, its middle and corners
    if not np.isfinite(away).all():
        raise HeaderError(f"align: the WCS of these frames do not lie on one field; {BY_SOURCES}")
    _say_turned(frames, np.hypot(*np.moveaxis(away - away[:, :1], -1, 0)).max(axis=1))
    shifts: FloatArray = away[:, 0, ::-1]
    return shifts
