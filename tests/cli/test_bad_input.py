# ruff: noqa: E501 - a row of a table is a line
"""What a user can get wrong in a list, its frames and the settings: a message to act on, a status, no file."""

import bz2
import gzip
import os
import re
import time
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from pipeline import Image
from pipeline.cli.main import main
from pipeline.errors import MOST

CALIBRATIONS = "bias, b.fits\ndark, d.fits\nflat, f.fits\n"


def frame(path, value, seconds=None, **cards):
    header = fits.Header(cards if seconds is None else {"EXPTIME": seconds, **cards})
    values = np.full((6, 8), value, np.uint16) if np.isscalar(value) else value
    fits.writeto(path, values, header, overwrite=True)


@pytest.fixture
def night(tmp_path, monkeypatch, capsys):
    """Write good frames of each kind; give what reduces a list and tells its status and what was said."""
    monkeypatch.chdir(tmp_path)
    for path, value, seconds in (("l", 630, 30), ("b", 100, 0), ("d", 160, 60), ("f", 1110, 10)):
        frame(f"{path}.fits", value, seconds)

    def reduce(content=None, *options, path="night.csv"):
        if content is not None:
            Path(path).write_bytes(content if isinstance(content, bytes) else content.encode())
        before = sorted(os.listdir())
        status = main(["reduce", path, "-o", "out.fits", "--variance", "none", *options])
        error = capsys.readouterr().err
        assert "Traceback" not in error
        assert (sorted(os.listdir()) == before) == (status != 0)
        return status, error

    return reduce


def link_to_itself(name):
    Path(name).symlink_to(name)


