"""Ceilings that no card tells: found where values pile up, and nowhere else."""

import math

import attrs
import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from strategies import quick

from pipeline import (
    Clip,
    Flag,
    FrameSet,
    Image,
    MasterBias,
    chain,
    combine,
    divide,
    each,
    flag_bad,
    flag_saturated,
    linearise,
    normalise_flat,
    open_frame,
    pipe,
    running,
    subtract_bias,
    subtract_dark,
    subtract_overscan,
    to_electrons,
)
from pipeline.checks.ceilings import ceiling_of_type, ceiling_of_values, undeclared_ceiling
from pipeline.errors import CalibrationError
from pipeline.headers.cards import Cards

SEEDS = st.integers(0, 2**31)
ENDS_OF = {
    "uint8": [254, 255],
    "int8": [126, 127, -128],
    "int16": [32766, 32767, -32768],
    "uint16": [65534, 65535],
    "float32": [math.inf, -math.inf, math.nan, 1e30],
}
OVERSCAN_OUT = chain(flag_saturated(), subtract_overscan(trim=True))


def star_field(seed, *, sky=1500.0, brightest=4e5, shape=(80, 90)):
    """A field of stars over a noisy sky, as whole numbers that nothing limits."""
    rng, (y, x) = np.random.default_rng(seed), np.mgrid[: shape[0], : shape[1]]
    field = np.full(shape, float(sky))
    for flux in np.geomspace(1e4, brightest, 6):
        cy, cx = rng.uniform(10, 70, 2)
        field += flux / 10 * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / 3.2)
    return np.rint(rng.poisson(field) + rng.normal(500, 4, shape))


@given(SEEDS, st.sampled_from([1023.0, 4095.0, 16383.0, 32767.0, 65520.0, 21000.0, 58111.0]))
def test_a_ceiling_is_where_values_are_cut_off(seed, level):
    values = np.minimum(star_field(seed, sky=min(1500, level / 6), brightest=60 * level), level)
    assert ceiling_of_values(values) == level


def test_one_value_at_full_scale_is_enough():
    """Of types that hold more: nothing that 16 bits held is larger."""
    assert ceiling_of_values(np.r_[np.arange(100.0), 65535]) == 65535
    assert ceiling_of_values(np.r_[np.arange(100.0), 65535, 65536]) == math.inf


@given(SEEDS, st.floats(0.3, 300), st.sampled_from([1, 4, 16]))
def test_noise_has_no_ceiling(seed, sigma, step):
    values = np.rint(np.random.default_rng(seed).normal(1000, sigma, 8000) / step) * step
    assert ceiling_of_values(values) == math.inf


@given(SEEDS)
def test_stars_that_nothing_limits_have_no_ceiling(seed):
    assert ceiling_of_values(star_field(seed)) == math.inf


@pytest.mark.parametrize(
    "values",
    [
        np.zeros(0),
        np.full(50, 1000.0),
        np.arange(600.0) % 2,
        np.minimum(np.arange(900.0), 800),
        np.full(30, np.nan),
        np.repeat(np.arange(100.0), 40),
        np.maximum(np.random.default_rng(1).normal(0, 3, 5000).round(), 0),
        np.linspace(0, 1, 9000),
        np.r_[np.full(5000, 100.0), np.full(9, 500.0)],
        np.r_[np.zeros(100), np.ones(2000)],
        np.r_[np.arange(300.0) % 3, np.full(2000, 7.0)],
    ],
    ids=[
        "nothing",
        "constant",
        "mask",
        "too few",
        "NaN",
        "columns",
        "cut off at 0",
        "floats",
        "two numbers",
        "set",
        "of 4 numbers",
    ],
)
def test_what_is_no_ceiling(values):
    assert ceiling_of_values(values) == math.inf


@given(SEEDS, st.integers(2000, 60_000))
def test_a_frame_of_which_most_is_cut_off_has_a_ceiling(seed, level):
    values = np.random.default_rng(seed).normal(level + 100, 60, 4000).round()
    assert ceiling_of_values(np.minimum(values, level)) == level


