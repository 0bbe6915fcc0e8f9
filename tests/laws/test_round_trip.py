"""Simulate the detector, reduce the frames, get the sky back."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples

from pipeline import FrameSet, Recipe, reduce
from pipeline.errors import AssumptionWarning
from pipeline.simulation.simulate import Counts, Detector, Exposures, simulate


def pulls(night, recipe=Recipe()):
    image = reduce(night.frames, recipe=recipe)
    return ((image.pixels.values - night.light) / night.sigma)[~image.pixels.mask]


@examples(10)
@given(
    seed=st.integers(0, 10_000),
    sky=st.floats(50, 5000),
    scene=st.sampled_from(["spectrum", "stars"]),
    lights=st.integers(1, 4),
    overscan=st.sampled_from([0, 16]),
)
def test_the_reduced_image_is_the_sky_within_its_noise(seed, sky, scene, lights, overscan):
    night = simulate(
        seed=seed,
        shape=(96, 128),
        sky=sky,
        scene=scene,
        counts=Counts(light=lights),
        detector=Detector(cosmic_rays=0, overscan=overscan),
    )
    pull = pulls(night)
    assert abs(np.median(pull)) < 0.06
    assert 0.95 < pull.std() < 1.06


@pytest.mark.parametrize("exposures", [Exposures(dark=120), Exposures(dark=60, flat=30, light=300)])
def test_darks_are_scaled_to_the_exposure_of_each_kind(exposures):
    detector = Detector(dark_current=2.0, cosmic_rays=0)
    pull = pulls(simulate(shape=(96, 128), exposures=exposures, detector=detector, counts=Counts(dark=9)))
    assert abs(np.median(pull)) < 0.06
    assert 0.95 < pull.std() < 1.06


def test_without_noise_the_sky_comes_back_exactly():
    night = simulate(shape=(20, 30), detector=Detector(noise=False))
    image = reduce(night.frames)
    np.testing.assert_allclose(image.pixels.values, night.light, rtol=0, atol=16 * np.spacing(60_000.0))
    arc = reduce(night.frames, kind="arc")
    np.testing.assert_allclose(arc.pixels.values, night.arc, rtol=0, atol=16 * np.spacing(60_000.0))


@pytest.mark.parametrize("missing", ["bias", "dark", "flat"])
def test_every_calibration_is_needed(missing):
    """A reduction that leaves one out is far from the truth: the comparison can fail."""
    night = simulate(shape=(96, 128), detector=Detector(dark_current=1.0, cosmic_rays=0, overscan=0))
    frames = FrameSet(frame for frame in night.frames if frame.kind != missing)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AssumptionWarning)  # a dark that may hold the bias
        image = reduce(frames)
    pull = (image.pixels.values - night.light) / night.sigma
    assert pull.std() > 1.3 or abs(pull.mean()) > 1


def test_cosmic_rays_are_left_out_and_counted():
    night = simulate(shape=(96, 128), detector=Detector(cosmic_rays=1000), counts=Counts(light=5))
    image = reduce(night.frames)
    sky = night.light < 2 * night.light.min()
    wild = np.abs((image.pixels.values - night.light) / night.sigma) > 6
    unclipped = np.abs((reduce(night.frames, recipe=Recipe(clip=None)).pixels.values - night.light) / night.sigma) > 6
    assert night.hits > 100
    assert sum(image.found.rejected) > 0.9 * night.hits
    assert unclipped[sky].mean() > 1e-2
    assert wild[sky].mean() < 1e-3  # three of five long darks hit in one pixel


def test_saturation_is_in_the_frames_and_flagged_in_the_result():
    night = simulate(shape=(32, 48), sky=120_000.0, detector=Detector(gain=1.0))
    image = reduce(night.frames)
    assert "SATURATE" in image.header
    assert (image.pixels.flags & 2).all()
