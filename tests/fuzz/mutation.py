"""Mutations of bytes: some blind, some that know where a FITS file has its cards."""

import random
import string

from pipeline.headers import keyword_tables as tables

CARD = 80
BLOCK = 2880

LAYOUT = """
SIMPLE BITPIX NAXIS NAXIS1 NAXIS2 NAXIS3 EXTEND BSCALE BZERO BLANK PCOUNT GCOUNT GROUPS XTENSION END CONTINUE
ZIMAGE ZBITPIX ZNAXIS ZNAXIS1 ZNAXIS2 ZTILE1 ZTILE2 ZCMPTYPE ZQUANTIZ ZSCALE ZZERO ZBLANK ZNAME1 ZVAL1 TFIELDS TFORM1
TTYPE1 THEAP CHECKSUM DATASUM EXTNAME CREATOR BUNIT DATE-OBS DATE MJD-OBS UTSTART WCSAXES CRPIX1 CRVAL1 CTYPE1 CD1_1
PC1_1 CDELT1 CROTA2 LTV1 BIASSEC TRIMSEC DATASEC CCDSEC BIASSECA TRIMSECA BSEC11 TSEC11 OBJECT RA DEC ZEROCOR DARKCOR
FLATCOR L1STATDA L1STATFL CALSTAT OVERSCAN NCOMBINE HISTORY COMMENT EPOCH
"""
WORDS = (
    *LAYOUT.split(),
    *(key.keyword for table in (tables.EXPOSURE, tables.GAIN, tables.READ_NOISE, tables.TEMPERATURE) for key in table),
    *(word for table in (tables.SATURATION, tables.IMAGE_TYPE, tables.DISPERSION) for word in table),
    *(word for table in (tables.BINNING, tables.FILTER, tables.SLIT) for together in table for word in together),
)  # fmt: skip
"""Keywords that something of ours, or of astropy's, reads."""

VALUES = (
    *(
        "T",
        "F",
        "0",
        "-1",
        "1",
        "2",
        "3",
        "8",
        "16",
        "-32",
        "-64",
        "999",
        "2147483648",
        "99999999999999999999",
        "1E400",
    ),
    *("-0.0", "NaN", "inf", "1D5", "1,5", "(1.0, 2.0)", "0x10", "''", "'", "'a", "'T'", "'30 s'", "'[1:10,1:10]'"),
    *("'[10:1,*]'", "'[0:0,0:0]'", "'[1:99999999999,*]'", "'2018-11-29T01:02:03'", "'0000-00-00'", "'9999-12-31'"),
    *("'RA---TAN'", "'RICE_1'", "'GZIP_1'", "'HCOMPRESS_1'", "'PLIO_1'", "'IMAGE'", "'BINTABLE'", "'1PB(999)'", "/ no"),
    *("'http://localhost/a.fits'", "'<script>alert(1)</script>'", "'\x00\xff'", "'&'", "1 / [ms]", "5 / minutes"),
)
"""What may stand behind an equals sign."""

TOKENS = (b"\0", b"\xff\xff\xff\xff", b"\x7f\xff", b"\x80\0\0\0", b"\x7f\xc0\0\0", b"\n", b",", b'"', b"#", b"light,",
          b"bias", b"http://localhost/x", b"../", b"END" + b" " * 77, b"\xef\xbb\xbf", b"\xe2\x80\xa8")  # fmt: skip

MOVES = 10
Move = tuple[int, int, int]


def mutated(data: bytes, moves: list[Move]) -> bytes:
    """Do each move: which of the mutations, where, and how much of it."""
    made = bytearray(data)
    for what, where, size in moves:
        _move(made, what % MOVES, where, size)
    return bytes(made)


def _move(made: bytearray, what: int, where: int, size: int) -> None:
    place = where % (len(made) + 1)
    length = 1 + size % min(len(made) + 1, 3000)
    if what == 0 and made:
        made[where % len(made)] ^= 1 << size % 8
    elif what == 1 and made:
        made[where % len(made)] = size % 256
    elif what == 2:
        del made[place : place + length]
    elif what == 3:
        made[place:place] = made[place : place + length]
    elif what == 4:
        token = TOKENS[size % len(TOKENS)]
        made[place : place + (len(token) if size % 2 else 0)] = token
    elif what == 5:
        del made[place:]
    else:
        _card(made, what, where, size)


def _card(made: bytearray, what: int, where: int, size: int) -> None:
    """Change a card: its value, its keyword and value, or put it in another's place."""
    cards = _cards(made)
    if not cards:
        return
    at = cards[where % len(cards)]
    if what == 6:
        made[at + 10 : at + CARD] = _value(size).ljust(70)[:70]
    elif what == 7:
        made[at : at + CARD] = (_keyword(where // 7).ljust(8)[:8] + b"= " + _value(size)).ljust(CARD)[:CARD]
    elif what == 8:
        other = cards[size % len(cards)]
        made[at : at + CARD], made[other : other + CARD] = made[other : other + CARD], made[at : at + CARD]
    else:  # a blank card is given a meaning, so that the others stay where they are
        blank = [place for place in cards if not made[place : place + CARD].strip()]
        at = blank[where % len(blank)] if blank else at
        keyword = _keyword(where // 7)
        head = keyword.ljust(8) + b"= " if len(keyword) <= 8 else b"HIERARCH " + keyword + b" = "
        made[at : at + CARD] = (head + _value(size)).ljust(CARD)[:CARD]


def _cards(made: bytearray) -> list[int]:
    """Give where the cards of all headers begin, those left blank before END included."""
    places = []
    for first in range(0, len(made) - CARD + 1, BLOCK):
        block = made[first : first + BLOCK]
        if block.isascii() and block[:CARD].decode().isprintable():
            places += range(first, min(first + BLOCK, len(made) - CARD + 1), CARD)
    return places


def _keyword(number: int) -> bytes:
    return WORDS[number % len(WORDS)].encode()


def _value(number: int) -> bytes:
    return VALUES[number % len(VALUES)].encode("latin-1")


def drawn(rng: random.Random) -> list[Move]:
    """Draw moves: mostly a few."""
    count = min(1 + int(rng.expovariate(0.6)), 30)
    return [(rng.randrange(MOVES), rng.getrandbits(40), rng.getrandbits(20)) for _ in range(count)]


def noise(rng: random.Random) -> bytes:
    """Draw bytes that were never a file."""
    printable = string.printable.encode()
    size = rng.randrange(400)
    return bytes(rng.choices(printable, k=size)) if rng.random() < 0.5 else rng.randbytes(size)
