"""The laws of combining: what changes nothing, what commutes, and what is refused."""

import pickle
import tempfile
import tracemalloc
import warnings
from pathlib import Path

import attrs
import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st
from strategies import CLIPS, OWN_SPREAD, flags_of, frames_of, quick, seeds, stacks

from pipeline import (
    Clip,
    Flag,
    FrameSet,
    Image,
    MasterBias,
    Noise,
    Pixels,
    attach_header,
    combine,
    each,
    open_frame,
    running,
    subtract_bias,
)
from pipeline.errors import AssumptionWarning, FrameError, SettingError, ShapeError, StepError
from pipeline.stacking.judge import steps_of
from pipeline.stacking.plan import Wanted, plan_of
from pipeline.statistics.noise import largest_step, typical_level
from pipeline.statistics.noise_fit import _fit

pytestmark = pytest.mark.filterwarnings("ignore::pipeline.errors.ClipWarning")

methods = st.sampled_from(["mean", "median"])
clips = st.sampled_from(CLIPS)
kinds = st.sampled_from(["bias", "dark", "flat", "light", "arc"])


def column(values, kind="light", **settings):
    """Combine frames that are the same all over: one number a frame."""
    return combine(frames_of(np.array([np.full((5, 5), value) for value in values]), kind=kind), **settings)


@pytest.mark.parametrize("clip", CLIPS)
@quick
@given(stack=stacks() | stacks(dtype="int32"), kind=kinds, method=methods, data=st.data())
def test_the_order_of_frames_changes_nothing(stack, kind, method, clip, data):
    flags = data.draw(flags_of(stack))
    order = data.draw(st.permutations(range(len(stack))))
    here = combine(frames_of(stack, flags, kind=kind), method=method, clip=clip)
    there = combine(frames_of(stack[order], flags[order], kind=kind), method=method, clip=clip)
    assert here.pixels == there.pixels
    assert there.found.rejected == tuple(here.found.rejected[i] for i in order)
    assert there.found.noise == here.found.noise


@quick
@given(stacks(dtype="float64"), kinds, methods, st.sampled_from([None, *OWN_SPREAD]), st.data())
def test_the_order_of_float_frames_changes_four_ulp_at_most(stack, kind, method, clip, data):
    stack = stack * np.pi
    order = data.draw(st.permutations(range(len(stack))))
    here, there = (
        combine(frames_of(s, kind=kind), method=method, clip=clip).pixels for s in (stack, stack[list(order)])
    )
    assert within_four_ulp(here.values, there.values, stack)


@pytest.mark.parametrize("clip", CLIPS)
@quick
@given(stack=stacks(), kind=kinds, method=methods, rows=st.integers(1, 3), data=st.data())
def test_the_size_of_tiles_changes_nothing(stack, kind, method, clip, rows, data):
    frames = frames_of(stack, data.draw(flags_of(stack)), kind=kind)
    with running(memory=max(2**10, rows * stack[:, 0].size * 64)):
        tiled = combine(frames, method=method, clip=clip)
    assert tiled == combine(frames, method=method, clip=clip)


def test_tiles_are_as_small_as_the_memory_asks_for():
    told = []
    with running(memory=2**10, progress=lambda done, total: told.append((done, total))):
        combine(frames_of(np.ones((2, 4, 9), "u2")))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


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


@quick
@given(stacks(frames=st.just(1)) | stacks(dtype="float64", frames=st.just(1)), kinds, methods, clips, st.data())
def test_one_image_gives_its_values_and_flags(stack, kind, method, clip, data):
    frames = frames_of(np.where(stack > 40_000, np.nan, stack / 3), data.draw(flags_of(stack)), kind=kind)
    image = combine(frames, method=method, clip=clip)
    assert image.pixels == frames.frames[0].pixels
    assert image.found.rejected == (0,)


@quick
@given(stacks(dtype="float64") | stacks(), st.booleans())
def test_without_a_clip_mean_and_median_are_numpys(stack, holes):
    stack = np.where(stack % 7 == 3, np.nan, stack / 3) if holes else stack
    stack = stack[:, :, np.isfinite(stack).any(axis=(0, 1))]
    stack = np.where(np.isfinite(stack).any(axis=0), stack, 1.0)
    if not stack.size:
        return
    for method, numpys in (("mean", np.nanmean), ("median", np.nanmedian)):
        got = combine(frames_of(stack), method=method, clip=None).pixels.values
        assert within_four_ulp(got, numpys(stack, axis=0), stack)