@pytest.mark.parametrize(
    ("cards", "ceiling"),
    [
        ({"BITPIX": 16, "BZERO": 32768}, 65535),
        ({"BITPIX": 16}, 32767),
        ({"BITPIX": 8}, 255),
        ({"BITPIX": 16, "BSCALE": 0.5, "BZERO": 100}, 16483.5),
        ({"BITPIX": 16, "BSCALE": -1}, math.inf),
        ({"BITPIX": 16, "BZERO": "unknown"}, math.inf),
        ({"BITPIX": 32}, math.inf),
        ({"BITPIX": -32}, math.inf),
        ({}, math.inf),
    ],
)
def test_a_type_has_a_ceiling(cards, ceiling):
    assert ceiling_of_type(Cards.of(cards)) == ceiling


def written(folder, planes, **cards):
    for number, plane in enumerate(planes):
        fits.writeto(folder / f"{number}.fits", plane, fits.Header({"EXPTIME": 10, **cards}), overwrite=True)
    return [folder / f"{number}.fits" for number in range(len(planes))]


@pytest.mark.parametrize(
    ("dtype", "level"),
    [("uint16", 65535), ("uint16", 16383), ("int16", 32767), ("uint16", 50_000), ("float32", 40_000)],
)
@pytest.mark.parametrize("shape", [(80, 90), (700, 300)], ids=["small", "large"])
def test_frames_on_disk_are_flagged_as_in_memory(tmp_path, dtype, level, shape):
    rng = np.random.default_rng(3)
    lit = rng.normal(0.8 * level, 0.1 * level, (3, *shape)).clip(0, level).round().astype(dtype)
    disk = FrameSet(open_frame(path, kind="light") for path in written(tmp_path, lit))
    memory = FrameSet(attrs.evolve(frame, data=frame.pixels) for frame in disk)
    results = [pipe(frames, each(flag_saturated()), combine) for frames in (disk, memory)]
    assert results[0] == results[1]
    np.testing.assert_array_equal(results[0].pixels.flags, np.where((lit == level).any(axis=0), Flag.SATURATED, 0))
    (note,) = [note for note in results[0].notes if "are saturated" in note.words]
    assert not note.is_assumption
    figures = dict(note.figures)
    assert figures["pixels"] == (lit == level).any(axis=0).sum()
    assert figures["level"] == level


@quick
@given(
    values=st.sampled_from(["uint8", "int8", "int16", "uint16", "float32"]).flatmap(
        lambda kind: arrays(kind, (3, 4, 5), elements=st.sampled_from([0, 1, 100, *ENDS_OF[kind]]))
    ),
    header=st.booleans(),
    clip=st.sampled_from([None, Clip()]),
)
def test_arrays_are_flagged_as_the_same_in_files_with_a_header_and_without(tmp_path_factory, values, header, clip):
    """Each type ends where it ends, and an infinite value has reached no level."""
    folder = tmp_path_factory.mktemp("frames")
    disk = [open_frame(path, kind="light") for path in written(folder, values)]
    memory = [
        Image.of(plane, exposure=10, header=frame.header if header else None, name=frame.name)
        for plane, frame in zip(values, disk, strict=True)
    ]
    one, other = (pipe(FrameSet(some), each(flag_saturated()), combine(clip=clip)) for some in (disk, memory))
    assert one.pixels == other.pixels
    assert one.notes == other.notes
    ends = math.inf if values.dtype.kind == "f" else np.iinfo(values.dtype).max
    reached = (values == ends).any(axis=0) & (ends < math.inf)
    np.testing.assert_array_equal(one.pixels.flags & Flag.SATURATED != 0, reached)


def test_saturated_values_that_are_infinite_are_counted_without_numpys_words():
    planes = np.random.default_rng(5).normal(1000, 3, (2, 40, 50)).clip(None, 1004)
    planes[:, 7] = np.inf
    frames = FrameSet(Image.of(plane, exposure=1) for plane in planes)
    image = pipe(frames, each(flag_saturated()), combine)
    (note,) = [note for note in image.notes if "are saturated" in note.words]
    assert dict(note.figures) == {"pixels": np.count_nonzero((planes >= 1004).any(axis=0))}


