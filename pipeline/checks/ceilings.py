"""Ceilings that no card tells: the largest number that a type or a converter holds, or a plateau of equal values.

A value at a ceiling says no more than "at least this".  That of the type in which a frame is stored is known without
its pixels; that of a converter of fewer bits, and a full well's, show in them: many pixels hold exactly the largest
value, and few any of the values just below it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from pipeline.errors import CalibrationError, PipelineWarning
from pipeline.headers import keyword_tables as tables
from pipeline.headers.cards import Cards
from pipeline.headers.keywords import unknown_saturation
from pipeline.headers.values import number
from pipeline.records.arrays import Array
from pipeline.records.frames import Image
from pipeline.records.history import StepRecord
from pipeline.records.interop import UNSIGNED_BZERO
from pipeline.records.note import Note, names_of
from pipeline.records.pixels import Flag, FlagBits, Pixels
from pipeline.records.source import Source
from pipeline.version import made_by_us

CONVERTERS = (1023.0, 4095.0, 16383.0, 32767.0, 65472.0, 65504.0, 65520.0, 65532.0, 65535.0)
"""Largest numbers of converters of 10, 12, 14, 15 and 16 bits; cameras scale those of 10, 11, 12 and 14 bits to 16."""

FULL_SCALE = 65535.0
"""Nothing of 16 bits is larger: one pixel that holds it is enough."""

PILE, KNOWN_PILE = 6.0, 3.0
"""How many times as many pixels hold the largest value as each of those below: anywhere, and at a converter's end."""

LOOKED_AT = 2**16
"""Of frames of so many pixels all are looked at."""

STRIPS, IN_STRIPS = 4, 2**14
"""Of larger ones so many strips of rows, that hold so many pixels together."""

VALUES_STAY = ("subtract_overscan", "flag_bad", "grow_flags", "estimate_variance", "orient")
"""Steps that leave values as they are: the first where it found nothing but borders to cut off."""

FEWEST = 1000
"""In fewer pixels many equal ones may be chance."""

FEW_SATURATED = 5
"""So few saturated pixels are flagged without a word: hot pixels, or a cosmic ray."""

MUCH_SATURATED = {"flat": 0.1, "bias": 0.25, "dark": 0.25, "light": 0.25, "arc": 0.25}
"""Where more of a frame is saturated, it is no use: flats tell nothing there, and of others hardly anything is left."""


def ceiling_of_type(cards: Cards) -> float:
    """Give the largest value that the type of 8 or 16 bits holds in which a header says a frame is stored.

    Infinite for other types: 32 bits are never filled, and floats have no ceiling.
    """
    stored = {8: 255.0, 16: 32767.0}.get(cards.get("BITPIX"))
    if stored is None:
        return math.inf
    bscale, bzero = (number(cards.get(key, default)).value for key, default in (("BSCALE", 1), ("BZERO", 0)))
    largest = stored * bscale + bzero
    return largest if bscale > 0 and math.isfinite(largest) else math.inf


def ceiling_of_values(values: Array) -> float:
    """Give the value at which values end all at once; infinite where they tail off, as noise and starlight do.

    >>> ceiling_of_values(np.minimum(np.arange(2000.0), 1500))
    1500.0
    >>> ceiling_of_values(np.arange(2000.0) % 50)
    inf
    """
    if values.size and not math.isfinite(values.max()):
        values = values[np.isfinite(values)]
    if not values.size:
        return math.inf
    top = values.max()
    if top == FULL_SCALE:
        return FULL_SCALE
    pile, known = int(np.count_nonzero(values == top)), top in CONVERTERS
    if pile < (KNOWN_PILE if known else PILE):
        return math.inf
    below = values[values < top]
    if not known and values.size < FEWEST:
        return math.inf
    if not known and np.unique(below[: 4 * LOOKED_AT]).size < STRIPS:  # masks, and other things of a few numbers
        return math.inf
    nearest = min(below.size, max(32, 4 * pile))
    next_lower = np.partition(below, below.size - nearest)[below.size - nearest :] if nearest else below
    each = nearest / max(1, np.unique(next_lower).size)
    return float(top) if pile >= (KNOWN_PILE if known else PILE) * max(1.0, each) else math.inf


