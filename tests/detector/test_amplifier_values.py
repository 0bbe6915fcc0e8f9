"""Several amplifiers in one frame: the gain, read noise and saturation of each, by header or as said."""

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick

from pipeline import (
    Amplifier,
    FrameSet,
    Image,
    Noise,
    Pixels,
    Recipe,
    attach_header,
    chain,
    clean_cosmic_rays,
    each,
    estimate_variance,
    flag_saturated,
    open_frame,
    orient,
    reduce,
    subtract_overscan,
    to_electrons,
    write,
)
from pipeline.cli.main import main
from pipeline.detector.amplifier_values import regions_of
from pipeline.detector.section import Section
from pipeline.errors import CalibrationError, SettingError
from pipeline.testing import pixels

HALVES = {"DATASECA": "[1:2,1:3]", "DATASECB": "[3:4,1:3]"}
"""The sections of frames of 3 rows and 4 columns that two amplifiers read."""

ways = st.sampled_from(["GAIN", "GTGAIN", "ATODGN"])


def halves(values, **cards):
    return Image.of(values, header={**HALVES, **cards}, name="halves.fits")


@quick
@given(pixels(shape=(3, 4)), st.tuples(st.floats(0.2, 9), st.floats(0.2, 9)), ways)
def test_each_amplifiers_values_and_errors_grow_by_its_gain(drawn, gains, way):
    cards = dict(zip((f"{way}A", f"{way}B"), gains, strict=True))
    out = to_electrons(halves(drawn, **cards))
    for part, gain in ((slice(0, 2), gains[0]), (slice(2, 4), gains[1])):
        alone = to_electrons(Image.of(drawn.cut(slice(None), part)), gain=gain).pixels
        assert out.pixels.cut(slice(None), part) == alone
    assert to_electrons(halves(drawn), gain=gains).pixels == out.pixels


@pytest.mark.parametrize(
    ("cards", "gains"),
    [
        ({"GAINA": 2.0, "GAINB": 3.0}, (2.0, 3.0)),
        ({"GAINA": (0.5, "[ADU/e-]"), "GAINB": (0.25, "[ADU/e-]")}, (2.0, 4.0)),
        ({"GAINA": 2, "GAINB": 0}, (2.0, None)),
        ({"GAINA": "high", "GAINB": "low"}, (None, None)),
        ({"GAIN": 2.0}, (None, None)),
        ({"GAINA": (1, "gain setting"), "GAINB": (1, "gain setting")}, (None, None)),
    ],
)
def test_gains_as_headers_say_them(cards, gains):
    assert tuple(region.gain for region in regions_of(halves(np.ones((3, 4)), **cards))) == gains


def test_esos_ports_have_each_their_gain_and_noise():
    cards = {}
    for number, x in ((1, 1), (2, 9)):
        port = {"X": x, "Y": 1, "NX": 3, "NY": 2, "PRSCX": 1, "PRSCY": 0, "OVSCX": 1, "OVSCY": 0}
        port |= {"CONAD": 1.0 + number, "RON": 3.0 + number}
        cards |= {f"HIERARCH ESO DET OUT{number} {key}": value for key, value in port.items()}
    trimmed = subtract_overscan(Image.of(np.ones((2, 10)), header=cards))
    found = regions_of(trimmed)
    assert [(one.section, one.gain, one.read_noise) for one in found] == [
        (Section(0, 3, 0, 2), 2.0, 4.0), (Section(3, 6, 0, 2), 3.0, 5.0),
    ]  # fmt: skip


def test_gains_the_other_way_round_and_noise_in_adu():
    cards = {"HIERARCH ESO DET OUT1 GAIN": 0.5, "HIERARCH ESO DET OUT2 GAIN": 0.25, "RDNOISE1": (3.0, "[ADU]")}
    image = Image.of(np.ones((3, 4)), header={"DATASEC1": "[1:2,1:3]", "DATASEC2": "[3:4,1:3]", **cards})
    assert [(one.gain, one.read_noise) for one in regions_of(image)] == [(2.0, 6.0), (4.0, None)]


