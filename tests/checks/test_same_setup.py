"""Do these frames belong together: what the keyword tables know of how the instrument was set is compared."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import Image
from pipeline.checks.same_setup import EVERY, SHARED_SETTINGS, check_alike, check_target, pointing
from pipeline.errors import AssumptionWarning
from pipeline.headers import keyword_tables as tables

KINDS = ("bias", "dark", "flat", "light", "arc")
HEADING = "frames that are reduced together differ in their headers: "

WORDS = {"gain": (1.5, 2.5), "binning": ("1 1", "2 2"), "detector temperature": (-100.0, -105.0)}
"""Two values of a setting; of others, two names."""

CARDS = [(setting, group, keyword) for setting in SHARED_SETTINGS for group in setting.keywords for keyword in group]
"""Every keyword by which a setting is compared, with those that say it together with it."""


def frame(kind, name=None, **cards):
    return Image.of(np.ones((2, 2)), kind=kind, exposure=10.0, header=cards, name=name or f"{kind}.fits")


def said(frames, check=check_alike, **settings):
    """Give what is said of frames, without what every line begins with."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check(frames, **settings)
    assert {warning.category for warning in caught} <= {AssumptionWarning}
    return [str(warning.message).removeprefix(HEADING) for warning in caught]


def compared(setting):
    """Draw two kinds that should share a setting."""
    return st.sampled_from(setting.together).flatmap(lambda kinds: st.tuples(*[st.sampled_from(kinds)] * 2))


# ---- the laws, of every keyword of the tables ----


@given(st.data())
def test_a_setting_that_differs_is_said_under_every_keyword_of_its_table(data):
    setting, group, keyword = data.draw(st.sampled_from(CARDS))
    one, other = data.draw(compared(setting))
    values = WORDS.get(setting.words, ("A1", "B2"))
    frames = [
        frame(kind, f"{i}.fits", **{keyword: value})
        for i, (kind, value) in enumerate(zip((one, other), values, strict=True))
    ]
    (line,) = said(frames)
    assert line.startswith(f"{setting.words}: {', '.join(group)} = ")
    for number in (0, 1):
        assert f"({number}.fits)" in line


@given(st.data())
def test_a_setting_that_is_the_same_is_not_said_and_neither_is_what_one_frame_does_not_say(data):
    setting, _, keyword = data.draw(st.sampled_from(CARDS))
    one, other = data.draw(compared(setting))
    value = data.draw(st.sampled_from(WORDS.get(setting.words, ("A1", "B2"))))
    silent = data.draw(st.sampled_from(["", "N/A", "unknown", "None", "NotPresent", "INDEF", value]))
    assert said([frame(one, **{keyword: value}), frame(other, **{keyword: silent})]) == []
    assert said([frame(one, **{keyword: value}), frame(other)]) == []


@given(st.data())
def test_kinds_that_need_not_share_a_setting_are_not_compared(data):
    setting, _, keyword = data.draw(st.sampled_from([card for card in CARDS if card[0].together is not EVERY]))
    one = data.draw(st.sampled_from(KINDS))
    apart = [kind for kind in KINDS if not any({one, kind} <= set(kinds) for kinds in setting.together)]
    if apart:
        values = WORDS.get(setting.words, ("A1", "B2"))
        other = data.draw(st.sampled_from(apart))
        assert said([frame(one, **{keyword: values[0]}), frame(other, **{keyword: values[1]})]) == []


@given(st.data())
def test_what_is_believed_most_decides(data):
    """A card further down the table is not asked where one above it speaks."""
    setting = data.draw(st.sampled_from([each for each in SHARED_SETTINGS if len(each.keywords) > 1]))
    first, second = sorted(data.draw(st.sets(st.sampled_from(range(len(setting.keywords))), min_size=2, max_size=2)))
    kind = setting.together[0][0]
    values = WORDS.get(setting.words, ("A1", "B2"))
    best, less = setting.keywords[first][0], setting.keywords[second][0]
    assert said([frame(kind, **{best: values[0], less: value}) for value in values]) == []


def test_all_that_the_tables_know_is_compared():
    asked = {keyword for _, _, keyword in CARDS}
    named = [tables.FILTER, tables.DISPERSER, tables.SLIT, tables.BINNING, tables.INSTRUMENT, tables.DETECTOR]
    known = {
        keyword for table in (*named, tables.READOUT_SECTION, tables.READOUT_MODE) for row in table for keyword in row
    }
    known |= {key.keyword for key in (*tables.GAIN, *tables.TEMPERATURE)} | set(tables.GAIN_AS_SET)
    assert asked == known
    for setting in SHARED_SETTINGS:
        every = [keyword for group in setting.keywords for keyword in group]
        assert len(every) == len(set(every)), setting.words


# ---- observatories ----


