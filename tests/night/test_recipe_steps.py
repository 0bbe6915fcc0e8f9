"""The steps of a reduction that depend on the frames at hand: what is scaled, flagged, and known of noise."""

import warnings
from typing import get_args

import attrs
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from made_frames import GIVEN, even_frames, exposed, photons
from strategies import frames_of, seeds

from pipeline import (
    Cards,
    Clip,
    Extra,
    Flag,
    Flagging,
    FrameSet,
    Image,
    MasterBias,
    Noise,
    Recipe,
    align,
    combine,
    reduce,
    stage,
    subtract_bias,
    to_electrons,
)
from pipeline.errors import StepError
from pipeline.night.recipe import LaterPlace, RawPlace
from pipeline.night.recipe_steps import (
    combined_and_calibrated,
    flags_grown,
    in_electrons,
    photons_counted,
    raw_steps,
    scale_of,
    with_noise_known,
)
from pipeline.simulation.simulate import Counts, Detector, simulate
from pipeline.stages.header import masters_of


@pytest.mark.parametrize(("gain", "said"), [(1.5, False), (3.0, True), (0.75, True)])
def test_a_gain_in_the_header_that_bias_and_flat_do_not_bear_out_is_said(gain, said):
    night = simulate(shape=(48, 256), counts=Counts(light=2), detector=Detector(cosmic_rays=0))
    frames = []
    for frame in night.frames:
        header = frame.header.to_header()
        header["GAIN"] = gain
        frames.append(attrs.evolve(frame, header=Cards.of(header)))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        reduce(FrameSet(frames))
    words = [str(one.message) for one in caught if "bias and flat frames show" in str(one.message)]
    assert len(words) == said
    assert all(f"says a gain of {gain:g} e-/ADU" in word for word in words)


@given(st.floats(1000, 60_000), st.lists(st.floats(0, 0.3), min_size=1, max_size=4))
@example(30_000, [0.09])
@example(30_000, [0.05, 0.11])
def test_flats_are_scaled_where_their_levels_differ_by_a_tenth(brightest, fading):
    """Twilight fades, and bias and dark do not fade with it; of other kinds no level is looked at."""
    levels = [brightest, *(brightest * (1 - fraction) for fraction in fading)]
    if abs(max(fading) - 0.1) > 1e-6:
        assert scale_of(even_frames(*levels, kind="flat")) == ("level" if max(fading) > 0.1 else None)
    assert scale_of(even_frames(*levels, kind="light")) is None


@pytest.mark.parametrize(
    ("kind", "seconds", "by"),
    [
        ("light", (10.0, 20.0), "exposure"),
        ("dark", (10.0, 20.0), "exposure"),
        ("dark", (10.0, None), "exposure"),
        ("arc", (10.0, 20.0), "exposure"),
        ("flat", (10.0, 20.0), "level"),
        ("light", (10.0, None), None),  # which combine refuses by name
        ("light", (10.0, 10.05), None),
        ("flat", (10.0,), None),
    ],
)
def test_frames_of_several_exposures_are_scaled(kind, seconds, by):
    assert scale_of(exposed(*seconds, kind=kind)) == by


def test_lights_of_several_exposures_are_scaled_once_their_pedestal_is_out():
    put_together = combined_and_calibrated(Recipe(clip=None), subtract_bias(bias=None))
    with pytest.raises(StepError, match=r"10\.0\.fits: lights of several exposures are scaled, and its bias"):
        put_together(exposed(10.0, 20.0))


@given(seeds, st.integers(0, 2))
def test_flags_grow_and_images_become_electrons_where_the_recipe_says_so(seed, by):
    flags = np.random.default_rng(seed).choice([0, int(Flag.BAD)], (9, 9), p=[0.9, 0.1])
    image = frames_of(np.full((1, 9, 9), 50.0), flags[None])[0]
    grown = flags_grown(Recipe(flagging=Flagging(grow=by)))(image)
    assert (grown.pixels.flags != 0).sum() >= (flags != 0).sum()
    assert (grown.pixels == image.pixels) == (by == 0 or not flags.any() or flags.all())
    assert in_electrons(Recipe())(image) is image
    step = in_electrons(Recipe(electrons=to_electrons(gain=2.0)))
    assert (step(image).pixels.values == 100).all()
    assert step(step(image)).pixels == step(image).pixels  # not once more


def test_raw_frames_are_declared_and_flagged_before_anything_else():
    frames = even_frames(100, 100, kind="flat", header={"FLATCOR": True})
    recipe = Recipe(declared=(("flat", "raw"),), saturation=90, overscan=None)
    ready = raw_steps(recipe)(frames)
    assert [frame.state.flat for frame in ready] == [None, None]
    assert all((frame.pixels.flags == Flag.SATURATED).all() for frame in ready)


def noisy(count=3, **header):
    level = np.broadcast_to(np.linspace(500, 9000, 64), (48, 64))
    return frames_of(photons(np.random.default_rng(1), level, count), header=header)


