"""Do these frames belong together: what the keyword tables know of how the instrument was set is compared."""

import math
import time
import warnings

import pytest
from frames_compared import CARDS, HEADING, KINDS, WORDS, compared, frame, notes, said
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.checks import shared_settings
from pipeline.checks.same_setup import check_alike, check_target, differences, pointing
from pipeline.checks.shared_settings import EVERY, SHARED_SETTINGS
from pipeline.compose.running import running
from pipeline.compose.telling import collecting
from pipeline.headers.cards import Cards
from pipeline.records.note import merged

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


# ---- across keywords ----

MEANINGS = [(setting, sorted(meaning)) for setting in SHARED_SETTINGS for meaning in setting.alike]
"""Keywords of one meaning, with their setting."""


@given(st.data())
def test_what_stands_under_two_keywords_of_one_meaning_is_compared_where_each_header_has_one(data):
    setting, meaning = data.draw(st.sampled_from(MEANINGS))
    one, other = data.draw(st.sets(st.sampled_from(meaning), min_size=2, max_size=2))
    kinds = data.draw(compared(setting))
    value, another = data.draw(st.sampled_from([("A1", "B2"), (100, 200), ("fast", "slow")]))
    lines = said([frame(kinds[0], "0.fits", **{one: value}), frame(kinds[1], "1.fits", **{other: another})])
    words = value if isinstance(value, str) else f"{value:g}"
    assert [line.startswith(f"{setting.words}: {one} = {words} (0.fits); {other} = ") for line in lines] == [True]
    for same in (value, str(value).upper() if len(str(value)) > 2 else value, ""):
        assert said([frame(kinds[0], **{one: value}), frame(kinds[1], **{other: same})]) == []
    assert said([frame(kinds[0], **{one: value}), frame(kinds[1], **{one: value, other: another})]) == []
    assert said([frame(kinds[0], **{one: "A1"}), frame(kinds[1], **{other: 200})]) == []


@pytest.mark.parametrize(
    ("flat", "light", "differs"),
    [
        pytest.param({"FILTER": "V"}, {"FILTER1": "Clear", "FILTER2": "V"}, False, id="the other wheel is empty"),
        pytest.param({"FILTER": "V"}, {"FILTER1": "Clear", "FILTER2": "R"}, True, id="another filter"),
        pytest.param({"FILTER": "V"}, {"FILTER1": "BG38", "FILTER2": "R"}, False, id="two filters at once"),
        pytest.param({"FILTER": "V"}, {"FILTER1": "Clear", "FILTER2": "open"}, True, id="none against one"),
        pytest.param({"FILTER": "Clear"}, {"FILTER1": "air", "FILTER2": "open"}, False, id="none against none"),
        pytest.param({"FILTER": "V"}, {"INSFILTE": "Johnson-V"}, False, id="its whole name"),
        pytest.param({"FILTER": "r"}, {"INSFILTE": "SDSS r"}, False, id="Sloan's"),
        pytest.param({"FILTER": "R"}, {"INSFILTE": "SDSS r"}, True, id="not Sloan's"),
        pytest.param({"FILTER": "L"}, {"FILTNAM": "Luminance"}, False, id="its first letter"),
        pytest.param({"FILTER": "SDSS g"}, {"FILTNAM": "SDSS r"}, True, id="one word in common"),
        pytest.param({"FILTER": 3}, {"FILTNAM": "V"}, False, id="a place in the wheel"),
        pytest.param({"FILTER": "V"}, {"FILTERID": "B2"}, False, id="a label"),
    ],
)
def test_names_of_filters_of_two_programs_are_compared(flat, light, differs):
    assert len(said([frame("flat", **flat), frame("light", **light)])) == differs
    assert len(said([frame("flat", **light), frame("light", **flat)])) == differs


@given(st.integers(0, 400), st.sampled_from([1e-7, 1.0]))
def test_numbers_that_differ_by_rounding_are_the_same_setting(number, more):
    lines = said([frame("bias", GAINMODE=float(number)), frame("light", GAINMODE=number + more)])
    assert len(lines) == (more == 1)


def test_modes_are_not_speeds():
    assert said([frame("bias", READMODE="2x"), frame("light", CCDSPEED="fast")]) == []
    assert said([frame("bias", READMODE="2x", CCDSPEED="fast"), frame("light", RDSPEED="fast")]) == []
    assert len(said([frame("bias", READMODE="2x", CCDSPEED="fast"), frame("light", RDSPEED="slow")])) == 1


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


