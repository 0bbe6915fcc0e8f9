"""What a header says of the detector, how it was set, and the kind of the image: the tables, asked."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from pipeline.errors import HeaderError
from pipeline.headers import keyword_tables as tables
from pipeline.headers.cards import Cards
from pipeline.headers.exposure import exposure
from pipeline.headers.keyword_tables import Key
from pipeline.headers.values import is_nothing, number

MOST_GAIN = 50.0
"""e⁻/ADU: a GAIN above this is the number of a setting."""

HOTTEST = 100.0
"""°C: a temperature above this is in K."""

UNKNOWN_TEMPERATURE = -99.0
"""What Calar Alto writes where the thermometer does not answer."""

_AMATEUR = (
    r"n\.?i\.?n\.?a\b|sharpcap|sequence generator|\bapt\b|asiair|asi ?cap|kstars|\bekos|firecapture|zwo|qhy|asi ?\d"
)
_BEFORE_KIND = re.compile(
    r"^flat[ _-]*(?=dark)|^(osiris|master|lamp|dome|sky)[ _,-]*(?=flat|arc|dark|bias|zero|domef|skyf|cal|long|broad)"
)
"""What may stand before the word that tells the kind: MasterDark, SKYFLAT, FlatDark, GTC's OsirisBias."""
_MODE = re.compile(r"(?!nan$|[-+]?inf)[a-z_].*", re.IGNORECASE)


@contextmanager
def of_frame(name: str) -> Iterator[None]:
    """Let what is said of a card name its frame, and what goes before the header."""
    try:
        yield
    except HeaderError as error:
        raise HeaderError(f"{name}: {error}: mend the card, or give it (--gain, --read-noise)") from error


def gain(*headers: Cards) -> float | None:
    """Give the gain in e⁻/ADU; None where no card says it, or GAIN is the number of a setting."""
    return _first(headers, tables.GAIN, gain_from)


def gain_from(cards: Cards, key: Key) -> float | None:
    """Give the gain in e⁻/ADU that one card says; None where it says none, or is the number of a setting."""
    value = _positive(cards, key)
    comment = cards.comment(key.keyword).lower()
    plain = re.fullmatch(r"GAIN([A-Z]|\d+)?", key.keyword)
    if value is None or (plain and (value > MOST_GAIN or _is_setting(cards, comment))):
        return None
    inverse = re.search(r"(adu|dn|counts?)\s*(/|per)\s*e", comment) or key.unit == "ADU/e"
    return 1 / value if inverse else value


def _is_setting(cards: Cards, comment: str) -> bool:
    """Tell whether GAIN is the number of a setting: its comment says so, or an amateur camera's software wrote it."""
    said = re.search(r"index|setting|gain set|sensor gain|camera gain|\biso\b|\bdb\b|mode", comment)
    software = " ".join(str(cards.get(key, "")) for key in ("SWCREATE", "PROGRAM", "CREATOR", "SOFTWARE", "INSTRUME"))
    return bool(said or re.search(_AMATEUR, software, re.IGNORECASE))


def read_noise(*headers: Cards) -> float | None:
    """Give the read noise in e⁻; None where no card says it."""

    def of(cards: Cards, key: Key) -> float | None:
        value = _positive(cards, key)
        in_adu = re.search(r"\badu\b|\bdn\b", cards.comment(key.keyword).lower())
        factor = gain(*headers) if in_adu else 1.0
        return None if value is None or factor is None else value * factor

    return _first(headers, tables.READ_NOISE, of)


def saturation(cards: Cards) -> float | None:
    """Give the level in ADU from which raw values are saturated; None where no card says it or it is unknown.

    :raises HeaderError: the card holds what cannot be read as a number.
    """
    keys = [Key(keyword) for keyword in tables.SATURATION]
    return _first([cards], keys, lambda cards, key: None if _unknown(cards, key.keyword) else _positive(cards, key))


def unknown_saturation(cards: Cards) -> str:
    """Give the card of the saturation whose value, NaN or a negative number, stands for an unknown one; or nothing."""
    keyword = next((keyword for keyword in tables.SATURATION if _unknown(cards, keyword)), "")
    return f"{keyword} = {cards.get(keyword)}" if keyword else ""


def _unknown(cards: Cards, keyword: str) -> bool:
    value = cards.get(keyword)
    return number(value).value < 0 or str(value).strip().lower() == "nan"


def temperature_from(cards: Cards, keyword: str) -> float | None:
    """Give the temperature of the detector in °C that one card says; None where it says none."""
    said = cards.get(keyword)
    if said is None:
        return None
    words = re.fullmatch(r"(.*\d)\s*(?:deg)?\s*([CK])", said.strip()) if isinstance(said, str) else None
    value = number(words[1] if words else said).value
    if value == UNKNOWN_TEMPERATURE:
        return None
    kelvin = (
        value > HOTTEST
        or (words and words[2] == "K")
        or re.search(r"\[k\]|\(k\)|kelvin", cards.comment(keyword).lower())
    )
    celsius = value - 273.15 if kelvin else value
    return celsius if -273.15 <= celsius <= HOTTEST else None


