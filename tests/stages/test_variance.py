"""The variance of a single frame, and the median of counts brought up to their mean."""

import warnings

import attrs
import numpy as np
import pytest
from made_frames import GIVEN, SIZE, carrying, even_frames, variance_of
from strategies import frames_of

from pipeline import (
    Clip,
    FrameSet,
    Image,
    MasterBias,
    Noise,
    Recipe,
    attach_header,
    combine,
    correct_median,
    declare,
    divide,
    estimate_variance,
    normalise_flat,
    reduce,
    subtract_bias,
    to_electrons,
)
from pipeline.errors import StepError, VarianceWarning

READ = 16 / 2.25 + 1 / 12
"""The variance of the readout: 4 e⁻ at 1.5 e⁻/ADU, rounded."""


def single(value, kind="light", unit="adu", **cards):
    header = {"GAIN": 1.5, "RDNOISE": 4.0} | cards
    image, bias = (Image.of(np.full(SIZE, v), kind=k, header=header) for v, k in ((value, kind), (0.0, "bias")))
    image, bias = (attrs.evolve(one, state=attrs.evolve(one.state, unit=unit)) for one in (image, bias))
    return image if kind == "bias" else subtract_bias(image, bias=MasterBias.of(bias))


def test_a_single_frame_has_the_noise_of_its_gain_and_read_noise():
    """4 e⁻ at 1.5 e⁻/ADU are 16/2.25 ADU², and rounding adds 1/12; 300 ADU of photons are 200 ADU².

    Nothing is quieter than the readout.
    """
    assert variance_of(estimate_variance(single(300.0))) == pytest.approx(READ + 200)
    assert variance_of(estimate_variance(single(-3.0))) == pytest.approx(READ)
    assert variance_of(estimate_variance(single(1000.0, kind="bias"))) == pytest.approx(READ)
    assert variance_of(estimate_variance(single(300.0, unit="electron"))) == pytest.approx(2.25 * READ + 300)
    assert variance_of(estimate_variance(single(300.0), noise=Noise(a=1.0, b=2.0))) == 601


@pytest.mark.parametrize(
    ("unit", "exposure", "expected"),
    [
        ("adu", 60.0, READ + 200),
        ("adu/s", 60.0, READ / 3600 + 200 / 60),
        ("electron", 60.0, 2.25 * READ + 300),
        ("electron/s", 60.0, 2.25 * READ / 3600 + 5),
    ],
)
@pytest.mark.parametrize("given", [True, False])
def test_the_noise_of_rates_and_of_electrons(unit, exposure, expected, given):
    """4 e⁻ at 1.5 e⁻/ADU; a rate is the counts over the seconds, so that 300 a second of 60 s are 18,000."""
    header = {"BUNIT": unit} | ({} if given else {"GAIN": 1.5, "RDNOISE": 4.0})
    bias, light = (
        Image.of(np.full(SIZE, value), kind=kind, exposure=exposure, header=header)
        for kind, value in (("bias", 0.0), ("light", 300.0))
    )
    noise = Noise.of(gain=1.5, read_noise=4.0)
    recipe = Recipe(clip=Clip(counting=noise), noise=noise) if given else Recipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VarianceWarning)
        pixels = reduce(FrameSet([bias, light]), recipe=recipe).pixels
    assert pixels.variance[2, 2] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("written", [False, True])
