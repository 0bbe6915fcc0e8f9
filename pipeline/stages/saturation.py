"""Saturation: raw values that say no more than "at least this"."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Annotated, Any, TypeAlias

import attrs
import numpy as np

from pipeline.checks.ceilings import ceiling_of_type, undeclared_ceiling
from pipeline.compose.chain import each
from pipeline.compose.settings import Limits, Wanted
from pipeline.compose.stage import stage
from pipeline.compose.telling import advise
from pipeline.detector.amplifier_values import plane_of_numbers, regions_of, several_saturations
from pipeline.detector.section import Section
from pipeline.errors import HeaderError, HeaderWarning, StepError
from pipeline.headers.keywords import saturation, unknown_saturation
from pipeline.records.arrays import Array, sealed
from pipeline.records.frames import FrameSet, Image, as_frames
from pipeline.records.history import StepRecord
from pipeline.records.pixels import Flag, FlagBits
from pipeline.stages.bad_pixels import Mask
from pipeline.stages.gain import to_electrons
from pipeline.stages.overscan import subtract_overscan


def _ceiling(image: Image, *, level: float | None = None) -> float:
    """Give the value from which a whole frame is saturated: no type holds more than its ceiling, whatever is said."""
    if _reduced(image) or not image.shape[0]:  # no rows: those of a step that waits for them
        return math.inf
    limit = _level(image) if level is None else level
    return undeclared_ceiling(image) if limit is None else min(limit, ceiling_of_type(image.header))


def _reduced(image: Image) -> bool:
    """Tell whether an image was reduced elsewhere: its level was for the raw frame."""
    return bool(image.state.bias or image.state.dark or image.state.flat)


def _one_level(image: Image, *, level: float | None = None) -> bool:
    return level is not None or not several_saturations(image)


Level: TypeAlias = Annotated[float, Limits(above=0, finite=False, unit="adu")]


@stage(rows=_one_level, ceiling=_ceiling)
def flag_saturated(image: Image, *, level: Level | None = None) -> Image:
    """Flag values from ``level`` up, in ADU of the raw frame; by default from its header's SATURATE card.

    Where the header gives a level for each of several amplifiers, SATURATA or SATUR1, that is taken for its pixels.
    Without a level and without the card, values at the ceiling of the type of 8 or 16 bits that the frame is stored
    in are flagged, and those at a ceiling that its pixels show: many of them hold exactly the largest value.  All
    pixels of small frames are looked at for that, and strips of large ones.  ``combine`` says what was found so.

    >>> import numpy as np
    >>> from pipeline import Image, flag_saturated
    >>> flag_saturated(Image.of(np.array([[100.0, 65000.0]])), level=60000).pixels.mask
    array([[False,  True]])

    :raises StepError: the image is not raw any more.
    :raises HeaderError: the card cannot be read; one that is NaN or negative counts as none, and this is said.
    """
    each = () if level is not None else _levels_of_each(image)
    if level is None and not each and _level(image) is None:
        unknown = unknown_saturation(image.header)
        if unknown:
            advise(
                f"{unknown} says no level of saturation",
                HeaderWarning,
                of=image,
                mend="give one: flag_saturated(level=...)",
                at_command="give one: --saturation",
            )
        if _not_raw(image):
            return image
    by = _not_raw(image)
    if by:
        raise StepError(f"{image.name}: saturation is judged on raw values, and {by} has run; put flag_saturated first")
    limit: float | Array = _ceiling(image, level=level)
    if each and not _reduced(image):
        limit = plane_of_numbers(each, image.shape, math.inf)
    elif limit == math.inf and _reduced(image):
        return image
    reached = (image.pixels.values >= limit) & (limit < math.inf)  # no value, not even an infinite one, reaches that
    return attrs.evolve(image, data=image.pixels.flagged(reached, Flag.SATURATED))


def _not_raw(image: Image) -> str:
    """Give the step after which values are not those of a raw frame any more."""
    changed = next((step.stage for step in image.history if _changed_values(step)), "")
    return changed or ("combine" if image.found and image.found.frames > 1 else "")


def _levels_of_each(image: Image) -> tuple[tuple[Section, float], ...]:
    """Give each amplifier's level where the header gives it; infinite for one of which it does not."""
    regions = regions_of(image)
    if not any(region.saturation for region in regions):
        return ()
    return tuple((region.section, region.saturation or math.inf) for region in regions)


def _level(image: Image) -> float | None:
    try:
        return saturation(image.header)
    except HeaderError as error:
        raise HeaderError(f"{image.name}: {error}; or give the level in ADU (level, --saturation)") from error


def _changed_values(step: StepRecord) -> bool:
    return step.worked and bool(step.masters or step.is_of(subtract_overscan, to_electrons))


Fraction: TypeAlias = Annotated[float, Limits(above=0, most=1)]
"""Of the frames that must be saturated in a pixel."""


def drop_rare_saturation(frames: Iterable[Any], *, fraction: float) -> FrameSet:
    """Where fewer than a fraction of the frames are saturated, leave their values out instead of the pixel.

    For masters of frames that saturate one by one: by cosmic rays, or twilight flats.  Combined, a pixel is
    flagged from that fraction of saturated frames up; below, it is made of the other frames alone.

    >>> import numpy as np
    >>> from pipeline import Image, combine, drop_rare_saturation, each, flag_saturated
    >>> raw = [Image.of(np.array([[value]]), kind="flat") for value in (65000.0, 70.0, 70.0, 70.0)]
    >>> frames = each(flag_saturated(level=60000))(raw)
    >>> combine(drop_rare_saturation(frames, fraction=0.5), clip=None).values
    array([[70.]])

    :raises SettingError: the fraction does not lie above 0 and up to 1.
    """
    Wanted(Fraction).take(fraction, "drop_rare_saturation", "fraction")
    night = as_frames(frames)
    share = saturated_share(night)
    few = np.where((share > 0) & (share < fraction), FlagBits(Flag.SATURATED), FlagBits(0))
    spared = Mask(sealed(few), f"saturated in less than {fraction:g} of the frames")
    return each(set_aside(where=spared))(night) if spared.flags.any() else night


def saturated_share(frames: FrameSet) -> Array:
    """Give the fraction of frames in which each pixel is saturated, (ny, nx)."""
    count = np.zeros(frames[0].shape)
    for frame in frames:
        count += frame.pixels.flags & Flag.SATURATED != 0
    return count / len(frames)


@stage(rows=True)
def set_aside(image: Image, *, where: Mask) -> Image:
    """Take saturated values at some pixels for merely bad ones: combining then uses the other frames' values.

    The one stage that takes a flag away, and puts BAD in its place.
    """
    flags = image.pixels.flags
    spared = (flags & Flag.SATURATED != 0) & (where.flags != 0)
    changed = np.where(spared, flags & ~FlagBits(Flag.SATURATED) | FlagBits(Flag.BAD), flags)
    return attrs.evolve(image, data=attrs.evolve(image.pixels, flags=sealed(changed)))