def within_four_ulp(a, b, operand):
    """Compare to 4 ulp of the largest operand, in the precision that the values have."""
    eps = np.finfo(a.dtype).eps
    largest = np.nanmax(np.abs(operand), initial=1.0)
    return np.array_equal(np.isnan(a), np.isnan(b)) and np.nanmax(np.abs(a - b), initial=0.0) <= 4 * eps * largest


noises = st.sampled_from([None, Noise(a=30.7), Noise(a=7.3)])


@quick
@given(stacks(dtype="float64"), kinds, methods, noises, seeds)
def test_combining_commutes_with_subtracting_a_constant_image(stack, kind, method, noise, seed):
    constant = np.random.default_rng(seed).uniform(0, 1000, stack.shape[1:])
    clip = None if noise is None else Clip(noise=noise)
    bias = MasterBias.of(Image.of(constant, kind="bias"))
    frames = frames_of(stack, kind=kind)
    first = combine(each(subtract_bias(bias=bias))(frames), method=method, clip=clip).pixels.values
    last = subtract_bias(combine(frames, method=method, clip=clip), bias=bias).pixels.values
    assert within_four_ulp(first, last, np.concatenate([stack, constant[None]]))


scaling_noises = noises | st.sampled_from(
    [Noise(a=20.7, b=0.51, c=0.013, d=0.31, base=90.3), Noise(a=0.0, b=1.37), Noise(a=1.1, c=0.053, base=900.7)]
)


@quick
@given(stacks(dtype="float64"), kinds, methods, scaling_noises, st.floats(0.1, 10))
def test_combining_commutes_with_scaling(stack, kind, method, noise, factor):
    here, there = (None, None) if noise is None else (Clip(noise=noise), Clip(noise=noise.scaled(factor)))
    first = combine(frames_of(stack * factor, kind=kind), method=method, clip=there).pixels.values
    last = combine(frames_of(stack, kind=kind), method=method, clip=here).pixels.times(factor).values
    assert within_four_ulp(first, last, stack * factor)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ((0, 0, 0), 0),
        ((Flag.SATURATED, 0, 0), Flag.SATURATED),
        ((Flag.BAD, 0, Flag.HOT), 0),
        ((Flag.BAD, Flag.HOT, Flag.HOT), Flag.BAD | Flag.HOT),
        ((Flag.BAD | Flag.SATURATED, 0, 0), Flag.SATURATED),
        ((Flag.BAD, Flag.BAD, Flag.BAD | Flag.SATURATED), Flag.BAD | Flag.SATURATED),
    ],
)
@pytest.mark.parametrize("method", ["mean", "median"])
def test_saturation_sticks_and_other_flags_stay_only_where_no_good_value_is_left(flags, expected, method):
    stack = np.full((3, 2, 2), 100.0)
    image = combine(
        frames_of(stack, np.broadcast_to(np.array(flags, np.uint8)[:, None, None], stack.shape)), method=method
    )
    assert (image.pixels.flags == expected).all()
    assert (image.pixels.values == 100).all()


def test_a_flagged_value_does_not_count_and_a_saturated_one_does():
    stack = np.array([np.full((2, 2), value) for value in (100.0, 102.0, 900.0)])
    flags = np.zeros(stack.shape, np.uint8)
    flags[2] = Flag.BAD
    assert combine(frames_of(stack, flags), clip=None).pixels.values[0, 0] == 101
    flags[2] = Flag.SATURATED
    assert combine(frames_of(stack, flags), clip=None).pixels.values[0, 0] == pytest.approx(1102 / 3)


@pytest.mark.parametrize("clip", CLIPS)
@pytest.mark.parametrize("method", ["mean", "median"])
def test_a_pixel_that_is_nan_in_every_frame_stays_nan_and_is_flagged(clip, method):
    stack = np.full((4, 5, 5), 100.0)
    stack[:, 1, 2] = np.nan
    pixels = combine(frames_of(stack), clip=clip, method=method).pixels
    assert np.argwhere(np.isnan(pixels.values)).tolist() == np.argwhere(pixels.mask).tolist() == [[1, 2]]


