"""The default reduction is the chain written out."""

import numpy as np
import pytest
from made_masters import SHAPE, full

from pipeline import (
    Clip,
    FrameSet,
    Image,
    MasterBias,
    MasterDark,
    Recipe,
    chain,
    combine,
    divide,
    normalise_flat,
    pipe,
    reduce,
    subtract_bias,
    subtract_dark,
)
from pipeline.errors import StepError
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
