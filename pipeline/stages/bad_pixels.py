"""Bad pixels: flagged by a mask, grown over their neighbours, and found.

Where they stand out of a dark (:func:`flag_hot`) or a flat (:func:`flag_dead`), or scatter from one bias or dark frame
to the next more than their neighbours do (:func:`noisy_pixels`).
"""

from __future__ import annotations

import contextvars
import math
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Annotated, Any, TypeAlias

import attrs
import numpy as np

from pipeline.compose.running import how_to_run
from pipeline.compose.settings import Limits, checked_call
from pipeline.compose.stage import stage
from pipeline.compose.telling import advise, told_together
from pipeline.errors import SettingError, ShapeError, StepError
from pipeline.records.arrays import BoolArray, FloatArray, IntArray, same_array, sealed
from pipeline.records.frames import FrameSet, Image, as_frames, check_shapes
from pipeline.records.identity import cheap_hash, content_key
from pipeline.records.pixels import Flag, FlagBits, Pixels, seal_flags
from pipeline.records.source import Source
from pipeline.stacking.clip import Sigmas
from pipeline.stacking.combined import loaded
from pipeline.stacking.compatibility import EQUAL_EXPOSURES
from pipeline.stacking.stack_rows import sample_rows
from pipeline.stages.checks import check_in_place, check_neighbours
from pipeline.statistics.medians import middles
from pipeline.statistics.noise import chi_squared_beyond, chi_squared_limit
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


# ---- pixels with a noise of their own ----

NOISY_TIMES = 4.0

BY_CHANCE = 8.5e-6
"""The probability of χ² by which pixels like all others are found noisy.  How much surroundings scatter is known to
1.5 %, so that a tenth more are found: less than 1e-5, and from ten frames still 98 % of those asked for."""

FOUND, SURELY_FOUND = 0.98, 0.999
"""Of the noisy pixels that are asked for so many are found, or too few frames tell; where more can be, so many."""

STRIP_ROWS = 64
"""So many rows tell together how much pixels scatter."""

AROUND_COLUMNS = 31
"""Columns whose scatter is looked at about one."""

PART_OF_ROW = 128
"""In parts of a row, of so many columns or more, a frame may lie higher or lower than others, by the pattern of its
readout: halves, quarters and so on of it, since so do amplifiers."""

DOUBTED = 1e-3
"""What scatters so much that hardly more pixels do by chance is looked at again, once all is known."""

QUIET = 0.05
"""A value is taken for a hit where all others scatter so little that more pixels than this part scatter more."""

MORE_THAN_HITS = 3.0
"""Where so many times as many pixels stand high twice as hits make, hits do not make them."""

WARM = 5.0
"""σ above its surroundings from which a pixel's dark current has a noise of its own."""

Times: TypeAlias = Annotated[float, Limits(least=1.5)]