LISTS = [
    # the row of the table, what stands in the list, what is said, what has to be there before
    ("missing", None, "night.csv: cannot be read: No such file or directory; expected a CSV file of type, path, hdu; of a folder of frames, ccd-pipeline scan"),
    ("empty", "", "night.csv: no frames in it; expected rows such as: light, path/to/frame.fits"),
    ("comments only", "# tonight\n", "no frames in it"),
    ("directory", None, "night.csv: cannot be read: Is a directory; expected a CSV file of type, path, hdu; of a folder of frames, ccd-pipeline scan", lambda: Path("night.csv").mkdir()),
    ("symlink loop for a list", None, "Too many levels of symbolic links", lambda: link_to_itself("night.csv")),
    ("binary", bytes(range(256)), "line 1: holds a byte 0, and so is no text (or UTF-16); expected a CSV file list"),
    ("binary on line 3", "#\n\nlight, l.fits\0", "line 3: holds a byte 0"),
    ("spreadsheet", b"PK\x03\x04\x14", "is a spreadsheet or zip archive; save the sheet as CSV (UTF-8)"),
    ("gzip", gzip.compress(b"light, l.fits"), "is packed by gzip; unpack it first"),
    ("bzip2", bz2.compress(b"light, l.fits"), "is packed by bzip2; unpack it first"),
    ("a frame in place of a list", b"SIMPLE  =                    T", "is a FITS file; expected a list of them"),
    ("UTF-16", "light, l.fits".encode("utf-16"), "line 1: is UTF-16 text; save it as UTF-8"),
    ("UTF-32", "light, l.fits".encode("utf-32"), "line 1: is UTF-32 text; save it as UTF-8"),
    ("not UTF-8", b"light, l.fits\r\n\r\nbias, b\xe9.fits", "line 3: byte 0xE9 is not UTF-8 ('é' in Latin-1); save the list as"),
    ("no light", CALIBRATIONS, "no light frames in it; give at least one"),
    ("unknown type", "ligth, l.fits", "line 1: unknown type 'ligth'; did you mean 'light'?"),
    ("a type of other programs", "object, l.fits", "unknown type 'object'; did you mean 'light'?"),
    ("another type of theirs", "zero, b.fits", "unknown type 'zero'; did you mean 'bias'?"),
    ("no such type", "x, l.fits", "unknown type 'x'; expected one of bias, dark, flat, light, arc"),
    ("type and path changed over", "l.fits, light", "unknown type 'l.fits'; the type stands first, and the path behind it"),
    ("missing path", "light,", "line 1: no path behind 'light'; expected: light, path/to/frame.fits"),
    ("bad HDU, number", "light, l.fits, 7", "line 1: l.fits: has no HDU 7; it has 0 PRIMARY (6×8)"),
    ("bad HDU, name", "light, l.fits, SCI", "line 1: l.fits: has no HDU 'SCI'; it has 0 PRIMARY (6×8)"),
    ("bad HDU, negative", "light, l.fits, -1", "line 1: HDU '-1' of l.fits; expected a whole number from 0, or an EXTNAME"),
    ("bad HDU, fraction", "light, l.fits, 1.5", "line 1: HDU '1.5' of l.fits; expected a whole number"),
    ("1 column", "light", "line 1: 1 column in 'light'; expected 2 or 3: type, path, and perhaps an HDU"),
    ("5 columns", "light, l.fits, 0, a, b", "line 1: 5 columns in 'light, l.fits, 0, a, b'; expected 2 or 3"),
    ("EXTVER without quotes", "light, l.fits, SCI, 2", 'a cell that holds the delimiter stands in quotes, as "SCI,2" does'),
    ("unclosed quote", 'light, "l.fits', "line 1: a quote opens a cell and does not close it"),
    ("semicolons", "light; l.fits", "say what stands between cells (--delimiter ';')"),
    ("tabs", "light\tl.fits", "say what stands between cells (--delimiter tab)"),
    ("blanks", "light l.fits", "say what stands between cells (--delimiter ' ')"),
    ("not there", "light, none.fits", "line 1: none.fits: cannot be read: No such file or directory"),
    ("not there, one alike", "light, L.FITS", "No such file or directory; . has l.fits"),
    ("no such folder", "light, raw/l.fits", "No such file or directory; there is no folder raw"),
    ("backslashes", "light, raw\\l.fits", "did you mean raw/l.fits?", lambda: (Path("raw").mkdir(), frame("raw/l.fits", 1))),
    ("home", "light, ~/l.fits", "~ is not expanded; write the folder in full"),
    ("variable", "light, $HOME/l.fits", "variables are not expanded; write the folder in full"),
    ("pattern", "light, *.fits", "patterns are not expanded; one row for each file, or let ccd-pipeline scan write"),
    ("HDU behind the path", "light, l.fits[1]", "the HDU has a column of its own: light, l.fits, 1"),
    ("single quotes", "light, 'l.fits'", 'quotes around a path are ", or none'),
    ("curly quotes", "light, “l.fits”", 'quotes around a path are ", or none'),
    ("an address", "light, http://example.org/l.fits", "nothing is fetched from elsewhere; expected the path of a file"),
    ("accents in another form", "light, é.fits", "its accents coded otherwise", lambda: frame("e\u0301.fits", 1)),
    ("# without quotes", "light, l#1.fits", 'a path that holds # or a comma stands in quotes: "l#1.fits"', lambda: frame("l#1.fits", 1)),
    ("folder in place of a frame", "light, raw", "line 1: raw: is a folder; expected a FITS file", lambda: Path("raw").mkdir()),
    ("a command to the terminal", "light, \x1b[2Jx.fits", "line 1: \\x1b[2Jx.fits: cannot be read: No such file"),
    ("a path that runs backwards", "light, \u202estif.l", "line 1: \\u202estif.l: cannot be read: No such file"),
    ("a vertical tab between rows", "light, l.fits\x0blight, y.fits", "line 1: l.fits\\x0blight: cannot be read"),
    ("HDU of 20 digits", "light, l.fits, 99999999999999999999", "line 1: HDU '99999999999999999999' of l.fits; expected a whole"),
    ("HDU in other digits", "light, l.fits, ٣", "line 1: HDU '٣' of l.fits; expected a whole number"),
    ("a name of 5,000 letters", f"light, {'a' * 5000}", "a: cannot be read: File name too long"),
    ("memory in place of a frame", "light, /proc/self/mem", "line 1: /proc/self/mem: cannot be read: "),
    ("a blank of no width", "light\u200b, l.fits", "unknown type 'light\\u200b'; did you mean 'light'?"),
    ("a list in itself", "light, night.csv", "line 1: night.csv: begins with b'light,'; expected FITS"),
    ("an end quote only", "light, l.fits'", 'quotes around a path are ", or none'),
    ("pipe in place of a frame", "light, pipe", "line 1: pipe: is no plain file but a pipe or device", lambda: os.mkfifo("pipe")),
    ("device in place of a frame", "light, /dev/zero", "line 1: /dev/zero: is no plain file but a pipe or device"),
    ("symlink loop", "light, x.fits", "Too many levels of symbolic links", lambda: link_to_itself("x.fits")),
    ("light also a bias", "bias, l.fits\nlight, l.fits", "line 2: l.fits: listed as bias and as light (line 1); taken out of itself"),
    ("light also a dark, by a link", "dark, x.fits\nlight, l.fits", "listed as dark and as light", lambda: Path("x.fits").symlink_to("l.fits")),
]  # fmt: skip


