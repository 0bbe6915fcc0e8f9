"""Frames that the readout damaged: each kind of damage is said of the frames that it struck."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stacks_of_frames import SEEDS, SHAPE, Camera, checked, said

from pipeline import FrameSet, Image, combine, each, pipe, subtract_overscan


def half_dead(c, f):
    f[2] = np.where(c.x < 60, 0, f[2])


def shifted(c, f):
    f[1] = np.roll(f[1], 1, axis=1)


def smeared(c, f):
    f[2] = c.frame(c.field() + 0.4 * c.field().mean(axis=0))


def stuck(c, f):
    f[:] = [(frame.astype(int) | 64).astype(float) for frame in f]


@pytest.mark.parametrize(
    ("spoil", "fact", "which"),
    [
        (half_dead, "dead", "2"),
        (shifted, "columns", "1"),
        (smeared, "smeared", "2"),
        (stuck, "bit 64", "012"),
    ],
)
@given(SEEDS)
def test_damage_is_said(spoil, fact, which, seed):
    checked("light", spoil, fact, which, seed)


@given(SEEDS, st.sampled_from([3e-5, 1e-4, 3e-4]))
def test_frames_of_hardly_any_other_number_than_one_are_not_dead(seed, others):
    """In some no pixel, in some a few hold more: a quiet camera."""
    frames = 3.0 + (np.random.default_rng(seed).random((5, 60, 120)) < others)
    assert said("bias", list(frames)) == ()


def test_a_tenth_of_the_columns_light_is_smear_that_most_fields_tell():
    """Of a column's light some rows alone are seen, so that what lies on all of it fits that only roughly."""
    told = []
    for seed in range(10):
        rng, (y, x) = np.random.default_rng(seed), np.mgrid[:200, :120]
        field = np.full((200, 120), 400.0)
        for flux in np.geomspace(5e3, 1e5, 100):
            field += flux / 18 * np.exp(-((y - rng.uniform(0, 200)) ** 2 + (x - rng.uniform(0, 120)) ** 2) / 5.8)
        smear = np.array([0, 0, 0.1, 0, 0])[:, None, None] * field.mean(axis=0)
        clean = np.rint(rng.poisson(np.stack([field] * 5)) + rng.normal(0, 5, (5, *field.shape)))
        assert said("light", list(clean[:, ::4])) == ()
        told += [(note.fact, note.frames) for note in said("light", list((clean + np.rint(smear))[:, ::4]))]
    assert set(told) == {("light frames: smeared", ("2",))}
    assert len(told) >= 7


@given(SEEDS, st.sampled_from([16, 32, 64]), st.booleans(), st.floats(-3000, 3000), st.floats(0, 1))
def test_a_stuck_bit_is_said_whatever_level_was_taken_out_since(seed, bit, always, level, drift):
    counted = [frame.astype(int) for frame in Camera(seed).lights()]
    stuck = [frame | bit if always else frame & ~bit for frame in counted]
    rows = np.linspace(level, level + drift, len(counted[0]))[:, None]  # of an overscan's level
    assert [note.fact for note in said("light", [frame - rows for frame in stuck])] == [f"light frames: bit {bit}"]
    assert said("light", [frame - rows for frame in counted]) == ()


@given(SEEDS, st.sampled_from([2, 4, 8, 256]), st.booleans())
def test_bits_are_known_to_be_stuck_in_numbers_as_they_were_counted(seed, bit, always):
    counted = [frame.astype(int) for frame in Camera(seed).lights()]
    stuck = [(frame | bit if always else frame & ~bit).astype(float) for frame in counted]
    assert [note.fact for note in said("light", stuck)] == [f"light frames: bit {bit}"]


@given(SEEDS, st.sampled_from([64, 128, 256]))
def test_two_levels_on_one_side_of_a_bit_are_those_of_two_amplifiers(seed, bit):
    camera = Camera(seed)
    levels = np.where(camera.x < 60, 1024, 1024 + 2 * bit) + 30
    assert said("flat", [np.rint(levels + camera.rng.normal(0, 5, SHAPE)) for _ in range(3)]) == ()


@given(SEEDS)
def test_a_frame_of_little_noise_is_not_dead(seed):
    rng = np.random.default_rng(seed)
    assert said("dark", [np.rint(1000 + rng.normal(0, sigma, SHAPE)) for sigma in (0.8, 2, 2, 2)]) == ()


@pytest.mark.parametrize(("part", "told"), [(0.01, False), (0.1, True)])
@given(SEEDS)
def test_the_light_of_columns_is_smeared_from_some_hundredths_on(part, told, seed):
    camera = Camera(seed)
    frames = camera.lights()
    frames[2] = camera.frame(camera.field() + part * camera.field().mean(axis=0))
    assert [note.fact for note in said("light", frames)] == (["light frames: smeared"] if told else [])


@given(SEEDS)
def test_a_saturated_part_is_not_dead(seed):
    camera = Camera(seed)
    frames = camera.lights()
    frames[1] = np.where(camera.x < 60, 65_535, frames[1])
    assert not any("dead" in note.fact for note in said("light", frames))


@pytest.mark.parametrize("step", [1, 4, 16, 64])
@given(SEEDS, st.floats(0, 6))
def test_the_steps_of_a_converter_are_no_stuck_bit_when_a_bias_is_out(step, seed, pattern):
    camera = Camera(seed)
    bias = camera.rng.normal(0, pattern, camera.bias.shape)
    assert said("light", [np.rint(frame / step) * step - bias for frame in camera.lights()]) == ()


def test_combine_says_a_stuck_bit_of_frames_whose_overscan_is_out():
    camera = Camera(3)
    frames = [np.hstack([frame, camera.rng.normal(1000, 4, (len(frame), 20))]) for frame in camera.lights()]
    header = {"BIASSEC": "[121:140,1:60]", "TRIMSEC": "[1:120,1:60]"}
    for bit in (0, 64):
        stored = [frame.astype(np.uint16) | np.uint16(bit) for frame in frames]
        images = FrameSet(
            Image.of(s, kind="light", exposure=1.0, header=header, name=f"{i}") for i, s in enumerate(stored)
        )
        facts = [note.fact for note in pipe(images, each(subtract_overscan()), combine).notes]
        assert ("light frames: bit 64" in facts) == bool(bit)
