"""For how long, and when: exposures of many observatories, their traps, and what is refused."""

import csv
import re

import numpy as np
import pytest
from astropy.io import fits
from header_text import headers_of
from hypothesis import given
from hypothesis import strategies as st
from observatories import text

from pipeline import Cards, open_frame
from pipeline.cli.main import main
from pipeline.errors import AssumptionWarning, HeaderError, HeaderWarning, SettingError
from pipeline.headers.exposure import exposure, exposure_reading
from pipeline.headers.keyword_tables import EXPOSURE, SECONDS


def headers(*parts):
    return [Cards(text(part)) for part in parts if part]


def test_exposures_are_those_that_people_found_for_the_real_headers(shared_data):
    """One test for all, so that nothing is chosen at collection."""
    folder = shared_data / "headers"
    wrong = {}
    with (folder / "exposure_truth.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    for row in rows:
        found = exposure(*headers_of((folder / f"{row['header']}.txt").read_text(errors="replace")))
        true = float(row["true_seconds"]) if row["true_seconds"] else None
        if found != (true if true is None else pytest.approx(true, rel=1e-12)):
            wrong[row["header"]] = (found, true)
    assert len(rows) == 64
    assert wrong == {}


@given(st.sampled_from(EXPOSURE), st.floats(0, 1e5), st.sampled_from(sorted(SECONDS)))
def test_a_unit_in_the_comment_goes_before_the_tables(key, value, unit):
    cards = Cards.of({key.keyword: (value, f"[{unit}] {key.says}")})
    assert exposure(cards) == pytest.approx(value * SECONDS[unit], rel=1e-12)


@given(st.floats(0, 1e9), st.sampled_from(["{}", " {} ", "{} s", "{}s", "{} sec", "{} [s]"]))
def test_numbers_in_strings_are_read(value, form):
    assert exposure(Cards.of({"EXPTIME": form.format(value)})) == value


@pytest.mark.parametrize("value", ["1,5", "NaN", -1.0, -0.001, True, "9" * 5000, "a minute", "1 parsec", "1 2", "0x10"])
@pytest.mark.parametrize("key", ["EXPTIME", "EXPOSURE", "ITIME"])
def test_what_is_no_number_of_seconds_is_refused_by_name(key, value):
    with pytest.raises(HeaderError, match=f"{key} = .*expected an exposure in seconds, a number from 0"):
        exposure(Cards.of({key: value}))


@pytest.mark.parametrize(
    ("cards", "seconds", "note"),
    [
        ("EXPTIME =30.0", 30.0, ""),
        ("EXPTIME=30.0 / [ms]", 0.03, ""),
        ("EXPOSURE=30.0", 30.0, ""),
        ("EXPTIME =\nEXPTIME = 30.0 / in ms", 0.03, ""),
        ("EXPTIME = ''\nEXPTIME = 30.0", 30.0, ""),
        ("BSCALE  = 1\nCONTINUE  'orphan'\nEXPTIME = 30.0", 30.0, ""),
        ("EXPTIME = '30sec.'", 30.0, ""),
        ("EXPTIME = '30 \xb5s'", 3e-5, ""),
        ("ITIME   = 10.0\nCO_ADDS = 3", 30.0, ""),
        ("EXP1TIME= 10.0\nCOADD   = 3", 30.0, ""),
        ("INT-TIME= 30.0", 30.0, ""),
        ("DIT     = 30.0", 30.0, ""),
        ("EXPOSE  = 30.0", 30.0, ""),
        ("EXP     = 30.0", 30.0, ""),
        ("HIERARCH TNG DET DIT = 30.0", 30.0, ""),
        ("EXPOSURE= 12 / Exposure number\nTEXP    = 30.0", 30.0, ""),
        ("EXPTIME = 30.0 / [ms] exposure in seconds", 0.03, "names the units ms and s; taken to be in ms"),
        ("EXPTIME = 30.0 / [jiffy] exposure", 30.0, r"names the unknown unit \[jiffy\]; taken to be in s"),
        ("EXPTIME = '30 s' / [jiffy] exposure", 30.0, ""),
    ],
)
def test_unusual_cards_are_read_and_doubts_are_told(cards, seconds, note):
    reading = exposure_reading(*headers(cards))
    assert reading.value == pytest.approx(seconds, rel=1e-12)
    assert re.search(note, reading.note) if note else not reading.note


@pytest.mark.parametrize("value", ["", "  ", None, "INDEF", "N/A", "null"])
def test_what_says_nothing_counts_as_no_card(value):
    assert exposure(Cards.of({"EXPTIME": value})) is None


@given(st.integers(0, 10**7).map(lambda n: n / 1000), st.integers(0, 10**7).map(lambda n: n / 1000))
def test_cards_that_disagree_are_told_of_and_the_first_is_taken(first, second):
    reading = exposure_reading(Cards.of({"EXPOSURE": second, "EXPTIME": first}))
    assert (reading.value, reading.card) == (first, "EXPTIME")
    assert bool(reading.note) == (abs(first - second) > max(0.01 * max(first, second), 1e-3))


def test_a_primary_header_that_disagrees_is_told_of_and_the_image_is_believed():
    reading = exposure_reading(*headers("EXPTIME = 7.0", "EXPTIME = 77.0"))
    assert reading.value == 7.0
    assert reading.note == "EXPTIME = 7.0 but EXPTIME = 77.0 in the other header; the exposure is EXPTIME's"
    assert exposure_reading(*headers("EXPTIME = 7.0", "EXPTIME = 7.0")).note == ""


def test_what_means_something_else_does_not_disagree():
    cards = Cards.of({"EXPTIME": 120.0, "XPOSURE": 240.0, "DARKTIME": 0.0, "EXPREQ": 100.0, "ESO DET DIT": 3.0})
    assert exposure_reading(cards).note == ""


@pytest.mark.parametrize(("key", "seconds"), [("MYEXP", 1500.0), ("MYEXP [ms]", 1.5), ("ESO A B [min]", 180.0)])
def test_a_users_key_goes_first(key, seconds):
    assert exposure(Cards.of({"EXPTIME": 9.0, "MYEXP": 1500, "ESO A B": 3}), keyword=key) == seconds


def test_a_users_key_is_looked_for_in_every_header_before_the_table():
    assert exposure(Cards.of({"EXPTIME": 9.0}), Cards.of({"MYEXP": 7.0}), keyword="MYEXP") == 7.0


@pytest.mark.parametrize("key", ["MYEXP [parsec]", "[s]"])
def test_a_users_key_with_an_unknown_unit_is_refused(key):
    with pytest.raises(SettingError, match="expected KEY"):
        exposure(Cards(), keyword=key)


def test_a_users_key_that_is_not_there_is_said(tmp_path):
    fits.PrimaryHDU(np.ones((2, 2)), fits.Header({"EXPTIME": 4.0})).writeto(tmp_path / "a.fits")
    with pytest.warns(
        AssumptionWarning, match=r"a\.fits: no MYEXP in the header; the exposure is that of EXPTIME, 4 s"
    ):
        assert open_frame(tmp_path / "a.fits", exposure_key="MYEXP").exposure == 4.0


def test_the_command_takes_a_key_with_its_unit(tmp_path, capsys):
    fits.PrimaryHDU(np.ones((2, 2)), fits.Header({"MYEXP": 4500.0})).writeto(tmp_path / "a.fits")
    (tmp_path / "n.csv").write_text("light, a.fits\n")
    command = ["reduce", str(tmp_path / "n.csv"), "-o", str(tmp_path / "o.fits"), "--exposure-key"]
    assert main([*command, "MYEXP [ms]"]) == 0
    assert fits.getheader(tmp_path / "o.fits")["EXPTIME"] == 4.5
    assert main([*command, "MYEXP [years]"]) == 2
    assert "expected KEY, or KEY [unit]" in capsys.readouterr().err


def test_a_disagreement_is_said_with_the_file(tmp_path):
    fits.PrimaryHDU(np.ones((2, 2)), fits.Header({"EXPTIME": 4.0, "EXPOSED": 5.0})).writeto(tmp_path / "a.fits")
    with pytest.warns(HeaderWarning, match=r"a\.fits: EXPTIME = 4.0 but EXPOSED = 5.0; the exposure is EXPTIME's"):
        open_frame(tmp_path / "a.fits")
