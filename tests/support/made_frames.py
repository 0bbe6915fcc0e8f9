"""Frames made by hand: of so many seconds, without their bias, on disk."""

import numpy as np
from astropy.io import fits

from pipeline import FrameSet, Image, MasterBias, Pixels, each, open_frame, subtract_bias


def without_bias(levels, exposures, variance=None):
    """Make frames that are the same all over, their bias taken out."""
    images = [
        Image.of(Pixels.of(np.full((5, 5), level), variance=None if variance is None else np.full((5, 5), variance)),
                 exposure=exposure, name=f"{exposure} s")
        for level, exposure in zip(levels, exposures, strict=True)
    ]  # fmt: skip
    bias = MasterBias.of(Image.of(Pixels.of(np.zeros((5, 5)), variance=np.zeros((5, 5))), kind="bias"))
    return each(subtract_bias(bias=bias))(FrameSet(images))


def exposed(*seconds, kind="light"):
    """Make frames of so many seconds, which their names say."""
    return FrameSet(Image.of(np.full((2, 2), 7.0), kind=kind, exposure=one, name=f"{one}.fits") for one in seconds)


def on_disk(tmp_path, frames):
    """Write whole-number frames and open them."""
    for number, frame in enumerate(frames):
        header = fits.Header({} if frame.exposure is None else {"EXPTIME": frame.exposure})
        fits.writeto(tmp_path / f"{number}.fits", frame.pixels.values.astype(np.uint16), header)
    return FrameSet(open_frame(tmp_path / f"{n}.fits", kind=f.kind) for n, f in enumerate(frames))
