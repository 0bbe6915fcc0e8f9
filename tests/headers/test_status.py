"""What has been done to an image: what headers say, what the user says, and what follows."""

import os

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from pipeline import (
    FrameSet,
    Image,
    MasterBias,
    MasterDark,
    Pixels,
    add_images,
    combine,
    declare,
    each,
    pipe,
    read_night,
    scale_dark,
    subtract_bias,
    subtract_dark,
    subtract_overscan,
)
from pipeline.errors import AssumptionWarning, CalibrationError, FileListError, SettingError, StepError
from pipeline.headers.cards import Cards
from pipeline.headers.status import Done, state_of
from pipeline.stacking.add import by_lamp

SHAPE = (3, 4)


def full(value):
    return np.full(SHAPE, value, np.float32)


def done(**cards):
    return state_of(Cards.of(cards)).done


# what headers say


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


# rates


def a_rate(value, kind="light", exposure=10.0):
    return Image.of(full(value), kind=kind, exposure=exposure, header={"BUNIT": "electron/s", "ZEROCOR": True})


@given(st.floats(0.1, 1e4), st.floats(0.1, 1e4))
def test_a_dark_that_is_a_rate_is_the_same_for_every_exposure(t_dark, t_light):
    dark = MasterDark.of(a_rate(0.25, "dark", t_dark))
    assert scale_dark(dark, exposure=t_light).pixels == dark.pixels
    out = subtract_dark(a_rate(5, exposure=t_light), dark=dark)
    assert (out.pixels.values == 4.75).all()
    assert ("DARKSCL", 1.0, "factor by which the dark was scaled") in out.added


def test_rates_of_several_exposures_combine_as_they_are():
    frames = FrameSet(a_rate(value, exposure=t) for value, t in ((4, 10), (6, 600)))
    assert (combine(frames, clip=None).pixels.values == 5).all()


def test_a_rate_and_counts_do_not_mix():
    with pytest.raises(CalibrationError, match="is in electron/s, dark array in adu"):
        subtract_dark(a_rate(5), dark=MasterDark.of(Image.of(full(1), kind="dark", exposure=1), has_bias=False))


# what the user says


def test_raw_is_raw_whatever_the_header_says():
    image = Image.of(full(10), header={"ZEROCOR": True, "CALSTAT": "BDF", "L1STATFL": 1, "GAIN": 2, "BUNIT": "e-"})
    raw = declare(image, state="raw")
    assert raw.state == state_of(Cards.of({"BUNIT": "e-"}))
    assert list(raw.header.to_header()) == ["GAIN", "BUNIT"]
    assert str(raw.history[-1]) == "declare(state='raw')"


@pytest.mark.parametrize(
    ("kind", "steps"), [("bias", "o"), ("dark", "ob"), ("flat", "obd"), ("light", "obdf"), ("arc", "obd")]
)
def test_finished_is_what_that_kind_needs(kind, steps):
    image = declare(Image.of(full(10), kind=kind), state="finished")
    assert {step[0] for step, by in image.state.done.items() if by == Done("as was said")} == set(steps)
    written = {keyword: value for keyword, value, _ in image.added}
    assert {step[0] for step in done(**written)} == set(steps)  # the product says so itself


def test_what_the_header_says_is_not_said_again():
    image = declare(Image.of(full(10), kind="flat", header={"L1STATDA": 1}), state="finished")
    assert image.state.dark == Done("L1STATDA = 1")
    assert [keyword for keyword, _, _ in image.added] == ["OVERSCAN", "ZEROCOR"]


def test_states_are_said_before_they_are_made():
    bias = MasterBias.of(Image.of(full(1), kind="bias"))
    out = subtract_bias(Image.of(full(10)), bias=bias)
    strip = Image.of(full(10), header={"BIASSEC": "[1:1,1:3]"})
    for image in (out, subtract_overscan(strip)):
        with pytest.raises(StepError, match="put it first"):
            declare(image, state="raw")
    assert declare(subtract_bias(Image.of(full(1)), bias=None), state="raw").state == Image.of(full(1)).state
    with pytest.raises(SettingError, match="expected 'raw' or 'finished'"):
        declare(out, state="reduced")


# adding