@pytest.mark.parametrize("kind", ["bias", "light"])
@pytest.mark.parametrize("rows", [6, 12])
def test_a_frame_that_is_bad_half_or_all_over_costs_no_more_than_its_own_values(kind, rows):
    stack = np.random.default_rng(3).poisson(400, (6, 12, 12)).astype(float)
    stack[2, :rows] = np.nan
    values = combine(frames_of(stack, kind=kind)).pixels.values
    np.testing.assert_allclose(values, np.nanmean(stack, axis=0), atol=8)


@quick
@given(stacks(), kinds, methods, clips)
def test_frames_stay_as_they_were(stack, kind, method, clip):
    frames = frames_of(stack, kind=kind)
    before = pickle.dumps(frames)
    combine(frames, method=method, clip=clip)
    assert pickle.loads(before) == frames


def test_mean_and_median_by_hand():
    assert column([1, 2, 6], clip=None).pixels.values[0, 0] == 3
    assert column([1, 2, 6], clip=None, method="median").pixels.values[0, 0] == 2
    assert column([1, 2, 6, 9], clip=None, method="median").pixels.values[0, 0] == 4


def test_frames_at_different_levels_are_no_outliers():
    """A bias 15 ADU high keeps all its pixels."""
    stack = np.random.default_rng(1).normal(300, 3, (9, 30, 30)).round()
    stack[4] += 15
    image = combine(frames_of(stack, kind="bias"))
    assert sum(image.found.rejected) <= 1
    assert image.found.offsets[4] == pytest.approx(15, abs=0.5)


def test_a_hit_leaves_the_mean_of_frames_of_different_brightness_where_it_was():
    """Factors 0.5, 1 and 2.1 of levels 100 and 200, and a hit on the faintest: the mean is still 200·3.6/3."""
    scene = np.full((12, 12), 200.0)
    scene[:6] = 100
    stack = np.array([scene * factor for factor in (0.5, 1.0, 2.1)])
    stack[0, 9, 9] = 9000
    image = combine(frames_of(stack, kind="flat"))
    assert image.found.rejected == (1, 0, 0)
    assert image.pixels.values[9, 9] == pytest.approx(240)


def test_what_is_found_of_frames_is_told_in_the_order_in_which_they_were_given():
    """Combining puts them into an order of its own; here each of the four moves."""
    noise = np.random.default_rng(1).normal(0, 1, (4, 30, 30))
    factors, offsets = [0.98, 1.02, 1.05, 0.95], [-10.0, 20.0, 40.0, -50.0]
    flat = combine(frames_of(1000 * np.reshape(factors, (4, 1, 1)) + noise, kind="flat"))
    np.testing.assert_allclose(
        np.divide(flat.found.factors, flat.found.factors[0]), np.divide(factors, 0.98), rtol=1e-3
    )
    bias = combine(frames_of(1000 + np.reshape(offsets, (4, 1, 1)) + noise, kind="bias"))
    np.testing.assert_allclose(bias.found.offsets, np.array(offsets) - 5, atol=0.5)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_an_exposure_of_several_frames_is_from_the_first_beginning_to_the_last_end(order):
    """The first to begin is the last to end."""
    times = [("2026-01-01T20:00:00", 900.0), ("2026-01-01T20:01:00", 60.0), ("2026-01-01T20:03:00", 60.0)]
    cards = [fits.Header({"DATE-OBS": times[i][0], "EXPTIME": times[i][1]}) for i in order]
    bias = MasterBias.of(Image.of(np.zeros((5, 5)), kind="bias"))
    frames = FrameSet(Image.of(fits.PrimaryHDU(np.full((5, 5), 100.0 + i), c)) for i, c in enumerate(cards))
    header = attach_header(combine(each(subtract_bias(bias=bias))(frames), scale="exposure")).header.to_header()
    assert header["DATE-BEG"] == "2026-01-01T20:00:00.000"
    assert header["DATE-END"] == "2026-01-01T20:15:00.000"
    assert header["DATE-AVG"] == "2026-01-01T20:07:30.000"


def test_frames_of_0_s_are_not_weighed_by_their_exposure():
    frames = FrameSet(Image.of(np.ones((5, 5)), kind="bias", exposure=0.0) for _ in range(2))
    with pytest.raises(StepError, match="has 0 s; it cannot be weighed by exposure"):
        combine(frames, weights="exposure")


