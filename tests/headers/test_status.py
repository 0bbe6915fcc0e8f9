"""What has been done to an image, and in what unit it is, as its header says."""

import pytest
from made_masters import full

from pipeline import Image
from pipeline.headers.cards import Cards
from pipeline.headers.status import state_of


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
        ({"OVERSCAN": "Overscan section is [600:890,1:900] with mean=1055.027", "TRIM": "Trim data"}, set("ot")),
        ({"SUBBIAS": "ccd=<CCDData>, master=<CCDData>", "SUBDARK": "ccd=<CCDData>", "TRIMIM": "x"}, set("bdt")),
        ({"BLEVCORR": "COMPLETE", "BIASCORR": "COMPLETE", "DARKCORR": "PERFORM", "FLATCORR": "OMIT"}, set("ob")),
        ({"BIASCORR": 0, "DARKCORR": "SKIPPED", "FLATCORR": True}, set()),
        ({"BIASCORR": "2018-08-10T23:22:58", "OVERSUB": "2018-08-10T23:22:58.1", "TRIMMED": "F"}, set("bo")),
        ({"CALSTAT": "BDF"}, set("bdf")),
        ({"CALSTAT": "D"}, set("d")),
        ({"CALSTAT": "BAD"}, set()),
    ],
)  # fmt: skip
def test_headers_are_believed(cards, steps):
    assert {step[0] for step in done(**cards)} == steps


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
