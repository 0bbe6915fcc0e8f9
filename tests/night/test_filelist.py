"""The file list: every way to write the same rows, and every mistake in it named with its line."""

from contextlib import suppress
from pathlib import PurePath

import numpy as np
import pytest
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st

from pipeline import parse_filelist
from pipeline.errors import FileListError, SettingError
from pipeline.records.frames import KINDS, Location

LIGHT = ("light", "a.fits", 0)


def listed(rows, **settings):
    """Give (kind, path, hdu) of every row."""
    frames = parse_filelist(rows, **settings)
    return [(frame.kind, frame.data.path, frame.data.hdu) for frame in frames]


def problems_of(rows, **settings):
    with pytest.raises(FileListError) as caught:
        parse_filelist(rows, **settings)
    return caught.value.problems


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("light,a.fits", [LIGHT], id="two columns, no line break at the end"),
        pytest.param("light,a.fits,2", [("light", "a.fits", 2)], id="HDU by number"),
        pytest.param("light,a.fits,+2", [("light", "a.fits", 2)], id="HDU with a sign"),
        pytest.param("light,a.fits,SCI", [("light", "a.fits", "SCI")], id="HDU by EXTNAME"),
        pytest.param("light,a.fits,1e3", [("light", "a.fits", "1e3")], id="EXTNAME that begins with a digit"),
        pytest.param("light,a.fits,", [LIGHT], id="empty HDU is 0"),
        pytest.param("light,a.fits,,,", [LIGHT], id="empty columns of a spreadsheet"),
        pytest.param("  light ,\t a.fits\t, 0  ", [LIGHT], id="blanks around cells"),
        pytest.param("\u00a0light,\u2003a.fits", [LIGHT], id="blanks of a word processor"),
        pytest.param("Light,a.fits\nBIAS,b.fits", [LIGHT, ("bias", "b.fits", 0)], id="types in any case"),
        pytest.param("# a night\nlight,a.fits\n  # more", [LIGHT], id="comment lines"),
        pytest.param("light,a.fits# the target", [LIGHT], id="comment behind a row"),
        pytest.param("light,a.fits,1 # the 2nd, HDU", [("light", "a.fits", 1)], id="delimiter in a comment"),
        pytest.param('light,a.fits # the "target', [LIGHT], id="quote in a comment"),
        pytest.param("\n\nlight,a.fits\n   \n\t\n,,\n", [LIGHT], id="blank lines and rows"),
        pytest.param("\ufefflight,a.fits", [LIGHT], id="byte-order mark"),
        pytest.param("light,a.fits\r\nbias,b.fits\r\n", [LIGHT, ("bias", "b.fits", 0)], id="CRLF"),
        pytest.param("light,a.fits\rbias,b.fits\r", [LIGHT, ("bias", "b.fits", 0)], id="CR"),
        pytest.param('"light" , "a.fits" ,"0"', [LIGHT], id="quoted cells"),
        pytest.param('light,"a,b.fits",1', [("light", "a,b.fits", 1)], id="quoted delimiter"),
        pytest.param('light,"a#1.fits" # first', [("light", "a#1.fits", 0)], id="quoted #"),
        pytest.param('light,\t"a#1.fits"\t', [("light", "a#1.fits", 0)], id="tab before a quote"),
        pytest.param('light,"a""b#1.fits"', [("light", 'a"b#1.fits', 0)], id="doubled quote, then #"),
        pytest.param('light,5" seeing.fits', [("light", '5" seeing.fits', 0)], id="quote inside a plain cell"),
        pytest.param("light,my night.fits", [("light", "my night.fits", 0)], id="blank inside a path"),
        pytest.param("light,α\x85β.fits", [("light", "α\x85β.fits", 0)], id="only line breaks break lines"),
        pytest.param("Type, File, HDU\nlight,a.fits", [LIGHT], id="header row"),
        pytest.param("# by hand\n\n IMAGETYP ,file\nlight,a.fits", [LIGHT], id="header row below a comment"),
        pytest.param("light,a.fits\narc,b.fits,1", [LIGHT, ("arc", "b.fits", 1)], id="2 and 3 columns mixed"),
    ],
)
def test_every_way_to_write_a_row(text, expected):
    assert listed(text) == expected


@pytest.mark.parametrize(
    ("delimiter", "text"),
    [
        ("\t", "light\ta, b.fits\t1\n"),
        ("\t", ' light \t "a, b.fits" \t 1 '),
        (";", "light; a, b.fits; 1"),
        ("|", "light | a, b.fits | 1"),
        (" ", 'light "a, b.fits" 1'),
        (" ", '   light \t  "a, b.fits"     1   # blanks and tabs'),
    ],
)
def test_other_delimiters(delimiter, text):
    assert listed(text, delimiter=delimiter) == [("light", "a, b.fits", 1)]


