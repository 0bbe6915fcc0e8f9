"""What the shared options ask for: a recipe, a mask, states, workers."""

import argparse
from pathlib import Path

import attrs
import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from pipeline import Clip, Noise, Recipe, mask_sources
from pipeline.cli.main import parsed
from pipeline.cli.options import client_of, combined_by, declared_of, inputs_of, night_of, recipe_asked, recipe_of
from pipeline.errors import SettingError
from pipeline.figures.colour import Appearance
from pipeline.night.recipe import Flagging


def options(*words, command="reduce"):
    return parsed([command, "night.csv", *map(str, words)])


def test_no_option_is_the_default_recipe():
    assert recipe_of(options()) == Recipe()
    combining = recipe_of(options("--type", "bias", "-o", "b.fits", command="combine"))
    assert combining == Recipe(overscan=None)


sigmas = st.floats(0.5, 50)


@given(st.none() | sigmas, st.none() | sigmas, st.none() | sigmas, st.sampled_from(["noise", "std", "mad"]))
def test_sigma_is_for_both_sides_unless_one_has_its_own(both, low, high, clip):
    given = {"--sigma": both, "--sigma-low": low, "--sigma-high": high}
    words = [word for name, value in given.items() if value is not None for word in (name, value)]
    either = 5.0 if both is None else both
    expected = Clip(clip, either if low is None else low, either if high is None else high)
    assert recipe_of(options("--clip", clip, *words)).clip == expected


@pytest.mark.parametrize(
    ("words", "changed"),
    [
        ("--clip none", {"clip": None}),
        ("--clip std --iterations 3", {"clip": Clip("std", 5.0, 5.0, iterations=3)}),
        ("--method median --saturation 60000", {"method": "median", "saturation": 60_000.0}),
        ("--variance none", {"variance": None}),
        ("--variance scatter", {"variance": "scatter"}),
        ("--dark-has-bias yes", {"dark_has_bias": True}),
        ("--dark-has-bias no", {"dark_has_bias": False}),
        ("--dark-scale fit", {"dark_scale": "fit"}),
        ("--raw flat --finished dark --raw light",
         {"declared": (("flat", "raw"), ("light", "raw"), ("dark", "finished"))}),
        ("--without-bias light --without-bias dark --raw light",
         {"declared": (("light", "raw"), ("light", "without bias"), ("dark", "without bias"))}),
        ("--hot 8 --dead .5 --noisy 4 --grow 2 --no-diagonals --saturated-fraction .25",
         {"flagging": Flagging(fraction=0.25, hot=8.0, dead=0.5, noisy=4.0, grow=2, diagonals=False)}),
        ("--flat-sources", {"flat_sources": mask_sources(sigma=4.0)}),
        ("--flat-sources 3", {"flat_sources": mask_sources(sigma=3.0)}),
        ("--gain 2 --read-noise 4",
         {"noise": Noise.of(gain=2.0, read_noise=4.0),
          "clip": Clip(low=5.0, high=5.0, counting=Noise.of(gain=2.0, read_noise=4.0))}),
        ("--gain 2,3 --read-noise 4",
         {"noise": (Noise.of(gain=2.0, read_noise=4.0), Noise.of(gain=3.0, read_noise=4.0))}),
    ],
)  # fmt: skip
def test_each_switch_changes_its_own_setting_and_no_other(words, changed):
    assert recipe_of(options(*words.split())) == attrs.evolve(Recipe(), **changed)


def test_a_mask_is_read_by_number_or_name_and_that_of_each_hdu_where_files_have_several(tmp_path):
    path = tmp_path / "m.fits"
    images = [fits.ImageHDU(np.eye(3, dtype="u1") * (number == 2), name=f"M{number}") for number in (1, 2)]
    fits.HDUList([fits.PrimaryHDU(), *images]).writeto(path)
    flags = [
        recipe_of(options("--mask", path, *words), mask_hdu=hdu).flagging.mask.flags
        for words, hdu in (
            (["--mask-hdu", "2"], None),
            (["--mask-hdu", "M2"], None),
            (["--mask-hdu", "1"], "M2"),
            ([], 1),
        )
    ]
    assert [int((one != 0).sum()) for one in flags] == [3, 3, 3, 0]
    with pytest.raises(SettingError, match="without --mask"):
        recipe_of(options("--mask-hdu", "2"))


def test_a_night_is_told_of_and_its_files_are_inputs(night, capsys):
    read = night_of(options())
    assert capsys.readouterr().out.startswith("night.csv: 3 bias")
    fits.writeto("m.fits", np.zeros((20, 30), np.uint8))
    asked = recipe_asked(options("--mask", "m.fits", "--fringe", "light1.fits"))
    extra = inputs_of(options(), read, asked.files)
    assert len(extra) == 13 + 3
    assert [Path(path).name for path in extra[-3:]] == ["night.csv", "m.fits", "light1.fits"]
    (night / "night.csv").write_text((night / "night.csv").read_text().replace(",", "\t"))
    assert len(night_of(options("--delimiter", "tab", "--quiet"))) == len(read)
    assert capsys.readouterr().out == ""


def test_without_workers_there_is_no_client_and_with_fewer_than_one_a_refusal():
    with client_of(options()) as client, combined_by(options()):
        assert client is None
    with pytest.raises(SettingError, match="--workers 0; expected one or more"), client_of(options("--workers", 0)):
        pass


def test_figures_look_by_default_as_they_do_in_python():
    given = options()
    assert Appearance(given.limits, given.stretch, given.colours) == Appearance()
    assert declared_of(argparse.Namespace(raw=[], finished=[], without_bias=[])) == ()
