"""The overscan: the level that the readout itself adds, measured where no light fell, taken out and trimmed off.

A level is one for all rows, one a row, or a curve along the rows; how well it is known goes into the variance.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeAlias

import attrs
import numpy as np

from pipeline.checks.ceilings import unflagged
from pipeline.compose.settings import Limits
from pipeline.compose.stage import stage
from pipeline.compose.telling import say
from pipeline.detector.amplifiers import Amplifier, Readout, declared_amplifiers
from pipeline.detector.mosaic import Mosaic, trimmed_cards
from pipeline.detector.multi_amplifier_header import amplifiers_of_every_hdu
from pipeline.detector.overscan_checks import overscan_on_data, overscan_still_there, untold_overscan, unused_overscan
from pipeline.detector.section import Section
from pipeline.errors import CalibrationError
from pipeline.headers.status import Done
from pipeline.headers.values import is_nothing
from pipeline.records.arrays import FloatArray, IntArray
from pipeline.records.frames import Image
from pipeline.records.pixels import Pixels
from pipeline.stages.checks import check_in_place
from pipeline.statistics.robust import fitted, kept

LevelMethod: TypeAlias = Literal["mean", "median"]

MEDIAN_VARIANCE = np.pi / 2
"""The variance of the median of many normal values, over that of their mean."""

MOST_LISTED = 8
"""So many sections are listed in a card; of more it tells the number."""


def _header_is_believed(image: Image, *, amplifiers: tuple[Amplifier, ...], **_settings: Any) -> bool:
    """Tell whether an overscan is taken to be out because the header says so.

    Not where the user gives amplifiers that lie on the frame.  Where its columns still hold a level, that is said.
    """
    if amplifiers:
        try:
            _readouts(image, amplifiers_of_every_hdu(image, amplifiers))
        except CalibrationError:
            return True  # a finished frame among raw ones, on which they lie
        return False
    for note in overscan_still_there(image, _readouts(image, declared_amplifiers(image))):
        say(note)
    return True


def _along_other_axis(image: Image, *, amplifiers: tuple[Amplifier, ...] = (), **_: Any) -> bool:
    """Tell whether the overscan that is given runs across that which is out: below data that lay beside the other."""
    earlier = re.findall(r"\[[^][]*\]", str(image.state.overscan))
    try:
        strips = [Section.of(amplifier.overscan, image.shape) for amplifier in amplifiers if amplifier.overscan]
        out = [Section.of(text, image.shape) for text in earlier]
    except ValueError:
        return False
    return bool(strips and out) and {_tall(strip) for strip in strips}.isdisjoint(map(_tall, out))


def _tall(section: Section) -> bool:
    return section.shape[0] >= section.shape[1]


@stage(does="overscan", believes=_header_is_believed, another=_along_other_axis)
def subtract_overscan(
    image: Image,
    *,
    method: LevelMethod = "mean",
    order: Annotated[int, Limits(least=0, most=20)] | None = 0,
    amplifiers: tuple[Amplifier, ...] = (),
    trim: bool = True,
    force: bool = False,  # noqa: ARG001 - stage's own
) -> Image:
    """Subtract each amplifier's overscan level, and trim the frame to its data.

    Without cards or settings that declare sections the image stays as it is.  Where the image carries a variance,
    that of the level is added.  Pixels that belong to no amplifier, where they are not trimmed, keep their values.
    Overscan along the other axis, given by its sections, is another step: after that of the rows that of the columns.

    >>> import numpy as np
    >>> from pipeline import Amplifier, Image, subtract_overscan
    >>> raw = Image.of(np.array([[310.0, 320.0, 300.0, 300.0]]))
    >>> subtract_overscan(raw, amplifiers=(Amplifier("[1:2,*]", "[3:4,*]"),)).values
    array([[10., 20.]])

    :param method: how good overscan pixels are averaged; wild ones, beyond 5 σ, never count.
    :param order: 0 for one level an amplifier; n for a polynomial of degree n through the levels of its rows (of its
        columns, where the overscan lies above or below the data); None for each row its own.
    :param amplifiers: where the data and the overscan of each lie; by default what the header declares: TRIMSEC or
        else DATASEC and BIASSEC, these with letters or numbers, BSEC11 and TSEC11, or ESO's DET OUT.  Of a file whose
        amplifiers have each their HDU, read as one frame: in each HDU; one stands for all.
    :param trim: keep the data sections only, side by side, or where DETSEC of each says; the WCS follows.
    :param force: do it even if the header says that it has been done.
    :raises CalibrationError: the sections do not fit the frame, or an overscan holds too few good pixels.
    :raises HeaderError: a card is there and is no section.
    """
    told = amplifiers_of_every_hdu(image, amplifiers) if amplifiers else declared_amplifiers(image)
    readouts = _readouts(image, told)
    if not readouts:
        for note in untold_overscan(image):
            say(note)
        return image
    check_in_place(image, "overscan")
    mosaic = Mosaic.of(readouts, image.name)
    image = attrs.evolve(image, data=image.pixels)  # read once, where it is on disk
    if not amplifiers:
        for note in (*overscan_on_data(image, readouts), *unused_overscan(image, readouts)):
            say(note)
    levelled = _level_out(image, readouts, method, order, everywhere=not trim)
    return _trimmed(levelled, readouts, mosaic) if trim else levelled


def _level_out(
    image: Image, readouts: list[Readout], method: LevelMethod, order: int | None, *, everywhere: bool
) -> Image:
    """Subtract each amplifier's level from its data, or everywhere; the image as it is where there is no overscan."""
    strips = [readout for readout in readouts if readout.overscan]
    if not strips:
        return image
    say(*unflagged([image], look=lambda source: source.rows(0, source.shape[0]).values.reshape(-1)))
    laid = [
        _measured(image, readout, section, method, order)
        for readout, section in _sections_to_level(image, strips, everywhere)
    ]
    means = [float(values.mean()) for (values, _), _ in laid][: len(strips)]
    by = _in_words(strips, method, order)
    return attrs.evolve(
        image,
        data=image.pixels.minus(_laid_out(image.pixels, laid)),
        state=attrs.evolve(image.state, overscan=Done(by)),
        added=(
            *image.added,
            ("OVERSCAN", by, ""),
            *((_level_card(n), mean, "mean overscan level") for n, mean in enumerate(means, start=1)),
        ),
    )


