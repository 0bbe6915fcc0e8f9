"""How the frames of a moving stack lie on the sky: measured of whole frames, and tried on some of their rows.

Also whether a stack moved after all: by what was left out of it.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import numpy as np

from pipeline.compose.telling import advise
from pipeline.records.arrays import BoolArray, FloatArray, IntArray
from pipeline.records.frames import Image
from pipeline.stacking.clip import Clip
from pipeline.stacking.judge import judge_by_own_values
from pipeline.stacking.moved import Moved, lie_apart, lost_widely
from pipeline.stacking.plan import Plan
from pipeline.stacking.propagation import carried_variance, with_own_errors
from pipeline.stacking.same_place import LIT, SamePlace, Unlike
from pipeline.stacking.stack_rows import GoodPixels, read_rows
from pipeline.statistics.amplifier_noise import variance_of, which_of
from pipeline.statistics.motion import Motion, motion_of

SURE = 20
"""Shifts by so many sources are not compared with none at all."""

TRIED_ROWS, TRIED_PLACES = 16, 8
"""So many rows around as many places are tried; in a small image there are no more."""

SHARE_OF_HITS = 0.1
"""Bright places may lose this part of what hits take from the sky: more would be starlight."""

MORE = 1.5
"""Not all that is bright is tried: so many times what that needs is tolerated."""

SAID_BY_SOURCES, SAID_BY_LIGHT, SAID_IF_ALIGNED = 0.3, 1.0, 1.5
"""Pixels of motion that are worth a note: measured by sources, by light alone, and left between aligned frames."""

SAID_TURNED = 0.5
"""Pixels at the corners from which a turn is said."""

LEAST, MOST = 1.0, 20.0
"""The tolerated part of the light: what parts of pixels ask for at least, and more than what any seeing does."""

BLOCK, MOST_BLOCKS = 8, 10
"""Squares of lost pixels are counted in blocks of so many pixels a side, and the fullest blocks are looked at."""

REACH, NEAR = 9, 3
"""Pixels around a place that are looked at, and around it the brightest one's."""

FAINTEST = 0.15
"""A star's image is what is brighter than this part of its peak, and adjoins it."""

WIDE, ROUND = 0.36, 1.6
"""Pixels²: the least second moment of a star's image about any axis; and by how much two of them differ, as widths."""

FEWEST_STARS, SHARE_OF_STARS = 2, 0.25
"""So many stars, and such a share of all that lost squares, are no hits."""


def measure_motion(plan: Plan) -> Plan:
    """Measure how the frames of a plan lie; the same plan where nothing moves.

    Where that cannot be told, or does not explain what is bright, each frame is left to tell its own light.
    """
    if plan.moved is None or plan.clip is None:
        return plan
    found = motion_of(GoodPixels(plan.frames))
    if found is None:
        return _unsolved(plan)
    surely = found.known.all() and (np.delete(found.agreeing, found.reference) >= SURE).all()
    tried = (found.shifts,) if surely else (found.shifts, np.zeros_like(found.shifts))
    options = [_with_tolerance(plan, plan.clip, attrs.evolve(plan.moved, shifts=shifts)) for shifts in tried]
    best, _ = min(options, key=lambda option: option[1])
    if best.tolerance > MOST:
        return _unsolved(plan)
    _say_moved(plan.frames, best.shifts, found)
    return attrs.evolve(plan, moved=best)


def _unsolved(plan: Plan) -> Plan:
    """Say that nothing tells how frames lie: each is left to tell its own light."""
    advise(
        "what is bright moves or changes between frames as no shifts explain: it is all kept, with the hits in it",
        of=plan.frames,
        mend="look at the frames; leave out what shows another field, or align them by shifts that you give",
        at_command="look at the frames; leave out what shows another field, or reduce each of them, with --each",
        fact="motion unsolved",
    )
    return plan


