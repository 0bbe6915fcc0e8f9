"""A header that cannot change: the text of its cards, read when asked."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import attrs
from astropy.io import fits

from pipeline.errors import HeaderError
from pipeline.headers.quiet import quiet

CARD = 80
_WILD = re.compile(r"[*?]|\.\.\.")
_OPENS_STRING = re.compile(r"[^=']*= *'")
_CONTINUES = re.compile(r"CONTINUE  +'")
_CLOSE = re.compile(r"([A-Z0-9_-]{1,8}) *= *", re.IGNORECASE)
_WORD = re.compile(r"[!-\-/-~]+")  # of what is ASCII but a space or a point
COMMENTARY = ("COMMENT", "HISTORY", "")

VALUES, TEXTS = 2**10, 32
"""So many values, and texts to look for them in, are remembered: each may keep the text of a header in memory."""


@attrs.frozen
class Cards(Mapping[str, Any]):
    """The cards of one header, verbatim: 80 characters each, without END.  A mapping of keywords to values.

    Each keyword counts once, and ``cards[keyword]`` is what its card says, None where it is undefined.  ``get`` goes
    further: an empty card counts as none.

    >>> from pipeline import Cards
    >>> cards = Cards.of({"EXPTIME": 30.0, "OBJECT": ""})
    >>> cards["EXPTIME"], dict(cards)
    (30.0, {'EXPTIME': 30.0, 'OBJECT': ''})
    >>> cards.get("EXPTIME"), cards.get("OBJECT", "no such card"), "OBJECT" in cards
    (30.0, 'no such card', True)
    """

    text: str = ""

    @classmethod
    def of(cls, header: fits.Header | Mapping[str, Any] | None) -> Cards:
        """Copy an astropy header, or make one of keywords and values, or (value, comment).

        :raises HeaderError: it is neither, or a value is none that a card can hold.
        """
        if isinstance(header, Cards):  # as it is: whether it is empty tells only a parse of all cards
            return header
        if header is None:
            return cls()
        if not isinstance(header, fits.Header | Mapping):
            raise HeaderError(f"a header is {header!r}; expected one of astropy, or a mapping of keywords and values")
        known = header if isinstance(header, fits.Header) else fits.Header()
        for keyword, value in header.items() if known is not header else ():
            try:
                known.update({keyword: value})
            except ValueError as error:
                raise HeaderError(f"{keyword} = {value!r}: no card holds that ({error}); leave it out") from error
        return cls(_as_text(known.cards))

    @classmethod
    def read(cls, raw: bytes) -> Cards:
        """Take the bytes of a header as they stand in a file, as far as END; what is no ASCII is taken for Latin-1."""
        text = raw.decode("latin-1")
        starts = range(0, len(text) - CARD + 1, CARD)
        end = next((at for at in starts if text[at : at + CARD].rstrip(" \0") == "END"), len(text) // CARD * CARD)
        return cls(text[:end])

    @property
    def images(self) -> tuple[str, ...]:
        """The text of each card, a long string with the CONTINUE cards that hold the rest of it."""
        lines = [self.text[at : at + CARD].ljust(CARD) for at in range(0, len(self.text), CARD)]
        if "CONTINUE" not in self.text:
            return tuple(lines)
        images: list[str] = []
        for line in lines:
            if images and _CONTINUES.match(line) and _OPENS_STRING.match(images[-1]):
                images[-1] += line
            else:
                images.append(line)
        return tuple(images)

    @property
    def keywords(self) -> frozenset[str]:
        """The keywords of all cards, in capitals, whether or not their cards say something."""
        return _keywords(self.text)

    def __contains__(self, keyword: object) -> bool:
        return isinstance(keyword, str) and keyword in _header(_about(self.text, keyword))

    def __getitem__(self, keyword: str) -> Any:
        value = _value(self.text, keyword) if isinstance(keyword, str) else None
        if _silent(value) and keyword not in self:  # one that says something is there
            close = difflib.get_close_matches(str(keyword).upper(), self, n=1)
            raise KeyError(f"no card {keyword!r}" + (f"; did you mean {close[0]!r}?" if close else ""))
        if keyword.upper() in COMMENTARY:
            return "\n".join(map(str, _header(self.text)[keyword]))
        return None if isinstance(value, fits.card.Undefined) else value

    def __iter__(self) -> Iterator[str]:
        there = _header(_readable(self.text)) if self.text.isascii() else self  # all of it at once, which is quicker
        named = (keyword_of(image) for image in self.images)
        return (keyword for keyword in dict.fromkeys(named) if keyword and keyword in there)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"Cards({len(self.text) // CARD})"

    def get(self, keyword: str, default: Any = None) -> Any:
        """Give the value of a card; an empty or undefined one counts as none, and another of its keyword is taken.

        A value that breaks the standard, such as a word without quotes, is given as the text that stands there.
        """
        sought = _longest_word(keyword)
        if sought and sought not in _capitals(self.text):  # most that are asked for: not to be remembered
            return default
        value = _value(self.text, keyword)
        return default if _silent(value) else value

    def comment(self, keyword: str) -> str:
        """Give the comment of a card; empty where there is none."""
        if _WILD.search(keyword):  # to astropy a pattern
            return ""
        about = _about(self.text, keyword)
        if not about:
            return ""
        if plain := _plain(about, keyword):
            return (plain["comment"] or "").rstrip()
        try:
            header = _header(about)
            return str(header.comments[_first(header, keyword)])
        except (KeyError, IndexError, ValueError, fits.VerifyError):
            return ""

    def to_header(self) -> fits.Header:
        """Give a fresh astropy header."""
        return _header(self.text)

    def under(self, primary: Cards) -> Cards:
        """Put the primary header's cards before these; where both say something, these win."""
        mine, above = self.images, primary.images
        header = _header(_readable(self.text))  # all of it at once: every card is asked for
        named = {keyword_of(image) for image in mine} - set(COMMENTARY)
        own = {keyword for keyword in named if not _silent(_value_in(header, self.text, keyword))}
        kept = [image for image in above if keyword_of(image) not in own]
        silent = {keyword_of(image) for image in kept} - set(COMMENTARY)
        return Cards("".join([*kept, *(image for image in mine if keyword_of(image) not in silent)]))


