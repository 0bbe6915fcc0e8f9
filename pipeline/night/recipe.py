"""The settings of the default reduction, and how frames of one kind are put together by them.

What a reduction flags, as settings.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, TypeAlias

import attrs
import numpy as np

from pipeline.compose.chain import chain, each, pipe
from pipeline.compose.running import advise
from pipeline.compose.stage import Step
from pipeline.detector.amplifier_values import several_gains
from pipeline.errors import AssumptionWarning, SettingError, StepError
from pipeline.records.frames import KINDS, FrameSet, Image
from pipeline.records.pixels import Flag
from pipeline.stacking.clip import Clip
from pipeline.stacking.combine import combine, levels, loaded
from pipeline.stacking.compatibility import exposures_differ
from pipeline.stages.bad_pixels import Mask, check_below, check_sigma, flag_bad
from pipeline.stages.declare import Declared, declare
from pipeline.stages.flat import MasterFlat, normalise_flat
from pipeline.stages.gain import to_electrons
from pipeline.stages.overscan import declares_sections, subtract_overscan
from pipeline.stages.saturation import check_fraction, drop_rare_saturation, flag_saturated
from pipeline.stages.variance import correct_median, estimate_variance, is_median_of_counts, noise_of
from pipeline.statistics.noise import Noise
from pipeline.statistics.photon_noise import in_unit_of


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


Method: TypeAlias = Literal["mean", "median"]


Scale: TypeAlias = Literal["exposure", "level"]


Variance: TypeAlias = Literal["noise", "scatter"]


UNEVEN = 0.1
"""Flats whose levels differ by more than this fraction are calibrated each: in twilight light fades, and bias and dark
do not fade with it."""


GAINS_DIFFER = 1.3
"""A header's gain that is wrong by this factor is said to be."""


def _positive_level(_: object, __: object, level: float | None) -> None:
    if level is not None and not level > 0:
        raise SettingError(f"saturation={level}; expected a positive level in ADU")


def _known_kinds(_: object, __: object, declared: tuple[tuple[str, Declared], ...]) -> None:
    for kind, state in declared:
        if kind not in KINDS or state not in ("raw", "finished"):
            raise SettingError(f"declared: {kind!r} as {state!r}; expected {', '.join(KINDS)} as 'raw' or 'finished'")


