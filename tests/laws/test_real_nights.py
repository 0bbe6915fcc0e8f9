"""Real frames, reduced by the command, against numbers worked out independently."""

import re
import shutil
import subprocess
import warnings

import attrs
import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData

from pipeline import MasterDark, normalise_flat, open_frame, subtract_dark
from pipeline.cli.main import main
from pipeline.errors import CalibrationError

pytestmark = pytest.mark.slow


@pytest.fixture
def reduced(shared_data, tmp_path, monkeypatch, capsys):
    """Run the command on a list of the shared data; give values, header, and what was printed."""
    monkeypatch.chdir(tmp_path)

    def run(filelist, *options):
        assert main(["reduce", str(shared_data / filelist), "-o", "a.fits", *options]) == 0
        said = capsys.readouterr()
        return fits.getdata("a.fits"), fits.getheader("a.fits"), said.out + said.err

    return run


def assert_figures(values, mean, median, at):
    assert values.dtype == ">f4"
    assert values.mean(dtype=np.float64) == pytest.approx(mean, abs=0.01)
    assert np.median(values) == pytest.approx(median, abs=0.01)
    assert values[100, 500] == pytest.approx(at, abs=0.01)


def test_sprat_lights(reduced):
    """Median of the lights − dark·120/600, divided by flat/mean: the flat is finished, the pedestal stays."""
    values, header, said = reduced("lt_sprat/filelist.csv", "--method", "median", "--clip", "none")
    assert values.shape == (254, 1024)
    assert_figures(values, 944.1663, 906.5445, 897.0108)
    assert header["DARKSCL"] == pytest.approx(0.2)
    assert "L1STATDA = 1" in said


def test_sprat_arc_is_finished_and_comes_back_unchanged(reduced, shared_data):
    _, _, said = reduced("lt_sprat/filelist.csv", "--method", "median", "--clip", "none")
    arc = fits.getdata("a_arc.fits")
    raw = fits.getdata(shared_data / "lt_sprat/raw/v_a_20180810_13_1_0_1.fits.gz")
    np.testing.assert_allclose(arc, raw, rtol=1e-6, atol=2e-3)
    assert arc.mean(dtype=np.float64) == pytest.approx(628.0409, abs=0.01)
    assert np.median(arc) == pytest.approx(397.7290, abs=0.01)
    assert "arc: 1 frame; no bias, dark not taken out again, done already (L1STATDA = 1)" in said


def test_sprat_standard(reduced):
    values, _, _ = reduced("lt_sprat/filelist_standard.csv", "--method", "median", "--clip", "none")
    assert_figures(values, 1025.3104, 910.9466, 903.6085)


def test_sprat_flat_taken_as_raw_is_refused_with_the_reason(shared_data, tmp_path, capsys):
    """Finished, the flat has a mean of 0.991; less the dark of 11.23 scaled by 8/600 it has 0.84, which is no flat."""
    command = ["reduce", str(shared_data / "lt_sprat/filelist.csv"), "-o", str(tmp_path / "a.fits")]
    assert main([*command, "--raw", "flat"]) == 1
    said = capsys.readouterr().err
    assert re.search(r"v_slit_red_1\.fits\.gz: the flat is 0\.8\d* adu on average after .*Dark count correction", said)
    assert "was it finished already (--finished flat)" in said
    assert not (tmp_path / "a.fits").exists()


def test_sprat_flat_less_the_whole_dark_is_negative(shared_data):
    """Unscaled, the dark leaves 0.99 − 11.23: an error, and never an image."""
    raw = shared_data / "lt_sprat/raw"
    dark = MasterDark.of(attrs.evolve(open_frame(raw / "v_dark_1.fits.gz", kind="dark"), exposure=8.0), has_bias=False)
    flat = subtract_dark(open_frame(raw / "v_slit_red_1.fits.gz", kind="flat"), dark=dark, force=True)
    with pytest.raises(
        CalibrationError, match=r"the flat is -10\.\d* adu .*should be positive: was it finished already"
    ):
        normalise_flat(flat)


