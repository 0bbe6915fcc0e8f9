"""The variance of a reduction is true: on simulated nights its pulls have a spread of 1."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from pipeline import Recipe, make_masters, reduce
from pipeline.simulation.simulate import Counts, Detector, Exposures, simulate


@pytest.mark.slow
def test_real_frames_tell_the_gain_and_read_noise_of_their_detector(shared_data):
    """Kast blue has 1.2 e⁻/ADU and 3.7 e⁻."""
    from pipeline import read_night

    night = read_night(shared_data / "kast_blue" / "filelist.csv")
    noise = make_masters(night, Recipe()).noise
    assert 1 / noise.b == pytest.approx(1.2, rel=0.08)
    assert np.sqrt(noise.a) / noise.b == pytest.approx(3.7, rel=0.1)
    pixels = reduce(night).pixels
    assert (np.sqrt(pixels.total_variance[~pixels.mask]) > 0).all()


def law():
    """Give the program that tests all of it: here is a small part."""
    path = Path(__file__).parents[2] / "benchmarks" / "variance.py"
    spec = importlib.util.spec_from_file_location("variance_law", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sky", "without", "lights", "frames", "method", "dark"),
    [
        (10.0, (), 1, 10, "mean", 600.0),
        (50.0, (), 1, 30, "mean", 120.0),
        (50.0, ("dark",), 5, 5, "mean", 600.0),
        (200.0, (), 3, 3, "mean", 120.0),
        (200.0, ("bias",), 10, 5, "median", 600.0),
        (2000.0, ("flat",), 4, 10, "median", 60.0),
        (10.0, (), 30, 30, "median", 60.0),
        (50.0, ("bias", "dark", "flat"), 30, 3, "median", 120.0),
        (20_000.0, (), 30, 10, "mean", 120.0),
        (20_000.0, ("bias", "dark", "flat"), 1, 3, "mean", 120.0),
    ],
)
def test_pulls_are_those_of_a_true_variance(sky, without, lights, frames, method, dark):
    program = law()
    pull = program.pulls_of(program.night_of(11, sky, without, lights, frames, dark), Recipe(method=method))
    wide, shifted = program.bounds(sky, lights)
    assert abs(pull.std() - 1) < wide
    assert abs(pull.mean()) < shifted


@pytest.mark.slow
def test_a_bias_in_light_and_dark_cancels_in_the_variance_as_in_the_values():
    """3 biases, 3 darks as long as the 3 lights: counting the bias in each of them gives pulls of 0.71."""
    detector = Detector(read_noise=30, dark_current=0, hot_pixels=0, cosmic_rays=0, overscan=0, unevenness=0)
    night = simulate(
        seed=2,
        shape=(64, 512),
        scene="stars",
        sky=0.0,
        counts=Counts(bias=3, dark=3, flat=30, light=3, arc=0),
        exposures=Exposures(dark=120, light=120),
        detector=detector,
    )
    pixels = reduce(night.frames).pixels
    faint = night.light < 1
    error = (pixels.values - night.light)[faint]
    assert (error / np.sqrt(pixels.total_variance[faint])).std() == pytest.approx(1, abs=0.02)
    twice = pixels.total_variance[faint] + 2 * make_masters(night.frames).bias.pixels.total_variance[faint]
    assert (error / np.sqrt(twice)).std() == pytest.approx(0.71, abs=0.02)
