# ruff: noqa: E501 - a row of the table is a line
"""FITS files as instruments, amateurs' programs and broken pipelines write them: each made here, byte by byte."""

import bz2
import gzip
import io
import lzma
import zipfile

import attrs
import numpy as np
from astropy.io import fits

BLOCK = 2880
SHAPE = (12, 16)
VALUES = (np.arange(192).reshape(SHAPE) * 37 % 3000 + 100).astype(np.int16)


@attrs.frozen
class Odd:
    """A file and what becomes of it: values that are read, or words of the refusal, and what is said besides."""

    name: str
    content: bytes
    hdu: str = ""
    values: np.ndarray | None = None
    refused: str = ""
    said: str = ""
    suffix: str = "fits"
    within: float = 0.0


def card(keyword, value):
    return f"{keyword:8}= {value:>20}".ljust(80)


def raw(cards, data=b"", *, end="END", fill=" ", pad=True):
    """Write a header as it is given, card by card, and data behind it."""
    text = "".join(cards) + end.ljust(80)
    head = text.encode("latin-1")
    head += fill.encode("latin-1") * (-len(head) % BLOCK)
    return head + data + (b"\0" * (-len(data) % BLOCK) if pad else b"")


def plain(*more, values=VALUES, drop=(), change=(), **settings):
    """Write a plain image with cards added, left out or changed."""
    bits = values.dtype.itemsize * (-8 if values.dtype.kind == "f" else 8)
    axes = values.shape[::-1]
    cards = [card("SIMPLE", "T"), card("BITPIX", bits), card("NAXIS", len(axes))]
    cards += [card(f"NAXIS{n}", axis) for n, axis in enumerate(axes, start=1)]
    cards = [dict(change).get(one[:8].strip(), one) for one in cards if one[:8].strip() not in drop]
    return raw([*cards, *more], values.astype(values.dtype.newbyteorder(">")).tobytes(), **settings)


def written(*hdus, **settings):
    """Write HDUs as astropy does."""
    stream = io.BytesIO()
    fits.HDUList(list(hdus)).writeto(stream, **settings)
    return stream.getvalue()


def tiles(values, compression, **settings):
    return written(fits.PrimaryHDU(), fits.CompImageHDU(values, compression_type=compression, **settings))


def table():
    return fits.BinTableHDU.from_columns([fits.Column("X", "E", array=[1.0])], name="EVENTS")


def image(name, values=VALUES, ver=1):
    return fits.ImageHDU(values, name=name, ver=ver)


FLOATS = VALUES.astype(np.float32)
COUNTS = [("NAXIS", 3), ("NAXIS1", 0), ("NAXIS2", 40), ("NAXIS3", 25), ("GROUPS", "T"), ("PCOUNT", 500), ("GCOUNT", 2)]
GROUPS = raw([card(*one) for one in (("SIMPLE", "T"), ("BITPIX", 16), *COUNTS)], b"\0" * 6000)
"""Random groups of three blocks: two, were any of their counts passed over."""

NOISY = (1000 + np.random.default_rng(1).normal(0, 10, (64, 64))).astype(np.float32)
LONG = 10**18
PLAIN = plain()
MEF = written(fits.PrimaryHDU(), image("SCI", VALUES + 1), image("SCI", VALUES, ver=2))


def broken(content):
    return content.replace(b"NAXIS   =                    2", b"NAXIS   =             99999999")


def changed(keyword, value):
    return plain(change=[(keyword, card(keyword, value))])


def text_of(*lines):
    return "\n".join(lines).encode().ljust(BLOCK)


def retiled(keyword, value):
    """Change a card of an image compressed in tiles."""
    whole = tiles(VALUES, "RICE_1")
    at = whole.index(f"{keyword:8}=".encode())
    return whole[:at] + card(keyword, value).encode() + whole[at + 80 :]


