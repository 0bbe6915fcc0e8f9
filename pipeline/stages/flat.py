"""The flat field: how strongly each pixel responds to the same light.

A flat is divided by its level, or, for spectra, by the light of its lamp along the dispersion: the colour of a lamp is
no response of the pixels.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Annotated, Any, Literal

import attrs
import numpy as np

from pipeline.checks.ceilings import check_flat_not_saturated, unflagged
from pipeline.checks.done_before import bias_in_divided, bias_in_flat, unexpectedly_done
from pipeline.checks.lamp_light import POSITIVE_SIGMA, LampLight, lamp_left_in, other_axis
from pipeline.checks.masters import flat_fits
from pipeline.checks.same_setup import check_alike
from pipeline.compose.running import running
from pipeline.compose.settings import Limits
from pipeline.compose.stage import stage
from pipeline.compose.telling import advise, say
from pipeline.detector.section import Section
from pipeline.errors import CalibrationError, SettingError, SkippedWarning, StepError
from pipeline.headers.colour_mosaic import colour_mosaic
from pipeline.headers.keywords import dispersion_axis, is_spectrum
from pipeline.headers.status import RESPONSE, Done
from pipeline.records.arrays import Array, BoolArray, FloatArray, sealed
from pipeline.records.frames import FrameSet, Image, check_shapes, shown_as_its_image
from pipeline.records.history import Lineage, StepRecord
from pipeline.records.identity import cheap_hash, content_key
from pipeline.records.note import Note
from pipeline.records.pixels import Flag, Pixels
from pipeline.records.source import RowsOfAnother
from pipeline.stacking.clip import Sigmas
from pipeline.stacking.combine import combine
from pipeline.stacking.combined import loaded
from pipeline.stages.checks import check_image, check_in_place, check_neighbours, check_variance_kept, cut_to_image
from pipeline.statistics.robust import fitted
from pipeline.statistics.sources import mask_of_sources

CURVES = ("polynomial", "spline")
"""What the light of a lamp can be fitted by."""

FAINTEST = 3.0
"""ADU on average of which no response can be made, and which finished flats have, of mean or maximum 1."""

OF_LEVEL_ONE = 1e-6
"""A flat whose level is this near to 1 stays as it is, to the bit."""

LEAST_ERROR = 1e-3
"""Columns whose light is known to this part or better count alike in a lamp's curve."""


@shown_as_its_image
@attrs.frozen(repr=False)
class MasterFlat:
    """What divide needs: a response without unit that is positive everywhere, where it is flagged too.

    Over good pixels it has mean 1, unless normalise_flat was asked for something else.
    ``part`` marks a flat cut to some rows.

    >>> import numpy as np
    >>> from pipeline import Image, declare, normalise_flat
    >>> flat = Image.of(np.array([[1.0, 3.0]]), kind="flat", name="f.fits")
    >>> normalise_flat(declare(flat, state="without bias"))
    MasterFlat('f.fits')

    :raises StepError: the image is no response.
    """

    image: Image
    part: bool = False

    __hash__ = cheap_hash
    __dask_tokenize__ = content_key

    def __attrs_post_init__(self) -> None:
        check_image(self.image, "MasterFlat", "flat")
        values = self.pixels.values
        if self.part:
            return
        if self.image.state.unit or not (values > 0).all() or self.pixels.mask.all():
            raise StepError(f"{self.image.name}: no response yet; pass it through normalise_flat")

    def __repr__(self) -> str:
        return f"MasterFlat({self.image.short_name!r})"

    @property
    def pixels(self) -> Pixels:
        """The response, without unit."""
        return self.image.pixels

    @property
    def lineage(self) -> Lineage:
        """What the master is made of."""
        return self.image.lineage

    @property
    def notes(self) -> tuple[Note, ...]:
        """What had to be assumed, or was found wrong, in what the master is made of."""
        return self.image.notes

    def on_rows(self, start: int, stop: int) -> MasterFlat:
        """Cut the master to some rows."""
        return MasterFlat(self.image.rows(start, stop), part=True)

    def recorded(self, step: StepRecord) -> MasterFlat:
        """Give the same master with one more step in its history."""
        return MasterFlat(self.image.recorded(step), self.part)

    def noted(self, notes: Iterable[Note]) -> MasterFlat:
        """Give the same master with notes that were said of it outside of any step."""
        return MasterFlat(self.image.noted(notes), self.part)


