"""How the frames of a moving stack lie on the sky: measured of whole frames, and tried on some of their rows."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import numpy as np

from pipeline.compose.telling import advise
from pipeline.records.arrays import FloatArray, IntArray
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
    off = float(np.hypot(*(np.nanmax(shifts, axis=0) - np.nanmin(shifts, axis=0))))
    lost = [frame for frame, shift in zip(frames, shifts, strict=True) if not np.isfinite(shift).all()]
    if lost:
        advise(
            "lies where nothing tells: what is bright in it is kept, and the hits in that",
            of=lost,
            mend="look at it; leave it out if it shows another field",
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
    """Give by how many rows and columns what each frame shows lies further than in the first of them, by name."""
    first = shifts[int(np.argmin([frame.name for frame in frames]))]
    for frame, shift in sorted(zip(frames, shifts - np.nan_to_num(first), strict=True), key=lambda pair: pair[0].name):
        if np.isfinite(shift).all():
            yield f"{frame.name} rows", round(float(shift[0]), 3)
            yield f"{frame.name} columns", round(float(shift[1]), 3)


def moves_after_all(plan: Plan, rejected: IntArray, left_out: IntArray) -> bool:
    """Tell whether what was left out are stars that move: the few rows that a plan samples need not show them.

    Whole stars that are left out do, where frames lie apart.

    :param rejected: the number of values left out of each frame.
    :param left_out: and of each pixel, (ny, nx).
    """
    most, least = int(np.argmax(rejected)), len(rejected) - 1 - int(np.argmin(rejected[::-1]))
    return lost_widely(left_out) and lie_apart(plan.frames[most], plan.frames[least])


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
