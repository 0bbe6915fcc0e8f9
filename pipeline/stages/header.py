"""The product: the science image with the header to be written.

Its cards are those of the first frame that still hold, what the steps added, exposures and times, the names of all
frames, and how frames and masters were combined, under the names that scripts written for ASPIRED read.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from astropy.io import fits
from toolz import unique

from pipeline.checks.damaged_readout import crosstalk_notes, gain_notes
from pipeline.compose.stage import stage
from pipeline.compose.telling import advise
from pipeline.detector.amplifier_values import regions_of
from pipeline.errors import FileWarning, HeaderError, HeaderWarning
from pipeline.headers.cards import Cards, keyword_of
from pipeline.headers.epochs import begin, end, moved
from pipeline.headers.exposure import exposure
from pipeline.headers.fits_standard import printable
from pipeline.headers.history_entries import entries_in, plain, with_entries, without_entries
from pipeline.headers.product_cards import ProductCards
from pipeline.headers.status import UNREADABLE_UNIT, State
from pipeline.headers.values import number
from pipeline.records.arrays import Array, FloatArray, array_of
from pipeline.records.frames import Image
from pipeline.records.history import Lineage, StepRecord, notes_of
from pipeline.records.identity import cheap_hash, content_key
from pipeline.records.interop import (
    astropy_unit,
    companions_of,
    sigma_of,
    wcs_of,
    with_unknown_errors_flagged,
    without_arithmetic,
    without_infinities,
)
from pipeline.records.note import ENTRIES, Note, merged, names_of
from pipeline.records.notebook import html_of_image
from pipeline.records.pixels import Pixels
from pipeline.stacking.combine import combine
from pipeline.version import CREATOR

if TYPE_CHECKING:
    from astropy.nddata import CCDData
    from astropy.units import Unit


ASPIRED_LETTERS = {"bias": "B", "dark": "D", "flat": "F"}
"""What ASPIRED puts before COMTYPE, SIGCLIP, CLIPLOW, CLIPHIG and XPOSURE of each master."""


def combining_cards(image: Image) -> Iterator[tuple[str, Any, str]]:
    """Give the cards of an image that was combined, and of the masters that its steps used.

    Of a master that was read from a file nothing is known but its name, and nothing is said.
    """
    found = image.found
    if found is not None:
        yield "SIGCLIP", found.clip is not None, "whether outliers were left out"
        if found.clip is not None:
            yield "CLIPHIG", found.clip.high, "[sigma] as CLIPHIGH"
        yield "WEIGHT", _by_exposure(image.history), "whether frames were weighed by exposure"
    told = set[str]()
    for lineage in masters_of(image.history):  # of several of a kind the image's own comes before those of its flat
        letter = ASPIRED_LETTERS.get(lineage.kind, "")
        if letter and lineage.combined is not None and lineage.kind not in told:
            told.add(lineage.kind)
            yield from _of_master(letter, lineage.kind, lineage.combined)


def _of_master(letter: str, kind: str, found: Any) -> Iterator[tuple[str, Any, str]]:
    yield f"{letter}COMTYPE", found.method, f"how {kind} frames were combined"
    yield f"{letter}SIGCLIP", found.clip is not None, f"whether outliers of {kind} frames were left out"
    if found.clip is not None:
        yield f"{letter}CLIPLOW", found.clip.low, f"[sigma] of {kind} frames, below"
        yield f"{letter}CLIPHIG", found.clip.high, f"[sigma] of {kind} frames, above"
    if kind != "bias" and None not in found.exposures:
        yield f"{letter}XPOSURE", math.fsum(found.exposures), f"[s] total exposure of the {kind} frames"


def _by_exposure(history: tuple[StepRecord, ...]) -> bool:
    return any(step.is_of(combine) and step.was_told(weights="exposure") for step in history)


def masters_of(history: tuple[StepRecord, ...]) -> Iterator[Lineage]:
    """Give the masters that steps used, and those that were used to make them."""
    for step in history:
        if not step.skipped:
            for lineage in step.masters:
                yield lineage
                yield from masters_of(lineage.history)


_NAMED = ("light", "arc", "bias", "dark", "flat")


@without_arithmetic
@attrs.frozen(repr=False)
class ReducedImage:
    """The science image, arc or master, with the header to be written.

    ``attach_header`` makes it.  ``pixels`` and ``header`` are what is written; ``kind``, ``sources``, ``history``,
    ``state``, ``found`` and ``said`` are those of the :class:`Image`.

    >>> import numpy as np
    >>> from pipeline import Image, attach_header
    >>> product = attach_header(Image.of(np.ones((2, 3)), exposure=30, name="a.fits"))
    >>> product, product.to_hdu().header["EXPTIME"], product.to_ccddata().unit
    (ReducedImage(light of 1 frame, 2×3, 30 s), 30.0, Unit("adu"))
    """

    pixels: Pixels
    header: Cards
    kind: str = "light"
    sources: tuple[str, ...] = ()
    history: tuple[StepRecord, ...] = ()
    state: State = State()  # noqa: RUF009 - frozen
    found: Any = None
    said: tuple[Note, ...] = ()

    def __repr__(self) -> str:
        height, width = self.shape
        frames = "1 frame" if len(self.sources) == 1 else f"{len(self.sources)} frames"
        seconds = number(self.header.get("EXPTIME")).value
        known = (f"{self.kind} of {frames}", f"{height}×{width}", f"{seconds:g} s" if math.isfinite(seconds) else "")
        return f"ReducedImage({', '.join(filter(None, known))})"

    def _repr_html_(self) -> str:
        return html_of_image(repr(self), self.pixels, self.history, self.notes)

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx)."""
        return self.pixels.shape

    @property
    def values(self) -> FloatArray:
        """The values of its pixels (ny, nx), read-only."""
        return self.pixels.values

    value = values  # as a Quantity has it: what has a unit is asked for it by astropy and photutils

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return array_of(self.values, dtype, copy)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the values: float32 or float64."""
        return self.pixels.dtype

    @property
    def unit(self) -> Unit:
        """The unit of the values, as astropy's."""
        return astropy_unit(self.state.unit)

    @property
    def exposure(self) -> float | None:
        """The seconds that a pixel value corresponds to; None where the header does not say.

        :raises HeaderError: what it says cannot be read.
        """
        return exposure(self.header)

    @property
    def wcs(self) -> Any:
        """The WCS that its header holds, as astropy's; None where it holds none.

        :raises HeaderError: its cards cannot be read.
        """
        return wcs_of(self.header)

    __hash__ = cheap_hash
    __dask_tokenize__ = content_key

    @property
    def outline(self) -> tuple[Any, ...]:
        """What tells it from most other images: kind, shape and history, and never a pixel."""
        return self.kind, self.pixels.shape, tuple(map(str, self.history))

    def recorded(self, step: StepRecord) -> ReducedImage:
        """Give the same image with one more step in its history, and what it said in the header."""
        after = attrs.evolve(self, history=(*self.history, step))
        return attrs.evolve(after, header=_with_notes(self.header, after.notes, self.notes)) if step.said else after

    def noted(self, notes: Iterable[Note]) -> ReducedImage:
        """Give the same image with notes that were said of it outside of any step, in the header too."""
        after = attrs.evolve(self, said=(*self.said, *notes))
        return attrs.evolve(after, header=_with_notes(self.header, after.notes, self.notes))

    @property
    def notes(self) -> tuple[Note, ...]:
        """What had to be assumed, or was found wrong, in its frames, its steps and their masters: each fact once."""
        return notes_of(self.said, self.history)

    def to_image(self) -> Image:
        """Give the image as if it were read back from a file: what was done to it is its state, not its history."""
        return Image(
            kind=self.kind,
            data=self.pixels,
            exposure=self.exposure,
            header=self.header,
            sources=self.sources,
            state=self.state,
            found=self.found,
            said=self.notes,
        )

    def to_hdu(self, *, fill: float | None = None) -> fits.PrimaryHDU:
        """Give an astropy PrimaryHDU with a fresh array.

        :param fill: the value to put where a pixel is flagged, such as NaN for clients that heal it.
        """
        values = self.pixels.values.copy()
        if fill is not None:
            values[self.pixels.mask] = fill
        return fits.PrimaryHDU(values, self.header.to_header())

    def to_hdulist(self) -> fits.HDUList:
        """Give the image with its MASK (0 good, 1 not), UNCERT (standard deviation, where known) and FLAGS."""
        return fits.HDUList([self.to_hdu(), *companions_of(self.pixels)])

    def to_ccddata(self) -> CCDData:
        """Give an astropy CCDData with unit, mask, flags, uncertainty, WCS and header.

        A WCS that cannot be read stays in the header, and this is said.
        """
        from astropy.nddata import CCDData, StdDevUncertainty

        variance = self.pixels.total_variance
        return CCDData(
            self.pixels.values.copy(),
            unit=self.unit,
            mask=self.pixels.mask,
            flags=self.pixels.flags.copy(),
            uncertainty=None if variance is None else StdDevUncertainty(sigma_of(variance)),
            header=self.header.to_header(),
            wcs=self._wcs_if_any(),
        )

    def _wcs_if_any(self) -> Any:
        try:
            return self.wcs
        except HeaderError as error:
            advise(str(error), HeaderWarning, of=self.sources)
            return None


