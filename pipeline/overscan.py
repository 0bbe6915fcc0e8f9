"""The overscan: the level that the readout itself adds, taken from columns that saw no light."""

from __future__ import annotations

import re

import attrs
import numpy as np

from pipeline.cards import Cards
from pipeline.errors import AssumptionWarning, CalibrationError, HeaderError
from pipeline.frames import Image
from pipeline.keywords import section
from pipeline.pixels import Pixels
from pipeline.robust import robust_mean
from pipeline.running import advise
from pipeline.stages import stage

SECTIONS = ("BIASSEC", "DATASEC", "TRIMSEC", "CCDSEC", "DETSEC", "AMPSEC")
"""Cards that no longer hold in a trimmed image."""


@stage(does="overscan")
def subtract_overscan(image: Image, *, trim: bool = True, force: bool = False) -> Image:  # noqa: ARG001 - stage's own
    """Subtract the level of the overscan that the header declares, and trim the frame to its data.

    The overscan is BIASSEC, the data TRIMSEC or else DATASEC.  Without these cards the image stays as it is.
    The level is the mean without wild values, which cosmic rays and trailing charge are.

    :param trim: keep the data section only; the WCS follows.
    :raises CalibrationError: the overscan lies outside the frame, or holds no good pixel.
    """
    pixels, cards, by, words = None, image.header, "", ""
    overscan = _inside(image, "BIASSEC")
    added: list[tuple[str, object, str]] = []
    if overscan:
        pixels = image.pixels
        strip = pixels.cut(*overscan)
        good = strip.values[~strip.mask]
        if not good.size:
            raise CalibrationError(f"{image.name}: the overscan {image.header.get('BIASSEC')} holds no good pixel")
        level = robust_mean(good)
        pixels = pixels.minus(_constant(pixels, level))
        by = f"Overscan section is {image.header.get('BIASSEC')} with mean={level:.8g}"
        added.append(("OVERSCAN", by, ""))
    data = _inside(image, "TRIMSEC") or _inside(image, "DATASEC")
    if data and trim and (data[0].stop - data[0].start, data[1].stop - data[1].start) != image.shape:
        pixels = (pixels or image.pixels).cut(*data)
        cards = trimmed(image.header, x=data[1].start, y=data[0].start)
        words = f"Trim data section is {image.header.get('TRIMSEC', image.header.get('DATASEC'))}"
        added.append(("TRIM", words, ""))
    if pixels is None:
        return image
    return attrs.evolve(
        image,
        data=pixels,
        header=cards,
        state=attrs.evolve(image.state, overscan=by, trimmed=words),
        added=(*image.added, *added),
    )


def declares_sections(image: Image) -> bool:
    """Tell whether a header has anything for subtract_overscan to do."""
    return any(_section(image, keyword) for keyword in ("BIASSEC", "TRIMSEC", "DATASEC"))


def _section(image: Image, keyword: str) -> tuple[slice, slice] | None:
    try:
        return section(image.header, keyword)
    except HeaderError as error:
        raise HeaderError(f"{image.name}: {error}; or leave sections alone (overscan=False, --no-overscan)") from error


def _inside(image: Image, keyword: str) -> tuple[slice, slice] | None:
    """Give a section card that fits the frame; one that does not is left from before an earlier trim."""
    window = _section(image, keyword)
    height, width = image.shape
    if window and (window[0].stop > height or window[1].stop > width):
        advise(
            f"{image.name}: {keyword} = {image.header.get(keyword)} reaches beyond its {height} rows × {width} columns;"
            " taken for a card of the frame before it was trimmed, and left out",
            AssumptionWarning,
        )
        return None
    return window


def _constant(like: Pixels, level: float) -> Pixels:
    exact = None if like.variance is None else np.zeros(like.shape)
    return Pixels.of(np.full(like.shape, level), variance=exact)


def trimmed(cards: Cards, *, x: int, y: int) -> Cards:
    """Give the cards of an image that lost ``x`` columns at its left and ``y`` rows at its bottom.

    Reference pixels move along (FITS standard 4.0, section 8), and so does IRAF's LTV.
    """
    header = cards.to_header()
    for keyword in list(header):
        found = re.fullmatch(r"(CRPIX|LTV)([12])[A-Z]?", keyword)
        if found and isinstance(header[keyword], int | float):
            header[keyword] -= x if found[2] == "1" else y
    for keyword in SECTIONS:
        header.remove(keyword, ignore_missing=True, remove_all=True)
    return Cards.of(header)
