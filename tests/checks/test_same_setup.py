"""Do these frames belong together: what the keyword tables know of how the instrument was set is compared."""

import time
import warnings
from weakref import ref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import Image
from pipeline.checks.same_setup import EVERY, SHARED_SETTINGS, check_alike, check_target, differences, pointing
from pipeline.compose.telling import collecting
from pipeline.errors import AssumptionWarning
from pipeline.headers import keyword_tables as tables
from pipeline.headers.cards import Cards
from pipeline.records.note import merged

KINDS = ("bias", "dark", "flat", "light", "arc")
HEADING = "frames that are reduced together differ in their headers: "

WORDS = {
    "gain": (1.5, 2.5),
    "binning": ("1 1", "2 2"),
    "detector temperature": (-100.0, -105.0),
    "black level (offset)": (10, 50),
    "grating angle or central wavelength": (5500.0, 6500.0),
    "rotator": (0.0, 90.0),
}
"""Two values of a setting; of others, two names."""

CARDS = [(setting, group, keyword) for setting in SHARED_SETTINGS for group in setting.keywords for keyword in group]
"""Every keyword by which a setting is compared, with those that say it together with it."""


def frame(kind, name=None, **cards):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # astropy's, of keywords that take a HIERARCH card
        return Image.of(np.ones((2, 2)), kind=kind, exposure=10.0, header=cards, name=name or f"{kind}.fits")