def _amplifiers(image: Image) -> tuple[Note, ...]:
    """Say where what is bright in one amplifier repeats in another: where nothing says what each reads, in halves.

    And where halves of a single light tell that each has its gain: of several the scatter between them tells.
    """
    if image.kind != "light":
        return ()
    sections = [region.section for region in regions_of(image)]
    boxes = [(one.y1, one.y2, one.x1, one.x2) for one in sections]
    values, mask = image.pixels.values, image.pixels.mask
    good, names = np.where(mask, np.nan, values) if mask.any() else values, names_of(image)
    alone = image.found is not None and image.found.frames == 1 and image.state.flat and not boxes
    variance = image.pixels.total_variance if alone else None
    return crosstalk_notes(good, boxes, names) + (() if variance is None else gain_notes(good, variance, names))


@stage(looks=_amplifiers)
def attach_header(image: Image) -> ReducedImage:
    """Make the product: the first frame's cards that still hold, and the record of the reduction.

    What becomes of each card of the raw header is told in :mod:`pipeline.headers.product_cards`.

    >>> import numpy as np
    >>> from pipeline import Image, attach_header
    >>> product = attach_header(Image.of(np.ones((2, 3)), exposure=30, name="a.fits"))
    >>> product.header["EXPTIME"], product.header["BUNIT"]
    (30.0, 'adu')
    """
    _check_result(image)
    raw = ProductCards.of(image.header)
    if raw.note:
        advise(f"cards of its header {raw.note}", FileWarning, of=image)
    header = raw.header
    _move_epochs(header, image)
    for keyword, value, comment in _unit_cards(image):
        header[keyword] = (value, comment)
    for keyword, value, comment in image.added:
        said = printable(value) if isinstance(value, str) else value
        header[keyword] = (said, comment) if comment else said
    for keyword, value, comment in (*_exposures(image), *_times(image), *combining_cards(image)):
        header[keyword] = (value, comment)
    for kind, names in _names(image).items():
        _add_names(header, kind, names)
    header["CREATOR"] = (CREATOR, "software that wrote this file")
    for step in image.history:
        header.add_history(printable(str(step)))
    cards = Cards.of(header)  # not str(header): astropy would warn of each comment that it cuts
    if "CONTINUE" in cards.text:
        header["LONGSTRN"] = ("OGIP 1.0", "long strings go on in CONTINUE cards")
        cards = Cards.of(header)
    return ReducedImage(
        pixels=with_unknown_errors_flagged(without_infinities(image.pixels)),
        header=_with_notes(cards, image.notes),
        kind=image.kind,
        sources=image.sources,
        history=image.history,
        state=image.state,
        found=image.found,
        said=image.said,
    )


