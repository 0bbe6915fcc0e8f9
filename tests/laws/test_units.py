"""Laws of units: what is done to frames in one unit is done to them in any other."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples, kinds, methods, seeds

from pipeline import (
    Clip,
    Flag,
    FrameSet,
    Image,
    MasterBias,
    MasterDark,
    Pixels,
    combine,
    divide,
    flag_hot,
    normalise_flat,
    pipe,
    subtract_bias,
    subtract_dark,
)
from pipeline.errors import StepError

pytestmark = pytest.mark.filterwarnings("ignore::pipeline.errors.PipelineWarning")

SHAPE = (24, 48)
LEVELS = {"bias": 1000.0, "dark": 1010.0, "flat": 20_000.0, "light": 1100.0, "arc": 1000.0}


def stack_of(rng, kind, count, *, rounded):
    """Simulate exposures with stars, a slope, levels that differ a little, and hits."""
    scene = np.full(SHAPE, LEVELS[kind])
    y, x = np.indices(SHAPE)
    if kind in ("light", "arc"):
        for height in (100, 1000, 8000):
            scene += height * np.exp(-((y - rng.uniform(0, SHAPE[0])) ** 2 + (x - rng.uniform(0, SHAPE[1])) ** 2) / 4)
    if kind == "flat":
        scene *= 1 + 0.3 * np.linspace(-1, 1, SHAPE[1])
    stack = scene + np.sqrt(25 + (scene - 1000).clip(0) / 1.5) * rng.standard_normal((count, *SHAPE))
    stack *= 1 + (0.02 * rng.standard_normal((count, 1, 1)) if kind in ("flat", "light") else 0)
    stack = np.where(rng.random(stack.shape) < 0.003, stack + 10 ** rng.uniform(2, 4, stack.shape), stack)
    return np.rint(stack) if rounded else stack


def in_unit(stack, kind, dtype, unit=1.0, *, carried=False):
    """Make frames of values that are multiplied by a unit, perhaps with a variance."""
    values = stack.astype(dtype) * dtype(unit)
    spreads = [(25 + 0.6 * one).astype(dtype) * dtype(unit) ** 2 if carried else None for one in stack]
    return FrameSet(
        Image.of(Pixels.of(one, variance=spread), kind=kind, exposure=10.0, name=f"{kind}{number}.fits")
        for number, (one, spread) in enumerate(zip(values, spreads, strict=True))
    )


def assert_same_in_unit(here, there, unit):
    """Ask for the same bits of values, flags and variance."""
    np.testing.assert_array_equal(there.values, here.values * here.values.dtype.type(unit))
    np.testing.assert_array_equal(there.flags, here.flags)
    if here.variance is not None:
        np.testing.assert_array_equal(there.variance, here.variance * here.variance.dtype.type(unit) ** 2)


def facts(image):
    return [note.fact or note.words for note in image.notes]


@examples(12)
@given(
    seeds, kinds, methods, st.sampled_from([Clip(), Clip("std", low=2.0, high=2.5), Clip("mad"), None]),
    st.integers(2, 6), st.booleans(), st.booleans(), st.sampled_from([np.float32, np.float64]), st.floats(-1, 1),
)  # fmt: skip
def test_a_power_of_two_commutes_with_combine_to_the_bit(
    seed, kind, method, clip, count, rounded, carried, dtype, power
):
    """In all units from 1e-15 to 1e15 of single precision, and from 1e-30 to 1e30 of double."""
    stack = stack_of(np.random.default_rng(seed), kind, count, rounded=rounded)
    unit = 2.0 ** round(power * (50 if dtype is np.float32 else 100))
    asked = {"method": method, "clip": clip, "variance": "noise", "map_left_out": True}
    here, there = (combine(in_unit(stack, kind, dtype, u, carried=carried), **asked) for u in (1.0, unit))
    assert_same_in_unit(here.pixels, there.pixels, unit)
    np.testing.assert_array_equal(there.found.left_out, here.found.left_out)
    assert there.found.rejected == here.found.rejected
    assert facts(there) == facts(here)


@examples(8)
@given(seeds, kinds, methods, st.floats(-1, 1), st.sampled_from([np.float32, np.float64]))
def test_any_factor_commutes_with_combine_but_for_rounding(seed, kind, method, power, dtype):
    """The noise is known no better than values are over it: rounded, as a unit does, they are off by 1e-5 of it."""
    stack = stack_of(np.random.default_rng(seed), kind, 5, rounded=True)
    unit = float(dtype(10 ** (power * (15 if dtype is np.float32 else 30))))
    here, there = (
        combine(in_unit(stack, kind, t, u), method=method, variance="noise", map_left_out=True)
        for t, u in ((np.float64, 1.0), (dtype, unit))
    )
    assert np.count_nonzero(there.found.left_out != here.found.left_out) <= 1  # a value at the very threshold
    same = there.found.left_out == here.found.left_out
    eps = float(np.finfo(dtype).eps)
    np.testing.assert_allclose(there.values[same] / unit, here.values[same], rtol=8 * eps)
    variance = there.pixels.variance.astype(float) / unit**2
    np.testing.assert_allclose(variance[same], here.pixels.variance[same], rtol=1e-3 if dtype is np.float32 else 1e-9)


@examples(4)
@given(seeds, st.integers(-40, 40))
def test_a_power_of_two_commutes_with_the_whole_calibration(seed, power):
    rng = np.random.default_rng(seed)
    stacks = {kind: stack_of(rng, kind, 4, rounded=True) for kind in ("bias", "dark", "flat", "light")}

    def reduced(unit):
        found = {
            kind: combine(in_unit(stack, kind, np.float32, unit), variance="noise") for kind, stack in stacks.items()
        }
        bias = MasterBias.of(found["bias"])
        dark = MasterDark.of(pipe(found["dark"], subtract_bias(bias=bias), flag_hot(sigma=8)))
        steps = subtract_bias(bias=bias), subtract_dark(dark=dark)
        return pipe(found["light"], *steps, divide(flat=pipe(found["flat"], *steps, normalise_flat))).pixels

    here, there = reduced(1.0), reduced(2.0**power)
    assert_same_in_unit(here, there, 2.0**power)
    np.testing.assert_array_equal(there.total_variance, here.total_variance * np.float32(2.0**power) ** 2)


@pytest.mark.parametrize("unit", [1.0, 1e-3, 1e-18, 1e15])
def test_hits_and_hot_pixels_are_found_in_any_unit(unit):
    """Of rates of long exposures too, whose noise is far less than 1."""
    rng = np.random.default_rng(1)
    stack = 200 + 15 * rng.standard_normal((6, 64, 64))
    hit, hot = rng.random(stack.shape) < 5e-4, rng.random(stack.shape[1:]) < 2e-3
    image = combine(
        in_unit(np.where(hit, stack + 750, stack), "light", np.float32, unit), variance="noise", map_left_out=True
    )
    assert (image.found.left_out >= hit.sum(axis=0)).all()
    assert np.sqrt(np.median(image.pixels.variance.astype(float))) / unit == pytest.approx(15 / np.sqrt(6), rel=0.05)
    dark = combine(in_unit(stack + 300 * hot, "dark", np.float32, unit))
    np.testing.assert_array_equal(flag_hot(dark).pixels.flags == Flag.HOT, hot)


@pytest.mark.parametrize(
    ("dtype", "unit"), [(np.float32, 1e-25), (np.float32, 1e20), (np.float64, 1e-170), (np.float64, 1e200)]
)
def test_a_unit_in_which_no_number_holds_the_variance_is_refused(dtype, unit):
    stack = stack_of(np.random.default_rng(2), "light", 3, rounded=False)
    with pytest.raises(
        StepError, match=r"light0.fits has values about .*, whose variance is no number that float(32|64) holds"
    ):
        combine(in_unit(stack, "light", dtype, unit), variance="noise")


@pytest.mark.parametrize("value", [0.0, 100.0, 1e-9])
def test_equal_values_have_a_variance_that_is_none_of_0(value):
    image = combine(in_unit(np.full((3, *SHAPE), value), "light", np.float32), variance="noise")
    assert (image.pixels.variance > 0).all()
    assert np.isfinite(image.pixels.variance).all()