def without_bias(levels, exposures, variance=None):
    """Make frames that are the same all over, their bias taken out."""
    images = [
        Image.of(Pixels.of(np.full((5, 5), level), variance=None if variance is None else np.full((5, 5), variance)),
                 exposure=exposure, name=f"{exposure} s")
        for level, exposure in zip(levels, exposures, strict=True)
    ]  # fmt: skip
    bias = MasterBias.of(Image.of(Pixels.of(np.zeros((5, 5)), variance=np.zeros((5, 5))), kind="bias"))
    return each(subtract_bias(bias=bias))(FrameSet(images))


def test_scale_by_exposure_by_hand():
    """100 in 10 s and 315 in 30 s are 200 and 210 in 20 s.

    The short frame's noise is scaled by 2, the long one's by 2/3: (1·200 + 9·210)/10; by exposure (10·200 + 30·210)/40.
    """
    frames = without_bias([100.0, 315.0], [10.0, 30.0])
    plain = combine(frames, scale="exposure", clip=None)
    assert plain.pixels.values[0, 0] == pytest.approx(209)
    assert plain.exposure == 20
    weighed = combine(frames, scale="exposure", weights="exposure", clip=None)
    assert weighed.pixels.values[0, 0] == pytest.approx(207.5)


def test_the_variance_of_a_scaled_and_weighed_mean_by_hand():
    """Factors 2 and 2/3, weights 1/4 and 3/4: (2/4)²·8 + (2/4)²·8."""
    frames = without_bias([100.0, 300.0], [10.0, 30.0], variance=8.0)
    image = combine(frames, scale="exposure", weights="exposure", clip=None)
    assert image.pixels.variance[0, 0] == pytest.approx(4.0)


def test_scale_by_level_brings_all_to_the_mean_level():
    image = combine(without_bias([100.0, 300.0], [5.0, 5.0]), scale="level", clip=None, method="median")
    assert image.pixels.values[0, 0] == pytest.approx(200)


def test_weights_by_exposure_by_hand():
    """Exposures within 1 % count as equal: (100·1000 + 200·1005)/2005."""
    frames = without_bias([100.0, 200.0], [1000.0, 1005.0])
    assert combine(frames, weights="exposure", clip=None).pixels.values[0, 0] == pytest.approx(301_000 / 2005)


def test_own_errors_average_down_and_shared_ones_do_not():
    bias = MasterBias.of(
        Image.of(Pixels.of(np.zeros((5, 5)), variance=np.full((5, 5), 3.0)).as_shared("bias"), kind="bias")
    )
    frame = Image.of(Pixels.of(np.full((5, 5), 9.0), variance=np.full((5, 5), 8.0)))
    image = combine(each(subtract_bias(bias=bias))(FrameSet([frame] * 4)), clip=None)
    assert image.pixels.total_variance[0, 0] == pytest.approx(8 / 4 + 3)


def test_nothing_to_combine_is_refused():
    with pytest.raises(StepError, match="no frames"):
        combine(FrameSet())


def test_kinds_are_not_mixed():
    with pytest.raises(StepError, match=r"dark0\.fits is a dark.*light0\.fits a light"):
        combine(FrameSet([*frames_of(np.ones((1, 2, 2)), kind="dark"), *frames_of(np.ones((1, 2, 2)))]))


def test_frames_of_different_shapes_are_each_named():
    planes = [np.ones(shape) for shape in ((2, 3), (2, 3), (3, 2))]
    with pytest.raises(ShapeError) as error:
        FrameSet(Image.of(plane, name=f"{number}.fits") for number, plane in enumerate(planes))
    assert "0.fits: 2 rows × 3 columns" in str(error.value)
    assert "1.fits: 2 rows × 3 columns" in str(error.value)
    assert "2.fits: 3 rows × 2 columns" in str(error.value)


def exposed(*seconds, kind="light"):
    return FrameSet(Image.of(np.ones((2, 2)), kind=kind, exposure=s) for s in seconds)


@pytest.mark.parametrize("kind", ["dark", "flat", "light", "arc"])
def test_different_exposures_are_refused_unless_scaled(kind):
    with pytest.raises(StepError, match=r"10 s, 11 s.*scale='exposure'"):
        combine(exposed(10.0, 11.0, kind=kind))
    with pytest.raises(StepError, match="different exposures"):
        combine(exposed(10.0, None, kind=kind))