def _trimmed(image: Image, readouts: list[Readout], mosaic: Mosaic) -> Image:
    """Keep the data sections only; the image as it is where they are all of it."""
    if mosaic.one_window and mosaic.shape == image.shape:
        return image
    by = f"Trim data section is {_listed([readout.data for readout in readouts])}"
    return attrs.evolve(
        image,
        data=mosaic.cut(image.pixels),
        header=trimmed_cards(image, mosaic),
        state=attrs.evolve(image.state, trimmed=Done(by)),
        added=(*image.added, ("TRIM", by, "")),
    )


def declares_sections(image: Image) -> bool:
    """Tell whether a header has anything for subtract_overscan to do, or to say of an overscan that it tells of."""
    return bool(declared_amplifiers(image)) or not is_nothing(image.header.get("BIASSEC"))


def _readouts(image: Image, amplifiers: Sequence[Amplifier]) -> list[Readout]:
    """Find the amplifiers' sections on the frame.

    :raises CalibrationError: one lies outside of it.
    """
    height, width = image.shape
    readouts = []
    for amplifier in amplifiers:
        texts = f"data {amplifier.data}, overscan {amplifier.overscan or 'none'}"
        try:
            readout = Readout.of(amplifier, image.shape)
            fits = all(section.fits(image.shape) for section in (readout.data, readout.overscan) if section)
        except ValueError:
            fits = False
        if not fits:
            raise CalibrationError(
                f"{image.name}: the amplifier with {texts} lies outside its {height} rows × {width} columns; "
                "give the sections of the raw frame (--amplifier)"
            )
        readouts.append(readout)
    return readouts


def _sections_to_level(image: Image, strips: list[Readout], everywhere: bool) -> list[tuple[Readout, Section]]:
    """Give the sections that each amplifier's level comes out of: its data, and first of all what is to stay."""
    data = [(readout, readout.data) for readout in strips]
    if not everywhere:
        return data
    if len(strips) == 1:
        return [(strips[0], Section.of("[*,*]", image.shape))]
    return data + [(readout, readout.overscan) for readout in strips if readout.overscan]


def _measured(
    image: Image, readout: Readout, section: Section, method: LevelMethod, order: int | None
) -> tuple[tuple[FloatArray, FloatArray], Section]:
    """Measure an amplifier's level and its variance for a section: one a row, or one a column."""
    strip = readout.overscan or section
    pixels, beside = image.pixels.cut(*strip.window), _beside(readout)
    if beside:
        rows = section.y1 - strip.y1, section.y2 - strip.y1
    else:
        pixels, rows = pixels.moved(np.transpose), (section.x1 - strip.x1, section.x2 - strip.x1)
    try:
        levels = measure_levels(pixels, method=method, order=order, rows=rows)
    except CalibrationError as error:
        raise CalibrationError(f"{image.name}: the overscan {strip} {error}") from error
    turn = np.asarray if beside else np.transpose
    return (turn(levels.values), turn(levels.variance)), section


def _beside(readout: Readout) -> bool:
    """Tell whether the overscan lies left or right of the data, so that rows have levels; else columns have."""
    data, strip = readout.data, readout.overscan
    if strip is None or strip.x2 <= data.x1 or strip.x1 >= data.x2:
        return True
    apart = strip.y2 <= data.y1 or strip.y1 >= data.y2
    return not apart and strip.shape[0] >= strip.shape[1]  # within the data: along its longer side


