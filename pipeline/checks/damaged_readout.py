"""Whether the readout damaged some frames of a kind: dead parts, stuck bits, shifted columns, light on whole columns.

And whether what is bright in one amplifier left ghosts in another, a thousandth of it or less: crosstalk; and whether
halves of a single light have each another gain.  Each is sought in what honest nights leave alone: motion, seeing and
clouds change stars, and no more.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import permutations

import attrs
import numpy as np

from pipeline.checks.levels import Compared, median_of_all, median_of_rest, middle_of_each
from pipeline.records.arrays import Array, BoolArray, IntArray
from pipeline.records.note import Note
from pipeline.statistics.robust import MAD_TO_SIGMA, median


def damage_notes(frames: Compared) -> tuple[Note, ...]:
    """Say which frames the readout damaged: parts and bits of each show, the rest takes others beside it."""
    checks = [_stuck_bits]
    if len(frames.names) > 1:
        checks += [_partly_dead]
    if len(frames.names) > 2:
        checks += [_shifted, _smeared]
    return tuple(note for check in checks for note in check(frames))


CONSTANT = 0.2
"""Where so many more neighbours than in other frames hold the very same value, a part of the frame is dead."""


def _partly_dead(frames: Compared) -> Iterator[Note]:
    """Find a frame of which a part holds one value, where others hold an image."""
    if not frames.rows.size:
        return
    top = np.fmax.reduce(frames.rows, axis=(1, 2), keepdims=True)  # saturated, or all that a quiet camera counts
    same, below = frames.rows[:, :, :-1] == frames.rows[:, :, 1:], frames.rows[:, :, 1:] < top
    share, with_top = (alike.mean(axis=(1, 2)) for alike in (same & below, same))
    odd = (share > CONSTANT + 2 * median_of_rest(share)) & (with_top > CONSTANT + 2 * median_of_rest(with_top))
    if 0 < np.count_nonzero(odd) <= odd.size / 2:
        part = 100 * float(share.max())
        yield frames.note(
            odd,
            f"{part:.0f} % of the {frames.kind} is dead: it holds one and the same value, where others hold an image",
            "dead",
            "leave it out",
            percent=part,
        )


# ---- bits ----

STRETCHES = 3
"""A bit that never changes is stuck where values lie in so many stretches that it parts."""

POWERS = np.arange(4, 15)
"""The bits, from 16 on, that are sought in values from which an overscan was taken: its levels differ by less."""

FEW_TELL = 128
"""So few values lie in nearly all of 32 parts of a turn, where no bit is stuck."""


def _stuck_bits(frames: Compared) -> Iterator[Note]:
    """Find a bit that is always or never set, while values lie on both sides of it again and again.

    Low bits that are never set are a converter's steps, and high ones the range that values have.
    """
    if np.abs(frames.ends).max() >= 2**16:
        return
    values = np.floor(frames.stack).astype(np.int64)
    as_counted = bool(frames.ends.min() >= 0 and (values == frames.stack).all())
    found: list[tuple[int, str] | None] = [None] * len(values)
    if as_counted:
        always, ever = np.bitwise_and.reduce(values, axis=1), np.bitwise_or.reduce(values, axis=1)
        changing = always ^ ever
        below = (changing & -changing) - 1  # a converter's steps
        for i in np.flatnonzero((changing | below) & ((changing | below) + 1)):  # few: between two that change
            found[i] = _bit_that_stays(values[i], int(always[i]), int(ever[i]))
    above = values - values.min(axis=1, keepdims=True)
    some = above[:, None, :: max(1, above.shape[1] // FEW_TELL)]
    reached = np.bitwise_or.reduce(1 << (some >> (POWERS - 4)[:, None] & 31), axis=2)  # of 32 parts of a turn
    parting = (np.bitwise_count(reached) < 20) & (np.ptp(frames.ends, axis=1)[:, None] >= 2 << POWERS)
    if parting.any():
        at = above.shape[1] // 100, above.shape[1] - 1 - above.shape[1] // 100
        low, high = (np.partition(above, place, axis=1)[:, place] for place in at)
        parting &= (high - low)[:, None] >= 2 << POWERS
    for i in np.flatnonzero(parting.any(axis=1)):
        found[i] = found[i] or _bit_that_parts(above[i], POWERS[parting[i]].tolist())
    odd = np.array([bit is not None for bit in found])
    if odd.any():
        bit, how = next(bit for bit in found if bit is not None)
        yield frames.note(
            odd,
            f"a bit of the converter is stuck: that of {bit} is {how} set",
            f"bit {bit}",
            "leave these frames out: what that changed cannot be told",
            bit=bit,
        )


def _bit_that_stays(values: Array, always: int, ever: int) -> tuple[int, str] | None:
    """Find a bit that is the same in all numbers, as the converter gave them, though lower and higher ones change.

    :param always: the bits that all values have.
    :param ever: those that any has.
    """
    changing = always ^ ever
    for power in range(1, 15):
        bit = 1 << power
        if changing & bit or not changing & (bit - 1) or not changing >> (power + 1):
            continue
        if _in_stretches(values, 2 * bit):
            return bit, "always" if always & bit else "never"
    return None


def _bit_that_parts(above: Array, powers: list[int]) -> tuple[int, str] | None:
    """Find a bit that was the same in all numbers before some level, that of the overscan, was taken from them.

    They fill one half of each turn of twice the bit evenly, wherever it begins now, and leave the other half empty.

    :param above: whole numbers from 0.
    :param powers: of 2, of the bits that are tried.
    """
    for power in powers:
        counts = np.bincount(above >> (power - 4) & 31, minlength=32)
        full, empty = counts > above.size / 32, counts <= above.size / 1000
        begins = np.flatnonzero(~empty & np.roll(empty, 1))
        parted = full.sum() > 12 and empty.sum() > 12 and begins.size == 1
        if parted and _in_stretches(above + (2 << power) - (int(begins[0]) << (power - 4)), 2 << power):
            return 1 << power, "either always or never"
    return None


def _in_stretches(values: Array, turn: int) -> bool:
    """Tell whether values lie in several stretches of a length that adjoin each other, and not a few in each."""
    filled = np.bincount(values // turn) >= max(5, values.size // 100)
    return filled.size >= STRETCHES and bool((np.convolve(filled, np.ones(STRETCHES, int), "valid") == STRETCHES).any())


# ---- columns ----

SPIKE_SIGMA, SPIKES = 6.0, 12
"""A pixel that stands out of its row by so many σ alone, and how many of these tell of a shift."""


def _shifted(frames: Compared) -> Iterator[Note]:
    """Find a frame in which pixels that stand out alone, as hot ones do, lie one or two columns further along."""
    if not frames.rows.size:
        return
    row, column, height = _alone(frames.rows_of_others[0])  # of three frames and more: the same for each
    if height.size < SPIKES:
        return
    near = np.stack([frames.rows[:, row, column + step] for step in range(-3, 4)])
    heights = (near[1:-1] - 0.5 * (near[:-2] + near[2:])) / height  # (5 columns, frames, places)
    odd, moved = np.zeros(len(frames.names), bool), 0
    for i in np.flatnonzero(np.count_nonzero(heights[2] >= 0.5, axis=1) < 0.4 * height.size):
        known = heights[:, i, np.isfinite(heights[:, i]).all(axis=0)]
        typical = np.median(known, axis=1) if known.shape[1] >= SPIKES else np.zeros(5)
        best = int(np.argmax(typical))
        fits = (np.abs(known[best] - 1) < 0.5) & (known[2] < 0.5)
        if typical[2] < 0.3 and typical[best] > 0.6 and fits.mean() > 0.6:
            odd[i], moved = True, best - 2
    if 0 < np.count_nonzero(odd) < odd.size / 2:
        yield frames.note(
            odd,
            f"what stands out alone in others, as hot pixels do, lies {abs(moved)} columns further "
            f"{'right' if moved > 0 else 'left'} in this {frames.kind}: shifted by the readout, or moved",
            "columns",
            "leave it out",
            columns=moved,
        )


def _alone(level: Array) -> tuple[Array, Array, Array]:
    """Find pixels that stand out of their row alone: their rows, columns and heights above the mean of both sides."""
    height = np.full_like(level, np.nan)
    height[:, 1:-1] = level[:, 1:-1] - 0.5 * (level[:, :-2] + level[:, 2:])
    known = np.abs(height[np.isfinite(height)])
    noise = MAD_TO_SIGMA * median(known) if known.size else math.inf
    row, column = np.nonzero(height > SPIKE_SIGMA * noise)
    inside = (column > 4) & (column < level.shape[1] - 5)
    row, column = row[inside], column[inside]
    tall = height[row, column]
    alone = np.ones(row.size, bool)
    for step in (-2, -1, 1, 2):
        alone &= level[row, column + step] < level[row, column] - 0.8 * tall
    return row[alone], column[alone], tall[alone]


SMEARED, SMEARED_SIGMA = 0.02, 6.0
"""The part of a column's light that lies on all of it, and how sure that has to be."""

