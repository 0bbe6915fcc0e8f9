"""A bias that a header says is out: told by level and noise where it is still there, and not where it is out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick, seeds

from pipeline import FrameSet, Image, MasterBias, combine, each, open_frame, pipe, subtract_bias, write
from pipeline.checks.bias_left_in import bias_left_in
from pipeline.compose.running import running
from pipeline.errors import HeaderWarning
from pipeline.stages.header import attach_header

SIZE, GAIN, READ_NOISE = (70, 90), 1.5, 5.0


def exposures(seed, kind, electrons, pedestal, count=3, **cards):
    """Give frames of one scene, whose response differs by 1 % from pixel to pixel."""
    rng = np.random.default_rng(seed)
    response = rng.normal(1, 0.01, SIZE) * np.linspace(0.8, 1, SIZE[1])
    frames = (
        pedestal + rng.poisson(electrons * response) / GAIN + rng.normal(0, READ_NOISE / GAIN, SIZE)
        for _ in range(count)
    )
    cards = {"GAIN": (GAIN, "[e-/ADU]"), "RDNOISE": (READ_NOISE, "[e-]"), **cards}
    return FrameSet(Image.of(one, kind=kind, exposure=60.0, header=cards, name=f"{kind}.fits") for one in frames)


def a_bias(pedestal):
    return combine(exposures(7, "bias", 0, pedestal))


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