def test_exposures_within_one_percent_are_equal_and_those_of_biases_do_not_matter():
    assert combine(exposed(100.0, 100.9)).exposure == pytest.approx(100.45)
    assert combine(exposed(99.0, 100.0)).exposure == 99.5  # of the longest
    assert combine(exposed(0.0, 0.1, kind="bias")).kind == "bias"
    with pytest.raises(StepError, match="different exposures"):
        combine(exposed(100.0, 101.2))
    with pytest.raises(StepError, match="different exposures"):
        combine(exposed(98.9, 100.0))


def test_frames_in_different_states_are_refused():
    bias = MasterBias.of(Image.of(np.zeros((2, 2)), kind="bias"))
    first, second = exposed(10.0, 10.0)
    with pytest.raises(StepError, match="reduced differently: bias out, adu, adu"):
        combine(FrameSet([subtract_bias(first, bias=bias), second]))


@pytest.mark.parametrize("scale", ["exposure", "level"])
def test_scaling_with_the_bias_in_is_refused(scale):
    with pytest.raises(StepError, match="bias still in; take it out of each frame first"):
        combine(exposed(10.0, 20.0), scale=scale)


def test_scaling_where_there_is_said_to_be_no_bias_warns():
    frames = each(subtract_bias(bias=None))(exposed(10.0, 20.0))
    with pytest.warns(AssumptionWarning, match="no bias taken out"):
        combine(frames, scale="exposure")


def test_frames_without_exposure_or_light_cannot_be_scaled():
    with pytest.raises(StepError, match="cannot be scaled"):
        combine(without_bias([1.0, 1.0], [0.0, 10.0]), scale="exposure")
    with pytest.raises(StepError, match="cannot be scaled"):
        combine(without_bias([1.0, -1.0], [10.0, 10.0]), scale="level")


def on_disk(tmp_path, frames):
    """Write whole-number frames and open them."""
    for number, frame in enumerate(frames):
        header = fits.Header({} if frame.exposure is None else {"EXPTIME": frame.exposure})
        fits.writeto(tmp_path / f"{number}.fits", frame.pixels.values.astype(np.uint16), header)
    return FrameSet(open_frame(tmp_path / f"{n}.fits", kind=f.kind) for n, f in enumerate(frames))


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

    def scaled(frames):
        with pytest.warns(AssumptionWarning):
            return combine(each(subtract_bias(bias=None))(frames), scale="exposure", clip=clip)

    memory, disk = scaled(frames), scaled(on_disk(tmp_path, frames))
    assert disk.found.rejected == memory.found.rejected
    assert disk.pixels == memory.pixels


def test_the_variance_of_a_value_left_out_does_not_matter():
    images = [Image.of(Pixels.of([[v, 10.0]], variance=[[w, 4.0]])) for v, w in ((10, 4), (12, 4), (np.nan, np.nan))]
    combined = combine(FrameSet(images), clip=None).pixels
    np.testing.assert_allclose(combined.variance, [[2, 4 / 3]])


def test_a_frame_deleted_since_it_was_opened_is_named(tmp_path):
    frames = on_disk(tmp_path, FrameSet(Image.of(np.ones((4, 5), np.uint16), kind="bias") for _ in range(3)))
    (tmp_path / "1.fits").unlink()
    with pytest.raises(FrameError, match=r"1\.fits: is gone since it was opened"):
        combine(frames)


@pytest.fixture(scope="module")
def wild(request, tmp_path_factory):
    """So many frames with wild values of every height, as an array and on disk."""
    frames, folder = request.param, tmp_path_factory.mktemp("wild")
    rng = np.random.default_rng(frames)
    stack = rng.normal(1000, 5, (frames, 30, 40))
    stack += np.where(rng.random(stack.shape) < 0.03, rng.uniform(-80, 80, stack.shape), 0)
    stack *= rng.normal(1, 0.002, (frames, 1, 1))
    stack[:, :3] += 20_000 * rng.random(stack[:, :3].shape)  # sums of which 16 bits are not enough
    whole = stack.round().astype(np.uint16)
    paths = [folder / f"{number}.fits" for number in range(frames)]
    for path, plane in zip(paths, whole, strict=True):
        fits.writeto(path, plane, fits.Header({"EXPTIME": 1.0}))
    return whole, paths


