"""The policy of choosing: its settings are checked, and what it would not take is said of what is given."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_masters import full

from pipeline import Image, Policy, Recipe, make_masters, match, reduce
from pipeline.checks.policy import matched_notes
from pipeline.errors import SettingError

NIGHT = datetime(2021, 3, 2, 22)


def taken(kind, days=0.0, name="", **cards):
    date = (NIGHT + timedelta(days=days)).isoformat()
    return Image.of(full(9), kind=kind, exposure=1.0, name=name or f"{kind}.fits", header={"DATE-OBS": date} | cards)


@pytest.mark.parametrize("kind", ["bias", "dark", "flat", "arc"])
@pytest.mark.parametrize("side", [-1, 1])
def test_a_calibration_is_out_of_date_from_the_day_that_the_policy_says(kind, side):
    policy, lights = Policy(**{f"{kind}_days": 10}), [taken("light"), taken("light", 0.2)]
    assert not matched_notes(lights, [taken(kind, side * 9)], policy)
    (note,) = matched_notes(lights, [taken(kind, side * 12)], policy)
    assert note.frames == (f"{kind}.fits",)
    assert f"12 days {'after' if side > 0 else 'before'} the lights" in note.words
    assert f"{kind}_days" in note.mend


def test_the_few_that_differ_and_clocks_that_were_reset_are_not_said_here():
    old, lights = taken("bias", -999, "old.fits"), [taken("light")]
    assert not matched_notes(lights, [taken("bias"), old], Policy())
    assert len(matched_notes(lights, [taken("bias"), old, old], Policy())) == 1
    reset = Image.of(full(9), kind="bias", header={"DATE-OBS": "1970-01-01T00:00:07"})
    assert not matched_notes(lights, [reset], Policy())
    assert not matched_notes([Image.of(full(9))], [old], Policy())


kinds = st.sampled_from(["bias", "dark", "flat", "arc"])


@given(st.lists(st.tuples(kinds, st.floats(-800, 800), st.none() | st.floats(-30, 0)), max_size=6))
def test_what_was_matched_is_never_said(rows):
    told = [(kind, days, {} if warm is None else {"CCD-TEMP": warm}) for kind, days, warm in rows]
    frames = [taken(kind, days, f"{place}.fits", **cards) for place, (kind, days, cards) in enumerate(told)]
    for group in match([taken("light", **{"CCD-TEMP": -20.0}), *frames]):
        for choice in group.choices:
            assert not matched_notes(group.frames, choice.frames, Policy())


def test_reduce_says_it_once_of_frames_and_of_masters_and_by_the_policy_of_its_recipe():
    frames = [taken("light"), taken("dark", -398), taken("dark", -398, "other.fits")]

    def said(**settings):
        return [note for note in reduce(frames, **settings).notes if "counts as valid" in note.words]

    assert len(said()) == len(said(masters=make_masters(frames))) == 1
    assert not said(recipe=Recipe(policy=Policy(dark_days=400)))


def test_it_says_for_how_long_each_kind_is_valid():
    policy = Policy(bias_days=1, dark_days=2, flat_days=3, arc_days=float("inf"))
    assert [policy.days(kind) for kind in ("bias", "dark", "flat", "arc")] == [1, 2, 3, float("inf")]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"bias_days": -1}, "bias_days=-1"),
        ({"exposure": 1}, "exposure=1"),
        ({"ignore": ("slits",)}, "ignore='slits'; expected names of"),
        ({"dark_day": 3}, "did you mean 'dark_days'"),
    ],
)
def test_what_no_policy_may_be_is_refused(settings, words):
    with pytest.raises(SettingError, match=words):
        Policy(**settings)


def test_equal_policies_are_equal():
    assert Policy(ignore=["slit"]) == Policy(ignore=("slit",)) != Policy()