def _unit_cards(image: Image) -> Iterator[tuple[str, str, str]]:
    unit = image.state.unit
    if unit and _is_readable(unit):
        yield "BUNIT", printable(unit), "unit of the pixel values"
    elif unit:
        advise(f"BUNIT = {unit!r} is no unit that is known: kept as {UNREADABLE_UNIT}", FileWarning, of=image)
        yield "BUNIT", "", "none that is known"
        yield UNREADABLE_UNIT, printable(unit), "BUNIT of the frames"


def _is_readable(unit: str) -> bool:
    """Tell whether astropy reads a unit; if not, CCDData reads no file that names it."""
    if unit.removesuffix("/s") in ("adu", "electron"):
        return True
    from astropy.units import Unit

    try:
        Unit(unit)
    except (ValueError, TypeError):
        return False
    return True


def _check_result(image: Image) -> None:
    """Say what is wrong with an image that is to be a product."""
    if image.pixels.mask.all():
        advise(f"no pixel of the {image.kind} is good: all are NaN or flagged", of=image)


def _with_notes(cards: Cards, notes: tuple[Note, ...], before: tuple[Note, ...] = ()) -> Cards:
    """Let HISTORY have one entry for each note, those that it has from before among them, and count them.

    :param before: notes that were entered already, and may have become others: a wrong has got worse.
    """
    there, old = entries_in(cards, ENTRIES), {plain(note.entry) for note in before}
    kept = [entry for entry in there if entry not in old]
    entries = [note.entry for note in merged(map(Note.read, [*kept, *(plain(note.entry) for note in notes)]))]
    if entries != there:
        cards = with_entries(without_entries(cards, ENTRIES), entries)
    count = fits.Card("NNOTES", len(entries), "number of notes in HISTORY: what was assumed")
    return Cards("".join([*(image for image in cards.images if keyword_of(image) != "NNOTES"), str(count)]))


