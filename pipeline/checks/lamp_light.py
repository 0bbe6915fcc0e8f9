"""Where the flat of a spectrum has light: that of its lamp along the dispersion, times that of its slit across it.

The product of the two is fitted to all pixels that are known, so that a pixel that is missing is missing from what is
seen and from what is expected alike.  A mean over the pixels that are bright enough would not do: at the edge of a slit
these are rows in bright columns alone.
"""

from __future__ import annotations

import math

import attrs
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from pipeline.errors import HeaderWarning, PipelineWarning
from pipeline.headers.keywords import dispersion_axis
from pipeline.records.arrays import Array, BoolArray, FloatArray, IntArray
from pipeline.records.frames import Image
from pipeline.records.note import Note, names_of
from pipeline.statistics.robust import MAD_TO_SIGMA, quantile

POSITIVE_SIGMA = 5.0
"""A flat is positive where it is this many standard deviations above 0."""

BY_CHANCE = 2.5
"""σ by which the lamp must be brighter than that: or else those that are positive would be the high ones by chance."""

SCATTERED = 0.1
"""Of the light in the slit nearby: where a flat has less, light was scattered there, or it is the slit's very edge."""

SCATTERED_AFAR = 0.01
"""The same of the light in most of the slit, wherever that lies: slits and orders are not equally bright."""

NEARBY, NEAREST = 8, 32
"""Nearby is such a part of the frame across the dispersion, to either side, and so many rows at least."""

AT_THE_EDGE = 2.0
"""So much more light than far outside the slit is scattered at its edge; it has another colour than the lamp."""

ALONE = 0.02
"""In a row that has less than this part of them in the dark pixels are dead, and do not lie outside the slit."""

OFF = (0.5, 0.2, 0.1)
"""A pixel that differs from lamp times slit by more than this part, and by 5 σ, is dead, hot, or at a slanted edge: at
first, and when these were left out."""

FEW = 0.002
"""Leaving out so small a part of the pixels needs no second look."""

ROUNDS, SETTLED = 200, 1e-7
"""Lamp and slit are told apart in so many rounds at most, or until they change by no more than this part."""

SAMPLED_ROWS = 64
"""So many rows tell the noise of each column."""

FAINT_COLUMNS = 0.01
"""Where no noise is known, that of this part of the columns, those with least of it, is the noise without light."""

BESIDE = 4
"""What a column should have is the median of it and of so many to either side."""

UNEVEN = 1.2
"""A lamp that is so many times as bright at some wavelengths as at others is worth a note."""


