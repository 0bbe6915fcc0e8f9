"""A bias that a header says is out: told by level and noise where it is still there, and not where it is out."""

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick, seeds

from pipeline import Flag, FrameSet, Image, MasterBias, Pixels, combine, each, open_frame, pipe, subtract_bias, write
from pipeline.checks.done_before import bias_left_in
from pipeline.compose.running import running
from pipeline.errors import HeaderWarning
from pipeline.stages.header import attach_header

SIZE, GAIN, READ_NOISE = (70, 90), 1.5, 5.0


def exposures(seed, kind, electrons, pedestal, count=3, read_noise=READ_NOISE, **cards):
    """Give frames of one scene, whose response differs by 1 % from pixel to pixel."""
    rng = np.random.default_rng(seed)
    response = rng.normal(1, 0.01, SIZE) * np.linspace(0.8, 1, SIZE[1])
    frames = (
        pedestal + rng.poisson(electrons * response) / GAIN + rng.normal(0, read_noise / GAIN, SIZE)
        for _ in range(count)
    )
    cards = {"GAIN": (GAIN, "[e-/ADU]"), "RDNOISE": (READ_NOISE, "[e-]"), **cards}
    return FrameSet(Image.of(one, kind=kind, exposure=60.0, header=cards, name=f"{kind}.fits") for one in frames)


def a_bias(pedestal, **settings):
    return combine(exposures(7, "bias", 0, pedestal, **settings))


def constant(kind, level, shape=SIZE, **cards):
    return Image.of(np.full(shape, float(level)), kind=kind, exposure=60.0, header={"ZEROCOR": True, **cards})


@pytest.mark.filterwarnings("ignore::pipeline.errors.AssumptionWarning")
@quick
@given(seeds, st.sampled_from([300, 1000, 10_000]), st.sampled_from([20, 150, 1000, 3000, 20_000]))
def test_a_bias_that_is_still_in_is_said_and_one_that_is_out_is_not(seed, pedestal, electrons):
    held, out = (combine(exposures(seed, "light", electrons, level, ZEROCOR=True)) for level in (pedestal, 0))
    told = electrons < 2 * pedestal  # beyond, the noise of three frames may not tell
    assert bool(bias_left_in(held, a_bias(pedestal))) or not told
    assert not bias_left_in(out, a_bias(pedestal))


def test_a_faint_single_frame_is_told_by_its_level():
    (raw,), (out,) = (exposures(1, "dark", 15, level, 1, ZEROCOR=True) for level in (1000, 0))
    (note,) = bias_left_in(raw, a_bias(1000))
    assert note.figures == (("level", pytest.approx(1009, abs=3)), ("bias", pytest.approx(1000, abs=1)))
    assert not bias_left_in(out, a_bias(1000))


def test_a_bias_without_a_pedestal_tells_nothing():
    for image in exposures(1, "light", 20, 0, 1, ZEROCOR=True):
        assert not bias_left_in(image, combine(exposures(7, "bias", 0, 3)))


@pytest.mark.parametrize(("level", "said"), [(970, False), (990, True), (1000, True), (1090, True), (1120, False)])
def test_a_level_near_that_of_the_bias_is_the_bias(level, said):
    """By 5 σ of a pixel below, 3.3 ADU each, and a tenth of it above."""
    (image,) = exposures(1, "dark", 0, level, 1, ZEROCOR=True)
    assert len(bias_left_in(image, a_bias(1000))) == said


@pytest.mark.parametrize(("pedestal", "read_noise", "said"), [(30, 5.0, False), (90, 5.0, True), (90, 15.0, False)])
def test_a_pedestal_that_noise_hides_is_not_told(pedestal, read_noise, said):
    (image,) = exposures(1, "dark", 0, pedestal, 1, read_noise=read_noise, ZEROCOR=True)
    assert len(bias_left_in(image, a_bias(pedestal, read_noise=read_noise))) == said