@stage
def normalise_flat(
    image: Image,
    *,
    by: Literal["mean", "median", "polynomial", "spline"] | Annotated[float, Limits(above=0)] = "mean",
    region: str = "",
    order: Annotated[int, Limits(least=1, most=100)] = 6,
    saxis: Literal[0, 1] = 1,
) -> MasterFlat:
    """Divide a flat by its level, or by the light of its lamp along the dispersion.

    A pixel that is not positive at 5 σ is flagged and gets the response 1; σ comes from the pixels' variance, or
    else from the noise that combining found.  So does, in spectra, all where the lamp gives no light: columns in which
    a pixel in the slit is not expected to be positive at 5 σ, and what has less than a tenth of the light in the slit
    nearby.  A spectrum is what is divided by a curve, or has a slit with a grating, or a dispersion axis, in its
    header.  A response that normalise_flat made before stays as it is.

    >>> import numpy as np
    >>> from pipeline import Image, declare, normalise_flat
    >>> flat = declare(Image.of(np.array([[1.0, 3.0]]), kind="flat"), state="without bias")
    >>> normalise_flat(flat).pixels.values
    array([[0.5, 1.5]])

    :param by: "mean" or "median" of the good pixels, or a number; for spectra "polynomial" or "spline": each column
        is divided by a smooth curve through the columns' light, and the whole then by its mean.
    :param region: the section whose good pixels count for mean and median, such as "[100:900,20:60]", columns first.
    :param order: the degree of the polynomial, or the number of pieces of the cubic spline.
    :param saxis: the axis of the array along which the dispersion runs: 1 is x, 0 is y.
    :raises SettingError: a setting makes no sense.
    :raises StepError: the image is no flat, or a mosaic of colours whose columns are to make a curve.
    :raises CalibrationError: no pixel is positive, the flat is negative on average, or much of it is saturated.
    """
    if region and by not in ("mean", "median"):
        raise SettingError(f"normalise_flat: region={region!r} with by={by!r}; a region is for 'mean' and 'median'")
    if image.kind != "flat":
        raise StepError(f"{image.name} is a {image.kind}; normalise_flat takes a flat")
    say(*bias_in_flat(image), *(() if image.found else unexpectedly_done([image])))
    pixels = image.pixels
    known = ~pixels.mask
    check_flat_not_saturated(image)
    if not known.any():
        raise CalibrationError(f"{image.name}: the flat has no good pixel")
    average = float(_chosen(pixels.values, where=known).mean(dtype=np.float64))
    _check_lit(image, average)
    sigma = _sigma_without_light(image, average)
    with np.errstate(invalid="ignore"):
        dark = ~(pixels.values > POSITIVE_SIGMA * sigma)
    good = known & ~dark
    _check_any(good, image)
    words = _words(by, region, order, saxis)
    if _is_response(image):
        response = _as_it_was_made(image, words)
    else:
        lamp = _lamp_of_a_spectrum(image, known, sigma, by, saxis)
        if lamp is not None:
            dark |= lamp.leaves_dark(pixels.values)
            good = known & ~dark
            _check_any(good, image)
        response = _levelled(image, good, lamp, by, region, order)
    response = _with_one_where(dark, response)
    made = ((RESPONSE, True, "values without unit"), ("FLATNORM", words, "what the flat was divided by"))
    return MasterFlat(
        attrs.evolve(
            image,
            data=response.as_shared(),
            state=attrs.evolve(image.state, unit=""),
            added=(*image.added, *(() if _is_response(image) else made)),
        )
    )


def _with_one_where(dark: BoolArray, response: Pixels) -> Pixels:
    """Put the response 1 where a flat is dark or its response makes no sense."""
    usable = np.isfinite(response.values) & (response.values > 0) & ~dark
    if usable.all():
        return response
    values = np.where(usable, response.values, response.dtype.type(1))
    return attrs.evolve(response, values=sealed(values)).flagged(~usable, Flag.NO_FLAT)


