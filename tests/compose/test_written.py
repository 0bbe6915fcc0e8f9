"""How a step is written: what it says can be run, and makes the same step."""

import ast
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_masters import a_bias, a_dark, a_flat, full
from strategies import shapes

from pipeline import (
    Clip,
    FrameSet,
    Image,
    Mask,
    MasterFringe,
    Recipe,
    attach_header,
    chain,
    combine,
    each,
    flag_bad,
    stage,
    subtract_bias,
    subtract_dark,
    subtract_overscan,
)
from pipeline.compose.written import written
from pipeline.errors import StepError
from pipeline.testing import chains, steps

BIAS, DARK, FLAT = a_bias(full(2), name="b.fits"), a_dark(full(1), exposure=20, name="/raw/d.fits"), a_flat(full(5))
FRINGE = MasterFringe(Image.of(np.eye(4, 5), kind="light", name="fringe.fits"))
MASK = Mask.of(np.eye(4, 5), name="bad.fits")
plain_steps = steps(takes=None, gives=None, shape=None)
every_step = steps(takes=None, gives=None)
every_chain = chains() | chains(takes=FrameSet) | every_step.map(chain)


# ---- laws ----


@given(every_chain)
def test_what_a_step_says_makes_it_again(step):
    assert eval(repr(step), step.names) == step


@given(plain_steps)
def test_a_step_without_masters_needs_nothing_but_public_names(step):
    names = {}
    exec("from pipeline import *", names)
    assert eval(repr(step), names) == step


@given(every_chain)
def test_what_a_step_says_is_one_line_of_python_without_pixels(step):
    assert isinstance(ast.parse(repr(step), mode="eval"), ast.Expression)
    assert "\n" not in repr(step)


@given(every_step, every_step)
def test_steps_that_say_the_same_are_the_same(one, other):
    assert (repr(one) != repr(other)) or one == other
    assert (one == other) == (hash(one) == hash(other))


@given(shapes, st.sampled_from([np.float32, np.uint8]))
def test_an_array_is_written_by_what_it_holds(shape, dtype):
    @stage
    def plus(image: Image, *, plane: np.ndarray) -> Image:
        return image

    step = plus(plane=np.ones(shape, dtype))
    assert eval(repr(step), step.names) == step
    assert repr(step) == repr(plus(plane=np.ones(shape, dtype))) != repr(plus(plane=np.zeros(shape, dtype)))


# ---- what is not said is as its default ----


def test_steps_are_equal_to_those_that_say_their_defaults():
    assert combine() == combine(method="mean") == combine(clip=Clip(), map_left_out=False)
    assert combine() != combine(method="median")
    assert hash(combine()) == hash(combine(method="mean"))
    assert chain(combine(), attach_header) == chain(combine(method="mean"), attach_header)
    assert each(subtract_bias(bias=None)) == each(subtract_bias(bias=None, force=False))
    assert Recipe() == Recipe(overscan=subtract_overscan(method="mean"))
    assert combine() != "combine()"


# ---- names ----


def test_masters_are_called_by_their_files():
    assert repr(subtract_bias(bias=BIAS)) == "subtract_bias(bias=MasterBias('b.fits'))"
    assert repr(subtract_dark(dark=DARK)) == "subtract_dark(dark=MasterDark('d.fits', exposure=20.0))"
    assert repr(flag_bad(mask=MASK)) == "flag_bad(mask=Mask('bad.fits', bad=4))"


def test_two_masters_of_one_name_are_told_apart_or_refused():
    other = a_bias(full(3), name="b.fits")
    same = chain(subtract_bias(bias=BIAS), each(subtract_bias(bias=a_bias(full(2), name="b.fits"))))
    assert eval(repr(same), same.names) == same
    with pytest.raises(StepError, match=r"two that differ are called MasterBias\('b\.fits'\); name them"):
        _ = chain(subtract_bias(bias=BIAS), subtract_bias(bias=other)).names


def test_numbers_without_end_are_written_as_python_reads_them():
    assert [eval(written(number)) for number in (math.inf, -math.inf, 1.5)] == [math.inf, -math.inf, 1.5]
    assert math.isnan(eval(written(math.nan)))
    assert written((1.0,)) == "(1.0,)"
