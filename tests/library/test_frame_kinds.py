"""What frames are, in the words of observatories and programs; which of them are masters, and which are finished."""

import pytest

from pipeline.headers.cards import Cards
from pipeline.headers.status import state_of
from pipeline.library.frame_kinds import is_a_master, kind_of, why_finished


@pytest.mark.parametrize(
    ("cards", "kind"),
    [
        ({"IMAGETYP": "Bias Frame"}, "bias"),
        ({"OBSTYPE": "DARK", "EXPTIME": 0}, "bias"),
        ({"OBSTYPE": "DARK", "EXPTIME": 30}, "dark"),
        ({"OBSTYPE": "OBJECT", "OBJECT": "Dome Flat"}, "flat"),
        ({"OBSTYPE": "OBJECT", "OBJECT": "dflat"}, "flat"),
        ({"OBSTYPE": "OBJECT", "OBJECT": '1.0" flat'}, "flat"),
        ({"OBSTYPE": "OBJECT", "OBJECT": "Arcs"}, "arc"),
        ({"OBSTYPE": "OBJECT", "OBJECT": "arc_2"}, "arc"),
        ({"OBSTYPE": "OBJECT", "OBJECT": '0.5" blue arc'}, "arc"),
        ({"OBSTYPE": "OBJECT", "OBJECT": "A370 giant arc", "EXPTIME": 1800}, "light"),
        ({"OBSTYPE": "OBJECT", "OBJECT": "Arcturus"}, "light"),
        ({"OBSTYPE": "OBJECT", "OBJECT": "the Flatiron"}, "light"),
        ({"OBSTYPE": "OBJECT", "OBJECT": "dark nebula"}, "light"),
        ({"OBJECT": "bias"}, "bias"),
        ({"OBSTYPE": "STANDARD"}, "light"),
        ({"OBSTYPE": "SPECTRUM"}, "light"),
        ({"OBSTYPE": "SKYFLAT"}, "flat"),
        ({"IMAGETYP": "FlatDark", "EXPTIME": 2}, "dark"),
        ({"IMAGETYP": "DARKFLAT", "EXPTIME": 2}, "dark"),
        ({"IMAGETYP": "Master Dark", "EXPTIME": 2}, "dark"),
        ({"OBSMODE": "OsirisBias"}, "bias"),
        ({"OBSMODE": "OsirisDomeFlat"}, "flat"),
        ({"OBSMODE": "OsirisCalibrationLamp"}, "arc"),
        ({"OBSMODE": "OsirisLongSlitSpectroscopy"}, "light"),
        ({"IMAGETYP": "DOME FLAT", "OBJNAME": "Dome Flat Off"}, ""),
        ({"OBSTYPE": "OBJECT", "LAMPSTAD": "on", "LAMPNAMD": "Ar"}, "arc"),
        ({"OBSTYPE": "OBJECT", "LAMPSTA1": "on", "LAMPNAM1": "Blue"}, "flat"),
        ({"OBSTYPE": "OBJECT", "OBJECT": "M 31", "LAMPSTAD": "off"}, "light"),
        ({"OBSTYPE": "EXPOSE", "EXPID": "v_f_20181129_10_1_0_0"}, "flat"),
        ({"OBSTYPE": "EXPOSE", "EXPID": "v_e_20181129_10_1_0_0"}, "light"),
        ({"OBJECT": "M 31"}, ""),
        ({"SWCREATE": "SharpCap", "EXPTIME": 10}, "light"),
        ({"SWCREATE": "SharpCap", "EXPTIME": 0}, "bias"),
    ],
)
def test_kinds_are_told_by_header(cards, kind):
    assert kind_of(Cards.of(cards)).kind == kind


@pytest.mark.parametrize(
    ("path", "cards", "kind"),
    [
        ("night/darks/a.fits", {}, "dark"),
        ("flats/dark_flat_1.fits", {}, "dark"),
        ("masterBias.fits", {}, "bias"),
        ("flat-23s.0001.fit", {"IMAGETYP": "Light Frame"}, "flat"),
        ("flats/M31.fits", {"IMAGETYP": "Light Frame"}, "light"),
        ("flats/M31.fits", {"IMAGETYP": "Light Frame", "OBJECT": "M 31"}, "light"),
        ("flat.fits", {"IMAGETYP": "dark", "EXPTIME": 5}, "dark"),
        ("inflated/a.fits", {}, ""),
    ],
)
def test_names_of_files_tell_where_headers_are_silent(path, cards, kind):
    told = kind_of(Cards.of(cards), path)
    assert told.kind == kind
    assert bool(told.by) == (kind not in ("", "light") and "dark" not in cards.values())


def test_masters_are_known_whoever_made_them():
    made = [
        {"CREATOR": "ccd-pipeline 0.1.0"}, {"NCOMBINE": 5}, {"COMBINED": True}, {"STACKCNT": 9}, {"ISMASTER": True},
        {"IMAGETYP": "Master Dark"}, {"PROCBIAS": "2021-01-01T00:00:00"},
    ]  # fmt: skip
    assert all(is_a_master(Cards.of(cards)) for cards in made)
    assert not any(is_a_master(Cards.of(cards)) for cards in ({}, {"NCOMBINE": 1}, {"IMAGETYP": "dark"}))


def test_what_is_finished_is_not_finished_again():
    def why(kind, **cards):
        return why_finished(Cards.of(cards), state_of(Cards.of(cards)), kind)

    assert why("light", CREATOR="ccd-pipeline 0.1.0") == "a product of ccd-pipeline"
    assert why("light", CALSTAT="BDF") == "reduced already: CALSTAT = BDF"
    assert why("flat", CREATOR="ccd-pipeline 0.1.0") == why("light", CALSTAT="BD") == why("light") == ""
