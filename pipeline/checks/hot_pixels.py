"""By what a dark stands in an image: its hot and warm pixels tell, in which dark current stands out of all noise.

Each is compared with its neighbours in the row, in the image as in the dark, so that the sky, a nebula and the glow of
an amplifier cancel; beside a star neighbours differ, and the pixel says nothing.  The numbers are those of
:mod:`~pipeline.statistics.imprint`.
"""

from __future__ import annotations

import weakref

import attrs
import numpy as np

from pipeline.errors import CalibrationError
from pipeline.records.arrays import BoolArray, FloatArray
from pipeline.records.frames import Image
from pipeline.records.note import Note, names_of
from pipeline.records.pixels import Flag, FlagBits, Pixels
from pipeline.statistics.imprint import (
    ASTRAY,
    BESIDE,
    CALM,
    FEWEST_COLUMNS,
    LIFTED_NOISE,
    STRONG,
    Factor,
    Relief,
    enough,
    factor_of_hot,
    spread,
)
from pipeline.statistics.robust import median

LOOKED_AT = 32_000
"""So many pixels are looked at to see whether a dark fits, in whole rows: those with most hot pixels."""

FEWEST_ROWS = 16
BLOCKS = 4
"""They lie in so many blocks: each is read at once."""

ROWS_OF_BLOCK = 2
"""So many rows of each block tell how many hot pixels are in it."""

FEWEST_FITTED = 10
"""Of fewer hot pixels no factor is fitted."""

FEWEST_ASKED = 24
"""Of fewer hot pixels nothing is said."""

REGULATED = 0.03
"""A detector whose temperature is held to a quarter of a degree has dark current that is as equal as this."""

HARDLY_THERE = 0.05
"""A dark of which less stands in an image was taken out before, or holds hits and no hot pixels."""

SIGMAS_LEFT = 5.0
AGREED = 0.7
"""The part of hot pixels that must agree, or there are other things in the dark that look like them: hits."""


@attrs.frozen(eq=False, repr=False)
class HotRows:
    """Some rows of a dark: which, what stands out in them, and the variance of that where it is known."""

    rows: list[int]
    relief: Relief
    noise: FloatArray

    @classmethod
    def of(cls, dark: Image, rows: list[int]) -> HotRows:
        """Look at rows of a dark."""
        pixels = _picked(dark, rows)
        relief = _relief(pixels)
        return cls(rows, relief, _noise(pixels, relief))


_known: dict[int, HotRows] = {}
"""The rows of darks that were looked at, by the identity of their pixels, and forgotten with them."""


def fitted_factor(image: Image, dark: Image) -> Factor:
    """Fit by what a dark stands in an image, to all its hot pixels.

    :raises CalibrationError: there are too few.
    """
    found = _factor(image, HotRows.of(dark, list(range(dark.shape[0]))))
    if found is None or found.pixels < FEWEST_FITTED:
        raise CalibrationError(
            f"{image.name}: {0 if found is None else found.pixels} pixels in which the dark current of {dark.name} "
            f"stands out of the noise, and {FEWEST_FITTED} are the fewest that tell by what it stands in the image; "
            "scale it by exposure: subtract_dark, or --dark-scale exposure"
        )
    return found


def factor_seen(image: Image, dark: Image) -> Factor | None:
    """See by what a dark stands in an image, as some rows tell; None where they do not."""
    key = id(dark.data)
    if key not in _known:
        _known[key] = HotRows.of(dark, _rows_with_most(dark.pixels))
        weakref.finalize(dark.data, _known.pop, key, None)
    found = _factor(image, _known[key])
    told = found is not None and found.pixels >= FEWEST_ASKED and found.agreeing > AGREED
    return found if told else None


def dark_misfit(image: Image, dark: Image, times: float, found: Factor) -> tuple[Note, ...]:
    """Say that hot pixels will be left, or dark holes, where a dark is taken out ``times`` and was found otherwise."""
    off = abs(found.times / times - 1)
    if off <= max(REGULATED, 6 * found.error / times) or found.sigmas_left(times) <= SIGMAS_LEFT:
        return ()
    return (misfit_note(image, dark, times, found.times, sigmas=found.sigmas_left(times)),)