OWN_SIGMA = 3.5
"""The same by its own scatter, which is larger: of a column's light some rows alone are seen."""

LIT_COLUMN = 10.0
"""Columns are looked at whose light differs from the next one's by so many times the noise of its mean."""


def _smeared(frames: Compared) -> Iterator[Note]:
    """Find a light that was read with the shutter open: the light of each column lies on the whole column."""
    if frames.kind != "light" or not frames.rows.size:
        return
    others, usual = frames.rows_of_others[0], float(frames.levels_of_others[0])
    shown = np.where(np.isfinite(others), others, usual)
    light = np.diff(shown.mean(axis=0) - median_of_all(shown))
    telling = np.flatnonzero(np.abs(light) > LIT_COLUMN * frames.sigma / math.sqrt(len(others)))
    if telling.size < SPIKES:
        return
    light, columns = light[telling], np.stack([telling, telling + 1])
    above = frames.rows[:, :, columns] - others[:, columns]
    above[~np.isfinite(above)] = 0
    middle = median_of_all(np.moveaxis(above, 1, 0))
    more, stars = (np.diff(means, axis=1)[:, 0] for means in (middle, above.mean(axis=1) - middle))
    squares = float(np.sum(light**2))
    part = more @ light / squares
    scatter = middle_of_each(np.abs(more - part[:, None] * light))
    like = np.abs(frames.levels - usual) < 0.5 * abs(usual)  # else capped, or exposed otherwise: that is said
    brighter = np.abs(stars @ light) / squares
    like &= brighter < 0.5  # else without stars, or with much brighter ones
    error = MAD_TO_SIGMA * scatter / math.sqrt(squares)
    odd = like & (part > np.maximum(SMEARED, brighter / 4))  # wings of brighter stars lie on whole columns too
    odd &= (part > OWN_SIGMA * error) & (part > SMEARED_SIGMA * median_of_rest(error))
    if 0 < np.count_nonzero(odd) < odd.size / 2:
        most = float(part[odd].max())
        yield frames.note(
            odd,
            f"the light of each column is smeared over all of it, {most:.2g} of its mean: the shutter stood open while "
            "this light was read",
            "smeared",
            "leave it out",
            part=most,
        )