@pytest.mark.parametrize("delimiter", ["", ",,", '"', "#", "\n", "\r"])
def test_a_delimiter_that_cannot_be_one_is_refused(delimiter):
    with pytest.raises(SettingError, match="delimiter"):
        parse_filelist("light,a.fits", delimiter=delimiter)


def test_relative_paths_are_relative_to_the_folder_of_the_list():
    text = "light,raw/a.fits\nlight,/data/b.fits"
    assert [path for _, path, _ in listed(text, folder="/night")] == ["/night/raw/a.fits", "/data/b.fits"]


def test_rows_may_be_sequences():
    rows = [["Type", "File"], ("Light", PurePath("a.fits")), [], ["bias", " b#.fits ", 1], ("arc", "c.fits", "SCI")]
    assert listed(rows) == [LIGHT, ("bias", "b#.fits", 1), ("arc", "c.fits", "SCI")]


class DataFrame:
    """What is asked of a DataFrame of pandas, which may not be there."""

    def __init__(self, rows):
        self.columns, self.rows = np.array(list(rows[0])), rows  # as pandas, it refuses to be true or false

    def itertuples(self, *, index, name):
        assert not index
        assert name is None
        return (tuple(row.values()) for row in self.rows)


def a_real_dataframe(rows):
    return pytest.importorskip("pandas").DataFrame(rows)


AS_TABLES = {"dictionaries": list, "Table": Table, "DataFrame": DataFrame, "pandas": a_real_dataframe}
named_rows = st.lists(
    st.tuples(st.sampled_from(KINDS), st.from_regex(r"[a-z]{1,5}\.fits", fullmatch=True), st.integers(0, 9)), min_size=1
)


@pytest.mark.parametrize("made", AS_TABLES.values(), ids=AS_TABLES)
@given(rows=named_rows, names=st.sampled_from([("type", "path", "hdu"), ("IMAGETYP", "File Name", "EXT")]))
def test_a_table_is_read_by_the_names_of_its_columns(made, rows, names):
    table = made([dict(zip((*names[::-1], "FILTER"), (*row[::-1], "R"), strict=True)) for row in rows])
    assert listed(table) == rows


@pytest.mark.parametrize("made", AS_TABLES.values(), ids=AS_TABLES)
def test_what_tables_have_in_place_of_nothing_is_an_empty_cell(made):
    rows = [("light", "a.fits", 1.0), ("bias", "b.fits", float("nan")), ("dark", "c.fits", 2.0)]
    table = made([dict(zip(("type", "file", "hdu"), row, strict=True)) for row in rows])
    assert listed(table) == [("light", "a.fits", 1), ("bias", "b.fits", 0), ("dark", "c.fits", 2)]


def test_masked_cells_of_a_table_are_empty():
    table = Table({"kind": ["light", "bias"], "file": ["a.fits", "b.fits"], "hdu": np.ma.array([3, 1], mask=[0, 1])})
    assert listed(table) == [("light", "a.fits", 3), ("bias", "b.fits", 0)]
    assert listed([{"kind": "light", "file": PurePath("a.fits"), "hdu": None}, {"kind": "", "file": ""}]) == [LIGHT]


def test_a_table_whose_columns_have_other_names_is_read_in_their_order():
    assert listed(Table(rows=[("light", "a.fits"), ("bias", "b.fits")])) == [LIGHT, ("bias", "b.fits", 0)]


def test_columns_that_are_missing_are_named():
    (problem,) = problems_of([{"file": "a.fits", "FILTER": "R"}])
    assert problem == "line 1: columns file, FILTER; expected a type and a path, and perhaps an HDU"


def test_the_path_of_a_list_is_no_list():
    with pytest.raises(SettingError, match=r"the path night\.csv in place of a list; read_night reads"):
        parse_filelist(PurePath("night.csv"))


def test_an_array_of_records_is_a_table():
    rows = np.array([("light", "a.fits", 2)], [("type", "U5"), ("path", "U8"), ("hdu", int)])
    assert parse_filelist(rows) == parse_filelist("light, a.fits, 2")


@pytest.mark.parametrize("thing", [5, None, b"light,a.fits", {"type": ["light"], "path": ["a.fits"]}])
def test_what_is_no_list_is_refused(thing):
    with pytest.raises(SettingError, match="in place of a list; expected its text, or its rows"):
        parse_filelist(thing)


def test_a_row_that_is_text_is_refused():
    assert "expected a sequence of cells" in problems_of(["light,a.fits"])[0]


