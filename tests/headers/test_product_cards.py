"""The product's header: every raw card is kept, mended, set aside or dropped by a rule, and what is there is valid."""

import re
import shutil
import subprocess
import warnings
from pathlib import Path

import attrs
import numpy as np
import pytest
from astropy.io import fits
from header_text import headers_of
from hypothesis import given
from hypothesis import strategies as st
from observatories import OBSERVATORIES, text
from unusual_files import FILES, READ

from pipeline import Cards, Flag, Image, Note, Pixels, attach_header, open_frame, write
from pipeline.errors import FileWarning, HeaderError, ShapeError
from pipeline.headers.cards import COMMENTARY, keyword_of
from pipeline.headers.fits_standard import check_card, printable
from pipeline.headers.product_cards import DROPPED, ProductCards

ANEW = {"BUNIT", "NCOMBINE", "EXPTIME", "AXPOSURE", "XPOSURE", "CREATOR", "DATE", "DATE-BEG", "DATE-AVG", "DATE-END"}
fitsverify = pytest.mark.skipif(not shutil.which("fitsverify"), reason="fitsverify is not installed")
pytestmark = pytest.mark.filterwarnings("ignore::pipeline.errors.FileWarning")

BROKEN = r"""
OBJECT  = M 31 / unquoted
OBJECT  = 12
TELESCOP= T
INSTRUME=
OBSERVER= 'unclosed
EQUINOX = '2000.0'
EQUINOX = 'J2000'
DATE-OBS= 20180810
DATE-OBS= 'yesterday'
DATE-OBS= '2018-08-10 12:00:00'
DATE-OBS= '2018/8/1'
DATE-OBS= '10/08/18'
DATE-OBS= '10/08/05'
DATE-OBS= '31/02/05'
DATE-OBS= '2018-08-10T25:00:00'
DATE-END= 'x'
MJD-OBS = '58000.5'
CRPIX1  = '1.0'
CRVAL1  = 'abc'
CTYPE1  = 12
CRPIX1  = 1
CDELT1  = 0.0
CROTA1  = 0
WCSAXES = 2
WCSAXES = '3'
LONPOLE = '180'
RADESYS = 5
RADESYS = 'fk5'
RADESYS = 'mean'
SPECSYS = 'x'
lower   = 3
Mixed   = 'abc'
DOT.KEY = 3
A B     = 3
Å       = 3
KEY+    = 3
TOOLONGKEY= 3
 LEAD   = 3
NOSPACE =3
LOWEXP  = 1.5e10
DEXP    = 1.5D10
NOSLASH = 3 comment
STRNOSL = 'abc' comment
CPLX    = (1,2)
BADCPLX = (1,2
NANVAL  = NaN
TRUE    = true
NONASC  = 'Å	x'
COMMENT Ångström
HIERARCH ESO DET A = abc def
HIERARCH ESO DET B = 'x
HIERARCH lower case = 3
HIERARCH = 3
CONTINUE 'orphan'
CONTINUE  'orphan'
CONTINUE = 3
LONGSTR = 'abc&'
COMMENT = 'with value'
        = 'blank keyword'
no value at all
TTYPE1  = 'x'
TCTYP1  = 'x'
TCRVL1  = 3.0
PTYPE1  = 'x'
GROUPS  = T
XTENSION= 'IMAGE'
EPOCH   = 2000.0
EPOCH   = 'J2000'
BLOCKED = T
PC1_1   = 1.0
CD1_1   = 1.0
CROTA2  = 1.0
CRPIX3  = 1.0
CD3_3   = 1.0
PC002002= 1.0
PV1_1   = 'a'
PS1_1   = 3
CTYPE2B = 'x'
NAXIS3  = 3
SIMPLE  = F
BUNIT   = 3
LONGSTRN= 3
INHERIT = 'x'
DATAMIN = 'x'
OBSGEO-X= 'a'
CHECKSUM= 3
ZIMAGE  = T
HEX     = 0x10
QUOTES  = 'it''s'
QUOTE2  = 'it's'
DP1     = 'NAXES: 2'
DP1     = 'AXIS.1: 1'
RADESYS = '        '
RADECSYS= ''
SPECSYS = ' '
CRDER1  = -1.0
CSYER2  = -1.0
HIERARCH CTYPE3 = 'FREQ'
HIERARCH NAXIS FOO = 3
HIERARCH CONTINUE = 3
NAXISX  = 3
WCSAXES = 1E999
WCSAXES = 100
CREATOR = it's mine
BUNIT   = 'µJy'
EXPTIME = 'undefined'
EXPTIME=30.0
CONTINUE= 1
""".strip("\n").splitlines()

