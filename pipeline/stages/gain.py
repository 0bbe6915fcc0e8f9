"""The gain: from what the readout counts to the electrons that were there."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, TypeAlias

import attrs
import numpy as np

from pipeline.checks.ceilings import unflagged
from pipeline.compose.stage import stage
from pipeline.detector.amplifier_values import (
    Region,
    number_of_each,
    plane_of_numbers,
    regions_of,
    several_gains,
)
from pipeline.errors import CalibrationError, SettingError
from pipeline.headers import keyword_tables as tables
from pipeline.headers import keywords
from pipeline.headers.cards import Cards
from pipeline.headers.status import Done
from pipeline.records.frames import Image
from pipeline.records.note import Note
from pipeline.records.pixels import Pixels
from pipeline.statistics.noise import OneGain

SAME_GAIN = 1e-3

_IN_ITS_WORDS = re.compile(r"Gain correction with ([-+.,e\d ]+) e-/ADU")

_IN_ADU = re.compile(r"\b(adu|dn|counts?)\b", re.IGNORECASE)
Gain: TypeAlias = OneGain | tuple[OneGain, ...] | None


def _one_gain(image: Image, *, gain: Gain = None, force: bool = False) -> bool:  # noqa: ARG001 - stage's own
    return not several_gains(image) if gain is None else not isinstance(gain, tuple) or len(gain) == 1


def _unflagged(image: Image, **_settings: Any) -> tuple[Note, ...]:
    return unflagged([image])


@stage(rows=_one_gain, does="gain", looks=_unflagged)
def to_electrons(image: Image, *, gain: Gain = None, force: bool = False) -> Image:
    """Multiply by the gain: values and what is known of their noise are then in electrons.

    Where several amplifiers read the frame, each has its own gain, if the header (GAINA, GAIN1) or ``gain`` says so.
    That comes before the flat, which evens gains out: flats are brought to electrons too.

    The header follows: its gain becomes 1, and levels in ADU (SATURATE, a read noise whose comment says ADU) are in
    electrons too, so that whoever reads them next does not multiply again.

    >>> import numpy as np
    >>> from pipeline import Image, to_electrons
    >>> image = to_electrons(Image.of(np.ones((1, 2))), gain=1.5)
    >>> image.values, str(image.unit)
    (array([[1.5, 1.5]]), 'electron')

    :param gain: e⁻/ADU, or that of each amplifier in the order of their names; by default what the header says,
        unless that may be a setting of the camera.
    :param force: multiply even if the header says that the values are electrons.
    :raises SettingError: a gain is not positive.
    :raises CalibrationError: the header gives no gain that can be believed, the image is not in ADU, or gains of
        several amplifiers come after the flat.
    """
    if gain == ():
        raise SettingError("to_electrons: gain=(); expected one for each amplifier")
    given = () if gain is None else gain if isinstance(gain, tuple) else (gain,)
    if image.state.unit not in ("adu", "adu/s") and not force:
        raise CalibrationError(f"{image.name}: in {image.state.unit or 'no unit'}; a gain turns adu into electron")
    if not _one_gain(image, gain=gain):
        return _by_amplifier(image, given)
    with keywords.of_frame(image.name):
        said = keywords.gain(image.header)
    number = given[0] if given else said
    if number is None:
        raise CalibrationError(
            f"{image.name}: no gain in e-/ADU in its header (GAIN = {image.header.get('GAIN', 'none')} "
            "may be a setting of the camera); give it (gain=, --gain)"
        )
    number = float(number)
    by = f"Gain correction with {number:.8g} e-/ADU"
    found = _found_in_electrons(image.found, number)
    return _in_electrons(image, image.pixels.times(number), _cards_in_electrons(image.header, number), by, found)


def _in_electrons(image: Image, pixels: Pixels, header: Cards, by: str, found: Any) -> Image:
    unit = "electron/s" if image.state.per_second else "electron"
    return attrs.evolve(
        image,
        data=pixels,
        header=header,
        state=attrs.evolve(image.state, gain=Done(by), unit=unit),
        added=(*image.added, ("GAINCOR", by, "")),
        found=found,
    )


def gains_in_it(image: Image) -> tuple[float, ...]:
    """Give the gains, e⁻/ADU, by which :func:`to_electrons` multiplied an image, here or before it was written.

    >>> import numpy as np
    >>> from pipeline.records.frames import Image
    >>> gains_in_it(to_electrons(Image.of(np.ones((1, 2))), gain=1.5))
    (1.5,)
    """
    told = _IN_ITS_WORDS.search(str(image.state.gain))
    return tuple(float(gain) for gain in told[1].split(", ")) if told else ()


def _by_amplifier(image: Image, given: tuple[float, ...]) -> Image:
    """Multiply the pixels of each amplifier by its gain."""
    if image.state.flat:
        raise CalibrationError(
            f"{image.name}: flat-fielded, which has evened out the gains of its amplifiers; put to_electrons first, "
            "for its flats too"
        )
    regions = regions_of(image)
    numbers = number_of_each(image, [region.gain for region in regions], "gain", given)
    gains = [number for _, number in numbers]
    mean = float(np.mean(gains))
    by = f"Gain correction with {', '.join(f'{gain:.6g}' for gain in gains)} e-/ADU"
    found = _found_in_electrons(image.found, mean)  # what was measured on all amplifiers together, at their mean gain
    pixels = image.pixels.times(plane_of_numbers(numbers, image.shape, mean))
    return _in_electrons(image, pixels, _cards_of_each_in_electrons(image.header, regions, gains), by, found)


def _cards_of_each_in_electrons(cards: Cards, regions: Sequence[Region], gains: Sequence[float]) -> Cards:
    """Give cards that say what holds for electrons, of each amplifier; what was one for all becomes one for each."""
    header = cards.to_header()
    level, noise = keywords.saturation(cards), _noise_in_adu(cards)
    for keyword in (*(tables.SATURATION if level else ()), *((noise,) if noise else ())):
        header.remove(keyword, ignore_missing=True, remove_all=True)
    for keyword in (key.keyword for key in tables.GAIN):
        if keywords.gain(cards) is not None and _number(cards, keyword) is not None:
            header[keyword] = (1.0, "values are electrons: see GAINCOR")
    for region, gain in zip(regions, gains, strict=True):
        for key in (*tables.AMPLIFIER_GAIN, *tables.AMPLIFIER_READ_NOISE, *tables.AMPLIFIER_SATURATION):
            header.remove(key.format(region.name), ignore_missing=True, remove_all=True)
        saturated = region.saturation or level
        read = region.read_noise if noise is None else (_number(cards, noise) or 0.0) * gain
        header[tables.AMPLIFIER_GAIN[0].format(region.name)] = (1.0, "values are electrons: see GAINCOR")
        if saturated:
            header[tables.AMPLIFIER_SATURATION[0].format(region.name)] = (
                saturated * gain,
                "[electron] multiplied by the gain",
            )
        if read:
            header[tables.AMPLIFIER_READ_NOISE[0].format(region.name)] = (read, "[electron]")
    return Cards.of(header)


def _noise_in_adu(cards: Cards) -> str | None:
    """Give the card of the frame's read noise in ADU."""
    said = (key.keyword for key in tables.READ_NOISE if key.keyword in cards)
    return next((keyword for keyword in said if _IN_ADU.search(cards.comment(keyword))), None)


