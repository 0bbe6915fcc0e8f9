"""Fields of stars whose places and fluxes are known: frames of one sky, dithered, with sky, noise, defects and hits."""

import attrs
import numpy as np

from pipeline import FrameSet, Image
from pipeline.simulation.skies import Pointing, Stars


@attrs.frozen
class Field:
    """Stars at rows ``y`` and columns ``x`` of a frame that is not shifted, of a ``flux`` in electrons."""

    y: np.ndarray
    x: np.ndarray
    flux: np.ndarray

    @classmethod
    def drawn(cls, seed, stars, shape, *, fluxes=(1e3, 3e4), beyond=60):
        """Draw stars in and around a frame, so that others come in where some go out."""
        rng = np.random.default_rng(seed)
        y, x = (rng.uniform(-beyond, side + beyond, stars) for side in shape)
        return cls(y, x, np.exp(rng.uniform(*np.log(fluxes), stars)))

    @classmethod
    def spaced(cls, seed, shape, *, apart=40, fluxes=(2e4, 2e5)):
        """Put stars on a grid, each by itself, wherever in a pixel."""
        rng = np.random.default_rng(seed)
        y, x = (part.ravel() for part in np.meshgrid(*(np.arange(apart, side - 0.9 * apart, apart) for side in shape)))
        y, x = (part + rng.uniform(-0.5, 0.5, part.size) for part in (y, x))
        return cls(y, x, np.exp(rng.uniform(*np.log(fluxes), y.size)))

    def light(self, shape, *, fwhm=3.0, shift=(0.0, 0.0), degrees=0.0):
        """Give what falls into each pixel: round stars, integrated over pixels, shifted and turned about the middle."""
        return Stars(self.y, self.x, self.flux).light(shape, Pointing(fwhm, shift, degrees))

    def frame(self, rng, shape, *, sky=200.0, pedestal=300.0, hits=0, **light):
        """Expose it once: photon noise, 5 electrons of read noise, and hits in single pixels."""
        seen = rng.poisson(self.light(shape, **light) + sky) + rng.normal(0, 5, shape) + pedestal
        seen.flat[rng.integers(0, seen.size, hits)] += 10 ** rng.uniform(2, 4, hits)
        return seen.astype(np.float32)


def dithers(seed, frames, span):
    """Draw shifts of frames, the first at none."""
    drawn = np.random.default_rng(seed).uniform(-span, span, (frames, 2))
    return drawn - drawn[0]


def lights_of(images, shifts=None, **cards):
    """Make lights of images, whose WCS follows their shifts."""
    shifts = np.zeros((len(images), 2)) if shifts is None else shifts
    return FrameSet(
        Image.of(image, header=header(shift, **cards), name=f"l{number}.fits")
        for number, (image, shift) in enumerate(zip(images, shifts, strict=True))
    )


def header(shift=(0.0, 0.0), **cards):
    """Give a header with a WCS in which the sky lies shifted."""
    return {
        "EXPTIME": 10.0, "GAIN": 1.0, "RDNOISE": 5.0, "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 10.0,
        "CRVAL2": 20.0, "CRPIX1": 101.0 + shift[1], "CRPIX2": 91.0 + shift[0], "CDELT1": -1e-4, "CDELT2": 1e-4,
        "LTV1": 0.0, "LTV2": 0.0, **cards,
    }  # fmt: skip