def looked_at(source: Source) -> Array:
    """Read the pixels of a frame on which a ceiling is sought: those of rows that depend on its shape alone."""
    height, width = source.shape
    rows = max(1, IN_STRIPS // max(1, width) // STRIPS)
    if height * width <= LOOKED_AT or rows * STRIPS >= height:
        return _strip(source, 0, height)
    starts = np.linspace(0, height - rows, STRIPS).astype(int).tolist()
    return np.concatenate([_strip(source, start, start + rows) for start in starts])


def _strip(source: Source, start: int, stop: int) -> Array:
    """Read some rows: of whole numbers as they are stored, which is quickest."""
    if source.stored is None:
        return source.rows(start, stop).values.reshape(-1)
    stored, zero = source.stored
    as_read = np.empty((stop - start) * source.shape[1], np.dtype(stored).newbyteorder(">"))
    source.read_stored(start, stop, as_read)
    values: Array = as_read.astype(stored)
    if zero:  # the sign bit's worth
        bits = values.view(f"u{values.itemsize}")
        bits ^= bits.dtype.type(1 << (8 * values.itemsize - 1))
        values = bits.view(UNSIGNED_BZERO[stored, zero])
    return values


def undeclared_ceiling(image: Image) -> float:
    """Give the value from which a raw frame is saturated, as its type and its pixels tell; infinite where nothing does.

    In memory a header may speak of other values than those beside it: where one is larger, it does.
    """
    by_type, source = ceiling_of_type(image.header), image.source
    if isinstance(source, Pixels) and source.values.size and float(source.values.max()) > by_type:
        by_type = math.inf
    return min(by_type, ceiling_of_values(looked_at(source)))


def declares_ceiling(image: Image) -> bool:
    """Tell whether the header of an image, or who reduced it, says from which value on it is saturated."""
    given = any(dict(step.settings).get("level", "None") != "None" for step in image.history if _flags(step))
    declared = any(key.startswith((*tables.SATURATION, "SATUR")) for key in image.header.keywords)
    return given or (declared and not unknown_saturation(image.header))


def _flags(step: StepRecord) -> bool:
    return step.stage == "flag_saturated"


def saturation_notes(image: Image, frames: Sequence[Image]) -> tuple[Note, ...]:
    """Say how many pixels of a combination are saturated at a ceiling that nothing but its frames tells.

    Of frames that nothing was flagged in, say where they reach one.
    """
    if not any(map(_flags, image.history)):
        return unflagged(frames)
    if not image.pixels.flags.max(initial=0):
        return ()
    silent = [frame for frame in frames if not declares_ceiling(frame)]
    if not silent:
        return ()
    saturated = image.pixels.flags & FlagBits(Flag.SATURATED) != 0
    count = int(np.count_nonzero(saturated))
    if count <= FEW_SATURATED:
        return ()
    level = _lowest_saturated(silent, row=int(saturated.sum(axis=1).argmax()))
    return (
        Note(
            f"{count} pixels of the {image.kind} ({100 * count / saturated.size:.3g} %) are saturated"
            f"{'' if level is None else f', from {level:.6g} {image.state.unit} up'}, and flagged; no card such as "
            "SATURATE says where that begins, their own values do",
            PipelineWarning,
            frames=names_of(silent),
            mend="give the level if it lies lower (flag_saturated(level=...))",
            at_command="give the level if it lies lower (--saturation)",
            figures=(("pixels", count), *(() if level is None else (("level", level),))),
            fact=f"saturated {image.kind}",
        ),
    )


def _lowest_saturated(frames: Sequence[Image], *, row: int) -> float | None:
    """Give the lowest value that is flagged as saturated in a row of frames, as they are now; None where none is."""
    rows = [frame.source.rows(row, row + 1) for frame in frames]
    flagged = [pixels.values[pixels.flags & FlagBits(Flag.SATURATED) != 0] for pixels in rows]
    known = [float(values.min()) for values in flagged if np.isfinite(values).any()]
    return min(known, default=None)


def unflagged(frames: Sequence[Image], look: Callable[[Source], Array] = looked_at) -> tuple[Note, ...]:
    """Say which raw frames reach a ceiling that no header tells, where nothing was flagged.

    Asked before the first step that changes values: afterwards no ceiling is known again.
    """
    raw = [frame for frame in frames if _as_counted(frame) and not declares_ceiling(frame)]
    levels = [_ceiling_reached(frame.source, look(frame.source)) for frame in raw]
    reaching = [frame for frame, level in zip(raw, levels, strict=True) if level < math.inf]
    if not reaching:
        return ()
    level = min(levels)
    return (
        Note(
            f"values pile up at {level:.6g}, where the frame is saturated, and are not flagged",
            frames=names_of(reaching),
            mend="put flag_saturated before all other steps",
            figures=(("level", level),),
            fact="saturation not flagged",
        ),
    )


def _ceiling_reached(source: Source, values: Array) -> float:
    """Give the ceiling that values of a frame reach; infinite where in all of it no more do than hot pixels."""
    level = ceiling_of_values(values)
    whole = values.size == math.prod(source.shape)
    return math.inf if whole and np.count_nonzero(values == level) <= FEW_SATURATED else level


def _as_counted(frame: Image) -> bool:
    """Tell whether values are those of the camera, and nothing looked yet for saturated ones."""
    worked = [step for step in frame.history if step.worked]
    if any(map(_flags, frame.history)) or any(step.stage not in VALUES_STAY for step in worked):
        return False
    if made_by_us(frame.header.get("CREATOR")):
        return False  # which has flags of its own, and said what there was to say
    levelled = frame.state.overscan and any(step.does == "overscan" for step in worked)
    return not levelled and set(frame.state.done) <= {"overscan", "trimmed", "turned"}


def much_saturated(frames: Sequence[Image], share: Array) -> tuple[Note, ...]:
    """Say of which frames much is saturated: these are no use.

    :param share: the part of each frame that is.
    """
    useless = [
        (frame, part) for frame, part in zip(frames, share, strict=True) if part > MUCH_SATURATED[frames[0].kind]
    ]
    if not useless:
        return ()
    most = 100 * float(max(part for _, part in useless))
    return (
        Note(
            f"of these {frames[0].kind} frames up to {most:.0f} % is saturated",
            frames=names_of([frame for frame, _ in useless]),
            mend="leave them out",
            figures=(("percent", most),),
            fact=f"{frames[0].kind} mostly saturated",
        ),
    )


def check_flat_not_saturated(flat: Image) -> None:
    """Refuse a flat of which much is saturated: it tells nothing of the response there.

    :raises CalibrationError: it is, in one of its frames at least.
    """
    if not flat.pixels.flags.max(initial=0):  # most, and that is told at once
        return
    share = np.count_nonzero(flat.pixels.flags & FlagBits(Flag.SATURATED)) / max(1, flat.pixels.flags.size)
    if share > MUCH_SATURATED["flat"]:
        raise CalibrationError(
            f"{flat.name}: {100 * share:.0f} % of the flat is saturated in one of its frames or more; leave those out, "
            "or in Python or with --saturated-fraction make pixels of the frames that are not (drop_rare_saturation)"
        )