DATES = ("DATE-OBS", "DATE-AVG", "DATE_OBS", "DATEOBS", "DATE_END", "DATEREF", "DATEFILE", "DATE_TAI", "DATE1", "DATEX")
NO_DATES = ("' '", "'10:20:30'", "'29-Jun-2009'", "'2010.10.15_23:01:00_TAI'", "20180810", "T", "'2018-13-45'", "")


def product(cards):
    """Make a product of an image with a raw header."""
    return attach_header(Image.of(np.ones((3, 4), "f4"), header=cards, exposure=1.0, name="a.fits"))


def words_of(image):
    """Give the characters of a card without blanks, to be found again in comments that were cut."""
    return re.sub(r"\s", "", printable(image))


def assert_nothing_is_lost(raw, made):
    """See that each raw card is in the product, is said there in a comment, or goes by a documented rule."""
    written = set(made.header.images)
    comments = "".join(words_of(image[8:]) for image in made.header.images if image.startswith("COMMENT"))
    notes = " ".join(ProductCards.of(raw).mended)
    for image in raw.images:
        name = keyword_of(image)
        dropped = any(re.fullmatch(pattern, name) for pattern, _ in DROPPED)
        again = [other for other in raw.images if keyword_of(other) == name and words_of(other) == words_of(image)]
        set_aside = words_of(image) in comments or all(words_of(part) in comments for part in image.split("CONTINUE"))
        fates = (image in written, dropped, name in ANEW, f"{name} (" in notes, set_aside, len(again) > 1)
        assert any(fates) or name in COMMENTARY or "EPOCH" in name, (image, notes)


def assert_valid(made):
    """Judge a header by astropy and by our own rules."""
    header = made.header.to_header()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made.to_hdulist().verify("exception")
    for image in made.header.images:
        assert check_card(image).image == image
    names = [name for name in header if name not in COMMENTARY]
    assert len(names) == len(set(names))


def assert_verified(products, folder):
    """Ask fitsverify, once for all: no errors, no warnings, and checksums that hold.

    It is slow to start.
    """
    paths = [folder / f"{number}.fits" for number in range(len(products))]
    for made, path in zip(products, paths, strict=True):
        write(made, path)
    found = subprocess.run(["fitsverify", *paths], capture_output=True, text=True, check=False)
    bad = [part for part in found.stdout.split("\nFile: ")[1:] if "0 warning(s) and 0 error(s)" not in part]
    assert found.stdout.count("0 warning(s) and 0 error(s)") == len(paths), "\n".join(bad) or found.stderr
    for path in paths:
        with fits.open(path, checksum=True) as hdus:
            assert all("CHECKSUM" in hdu.header and "DATASUM" in hdu.header for hdu in hdus)


# ---- the laws ----

lines = st.sampled_from(BROKEN) | st.sampled_from([line for row in OBSERVATORIES for line in row[1].splitlines()])
anything = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=80)


@given(st.lists(lines | anything, max_size=12))
def test_whatever_the_raw_cards_the_product_is_valid_and_nothing_is_lost(raw):
    cards = Cards("".join(line.ljust(80) for line in raw))
    made = product(cards)
    assert_valid(made)
    assert_nothing_is_lost(cards, made)