def _say_moved(frames: tuple[Image, ...], shifts: FloatArray, found: Motion) -> None:
    """Say by how much the image moved, where that is worth a note; align leaves parts of pixels."""
    exact = SAID_BY_SOURCES if found.agreeing.any() else SAID_BY_LIGHT
    off = float(np.nanmax(np.hypot(*np.moveaxis(shifts[:, None] - shifts, -1, 0)), initial=0.0))
    lost = [frame for frame, shift in zip(frames, shifts, strict=True) if not np.isfinite(shift).all()]
    if lost:
        advise(
            "lies where nothing tells: what is bright in it is kept, and the hits in that",
            of=lost,
            mend="look at it; leave it out if it shows another field, or keep each light by itself (reduce_each)",
            at_command="look at it; leave it out if it shows another field, or keep each light by itself (--each)",
            fact="motion of a frame unknown",
        )
    if not off > (SAID_IF_ALIGNED if any(frame.shift for frame in frames) else exact):
        return
    turned = float(np.degrees(np.nanmax(found.turned, initial=0.0) - np.nanmin(found.turned, initial=0.0)))
    corner = np.radians(turned) * np.hypot(*frames[0].shape) / 2
    words = f", and turns by up to {turned:.2g}°" if corner > SAID_TURNED else ""
    advise(
        f"the image moves by up to {off:.1f} px between frames{words}: light is kept, and blurred as much; hits in it "
        "may stay",
        of=frames,
        mend="align(frames) before combine, or reduce_each and let reproject or astroalign bring them together",
        at_command="--align brings them together by whole pixels, --each reduces each on its own",
        figures=(("pixels", off), *_figures(frames, shifts)),
        fact="image moves",
    )


def _figures(frames: tuple[Image, ...], shifts: FloatArray) -> Iterator[tuple[str, float]]:
    """Give by how many rows and columns what each frame shows lies further than in the first that tells, by name."""
    by_name = sorted(zip(frames, shifts, strict=True), key=lambda pair: pair[0].name)
    telling = [(frame, shift) for frame, shift in by_name if np.isfinite(shift).all()]
    for frame, shift in telling:
        rows, columns = shift - telling[0][1]
        yield f"{frame.name} rows", round(float(rows), 3)
        yield f"{frame.name} columns", round(float(columns), 3)


def moves_after_all(plan: Plan, rejected: IntArray, left_out: IntArray) -> bool:
    """Tell whether what was left out are stars that move: the few rows that a plan samples need not show them.

    Whole stars that are left out do; and much that lies together, where frames lie apart.

    :param rejected: the number of values left out of each frame.
    :param left_out: and of each pixel, (ny, nx).
    """
    if stars_lost(plan, left_out):
        return True
    most, least = int(np.argmax(rejected)), len(rejected) - 1 - int(np.argmin(rejected[::-1]))
    return lost_widely(left_out) and lie_apart(plan.frames[most], plan.frames[least])


def stars_lost(plan: Plan, left_out: IntArray) -> bool:
    """Tell whether much of what lost whole squares of pixels has the shape of stars.

    Hits are sharp or long, and seldom leave squares of three by three pixels; stars are round, and as wide as the
    seeing.  Where few are in the field, neither their share of all that is lost nor the places that two frames show
    tells of them.

    :param left_out: the number of values left out of each pixel, (ny, nx).
    """
    places = _fullest(_squares(left_out != 0))
    if len(places) < FEWEST_STARS:
        return False
    stars = sum(_is_star(_brightest_around(plan, row, column)) for row, column in places.tolist())
    return stars >= max(FEWEST_STARS, SHARE_OF_STARS * len(places))


def _squares(lost: BoolArray) -> IntArray:
    """Give the places, (places, 2), in the middle of three by three lost pixels."""
    height, width = lost.shape
    flat, place = lost.reshape(-1), np.flatnonzero(lost)
    row, column = np.divmod(place, width)
    place = place[(row > 0) & (row < height - 1) & (column > 0) & (column < width - 1)]
    for step in (1, -1, width, -width, width + 1, width - 1, 1 - width, -1 - width):
        place = place[flat[place + step]]
    return np.stack(np.divmod(place, width), axis=1)