def test_frames_remember_their_line_and_name():
    frames = parse_filelist("\n# comment\nlight,a.fits,1")
    assert frames.frames[0].data == Location("a.fits", 1, line=3)
    assert frames.frames[0].sources == ("a.fits[1]",)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("ligth,a.fits", "unknown type 'ligth'; did you mean 'light'?"),
        ("trial,a.fits", "expected one of bias, dark, flat, light, arc"),
        (",a.fits", "unknown type ''"),
        ("light", "1 column in 'light'; expected 2 or 3"),
        ("light # a.fits", "1 column"),
        ("light,a.fits,0,1", "4 columns"),
        ("light,,1", "no path behind 'light'"),
        ("light,a.fits,-1", "HDU '-1' of a.fits; expected a whole number from 0, or an EXTNAME"),
        ("light,a.fits,1.5", "HDU '1.5'"),
        ("light,a.fits," + "9" * 5000, "expected a whole number"),
        ('light,"a.fits', "does not close it"),
        ('light,"a.fits"x', "does not close it"),
        ('light,"a#b.fits', "does not close it"),
    ],
)
def test_each_mistake_is_named(row, words):
    (problem,) = problems_of(f"bias,b.fits\n{row}\n")
    assert problem.startswith("line 2: ")
    assert words in problem


def test_all_problems_at_once_each_with_its_line():
    text = "type,path\nlight,a.fits\nligth,b.fits\n\n# comment\r\nbias\ndark,c.fits,-1\n"
    with pytest.raises(FileListError, match=r"^night\.csv: 3 problems\n  line 3: .*\n  line 6: .*\n  line 7: [^\n]*$"):
        parse_filelist(text, name="night.csv")


def test_a_header_row_is_the_first_row_only():
    assert problems_of("light,a.fits\ntype,path")[0].startswith("line 2: unknown type 'type'")


@pytest.mark.parametrize("text", ["", "\ufeff", "\n\n", "# nothing tonight", "type,path\n"])
def test_an_empty_list_is_refused(text):
    assert "no frames in it" in problems_of(text)[0]


names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), min_size=1).filter(
    lambda name: name == name.strip()
)
hdus = st.none() | st.integers(0, 99) | st.sampled_from(["SCI", "im1", "MASK 2"])
blanks = st.text(" \t", max_size=3)
delimiters = st.sampled_from([",", "\t", ";", "|", " "])
lines_of_nothing = st.lists(st.sampled_from(["", "  ", "# light,x.fits", ' # "']), max_size=2)


@st.composite
def written(draw, cell, delimiter):
    """Write a cell, in quotes where it must be and sometimes where it need not be, with blanks around it."""
    special = set('#" \t') | {delimiter} | {c for c in cell if c.isspace()}
    quoted = draw(st.booleans()) or bool(special & set(cell))
    text = '"' + cell.replace('"', '""') + '"' if quoted else cell
    around = blanks.map(lambda text: text.replace(delimiter, ""))
    return draw(around) + text + draw(around)


@st.composite
def decorated(draw, rows, delimiter):
    """Write rows as a list with blank lines, comments and line breaks of any kind among them."""
    lines = []
    for kind, path, hdu in rows:
        case = draw(st.sampled_from([str.lower, str.upper, str.title]))
        cells = [case(kind), path, *([] if hdu is None else [str(hdu)])]
        row = delimiter.join(draw(written(cell, delimiter)) for cell in cells)
        lines += [*draw(lines_of_nothing), row + draw(st.sampled_from(["", " # why", '#"']))]
    return draw(st.sampled_from(["", "\ufeff"])) + draw(st.sampled_from(["\n", "\r\n", "\r"])).join(lines)


@given(st.data(), delimiters, st.lists(st.tuples(st.sampled_from(KINDS), names, hdus), min_size=1, max_size=5))
def test_what_was_written_is_read_back(data, delimiter, rows):
    text = data.draw(decorated(rows, delimiter))
    expected = [(kind, str(PurePath("night") / path), hdu or 0) for kind, path, hdu in rows]
    assert listed(text, delimiter=delimiter, folder="night") == expected


fragments = st.sampled_from([*KINDS, "type", *',"# \t\n\r\ufeff²0', '""', "a.fits", "-1"])


@given(st.text() | st.lists(fragments).map("".join), delimiters | st.text(max_size=2))
def test_any_text_is_a_list_or_a_clear_mistake(text, delimiter):
    with suppress(FileListError, SettingError):
        assert len(parse_filelist(text, delimiter=delimiter)) > 0


def test_a_very_long_cell_is_still_a_cell():
    path = "a" * 200_000
    assert listed(f'light,"{path}"') == [("light", path, 0)]
