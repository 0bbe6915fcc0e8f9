"""Nights as they are: each with the answer worked out by hand, by the command.

The detector has a bias of 100, a dark of 1 ADU/s, and a response of 0.5 on its left half and 1.5 on its right.
"""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from pipeline.cli.main import main

SHAPE = (8, 8)
RESPONSE = np.where(np.arange(8) < 4, 0.5, 1.5) * np.ones(SHAPE)
BIAS, RATE = 100, 1


def raw(seconds, light=0.0):
    """Give what the detector makes of some ADU of light."""
    return (BIAS + RATE * seconds + light * RESPONSE).astype(np.uint16)


class Night:
    """Frames written to the current folder, their list, and the command run on it."""

    def __init__(self, capsys):
        self.capsys = capsys
        self.rows = []
        self.written = 0

    def add(self, kind, values, name="", **cards):
        name = name or f"{kind}{self.written}.fits"
        self.written += 1
        cards = {"GAIN": 1.5, "RDNOISE": 4.0} | cards
        fits.writeto(name, values, fits.Header({key.replace("_", "-"): value for key, value in cards.items()}))
        return self.list(kind, name)

    def list(self, kind, name):
        self.rows.append(f"{kind}, {name}")
        return name

    def bias(self, values=None, **more):
        return self.add("bias", raw(0) if values is None else values, **{"EXPTIME": 0, **more})

    def dark(self, seconds=60, **more):
        return self.add("dark", raw(seconds), **{"EXPTIME": seconds, **more})

    def flat(self, level=20_000, seconds=10, **more):
        return self.add("flat", raw(seconds, level), **{"EXPTIME": seconds, **more})

    def light(self, level=1000, seconds=10, **more):
        return self.add("light", raw(seconds, level), **{"EXPTIME": seconds, **more})

    def reduce(self, *options, status=0):
        """Reduce the list; give the values, or for a status what was said, and keep all that was said."""
        Path("night.csv").write_text("\n".join(self.rows))
        assert main(["reduce", "night.csv", "-o", "out.fits", "--overwrite", *options]) == status
        self.said = self.capsys.readouterr().err
        return fits.getdata("out.fits") if status == 0 else self.said

    @property
    def header(self):
        return fits.getheader("out.fits")

    def is_said_and_refused_when_strict(self, word):
        assert word in self.said
        assert word in self.reduce("--strict", "--variance", "none", status=1)
        assert "refused under --strict" in self.said


