"""The noise of photons: the variance of a single frame, from gain and read noise, and the skewness of a median.

A single frame shows no scatter of its own.  And counts are skewed: a median follows the bulk of them, and lies below
their mean.
"""

from __future__ import annotations

from typing import TypeAlias

import attrs
import numpy as np

from pipeline.compose.stage import stage
from pipeline.compose.telling import advise
from pipeline.detector.amplifier_values import regions_of
from pipeline.detector.section import Section
from pipeline.errors import CalibrationError, StepError, VarianceWarning
from pipeline.headers.keywords import gain, of_frame, read_noise
from pipeline.records.arrays import Array, sealed
from pipeline.records.frames import Image
from pipeline.stages.declare import NO_BIAS
from pipeline.stages.gain import gains_in_it
from pipeline.statistics.medians import median_variance
from pipeline.statistics.noise import Noise
from pipeline.statistics.photon_noise import in_unit_of

KnownNoise: TypeAlias = Noise | tuple[Noise, ...] | None


def _one_noise(image: Image, *, noise: KnownNoise = None) -> bool:
    return isinstance(noise, Noise) or not (noise or regions_of(image))


@stage(rows=_one_noise)
def estimate_variance(image: Image, *, noise: KnownNoise = None) -> Image:
    """Give a single frame the variance that read noise and photons leave it: a + b·level, level without the bias.

    An image that carries a variance keeps it.  Where it cannot be known the image stays as it is, with a word said.

    >>> import numpy as np
    >>> from pipeline import Image, MasterBias, Noise, estimate_variance, subtract_bias
    >>> bias = MasterBias.of(Image.of(np.full((1, 2), 300.0), kind="bias"))
    >>> light = subtract_bias(Image.of(np.array([[310.0, 400.0]])), bias=bias)
    >>> estimate_variance(light, noise=Noise.of(gain=2, read_noise=4)).pixels.variance
    array([[ 9.08333333, 54.08333333]])

    :param noise: that of values without a bias, in the image's unit, as ``Noise.of(gain=1.5, read_noise=4.0)``, or a
        tuple of that of each amplifier; by default what the header says.
    :raises StepError: the image is a combination; combine gives its variance.
    """
    if image.pixels.variance is not None:
        return image
    if image.found is not None and image.found.frames > 1:
        raise StepError(
            f"{image.name}: a combination, whose variance is not that of one frame; ask for it where the frames are "
            "combined, as in combine(variance='noise')"
        )
    known = _everywhere(image, noise or noise_of(image))
    unknown = _unknown(image, known)
    if unknown or not known:
        advise(
            f"its variance is not known: {unknown}",
            VarianceWarning,
            of=image,
            mend="" if known else "give them: noise=Noise.of(gain=..., read_noise=...)",
            at_command="" if known else "give them: --gain and --read-noise",
        )
        return image
    values = image.pixels.values
    level = np.zeros_like(values) if image.kind == "bias" else values
    variance = np.full(values.shape, np.nan, values.dtype)
    for section, one in known:
        counted = attrs.evolve(one.counted, floor=max(one.a, one.floor))  # no pixel is quieter than its readout
        variance[section.window] = counted.variance(level[section.window])
    variance[~np.isfinite(values)] = np.nan
    return attrs.evolve(image, data=attrs.evolve(image.pixels, variance=sealed(variance)))


def noise_of(image: Image) -> Noise | tuple[Noise, ...] | None:
    """Give the noise that the header tells, in the image's unit, perhaps of each amplifier; None where it does not."""
    with of_frame(image.name):
        electrons, per_adu = read_noise(image.header), gain(image.header)
    regions = regions_of(image)
    if any(region.gain or region.read_noise for region in regions):
        before = gains_in_it(image)
        gains = before if len(before) == len(regions) else [one.gain or per_adu for one in regions]
        each = [
            _noise(image, its_own, one.read_noise or electrons) for one, its_own in zip(regions, gains, strict=True)
        ]
        return None if None in each else tuple(one for one in each if one)
    return _noise(image, per_adu, electrons)


def _noise(image: Image, per_adu: float | None, electrons: float | None) -> Noise | None:
    if image.state.unit.startswith("electron"):  # in ADU of what gain were they rounded?
        before = gains_in_it(image)
        per_adu = before[0] if len(before) == 1 else per_adu or 1.0
    if electrons is None or per_adu is None or not image.state.unit:
        return None
    return in_unit_of(image, Noise.of(gain=per_adu, read_noise=electrons))


