"""The bias comes out and nothing else."""

import warnings

import attrs
import numpy as np
import pytest
from hypothesis import given
from made_masters import a_bias, a_dark, framed, full, planes_between

from pipeline import FrameSet, Image, MasterBias, Pixels, combine, each, subtract_bias, subtract_dark, subtract_overscan
from pipeline.errors import (
    AssumptionWarning,
    CalibrationError,
    PipelineWarning,
    ShapeError,
    SkippedWarning,
    StepError,
)
from pipeline.headers.status import Done


@given(planes_between(-1e5, 1e5))
def test_a_bias_minus_itself_is_nothing(values):
    bias = a_bias(values)
    assert not subtract_bias(bias.image, bias=bias).pixels.values.any()


@given(planes_between(0, 6e4), planes_between(0, 2e3), planes_between(0, 2e3))
def test_the_bias_comes_out_and_nothing_else(signal, one, other):
    out = subtract_bias(Image.of(signal + one), bias=a_bias(other)).pixels.values
    np.testing.assert_allclose(out, signal + one - other, rtol=0, atol=1e-9)


def test_no_bias_is_said_recorded_and_changes_nothing():
    image = Image.of(full(7))
    after = subtract_bias(image, bias=None)
    assert after.pixels == image.pixels
    assert after.state == image.state
    assert str(after.history[-1]) == "subtract_bias(bias=None, force=False)"


def test_a_bias_of_another_shape_is_refused():
    with pytest.raises(ShapeError, match="light array: 4 rows × 5 columns\n  bias array: 2 rows × 2 columns"):
        subtract_bias(Image.of(full(1)), bias=a_bias(np.zeros((2, 2))))


def test_a_bias_is_made_of_bias_frames():
    with pytest.raises(StepError, match="is a light"):
        MasterBias.of(Image.of(full(1)))


def test_what_the_header_says_is_done_is_skipped_and_said_and_can_be_forced():
    image = attrs.evolve(Image.of(full(10)), state=attrs.evolve(Image.of(full(1)).state, bias=Done("L1STATZE = 1")))
    with pytest.warns(SkippedWarning, match="L1STATZE = 1"):
        skipped = subtract_bias(image, bias=a_bias(full(3)))
    assert skipped.pixels == image.pixels
    assert skipped.history[-1].skipped == "L1STATZE = 1"
    forced = subtract_bias(image, bias=a_bias(full(3)), force=True)
    assert (forced.pixels.values == 7).all()


def test_a_bias_is_not_taken_out_after_a_dark_that_may_have_held_it():
    image = subtract_dark(Image.of(full(1060), exposure=100), dark=a_dark(full(1010), 100, has_bias=None))
    with pytest.raises(StepError, match="may have been done already"):
        subtract_bias(image, bias=a_bias(full(1000)))


def test_overscan_is_out_of_image_and_bias_or_of_neither():
    raw = np.hstack([full(1000), full(1050)])
    light = subtract_overscan(framed(raw, BIASSEC="[1:5,1:4]", DATASEC="[6:10,1:4]"))
    with pytest.raises(CalibrationError, match=r"frame\.fits: its overscan is out .* that of bias array is not"):
        subtract_bias(light, bias=a_bias(full(1000)))


def biases_and_lights(scatter, bias_count=8, light_count=4, seed=1):
    """Expose frames of 5 ADU of read noise, whose level scatters by so many ADU from one to the next."""
    rng = np.random.default_rng(seed)

    def frame(kind, level):
        values = level + rng.normal(0, scatter) + rng.normal(0, 5, (40, 60))
        return Image.of(values, kind=kind, exposure=60.0 * (kind == "light"), name=f"{kind}{rng.random()}")

    return [
        [frame(kind, level) for _ in range(count)]
        for kind, level, count in (("bias", 1000.0, bias_count), ("light", 1200.0, light_count))
    ]


@pytest.mark.parametrize("scatter", [0.3, 15.0])
def test_levels_that_jump_from_bias_to_bias_are_in_the_variance_of_what_it_is_taken_out_of(scatter):
    """Of one frame, of a combination, and of frames that are combined afterwards; and this is said."""
    biases, lights = biases_and_lights(scatter)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AssumptionWarning)  # frames lie far apart
        image = combine(biases, variance="noise")
        bias = MasterBias.of(image)
        known = FrameSet(Image.of(Pixels.of(one.values, 0, np.full((40, 60), 25.0)), name=one.name) for one in lights)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", PipelineWarning)
            out = [
                subtract_bias(known[0], bias=bias),
                subtract_bias(combine(known, clip=None), bias=bias),
                combine(each(subtract_bias(bias=bias))(known), clip=None),
            ]
    jumps = np.std(image.found.offsets, ddof=1) if scatter > 5 else 0.0
    assert image.found.jumps == pytest.approx(jumps)
    of_bias = image.pixels.variance + jumps**2 / 8
    for light, count in zip(out, (1, 4, 4), strict=True):
        np.testing.assert_allclose(light.pixels.total_variance, (25 + jumps**2) / count + of_bias, rtol=1e-6)
    assert ("follows it" in " ".join(str(one.message) for one in caught)) == (scatter > 5)


def test_one_bias_that_is_lit_is_no_jump():
    biases, _ = biases_and_lights(0.3)
    biases[3] = attrs.evolve(biases[3], data=Pixels.of(biases[3].values + 300))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AssumptionWarning)
        assert combine(biases).found.jumps == 0
