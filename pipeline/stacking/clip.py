"""The clip: which values of a stack to leave out, as a setting."""

from __future__ import annotations

import itertools
import math
from typing import Annotated, Literal, TypeAlias

import attrs

from pipeline.compose.settings import Limits, checked
from pipeline.compose.written import written
from pipeline.errors import SettingError
from pipeline.records.identity import content_key
from pipeline.statistics.noise import Noise

Spread: TypeAlias = Literal["noise", "std", "mad"]


Sigmas: TypeAlias = Annotated[float, Limits(above=0, finite=False, unit="σ")]


@checked
@attrs.frozen(repr=False)
class Clip:
    """Leave out values further than ``low`` σ below or ``high`` σ above the centre of their pixel.

    ``spread`` says what σ is: ``"noise"``, the noise of the whole stack (measured, or given as ``noise``);
    ``"std"`` or ``"mad"``, the spread of the pixel's own values.  ``iterations=None`` repeats until nothing
    more is left out.

    ``counting`` gives the read and photon noise where they are known, and lets the rest be measured: how frames
    differ in level, and how lights and arcs move.  ``noise`` gives all of it: nothing is measured.

    >>> from pipeline import Clip, combine
    >>> combine(clip=Clip(spread="mad", high=4.0))
    combine(clip=Clip('mad', low=5.0, high=4.0))
    >>> combine(clip=None)
    combine(clip=None)

    :raises SettingError: a setting is none that it can have, or both limits are infinite: for no clip, ``clip=None``.
    """

    spread: Spread = "noise"
    low: Sigmas = 5.0
    high: Sigmas = 5.0
    centre: Literal["median", "mean"] = "median"
    iterations: Annotated[int, Limits(least=1)] | None = None
    noise: Noise | None = None
    counting: Noise | None = None

    __dask_tokenize__ = content_key

    def __attrs_post_init__(self) -> None:
        if math.isinf(self.low) and math.isinf(self.high):
            raise SettingError("Clip: low and high are infinite; for no clip, say clip=None (--clip none)")

    def __repr__(self) -> str:
        said = {"low": self.low, "high": self.high} | {
            field.name: getattr(self, field.name)
            for field in attrs.fields(Clip)
            if field.name != "spread" and getattr(self, field.name) != field.default
        }
        return f"Clip({self.spread!r}, {', '.join(f'{name}={written(value)}' for name, value in said.items())})"


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
