"""The clip: which values of a stack to leave out, as a setting."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Literal, TypeAlias

import attrs
import numpy as np

from pipeline.errors import SettingError
from pipeline.statistics.noise import Noise

Spread: TypeAlias = Literal["noise", "std", "mad"]


def _positive(_: object, attribute: attrs.Attribute[float], value: float) -> None:
    if not isinstance(value, int | float | np.number) or not value > 0:
        raise SettingError(f"Clip: {attribute.name}={value}; expected a positive number of σ")


def _one_of(*words: str) -> Callable[[object, attrs.Attribute[str], str], None]:
    def check(_: object, attribute: attrs.Attribute[str], value: str) -> None:
        if value not in words:
            raise SettingError(f"Clip: {attribute.name}={value!r}; expected one of {', '.join(words)}")

    return check


def _whole(_: object, attribute: attrs.Attribute[int | None], value: int | None) -> None:
    if value is not None and (value != int(value) or value < 1):
        raise SettingError(f"Clip: {attribute.name}={value}; expected a whole number from 1, or None")


@attrs.frozen(repr=False)
class Clip:
    """Leave out values further than ``low`` σ below or ``high`` σ above the centre of their pixel.

    ``spread`` says what σ is: ``"noise"``, the noise of the whole stack (measured, or given as ``noise``);
    ``"std"`` or ``"mad"``, the spread of the pixel's own values.  ``iterations=None`` repeats until nothing
    more is left out.

    ``counting`` gives the read and photon noise where they are known, and lets the rest be measured: how frames
    differ in level, and how lights and arcs move.  ``noise`` gives all of it: nothing is measured.
    """

    spread: Spread = attrs.field(default="noise", validator=_one_of("noise", "std", "mad"))
    low: float = attrs.field(default=5.0, validator=_positive)
    high: float = attrs.field(default=5.0, validator=_positive)
    centre: Literal["median", "mean"] = attrs.field(default="median", validator=_one_of("median", "mean"))
    iterations: int | None = attrs.field(default=None, validator=_whole)
    noise: Noise | None = None
    counting: Noise | None = None

    def __attrs_post_init__(self) -> None:
        if math.isinf(self.low) and math.isinf(self.high):
            raise SettingError("Clip: low and high are infinite; for no clip, say clip=None (--clip none)")

    def __repr__(self) -> str:
        said = {"low": self.low, "high": self.high} | {
            field.name: getattr(self, field.name)
            for field in attrs.fields(Clip)
            if field.name != "spread" and getattr(self, field.name) != field.default
        }
        return f"Clip({self.spread!r}, {', '.join(f'{name}={value!r}' for name, value in said.items())})"


def frames_needed(clip: Clip) -> int:
    """Give the number of frames from which a clip can leave out anything at all.

    No value of n lies further from their mean than √(n−1) standard deviations, nor from their median than the root of
    n(n+3)/(n+1) for odd and of n(n+4)/(n+2) for even n, however extreme it is.

    >>> frames_needed(Clip("std"))
    24
    """
    if clip.spread != "std":
        return 3 if clip.spread == "mad" else 2
    k = min(clip.low, clip.high)
    if k < 1:
        return 2  # each of two values lies one standard deviation from their middle
    if clip.centre == "mean":
        return math.floor(k * k) + 2
    return next(n for n in itertools.count(3) if (n * (n + 3) / (n + 1) if n % 2 else n * (n + 4) / (n + 2)) > k * k)