def test_temperatures_that_differ_a_little_from_pair_to_pair_are_one_note():
    """A setting that is a name is one for each pair of names; a temperature is another in each header."""
    dark = frame("dark", CCDTEMP=-10.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with collecting() as found:
            for i in range(3):
                check_alike((dark, frame("light", f"{i}.fits", CCDTEMP=-20 + i / 10)))
    (note,) = merged(found)
    assert note.frames == ("dark.fits", "0.fits", "1.fits", "2.fits")


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


def test_a_header_is_read_once():
    cards = {f"KEY{i}": i for i in range(200)} | {"GAIN": 1.5, "CCD-TEMP": -20.03, "SET-TEMP": -20.0, "FILTER": "V"}
    one, other = frame("dark", **cards), frame("light", **cards | {"CCD-TEMP": -19.95})
    differences((one, other))
    times = []
    for _ in range(50):
        start = time.perf_counter()
        differences((one, other))
        times.append(time.perf_counter() - start)
    assert min(times) < 3e-4  # 20 µs on a quiet machine; 5 ms where headers are read again


def test_cards_that_do_not_change_from_frame_to_frame_are_read_once():
    """Of each frame of a night the temperature is another, and all else is the same."""
    cards = {f"KEY{i}": i for i in range(60)} | {"GAIN": 1.5, "INSTRUME": "SPRAT", "FILTER": "V", "GRATANGL": 12.5}
    shared_settings._told_by.cache_clear()
    shared_settings._settings_in.cache_clear()
    differences([frame("light", **cards, CCDTEMP=-20 + i / 1000) for i in range(20)])
    assert shared_settings._told_by.cache_info().misses == 4 + 20


def test_nothing_is_looked_for_where_nothing_would_be_said():
    unlike = [frame("light", GAIN=1.0, NUMBER=i, OFFSET=i) for i in range(2)]
    shared_settings._settings_in.cache_clear()
    with running(quiet=True):
        check_alike(unlike)
        assert shared_settings._settings_in.cache_info().currsize == 0
    assert len(said(unlike)) == 1
    assert shared_settings._settings_in.cache_info().currsize == 2


def test_headers_of_the_same_text_are_alike():
    assert differences((frame("dark", GAIN=1.5), frame("light", GAIN=1.5))) == []
    assert Cards.of({"GAIN": 1.5}) == Cards.of({"GAIN": 1.5})


def test_targets_are_compared_of_lights_alone():
    heading = "lights that are combined as they lie differ in their headers: "
    (line,) = said([frame("light", OBJECT=name) for name in ("M 1", "M 2")], check_target)
    assert line == f"{heading}target: OBJECT = M 1 (light.fits); M 2 (light.fits)"
    assert said([frame(kind, OBJECT=kind) for kind in ("dark", "light")], check_target) == []


@example(ra=10.0, dec=60.0, apart=4.0)
@given(ra=st.floats(0, 359), dec=st.floats(-80, 80), apart=st.floats(0, 60))
def test_lights_may_point_as_far_apart_as_guiding_wanders(ra, dec, apart):
    along = (ra + apart / 3600 / math.cos(math.radians(dec))) % 360
    for other in ({"RA": ra, "DEC": dec + apart / 3600}, {"RA": along, "DEC": dec}):
        if abs(apart - 5) > 1e-3:
            assert len(said([frame("light", RA=ra, DEC=dec), frame("light", **other)], check_target)) == (apart > 5)


def test_lights_on_both_sides_of_the_first_point_of_aries_point_alike():
    assert said([frame("light", RA=359.9999, DEC=1.0), frame("light", RA=0.0001, DEC=1.0)], check_target) == []


@pytest.mark.parametrize(
    ("ones", "others"),
    [
        ({"OBJCTRA": "08 51 18", "OBJCTDEC": "+11 48 00"}, {"OBJCTRA": "08 51 30"}),
        (
            {"RA": 132.8, "DEC": 11.8, "CTYPE1": "RA---TAN", "CRPIX1": 5, "CRVAL1": 132.8, "CRVAL2": 11.8},
            {"CRVAL1": 133},
        ),
    ],
)
def test_dithers_are_told_by_amateurs_cards_and_by_coordinates_of_one_pixel(ones, others):
    lights = [frame("light", **ones), frame("light", **ones)]
    assert said(lights, check_target) == []
    (line,) = said([*lights, frame("light", **ones | others)], check_target)
    assert f"pointing: {next(iter(others))}" in line
    assert said([*lights, frame("light", **ones | {"CRPIX1": 9, "RA": 132.8})], check_target) == []


@pytest.mark.parametrize("bits", [16, 32, -32])
def test_frames_of_8_bits_are_not_reduced_with_others(bits):
    some = [frame("bias", BITPIX=8), frame("bias", BITPIX=8)]
    assert said(some, check_alike) == []
    assert said([frame("bias", BITPIX=bits), frame("bias", BITPIX=16)], check_alike) == []
    (line,) = said([*some, frame("light", BITPIX=bits)], check_alike)
    assert "BITPIX = 8 (bias.fits and 1 more)" in line


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