def test_amplifiers_given_by_hand_are_the_products_too(tmp_path):
    kast = (Amplifier("[1:3,*]", "[7:7,*]"), Amplifier("[4:6,*]", "[8:8,*]"))
    values = np.array([[10, 10, 10, 20, 20, 20, 0, 0]] * 4, "u2")
    step = chain(subtract_overscan(amplifiers=kast), to_electrons(gain=(1.2, 1.5)))
    out = step(Image.of(values, header={"RDNOISE": (4.0, "[ADU]"), "SATURATE": 100}))
    np.testing.assert_allclose(out.pixels.values, [[12.0] * 3 + [30.0] * 3] * 4, rtol=1e-6)
    write(attach_header(out), tmp_path / "product.fits")
    again = open_frame(tmp_path / "product.fits")
    assert again.state.gain
    found = regions_of(again)
    assert [one.gain for one in found] == [1.0, 1.0]
    np.testing.assert_allclose([one.read_noise for one in found], [4.8, 6.0])
    np.testing.assert_allclose([one.saturation for one in found], [120.0, 150.0])
    assert not regions_of(orient(out, saxis=0))


def test_one_gain_stays_one_gain():
    image = Image.of(np.ones((2, 2)), header={"GAINA": 3.0})
    assert not regions_of(image)
    assert to_electrons(image, gain=(2.0,)).pixels == to_electrons(image, gain=2.0).pixels
    with pytest.raises(CalibrationError, match="2 numbers for the gain of 1 amplifiers"):
        to_electrons(image, gain=(1.0, 2.0))


@pytest.mark.parametrize("gain", [(), (1.0, 0.0), (1.0, float("nan")), ("a", "b"), "ab", True])
def test_gains_are_positive_numbers(gain):
    with pytest.raises(SettingError, match=r"expected a positive number of e⁻/ADU|expected one for each"):
        to_electrons(halves(np.ones((3, 4))), gain=gain)


def test_each_amplifier_saturates_at_its_own_level_also_read_by_rows():
    values = np.full((3, 4), 50.0)
    image = halves(values, SATURATA=50.0, SATURATB=60.0)
    np.testing.assert_array_equal(flag_saturated(image).pixels.flags, [[2, 2, 0, 0]] * 3)
    np.testing.assert_array_equal(flag_saturated(image, level=50.0).pixels.flags, np.full((3, 4), 2))
    sections = {"DATASECA": "[1:4,1:1]", "DATASECB": "[1:4,2:3]"}
    rows = Image.of(values, header={**sections, "SATURATA": 50.0, "SATURATB": 60.0})
    (lazy,) = each(flag_saturated())(FrameSet((rows,)))
    np.testing.assert_array_equal(lazy.rows(1, 3).pixels.flags, np.zeros((2, 4)))


def test_the_variance_of_a_single_frame_is_that_of_each_amplifier():
    cards = {"GAINA": 2.0, "GAINB": 4.0, "RDNOISEA": 6.0, "RDNOISEB": 8.0}
    overscan = halves(np.full((3, 4), 100.0), OVERSCAN="done", **cards)
    expected = np.array([[100 / 2 + 9, 100 / 2 + 9, 100 / 4 + 4, 100 / 4 + 4]] * 3) + 1 / 12
    np.testing.assert_allclose(estimate_variance(overscan).pixels.variance, expected)
    given_noise = (Noise.of(gain=2.0, read_noise=6.0), Noise.of(gain=4.0, read_noise=8.0))
    np.testing.assert_allclose(estimate_variance(overscan, noise=given_noise).pixels.variance, expected)
    counted = estimate_variance(to_electrons(overscan)).pixels
    np.testing.assert_allclose(counted.variance, [[200 + 36, 200 + 36, 400 + 64, 400 + 64]] * 3, rtol=5e-3)
    with pytest.raises(CalibrationError, match="the noise of 3 amplifiers given, and its header tells of 2"):
        estimate_variance(overscan, noise=(*given_noise, given_noise[0]))


