"""Planning a combination: measuring what has to be known of the frames before their pixels are combined.

What frames tell of their detector: gain and read noise, from how much equal exposures differ.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np

from pipeline.compose.running import advise
from pipeline.errors import ClipWarning, VarianceWarning
from pipeline.records.frames import Image
from pipeline.records.pixels import Array, working_dtype
from pipeline.stacking.clip import Clip, frames_needed
from pipeline.stacking.stack_rows import sample_rows
from pipeline.stacking.weights import carried_variances, frames_carry_variance, inverse, scattered_variances
from pipeline.statistics.amplifier_noise import AmplifierNoise, Sampled, amplifiers_of, cut_to
from pipeline.statistics.frame_levels import FEW_PIXELS, Shifts, measure_shifts
from pipeline.statistics.noise import MOVING, Noise
from pipeline.statistics.noise_fit import sample_of
from pipeline.statistics.photon_noise import Sample, in_unit_of, photon_noise, slope_of


@attrs.frozen
class Errors:
    """Where the variance of a combination is to come from: the ``"noise"`` of the stack, or each pixel's ``"scatter"``.

    ``amplifiers`` hold the noise of one frame; ``relative`` is the variance of each frame over that; ``whole`` tells
    that values are whole numbers.
    """

    rule: str
    amplifiers: tuple[AmplifierNoise, ...]
    relative: Array
    whole: bool = False


@attrs.frozen
class Plan:
    """How a stack is to be combined: the frames in the order of their shifts, and what is expected of each.

    ``amplifiers`` hold the noise to judge by: none where pixels are judged by their own spread.  ``order`` gives each
    frame's place in the list as it was given.  ``carried`` is the typical variance that each frame carries, over that
    of all, where values are judged by it.  ``errors`` is None where frames without variance are to have none;
    ``counts`` asks for a map of the values left out.
    """

    frames: tuple[Image, ...]
    order: Array
    method: str
    clip: Clip | None
    amplifiers: tuple[AmplifierNoise, ...]
    shifts: Shifts
    scale: Array
    weights: Array
    carried: Array | None = None
    errors: Errors | None = None
    counts: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx)."""
        return self.frames[0].shape

    @property
    def dtype(self) -> np.dtype[np.floating]:
        """The type of the result."""
        return np.result_type(*(working_dtype(frame.source.dtype) for frame in self.frames))

    @property
    def plain(self) -> bool:
        """Whether all frames count the same, as they are."""
        return bool((self.scale == 1).all() and (self.weights == 1).all())

    @property
    def whole_shifts(self) -> Array:
        """What to take from each frame to bring it near the others, in whole units of its values."""
        if not self.amplifiers:
            return np.zeros(len(self.frames), int)
        shift = self.shifts.offsets + (self.shifts.factors - 1) * self.amplifiers[0].noise.base
        return np.round(shift).astype(int)


@attrs.frozen
class Wanted:
    """What is asked of a combination: see :func:`pipeline.combine`.

    ``noise`` is that of one frame, bias out, where that is given: it tells the part of the photons.
    """

    method: str
    clip: Clip | None
    variance: str | None
    map_left_out: bool
    noise: Noise | None = None

    @property
    def by_noise(self) -> bool:
        """Whether values are judged by the noise of the stack."""
        return self.clip is not None and self.clip.spread == "noise"


@attrs.frozen(eq=False, repr=False)
class Told:
    """What frames tell of their noise, where it is asked for.

    ``sampled`` are the pixels on which it was measured, None where it was not; ``carried`` says that all frames carry
    variance, ``counting`` that their read and photon noise is given, ``slope`` the photons' part of it.  ``gain``
    comes with its standard error.
    """

    amplifiers: tuple[AmplifierNoise, ...]
    shifts: Shifts
    sampled: Sampled | None = None
    carried: bool = False
    kind: str = ""
    counting: bool = False
    slope: float | None = None
    gain: tuple[float, float] | None = None

    @property
    def photons(self) -> tuple[AmplifierNoise, ...]:
        """The read and photon noise; that of lights and arcs is told apart from motion, where it was not given."""
        if self.sampled is None or self.counting or self.kind not in MOVING:
            return self.amplifiers
        samples = (Sample.of(cut_to(self.sampled, one.rows, one.columns), self.shifts) for one in self.amplifiers)
        return tuple(
            attrs.evolve(one, noise=photon_noise(sample, one.noise, self.slope))
            for one, sample in zip(self.amplifiers, samples, strict=True)
        )

    @property
    def whole(self) -> bool:
        """Whether values are whole numbers."""
        return self.sampled is not None and not any(np.nanmax(block % 1, initial=0) for block in self.sampled.blocks)