@pytest.mark.parametrize("row", LISTS, ids=lambda row: row[0])
def test_a_bad_list(night, row):
    _, content, words, *prepare = row
    for make in prepare:
        make()
    status, error = night(content)
    assert status == 1
    assert any(part in error for part in words.split("|"))
    assert len(error.splitlines()) == 1


def test_an_unreadable_file_is_named(night, tmp_path):
    """Read by one who may not: a superuser becomes nobody for it."""
    Path("l.fits").chmod(0)
    for folder in (tmp_path, *tmp_path.parents):
        if os.geteuid() == 0 and "pytest" in str(folder):
            folder.chmod(0o755)
    was = os.geteuid()
    Path("night.csv").write_text("light, l.fits")
    if was == 0:
        os.seteuid(65534)
    try:
        status, error = night()
    finally:
        os.seteuid(was)
    assert (status, error) == (1, "ccd-pipeline: night.csv: line 1: l.fits: cannot be read: Permission denied\n")


def test_all_problems_of_a_list_come_in_one_report_before_pixels_are_read(night, monkeypatch):
    monkeypatch.setattr("pipeline.fits.stored_array.ArrayInFile.read", lambda *_: pytest.fail("pixels are read"))
    rows = [
        "light, l.fits",
        "ligth, l.fits",
        "bias",
        "dark, none.fits",
        b"flat, f\xff.fits",
        "arc, l.fits, 3",
        'light, "l',
    ]
    status, error = night(b"\n".join(row if isinstance(row, bytes) else row.encode() for row in rows))
    heading, *problems = error.splitlines()
    assert (status, heading) == (1, "ccd-pipeline: night.csv: 6 problems")
    assert [problem[:9] for problem in problems] == [f"  line {number}:" for number in range(2, 8)]


GOOD_LISTS = [
    ("byte-order mark", ("\ufeff" + CALIBRATIONS + "light, l.fits").encode()),
    ("Windows line ends", (CALIBRATIONS + "light, l.fits\n").replace("\n", "\r\n")),
    ("old Mac line ends", (CALIBRATIONS + "light, l.fits\n").replace("\n", "\r")),
    ("commas at the end", (CALIBRATIONS + "light, l.fits\n").replace("\n", ",,\n")),
    ("header row", "Type, File Name, HDU\n" + CALIBRATIONS + "light, l.fits"),
    ("header row of other words", "Frame Type; as in the header, Path\n" + CALIBRATIONS + "light, l.fits"),
    ("empty lines", "\n\n" + CALIBRATIONS.replace("\n", "\n\n") + "light, l.fits\n\n"),
    ("quoted #, comma, quote and blank", CALIBRATIONS + 'light, "l #1, ""a"".fits"'),
    ("non-ASCII", CALIBRATIONS + "light, λ Ori.fits"),
    ("100,000 comments", CALIBRATIONS + "light, l.fits\n" + "# nothing\n" * 100_000),
]


