"""What of a header is compared: every card of the tables, read as it is meant."""

import pytest
from frames_compared import CARDS, frame, said
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.checks.shared_settings import SHARED_SETTINGS
from pipeline.headers import keyword_tables as tables

COMPARED = [
    "FILTER", "DISPERSER", "DICHROIC", "SLIT", "BINNING", "INSTRUMENT", "ARM", "DETECTOR", "SERIAL_NUMBER", "TELESCOPE",
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


@pytest.mark.parametrize(("wave", "differs"), [(0, False), (5500, False), (6500, True)])
def test_a_wavelength_of_0_stands_for_no_grating(wave, differs):
    assert len(said([frame("arc", CENWAVE=5500), frame("light", CENWAVE=wave)])) == differs


def test_an_angle_is_that_of_a_grating_where_there_is_one():
    angles = {"arc": "24d38m00s", "light": "27d17m00s"}
    assert said([frame(kind, ANGLE=angle) for kind, angle in angles.items()]) == []
    assert len(said([frame(kind, ANGLE=angle, GRATING="600/4000") for kind, angle in angles.items()])) == 1


@pytest.mark.parametrize(("keyword", "same"), [("GAIN", "EGAIN"), ("GAIN", "CCDSENS"), ("CCDGAIN", "CCDSENS")])
def test_a_gain_that_was_set_otherwise_is_said_where_what_it_comes_to_stays_the_same(keyword, same):
    (line,) = said([frame(kind, **{same: 1.5, keyword: setting}) for kind, setting in (("bias", 100), ("light", 200))])
    assert line == f"gain: {keyword} = 100 (bias.fits); 200 (light.fits)"


# ---- temperatures ----


@given(st.floats(-95, 30), st.floats(-3, 3))
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


@example(celsius=-20.0, apart=0.9, order=[0, 1, 2])
@given(celsius=st.floats(-90, 20), apart=st.floats(0.1, 3), order=st.permutations(range(3)))
def test_temperatures_are_compared_with_that_in_the_middle(celsius, apart, order):
    """In whatever order: a detector that warms by a little all the time stays near what most have."""
    frames = [frame("dark", CCDTEMP=celsius + apart * (step - 1)) for step in order]
    if abs(apart - 1) > 1e-6:
        assert len(said(frames)) == (apart > 1)


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
