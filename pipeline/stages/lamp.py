"""The colour of a flat's lamp: how its light changes along the dispersion, which is no response of the pixels."""

from __future__ import annotations

import numpy as np

from pipeline.errors import CalibrationError
from pipeline.records.pixels import Array
from pipeline.statistics.robust import fitted


def lamp_spectrum(values: Array, good: Array, *, by: str, order: int, saxis: int) -> Array:
    """Fit the lamp's light along the dispersion: (1, nx) for ``saxis`` 1, (ny, 1) for 0; always positive.

    A curve is fitted to the logarithm of the mean over good pixels of each column (row), so that any lamp of a
    colour that the curve can follow cancels, however steep.  Columns whose mean is not positive, or that lie
    further than 5 σ from the curve, do not count.

    :param by: "polynomial" of degree ``order``, or "spline", cubic, of ``order`` equal pieces.
    :raises CalibrationError: too few columns can be used.
    """
    across = 0 if saxis == 1 else 1
    count = good.sum(axis=across)
    total = np.where(good, values, 0).sum(axis=across, dtype=np.float64)
    mean = total / np.maximum(count, 1)
    lit = mean > 0
    terms = (polynomial if by == "polynomial" else spline)(mean.size, order)
    if lit.sum() < terms.shape[1]:
        raise CalibrationError(
            f"{int(lit.sum())} lit columns along the dispersion (saxis={saxis}) are too few for a {by} of order {order}"
        )
    factors, _ = fitted(terms[lit], np.log(mean[lit]))
    curve: Array = np.exp(terms @ factors)
    return curve.reshape((1, -1) if saxis == 1 else (-1, 1))


def polynomial(count: int, degree: int) -> Array:
    """Give Legendre polynomials up to a degree at ``count`` equal steps: (count, degree + 1)."""
    terms: Array = np.polynomial.legendre.legvander(np.linspace(-1, 1, count), degree)
    return terms


def spline(count: int, pieces: int) -> Array:
    """Give the cubic B-splines of equal pieces at ``count`` equal steps: (count, pieces + 3).

    Source: de Boor 1978, A Practical Guide to Splines.
    """
    at = np.linspace(0, pieces, count)
    piece = np.minimum(at.astype(int), pieces - 1)
    f = at - piece
    four = np.stack([(1 - f) ** 3, 3 * f**3 - 6 * f**2 + 4, -3 * f**3 + 3 * f**2 + 3 * f + 1, f**3]) / 6
    terms = np.zeros((count, pieces + 3))
    for number, weights in enumerate(four):
        terms[np.arange(count), piece + number] = weights
    return terms