@given(SEEDS, st.floats(0, 5))
def test_where_saturation_begins_is_that_of_the_frames_and_not_of_their_mean(seed, overscan):
    """Also where a level was taken out of each, and where one frame of three reaches it."""
    planes = np.random.default_rng(seed).normal(1000, 300, (3, 40, 52)).round()
    planes[0, 5:9, 6:16] = 50_000
    planes[:, :, 50:] = overscan
    frames = FrameSet(Image.of(plane, exposure=1, header={"BIASSEC": "[51:52,1:40]"}) for plane in planes)
    raw, out = (pipe(frames, each(step), combine) for step in (flag_saturated(), OVERSCAN_OUT))
    for image, level in ((raw, 50_000), (out, 50_000 - overscan)):
        (note,) = [note for note in image.notes if "are saturated" in note.words]
        assert f"from {level:.6g} " in note.words
        assert dict(note.figures) == {"pixels": 40, "level": pytest.approx(level)}


def test_a_level_that_is_given_goes_before_and_is_not_said(tmp_path):
    plane = np.full((20, 30), 900, np.uint16)
    plane[:, :3], plane[:, 3:5] = 65535, 800
    (path,) = written(tmp_path, [plane], SATURATE=850)
    frames = FrameSet([open_frame(path, kind="light")])
    for step, flagged in ((flag_saturated(), 560), (flag_saturated(level=70_000), 60)):
        image = pipe(frames, each(step), combine)
        assert not any("are saturated" in note.words for note in image.notes)
        assert np.count_nonzero(image.pixels.flags) == flagged


@pytest.mark.parametrize(
    ("cards", "level", "told"),
    [({}, None, True), ({}, 60_000.0, False), ({"SATURATE": -1}, None, True), ({"SATURATE": 60_000}, None, False)],
)
def test_only_a_level_that_nobody_gave_is_said(cards, level, told):
    planes = np.minimum([star_field(n, brightest=1e7) for n in (1, 2)], 65535)
    frames = FrameSet(Image.of(plane, exposure=1, header=cards) for plane in planes)
    image = pipe(frames, each(flag_saturated(level=level)), combine)
    assert image.pixels.mask.any()
    assert any("are saturated" in note.words for note in image.notes) == told


def test_one_hot_pixel_at_the_ceiling_is_flagged_without_a_word():
    planes = np.random.default_rng(5).normal(1000, 3, (3, 40, 50)).round()
    planes[:, 7, 8] = 65535
    frames = FrameSet(Image.of(plane.astype(np.uint16), kind="dark", exposure=1) for plane in planes)
    image = pipe(frames, each(flag_saturated()), combine)
    assert np.argwhere(image.pixels.flags).tolist() == [[7, 8]]
    assert image.notes == ()


def test_frames_that_nothing_flagged_are_said_to_reach_a_ceiling():
    frames = FrameSet(Image.of(np.minimum(star_field(n, brightest=1e7), 65535), exposure=1) for n in (1, 2))
    assert any("not flagged" in note.words and note.is_assumption for note in combine(frames).notes)
    clean = FrameSet(Image.of(star_field(n), exposure=1) for n in (1, 2))
    assert not any("not flagged" in note.words for note in combine(clean).notes)


BIAS = MasterBias.of(Image.of(np.full((80, 90), 500.0), kind="bias"))
FLAT = normalise_flat(Image.of(np.ones((80, 90)), kind="flat"))
OVERSCAN = {"BIASSEC": "[81:90,1:80]", "TRIMSEC": "[1:80,1:80]"}
WITHOUT_FLAGGING = {
    "a bias": ([subtract_bias(bias=BIAS)], {}),
    "no overscan, then a flat": ([subtract_overscan(), divide(flat=FLAT)], {}),
    "an overscan, each row its own": ([subtract_overscan(order=None)], OVERSCAN),
    "borders to cut off": ([subtract_overscan()], {"TRIMSEC": "[1:80,1:80]"}),
    "no bias, no dark": ([subtract_bias(bias=None), subtract_dark(dark=None)], {}),
    "an overscan that is out": ([subtract_overscan()], {"OVERSCAN": True, **OVERSCAN}),
    "a gain": ([to_electrons(gain=1.5)], {}),
    "linearity": ([linearise(coefficients=(1.0, 1e-7)), subtract_bias(bias=None)], {}),
    "bad pixels": ([flag_bad(mask=None)], {}),
}