def test_sprat_product_opens_everywhere(reduced):
    reduced("lt_sprat/filelist.csv", "--method", "median", "--clip", "none")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with fits.open("a.fits", checksum=True) as hdus:
            assert [hdu.name for hdu in hdus] == ["PRIMARY", "MASK", "FLAGS"]
            for hdu in hdus:
                hdu.verify("exception")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # astropy.wcs mends RADECSYS and the dates aloud
        ccd = CCDData.read("a.fits")
    np.testing.assert_array_equal(ccd.data, fits.getdata("a.fits"))
    assert ccd.unit == "adu"
    assert not ccd.mask.any()
    assert ccd.header["OBJECT"] == "LHS6328"


@pytest.mark.skipif(not shutil.which("fitsverify"), reason="fitsverify is not installed")
@pytest.mark.parametrize("night", ["lt_sprat/filelist.csv", "lt_sprat/filelist_standard.csv", "kast_blue/filelist.csv"])
def test_fitsverify_is_silent_about_products_and_masters(reduced, night, tmp_path):
    reduced(night, "--masters", "masters")
    for path in tmp_path.rglob("*.fits"):
        found = subprocess.run(["fitsverify", "-q", path], capture_output=True, text=True, check=False)
        assert found.stdout.startswith("verification OK"), found.stdout


def test_strict_refuses_a_dark_that_may_hold_the_bias(shared_data, tmp_path, capsys):
    output, recipe = tmp_path / "a.fits", tmp_path / "wide.toml"
    recipe.write_text(
        "recipe = 1\n[policy]\ndark_days = 400\n"
    )  # the dark is 13 months younger, which is refused first
    command = [
        "reduce",
        str(shared_data / "lt_sprat/filelist.csv"),
        "-o",
        str(output),
        "--strict",
        "--variance",
        "none",
    ]
    command += ["--recipe", str(recipe)]
    assert main(command) == 1
    assert "scaled by 0.2" in capsys.readouterr().err
    assert not output.exists()
    assert main([*command, "--dark-has-bias", "no"]) == 1
    said = capsys.readouterr().err
    assert "a pedestal is divided by the flat" in said  # no bias or overscan is taken out
    assert "or say that it holds none: --without-bias light" in said
    assert main([*command, "--dark-has-bias", "no", "--without-bias", "light"]) == 0


def test_kast(reduced, shared_data):
    values, header, _ = reduced("kast_blue/filelist.csv")
    assert values.shape == (350, 2048)
    assert np.isfinite(values).all()
    assert np.quantile(np.abs(values), 0.999) < 2000
    assert [header[f"BIAS{n}"] for n in (1, 2, 3)] == ["b21.fits.gz", "b22.fits.gz", "b23.fits.gz"]
    assert [header[f"FLAT{n}"] for n in (1, 2, 3)] == ["b11.fits.gz", "b12.fits.gz", "b13.fits.gz"]
    raw = fits.getheader(shared_data / "kast_blue/raw/b27.fits.gz")
    gone = {"DATASEC", "BSCALE", "BZERO", "BITPIX", "NAXIS1", "DATE"}  # what no longer holds
    twice = {"OBSTYPE"}  # the second one is in a comment
    anew = {"EXPTIME": 1200.0, "DATE-BEG": "2015-05-20T04:37:33.120", "DATE-END": "2015-05-20T04:57:33.140"}
    kept = {(card.keyword, str(card.value)) for card in header.cards}
    lost = {c.keyword for c in raw.cards if (c.keyword, str(c.value)) not in kept}
    assert lost <= gone | twice | set(anew)
    assert any("given again: OBSTYPE" in line for line in header["COMMENT"])
    assert {keyword: header[keyword] for keyword in anew} == anew


def test_kast_from_masters_is_the_same_to_the_bit(reduced, shared_data, tmp_path):
    values, _, _ = reduced("kast_blue/filelist.csv", "--masters", "masters")
    light = shared_data / "kast_blue/raw/b27.fits.gz"
    (tmp_path / "m.csv").write_text(f"light, {light}\nbias, masters/master_bias.fits\nflat, masters/master_flat.fits\n")
    assert main(["reduce", "m.csv", "-o", "again.fits"]) == 0
    np.testing.assert_array_equal(fits.getdata("again.fits"), values)


