"""A clip as a setting: what makes sense, and what it says of itself."""

import math
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import CLIPS

from pipeline import Clip, Noise
from pipeline.errors import SettingError
from pipeline.stacking.clip import frames_needed

settings = st.fixed_dictionaries(
    {},
    optional={
        "low": st.floats(0.1, 1e6),
        "high": st.floats(0.1, 1e6) | st.just(math.inf),
        "centre": st.sampled_from(["median", "mean"]),
        "iterations": st.none() | st.integers(1, 9),
        "noise": st.none() | st.just(Noise(a=9.0, b=0.5)),
    },
)


@given(st.sampled_from(["noise", "std", "mad"]), settings)
def test_what_a_clip_says_of_itself_makes_it_again(spread, given_settings):
    """It stands in HISTORY, from which people copy it."""
    clip = Clip(spread, **given_settings)
    assert eval(repr(clip), {"Clip": Clip, "Noise": Noise, "inf": math.inf}) == clip
    assert pickle.loads(pickle.dumps(clip)) == clip


def test_only_what_differs_from_the_default_is_said():
    assert repr(Clip()) == "Clip('noise', low=5.0, high=5.0)"
    assert repr(Clip("std", high=3.0, iterations=2)) == "Clip('std', low=5.0, high=3.0, iterations=2)"


@given(st.floats(0.3, 9), st.sampled_from(["median", "mean"]))
def test_a_sharper_clip_needs_no_more_frames(k, centre):
    assert frames_needed(Clip("std", low=k, high=k, centre=centre)) <= frames_needed(
        Clip("std", low=k * 1.2, high=k * 1.2, centre=centre)
    )
    assert frames_needed(Clip("std", low=k, high=10 * k)) == frames_needed(Clip("std", low=10 * k, high=k))


@pytest.mark.parametrize("clip", [clip for clip in CLIPS if clip])
def test_a_clip_is_a_value(clip):
    assert hash(clip) == hash(pickle.loads(pickle.dumps(clip)))


def test_no_limit_at_either_side_is_no_clip():
    with pytest.raises(SettingError, match="for no clip, say clip=None"):
        Clip(low=math.inf, high=math.inf)
    assert Clip(low=math.inf).high == 5.0
