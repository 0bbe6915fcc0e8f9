"""Non-linearity: what a readout bent is straight again, and its noise with it."""

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.polynomial import polynomial
from strategies import quick, seeds

from pipeline import Flag, Image, Pixels, attach_header, each, flag_saturated, linearise, pipe, reduce
from pipeline.compose.lazy import LazyRows
from pipeline.errors import AssumptionWarning, CalibrationError, SettingError, SkippedWarning, StepError
from pipeline.headers.status import Done, State
from pipeline.records.frames import FrameSet
from pipeline.simulation.simulate import Detector, simulate

CURVE = (1.0, 2e-6, 1.5e-11)
PEDESTAL = 1000.0


def raw(values, variance=None, flags=0):
    return Image.of(
        Pixels.of(np.atleast_2d(values), flags, None if variance is None else np.atleast_2d(variance)), name="raw.fits"
    )


def bent(straight):
    """Give what a readout counts whose correction is CURVE: its inverse, by Newton's method."""
    signal = np.asarray(straight, np.float64) - PEDESTAL
    curve, guess = np.array([0.0, *CURVE]), signal.copy()
    for _ in range(50):
        guess -= (polynomial.polyval(guess, curve) - signal) / polynomial.polyval(guess, polynomial.polyder(curve))
    return guess + PEDESTAL


def test_a_value_worked_out_by_hand():
    image = linearise(raw([1100.0, 2000.0], [4.0, 9.0]), coefficients=(1.0, 1e-4), pedestal=1000.0)
    assert image.pixels.values.tolist() == [[1101.0, 2100.0]]
    np.testing.assert_allclose(image.pixels.variance, [[4 * 1.02**2, 9 * 1.2**2]])


@quick
@given(seeds)
def test_what_the_readout_bent_is_straight_again(seed):
    straight = np.random.default_rng(seed).uniform(PEDESTAL, 64_000, (6, 7))
    image = linearise(raw(bent(straight)), coefficients=CURVE, pedestal=PEDESTAL)
    np.testing.assert_allclose(image.pixels.values, straight, rtol=1e-12)


def test_a_night_whose_readout_is_bent_reduces_to_the_same_image():
    night = simulate(shape=(24, 32), sky=20_000.0, detector=Detector(noise=False, overscan=0, bias=1000.0))

    def through(frame, treat):
        return attrs.evolve(frame, data=Pixels.of(treat(frame.pixels.values.astype(np.float64))))

    flawed = FrameSet(through(frame, bent) for frame in night.frames)
    truth = reduce(night.frames).pixels.values
    curved = reduce(flawed).pixels.values
    mended = reduce(each(linearise(coefficients=CURVE, pedestal=PEDESTAL))(flawed)).pixels.values
    assert np.abs(curved / truth - 1).max() > 0.02
    np.testing.assert_allclose(mended, truth, rtol=1e-6)


def test_the_noise_is_that_of_the_straight_values():
    rng = np.random.default_rng(1)
    straight = rng.normal(40_000, 150, (300, 300))
    bends = bent(straight)
    image = linearise(raw(bends, np.full(bends.shape, bends.var())), coefficients=CURVE, pedestal=PEDESTAL)
    assert np.sqrt(image.pixels.variance).mean() == pytest.approx(150, rel=0.01)


def test_one_coefficient_of_1_and_none_at_all_change_nothing():
    values = np.random.default_rng(2).integers(0, 65_535, (4, 5)).astype("u2")
    assert linearise(raw(values), coefficients=(1.0,)).pixels == raw(values).pixels
    none = linearise(raw(values), coefficients=None)
    assert none.pixels == raw(values).pixels
    assert none.added == ()


@quick
@given(st.integers(0, 5), st.integers(0, 6))
def test_rows_of_the_result_are_the_result_of_rows(start, stop):
    frames = FrameSet([raw(np.random.default_rng(3).uniform(0, 6e4, (6, 4)))])
    whole = linearise(frames[0], coefficients=CURVE).pixels
    part = linearise(frames[0].rows(start, stop), coefficients=CURVE).pixels
    assert part == whole.cut(slice(start, stop))


def test_it_waits_for_rows_on_disk(tmp_path):
    from astropy.io import fits

    from pipeline import open_frame

    fits.writeto(tmp_path / "a.fits", np.full((3, 4), 2000, np.uint16))
    lazy = each(linearise(coefficients=(1.0, 1e-4)))(FrameSet([open_frame(tmp_path / "a.fits")]))
    assert isinstance(lazy[0].data, LazyRows)
    assert lazy[0].pixels.values.tolist() == [[2400.0] * 4] * 3


def test_a_polynomial_that_does_not_rise_is_refused_unless_its_pixels_are_flagged():
    falling = linearise(coefficients=(1.0, -1e-5))
    with pytest.raises(CalibrationError, match=r"raw\.fits: the linearity polynomial does not rise at 50000 adu"):
        falling(raw([100.0, 49_999.0, 50_000.0, 60_000.0]))
    image = pipe(raw([100.0, 60_000.0]), flag_saturated(level=49_000.0), falling)
    assert image.pixels.values[0, 0] == pytest.approx(99.9)
    assert image.pixels.flags.tolist() == [[0, Flag.SATURATED]]


def test_it_comes_first():
    with pytest.raises(StepError, match="twice"):
        pipe(raw([1.0]), linearise(coefficients=CURVE), linearise(coefficients=CURVE))
    zero = attrs.evolve(raw([1.0]), state=State(bias=Done("ZEROCOR = T")))
    with pytest.warns(AssumptionWarning, match="reduced elsewhere .*; taken to be linear"):
        assert linearise(zero, coefficients=CURVE).history[0].skipped
    from pipeline import MasterBias, subtract_bias

    bias = MasterBias.of(Image.of(np.ones((1, 1)), kind="bias"))
    with pytest.raises(StepError, match="comes before everything else"):
        pipe(raw([1.0]), subtract_bias(bias=bias), linearise(coefficients=CURVE))


def test_the_header_says_so_and_a_header_that_does_is_believed():
    header = attach_header(linearise(raw([1.0]), coefficients=(1.0, 1e-6), pedestal=990.0)).header
    assert header.get("LINCOR") == "Linearity correction is 1 s^1 + 1e-06 s^2 from 990 adu"
    again = Image.of(np.ones((2, 2)), header=header)
    with pytest.warns(SkippedWarning, match="linearise skipped"):
        assert linearise(again, coefficients=CURVE).pixels == again.pixels


@pytest.mark.parametrize(
    "settings", [{"coefficients": ()}, {"coefficients": (np.nan,)}, {"coefficients": (1.0,), "pedestal": np.inf}]
)
def test_what_makes_no_sense_is_refused(settings):
    with pytest.raises(
        SettingError, match=r"expected (a tuple of which each is )?a finite number|expected one or more"
    ):
        linearise(raw([1.0]), **settings)
