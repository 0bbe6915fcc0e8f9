"""What is known of each amplifier of a frame that several read: its pixels, gain, read noise and saturation."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import attrs
import numpy as np

from pipeline.detector.amplifiers import DATA_SECTIONS
from pipeline.detector.section import Section
from pipeline.errors import CalibrationError
from pipeline.headers import keyword_tables as tables
from pipeline.headers.cards import Cards
from pipeline.headers.keyword_tables import Key
from pipeline.headers.keywords import gain_from
from pipeline.headers.values import number
from pipeline.records.arrays import Array
from pipeline.records.frames import Image

_NAMED = re.compile(r"(?:DATASEC|TRIMSEC|[DT]SEC)([A-Z]|\d{1,4})")
_IN_ADU = re.compile(r"\b(adu|dn)\b", re.IGNORECASE)


@attrs.frozen
class Region:
    """The pixels that one of several amplifiers read, and e⁻/ADU, e⁻ and ADU; None where the header does not say."""

    name: str
    section: Section
    gain: float | None = None
    read_noise: float | None = None
    saturation: float | None = None


def regions_of(image: Image) -> tuple[Region, ...]:
    """Give what the header says of each amplifier, in the order of their names; none where one read the frame."""
    cards = image.header
    names = {match[1] for keyword in cards.keywords if (match := _NAMED.fullmatch(keyword))}
    regions = []
    for name in sorted(names, key=lambda name: (len(name), name)):
        section = _section(cards, name, image.shape)
        if section:
            gain = _gain(cards, name)
            saturation = _first(cards, tables.AMPLIFIER_SATURATION, name)[1]
            regions.append(Region(name, section, gain, _read_noise(cards, name, gain), saturation))
    return tuple(regions) if len(regions) > 1 else ()


def several_gains(image: Image) -> bool:
    """Tell whether the header gives the gain of each of several amplifiers."""
    return any(region.gain for region in regions_of(image))


def several_saturations(image: Image) -> bool:
    """Tell whether the header gives the saturation of each of several amplifiers."""
    return any(region.saturation for region in regions_of(image))


def number_of_each(
    image: Image, known: Sequence[float | None], what: str, given: Sequence[float] = ()
) -> tuple[tuple[Section, float], ...]:
    """Give each region with its number: one of those that are given, in order, or else what is known.

    :raises CalibrationError: there are more or fewer numbers than amplifiers, or one is not known.
    """
    regions = regions_of(image)
    if given and len(given) != len(regions):
        raise CalibrationError(
            f"{image.name}: {len(given)} numbers for the {what} of {len(regions) or 1} amplifiers; give one for each, "
            "in the order of the amplifiers, or one for all"
        )
    numbers: tuple[float | None, ...] = tuple(given) or tuple(known)
    silent = [region.name for region, one in zip(regions, numbers, strict=True) if one is None]
    if silent:
        raise CalibrationError(
            f"{image.name}: its header does not give the {what} of amplifier {', '.join(silent)}; give it for all"
        )
    return tuple((region.section, float(one)) for region, one in zip(regions, numbers, strict=True) if one is not None)


def plane_of_numbers(numbers: Sequence[tuple[Section, float]], shape: tuple[int, int], elsewhere: float) -> Array:
    """Give a plane, (ny, nx) float64, of the number of each region, and another where no amplifier reads."""
    plane = np.full(shape, elsewhere)
    for section, value in numbers:
        plane[section.window] = value
    return plane


def _section(cards: Cards, name: str, shape: tuple[int, int]) -> Section | None:
    text = next((str(value) for key in DATA_SECTIONS if (value := cards.get(key + name)) is not None), "")
    try:
        section = Section.of(text, shape)
    except ValueError:
        return None
    return section if section.fits(shape) else None


def _first(cards: Cards, keys: Sequence[str], name: str) -> tuple[str, float | None]:
    for key in keys:
        keyword = key.format(name)
        value = number(cards.get(keyword)).value
        if 0 < value < math.inf:
            return keyword, value
    return "", None


def _gain(cards: Cards, name: str) -> float | None:
    for keyword in (key.format(name) for key in tables.AMPLIFIER_GAIN):
        if _first(cards, (keyword,), name)[1]:
            return gain_from(cards, Key(keyword))
    inverse = _first(cards, tables.AMPLIFIER_INVERSE_GAIN, name)[1]
    return None if inverse is None else 1 / inverse


def _read_noise(cards: Cards, name: str, gain: float | None) -> float | None:
    keyword, value = _first(cards, tables.AMPLIFIER_READ_NOISE, name)
    if value is None or not _IN_ADU.search(cards.comment(keyword)):
        return value
    return None if gain is None else value * gain