def _words(by: str | float, region: str, order: int, saxis: int) -> str:
    if by in CURVES:
        return f"{by} of order {order} along {'yx'[saxis]}"
    return f"{by} of {region}" if region else str(by)


def _is_response(image: Image) -> bool:
    """Tell whether normalise_flat made the image, here or in a file."""
    return image.header.get(RESPONSE) is True or image.went_through(normalise_flat)


def _as_it_was_made(image: Image, words: str) -> Pixels:
    """Give a finished response as it is, and say so where it was made otherwise than asked for."""
    made = str(image.header.get("FLATNORM", "mean"))
    if words not in (made, "mean"):
        advise(f"a finished response (divided by {made}); not divided by {words} again", SkippedWarning, of=image)
    return image.pixels


def _check_any(good: BoolArray, image: Image) -> None:
    if not good.any():
        raise CalibrationError(f"{image.name}: no pixel of the flat is positive at {POSITIVE_SIGMA:g} σ")


def _lamp_of_a_spectrum(
    image: Image, known: BoolArray, sigma: FloatArray | float, by: str | float, saxis: Literal[0, 1]
) -> LampLight | None:
    """Find the light of the lamp in the flat of a spectrum, and say what does not fit; None for an image's flat."""
    if by in CURVES:
        check_neighbours(image, f"normalise_flat by {by}")
        say(*other_axis(image, saxis))
        return LampLight.of(image.pixels.values, known=known, sigma=sigma, saxis=saxis)
    if not is_spectrum(image.header) or colour_mosaic(image.header):
        return None
    axis = dispersion_axis(image.header)
    lamp = LampLight.of(image.pixels.values, known=known, sigma=sigma, saxis=2 - axis if axis else saxis, roughly=True)
    say(*lamp_left_in(image, lamp, by))
    return lamp


def _levelled(
    image: Image, good: BoolArray, lamp: LampLight | None, by: str | float, region: str, order: int
) -> Pixels:
    """Divide a flat's pixels by what normalises it."""
    pixels = image.pixels
    curve: FloatArray = np.ones((1, 1))
    if lamp is not None and by in CURVES:
        try:
            curve = lamp_spectrum(lamp, by=str(by), order=order)
        except CalibrationError as error:
            raise CalibrationError(f"{image.name}: {error}") from error
    values = pixels.values if curve.size == 1 else pixels.values / curve.astype(pixels.dtype)
    level = float(by) if not isinstance(by, str) else _level(image, by, region, values=values, good=good)
    if curve.size > 1:
        return pixels.times(np.broadcast_to(1 / (level * curve), pixels.shape))
    return pixels if abs(level - 1) <= OF_LEVEL_ONE else pixels.times(1 / level)


def _level(image: Image, by: str, region: str, *, values: FloatArray, good: BoolArray) -> float:
    if region:
        window = _window(image, region)
        values, good = values[window], good[window]
    if not good.any():
        raise CalibrationError(f"{image.name}: no good pixel of the flat lies in the region {region}")
    values = _chosen(values, where=good)
    return float(np.median(values)) if by == "median" else float(values.mean(dtype=np.float64))


def _chosen(values: FloatArray, *, where: BoolArray) -> FloatArray:
    return values if where.all() else values[where]


def _window(image: Image, region: str) -> tuple[slice, slice]:
    try:
        section = Section.of(region, image.shape)
    except ValueError as error:
        raise SettingError(
            f"normalise_flat: region={region!r}; expected a section such as '[100:900,20:60]', columns first"
        ) from error
    if not section.fits(image.shape):
        height, width = image.shape
        raise SettingError(f"{image.name}: the region {region} reaches beyond its {height} rows × {width} columns")
    return section.window


def _check_lit(image: Image, average: float) -> None:
    """Refuse a flat that has no light left in it, or as little as only a finished one has."""
    ours = any(step.masters and step.worked for step in image.history) and not image.state.per_second
    if average > (FAINTEST if ours else 0):
        return
    should = "should be positive" if average <= 0 else f"that is raw has far more than {FAINTEST:g}"
    raise CalibrationError(
        f"{image.name}: the flat is {average:.4g} {image.state.unit} on average{_taken_out(image)}; a flat "
        f"{should}: was it finished already (--finished flat), or is the dark or bias of another detector?"
    )