def test_the_variance_of_a_night_of_several_gains_is_true():
    """One light, read by two amplifiers: (reduced − truth)/σ is 1 wide on each, in electrons and in ADU."""
    rng = np.random.default_rng(4)
    gains, noises = np.repeat([1.5, 3.0], 200), np.repeat([4.0, 9.0], 200)
    cards = {"DATASEC1": "[1:200,1:100]", "DATASEC2": "[201:400,1:100]"}

    def frame(kind, electrons, number):
        counted = rng.poisson(electrons, (100, 400)) + rng.normal(0, noises, (100, 400))
        return Image.of(counted / gains + 500, kind=kind, exposure=1.0, header=cards, name=f"{kind}{number}")

    frames = FrameSet([*(frame("bias", 0, n) for n in range(5)), frame("light", 900, 0)])
    noise = tuple(Noise.of(gain=g, read_noise=r) for g, r in ((1.5, 4.0), (3.0, 9.0)))
    for electrons, truth in ((to_electrons(gain=(1.5, 3.0)), 900.0), (None, 900 / gains)):
        out = reduce(frames, recipe=Recipe(noise=noise, electrons=electrons)).pixels
        pulls = (out.values - truth) / np.sqrt(out.total_variance)
        for half in (pulls[:, :200], pulls[:, 200:]):
            assert half.std() == pytest.approx(1, abs=0.02)


def test_cosmic_rays_are_judged_by_each_amplifiers_gain():
    pytest.importorskip("astroscrappy")
    rng = np.random.default_rng(5)
    gains = np.repeat([1.0, 8.0], 40)
    electrons = rng.poisson(400, (60, 80)) + rng.normal(0, 4, (60, 80))
    hits = [(20, 20), (20, 60), (40, 10), (40, 70)]
    for y, x in hits:
        electrons[y, x] += 900
    cards = {"DATASEC1": "[1:40,1:60]", "DATASEC2": "[41:80,1:60]", "ZEROCOR": "done"}
    image = Image.of(Pixels.of(electrons / gains), header=cards)
    out = clean_cosmic_rays(image, gain=(1.0, 8.0), read_noise=(4.0, 4.0))
    assert all(out.pixels.mask[y, x] for y, x in hits)
    assert out.pixels.mask.sum() < 12
    assert {key: value for key, value, _ in out.added}["CGAIN"] == "1, 8"
    with pytest.raises(SettingError, match="expected a positive number of e⁻/ADU"):
        clean_cosmic_rays(image, gain=(1.0, 0.0), read_noise=4.0)


def test_the_command_takes_a_number_of_each_amplifier(tmp_path, capsys):
    for number in range(2):
        values = np.hstack([np.full((5, 4), 600), np.full((5, 4), 700), np.full((5, 2), 500), np.full((5, 2), 520)])
        fits.PrimaryHDU(values.astype("u2")).writeto(tmp_path / f"l{number}.fits")
    (tmp_path / "night.csv").write_text("light, l0.fits\nlight, l1.fits")
    command = ["reduce", str(tmp_path / "night.csv"), "-o", str(tmp_path / "p.fits"), "--electrons", "--record"]
    command += ["--amplifier", "[1:4,*]", "[9:10,*]", "--amplifier", "[5:8,*]", "[11:12,*]"]
    assert main([*command, "--gain", "1.5,2", "--read-noise", "3,4"]) == 0
    np.testing.assert_array_equal(fits.getdata(tmp_path / "p.fits"), [[150.0] * 4 + [360.0] * 4] * 5)
    assert main(["replay", str(tmp_path / "p.json")]) == 0
    with pytest.raises(SystemExit):
        main([*command, "--gain", "1.5;2"])
    assert "expected a number, or one of each amplifier" in capsys.readouterr().err