@pytest.mark.parametrize("content", [pytest.param(content, id=name) for name, content in GOOD_LISTS])
def test_a_good_list(night, content):
    for name in ('l #1, "a".fits', "λ Ori.fits"):
        Path(name).write_bytes(Path("l.fits").read_bytes())
    assert night(content) == (0, "")
    np.testing.assert_array_equal(fits.getdata("out.fits"), 500)


def test_a_list_longer_than_any_list_is_refused(night, monkeypatch):
    content = "light, l.fits"
    monkeypatch.setattr("pipeline.fits.read_night.LONGEST_LIST", len(content))
    status, error = night(content + "\n")
    assert (status, "is longer than" in error) == (1, True)
    assert night(content)[0] == 0


@pytest.mark.parametrize(("kind", "card"), [("bias", "RDNOISE"), ("light", "GAIN"), ("light", "RDNOISE")])
def test_a_card_of_the_noise_that_cannot_be_read_is_told_with_its_frame(night, kind, card):
    for path in ("x.fits", "y.fits"):
        frame(path, np.random.default_rng(1).poisson(400, (32, 32)).astype("u2"), 10.0, **{card: "inf"})
    content = {"bias": "light, x.fits", "light": "light, x.fits\nlight, y.fits"}[kind]
    status, error = night(content, "--variance", "noise")
    assert status == 1
    assert re.search(rf"x.fits( and 1 more)?: {card} = 'inf'; expected a number above 0: mend the card, or give", error)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("row", "words", "shown"),
    [
        ("light, none.fits", "100000 problems", MOST + 2),
        ("junk", "100000 problems", MOST + 2),
        ("light, l.fits", "note: l.fits: listed 100000 times, as light; counts once", 1),
    ],
)
def test_100_000_lines_are_quick_and_their_report_is_short(night, row, words, shown):
    start = time.process_time()
    _, error = night((row + "\n") * 100_000)
    assert time.process_time() - start < 20  # about 3
    assert words in error
    assert len(error.splitlines()) == shown
    assert error.endswith(f"... and {100_000 - MOST} more\n") or shown == 1


# ---- pixels ----


@pytest.mark.parametrize(
    ("kind", "values", "words"),
    [
        ("bias", np.full((6, 8), np.nan), "no good pixel in the bias, all are NaN or flagged; leave it out"),
        ("bias", np.full((6, 8), np.inf), "no good pixel in the bias"),
        ("dark", np.full((6, 8), np.nan), "no good pixel in the dark, all are NaN or flagged; leave it out"),
        ("flat", np.full((6, 8), np.nan), "the flat has no good pixel"),
        ("flat", np.full((6, 8), -500.0), "a flat should be positive"),
        ("flat", np.zeros((6, 8)), "a flat should be positive"),
        ("bias", np.ones((6, 7)), r"l\.fits: 6 rows × 8 columns\n  x\.fits: 6 rows × 7 columns"),
        ("flat", np.ones((1, 1)), r"l\.fits: 6 rows × 8 columns\n  x\.fits: 1 rows × 1 columns"),
    ],
)
def test_frames_that_cannot_be_used(night, kind, values, words):
    frame("x.fits", values, 10)
    status, error = night(f"{kind}, x.fits\nlight, l.fits")
    assert status == 1
    assert re.search(words, error)
    assert "x.fits" in error


def test_shapes_that_differ_are_told_file_by_file(night):
    frame("x.fits", np.ones((6, 7)))
    frame("y.fits", np.ones((8, 6)))
    status, error = night("light, l.fits\nlight, x.fits\nlight, y.fits")
    assert status == 1
    sizes = ["l.fits: 6 rows × 8 columns", "x.fits: 6 rows × 7 columns", "y.fits: 8 rows × 6 columns"]
    assert all(size in error for size in sizes)