@attrs.frozen
class Recipe:
    """The settings of the default reduction.

    :param method: how frames are combined.
    :param clip: what is left out of a combination; None for nothing.
    :param overscan: the step that takes out overscan and trims; None to leave both.
    :param saturation: level in ADU from which raw values are flagged; by default what headers say.
    :param dark_has_bias: whether darks hold the bias, where no bias frames tell.
    :param flagging: what else is flagged.
    :param declared: kinds of frames that are raw, or finished, whatever their headers say.
    :param normalise: the step that makes the flat a response.
    :param electrons: the step that turns the calibrated image into electrons, or each frame, where amplifiers have
        gains of their own; None to leave it in ADU.
    :param orient: the last step, which lays the dispersion along x; None to leave the image as it lies.
    :param variance: where the variance comes from, as in combine; None to follow none.
    :param noise: what gain and read noise say of a single frame, as ``Noise.of(gain=..., read_noise=...)``, or of each
        amplifier of it, in a tuple; by default what its header says, or else what the bias and flat frames show.
    :param linearity: the step that straightens raw values; None to take them as they are.
    :param cosmics: the step that cleans each light, once bias and dark are out; None to leave that to the clip.
    :param fringe: the step that takes fringes out of the flat-fielded light.
    :param healing: the last step, which interpolates over bad pixels.
    """

    method: Method = "mean"
    clip: Clip | None = Clip()  # noqa: RUF009 - frozen
    overscan: Step[Image, Image] | None = subtract_overscan()  # noqa: RUF009 - frozen
    saturation: float | None = attrs.field(default=None, validator=_positive_level)
    dark_has_bias: bool | None = None
    flagging: Flagging = Flagging()
    declared: tuple[tuple[str, Declared], ...] = attrs.field(default=(), validator=_known_kinds)
    normalise: Step[Image, MasterFlat] = normalise_flat()  # noqa: RUF009 - frozen
    electrons: Step[Image, Image] | None = None
    orient: Step[Image, Image] | None = None
    variance: Variance | Noise | None = "noise"
    noise: Noise | tuple[Noise, ...] | None = None
    linearity: Step[Image, Image] | None = None
    cosmics: Step[Image, Image] | None = None
    fringe: Step[Image, Image] | None = None
    healing: Step[Image, Image] | None = None

    def prepared(self, frames: FrameSet) -> FrameSet:
        """Do to raw frames what comes before combining."""
        for kind, state in self.declared:
            frames = FrameSet(declare(frame, state=state) if frame.kind == kind else frame for frame in frames)
        flagged = each(flag_saturated(level=self.saturation))(frames)
        flagged = each(self.linearity)(flagged) if self.linearity else flagged
        if self.overscan is None or not (self._amplifiers or any(map(declares_sections, flagged))):
            return self._counted(flagged)
        mask = self.flagging.mask
        if mask is not None and mask.shape == flagged[0].shape:  # before the frame is trimmed and the mask is not
            flagged = each(flag_bad(mask=mask))(flagged)
        return self._counted(each(self.overscan)(flagged))

    def _counted(self, frames: FrameSet) -> FrameSet:
        """Bring frames whose amplifiers have each their gain to electrons: the flat evens gains out."""
        step = self.electrons
        gain = None if step is None else dict(step.settings).get("gain")
        several = isinstance(gain, tuple) if gain is not None else any(map(several_gains, frames))
        if step is None or not several:
            return frames
        return FrameSet(frame if frame.state.unit == "" else step(frame) for frame in frames)

    @property
    def _amplifiers(self) -> bool:
        return bool(self.overscan and dict(self.overscan.settings).get("amplifiers"))

    def combined(
        self, frames: FrameSet, scale: Scale | None = None, weights: Literal["exposure"] | None = None
    ) -> Image:
        """Combine frames that are prepared, and flag what the mask says is bad."""
        put_together = combine(
            method=self.method,
            clip=self.clip,
            scale=scale,
            weights=None if self.method == "median" else weights,
            variance=self.variance,
        )
        image, fraction, mask = put_together(frames), self.flagging.fraction, self.flagging.mask
        if fraction and image.kind in ("bias", "dark", "flat") and (image.pixels.flags & Flag.SATURATED).any():
            image = put_together(drop_rare_saturation(frames, fraction=fraction))
        masked = mask is None or image.went_through(flag_bad)
        return image if masked else flag_bad(image, mask=mask)

    def knowing(self, shown: Noise | None, frames: FrameSet) -> Recipe:
        """Give the same recipe, that takes the noise of frames whose headers do not tell it from what others show.

        Where headers tell a gain that the others do not bear out, this is said.

        :param shown: the noise that bias and flat frames show; None where they do not.
        """
        if self.variance != "noise" or (self.clip and self.clip.counting):
            return self
        if isinstance(self.noise, tuple) or (self.noise is None and shown is None):
            return self
        if self.noise or shown is None:
            return attrs.evolve(self, variance=self.noise)
        told = [noise_of(frame) for frame in frames]
        if not all(told):
            return attrs.evolve(self, variance=shown)
        slopes = [noise.b / shown.b for noise in told if isinstance(noise, Noise)] or [1.0]
        off = max(slopes, key=lambda ratio: abs(math.log(ratio)))
        if abs(math.log(off)) > math.log(GAINS_DIFFER):
            advise(
                f"{frames[0].name}: its header says a gain of {1 / (off * shown.b):.3g} e-/ADU, bias and flat frames "
                f"show {1 / shown.b:.3g}; the header is believed for its variance; is it right? (--gain, --read-noise)",
                AssumptionWarning,
            )
        return self

    def counted(self) -> Callable[[Image], Image]:
        """Give what has to be done about photons once the bias is out, their noise being known.

        An image of one frame gets its variance; combine tells that of more.  A median is brought up to the mean, but
        for one that was asked for without a clip by the noise: that is to be the median, and no more.
        """
        shown = self.variance if isinstance(self.variance, Noise) else None

        def count(image: Image) -> Image:
            if self.variance is None or image.found is None:
                return image
            noise = self._noise_for(image) or noise_of(image) or shown
            if image.found.frames == 1:
                return image if image.pixels.variance is not None else estimate_variance(image, noise=noise)
            by_noise = self.clip is not None and self.clip.spread == "noise"
            lifted = by_noise and isinstance(noise, Noise) and is_median_of_counts(image, noise)
            return correct_median(image, noise=noise) if lifted and isinstance(noise, Noise) else image

        return count

    def _noise_for(self, image: Image) -> Noise | tuple[Noise, ...] | None:
        """Give the noise that was said, in the image's unit."""
        if not isinstance(self.noise, tuple):
            return in_unit_of(image, self.noise) if self.noise else None
        each = tuple(in_unit_of(image, one) for one in self.noise)
        return None if None in each else tuple(one for one in each if one)

    def calibrated(self, frames: FrameSet, calibrate: Callable[[Image], Image]) -> Image:
        """Combine equal frames and then calibrate; calibrate each of unequal ones, and then combine them scaled.

        Lights from which cosmic rays are cleaned are calibrated each.

        :raises StepError: lights of several exposures hold a pedestal that does not grow with time.
        """
        frames = loaded(frames) if frames[0].kind == "flat" else frames  # their levels are looked at first
        scale = scale_of(frames)
        one_by_one = scale is not None or (self.cosmics is not None and frames[0].kind == "light")
        if not one_by_one:
            return pipe(frames, self.combined, calibrate)
        ready = each(calibrate)(frames)
        if scale is None or frames[0].kind != "light":
            return self.combined(ready, scale)
        for light in ready:
            if not (light.state.bias or light.state.overscan):
                raise StepError(
                    f"{light.name}: lights of several exposures are scaled, and its bias, which does not grow with "
                    "time, is still in; give bias frames, or put lights of each exposure in a list of their own"
                )
        return self.combined(ready, scale, "exposure")

    def finished(self, image: Image) -> Image:
        """Do to an image what comes after calibrating it."""
        counted = image.went_through(to_electrons)
        steps = (None if counted else self.electrons, self.orient)
        return pipe(image, chain(*(step for step in steps if step is not None)))


def scale_of(frames: FrameSet) -> Scale | None:
    """Tell by what frames have to be scaled to be alike; None where they are."""
    kind = frames[0].kind
    if exposures_differ(frames):
        unknown = kind == "light" and any(frame.exposure is None for frame in frames)
        return None if unknown else ("level" if kind == "flat" else "exposure")
    if kind != "flat" or len(frames) == 1:
        return None
    found = np.array(levels(frames))
    return "level" if np.ptp(found) > UNEVEN * found.max() > 0 else None