@pytest.mark.parametrize("amplifiers", [False, True])
def test_values_that_were_brought_to_electrons_were_rounded_in_adu(amplifiers, written):
    """At 8 e⁻/ADU rounding is 64/12 e²; the header's gain is 1 by then."""
    one = {"GAIN": (8.0, "[e-/ADU]"), "RDNOISE": (4.0, "[e-]")}
    several = {"DATASECA": "[1:4,1:4]", "GAINA": 8.0, "RDNOISEA": 4.0, "DATASECB": "[5:8,1:4]", "GAINB": 2.0}
    values = np.full((4, 8), 10.0)
    image = to_electrons(Image.of(values, header=several | {"RDNOISEB": 4.0} if amplifiers else one))
    if written:
        image = Image.of(image.values, header=attach_header(image).to_hdu().header)
    found = estimate_variance(declare(image, state="without bias")).pixels.variance
    assert found[0, 0] == pytest.approx(16 + 64 / 12 + 80)
    assert found[0, -1] == pytest.approx(16 + 4 / 12 + 20 if amplifiers else 16 + 64 / 12 + 80)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (single(300.0, GAIN=None, RDNOISE=None), "no gain and read noise in its header"),
        (single(300.0, unit="electron/s"), "no gain and read noise"),
        (Image.of(np.ones(SIZE), header={"GAIN": 1.5, "RDNOISE": 4}), "its bias is still in"),
        (divide(single(1.0), flat=normalise_flat(Image.of(np.ones(SIZE), kind="flat"))), "flat-fielded already"),
        (Image.of(np.ones(SIZE), header={"GAIN": 1.5, "RDNOISE": 4, "ZEROCOR": True}), "calibrated elsewhere"),
    ],
)
def test_a_variance_that_cannot_be_known_is_left_out_with_a_word(image, words):
    with pytest.warns(VarianceWarning, match=words):
        assert estimate_variance(image).pixels.variance is None


def test_all_that_a_frame_without_a_bias_holds_is_counted():
    image = declare(Image.of(np.full(SIZE, 300.0), header={"GAIN": 1.5, "RDNOISE": 4}), state="without bias")
    assert estimate_variance(image).pixels.variance[2, 2] == pytest.approx(READ + 300 / 1.5)


def test_a_combination_is_no_single_frame():
    with pytest.raises(StepError, match="a combination, whose variance is not that of one frame"):
        estimate_variance(combine(even_frames(1, 2)))


def test_a_variance_that_is_there_is_kept():
    image = carrying([100], [7])[0]
    assert estimate_variance(image).pixels == image.pixels


@pytest.mark.parametrize(("count", "missing"), [(3, 0.5513), (4, 0.5513), (5, 0.7132), (6, 0.7132)])
def test_a_median_of_counts_is_brought_up_to_the_mean(count, missing):
    """Noise 9 + 0.5·100, of which photons 50/59: (1 − v)·0.5/6·50/59, v the variance of the median of 3 or of 5."""
    noise = Noise(a=9.0, b=0.5)
    bias = MasterBias.of(Image.of(np.zeros(SIZE), kind="bias"))
    raw = combine(even_frames(*[100.0] * count), method="median", clip=GIVEN)
    image = subtract_bias(raw, bias=bias)
    lifted = correct_median(image, noise=noise).pixels.values[2, 2]
    assert lifted - 100 == pytest.approx(missing * 0.5 / 6 * 50 / 59, rel=0.01)
    quiet = combine(even_frames(*[100.0] * count), method="median")
    for same in (raw, subtract_bias(quiet, bias=bias), combine(even_frames(100, 100, 100), clip=GIVEN)):
        assert correct_median(same, noise=noise).pixels == same.pixels
    assert correct_median(image).pixels == image.pixels  # no gain in its header


@pytest.mark.parametrize("count", [3, 4, 11])
def test_the_shift_of_the_median_is_that_of_skewed_counts(count):
    rng = np.random.default_rng(11)
    stack = (rng.poisson(20.0, (count, 500, 800)) + rng.normal(0, 3, (count, 500, 800))) / 2
    image = combine(frames_of(stack), method="median", clip=Clip(noise=Noise(a=2.25, b=0.5)))
    image = subtract_bias(image, bias=MasterBias.of(Image.of(np.zeros(stack.shape[1:]), kind="bias")))
    error = 1.25 * np.sqrt(29 / count) / 2 / np.sqrt(400_000)
    assert image.pixels.values.mean() < 10 - 6 * error
    assert abs(correct_median(image, noise=Noise(a=2.25, b=0.5)).pixels.values.mean() - 10) < 3 * error
