"""Hard criteria, one by one: what a calibration may not differ in; and the words in which it is said."""

import pytest
from taken_frames import taken

from pipeline import Policy
from pipeline.checks.policy import apart
from pipeline.library.criteria import Search, Taken, judged, plain_target

SETUP = {
    "INSTRUME": "CAM", "GAIN": 100, "OFFSET": 30, "READOUTM": "slow", "CCDSUM": "1 1", "FILTER": "R", "GRATING": "600",
    "GRANGLE": 21.0, "CCD-TEMP": -10.0, "EXPTIME": 60.0,
}  # fmt: skip


def held(need, policy=Policy(), by_bias=True, **changes):
    """Hold a calibration with some cards changed, None for taken out, against a light of the same setup."""
    light = Taken.of(taken("light", 0, **SETUP))
    cards = {key: value for key, value in (SETUP | changes).items() if value is not None}
    return judged(Search(need, [light], policy, by_bias, set()), Taken.of(taken(need, 0, **cards)))


@pytest.mark.parametrize("need", ["bias", "dark", "flat", "arc"])
def test_what_was_taken_alike_fits(need):
    found = held(need)
    assert not found.refused
    assert not any(found.rank[: -1 if need == "arc" else None])  # an arc that names no target ranks after one that does
    assert {"instrument", "binning"} <= set(found.equal)


CHANGES = {
    "INSTRUME": ("OTHER", "bias dark flat arc"),
    "CCDSUM": ("2 2", "bias dark flat arc"),
    "GAIN": (0, "bias dark flat"),
    "OFFSET": (10, "bias dark flat"),
    "READOUTM": ("fast", "bias dark flat"),
    "FILTER": ("r", "flat arc"),
    "GRATING": ("1200", "flat arc"),
    "GRANGLE": (21.1, "flat arc"),
    "CCD-TEMP": (-12.5, "dark"),
}


@pytest.mark.parametrize("keyword", CHANGES)
@pytest.mark.parametrize("need", ["bias", "dark", "flat", "arc"])
def test_a_setting_that_differs_is_refused_where_it_matters(need, keyword):
    value, needs = CHANGES[keyword]
    assert bool(held(need, **{keyword: value}).refused) == (need in needs.split())


@pytest.mark.parametrize("keyword", ["GAIN", "OFFSET", "READOUTM", "FILTER", "GRATING", "GRANGLE"])
@pytest.mark.parametrize("need", ["dark", "flat", "arc"])
def test_a_calibration_may_not_be_silent_where_the_light_speaks(need, keyword):
    matters = need in CHANGES[keyword][1].split()
    assert bool(held(need, **{keyword: None}).refused) == matters
    assert not held(need, Policy(silent=True), **{keyword: None}).refused


@pytest.mark.parametrize("need", ["bias", "dark", "flat", "arc"])
def test_a_grating_turned_to_another_position_is_told_of_flats_and_arcs_and_ranks_them_last(need):
    light = Taken.of(taken("light", 0, **SETUP, GRATSET="red"))
    same, other = (
        judged(Search(need, [light], Policy(), True, set()), Taken.of(taken(need, 0, **SETUP, GRATSET=position)))
        for position in ("red", "blue")
    )
    matters = need in ("flat", "arc")
    assert not other.refused
    assert other.differs == ["grating position blue for red"] * matters
    assert (same.rank < other.rank) == matters


def test_what_a_policy_ignores_does_not_gate():
    assert not held("flat", Policy(ignore=("filter",)), FILTER="V").refused
    assert not held("dark", Policy(dark_temperature=3), **{"CCD-TEMP": -12.5}).refused


@pytest.mark.parametrize(
    ("seconds", "by_bias", "up", "fits"),
    [
        (60.3, False, False, True),
        (120.0, True, False, True),
        (120.0, False, False, False),
        (30.0, True, False, False),
        (30.0, True, True, True),
    ],
)
def test_darks_are_scaled_down_and_only_where_a_bias_is_known(seconds, by_bias, up, fits):
    assert bool(held("dark", Policy(scale_up=up), by_bias, EXPTIME=seconds).refused) != fits


def test_words():
    assert held("flat", FILTER="V").refused == ["filter V for R"]
    assert held("dark", **{"CCD-TEMP": -5.0}).refused == ["5.0 K warmer"]
    assert held("dark", EXPTIME=120.0).differs == ["120 s for 60 s, scaled"]
    assert plain_target("NGC 188_b") == "ngc188b"
    assert [apart(days) for days in (-1364.2, 0.5, 0.01, None)] == [
        "1,364 days before", "12 hours after", "14 minutes after", "of an unknown date",
    ]  # fmt: skip