def dispersion_axis(*headers: Cards) -> int | None:
    """Give the axis along which a spectrum is dispersed, 1 along rows or 2 along columns; None where no card does."""

    def of(cards: Cards, key: Key) -> float | None:
        axis = number(cards.get(key.keyword)).value
        return axis if axis in (1, 2) else None

    found = _first(headers, [Key(keyword) for keyword in tables.DISPERSION], of)
    return None if found is None else int(found)


def is_spectrum(*headers: Cards) -> bool:
    """Tell whether headers say that light was dispersed: by a slit and a disperser, or by a dispersion axis.

    Not where the slit or the disperser is said to be out of the beam, as in a spectrograph that takes an image.

    >>> is_spectrum(Cards.of({"GRISM": "Gr4", "SLIT": 1.0})), is_spectrum(Cards.of({"GRISM": "Open", "DISPAXIS": 1}))
    (True, False)
    """
    dispersers, slits = (
        [str(value) for cards in headers for row in table for key in row if not is_nothing(value := cards.get(key))]
        for table in (tables.DISPERSER, tables.SLIT)
    )
    places = (str(cards.get(key, "")) for cards in headers for key in tables.IN_BEAM)
    if any(re.match(tables.OUT_OF_BEAM, word.strip(), re.IGNORECASE) for word in (*dispersers, *slits, *places)):
        return False
    return bool(dispersers and slits) or dispersion_axis(*headers) is not None


def filter_name(*headers: Cards) -> str | None:
    """Give the name of the filter; None where no card says it.

    That of the first wheel that is not empty; where all are, in the words of the first.
    """
    said = list(_words(headers, [keyword for (keyword,) in tables.FILTER]))
    return next((word for word in said if not is_empty_wheel(word)), said[0] if said else None)


def is_empty_wheel(word: str) -> bool:
    """Tell whether the name of a filter says that there is none in the wheel.

    >>> [is_empty_wheel(word) for word in ("<NO FILTER>", "Clear (C)", "air", "V")]
    [True, True, True, False]
    """
    return bool(re.fullmatch(tables.EMPTY_WHEEL, word.strip(), re.IGNORECASE))


def image_type(*headers: Cards) -> str | None:
    """Give the kind of image that the header says it is: bias, dark, flat, light or arc; None where it does not.

    A dark of 0 s is a bias.  A file list goes before what headers say.
    """
    kind = called(*headers)
    return "bias" if kind == "dark" and exposure(*headers) == 0 else kind


def called(*headers: Cards) -> str | None:
    """Give the kind that the words of the header say, whatever the exposure; None where they say none."""
    for word in _words(headers, tables.IMAGE_TYPE):
        said = _BEFORE_KIND.sub("", word.lower())
        kind = next((kind for kind, starts in tables.KIND_WORDS if said.startswith(starts)), None)
        if kind:
            return kind
    return None


def binning(*headers: Cards) -> tuple[int, int] | None:
    """Give the binning along x and y; None where no card says it."""
    for cards in headers:
        for along in tables.BINNING:
            text = " ".join(str(cards.get(keyword, "")) for keyword in along)
            found = re.fullmatch(r"\D*([1-9]\d*)\D+([1-9]\d*)\D*|([1-9])", re.sub(r"\.0*\b", "", text).strip())
            if found:
                return int(found[1] or found[3]), int(found[2] or found[3])
    return None


def _words(headers: Sequence[Cards], keywords: Sequence[str]) -> Iterator[str]:
    for cards in headers:
        for value in (cards.get(keyword) for keyword in keywords):
            if isinstance(value, str) and not is_nothing(value):
                yield value.strip()


def _first(headers: Sequence[Cards], keys: Sequence[Key], read: Callable[[Cards, Key], float | None]) -> float | None:
    values = (read(cards, key) for cards in headers for key in keys if not is_nothing(cards.get(key.keyword)))
    return next((value for value in values if value is not None), None)


def _positive(cards: Cards, key: Key) -> float | None:
    """Read a number above 0.  0 says that nobody knows; so does a word, which is the name of a mode.

    :raises HeaderError: the card holds a number that cannot be read, or is negative.
    """
    value = cards.get(key.keyword)
    read = number(value).value
    if read == 0 or isinstance(value, bool) or (isinstance(value, str) and _MODE.fullmatch(value.strip())):
        return None
    if not 0 < read < math.inf:
        raise HeaderError(f"{key.keyword} = {value!r}; expected a number above 0")
    return read
