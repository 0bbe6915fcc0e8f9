"""The screen may only pass pixels that lose nothing: with and without it the results are the same."""

import attrs
import numpy as np
import pytest
from astropy.io import fits
from hit_stacks import PIXELS, stack_of
from hypothesis import given
from hypothesis import strategies as st
from made_frames import on_disk
from strategies import examples, frames_of, seeds

from pipeline import Clip, FrameSet, Image, Noise, combine, open_frame
from pipeline.stacking.screening import NO_SHIFT, ResidualShift, safe_from_noise, safe_from_squares
from pipeline.stacking.sigma_clip import ByOwnSpread, by_variance, kept_values
from pipeline.statistics.pixel_summary import Asked, summarise

pytestmark = pytest.mark.filterwarnings("ignore::pipeline.errors.ClipWarning")


@pytest.fixture(scope="module")
def wild(request, tmp_path_factory):
    """So many frames with wild values of every height, by kind: in memory and on disk."""
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
    return {
        kind: (
            FrameSet(Image.of(plane, kind=kind, exposure=1) for plane in whole),
            FrameSet(open_frame(path, kind=kind) for path in paths),
        )
        for kind in ("bias", "flat")
    }


def look_at_all(monkeypatch):
    """Tell nothing without going through the rounds of the clip."""
    for module in ("tiles", "judge"):
        monkeypatch.setattr(f"pipeline.stacking.{module}.can_tell", lambda _: False)


MANY = [pytest.param(frames, marks=pytest.mark.slow) for frames in (10, 26, 61)]


@pytest.mark.parametrize("wild", [2, 3, 7, 9, 20, *MANY], indirect=True)
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
    here, there = wild[kind]
    screened = [combine(images, clip=clip, method=method) for images in (here, there)]
    look_at_all(monkeypatch)
    exact = combine(here, clip=clip, method=method)
    assert [image.pixels for image in screened] == [exact.pixels] * 2
    assert [image.found.rejected for image in screened] == [exact.found.rejected] * 2
    assert len(here) < 7 or sum(exact.found.rejected) > 0


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
    look_at_all(monkeypatch)
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
    look_at_all(monkeypatch)
    exact = combine(frames, clip=clip)
    assert screened.pixels == exact.pixels
    assert screened.found.rejected == exact.found.rejected
    assert sum(exact.found.rejected) > 0


def test_looking_closer_at_floats_far_from_0_changes_nothing(monkeypatch):
    rng = np.random.default_rng(0)
    stacks = (rng.normal(2**20, 0.2, (3, 20, 20)) + np.array([-3, 0, 300])[:, None, None] for _ in range(20))
    sets = [FrameSet(Image.of(plane.astype(np.float32), kind="bias") for plane in stack) for stack in stacks]
    screened = [combine(frames, clip=Clip(low=2, high=2)) for frames in sets]
    look_at_all(monkeypatch)
    exact = [combine(frames, clip=Clip(low=2, high=2)) for frames in sets]
    assert [image.found.rejected for image in screened] == [image.found.rejected for image in exact]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_looking_closer_at_floats_that_differ_in_level_changes_nothing(monkeypatch, dtype):
    rng = np.random.default_rng(8)
    stack = (rng.normal(1000, 3, (9, 40, 50)) + rng.normal(0, 300, (9, 1, 1))).astype(dtype)
    stack[2, 5] += 100
    screened = combine(frames_of(stack, kind="bias"))
    look_at_all(monkeypatch)
    exact = combine(frames_of(stack, kind="bias"))
    assert screened.pixels == exact.pixels
    assert screened.found.rejected == exact.found.rejected


@examples(300)
@given(
    seeds,
    st.integers(2, 30),
    st.sampled_from([0.0, 0.3, 2.0]),
    st.sampled_from([0.0, 0.02, 0.15]),
    st.sampled_from([0.0, 0.02, 0.5]),
    st.sampled_from([Clip(), Clip(low=3, high=4), Clip(low=1, high=1), Clip(high=np.inf)]),
    st.booleans(),
)
def test_what_is_safe_by_the_noise_loses_nothing(seed, frames, blur, tilt, b, clip, whole):
    """Of a scene of all levels, most of them alike, frames shifted as above."""
    random = np.random.default_rng(seed)
    noise, base = Noise(a=9.0, b=b, floor=0.1), 500.0
    level = np.where(random.random(PIXELS) < 0.8, 500, 10 ** random.uniform(2, 4, PIXELS))
    factors, at_base = 1 + random.uniform(-tilt, tilt, frames), random.uniform(-blur, blur, frames)
    offsets = at_base - (factors - 1) * base
    even = random.normal(level, np.sqrt(noise.variance(level)), (frames, PIXELS))
    stack = even * factors[:, None] + offsets[:, None]
    stack = np.rint(stack).astype(np.int16) if whole else stack
    found = summarise(stack, Asked(np.zeros(frames, int)))
    residual = ResidualShift(zero=0.0, base=base, blur=np.abs(at_base).max(), apart=np.ptp(at_base), tilt=tilt)
    even = (stack - offsets[:, None]) / factors[:, None]
    keep = kept_values(even, clip, by_variance(clip, lambda level, _: noise.variance(level)))
    assert not (safe_from_noise(found, clip, noise, residual) & ~keep.all(axis=0)).any()


