"""What is drawn for an annotation is what a setting so annotated takes."""

import math
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pytest
from hypothesis import find, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from strategies import examples

from pipeline import Amplifier, Clip, FrameSet, Image, Limits, MasterBias, Noise, Recipe, Step
from pipeline.compose.settings import Wanted
from pipeline.testing import records, values_as

HINTS = [
    bool,
    str,
    int,
    float,
    Any,
    None | int,
    Path | None,
    Literal["a", "b", 3],
    tuple[float, ...],
    tuple[int, str],
    tuple[Literal["a"], ...] | Annotated[float, Limits(above=0)],
    Annotated[int, Limits(above=2, below=5)],
    Annotated[int, Limits(least=0)],
    Annotated[float, Limits(above=-1, below=1)],
    Annotated[float, Limits(least=1e7)],
    Annotated[float, Limits(most=3, finite=False)] | None,
    NDArray[np.float64],
    Image,
    MasterBias | None,
    Clip | None,
    Noise | tuple[Noise, ...],
    Amplifier,
    Recipe,
    Step[Image, Image] | None,
    Step[FrameSet, Image],
]


@pytest.mark.parametrize("hint", HINTS, ids=str)
def test_what_is_drawn_for_an_annotation_is_taken_as_it_is(hint):
    wanted = Wanted(hint)

    @examples(20)
    @given(values_as(hint))
    def look(value):
        kept = wanted.take(value, "owner", "setting")
        assert kept is value or np.all(kept == value)

    look()


@given(st.data(), st.floats(-9, 9), st.floats(0.5, 9), st.booleans())
def test_numbers_lie_between_their_limits(data, low, width, is_open):
    limits = Limits(above=low, below=low + width) if is_open else Limits(least=low, most=low + width)
    assert limits.hold(data.draw(values_as(Annotated[float, limits])))


@pytest.mark.parametrize("limits", [Limits(least=-3, most=8), Limits(above=-3, below=8), Limits()])
def test_numbers_are_met_on_both_sides(limits):
    drawn = values_as(Annotated[float, limits])
    assert limits.hold(find(drawn, lambda value: value < -1))
    assert limits.hold(find(drawn, lambda value: value > 7))


def test_what_is_simplest_comes_first():
    assert find(values_as(float | int | None), lambda _: True) is None
    assert find(values_as(Annotated[float, Limits(least=0)]), lambda _: True) == 0


def test_a_number_without_end_is_met_where_it_may_be():
    assert find(values_as(Annotated[float, Limits(finite=False)]), math.isinf) == math.inf


@given(records(Clip))
def test_what_does_not_go_together_is_not_drawn(clip):
    assert min(clip.low, clip.high) < math.inf