def _taken_out(image: Image) -> str:
    taken = [str(by) for by in (image.state.bias, image.state.dark) if by and by.sure]
    return f" after {' and '.join(taken)}" if taken else ", and nothing was taken out of it"


def _sigma_without_light(image: Image, average: float) -> FloatArray | float:
    """Give the standard deviation of a pixel that sees no light."""
    variance, found = image.pixels.total_variance, image.found
    if variance is not None:
        return np.sqrt(variance)
    if found is None or found.noise is None or found.level is None:
        return 0.0
    unlit = np.array(found.level - average)  # what was taken out since: the noise knows levels with it in
    return math.sqrt(float(found.noise.variance(unlit)) / found.frames)


def _misfits(image: Image, *, flat: MasterFlat, force: bool) -> tuple[Note, ...]:  # noqa: ARG001 - as the stage
    return (*unflagged([image]), *(flat_fits(image, flat.image) or bias_in_divided(image)))


def _own_flat(image: Image, *, flat: MasterFlat | None, **_settings: Any) -> dict[str, Any]:
    """Take of a flat of the full frame the part that the image shows."""
    own = flat and cut_to_image(image, flat)
    return {} if own is flat else {"flat": own}


@stage(rows=True, does="flat", looks=_misfits, chooses=_own_flat)
def divide(image: Image, *, flat: MasterFlat | None, force: bool = False) -> Image:  # noqa: ARG001 - stage's own
    """Divide by the response; ``flat=None`` says that there is none to divide by.

    >>> import numpy as np
    >>> from pipeline import Image, declare, divide, normalise_flat
    >>> flat = declare(Image.of(np.array([[1.0, 3.0]]), kind="flat"), state="without bias")
    >>> light = declare(Image.of(np.array([[10.0, 30.0]])), state="without bias")
    >>> divide(light, flat=normalise_flat(flat)).values
    array([[20., 20.]])

    :param force: divide even if the header says that it has been done.
    :raises ShapeError: image and flat differ in shape.
    """
    if flat is None:
        return image
    check_in_place(image, "flat")
    check_shapes([image, flat.image])
    check_alike((image,), with_others=(flat.image,))
    check_variance_kept(image, flat.image)
    by = f"Flat field image is {flat.image.short_name} with scale=1.0"
    return attrs.evolve(
        image,
        data=image.pixels.over(flat.pixels),
        state=attrs.evolve(image.state, flat=Done(by)),
        added=(*image.added, ("FLATCOR", by, "")),
    )


def lamp_spectrum(light: LampLight, *, by: str, order: int) -> FloatArray:
    """Fit the lamp's light along the dispersion: (1, nx) for ``saxis`` 1, (ny, 1) for 0; always positive.

    A curve is fitted to the logarithm of the light of each column (row), between the first and the last that are lit,
    so that any lamp of a colour that the curve can follow cancels, however steep.  Columns whose light has more error
    than that of most count less; those that lie further than 5 σ from the curve do not count.

    :param by: "polynomial" of degree ``order``, or "spline", cubic, of ``order`` equal pieces.
    :raises CalibrationError: too few columns can be used.
    """
    used = np.flatnonzero(light.seen & light.lit)
    first, last = (used[0], used[-1]) if used.size else (0, 0)
    terms = (polynomial if by == "polynomial" else spline)(last - first + 1, order)
    if used.size < terms.shape[1]:
        axis = f"along the dispersion (saxis={light.saxis})"
        raise CalibrationError(f"{used.size} lit columns {axis} are too few for a {by} of order {order}")
    seen = np.log(light.lamp[used])
    weights = np.ones(used.size)
    if light.error is not None:
        error = light.error[used] / light.lamp[used]
        weights = 1 / np.hypot(error / max(float(np.median(error)), LEAST_ERROR), 1)
    factors, _ = fitted(terms[used - first] * weights[:, None], seen * weights)
    fit = np.clip(terms @ factors, seen.min() - 1, seen.max() + 1)
    curve: FloatArray = np.exp(fit[np.clip(np.arange(light.lamp.size), first, last) - first])
    return curve.reshape((1, -1) if light.saxis == 1 else (-1, 1))


