"""What combining found."""

from __future__ import annotations

import math
from datetime import datetime

import attrs

from pipeline.records.pixels import Array, same_array
from pipeline.stacking.clip import Clip
from pipeline.statistics.amplifier_noise import AmplifierNoise
from pipeline.statistics.noise import Noise


@attrs.frozen
class Found:
    """What combining found: what was rejected, how the frames differ, and when and how long they were exposed.

    ``gain`` is one over the slope of the noise with level, e⁻/ADU, and its standard error: known where the noise was
    measured for the variance, on levels that span a factor of 3.  ``left_out`` is the number of values left out of
    each pixel, uint16 (ny, nx), where that was asked for.
    """

    method: str
    clip: Clip | None
    rejected: tuple[int, ...]
    offsets: tuple[float, ...]
    factors: tuple[float, ...]
    amplifiers: tuple[AmplifierNoise, ...]
    level: float | None
    exposures: tuple[float | None, ...]
    begin: datetime | None = None
    end: datetime | None = None
    kind: str = ""
    gain: tuple[float, float] | None = None
    left_out: Array | None = attrs.field(default=None, eq=attrs.cmp_using(eq=same_array), repr=False, hash=False)

    @property
    def frames(self) -> int:
        """The number of frames."""
        return len(self.rejected)

    @property
    def noise(self) -> Noise | None:
        """The noise by which values were judged; where amplifiers differ, that of the noisiest."""
        return max((one.noise for one in self.amplifiers), key=lambda noise: noise.a, default=None)

    @property
    def read_noise(self) -> float | None:
        """The read noise that bias frames show, in their unit; where amplifiers differ, that of the noisiest."""
        return math.sqrt(self.noise.a) if self.noise and self.kind == "bias" else None
