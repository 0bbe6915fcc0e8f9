"""The policy of choosing: settings that are checked, and each of them decides something."""

import pytest

from pipeline import Policy
from pipeline.errors import SettingError


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
