"""The rows of a stack as they are stored: on disk or in memory, they combine the same."""

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st
from made_frames import on_disk
from strategies import clips, frames_of, kinds, methods, quick, stacks

from pipeline import (
    Clip,
    Flag,
    FrameSet,
    Image,
    MasterBias,
    Noise,
    combine,
    each,
    flag_saturated,
    measure_noise,
    open_frame,
    pipe,
    subtract_bias,
)
from pipeline.errors import FrameError, ShapeError
from pipeline.stacking.stack_rows import sample_rows

pytestmark = pytest.mark.filterwarnings("ignore::pipeline.errors.ClipWarning")


@quick
@given(stack=stacks() | stacks(dtype="float32"), kind=kinds, method=methods, clip=clips)
def test_memory_or_disk_changes_nothing(tmp_path_factory, stack, kind, method, clip):
    folder = tmp_path_factory.mktemp("frames")
    for number, plane in enumerate(stack):
        fits.writeto(folder / f"{number}.fits", plane, fits.Header({"EXPTIME": 10.0}))
    on_disk = FrameSet(open_frame(folder / f"{number}.fits", kind=kind) for number in range(len(stack)))
    there = combine(on_disk, method=method, clip=clip)
    here = combine(frames_of(stack, kind=kind), method=method, clip=clip)
    assert (there.pixels, there.found) == (here.pixels, here.found)


def test_values_at_the_ends_of_their_type_do_not_wrap_when_frames_are_shifted(tmp_path):
    """A saturated hit in a stack with one bias 6 ADU low, clipped at the high side alone."""
    values = np.random.default_rng(1).normal(1000, 2, (5, 40, 50)).round()
    values[3] -= 6
    values[1, 7, 9] = 65535
    frames = FrameSet(Image.of(v.astype(np.uint16), kind="bias") for v in values)
    clip = Clip(low=np.inf, high=5)
    memory, disk = combine(frames, clip=clip), combine(on_disk(tmp_path, frames), clip=clip)
    assert abs(disk.pixels.values[7, 9] - 1000) < 10
    assert disk.pixels == memory.pixels
    assert disk.found.rejected == memory.found.rejected


def test_steps_to_neighbours_are_those_of_scaled_frames(tmp_path):
    rng = np.random.default_rng(2)
    scene = 100 + 400 * np.exp(-((np.arange(30) - 15) ** 2) / 18)[None] * np.ones((20, 1))
    frames = FrameSet(Image.of(rng.poisson(scene * t / 10).astype(np.uint16), exposure=t) for t in (10.0, 20.0, 40.0))
    clip = Clip(low=3, high=3, noise=Noise(a=9.0, b=1.0, d=0.06))
    none = MasterBias.of(Image.of(np.zeros((20, 30)), kind="bias"))

    def scaled(frames):
        return combine(each(subtract_bias(bias=none))(frames), scale="exposure", clip=clip)

    memory, disk = scaled(frames), scaled(on_disk(tmp_path, frames))
    assert disk.found.rejected == memory.found.rejected
    assert disk.pixels == memory.pixels


def test_a_frame_deleted_since_it_was_opened_is_named(tmp_path):
    frames = on_disk(tmp_path, FrameSet(Image.of(np.ones((4, 5), np.uint16), kind="bias") for _ in range(3)))
    (tmp_path / "1.fits").unlink()
    with pytest.raises(FrameError, match=r"1\.fits: is gone since it was opened"):
        combine(frames)


def test_what_is_saturated_is_flagged_in_frames_that_lie_above_the_others(tmp_path):
    """Frames 0, 50 and 200 ADU high, the last one cut off at 1300: less its 200 that is no more than 1100."""
    rng = np.random.default_rng(2)
    for number, high in enumerate((0, 50, 200)):
        values = np.minimum(rng.normal(1000 + high, 5, (40, 50)).round(), 1300)
        values[3, 4] = 1300 if high == 200 else 1090 + high
        header = fits.Header({"EXPTIME": 0.0, "SATURATE": 1300})
        fits.writeto(tmp_path / f"{number}.fits", values.astype(np.uint16), header)
    frames = FrameSet(open_frame(tmp_path / f"{number}.fits", kind="bias") for number in range(3))
    image = pipe(frames, each(flag_saturated()), combine)
    assert np.argwhere(image.pixels.flags == Flag.SATURATED).tolist() == [[3, 4]]


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (0, 0)])
@given(kind=kinds, count=st.integers(1, 4), method=methods, clip=st.none() | clips)
def test_images_without_pixels_are_refused_by_name_and_shape(shape, kind, count, method, clip):
    frames = FrameSet(Image.of(np.ones(shape), kind=kind, exposure=1.0, name="cut.fits") for _ in range(count))
    for measure in (lambda: combine(frames, method=method, clip=clip), *[lambda: measure_noise(frames)] * (count > 1)):
        with pytest.raises(ShapeError, match=f"cut.fits: an image of {shape[0]} rows and {shape[1]} columns.*leave it"):
            measure()


@pytest.mark.parametrize(("width", "blocks"), [(2000, 5), (300, 10), (20, 16)])
def test_as_many_rows_are_sampled_as_hold_enough_pixels_from_end_to_end(width, blocks):
    lights = tuple(Image.of(np.ones((200, width)), kind="light", exposure=1.0) for _ in range(3))
    sampled, every = sample_rows(lights, np.ones(3), 9000), sample_rows(lights, np.ones(3))
    assert len(sampled.blocks) == blocks
    assert (sampled.rows[0][0], sampled.rows[-1][-1]) == (every.rows[0][0], every.rows[-1][-1]) == (0, 199)