@pytest.mark.parametrize(("level", "said"), [(15, False), (25, True)])
def test_of_frames_without_noise_a_step_of_their_numbers_counts_as_noise(level, said):
    assert len(bias_left_in(constant("dark", level + 1), constant("bias", level))) == said


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (constant("dark", 1001), True),
        (constant("dark", 1001, BUNIT="electron"), False),
        (constant("dark", 1001, shape=(60, 90)), False),
        (constant("dark", np.nan), False),
    ],
)
def test_only_an_image_of_the_unit_and_shape_of_the_bias_is_compared(image, said):
    assert len(bias_left_in(image, constant("bias", 1000))) == said


def test_a_column_by_itself_tells_no_noise():
    assert not bias_left_in(constant("dark", 1001, shape=(70, 1)), constant("bias", 1000, shape=(70, 1)))


def test_flagged_pixels_tell_nothing():
    held = constant("dark", 1001)
    hot = held.pixels.values.copy()
    hot[:, ::3] = 5000
    hot[:, 1::3] = 5000
    image = attrs.evolve(held, data=Pixels.of(hot).flagged(hot == 5000, Flag.BAD))
    assert not bias_left_in(image, constant("bias", 1000))  # no neighbours are left to tell noise by
    hot[:, 1::3] = 1001
    image = attrs.evolve(held, data=Pixels.of(hot).flagged(hot == 5000, Flag.BAD))
    assert bias_left_in(image, constant("bias", 1000))


@pytest.mark.filterwarnings("ignore::pipeline.errors.AssumptionWarning")
@pytest.mark.parametrize("read_noise", [5.0, 30.0])
def test_the_noise_of_the_readout_is_none_of_photons(read_noise):
    held = combine(exposures(1, "light", 1500, 1000, 12, read_noise=read_noise, ZEROCOR=True))
    (note,) = bias_left_in(held, a_bias(1000, read_noise=read_noise))
    assert "has the noise of one that holds the bias" in note.words


@pytest.mark.filterwarnings("ignore::pipeline.errors.AssumptionWarning")
@pytest.mark.parametrize("cards", [{"GAIN": "high"}, {"GAIN": ""}, {"GAIN": (GAIN, "[e-/ADU]")}])
def test_noise_tells_only_where_the_gain_is_known_and_several_frames_are_there(cards):
    known, bias = not isinstance(cards["GAIN"], str), a_bias(1000)
    several = exposures(1, "light", 1500, 1000, ZEROCOR=True, **cards)
    assert bool(bias_left_in(combine(several), bias)) == known
    assert not bias_left_in(several[0], bias)


@pytest.mark.filterwarnings("ignore::pipeline.errors.AssumptionWarning")
def test_a_small_part_of_a_level_is_not_told_by_noise():
    bias = a_bias(1000)
    for electrons, said in ((3000, True), (7500, False)):
        image = combine(exposures(1, "light", electrons, 1000, 40, ZEROCOR=True))
        assert len(bias_left_in(image, bias)) == said


def test_it_is_said_by_the_step_that_is_skipped_from_memory_and_from_disk(tmp_path):
    bias = MasterBias.of(a_bias(1000))
    raw = exposures(1, "light", 15, 1000, 2, ZEROCOR="done")
    for number, image in enumerate(raw):
        write(attach_header(image), tmp_path / f"{number}.fits")
    on_disk = FrameSet(open_frame(tmp_path / f"{number}.fits") for number in range(2))
    told = []
    for frames in (raw, on_disk):
        with running(on_note=told.append):
            skipped = each(subtract_bias(bias=bias))(frames)
        assert not any(image.history[-1].worked for image in skipped)
    assert [note.words for note in told if note.category is HeaderWarning] == [told[0].words] * 2
    with (
        running(strict=True),
        pytest.raises(HeaderWarning, match="header says that the bias is out"),
    ):
        pipe(raw, each(subtract_bias(bias=bias)))
