"""The steps around the core, at the command line: each in its place, and in the product's header."""

import sys

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from pipeline import Clip, Noise, Recipe, clean_cosmic_rays, heal, linearise, read_night, reduce
from pipeline.cli.main import main
from pipeline.cli.step_options import NO_OTHER_STEPS

pytestmark = pytest.mark.usefixtures("here")
GAIN = ["--gain", "1.5", "--read-noise", "4"]


def run(*words):
    return main(["reduce", "night.csv", "--overwrite", *words])


def test_cosmic_rays_are_cleaned_from_a_single_light_once_bias_and_dark_are_out(simulated):
    assert run("-o", "dirty.fits") == 0
    settings = ["psfmodel=gauss", "psffwhm=4", "niter=3", "sepmed=false"]
    words = [word for setting in settings for word in ("--cosmic", setting)]
    assert run("-o", "clean.fits", "--cosmic-rays", "convolve", *GAIN, *words) == 0
    wild = {}
    for name in ("dirty", "clean"):
        pull = (fits.getdata(f"{name}.fits") - simulated.light) / simulated.sigma
        wild[name] = int(np.count_nonzero(pull > 10))
    header = fits.getheader("clean.fits")
    assert wild["dirty"] > 30
    assert wild["clean"] < 0.2 * wild["dirty"]
    assert [header[key] for key in ("CCLEANED", "CGAIN", "CFSMODE", "CPSFMOD")] == [True, 1.5, "convolve", "gauss"]
    steps = [line.split("(")[0] for line in header["HISTORY"] if "(" in line]
    order = [steps.index(name) for name in ("subtract_dark", "clean_cosmic_rays", "divide", "combine")]
    assert order == sorted(order)
    assert "sepmed=False" in "".join(header["HISTORY"])
    assert np.count_nonzero(fits.getdata("clean.fits", "FLAGS") & 32) == header["NCOSMIC"]


def test_bad_pixels_are_healed_last_and_stay_in_the_mask():
    assert run("-o", "healed.fits", "--cosmic-rays", "median", *GAIN, "--heal", "y", "--heal-reach", "9") == 0
    header, flags = fits.getheader("healed.fits"), fits.getdata("healed.fits", "FLAGS")
    assert header["HEALED"] is True
    assert "".join(header["HISTORY"]).rindex("heal(") > "".join(header["HISTORY"]).rindex("divide(")
    assert (fits.getdata("healed.fits", "MASK")[flags & 128 != 0] == 1).all()


def test_linearity_comes_before_everything_else():
    assert run("-o", "straight.fits", "--linearity", "1,1e-7", "--pedestal", "1000") == 0
    header = fits.getheader("straight.fits")
    assert header["LINCOR"].startswith("Linearity correction is 1 s^1 + 1e-07 s^2 from 1000 adu")
    assert "linearise(" in header["HISTORY"][0] or "linearise(" in header["HISTORY"][1]
    recipe = Recipe(linearity=linearise(coefficients=(1.0, 1e-7), pedestal=1000.0))
    product = reduce(read_night("night.csv"), recipe=recipe)
    np.testing.assert_array_equal(product.pixels.values, fits.getdata("straight.fits"))


def test_fringes_are_subtracted_after_the_flat():
    y, x = np.mgrid[:64, :80]
    pattern = np.sin(x / 4.0 + y / 9.0)
    fits.writeto("fringe.fits", pattern, fits.Header({"FLATCOR": True}), overwrite=True)
    assert run("-o", "plain.fits") == 0
    assert run("-o", "less.fits", "--fringe", "fringe.fits", "--fringe-scale", "2") == 0
    difference = fits.getdata("plain.fits") - fits.getdata("less.fits")
    np.testing.assert_allclose(difference, 2 * (pattern - pattern.mean()), atol=1e-2)
    assert fits.getheader("less.fits")["FRINGCOR"] == "Fringe image is fringe.fits with scale=2"


def test_quality_numbers_are_written():
    assert run("-o", "seen.fits", "--quality", "quality.csv", "--quiet") == 0
    table = Table.read("quality.csv")
    night = read_night("night.csv")
    assert len(table) == len(night) + 2  # the light and the arc
    assert table["name"][-2:].tolist() == ["product of 1 light", "product of 1 arc"]
    assert set(table["kind"]) == {"bias", "dark", "flat", "light", "arc"}
    bias = table[table["kind"] == "bias"]
    assert np.allclose(bias["level"], 1003, atol=4)
    assert not np.ma.is_masked(bias["rejected"])


def test_a_recipe_takes_the_same_steps():
    recipe = Recipe(
        clip=Clip(counting=Noise.of(gain=1.5, read_noise=4.0)),
        cosmics=clean_cosmic_rays(gain=1.5, read_noise=4.0),
        healing=heal(by="along", saxis=0, reach=9),
    )
    product = reduce(read_night("night.csv"), recipe=recipe)
    assert run("-o", "healed.fits", "--cosmic-rays", "median", *GAIN, "--heal", "y", "--heal-reach", "9") == 0
    np.testing.assert_array_equal(product.pixels.values, fits.getdata("healed.fits"))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--cosmic-rays", "median"], "--cosmic-rays needs --gain and --read-noise"),
        (["--cosmic", "niter=3"], "--cosmic is for --cosmic-rays"),
        (["--cosmic-rays", "median", *GAIN, "--cosmic", "nitre=3"], "expected NAME=VALUE with one of sigclip"),
        (["--cosmic-rays", "median", *GAIN, "--cosmic", "niter=many"], "expected a number behind niter="),
        (["--cosmic-rays", "median", *GAIN, "--cosmic", "sepmed=perhaps"], "expected true or false behind sepmed="),
        (["--cosmic-rays", "median", *GAIN, "--cosmic", "psfmodel=cone"], "psfmodel='cone'; expected 'gauss'"),
        (["--linearity", "one"], "--linearity one; expected numbers"),
        (["--fringe-scale", "1"], "--fringe-scale is for --fringe FILE"),
        (["--heal-reach", "1"], "--heal-reach is for --heal"),
    ],
)
def test_switches_that_make_no_sense_are_refused(capsys, words, says):
    assert run("-o", "no.fits", *words) == 2
    assert says in capsys.readouterr().err


