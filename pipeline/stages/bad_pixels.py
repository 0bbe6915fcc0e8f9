"""Bad pixels: flagged by a mask, found where they stand out of a dark or a flat, and grown over their neighbours."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any, TypeAlias

import attrs
import numpy as np

from pipeline.compose.settings import Limits
from pipeline.compose.stage import stage
from pipeline.compose.telling import advise
from pipeline.errors import SettingError, ShapeError, StepError
from pipeline.records.arrays import BoolArray, FloatArray, IntArray, same_array, sealed
from pipeline.records.frames import Image
from pipeline.records.identity import cheap_hash, content_key
from pipeline.records.pixels import Flag, FlagBits, Pixels, seal_flags
from pipeline.stacking.clip import Sigmas
from pipeline.stages.checks import check_in_place, check_neighbours
from pipeline.statistics.medians import middles
from pipeline.statistics.robust import MAD_TO_SIGMA
from pipeline.statistics.rounding import step_of

TOO_MANY = 0.5
"""A mask with more of its pixels bad than this was perhaps meant the other way round."""

HOT_SIGMA = 8.0
DEAD_BELOW = 0.5

WINDOW = 15
"""The surroundings of a pixel: so many rows and columns about it.  Defects of up to half of that stand out."""

ENOUGH_VALUES = 2**12
"""So many values show in what steps they lie."""

ROWS_AT_ONCE = 16
"""Rows whose running median is taken at a time: they fit the cache."""


@attrs.frozen(repr=False)
class Mask:
    """Which pixels of a detector are bad, and why: ``flags`` (ny, nx) uint16 of Flag bits, 0 is good.

    ``name`` is what messages call it.

    >>> import numpy as np
    >>> from pipeline import Image, Mask, flag_bad
    >>> flag_bad(Image.of(np.ones((1, 3))), mask=Mask.of(np.array([[0, 1, 0]]))).pixels.mask
    array([[False,  True, False]])

    :raises ShapeError: it is no two-dimensional array of numbers.
    """

    flags: IntArray = attrs.field(converter=seal_flags, eq=attrs.cmp_using(eq=same_array))
    name: str = "array"

    def __attrs_post_init__(self) -> None:
        if self.flags.ndim != 2:
            raise ShapeError(f"mask {self.name} has the shape {self.flags.shape}; expected two axes, (ny, nx)")

    @classmethod
    def of(cls, bad: Any, *, name: str = "array") -> Mask:
        """Take an array or an astropy HDU, in which whatever is not 0 is bad, or the flags of :class:`Pixels`.

        :raises ShapeError: it is no two-dimensional array of numbers.
        """
        if isinstance(bad, Pixels):
            return cls(bad.flags, name)
        values = np.asarray(getattr(bad, "data", bad) if not isinstance(bad, np.ndarray) else bad)
        if values.ndim != 2 or values.dtype.kind not in "biuf":
            raise ShapeError(
                f"mask {name}: {values.dtype} of the shape {values.shape}; expected numbers on two axes, 0 where good"
            )
        flags = np.where(values != 0, FlagBits(Flag.BAD), FlagBits(0))
        if np.count_nonzero(flags) > TOO_MANY * flags.size:
            advise(
                f"{np.count_nonzero(flags) / flags.size:.0%} of its pixels are not 0, and so bad",
                of=f"mask {name}",
                mend="if 1 is good in it, turn it round",
                figures=(("bad", np.count_nonzero(flags) / flags.size),),
            )
        return cls(sealed(flags), name)

    __hash__ = cheap_hash
    __dask_tokenize__ = content_key

    def __reduce__(self) -> tuple[Callable[..., Mask], tuple[Any, ...]]:
        return Mask, (self.flags, self.name)

    def __repr__(self) -> str:
        return f"Mask({self.name!r}, bad={np.count_nonzero(self.flags)})"

    def __or__(self, other: Mask) -> Mask:
        """Give the mask of what is bad in either.

        :raises ShapeError: they differ in shape.
        """
        if self.shape != other.shape:
            raise ShapeError(f"mask {self.name} is {self.shape}, mask {other.name} {other.shape}, (rows, columns)")
        return Mask(sealed(self.flags | other.flags), f"{self.name} | {other.name}")

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx)."""
        height, width = self.flags.shape
        return height, width

    def grown(self, by: int = 1, *, diagonals: bool = True) -> Mask:
        """Give the mask grown by ``by`` pixels: see :func:`grow_flags`."""
        return attrs.evolve(self, flags=spread_flags(self.flags, by, diagonals=diagonals))

    def on_rows(self, start: int, stop: int) -> Mask:
        """Cut the mask to some rows."""
        return attrs.evolve(self, flags=self.flags[start:stop])


