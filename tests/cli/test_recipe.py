"""A night reduced by a recipe in a file: as by options, which go before it; and with a step of one's own."""

import json
import sys

import attrs
import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st
from small_nights import content
from strategies import examples

from pipeline import (
    Clip,
    Recipe,
    clean_cosmic_rays,
    heal,
    linearise,
    normalise_flat,
    read_recipe,
    subtract_overscan,
    to_electrons,
    write_recipe,
)
from pipeline.cli.main import main, parsed
from pipeline.cli.options import recipe_of


def options(*words):
    return parsed(["reduce", "night.csv", *map(str, words)])


# ---- the command that writes one ----


def test_the_defaults_are_written_and_reducing_by_them_is_reducing_without(night, capsys):
    assert main(["recipe"]) == 0
    (night / "printed.toml").write_text(capsys.readouterr().out, encoding="utf-8")
    assert main(["recipe", "-o", "written.toml"]) == 0
    assert (night / "printed.toml").read_bytes() == (night / "written.toml").read_bytes()
    assert read_recipe("printed.toml") == Recipe()
    assert main(["recipe", "-o", "written.toml"]) == 1
    assert "written.toml" in capsys.readouterr().err
    assert main(["reduce", "night.csv", "-o", "without.fits"]) == 0
    assert main(["reduce", "night.csv", "-o", "by.fits", "--recipe", "printed.toml"]) == 0
    assert content("by.fits") == content("without.fits")
    assert fits.getheader("by.fits")["RECIPEID"] == fits.getheader("by_arc.fits")["RECIPEID"] == Recipe().key


def test_a_recipe_of_a_few_lines_is_written_out_whole(night, capsys):
    (night / "short.toml").write_text('recipe = 1\nmethod = "median"\n')
    assert main(["recipe", "short.toml", "-o", "whole.toml"]) == 0
    assert read_recipe("whole.toml") == Recipe(method="median")
    assert len((night / "whole.toml").read_text().splitlines()) > 50


# ---- options and the file ----

EACH = (
    ["--method", "median"],
    ["--clip", "none"],
    ["--clip", "mad", "--sigma", "4", "--sigma-high", "6", "--iterations", "3"],
    ["--gain", "1.5", "--read-noise", "4"],
    ["--gain", "1.5,2", "--read-noise", "4,5", "--electrons"],
    ["--variance", "none"],
    ["--saturation", "60000", "--saturated-fraction", "0.5"],
    ["--dark-has-bias", "no", "--raw", "flat", "--without-bias", "light"],
    ["--hot", "8", "--dead", "0.5", "--grow", "2", "--no-diagonals"],
    ["--no-overscan"],
    ["--overscan", "median", "--overscan-order", "rows", "--amplifier", "[1:9,*]", "[10:12,*]"],
    ["--flat-by", "spline", "--flat-order", "9", "--saxis", "0"],
    ["--flat-by", "median", "--flat-region", "[2:9,2:9]"],
    ["--linearity", "1,1e-6", "--pedestal", "100"],
    ["--align", "correlation"],
    ["--heal", "x", "--heal-reach", "5"],
    ["--cosmic-rays", "convolve", "--cosmic", "niter=2", "--gain", "1.5", "--read-noise", "4"],
)


@examples(20)
@given(st.lists(st.sampled_from(EACH), max_size=4, unique_by=lambda words: words[0]))
def test_a_recipe_from_the_file_is_the_one_from_the_options(tmp_path_factory, asked):
    """And given again beside the file, the same options change nothing."""
    words = [word for one in asked for word in one]
    path = tmp_path_factory.mktemp("recipe") / "night.toml"
    recipe = recipe_of(options(*words))
    write_recipe(recipe, path)
    assert recipe_of(options("--recipe", path)) == recipe
    assert recipe_of(options("--recipe", path, *words)) == recipe
    assert recipe_of(options("--recipe", path)).key == recipe.key


BASE = Recipe(
    method="median",
    clip=Clip("mad", low=3.0, high=4.0, iterations=2),
    declared=(("flat", "raw"), ("dark", "finished")),
    cosmics=clean_cosmic_rays(gain=1.5, read_noise=4.0),
    linearity=linearise(coefficients=(1.0, 1e-6), pedestal=5.0),
    electrons=to_electrons(gain=1.5),
    normalise=normalise_flat(by="median", region="[2:9,2:9]"),
    overscan=subtract_overscan(method="median", order=2),
    healing=heal(by="along", reach=3),
)


@pytest.mark.parametrize(
    ("words", "changed"),
    [
        ("--method mean", {"method": "mean"}),
        ("--sigma 7", {"clip": Clip("mad", low=7.0, high=7.0, iterations=2)}),
        ("--clip std", {"clip": Clip("std", low=3.0, high=4.0, iterations=2)}),
        ("--clip none", {"clip": None}),
        ("--finished flat", {"declared": (("dark", "finished"), ("flat", "finished"))}),
        ("--pedestal 9", {"linearity": linearise(coefficients=(1.0, 1e-6), pedestal=9.0)}),
        ("--linearity 1", {"linearity": linearise(coefficients=(1.0,), pedestal=5.0)}),
        ("--heal-reach 9", {"healing": heal(by="along", reach=9)}),
        ("--heal nearest", {"healing": heal(by="nearest", reach=3)}),
        ("--cosmic niter=1", {"cosmics": clean_cosmic_rays(
            gain=1.5, read_noise=4.0, by=attrs.evolve(BASE.cosmics.every_setting["by"], niter=1))}),
        ("--gain 2", {"electrons": to_electrons(gain=2.0), "cosmics": clean_cosmic_rays(gain=2.0, read_noise=4.0)}),
        ("--no-overscan", {"overscan": None}),
        ("--flat-by spline", {"normalise": normalise_flat(by="spline")}),
        ("--overscan-order rows", {"overscan": subtract_overscan(method="median", order=None)}),
        ("", {}),
    ],
)  # fmt: skip
def test_an_option_goes_before_the_file_and_changes_nothing_else(tmp_path, words, changed):
    write_recipe(BASE, tmp_path / "base.toml")
    assert recipe_of(options("--recipe", tmp_path / "base.toml", *words.split())) == attrs.evolve(BASE, **changed)


