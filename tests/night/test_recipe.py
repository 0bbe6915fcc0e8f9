"""A recipe is settings: a value, which refuses what makes no sense when it is made."""

import pickle

import attrs
import pytest

from pipeline import (
    Amplifier,
    Clip,
    Extra,
    Flagging,
    Mask,
    Noise,
    Recipe,
    clean_cosmic_rays,
    combine,
    heal,
    normalise_flat,
    subtract_overscan,
    to_electrons,
)
from pipeline.errors import SettingError

RECIPES = (
    Recipe(),
    Recipe(method="median", clip=None, variance=None, overscan=None),
    Recipe(
        noise=Noise(a=9.0, b=0.5), declared=(("flat", "finished"),), cosmics=clean_cosmic_rays(gain=1.5, read_noise=4.0)
    ),
    Recipe(
        flagging=Flagging(mask=Mask.of([[0, 1]]), hot=8.0, grow=1), healing=heal(), electrons=to_electrons(gain=2.0)
    ),
)


@pytest.mark.parametrize("recipe", RECIPES, ids=["default", "plain", "noise", "flags"])
def test_a_recipe_is_a_value(recipe):
    """It goes to other processes, and into the key of what is made by it."""
    again = pickle.loads(pickle.dumps(recipe))
    assert again == recipe
    assert [other == recipe for other in RECIPES].count(True) == 1
    assert repr(again) == repr(recipe)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        recipe.method = "mean"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Recipe(saturation=0), "expected a positive number of ADU"),
        (lambda: Recipe(declared=(("flat", "reduced"),)), "'raw', 'finished' or 'without bias'"),
        (lambda: Recipe(declared=(("flats", "raw"),)), "each is .'bias', 'dark'"),
        (lambda: Extra(heal()), "Extra: after=None, before=None; give one of the two"),
        (lambda: Extra(heal(), after="divide", before="heal"), "give one of the two"),
        (lambda: Extra(heal(), after="divde"), "did you mean 'divide'"),
        (
            lambda: Extra(heal(), after="divide", kinds=("flat",)),
            "a flat does not go through divide; expected one of f",
        ),
        (lambda: Extra(combine(), after="divide"), "expected a Step from Image to Image"),
        (lambda: Flagging(fraction=1.5), "expected a number above 0"),
        (lambda: Flagging(hot=0), "expected a positive number"),
        (lambda: Flagging(dead=1), "expected a number above 0 and below 1"),
        (lambda: Flagging(grow=0.5), "expected a whole number of pixels from 0"),
        (lambda: Flagging(grow=-1), "expected a whole number of pixels from 0"),
    ],
)
def test_what_makes_no_sense_is_refused(make, words):
    with pytest.raises(SettingError, match=words):
        make()


def test_what_a_recipe_says_of_amplifiers():
    one = subtract_overscan(amplifiers=(Amplifier("[1:2,*]", "[3:4,*]"),))
    assert [Recipe(overscan=step).reads_amplifiers for step in (None, subtract_overscan(), one)] == [False, False, True]
    steps = (None, to_electrons(), to_electrons(gain=2.0), to_electrons(gain=(1.0, 2.0)))
    assert [Recipe(electrons=step).gains_given for step in steps] == [None, None, False, True]


@pytest.mark.parametrize(
    "settings",
    [
        {"method": "FAIL"},
        {"variance": "FAIL"},
        {"clip": "noise"},
        *(
            {step: "FAIL"}
            for step in ("overscan", "normalise", "electrons", "orient", "linearity", "cosmics", "fringe")
        ),
        {"healing": 3},
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_when_the_recipe_is_made(settings):
    ((name, value),) = settings.items()
    with pytest.raises(SettingError, match=f"Recipe: {name}={value!r}; expected "):
        Recipe(**settings)


def test_recipes_have_one_key_where_they_are_equal_and_only_there():
    assert len({recipe.key for recipe in RECIPES}) == len(RECIPES)
    same = Recipe(clip=Clip("noise", 5, 5), overscan=subtract_overscan(order=0), normalise=normalise_flat(by="mean"))
    assert same.key == Recipe().key == pickle.loads(pickle.dumps(same)).key
    assert Recipe(extra=(Extra(heal(), after="divide"),)).key != Recipe(extra=(Extra(heal(), before="divide"),)).key


def test_masks_count_in_the_key_by_their_pixels_and_not_by_their_names():
    keys = [
        Recipe(flagging=Flagging(mask=Mask.of(bad, name=name))).key
        for bad, name in (([[0, 1]], "a"), ([[0, 1]], "b"), ([[1, 0]], "a"))
    ]
    assert keys[0] == keys[1] != keys[2]