@checked_call
@told_together()
def noisy_pixels(frames: Iterable[Any], *, times: Times = NOISY_TIMES) -> Mask:
    """Find pixels that scatter from frame to frame as if they had ``times`` the noise of their surroundings, or more.

    The sum of squares of a pixel's values about their mean, over the variance of its surroundings, is held against
    χ² of n − 1, each kind and exposure by itself, and added up: of the pixels asked for 98 % are found from as many
    frames as can (10 of 4 times the noise, 8 of 5), 99 % from two more, nearly all from 15; of others 1e-5.  Random
    telegraph pixels, which jump between levels, are found as well.  Fewer frames find nothing, and this is said.

    No noise of the pixel are: a frame's level, and its rows' by parts; what whole amplifiers, regions or rows scatter
    more; the photon noise of a hot pixel's dark current, and how that drifts; and cosmic rays: as many high values
    beyond low ones as stand alone in their pixels are taken for hits, so that a pixel which was high once or twice may
    be passed over where there are many.

    >>> import numpy as np
    >>> from pipeline import FrameSet, Image, combine, flag_bad, noisy_pixels
    >>> rng = np.random.default_rng(1)
    >>> noise = np.full((64, 64), 3.0)
    >>> noise[20, 30] = 15
    >>> biases = FrameSet(Image.of(rng.normal(500, noise), kind="bias") for _ in range(12))
    >>> bias = flag_bad(combine(biases), mask=noisy_pixels(biases, times=4))
    >>> np.argwhere(bias.pixels.mask)
    array([[20, 30]])

    :param frames: single bias or dark frames, or both, with their overscan out; read in strips of rows.
    :param times: the noise of pixels to be found, over that of their surroundings.
    :return: a mask of NOISY pixels, for :func:`flag_bad`.
    :raises StepError: there are no frames, or others than bias and dark frames.
    :raises ShapeError: they differ in shape, or have no pixels.
    """
    known = as_frames(frames)
    if not known or {frame.kind for frame in known} - {"bias", "dark"}:
        raise StepError(f"noisy_pixels takes bias and dark frames, found {known!r}")
    check_shapes(known)
    groups = [group for group in _alike(known) if len(group) > 1]
    free = sum(len(group) - 1 for group in groups)
    noisy = np.zeros(known[0].shape, FlagBits)
    if not _can_tell(free, times):
        enough = next(count for count in range(1, 10**6) if _can_tell(count, times))
        advise(
            f"too few bias and dark frames tell pixels of {times:g} times the noise of their surroundings: none is "
            f"flagged; it takes {enough + 1} bias frames, or dark frames of one exposure",
            of=known,
            mend=f"give more frames, or look for noisier pixels: times={_least_told(free)}"
            if free > 1
            else "give more frames",
            at_command="give more frames" + (f", or look for noisier pixels: --noisy {_least_told(free)}" * (free > 1)),
            figures=(("enough", enough + 1.0),),
        )
    else:
        squares, degrees = np.zeros((2, *noisy.shape), np.float32)
        for group in groups:
            own = _scatter(loaded(group).frames)
            squares += own[0]
            degrees += own[1]
        for count in np.unique(degrees).astype(int).tolist():
            if _can_tell(count, times):
                limit = max(chi_squared_limit(BY_CHANCE, count), times**2 * chi_squared_limit(SURELY_FOUND, count))
                noisy[(degrees == count) & (squares > limit)] = Flag.NOISY
    return Mask(sealed(noisy), f"noisy in {len(known)} frames")


def _can_tell(free: int, times: float) -> bool:
    """Tell whether so many free values find pixels of so many times the noise, and hardly others."""
    return free > 0 and chi_squared_beyond(chi_squared_limit(BY_CHANCE, free) / times**2, free) >= FOUND


def _least_told(free: int) -> int:
    """Give the whole number of times the noise, from which up so many free values tell."""
    return next(times for times in range(2, 10**4) if _can_tell(free, times))


def _alike(frames: Iterable[Image]) -> list[FrameSet]:
    """Put frames of one kind and exposure together."""
    groups: list[list[Image]] = []
    for frame in sorted(frames, key=lambda frame: (frame.kind, frame.exposure or 0.0)):
        first = groups[-1][0] if groups else None
        equal = first is not None and (
            frame.kind == "bias" or (frame.exposure or 0.0) * (1 - EQUAL_EXPOSURES) <= (first.exposure or 0.0)
        )
        if first is not None and first.kind == frame.kind and equal:
            groups[-1].append(frame)
        else:
            groups.append([frame])
    return [FrameSet(group) for group in groups]


@attrs.frozen
class _Doubtful:
    """Pixels that are looked at again: their ``place`` in the image, and ``free`` values.

    ``squares`` are those about the mean over the variance of surroundings, of all values; without the highest, or the
    two highest, (2, pixels); and without the ``lowest``.  ``level`` is that above the surroundings, 0 where it is not
    clearly, and ``variance`` that of these.
    """

    place: IntArray
    free: IntArray
    squares: FloatArray
    highest_out: FloatArray
    lowest_out: FloatArray
    level: FloatArray
    variance: FloatArray

    @classmethod
    def joined(cls, parts: Sequence[_Doubtful]) -> _Doubtful:
        """Put those of several strips together."""
        return cls(*(np.concatenate(planes, axis=-1) for planes in zip(*map(attrs.astuple, parts), strict=True)))