@pytest.mark.parametrize("kind", ["light", "flat", "dark", "arc"])
@pytest.mark.parametrize("steps", WITHOUT_FLAGGING)
def test_whatever_steps_come_first_a_ceiling_that_nothing_flagged_is_said_once(steps, kind, tmp_path):
    if kind == "dark" and "flat" in steps:
        pytest.skip("a dark is divided by no flat")
    steps, cards = WITHOUT_FLAGGING[steps]
    planes = [np.minimum(star_field(n, brightest=1e7), 65535) for n in (1, 2)]
    for plane in planes:
        plane[:, 80:] = np.random.default_rng(2).normal(500, 4, (80, 10)).round()
    paths = written(tmp_path, [plane.astype(np.uint16) for plane in planes], **cards)
    disk = FrameSet(open_frame(path, kind=kind) for path in paths)
    memory = FrameSet(attrs.evolve(frame, data=frame.pixels) for frame in disk)
    said = [
        [note for note in pipe(frames, *map(each, steps), combine).notes if "not flagged" in note.words]
        for frames in (disk, memory)
    ]
    assert said[0] == said[1]
    (note,) = said[0]
    assert note.is_assumption
    assert note.frames == tuple(map(str, paths))
    assert dict(note.figures) == {"level": 65535}


@pytest.mark.parametrize("spare", ["flag_saturated", "SATURATE", "nothing is saturated", "hot pixels"])
@pytest.mark.parametrize("steps", WITHOUT_FLAGGING)
def test_no_ceiling_is_said_where_none_is_reached_or_it_is_known(steps, spare, tmp_path):
    steps, cards = WITHOUT_FLAGGING[steps]
    saturated = spare in ("flag_saturated", "SATURATE")
    planes = [np.minimum(star_field(n, brightest=1e7 if saturated else 1e5), 65535) for n in (1, 2)]
    for plane in planes:
        plane[:, 80:] = np.random.default_rng(2).normal(500, 4, (80, 10)).round()
        plane[5, 5:8] = 65535 if spare == "hot pixels" else plane[5, 5:8]
    if spare == "SATURATE":
        cards = {**cards, "SATURATE": 60_000}
    paths = written(tmp_path, [plane.astype(np.uint16) for plane in planes], **cards)
    first = [flag_saturated()] if spare == "flag_saturated" else []
    notes = pipe(FrameSet(map(open_frame, paths)), *map(each, [*first, *steps]), combine).notes
    assert not [note for note in notes if "not flagged" in note.words]


def test_a_flat_with_much_of_it_saturated_is_refused():
    rng = np.random.default_rng(6)
    flats = [rng.normal(level, 100, (40, 50)).clip(0, 65535) for level in (70_000, 50_000, 40_000, 30_000)]
    frames = FrameSet(
        Image.of(v.round().astype(np.uint16), kind="flat", exposure=1, name=f"f{i}") for i, v in enumerate(flats)
    )
    image = pipe(frames, each(flag_saturated()), combine)
    (useless,) = [note for note in image.notes if "up to 100 %" in note.words]
    assert useless.frames == ("f0",)
    with pytest.raises(CalibrationError, match="100 % of the flat is saturated"):
        normalise_flat(image)
    assert pipe(FrameSet(frames.frames[1:]), each(flag_saturated()), combine, normalise_flat).pixels.mask.sum() == 0


@pytest.mark.parametrize(("part", "told"), [(0.1, False), (0.4, True)])
def test_a_light_of_which_much_is_saturated_is_told(part, told):
    planes = np.random.default_rng(8).normal(1000, 20, (3, 40, 50)).round()
    planes[1, : int(part * 40)] = 65535
    frames = FrameSet(Image.of(plane, exposure=1, name=f"{n}") for n, plane in enumerate(planes))
    notes = pipe(frames, each(flag_saturated()), combine).notes
    assert [note.frames for note in notes if "of these light frames" in note.words] == ([("1",)] if told else [])


def test_a_header_that_speaks_of_other_values_tells_no_ceiling():
    image = Image.of(np.linspace(0, 1e5, 600).reshape(20, 30), header={"BITPIX": 16, "BZERO": 32768})
    assert undeclared_ceiling(image) == math.inf


def test_strictness_accepts_a_few_saturated_stars():
    field, noise = star_field(1, brightest=1e7), np.random.default_rng(2).normal(0, 20, (2, 80, 90)).round()
    frames = FrameSet(Image.of(np.minimum(field + one, 16383), exposure=1) for one in noise)
    with running(strict=True):
        assert pipe(frames, each(flag_saturated()), combine).pixels.mask.any()