# ---- crosstalk: at the place that another amplifier reads in the same moment, mirrored or not ----

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

BY_CHANCE = 1e-3
"""A star stands where a ghost would be with less than this probability, as others like it in the amplifier tell."""

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


@np.errstate(over="ignore", invalid="ignore")  # of damaged values differences overflow
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
    ways = [
        (one, other, mirrored)
        for boxes in sets
        for one, other in permutations(boxes, 2)
        for mirrored in ((False, False), (False, True), (True, False), (True, True))
    ]
    found = [ghost for way in ways if (ghost := _ghost(values, bright, *way, sigma, len(ways)))]
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
    values: Array, bright: IntArray, one: Box, other: Box, mirrored: tuple[bool, bool], sigma: float, tried: int
) -> Ghost | None:
    """Give what is seen in another amplifier of the bright places of one; None where that is nothing, or chance.

    :param mirrored: whether rows and columns are read from opposite sides.
    :param tried: in how many ways a ghost is sought: in some it would be found by chance.
    """
    found, looked_at = [], []
    for place in bright[_inside(bright, one)]:
        at = [
            end - 1 - (int(here) - start) if turned else there + int(here) - start
            for here, start, there, end, turned in zip(place, one[::2], other[::2], other[1::2], mirrored, strict=True)
        ]
        light = _window(values, (int(place[0]), int(place[1])))
        if light is not None and (told := _part_of(values, light, (at[0], at[1]), mirrored, sigma)):
            found.append(told)
            looked_at.append((light, (at[0], at[1])))
    if not found:
        return None
    parts, errors = np.array(found).T
    weights = errors**-2
    part, error = float(np.sum(weights * parts) / np.sum(weights)), float(np.sum(weights) ** -0.5)
    shown = (parts > EACH * errors) | (part < 2 * EACH * errors)  # or too faint a ghost to show alone
    alike = (np.abs(parts - part) < ALIKE * errors + part / 3) & shown
    alone = np.count_nonzero(parts > EACH * errors) >= min(2, parts.size)
    shows = alone and part > SURE * error and LEAST < part < MOST_OF_IT and np.mean(alike) >= MOSTLY
    if not shows:
        return None
    light, at_place = looked_at[int(np.argmax(parts / errors))]
    chance = _chance(values, light, at_place, other, mirrored, part / 2, sigma)
    return Ghost(part, error, len(found)) if tried * chance ** np.count_nonzero(alike) < BY_CHANCE else None