def _exposures(image: Image) -> Iterator[tuple[str, float | int, str]]:
    found = image.found
    yield "NCOMBINE", found.frames if found else 1, "number of frames combined"
    if image.exposure is not None:
        frames = tuple(seconds or 0.0 for seconds in found.exposures) if found else (image.exposure,)
        yield "EXPTIME", image.exposure, "[s] exposure that a pixel value corresponds to"
        yield "AXPOSURE", math.fsum(frames) / len(frames), "[s] mean exposure of the frames combined"
        yield "XPOSURE", math.fsum(frames), "[s] total exposure of the frames combined"


def _move_epochs(header: fits.Header, image: Image) -> None:
    """Let the cards of the first frame's epoch follow a combination, or go."""
    found, cards = image.found, image.header
    if not found or found.frames < 2:
        return
    first = begin(cards), end(cards, found.exposures[0])
    for keyword, value in moved(cards, first, (found.begin, found.end)).items():
        if value is None:
            header.remove(keyword, ignore_missing=True, remove_all=True)
        elif keyword in header:
            header[keyword] = value


def _times(image: Image) -> Iterator[tuple[str, str, str]]:
    found = image.found
    if found and found.begin and found.end:
        middle = found.begin + (found.end - found.begin) / 2
        yield "DATE-BEG", found.begin.isoformat(timespec="milliseconds"), "start of the first exposure"
        yield "DATE-AVG", middle.isoformat(timespec="milliseconds"), "middle between start and end"
        yield "DATE-END", found.end.isoformat(timespec="milliseconds"), "end of the last exposure"


def _names(image: Image) -> dict[str, tuple[str, ...]]:
    """Give the raw frames by kind: the image's own, and those of its masters, before those of its flat's masters."""
    names: dict[str, tuple[str, ...]] = dict.fromkeys(_NAMED, ())
    names[image.kind] = image.sources
    for lineage in masters_of(image.history):
        if lineage.kind != image.kind:
            names[lineage.kind] = tuple(unique((*names[lineage.kind], *lineage.sources)))
    return names


def _add_names(header: fits.Header, kind: str, names: tuple[str, ...]) -> None:
    for place, (name, told_apart) in enumerate(zip(names, shortest_names(names), strict=True), start=1):
        keyword, short = f"{kind.upper()}{place}", printable(told_apart)
        if len(keyword) <= 8 and len(short) <= 60:
            header[keyword] = (short, f"{kind} frame")
        else:
            header.add_history(f"{kind} {place}: {printable(name)}")


def shortest_names(paths: Sequence[str]) -> list[str]:
    """Give the file names of paths, with as many of their folders as tell them apart.

    >>> shortest_names(["a/1/x.fits", "a/2/x.fits", "a/2/y.fits"])
    ['1/x.fits', '2/x.fits', 'y.fits']
    """
    parts = [re.split(r"[/\\]", path) for path in paths]
    short = [tuple(part[-1:]) for part in parts]
    for depth in range(2, max(map(len, parts), default=0) + 1):
        alike = Counter(name for name, _ in {(name, tuple(part)) for name, part in zip(short, parts, strict=True)})
        short = [tuple(part[-depth:]) if alike[name] > 1 else name for name, part in zip(short, parts, strict=True)]
    return ["/".join(name) for name in short]