@given(st.lists(lines, max_size=12))
def test_a_product_is_kept_as_it_is(raw):
    """What was mended once stands: a product of a product has the same cards."""
    once = product(Cards("".join(line.ljust(80) for line in raw)))
    with warnings.catch_warnings():
        warnings.simplefilter("error", FileWarning)
        again = attach_header(Image.of(once.pixels, header=once.header, exposure=1.0, name="a.fits"))
    assert set(again.header.images) == set(once.header.images)


def test_good_cards_are_kept_verbatim_and_in_order():
    raw = [
        "OBJECT  = 'M 31    '           / the target",
        "COMMENT   two  blanks",
        "NUMBER  =   1.50E+00/no blank before the slash",
        "HIERARCH ESO DET CHIP1 NAME = 'x' / long keyword",
        "        a blank keyword",
        "LONG    = 'a long string that does not end here &'",
        "CONTINUE  'but there' / with its comment",
        "CRPIX1  = 100.5",
        "CRPIX2  = 200.5",
        "CRVAL1  = 10.0",
        "CRVAL2  = 20.0",
        "CTYPE1  = 'RA---TAN'",
        "CTYPE2  = 'DEC--TAN'",
    ]
    cards = Cards("".join(line.ljust(80) for line in raw))
    assert ProductCards.of(cards).note == ""
    assert product(cards).header.text.startswith(cards.text)


# ---- single rules ----


@pytest.mark.parametrize(
    ("raw", "keyword", "value"),
    [
        ("OBJECT  = M 31 / unquoted", "OBJECT", "M 31"),
        ("OBJECT  = 12", "OBJECT", "12"),
        ("lower   = 3", "LOWER", 3),
        ("DOT.KEY = 3", None, None),
        ("LOWEXP  = 1.5e10", "LOWEXP", 1.5e10),
        ("EQUINOX = '2000.0'", "EQUINOX", 2000.0),
        ("EPOCH   = 1950.0", "EQUINOX", 1950.0),
        ("DATE-OBS= '2018-08-10 12:00:00'", "DATE-OBS", "2018-08-10T12:00:00"),
        ("DATE-OBS= '2025/01/09'", "DATE-OBS", "2025-01-09"),
        ("DATE-OBS= '08/05/10'", "DATE-OBS", "2010-05-08"),
        ("DATE-OBS= '08/05/95'", "DATE-OBS", "08/05/95"),
        ("RADESYS = 'fk5'", "RADESYS", "FK5"),
        ("TOOLONGKEY= 3", None, None),
        ("NONASC  = 'Å'", "NONASC", "?"),
        ("NONASC  = '3 µm'", "NONASC", "3 um"),
        ("NOSPACE =3.5", "NOSPACE", 3.5),
        ("HIERARCH RADESYS = 'fk5'", "RADESYS", "FK5"),
        ("DATE_OBS= '2018/08/10 12:00:00'", "DATE_OBS", "2018-08-10T12:00:00"),
    ],
)
def test_what_is_clear_is_mended(raw, keyword, value):
    cards = Cards(raw.ljust(80))
    if keyword:
        assert product(cards).header.get(keyword) == value
    else:
        assert f"COMMENT breaks the standard: {raw}" in product(cards).header.text


@pytest.mark.parametrize(
    "raw", ["EXPTIME = 'undefined'", "EXPTIME = ''", "EXPOSURE= 'N/A'", "CRDER1  = -1.0", "NAXISX  = 3"]
)
def test_what_cannot_stand_is_set_aside(raw):
    header = attach_header(Image.of(np.ones((3, 4)), header=Cards(raw.ljust(80)), name="a.fits")).header
    assert raw[:8].strip() not in header
    assert raw in header.text


def test_a_continuation_of_no_string_is_set_aside():
    header = product(Cards(text("OBJECT  = 'a'\nCONTINUE= 1\nNUMBER  = 1 / it's\nCONTINUE  'x'"))).header
    assert (header.get("OBJECT"), header.get("NUMBER")) == ("a", 1)
    assert header.text.count("COMMENT breaks the standard: CONTINUE") == 2