@lru_cache(maxsize=4 * VALUES)
def keyword_of(image: str) -> str:
    """Give the keyword of a card in capitals; that of a HIERARCH card is all that stands before the equals sign."""
    head = image[:CARD].upper()
    if head.startswith("HIERARCH ") and "=" in head:
        return " ".join(head[9:].split("=")[0].split())
    if head[8:9] == "=" or head[:8].rstrip() in COMMENTARY or "=" not in head:
        return head[:8].strip()
    return " ".join(head.split("=")[0].split())


@lru_cache(maxsize=TEXTS)
def _keywords(text: str) -> frozenset[str]:
    return frozenset(map(keyword_of, Cards(text).images))


_PLAIN = re.compile(
    r"(?P<keyword>(?=.{8}=)[A-Z][A-Z0-9_-]* *)= "
    r"(?:'(?P<text>[ -&(-~]*)' *|(?: {18}| {19})(?P<truth>[TF]) *"
    r"| *(?P<number>-?(?:[1-9][0-9]{0,8}|0)(?:[.][0-9]{0,9})?) *)(?:/ *(?P<comment>[ -~]*))?"
)
"""A card as most are, of which there is one way to read it: a text without quotes, a truth, or a number
without exponent. It is read so 20 times quicker than by astropy, which reads all others."""


@lru_cache(maxsize=VALUES)
def _value(text: str, keyword: str) -> Any:
    """Give the value of a card, or None or what is empty; the same cards of the same frames are asked for often."""
    about = _about(text, keyword)
    plain = _plain(about, keyword)
    if plain is None:
        return _value_in(_header(about), text, keyword) if about else None
    if plain["text"] is not None:
        return plain["text"].rstrip()
    return plain["truth"] == "T" if plain["truth"] else (float if "." in plain["number"] else int)(plain["number"])