def _laid_out(pixels: Pixels, laid: list[tuple[tuple[FloatArray, FloatArray], Section]]) -> Pixels:
    """Make an image of the levels, and of their variance where the pixels have one."""
    values = np.zeros(pixels.shape)
    variance = None if pixels.variance is None else np.zeros(pixels.shape, pixels.variance.dtype)
    for (level, error), section in laid:
        values[section.window] = level
        if variance is not None:
            variance[section.window] = error
    return Pixels.of(values, variance=variance)


def _in_words(strips: list[Readout], method: str, order: int | None) -> str:
    """Say, in IRAF's words, what was taken out."""
    how = {0: method, None: f"{method} of each row"}.get(order, f"{method} and a curve of order {order}")
    return f"Overscan section is {_listed([readout.overscan for readout in strips])} with {how}"


def _level_card(number: int) -> str:
    return f"OSLEVEL{number}" if number < 10 else f"OSLEV{number}"


def _listed(sections: Sequence[Section | None]) -> str:
    few = len(sections) <= MOST_LISTED
    return " and ".join(map(str, sections)) if few else f"that of each of {len(sections)} amplifiers"


# how levels are measured


@attrs.frozen(eq=False, repr=False)
class Levels:
    """One level a row, (ny, 1), and its variance."""

    values: FloatArray
    variance: FloatArray


def measure_levels(strip: Pixels, *, method: LevelMethod, order: int | None, rows: tuple[int, int]) -> Levels:
    """Measure an overscan strip of (ny, nx) whose rows run across the way in which the level drifts.

    Flagged values do not count, nor do those further than 5 σ from the median: cosmic rays, trailing charge.

    :param order: 0 for one level, n for a polynomial of degree n through the rows' levels, None for each row its own.
    :param rows: the rows to give levels for, counted from the strip's first; a polynomial reaches beyond the strip.
    :raises CalibrationError: too few good values, or rows without one of their own.
    """
    values = np.where(strip.mask, np.nan, strip.values.astype(np.float64))
    worse = MEDIAN_VARIANCE if method == "median" else 1.0
    if order == 0:
        return _one(values[kept(values)], method, worse, int(rows[1] - rows[0]))
    known = np.flatnonzero(np.isfinite(values).any(axis=1))
    own = values[known]
    own[~kept(own - np.nanmedian(own, axis=1, keepdims=True))] = np.nan
    levels: FloatArray = np.nanmean(own, axis=1) if method == "mean" else np.nanmedian(own, axis=1)
    if order is None:
        return _own(rows, worse, values=own, levels=levels, known=known)
    return _curve(rows, order, levels=levels, known=known)


def _one(good: FloatArray, method: LevelMethod, worse: float, count: int) -> Levels:
    if not good.size:
        raise CalibrationError("holds no good pixel")
    level = good.mean() if method == "mean" else np.median(good)
    return Levels(np.full((count, 1), level), np.full((count, 1), worse * good.var() / good.size))


def _own(rows: tuple[int, int], worse: float, *, values: FloatArray, levels: FloatArray, known: IntArray) -> Levels:
    wanted = np.arange(*rows)
    missing = np.setdiff1d(wanted, known)
    if missing.size:
        raise CalibrationError(
            f"has no good pixel beside {missing.size} of the {wanted.size} rows of data (or columns, where it lies "
            "above them), the first of them number "
            f"{missing[0] - rows[0] + 1}; fit a curve instead (order=1, --overscan-order 1)"
        )
    at = np.searchsorted(known, wanted)
    counts = np.isfinite(values).sum(axis=1)
    scatter = float(np.nansum((values - levels[:, None]) ** 2)) / max(int(counts.sum()) - counts.size, 1)
    variance = worse * scatter / counts
    return Levels(levels[at, None], variance[at, None])


def _curve(rows: tuple[int, int], order: int, *, levels: FloatArray, known: IntArray) -> Levels:
    """Fit Legendre polynomials by least squares, leaving out rows further than 5 σ from the curve."""
    low, high = min(rows[0], 0), max(rows[1], int(known[-1]) + 1 if known.size else 0)

    def terms(at: IntArray) -> FloatArray:
        return np.polynomial.legendre.legvander(2 * (at - low) / max(high - low - 1, 1) - 1, order)

    if known.size <= order + 1:
        raise CalibrationError(f"has {known.size} rows with good pixels, too few for a curve of order {order}")
    design = terms(known)
    factors, good = fitted(design, levels)
    left = max(int(good.sum()) - order - 1, 1)
    scatter = float(((levels - design @ factors)[good] ** 2).sum()) / left
    wanted = terms(np.arange(*rows))
    spread = np.einsum("ij,jk,ik->i", wanted, np.linalg.pinv(design[good].T @ design[good]), wanted)
    return Levels((wanted @ factors)[:, None], (scatter * spread)[:, None])