@stage(rows=True)
def flag_bad(image: Image, *, mask: Mask | None) -> Image:
    """Flag what a mask says is bad, for the reason it gives; ``mask=None`` says that there is none.

    >>> import numpy as np
    >>> from pipeline import Image, Mask, flag_bad
    >>> flag_bad(Image.of(np.ones((1, 3))), mask=Mask.of(np.array([[0, 1, 0]]))).pixels.mask
    array([[False,  True, False]])

    :raises ShapeError: image and mask differ in shape.
    """
    if mask is None:
        return image
    check_in_place(image, "mask")
    if mask.shape != image.shape:
        raise ShapeError(f"{image.name} is {image.shape}, mask {mask.name} {mask.shape}, (rows, columns)")
    return attrs.evolve(image, data=attrs.evolve(image.pixels, flags=sealed(image.pixels.flags | mask.flags)))


Growth: TypeAlias = Annotated[int, Limits(least=0, unit="pixel")]
PartOfResponse: TypeAlias = Annotated[float, Limits(above=0, below=1)]


@stage
def grow_flags(image: Image, *, by: Growth = 1, diagonals: bool = True) -> Image:
    """Flag the neighbours of flagged pixels too, for the same reasons: charge bleeds, and hits have faint rims.

    >>> import numpy as np
    >>> from pipeline import Image, Pixels, Flag, grow_flags
    >>> hit = Image.of(Pixels.of(np.ones((1, 5)), np.array([[0, 0, Flag.BAD, 0, 0]])))
    >>> grow_flags(hit, by=1).pixels.mask
    array([[False,  True,  True,  True, False]])

    :param by: out to so many pixels: in a square with ``diagonals``, else as steps along rows and columns count.
    :raises SettingError: the number is no whole number from 0.
    """
    if by == 0:
        return image
    flags = spread_flags(image.pixels.flags, by, diagonals=diagonals)
    return attrs.evolve(image, data=attrs.evolve(image.pixels, flags=flags))


def spread_flags(flags: IntArray, by: int, *, diagonals: bool) -> IntArray:
    """Give each pixel the flags of its neighbours, ``by`` times over; (ny, nx) uint16.

    UNCOVERED alone stays where it is: a neighbour that a frame covers is covered.

    >>> spread_flags(np.eye(1, 3, 1, dtype=np.uint16), 1, diagonals=False)
    array([[1, 1, 1]], dtype=uint16)
    """
    if not isinstance(by, int | np.integer) or by < 0:
        raise SettingError(f"growing by {by!r} pixels; expected a whole number from 0")
    grown = flags & ~FlagBits(Flag.UNCOVERED)
    for _ in range(by):
        before = grown.copy()
        _add_neighbours(grown, before=before, axis=1)
        _add_neighbours(grown, before=grown.copy() if diagonals else before, axis=0)
    return sealed(grown | flags)


def _add_neighbours(grown: IntArray, *, before: IntArray, axis: int) -> None:
    """Add to each pixel the flags of its two neighbours along an axis."""
    ahead, behind = [slice(None)] * 2, [slice(None)] * 2
    ahead[axis], behind[axis] = slice(1, None), slice(None, -1)
    grown[tuple(ahead)] |= before[tuple(behind)]
    grown[tuple(behind)] |= before[tuple(ahead)]