def test_a_quality_file_that_is_there_is_refused_before_any_work(capsys, folder):
    (folder / "there.csv").write_text("mine")
    assert main(["reduce", "night.csv", "-o", "no.fits", "--quality", "there.csv"]) == 1
    assert "there.csv: is there already" in capsys.readouterr().err
    assert not (folder / "no.fits").exists()


def test_a_command_without_these_switches_has_none_of_them_set():
    from pipeline.cli.main import parsed as command_line

    parsed = command_line(["reduce", "night.csv"])
    assert {name: getattr(parsed, name) for name in NO_OTHER_STEPS} == NO_OTHER_STEPS


def test_amplifiers_come_from_the_command_line(night):
    """Levels of 30 and 10 in the last columns: 630 becomes 600 and 620; the list has nothing else."""
    frame = np.full((20, 34), 630, np.uint16)
    frame[:, 30:32], frame[:, 32:] = 30, 10
    fits.writeto("k.fits", frame)
    (night / "k.csv").write_text("light, k.fits")
    amplifiers = ["--amplifier", "[1:15,*]", "[31:32,*]", "--amplifier", "[16:30,*]", "[33:34,*]"]
    for more in ([], ["--overscan", "median", "--overscan-order", "1"], ["--overscan-order", "rows"]):
        assert main(["reduce", "k.csv", "-o", "k_out.fits", "--overwrite", *amplifiers, *more]) == 0
        values = fits.getdata("k_out.fits")
        assert values.shape == (20, 30)
        np.testing.assert_allclose(values[:, :15], 600, atol=1e-3)
        np.testing.assert_allclose(values[:, 15:], 620, atol=1e-3)


def test_electrons_and_orientation_come_last(night, capsys):
    assert main(["reduce", "night.csv", "--electrons", "--gain", "2", "--saxis", "0"]) == 0
    for name, value in (("reduced.fits", 1000), ("reduced_arc.fits", 100)):
        values, header = fits.getdata(name, header=True)
        assert values.shape == (30, 20)
        assert (values == value).all()
        assert (header["BUNIT"], header["DISPAXIS"]) == ("electron", 1)
    assert "flat out, in electrons, dispersion along x" in capsys.readouterr().out


def test_a_flat_is_divided_by_what_was_asked_for(night):
    assert main(["reduce", "night.csv", "--flat-by", "500", "--masters", "m"]) == 0
    assert (fits.getdata("m/master_flat.fits") == 2).all()
    assert fits.getheader("m/master_flat.fits")["FLATNORM"] == "500.0"
    assert (fits.getdata("reduced.fits") == 250).all()
    (night / "again.csv").write_text(
        "light, light1.fits\n" + "\n".join(f"{k}, m/master_{k}.fits" for k in ("bias", "dark", "flat"))
    )
    assert main(["reduce", "again.csv", "-o", "again.fits"]) == 0
    assert (fits.getdata("again.fits") == 250).all()
    for more in (["median"], ["median", "--flat-region", "[1:9,1:9]"], ["spline", "--flat-order", "3"], ["polynomial"]):
        assert main(["reduce", "night.csv", "--overwrite", "--flat-by", *more]) == 0
        np.testing.assert_allclose(fits.getdata("reduced.fits"), 500, rtol=1e-5)


@pytest.mark.parametrize(
    ("switches", "status", "words"),
    [
        (["--flat-by", "mode"], 2, "--flat-by mode; expected mean"),
        (["--flat-order", "3"], 2, "--flat-order is for"),
        (["--flat-region", "[1:2]"], 2, "expected a section"),
        (["--overscan-order", "x"], 2, "--overscan-order x; expected"),
        (["--amplifier", "1:5", "[6:7,*]"], 2, "expected a section"),
        (["--amplifier", "[1:50,*]", "[6:7,*]"], 1, "lies outside its 20 rows"),
        (["--electrons"], 1, "no gain in e-/ADU"),
        (["--electrons", "--gain", "-1"], 2, "gain=-1.0; expected a positive number of e⁻/ADU"),
        (["--gain", "2"], 2, "go together"),
    ],
)
def test_switches_of_the_core_that_make_no_sense_are_refused(night, capsys, switches, status, words):
    assert main(["reduce", "night.csv", *switches]) == status
    assert words in capsys.readouterr().err
    assert not (night / "reduced.fits").exists()


def test_what_cosmic_rays_need_is_asked_for_before_a_frame_is_read(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "astroscrappy", None)
    asked = ["--cosmic-rays", "median", "--gain", "1.5", "--read-noise", "5"]
    assert main(["reduce", "there-is-none.csv", *asked]) == 2
    assert "pip install 'ccd-pipeline[cosmicray]'" in capsys.readouterr().err
