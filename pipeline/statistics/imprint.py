"""How strongly the small structure of a master stands in an image: what shows whether the master fits it.

A light that was only exposed holds the pattern of its bias once, the hot pixels of its dark once, and the response of
its pixels once for each photon.  Structure is told from stars, skies and lamps by how far a pixel lies from others of
its row a few columns away: what is smooth over some twenty columns cancels.
"""

from __future__ import annotations

import math

import attrs
import numpy as np

from pipeline.records.arrays import Array, BoolArray, FloatArray
from pipeline.statistics.robust import MAD_TO_SIGMA, median, quantile

BESIDE = (6, 10)
"""Columns to either side with which a pixel is compared: of the same colour of a mosaic and of the same half of a
readout in two, and out of step with patterns that repeat every 4 or 8 columns."""

FEWEST_COLUMNS = 32
FEWEST_PIXELS = 512
GROUPS = 16
"""Parts of an image that are measured apart, to see how well they agree."""

LIFTED_NOISE = 1.3
"""The variance of a pixel minus the middle of four others, over that of a pixel."""

CALM = 3.0
"""Pixels whose neighbours differ by more times what is common lie at a star or a line, and say nothing."""

LIT = 5.0
"""σ above 0 from which a pixel, or a part of an image, shows enough light to tell a response by."""

MARGINAL = 0.2
"""Where more of the lit pixels lie within 1 σ of that bound, noise chooses them: their neighbours' responses, which
count too, then show too little."""

STRONG = 5.0
"""σ from which a pixel of a master says by itself whether it stands in an image."""

SURE = 0.15
"""What is known no better is not known."""

MOST_SEEN = 3.0
"""A pixel of an image that stands out by so many times what a response explains shows a star."""

FEWEST_STRONG = 24
"""So many pixels, spread over the image, speak for a master."""

OBEYING = 0.3

STANDS_OUT = 10.0
"""σ of a dark from which the dark current of a pixel, as image and dark together tell it, bears on the factor."""

OWN_WAY = 0.005
"""Hot pixels change by at least so much apart from each other, with temperature and in the way they fill."""

ASTRAY = 4.0
"""A pixel so many σ off is hit, lies in a star, or is not linear."""

MOST_ROUNDS = 50

ENOUGH = 2**12
"""So many pixels tell a typical size to 2 %."""


@attrs.frozen
class Imprint:
    """How often a master's structure stands in an image: 1 where it fits, 0 where it is not there.

    ``error`` is the standard error, as parts of the image show it.  ``obeying`` is the fraction of the ``pixels`` that
    speak for 1, where each of them was asked; NaN where it was measured on all together.  ``as_seen`` is ``times``
    before the master's own noise is accounted for, which may be less than was said: twilights of several levels
    scatter more than their response does.
    """

    times: float
    error: float
    pixels: int
    obeying: float = math.nan
    as_seen: float = math.nan

    def off_by(self, least: float) -> bool:
        """Tell whether it differs from 1 by more than ``least``, and by far more than its error."""
        few = math.isnan(self.obeying) or self.obeying < OBEYING
        doubted = self.as_seen < self.times and self.times > 1
        times = max(self.as_seen, 1.0) if doubted else self.times
        return bool(few and self.error < SURE and abs(times - 1) > max(least, 6 * self.error))


@attrs.frozen
class Factor:
    """By what a dark stands in an image, as its hot pixels tell, and the standard error of that.

    ``pixels`` so many speak for it, and ``agreeing`` is their part of all in which the dark current stands out.
    ``dark_current`` is what the dark holds of it in each of them, ``variance`` that of the image and of the dark there.
    """

    times: float
    error: float
    agreeing: float
    dark_current: FloatArray
    variance: tuple[FloatArray, FloatArray]

    @property
    def pixels(self) -> int:
        """How many speak for it."""
        return self.dark_current.size

    def sigmas_left(self, times: float) -> float:
        """Give by how many σ of a pixel one hot pixel in ten is off at least where the dark is taken out so often."""
        seen, dark = self.variance
        off = abs(self.times - times) * self.dark_current
        return quantile(off / np.sqrt(np.maximum(seen + times**2 * dark, np.finfo(float).tiny)), 0.9)


