"""Frames unlike the others of their kind: what is spoilt is said, with its name, and honest nights are not accused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stacks_of_frames import SEEDS, SHAPE, Camera, checked, said

from pipeline import FrameSet, Image, combine


def lit(c, f):
    f[2] = f[2] + 60


def quiet_but_lit(c, f):
    f[:] = [np.rint(1000.4 + c.rng.normal(0, 0.3, SHAPE) + 4 * (i == 3)) for i in range(5)]


def first_high(c, f):
    f[0] = f[0] + 200


def noisy(c, f):
    f[1] = f[1] + np.rint(c.rng.normal(0, 8, SHAPE))


def short(c, f):
    f[1] = c.frame(c.field() / 3)


def capped(c, f):
    f[0] = c.frame()


def swapped(c, f):
    f[2] = f[2].astype(np.uint16).byteswap().astype(float)


@pytest.mark.parametrize(
    ("kind", "spoil", "fact", "which"),
    [
        ("bias", lit, "level", "2"),
        ("bias", first_high, "level", "0"),
        ("bias", quiet_but_lit, "level", "3"),
        ("bias", noisy, "noise", "1"),
        ("light", short, "light", "1"),
        ("light", capped, "light", "0"),
        ("light", swapped, "noise", "2"),
    ],
)
@given(SEEDS)
def test_what_is_spoilt_is_said(kind, spoil, fact, which, seed):
    checked(kind, spoil, fact, which, seed)


def wandering(c):
    return "bias", [frame + step for frame, step in zip(c.biases(), (0, 2, -3, 4, 1), strict=True)]


def steady(c):
    return "bias", c.biases(2)


def cut_off(c):
    return "bias", [np.maximum(frame - 1000, 0) for frame in c.biases()]


def stepped(c):
    return "dark", [np.rint((c.frame() + 16) / 16) * 16 for _ in range(5)]


def alike(c):
    return "light", c.lights()


def alone(c):
    return "light", c.lights(1)


def cirrus(c):
    return "light", [c.frame(c.field(2000 * s, t)) for s, t in ((1, 1), (1.04, 0.95), (0.97, 1.04))]


def dusk(c):
    return "light", [c.frame(c.field(sky)) for sky in (9000, 5000, 3000, 2000)]


def seeing(c):
    return "light", [c.frame(c.field(width=w)) for w in (1.6, 1.9, 1.5)]


def dithered(c):
    return "light", [c.frame(np.roll(c.field(), shift, axis=(0, 1))) for shift in ((0, 0), (2, 1), (-1, -1))]


def moonrise(c):
    return "light", [c.frame(c.field() + 400 * m * c.x / 120) for m in (0, 1, 2)]


def empty(c):
    return "light", [c.frame(6.0) for _ in range(4)]


def floats(c):
    return "light", [frame / 65535 for frame in c.lights()]


def fading(c):
    return "flat", [c.frame(30_000 * 0.6**i * (1 - 0.2 * (c.x / 120 - 0.5) ** 2)) for i in range(6)]


def lamp(c):
    return "arc", [
        c.frame(100 + 5e3 * s * sum(np.exp(-((c.x - at) ** 2) / 4) for at in (20, 66, 90))) for s in (1, 1.4)
    ]


def crowded(c):
    return "arc", [c.frame(100 + 2e4 * sum(np.exp(-((c.x - at) ** 2) / 5) for at in range(2, 120, 6)))]


def quiet(c):
    return "bias", [np.rint(1000.4 + wander + c.rng.normal(0, 0.15, SHAPE)) for wander in (0, 0.2, -0.1, 0.1, 0)]


def dithered_under_a_moon(c):
    return "light", [c.frame(np.roll(c.field(sky), shift, axis=(0, 1))) for sky, shift in ((2000, 0), (2500, 17))]


HONEST = [wandering, steady, cut_off, stepped, alike, alone, cirrus, dusk, seeing, dithered, moonrise, empty, floats]
HONEST += [quiet, dithered_under_a_moon]


@pytest.mark.parametrize("night", [*HONEST, fading, lamp, crowded])
@given(SEEDS)
def test_honest_nights_are_not_accused(night, seed):
    kind, frames = night(Camera(seed))
    assert said(kind, frames) == ()


@pytest.mark.parametrize("values", [np.full(SHAPE, np.nan), np.ones((1, 1)), np.ones((2, 2))])
@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_images_without_enough_good_pixels_say_nothing(values, count):
    assert combine(FrameSet(Image.of(values, kind="light", exposure=1.0) for _ in range(count))).notes == ()


@given(SEEDS)
def test_of_two_lights_that_of_another_exposure_is_said(seed):
    camera = Camera(seed)
    (note,) = said("light", [camera.frame(camera.field()), camera.frame(camera.field() / 3)])
    assert note.fact == "light frames: light"


LINES = sum(np.exp(-((np.arange(SHAPE[1]) - at) ** 2) / 4) for at in (20, 66, 90))


@given(SEEDS, st.integers(2, 4))
def test_an_arc_whose_lamp_was_off_is_said_though_there_is_little_light_between_lines(seed, count):
    camera = Camera(seed)
    camera.hot *= 0.01
    arcs = [camera.frame(30 + 8e3 * LINES) for _ in range(count - 1)]
    assert said("arc", arcs) == ()
    facts = {note.fact: note.frames for note in said("arc", [*arcs, camera.frame()])}
    assert facts["arc frames: light"] == (f"{count - 1}",)


@given(SEEDS)
def test_a_faint_light_that_no_star_shines_through_is_said(seed):
    camera = Camera(seed)
    lights = [camera.frame(camera.field(sky=10.0)) for _ in range(3)]
    assert said("light", lights) == ()
    (note,) = said("light", [*lights, camera.frame(10.0)])
    assert note.frames == ("3",)


@given(SEEDS)
def test_bias_frames_that_drift_are_said_in_one_note(seed):
    (note,) = said("bias", [frame - 60 * step for step, frame in enumerate(Camera(seed).biases())])
    assert "drift from frame to frame" in note.words
    assert len(note.frames) == 5


@given(SEEDS)
def test_arcs_without_lines_are_said(seed):
    camera = Camera(seed)
    (note,) = said("arc", [camera.frame(), camera.frame()])
    assert "no lines in the arc" in note.words


@pytest.mark.parametrize("clip", [None, "default"])
def test_combine_says_it_with_a_clip_or_without(clip):
    camera = Camera(4)
    frames = camera.biases()
    first_high(camera, frames)
    images = FrameSet(Image.of(frame, kind="bias", name=f"{number}") for number, frame in enumerate(frames))
    combined = combine(images, clip=None) if clip is None else combine(images)
    assert [note.frames for note in combined.notes] == [("0",)]