def _chance(
    values: Array, light: Array, at: tuple[int, int], box: Box, mirrored: tuple[bool, bool], part: float, sigma: float
) -> float:
    """Give at which share of all places of an amplifier some light is found as well as at one, as a ghost would be."""
    seen = values[box[0] : box[1], box[2] : box[3]].astype(np.float64)
    seen = np.where(np.isfinite(seen), seen - np.nanmedian(seen), 0)
    lever = light[:: -1 if mirrored[0] else 1, :: -1 if mirrored[1] else 1]
    lever = np.where(np.isfinite(lever), lever - np.nanmean(lever), 0)
    squares = float(np.sum(lever**2))
    fitted = np.fft.irfft2(np.fft.rfft2(seen) * np.conj(np.fft.rfft2(lever, seen.shape)), seen.shape) / squares
    like = (fitted > part) & (fitted < NO_GHOST)
    for beside in BESIDE:
        like &= np.roll(fitted, beside, (0, 1)) < PEAKED * fitted + 2 * sigma / math.sqrt(squares)
    own = [slice(max(0, here - start - 2 * WINDOW), here - start + 1) for here, start in zip(at, box[::2], strict=True)]
    like[tuple(own)] = False
    within: BoolArray = like[: -2 * WINDOW, : -2 * WINDOW]
    return float(within.mean()) if within.size else 1.0


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
    blocks = values[:height].reshape(-1, CELL, values.shape[1])[:, ::2]  # images span more rows
    cells = np.fmax.reduceat(np.fmax.reduce(blocks, axis=1), np.arange(0, width, CELL), axis=1)
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


BANDS = 16
"""So many bands of cells are looked at for the noise of each half, or fewer of narrower ones."""

