"""A reduction in words: of each image what was done to it, and no more."""

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_masters import a_bias, a_dark, a_flat, framed, full
from strategies import frames_of

from pipeline import (
    Clip,
    Flag,
    FrameSet,
    Image,
    Noise,
    Pixels,
    align,
    attach_header,
    chain,
    combine,
    divide,
    heal,
    linearise,
    orient,
    subtract_bias,
    subtract_dark,
    subtract_overscan,
    to_electrons,
)
from pipeline.errors import SkippedWarning
from pipeline.headers.status import Done
from pipeline.night.summary import combined_words, flag_words, frame_words, step_words

STEPS = (
    (linearise(coefficients=(1.0,)), "made linear"),
    (subtract_bias(bias=a_bias(full(1))), "bias out"),
    (subtract_dark(dark=a_dark(full(1))), "dark out"),
    (divide(flat=a_flat(full(1))), "flat out"),
    (heal(), "bad pixels interpolated"),
    (to_electrons(gain=2.0), "in electrons"),
    (orient(saxis=0), "dispersion along x"),
)
"""In the order in which they run, each with its words."""


def an_image():
    """Make an image with a bad pixel: where there is none, nothing is healed."""
    return Image.of(Pixels.of(full(10), np.eye(4, 5, 3, np.uint16)), exposure=1)


def words_of(*steps, image=None):
    return step_words(attach_header(chain(*steps)(image or an_image())))


@given(st.sets(st.integers(0, len(STEPS) - 1)))
def test_each_step_that_ran_is_told_in_its_order_and_no_other(chosen):
    ran = [STEPS[number] for number in sorted(chosen)]
    assert words_of(*(step for step, _ in ran)) == (", ".join(words for _, words in ran) or "nothing else done")


def test_a_correction_without_its_master_is_told_as_none():
    assert (
        words_of(subtract_bias(bias=None), subtract_dark(dark=None), divide(flat=None)) == "no bias, no dark, no flat"
    )


def test_a_step_that_was_done_before_is_told_with_who_says_so():
    image = an_image()
    done = attrs.evolve(image, state=attrs.evolve(image.state, bias=Done("ZEROCOR = T")))
    with pytest.warns(SkippedWarning):
        words = words_of(subtract_bias(bias=a_bias(full(1))), image=done)
    assert words == "bias not taken out again, done already (ZEROCOR = T)"


def test_lights_that_were_aligned_are_told_to_be_once():
    lights = FrameSet([Image.of(full(10), exposure=1), Image.of(full(10), exposure=1, name="other")])
    assert step_words(attach_header(combine(align(lights, by=((0, 0), (1, 0))), clip=None))) == "aligned"


def test_of_a_step_that_found_nothing_to_do_nothing_is_told():
    assert words_of(heal(), image=Image.of(full(10))) == "nothing else done"
    with pytest.warns(SkippedWarning):
        assert words_of(to_electrons(gain=2.0), image=framed(full(10), BUNIT="electron")) == "nothing else done"


@pytest.mark.parametrize(
    ("cards", "words"),
    [
        ({"BIASSEC": "[1:2,1:4]", "DATASEC": "[3:5,1:4]"}, "overscan out, trimmed"),
        ({"BIASSEC": "[1:2,1:4]"}, "overscan out"),
        ({"DATASEC": "[3:5,1:4]"}, "trimmed"),
        ({}, "nothing else done"),
    ],
)
def test_overscan_and_trim_are_told_where_each_was_done(cards, words):
    assert words_of(subtract_overscan(), image=framed(full(10), **cards)) == words


def test_frames_are_counted_with_their_exposures():
    frames = [Image.of(full(1), kind="dark", exposure=seconds) for seconds in (60, 2.5, 60, None)]
    assert frame_words(FrameSet(frames)) == "4 dark (2.5/60 s)"
    assert frame_words(FrameSet(frames[3:])) == "1 dark (no exposure)"


def test_how_frames_were_combined():
    stack = np.full((5, 4, 5), 100.0)
    stack[2, 1, 1] = stack[3, 0, 0] = 900
    clip = Clip(low=4, high=6, noise=Noise(a=9.0))
    assert combined_words(combine(frames_of(stack), clip=clip).found) == (
        "mean of 5 frames, noise clip 4/6 σ, 2 values rejected"
    )
    assert combined_words(combine(frames_of(stack), method="median", clip=None).found) == (
        "median of 5 frames, no clip, 0 values rejected"
    )
    assert combined_words(combine(frames_of(stack[:1])).found) == combined_words(None) == "1 frame"


@given(st.lists(st.sampled_from([0, *map(int, Flag), int(Flag.BAD | Flag.SATURATED)]), min_size=20, max_size=20))
def test_flagged_pixels_are_counted_by_each_of_their_reasons(flags):
    bits = np.array(flags, np.uint16).reshape(4, 5)
    words = flag_words(Image.of(Pixels.of(full(1), bits)))
    for flag in Flag:
        count = int(np.count_nonzero(bits & flag))
        assert (f"{count} {flag.name.lower().replace('_', ' ')}" in words) == (count > 0)
    assert (words == "; no pixel flagged") == (not bits.any())
