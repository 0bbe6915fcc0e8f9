"""Edge: files in which each amplifier has an HDU of its own, read as one frame: the HDUs stand one above the other.

How they lie in the image is for :mod:`~pipeline.detector.mosaic` to say, by DETSEC.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatch
from typing import Any

import attrs
import numpy as np
from astropy.io import fits

from pipeline.compose.telling import advise
from pipeline.detector.amplifier_values import regions_of
from pipeline.detector.amplifiers import Amplifier, declared_amplifiers, detsec_of_all
from pipeline.detector.detsec import Place
from pipeline.detector.mosaic import Piece, moved_cards
from pipeline.detector.multi_amplifier_header import AmplifierPart, multi_amplifier_cards, places_of_parts
from pipeline.detector.section import Section
from pipeline.errors import FrameError, HeaderError
from pipeline.fits.file_access import keep_open
from pipeline.fits.frame_source import FitsSource
from pipeline.fits.hdu import cards_of, hdu_array_of
from pipeline.fits.hdu_array import HduArray
from pipeline.fits.hdu_index import contents, forward
from pipeline.fits.stored_array import Origin
from pipeline.headers import keywords
from pipeline.headers.cards import Cards
from pipeline.records.arrays import Array, working_dtype
from pipeline.records.frames import Image


@attrs.frozen
class StackedHdus:
    """The values of several HDUs of a file, one above the other: a :class:`~pipeline.fits.hdu_array.FrameArray`.

    Rows of those that are narrower end in NaN.
    """

    parts: tuple[HduArray, ...]
    pattern: str

    @property
    def origin(self) -> Origin:
        """The file, and the pattern that its HDUs fit."""
        return attrs.evolve(self.parts[0].origin, hdu=self.pattern)

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx)."""
        return sum(part.shape[0] for part in self.parts), max(part.shape[1] for part in self.parts)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the values."""
        found = np.result_type(*(part.dtype for part in self.parts))
        narrower = len({part.shape[1] for part in self.parts}) > 1
        return working_dtype(found) if narrower else found

    @property
    def stored(self) -> tuple[str, float] | None:
        """Whole numbers, where all HDUs are stored alike and are of one width."""
        ways = {(part.stored, part.shape[1]) for part in self.parts}
        return self.parts[0].stored if len(ways) == 1 else None

    @property
    def in_spool(self) -> bool:
        """Whether an HDU has been unpacked into the anonymous file."""
        return any(part.in_spool for part in self.parts)

    def read(self, start: int, stop: int) -> Array:
        """Read some rows, counted as slices count."""
        start, stop, _ = slice(start, stop).indices(self.shape[0])
        rows = [np.empty((0, self.shape[1]), self.dtype)]
        for part, first, last in self._within(start, stop):
            values = part.read(first, last).astype(self.dtype, copy=False)
            missing = self.shape[1] - values.shape[1]
            rows.append(np.pad(values, ((0, 0), (0, missing)), constant_values=np.nan) if missing else values)
        return np.concatenate(rows)

    def read_stored(self, start: int, stop: int, into: Array) -> None:
        """Read some rows as they are stored."""
        place = 0
        for part, first, last in self._within(start, stop):
            size = (last - first) * self.shape[1]
            part.read_stored(first, last, into[place : place + size])
            place += size

    def check_unchanged(self) -> None:
        """Refuse a file that has changed."""
        for part in self.parts:
            part.check_unchanged()

    def loaded(self) -> StackedHdus:
        """Give the same quick to read, all HDUs of a plain file from one that stays open; say where sums disagree."""
        if self.parts[0].quick is not None:
            return self
        packed = any(part.array.packing for part in self.parts)
        file = None if packed else keep_open(self.origin.path)
        if file is None:
            return attrs.evolve(self, parts=tuple(part.loaded() for part in self.parts))
        for part in self.parts:
            part.check_sum()
        return attrs.evolve(self, parts=tuple(part.over(file) for part in self.parts))

    def _within(self, start: int, stop: int) -> Iterator[tuple[HduArray, int, int]]:
        """Give the parts that hold some rows, and which of their own rows those are."""
        before = 0
        for part in self.parts:
            height = part.shape[0]
            first, last = max(start - before, 0), min(stop - before, height)
            if first < last:
                yield part, first, last
            before += height


SAME_PIXEL = 1.0
"""Reference pixels of HDUs that lie further apart in the assembled image are not of one WCS."""


def is_pattern(hdu: int | str) -> bool:
    """Tell whether an HDU column names several HDUs: by ``*``, or a pattern of their EXTNAMEs such as ``im*``."""
    return isinstance(hdu, str) and ("*" in hdu or "?" in hdu)


def stacked_hdus_of(
    hdus: fits.HDUList, pattern: str, path: str, packing: str, *, sky: bool
) -> tuple[StackedHdus, Cards]:
    """Give the amplifiers' HDUs of an opened file as one frame, and its cards, the primary header's among them.

    :param sky: say where one WCS cannot be right for all HDUs.
    :raises FrameError: no image HDU is of that name and has DETSEC.
    :raises CalibrationError: DETSEC does not put them into one image.
    """
    numbers = _matching(hdus, pattern)
    if not numbers:
        raise FrameError(
            f"{path}: HDU {pattern!r} puts amplifiers together by DETSEC, and no image HDU of that name has it; it has "
            f"{contents(hdus, path)}; name one HDU"
        )
    arrays = [hdu_array_of(hdus, number, path, packing) for number in numbers]
    own = [cards_of(hdus[number], path, packing) for number in numbers]
    primary = cards_of(hdus[0], path, packing)
    name = f"{path}[{pattern}]"
    pairs, row = list[tuple[Cards, AmplifierPart]](), 0
    for number, array, cards in zip(numbers, arrays, own, strict=True):
        called = f"HDU {number} {hdus[number].name}".strip()
        try:
            pairs += [(cards, part) for part in _parts(array, cards, primary, row, called)]
        except HeaderError as error:
            raise HeaderError(f"{path}[{number}]: {error}") from error
        row += array.shape[0]
    header = own[0] if numbers[0] == 0 else own[0].under(primary)
    places, detector = places_of_parts([part for _, part in pairs], keywords.binning(header), name)
    if sky:
        _check_coordinates(pairs, places, name)
    return StackedHdus(tuple(arrays), pattern), multi_amplifier_cards(header, own[1:], places, detector)


def is_multi_amplifier(hdus: fits.HDUList) -> bool:
    """Tell whether a file without an image in its first HDU has several that DETSEC puts together."""
    return not _is_image(hdus[0]) and len(_matching(hdus, "*")) > 1


def _matching(hdus: fits.HDUList, pattern: str) -> list[int]:
    """Give the numbers of the image HDUs whose name a pattern fits and whose header has DETSEC."""
    return [
        number
        for number, hdu in forward(hdus)
        if fnmatch(str(hdu.name).upper(), pattern.upper())
        and _is_image(hdu)
        and any(key.startswith("DETSEC") for key in hdu.header)
    ]


def _is_image(hdu: Any) -> bool:
    kinds = fits.PrimaryHDU | fits.ImageHDU | fits.CompImageHDU
    return isinstance(hdu, kinds) and not isinstance(hdu, fits.GroupsHDU) and int(hdu.header.get("NAXIS", 0)) >= 2


def _parts(array: HduArray, cards: Cards, primary: Cards, row: int, called: str) -> list[AmplifierPart]:
    """Give what the amplifiers of one HDU add to the stacked HDUs, of which it fills the rows from ``row`` on."""
    name = str(array.origin)
    image = Image("light", FitsSource(array), header=cards, sources=(name,))
    amplifiers = declared_amplifiers(image) or (Amplifier(),)
    known = {region.name: region for region in regions_of(image)} if len(amplifiers) > 1 else {}
    of_all = detsec_of_all(cards)
    height, width = array.shape
    parts = []
    for one in amplifiers:
        data = Section.of(one.data, array.shape)
        overscan = Section.of(one.overscan, array.shape) if one.overscan else None
        region = known.get(one.name)
        parts.append(
            AmplifierPart(
                what=f"{called} {one.name}".strip(),
                area=Section(0, width, row, row + height),
                data=data.moved(0, -row),
                whole=_whole(cards, "" if of_all else one.name, data, array.shape).moved(0, -row),
                overscan=overscan and overscan.moved(0, -row),
                on_detector=of_all or str(cards.get(f"DETSEC{one.name}", "")),
                gain=region.gain if region else keywords.gain(cards, primary),
                read_noise=region.read_noise if region else keywords.read_noise(cards, primary),
                saturation=region.saturation if region else keywords.saturation(cards.under(primary)),
            )
        )
    return parts


def _whole(cards: Cards, name: str, data: Section, shape: tuple[int, int]) -> Section:
    """Give the data that DETSEC is for: DATASEC, of which TRIMSEC may be a part."""
    try:
        whole = Section.of(str(cards.get(f"DATASEC{name}", "")), shape)
    except ValueError:
        return data
    holds = whole.x1 <= data.x1 and data.x2 <= whole.x2 and whole.y1 <= data.y1 and data.y2 <= whole.y2
    return whole if holds and whole.fits(shape) else data


def _check_coordinates(
    pairs: Sequence[tuple[Cards, AmplifierPart]], places: Mapping[AmplifierPart, Place], name: str
) -> None:
    """Say where HDUs have a WCS of their own that does not go on where the first one's ends."""
    first: tuple[float, ...] | None = None
    off: list[str] = []
    for cards, part in pairs:
        there = _reference(cards, part, places[part])
        first = first or there
        if first and there and (first[:2] != there[:2] or _apart(first, there) > SAME_PIXEL):
            off.append(part.what)
    if off:
        more = f" and {len(off) - 3} more" if len(off) > 3 else ""
        advise(
            f"the WCS is that of {pairs[0][1].what}; {', '.join(off[:3])}{more} had another, and may lie up to some "
            "pixels off in it",
            of=name,
        )


def _reference(cards: Cards, part: AmplifierPart, place: Place) -> tuple[float, ...] | None:
    """Give the reference value and pixel of an HDU's WCS in the assembled image; None where it has none."""
    within = part.whole.moved(part.area.x1, part.area.y1)
    goes = moved_cards(cards, Piece(within, place.section, place.backwards))
    values = [goes.get(keyword) for keyword in ("CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2")]
    return None if not all(isinstance(value, int | float) for value in values) else tuple(map(float, values))


def _apart(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    return max(abs(a - b) for a, b in zip(one[2:], other[2:], strict=True))