def own(*extensions):
    """Write what says that it is a product of ours."""
    return written(fits.PrimaryHDU(VALUES, fits.Header({"CREATOR": "ccd-pipeline 0.1.0"})), *extensions)


def zipped():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.fits", PLAIN)
    return stream.getvalue()


def flipped(content, at):
    """Change one bit of a file."""
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def reads(name, content, hdu="", values=VALUES, **more):
    return Odd(name, content, hdu, values, **more)


def refuses(name, content, refused, hdu="", **more):
    return Odd(name, content, hdu, refused=refused, **more)


TYPES = [
    reads(f"{dtype} values", written(fits.PrimaryHDU((VALUES % 100).astype(dtype))), values=VALUES % 100)
    for dtype in ("u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8")
]

TILES = [
    *(
        reads(f"{how} tiles", tiles(VALUES, how), "1", suffix="fits.fz")
        for how in ("RICE_1", "GZIP_1", "GZIP_2", "HCOMPRESS_1", "PLIO_1")
    ),
    *(
        reads(
            f"floats rounded by dither {how}",
            tiles(NOISY, "RICE_1", quantize_method=how, quantize_level=8),
            "1",
            NOISY,
            said="its values were rounded when it was compressed (RICE_1, ",
            within=1.5,
        )
        for how in (-1, 1, 2)
    ),
    reads("floats in lossless tiles", tiles(NOISY, "GZIP_2", quantize_level=0), "1", NOISY),
    reads(
        "smoothed HCOMPRESS",
        tiles(VALUES.astype("i4"), "HCOMPRESS_1", hcomp_scale=5),
        "1",
        said="rounded when it was compressed (HCOMPRESS_1, smoothed)",
        within=10.0,
    ),
    reads("tiles inside gzip", gzip.compress(tiles(VALUES, "RICE_1")), "1", suffix="fits.fz.gz"),
    refuses("fpacked, its HDU not named", tiles(VALUES, "RICE_1"), "name it in the list: type, odd.fits, 1"),
    refuses("unknown compression", tiles(VALUES, "RICE_1").replace(b"'RICE_1  '", b"'ZFP_1   '"), "ZFP_1", "1"),
    refuses("tiles 0 wide", retiled("ZTILE1", 0), "cannot be read as FITS", "1"),
    refuses("tiles 2^40 wide", retiled("ZTILE1", 2**40), "ZTILE1 value 1099511627776 is too large", "1"),
    refuses("tiles of an image of negative width", retiled("ZNAXIS1", -3), "cannot be read as FITS", "1"),
    refuses("tiles cut", tiles(VALUES, "RICE_1")[:-2800], "cannot be read as FITS", "1"),
]

PACKED = [
    reads("gzip named .fits", gzip.compress(PLAIN)),
    reads("gzip named .bz2", gzip.compress(PLAIN), suffix="fits.bz2"),
    reads("plain named .gz", PLAIN, suffix="fits.gz"),
    reads("bzip2", bz2.compress(PLAIN), suffix="fits.bz2"),
    reads("bzip2 of two streams", bz2.compress(PLAIN[:3000]) + bz2.compress(PLAIN[3000:])),
    reads("gzip of many members", b"".join(gzip.compress(PLAIN[at : at + 999]) for at in range(0, 5760, 999))),
    reads("gzip with zeros behind", gzip.compress(PLAIN) + b"\0" * 512),
    reads("gzip with junk behind", gzip.compress(PLAIN) + b"junk"),
    refuses("gzip cut", gzip.compress(PLAIN)[:-50], "is cut or damaged inside its packing"),
    refuses("gzip without its end", gzip.compress(PLAIN)[:-4], "is cut or damaged inside its packing"),
    refuses("gzip with a false checksum", flipped(gzip.compress(PLAIN), -8), "CRC check failed"),
    refuses("bzip2 cut", bz2.compress(PLAIN)[:-20], "is cut or damaged inside its packing"),
    refuses("gzip in gzip", gzip.compress(gzip.compress(PLAIN)), "unpacked it begins with"),
    refuses("xz", lzma.compress(PLAIN), "is packed by xz, unpack it first", suffix="fits.xz"),
    refuses("zip", zipped(), "is packed by zip, unpack it first"),
    refuses("zstd", b"\x28\xb5\x2f\xfd" + PLAIN, "is packed by zstd"),
]

