"""How a stack is to be combined: by which noise its values are judged."""

import warnings

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_frames import carrying, photons, variance_of
from strategies import frames_of

from pipeline import Clip, FrameSet, Image, MasterBias, Noise, Pixels, combine, declare, each, subtract_bias
from pipeline.errors import SettingError, ShapeError
from pipeline.headers.status import Done

CLIPS = st.sampled_from([None, Clip(), Clip(spread="mad")])


def test_given_gain_and_read_noise_clip_although_the_bias_is_in():
    """A bias of 1000 has no photon noise: 60 ADU are 22 σ of a read noise of 4 e⁻ at 1.5 e⁻/ADU."""
    rng = np.random.default_rng(2)
    values = rng.normal(1000, 4 / 1.5, (5, 64, 64)).round()
    values[2, 10:20, 10] += 60
    for kind in ("bias", "light"):
        frames = FrameSet(Image.of(v, kind=kind, exposure=1) for v in values)
        found = combine(frames, clip=Clip(counting=Noise.of(gain=1.5, read_noise=4))).found
        assert found.rejected[2] >= 10
        assert sum(found.rejected) < 15


def test_frames_are_judged_by_the_variance_that_they_carry():
    """Of σ = 10, 40 above the others is noise and 60 is not, however alike the others are."""
    for level, rejected in ((140, 0), (160, 25)):
        image = combine(carrying([100, 100, 100, level], [100] * 4))
        assert sum(image.found.rejected) == rejected
    assert variance_of(image) == pytest.approx(100 / 3)


def test_each_frame_is_judged_by_its_own_variance():
    """40 above the others is 4 σ of a frame of σ = 10, and 40 σ of one of σ = 1."""
    noisy = combine(carrying([100, 100, 100, 100, 140], [1, 1, 1, 1, 100]))
    quiet = combine(carrying([100, 100, 100, 140, 100], [1, 1, 1, 1, 100]))
    assert noisy.found.rejected == (0, 0, 0, 0, 0)
    assert quiet.found.rejected == (0, 0, 0, 25, 0)


@given(st.lists(st.booleans(), min_size=2, max_size=6), st.sampled_from([None, "noise", "scatter"]), CLIPS)
def test_frames_without_variance_among_some_that_carry_one_are_named(carry, variance, clip):
    planes = [np.ones((4, 4)) if with_one else None for with_one in carry]
    pixels = [Pixels.of(np.arange(16.0).reshape(4, 4), variance=plane) for plane in planes]
    frames = FrameSet(Image.of(one, kind="bias", name=f"{number}") for number, one in enumerate(pixels))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = combine(frames, clip=clip, variance=variance)
    told = [note.frames for note in image.notes if note.fact == "variance of some"]
    mixed = len(set(carry)) == 2 and variance != "scatter"
    assert told == ([tuple(f"{number}" for number, with_one in enumerate(carry) if not with_one)] if mixed else [])
    assert (image.pixels.variance is not None) == (all(carry) or variance is not None)


def test_values_that_carry_variance_may_move_as_far_as_the_stack_shows():
    """A trace that wanders by a fifth of a pixel: its flanks differ by far more than they carry."""
    random = np.random.default_rng(7)
    rows, moved = np.arange(60.0)[:, None], random.uniform(-0.2, 0.2, (8, 1, 1))
    scene = 20_000 * np.exp(-0.5 * ((rows - 30 - moved) / 3) ** 2) + np.zeros((1, 100))
    frames = FrameSet(
        Image.of(Pixels.of(random.normal(plane, 5), variance=np.full(plane.shape, 25.0)), kind="light", exposure=1)
        for plane in scene
    )
    assert sum(combine(frames).found.rejected) < 1e-3 * scene.size


def test_a_given_noise_comes_before_what_frames_carry():
    image = combine(carrying([100, 100, 100, 140], [100] * 4), clip=Clip(noise=Noise(a=1.0)))
    assert image.found.rejected == (0, 0, 0, 25)