def polynomial(count: int, degree: int) -> FloatArray:
    """Give Legendre polynomials up to a degree at ``count`` equal steps: (count, degree + 1)."""
    terms: FloatArray = np.polynomial.legendre.legvander(np.linspace(-1, 1, count), degree)
    return terms


def spline(count: int, pieces: int) -> FloatArray:
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


# ---- twilight flats without stars ----

MASKED_SIGMA = 4.0

FEWEST_FLATS = 3
"""From so many flats on a star stands out of what they have in common."""

BLOCK, DEGREE = 16, 3
"""How each flat is lit differently is a polynomial of this degree, fitted to medians of blocks of so many pixels."""

MOST_UNEVEN = 2.0
"""No flat is lit so many times otherwise than the others where it shows anything."""

ALL_MASKED = 0.01
"""Where more than this part of the pixels is masked in all flats, their stars do not move enough."""


@stage
def mask_sources(frames: FrameSet, *, sigma: Sigmas = MASKED_SIGMA) -> FrameSet:
    """Mask stars and their wings in flats of the twilight sky, before these are combined.

    The flats are combined once, and what each has beyond that is looked at in boxes of 4 to 16 pixels: those brighter
    than their surroundings by ``sigma`` are flagged SOURCE with what is around them, so that the combination takes
    the other frames there.  It is smooth how each flat is lit otherwise than the mean of all, as by the gradient of
    the sky: that is divided out of it, or it would stand where others are masked.  Stars must move from flat to flat
    by more than their wings, or they are flat field.  Bias and dark should be out.

    >>> import numpy as np
    >>> from pipeline import FrameSet, Image, declare, mask_sources
    >>> rng = np.random.default_rng(1)
    >>> sky = [rng.normal(10_000, 50, (128, 128)) for _ in range(5)]
    >>> sky[2][60:66, 30:36] += 1000
    >>> flats = FrameSet(declare(Image.of(one, kind="flat"), state="without bias") for one in sky)
    >>> [bool(flat.pixels.mask[63, 33]) for flat in mask_sources(flats)]
    [False, False, True, False, False]

    :param sigma: standard deviations of a box; lower finds fainter wings, and masks more for nothing.
    :raises StepError: the frames are no flats, or cannot be combined.
    :raises ShapeError: they differ in shape.
    """
    if {frame.kind for frame in frames} - {"flat"}:
        raise StepError(f"mask_sources takes flats, found {frames!r}; give it frames.flat")
    for frame in frames:
        check_neighbours(frame, "mask_sources")
    if len(frames) < FEWEST_FLATS:
        advise(
            f"stars cannot be told in fewer than {FEWEST_FLATS} flats: none is masked",
            of=frames,
            mend="give more flats, or leave out mask_sources",
            at_command="give more flats, or leave out --flat-sources",
        )
        return frames
    with running(quiet=True):  # it is said when they are combined for good
        ready = loaded(frames)
        first = combine(ready, scale="level").pixels
    common = np.where(first.mask | ~(first.values > 0), np.nan, first.values)
    found = [_masked_in(frame.pixels, common, sigma) for frame in ready]
    everywhere = np.logical_and.reduce([mask for mask, _ in found])
    if everywhere.mean() > ALL_MASKED:
        advise(
            f"{everywhere.mean():.0%} of the pixels are masked as stars in all flats: they are flagged, and left as "
            "they are",
            of=frames,
            mend="move the telescope more between flats",
            figures=(("masked", float(everywhere.mean())),),
        )
    lit = np.array([surface / surface[0, 0] for _, surface in found])
    levels = np.array([surface[0, 0] for _, surface in found])
    mean = np.tensordot(levels / levels.sum(), lit, 1)
    return FrameSet(
        _without_sources(frame, np.packbits(mask, axis=1), surface, mean)
        for frame, (mask, _), surface in zip(ready, found, lit, strict=True)
    )