LAYOUT = [
    reads("NAXIS3 = 1", plain(values=VALUES[None])),
    reads("NAXIS3 = NAXIS4 = 1", plain(values=VALUES[None, None])),
    reads("NAXIS2 = NAXIS3 = 1", plain(values=VALUES[:, None, None])),
    reads("one row", plain(values=VALUES[:1]), values=VALUES[:1]),
    reads("one column", plain(values=VALUES[:, :1]), values=VALUES[:, :1]),
    reads("PCOUNT and GCOUNT", plain(card("PCOUNT", 0), card("GCOUNT", 1))),
    reads("NAXIS1 given again", plain(card("NAXIS1", 99))),
    reads("text behind END", plain(end="END junk"), said="kept as COMMENT: END JUNK"),
    reads("NUL behind END", plain(end="END".ljust(80, "\0"), fill="\0")),
    refuses("NAXIS1 = 0", changed("NAXIS1", 0)[:BLOCK], "holds no data; expected an image"),
    reads(
        "last block not full",
        plain(pad=False),
        said="ends 2496 bytes before its last block is full; no pixel is missing",
    ),
    reads("last byte missing", PLAIN[:-1], said="ends 1 bytes before its last block is full; no pixel is missing"),
    reads("junk behind the last HDU", PLAIN + b"junk" * 100),
    reads("junk behind the last HDU, which is named", PLAIN + b"junk" * 100, "PRIMARY"),
    reads("empty blocks behind the last HDU", PLAIN + b"\0" * 2 * BLOCK),
    reads("5,000 cards", plain(*(card(f"K{n}", n) for n in range(5000)))),
    refuses(
        "one byte missing", plain(pad=False)[:-1], "the file is cut, 1 of 3264 bytes are missing; get a whole copy"
    ),
    refuses("cut in its header", PLAIN[:1000], "the file is cut in its header, 1880 bytes of its block are missing"),
    refuses("cut after a block", plain(*(card(f"K{n}", n) for n in range(99)))[:BLOCK], "no END in 2880 bytes"),
    refuses("END in small letters", plain(end="end"), "'end' at byte 400 begins no card; repair it"),
    refuses("END one byte late", plain(end=" END"), "'END' at byte 401 begins no card; repair it"),
    refuses(
        "header in lines", text_of("SIMPLE  =  T", "BITPIX  = 16", "NAXIS   = 0", "END"), "its header has line breaks"
    ),
    refuses("BITPIX = 16.0", changed("BITPIX", "16.0"), "BITPIX = 16.0; expected 8, 16, 32"),
    refuses("BITPIX = -16", changed("BITPIX", -16), "BITPIX = -16; expected 8, 16, 32"),
    refuses("no BITPIX", plain(drop=["BITPIX"]), "BITPIX is missing; expected 8, 16, 32"),
    refuses(
        "NAXIS in quotes", changed("NAXIS", "'2       '"), "NAXIS = '2       '; expected a whole number from 0 to 999"
    ),
    refuses("NAXIS = 99999999", changed("NAXIS", 99999999), "NAXIS = 99999999; expected a whole number from 0 to 999"),
    refuses("NAXIS = 3 with two axes", changed("NAXIS", 3), "NAXIS3 is missing, and NAXIS = 3"),
    refuses("NAXIS1 in quotes", changed("NAXIS1", "'16'"), "NAXIS1 = '16', and NAXIS = 2; expected a whole number"),
    refuses("NAXIS1 < 0", changed("NAXIS1", -5), "NAXIS1 = -5, and NAXIS = 2; expected a whole number from 0"),
    refuses("NAXIS1 = 10^6", changed("NAXIS1", 10**6), "the file is cut, 23997120 of 24002880 bytes are missing"),
    refuses("2^31 pixels", changed("NAXIS1", 2**28), "would have 12×268435456 pixels; fewer than 2\\^31 are expected"),
    refuses(
        "2^31 pixels and none more",
        plain(change=[("NAXIS1", card("NAXIS1", 2**28)), ("NAXIS2", card("NAXIS2", 8))]),
        "fewer than 2\\^31 are expected",
    ),
    refuses("2^31 pixels in gzip", gzip.compress(changed("NAXIS1", 2**28)), "fewer than 2\\^31 are expected"),
    refuses(
        "2^30 pixels of gzip missing",
        gzip.compress(changed("NAXIS1", 2**26)),
        r"bytes short of row \d+; get a whole copy",
    ),
    refuses(
        "NAXIS1 = 10^18", changed("NAXIS1", LONG), "its 2 axes would hold 24000000000000001920 bytes, which no file"
    ),
    refuses("SIMPLE = F", changed("SIMPLE", "F"), "holds what is no standard FITS"),
    refuses("one axis", plain(values=VALUES.ravel()), "is one-dimensional, 192 values; expected an image"),
    refuses("a cube", plain(values=np.stack([VALUES] * 2)), "is a cube, 2×12×16; .* from 0 to 1, by --plane"),
]

