"""Fields of stars whose places and fluxes are known: frames of one sky, dithered, with sky, noise, defects and hits."""

import math

import attrs
import numpy as np

from pipeline import FrameSet, Image

_erf = np.vectorize(math.erf)


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
        light, sigma, reach = np.zeros(shape), fwhm / 2.3548, int(2.2 * fwhm) + 2
        up, right, angle = self.y - shape[0] / 2, self.x - shape[1] / 2, math.radians(degrees)
        y = shape[0] / 2 + up * math.cos(angle) + right * math.sin(angle) + shift[0]
        x = shape[1] / 2 - up * math.sin(angle) + right * math.cos(angle) + shift[1]
        for centre_y, centre_x, flux in zip(y, x, self.flux, strict=True):
            spans = [
                np.arange(max(round(centre) - reach, 0), min(round(centre) + reach, side - 1) + 2)
                for centre, side in zip((centre_y, centre_x), shape, strict=True)
            ]
            if min(span.size for span in spans) < 2:
                continue
            rows, columns = (
                np.diff(_erf((span - 0.5 - centre) / sigma / math.sqrt(2))) / 2
                for span, centre in zip(spans, (centre_y, centre_x), strict=True)
            )
            light[spans[0][0] : spans[0][-1], spans[1][0] : spans[1][-1]] += flux * np.outer(rows, columns)
        return light

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
