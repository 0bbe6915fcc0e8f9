"""Recipes in files: what they name is found from their folder, and code is imported for names that they list alone."""

import sys
from importlib import metadata

import numpy as np
import pytest
from astropy.io import fits

from pipeline import (
    Extra,
    Flagging,
    Mask,
    MasterBias,
    MasterFringe,
    Recipe,
    chain,
    clean_cosmic_rays,
    flag_saturated,
    heal,
    open_frame,
    read_chain,
    read_mask,
    read_recipe,
    running,
    subtract_bias,
    subtract_fringe,
    write,
    write_recipe,
)
from pipeline.errors import OutputError, RecipeError, SettingError
from pipeline.fits.read_recipe import read_recipe_and_files

MODULE = """\
import attrs
from pipeline import Image, stage

@stage(rows=True)
def scaled(image: Image, *, by: float = 2.0) -> Image:
    return attrs.evolve(image, data=image.pixels.times(by))

def plain(image):
    return image
"""
EXTRA = 'recipe = 1\n[[extra]]\nstep = "{}"\nafter = "divide"\n'


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with images, and modules that are imported from nowhere else."""
    rng = np.random.default_rng(3)
    for name in ("fringe", "bias", "sky"):
        fits.writeto(tmp_path / f"{name}.fits", rng.normal(100, 5, (6, 8)).astype("f4"), fits.Header({"EXPTIME": 3.0}))
    write(Mask.of(np.eye(6, 8)), tmp_path / "mask.fits")
    (tmp_path / "my_steps_of_a_test.py").write_text(MODULE)
    (tmp_path / "my_other_steps_of_a_test.py").write_text("raise ValueError('is not to be imported')")
    path, modules = list(sys.path), set(sys.modules)
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if "steps_of_a_test" in name:
            del sys.modules[name]


def test_masks_and_masters_stand_in_it_by_their_files(folder, monkeypatch):
    fringe = MasterFringe.of(open_frame(folder / "fringe.fits"))
    recipe = Recipe(
        flagging=Flagging(mask=read_mask(folder / "mask.fits")),
        fringe=subtract_fringe(fringe=fringe, scale=1.5),
        cosmics=clean_cosmic_rays(gain=1.0, read_noise=3.0, background=open_frame(folder / "sky.fits")),
    )
    (folder / "below").mkdir()
    write_recipe(recipe, folder / "below" / "night.toml")
    monkeypatch.chdir("/")
    again, files = read_recipe_and_files(folder / "below" / "night.toml")
    assert again.key == recipe.key
    assert again.flagging.mask.flags.tobytes() == recipe.flagging.mask.flags.tobytes()
    assert [path.name for path in files] == ["night.toml", "mask.fits", "sky.fits", "fringe.fits"]
    assert "../mask.fits" in (folder / "below" / "night.toml").read_text()


def test_a_chain_with_a_master_is_found_again(folder):
    bias = MasterBias.of(open_frame(folder / "bias.fits", kind="bias"))
    write_recipe(chain(flag_saturated(), subtract_bias(bias=bias)), folder / "chain.toml")
    again = read_chain(folder / "chain.toml")
    assert again.steps[0] == flag_saturated()
    assert dict(again.steps[1].settings)["bias"].pixels == bias.pixels
    with pytest.raises(RecipeError, match="holds a chain, and no recipe"):
        read_recipe(folder / "chain.toml")
    write_recipe(Recipe(), folder / "recipe.toml")
    with pytest.raises(RecipeError, match="holds a recipe, and no chain"):
        read_chain(folder / "recipe.toml")


def test_a_file_that_has_changed_since_is_refused(folder):
    recipe = Recipe(flagging=Flagging(mask=read_mask(folder / "mask.fits")))
    write_recipe(recipe, folder / "night.toml")
    write(Mask.of(np.ones((6, 8)) * (np.arange(8) < 2)), folder / "mask.fits", overwrite=True)
    with pytest.raises(RecipeError, match=r"line \d+: .*mask.fits holds other pixels than when"):
        read_recipe(folder / "night.toml")


def test_what_is_in_no_file_is_refused_and_nothing_is_written_over(folder):
    for mask in (Mask.of(np.eye(6, 8)), Mask.of(np.eye(6, 8), name="not_there.fits")):
        with pytest.raises(SettingError, match=r"in no file|is no file"):
            write_recipe(Recipe(flagging=Flagging(mask=mask)), folder / "night.toml")
    other = Mask.of(np.ones((6, 8)) * (np.arange(8) < 2), name=str(folder / "mask.fits"))
    with pytest.raises(RecipeError, match="holds other pixels"):
        write_recipe(Recipe(flagging=Flagging(mask=other)), folder / "night.toml")
    write_recipe(Recipe(), folder / "night.toml")
    with pytest.raises(OutputError, match=r"night\.toml"):
        write_recipe(Recipe(), folder / "night.toml")


def test_a_mask_of_each_detector_is_read_where_the_recipe_names_no_hdu(folder):
    (folder / "night.toml").write_text('recipe = 1\nflagging = { mask = { file = "mask.fits" } }\n')
    masks = [read_recipe_and_files(folder / "night.toml", hdu)[0].flagging.mask for hdu in (None, 0)]
    assert [mask.name.partition("mask.fits")[2] for mask in masks] == ["[FLAGS]", "[0]"]
    (folder / "night.toml").write_text('recipe = 1\nflagging = { mask = { file = "mask.fits", hdu = 0 } }\n')
    with pytest.raises(RecipeError, match=r"line 2: .*each with its own; leave hdu out"):
        read_recipe_and_files(folder / "night.toml", 1)


def test_an_array_may_be_of_numpy_or_fits(folder):
    (folder / "my_steps_of_a_test.py").write_text(
        MODULE.replace("by: float = 2.0", "by: np.ndarray").replace("import attrs", "import attrs, numpy as np")
    )
    np.save(folder / "plane.npy", np.ones((6, 8)))
    for file in ("plane.npy", "sky.fits"):
        (folder / "n.toml").write_text(EXTRA.format("my_steps_of_a_test:scaled") + f'by = {{ file = "{file}" }}\n')
        with running(on_note=lambda _: None):
            (extra,) = read_recipe(folder / "n.toml").extra
        assert dict(extra.step.settings)["by"].shape == (6, 8)
    (folder / "plane.npy").write_bytes(b"no array")
    (folder / "n.toml").write_text(EXTRA.format("my_steps_of_a_test:scaled") + 'by = { file = "plane.npy" }\n')
    with pytest.raises(RecipeError, match=r"line 5: .*plane.npy: cannot be read"):
        read_recipe(folder / "n.toml")


# ---- code of others ----


def test_a_stage_beside_the_recipe_is_imported_and_that_is_said(folder):
    (folder / "night.toml").write_text(EXTRA.format("my_steps_of_a_test:scaled"))
    notes = []
    with running(strict=True, on_note=notes.append):
        (extra,) = read_recipe(folder / "night.toml").extra
    assert str(extra.step) == "scaled()"
    (note,) = notes
    assert "code of others runs" in note.words
    assert f"my_steps_of_a_test:scaled of {folder}" in note.words
    assert "my_other_steps_of_a_test" not in sys.modules
    write_recipe(Recipe(extra=(Extra(extra.step, before="heal"),)), folder / "again.toml")
    with running(on_note=notes.append):
        assert read_recipe(folder / "again.toml").extra == (Extra(extra.step, before="heal"),)


def test_a_recipe_of_our_own_stages_imports_nothing_and_says_nothing(folder):
    (folder / "night.toml").write_text(EXTRA.format("heal"))
    notes, path = [], list(sys.path)
    with running(on_note=notes.append):
        assert read_recipe(folder / "night.toml") == Recipe(extra=(Extra(heal(), after="divide"),))
    assert (notes, sys.path) == ([], path)


def test_a_stage_that_a_package_has_entered_is_found_by_its_name(folder, monkeypatch):
    point = metadata.EntryPoint("my-scaling", "my_steps_of_a_test:scaled", "ccd_pipeline.stages")
    other = metadata.EntryPoint("my-other", "my_other_steps_of_a_test:scaled", "ccd_pipeline.stages")
    monkeypatch.setattr(metadata, "entry_points", lambda group: (point, other) * (group == "ccd_pipeline.stages"))
    (folder / "night.toml").write_text(EXTRA.format("my-scaling"))
    with running(on_note=lambda _: None):
        assert str(read_recipe(folder / "night.toml").extra[0].step) == "scaled()"
    (folder / "night.toml").write_text(EXTRA.format("my-scalin"))
    with pytest.raises(RecipeError, match="did you mean 'my-scaling'"):
        read_recipe(folder / "night.toml")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("my_steps_of_a_test:scald", "has no scald; did you mean my_steps_of_a_test:scaled"),
        ("my_steps_of_a_test:plain", "is function and no stage; put @stage over its function"),
        ("my_other_steps_of_a_test:scaled", "cannot be imported: ValueError: is not to be imported"),
        ("not_there_at_all:scaled", "cannot be imported: ModuleNotFoundError"),
        ("my_steps_of_a_test:scaled()", "no stage is called"),
        ("os:getcwd", "is builtin_function_or_method and no stage"),
    ],
)
def test_what_is_no_stage_is_refused_with_its_line(folder, name, words):
    (folder / "night.toml").write_text(EXTRA.format(name))
    with pytest.raises(RecipeError, match=f"line 3: .*{words}"):
        read_recipe(folder / "night.toml")


# ---- files ----


def test_a_file_that_is_no_text_is_refused(folder):
    with pytest.raises(RecipeError, match=r"none\.toml: cannot be read: No such file"):
        read_recipe(folder / "none.toml")
    (folder / "night.toml").write_bytes("recipe = 1 # σ".encode("utf-16"))
    with pytest.raises(RecipeError, match="is no text in UTF-8"):
        read_recipe(folder / "night.toml")
    (folder / "night.toml").write_text('recipe = 1\n[flagging]\nmask = { file = "none.fits" }')
    with pytest.raises(RecipeError, match=r"line 3: .*none.fits"):
        read_recipe(folder / "night.toml")
    (folder / "night.toml").write_text("recipe = 1\n[flagging]\nmask = { file = 3 }")
    with pytest.raises(RecipeError, match=r"line 3: file = 3, hdu = (None|\"none\"); expected a path"):
        read_recipe(folder / "night.toml")