@pytest.mark.parametrize(
    ("said", "keyword", "written"), [("µJy", "BUNIT", "uJy"), ("e¹", "BUNITRAW", "e?"), ("a\nb", "BUNITRAW", "a?b")]
)
def test_a_unit_is_written_in_the_characters_of_fits(said, keyword, written):
    assert product(Cards(f"BUNIT   = '{said}'".ljust(80))).header.get(keyword) == written


@pytest.mark.parametrize("unit", ["none", "unitless", "data numbers", "adu", "electron/s", ""])
def test_a_product_of_any_unit_is_a_ccddata_and_back(unit):
    made = attach_header(Image.of(np.ones((3, 4)), header={"BUNIT": unit} if unit else None))
    assert Image.of(made.to_ccddata()).state.unit == made.state.unit


@pytest.mark.parametrize("thing", [fits.PrimaryHDU(), fits.HDUList([fits.PrimaryHDU(np.ones((2, 2)))])])
def test_what_holds_no_image_of_its_own_is_refused(thing):
    with pytest.raises(ShapeError, match="holds no image of its own; give the HDU"):
        Image.of(thing)


def test_what_no_card_holds_is_refused_by_name():
    with pytest.raises(HeaderError, match=r"lst = \[1, 2\]: no card holds that"):
        Image.of(np.ones((2, 2)), header={"lst": [1, 2]})


def test_what_was_done_is_said():
    raw = "OBSTYPE = 'DARK'\nOBSTYPE = 'BIAS'\nSEEING  =\nOBJECT  = M 31"
    words = (
        r"a\.fits: .* mended: OBJECT \(written anew\); kept as COMMENT: OBSTYPE \(given again\), SEEING \(no value\)"
    )
    with pytest.warns(FileWarning, match=words):
        header = product(Cards(text(raw))).header.to_header()
    assert header["OBSTYPE"] == "DARK"
    assert list(header["COMMENT"]) == ["given again: OBSTYPE = 'BIAS'", "no value: SEEING  ="]


@pytest.mark.parametrize("length", [60, 61])
def test_a_name_that_fits_no_card_stands_in_the_history(length):
    name = "n" * (length - 5) + ".fits"
    header = attach_header(Image.of(np.ones((2, 2)), name=f"/raw/{name}")).header.to_header()
    assert header.get("LIGHT1") == (name if length == 60 else None)
    assert (f"light 1: /raw/{name}" in "".join(header.get("HISTORY", ()))) == (length == 61)
    assert "LONGSTRN" not in header


def test_strings_that_go_on_in_other_cards_are_announced():
    header = product(Cards.of(fits.Header({"OBJECT": "o" * 100}))).header.to_header()
    assert header["OBJECT"] == "o" * 100
    assert header["LONGSTRN"] == "OGIP 1.0"
    assert "LONGSTRN" not in product(Cards.of(fits.Header({"OBJECT": "o" * 60}))).header.to_header()


def test_axes_that_the_image_does_not_have_are_counted():
    header = product(Cards(text("CRPIX3  = 5.0\nCRVAL3  = 1.0\nCTYPE3  = 'FREQ'"))).header.to_header()
    assert next(iter(header)) == "WCSAXES"
    assert header["WCSAXES"] == 3
    assert (header["CRPIX1"], header["CRVAL2"], header["CTYPE1"]) == (0.0, 0.0, "")


def test_a_pc_matrix_stays_and_what_contradicts_it_is_set_aside():
    header = product(Cards(text("CD1_1   = 2.0\nPC1_1   = 1.0\nCROTA2  = 3.0"))).header.to_header()
    assert header["PC1_1"] == 1.0
    assert not {"CD1_1", "CROTA2"} & set(header)


# ---- by fitsverify ----


@fitsverify
def test_fitsverify_is_silent_about_broken_raw_cards(tmp_path):
    """Each alone, but for those that are judged by themselves: dates, in files of different keywords."""
    columns = [[f"{name:8s}= {value}" for name in DATES] for value in NO_DATES]
    assert_verified(
        [product(Cards(text("\n".join(lines)))) for lines in [*([line] for line in BROKEN), *columns]], tmp_path
    )


