"""What has been done to an image, and in what unit it is, as its header says."""

import pytest
from made_masters import full

from pipeline import Image
from pipeline.headers.cards import Cards
from pipeline.headers.status import STEP_CARDS, state_of, unclear_card


def done(**cards):
    return state_of(Cards.of(cards)).done


@pytest.mark.parametrize(
    ("cards", "steps"),
    [
        ({}, set()),
        ({"L1STATOV": 1, "L1STATTR": 1, "L1STATZE": 1, "L1STATDA": 1, "L1STATFL": 1}, set("otbdf")),
        ({"L1STATOV": 0, "L1STATTR": -1, "L1STATZE": -1, "L1STATDA": 0, "L1STATFL": -1}, set()),
        ({"L1STATBI": "1", "L1STATDA": "1", "L1STATFL": "0"}, set("bd")),
        ({"L1STATZE": True}, set()),
        ({"ZEROCOR": True, "DARKCOR": False, "FLATCOR": "F"}, set("b")),
        ({"FLATCOR": "Oct  1 19:03 Flat field image is Flat.fits with scale=1."}, set("f")),
        ({"OVERSCAN": "Overscan section is [600:890,1:900] with mean=1055.027"}, set("o")),
        ({"TRIM": "Oct  1 19:03 Trim data section is [265:560,1:900]"}, set("t")),
        ({"SUBBIAS": "ccd=<CCDData>, master=<CCDData>", "SUBDARK": "ccd=<CCDData>"}, set("bd")),
        ({"TRIMIM": "ccd=<CCDData>"}, set("t")),
        ({"BLEVCORR": "COMPLETE", "BIASCORR": "COMPLETE", "DARKCORR": "PERFORM", "FLATCORR": "OMIT"}, set("ob")),
        ({"BIASCORR": 0, "DARKCORR": "SKIPPED", "FLATCORR": True}, set("f")),
        ({"BIASCORR": "2018-08-10T23:22:58", "OVERSUB": "2018-08-10T23:22:58.1", "TRIMMED": "F"}, set("bo")),
        ({"CALSTAT": "BDF"}, set("bdf")),
        ({"CALSTAT": "D"}, set("d")),
        ({"CALSTAT": "BAD"}, set()),
        ({"ZEROCOR": "Jul 10 12:00 Zero is Zero", "TRIM": "Trim is [1:2048,1:4096]"}, set("bt")),
        ({"TRIM": "Overscan is [2087:2136,1:4096], mean 1234"}, set("t")),
        ({"BIASCORR": True, "DARKCORR": "done", "FLATCORR": "flat-fielded"}, set("bdf")),
        ({"OVERSCAN": 14, "TRIM": 1, "GAINCOR": 1}, set()),
    ],
)  # fmt: skip
def test_headers_are_believed(cards, steps):
    assert {step[0] for step in done(**cards)} == steps


EVERY_STEP_CARD = sorted((key, step) for step, keys in STEP_CARDS.items() for key in keys)


@pytest.mark.filterwarnings("ignore:Keyword name")
@pytest.mark.parametrize(("keyword", "step"), EVERY_STEP_CARD)
@pytest.mark.parametrize(
    "raw",
    ["[71 80 1 60]", "[71:80,1:60]", "ON", "yes", "Enabled", 32, "32", 1.5, "32 columns", "not subtracted",
     "to be done", "NO", "bias.fits", "Overscan is on", "no image is there", "raw", " ", "incomplete"],
)  # fmt: skip
def test_a_section_a_number_or_a_switch_says_nothing_of_what_was_done(keyword, step, raw):
    assert step not in done(**{keyword: raw})


@pytest.mark.filterwarnings("ignore:Keyword name")
@pytest.mark.parametrize(("keyword", "step"), [pair for pair in EVERY_STEP_CARD if not pair[0].startswith("L1STAT")])
@pytest.mark.parametrize("said", [True, "T", "done", "Subtracted 2020-01-01", "COMPLETE", "ccd=<CCDData>, x=2"])
def test_a_true_value_and_words_of_what_was_done_say_so(keyword, step, said):
    assert step in done(**{keyword: said})
    assert not unclear_card(Cards.of({keyword: said}), step)


UNCLEAR = {"yes": True, "flat.fits": True, "ON": True, "off": False, "[1:2,1:3]": False, "PERFORM": False, "3": False}


@pytest.mark.parametrize(("text", "unclear"), UNCLEAR.items())
def test_only_a_word_that_may_mean_either_is_unclear(text, unclear):
    assert bool(unclear_card(Cards.of({"FLATCOR": text}), "flat")) == unclear


@pytest.mark.parametrize(
    ("text", "unit", "rate"),
    [
        ("ADU", "adu", False),
        ("counts", "adu", False),
        ("e-", "electron", False),
        ("electrons", "electron", False),
        ("ELECTRONS/S", "electron/s", True),
        ("e-/sec", "electron/s", True),
        ("DN per second", "adu/s", True),
        ("adu s-1", "adu/s", True),
        ("electron s**-1", "electron/s", True),
        ("count s^-1", "adu/s", True),
        ("e-.s-1", "electron/s", True),
        ("MJy/sr", "MJy/sr", False),
        ("Jy", "Jy", False),
    ],
)
def test_units_have_one_spelling(text, unit, rate):
    found = state_of(Cards.of({"BUNIT": text}))
    assert (found.unit, found.per_second) == (unit, rate)
    assert Image.of(full(1), header={"BUNIT": text}).state == found
    assert bool(found.gain) == unit.startswith("electron")
