"""The gain: from what the readout counts to the electrons that were there."""

from __future__ import annotations

import math
import re
from typing import Any

import attrs

from pipeline import keywords, tables
from pipeline.cards import Cards
from pipeline.errors import CalibrationError, SettingError
from pipeline.frames import Image
from pipeline.stages import stage

SAME_GAIN = 1e-3

_IN_ADU = re.compile(r"\b(adu|dn|counts?)\b", re.IGNORECASE)


@stage(rows=True, does="gain")
def to_electrons(image: Image, *, gain: float | None = None, force: bool = False) -> Image:
    """Multiply by the gain: values and what is known of their noise are then in electrons.

    The header follows: its gain becomes 1, and levels in ADU (SATURATE, a read noise whose comment says ADU) are in
    electrons too, so that whoever reads them next does not multiply again.

    :param gain: e⁻/ADU; by default what the header says, unless that may be a setting of the camera.
    :param force: multiply even if the header says that the values are electrons.
    :raises SettingError: the gain is not positive.
    :raises CalibrationError: the header gives no gain that can be believed, or the image is not in ADU.
    """
    if gain is not None and not (gain > 0 and math.isfinite(gain)):
        raise SettingError(f"to_electrons: gain={gain}; expected a positive gain in e⁻/ADU")
    if image.state.unit not in ("adu", "adu/s") and not force:
        raise CalibrationError(f"{image.name}: in {image.state.unit or 'no unit'}; a gain turns adu into electron")
    said = keywords.gain(image.header)
    number = gain if gain is not None else said
    if number is None:
        raise CalibrationError(
            f"{image.name}: no gain in e-/ADU in its header (GAIN = {image.header.get('GAIN', 'none')} "
            "may be a setting of the camera); give it (gain=, --gain)"
        )
    number = float(number)
    by = f"Gain correction with {number:.8g} e-/ADU"
    return attrs.evolve(
        image,
        data=image.pixels.times(number),
        header=_in_electrons(image.header, number),
        state=attrs.evolve(image.state, gain=by, unit="electron/s" if image.state.per_second else "electron"),
        added=(*image.added, ("GAINCOR", by, "")),
        found=_found(image.found, number),
    )


def _in_electrons(cards: Cards, gain: float) -> Cards:
    """Give cards that say what holds for electrons."""
    header = cards.to_header()
    said = keywords.gain(cards)
    used = (gain, *(() if said is None else (said, 1 / said)))
    for keyword in (key.keyword for key in tables.GAIN):
        value = _number(cards, keyword)
        if value is not None and any(abs(value / one - 1) <= SAME_GAIN for one in used):
            header[keyword] = (1.0, "values are electrons: see GAINCOR")
    in_adu = (
        keyword
        for keyword in (key.keyword for key in tables.READ_NOISE)
        if keyword in cards and _IN_ADU.search(cards.comment(keyword))
    )
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


def _found(found: Any, gain: float) -> Any:
    """Give what combining found in electrons."""
    if found is None:
        return None
    return attrs.evolve(
        found,
        amplifiers=tuple(attrs.evolve(one, noise=one.noise.scaled(gain)) for one in found.amplifiers),
        level=None if found.level is None else found.level * gain,
        offsets=tuple(offset * gain for offset in found.offsets),
    )