KAST = ("--amplifier", "[1:1024,*]", "[2049:2080,*]", "--amplifier", "[1025:2048,*]", "[2081:2112,*]")


def mean_within_5_sigma(values):
    """Work out a strip's level independently of the package."""
    median = np.median(values)
    sigma = 1.4826 * np.median(np.abs(values - median))
    return values[np.abs(values - median) <= 5 * max(sigma, 1)].mean()


def kast_by_hand(shared_data):
    """Reduce the Kast light in a few lines of numpy: each amplifier's overscan out, mean bias out, mean flat.

    Gives the light and its flat, not yet divided.
    """

    def data(number):
        raw = fits.getdata(shared_data / f"kast_blue/raw/b{number}.fits.gz").astype(np.float64)
        raw[:, :1024] -= mean_within_5_sigma(raw[:, 2048:2080])
        raw[:, 1024:2048] -= mean_within_5_sigma(raw[:, 2080:2112])
        return raw[:, :2048]

    bias = np.mean([data(number) for number in (21, 22, 23)], axis=0)
    flat = np.mean([data(number) for number in (11, 12, 13)], axis=0) - bias
    return data(27) - bias, flat


def test_kast_with_the_overscan_of_each_amplifier(reduced, shared_data):
    """The light's amplifiers read 2.5 and 3.1 ADU lower than in the biases, the flats' 5.7 and 15.3 higher.

    Left in, that is a sixth of the sky, divided by a flat that is too high: 92.2 becomes 76.6 ADU on the left half.
    """
    values, header, said = reduced("kast_blue/filelist.csv", *KAST, "--clip", "none")
    light, flat = kast_by_hand(shared_data)
    good = fits.getdata("a.fits", extname="FLAGS") == 0
    np.testing.assert_allclose(values[good], (light / flat)[good] * flat[good].mean(), rtol=1e-4, atol=0.02)
    rows = good.mean(axis=1)
    assert rows[:18].max() < 0.02  # outside the slit, whose ends are slanted, there is nothing but scattered light
    assert rows[335:].max() < 0.02
    assert rows[26:325].min() > 0.99
    assert fits.getdata("a.fits", extname="UNCERT")[~good].max() < 100
    assert "light: 1 frame; overscan out, trimmed, bias out" in said
    assert header["OVERSCAN"] == "Overscan section is [2049:2080,1:350] and [2081:2112,1:350] with mean"
    assert header["OSLEVEL1"] == pytest.approx(940.84, abs=0.01)
    assert header["OSLEVEL2"] == pytest.approx(961.76, abs=0.01)
    plain, _, _ = reduced("kast_blue/filelist.csv", "--clip", "none", "--overwrite")
    halves = [
        float(np.median(image[:, half][good[:, half]])) for image in (plain, values) for half in np.s_[:1024, 1024:]
    ]
    assert halves == pytest.approx([76.60, 15.89, 92.17, 17.62], abs=0.05)


def test_kast_turned_is_kast_turned(reduced):
    """The arc is: of the light the flat would be one of a spectrum along y, which Kast's is not."""
    reduced("kast_blue/filelist.csv", *KAST)
    plain = fits.getdata("a_arc.fits")
    _, header, _ = reduced("kast_blue/filelist.csv", *KAST, "--saxis", "0", "--overwrite")
    np.testing.assert_array_equal(fits.getdata("a_arc.fits"), np.rot90(plain))
    assert fits.getdata("a_arc.fits").shape == (2048, 350)
    assert header["DISPAXIS"] == 1
    assert (header["CRPIX1U"], header["CRPIX2U"]) == (0, 2049)  # Lick's own description has none, which is 0
    assert [header[f"PC{key}U"] for key in ("1_1", "1_2", "2_1", "2_2")] == [0, -1, 1, 0]