@pytest.mark.parametrize("wild", [2, 3, 7, 9, 10, 20, 26, 61], indirect=True)
@pytest.mark.parametrize("method", ["mean", "median"])
@pytest.mark.parametrize(
    "clip",
    [
        Clip(),
        Clip(low=3, high=4),
        Clip(low=6, high=2.5),
        Clip(noise=Noise(a=25.0), low=4, high=3),
        Clip(noise=Noise(a=-75.0, b=0.1), low=3, high=4),
        Clip("std", low=2, high=1.5),
        Clip("std", low=np.inf, high=2),
    ],
    ids=repr,
)
@pytest.mark.parametrize("kind", ["bias", "flat"])
def test_looking_closer_at_every_pixel_changes_nothing(monkeypatch, wild, method, clip, kind):
    """The screen may only pass pixels that lose nothing: with and without it the results are the same."""
    whole, paths = wild
    here = FrameSet(Image.of(plane, kind=kind, exposure=1) for plane in whole)
    there = FrameSet(open_frame(path, kind=kind) for path in paths)
    screened = [combine(images, clip=clip, method=method) for images in (here, there)]
    monkeypatch.setattr("pipeline.stacking.screening.can_tell", lambda _: False)
    exact = combine(here, clip=clip, method=method)
    assert [image.pixels for image in screened] == [exact.pixels] * 2
    assert [image.found.rejected for image in screened] == [exact.found.rejected] * 2
    assert len(whole) < 7 or sum(exact.found.rejected) > 0


@pytest.mark.parametrize("method", ["mean", "median"])
def test_so_it_is_where_one_frame_lies_above_the_others(monkeypatch, tmp_path, method):
    """A bias 20 ADU high, and hits that are clear: what one takes of the offset is made up for."""
    rng = np.random.default_rng(4)
    stack = rng.normal(1000, 3, (12, 60, 70))
    stack[5] += 20
    hit = rng.random(stack.shape) < 0.005
    stack[hit] += 500
    frames = on_disk(tmp_path, FrameSet(Image.of(plane.round(), kind="bias") for plane in stack))
    screened = combine(frames, method=method)
    assert screened.found.offsets[5] == pytest.approx(20, abs=0.3)
    assert sum(screened.found.rejected) > 200
    if method == "mean":
        even = np.where(hit, np.nan, stack.round()) - 20 * (np.arange(12) == 5)[:, None, None]
        np.testing.assert_allclose(screened.pixels.values, np.nanmean(even, axis=0) + 20 / 12, atol=0.1)
    monkeypatch.setattr("pipeline.stacking.screening.can_tell", lambda _: False)
    exact = combine(frames, method=method)
    assert screened.pixels == exact.pixels
    assert screened.found.rejected == exact.found.rejected