def _masked_in(pixels: Pixels, common: FloatArray, sigma: float) -> tuple[BoolArray, FloatArray]:
    """Give what sources cover of a flat, and the coefficients of the smooth part of what it is over the others."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        ratio = np.where(pixels.mask, np.nan, pixels.values / common)
        surface = _smooth_part(ratio)
        height, width = ratio.shape
        excess = (ratio - _surface_on(surface, 0, height, height, width)) * np.sqrt(common)
    return mask_of_sources(excess, sigma), surface


def _smooth_part(ratio: FloatArray) -> FloatArray:
    """Fit a polynomial to the medians of blocks: its coefficients by powers of rows and columns, (4, 4)."""
    tall, wide = (min(BLOCK, side) for side in ratio.shape)
    rows, columns = ratio.shape[0] // tall, ratio.shape[1] // wide
    blocks = ratio[: rows * tall, : columns * wide].reshape(rows, tall, columns, wide).swapaxes(1, 2)
    ordered = np.sort(blocks.reshape(rows, columns, -1), axis=-1)  # NaN comes last
    known = np.count_nonzero(np.isfinite(ordered), axis=-1)
    medians, good = np.take_along_axis(ordered, known[..., None] // 2, -1)[..., 0], 2 * known > tall * wide
    degree = DEGREE if min(rows, columns) > DEGREE else 0
    powers = [(up, along) for up in range(degree + 1) for along in range(degree + 1 - up)]
    surface = np.zeros((DEGREE + 1, DEGREE + 1))
    surface[0, 0] = 1.0
    if np.count_nonzero(good) > len(powers):
        y = _from_the_middle(np.arange(rows)[:, None] * tall + (tall - 1) / 2, ratio.shape[0])
        x = _from_the_middle(np.arange(columns) * wide + (wide - 1) / 2, ratio.shape[1])
        terms = np.stack([(y**up * x**along)[good] for up, along in powers], axis=1)
        for power, factor in zip(powers, fitted(terms, medians[good])[0], strict=True):
            surface[power] = factor
    return surface


def _from_the_middle(at: Array, side: int) -> FloatArray:
    """Give places along an axis, from −1 to 1."""
    return (2 * at - (side - 1)) / max(side - 1, 1)


def _surface_on(surface: FloatArray, start: int, stop: int, height: int, width: int) -> FloatArray:
    """Give a polynomial on some rows, (rows, nx): to the bit the same, however many rows at once."""
    y, x = _from_the_middle(np.arange(start, stop), height)[:, None], _from_the_middle(np.arange(width), width)
    values = np.zeros((stop - start, width))
    for along_x in np.polynomial.polynomial.polyval(x, surface[::-1].T):  # Horner's rule along y
        values *= y
        values += along_x
    return values


def _without_sources(frame: Image, packed: Array, surface: FloatArray, mean: FloatArray) -> Image:
    masked = MaskedRows(frame.source, sealed(packed), surface, mean)
    return attrs.evolve(frame, data=masked.rows(0, frame.shape[0]) if frame.in_memory else masked)


@attrs.frozen(eq=False)
class MaskedRows(RowsOfAnother):
    """A source whose rows are those of another, lit as the mean of all flats, and flagged where sources are.

    ``packed`` holds the mask, eight pixels a byte, so that those of many flats fit the memory; ``surface`` and ``mean``
    are coefficients of how this flat and all on average are lit.
    """

    packed: Array
    surface: FloatArray
    mean: FloatArray

    def rows(self, start: int, stop: int) -> Pixels:
        """Read some rows, and flag what is masked in them."""
        height, width = self.shape
        start, stop, _ = slice(start, stop).indices(height)
        stop = max(start, stop)
        own, mean = (_surface_on(one, start, stop, height, width) for one in (self.surface, self.mean))
        mask = np.unpackbits(self.packed[start:stop], axis=1, count=width).astype(bool)
        lit = np.clip(mean / own, 1 / MOST_UNEVEN, MOST_UNEVEN)
        return self.source.rows(start, stop).times(lit).flagged(mask, Flag.SOURCE)