HDUS = [
    reads("small letters for an EXTNAME", written(fits.PrimaryHDU(), image("Sci")), "sCI"),
    reads("EXTNAME with a blank", written(fits.PrimaryHDU(), image("my image")), "my image"),
    reads("EXTNAME that is a number", written(fits.PrimaryHDU(), image("EMPTY", None), image("7")), "7"),
    reads("EXTNAME and EXTVER", MEF, '"SCI,2"'),
    reads("EXTNAME with a comma", written(fits.PrimaryHDU(), image("A,1")), '"A,1"'),
    reads("PRIMARY by name", PLAIN, "PRIMARY"),
    reads("foreign HDU before", MEF[:BLOCK] + raw(
        [card("XTENSION", "'FOREIGN '"), card("BITPIX", 8), card("NAXIS", 0), card("PCOUNT", 0), card("GCOUNT", 1)]
    ) + MEF[BLOCK:], "3"),
    reads("an EXTNAME twice", MEF, "SCI", VALUES + 1, said='HDUs 1, 2 are all named SCI; 1 is taken; choose by number, or by EXTVER too: "SCI,2"'),
    refuses("no such EXTVER", MEF, r"has no HDU 'SCI,3'; it has 0 PRIMARY \(no data\), 1 SCI", '"SCI,3"'),
    refuses("one extension, HDU not named", written(fits.PrimaryHDU(), image("X")), "name it in the list: type, odd.fits, 1"),
    refuses("two extensions, HDU not named", MEF, r"the file has 0 PRIMARY \(no data\), 1 SCI \(12×16\), 2 SCI \(12×16\)$"),
    refuses("a table", written(fits.PrimaryHDU(), table()), "holds a table; expected an image", "EVENTS"),
    refuses("an ASCII table", written(fits.PrimaryHDU(), fits.TableHDU.from_columns([fits.Column("X", "F8.2", array=[1.0])])), "holds a table", "1"),
    refuses("random groups", GROUPS, "holds random groups; expected an image"),
    reads("an image behind random groups", GROUPS + MEF[BLOCK:], "1", VALUES + 1),
    refuses("broken header behind random groups", GROUPS + broken(MEF[BLOCK:]), r"\[1\]: NAXIS = 99999999; expected", "1"),
    refuses("flags that are a table", own(fits.BinTableHDU.from_columns([fits.Column("X", "E", array=[1.0])], name="FLAGS")), r"odd.fits\[1\]: holds a table; expected an image"),
    refuses("flags that are a cube", own(image("FLAGS", np.zeros((2, *SHAPE), np.uint8))), r"odd.fits\[1\]: is a cube"),
    refuses("flags of another shape", own(image("FLAGS", np.zeros((3, 3), np.uint8))), r"HDU 1 has the shape \(3, 3\), its image \(12, 16\)"),
    refuses("broken header of the extension", broken(MEF), r"odd.fits\[1\]: NAXIS = 99999999", "2"),
    reads("broken header behind the HDU that is named", MEF[:-2 * BLOCK] + broken(MEF[-2 * BLOCK:]), "1", VALUES + 1),
    refuses("broken header behind an empty HDU", broken(MEF), r"\[1\]: NAXIS = 99999999"),
]  # fmt: skip