FEWEST_CELLS = 24
"""Fewer cells of a half say nothing."""

UNEVEN, SURELY_UNEVEN = 0.04, 6.0
"""Halves differ in their noise, over what is told of it, by more than this part, and by so many errors."""

NARROW, WHITE = 0.14, 0.04
"""A half is empty sky where the noise of its cells scatters by less than this part of it, twice what so many pixels
tell; and where neighbours differ as much as every other pixel does: light that is drawn out by optics does not."""


@np.errstate(invalid="ignore", divide="ignore", over="ignore")
def gain_notes(values: Array, variance: Array, names: tuple[str, ...]) -> tuple[Note, ...]:
    """Say where the noise of one half of an image, over what its variance tells, is another than that of the other.

    :param values: a product of a single frame (ny, nx), NaN where a pixel is bad.
    :param variance: that of each pixel.
    """
    height, width = (side // CELL for side in values.shape)
    if min(height, width) < 4:
        return ()
    rows = np.unique(np.linspace(0, height - 1, BANDS).round().astype(int))
    shape = height, CELL, values.shape[1]
    bands, told = (plane[: height * CELL].reshape(shape)[rows, :, : width * CELL] for plane in (values, variance))
    by_cell = (rows.size, CELL, width, CELL)
    typical = _medians(told.reshape(by_cell)[:, ::4].swapaxes(1, 2))[..., None, None]
    cells = bands.reshape(by_cell).swapaxes(1, 2) / np.sqrt(2 * typical)
    near, far = (_medians(np.abs(cells[..., apart:] - cells[..., :-apart])) * MAD_TO_SIGMA for apart in (1, 2))
    up, right = rows.size // 2, width // 2
    halves = (("lower", "upper", np.s_[:up], np.s_[-up:]), ("left", "right", np.s_[:, :right], np.s_[:, -right:]))
    for one, other, here, there in halves:
        first, second = _noise_of_cells(near[here], far[here]), _noise_of_cells(near[there], far[there])
        if first is None or second is None:
            return ()
        (noise, error), (its_own, uncertain) = first, second
        ratio = noise / its_own
        if abs(math.log(ratio)) > max(UNEVEN, SURELY_UNEVEN * math.hypot(error / noise, uncertain / its_own)):
            return (
                Note(
                    f"the noise of its {one} half is {noise:.3g} times what its UNCERT tells, that of its {other} half "
                    f"{its_own:.3g} times: two amplifiers, of which each has its gain",
                    frames=names,
                    mend="give the gain and read noise of each: amplifiers=(Amplifier(...), ...) of subtract_overscan, "
                    "and a Noise for each",
                    at_command="give the sections of each, --amplifier, and its --gain and --read-noise",
                    figures=((one, noise), (other, its_own)),
                    fact="gains of halves",
                ),
            )
    return ()


def _medians(cells: Array) -> Array:
    """Give the median of each cell (..., ny, nx); NaN where no pixel is known."""
    flat = cells.reshape(*cells.shape[:-2], -1)
    known = np.isfinite(flat).any(axis=-1)
    found = np.full(known.shape, np.nan)
    found[known] = np.nanmedian(np.where(np.isfinite(flat), flat, np.nan)[known], axis=-1)
    return found


def _noise_of_cells(near: Array, far: Array) -> tuple[float, float] | None:
    """Give the noise of a half and its error, from the differences of neighbours; None where it is no empty sky."""
    known = np.isfinite(near) & np.isfinite(far)
    if np.count_nonzero(known) < max(FEWEST_CELLS, known.size / 2):
        return None
    near, far = near[known], far[known]
    noise = median(near)
    spread = MAD_TO_SIGMA * median(np.abs(near - noise))
    if not 0 < spread < NARROW * noise or abs(median(far) / noise - 1) > WHITE:
        return None
    return noise, 1.25 * spread / math.sqrt(near.size)
