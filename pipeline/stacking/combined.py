"""The image that a combination makes, whoever combined the values: header, exposures, sources, epoch and flags."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import attrs
import numpy as np

from pipeline.checks.ceilings import saturation_notes
from pipeline.compose.settings import checked_call
from pipeline.compose.telling import collecting, keeping, say
from pipeline.errors import ShapeError, StepError
from pipeline.headers.cards import Cards
from pipeline.headers.epochs import begin, end
from pipeline.headers.wcs import cropped
from pipeline.records.arrays import FloatArray, IntArray, Shared, sealed
from pipeline.records.frames import FrameSet, Image, as_frames
from pipeline.records.pixels import Flag, FlagBits, Pixels
from pipeline.records.shared_errors import was_moved
from pipeline.stacking.clip import Clip
from pipeline.stacking.compatibility import check_alike_reduced, check_exposures, say_what_differs, seconds_of
from pipeline.stacking.plan import ENOUGH_SEEN, CombineSettings, say_what_is_odd
from pipeline.stacking.result import CombineResult, MeasuredNoise
from pipeline.stacking.stack_rows import Reader, sample_rows
from pipeline.statistics.order_statistics import true_in_each

OUR_METHODS = ("mean", "median")
"""What :func:`combine` does by itself."""

ROWS_OF_PIXELS = 2**18
"""So many pixels of each frame are read at once for their flags."""


@checked_call
def combined(
    frames: Iterable[Any],
    values: Any,
    *,
    variance: Any = None,
    rejected: Any = None,
    exposure: Any = None,
    method: str = "own",
) -> Image:
    """Make the image of frames that a rule of your own combined, as :func:`combine` makes it of those that it combines.

    It has the first frame's header, the epoch and the exposures of all, and their sources, history, notes and flags:
    saturation in any frame, other reasons where all are flagged.  The frames go through the same checks.  Call it
    in a stage of your own, so that the rule and its settings stand in the history.

    >>> import numpy as np
    >>> from pipeline import FrameSet, Image, combined, stage
    >>> @stage
    ... def middle_half(frames: FrameSet) -> Image:
    ...     stack = np.array([np.where(frame.pixels.mask, np.nan, frame.values) for frame in frames])
    ...     low, high = np.nanpercentile(stack, (25, 75), axis=0)
    ...     out = (stack < low) | (stack > high)
    ...     return combined(frames, np.nanmean(np.where(out, np.nan, stack), axis=0), rejected=out)
    >>> image = middle_half([np.full((2, 3), level) for level in (100.0, 101.0, 102.0, 103.0, 9000.0)])
    >>> image, float(image.values[0, 0]), image.found.rejected
    (Image(light, 5 frames, 2×3), 102.0, (6, 0, 0, 0, 6))

    :param frames: those that were combined: a FrameSet, or a list of frames.
    :param values: what they were combined to, (ny, nx), in the unit of the frames; what is masked is flagged, and what
        is not finite too.
    :param variance: that of the values, (ny, nx), in the square of their unit, without the errors that frames share
        with masters: these go on as the mean of those of all.  By default the result has none.
    :param rejected: which values were left out, True in (frames, ny, nx), or how many of each frame.
    :param exposure: in seconds, what the values correspond to, as of a sum; by default the mean of the frames', which
        then may not differ.
    :param method: the name of the rule, for the header.
    :raises StepError: there are no frames, or frames of different kinds, states or exposures, or values in another unit
        than theirs, or a variance that is negative.
    :raises ShapeError: values, variance or what was rejected are not of the frames' shape.
    """
    known = as_frames(frames)
    with collecting() as said:
        check_alike_reduced(known)
        if exposure is None:
            check_exposures(known, None)
        say_what_differs(known)
        ready = loaded(known).frames
        alone = np.ones(len(ready))
        settings = CombineSettings(method, None, None, map_left_out=False)
        sampled = sample_rows(ready, alone, ENOUGH_SEEN)
        say_what_is_odd(ready, settings, sampled, alone)
        counts, left_out = _rejected(rejected, ready)
        pixels = _pixels_of(ready, values, variance)
        shown = MeasuredNoise(rounding=sampled.rounding.variance)
        made = image_of(
            known, pixels, method=method, rejected=counts, measured=shown, left_out=left_out, exposure=exposure
        )
        say(*saturation_notes(made, ready))
    noted: Image = keeping(said, made)
    return noted


def loaded(frames: FrameSet) -> FrameSet:
    """Give the same frames in a form that is quick to read in any order: packed ones are unpacked once."""
    return FrameSet(attrs.evolve(frame, data=frame.source.loaded()) for frame in frames)


def _rejected(rejected: Any, frames: Sequence[Image]) -> tuple[tuple[int, ...], IntArray | None]:
    """Give the number of values left out of each frame, and of each pixel where it is known which they were."""
    which = np.zeros(len(frames), int) if rejected is None else np.asarray(rejected)
    if which.shape == (len(frames), *frames[0].shape) and which.dtype == bool:
        counted = true_in_each(which.reshape(len(frames), -1)).astype(np.uint16)
        return tuple(int(np.count_nonzero(plane)) for plane in which), sealed(counted).reshape(frames[0].shape)
    if which.shape == (len(frames),) and which.dtype.kind in "iu" and (which >= 0).all():
        return tuple(which.tolist()), None
    raise ShapeError(
        f"combined: rejected is an array of {which.dtype}, {which.shape}; expected True where a value was left out, "
        f"{(len(frames), *frames[0].shape)}, or {len(frames)} numbers of how many were"
    )


def _pixels_of(frames: tuple[Image, ...], values: Any, variance: Any) -> Pixels:
    """Make the pixels of values that were combined, with the flags of the frames and the errors that they share."""
    for name, plane in (("values are", values), ("variance is", variance)):
        try:
            shape = np.shape(plane)
        except ValueError as error:
            raise ShapeError(f"combined: the {name} in rows of several lengths") from error
        if plane is not None and shape != frames[0].shape:
            raise ShapeError(f"combined: the {name} of shape {shape}; the frames have {frames[0].shape}")
        unit, power = getattr(plane, "unit", None), 2 if plane is variance else 1
        if unit is not None and unit != frames[0].unit ** power:
            raise StepError(
                f"combined: the {name} in {unit}, and the frames in {frames[0].unit}; bring one to the other"
            )
    if variance is not None and (odd := np.count_nonzero(np.asarray(variance) < 0)):
        raise StepError(f"combined: the variance is negative at {odd} pixels; where it is not known it is NaN")
    flags, shared = _of_frames(frames, with_errors=variance is not None)
    given = Pixels.of(values, 0, variance)
    own = given.variance
    for key, sigma in shared:
        if own is not None and was_moved(key):
            own = own + sigma**2
    masked = np.where(flags == 0, given.flags & FlagBits(Flag.BAD), FlagBits(0))
    return attrs.evolve(
        given,
        flags=sealed(given.flags & ~FlagBits(Flag.BAD) | masked | flags),
        variance=own,
        shared=tuple((key, sigma.astype(given.dtype)) for key, sigma in shared if not was_moved(key)),
    )


def _of_frames(frames: tuple[Image, ...], *, with_errors: bool) -> tuple[IntArray, Shared]:
    """Read all frames once, some rows at a time, for the flags of their combination, and their mean shared errors."""
    height, width = frames[0].shape
    flags, shared = np.zeros((height, width), FlagBits), dict[str, FloatArray]()
    reader, rows = Reader(frames), max(1, ROWS_OF_PIXELS // width)
    for start in range(0, height, rows):
        part = slice(start, min(start + rows, height))
        read = reader.read(part.start, part.stop).flagged()
        found, _ = read.combined_flags
        if found is not None:
            flags[part] = found.reshape(-1, width)
        for pixels in (read.parts or ()) if with_errors else ():
            for key, sigma in pixels.shared:
                whole = shared.setdefault(key, np.zeros((height, width)))
                whole[part] += sigma / len(frames)
    reader.check_unchanged()
    return flags, tuple(sorted(shared.items()))


def image_of(
    frames: FrameSet,
    pixels: Pixels,
    *,
    method: str,
    rejected: tuple[int, ...],
    clip: Clip | None = None,
    measured: MeasuredNoise = MeasuredNoise(),  # noqa: B008 - an immutable record
    exposure: Any = None,
    **found: Any,
) -> Image:
    """Make the image of combined pixels: the first frame's header, and what combining found.

    :param found: other fields of what combining found, where they are not those of frames that are all alike.
    """
    first = frames.frames[0]
    begins = [begin(frame.header) for frame in frames]
    ends = [end(frame.header, frame.exposure) for frame in frames]
    exposures = tuple(frame.exposure for frame in frames)
    result = CombineResult(
        method=method,
        clip=clip,
        rejected=rejected,
        measured=measured,
        level=_mean_level(pixels),
        exposures=exposures,
        begin=min(time for time in begins if time) if all(begins) else None,
        end=max(time for time in ends if time) if all(ends) else None,
        kind=first.kind,
        aligned=tuple(frame.shift or (0.0, 0.0) for frame in frames) if any(frame.shift for frame in frames) else None,
        **{"offsets": (0.0,) * len(frames), "factors": (1.0,) * len(frames)} | found,
    )
    if exposure is None and set(exposures) != {None}:
        exposure = math.fsum(map(seconds_of, frames)) / len(frames)
    return Image(
        kind=first.kind,
        data=pixels,
        exposure=exposure,
        header=_header_of(frames),
        sources=tuple(name for frame in frames for name in frame.sources),
        history=frames.history,
        state=first.state,
        added=(*_shared_cards(frames), *_cards(result)),
        found=result,
        said=frames.said,
    )


def _header_of(frames: FrameSet) -> Cards:
    """Give the first frame's header; of aligned frames its WCS with the part of a pixel that was left of its shift."""
    left = np.array([[along - round(along) for along in frame.shift or (0.0, 0.0)] for frame in frames])
    y, x = (left[0] - left.mean(axis=0)).tolist()
    return cropped(frames[0].header, x=x, y=y)