@pytest.mark.parametrize(("power", "b", "variance"), [(15, 10.0, 0.12), (16, 2.0, 0.1), (20, 10.0, 2.0)])
def test_levels_that_single_precision_rounds_have_less_noise_perhaps(power, b, variance):
    """Read noise that nearly cancels the level's, where shifting values rounds them up."""
    low = np.float32(2**power - 2.0 ** (power - 24))
    noise, shifts = Noise(a=variance - b * (float(low) + 1), b=b), np.full(5, -1)
    for height in 5 * np.sqrt(variance) * (1 + np.linspace(1e-3, 0.3, 60)):
        stack = np.full((5, 64), low)
        stack[2] += np.float32(height)
        found = summarise(stack, Asked(shifts))
        even = stack.astype(float) + 1
        keep = kept_values(even, Clip(), by_variance(Clip(), lambda level, _: noise.variance(level)))
        safe = safe_from_noise(found, Clip(), noise, attrs.evolve(NO_SHIFT, base=float(low)))
        assert not (safe & ~keep.all(axis=0)).any()


def assert_not_safe(stack, offsets, factors, noise, residual):
    """The last pixel loses a value, and all others are alike."""
    even = (stack - offsets[:, None]) / factors[:, None]
    keep = kept_values(even, Clip(), by_variance(Clip(), lambda level, _: noise.variance(level)))
    assert not keep[:, -1].all()
    found = summarise(stack.astype(np.int16), Asked(np.zeros(len(stack), int)))
    assert safe_from_noise(found, Clip(), noise, residual)[:-1].all()
    assert not safe_from_noise(found, Clip(), noise, residual)[-1]


def test_limits_are_those_of_the_level_that_shifts_leave():
    """Frames 1 ADU high, at a level whose noise grows by ten of its variances with each ADU."""
    stack = np.full((5, 200), 1001)
    stack[2, -1] += 6
    residual = attrs.evolve(NO_SHIFT, base=1000.0, blur=1.0)
    assert_not_safe(stack, np.ones(5), np.ones(5), Noise(a=1 - 10 * 1000, b=10.0), residual)


def test_limits_of_usual_levels_hold_for_no_others():
    """A fainter pixel has less noise, a brighter one is shifted by more."""
    stack, alike = np.full((5, 200), 5000), np.ones(5)
    stack[:, -1], stack[2, -1] = 100, 150
    noise, residual = Noise(a=9.0, b=0.5), attrs.evolve(NO_SHIFT, base=5000.0)
    assert_not_safe(stack, 0 * alike, alike, noise, residual)
    factors = np.array([1, 1, 1, 1, 1.1])
    stack[:, -1] = 20_000  # of which the last frame shows 1,500 more, or so it should
    assert_not_safe(stack, (1 - factors) * 5000, factors, noise, attrs.evolve(residual, tilt=0.1))


def test_most_pixels_of_a_scene_are_safe_whatever_its_brightest_ones_are():
    random = np.random.default_rng(3)
    noise = Noise(a=9.0, b=0.5)
    level = np.where(random.random(PIXELS) < 0.02, 30_000, 500)
    stack = np.rint(random.normal(level, np.sqrt(noise.variance(level)), (3, PIXELS))).astype(np.int16)
    residual = attrs.evolve(NO_SHIFT, base=500.0, tilt=0.01)
    found = summarise(stack, Asked(np.zeros(3, int)))
    assert safe_from_noise(found, Clip(), noise, residual)[level == 500].mean() > 0.95


@given(seeds, st.integers(9, 80), st.sampled_from([0.0, 0.7, 5.0, 300.0]), st.sampled_from([0.0, 0.02]), st.booleans())
def test_a_standard_deviation_is_never_overrated(seed, frames, sigma, hits, whole):
    stack = stack_of(np.random.default_rng(seed), frames, sigma, 300, hits)
    stack = stack if whole else stack * 1.1
    found = summarise(stack, Asked(np.zeros(frames, int), spread=True))
    assert (found.squares <= (np.var(stack.astype(float), axis=0) * frames) * (1 + 1e-5)).all()
    for clip in (Clip("std", low=2, high=2), Clip("std", low=3, high=4)):
        safe = safe_from_squares(found, frames, clip)
        keep = ByOwnSpread(clip).kept(None, stack.astype(float))
        assert keep[:, safe].all()


@pytest.mark.parametrize("frames", [27, 50, 200])
def test_most_pixels_are_safe_by_their_own_spread(frames):
    stack = stack_of(np.random.default_rng(1), frames, 5.0, 300, 0.0)
    found = summarise(stack, Asked(np.zeros(frames, int), spread=True))
    assert safe_from_squares(found, frames, Clip("std")).mean() > 0.85
