"""Frames made by hand: even ones, of so many seconds, without their bias, with variance or photons, on disk."""

import numpy as np
from astropy.io import fits
from strategies import frames_of

from pipeline import Clip, FrameSet, Image, MasterBias, Noise, Pixels, each, open_frame, subtract_bias

SIZE = (5, 5)
GIVEN = Clip(noise=Noise(a=9.0, b=0.5))


def even(value):
    return np.full(SIZE, value, float)


def whole(plane):
    """Give a plane as it is, and one number as a plane that is the same all over."""
    return plane if np.ndim(plane) else even(plane)


def even_frames(*levels, **settings):
    """Make frames that are the same all over: one number a frame."""
    return frames_of(np.stack([even(level) for level in levels]), **settings)


def exposed(*seconds, kind="light"):
    """Make frames of so many seconds, which their names say."""
    return FrameSet(Image.of(even(7), kind=kind, exposure=one, name=f"{one}.fits") for one in seconds)


def without_bias(levels, exposures, variance=None):
    """Make frames that are the same all over, their bias taken out."""
    images = [
        Image.of(Pixels.of(even(level), variance=None if variance is None else even(variance)),
                 exposure=exposure, name=f"{exposure} s")
        for level, exposure in zip(levels, exposures, strict=True)
    ]  # fmt: skip
    bias = MasterBias.of(Image.of(Pixels.of(even(0), variance=even(0)), kind="bias"))
    return each(subtract_bias(bias=bias))(FrameSet(images))


def carrying(levels, variances):
    """Make frames that carry a variance, of planes of either or, where they are the same all over, of numbers."""
    return FrameSet(
        Image.of(Pixels.of(whole(level), 0, whole(variance)), name=f"{number}.fits")
        for number, (level, variance) in enumerate(zip(levels, variances, strict=True))
    )


def variance_of(image):
    """Give the variance of an image that is the same all over."""
    return image.pixels.variance[2, 2]


def photons(rng, levels, count, gain=2.0, read_noise=6.0):
    """Draw so many exposures of levels in ADU as a detector of this gain and read noise (in electrons) has them."""
    electrons = rng.poisson(gain * levels, (count, *levels.shape))
    return ((electrons + rng.normal(0, read_noise, electrons.shape)) / gain).round()


def on_disk(folder, frames):
    """Write whole-number frames and open them."""
    for number, frame in enumerate(frames):
        header = fits.Header({} if frame.exposure is None else {"EXPTIME": frame.exposure})
        fits.writeto(folder / f"{number}.fits", frame.pixels.values.astype(np.uint16), header)
    return FrameSet(open_frame(folder / f"{n}.fits", kind=f.kind) for n, f in enumerate(frames))