def beside(rows: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Give what a pixel's neighbours lead to expect, the middle of four, and how far they lie apart.

    :param rows: (rows, columns); what is given is (rows, columns − 20), those in the middle.
    """
    near, far = BESIDE
    width = rows.shape[1] - 2 * far
    four = [rows[:, far + step : far + step + width] for step in (-far, -near, near, far)]
    a, b = np.minimum(four[0], four[1]), np.maximum(four[0], four[1])
    c, d = np.minimum(four[2], four[3]), np.maximum(four[2], four[3])
    return 0.5 * (np.maximum(a, c) + np.minimum(b, d)), np.maximum(b, d) - np.minimum(a, c)


@attrs.frozen(eq=False, repr=False)
class Relief:
    """Rows of an image and what stands out in them: ``structure`` over the ``ground`` that neighbours lead to expect.

    ``values`` are (rows, columns), NaN where a pixel is bad; the others leave out the ten columns at either side.
    ``apart`` is how far the neighbours lie from each other.
    """

    values: FloatArray
    structure: FloatArray
    ground: FloatArray
    apart: FloatArray

    @classmethod
    def of(cls, values: FloatArray) -> Relief:
        """Look at rows; values whose squares no number holds are no measurements."""
        largest = np.cbrt(np.finfo(values.dtype).max)
        values = np.where(np.abs(values) < largest, values, np.nan)
        ground, apart = beside(values)
        far = BESIDE[1]
        return cls(values, values[:, far : values.shape[1] - far] - ground, ground, apart)

    def scaled(self, times: float) -> Relief:
        """Give the same of values so many times as large."""
        if times == 1:
            return self
        return Relief(self.values * times, self.structure * times, self.ground * times, self.apart * abs(times))


def enough(values: Array) -> Array:
    """Give as many of many values as tell what is typical of them: from all of its rows."""
    return values[:: values.size // ENOUGH | 1]


def spread(values: Array) -> float:
    """Give the standard deviation of values around 0, wild ones left out; NaN of none."""
    return MAD_TO_SIGMA * median(np.abs(enough(values)))


def imprints(image: Relief, master: Relief, noise: float | None, *, response: bool = False) -> list[Imprint]:
    """Measure how often the structure of a master stands in an image: by its strongest pixels, and by all.

    :param image: before the master is taken out of it.
    :param master: the same rows, as they are to be taken out.
    :param noise: the variance of a pixel of the master; None where it is not known, and its many faint pixels say
        nothing.
    :param response: the master multiplies what the image shows, rather than being added to it.
    """
    if image.values.shape[1] < FEWEST_COLUMNS or image.values.size < FEWEST_PIXELS:
        return []
    seen, structure = image.structure, master.structure
    good = np.isfinite(structure) & np.isfinite(seen)
    if response:
        sigma = spread(seen[good])
        above = image.ground - LIT * sigma
        good &= above > 0
        if np.count_nonzero(good & (above < sigma)) > MARGINAL * np.count_nonzero(good):
            return []
        with np.errstate(divide="ignore", invalid="ignore"):
            seen, structure = seen / image.ground, structure / master.ground
    if good.any():
        good &= image.apart <= CALM * median(enough(image.apart[good]))
    if np.count_nonzero(good) < FEWEST_PIXELS:
        return []
    if response and noise is not None:
        noise /= median(enough(master.ground[good])) ** 2
    seen, structure = seen[good], structure[good]
    sigmas = spread(seen), spread(structure)
    if not sigmas[0] > 0:  # a plateau is saturated, and shows nothing
        return []
    measured = (
        _of_strong(seen, structure, sigmas, response),
        None if noise is None else _of_all(seen, structure, sigmas, good, noise),
    )
    return [one for one in measured if one]


def imprint_of_columns(image: FloatArray, master: FloatArray) -> Imprint | None:
    """Measure how often what all rows of a master have in common stands in an image; None where that is little.

    A row of the image and one of the master are compared with another row of the master, so that neither the noise of
    the master counts, nor a hot pixel of its own.

    :param image: (rows, columns), NaN where a pixel is bad, before the master is taken out of it.
    :param master: the same rows.
    """
    rows, width = len(image), image.shape[1] - 4
    if rows < 2 or width < FEWEST_COLUMNS:
        return None
    seen, structure = (one[:, 2:-2] - 0.5 * (one[:, :-4] + one[:, 4:]) for one in (image, master))
    good = np.isfinite(structure) & np.isfinite(seen)
    most = STRONG * spread(seen[good])
    good &= (np.abs(seen) < most) & (np.abs(structure) < most)  # no stars, and no column that is hot
    if np.count_nonzero(good) < FEWEST_PIXELS:
        return None
    starts = np.arange(GROUPS) * width // GROUPS

    def summed(products: FloatArray) -> FloatArray:
        total: FloatArray = np.add.reduceat(products.sum(axis=0, dtype=np.float64), starts)
        return total

    structure = np.where(good, structure, 0)
    another = np.roll(structure, rows // 2, axis=0)
    sums = summed(np.where(good, seen, 0) * another), summed(structure * another)
    known = sums[1] > STRONG * spread(structure[good]) ** 2 * math.sqrt(np.count_nonzero(good) / GROUPS)
    if np.count_nonzero(known) < GROUPS / 2:
        return None
    times = sums[0][known] / sums[1][known]
    typical = median(times)
    return Imprint(typical, 1.25 * spread(times - typical) / math.sqrt(times.size), int(np.count_nonzero(good)))


def imprint_of_warm(image: Relief, master: Relief) -> Imprint | None:
    """Measure how often pixels that stand out in a master stand in an image whose noise hides each of them.

    What most of them say counts, each as much as it stands out; None where they are few.
    """
    good = np.isfinite(master.structure) & np.isfinite(image.structure)
    if np.count_nonzero(good) < FEWEST_PIXELS:
        return None
    good &= image.apart <= CALM * median(enough(image.apart[good]))
    seen, structure = image.structure[good], master.structure[good]
    noise = spread(seen)
    warm = structure > STRONG * spread(structure)
    if np.count_nonzero(warm) < FEWEST_STRONG:
        return None
    seen, structure = seen[warm], structure[warm]
    times = _weighted_median(seen / structure, structure)
    scatter = max(noise, spread(seen - times * structure))
    return Imprint(times, 1.25 * scatter / math.sqrt(float((structure**2).sum())), warm.size)


def factor_of_hot(seen: FloatArray, dark: FloatArray, noise_seen: FloatArray, noise_dark: FloatArray) -> Factor | None:
    """Fit by what a dark stands in an image, to pixels in which dark current may stand out; None where it does in none.

    The line image = k × dark through 0, with errors in both (York 1966, Can. J. Phys. 44, 1079): pixels are chosen and
    weighed by the dark current that both together tell, on which the distance from the line does not depend, so that
    pixels which noise makes hot do not bear on k.  It starts from the weighted median of the pixels' own factors.  How
    far hot pixels go their own way, each with its temperature, is measured; what is off by more is left out.

    :param seen: what stands out in the image above its neighbourhood, of each pixel.
    :param dark: the same of the dark.
    :param noise_seen: the variance of that of the image.
    :param noise_dark: and of the dark.
    """
    tiny = np.finfo(np.float64).tiny
    noise_seen, noise_dark = np.maximum(noise_seen, tiny), np.maximum(noise_dark, tiny)
    out = dark > STANDS_OUT * np.sqrt(noise_dark)
    if not out.any():
        return None
    own = np.sqrt(noise_seen[out] + noise_dark[out]) / dark[out]
    times = _weighted_median(seen[out] / dark[out], 1 / np.maximum(own, ASTRAY * OWN_WAY))
    current, off = dark, seen - times * dark
    used = weight = np.zeros(dark.size)
    for _ in range(MOST_ROUNDS):
        before = times
        scatter = _own_way(off[out], times * current[out], noise_seen[out] + times**2 * noise_dark[out])
        apart = noise_seen + (scatter * times * current) ** 2
        both = apart + times**2 * noise_dark
        current = (dark * apart + times * seen * noise_dark) / both
        out = current > STANDS_OUT * np.sqrt(noise_dark)
        used = out & (np.abs(off) < ASTRAY * np.sqrt(both))
        if not used.any():
            return None
        weight = np.where(used, current / both, 0)
        times = float((weight * seen).sum() / (weight * dark).sum())
        off = seen - times * dark
        if abs(times - before) <= 1e-7 * abs(times):
            break
    count = int(np.count_nonzero(used))
    error = math.sqrt(float(((weight * off) ** 2).sum()) * count / max(count - 1, 1)) / abs(
        float((weight * dark).sum())
    )
    left = current[used], (noise_seen[used], noise_dark[used])
    return Factor(times, error, count / int(np.count_nonzero(out)), *left)


def _own_way(off: FloatArray, current: FloatArray, noise: FloatArray) -> float:
    """Give the part of their dark current by which pixels scatter besides their noise, by the median of them."""
    least, most = OWN_WAY, 1.0
    for _ in range(12):
        middle = math.sqrt(least * most)
        scatters_less = median(np.abs(off) / np.sqrt(noise + (middle * current) ** 2)) * MAD_TO_SIGMA < 1
        least, most = (least, middle) if scatters_less else (middle, most)
    return least


def _weighted_median(values: FloatArray, weight: FloatArray) -> float:
    order = np.argsort(values)
    below = np.cumsum(weight[order], dtype=np.float64)
    return float(values[order][np.searchsorted(below, 0.5 * below[-1])])


def _of_strong(seen: FloatArray, structure: FloatArray, sigmas: tuple[float, float], response: bool) -> Imprint | None:
    """Ask each pixel in which the master would show above the noise of both, but for those of a response at stars."""
    strong = np.abs(structure) > STRONG * max(sigmas)
    if response:
        strong &= np.abs(seen) < MOST_SEEN * np.abs(structure)
    if strong.sum() < FEWEST_STRONG:
        return None
    ratio = seen[strong] / structure[strong]
    times = median(ratio)
    error = 1.25 * spread(ratio - times) / math.sqrt(ratio.size)
    return Imprint(times, error, ratio.size, float(np.mean(np.abs(ratio - 1) < 0.25)))


def _of_all(
    seen: FloatArray, structure: FloatArray, sigmas: tuple[float, float], good: BoolArray, noise: float
) -> Imprint | None:
    """Fit all pixels but the strongest by least squares, where most of what the master shows is no noise of its own.

    Noise in the master makes its structure look fainter in the image, by a factor that is known.

    :param good: (rows, columns), where ``seen`` and ``structure`` lie.
    """
    shown = sigmas[1] ** 2
    real = 1 - LIFTED_NOISE * noise / shown if shown > 0 else 0.0
    if not real > 0.5:
        return None
    even = (np.abs(structure) < STRONG * sigmas[1]) & (np.abs(seen) < STRONG * sigmas[0])
    structure = np.where(even, structure, 0)
    group = np.broadcast_to(np.arange(good.shape[1]) * GROUPS // good.shape[1], good.shape)[good]
    both, alone = (np.bincount(group, product, GROUPS) for product in (structure * seen, structure**2))
    known = alone > 0
    times = both[known] / alone[known] / real
    typical = median(times)
    error = 1.25 * spread(times - typical) / math.sqrt(times.size)
    return Imprint(typical, error, int(np.count_nonzero(even)), as_seen=typical * real)
