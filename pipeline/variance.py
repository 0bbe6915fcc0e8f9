"""The variance of a single frame, which shows no scatter: from gain and read noise."""

from __future__ import annotations

import attrs
import numpy as np

from pipeline.counting import in_unit_of
from pipeline.errors import StepError, VarianceWarning
from pipeline.frames import Image
from pipeline.keywords import gain, read_noise
from pipeline.noise import Noise
from pipeline.pixels import sealed
from pipeline.running import advise
from pipeline.stages import stage


@stage(rows=True)
def estimate_variance(image: Image, *, noise: Noise | None = None) -> Image:
    """Give a single frame the variance that read noise and photons leave it: a + b·level, level without the bias.

    An image that carries a variance keeps it.  Where it cannot be known the image stays as it is, with a word said.

    :param noise: that of values without a bias, in the image's unit, as ``Noise.of(gain=1.5, read_noise=4.0)``; by
        default what the header says.
    :raises StepError: the image is a combination; combine gives its variance.
    """
    if image.pixels.variance is not None:
        return image
    if image.found is not None and image.found.frames > 1:
        raise StepError(
            f"{image.name}: a combination, whose variance is not that of one frame; ask for it where the frames are "
            "combined, as in combine(variance='noise')"
        )
    known = noise or noise_of(image)
    unknown = _unknown(image, known)
    if unknown or known is None:
        advise(f"{image.name}: its variance is not known: {unknown}", VarianceWarning)
        return image
    values = image.pixels.values
    level = np.zeros_like(values) if image.kind == "bias" else values
    counted = attrs.evolve(known.counted, floor=max(known.a, known.floor))  # no pixel is quieter than its readout
    variance = np.where(np.isfinite(values), counted.variance(level), np.nan).astype(values.dtype)
    return attrs.evolve(image, data=attrs.evolve(image.pixels, variance=sealed(variance)))


def noise_of(image: Image) -> Noise | None:
    """Give the noise that the header tells, in the image's unit; None where it does not."""
    electrons, per_adu = read_noise(image.header), gain(image.header)
    if image.state.unit.startswith("electron"):
        per_adu = 1.0
    if electrons is None or per_adu is None or not image.state.unit:
        return None
    return in_unit_of(image, Noise.of(gain=per_adu, read_noise=electrons))


def _unknown(image: Image, noise: Noise | None) -> str:
    """Say why the variance cannot be known; empty where it can."""
    if noise is None:
        return (
            "no gain and read noise in its header that can be believed; give them (--gain and --read-noise, or "
            "noise=Noise.of(gain=..., read_noise=...))"
        )
    if image.kind == "bias":
        return ""
    ours = {ran.stage for ran in image.history if not ran.skipped}
    steps = ((image.state.bias, "subtract_bias"), (image.state.dark, "subtract_dark"), (image.state.flat, "divide"))
    if any(by and step not in ours for by, step in steps):
        return "calibrated elsewhere: of how many frames it is made, and what they counted, its header does not say"
    if image.state.flat:
        return "flat-fielded already, so that its values are not what was counted; estimate it before"
    if not (image.state.bias or image.state.overscan):
        return "its bias is still in, which has no photon noise; take it out first"
    return ""