@pytest.fixture
def night(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    return Night(capsys)


@pytest.fixture
def calibrated(night):
    """A bias, a dark and a flat."""
    night.bias()
    night.dark()
    night.flat()
    return night


def assert_all(values, expected, **close):
    np.testing.assert_allclose(values, np.broadcast_to(expected, SHAPE), **{"rtol": 2e-7, **close})


def test_a_tidy_night_says_nothing(calibrated):
    calibrated.light()
    assert_all(calibrated.reduce("--strict"), 1000)
    assert calibrated.said == ""


# which calibrations there are


def test_darks_of_several_exposures(night):
    """Darks of 100, 300 and 300 s at 1 ADU/s: 10 of the 1000 ADU of a 10 s light are dark."""
    night.bias()
    for seconds in (100, 300, 300):
        night.dark(seconds)
    night.add("light", np.full(SHAPE, BIAS + 1000, np.uint16), EXPTIME=10)
    assert_all(night.reduce("--strict"), 990)


def test_no_bias_and_a_dark_of_the_same_exposure(night):
    """The bias goes out with the dark: 110 + 1000·R − 110."""
    night.dark(10)
    night.light()
    assert_all(night.reduce("--strict", "--variance", "none"), 1000 * RESPONSE)


def test_no_bias_and_a_dark_of_another_exposure(night):
    """The dark of 130 over 30 s, scaled by 1/3, takes out 43.33 where 110 were due; up to 2/3·130 = 86.67 wrong."""
    night.dark(30)
    night.light()
    assert_all(night.reduce(), 1110 - 1000 * (1 - RESPONSE) - 130 / 3)
    night.is_said_and_refused_when_strict("wrong by up to 86.67 adu")


def test_no_bias_and_a_dark_without_bias(night):
    """A library dark holds nothing but the dark: the pedestal of 100 stays, as it must."""
    night.add("dark", np.full(SHAPE, 30, np.float32), EXPTIME=30)
    night.light()
    assert_all(night.reduce("--strict", "--variance", "none", "--dark-has-bias", "no"), 100 + 1000 * RESPONSE)


def test_no_dark(night):
    night.bias()
    night.flat(seconds=0)
    night.light()
    assert_all(night.reduce("--strict"), (1000 * RESPONSE + 10) / RESPONSE)


def test_no_flat(night):
    night.bias()
    night.dark()
    night.light()
    assert_all(night.reduce("--strict"), 1000 * RESPONSE)


def test_nothing_but_a_light(night):
    night.light()
    assert_all(night.reduce("--strict", "--variance", "none"), raw(10, 1000))


# finished frames, and masters


def test_a_finished_flat_that_says_so(calibrated):
    """Dark and bias are out of it by its header, and its mean is 0.99."""
    calibrated.rows.pop()
    calibrated.add("flat", (0.99 * RESPONSE).astype(np.float32), L1STATZE=1, L1STATDA=1)
    calibrated.light()
    assert_all(calibrated.reduce(), 1000)
    assert "done already (L1STATDA = 1)" in calibrated.said
    assert "done already (L1STATZE = 1)" in calibrated.said


def test_a_finished_flat_that_says_nothing(calibrated):
    """A mean of 1 less a bias of 100 is negative: an error, and never an image, until the user says it is finished."""
    calibrated.rows.pop()
    calibrated.add("flat", RESPONSE.astype(np.float32), EXPTIME=10)
    calibrated.light()
    assert "was it finished already" in calibrated.reduce(status=1)
    assert_all(calibrated.reduce("--finished", "flat"), 1000)
    assert "subtract_bias skipped, being done already (as was said)" in calibrated.said


def test_a_finished_flat_taken_as_raw_is_refused_with_the_reason(night):
    """A mean of 1 less a dark of 0.6, scaled to 10 of its 60 s, is 0.9: positive, and no flat."""
    night.add("dark", np.full(SHAPE, 0.6, np.float32), EXPTIME=60)
    night.add("flat", RESPONSE.astype(np.float32), EXPTIME=10, L1STATDA=1)
    night.light()
    night.reduce("--dark-has-bias", "no")
    said = night.reduce("--dark-has-bias", "no", "--raw", "flat", status=1)
    assert "flat1.fits: the flat is 0.9 adu on average after Dark count correction image is dark0.fits" in said
    assert "was it finished already (--finished flat)" in said


def test_a_header_that_says_finished_of_a_raw_flat(calibrated):
    calibrated.rows.pop()
    calibrated.flat(ZEROCOR=True)
    calibrated.light()
    assert not np.allclose(calibrated.reduce(), 1000)
    assert_all(calibrated.reduce("--raw", "flat"), 1000)


def test_a_finished_light_comes_back_as_it_is(calibrated):
    calibrated.add("light", np.full(SHAPE, 7, np.float32), EXPTIME=10, CALSTAT="BDF")
    assert_all(calibrated.reduce(), 7)
    assert calibrated.said.count("CALSTAT = BDF") == 3


def test_a_light_said_to_be_finished_is_known_to_be_ever_after(calibrated):
    calibrated.add("light", np.full(SHAPE, 7, np.float32), EXPTIME=10)
    assert_all(calibrated.reduce("--finished", "light"), 7)
    calibrated.rows[-1] = "light, seven.fits"
    fits.writeto("seven.fits", fits.getdata("out.fits"), calibrated.header)
    assert_all(calibrated.reduce(), 7)


def test_a_light_said_to_be_raw_loses_the_cards_that_say_otherwise(calibrated):
    calibrated.light(ZEROCOR="done", FLATCOR="done")
    assert_all(calibrated.reduce("--raw", "light"), 1000)
    assert calibrated.header["ZEROCOR"].startswith("Zero level correction image is bias0.fits")
    calibrated.rows = calibrated.rows[-1:]
    calibrated.reduce("--raw", "light")
    assert "ZEROCOR" not in calibrated.header


def test_a_master_instead_of_raw_frames(calibrated):
    calibrated.bias(raw(0) + np.uint16(4))  # the mean of the two is 102
    calibrated.light()
    first = calibrated.reduce("--masters", "m")
    assert_all(first, 998, rtol=2e-3)
    calibrated.rows = [f"{kind}, m/master_{kind}.fits" for kind in ("bias", "dark", "flat")] + calibrated.rows[-1:]
    np.testing.assert_array_equal(calibrated.reduce(), first)


def test_a_master_among_raw_frames_counts_as_one_and_is_said(night):
    """Biases of 100 and 104 and a master of 108 have the mean 104."""
    for value in (100, 104):
        night.bias(np.full(SHAPE, value, np.uint16))
    night.bias(np.full(SHAPE, 108, np.uint16), name="m.fits", NCOMBINE=10)
    night.light()
    assert_all(night.reduce("--clip", "none"), raw(10, 1000) - 104.0)
    night.is_said_and_refused_when_strict(
        "m.fits: is a combination of 10 bias frames (NCOMBINE), and counts as one of 3"
    )


def test_a_master_without_bias_among_raw_darks_is_refused(night):
    night.bias()
    night.dark()
    night.add("dark", np.full(SHAPE, 60, np.float32), name="m.fits", EXPTIME=60, ZEROCOR=True)
    night.light()
    said = night.reduce(status=1)
    assert "dark1.fits and m.fits have been reduced differently" in said


@pytest.mark.parametrize(
    ("kind", "cards", "word"),
    [
        ("bias", {"ZEROCOR": True}, "stands in the list as bias, and its header says ZEROCOR = T"),
        ("dark", {"L1STATDA": 1}, "stands in the list as dark, and its header says L1STATDA = 1"),
    ],
)
def test_a_calibration_that_had_itself_taken_out_is_said(night, kind, cards, word):
    for each in ("bias", "dark", "flat"):
        getattr(night, each)(**(cards if each == kind else {}))
    night.light()
    assert_all(night.reduce(), 1000)
    night.is_said_and_refused_when_strict(word)


def test_a_flat_that_was_flat_fielded_is_refused(calibrated):
    calibrated.rows.pop()
    calibrated.flat(name="flat.fits", FLATCOR="done")
    calibrated.light()
    said = calibrated.reduce(status=1)
    assert "flat.fits: stands in the list as flat, and its header says FLATCOR = done" in said
    assert "flat.fits: flat-fielded already (FLATCOR = done)" in said
    assert_all(calibrated.reduce("--raw", "flat"), 1000)


# frames that differ


def test_twilight_flats_that_fade(night):
    """Levels of 20,000, 10,000 and 5,000 over the bias, a star in one: the response is 0.5 and 1.5 to the last."""
    night.bias()
    for level in (20_000, 10_000, 5_000):
        flat = raw(0, level)
        flat[2, 6] += 3000 * (level == 5_000)
        night.add("flat", flat, EXPTIME=2)
    night.light(seconds=0)
    assert_all(night.reduce("--strict", "--masters", "m"), 1000)
    assert_all(fits.getdata("m/master_flat.fits"), RESPONSE)
    assert fits.getheader("m/master_flat.fits")["NREJECT"] == 1


def test_lights_of_several_exposures(calibrated):
    """10 s of 1000 and 30 s of 3000 are 2000 in 20 s, their mean."""
    calibrated.light(1000, 10)
    calibrated.light(3000, 30)
    assert_all(calibrated.reduce(), 2000)
    assert [calibrated.header[key] for key in ("EXPTIME", "AXPOSURE", "XPOSURE")] == [20, 20, 40]
    assert calibrated.header["DARKCOR"].startswith("Dark count correction image is dark1.fits")
    assert "DARKSCL" not in calibrated.header  # it was another for each
    calibrated.is_said_and_refused_when_strict("lights of several exposures, 10 s, 30 s")


def test_longer_lights_count_more(calibrated):
    """1000 in 10 s and 3300 in 30 s are 4300 in 40 s: 2150 in 20 s; the median of the two rates gives 2100."""
    calibrated.light(1000, 10)
    calibrated.light(3300, 30)
    assert_all(calibrated.reduce("--clip", "none"), 2150)
    assert_all(calibrated.reduce("--clip", "none", "--method", "median"), 2100)


def test_lights_of_several_exposures_with_their_pedestal_in_are_refused(night):
    night.light(1000, 10)
    night.light(3000, 30)
    assert "its bias, which does not grow with time, is still in" in night.reduce(status=1)


def test_lights_of_several_exposures_that_are_rates_need_no_scaling(night):
    for seconds, rate in ((10, 49), (30, 51)):
        night.add("light", np.full(SHAPE, rate, np.float32), EXPTIME=seconds, BUNIT="electrons/s")
    assert_all(night.reduce("--strict"), 50)
    assert night.header["BUNIT"] == "electron/s"


def test_a_dark_that_is_a_rate_is_not_scaled(night):
    night.add("dark", np.full(SHAPE, 0.5, np.float32), EXPTIME=600, BUNIT="e-/s", ZEROCOR=True)
    night.add("light", np.full(SHAPE, 5, np.float32), EXPTIME=10, BUNIT="electron s-1", ZEROCOR=True)
    assert_all(night.reduce("--strict", "--variance", "none"), 4.5)


def arc(seconds, **columns):
    values = raw(seconds)
    for name, height in columns.items():
        values[:, int(name[1:])] += np.uint16(height)
    return values


def arc_lines(**columns):
    return arc(0, **columns) - np.float64(BIAS)


def test_arcs_of_several_lamps_and_exposures_are_added(night):
    """Neon twice for 10 s, one with a hit, and mercury for 30 s: the lines of both, and nothing else."""
    night.bias()
    night.dark()
    night.light()
    night.add("arc", arc(10, x2=50), EXPTIME=10, OBJECT="Ne")
    hit = arc(10, x2=50)
    hit[4, 6] += 2000
    night.add("arc", hit, EXPTIME=10, OBJECT="Ne")
    night.add("arc", arc(30, x5=80), EXPTIME=30, OBJECT="Hg")
    night.reduce()
    np.testing.assert_allclose(fits.getdata("out_arc.fits"), arc_lines(x2=50, x5=80), atol=1e-4)
    header = fits.getheader("out_arc.fits")
    assert [header[key] for key in ("COMBTYPE", "NCOMBINE", "NREJECT", "EXPTIME", "ARC3")] == [
        "sum",
        3,
        1,
        40,
        "arc5.fits",
    ]
    night.is_said_and_refused_when_strict("arcs of 2 lamps or exposures by their headers")


def test_arcs_of_one_lamp_are_combined(night):
    night.bias()
    night.light(seconds=0)
    for height in (50, 51, 52):
        night.add("arc", arc(0, x2=height), EXPTIME=10, OBJECT="Ne", LAMP1="Ne", LAMPAMPS=1.0 + height / 1000)
    night.reduce("--strict", "--clip", "none")
    np.testing.assert_allclose(fits.getdata("out_arc.fits"), arc_lines(x2=51))


def test_a_dark_without_exposure_is_one_second(night):
    """7 ADU in what counts as 1 s are 70 in 10 s: 1010 − 70."""
    night.bias()
    night.add("dark", raw(7))
    night.add("light", np.full(SHAPE, 1110, np.uint16), EXPTIME=10)
    assert_all(night.reduce(), 940)
    night.is_said_and_refused_when_strict(
        "dark1.fits: no exposure in the header; taken for 1 s, so that the dark is sc"
    )


def test_a_light_without_exposure_among_others_is_refused(calibrated):
    calibrated.light(seconds=10)
    calibrated.add("light", raw(10, 1000), SHUTTER=10)
    assert "different exposures (10 s, none); where another card has it name that" in calibrated.reduce(status=1)
    calibrated.rows[-2:] = []
    calibrated.add("light", raw(10, 1000), SHUTTER=10, name="s.fits")
    assert_all(calibrated.reduce("--exposure-key", "SHUTTER"), 1000)


@pytest.mark.parametrize(
    ("kind", "cards", "others", "words"),
    [
        ("bias", {"GAIN": 2.0}, {"GAIN": 1.0}, "gain: GAIN = 1 (dark1.fits); 2 (bias0.fits)"),
        (
            "dark",
            {"XBINNING": 2, "YBINNING": 2},
            {"XBINNING": 1, "YBINNING": 1},
            "binning: XBINNING, YBINNING = 2, 2 (dark1.fits); 1, 1 (bias0.fits)",
        ),
        (
            "flat",
            {"CCDSUM": "2 1"},
            {"CCDSUM": "1 1"},
            "binning: CCDSUM = 2 1 (flat2.fits); 1 1 (bias0.fits)",
        ),
        (
            "dark",
            {"CCD_TEMP": -8.5},
            {"CCD_TEMP": -10.0},
            "detector temperature: CCD-TEMP = -10 (flat2.fits); -8.5 (dark1.fits)",
        ),
        ("light", {"FILTER": "R"}, {"FILTER": "V"}, "filter: FILTER = R (light3.fits); V (flat2.fits)"),
        ("flat", {"GRATING": "600"}, {"GRATING": "1200"}, "grating: GRATING = 1200 (light3.fits); 600 (flat2.fits)"),
        ("light", {"SLIT": "1.0"}, {"SLIT": "2.0"}, "slit: SLIT = 1 (light3.fits); 2 (flat2.fits)"),
        (
            "bias",
            {"DETSEC": "[9:16,1:8]"},
            {"DETSEC": "[1:8,1:8]"},
            "readout section: DETSEC = [1:8,1:8] (dark1.fits); [9:16,1:8] (bias0.fits)",
        ),
        ("light", {"READMODE": "fast"}, {"READMODE": "slow"}, "readout mode: READMODE = fast (light3.fits); slow ("),
    ],
)
def test_frames_set_differently_are_said(night, kind, cards, others, words):
    for each in ("bias", "dark", "flat", "light"):
        getattr(night, each)(**(cards if each == kind else others))
    assert_all(night.reduce(), 1000)
    night.is_said_and_refused_when_strict(words)


@pytest.mark.parametrize(
    ("kind", "cards"),
    [
        ("bias", {"CCD_TEMP": -5.0, "FILTER": "R", "SLIT": "9", "OBJECT": "bias"}),
        ("dark", {"CCD_TEMP": -10.4, "FILTER": "dark", "OBJECT": "dark"}),
        ("flat", {"CCD_TEMP": -9.6, "FILTER": "V ", "SLIT": 1, "GRATING": "none", "OBJECT": "dome"}),
    ],
)
def test_what_does_not_matter_is_not_said(night, kind, cards):
    same = {"CCD_TEMP": -10.0, "FILTER": "V", "SLIT": "1.0", "GRATING": "600", "OBJECT": "star", "GAIN": 1.5}
    for each in ("bias", "dark", "flat", "light"):
        getattr(night, each)(**(same | cards if each == kind else same))
    assert_all(night.reduce("--strict"), 1000)


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        ({"OBJECT": "M 1"}, {"OBJECT": "M 2"}, "target: OBJECT = M 1 (light3.fits); M 2 (light4.fits)"),
        ({"RA": "12:00:00", "DEC": "+60:00:00"}, {"RA": "12:00:02", "DEC": "60:00:00"}, "light4.fits lies 15″ from"),
        ({"RA": 359.999, "DEC": 0.0}, {"RA": 0.001, "DEC": 0.0}, "light4.fits lies 7″ from that of light3.fits"),
        ({"RA": "1 0 0", "DEC": "-00 30 00"}, {"RA": "1 0 0", "DEC": "00 30 00"}, "lies 3600″ from"),
    ],
)
def test_lights_of_several_targets_are_said(calibrated, one, other, words):
    calibrated.light(**one)
    calibrated.light(**other)
    assert_all(calibrated.reduce(), 1000)
    calibrated.is_said_and_refused_when_strict(words)


