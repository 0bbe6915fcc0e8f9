"""What becomes of each card of a raw header in a product.

Every card is kept, verbatim and in its place, but for those of :data:`DROPPED`, which no longer hold, and those that
the product writes anew.  A card that breaks the standard is mended where that is clear.  One that cannot stand, for
it has no value, is given again, or contradicts another, is set aside: its text is kept as a COMMENT in its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import attrs
from astropy.io import fits

from pipeline.headers.cards import CARD, COMMENTARY, Cards, keyword_of
from pipeline.headers.fits_standard import Fate, card_text, check_card, printable

LINE = 72
"""Characters that a COMMENT holds."""

DROPPED = (
    ("SIMPLE|BITPIX|NAXIS\\d*|EXTEND|NEXTEND|PCOUNT|GCOUNT|XTENSION|BLOCKED|END", "the raw file's own layout"),
    ("EXTNAME|EXTVER|EXTLEVEL|INHERIT", "where the HDU stood in the raw file"),
    ("BSCALE|BZERO|BLANK", "how the raw values were stored: a stale BZERO adds 32768 to every value"),
    ("DATAMIN|DATAMAX|CHECKSUM|DATASUM", "what the raw values were"),
    (
        "Z(IMAGE|TENSION|SIMPLE|EXTEND|BLOCKED|BITPIX|NAXIS\\d*|TILE\\d+|CMPTYPE|NAME\\d+|VAL\\d+|SCALE|ZERO|BLANK"
        "|QUANTIZ|DITHER0|MASKCMP|PCOUNT|GCOUNT|HECKSUM|DATASUM)",
        "how the raw values were compressed",
    ),
    ("TFIELDS|THEAP|T(TYPE|FORM|UNIT|NULL|SCAL|ZERO|DISP|DIM|BCOL)\\d+", "the columns of a table"),
    ("T(CTYP|CUNI|CUNIT|CRPX|CRVL|CDLT|CDELT|CROT)\\d+", "the coordinates of a table"),
    ("GROUPS|P(TYPE|SCAL|ZERO)\\d+", "random groups"),
    (
        "(CPDIS|CQDIS|D2IMDIS|CPERR|CQERR|D2IMERR)\\d+[A-Z]?|(DP|DQ|D2IM)\\d+[A-Z]?(\\..*)?|AXISCORR",
        "distortions that other HDUs of the raw file hold",
    ),
    (
        "BUNIT(RAW)?|CREATOR|DATE|LONGSTRN|RECIPEID|COMBTYPE|CLIPTYPE|CLIPLOW|CLIPHIGH|NREJECT",
        "what the product says anew, or not",
    ),
    ("SIGCLIP|CLIPHIG|[BDF](COMTYPE|SIGCLIP|CLIPLOW|CLIPHIG|XPOSURE)", "the same, under ASPIRED's names"),
    ("(LIGHT|BIAS|DARK|FLAT|ARC)\\d+", "the frames that a former product was made of"),
)
"""Cards that no longer hold, as patterns of their keywords, and why."""

_DROPPED = re.compile("|".join(pattern for pattern, _ in DROPPED))
_AXIS = re.compile(
    r"(?:(?:CRPIX|CRVAL|CTYPE|CDELT|CUNIT|CROTA|CRDER|CSYER|CNAME)(?P<i>[1-9]\d?)|(?:PC|CD)(?P<j>[1-9]\d?)_(?P<k>[1-9]\d?)"
    r"|P[VS](?P<m>[1-9]\d?)_\d+)(?P<system>[A-Z]?)"
)
_COUNT = re.compile(r"WCSAXES(?P<system>[A-Z]?)")
_NEEDED = {"CTYPE": "", "CRPIX": 0.0, "CRVAL": 0.0}
"""Cards of which a coordinate system has one an axis, with the standard's defaults."""


@attrs.frozen
class ProductCards:
    """The cards of a raw header that a product keeps, and what was done to the others."""

    header: fits.Header
    mended: tuple[str, ...] = ()
    aside: tuple[str, ...] = ()

    @classmethod
    def of(cls, raw: Cards) -> ProductCards:
        """Judge each card of a raw header, by itself and beside the others."""
        images: list[str] = []
        mended: list[str] = []
        aside: list[str] = []
        fates = [(image, check_card(image)) for image in raw.images if not _DROPPED.fullmatch(keyword_of(image))]
        for image, fate in _epochs(_once(_coherent(fates))):
            if fate.image is not None:
                images.append(fate.image)
                mended += [f"{keyword_of(fate.image) or 'blank'} ({fate.why})"] if fate.why else []
            else:
                aside.append(f"{printable(keyword_of(image))} ({fate.why})")
                images += as_comments(fate.why, image)
        header = Cards("".join(images)).to_header()
        mended += _complete(header)
        return cls(header, tuple(mended), tuple(aside))

    @property
    def note(self) -> str:
        """Say what was mended and what was set aside; empty where nothing was."""
        words = [
            f"mended: {_listed(self.mended)}" if self.mended else "",
            f"kept as COMMENT: {_listed(self.aside)}" if self.aside else "",
        ]
        return "; ".join(word for word in words if word)


