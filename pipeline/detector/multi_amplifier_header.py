"""Amplifiers that have each their HDU, as one frame: a pile of the HDUs' arrays as they are stored.

Its cards say where in the pile each amplifier's HDU, data and overscan lie (ASECn, DSECn, BSECn), where the data go in
the trimmed frame (PSECn), and its gain, read noise and saturation where amplifiers differ (GAINn, RONn, SATURn).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
from astropy.io import fits

from pipeline.detector.amplifiers import HDUS_PILED, PLACED_SECTION, Amplifier, declared_amplifiers
from pipeline.detector.detsec import Place, layout_by_detsec
from pipeline.detector.section import Section
from pipeline.errors import CalibrationError
from pipeline.headers import keyword_tables as tables
from pipeline.headers.cards import COMMENTARY, Cards
from pipeline.records.frames import Image

AREA_SECTION = "ASEC"
_OF_ALL = re.compile(
    r"(C(TYPE|RVAL|DELT|RPIX|UNIT|ROTA)|CD|PC|PV|LTV|LTM|[AB]P?_|DATE|MJD|TIME|UT)[-_A-Z\d]*|EQUINOX|RADESYS|WCS.*"
)
_EXPOSURES = {key.keyword for key in tables.EXPOSURE}


@attrs.frozen
class AmplifierPart:
    """What one amplifier adds to a pile: the area of its HDU in it, data and overscan there, and what is known of it.

    ``whole`` are the data that the header's DETSEC, ``on_detector``, is for; ``data`` may be a part of them.
    """

    what: str
    area: Section
    data: Section
    whole: Section
    overscan: Section | None
    on_detector: str
    gain: float | None = None
    read_noise: float | None = None
    saturation: float | None = None

    def placed(self, place: Place) -> Place:
        """Give the place of the data when that of the whole is known."""
        taken, whole, goes = self.data, self.whole, place.section
        x, y = (taken.x1 - whole.x1, whole.x2 - taken.x2), (taken.y1 - whole.y1, whole.y2 - taken.y2)
        (left, right), (below, above) = (
            cut[::-1] if back else cut for cut, back in zip((x, y), place.backwards, strict=True)
        )
        return Place(Section(goes.x1 + left, goes.x2 - right, goes.y1 + below, goes.y2 - above), place.backwards)


def places_of_parts(
    parts: Sequence[AmplifierPart], binning: tuple[int, int] | None, name: str
) -> tuple[dict[AmplifierPart, Place], str]:
    """Give the place of what DETSEC of each amplifier's HDU is for, and the section of all of them on the detector.

    :raises CalibrationError: they are no parts of one image.
    """
    wholes = list(dict.fromkeys((part.whole, part.on_detector) for part in parts))
    detector = layout_by_detsec([text for _, text in wholes], [whole.shape for whole, _ in wholes], binning, name)
    places = dict(zip(wholes, detector.places, strict=True))
    return {part: places[part.whole, part.on_detector] for part in parts}, detector.section


def multi_amplifier_cards(
    first: Cards, others: Sequence[Cards], places: Mapping[AmplifierPart, Place], detector: str
) -> Cards:
    """Give the cards of a pile: those of its first HDU that hold for all, and those of each amplifier.

    :param first: of the first HDU, with the primary's.
    :param others: of the other HDUs.
    :param detector: the section of all amplifiers on the detector.
    """
    parts = list(places)
    header = first.to_header()
    for keyword in {card.keyword for card in first.to_header().cards if not _shared(card, others)}:
        header.remove(keyword, remove_all=True)
    header[HDUS_PILED] = (len(parts), "amplifiers, their HDUs one above the other")
    header["DETSEC"] = (detector, "of all amplifiers")
    for number, (part, place) in enumerate(places.items(), start=1):
        header[f"{AREA_SECTION}{number}"] = (str(part.area), part.what)
        header[f"DSEC{number}"] = (str(part.data), f"that {part.what} read")
        header[f"{PLACED_SECTION}{number}"] = (str(part.placed(place)), "where that goes")
        if part.overscan:
            header[f"BSEC{number}"] = (str(part.overscan), "overscan")
    _add(header, parts, lambda part: part.gain, tables.AMPLIFIER_GAIN, tables.GAIN, "[e-/ADU]")
    _add(header, parts, lambda part: part.read_noise, tables.AMPLIFIER_READ_NOISE, tables.READ_NOISE, "[e-]")
    _add(header, parts, lambda part: part.saturation, tables.AMPLIFIER_SATURATION, tables.SATURATION, "[ADU]")
    return Cards.of(header)


def _add(
    header: fits.Header,
    parts: Sequence[AmplifierPart],
    of: Callable[[AmplifierPart], float | None],
    names: Sequence[str],
    whole: Sequence[Any],
    comment: str,
) -> None:
    """Write a number of each amplifier in place of the frame's, where amplifiers differ."""
    values = [of(part) for part in parts]
    if len(set(values)) == 1:
        return
    for keyword in (getattr(key, "keyword", key) for key in whole):
        header.remove(keyword, ignore_missing=True, remove_all=True)
    for number, value in enumerate(values, start=1):
        if value is not None:
            header[names[0].format(number)] = (value, comment)


def _shared(card: fits.Card, others: Sequence[Cards]) -> bool:
    """Tell whether a card of the first HDU holds for the pile: a time, a WCS, or the same in all HDUs that have it."""
    keyword = card.keyword
    if keyword in COMMENTARY or keyword in _EXPOSURES or _OF_ALL.fullmatch(keyword):
        return True
    if re.fullmatch(
        r"([A-Z]{3,4}|[ABCDT])SEC([A-Z]|\d{0,4})|(GAIN|RDNOISE)[A-Z]|SATURAT[A-DF-Z]|[AD]T[MV]\d(_\d)?", keyword
    ):
        return False
    return all(other.get(keyword) in (None, card.value) for other in others)


def amplifiers_of_every_hdu(image: Image, amplifiers: tuple[Amplifier, ...]) -> tuple[Amplifier, ...]:
    """Give amplifiers as they lie in a pile: one is that of every HDU, several are one of each.

    :raises CalibrationError: there are more or fewer than the pile has amplifiers, or one lies outside its HDU.
    """
    if not amplifiers or HDUS_PILED not in image.header:
        return amplifiers
    piled = declared_amplifiers(image)
    if len(amplifiers) not in (1, len(piled)):
        raise CalibrationError(
            f"{image.name}: {len(amplifiers)} amplifiers given, {len(piled)} in the file; give one, or each"
        )
    each = amplifiers if len(amplifiers) > 1 else amplifiers * len(piled)
    return tuple(_in_pile(image, one, own) for one, own in zip(each, piled, strict=True))


def _in_pile(image: Image, given: Amplifier, own: Amplifier) -> Amplifier:
    area = Section.of(str(image.header.get(AREA_SECTION + own.name)), image.shape)
    try:
        sections = [Section.of(text, area.shape) if text else None for text in (given.data, given.overscan)]
        inside = all(section.fits(area.shape) for section in sections if section)
    except ValueError:
        inside = False
    if not inside:
        rows, columns = area.shape
        raise CalibrationError(
            f"{image.name}: the amplifier with data {given.data}, overscan {given.overscan or 'none'} lies outside an "
            f"HDU of {rows} rows × {columns} columns"
        )
    data, overscan = (str(section.moved(-area.x1, -area.y1)) if section else "" for section in sections)
    return Amplifier(data, overscan, given.place or own.place, own.name)
