"""Times that cannot be, and those of honest nights."""

from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline import Image
from pipeline.checks.times import impossible_times
from pipeline.errors import AssumptionWarning, FileWarning, HeaderWarning

NIGHT = datetime(2025, 11, 20, 1)


def frame(moment, kind="light", name="", seconds=60.0, **cards):
    date = moment.isoformat() if isinstance(moment, datetime) else moment
    header = {"DATE-OBS": date, "INSTRUME": "CCD"} | cards if date else cards
    return Image.of(np.ones((2, 2)), kind=kind, exposure=seconds, header=header, name=name or f"{date}.fits")


def series(count=4, step=120.0, **more):
    return [frame(NIGHT + timedelta(seconds=step * i), name=f"{i}.fits", **more) for i in range(count)]


def words(frames):
    return [note.words for note in impossible_times(frames)]


# ---- laws ----


@given(st.permutations(range(5)), st.floats(61.7, 1e4), st.sampled_from(["light", "bias", "flat"]))
def test_exposures_one_after_another_are_quiet_in_any_order(order, step, kind):
    frames = series(5, step, kind=kind)
    assert words([frames[i] for i in order]) == []


@given(st.floats(0, 57.0), st.integers(1, 3))
@example(56.0, 1)
def test_a_light_that_begins_in_another_is_said_with_how_much(late, which):
    frames = series()
    frames[which] = frame(NIGHT + timedelta(seconds=120 * (which - 1) + late, microseconds=1), name="odd.fits")
    (note,) = impossible_times(frames)
    assert note.category is AssumptionWarning
    assert f"begins up to {note.figures[0][1]:.3g} s before" in note.words
    assert note.figures[0][1] == pytest.approx(60 - late, abs=1e-3)
    assert set(note.frames) == {f"{which - 1}.fits", "odd.fits"}


@given(
    st.sampled_from(
        [datetime(1970, 1, 1, 0, 5), datetime(1904, 1, 1), datetime(1980, 1, 1, 3), datetime(1980, 1, 6, 2)]
    ),
    st.data(),
)
def test_a_clock_that_was_reset_is_said_of_one_frame_and_of_all(zero, data):
    frames = series()
    frames[data.draw(st.integers(0, 3))] = frame(zero, name="odd.fits")
    (note,) = impossible_times(frames)
    assert note.frames == ("odd.fits",)
    assert f"dated {zero:%Y-%m-%d}" in note.words
    every = [frame(zero + timedelta(minutes=2 * i), name=f"{i}.fits") for i in range(3)]
    (note,) = impossible_times(every)
    assert note.frames == ("0.fits", "1.fits", "2.fits")


@given(st.integers(21, 10_000), st.sampled_from([-1, 1]))
def test_a_light_of_another_night_among_those_of_one_is_said(days, sign):
    moment = NIGHT + sign * timedelta(days=days)
    if moment.year > 1999:
        (note,) = impossible_times([*series(3), frame(moment, name="odd.fits")])
        assert note.frames == ("odd.fits",)


@given(st.floats(125, 1e6), st.sampled_from([-1, 1]), st.floats(0, 100))
def test_two_forms_of_a_beginning_may_differ_by_the_exposure_and_two_minutes(late, sign, seconds):
    days = (NIGHT - datetime(1858, 11, 17)) / timedelta(days=1)
    for more, said in ((late + seconds, True), (min(late, 115 + seconds), False)):
        frames = [frame(NIGHT, seconds=seconds, **{"MJD-OBS": days + sign * more / 86400})]
        notes = impossible_times(frames)
        if said:
            assert [note.category for note in notes] == [HeaderWarning]
            assert notes[0].words.startswith("MJD-OBS lies ")
            assert ("after DATE-OBS" in notes[0].words) == (sign > 0)
        else:
            assert notes == []


# ---- nights that hold nothing wrong ----


@pytest.mark.parametrize(
    "frames",
    [
        pytest.param([], id="no frames"),
        pytest.param([frame("", name=f"{i}.fits") for i in range(3)], id="no dates"),
        pytest.param(series(step=60.0), id="back to back"),
        pytest.param(series(step=59.5), id="back to back, rounded"),
        pytest.param(series(step=9.2, seconds=10.0), id="short ones back to back, rounded"),
        pytest.param(series(step=60.0, seconds=100.0), id="dates to the minute"),
        pytest.param([*series(3), frame(NIGHT + timedelta(days=9))], id="a light of the same run"),
        pytest.param([frame(NIGHT, "bias", f"{i}.fits", 0.0) for i in range(3)], id="one date for a series of biases"),
        pytest.param([frame(NIGHT, "flat", f"{i}.fits", 5.0) for i in range(3)], id="one date for a series of flats"),
        pytest.param([frame(NIGHT, name=f"cube.fits[plane {i}]") for i in range(3)], id="planes of a cube"),
        pytest.param([frame(NIGHT, name=f"m.fits[{i}]") for i in range(1, 4)], id="HDUs of a mosaic"),
        pytest.param([frame(NIGHT, name=f"{i}.fits", INSTRUME=f"arm {i}") for i in range(2)], id="two arms at once"),
        pytest.param([frame(NIGHT), frame(NIGHT + timedelta(days=40))], id="two lights, of two nights"),
        pytest.param([*series(4), *(frame(NIGHT + timedelta(days=40, hours=i)) for i in range(4))], id="two nights"),
        pytest.param([*series(3, kind="dark"), frame(NIGHT - timedelta(days=90), "dark")], id="darks of a library"),
        pytest.param([frame("1951-11-29T12:07:00", PLATEID="0FC8")], id="a scan of a plate"),
        pytest.param([frame("2025-11-20", "flat", f"{i}.fits") for i in range(3)], id="days without times"),
    ],
)
def test_honest_times_are_quiet(frames):
    assert words(frames) == []


def test_dates_to_the_minute_may_be_off_by_a_minute_and_no_more():
    (note,) = impossible_times(series(2, step=60.0, seconds=300.0))
    assert note.figures == (("seconds", 240.0),)


def test_a_dark_of_another_year_than_all_others_is_said():
    (note,) = impossible_times([*series(3, kind="dark"), frame(NIGHT - timedelta(days=500), "dark", "odd.fits")])
    assert note.frames == ("odd.fits",)


def test_a_light_without_any_date_among_dated_ones_is_told():
    (note,) = impossible_times([*series(2), frame("", name="odd.fits")])
    assert note.frames == ("odd.fits",)
    assert note.category is FileWarning


def test_lights_that_do_not_say_when_are_told_and_not_refused():
    silent = frame("not available", name="odd.fits")
    for frames in ([*series(2), silent], [silent]):
        (note,) = impossible_times(frames)
        assert note.category is FileWarning
        assert note.frames == ("odd.fits",)
        assert note.words.startswith("DATE-OBS = not available gives no date and time")


def test_a_note_is_one_fact_of_all_frames():
    days = (NIGHT - datetime(1858, 11, 17)) / timedelta(days=1)
    frames = [frame(NIGHT + timedelta(minutes=2 * i), name=f"{i}.fits", **{"MJD-OBS": days - 1}) for i in range(3)]
    (note,) = impossible_times(frames)
    assert note.frames == ("0.fits", "1.fits", "2.fits")
    assert note.words == "MJD-OBS lies 1 d before DATE-OBS"