@attrs.frozen(eq=False)
class LampLight:
    """What a flat has of its lamp's light.  Columns run across the dispersion: along y for ``saxis`` 1, x for 0.

    ``lamp`` is the light of a pixel of each column in the midst of the slit, and ``expected`` the same, or what the
    columns beside it have where it shows nothing but defects, and the lamp is not ``seen``.  ``slit`` is the light of
    each row relative to that.  In columns that are not ``lit`` a pixel is not expected to be positive at 5 σ.
    ``error`` is the standard deviation of ``lamp``, None where the noise is not known; then whatever is below ``least``
    may be noise.
    """

    lamp: FloatArray
    expected: FloatArray
    slit: FloatArray
    lit: BoolArray
    seen: BoolArray
    error: FloatArray | None
    least: float
    saxis: int

    @classmethod
    def of(
        cls, values: Array, *, known: BoolArray, sigma: FloatArray | float, saxis: int, roughly: bool = False
    ) -> LampLight:
        """Find lamp and slit in a flat.

        :param sigma: the standard deviation of pixels, or of any without light; 0 where it is not known.
        :param roughly: dead, hot and slanted parts count too, which is good enough to tell where there is light.
        """
        if saxis == 0:
            values, known = values.T, known.T
            sigma = sigma.T if isinstance(sigma, np.ndarray) else sigma
        lamp, slit = lamp_times_slit(values, known)
        rows = np.flatnonzero(slit > SCATTERED) if slit.any() else np.arange(slit.size)
        told = isinstance(sigma, np.ndarray) or sigma > 0
        some = _some(rows)
        if isinstance(sigma, np.ndarray):
            noise = _medians(sigma[some])
        else:
            noise = np.full(lamp.size, sigma if told else _least_noise(values[some], slit[some, None] * lamp))
        if not roughly and rows.size < slit.size:
            values, known = values[rows], known[rows]
        straight = None if roughly else _straight(values, known, lamp, slit[rows], noise)
        if straight is not None:
            lamp, slit[rows], known = straight
        count = known.sum(axis=0)
        seen = (count > 0) & (2 * count > np.median(count)) & (lamp > 0)
        expected = np.maximum(np.where(seen, lamp, _beside(lamp)), 0)
        lit = expected > (POSITIVE_SIGMA + BY_CHANCE) * noise
        return cls(
            lamp=lamp,
            expected=expected,
            slit=slit,
            lit=lit if lit.any() else expected > POSITIVE_SIGMA * noise,
            seen=seen,
            error=noise / np.sqrt(np.maximum(count, 1)) if told else None,
            least=0.0 if told else POSITIVE_SIGMA * float(noise[0]),
            saxis=saxis,
        )

    def leaves_dark(self, values: Array) -> BoolArray:
        """Tell in which pixels there is no light of the lamp: beyond its ends and outside the slit, straight or not."""
        seen = values if self.saxis == 1 else values.T
        share = np.maximum(SCATTERED * _nearby(self.slit), SCATTERED_AFAR)
        outside = np.flatnonzero(self.slit <= share)
        beyond = _medians(seen[_some(outside)]) if outside.size else np.zeros(self.lamp.size)
        beyond = np.where(self.lit, np.minimum(AT_THE_EDGE * beyond, AT_THE_EDGE * SCATTERED * self.expected), np.inf)
        share, expected, beyond = (one.astype(seen.dtype) for one in (share, self.expected, beyond))
        with np.errstate(invalid="ignore"):
            dark: BoolArray = ~(seen > share[:, None] * expected + beyond)
            alone = (dark & self.lit).sum(axis=1) <= ALONE * self.lit.sum()
            dark[alone] = ~self.lit
            if self.least:
                dark |= ~(seen > self.least)
        return dark if self.saxis == 1 else dark.T

    def unevenness(self) -> float:
        """Tell how many times as bright the lamp is at some wavelengths as at others, ends and lines apart."""
        lamp = self.expected[self.lit]
        return quantile(lamp, 0.95) / quantile(lamp, 0.05) if lamp.size else 1.0


