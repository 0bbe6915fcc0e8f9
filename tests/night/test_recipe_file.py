"""A recipe or a chain as text is the same again when it is read; every mistake in a text is told, with its line."""

import sys
from types import ModuleType
from typing import Annotated, Literal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples, quick

import pipeline
from pipeline import (
    Clip,
    Flagging,
    FrameSet,
    Image,
    Limits,
    MasterBias,
    Noise,
    Recipe,
    Stage,
    chain,
    combine,
    recipe_from_toml,
    recipe_to_toml,
    stage,
)
from pipeline.errors import RecipeError, SettingError
from pipeline.night.recipe_file import MAKERS, STAGES, line_numbers
from pipeline.testing import chains, records, steps

links = chains(takes=FrameSet, gives=FrameSet, shape=None) | st.sampled_from([combine, *MAKERS.values()]).map(chain)
recipes = records(Recipe, shape=None)


@quick
@given(recipes)
def test_a_recipe_is_the_same_again(recipe):
    assert recipe_from_toml(recipe_to_toml(recipe, comments=False)) == recipe


@examples(6)
@given(recipes)
def test_comments_change_nothing(recipe):
    assert recipe_from_toml(recipe_to_toml(recipe)) == recipe


@quick
@given(links | chains(takes=FrameSet, shape=None) | steps(takes=None, gives=None, shape=None).map(chain))
def test_a_chain_is_the_same_again(steps):
    assert recipe_from_toml(recipe_to_toml(steps)) == steps


def test_every_public_stage_has_its_name():
    public = [getattr(pipeline, name) for name in pipeline.__all__]
    assert {one.name: one for one in public if isinstance(one, Stage)} == STAGES
    assert MAKERS["MasterBias.of"] == MasterBias.of


# ---- stages of others ----


@attrs.frozen
class Sky:
    level: float = 0.0


@attrs.frozen
class Moon:
    level: float = 0.0


@stage
def odd(
    image: Image,
    *,
    word: Literal["none", "some"] | None = None,
    sure: Literal["none", "some"] = "some",
    text: str = "",
    background: Sky | Moon = Sky(),
    radius: float = None,  # noqa: RUF013 - as people write it
    curve: tuple[Annotated[float, Limits(above=0)] | None, ...] = (),
) -> Image:
    """Have settings that a text could mistake for others."""
    return image


@pytest.fixture
def others(monkeypatch):
    """What finds the stage above, as if it lay in a module of its own."""
    module = ModuleType("others")
    module.odd = odd
    monkeypatch.setitem(sys.modules, "others", module)
    monkeypatch.setattr(odd.function, "__module__", "others")

    class Found:
        def stage(self, name):
            assert name == "others:odd"
            return odd

    return Found()


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"word": "none"},
        {"word": None, "sure": "none", "text": "none"},
        {"word": "some", "text": 'a "quoted"\n# line \\ [x]'},
        {"background": Moon(level=2.0)},
        {"background": Sky(level=float("inf"))},
        {"radius": 3, "curve": (1.0, None, 2)},
    ],
    ids=str,
)
def test_settings_that_look_like_others_are_the_same_again(others, settings):
    step = odd(**settings)
    assert recipe_from_toml(recipe_to_toml(chain(step)), outside=others) == chain(step)


def test_what_no_text_holds_is_refused():
    @stage
    def local(image: Image, *, step: float = 1.0) -> Image:
        return image

    for link, words in ((local(), "a setting called step"), (abs, "is no stage")):
        with pytest.raises(SettingError, match=words):
            recipe_to_toml(chain(link))
    mask = Flagging(mask=pipeline.Mask.of([[0, 1]]))
    with pytest.raises(SettingError, match="in no file"):
        recipe_to_toml(Recipe(flagging=mask))


