"""The value of one card, read strictly: numbers with their units, and words."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.headers.keyword_tables import SECONDS
from pipeline.headers.values import is_nothing, number, stranger_in, unit_in, units_in


@pytest.mark.parametrize(
    ("comment", "unit"),
    [
        ("Exposure time (seconds)", "s"),
        ("[sec] Duration of exposure", "s"),
        ("exposure time in sec", "s"),
        ("Exposure time minutes", "min"),
        ("[min] exposure", "min"),
        ("at min. gain", ""),
        ("in ms", "ms"),
        ("Exposure Time (ms)", "ms"),
        ("milliseconds", "ms"),
        ("Exposure time in us", "us"),
        ("tell us", ""),
        ("in the US", ""),
        ("s (total commanded + shutter close)", ""),
        ("[d] time on source", "d"),
        ("d'exposition", ""),
        ("[h] hours", "h"),
        ("in seconds, 3 days after", "s"),
        # a length of something else
        ("exposure (shutter delay 20 ms)", ""),
        ("exposure, 1 ms resolution", ""),
        ("45 minutes", ""),
        ("1.0 minutes exposure", ""),
        ("exposure, 5 minutes after twilight", ""),
        ("exposure; DATE-OBS in UT hours", ""),
        ("days since the exposure of 1950", ""),
        # other spellings
        ("Exposure time in milli seconds", "ms"),
        ("milli-seconds", "ms"),
        ("exposure time, milli sec", "ms"),
        ("micro-seconds", "us"),
        ("[\xb5s]", "us"),
        ("[\xc2\xb5s] in UTF-8", "us"),
        ("us", "us"),
        ("Exposure, us", "us"),
        ("exposure time us", "us"),
        ("Exposure time seconds (total)", "s"),
        ("exposure (ms, total)", "ms"),
        ("[ns]", "ns"),
        ("in 1/1000 s", "ms"),
        ("in 1/100 sec", "cs"),
        ("", ""),
    ],
)
def test_units_in_comments(comment, unit):
    assert unit_in(comment) == unit


def test_whatever_a_header_holds_reading_it_gives_a_number_or_a_clear_mistake():
    for value in ("", "'", "x", 1e400, 10**400, 1 + 2j, np.float32(3)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert isinstance(number(value).value, float)


# ---- laws ----

finite = st.floats(allow_nan=False, allow_infinity=False)


@given(finite | st.integers(-(10**12), 10**12), st.sampled_from(["{}", "  {} ", "{:e}", "{:.3f}"]))
def test_a_number_is_read_as_python_reads_it(value, form):
    text = form.format(value)
    assert number(text).value == float(text)
    assert number(text.replace("e", "D")).value == float(text)
    assert number(value).value == value


@given(
    st.floats(0, 1e6),
    st.sampled_from(["s", "sec", "ms", "us", "min", "hours", "days"]),
    st.sampled_from(["{} {}", "{}{}"]),
)
def test_the_unit_behind_a_number_is_that_of_a_comment(value, unit, form):
    read = number(form.format(f"{value:.4f}", unit))
    assert read.value == float(f"{value:.4f}")
    assert read.unit == unit_in(f"[{unit}]") != ""


@given(st.text(max_size=12))
def test_any_text_is_a_number_or_nan(text):
    read = number(text)
    assert isinstance(read.value, float)
    assert read.unit == "" or read.value == read.value


@pytest.mark.parametrize("value", [True, False, None, "1,5", "0x10", "1 2", "one", "nan", "inf", "3 parsec", 1 + 2j])
def test_what_is_no_number_is_nan(value):
    assert np.isnan(number(value).value)


@pytest.mark.parametrize("word", ["", "  ", "INDEF", "n/a", "null", "None", "Undefined", None])
def test_words_for_nothing(word):
    assert is_nothing(word)


@pytest.mark.parametrize("value", ["0", 0, 0.0, False, "nothing", "NaN"])
def test_what_says_something(value):
    assert not is_nothing(value)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=60))
def test_the_first_of_a_comments_units_is_its_unit(comment):
    units = units_in(comment)
    assert unit_in(comment) == (units[0] if units else "")
    assert set(units) <= set(SECONDS)
    assert len(set(units)) == len(units)


@pytest.mark.parametrize(
    ("comment", "stranger"),
    [
        ("[jiffy] exposure", "jiffy"),
        ("[ s ]", ""),
        ("[ms] [jiffy]", ""),
        ("exposure", ""),
        ("[2]", ""),
        ("[adu]", "adu"),
    ],
)
def test_a_strange_unit_stands_in_square_brackets(comment, stranger):
    assert stranger_in(comment) == stranger