SHOWN, SAID = Noise(a=9.0, b=0.5), Noise(a=16.0, b=0.25)


@pytest.mark.parametrize(
    ("recipe", "header", "known"),
    [
        (Recipe(), {}, SHOWN),
        (Recipe(), {"GAIN": 2.0, "RDNOISE": 6.0}, "noise"),
        (Recipe(noise=SAID), {}, SAID),
        (Recipe(noise=(SAID, SHOWN)), {}, "noise"),
        (Recipe(clip=Clip(counting=SAID)), {}, "noise"),
        (Recipe(variance="scatter"), {}, "scatter"),
        (Recipe(variance=None), {}, None),
    ],
)
def test_what_is_said_of_noise_comes_before_what_headers_tell_and_that_before_what_others_show(recipe, header, known):
    assert with_noise_known(recipe, SHOWN, noisy(**header)).variance == known


def test_where_nothing_is_known_of_noise_the_recipe_stays():
    assert with_noise_known(Recipe(), None, noisy()) == Recipe()


@pytest.mark.parametrize("clip", [None, Clip("mad")])
def test_a_median_is_brought_up_only_where_the_noise_clipped_it(clip):
    out = subtract_bias(bias=MasterBias.of(Image.of(np.zeros((5, 5)), kind="bias")))
    by_noise = Recipe(method="median", clip=GIVEN, variance=SHOWN)
    image = out(combine(even_frames(100, 100, 100), method="median", clip=GIVEN))
    assert photons_counted(by_noise)(image).pixels.values[0, 0] > 100
    other = attrs.evolve(by_noise, clip=clip)
    assert photons_counted(other)(image) is image


# ---- steps that a recipe adds ----


@stage(rows=True)
def marked(image: Image, *, by: str) -> Image:
    return image


PLACES = (*get_args(RawPlace), *get_args(LaterPlace))
NIGHT = simulate(shape=(24, 40), counts=Counts(bias=3, dark=2, flat=3, light=2, arc=1)).frames


def without_gain(frame):
    """Give a frame whose noise is what others show."""
    header = frame.header.to_header()
    del header["GAIN"]
    return attrs.evolve(frame, header=Cards.of(header))


def marks(history):
    return [dict(step.settings)["by"].strip("'") for step in history if step.is_of(marked)]


@pytest.mark.parametrize("by", [None, ((0.0, 0.0), (0.0, 0.0))], ids=["together", "each and aligned"])
def test_extra_steps_stand_in_their_places_of_the_lights_alone(by):
    """Whether or not the step that each stands by is in the recipe."""
    recipe = Recipe(align=None if by is None else align(by=by))
    sides = [(side, place) for place in PLACES for side in ("before", "after")]
    extra = tuple(Extra(marked(by=f"{side} {place}"), **{side: place}) for side, place in reversed(sides))
    image = reduce(NIGHT, recipe=attrs.evolve(recipe, extra=extra))
    assert marks(image.history) == [f"{side} {place}" for side, place in sides]
    ran = [dict(step.settings)["by"] if step.is_of(marked) else step.stage for step in image.history]
    for place in set(PLACES) & set(ran):
        assert [ran[ran.index(place) + step].strip("'") for step in (-1, 1)] == [f"before {place}", f"after {place}"]
    assert [mark for made in masters_of(image.history) for mark in marks(made.history)] == []
    plain = reduce(NIGHT, recipe=recipe)
    assert image.pixels == plain.pixels
    shown = reduce(FrameSet(map(without_gain, NIGHT)), recipe=recipe)
    assert plain.header["RECIPEID"] == shown.header["RECIPEID"] == recipe.key != image.header["RECIPEID"]


def test_extra_steps_are_done_to_the_kinds_that_they_name_in_the_order_of_the_list():
    steps = (
        Extra(marked(by="1"), after="linearise", kinds=("bias", "flat", "arc")),
        Extra(marked(by="2"), after="linearise", kinds=("bias", "dark")),
        Extra(marked(by="3"), before="subtract_dark", kinds=("flat", "light")),
        Extra(marked(by="4"), after="subtract_bias", kinds=("dark", "flat", "light")),
    )
    image = reduce(NIGHT, recipe=Recipe(extra=steps))

    made = {lineage.kind: marks(lineage.history) for lineage in masters_of(image.history)}
    assert made == {"bias": ["1", "2"], "dark": ["2", "4"], "flat": ["1", "4", "3"]}
    assert marks(image.history) == ["4", "3"]
    assert marks(reduce(NIGHT, recipe=Recipe(extra=steps), kind="arc").history) == ["1"]


def test_a_flat_without_a_good_pixel_has_no_level_and_numpy_says_nothing():
    flats = [Image.of(np.full((6, 8), level), kind="flat") for level in (100.0, np.nan)]
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        assert scale_of(FrameSet(flats)) is None
    with pytest.raises(StepError, match="level"):
        combine(flats, scale=scale_of(FrameSet(flats)) or "level")