def misfit_note(image: Image, dark: Image, times: float, found: float, **figures: float) -> Note:
    """Make the note that a dark stands in an image by another factor than that by which it is taken out."""
    much, part = found < times, found / times
    left = "dark holes are left" if much else "they are left over"
    size = f" of {figures['sigmas']:.3g} sigma" if "sigmas" in figures else ""
    by_exposure = "" if times == 1 else f" instead of {times:.3g}"
    fits = f": the dark fits by {found:.3g}{by_exposure}: other temperature?" if part > HARDLY_THERE else ""
    fit = image.kind not in ("flat", "bias")
    mend = f"are the darks {'warmer' if much else 'colder'} or of another exposure than their headers say" + (
        ", are cosmic rays left in them, or was the dark taken out before?" if much else "?"
    )
    return Note(
        f"too {'much' if much else 'little'} dark: the hot pixels of {dark.short_name} stand in it {part:.2g} times: "
        f"{left}{size}{fits}",
        frames=names_of(image),
        mend=mend + (" fit_dark takes it out as strong as it is" if fit else ""),
        at_command=mend + (" --dark-scale fit takes it out as strong as it is" if image.kind == "light" else ""),
        figures=(("off", abs(part - 1)), ("times", part), ("factor", found), *figures.items()),
        fact=f"{image.kind} and {dark.kind}: too {'much' if much else 'little'} dark",
    )


def _factor(image: Image, hot: HotRows) -> Factor | None:
    if image.shape[1] < FEWEST_COLUMNS or not hot.rows:
        return None
    dark = hot.relief.structure
    known = np.isfinite(dark)
    out = np.zeros(dark.shape, bool)
    out[known] = dark[known] > STRONG * spread(dark[known])
    if not out.any():
        return None
    pixels = _picked(image, hot.rows)
    seen = _relief(pixels)
    good = np.isfinite(seen.structure)
    if good.any():
        good &= seen.apart <= CALM * median(enough(seen.apart[good]))
    ordinary = seen.structure[good & known & ~out]
    out &= good
    planes = seen.structure, dark, _noise(pixels, seen), hot.noise
    a, b, c, d = (plane[out].astype(np.float64) for plane in planes)
    return factor_of_hot(a - _common_light(ordinary), b, c, d)


def _common_light(ordinary: FloatArray) -> float:
    """Give by how much any pixel stands out of its neighbours' middle: among faint stars the mean lies above that."""
    if not ordinary.size:
        return 0.0
    kept = ordinary[np.abs(ordinary) < ASTRAY * spread(ordinary)]
    return float(kept.mean(dtype=np.float64)) if kept.size else 0.0


def _rows_with_most(pixels: Pixels) -> list[int]:
    """Choose blocks of rows in which a dark has most hot pixels, and no rows that are hot."""
    height, width = pixels.shape
    count = min(height, max(FEWEST_ROWS, LOOKED_AT // width))
    if count == height:
        return list(range(height))
    some = enough(pixels.values.reshape(-1))
    some = some[np.isfinite(some)]
    level = median(some)
    limit, each = level + STRONG * spread(some - level), count // BLOCKS
    starts = np.arange(0, height - each + 1, each)
    hot_in = np.zeros(starts.size, int)
    for row in range(0, each, -(-each // ROWS_OF_BLOCK)):
        hot = np.count_nonzero(pixels.values[row : starts[-1] + row + 1 : each] > limit, axis=1)
        hot_in += np.where(hot > width // 4, 0, hot)
    chosen = starts[np.argsort(hot_in, kind="stable")[-BLOCKS:]]
    rows = [row for start in sorted(map(int, chosen)) for row in range(start, start + each)]
    return [row for row in rows if np.count_nonzero(pixels.values[row] > limit) <= width // 4]


def _picked(image: Image, rows: list[int]) -> Pixels:
    """Read some rows, of an image on disk those that follow each other at once."""
    height, _ = image.shape
    if len(rows) == height:
        return image.pixels
    if isinstance(image.source, Pixels):
        return image.source.moved(lambda plane: plane[rows])
    runs = np.split(rows, np.flatnonzero(np.diff(rows) != 1) + 1)
    parts = [image.source.rows(int(run[0]), int(run[-1]) + 1) for run in runs]
    variances = [part.total_variance for part in parts]
    known = [variance for variance in variances if variance is not None]
    return Pixels(
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.flags for part in parts]),
        np.concatenate(known) if len(known) == len(parts) else None,
    )


def _relief(pixels: Pixels) -> Relief:
    """Look at rows; that a pixel is hot is what is asked for, and no reason to leave it out."""
    bad: BoolArray = (pixels.flags & ~FlagBits(Flag.HOT)) != 0
    return Relief.of(np.where(bad, np.nan, pixels.values))


def _noise(pixels: Pixels, relief: Relief) -> FloatArray:
    """Give the variance of what stands out: of the pixel, and of the neighbours that it is compared with."""
    known, far = relief.structure[np.isfinite(relief.structure)], BESIDE[1]
    common = spread(known) ** 2 if known.size else 0.0
    variance = pixels.total_variance
    if variance is None:
        return np.full(relief.structure.shape, common)
    own = np.maximum(variance[:, far : variance.shape[1] - far], common / LIFTED_NOISE)
    noise: FloatArray = own + common * (1 - 1 / LIFTED_NOISE)
    return noise