def test_gain_and_read_noise_that_frames_show():
    rng = np.random.default_rng(5)
    wide, narrow = (np.broadcast_to(np.linspace(low, 20_000, 256), (96, 256)) for low in (1000, 12_000))
    gain, error = combine(frames_of(photons(rng, wide, 6), kind="flat"), variance="noise").found.gain
    assert abs(gain - 2) < 3 * error
    assert 1e-3 < error < 0.05
    assert combine(frames_of(photons(rng, narrow, 6), kind="flat"), variance="noise").found.gain is None
    bias = combine(frames_of(1000 + photons(rng, np.zeros((96, 256)), 6), kind="bias"))
    assert bias.found.read_noise == pytest.approx(np.sqrt(9 + 1 / 12), rel=0.02)
    assert combine(frames_of(photons(rng, wide, 3))).found.read_noise is None


def lit(levels, seed=1):
    """Flats of these levels in ADU above a pedestal of 500, with vignetting."""
    rng, (y, x) = np.random.default_rng(seed), np.mgrid[:40, :50]
    response = 1 - 0.3 * ((x - 25) ** 2 + (y - 20) ** 2) / 1000
    return FrameSet(
        Image.of((rng.poisson(level * response) + 500 + rng.normal(0, 3, (40, 50))).round(), kind="flat", exposure=1,
                 name=f"{level}.fits")
        for level in levels
    )  # fmt: skip


def said_of_levels(image):
    return [note for note in image.notes if "unlike levels" in note.words]


def test_flats_of_a_few_counts_that_are_alike_are_not_unlike():
    """Their medians are whole numbers, some 1 and some 2."""
    rng = np.random.default_rng(5)
    flats = [Image.of(rng.poisson(1.7, (40, 50)).astype(float), kind="flat", exposure=1) for _ in range(20)]
    assert len({float(np.median(flat.pixels.values)) for flat in flats}) == 2
    assert said_of_levels(combine(FrameSet(flats))) == []


@pytest.mark.parametrize("how", [{}, {"variance": "noise"}, {"variance": "noise", "clip": None}])
@pytest.mark.parametrize(
    ("levels", "fainter"),
    [
        ((30_000, 18_000, 11_000), ("18000.fits", "11000.fits")),
        ((20_000, 0, 20_500, 19_800), ("0.fits",)),
        ((20_000, 20_900, 19_300, 21_000), ()),
        ((26_000, 24_000, 21_000, 19_000), ()),
        ((20_000,), ()),
    ],
    ids=["twilight", "lamp off", "lamp that wanders", "dusk that is slow", "one"],
)
def test_flats_of_unlike_levels_are_told_where_their_noise_is_that_of_equal_ones(levels, fainter, how):
    told = said_of_levels(combine(lit(levels), **how))
    assert [note.frames for note in told] == ([fainter] if fainter else [])
    assert all(note.is_assumption for note in told)


@pytest.mark.parametrize("how", [{"clip": None}, {"clip": Clip(spread="mad")}, {"scale": "level", "variance": "noise"}])
def test_flats_of_unlike_levels_may_be_averaged_or_scaled(how):
    frames = each(subtract_bias(bias=MasterBias.of(Image.of(np.full((40, 50), 500.0), kind="bias"))))(
        lit((30_000, 18_000, 11_000))
    )
    assert said_of_levels(combine(frames, **how)) == []


def test_lights_of_unlike_levels_are_no_flats():
    frames = FrameSet(attrs.evolve(frame, kind="light") for frame in lit((30_000, 18_000, 11_000)))
    assert said_of_levels(combine(frames, variance="noise")) == []


@pytest.mark.parametrize("scale", [None, "level", "exposure"])
def test_copies_and_damaged_numbers_are_told_as_they_were_before_scaling(scale):
    rng = np.random.default_rng(3)
    rounded = [(rng.normal(1.4, 0.1, (40, 50)) * level).round() for level in (1, 3, 3)]
    noisy = [rng.normal(100, 9, (40, 50)).round() * level for level in (1, 3, 3)]
    for planes, fact, names in (
        (rounded, "rounded light", ("0", "1", "2")),
        ([*noisy, noisy[1]], "copies of 1", ("1", "3")),
        ([*noisy, rng.normal(0, 5, (40, 50)).round() % 65536], "wrapped light", ("3",)),
        (noisy, "", None),
    ):
        seconds = [2.0 + (scale == "exposure") * number for number in range(len(planes))]
        frames = [
            Image.of(plane, exposure=s, name=f"{n}") for n, (plane, s) in enumerate(zip(planes, seconds, strict=True))
        ]
        state = attrs.evolve(frames[0].state, bias=Done("BIASCORR = T"))
        image = combine(FrameSet(attrs.evolve(frame, state=state) for frame in frames), scale=scale)
        told = {
            note.fact: note.frames for note in image.notes if note.fact.startswith(("rounded", "copies", "wrapped"))
        }
        assert told == ({fact: names} if fact else {})


