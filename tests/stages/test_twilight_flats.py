"""Stars in flats of the twilight sky: masked with their wings, and flats without stars left as they are."""

import math

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import (
    Flag,
    FrameSet,
    Image,
    Pixels,
    Recipe,
    combine,
    declare,
    make_masters,
    mask_sources,
    open_frame,
)
from pipeline.errors import AssumptionWarning, StepError
from pipeline.simulation.simulate import simulate

FULL = 60_000


def moffat(shape, y, x, flux, fwhm, beta=2.5):
    """A star with the wings that the air gives it: a Moffat profile (1969), of so many e⁻."""
    width = fwhm / 2 / math.sqrt(2 ** (1 / beta) - 1)
    rows, columns = (
        np.arange(max(0, round(at) - 80), min(side, round(at) + 80)) for at, side in ((y, shape[0]), (x, shape[1]))
    )
    profile = (1 + ((rows[:, None] - y) ** 2 + (columns - x) ** 2) / width**2) ** -beta
    light = np.zeros(shape)
    light[np.ix_(rows, columns)] = flux * (beta - 1) / (math.pi * width**2) * profile
    return light


def flat_of(values):
    flags = np.where(values >= FULL, int(Flag.SATURATED), 0)
    return declare(Image.of(Pixels.of(values, flags), kind="flat", exposure=1.0), state="without bias")


def twilight(seed, stars, *, count=5, shape=(360, 360), fwhm=3.0, level=20_000, gradient=0.03, fading=0.75):
    """Dithered flats of a fading, vignetted, uneven sky: with stars, and the same without; and their light over it."""
    rng = np.random.default_rng(seed)
    up, along = ((np.arange(side) / side - 0.5) for side in shape)
    response = (1 - 0.5 * (up[:, None] ** 2 + along**2)) * rng.normal(1, 0.01, shape)
    y, x = (rng.uniform(-60, side + 60, stars) for side in shape)
    flux = np.minimum(3000 * rng.random(stars) ** (-1 / 0.9), 1e7)  # as many as there are in the sky: Σ ∝ 1/flux
    with_stars, without, light = [], [], np.zeros(shape)
    for number in range(count):
        slope, tilt = gradient * rng.normal(size=2)
        sky = level * fading**number * response * (1 + slope * up[:, None] + tilt * along)
        move = rng.uniform(-40, 40, 2)
        own = sum(
            (moffat(shape, *(place + move), one, fwhm) for *place, one in zip(y, x, flux, strict=True)), np.zeros(shape)
        )
        noise = rng.normal(size=shape)
        for made, electrons in ((with_stars, sky + response * own), (without, sky)):
            made.append(flat_of(np.minimum(electrons + noise * np.sqrt(electrons), FULL)))
        light = np.maximum(light, own / (level * fading**number))
    return FrameSet(with_stars), FrameSet(without), light


def flat_field(frames):
    values = combine(frames, scale="level").pixels.values
    return values / np.median(values)


def bias_by_stars(flats, clean, light):
    """By how much a flat is too bright: where stars gave a flat 1e-3 of the sky or more, and everywhere."""
    off = flat_field(flats) / flat_field(clean) - 1
    off -= np.median(off[light < 1e-4])
    return off[light > 1e-3].mean(), off.mean()


@pytest.mark.parametrize(
    "sky",
    [
        {},
        pytest.param({"fwhm": 4.5, "gradient": 0.1}, marks=pytest.mark.slow),
    ],
    ids=["3 px", "4.5 px, uneven"],
)
def test_of_five_dithered_flats_stars_leave_less_than_1e_4(sky):
    flats, clean, light = twilight(3, 24, **sky)
    near, everywhere = bias_by_stars(flats, clean, light)
    assert near > 7e-4
    masked = mask_sources(flats)
    assert np.mean([frame.pixels.mask for frame in masked]) < 0.1
    near, everywhere = bias_by_stars(masked, clean, light)
    assert abs(everywhere) < 3e-5
    assert abs(near) < 2e-4 if sky else 1e-4