VALUE_CARDS = [
    reads("BZERO on floats", plain(card("BZERO", "32768.0"), values=FLOATS), values=FLOATS + 32768.0,
          said="BSCALE = 1 and BZERO = 32768 are applied, as FITS says"),
    reads("BSCALE = 1, BZERO = 0 on floats", plain(card("BZERO", "0.0"), card("BSCALE", "1.0"), values=FLOATS)),
    reads("BZERO with a D", plain(card("BZERO", "3.2768D4")), values=VALUES + 32768.0),
    reads("BZERO without a value", plain(card("BZERO", "")), values=VALUES),
    reads("BSCALE in quotes", plain(card("BSCALE", "'2.0     '")), values=VALUES * 2),
    reads("BSCALE < 0", plain(card("BSCALE", "-1.0")), values=-VALUES),
    reads("BLANK", plain(card("BLANK", 137)), values=np.where(VALUES == 137, np.nan, VALUES)),
    reads("BLANK with a point", plain(card("BLANK", "137.")), values=np.where(VALUES == 137, np.nan, VALUES)),
    reads("BLANK that no value has", plain(card("BLANK", -99999))),
    reads("BLANK on floats", plain(card("BLANK", 137), values=FLOATS)),
    refuses("BZERO beyond floats", plain(card("BZERO", "1E400")), "BZERO = inf; expected a number"),
    refuses("EXPTIME of two numbers", plain(card("EXPTIME", "(1, 2)")), r"EXPTIME = \(1\+2j\); expected an exposure in seconds"),
    refuses("SATURATE beyond numbers", plain(card("SATURATE", "'-inf'")), "odd.fits: SATURATE = '-inf'; expected a number above 0"),
    refuses("a section that ends before it begins", plain(card("BIASSEC", "'[1:0,5:-3]'"), card("TRIMSEC", "'[1:9,1:9]'")), r"odd.fits: BIASSEC = '\[1:0,5:-3\]'; expected a section such as"),
    refuses("BSCALE = 0", plain(card("BSCALE", "0.0")), "BSCALE = 0 makes all values the same; .* mend the card"),
    refuses("BZERO is a word", plain(card("BZERO", "'abc     '")), "BZERO = 'abc'; expected a number"),
    refuses("BLANK = 1.5", plain(card("BLANK", "1.5")), "BLANK = 1.5; expected a whole number"),
    refuses("BLANK is a word", plain(card("BLANK", "'none    '")), "BLANK = 'none'; expected a number"),
]  # fmt: skip

