"""When an exposure began and ended, in every form that headers have, and what a combination makes of such cards."""

from datetime import datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.headers.cards import Cards
from pipeline.headers.epochs import DATES, DAYS, TIMES, begin, date_said, days_apart, end, moved

MOMENTS = st.datetimes(datetime(1981, 1, 1), datetime(2039, 12, 31)).map(
    lambda t: t.replace(microsecond=t.microsecond // 1000 * 1000)
)
ZERO = datetime(1858, 11, 17)


def mjd(moment):
    return (moment - ZERO) / timedelta(days=1)


def iso(moment):
    return moment.isoformat(timespec="milliseconds")


def seconds_apart(one, other):
    return abs((one - other).total_seconds())


# ---- reading ----


@given(MOMENTS, st.sampled_from(DATES), st.sampled_from(TIMES), st.sampled_from(DAYS))
def test_every_form_of_a_beginning_is_read(moment, date, time, days):
    clock = f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03d}"
    assume(mjd(moment) % 1)  # a whole number of days is a day without a time
    forms = [
        {"DATE-OBS": iso(moment)},
        {"DATE-OBS": iso(moment) + "Z"},
        {"DATE-OBS": iso(moment).replace("T", " ")},
        {"DATE-OBS": iso(moment).replace("T", " ") + " UT"},
        {"DATE-OBS": iso(moment).replace("-", "/")},
        {date: f"{moment:%Y-%m-%d}", time: clock},
        {date: f"{moment:%d/%m/%y}", time: clock},
        {date: f"{moment:%d/%m/%Y}", time: clock + "Z"},
        {date: f"{moment:%Y-%m-%d}", days: mjd(moment) + (2400000.5 if "JD" in days and "MJD" not in days else 0)},
    ]
    for cards in forms:
        assert seconds_apart(begin(Cards.of(cards)), moment) < 1e-3, cards


@given(MOMENTS, st.floats(0, 1e4))
def test_an_exposure_ends_as_its_card_says_or_after_its_seconds(moment, seconds):
    cards = {"DATE-OBS": iso(moment)}
    assert seconds_apart(end(Cards.of(cards), seconds), moment + timedelta(seconds=seconds)) < 1e-3
    later = moment + timedelta(hours=1)
    assert end(Cards.of(cards | {"DATE-END": iso(later)}), seconds) == later


@pytest.mark.parametrize(
    "cards",
    [
        {},
        {"DATE-OBS": "2026-01-14"},
        {"DATE-OBS": "not available"},
        {"UT": "03:04:05"},
        {"DATE-OBS": "2026-13-41", "UT": "03:04:05"},
        {"DATE-OBS": "2026-01-14", "UT": "25:00:00"},
        {"DATE-OBS": "2026-01-14", "UTC": 23.159441},
        {"MJD-OBS": 56486.0},
        {"MJD-OBS": 0.0},
        {"DATE": "2026-01-14T03:04:05"},
    ],
)
def test_what_says_no_time_gives_none(cards):
    assert begin(Cards.of(cards)) is None
    assert end(Cards.of(cards), 10.0) is None


def test_years_of_two_digits_are_of_cameras_or_of_plates():
    for year, whole in (("99", 1999), ("51", 1951), ("07", 2007), ("25", 2025)):
        assert begin(Cards.of({"DATE-OBS": f"29/11/{year}", "UT": "12:00:00"})).year == whole


@pytest.mark.parametrize(
    ("date", "began"),
    [
        ("2018-08-10T14:00:00+02:00", datetime(2018, 8, 10, 12)),
        ("2018-08-10T12:00:00Z", datetime(2018, 8, 10, 12)),
        ("2016-12-31T23:59:60.5", datetime(2017, 1, 1, 0, 0, 0, 500000)),
        ("2018-08-10T12:00:61", None),
    ],
)
def test_times_are_in_utc_with_zones_and_leap_seconds(date, began):
    assert begin(Cards.of({"DATE-OBS": date})) == began


@pytest.mark.parametrize(
    ("seconds", "ended"), [(60.0, datetime(2018, 8, 10, 0, 1)), (None, datetime(2018, 8, 10)), (1e300, None)]
)
def test_an_exposure_ends_in_the_calendar_or_at_no_time(seconds, ended):
    assert end(Cards.of({"DATE-OBS": "2018-08-10T00:00:00"}), seconds) == ended