@given(st.permutations(range(4)))
def test_adding_adds_values_exposures_variances_and_names(order):
    arcs = [Image.of(Pixels.of(full(10**n), 0, full(n)), kind="arc", exposure=n, name=f"{n}.fits") for n in range(4)]
    image = add_images(FrameSet(arcs[n] for n in order))
    assert (image.pixels.values == 1111).all()
    assert (image.pixels.variance == 6).all()
    assert image.exposure == 6
    assert image.sources == tuple(f"{n}.fits" for n in order)


def test_adding_keeps_flags_and_what_two_images_share():
    """A bias of variance 1 in both counts four times in their sum, not twice."""
    bias = MasterBias.of(Image.of(Pixels.of(full(1), 0, full(1)), kind="bias"))
    flags = np.zeros(SHAPE, np.uint8)
    flags[1, 1] = 2
    arcs = FrameSet(Image.of(Pixels.of(full(5), bits, full(0)), kind="arc", exposure=1) for bits in (flags, 0))
    image = pipe(arcs, each(subtract_bias(bias=bias)), add_images)
    np.testing.assert_allclose(image.pixels.total_variance, 4)
    np.testing.assert_array_equal(image.pixels.flags, flags)


def test_what_cannot_be_added_is_refused():
    arc, light = Image.of(full(1), kind="arc"), Image.of(full(1))
    for frames, word in (
        ([], "no frames"),
        ([arc, light], "combine one kind"),
        ([arc, declare(arc, state="finished")], "reduced differently"),
    ):
        with pytest.raises(StepError, match=word):
            add_images(FrameSet(frames))


def test_arcs_are_told_apart_by_lamp_and_exposure():
    said = [("Ne", 10), ("Hg", 10), ("Ne", 10.05), ("Ne", 30), ("Hg", 10)]
    arcs = FrameSet(
        Image.of(full(1), kind="arc", exposure=seconds, header={"OBJECT": lamp}, name=str(n))
        for n, (lamp, seconds) in enumerate(said)
    )
    assert [[arc.name for arc in group] for group in by_lamp(arcs)] == [["0", "2"], ["1", "4"], ["3"]]
    lit = [{"LAMP1": True, "LAMP2": False}, {"LAMP1": False, "LAMP2": True}, {"LAMP1": True, "LAMP2": False}]
    arcs = FrameSet(Image.of(full(1), kind="arc", header=cards, name=str(n)) for n, cards in enumerate(lit))
    assert [[arc.name for arc in group] for group in by_lamp(arcs)] == [["0", "2"], ["1"]]


# frames listed more than once


@pytest.fixture
def listed(tmp_path):
    fits.writeto(tmp_path / "a.fits", full(1))
    fits.HDUList([fits.PrimaryHDU(full(1)), fits.ImageHDU(full(2), name="TWO")]).writeto(tmp_path / "b.fits")

    def read(*rows):
        (tmp_path / "n.csv").write_text("\n".join(rows))
        return read_night(tmp_path / "n.csv")

    return tmp_path, read


@pytest.mark.parametrize("again", ["a.fits", "./a.fits", "x/../a.fits", "link.fits", "hard.fits", "{folder}/a.fits"])
def test_a_frame_is_known_whatever_its_path(listed, again):
    folder, read = listed
    (folder / "x").mkdir()
    (folder / "link.fits").symlink_to("a.fits")
    os.link(folder / "a.fits", folder / "hard.fits")
    with pytest.warns(AssumptionWarning, match="listed 2 times, as light; counts once"):
        assert len(read("light, a.fits", f"light, {again.format(folder=folder)}", "light, b.fits")) == 2


def test_the_hdus_of_a_file_are_frames_of_their_own(listed):
    _, read = listed
    assert len(read("light, b.fits", "light, b.fits, 1")) == 2
    with pytest.warns(AssumptionWarning, match="listed 2 times"):
        assert len(read("light, b.fits, 1", "light, b.fits, TWO")) == 1


def test_every_repeat_that_cannot_be_is_named_by_its_line(listed):
    _, read = listed
    with pytest.raises(FileListError) as caught:
        read("light, a.fits", "bias, b.fits", "bias, a.fits", "dark, b.fits", "flat, gone.fits")
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["line 3", "line 4", "line 5"]