@pytest.mark.parametrize(
    ("values", "first"),
    [
        (np.full((6, 8), np.nan), "no pixel of the light is good"),
        (np.full((6, 8), 60_000), "up to 100 % is saturated"),
    ],
)
def test_a_light_without_a_good_pixel_is_said_and_refused_under_strict(night, values, first):
    words = "no pixel of the light is good"
    frame("x.fits", values, 30)
    status, error = night("light, x.fits", "--saturation", "50000")
    assert (status, words in error) == (0, True)
    Path("out.fits").unlink()
    status, error = night("light, x.fits", "--saturation", "50000", "--strict")
    assert (status, first in error, "refused under --strict" in error) == (1, True, True)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", ["bias", "dark", "flat", "light"])
def test_single_values_that_are_none_stay_single(night, kind, bad, capsys):
    values = {"bias": 100.0, "dark": 160.0, "flat": 1110.0, "light": 630.0}
    for name, value in values.items():
        pixels = np.full((6, 8), value)
        pixels[2, 3] = bad if name == kind else value
        frame(f"{name[0]}.fits", pixels, {"bias": 0, "dark": 60, "flat": 10, "light": 30}[name])
    assert night(CALIBRATIONS + "light, l.fits") == (0, "")
    expected = np.full((6, 8), 500.0)
    good = np.ones((6, 8), bool)
    good[2, 3] = False
    np.testing.assert_allclose(fits.getdata("out.fits")[good], expected[good])
    np.testing.assert_array_equal(fits.getdata("out.fits", "MASK"), ~good)


@pytest.mark.parametrize("shape", [(1, 1), (1, 8), (6, 1)])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_images_of_one_pixel_row_or_column_are_reduced(night, shape, count):
    rows = []
    for kind, value, seconds in (("bias", 100, 0), ("dark", 160, 60), ("flat", 1110, 10), ("light", 630, 30)):
        for number in range(count):
            frame(f"{kind}{number}.fits", np.full(shape, value, np.uint16), seconds)
            rows.append(f"{kind}, {kind}{number}.fits")
    assert night("\n".join(rows)) == (0, "")
    np.testing.assert_array_equal(fits.getdata("out.fits"), np.full(shape, 500))


# ---- exposure ----


@pytest.mark.parametrize("said", ["-1", "abc", "NaN", "1,5", True])
@pytest.mark.parametrize(("kind", "path"), [("light", "l"), ("dark", "d")])
def test_an_exposure_that_is_none_is_refused(night, kind, path, said):
    fits.setval(f"{path}.fits", "EXPTIME", value=said)
    status, error = night(CALIBRATIONS + "light, l.fits")
    assert status == 1
    line = {"light": 4, "dark": 2}[kind]
    assert error.startswith(f"ccd-pipeline: night.csv: line {line}: {path}.fits: EXPTIME = ")
    assert "expected an exposure in seconds, a number from 0" in error


def test_exposures_in_quotes_are_read(night):
    fits.setval("l.fits", "EXPTIME", value="030.0")
    assert night(CALIBRATIONS + "light, l.fits") == (0, "")
    np.testing.assert_array_equal(fits.getdata("out.fits"), 500)


def test_a_missing_exposure_is_said_with_what_follows_from_it(night):
    fits.delval("l.fits", "EXPTIME")
    status, error = night(CALIBRATIONS + "light, l.fits")
    assert status == 0
    assert "l.fits: no exposure in the header; taken for 1 s, so that the dark is scaled by 0.0166667" in error


def test_a_dark_of_0_s_is_refused_and_a_bias_of_0_s_is_not(night):
    assert night(CALIBRATIONS + "light, l.fits") == (0, "")
    Path("out.fits").unlink()
    fits.setval("d.fits", "EXPTIME", value=0)
    status, error = night(CALIBRATIONS + "light, l.fits")
    assert (status, error) == (1, "ccd-pipeline: d.fits: a dark of 0 s cannot be scaled; give darks with an exposure\n")


