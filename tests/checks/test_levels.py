"""Frames unlike the others of their kind: what is spoilt is said, with its name, and honest nights are not accused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stacks_of_frames import SEEDS, SHAPE, Camera, checked, said
from strategies import examples

from pipeline import FrameSet, Image, combine


def facts(kind, frames):
    """Give what is said of frames of a kind, in one or two words each."""
    return [note.fact.removeprefix(f"{kind} frames: ") for note in said(kind, frames)]


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


# ---- where each begins and ends ----


@pytest.mark.parametrize(
    ("level", "wander", "told"),
    [(0, 14, False), (0, 35, True), (20_000, 30, False), (20_000, 80, True)],
)
@given(SEEDS)
def test_the_level_of_a_bias_wanders_by_some_of_its_noise_or_two_thousandths(level, wander, told, seed):
    frames = [frame + level for frame in Camera(seed).biases()]
    frames[3] += wander
    assert facts("bias", frames) == (["level"] if told else [])


@pytest.mark.parametrize(("factor", "told"), [(1.5, False), (3.0, True)])
@given(SEEDS)
def test_a_bias_of_twice_the_noise_and_more_was_read_otherwise(factor, told, seed):
    camera = Camera(seed)
    camera.hot *= 0
    frames = [camera.frame(noise=4 * more) for more in (1, factor, 1, 1, 1)]
    assert facts("bias", frames) == (["noise"] if told else [])


@given(SEEDS)
def test_rounding_hides_the_noise_of_frames_between_two_numbers_less(seed):
    rng = np.random.default_rng(seed)
    known = [(1000, 0.2), (1000.5, 0.45), (1000, 0.2), (1000, 0.2)]
    assert facts("bias", [np.rint(level + rng.normal(0, sigma, SHAPE)) for level, sigma in known]) == []


@pytest.mark.parametrize(
    ("level", "noise", "told"), [(20, 20, False), (20, 60, True), (200, 60, True), (500, 60, False)]
)
@given(SEEDS)
def test_what_is_no_image_has_many_times_the_noise_and_a_good_part_of_its_level(level, noise, told, seed):
    rng = np.random.default_rng(seed)
    frames = [np.rint(level + rng.normal(0, sigma, SHAPE)) for sigma in (4, noise, 4, 4)]
    assert facts("flat", frames) == (["noise"] if told else [])


@pytest.mark.parametrize(
    ("kind", "factor", "told"),
    [("light", 1.25, False), ("light", 1.7, True), ("arc", 1.6, False), ("arc", 3.0, True)],
)
@given(SEEDS)
def test_another_exposure_changes_level_and_contrast_together(kind, factor, told, seed):
    camera = Camera(seed)
    camera.hot *= 0
    frames = [camera.frame(camera.field() * more) for more in (1, factor, 1, 1)]
    assert facts(kind, frames) == (["light"] if told else [])


@pytest.mark.parametrize("stars", [0.5, 2.0])
@given(SEEDS)
def test_contrast_or_level_alone_tells_of_no_exposure_where_stars_shine(stars, seed):
    camera = Camera(seed)
    camera.hot *= 0
    for changed in (camera.field(3500 - 900 * stars, stars), camera.field(5000)):
        frames = [camera.frame(field) - 1000 for field in (camera.field(), changed, camera.field(), camera.field())]
        assert facts("light", frames) == []


@pytest.mark.parametrize(
    ("skies", "told"),
    [((1000, 1400, 1000, 1010), False), ((1000, 2500, 1000, 1010), True), ((1000, 2500, 5000), False)],
    ids=["a little", "much", "a dawn"],
)
@given(SEEDS)
def test_an_empty_sky_that_is_much_brighter_in_one_light_is_said(skies, told, seed):
    camera = Camera(seed)
    camera.hot *= 0
    assert facts("light", [camera.frame(sky) - 1000 for sky in skies]) == (["light"] if told else [])


@pytest.mark.parametrize(("height", "part", "told"), [(10, 0, False), (30, 0, True), (30, 0.4, False), (30, 0.1, True)])
@given(SEEDS)
def test_a_light_of_which_hardly_anything_is_seen_of_what_is_bright_in_others_is_said(height, part, told, seed):
    rng, x = np.random.default_rng(seed), np.arange(SHAPE[1])
    bright = 4 * height * (x % 12 < 2)
    frames = [np.rint(1000 + shown * bright + rng.normal(0, 4, SHAPE)) for shown in (1, 1, part, 1)]
    assert facts("light", frames) == (["light"] if told else [])


@given(SEEDS)
def test_one_of_two_lights_may_have_a_satellite(seed):
    camera = Camera(seed)
    camera.hot *= 0
    trail = 500.0 + 3000 * (np.abs(np.arange(SHAPE[0]) - 30) < 2)[:, None]
    assert facts("light", [camera.frame(trail), camera.frame(500.0)]) == []


@pytest.mark.parametrize(("hot", "rows", "told"), [(0.01, 0, True), (0.015, 25, False)])
@given(SEEDS)
def test_lines_are_told_from_hot_pixels_by_their_neighbours(hot, rows, told, seed):
    camera = Camera(seed)
    camera.hot = np.where(camera.rng.random(SHAPE) < hot, 900.0, 0.0)
    camera.hot[:rows, 60:63] = 900
    assert facts("arc", [camera.frame(), camera.frame()]) == (["no lines"] if told else [])


@given(SEEDS)
def test_noise_is_not_said_of_frames_of_which_more_is_said_and_is_of_others(seed):
    camera = Camera(seed)
    camera.hot *= 0
    frames = [camera.frame(noise=4 * more) for more in (1, 3, 1, 1, 1)]
    frames[1] += 200
    assert facts("bias", frames) == ["level"]
    frames[1], frames[3] = frames[1] - 200, frames[3] + 200
    assert facts("bias", frames) == ["level", "noise"]


@pytest.mark.parametrize("clip", [None, "default"])
def test_combine_says_it_with_a_clip_or_without(clip):
    camera = Camera(4)
    frames = camera.biases()
    first_high(camera, frames)
    images = FrameSet(Image.of(frame, kind="bias", name=f"{number}") for number, frame in enumerate(frames))
    combined = combine(images, clip=None) if clip is None else combine(images)
    assert [note.frames for note in combined.notes] == [("0",)]


quiet = pytest.mark.filterwarnings("ignore::pipeline.errors.PipelineWarning")
PATTERNS = ("rows", "columns", "stripes", "blocks")


def disturbed(rng, pattern, count, times, noise=5.0, shape=(96, 112), hits=0.0):
    """Bias frames with a pattern that is another in each, of so many times the noise of a pixel alone."""
    y, x = np.indices(shape)
    frames = []
    for _ in range(count):
        common = {
            "rows": lambda: rng.normal(0, 1, (shape[0], 1)),
            "columns": lambda: rng.normal(0, 1, (1, shape[1])),
            "stripes": lambda: np.sqrt(2) * np.sin(0.37 * 2 * np.pi * (y * 119.3 + x) + rng.uniform(0, 2 * np.pi)),
            "blocks": lambda: np.kron(rng.normal(0, 1, (12, 14)), np.ones((8, 8))),
        }[pattern]()
        values = 1000 + 0.02 * x + noise * (rng.standard_normal(shape) + times * common)
        frames.append(np.where(rng.random(shape) < hits, values + 500, values))
    return frames


def shared_in(frames, kind="bias"):
    stack = FrameSet(Image.of(np.rint(values).astype(np.uint16), kind=kind) for values in frames)
    return [note for note in combine(stack).notes if note.fact.endswith("varying together")]


@quiet
@pytest.mark.parametrize("pattern", PATTERNS)
@examples(4)
@given(SEEDS, st.integers(4, 7), st.sampled_from([("bias", 0.0), ("dark", 2e-3)]))
def test_frames_whose_pixels_vary_together_are_said_and_by_how_much(pattern, seed, count, kind):
    (note,) = shared_in(disturbed(np.random.default_rng(seed), pattern, count, 5.0, hits=kind[1]), kind[0])
    assert 1.2 < dict(note.figures)["times"] < 9  # of stripes less, where frames happen to have like phases
    assert "UNCERT" in note.words


@quiet
@examples(12)
@given(SEEDS, st.integers(2, 7), st.floats(0.3, 30), st.floats(0, 2e-3))
def test_a_fixed_pattern_hits_and_levels_that_jump_are_none_that_pixels_share(seed, count, noise, hits):
    rng = np.random.default_rng(seed)
    fixed = 50 * rng.normal(size=(96, 112)) + 30 * rng.normal(size=(96, 1))
    frames = [
        frame + fixed + 3 * noise * rng.normal() for frame in disturbed(rng, "rows", count, 0.0, noise, hits=hits)
    ]
    assert not shared_in(frames)
    assert not shared_in(frames, "light")


@quiet
def test_what_pixels_share_of_rows_is_its_part_of_the_variance():
    """Of 3 and 4 ADU, 9 parts and 16: rows that vary by 3/4 of a pixel's own noise."""
    (note,) = shared_in(disturbed(np.random.default_rng(1), "rows", 7, 0.75, 4.0, shape=(300, 400)))
    assert dict(note.figures)["times"] == pytest.approx(0.75, abs=0.15)
