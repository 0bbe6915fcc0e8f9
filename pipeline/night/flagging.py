"""What a reduction flags, as settings."""

from __future__ import annotations

import attrs

from pipeline.errors import SettingError
from pipeline.stages.bad_pixels import Mask, check_below, check_sigma
from pipeline.stages.saturation import check_fraction


def _fraction(_: object, __: object, fraction: float | None) -> None:
    if fraction is not None:
        check_fraction(fraction)


def _sigma(_: object, __: object, hot: float | None) -> None:
    if hot is not None:
        check_sigma(hot)


def _below(_: object, __: object, dead: float | None) -> None:
    if dead is not None:
        check_below(dead)


def _pixels(_: object, __: object, grow: int) -> None:
    if not isinstance(grow, int) or grow < 0:
        raise SettingError(f"grow={grow!r}; expected a whole number of pixels from 0")


@attrs.frozen
class Flagging:
    """What is flagged besides what is saturated, not finite, or without flat.

    :param fraction: of the frames of a bias, dark or flat that must be saturated to flag the master's pixel; by
        default any one is enough.
    :param mask: bad pixels, of the shape of the raw frames or of the trimmed ones.
    :param hot: flag pixels of the dark this many standard deviations above their surroundings; None for none.
    :param dead: flag pixels of the flat below this fraction of their surroundings; None for none.
    :param grow: flag neighbours of the product's flagged pixels out to so many pixels.
    :param diagonals: grow in squares, not along rows and columns only.
    """

    fraction: float | None = attrs.field(default=None, validator=_fraction)
    mask: Mask | None = None
    hot: float | None = attrs.field(default=None, validator=_sigma)
    dead: float | None = attrs.field(default=None, validator=_below)
    grow: int = attrs.field(default=0, validator=_pixels)
    diagonals: bool = True