def _plain(about: str, keyword: str) -> re.Match[str] | None:
    """Read a card that is plain, and of a keyword, in its parts."""
    plain = _PLAIN.fullmatch(about) if len(about) == CARD else None
    return plain if plain and plain["keyword"].rstrip() == keyword else None


def _value_in(header: fits.Header, text: str, keyword: str) -> Any:
    """Give the value of a card of a parsed header, or what is written there where astropy cannot read it."""
    try:
        wild = _WILD.search(keyword)  # to astropy a pattern
        return _written(text, keyword) if wild else header.get(_first(header, keyword))
    except (ValueError, fits.VerifyError):
        return _written(text, keyword)


def _written(text: str, keyword: str) -> str:
    """Give what is written in the place of a card's value."""
    for at in range(0, len(text), CARD):
        name, _, rest = text[at : at + CARD].partition("=")
        if name.strip().upper() in (keyword.upper(), f"HIERARCH {keyword.upper()}"):
            quoted = re.match(r"\s*'((?:[^']|'')*)'\s*(?:/|$)", rest)
            return quoted[1].rstrip() if quoted else re.split(r"\s/|$", rest.strip(), maxsplit=1)[0].strip()
    return ""


def _first(header: fits.Header, keyword: str) -> Any:
    """Give what astropy finds the first card of a keyword by that says something; the keyword where none does."""
    if keyword in COMMENTARY or header.get(keyword, 0) not in (None, ""):
        return keyword
    places = ((keyword, number) for number in range(header.count(keyword)))
    return next((place for place in places if not _silent(header[place])), keyword)


def _silent(value: Any) -> bool:
    return value is None or isinstance(value, fits.card.Undefined) or (isinstance(value, str) and not value.strip())


def _readable(text: str) -> str:
    """Write cards as astropy can read them: ``= `` in its columns, and CONTINUE only behind a string."""
    return "".join(map(_readable_image, Cards(text).images))


def _readable_image(image: str) -> str:
    if image.startswith("CONTINUE"):
        return f"COMMENT {image[8:]}"
    if image[8:10] != "= " and (close := _CLOSE.match(image)) and close[1].upper() not in COMMENTARY:
        return f"{close[1]:8s}= {image[close.end() : CARD].rstrip()}".ljust(CARD)[:CARD] + image[CARD:]
    return image


def _as_text(cards: Iterable[fits.Card]) -> str:
    with quiet():
        return "".join(map(_as_image, cards))


def _as_image(card: fits.Card) -> str:
    try:
        return str(card)
    except (ValueError, fits.VerifyError):  # astropy gives no text of a card that it cannot mend
        return f"COMMENT a card that cannot be read: {card.keyword}".ljust(CARD)[:CARD]


def _about(text: str, keyword: str) -> str:
    """Give only the cards that mention a keyword, readable: no other can be of it, and few of a header are asked for.

    A parsed header takes ten times the memory of its text, and ten times as long as this: none is kept.
    """
    sought, capitals = _longest_word(keyword), _capitals(text)
    if not sought:
        return _readable(text)
    parts = []
    found = capitals.find(sought)
    while found >= 0:
        start = found // CARD * CARD
        end = start + CARD
        while text.startswith("CONTINUE", end):
            end += CARD
        if not text.startswith("CONTINUE", start):  # else it goes on with a card that does not mention it before
            parts.append(text[start:end])
        found = capitals.find(sought, end)
    return _readable("".join(parts)) if parts else ""


@lru_cache(maxsize=VALUES)
def _longest_word(keyword: str) -> bytes:
    """Give a word that cards of a keyword hold in capitals; none for what cards without it may be of."""
    words = {word.upper() for word in _WORD.findall(keyword)} - {"HIERARCH", *COMMENTARY}
    return max(words, key=len, default="").encode()


@lru_cache(maxsize=TEXTS)
def _capitals(text: str) -> bytes:
    """Give a text in capitals, character for character: keywords may be written in small letters."""
    return text.encode("latin-1", "replace").upper()


def _header(text: str) -> fits.Header:
    with quiet():  # astropy warns of each unusual card; they are kept as they are
        return fits.Header.fromstring(text)
