"""Numbers that are no longer what a camera counted: wrapped, their bytes swapped, or rounded too coarsely."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from pipeline.records.arrays import Array
from pipeline.records.frames import Image
from pipeline.records.note import Note, names_of
from pipeline.statistics.rounding import step_of

TURN = 65536.0
"""What a number of 16 bits that wraps is wrong by."""

FAR_BELOW = -TURN / 2 * 0.75
"""Below this lie small unsigned numbers that were read with a sign."""

NO_SPAN = TURN / 64
"""Values that lie nearer each other do not have their bytes swapped."""

END = 256.0
"""Values that wrapped below 0 lie within this of the end of their type, and those beside them as near to 0."""

PART = 0.005
FEW = 3
ENOUGH = 512

SWAPPED = 4.0
"""How many times further apart values lie than with their bytes swapped: those of images lie nearer each other."""

LAST_PLACE = float(np.finfo(np.float32).eps)
"""Of a value, over the value: what floats of 32 bits hold."""

COARSE = 0.55
"""Standard deviation, in steps, of values whose own noise is half a step or less: rounding then moves their mean."""


def number_notes(frames: Sequence[Image], values: Array | Sequence[Array]) -> tuple[Note, ...]:
    """Say which frames hold numbers that wrapped round the end of 16 bits, or whose bytes are swapped or rounded away.

    :param values: some pixels of each frame, (frames, pixels), in the order of its rows.
    """
    values = np.asarray(values)
    if values.shape[1] < ENOUGH:
        return ()
    few = values[:, :: values.shape[1] // ENOUGH]
    with np.errstate(invalid="ignore"):
        low, high, span = values.min(axis=1), values.max(axis=1), few.max(axis=1) - few.min(axis=1)
    as_usual = (low >= FAR_BELOW) & (high <= TURN - END) & (span < NO_SPAN)  # never with NaN
    return tuple(
        note
        for frame, some, usual in zip(frames, values, as_usual, strict=True)
        for note in (_rounded(frame, some) if usual else _of_frame(frame, some))
    )


def _of_frame(frame: Image, values: Array) -> Iterator[Note]:
    values = values[np.isfinite(values)]
    if values.size < ENOUGH:
        return
    if wrapped_below_zero(values):
        yield Note(
            "many of its values lie near 65535 and most others near 0: values below 0 were stored without their sign, "
            "and wrapped",
            frames=names_of(frame),
            mend="subtract 65536 from values above 32767, and write it as int32 or float32",
            fact=f"wrapped {frame.kind}",
        )
    if wrapped_above(values) and frame.header.get("BITPIX", 16) == 16 and not frame.header.get("BZERO", 0):
        yield Note(
            "values between -32768 and -24576, where unsigned numbers that lost their BZERO turn up",
            frames=names_of(frame),
            mend="write BZERO = 32768 as the camera did, or add 65536 to the negative values where others lie above 0",
            fact=f"without sign {frame.kind}",
        )
    if bytes_swapped(values):
        yield Note(
            "its numbers are all over 16 bits, and those of an image with their two bytes swapped",
            frames=names_of(frame),
            mend="swap the bytes of each number (numpy's byteswap), or read the frame from the camera's file again",
            fact=f"bytes swapped {frame.kind}",
        )
    yield from _rounded(frame, values)


def _rounded(frame: Image, values: Array) -> Iterator[Note]:
    state = frame.state
    calibrated = (state.bias and not state.bias.was_said) or state.flat or state.per_second
    here = any(step.does in ("bias", "dark", "flat") and step.worked for step in frame.history)
    if calibrated and not here and rounded_too_coarsely(values):
        yield Note(
            "its values are whole multiples of a step, and their noise is less than that: they "
            "were rounded too coarsely, and their mean is wrong by up to half a step",
            frames=names_of(frame),
            mend="have the calibrated frames written as floats",
            fact=f"rounded {frame.kind}",
        )


def wrapped_below_zero(values: Array) -> bool:
    """Tell whether values below 0 were stored as the largest of 16 bits.

    They count down from 65535, which saturated ones do not, and hardly anything lies between them and the rest near 0.
    """
    if values.max() <= TURN - END:  # most frames
        return False
    top = values[(values > TURN - END) & (values < TURN)]
    if top.size < PART * values.size or np.unique(top).size <= FEW:
        return False
    bottom = np.count_nonzero((values >= 0) & (values < END))
    between = np.count_nonzero((values > 4 * END) & (values < TURN - 4 * END))
    return bool(bottom >= PART * values.size and between < top.size)


def wrapped_above(values: Array) -> bool:
    """Tell whether unsigned numbers were read as signed: of those below 0 most lie at the far end.

    Without BZERO that is what becomes of small ones, and all may be such; without a sign, of those above 32767, beside
    others far above 0.
    """
    far = np.count_nonzero((values > -TURN / 2) & (values < FAR_BELOW))
    near = np.count_nonzero((values > -TURN / 4) & (values < -TURN / 8))
    return bool(far >= FEW and far > near and (values.max() > TURN / 8 or 2 * far > values.size))


def bytes_swapped(values: Array) -> bool:
    """Tell whether the bytes of 16-bit numbers were swapped, as they are stored without BZERO or with that of a sign.

    The large byte of an image's numbers varies little and the small one is noise.  Of 8 bits that a camera wrote into
    the large byte the small one is 0.
    """
    values = values[:: max(1, values.size // ENOUGH)]
    values = values[values < values.max()]  # a plateau has two levels however its bytes lie
    if values.size < ENOUGH // 4:
        return False
    apart = _half_between(values)
    if apart < NO_SPAN:  # most frames
        return False
    if values.min() < -TURN / 2 or values.max() >= TURN or (values % 1).any() or not (values % 256).any():
        return False
    swapped = [(values - zero).astype(np.int64).astype(np.uint16).byteswap() for zero in (0, TURN / 2)]
    return any(apart > SWAPPED * _half_between(way.astype(np.float64)) for way in swapped)


def _half_between(values: Array) -> float:
    """Give how far apart the quarters lie between which half of the values are."""
    low, high = (float(np.partition(values, at)[at]) for at in (values.size // 4, 3 * values.size // 4))
    return high - low  # two of them take less time than numpy for both at once


def rounded_too_coarsely(values: Array) -> bool:
    """Tell whether multiples of some step scatter by less than what rounding needs to leave their mean as it is."""
    step = step_of(values[:: max(1, values.size // ENOUGH)], LAST_PLACE) or float(not (values % 1).any())
    if not step or not np.ptp(values):
        return False
    steps = np.diff(values)
    low, high = np.quantile(steps, [0.02, 0.98])
    kept = steps[(steps >= low) & (steps <= high)]
    return bool(kept.std() / np.sqrt(2) < COARSE * step)
