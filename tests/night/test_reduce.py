"""The default reduction is the chain written out."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_masters import SHAPE, full
from star_fields import Field, dithers
from strategies import seeds

from pipeline import (
    Clip,
    Flag,
    Flagging,
    FrameSet,
    Image,
    Mask,
    MasterBias,
    MasterDark,
    MasterFringe,
    Recipe,
    align,
    chain,
    combine,
    divide,
    each,
    flag_bad,
    flag_saturated,
    heal,
    linearise,
    make_masters,
    normalise_flat,
    orient,
    pipe,
    reduce,
    reduce_each,
    subtract_bias,
    subtract_dark,
    subtract_fringe,
    to_electrons,
)
from pipeline.errors import AssumptionWarning, StepError
from pipeline.simulation.simulate import Counts, Detector, simulate


def test_the_default_reduction_is_the_chain_written_out():
    rng = np.random.default_rng(5)
    level = {"bias": 500, "dark": 560, "flat": 20_000, "light": 900}
    exposure = {"bias": 0, "dark": 60, "flat": 5, "light": 30}
    frames = FrameSet(
        Image.of(rng.poisson(level[kind], SHAPE).astype(np.uint16), kind=kind, exposure=exposure[kind])
        for kind in level
        for _ in range(3)
    )
    stack = combine(variance="noise")
    bias = pipe(frames.bias, stack, MasterBias.of)
    dark = pipe(frames.dark, stack, subtract_bias(bias=bias), MasterDark.of)
    flat = pipe(frames.flat, stack, subtract_bias(bias=bias), subtract_dark(dark=dark), normalise_flat)
    clean = chain(subtract_bias(bias=bias), subtract_dark(dark=dark), divide(flat=flat))
    assert reduce(frames).pixels == pipe(frames.light, stack, clean).pixels


RAW = ["declare", "flag_saturated", "linearise", "flag_bad", "subtract_overscan", "combine"]
LAST = ["grow_flags", "heal", "to_electrons", "orient", "attach_header", "reduce"]
ORDER = {
    "bias": RAW,
    "dark": [*RAW, "subtract_bias"],
    "flat": [*RAW, "subtract_bias", "subtract_dark", "normalise_flat"],
    "light": [*RAW, "subtract_bias", "subtract_dark", "divide", "subtract_fringe", *LAST],
    "arc": [*RAW, "subtract_bias", "subtract_dark", "divide", *LAST],
}


def test_every_step_has_its_place_from_linearity_to_orientation_and_masters_go_the_same_way():
    rng = np.random.default_rng(8)
    level = {"bias": 500, "dark": 560, "flat": 20_000, "light": 900, "arc": 900}
    frames = FrameSet(
        Image.of(
            np.hstack([rng.poisson(level[kind], (12, 16)), rng.poisson(500, (12, 4))]).astype(np.float32),
            kind=kind,
            exposure=10,
            header={"BIASSEC": "[17:20,1:12]", "DATASEC": "[1:16,1:12]"},
        )
        for kind in level
        for _ in range(3)
    )
    bad = np.zeros((12, 20))
    bad[5, 6] = 1
    pattern = Image.of(rng.normal(size=(12, 16)).astype(np.float32))
    recipe = Recipe(
        declared=tuple((kind, "raw") for kind in level),
        saturation=6e4,
        linearity=linearise(coefficients=(1.0,)),
        flagging=Flagging(mask=Mask.of(bad), grow=1),
        fringe=subtract_fringe(fringe=MasterFringe.of(pattern), scale=0.0),
        healing=heal(),
        electrons=to_electrons(gain=1.5),
        orient=orient(saxis=0),
        clip=None,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AssumptionWarning)
        masters = make_masters(frames, recipe)
        products = {kind: reduce(frames, recipe=recipe, kind=kind, masters=masters) for kind in ("light", "arc")}
    made = {kind: getattr(masters, kind).image for kind in ("bias", "dark", "flat")} | products
    assert {kind: [step.stage for step in image.history] for kind, image in made.items()} == ORDER


def test_a_night_without_lights_is_refused():
    with pytest.raises(StepError, match="no light frames"):
        reduce(FrameSet([Image.of(full(1), kind="bias")]))


def test_lights_whose_exposures_differ_by_less_than_a_hundredth_are_equal():
    almost = FrameSet(Image.of(full(1), exposure=t) for t in (10, 10.05))
    assert reduce(almost).header.get("EXPTIME") == 10.025


def test_a_reduction_by_the_median_says_that_it_was_brought_up():
    night = simulate(shape=(24, 96), counts=Counts(light=5), detector=Detector(cosmic_rays=0))
    steps = {
        clip: [ran.stage for ran in reduce(night.frames, recipe=Recipe(method="median", clip=clip)).history]
        for clip in (Clip(), None, Clip("mad"))
    }
    assert "correct_median" in steps[Clip()]
    assert "correct_median" not in steps[None] + steps[Clip("mad")]
    assert "correct_median" not in [ran.stage for ran in reduce(night.frames).history]


# ---- each light on its own ----


@given(seeds, st.integers(1, 4))
def test_each_light_is_reduced_as_a_night_with_that_light_alone(seed, lights):
    """In the order of the night, and by the same masters."""
    frames = simulate(seed=seed, shape=(24, 48), counts=Counts(bias=3, dark=2, flat=3, light=lights)).frames
    masters = make_masters(frames)
    made = reduce_each(frames)
    assert [image.header.get("LIGHT1") for image in made] == [light.name for light in frames.light]
    for image, light in zip(made, frames.light, strict=True):
        assert image.pixels == reduce(FrameSet((light,)), masters=masters).pixels


def test_lights_reduced_by_themselves_have_the_mean_of_all():
    night = simulate(shape=(24, 48), counts=Counts(light=3), detector=Detector(cosmic_rays=0))
    recipe = Recipe(clip=None)
    each = [image.pixels.values for image in reduce_each(night.frames, recipe=recipe)]
    np.testing.assert_allclose(
        np.mean(each, 0), reduce(night.frames, recipe=recipe).pixels.values, rtol=1e-5, atol=1e-3
    )


def test_masters_that_are_given_are_used_for_each_light_and_the_nights_own_frames_are_not():
    light = Image.of(full(7), exposure=10.0, name="l.fits")
    bias = Image.of(full(99), kind="bias", exposure=0.0)
    masters = make_masters(FrameSet([Image.of(full(3), kind="bias", exposure=0.0)] * 2))
    (image,) = reduce_each(FrameSet([bias, light]), masters=masters)
    np.testing.assert_array_equal(image.pixels.values, 4.0)


def test_reducing_each_light_of_a_night_without_lights_is_refused():
    with pytest.raises(StepError, match=r"reduce_each: no light frames in .*; give at least one"):
        reduce_each(FrameSet([Image.of(full(1), kind="bias")]))


# ---- lights that are aligned ----


def dithered_night(shape=(140, 160)):
    """Give a night whose bias, dark and flat have structure, and what falls on its shifted lights."""
    rng, stars, shifts = np.random.default_rng(6), Field.drawn(4, 60, shape, fluxes=(5e3, 5e4)), dithers(2, 4, 9)
    response = 1 + rng.normal(0, 0.05, shape)
    pattern, glow = rng.normal(500, 20, shape), rng.exponential(10, shape)

    def expose(kind, seconds, light):
        seen = rng.poisson(light * response + glow * seconds / 10) + pattern + rng.normal(0, 4, shape)
        return Image.of(seen.round().astype(np.uint16), kind=kind, exposure=seconds, name=f"{kind}.fits")

    lights = [stars.light(shape, shift=shift) + 300 for shift in shifts]
    kinds = [("bias", 0.0, 0.0), ("dark", 10.0, 0.0), ("flat", 1.0, 20_000.0)]
    frames = [expose(*kind) for kind in kinds for _ in range(5)] + [expose("light", 10.0, light) for light in lights]
    return FrameSet(frames), lights


def test_aligned_lights_are_flat_fielded_before_and_combined_after_that():
    frames, lights = dithered_night()
    bad = np.zeros(lights[0].shape)
    bad[60:70, 40] = 1
    flagging = Flagging(mask=Mask.of(bad))
    image = reduce(frames, recipe=Recipe(align=align(), flagging=flagging))
    masters = make_masters(frames, Recipe(flagging=flagging))
    clean = chain(
        flag_saturated(),
        subtract_bias(bias=masters.bias),
        subtract_dark(dark=masters.dark),
        divide(flat=masters.flat),
        flag_bad(mask=flagging.mask),
    )
    by_hand = pipe(frames.light, each(clean), align, combine(variance=masters.noise))
    assert image.pixels == by_hand.pixels
    assert image.found.aligned == by_hand.found.aligned
    (bad_now, bad_once) = (
        np.count_nonzero(one.pixels.flags & Flag.BAD)
        for one in (image, reduce(frames, recipe=Recipe(flagging=flagging)))
    )
    assert (bad_now, bad_once) == (0, 10)  # what one frame does not see well, others do
    found = np.rint(image.found.aligned).astype(int)
    truth = np.mean([np.roll(light, tuple(-moved), (0, 1)) for light, moved in zip(lights, found, strict=True)], axis=0)
    inner = np.s_[20:-20, 20:-20]
    pulls = ((image.pixels.values - truth) / np.sqrt(image.pixels.total_variance))[inner]
    assert np.std(pulls) == pytest.approx(1, abs=0.05)


def test_aligning_has_its_place_after_the_flat_and_the_fringes():
    frames, lights = dithered_night()
    pattern = Image.of(np.random.default_rng(1).normal(size=lights[0].shape).astype(np.float32))
    fringe = subtract_fringe(fringe=MasterFringe.of(pattern), scale=0.0)
    image = reduce(frames, recipe=Recipe(align=align(by=((0, 0), (1, 2), (3, 4), (5, 6))), fringe=fringe))
    steps = [step.stage for step in image.history]
    assert steps[steps.index("divide") :] == [
        "divide",
        "subtract_fringe",
        "align",
        "combine",
        "attach_header",
        "reduce",
    ]


def test_a_light_alone_is_reduced_as_ever():
    frames, _ = dithered_night()
    one = FrameSet([*frames.bias, *frames.dark, *frames.flat, frames.light[0]])
    assert reduce(one, recipe=Recipe(align=align())).pixels == reduce(one).pixels