def _scatter(frames: tuple[Image, ...]) -> tuple[FloatArray, FloatArray]:
    """Give the squares of each pixel's values about their mean over their variance, (ny, nx), and how many are free.

    Frames are read one by one in strips of rows, so that memory holds a few planes, however many frames there are.
    """
    height, width = frames[0].shape
    least = 3 * sample_rows(frames, np.ones(len(frames))).rounding.variance  # of values that lie between two numbers
    edges = np.linspace(0, height, max(1, height // STRIP_ROWS) + 1).round().astype(int).tolist()
    squares, free = np.zeros((2, height, width), np.float32)
    sources, is_dark = [frame.source for frame in frames], frames[0].kind == "dark"
    context, how = contextvars.copy_context(), how_to_run()

    def work(strip: tuple[int, int]) -> _Doubtful:
        rows = slice(*strip)
        found = context.copy().run(_scatter_of_rows, sources, *strip, least, levels=is_dark)
        squares[rows], free[rows] = found[0], found[1]
        return attrs.evolve(found[2], place=found[2].place + strip[0] * width)

    with ThreadPoolExecutor(how.threads) as pool:
        doubtful = _Doubtful.joined(list(pool.map(work, pairwise(edges))))
    for source in sources:
        source.check_unchanged()
    own = 1 + _photons(doubtful) / doubtful.variance
    doubtful = attrs.evolve(
        doubtful,
        squares=doubtful.squares / own,
        highest_out=doubtful.highest_out / own,
        lowest_out=doubtful.lowest_out / own,
    )
    of_pixel, left = _without_hits(doubtful, int(np.count_nonzero(free)))
    squares.reshape(-1)[doubtful.place], free.reshape(-1)[doubtful.place] = of_pixel, left
    return squares, free


def _scatter_of_rows(
    sources: Sequence[Source], start: int, stop: int, least: float, *, levels: bool
) -> tuple[FloatArray, IntArray, _Doubtful]:
    """Give the scatter of some rows over that of their surroundings, and what of it is to be looked at again.

    :param least: the variance below which no surroundings are taken to be.
    :param levels: whether levels above the surroundings have a noise of their own.
    """
    shape = stop - start, sources[0].shape[1]
    first, count = np.full(shape, np.nan), np.zeros(shape, int)
    total, squared = np.zeros((2, *shape))
    high, second, low = (np.full(shape, side) for side in (-np.inf, -np.inf, np.inf))
    for source in sources:
        pixels = source.rows(start, stop)
        values = np.where(pixels.mask, np.nan, pixels.values.astype(np.float64))
        new = np.isnan(first) & ~np.isnan(values)
        if new.any():
            first = np.where(new, values, first)
        values -= first
        values -= _along_parts(values)
        good = ~np.isnan(values)
        count += good
        zeroed = np.where(good, values, 0.0)
        total += zeroed
        squared += zeroed**2
        values[~good] = -np.inf
        np.maximum(second, np.minimum(high, values), out=second)
        np.maximum(high, values, out=high)
        values[~good] = np.inf
        np.minimum(low, values, out=low)
    free = np.maximum(count - 1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(free > 0, total / count, np.nan)
        about = np.where(free > 0, np.maximum(squared - total * mean, 0), np.nan)
        variance = _variance_around(about, free, least)
        level = first + mean
        level -= _smooth_along(level)
        level -= _along_parts(level)
        error = np.sqrt(np.maximum(variance, about / free) / count)  # what jumps is not warm for that
        clear = levels & (level > WARM * error)
        squares = np.where(free > 0, about / variance, 0.0)
        looked_at = clear.copy()
        for some in np.unique(free[free > 0]).tolist():
            looked_at |= (free == some) & (squares > chi_squared_limit(DOUBTED, some))
    place = np.flatnonzero(looked_at)

    def without(*values: FloatArray) -> FloatArray:
        """Give the squares of what is left without some values."""
        left = count.take(place) - len(values)
        rest = total.take(place) - sum(value.take(place) for value in values)
        squares_left = squared.take(place) - sum(value.take(place) ** 2 for value in values)
        with np.errstate(invalid="ignore", divide="ignore"):
            spread = np.where(left > 0, squares_left - rest**2 / left, np.nan)
        shrunk: FloatArray = np.maximum(spread, 0) / variance.take(place)
        return shrunk

    doubtful = _Doubtful(
        place,
        free.take(place),
        squares.take(place),
        np.stack([without(high), without(high, second)]),
        without(low),
        np.where(clear, level, 0.0).take(place),
        variance.take(place),
    )
    return squares, free, doubtful


def _variance_around(about: FloatArray, free: IntArray, least: float) -> FloatArray:
    """Give the variance of the surroundings of each pixel of some rows, by medians of the squares about their means.

    Of each column and those about it, so that amplifiers may differ and the glow at an edge counts; and of parts of a
    row where these stand out.  What scatters far more is left out when that is done once more.
    """
    some = int(np.median(free[free > 0])) if (free > 0).any() else 1
    middle = chi_squared_limit(0.5, some)
    with np.errstate(invalid="ignore", divide="ignore"):
        known = about * (some / free)
        for _ in range(2):
            columns = np.maximum(_smooth_along(known) / middle, least)
            parts = _along_parts(known / columns) / middle
            error = 1.25 * math.sqrt(2 / some / min(PART_OF_ROW, about.shape[1]))
            variance = columns * np.where(np.abs(parts - 1) > WARM * error, parts, 1.0)
            known = np.where(known > chi_squared_limit(BY_CHANCE, some) * variance, np.nan, known)
    least_known: FloatArray = np.maximum(np.nan_to_num(variance, nan=np.inf), least)
    return least_known


def _smooth_along(values: FloatArray) -> FloatArray:
    """Give the running median along columns' medians, (1, nx); NaN is left out."""
    columns = _middle(values, axis=0)
    half = min(AROUND_COLUMNS // 2, columns.size - 1)
    around = np.lib.stride_tricks.sliding_window_view(np.pad(columns, half, mode="reflect"), 2 * half + 1)
    return _middle(around, axis=1)[None, :]


def _along_parts(values: FloatArray) -> FloatArray:
    """Give the median of the part of its row in which each value lies, (ny, nx); NaN is left out."""
    height, width = values.shape
    parts = 1 << max(0, (width // PART_OF_ROW).bit_length() - 1)
    wide = -(-width // parts)
    filled = np.full((height, parts * wide), np.nan)
    filled[:, :width] = values
    middles_of_parts = _middle(filled.reshape(height, parts, wide), axis=2)
    return np.repeat(middles_of_parts, wide, axis=1)[:, :width]


def _middle(values: FloatArray, axis: int) -> FloatArray:
    """Give the median along an axis without NaN; NaN of none."""
    ordered = np.sort(values, axis=axis)  # NaN comes last
    known = np.count_nonzero(~np.isnan(ordered), axis=axis, keepdims=True)
    lower, upper = (np.take_along_axis(ordered, at, axis) for at in (np.maximum(known - 1, 0) // 2, known // 2))
    middle: FloatArray = np.squeeze((lower + upper) / 2, axis=axis)
    return middle


def _photons(doubtful: _Doubtful) -> FloatArray:
    """Give the variance that levels above the surroundings add: their photons', b·level, and drifts', c·level².

    By the medians of the fainter and the brighter half of warm pixels, of which most have no noise of their own.
    """
    warm = doubtful.level > 0
    level = doubtful.level[warm]
    if not warm.any():
        return np.zeros(doubtful.place.shape)
    middle = np.array([chi_squared_limit(0.5, int(free)) for free in doubtful.free[warm]])
    added = doubtful.variance[warm] * (doubtful.squares[warm] / middle - 1) / level
    faint = level <= np.median(level)
    x = float(np.median(level[faint])), float(np.median(level[~faint] if not faint.all() else level))
    y = float(np.median(added[faint])), float(np.median(added[~faint] if not faint.all() else added))
    drifts = max(0.0, (y[1] - y[0]) / (x[1] - x[0])) if x[1] > x[0] else 0.0
    photons = max(0.0, y[0] - drifts * x[0])
    return photons * doubtful.level + drifts * doubtful.level**2


def _without_hits(doubtful: _Doubtful, pixels: int) -> tuple[FloatArray, IntArray]:
    """Give the squares and the free values of pixels, without the one or two highest where these are hits.

    As there are pixels in which one value alone stands high, more than such in which one stands low, there are hits;
    where the rest of a pixel's values is so quiet that less than 1e-5 of all pixels are hit and scatter so, it is one.
    """
    by_free = np.arange(int(doubtful.free.max(initial=1)) + 1)

    def limit(beyond: float, out: int) -> FloatArray:
        """Give what the squares of a pixel without some values exceed with a probability."""
        return np.array([chi_squared_limit(min(beyond, 1.0), max(int(n) - out, 1)) for n in by_free])[doubtful.free]

    high = doubtful.squares > limit(BY_CHANCE, 0)
    alone, low_alone = (high & (rest < limit(QUIET, 1)) for rest in (doubtful.highest_out[0], doubtful.lowest_out))
    share = max(0, int(np.count_nonzero(alone)) - int(np.count_nonzero(low_alone))) / max(pixels, 1)
    squares, free = doubtful.squares.copy(), doubtful.free.copy()
    for out, expected in ((1, share), (2, share**2 / 2)):
        rest = doubtful.highest_out[out - 1]
        is_hit = high & (doubtful.free > out) & (rest <= limit(BY_CHANCE / max(expected, BY_CHANCE), out))
        few = out == 1 or np.count_nonzero(is_hit) < MORE_THAN_HITS * expected * pixels
        if expected > BY_CHANCE and few:
            squares, free = np.where(is_hit, rest, squares), np.where(is_hit, doubtful.free - out, free)
            high &= ~is_hit
    return squares, free