def _shared_cards(frames: FrameSet) -> tuple[tuple[str, object, str], ...]:
    """Give the cards that the steps of all frames ask for: sentences in the first one's words, numbers that agree."""
    agreed = []
    for card in frames[0].added:
        theirs = [[other for other in frame.added if other[0] == card[0]] for frame in frames]
        if all(theirs) and (isinstance(card[1], str) or all(card in other for other in theirs)):
            agreed.append(card)
    return tuple(agreed)


def _mean_level(pixels: Pixels) -> float | None:
    with np.errstate(invalid="ignore", over="ignore"):  # infinite and very large values are told by the result
        mean = float(pixels.values.mean(axis=1).mean(dtype=np.float64))  # row by row: twice as quick as at once
        if not math.isfinite(mean):
            good = pixels.values[np.isfinite(pixels.values)]
            mean = float(good.mean(dtype=np.float64)) if good.size else math.nan
    return mean if math.isfinite(mean) else None


def _cards(found: CombineResult) -> tuple[tuple[str, object, str], ...]:
    """Give the cards of how frames were combined; what a rule of somebody's own leaves out is told by no clip."""
    cards: list[tuple[str, object, str]] = [("COMBTYPE", found.method, "how frames were combined")]
    if found.method in OUR_METHODS:
        spread = found.clip.spread if found.clip else "none"
        cards.append(("CLIPTYPE", spread, "spread by which outliers were left out"))
    cards.append(("NREJECT", sum(found.rejected), "number of values left out"))
    if found.clip:
        cards += [
            ("CLIPLOW", found.clip.low, "[sigma] values further below were left out"),
            ("CLIPHIGH", found.clip.high, "[sigma] values further above were left out"),
        ]
    return tuple(cards)