# ---- two forms ----


@given(MOMENTS, st.floats(-2, 2).map(lambda days: round(days, 3) + 1.2345e-4), st.sampled_from(["MJD-OBS", "JD"]))
def test_what_two_forms_differ_by_is_given_but_for_rounding(moment, later, keyword):
    days = mjd(moment) + later + (2400000.5 if keyword == "JD" else 0)
    found = list(days_apart(Cards.of({"DATE-OBS": iso(moment), keyword: days})))
    assert [(key, date) for key, date, _ in found] == [(keyword, "DATE-OBS")] * len(found)
    assert all(apart == pytest.approx(later, abs=1e-5) for _, _, apart in found)
    assert found
    assert list(days_apart(Cards.of({"DATE-OBS": iso(moment), "MJD-OBS": round(mjd(moment), 4)}))) == []
    assert list(days_apart(Cards.of({"DATE-OBS": iso(moment), "MJD-OBS": float(int(mjd(moment)))}))) == []


def test_the_card_that_should_say_it_is_named():
    assert date_said(Cards.of({"DATE-OBS": "yesterday"})) == "DATE-OBS = yesterday"
    assert date_said(Cards.of({"EXPTIME": 1.0})) == ""


# ---- combining ----


@given(MOMENTS, st.floats(1, 1e3), st.floats(0, 1e4), st.floats(1, 1e4), st.sampled_from([0.0, 37.0, 3600.0]))
def test_every_card_of_an_epoch_follows_in_its_own_form_and_time_scale(moment, seconds, before, after, scale):
    last = moment + timedelta(seconds=seconds)
    middle = moment + (last - moment) / 2
    off = timedelta(seconds=scale)
    cards = {
        "DATE-OBS": iso(moment), "MJD-OBS": mjd(moment + off), "JD": mjd(moment) + 2400000.5, "UT": iso(moment)[11:],
        "MJD-AVG": mjd(middle + off), "MIDJD": mjd(middle) + 2400000.5, "DATE-AVG": iso(middle),
        "MJD-END": mjd(last + off), "DATE-END": iso(last), "UTEND": iso(last)[11:], "UT_END": 83473.0,
        "HJD": 2456869.7, "BJD_TDB": 2456869.7,
    }  # fmt: skip
    span = moment - timedelta(seconds=before), last + timedelta(seconds=after)
    new = moved(Cards.of(cards), (moment, last), span)
    now = {**cards, **new}
    whole = span[0] + (span[1] - span[0]) / 2
    for keyword, wanted in (("MJD-OBS", span[0] + off), ("MJD-AVG", whole + off), ("MJD-END", span[1] + off)):
        assert now[keyword] == pytest.approx(mjd(wanted), abs=1e-7)
    assert now["MIDJD"] - 2400000.5 == pytest.approx(mjd(whole), abs=1e-7)
    assert now["JD"] - 2400000.5 == pytest.approx(mjd(span[0]), abs=1e-7)
    for keyword, wanted in (("DATE-OBS", span[0]), ("DATE-AVG", whole), ("DATE-END", span[1])):
        assert seconds_apart(datetime.fromisoformat(now[keyword]), wanted) < 2e-3
    assert now["UTEND"][:8] in {iso(span[1] + timedelta(milliseconds=ms))[11:19] for ms in (-2, 0, 2)}
    assert [now[keyword] for keyword in ("HJD", "BJD_TDB", "UT_END")] == [None, None, None]


def test_what_a_combination_does_not_change_stays():
    moments = datetime(2026, 1, 14, 3), datetime(2026, 1, 14, 3, 1)
    cards = Cards.of({"DATE-OBS": "2026-01-14T03:00:00", "MJD-AVG": 61054.125347, "HJD": 2461054.6})
    assert moved(cards, moments, moments) == {}


def test_where_the_times_are_not_known_the_beginning_of_the_first_stays_and_the_rest_goes():
    cards = Cards.of({"DATE-OBS": "2026-01-14T03:00:00", "MJD-AVG": 61054.125347, "DATE-END": "2026-01-14T03:01:00"})
    first = datetime(2026, 1, 14, 3), datetime(2026, 1, 14, 3, 1)
    assert moved(cards, first, (None, None)) == {"MJD-AVG": None, "DATE-END": None}