def test_the_recipe_of_a_run_is_saved_and_its_key_is_in_header_and_record(night, capsys):
    words = ["--sigma", "7", "--gain", "1.5", "--read-noise", "4", "--overwrite", "--record"]
    assert main(["reduce", "night.csv", "-o", "one.fits", "--save-recipe", "saved.toml", *words]) == 0
    assert "wrote saved.toml" in capsys.readouterr().out
    assert main(["reduce", "night.csv", "-o", "two.fits", "--recipe", "saved.toml", "--record"]) == 0
    assert content("one.fits") == content("two.fits")
    keys = {json.loads((night / name).read_text())["recipe"] for name in ("one.json", "two.json")}
    assert keys == {fits.getheader("one.fits")["RECIPEID"]} != {Recipe().key}
    assert main(["replay", "two.json"]) == 0
    (night / "saved.toml").write_text("recipe = 1\n")
    assert main(["replay", "two.json"]) == 1
    assert "saved.toml: has changed since" in capsys.readouterr().err


def test_what_is_read_for_a_recipe_is_not_written_over(night, capsys):
    main(["recipe", "-o", "night.toml"])
    for words in (["-o", "night.toml"], ["--save-recipe", "night.toml"]):
        assert main(["reduce", "night.csv", "--recipe", "night.toml", "--overwrite", *words]) == 1
        assert "night.toml: is one of the files to be read" in capsys.readouterr().err
    for words in (["--output-dir", "products"], ["--every-hdu"]):
        assert main(["reduce", "night.csv", "--save-recipe", "new.toml", *words]) == 2
        assert "--save-recipe" in capsys.readouterr().err


def test_a_wrong_recipe_is_told_before_anything_is_read(night, capsys):
    (night / "night.toml").write_text("recipe = 1\nmethod = 'maen'\n")
    assert main(["reduce", "not_there.csv", "--recipe", "night.toml"]) == 1
    assert "night.toml: line 2: Recipe: method='maen'" in capsys.readouterr().err


# ---- a step of one's own ----

MODULE = """\
import attrs
from pipeline import Image, stage

@stage(rows=True)
def scaled(image: Image, *, by: float = 2.0) -> Image:
    return attrs.evolve(image, data=image.pixels.times(by))
"""


@pytest.fixture
def with_stage(night):
    """A night, a module with a stage beside it, and a recipe that puts it between two of ours, in three lines."""
    (night / "a_stage_of_mine.py").write_text(MODULE)
    (night / "mine.toml").write_text('recipe = 1\n[[extra]]\nstep = "a_stage_of_mine:scaled"\nafter = "divide"\n')
    path = list(sys.path)
    yield night
    sys.path[:] = path
    sys.modules.pop("a_stage_of_mine", None)


def test_three_lines_put_a_stage_of_ones_own_between_two_of_ours(with_stage, capsys):
    assert main(["reduce", "night.csv", "-o", "plain.fits"]) == 0
    assert main(["reduce", "night.csv", "-o", "mine.fits", "--recipe", "mine.toml", "--heal", "x", "--strict"]) == 0
    assert "mine.toml: code of others runs in this reduction" in capsys.readouterr().err
    np.testing.assert_array_equal(fits.getdata("mine.fits"), 2 * fits.getdata("plain.fits"))
    stages = [line.split("(")[0] for line in fits.getheader("mine.fits")["HISTORY"] if "(" in line]
    assert stages.index("divide") < stages.index("scaled") < stages.index("heal")
    np.testing.assert_array_equal(fits.getdata("mine_arc.fits"), fits.getdata("plain_arc.fits"))


def test_a_product_of_another_recipe_or_of_other_code_is_not_done(with_stage, capsys):
    reduce_again = ["reduce", "night.csv", "--output-dir", "products"]
    assert main(reduce_again) == 0
    assert main([*reduce_again, "--recipe", "mine.toml"]) == 1
    assert "made with other settings" in capsys.readouterr().err
    assert main([*reduce_again, "--recipe", "mine.toml", "--overwrite"]) == 0
    assert main([*reduce_again, "--recipe", "mine.toml"]) == 0
    assert "products/night.fits is done already" in capsys.readouterr().out
    (with_stage / "a_stage_of_mine.py").write_text(MODULE.replace("times(by)", "times(1.5 * by)"))
    del sys.modules["a_stage_of_mine"]
    assert main([*reduce_again, "--recipe", "mine.toml"]) == 1
    assert "made by other code" in capsys.readouterr().err
    assert (
        json.loads((with_stage / "products" / "night.fits.json").read_text())["recipe"]
        == fits.getheader("products/night.fits")["RECIPEID"]
    )