# ---- mistakes ----


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('method = "maen"', "line 3: Recipe: method='maen'; expected 'mean' or 'median'; did you mean 'mean'?"),
        ("sauration = 3", "line 3: Recipe has no setting 'sauration'; did you mean 'saturation'?"),
        ('saturation = "nine"', "line 3: Recipe: saturation='nine'; expected a positive number of ADU or \"none\""),
        ("[clip]\nlow = -3", "line 4: Clip: low=-3; expected a positive number"),
        ("[clip]\nlow = inf\nhigh = inf", "line 3: Clip: low and high are infinite"),
        ("clip = 3", "line 3: Recipe: clip=3; expected a Clip or"),
        ("clip = { step = 'heal' }", "line 3: Clip has no setting 'step'"),
        ("[overscan]\nstep = 'subtract_overscn'", "line 4: no stage is called 'subtract_overscn'; .* did you mean"),
        ("[overscan]\nstep = 'heal'\nreach = 0", "line 5: heal: reach=0; expected a whole number of pixels from 1"),
        ("[overscan]\nstep = 'heal'\n[cosmics]\nstep = 'combine'", "line 5: Recipe: cosmics=combine"),
        ("[overscan]\nmethod = 'mean'", "line 3: .* method .*; expected a step"),
        ("[overscan]\nstep = 3", "line 4: step = 3; expected the name of a stage"),
        ("[cosmics]\nstep = 'clean_cosmic_rays'", "line 3: clean_cosmic_rays needs gain, read_noise"),
        ("[[extra]]\nstep = 'heal'", "line 3: Extra: after=\"none\", before=\"none\"; give one of the two"),
        ("[[extra]]\nstep = 'heal'\nafter = 'divide'\n[[extra]]\nstep = 'heal'\nafter = 'divde'",
         "line 8: extra: after='divde'; .*did you mean 'divide'?"),
        ("[[extra]]\nstep = 'heal'\nafter = 'divide'\nkinds = ['bias']", "line 3: Extra: a bias does not go through"),
        ("[[extra]]\nafter = 'divide'", "line 3: Extra needs step"),
        ("declared = [['flat', 'row']]", "line 3: .* declared=.*expected"),
        ("[flagging]\nmask = { file = 'm.fits' }", "line 4: m.fits is a file: read the recipe by read_recipe"),
        ("[flagging]\nmask = { file = 'm.fits', hdi = 1 }", "line 4: a file has no setting 'hdi'; did you mean 'hdu'?"),
        ("noise = { gain = -1, read_noise = 3 }", "line 3: Noise.of: gain=-1"),
        ("[[chain]]\nstep = 'heal'\n[[chain]]\nstep = 'heal'\nreach = 0", "line 7: heal: reach=0"),
        ("method = 'mean'\n[[chain]]\nstep = 'heal'", "line 3: method beside"),
        ("[[chain]]\nstage = 'heal'\nreach = 3", "line 3: reach beside stage"),
        ("[[chain]]\nreach = 3", "line 3: .*expected a table with one of step, stage and each"),
        ("chain = 3", "line 3: chain = 3; expected an array of steps"),
        ("[[chain]]\nstage = ['heal']", "line 3: step = .'heal'.; expected the name of a stage"),
        ("overscan = false", 'line 3: Recipe: overscan=False; expected a table with its step or "none"'),
        ("clip = 'None'", "line 3: Recipe: clip='None'; expected a Clip or \"none\""),
        ("[flagging]\nmask = { hdu = 3 }", "line 4: { hdu }; expected a file, as { file = .name.fits., hdu = 0 }"),
        ("[clip]\nrecord = []", "line 3: { record }; expected Clip"),
        ("[extra]\nstep = 'heal'", r"line 3: { step }; expected tables, each behind \[\[extra\]\]: an array of which"),
        ("[flagging]\ndiagonals = 1", "line 4: Flagging: diagonals=1; expected true or false"),
        ("[noise]\ngain = 1.5", "line 3: { gain }; expected a table of gain and read_noise"),
        ("x = = 3", "is no TOML: Invalid value .at line 3, column 5"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line(text, words):
    with pytest.raises(RecipeError, match=words) as caught:
        recipe_from_toml(f"# mine\nrecipe = 1\n{text}\n", where="night.toml")
    assert str(caught.value).startswith("night.toml: ")
    assert len(caught.value.problems) == 1


def test_all_mistakes_are_told_at_once():
    with pytest.raises(RecipeError, match=r"night\.toml: 3 problems") as caught:
        recipe_from_toml("recipe = 1\nmethod = 3\nclp = 1\n[clip]\nlow = 0\n", where="night.toml")
    assert [problem[:7] for problem in caught.value.problems] == ["line 2:", "line 3:", "line 5:"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no recipe = 1"),
        ("method = 'mean'", "holds no recipe = 1"),
        ("\nrecipe = 2\nthings = 'unheard of'", "line 2: recipe = 2: written for a newer version"),
        ("recipe = 0", "line 1: recipe = 0; expected 1"),
        ("recipe = true", "line 1: recipe = True; expected 1"),
    ],
)
def test_a_text_of_another_form_is_refused(text, words):
    with pytest.raises(RecipeError, match=words):
        recipe_from_toml(text)


def test_what_is_not_said_is_as_by_default():
    assert recipe_from_toml("recipe = 1") == Recipe()
    assert recipe_from_toml("recipe = 1\n[clip]\nlow = 3.0") == Recipe(clip=Clip(low=3.0))
    noise = "recipe = 1\nnoise = { gain = 1.5, read_noise = 4.0 }"
    assert recipe_from_toml(noise) == Recipe(noise=Noise.of(gain=1.5, read_noise=4.0))


def test_lines_of_tables_and_keys():
    text = 'a = 1\n["b".c]\nd.e = 2\n[[f]]\n g = [\n 1]\n[[f]]\n'
    assert line_numbers(text) == {
        ("a",): 1, ("b", "c"): 2, ("b", "c", "d", "e"): 3, ("f", 0): 4, ("f", 0, "g"): 5, ("f", 1): 7
    }  # fmt: skip