def _everywhere(image: Image, noise: KnownNoise) -> tuple[tuple[Section, Noise], ...]:
    """Give the sections of an image with the noise of each; none where it is not known.

    :raises CalibrationError: there are more or fewer noises than amplifiers.
    """
    if noise is None or isinstance(noise, Noise):
        height, width = image.shape  # perhaps no rows yet, of a frame on disk
        return () if noise is None else ((Section(0, width, 0, height), noise),)
    regions = regions_of(image)
    if len(regions) != len(noise):
        raise CalibrationError(
            f"{image.name}: the noise of {len(noise)} amplifiers given, and its header tells of {len(regions) or 1}; "
            "give one for each, in their order, or one for all"
        )
    return tuple((region.section, one) for region, one in zip(regions, noise, strict=True))


def _unknown(image: Image, noise: object) -> str:
    """Say why the variance cannot be known; empty where it can."""
    if not noise:
        return "no gain and read noise in its header that can be believed"
    if image.kind == "bias":
        return ""
    ours = {step.does for step in image.history if not step.skipped}
    if image.state.bias == NO_BIAS:  # as was declared: nothing was taken out
        ours.add("bias")
    if any(step in image.state.done and step not in ours for step in ("bias", "dark", "flat")):
        return "calibrated elsewhere: of how many frames it is made, and what they counted, its header does not say"
    if image.state.flat:
        return "flat-fielded already, so that its values are not what was counted; estimate it before"
    if not (image.state.bias or image.state.overscan):
        return "its bias is still in, which has no photon noise; take it out first"
    return ""


LEAST_EXCESS = 1.1
"""Frames whose variance is not so many times that of their readout hold few photons, or none that count."""


@stage(rows=True)
def correct_median(image: Image, *, noise: Noise | None = None) -> Image:
    """Bring a median of counts up to their mean: by up to a sixth of an electron.

    Of values of skewness γ and standard deviation σ, the median of n lies (1 − v)·γσ/6 below the mean on average, where
    v is the variance of the median of n normal values of unit variance; of an even number, of one less (Cornish and
    Fisher 1938).  Of photons γσ³ is b²·level, with σ² = a + b·level.  The bias has to be out.  An image that is no
    median of three frames or more stays as it is, and so does one whose noise is not known, or whose frames scattered
    no more than their readout alone does.

    >>> import numpy as np
    >>> from pipeline import Image, MasterBias, Noise, combine, correct_median, pipe, subtract_bias
    >>> rng = np.random.default_rng(1)
    >>> lights = [Image.of(10.0 + rng.poisson(30, (50, 60))) for _ in range(5)]
    >>> bias = MasterBias.of(Image.of(np.full((50, 60), 10.0), kind="bias"))
    >>> median = pipe(lights, combine(method="median"), subtract_bias(bias=bias))
    >>> mean_of = lambda image: round(float(image.values.mean()), 2)
    >>> mean_of(median), mean_of(correct_median(median, noise=Noise.of(gain=1, read_noise=1)))
    (29.83, 29.95)

    :param noise: that of one frame without a bias, in the image's unit, as ``Noise.of(gain=1.5, read_noise=4.0)``; by
        default what the header says, where that is one noise for all amplifiers.
    """
    known = noise or noise_of(image)
    if not isinstance(known, Noise) or not is_median_of_counts(image, known):
        return image
    assert image.found is not None  # noqa: S101 - for the type checker
    values = image.pixels.values
    count = image.found.frames - (image.found.frames + 1) % 2
    missing = 1 - float(median_variance(np.array(count))) / count
    photons = known.b * np.maximum(np.nan_to_num(values), 0)
    shift: Array = missing * known.b / 6 * photons / (photons + max(known.a, known.floor))
    return attrs.evolve(image, data=attrs.evolve(image.pixels, values=sealed(values + shift.astype(values.dtype))))


def is_median_of_counts(image: Image, noise: Noise) -> bool:
    """Tell whether an image is the median of three frames or more that show more noise than their readout."""
    found = image.found
    if found is None or found.method != "median" or found.frames < 3 or image.kind == "bias":
        return False
    if found.noise is None or found.level is None or not (image.state.bias or image.state.overscan):
        return False
    readout = max(noise.a, noise.floor)
    return float(found.noise.variance(np.array(found.level))) > LEAST_EXCESS * readout
