"""Steps, masters and frames small enough to put together in every way."""

import attrs
import numpy as np
from astropy.io import fits
from hypothesis import strategies as st
from strategies import frames_of

from pipeline import (
    Flag,
    FrameSet,
    Image,
    MasterBias,
    MasterDark,
    Pixels,
    divide,
    flag_saturated,
    normalise_flat,
    open_frame,
    stage,
    subtract_bias,
    subtract_dark,
)

SHAPE = (4, 5)

rng = np.random.default_rng(7)


def image_of(values, kind, exposure=10.0, flag=0):
    values = np.broadcast_to(np.asarray(values, np.float32), SHAPE)
    flags = np.zeros(SHAPE, np.uint8)
    flags[0, 0] = flag
    return Image.of(Pixels.of(values, flags, np.full(SHAPE, 2.0)), kind=kind, exposure=exposure, name=f"{kind}.fits")


BIAS = MasterBias.of(image_of(rng.uniform(90, 110, SHAPE), "bias", flag=Flag.HOT))

DARK = MasterDark.of(image_of(rng.uniform(1, 9, SHAPE), "dark", 20.0, flag=Flag.DEAD), has_bias=False)

FLAT = normalise_flat(image_of(rng.uniform(900, 1100, SHAPE), "flat", flag=Flag.BAD))

LIGHT = image_of(rng.uniform(500, 600, SHAPE), "light", 30.0, flag=Flag.COSMIC_RAY)

STEPS = (
    flag_saturated(level=550.0),
    subtract_bias(bias=BIAS),
    subtract_dark(dark=DARK),
    divide(flat=FLAT),
    subtract_bias(bias=None),
)

NIGHT = FrameSet(frames_of(rng.integers(500, 600, (3, *SHAPE)).astype("u2"), exposure=30.0))


@stage
def levelled(image: Image) -> Image:
    """Subtract an image's own mean: no pixelwise step."""
    pixels = image.pixels
    mean = Pixels.of(np.full(pixels.shape, pixels.values.mean()))
    return attrs.evolve(image, data=pixels.minus(mean))


class CountingSource:
    """Pixels that count how many rows of them were asked for."""

    def __init__(self, pixels):
        self.pixels, self.shape, self.dtype, self.read = pixels, pixels.shape, pixels.values.dtype, 0
        self.stored, self.ceiling = None, pixels.ceiling

    def rows(self, start, stop):
        self.read += stop - start
        return self.pixels.cut(slice(start, stop))

    def loaded(self):
        return self

    def check_unchanged(self):
        pass


def counted(frames):
    return FrameSet(attrs.evolve(frame, data=CountingSource(frame.pixels)) for frame in frames)


def on_disk(frames, folder):
    for number, frame in enumerate(frames):
        header = fits.Header({"EXPTIME": frame.exposure})
        fits.writeto(folder / f"{number}.fits", frame.pixels.values, header, overwrite=True)
    return FrameSet(open_frame(folder / f"{number}.fits") for number in range(len(frames)))


chains = st.lists(st.sampled_from([*STEPS[:4], levelled()]), unique_by=repr, max_size=4).map(
    lambda steps: sorted(steps, key=lambda step: STEPS.index(step) if step in STEPS else 2.5)
)
"""Steps in an order that is allowed."""


def names(record):
    return [ran.stage for ran in record.history]
