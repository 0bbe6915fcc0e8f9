"""The steps around the core, at the command line: each in its place, and in the product's header."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from pipeline import Clip, Noise, Recipe, clean_cosmic_rays, heal, linearise, read_night, reduce
from pipeline.cli.main import main
from pipeline.cli.step_options import NO_OTHER_STEPS
from pipeline.simulation.simulate import Counts, Detector, simulate, write_night

DETECTOR = Detector(cosmic_rays=2000, overscan=0)
GAIN = ["--gain", "1.5", "--read-noise", "4"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("night")
    write_night(simulate(shape=(64, 80), scene="stars", counts=Counts(light=1), detector=DETECTOR), folder)
    return folder


@pytest.fixture(autouse=True)
def here(folder, monkeypatch):
    monkeypatch.chdir(folder)


def run(*words):
    return main(["reduce", "night.csv", "--overwrite", *words])


def test_cosmic_rays_are_cleaned_from_a_single_light_once_bias_and_dark_are_out():
    assert run("-o", "dirty.fits") == 0
    settings = ["psfmodel=gauss", "psffwhm=4", "niter=3", "sepmed=false"]
    words = [word for setting in settings for word in ("--cosmic", setting)]
    assert run("-o", "clean.fits", "--cosmic-rays", "convolve", *GAIN, *words) == 0
    night = simulate(shape=(64, 80), scene="stars", counts=Counts(light=1), detector=DETECTOR)
    wild = {}
    for name in ("dirty", "clean"):
        pull = (fits.getdata(f"{name}.fits") - night.light) / night.sigma
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
        (["--cosmic-rays", "median", *GAIN, "--cosmic", "psfmodel=cone"], "psfmodel='cone'; expected one of"),
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


def test_scan_proposes_a_list_that_reduces(capsys, folder):
    assert main(["scan", "raw", "-o", "proposed.csv"]) == 0
    assert "wrote proposed.csv: FrameSet(7 bias, 5 dark, 7 flat, 1 light, 1 arc)" in capsys.readouterr().out
    assert main(["scan", "raw", "-o", "proposed.csv"]) == 1
    assert main(["scan", "nowhere", "-o", "other.csv"]) == 1
    assert main(["reduce", "proposed.csv", "-o", "scanned.fits", "--quiet"]) == 0
    run("-o", "plain.fits")
    np.testing.assert_array_equal(fits.getdata("scanned.fits"), fits.getdata("plain.fits"))


def test_a_command_without_these_switches_has_none_of_them_set():
    from pipeline.cli.main import parsed as command_line

    parsed = command_line(["reduce", "night.csv"])
    assert {name: getattr(parsed, name) for name in NO_OTHER_STEPS} == NO_OTHER_STEPS
