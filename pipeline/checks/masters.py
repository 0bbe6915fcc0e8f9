"""Whether a calibration fits the image that it is to be taken out of, as some rows of both show.

Levels tell of another scale and of what would be left below 0; small structure tells whether what the calibration is to
take out stands in the image at all, and how often: see :mod:`~pipeline.statistics.imprint`.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np

from pipeline.checks.done_before import BIAS_OR_NONE
from pipeline.checks.hot_pixels import dark_misfit, factor_seen, misfit_note
from pipeline.headers.keyword_tables import PIER_SIDE
from pipeline.records.arrays import BoolArray, FloatArray
from pipeline.records.frames import Image
from pipeline.records.note import Note, names_of
from pipeline.records.pixels import Pixels
from pipeline.statistics.imprint import (
    FEWEST_COLUMNS,
    FEWEST_PIXELS,
    LIT,
    Imprint,
    Relief,
    enough,
    imprint_of_columns,
    imprint_of_warm,
    imprints,
    spread,
)
from pipeline.statistics.robust import median

LOOKED_AT = 16_000
"""So many pixels are looked at, in whole rows."""

BLOCKS = 4
"""Rows are read in so many blocks, from bottom to top: amplifiers, slits and orders differ along a frame."""

BELOW = 5.0
"""σ of a single frame by which an image lies below its calibration."""

MOSTLY = 0.9
NOT_READ = 0.1
"""Where more of an image than this holds one value that no pixel of its calibration is as low as, it saw nothing."""

APART = 50.0
"""An image that is so many times brighter than 1 is in another scale than a calibration within 0 and 1."""

MISFIT = 0.35
"""A master's structure that stands in an image 1 ± this many times fits it."""

PEDESTAL = 0.2
"""A response that stands in an image so much less often tells of a pedestal, where nothing of ours took one out."""

MOSTLY_OBEYING = 0.5
"""The part of a dark's hot pixels that stand once in an image which holds its dark; of others hardly any do."""

UNLIT = 0.02
"""A part without light has less than such a part of what others have."""

GONE = 0.3
"""Structure that stands in an image less often than this is not there."""


@attrs.frozen(eq=False, repr=False)
class Beside:
    """Some rows of an image, and those of a master as they are to be taken out, ``times`` its own."""

    image: Image
    master: Image
    seen: Relief
    taken: Relief
    noise: float | None
    times: float = 1.0

    def note(self, words: str, fact: str, mend: str, at_command: str = "", **figures: float) -> Note:
        """Make a note of the image, one for all images of its kind."""
        listed: Any = tuple(figures.items())
        return Note(
            words,
            frames=names_of(self.image),
            mend=mend,
            at_command=at_command or mend,
            figures=listed,
            fact=f"{self.image.kind} and {self.master.kind}: {fact}",
        )


def bias_fits(image: Image, bias: Image) -> tuple[Note, ...]:
    """Say in what a bias does not fit an image that it is to be taken out of."""
    rows = _rows_of(image, bias, 1.0)
    return () if rows is None else tuple(_levels(rows)) or tuple(_pattern(rows))


def dark_fits(image: Image, dark: Image, times: float) -> tuple[Note, ...]:
    """Say in what a dark, scaled by ``times``, does not fit an image that it is to be taken out of."""
    rows = _rows_of(image, dark, times) if times > 0 else None
    return () if rows is None else (*_levels(rows), *_hot_pixels(rows))


def dark_left_in(image: Image, dark: Image, times: float) -> tuple[Note, ...]:
    """Say of an image whose header calls its dark out that the hot pixels of a dark stand in it as in one that is raw.

    :param times: by which the dark would be scaled.
    """
    rows = _rows_of(image, dark, times) if times > 0 and not image.state.flat else None
    found = [] if rows is None else imprints(rows.seen, rows.taken, None)
    there = next((one for one in found if one.obeying > MOSTLY_OBEYING and one.error < MISFIT / 6), None)
    if rows is None or there is None:
        return ()
    words = (
        f"its header says that the dark is out ({image.state.dark}), and the hot pixels of {dark.short_name} stand in "
        f"it {there.times:.2g} times, as in one that holds its dark"
    )
    mend = f"if it is raw, say declare(state='raw') of {image.kind} frames"
    return (rows.note(words, "dark left in", mend, f"if it is raw, say --raw {image.kind}", times=there.times),)