def _fullest(places: IntArray) -> IntArray:
    """Give a place in each of the blocks that have most of them."""
    if not len(places):
        return places
    _, block, count = np.unique(places // BLOCK, axis=0, return_inverse=True, return_counts=True)
    order = np.argsort(block.reshape(-1), kind="stable")
    middles = places[order[np.cumsum(count) - count + count // 2]]
    fullest: IntArray = middles[np.argsort(-count, kind="stable")[:MOST_BLOCKS]]
    return fullest


def _brightest_around(plan: Plan, row: int, column: int) -> FloatArray:
    """Give what the frame that is brightest at a place shows around it, above what is typical there."""
    (height, width), top, left = plan.shape, row - REACH, column - REACH
    here = read_rows(plan.frames, row, row + 1).only(np.arange(max(column - 1, 0), min(column + 2, width)))
    close = np.nan_to_num(plan.shifts.taken_from(here.values * plan.scale[:, None]), nan=-np.inf).max(axis=1)
    frame, first = plan.frames[int(close.argmax())], max(top, 0)
    rows = read_rows((frame,), first, min(row + REACH + 1, height))
    columns = np.arange(max(left, 0), min(column + REACH + 1, width))
    inside = rows.only((np.arange(rows.stored.shape[1] // width)[:, None] * width + columns).reshape(-1)).values[0]
    image = np.full((2 * REACH + 1, 2 * REACH + 1), np.nan)
    image[first - top :, columns[0] - left :][: inside.size // columns.size, : columns.size] = inside.reshape(
        -1, columns.size
    )
    above: FloatArray = np.nan_to_num(image - np.nanmedian(image))
    return above


def _is_star(image: FloatArray) -> bool:
    """Tell whether what is brightest in the middle of an image is round, and wider than hits."""
    middle = image[REACH - NEAR : REACH + NEAR + 1, REACH - NEAR : REACH + NEAR + 1]
    y, x = np.unravel_index(int(middle.argmax()), middle.shape)
    bright = image > FAINTEST * middle.max()
    star = np.zeros(image.shape, bool)
    star[y + REACH - NEAR, x + REACH - NEAR] = True
    for _ in range(2 * REACH):
        wider = star.copy()
        wider[1:] |= star[:-1]
        wider[:-1] |= star[1:]
        wider[:, 1:] |= star[:, :-1]
        wider[:, :-1] |= star[:, 1:]
        star = wider & bright
    (rows, columns), light = np.nonzero(star), image[star]
    if light.sum() <= 0 or light.size < BLOCK // 2:
        return False
    least, most = np.linalg.eigvalsh(np.cov(rows, columns, aweights=light, ddof=0))
    return bool(least > WIDE and most < ROUND**2 * least)


def _with_tolerance(plan: Plan, clip: Clip, moved: Moved) -> tuple[Moved, int]:
    """Find what tolerance bright places ask for, so that they lose no more than hits take from the sky.

    Also gives the number of values that would be left out were no more than the least tolerated.
    """
    width = plan.shape[1]
    values, light, found = 0, 0.0, list[Unlike]()
    for start, stop in _tried_rows(plan, moved):
        rows = read_rows(plan.frames, start, stop)
        everywhere = rows.only(np.arange(rows.stored.shape[1]))
        if plan.carried is not None:
            everywhere = attrs.evolve(everywhere, carried=carried_variance(plan, with_own_errors(rows)))
        found.append(SamePlace(plan, clip, moved).unlike(*judge_by_own_values(everywhere, plan)))
        even = plan.shifts.taken_from(everywhere.values * plan.scale[:, None])
        level = moved.sky.at(rows.place, width)
        noise = variance_of(plan.amplifiers, which_of(plan.amplifiers, rows.place, width))(level, slice(None))
        light += float(np.nansum(np.maximum(even - level - LIT * np.sqrt(noise), 0.0)))
        values += even.size
    beyond, around = (np.concatenate(part) for part in zip(*((one.beyond, one.light) for one in found), strict=True))
    told = np.isfinite(beyond) & (beyond > 0)
    lit = told & (around > 0)
    hits = np.count_nonzero(told & ~lit) / max(values, 1)
    excess, lost = beyond[lit] / around[lit], around[lit]
    order = np.argsort(-excess, kind="stable")
    too_much = np.cumsum(lost[order]) > SHARE_OF_HITS * hits * light
    needed = float(excess[order][too_much.argmax()]) if too_much.any() else 0.0
    tolerance = max(LEAST, MORE * needed)
    return attrs.evolve(moved, tolerance=tolerance), int(np.count_nonzero(beyond > LEAST * around))


def _tried_rows(plan: Plan, moved: Moved) -> list[tuple[int, int]]:
    """Give the rows around those that were sampled, each once."""
    height, ends = plan.shape[0], list[tuple[int, int]]()
    every = max(1, height // (TRIED_ROWS * 2 * TRIED_PLACES))
    for middle in moved.sky.rows[every // 2 :: every].tolist():
        start = max(int(middle) - TRIED_ROWS // 2, ends[-1][1] if ends else 0)
        stop = min(int(middle) + TRIED_ROWS // 2, height)
        if stop > start:
            ends.append((start, stop))
    return ends