def test_lights_of_one_target_are_not(calibrated):
    calibrated.light(OBJECT="M 1", RA="12:00:00.0", DEC="+60:00:00")
    calibrated.light(OBJECT="m  1", RA="12:00:00.2", DEC="+60:00:01")
    assert_all(calibrated.reduce("--strict"), 1000)


def test_combining_alone_compares_frames_too(calibrated):
    for cards in ({"OBJECT": "M 1", "GAIN": 1}, {"OBJECT": "M 2", "GAIN": 2}):
        calibrated.light(**cards)
    Path("night.csv").write_text("\n".join(calibrated.rows))
    assert main(["combine", "night.csv", "--type", "light", "-o", "c.fits"]) == 0
    said = calibrated.capsys.readouterr().err
    assert "gain: GAIN = 1 (light3.fits); 2 (light4.fits)" in said
    assert "target: OBJECT = M 1 (light3.fits); M 2 (light4.fits)" in said
    assert main(["combine", "night.csv", "--type", "light", "-o", "d.fits", "--strict"]) == 1


# frames listed more than once


def test_the_same_light_twice_counts_once(calibrated):
    """1000, 1000 again, and 1010: 1005, and not 1003.33."""
    name = calibrated.light(1000)
    calibrated.list("light", f"./{name}")
    calibrated.light(1010)
    assert_all(calibrated.reduce("--clip", "none"), 1005)
    assert calibrated.header["NCOMBINE"] == 2
    calibrated.is_said_and_refused_when_strict(f"{name}: listed 2 times, as light; counts once")


