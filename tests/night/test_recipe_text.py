"""The text of a recipe tells what each setting does and may be, and holds examples that are right."""

import itertools
import re
import sys

import pytest

from pipeline import Clip, Noise, Recipe, chain, heal, recipe_from_toml, recipe_to_toml, subtract_fringe
from pipeline.errors import SettingError
from pipeline.night.recipe_text import EXAMPLES

DEFAULTS = recipe_to_toml(Recipe())


def test_every_setting_has_a_comment_before_it():
    lines = DEFAULTS.splitlines()
    silent = [
        line
        for before, line in itertools.pairwise(lines)
        if re.match(r"#?[a-z_]+ = ", line) and not before.startswith("# ")
    ]
    assert {line.lstrip("#").partition(" ")[0] for line in silent} <= {"step", "after"}


@pytest.mark.parametrize(
    "words",
    [
        'what is left out of a combination; "none" for nothing',
        '# "mean" or "median".\nmethod = "mean"',
        '# A positive number of ADU or "none".\nsaturation = "none"',
        "# A whole number of pixels from 0.\ngrow = 0",
        "# true or false.\ntrim = true",
        '# A table of gain, read_noise or "none".\nnoise = "none"',
        '# true or false or "none".\ndark_has_bias = "none"',
        '# A positive number of e⁻/ADU, an array of such or "none".\n#gain = "none"',
        '# A file, as { file = "name.fits", hdu = 0 } or "none".\nmask = "none"',
        "# An array of which each is a table of data, overscan, place, name.\namplifiers = []",
    ],
)
def test_words_and_units_are_those_of_the_settings(words):
    assert words in DEFAULTS


def test_comments_have_tomls_words():
    assert re.findall(r"\bNone\b|\bTrue\b|\bFalse\b|\btuple\b|``|:class:", DEFAULTS) == []


def test_examples_are_right_once_their_marks_are_taken_away():
    text = re.sub(r"(?m)^#(?=\S)", "", DEFAULTS).replace("mymodule:mystage", "heal")
    recipe = recipe_from_toml(text)
    for name, step in EXAMPLES.items():
        assert getattr(recipe, name) == step
    assert [extra.step for extra in recipe.extra] == [heal()]
    assert set(EXAMPLES) >= {"electrons", "orient", "linearity", "cosmics", "align", "healing"}


def test_what_is_off_against_the_default_is_said():
    text = recipe_to_toml(Recipe(clip=None, overscan=None))
    assert '\nclip = "none"\n' in text
    assert '\noverscan = "none"\n' in text


def test_without_comments_there_are_settings_alone():
    recipe = Recipe(clip=Clip("mad"), noise=(Noise(a=1.0), Noise(a=2.0)), fringe=subtract_fringe(fringe=None))
    text = recipe_to_toml(recipe, comments=False)
    assert "#" not in text
    assert recipe_from_toml(text) == recipe
    assert text.count("[[noise]]") == 2


def test_without_tomlkit_it_is_said_what_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "tomlkit", None)
    with pytest.raises(SettingError, match="tomlkit, which is missing: pip install tomlkit"):
        recipe_to_toml(Recipe())
    with pytest.raises(SettingError, match="tomlkit"):
        recipe_to_toml(chain(heal()))


def test_what_is_no_recipe_is_refused():
    for thing in (3, heal, heal(), Clip()):
        with pytest.raises(SettingError, match=r"recipe_to_toml: thing=.*; expected a Recipe or a Chain"):
            recipe_to_toml(thing)
    for text in (b"recipe = 1", None):
        with pytest.raises(SettingError, match=r"recipe_from_toml: text=.*; expected a text"):
            recipe_from_toml(text)