@fitsverify
def test_fitsverify_is_silent_about_notes_in_any_words(tmp_path):
    words = [
        "σ² = 3 × é — “größer” ″ 漢字 🌌",
        *("x" * length for length in (70, 71, 72, 73, 300)),
        "a\nb\x00c",
        "it's = 'y",
    ]
    said = tuple(Note(each, frames=(f"größe_漢字_{'y' * 60}.fits",)) for each in words)
    image = Image.of(np.ones((2, 3)), name="größe_漢字.fits")
    made = attach_header(attrs.evolve(image, said=said))
    assert made.header.get("NNOTES") == len(said)
    assert_verified([made], tmp_path)


@fitsverify
def test_fitsverify_is_silent_about_the_product_of_every_readable_file(tmp_path):
    if not FILES.is_dir():
        pytest.skip("the unusual files are not beside the project")
    frames = [open_frame(FILES / name, hdu) for name, hdu, *_ in READ]
    products = [attach_header(frame) for frame in frames]
    assert_verified(products, tmp_path)
    for frame, made in zip(frames, products, strict=True):
        assert_nothing_is_lost(frame.header, made)


@fitsverify
def test_fitsverify_is_silent_about_products_with_real_headers(shared_data, tmp_path):
    paths = sorted((shared_data / "headers").glob("*.txt"))
    assert len(paths) == 64
    products = []
    for path in paths:
        own, *primary = headers_of(path.read_text(errors="replace"))
        cards = own.under(primary[0]) if primary else own
        products.append(product(cards))
        assert_valid(products[-1])
        assert_nothing_is_lost(cards, products[-1])
    assert_verified(products, tmp_path)


@pytest.mark.parametrize(
    "line",
    [
        *(
            "CREATOR = abc / x",
            "CREATOR = ASCOM (v1)",
            "CREATOR = 'unclosed",
            "CREATOR = it's mine",
            "CREATOR = 'a\tb'",
        ),
        *("BSCALE  =", "BZERO   =", "BLANK   =", "HIERARCH GCOUNT = 'x'"),
        *(f"{card}CONTINUE  'orphan'" for card in ("BSCALE  = 1".ljust(80), "BZERO   = 0".ljust(80))),
    ],
)
def test_one_bad_card_stops_no_frame(tmp_path, line):
    values = np.arange(12, dtype="i2").reshape(3, 4)
    path = Path(tmp_path / "a.fits")
    fits.PrimaryHDU(values, fits.Header({"LAST": 1, "LAST2": 1})).writeto(path)
    content = path.read_bytes()
    at = content.index(b"LAST ")
    path.write_bytes(content[:at] + line.ljust(160).encode() + content[at + 160 :])
    frame = open_frame(path)
    np.testing.assert_array_equal(frame.pixels.values, values)
    write(attach_header(frame), tmp_path / "b.fits")


def test_a_header_is_read_as_it_stands_in_the_file(tmp_path):
    path = Path(tmp_path / "a.fits")
    fits.PrimaryHDU(np.ones((3, 4), "i2"), fits.Header({"OBJECT": "abcdefgh", "B": 3})).writeto(path)
    path.write_bytes(path.read_bytes().replace(b"'abcdefgh'", b"'abcd\xc5\t\nh'").replace(b"B       =", b"b       ="))
    frame = open_frame(path)
    assert "'abcdÅ\t\nh'" in frame.header.text
    assert "b       =" in frame.header.text
    header = attach_header(frame).header
    assert (header.get("OBJECT"), header.get("B")) == ("abcd???h", 3)


@fitsverify
def test_fitsverify_is_silent_about_every_flag(tmp_path):
    flags = np.array([[0, *map(int, Flag), sum(Flag)]])
    made = attach_header(Image.of(Pixels.of(np.ones(flags.shape), flags)))
    assert_verified([made], tmp_path)
    with fits.open(tmp_path / "0.fits") as hdus:
        np.testing.assert_array_equal(hdus["FLAGS"].data, flags)
        np.testing.assert_array_equal(hdus["MASK"].data, flags != 0)