def lamp_times_slit(values: Array, known: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Fit (ny, nx) values by one factor a column times one a row: (nx,) and (ny,).

    The sums over rows and over columns of what is known are those of the product: the most likely factors of Poisson
    counts.  The second factor is 1 for half of the light.
    """
    whole = bool(known.all())
    values = values if whole else np.where(known, values, values.dtype.type(0))
    columns, rows = (values.sum(axis=axis, dtype=np.float64) for axis in (0, 1))
    lamp, slit = np.zeros(columns.size), np.ones(rows.size)
    y, x = (np.empty(0, int),) * 2 if whole else np.nonzero(~known)
    for _ in range(ROUNDS):
        before = lamp
        lamp = _over(columns, slit.sum() - np.bincount(x, slit[y], columns.size))
        slit = np.maximum(_over(rows, lamp.sum() - np.bincount(y, lamp[x], rows.size)), 0)
        if whole or (np.abs(lamp - before) <= SETTLED * np.abs(lamp)).all():
            break
    ordered = np.sort(slit)
    light = np.cumsum(ordered)
    top = float(ordered[min(np.searchsorted(light, light[-1] / 2), slit.size - 1)]) or 1.0
    return lamp * top, slit / top


def _some(rows: IntArray) -> IntArray:
    """Give as many rows as tell what a column is like, from all over them."""
    some: IntArray = rows[:: math.ceil(rows.size / SAMPLED_ROWS)]
    return some


def _over(sums: FloatArray, weights: FloatArray) -> FloatArray:
    """Divide sums by what they should be, but for rows or columns of which hardly anything is known."""
    usable = weights > 1e-9 * weights.max(initial=0.0)
    return np.divide(sums, weights, out=np.zeros(sums.size), where=usable)


def _medians(rows: Array) -> FloatArray:
    """Give the median of what each column has in some rows; 0 where it has nothing, or less than that."""
    ordered = np.sort(rows, axis=0)  # NaN comes last
    count = rows.shape[0] - np.isnan(ordered).sum(axis=0)
    middle: FloatArray = ordered[np.maximum(count - 1, 0) // 2, np.arange(rows.shape[1])].astype(np.float64)
    return np.maximum(np.where(count > 0, middle, 0), 0)


def _least_noise(rows: Array, expected: FloatArray) -> float:
    """Give the noise of the faintest columns: what lamp and slit leave, or third differences along rows if smaller.

    Orders that are bent leave much of the one, steep lamps of the other.
    """
    if rows.shape[1] < 4:
        return 0.0
    left = quantile(_medians(np.abs(rows - expected)), FAINT_COLUMNS)
    steps = quantile(_medians(np.abs(np.diff(rows, 3, axis=1))), FAINT_COLUMNS) / math.sqrt(20)
    return MAD_TO_SIGMA * min(left, steps)


def _beside(lamp: FloatArray) -> FloatArray:
    """Give what columns should have by those beside them."""
    reach = min(BESIDE, (lamp.size - 1) // 2)
    windows = sliding_window_view(np.pad(lamp, reach, mode="edge"), 2 * reach + 1)
    return np.median(windows, axis=1)


def _nearby(slit: FloatArray) -> FloatArray:
    """Give the most light that rows nearby have, without rows that are hot, and at most that in most of the slit."""
    alone = min(2, (slit.size - 1) // 2)
    plain = np.median(sliding_window_view(np.pad(slit, alone, mode="edge"), 2 * alone + 1), axis=1)
    reach = max(slit.size // NEARBY, NEAREST)
    most: FloatArray = sliding_window_view(np.pad(np.minimum(plain, 1), reach, mode="edge"), 2 * reach + 1).max(axis=1)
    return most


def _straight(
    values: Array, known: BoolArray, lamp: FloatArray, slit: FloatArray, noise: FloatArray
) -> tuple[FloatArray, FloatArray, BoolArray] | None:
    """Fit lamp and slit again to the pixels that obey them; None where hardly any do: nothing is straight there."""
    good = known
    for off in OFF:
        good = known & _obeys(values, lamp, slit, noise, off)
        odd = 2 * good.sum(axis=0) < known.sum(axis=0)  # columns that are dead in part, of which lamp is a mean
        if odd.any():
            good[:, odd] = known[:, odd] & _obeys(values[:, odd], _beside(lamp)[odd], slit, noise[odd], off)
        if 2 * good.sum() < known.sum():
            return None
        lamp, slit = lamp_times_slit(values, good)
        if good.sum() > (1 - FEW) * known.sum():
            break
    return lamp, slit, good


def _obeys(values: Array, lamp: FloatArray, slit: FloatArray, noise: FloatArray, off: float) -> BoolArray:
    """Tell which pixels are as bright as lamp and slit say."""
    lamp, slit, noise = (one.astype(values.dtype) for one in (lamp, slit, POSITIVE_SIGMA * noise))
    expected = slit[:, None] * lamp
    with np.errstate(invalid="ignore"):
        obeys: BoolArray = np.abs(values - expected) <= off * np.abs(expected) + noise
    return obeys


def lamp_left_in(flat: Image, lamp: LampLight, by: str | float) -> tuple[Note, ...]:
    """Say of a spectrum's flat that is divided by one number that the colour of its lamp is left in it."""
    times = lamp.unevenness()
    if times < UNEVEN:
        return ()
    return (
        Note(
            f"the flat of a spectrum, divided by one number ({by}): the colour of its lamp, {times:.2g} times as "
            "bright at some wavelengths as at others, is left in it, and goes into all that it divides",
            PipelineWarning,
            frames=names_of(flat),
            mend="normalise_flat(by='spline') takes the lamp out",
            at_command="--flat-by spline takes the lamp out",
            figures=(("times as bright", times),),
            fact="lamp left in the flat",
        ),
    )


def other_axis(flat: Image, saxis: int) -> tuple[Note, ...]:
    """Say of a flat whose lamp is fitted along one axis that its header has the dispersion along the other."""
    axis = dispersion_axis(flat.header)
    if axis in (None, 2 - saxis):
        return ()
    there = 2 - axis if axis else saxis
    return (
        Note(
            f"its header says that the dispersion runs along {'yx'[there]}, and the light of the lamp is fitted along "
            f"{'yx'[saxis]}: it stays in the flat, and the slit goes out of it",
            HeaderWarning,
            frames=names_of(flat),
            mend=f"if the header is right, say saxis={there}",
            at_command=f"if the header is right, say --saxis {there}",
        ),
    )