def told_and_seen(frames, truth, **settings):
    """Give by how much a combination scatters about the truth, over what its variance says: of the left half and right.

    The truth holds the bias, as the frames do.
    """
    pixels = combine(frames, variance="noise", **settings).pixels
    pull = (pixels.values - truth) / np.sqrt(pixels.variance)
    half = pull.shape[1] // 2
    return float(np.nanstd(pull[:, :half])), float(np.nanstd(pull[:, half:]))


def lights_of(electrons, bias, gain, count=5, seed=1, missing=0.0):
    """Expose so many lights of a level in electrons, at 5 e⁻ of read noise; the header tells the gain of the left."""
    rng = np.random.default_rng(seed)
    level, zero, per_adu = np.broadcast_arrays(electrons, bias, gain)
    lights = []
    for number in range(count):
        values = np.round(zero + (rng.poisson(level) + rng.normal(0, 5, level.shape)) / per_adu).astype(np.float32)
        values[rng.random(level.shape) < missing] = np.nan
        header = {"GAIN": (float(per_adu.flat[0]), "[e-/ADU]"), "RDNOISE": (5.0, "[e-]")}
        lights.append(Image.of(values, header=header, exposure=60, name=f"light{number}.fits"))
    return FrameSet(lights)


COLUMNS = np.arange(256)[None, :] * np.ones((128, 1))


@pytest.mark.parametrize("climb", [0.0, 20_000.0])
def test_photons_are_counted_above_the_bias_however_that_climbs(climb):
    ramp = 1000 + climb * COLUMNS / 256
    bias = MasterBias.of(Image.of(ramp, kind="bias"))
    frames = lights_of(200.0, ramp, 1.5)
    assert told_and_seen(frames, ramp + 200 / 1.5, zero=bias) == pytest.approx((1, 1), abs=0.025)
    if climb:
        assert told_and_seen(frames, ramp + 200 / 1.5) != pytest.approx((1, 1), abs=0.1)


def test_a_bias_that_is_no_longer_in_frames_is_refused():
    frames, bias = lights_of(200.0, 1000.0, np.full((128, 256), 1.5)), MasterBias.of(np.full((128, 256), 1000.0))
    with pytest.raises(SettingError, match=r"zero is the bias that stands in frames, and that of light0\.fits is out"):
        combine(each(subtract_bias(bias=bias))(frames), zero=bias)
    with pytest.raises(ShapeError):
        combine(frames, zero=MasterBias.of(np.full((12, 256), 1000.0)))


@pytest.mark.parametrize("other", [1.5, 1.8])
def test_two_amplifiers_that_nobody_declared_have_each_their_noise(other):
    gain = np.where(COLUMNS < 128, 1.5, other)
    frames = lights_of(20_000.0, 1000.0, gain, count=8)
    assert told_and_seen(frames, 1000 + 20_000 / gain) == pytest.approx((1, 1), abs=0.03)
    assert len(combine(frames, variance="noise").found.measured.photons) == (1 if other == 1.5 else 2)


@pytest.mark.parametrize("method", ["mean", "median"])
@pytest.mark.parametrize("missing", [0.5, 0.7])
def test_values_that_are_missing_leave_the_noise_as_it_is(missing, method):
    frames = lights_of(200.0, 1000.0, np.full((128, 256), 1.5), missing=missing)
    assert np.mean(told_and_seen(frames, 1000 + 200 / 1.5, method=method)) == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("ratio", [1.0, 10.0])
def test_the_median_of_flats_that_fade_has_the_noise_that_it_shows(ratio):
    rng = np.random.default_rng(3)
    levels = np.geomspace(60_000, 60_000 / ratio, 5)
    frames = FrameSet(
        declare(Image.of(rng.poisson(level, (128, 256)) + 0.0, kind="flat", name=f"{level:.0f}"), state="without bias")
        for level in levels
    )
    pixels = combine(frames, method="median", scale="level", variance="noise").pixels
    assert np.std(pixels.values) / np.sqrt(np.median(pixels.variance)) == pytest.approx(1, abs=0.03)
