"""How the frames of a moving stack lie on the sky: measured of whole frames, and tried on some of their rows.

Also whether a stack moved after all, by what was left out: stars that move lose light though sampled rows show nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import numpy as np

from pipeline.compose.telling import advise
from pipeline.records.arrays import BoolArray, FloatArray, IntArray
from pipeline.records.frames import Image
from pipeline.stacking.clip import Clip, frames_needed
from pipeline.stacking.judge import judge_by_own_values
from pipeline.stacking.moved import ENOUGH_VALUES, SQUARES, Moved, is_moving, lie_apart, shown_in_turn, squares_of
from pipeline.stacking.plan import Plan
from pipeline.stacking.propagation import carried_variance, with_own_errors
from pipeline.stacking.same_place import LEAST, LIT, SamePlace, Unlike
from pipeline.stacking.stack_rows import GoodPixels, read_rows, sample_rows
from pipeline.statistics.amplifier_noise import amplifiers_of, variance_of, which_of
from pipeline.statistics.frame_levels import measure_shifts, shifts_of_sky
from pipeline.statistics.motion import Motion, motion_of
from pipeline.statistics.noise import MOVING
from pipeline.statistics.photon_noise import slope_of
from pipeline.statistics.robust import MAD_TO_SIGMA, median
from pipeline.statistics.sky_level import STANDS_OUT
from pipeline.statistics.star_images import WINDOW, has_moved, image_of_star, is_missing

SURE_OF_SHIFTS = 20
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

MOST = 20.0
"""The tolerated part of the light: more than what any seeing asks for."""

DISCS = (20, 1e-3)
"""So many pixels, and such a share of all that lost values, may have lost them with all eight around, and the four
beyond these, to hits."""

BAND, CROWDED = (8, 128), 4.0
"""In no band of so many rows and columns, or columns and rows, lie more hits than so many times what is typical."""

BLOCK, MOST_BLOCKS = 8, 12
"""Lost pixels are counted in blocks of so many pixels a side, and the fullest blocks are looked at."""

SEEN_IN = 2**16
"""So many pixels of the combined image tell its sky, above which it is lit."""

SURELY = 2
"""So many stars, or one that is smooth, must be missing in other frames, or one have moved."""

MOSTLY, ENOUGH_STILL = 0.5, 3
"""So many of the stars that lost pixels must have moved: hits in two frames may look so.  None did
if so many in front of all others did not."""


def measure_motion(plan: Plan) -> Plan:
    """Measure how the frames of a plan lie; the same plan where nothing moves.

    Where that cannot be told, or does not explain what is bright, each frame is left to tell its own light.  A clip by
    each pixel's own spread stays as it is: that light is lost is said.
    """
    if plan.clip is not None and not plan.settings.by_noise:
        _say_what_own_spread_takes(plan, plan.clip)
    if plan.moved is None or plan.clip is None:
        return plan
    found = motion_of(GoodPixels(plan.frames))
    if found is None:
        return _unsolved(plan)
    surely = found.known.all() and (np.delete(found.agreeing, found.reference) >= SURE_OF_SHIFTS).all()
    tried = (found.shifts,) if surely else (found.shifts, np.zeros_like(found.shifts))
    options = [_with_tolerance(plan, plan.clip, attrs.evolve(plan.moved, shifts=shifts)) for shifts in tried]
    best, _ = min(options, key=lambda option: option[1])
    if best.tolerance > MOST:
        return _unsolved(plan)
    _say_moved(plan.frames, best.shifts, found)
    return attrs.evolve(plan, moved=best)


def _say_what_own_spread_takes(plan: Plan, clip: Clip) -> None:
    """Say that frames move where values are judged by each pixel's own spread, which takes a star for a hit then."""
    frames, kind = plan.frames, plan.frames[0].kind
    if kind not in MOVING or frames_needed(clip) > len(frames):
        return
    sampled = sample_rows(frames, plan.scale, ENOUGH_VALUES // len(frames))
    shifts = measure_shifts(sampled.blocks, kind, sampled.rounding.step)
    amplifiers = amplifiers_of(sampled, plan.shape, shifts, kind, None)
    moves = is_moving(amplifiers, sampled, Clip(), plan.shape[1], shifts=shifts, slope=slope_of(frames))
    if not moves and not shown_in_turn(sampled, shifts_of_sky(sampled.blocks, sampled.rounding.step)):
        return
    found = motion_of(GoodPixels(frames))
    off = 0.0 if found is None else _farthest(found.shifts)
    if found is not None and off > _said_from(frames, found):
        advise(
            f"the image moves by up to {off:.1f} px between frames: a clip by {clip.spread} takes its light for hits, "
            "and leaves it out",
            of=frames,
            mend="clip by noise, which tells light that moves from hits; or align(frames) before combine",
            at_command="--clip noise tells light that moves from hits; or --align brings it together first",
            figures=(("pixels", off), *_figures(frames, found.shifts)),
            fact="image moves",
        )


def _said_from(frames: tuple[Image, ...], found: Motion) -> float:
    """Give the motion, in pixels, that is worth a note; align leaves parts of pixels."""
    exact = SAID_BY_SOURCES if found.agreeing.any() else SAID_BY_LIGHT
    return SAID_IF_ALIGNED if any(frame.shift for frame in frames) else exact


def _farthest(shifts: FloatArray) -> float:
    """Give by how many pixels two frames lie apart at most."""
    return float(np.nanmax(np.hypot(*np.moveaxis(shifts[:, None] - shifts, -1, 0)), initial=0.0))


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
    """Say by how much the image moved, where that is worth a note."""
    off = _farthest(shifts)
    lost = [frame for frame, shift in zip(frames, shifts, strict=True) if not np.isfinite(shift).all()]
    if lost:
        advise(
            "lies where nothing tells: what is bright in it is kept, and the hits in that",
            of=lost,
            mend="look at it; leave it out if it shows another field, or keep each light by itself (reduce_each)",
            at_command="look at it; leave it out if it shows another field, or keep each light by itself (--each)",
            fact="motion of a frame unknown",
        )
    if not off > _said_from(frames, found):
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


def moves_after_all(plan: Plan, rejected: IntArray, left_out: IntArray, combined: FloatArray) -> bool:
    """Tell whether what was left out are stars that move: the few rows that a plan samples need not show them.

    Stars that lost light do; and much that lies together, where frames lie apart.

    :param rejected: the number of values left out of each frame.
    :param left_out: and of each pixel, (ny, nx).
    :param combined: what is left, (ny, nx).
    """
    lost = left_out != 0
    squares = squares_of(lost)
    if stars_lost(plan, lost, combined, squares=squares):
        return True
    most, least = int(np.argmax(rejected)), len(rejected) - 1 - int(np.argmin(rejected[::-1]))
    return lost_widely(lost, squares=squares) and lie_apart(plan.frames[most], plan.frames[least])


def lost_widely(lost: BoolArray, *, squares: IntArray) -> bool:
    """Tell whether pixels that lost values, (ny, nx), lie together as those of stars or traces do, and not of hits.

    :param squares: what :func:`squares_of` gives of them.
    """
    (height, width), count = lost.shape, int(np.count_nonzero(lost))
    row, column = np.divmod(np.flatnonzero(lost), width)
    for across, along in ((row, column), (column, row)):
        crowds = np.bincount(across // BAND[0] * (max(height, width) // BAND[1] + 1) + along // BAND[1])
        if crowds.max(initial=0) > BAND[1] // 2 + CROWDED * count * BAND[0] * BAND[1] / lost.size:
            return True
    row, column = squares.T
    if row.size > SQUARES[0] + SQUARES[1] * count:
        return True
    inside = (row >= 2) & (row < height - 2) & (column >= 2) & (column < width - 2)
    row, column = row[inside], column[inside]
    discs = lost[row - 2, column] & lost[row + 2, column] & lost[row, column - 2] & lost[row, column + 2]
    return bool(np.count_nonzero(discs) > DISCS[0] + DISCS[1] * count)


def stars_lost(plan: Plan, lost: BoolArray, combined: FloatArray, *, squares: IntArray) -> bool:
    """Tell whether stars lost light: those where whole squares of pixels are lost, or some where others are lit.

    Where few are in the field, neither their share of all that is lost nor the places that two frames show tells of
    them.  Hits on stars that keep still do not count.

    :param lost: which pixels lost values, (ny, nx).
    :param combined: what is left, (ny, nx).
    :param squares: what :func:`squares_of` gives of those that are lost.
    """
    seen = dict[tuple[int, int, int], int]()
    for row, column in np.concatenate([_fullest(_lit(lost, combined)), _fullest(squares)]).tolist():
        frame = _most_unlike(plan, row, column)
        (shown,) = _windows(plan, [frame], row, column)
        star = image_of_star(shown)
        if star is None or (at := (frame, row + star.peak[0], column + star.peak[1])) in seen:
            continue
        others = [other for other in range(len(plan.frames)) if other != frame]
        by_others = np.median(_windows(plan, others, row, column), axis=0)
        moved = SURELY * has_moved(star.pixels, shown, by_others)
        if not moved and is_missing(star.pixels, shown, by_others):
            moved = SURELY if star.smooth else 1
        seen[at] = moved
        if len(seen) == ENOUGH_STILL and not any(seen.values()):
            return False
    told = [moved for moved in seen.values() if moved]
    return sum(told) >= SURELY and len(told) >= MOSTLY * len(seen)


def _lit(lost: BoolArray, combined: FloatArray) -> IntArray:
    """Give the places, (places, 2), of lost pixels that are lit all around."""
    (height, width), flat, place = lost.shape, combined.reshape(-1), np.flatnonzero(lost)
    some = flat[:: max(1, flat.size // SEEN_IN) | 1]
    some = some[np.isfinite(some)]
    if not some.size:
        return np.empty((0, 2), int)
    sky = median(some)
    sigma = median(sky - some[some <= sky]) * MAD_TO_SIGMA
    row, column = np.divmod(place, width)
    inside = (row > 0) & (row < height - 1) & (column > 0) & (column < width - 1)
    place = place[inside]
    with np.errstate(invalid="ignore"):
        for step in (1, -1, width, -width):
            place = place[flat[place + step] > sky + STANDS_OUT * sigma]
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


def _most_unlike(plan: Plan, row: int, column: int) -> int:
    """Give the frame that differs most from the others at a place; of two the brighter one."""
    batch = read_rows(plan.frames, row, row + 1).only(np.array([column]))
    here = plan.shifts.taken_from(batch.values * plan.scale[:, None])[:, 0]
    unlike = np.abs(here - np.nanmedian(here)) if len(here) > 2 else here
    return int(np.nan_to_num(unlike, nan=-np.inf).argmax())


def _windows(plan: Plan, which: list[int], row: int, column: int) -> FloatArray:
    """Give what some frames show around a place, above what is typical there; 0 where bad and beyond the edge."""
    (height, width), side = plan.shape, 2 * WINDOW + 1
    top, left = row - WINDOW, column - WINDOW
    rows, columns = np.arange(max(top, 0), min(top + side, height)), np.arange(max(left, 0), min(left + side, width))
    read = read_rows(tuple(plan.frames[frame] for frame in which), int(rows[0]), int(rows[-1]) + 1)
    values = read.only(((rows - rows[0])[:, None] * width + columns).reshape(-1)).values
    scale, offsets, factors = (of[which][:, None] for of in (plan.scale, plan.shifts.offsets, plan.shifts.factors))
    even, windows = (values * scale - offsets) / factors, np.zeros((len(which), side, side))
    for window, shown in zip(windows, even, strict=True):
        known = np.isfinite(shown)
        if known.any():
            above = np.where(known, shown - np.median(shown[known]), 0.0)
            window[rows[0] - top :, columns[0] - left :][: rows.size, : columns.size] = above.reshape(rows.size, -1)
    return windows