def notes(frames, check=check_alike, **settings):
    """Give the notes that are said of frames, each fact once."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with collecting() as found:
            check(frames, **settings)
    assert {note.category for note in found} <= {AssumptionWarning}
    return merged(found)


def said(frames, check=check_alike, **settings):
    """Give what is said of frames, without what every line begins with."""
    return [note.words.removeprefix(HEADING) for note in notes(frames, check, **settings)]


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
    if keyword == "ANGLE":
        frames = [
            frame(each.kind, each.name, GRATING="600", ANGLE=value) for each, value in zip(frames, values, strict=True)
        ]
    (note,) = notes(frames)
    line = note.words.removeprefix(HEADING)
    assert line.startswith(f"{setting.words}: {', '.join(group)} = ")
    for number in (0, 1):
        assert f"({number}.fits)" in line
    assert set(note.frames) == {"0.fits", "1.fits"}
    assert note.mend


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
    groups = [kinds for each in SHARED_SETTINGS if each.words == setting.words for kinds in each.together]
    apart = [kind for kind in KINDS if not any({one, kind} <= set(kinds) for kinds in groups)]
    if apart:
        values = WORDS.get(setting.words, ("A1", "B2"))
        other = data.draw(st.sampled_from(apart))
        assert said([frame(one, **{keyword: values[0]}), frame(other, **{keyword: values[1]})]) == []


@given(st.data())
def test_what_is_believed_most_decides(data):
    """A card further down the table is not asked where one above it speaks."""
    ordered = [each for each in SHARED_SETTINGS if len(each.keywords) > 1 and not each.every]
    setting = data.draw(st.sampled_from(ordered))
    first, second = sorted(data.draw(st.sets(st.sampled_from(range(len(setting.keywords))), min_size=2, max_size=2)))
    kind = setting.together[0][0]
    values = WORDS.get(setting.words, ("A1", "B2"))
    best, less = setting.keywords[first][0], setting.keywords[second][0]
    assert said([frame(kind, **{best: values[0], less: value}) for value in values]) == []


@given(st.data())
def test_what_stands_beside_each_other_is_compared_card_by_card(data):
    """A wheel that is empty, or the same, hides no other."""
    setting = data.draw(st.sampled_from([each for each in SHARED_SETTINGS if each.every]))
    usual = [group for group in setting.keywords if group != ("ANGLE",)]
    first, second = data.draw(st.sets(st.sampled_from(usual), min_size=2, max_size=2))
    kind = setting.together[0][0]
    values = WORDS.get(setting.words, ("A1", "B2"))
    for same in (values[0], "CLEAR", "NO_FILTER"):
        lines = said([frame(kind, **{first[0]: same, second[0]: value}) for value in values])
        assert [line.startswith(f"{setting.words}: {second[0]} = ") for line in lines] == [True]


COMPARED = [
    "FILTER", "DISPERSER", "DICHROIC", "SLIT", "BINNING", "INSTRUMENT", "DETECTOR", "SERIAL_NUMBER", "TELESCOPE",
    "PEDESTAL", "ROW_ORDER", "COLOUR_MOSAIC", "GAIN_SETTING", "ROTATOR", "READOUT_SECTION", "READOUT_MODE",
]  # fmt: skip


def test_all_that_the_tables_know_is_compared():
    asked = {keyword for _, _, keyword in CARDS}
    known = {keyword for name in COMPARED for row in getattr(tables, name) for keyword in row}
    numbers = (*tables.GAIN, *tables.TEMPERATURE, *tables.DISPERSER_ANGLE, *tables.BLACK_LEVEL)
    assert asked == known | {key.keyword for key in numbers} | set(tables.GAIN_AS_SET)
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
    assert f"{one} (flat.fits); {other} (light.fits)" in line
    assert said([frame("flat", **{keyword: one}), frame("light", **{keyword: one})]) == []


def test_one_wheel_of_several_is_enough():
    wheels = {"FILTER1": "air", "FILTER2": "V", "FILTER3": "air"}
    (line,) = said([frame("flat", **wheels), frame("light", **wheels | {"FILTER2": "R"})])
    assert line == "filter: FILTER2 = V (flat.fits); R (light.fits)"


@given(
    st.sampled_from(
        ["CLEAR", "clear", "OPEN", "NO_FILTER", "<NO FILTER>", "AIR", "EMPTY", "Free", "Clear (C)", "Open1"]
    )
)
def test_an_empty_wheel_is_as_any_other_and_not_as_a_filter(word):
    assert said([frame("flat", FILTER=word), frame("light", FILTER="open")]) == []
    assert len(said([frame("flat", FILTER=word), frame("light", FILTER="V")])) == 1


@pytest.mark.parametrize(
    ("one", "other", "differs"),
    [("r", "R", True), ("i'", "I'", True), ("V", "V ", False), ("Red", "RED", False), ("Ha", "OIII", True)],
)
def test_the_case_of_a_letter_tells_filters_apart(one, other, differs):
    assert len(said([frame("flat", FILTER=one), frame("light", FILTER=other)])) == differs


# ---- how cameras are set ----


@pytest.mark.parametrize(
    ("cards", "others", "differs"),
    [
        pytest.param({"OFFSET": 10}, {"OFFSET": 50}, "black level (offset)", id="black level"),
        pytest.param({"OFFSET": 378.876}, {"OFFSET": 379.1}, "", id="a level that was measured"),
        pytest.param({"OFFSET": (10, "[arcsec] from the star")}, {"OFFSET": (0, "[arcsec]")}, "", id="on the sky"),
        pytest.param({"PEDESTAL": -100}, {"PEDESTAL": 0}, "pedestal", id="MaxIm DL"),
        pytest.param({"PEDESTAL": 0}, {}, "", id="MaxIm DL and another"),
        pytest.param({"ROWORDER": "TOP-DOWN"}, {"ROWORDER": "BOTTOM-UP"}, "row order", id="rows"),
        pytest.param({"FLIPSTAT": "Flip"}, {"FLIPSTAT": "Mirror"}, "row order", id="mirrored"),
        pytest.param({"FLIPSTAT": ""}, {"FLIPSTAT": "Flip"}, "", id="not mirrored, which is not written"),
        pytest.param({"BAYERPAT": "RGGB"}, {"BAYERPAT": "GBRG"}, "colour mosaic", id="colours"),
        pytest.param({"CAMSN": 11023}, {"CAMSN": 11024}, "serial number of the camera", id="serial number"),
    ],
)
def test_what_is_set_at_a_camera_is_compared_of_bias_and_light(cards, others, differs):
    lines = said([frame("bias", **cards), frame("light", **others)])
    assert [line.split(":")[0] for line in lines] == ([differs] if differs else [])


def test_a_flat_may_have_another_black_level_than_the_lights_that_it_divides():
    assert said([frame("flat", OFFSET=10), frame("light", OFFSET=50)]) == []


@pytest.mark.parametrize("name", ["ACP->TCSGalil.DFM.ASCOM.Telescope", "EQMOD ASCOM HEQ5/6", "Telescope Simulator", ""])
def test_the_name_of_a_driver_is_no_telescope(name):
    assert said([frame("flat", TELESCOP="1m"), frame("light", TELESCOP=name)]) == []
    assert len(said([frame("flat", TELESCOP="1m"), frame("light", TELESCOP="2m")])) == 1


# ---- gratings ----


@given(st.floats(1, 1e4), st.floats(-5e-3, 5e-3))
def test_gratings_may_be_off_by_a_thousandth(angle, more):
    lines = said([frame("arc", GRANGLE=angle), frame("light", GRANGLE=angle * (1 + more))])
    if abs(abs(more) - 1e-3) > 1e-5:
        assert len(lines) == (abs(more) > 1e-3)


def test_an_angle_is_that_of_a_grating_where_there_is_one():
    angles = {"arc": "24d38m00s", "light": "27d17m00s"}
    assert said([frame(kind, ANGLE=angle) for kind, angle in angles.items()]) == []
    assert len(said([frame(kind, ANGLE=angle, GRATING="600/4000") for kind, angle in angles.items()])) == 1


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


@given(st.floats(-90, 0), st.floats(-3, 3), st.floats(-3, 3))
def test_a_detector_that_keeps_to_its_set_point_is_as_warm_as_another_that_does(celsius, one, other):
    frames = [
        frame(kind, **{"CCD-TEMP": celsius + off, "SET-TEMP": celsius})
        for kind, off in (("dark", one), ("light", other))
    ]
    felt = [0 if abs(off) <= 1 else off for off in (one, other)]
    if min(abs(abs(off) - 1) for off in (one, other, felt[0] - felt[1])) > 1e-6:
        assert len(said(frames)) == (abs(felt[0] - felt[1]) > 1)


def test_temperatures_are_compared_under_whatever_keyword():
    (line,) = said([frame("dark", CCDTEMP=-10), frame("light", **{"SET-TEMP": -20})])
    assert line == "detector temperature: CCDTEMP = -10 (dark.fits); SET-TEMP = -20 (light.fits)"


def test_of_many_temperatures_the_extremes_are_listed():
    darks = [frame("dark", f"{i}.fits", CCDTEMP=-20.0 + i) for i in range(9)]
    (line,) = said(darks)
    assert line == "detector temperature: CCDTEMP = -20 (0.fits); -12 (8.fits); and 7 values between"


def test_what_is_no_temperature_says_nothing():
    assert said([frame("dark", CCDTEMP=-99.0), frame("light", CCDTEMP=-80.0)]) == []
    assert said([frame("dark", CCDTEMP=-999.0), frame("light", CCDTEMP=-100.0)]) == []


# ---- masters, targets, pointings ----


def test_masters_are_compared_with_the_first_frame_alone():
    lights = [frame("light", "l0.fits", GAIN=1.0), frame("light", "l1.fits", GAIN=1.0)]
    masters = [frame("bias", "b.fits", GAIN=2.0), frame("dark", "d.fits", GAIN=3.0)]
    lines = said(lights, with_others=masters)
    assert lines == ["gain: GAIN = 1 (l0.fits); 2 (b.fits)", "gain: GAIN = 1 (l0.fits); 3 (d.fits)"]


def test_a_combination_among_single_frames_is_said_and_combinations_alike_are_not():
    single, made = frame("bias", "b.fits"), frame("bias", "m.fits", NCOMBINE=10)
    (note,) = notes([single, made])
    assert note.found == "m.fits: is a combination of 10 bias frames (NCOMBINE), and counts as one of 2"
    assert said([made, made]) == []


def test_what_each_step_finds_of_one_setting_is_one_note():
    """Bias against light, dark against light, flat against bias: each step compares its own pair."""
    light, bias, dark = frame("light", GAIN=3.0), frame("bias", GAIN=1.5), frame("dark", GAIN=1.5)
    flat = frame("flat", GAIN=3.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with collecting() as found:
            for pair in ((light, bias), (light, dark), (flat, bias), (flat, dark), (light, flat)):
                check_alike(pair)
    (note,) = merged(found)
    assert note.frames == ("light.fits", "bias.fits", "dark.fits", "flat.fits")
    assert note.figures == (("GAIN", 3.0), ("GAIN", 1.5))


def test_lights_of_both_sides_of_the_pier_are_said_and_flats_may_be_of_another():
    sides = [frame("light", f"{side}.fits", PIERSIDE=side) for side in ("EAST", "WEST")]
    (line,) = said(sides, check_target)
    assert line.endswith("pier side: PIERSIDE = EAST (EAST.fits); WEST (WEST.fits)")
    assert said([frame("flat", PIERSIDE="EAST"), frame("light", PIERSIDE="WEST")]) == []


def test_pointings_are_one_note():
    lights = [frame("light", f"{i}.fits", RA=10.0, DEC=20.0 + i / 60) for i in range(4)]
    (note,) = notes(lights, check_target)
    assert "RA, DEC of 3.fits lies 180″ from that of 0.fits" in note.words
    assert note.frames == ("0.fits", "1.fits", "2.fits", "3.fits")


# ---- cost ----


def test_a_header_is_read_once_and_forgotten_when_it_goes():
    cards = {f"KEY{i}": i for i in range(200)} | {"GAIN": 1.5, "CCD-TEMP": -20.03, "SET-TEMP": -20.0, "FILTER": "V"}
    one, other = frame("dark", **cards), frame("light", **cards | {"CCD-TEMP": -19.95})
    differences((one, other))
    times = []
    for _ in range(50):
        start = time.perf_counter()
        differences((one, other))
        times.append(time.perf_counter() - start)
    assert min(times) < 3e-4  # 20 µs on a quiet machine; 5 ms where headers are read again
    kept = ref(one.header)
    del one
    assert kept() is None


def test_headers_of_the_same_text_are_alike():
    assert differences((frame("dark", GAIN=1.5), frame("light", GAIN=1.5))) == []
    assert Cards.of({"GAIN": 1.5}) == Cards.of({"GAIN": 1.5})


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
