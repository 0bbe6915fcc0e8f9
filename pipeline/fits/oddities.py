"""What is said of a file that can be read all the same: scaling, checksums, padding."""

from __future__ import annotations

import math

import attrs

from pipeline.compose.running import advise
from pipeline.errors import FileWarning, HeaderError, HeaderWarning
from pipeline.fits.checksums import ALL_ONES, same, sum_of
from pipeline.headers.cards import Cards
from pipeline.headers.values import number


@attrs.frozen
class Scaling:
    """What makes values of stored numbers: value = bscale · stored + bzero, and nothing of ``blank``."""

    bscale: float = 1.0
    bzero: float = 0.0
    blank: int | None = None


def scaling_of(cards: Cards, what: str, stored: str) -> Scaling:
    """Read BSCALE, BZERO and BLANK; say where floats are scaled, which leftover cards do too.

    :raises HeaderError: one of them is no number, or BSCALE is 0.
    """
    bscale, bzero = (_number(cards, keyword, default, what) for keyword, default in (("BSCALE", 1.0), ("BZERO", 0.0)))
    if bscale == 0:
        raise HeaderError(f"{what}: BSCALE = 0 makes all values the same; expected another number: mend the card")
    if stored[0] == "f" and (bscale, bzero) != (1, 0):
        advise(
            f"{what}: its values are floats, and BSCALE = {bscale:g} and BZERO = {bzero:g} are applied, as FITS says; "
            "where they were left over from an integer file, remove them",
            HeaderWarning,
        )
    blank = _number(cards, "BLANK", math.nan, what) if stored[0] in "iu" else math.nan
    if not math.isnan(blank) and blank != int(blank):
        raise HeaderError(f"{what}: BLANK = {blank:g}; expected a whole number: mend the card")
    return Scaling(bscale, bzero, None if math.isnan(blank) else int(blank))


def _number(cards: Cards, keyword: str, default: float, what: str) -> float:
    """Read a number; BLANK must be one too where it is there."""
    said = cards.get(keyword)
    if said is None:
        return default
    if isinstance(said, int) and not isinstance(said, bool):
        return said  # of 64 bits, which no float holds
    value = number(said)
    if not math.isfinite(value.value) or value.unit:
        raise HeaderError(f"{what}: {keyword} = {said!r}; expected a number: mend the card, or remove it")
    return value.value


def tell_of_padding(what: str, end: int, size: int) -> None:
    """Say that a file ends before its last block is full."""
    if size < end:
        advise(
            f"{what}: the file ends {end - size} bytes before its last block is full; no pixel is missing", FileWarning
        )


def tell_of_loss(cards: Cards, what: str) -> None:
    """Say that an image was rounded when it was compressed in tiles, by the cards of its table."""
    numbers = range(1, 10)
    quantised = any(cards.get(f"TTYPE{n}") == "ZSCALE" for n in numbers)
    smoothed = any(cards.get(f"ZNAME{n}") == "SCALE" and number(cards.get(f"ZVAL{n}")).value > 0 for n in numbers)
    if quantised or smoothed:
        how = f"{cards.get('ZCMPTYPE')}, {cards.get('ZQUANTIZ', 'no dither') if quantised else 'smoothed'}"
        advise(f"{what}: its values were rounded when it was compressed ({how})", FileWarning)


def sum_of_data(raw: bytes, what: str) -> int | None:
    """Give what the data should sum up to by a header; None where it does not say.  Say where the header itself is off.

    CHECKSUM makes the sum over the whole HDU all ones, DATASUM is that of the data.
    """
    cards = Cards.read(raw)
    said = number(cards.get("DATASUM")).value
    datasum = int(said) if said == said and 0 <= said <= ALL_ONES else None
    if cards.get("CHECKSUM") is None:
        return datasum
    header = sum_of(raw)
    if datasum is None:
        return ALL_ONES - header
    if not same(sum_of(raw, datasum), ALL_ONES):
        advise(
            f"{what}: its CHECKSUM is false: a card was changed by what knows no checksums, or the file is damaged",
            HeaderWarning,
        )
    return datasum