def flat_fits(image: Image, flat: Image) -> tuple[Note, ...]:
    """Say in what a response does not fit an image that it is to be divided out of."""
    rows = _rows_of(image, flat, 1.0)
    return () if rows is None else (*_dead_quarters(rows), *_response(rows))


_known: dict[int, tuple[Relief, FloatArray | None]] = {}
"""The rows of masters that were looked at, by the identity of their pixels, and forgotten with them."""


def _rows_of(image: Image, master: Image, times: float) -> Beside | None:
    """Read the rows that are looked at; None of images that are too small to know anything of them."""
    height, width = image.shape
    if master.shape != image.shape or width < FEWEST_COLUMNS or height * width < FEWEST_PIXELS:
        return None
    key = id(master.data)
    if key not in _known:
        blocks = _looked_at(master, with_errors=True)
        _known[key] = _relief(blocks), _variance(blocks)
        weakref.finalize(master.data, _known.pop, key, None)
    taken, variance = _known[key]
    seen = _relief(_looked_at(image))
    if variance is None:
        noise = _noise_found(master)
    else:
        asked = np.isfinite(variance)
        if master.kind == "flat":  # of which the image tells where it is lit
            asked &= _lit(seen)[:: len(seen.values) // len(variance)]
        noise = median(variance[asked]) if asked.any() else None
    return Beside(image, master, seen, taken.scaled(times), noise, times)


def _looked_at(image: Image, *, with_errors: bool = False) -> list[Pixels]:
    """Give some rows of an image, in blocks from bottom to top; of an image in memory all of them as one."""
    height, width = image.shape
    each = min(-(-max(12, LOOKED_AT // width) // BLOCKS), max(1, height // BLOCKS))
    starts = sorted({(height - each) * block // (BLOCKS - 1) for block in range(BLOCKS)})
    if not isinstance(image.source, Pixels):
        return [image.source.rows(start, start + each) for start in starts]
    places = [row for start in starts for row in range(start, start + each)]
    pixels = image.source if with_errors else Pixels(image.source.values, image.source.flags)
    return [pixels.moved(lambda plane: plane[places])]


def _relief(blocks: list[Pixels]) -> Relief:
    return Relief.of(np.concatenate([np.where(block.mask, np.nan, block.values) for block in blocks]))


def _variance(blocks: list[Pixels]) -> FloatArray | None:
    """Give the variance in a row of each block; None of pixels that carry none."""
    step = max(1, sum(len(block.values) for block in blocks) // BLOCKS)
    some = [block.moved(lambda plane: plane[::step]).total_variance for block in blocks]
    known = [variance for variance in some if variance is not None]
    return np.concatenate(known) if known else None


def _lit(seen: Relief) -> BoolArray:
    """Tell which pixels show light above their noise."""
    lit: BoolArray = seen.values > LIT * spread(seen.structure[np.isfinite(seen.structure)])
    return lit


def _noise_found(master: Image) -> float | None:
    """Give the variance of a pixel of a master that carries none, from what combining found; None where it did not."""
    found = master.found
    if found is None or found.noise is None or found.level is None or master.kind == "dark":
        return None
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        noise = np.float64(found.noise.variance(np.array(found.level))) / found.frames
        variance = float(noise if master.kind == "bias" else noise / np.float64(found.level) ** 2)
    return variance if math.isfinite(variance) else None


def _levels(rows: Beside) -> Iterator[Note]:
    seen, taken = rows.seen.values, rows.taken.values
    good = np.isfinite(seen) & np.isfinite(taken)
    if np.count_nonzero(good) < FEWEST_PIXELS:
        return
    seen, taken = seen[good], taken[good]
    level, out = median(enough(seen)), median(enough(taken))
    lowest, highest = float(taken.min()), float(taken.max())
    kind, unit = rows.master.kind, rows.image.state.unit
    in_use = highest / min(rows.times, 1.0)  # a long dark of which little is taken is in no other unit
    if 0 < lowest < highest and in_use <= 1 < level / APART and highest - lowest < out:
        yield rows.note(
            f"its {kind} {rows.master.short_name} holds values from 0 to 1 (a median of {out:.3g}), where its own "
            f"level is {level:.4g} {unit}: another unit or scale",
            "scale",
            f"multiply the {kind} frames by what they were divided by, such as 65535",
            level=level,
            taken_out=out,
        )
    elif lowest < highest and np.array_equal(seen, taken):
        yield rows.note(
            f"has the same pixels as its {kind} {rows.master.short_name}",
            "the same",
            "one of them is a copy of the other: mend the list",
        )
    elif level < out and _far_below(rows, seen - taken):
        yield rows.note(
            f"lies below its {kind}: its level is {level:.4g} {unit}, that of the {kind} {rows.master.short_name} "
            f"{out:.4g}, so that most pixels come out negative",
            "below",
            f"is the {kind} of the same camera, mode and offset, free of light, or was it taken out before?",
            level=level,
            taken_out=out,
        )
    elif (share := float(np.mean(seen == seen.min()))) > NOT_READ and seen.min() < lowest - BELOW * _noise_left(rows):
        yield rows.note(
            f"{100 * share:.0f} % of it holds {seen.min():.4g} {unit} and nothing else, far below all of the {kind} "
            f"{rows.master.short_name}: a part that is dead, or was not read out",
            "dead",
            "flag that part (flag_bad), or leave these frames out",
            "flag that part (--mask), or leave these frames out",
            percent=100 * share,
        )


def _far_below(rows: Beside, left: FloatArray) -> bool:
    """Tell whether most of what is left is negative by far more than the noise of a single frame."""
    return bool(median(left) < -BELOW * _noise_left(rows) and np.mean(left < 0) > MOSTLY)


def _noise_left(rows: Beside) -> float:
    """Give the noise of a pixel of a single frame, from the small structure of what is left."""
    pattern = Relief.of(rows.seen.values - rows.taken.values).structure
    frames = rows.image.found.frames if rows.image.found else 1
    return spread(pattern[np.isfinite(pattern)]) * math.sqrt(frames)


def _misfit(found: list[Imprint]) -> Imprint | None:
    return next((one for one in found if one.off_by(MISFIT)), None)


def _pattern(rows: Beside) -> Iterator[Note]:
    """Compare the pattern of the bias with what of it stands in the image."""
    common = imprint_of_columns(rows.seen.values, rows.taken.values)
    if found := _misfit([*imprints(rows.seen, rows.taken, rows.noise), *([common] if common else [])]):
        yield rows.note(
            f"the pattern of its bias {rows.master.short_name} stands in it {found.times:.2g} times instead of once, "
            "so that a pattern is left in the result",
            "pattern",
            "take bias frames of the same night, mode and section",
            off=abs(found.times - 1),
            times=found.times,
        )


def _hot_pixels(rows: Beside) -> Iterator[Note]:
    """Compare the hot pixels of the dark with what of them stands in the image."""
    told = factor_seen(rows.image, rows.master) if rows.image.kind != "flat" else None
    if told is not None:
        yield from dark_misfit(rows.image, rows.master, rows.times, told)
        return
    found = imprints(rows.seen, rows.taken, None)
    if not found and (warm := imprint_of_warm(rows.seen, rows.taken)) and warm.times > 1:  # a dark that is hit has less
        found = [warm]
    if misfit := _misfit(found):
        yield misfit_note(rows.image, rows.master, rows.times, misfit.times * rows.times)


def _response(rows: Beside) -> Iterator[Note]:
    """Compare the structure of the response with what of it stands in the image."""
    found = imprints(rows.seen, rows.taken, rows.noise, response=True)
    misfit = _misfit(found[::-1])
    if misfit is None and not any(step.does in ("bias", "overscan") and step.worked for step in rows.image.history):
        misfit = next((one for one in found[::-1] if one.times < 1 and one.off_by(PEDESTAL)), None)
    if misfit is None:
        return
    times, state, at_command = misfit.times, rows.image.state, ""
    level, unit = median(rows.seen.values[_lit(rows.seen)]), state.unit
    shown = f"the structure of the flat {rows.master.short_name} stands in it {times:.2g} times instead of once"
    fact, figures = "too much taken out", {"off": abs(times - 1), "times": times, "level": level}
    if times > 1:
        words = f"{shown}: more was taken out of it than was in it, or the flat keeps a pedestal"
        mend = "was its bias or dark taken out already, before it was listed?"
    elif state.bias and state.bias.was_said:
        return  # what is left of the level was accepted
    elif not (state.overscan or (state.bias and state.bias.sure)):
        pedestal = min(1 - times, 1.0) * level
        fact, figures["pedestal"] = "pedestal", pedestal
        words = (
            f"a pedestal is divided by the flat: of its level of {level:.4g} {unit} about {pedestal:.4g} is no light, "
            f"as {shown}; no bias or overscan was taken out of it"
        )
        mend = f"{BIAS_OR_NONE}: declare(state='without bias')"
        at_command = f"{BIAS_OR_NONE}: --without-bias {rows.image.kind}"
    elif times < GONE:
        fact = "flat already"
        words = (
            f"{shown}: it is flat-fielded already, or the flat does not fit it (another filter or set-up, moved dust)"
        )
        mend = "leave the flat out, or take one of the same night and set-up"
    else:
        fact, left = "pedestal left", f"{(1 - times) * level:.4g} {unit}"
        words = f"{shown}: a pedestal of about {left} is left in it, or the flat does not fit it"
        mend = "are its bias and dark of the same mode, and the flat of the same set-up?"
    yield rows.note(words + _pier_sides(rows), fact, mend, at_command, **figures)


def _dead_quarters(rows: Beside) -> Iterator[Note]:
    """Find quarters of an image without any light, where the flat has some and all the rest of the image too.

    Amplifiers read halves or quarters of a detector.  Each quarter is looked at in sixteen cells: an object or a shadow
    fills no quarter and no other to its very edge.
    """
    if len(rows.seen.values) < 8:
        return
    seen = rows.seen.values + 0 * rows.taken.values  # bad where the flat is
    known = seen[np.isfinite(seen)]
    bright = float(np.partition(known, known.size * 3 // 4)[known.size * 3 // 4]) if known.size else 0.0
    if np.count_nonzero(known < 0.2 * bright) < 0.2 * known.size:
        return
    high, wide = len(seen) // 8, seen.shape[1] // 8
    cells = seen[: 8 * high, : 8 * wide].reshape(8, high, 8, wide).swapaxes(1, 2).reshape(64, -1)
    count = np.isfinite(cells).sum(axis=1)
    if 2 * count.min() < cells.shape[1]:
        return
    levels = np.sort(cells, axis=1)[np.arange(64), count // 2].reshape(2, 4, 2, 4).swapaxes(1, 2).reshape(4, 16)
    sigma = spread(rows.seen.structure[np.isfinite(rows.seen.structure)])
    lit = (levels > LIT * sigma).all(axis=1)
    nothing = UNLIT * (levels[lit].min() if lit.any() else 0.0) + 4 * sigma / math.sqrt(cells.shape[1])
    dead = (np.abs(levels) < nothing).all(axis=1)
    if dead.any() and lit.any() and (dead | lit).all():
        part = {1: "a quarter", 2: "a half", 3: "three quarters"}[int(dead.sum())]
        yield rows.note(
            f"there is no light in {part} of it, where its flat {rows.master.short_name} has some: an amplifier is "
            "dead, a part of the frame is missing, or something stood in the beam",
            "dead part",
            "leave such frames out, or flag what is dead: flag_bad",
            "leave such frames out, or flag what is dead: --mask",
            quarters=float(dead.sum()),
        )


def _pier_sides(rows: Beside) -> str:
    """Say that a response which does not fit was taken with the telescope on the other side of its pier.

    By itself that is no fault: the camera of a German mount turns with its telescope.
    """
    for (key,) in PIER_SIDE:
        here, there = rows.image.header.get(key), rows.master.header.get(key)
        if here and there and here != there:
            return f"; it was taken on the pier side {here}, the flat on {there}: is one of them to be turned?"
    return ""