SUMMED = written(fits.PrimaryHDU(VALUES), checksum=True)
# The words of a header may change places without changing its sum: no card is named DATASUM then.
UNNAMED = (
    written(fits.PrimaryHDU(VALUES, fits.Header({"FILTNAME": "V"})), checksum=True)
    .replace(b"DATASUM = ", b"DATANAME= ")
    .replace(b"FILTNAME= ", b"FILTSUM = ")
)
CHECKSUMS = [
    reads("CHECKSUM without DATASUM that holds", UNNAMED),
    reads("CHECKSUM without DATASUM, a pixel changed since", flipped(UNNAMED, BLOCK + 1), values=VALUES + (
        np.arange(192).reshape(SHAPE) == 0), said="its data sum up to"),
    reads("DATASUM that is no sum of 32 bits", plain(card("DATASUM", "'99999999999'"))),
    reads("CHECKSUM that holds", SUMMED),
    reads("DATASUM of nothing in its other form", plain(card("DATASUM", "'4294967295'"), values=VALUES * 0), values=VALUES * 0),
    reads("CHECKSUM of tiles that holds", written(fits.PrimaryHDU(), fits.CompImageHDU(VALUES), checksum=True), "1"),
    reads("a pixel changed since", flipped(SUMMED, BLOCK + 1), values=VALUES + (
        np.arange(192).reshape(SHAPE) == 0), said="its data sum up to"),
    reads("a pixel changed since, in gzip", gzip.compress(flipped(SUMMED, BLOCK + 1)), values=VALUES + (
        np.arange(192).reshape(SHAPE) == 0), said="its data sum up to"),
    reads("a card changed since", SUMMED.replace(b"EXTEND  =                    T", b"EXTEND  =                    F"),
          said="its CHECKSUM is false"),
]  # fmt: skip

CARDS = [
    reads("CONTINUE and HIERARCH", plain("OBJECT  = 'a long name that goes on &'".ljust(80), "CONTINUE  'and on'".ljust(80),
                                         "HIERARCH ESO DET CHIP1 NAME = 'x'".ljust(80))),
    reads("small letters for keywords", plain("object  = 'M 31'".ljust(80)), said="mended: OBJECT"),
    reads("Latin-1 in a value", plain("OBSERVER= 'Jos\xe9'".ljust(80)), said="mended: OBSERVER"),
    reads("UTF-8 in a value", plain("OBSERVER= 'Jos\xc3\xa9'".ljust(80)), said="mended: OBSERVER"),
    reads("NUL in a value", plain("OBSERVER= 'Jos\0\0\0'".ljust(80)), said="mended: OBSERVER"),
    reads("a tab for blanks", plain("OBSERVER=\t'Jos'".ljust(80)), said="mended: OBSERVER"),
    reads("a line break for a blank", PLAIN.replace(b"  NAXIS   ", b"\r\nNAXIS   ")),
    reads("a command to the terminal", plain("OBSERVER= '\x1b[2J\x1b[31m'".ljust(80)), said="mended: OBSERVER"),
    refuses("CONTINUE of nothing", plain("CONTINUE  'and on'".ljust(80)), "CONTINUE cards must have string values"),
]  # fmt: skip

STRANGERS = [
    refuses("PNG", b"\x89PNG\r\n\x1a\n" + b"\0" * 99, "is a PNG image"),
    refuses("JPEG", b"\xff\xd8\xff\xe0" + b"\0" * 99, "is a JPEG image"),
    refuses("TIFF", b"II*\0" + b"\0" * 99, "is a TIFF image or camera raw file, convert it to FITS first"),
    refuses("HDF5", b"\x89HDF\r\n\x1a\n" + b"\0" * 99, "is an HDF5 file"),
    refuses("a web page", b"<html><body>404</body></html>", "is a web page, perhaps an error .* download it again"),
    refuses("Git LFS", b"version https://git-lfs.github.com/spec/v1\n", "that Git LFS has not fetched"),
    refuses("text", b"type,path\n", "begins with b'type,p'; expected FITS"),
    refuses("a line break before SIMPLE", b"\n" + PLAIN, r"begins with b'\\nSIMPL'; expected FITS"),
    refuses("a byte-order mark before SIMPLE", b"\xef\xbb\xbf" + PLAIN, "has a byte-order mark before its header"),
    refuses("XTENSION first", changed("SIMPLE", "T").replace(b"SIMPLE  =", b"XTENSION="), "begins with an extension"),
]

ODD = [*TYPES, *TILES, *PACKED, *LAYOUT, *HDUS, *VALUE_CARDS, *CHECKSUMS, *CARDS, *STRANGERS]