@pytest.mark.parametrize("kind", ["bias", "dark"])
def test_a_light_that_also_stands_as_bias_or_dark_is_refused(calibrated, kind):
    name = calibrated.light()
    calibrated.list(kind, name)
    said = calibrated.reduce(status=1)
    assert f"line 5: {name}: listed as light and as {kind} (line 4); taken out of itself it leaves nothing" in said


def test_a_flat_may_be_flat_fielded(calibrated):
    """The flat's own 20,000·R, flat-fielded, are 20,000."""
    calibrated.list("light", "flat2.fits")
    assert_all(calibrated.reduce(), 20_000)
    calibrated.is_said_and_refused_when_strict("flat2.fits: listed 2 times, as flat and light; counts once for each")


# where others fail


def test_one_outlier_in_ten_frames_averages_to_the_clean_value(night):
    for number in range(10):
        values = np.full(SHAPE, 1000, np.float32)
        values[3, 3] = 1e6 if number == 4 else 1000
        night.add("light", values, EXPTIME=10)
    assert_all(night.reduce("--strict"), 1000)
    assert night.header["NREJECT"] == 1


def test_nan_in_one_of_three_frames_is_ignored(night):
    """The mean of 102 and 104 is 103, and so is their median; it is flagged only where nothing else is left."""
    for value in (np.nan, 102, 104):
        values = np.full(SHAPE, 103, np.float32)
        values[3, 3] = value
        values[5, 5] = np.nan
        night.add("light", values, EXPTIME=10)
    for method in ("mean", "median"):
        values = night.reduce("--strict", "--method", method)
        assert (values[3, 3], values[0, 0]) == (103, 103)
        assert np.isnan(values[5, 5])
        assert np.argwhere(fits.getdata("out.fits", "MASK")).tolist() == [[5, 5]]


@pytest.mark.parametrize("options", [[], ["--saturation", "60000"]])
def test_a_pixel_saturated_in_one_of_two_lights_is_flagged(calibrated, options):
    cards = {} if options else {"SATURATE": 60_000}
    one = raw(10, 1000)
    one[1, 6] = 60_000
    calibrated.add("light", one, EXPTIME=10, **cards)
    calibrated.light(**cards)
    calibrated.reduce(*options)
    assert np.argwhere(fits.getdata("out.fits", "FLAGS") == 2).tolist() == [[1, 6]]
    assert fits.getdata("out.fits", "MASK").sum() == 1


def test_a_zero_in_the_flat_is_flagged_and_divides_by_one(night):
    night.bias()
    flat = raw(0, 20_000)
    flat[2, 2] = BIAS
    night.add("flat", flat, EXPTIME=10)
    night.light(seconds=0)
    values = night.reduce("--strict")
    mean = (20_000 * RESPONSE.sum() - 10_000) / 63
    assert values[2, 2] == 500
    assert values[0, 0] == pytest.approx(500 / (10_000 / mean))
    assert np.argwhere(fits.getdata("out.fits", "FLAGS") == 4).tolist() == [[2, 2]]
