"""What combining found: what was rejected, how the frames differ, and the noise that was measured of them."""

from __future__ import annotations

import math
from datetime import datetime

import attrs
import numpy as np

from pipeline.records.arrays import IntArray, same_array
from pipeline.stacking.clip import Clip
from pipeline.statistics.amplifier_noise import AmplifierNoise
from pipeline.statistics.noise import Noise
from pipeline.statistics.robust import MAD_TO_SIGMA, WILD, median

HARDLY_ROUNDED = 0.28
"""From such a variance, over the square of a step, rounded values tell their noise to 5 %, wherever they lie between
two steps: before rounding it was v, and (1 + 4π²v) exp(−2π²v)/π² more or less is seen (Sheppard's corrections)."""


JUMPS, FEWEST_THAT_JUMP = 0.25, 3
"""The scatter of levels that counts, over the noise of a pixel, and how many of them tell it."""


@attrs.frozen
class MeasuredNoise:
    """The noise of a stack: of each amplifier, by which values are judged, and its ``photons``' and read noise alone.

    These are known where the variance is to come from them.  ``gain`` is one over the slope of the noise with level,
    e⁻/ADU, and its standard error: known where the noise was measured for the variance, on levels that span a factor
    of 3.  ``rounding`` is the variance of rounding that one value has, 0 where that is not known.
    """

    amplifiers: tuple[AmplifierNoise, ...] = ()
    photons: tuple[AmplifierNoise, ...] = ()
    gain: tuple[float, float] | None = None
    rounding: float = 0.0

    def scaled(self, factor: float) -> MeasuredNoise:
        """Give the noise of the same frames, their values multiplied by a factor; the gain stays what it was."""

        def scaled(noise: tuple[AmplifierNoise, ...]) -> tuple[AmplifierNoise, ...]:
            return tuple(attrs.evolve(one, noise=one.noise.scaled(factor)) for one in noise)

        return MeasuredNoise(scaled(self.amplifiers), scaled(self.photons), self.gain, self.rounding * factor**2)


@attrs.frozen
class CombineResult:
    """What combining found: what was rejected, how the frames differ, and when and how long they were exposed.

    ``aligned`` is by how many rows and columns each frame lay off before it was aligned, None where none was.
    ``shifts`` is by how many rows and columns what each frame shows lies further than in the first that tells: None of
    one that does not, and None where nothing moves or changes.
    ``left_out`` is the number of values left out of each pixel, uint16 (ny, nx), where that was asked for.
    """

    method: str
    clip: Clip | None
    rejected: tuple[int, ...]
    offsets: tuple[float, ...]
    factors: tuple[float, ...]
    measured: MeasuredNoise
    level: float | None
    exposures: tuple[float | None, ...]
    begin: datetime | None = None
    end: datetime | None = None
    kind: str = ""
    aligned: tuple[tuple[float, float], ...] | None = None
    shifts: tuple[tuple[float, float] | None, ...] | None = None
    left_out: IntArray | None = attrs.field(default=None, eq=attrs.cmp_using(eq=same_array), repr=False, hash=False)

    @property
    def frames(self) -> int:
        """The number of frames."""
        return len(self.rejected)

    @property
    def amplifiers(self) -> tuple[AmplifierNoise, ...]:
        """The noise of each amplifier."""
        return self.measured.amplifiers

    @property
    def gain(self) -> tuple[float, float] | None:
        """The gain that frames show, e⁻/ADU, and its standard error, where it could be measured."""
        return self.measured.gain

    @property
    def noise(self) -> Noise | None:
        """The noise by which values were judged; where amplifiers differ, that of the noisiest."""
        return max((one.noise for one in self.amplifiers), key=lambda noise: noise.a, default=None)

    @property
    def jumps(self) -> float:
        """By how much the level of bias frames scatters from one to the next, in their unit; 0 where it hardly does.

        It counts from a quarter of a pixel's noise, of which it makes 3 %.  Frames that lie far off are no part of it.
        """
        offsets = np.array(self.offsets)
        if self.kind != "bias" or offsets.size < FEWEST_THAT_JUMP or self.noise is None:
            return 0.0
        noise = math.sqrt(max(self.noise.a, self.noise.floor))
        off = np.abs(offsets - median(offsets))
        kept = offsets[off <= WILD * max(MAD_TO_SIGMA * median(off), JUMPS * noise)]
        scatter = float(np.std(kept, ddof=1)) if kept.size > 1 else 0.0
        return scatter if scatter > JUMPS * noise else 0.0

    @property
    def read_noise(self) -> float | None:
        """The read noise that bias frames show, in their unit, with that of rounding; of the noisiest amplifier.

        None where it is not known, as of frames that hardly leave one whole number: how much they scatter depends on
        where between two numbers they lie.
        """
        return None if self.noise is None else self.read_noise_of(self.noise)

    def read_noise_of(self, noise: Noise) -> float | None:
        """Give the read noise that bias frames show by the noise of an amplifier; None where that does not tell it."""
        if self.kind != "bias" or noise.a < HARDLY_ROUNDED * 12 * self.measured.rounding:
            return None
        return math.sqrt(noise.a)