@stage
def flag_hot(image: Image, *, sigma: Sigmas = HOT_SIGMA) -> Image:
    """Flag pixels of a dark that lie more than ``sigma`` standard deviations above their surroundings.

    The surroundings are the median along the row and then along the column, 15 pixels each, so that gradients and
    the glow of an amplifier are no defects, unless they climb by many σ within 7 pixels of the edge.  The standard
    deviation is 1.4826 times the median absolute deviation of all good pixels from their surroundings, and no less
    than that of rounding, which the frames show that were combined, or else the steps in which values lie.

    >>> import numpy as np
    >>> from pipeline import Image, flag_hot
    >>> values = np.random.default_rng(1).normal(0, 5, (40, 40))
    >>> values[20, 20] = 500
    >>> int(flag_hot(Image.of(values, kind="dark", exposure=60), sigma=8).pixels.mask.sum())
    1

    :raises StepError: the image is no dark, is a mosaic of colours, or holds no good pixel.
    :raises SettingError: sigma is not positive.
    """
    _check_kind(image, "dark", "flag_hot")
    check_neighbours(image, "flag_hot")
    pixels = image.pixels
    above = pixels.values - surroundings(pixels.values, mask=pixels.mask)
    good = np.abs(above[~pixels.mask])
    deviation = max(MAD_TO_SIGMA * float(np.median(good)), _of_rounding(image))
    with np.errstate(invalid="ignore"):
        return attrs.evolve(image, data=pixels.flagged(above > sigma * deviation, Flag.HOT))


def _of_rounding(image: Image) -> float:
    """Give the standard deviation of rounding in an image; never 0."""
    frames, known = (image.found.frames, image.found.measured.rounding) if image.found else (1, 0.0)
    values = image.pixels.values[~image.pixels.mask]
    if not known:
        some = values[:: values.size // ENOUGH_VALUES | 1]
        known = frames * step_of(some, float(np.finfo(values.dtype).eps)) ** 2 / 12  # a mean has so many steps in one
    least = float(np.finfo(values.dtype).eps * np.abs(values).max()) or 1.0
    return max(math.sqrt(known / frames), least / math.sqrt(12))


@stage
def flag_dead(image: Image, *, below: PartOfResponse = DEAD_BELOW) -> Image:
    """Flag pixels of a flat that see less than a fraction of what their surroundings do.

    The surroundings are as in :func:`flag_hot`: what vignetting or the edge of a slit darkens is not dead.  Bias
    and dark should be out of the flat, or its pedestal passes for light.

    >>> import numpy as np
    >>> from pipeline import Image, flag_dead
    >>> values = np.full((40, 40), 1000.0)
    >>> values[20, 20] = 100
    >>> int(flag_dead(Image.of(values, kind="flat"), below=0.5).pixels.mask.sum())
    1

    :param below: the fraction, between 0 and 1.
    :raises StepError: the image is no flat, is a mosaic of colours, or holds no good pixel.
    :raises SettingError: the fraction does not lie between 0 and 1.
    """
    _check_kind(image, "flat", "flag_dead")
    check_neighbours(image, "flag_dead")
    pixels = image.pixels
    around = surroundings(pixels.values, mask=pixels.mask)
    with np.errstate(invalid="ignore"):
        return attrs.evolve(image, data=pixels.flagged((around > 0) & (pixels.values < below * around), Flag.DEAD))


def _check_kind(image: Image, kind: str, name: str) -> None:
    if image.kind != kind:
        raise StepError(f"{image.name} is a {image.kind}; {name} takes a {kind}")
    if image.pixels.mask.all():
        raise StepError(f"{image.name}: {name} finds no good pixel in it")


def surroundings(values: FloatArray, *, mask: BoolArray) -> FloatArray:
    """Give the median of each pixel's row within the window, and of that the median along the column; float64.

    Bad pixels stand in as the median of the good ones.  Unlike a mean or one square window, medians along the axes
    follow edges that run along them, such as those of a slit.
    """
    filled = np.where(mask, np.median(values[~mask]), values).astype(np.float64)
    along_rows = _running_median(filled)
    return _running_median(along_rows.T).T


def _running_median(values: FloatArray) -> FloatArray:
    """Give the running median along rows; at the ends the values are mirrored.  A few rows at a time fit the cache."""
    half = min(WINDOW // 2, values.shape[1] - 1)
    result = np.empty_like(values)
    for start in range(0, len(values), ROWS_AT_ONCE):
        rows = np.pad(values[start : start + ROWS_AT_ONCE], [(0, 0), (half, half)], mode="reflect")
        shifted = np.lib.stride_tricks.sliding_window_view(rows, 2 * half + 1, axis=1)
        result[start : start + ROWS_AT_ONCE] = middles(np.moveaxis(shifted, -1, 0))[0]
    return result