def test_exposures_given_twice_are_told(night):
    header = fits.getheader("l.fits")
    header.append(("EXPTIME", 99))
    fits.writeto("l.fits", fits.getdata("l.fits"), header, overwrite=True)
    status, error = night(CALIBRATIONS + "light, l.fits")
    assert (status, "EXPTIME (given again)" in error) == (0, True)
    np.testing.assert_array_equal(fits.getdata("out.fits"), 500)


@pytest.mark.parametrize(("seconds", "told"), [(599_999, False), (600_001, True), (0.0061, False), (0.0059, True)])
def test_exposures_further_apart_than_10_000_times_are_told(night, seconds, told):
    fits.setval("l.fits", "EXPTIME", value=seconds)
    status, error = night(CALIBRATIONS + "light, l.fits")
    words = f"l.fits: {seconds:g} s, and the dark d.fits 60 s, so that it is scaled by {seconds / 60:g}; are both in seconds?"
    assert (status, words in error) == (0, told)
    Path("out.fits").unlink()
    assert night(CALIBRATIONS + "light, l.fits", "--strict")[0] == int(told)


# ---- settings ----


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--sigma 0", "Clip: low=0.0; expected a positive number of σ"),
        ("--sigma -1", "Clip: low=-1.0; expected a positive number of σ"),
        ("--sigma nan", "Clip: low=nan; expected a positive number of σ"),
        ("--sigma inf", "for no clip, say clip=None (--clip none)"),
        ("--sigma-low -5 --sigma-high 5", "Clip: low=-5.0; expected a positive number of σ"),
        ("--sigma-high nan", "Clip: high=nan; expected a positive number of σ"),
        ("--iterations 0", "Clip: iterations=0; expected a whole number from 1"),
        ("--saturation nan", "saturation=nan; expected a positive number of ADU"),
        ("--hot -1", "hot=-1.0; expected a positive number of σ"),
        ("--dead 5 --hot 0.1", "dead=5.0; expected a number above 0 and below 1"),
        ("--dead nan", "dead=nan; expected a number above 0 and below 1"),
        ("--grow -1", "expected a whole number of pixels from 0"),
        ("--saturated-fraction 2", "fraction=2.0; expected a number above 0 and up to 1"),
        ("--gain nan --read-noise 1", "gain=nan; expected a positive number of e⁻/ADU"),
        ("--plane -1", "plane=-1; expected a whole number from 0, or None"),
        ("--exposure-key EXP[fortnights]", "expected KEY, or KEY [unit] with a unit of"),
    ],
)  # fmt: skip
def test_settings_that_make_no_sense(night, options, words):
    status, error = night(CALIBRATIONS + "light, l.fits", *options.split())
    assert status == 2
    assert words in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize("options", ["--method average", "--clip sigma", "--sigma abc", "--plane x"])
def test_words_that_no_setting_has(night, options):
    with pytest.raises(SystemExit) as stop:
        night(CALIBRATIONS + "light, l.fits", *options.split())
    assert stop.value.code == 2
    assert not Path("out.fits").exists()


# ---- HDUs that astropy holds open ----


@pytest.mark.parametrize("how", [{}, {"do_not_scale_image_data": True}, {"uint": False}, {"ignore_blank": True}])
@pytest.mark.parametrize("dtype", ["i1", "u2", "u4"])
def test_an_open_hdu_is_scaled_once_however_it_was_opened(tmp_path, dtype, how):
    values = np.array([[0, 1], [100, 127]], dtype)
    blank = 0 if dtype == "i1" else -(2 ** (8 * values.itemsize - 1))  # what is stored of a 0, or of −128
    fits.writeto(tmp_path / "a.fits", values)
    with fits.open(tmp_path / "a.fits", mode="update") as hdus:
        hdus[0].header["BLANK"] = blank
    stored = -128 if dtype == "i1" else 0
    with fits.open(tmp_path / "a.fits", **how) as hdus:
        found = Image.of(hdus[0]).pixels.values
    np.testing.assert_array_equal(found, np.where(values == stored, np.nan, values))