def step(frames, value=1003):
    """Make half of the frames 3 ADU higher than the others, and one value 7 ADU."""
    stack = np.full((frames, 4, 4), 1000)
    stack[frames // 2 :] = value
    stack[-1, 0, 0] = 1007
    return stack


def one_off(frames, off, level=100, dtype=np.uint16):
    """Make one frame lie off the others, which are alike."""
    stack = np.full((frames, 2, 2), level, dtype)
    stack[0] = level + off
    return stack


def tiny(level):
    """Make a stack in units of which single precision cannot square."""
    return np.random.default_rng(1).normal(level, 1, (30, 60, 60)) * 1e-22


STD_400 = 400 / np.sqrt(399) * (1 - 1e-6)


@pytest.mark.parametrize(
    ("stack", "clip"),
    [
        (step(144), Clip(noise=Noise(a=1.0))),
        (step(162), Clip(noise=Noise(a=1.0))),
        (one_off(2, 10), Clip("std", low=5, high=0.5)),
        (one_off(9, 7), Clip(noise=Noise(a=(6.9999999 / 5) ** 2))),
        (one_off(9, 7, dtype=np.float32), Clip(noise=Noise(a=(6.9999999 / 5) ** 2))),
        (one_off(9, 5.0000001, level=-1e-7, dtype=np.float32), Clip(noise=Noise(a=1.0))),
        (one_off(400, -61_541, level=65_535), Clip("std", low=STD_400, high=STD_400)),
        (tiny(0), Clip("std", low=3, high=3)),
        (tiny(20), Clip(low=4, high=4, noise=Noise(0.5, 0.005, floor=0).scaled(1e-22))),
    ],
    ids=["144 frames", "162", "two", "threshold", "of floats", "rounded", "400", "tiny", "of given noise"],
)
def test_looking_closer_at_the_very_limits_changes_nothing(monkeypatch, tmp_path, stack, clip):
    frames = [Image.of(plane.astype(np.uint16) if stack.dtype == int else plane, kind="bias") for plane in stack]
    frames = FrameSet(frames) if stack.dtype.kind == "f" else on_disk(tmp_path, frames)
    screened = combine(frames, clip=clip)
    monkeypatch.setattr("pipeline.stacking.screening.can_tell", lambda _: False)
    exact = combine(frames, clip=clip)
    assert screened.pixels == exact.pixels
    assert screened.found.rejected == exact.found.rejected
    assert sum(exact.found.rejected) > 0


def test_looking_closer_at_floats_far_from_0_changes_nothing(monkeypatch):
    rng = np.random.default_rng(0)
    stacks = (rng.normal(2**20, 0.2, (3, 20, 20)) + np.array([-3, 0, 300])[:, None, None] for _ in range(20))
    sets = [FrameSet(Image.of(plane.astype(np.float32), kind="bias") for plane in stack) for stack in stacks]
    screened = [combine(frames, clip=Clip(low=2, high=2)) for frames in sets]
    monkeypatch.setattr("pipeline.stacking.screening.can_tell", lambda _: False)
    exact = [combine(frames, clip=Clip(low=2, high=2)) for frames in sets]
    assert [image.found.rejected for image in screened] == [image.found.rejected for image in exact]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_looking_closer_at_floats_that_differ_in_level_changes_nothing(monkeypatch, dtype):
    rng = np.random.default_rng(8)
    stack = (rng.normal(1000, 3, (9, 40, 50)) + rng.normal(0, 300, (9, 1, 1))).astype(dtype)
    stack[2, 5] += 100
    screened = combine(frames_of(stack, kind="bias"))
    monkeypatch.setattr("pipeline.stacking.screening.can_tell", lambda _: False)
    exact = combine(frames_of(stack, kind="bias"))
    assert screened.pixels == exact.pixels
    assert screened.found.rejected == exact.found.rejected


@pytest.mark.parametrize("clip", [Clip(low=1.5, high=1.5), Clip("mad"), Clip("std", low=1.5, high=1.5)], ids=repr)
def test_the_memory_bounds_what_is_made_of_tiles_whatever_is_left_out(tmp_path, clip):
    rng = np.random.default_rng(4)
    for number in range(40):
        fits.writeto(tmp_path / f"{number}.fits", rng.normal(1000, 5, (128, 512)).round().astype(np.uint16))
    frames = FrameSet(open_frame(tmp_path / f"{number}.fits", kind="bias") for number in range(40))
    tracemalloc.start()
    try:
        with running(threads=1, memory=4 * 2**20):
            combine(frames, clip=clip)
        assert tracemalloc.get_traced_memory()[1] < 12 * 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("method", ["mean", "median"])
@pytest.mark.parametrize("frames", [2, 9, 20, 61, 130])
def test_without_a_clip_frames_on_disk_combine_as_numpy_does(tmp_path, frames, method):
    rng = np.random.default_rng(frames)
    whole = rng.normal(30_000, 4000 * rng.random((50, 60)), (frames, 50, 60)).round().astype(np.uint16)
    whole[0, :5], whole[-1, :5] = 0, 65_535
    for number, plane in enumerate(whole):
        fits.writeto(tmp_path / f"{number}.fits", plane)
    there = FrameSet(open_frame(tmp_path / f"{number}.fits", kind="bias") for number in range(frames))
    expected = getattr(np, method)(whole.astype(np.float64), axis=0).astype(np.float32)
    np.testing.assert_array_equal(combine(there, clip=None, method=method).pixels.values, expected)


def test_steps_to_neighbours_reach_over_the_edges_of_tiles():
    """Rows 1000 ADU apart: a tile of one row that did not see its neighbours would take the shift for a hit."""
    scene = 1000.0 * (np.arange(40) % 2)[:, None] * np.ones((1, 9)) + 500
    frames = FrameSet(Image.of(scene + shift, exposure=1) for shift in (0, 0, 90))
    clip = Clip(noise=Noise(a=1.0, d=0.1))
    with running(memory=1024):
        rowwise = combine(frames, clip=clip)
    assert sum(rowwise.found.rejected) == 0
    assert rowwise.pixels == combine(frames, clip=clip).pixels
    assert sum(combine(frames, clip=Clip(noise=Noise(a=1.0))).found.rejected) == scene.size


@quick
@given(stacks(frames=st.integers(2, 8)), st.booleans(), st.randoms(use_true_random=False))
def test_the_steps_of_some_pixels_are_those_of_the_whole_image(stack, stored, random):
    frames = frames_of(stack, kind="light")
    if stored:
        with tempfile.TemporaryDirectory() as folder:
            frames = on_disk(Path(folder), frames)
            assert_steps(frames, stack, random)
    else:
        assert_steps(frames, stack, random)


def assert_steps(frames, stack, random):
    wanted, ones = Wanted("mean", Clip(noise=Noise(a=1.0, d=0.1)), None, map_left_out=False), np.ones(len(stack))
    plan, _ = plan_of(frames.frames, ones, ones, wanted)
    height, width = stack.shape[1:]
    first = random.randrange(height)
    last = random.randrange(first, height) + 1
    rows = range(first * width, last * width)
    place = np.array(sorted(random.sample(rows, random.randint(0, len(rows)))), int)
    steps = largest_step(typical_level(stack.astype(float))).reshape(-1)
    np.testing.assert_array_equal(steps_of(plan, place, first, last), steps[place])


@pytest.mark.parametrize("wild", [1e4, 1e8, 1e12])
def test_a_wild_pixel_does_not_change_what_is_fitted_to_the_others(wild):
    """One that jumps between exposures, and so stands far above its neighbours, varies by more than that explains."""
    rng = np.random.default_rng(1)
    level, step = rng.uniform(100, 4000, 5000), rng.uniform(0, 100, 5000)
    truth = 9 + 0.5 * level + 0.01 * step**2
    variance = truth * rng.chisquare(4, level.size) / 4

    def fit(level, step, variance, start):
        return _fit(np.stack([np.ones_like(level), level, step**2]), variance, start, 4)

    factors, errors = fit(level, step, variance, truth)
    assert (np.abs(np.array(factors) - (9, 0.5, 0.01)) < 5 * np.array(errors)).all()
    also = (np.append(plane, one) for plane, one in ((level, 500), (step, wild), (variance, wild**2), (truth, 300)))
    np.testing.assert_allclose(fit(*also), (factors, errors), rtol=1e-9)


def test_weights_need_the_mean():
    with pytest.raises(SettingError, match="weights='exposure' with method='median'; weights need the mean"):
        combine(of_seconds(1.0, 1.0), method="median", weights="exposure")


def of_seconds(*seconds):
    return FrameSet(Image.of(np.full((5, 5), 7.0), exposure=one, name=f"{one}.fits") for one in seconds)


def test_frames_none_of_which_has_an_exposure_are_equal_and_one_among_others_is_told():
    with warnings.catch_warnings():
        warnings.simplefilter("error", AssumptionWarning)
        assert combine(of_seconds(None, None), clip=None).exposure is None
    with pytest.warns(AssumptionWarning, match=r"None\.fits: no exposure in the header; taken for 1 s among frames"):
        assert combine(of_seconds(1.0, None), clip=None).exposure == 1.0


def test_cards_of_frames_are_told_in_the_first_ones_words_and_where_numbers_agree():
    """A card that one of the frames lacks is told of none."""
    frames = [
        attrs.evolve(frame, added=(("WORDS", f"by {n}", ""), ("SAME", 2, ""), ("OTHER", n, ""), *more))
        for n, (frame, more) in enumerate(zip(of_seconds(1.0, 1.0), [(("ONCE", "x", ""),), ()], strict=True))
    ]
    added = combine(FrameSet(frames)).added
    assert added[:2] == (("WORDS", "by 0", ""), ("SAME", 2, ""))
    assert not {"OTHER", "ONCE"} & {card[0] for card in added}


def test_the_level_of_an_image_is_that_of_its_finite_values():
    values = np.full((5, 5), 3e38, np.float32)
    values[0, 0] = np.inf
    found = combine(FrameSet([Image.of(values)])).found
    assert found.level == pytest.approx(3e38)
    assert combine(FrameSet([Image.of(np.full((5, 5), np.nan))])).found.level is None