@pytest.mark.parametrize(
    ("keyword", "one", "other"),
    [
        pytest.param("WFFBAND", "V", "R", id="INT"),
        pytest.param("INSFILTE", "V", "R", id="Calar Alto"),
        pytest.param("INSFLNAM", "JohnsonV", "CousinsR", id="CAFOS"),
        pytest.param("ESO INS FILT1 NAME", "V#641", "R#642", id="ESO"),
        pytest.param("ESO INS FILT ID", "V", "R", id="ESO WFI"),
    ],
)
def test_a_flat_of_v_and_a_light_of_r_are_said_at_every_observatory(keyword, one, other):
    (line,) = said([frame("flat", **{keyword: one}), frame("light", **{keyword: other})])
    assert line.startswith("filter: ")
    assert f"{one.upper()} (flat.fits); {other.upper()} (light.fits)" in line
    assert said([frame("flat", **{keyword: one}), frame("light", **{keyword: one})]) == []


def test_one_wheel_of_several_is_enough():
    wheels = {"FILTER1": "air", "FILTER2": "V", "FILTER3": "air"}
    (line,) = said([frame("flat", **wheels), frame("light", **wheels | {"FILTER2": "R"})])
    assert line == "filter: FILTER1, FILTER2, FILTER3 = AIR, V, AIR (flat.fits); AIR, R, AIR (light.fits)"


@pytest.mark.parametrize(("keyword", "same"), [("GAIN", "EGAIN"), ("GAIN", "CCDSENS"), ("CCDGAIN", "CCDSENS")])
def test_a_gain_that_was_set_otherwise_is_said_where_what_it_comes_to_stays_the_same(keyword, same):
    (line,) = said([frame(kind, **{same: 1.5, keyword: setting}) for kind, setting in (("bias", 100), ("light", 200))])
    assert line == f"gain: {keyword} = 100 (bias.fits); 200 (light.fits)"


# ---- temperatures ----


@given(st.floats(-150, 30), st.floats(-3, 3))
def test_temperatures_may_differ_by_a_kelvin(celsius, more):
    lines = said([frame("dark", CCDTEMP=celsius), frame("light", CCDTEMP=celsius + more)])
    if abs(abs(more) - 1) > 1e-6:
        assert len(lines) == (abs(more) > 1)


@given(st.floats(-150, 30))
def test_temperatures_are_compared_by_number_and_unit(celsius):
    kelvin = {"CCDTEMP": (celsius + 273.15, "[K]")}
    assert said([frame("dark", CCDTEMP=celsius), frame("light", **kelvin)]) == []
    (line,) = said([frame("dark", CCDTEMP=celsius - 5), frame("light", **kelvin)])
    assert line.startswith("detector temperature: CCDTEMP = ")


def test_what_is_no_temperature_says_nothing():
    assert said([frame("dark", CCDTEMP=-999.0), frame("light", CCDTEMP=-100.0)]) == []


# ---- masters, targets, pointings ----


def test_masters_are_compared_with_the_first_frame_alone():
    lights = [frame("light", "l0.fits", GAIN=1.0), frame("light", "l1.fits", GAIN=1.0)]
    masters = [frame("bias", "b.fits", GAIN=2.0), frame("dark", "d.fits", GAIN=3.0)]
    lines = said(lights, with_others=masters)
    assert lines == ["gain: GAIN = 1 (l0.fits); 2 (b.fits)", "gain: GAIN = 1 (l0.fits); 3 (d.fits)"]


def test_a_combination_among_single_frames_is_said_and_combinations_alike_are_not():
    single, made = frame("bias", "b.fits"), frame("bias", "m.fits", NCOMBINE=10)
    assert said([single, made]) == ["bias: m.fits is a combination of 10 frames (NCOMBINE), and counts as one of 2"]
    assert said([made, made]) == []


def test_targets_are_compared_of_lights_alone():
    heading = "lights that are combined as they lie differ in their headers: "
    (line,) = said([frame("light", OBJECT=name) for name in ("M 1", "M 2")], check_target)
    assert line == f"{heading}target: OBJECT = M 1 (light.fits); M 2 (light.fits)"
    assert said([frame(kind, OBJECT=kind) for kind in ("dark", "light")], check_target) == []


@given(st.floats(0, 359), st.floats(-80, 80), st.floats(0, 60))
def test_lights_may_point_as_far_apart_as_guiding_wanders(ra, dec, apart):
    lights = [frame("light", RA=ra, DEC=dec), frame("light", RA=ra, DEC=dec + apart / 3600)]
    if abs(apart - 5) > 1e-3:
        assert len(said(lights, check_target)) == (apart > 5)


@given(st.integers(0, 23), st.integers(0, 59), st.integers(0, 59), st.sampled_from([":", " "]), st.booleans())
def test_right_ascensions_in_hours_are_read(hours, minutes, seconds, colon, south):
    sign = "-" if south else "+"
    text = colon.join(f"{part:02d}" for part in (hours, minutes, seconds))
    ra, dec = pointing(frame("light", RA=text, DEC=f"{sign}{text}"))
    size = hours + minutes / 60 + seconds / 3600
    assert (ra, dec) == (pytest.approx(15 * size), pytest.approx(-size if south else size))


@pytest.mark.parametrize("cards", [{}, {"RA": 1.0}, {"RA": "12:00:00", "DEC": "north"}, {"RA": True, "DEC": 1.0}])
def test_a_header_without_both_coordinates_points_nowhere(cards):
    assert pointing(frame("light", **cards)) is None
