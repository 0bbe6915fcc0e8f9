"""What lights look at: stars, a nebula, a spectrum, the lines of a lamp; shifted, turned, and seen through air."""

from __future__ import annotations

import math
from typing import Protocol

import attrs
import numpy as np

from pipeline.records.arrays import Array, FloatArray

FWHM = 2 * math.sqrt(2 * math.log(2))
"""Full width at half maximum of a Gaussian, in its σ."""
_erf = np.vectorize(math.erf, otypes=[float])


@attrs.frozen
class Pointing:
    """How a frame sees the sky: blurred to a ``fwhm`` in px, shifted by rows and columns, turned about its middle."""

    fwhm: float = 3.0
    shift: tuple[float, float] = (0.0, 0.0)
    degrees: float = 0.0


class Scene(Protocol):
    """Anything that sends light."""

    def light(self, shape: tuple[int, int], view: Pointing = ...) -> FloatArray:
        """Give the e⁻ that fall into each pixel."""


@attrs.frozen
class Stars:
    """Stars, or anything round.

    They are at rows ``y`` and columns ``x`` of a frame that is not shifted, of a ``flux`` in e⁻, and spread by so many
    px (FWHM) before they are seen.
    """

    y: FloatArray
    x: FloatArray
    flux: FloatArray
    spread: float = 0.0

    @classmethod
    def drawn(
        cls,
        rng: np.random.Generator,
        stars: int,
        shape: tuple[int, int],
        *,
        fluxes: tuple[float, float] = (1e3, 1e5),
        beyond: float = 60.0,
        spread: float = 0.0,
    ) -> Stars:
        """Draw stars in and around a frame, so that others come in where some go out."""
        y, x = (rng.uniform(-beyond, side + beyond, stars) for side in shape)
        return cls(y, x, log_even(rng, *fluxes, stars), spread)

    def light(self, shape: tuple[int, int], view: Pointing = Pointing()) -> FloatArray:
        """Give Gaussians, integrated over pixels."""
        light, width, angle = np.zeros(shape), math.hypot(view.fwhm, self.spread), math.radians(view.degrees)
        up, right = self.y - shape[0] / 2, self.x - shape[1] / 2
        y = shape[0] / 2 + up * math.cos(angle) + right * math.sin(angle) + view.shift[0]
        x = shape[1] / 2 - up * math.sin(angle) + right * math.cos(angle) + view.shift[1]
        reach = int(2.2 * width) + 2
        for centre_y, centre_x, flux in zip(y, x, self.flux, strict=True):
            rows, columns = (_near(at, reach, side) for at, side in zip((centre_y, centre_x), shape, strict=True))
            if rows.size and columns.size:
                parts = np.outer(pixel_shares(rows, centre_y, width), pixel_shares(columns, centre_x, width))
                light[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] += flux * parts
        return light


@attrs.frozen
class Together:
    """Several things in one place."""

    parts: tuple[Scene, ...]

    def light(self, shape: tuple[int, int], view: Pointing = Pointing()) -> FloatArray:
        """Give their light added up."""
        return sum((part.light(shape, view) for part in self.parts), start=np.zeros(shape))


@attrs.frozen
class Trace:
    """The spectrum of a star along x at a ``row``, of a ``flux`` in e⁻ in each column."""

    row: float
    flux: FloatArray

    @classmethod
    def drawn(cls, rng: np.random.Generator, shape: tuple[int, int], *, flux: float = 2e4) -> Trace:
        """Draw a continuum with eight absorption lines, near the middle row."""
        x = np.arange(shape[1])
        continuum = flux * np.exp(-(((x / shape[1] - 0.55) / 0.35) ** 2))
        for _ in range(8):
            continuum *= 1 - rng.uniform(0.1, 0.6) * np.exp(-(((x - rng.uniform(0, shape[1])) / 2.5) ** 2))
        return cls(shape[0] / 2 + rng.uniform(-5, 5), continuum)

    def light(self, shape: tuple[int, int], view: Pointing = Pointing()) -> FloatArray:
        """Give the trace: it wanders along the slit only."""
        return np.outer(pixel_shares(np.arange(shape[0]), self.row + view.shift[0], view.fwhm), self.flux)


@attrs.frozen
class Lines:
    """Emission lines across all rows at columns ``x``, of a ``flux`` in e⁻ in each row."""

    x: FloatArray
    flux: FloatArray

    @classmethod
    def drawn(
        cls, rng: np.random.Generator, lines: int, shape: tuple[int, int], *, fluxes: tuple[float, float] = (500.0, 6e4)
    ) -> Lines:
        """Draw the lines of a lamp, or of the night sky."""
        return cls(rng.uniform(0, shape[1], lines), log_even(rng, *fluxes, lines))

    def light(self, shape: tuple[int, int], view: Pointing = Pointing()) -> FloatArray:
        """Give the lines: they wander along the dispersion only."""
        columns = np.arange(shape[1])
        shares = [pixel_shares(columns, x + view.shift[1], view.fwhm) for x in self.x]
        return np.tile(self.flux @ np.array(shares), (shape[0], 1))


def nebula(rng: np.random.Generator, shape: tuple[int, int]) -> Together:
    """Draw a bright nebula: clouds, knots, and stars in it."""
    size = shape[0] * shape[1] / 300**2
    kinds = ((4, (2e6, 6e6), 60.0), (30, (3e4, 3e5), 12.0), (60, (1e3, 5e4), 0.0))
    return Together(
        tuple(
            Stars.drawn(rng, math.ceil(count * size), shape, fluxes=fluxes, beyond=20.0, spread=spread)
            for count, fluxes, spread in kinds
        )
    )


def log_even(rng: np.random.Generator, least: float, most: float, size: int | tuple[int, int] = 1) -> FloatArray:
    """Draw numbers whose logarithms are spread evenly."""
    return np.exp(rng.uniform(math.log(least), math.log(most), size))


def pixel_shares(pixels: Array, centre: float, fwhm: float) -> FloatArray:
    """Give the part of a Gaussian that falls into pixels, along one axis."""
    sigma = fwhm / FWHM * math.sqrt(2)
    shares: FloatArray = (_erf((pixels + 0.5 - centre) / sigma) - _erf((pixels - 0.5 - centre) / sigma)) / 2
    return shares


def _near(centre: float, reach: int, side: int) -> Array:
    """Give the pixels of an axis that a star reaches."""
    return np.arange(max(round(centre) - reach, 0), min(round(centre) + reach + 1, side))