def plan_of(frames: tuple[Image, ...], scale: Array, weighing: Array | None, wanted: Wanted) -> tuple[Plan, Told]:
    """Plan a combination, and give what frames told for it.

    :param scale: what each frame is multiplied by.
    :param weighing: the weight of each; None to weigh by the inverse of their variance.
    """
    if wanted.clip and len(frames) > 1:
        _check_clip(wanted.clip, len(frames))
    told = _told(frames, scale, wanted, by_variance=weighing is None)
    relative = None
    if weighing is None:
        relative = _relative(frames, scale, told)
        weighing = inverse(relative)
    shifts = told.shifts if wanted.by_noise else Shifts.none(len(frames))
    carried = carried_variances(frames, scale) if _judged_by_carried(told, wanted) else None
    errors = _errors(told, wanted, weighing, relative)
    order = np.lexsort((shifts.factors, shifts.offsets))  # sums of shifts then do not depend on the frames' order
    plan = Plan(
        frames=tuple(frames[i] for i in order),
        order=order,
        method=wanted.method,
        clip=wanted.clip if len(frames) > 1 else None,
        amplifiers=told.amplifiers if wanted.by_noise else (),
        shifts=Shifts(shifts.offsets[order], shifts.factors[order]),
        scale=scale[order],
        weights=weighing[order],
        carried=None if carried is None else carried[order],
        errors=errors and attrs.evolve(errors, relative=errors.relative[order]),
        counts=wanted.map_left_out,
    )
    return plan, told


def _check_clip(clip: Clip, frames: int) -> None:
    if frames_needed(clip) > frames:
        advise(
            f"combine: a clip at {min(clip.low, clip.high):g} σ by {clip.spread} cannot reject anything from "
            f"{frames} frames; it takes {frames_needed(clip)}, or another rule such as 'noise'",
            ClipWarning,
        )


def _told(frames: tuple[Image, ...], scale: Array, wanted: Wanted, by_variance: bool) -> Told:
    """Measure what is asked for, and nothing else."""
    shape, none = frames[0].shape, Shifts.none(len(frames))
    if len(frames) == 1:
        return Told((), none)
    ask = wanted.by_noise or by_variance or wanted.variance is not None
    carried = ask and frames_carry_variance(frames)
    if wanted.clip and wanted.clip.noise is not None:
        return Told((AmplifierNoise((0, shape[0]), (0, shape[1]), wanted.clip.noise),), none, carried=carried)
    if not (wanted.by_noise or by_variance or (wanted.variance == "noise" and not carried)):
        return Told((), none, carried=carried)
    sampled = sample_rows(frames, scale)
    shifts = measure_shifts(sampled.blocks, frames[0].kind)
    given = wanted.clip.counting if wanted.clip else None
    counting = given and in_unit_of(frames[0], given)
    kind = frames[0].kind
    amplifiers = amplifiers_of(sampled, shape, shifts, kind, counting)
    known = wanted.noise and in_unit_of(frames[0], wanted.noise)
    told = wanted.variance is not None and bool((scale == 1).all())
    slope = (known.b if known else slope_of(frames)) if told else None
    return Told(amplifiers, shifts, sampled, carried, kind, counting is not None, slope)


def _judged_by_carried(told: Told, wanted: Wanted) -> bool:
    """Tell whether values are judged by the variance that they carry: where no noise is given."""
    measured = wanted.by_noise and told.sampled is not None
    return measured and told.carried and wanted.clip is not None and wanted.clip.counting is None


def _relative(frames: tuple[Image, ...], scale: Array, told: Told) -> Array:
    """Give the variance of each frame over the mean of all: what they carry, or else what they show."""
    if told.carried:
        return carried_variances(frames, scale)
    if len(frames) == 2:
        advise(
            f"{frames[0].name} and {frames[1].name}: two frames do not tell which of them is noisier; both count the "
            "same",
            VarianceWarning,
        )
    return scattered_variances(told.sampled, told.shifts)


def _errors(told: Told, wanted: Wanted, weights: Array, relative: Array | None) -> Errors | None:
    """Say where the variance is to come from.  Frames of different weight have different noise, measured if it can be.

    Frames that carry variance keep it; a single one has none but that.
    """
    if wanted.variance is None or len(weights) == 1 or (wanted.variance == "noise" and told.carried):
        return None
    if relative is None and np.ptp(weights) > 0:
        telling = told.sampled is not None and len(weights) > 2
        relative = scattered_variances(told.sampled, told.shifts) if telling else inverse(weights)
    relative = np.ones(len(weights)) if relative is None else relative
    return Errors(wanted.variance, told.photons, relative, told.whole)


SPAN = 3.0
"""Levels that span this factor tell the gain."""


def gain_of(told: Told, photons: Sequence[AmplifierNoise]) -> tuple[float, float] | None:
    """Give the gain, one over the slope of the noise that was fitted, and its standard error.

    None where levels span less than a factor of 3, between a hundredth of the pixels at each end, where amplifiers
    differ, and where it was given or a header's was taken.  The error is that of the least-squares fit, with each
    pixel's variance known to √(2/degrees) of itself.

    :param photons: the read and photon noise of each amplifier.
    """
    if told.sampled is None or told.counting or len(photons) > 1 or photons[0].noise.b <= 0:
        return None
    if told.kind in MOVING and told.slope is not None:
        return None
    noise, sample = photons[0].noise, sample_of(told.sampled.blocks, told.shifts)
    if sample.level.size < FEW_PIXELS or sample.degrees < 1:
        return None
    low, high = np.quantile(sample.level, [0.01, 0.99])
    if low > 0 and high < SPAN * low:
        return None
    weight = noise.variance(sample.level) ** -2
    middle = np.sum(weight * sample.level) / np.sum(weight)
    error = np.sqrt(2 / sample.degrees / np.sum(weight * (sample.level - middle) ** 2))
    return 1 / noise.b, float(error / noise.b**2)