def test_flats_without_stars_stay_as_they_are():
    """But for a pixel in a hundred, and the noise of it."""
    _, clean, _ = twilight(4, 0)
    masked = mask_sources(clean)
    assert np.mean([frame.pixels.mask for frame in masked]) < 0.01
    off = flat_field(masked) / flat_field(clean) - 1
    assert abs(off.mean()) < 2e-5
    assert off.std() < 1e-3  # the noise of five is 4e-3


def small(seed, stars=((20, 30, 1), (40, 12, 3))):
    rng = np.random.default_rng(seed)
    frames = [rng.normal(10_000, 50, (64, 72)) for _ in range(4)]
    for y, x, number in stars:
        frames[number] += moffat((64, 72), y, x, 20_000, 3.0)
    return frames


@settings(max_examples=5, deadline=None)
@given(st.permutations(range(4)), st.sampled_from([0.25, 2.0, 4.0]), st.integers(0, 9))
def test_neither_order_nor_brightness_of_flats_matters(order, by, seed):
    frames = small(seed)
    expected = mask_sources([flat_of(one) for one in frames])
    found = mask_sources([flat_of(by * frames[i]) for i in order])
    for i, frame in zip(order, found, strict=True):
        np.testing.assert_array_equal(frame.pixels.flags & Flag.SOURCE, expected[i].pixels.flags & Flag.SOURCE)
        np.testing.assert_allclose(frame.values, by * expected[i].values, rtol=1e-5)
    assert [bool(frame.pixels.mask[20, 30]) for frame in expected] == [False, True, False, False]
    assert expected[3].pixels.mask[38:43, 10:15].all()


def test_from_disk_and_memory_the_same_is_masked(tmp_path):
    frames = [flat_of(one.astype(np.float32)) for one in small(1)]
    for number, frame in enumerate(frames):
        fits.writeto(tmp_path / f"{number}.fits", frame.values, fits.Header({"EXPTIME": 1.0}))
    opened = (open_frame(tmp_path / f"{number}.fits", kind="flat") for number in range(4))
    on_disk = mask_sources([declare(frame, state="without bias") for frame in opened])
    assert not any(frame.in_memory for frame in on_disk)
    for frame, other in zip(on_disk, mask_sources(frames), strict=True):
        np.testing.assert_array_equal(frame.pixels.values, other.pixels.values)
        np.testing.assert_array_equal(frame.pixels.flags, other.pixels.flags)
        np.testing.assert_array_equal(frame.source.rows(7, 30).values, other.pixels.values[7:30])
    assert str(on_disk[0].history[-1]) == "mask_sources(sigma=4.0)"


def test_what_a_flat_flags_is_filled_by_nothing_and_masked_by_nobody():
    frames = small(2)
    for one in frames:
        one[5, 7] = np.nan
    frames[0][:, 50] = FULL
    for frame, values in zip(mask_sources([flat_of(one) for one in frames]), frames, strict=True):
        assert frame.pixels.flags[5, 7] == Flag.NONFINITE
        assert (frame.pixels.flags[:, 50] == (Flag.SATURATED if values[0, 50] == FULL else 0)).mean() > 0.9


def test_too_few_flats_and_other_frames_are_said():
    two = FrameSet(map(flat_of, small(3)[:2]))
    with pytest.warns(AssumptionWarning, match="cannot be told in fewer than 3 flats"):
        assert [frame.pixels for frame in mask_sources(two)] == [frame.pixels for frame in two]
    with pytest.raises(StepError, match="mask_sources takes flats"):
        mask_sources([Image.of(np.ones((40, 40)), kind="light")] * 3)


def test_a_recipe_masks_the_stars_of_its_flats_and_of_nothing_else():
    frames = simulate(shape=(64, 72)).frames
    plain, masked = (make_masters(frames, Recipe(flat_sources=step)) for step in (None, mask_sources()))
    assert masked.flat.image.went_through(mask_sources)
    assert masked.bias == plain.bias
    np.testing.assert_allclose(masked.flat.pixels.values, plain.flat.pixels.values, rtol=0.02)