def _listed(words: tuple[str, ...], most: int = 8) -> str:
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(words[:most]) + more


def as_comments(why: str, image: str) -> list[str]:
    """Give the COMMENT cards that keep what a card says which cannot stand."""
    text = f"{why}: {_said(image)}"
    return [f"COMMENT {text[at : at + LINE]}".ljust(CARD) for at in range(0, len(text), LINE)]


def _said(image: str) -> str:
    """Give what a card says, with its long string in one line."""
    return " ".join(printable(image[at : at + CARD]).rstrip() for at in range(0, len(image), CARD))


Fates = Iterable[tuple[str, Fate]]


def _coherent(fates: Fates) -> Iterator[tuple[str, Fate]]:
    """Set aside the rotations that contradict a PC matrix; readers of the WCS take the matrix."""
    fates = list(fates)
    names = {keyword_of(fate.image) for _, fate in fates if fate.image}
    with_matrix = {found[1] for name in names if (found := re.fullmatch(r"PC\d+_\d+([A-Z]?)", name))}
    for image, fate in fates:
        other = re.fullmatch(r"(?:CD\d+_\d+|CROTA\d+)([A-Z]?)", keyword_of(image))
        lost = other and other[1] in with_matrix and fate.image
        yield image, Fate(None, "beside a PC matrix") if lost else fate


def _once(fates: Fates) -> Iterator[tuple[str, Fate]]:
    """Keep the first of several cards of one keyword, as every reader does; one that says the same again goes."""
    seen: dict[str, str] = {}
    for image, fate in fates:
        name = keyword_of(fate.image) if fate.image else ""
        if name in COMMENTARY:
            yield image, fate
        elif name not in seen:
            seen[name] = image
            yield image, fate
        elif _said(seen[name]) != _said(image):
            yield image, Fate(None, "given again")


def _epochs(fates: Fates) -> Iterator[tuple[str, Fate]]:
    """Write EPOCH, which is deprecated, as EQUINOX where there is none; else set it aside."""
    fates = list(fates)
    known = any(fate.image and keyword_of(fate.image) == "EQUINOX" for _, fate in fates)
    for image, fate in fates:
        if not fate.image or keyword_of(fate.image) != "EPOCH":
            yield image, fate
        elif known:
            yield image, Fate(None, "deprecated")
        else:
            cards = Cards(fate.image)
            new = card_text("EQUINOX", float(cards.get("EPOCH")), cards.comment("EPOCH"))
            yield image, Fate(new, "was EPOCH")


def _complete(header: fits.Header) -> list[str]:
    """Complete coordinate systems with the standard's defaults, and count axes that the image does not have."""
    said = []
    found = [match for name in header if (match := _AXIS.fullmatch(name) or _COUNT.fullmatch(name))]
    for system in sorted({match["system"] for match in found}):
        counted = header.get(f"WCSAXES{system}", 0)
        own = [match.groupdict() for match in found if match["system"] == system]
        axes = max([counted, *(int(axis) for match in own for axis in (match.get(name) for name in "ijkm") if axis)])
        for root, default in _NEEDED.items():
            missing = [name for axis in range(1, axes + 1) if (name := f"{root}{axis}{system}") not in header]
            header.extend([(name, default, "the standard's default") for name in missing], bottom=True)
            said += [f"{name} (missing)" for name in missing]
        if counted or axes > 2:
            said += _count_axes(header, f"WCSAXES{system}", axes)
    return said


def _count_axes(header: fits.Header, keyword: str, axes: int) -> list[str]:
    """Write the number of axes where the standard wants it, before the system's other cards."""
    first = next(index for index, name in enumerate(header) if _AXIS.fullmatch(name) or name == keyword)
    if header.get(keyword) == axes and list(header)[first] == keyword:
        return []
    header.remove(keyword, ignore_missing=True)
    header.insert(first, (keyword, axes, "number of WCS axes"))
    return [f"{keyword} (put first)"]