def _cards_in_electrons(cards: Cards, gain: float) -> Cards:
    """Give cards that say what holds for electrons."""
    header = cards.to_header()
    said = keywords.gain(cards)
    used = (gain, *(() if said is None else (said, 1 / said)))
    for keyword in (key.keyword for key in tables.GAIN):
        value = _number(cards, keyword)
        if value is not None and any(abs(value / one - 1) <= SAME_GAIN for one in used):
            header[keyword] = (1.0, "values are electrons: see GAINCOR")
    in_adu = [
        key.keyword for key in tables.READ_NOISE if key.keyword in cards and _IN_ADU.search(cards.comment(key.keyword))
    ]
    for keyword in (*tables.SATURATION, *in_adu):
        value = _number(cards, keyword)
        if value is not None and math.isfinite(value * gain):
            header[keyword] = (value * gain, "[electron] multiplied by the gain")
        elif value is not None:
            del header[keyword]  # no card holds the product
    return Cards.of(header)


def _number(cards: Cards, keyword: str) -> float | None:
    value = cards.get(keyword)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _found_in_electrons(found: Any, gain: float) -> Any:
    """Give what combining found in electrons."""
    if found is None:
        return None
    return attrs.evolve(
        found,
        measured=found.measured.scaled(gain),
        level=None if found.level is None else found.level * gain,
        offsets=tuple(offset * gain for offset in found.offsets),
    )
