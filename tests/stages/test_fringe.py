"""Fringes: as strong as they were put in they are found, and out they go."""

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples, seeds

from pipeline import Flag, Image, MasterFringe, Pixels, attach_header, pipe, subtract_fringe
from pipeline.errors import AssumptionWarning, CalibrationError, SettingError, ShapeError, StepError
from pipeline.headers.status import Done, State

SHAPE = (90, 110)
FLAT = State(bias=Done("b"), flat=Done("f"))


def pattern():
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return 10 * np.sin(x / 5.0 + 2 * np.sin(y / 17.0)) * np.cos(y / 23.0)


def image(values, flags=0, variance=None, name="light.fits"):
    return attrs.evolve(Image.of(Pixels.of(values, flags, variance), name=name), state=FLAT)


def a_light(rng, strength, objects=30):
    """Give a light without fringes and with them: tilted sky, sources, noise of √sky."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    sky = 400 + rng.uniform(-40, 40) * x / SHAPE[1] + rng.uniform(-40, 40) * y / SHAPE[0]
    for peak in 10 ** rng.uniform(1, 4, objects):
        sky += peak * np.exp(
            -((y - rng.uniform(0, SHAPE[0])) ** 2 + (x - rng.uniform(0, SHAPE[1])) ** 2) / (2 * 1.6**2)
        )
    without = sky + rng.normal(0, np.sqrt(sky))
    return without, without + strength * pattern()


FRINGE = MasterFringe.of(image(pattern() + 55.0, name="fringe.fits"))


@examples(15)
@given(seeds, st.floats(-1.0, 6.0))
def test_fringes_come_out_as_strong_as_they_were_put_in(seed, strength):
    without, fringed = a_light(np.random.default_rng(seed), strength)
    result = subtract_fringe(image(fringed), fringe=FRINGE)
    found = result.added[-1][1]
    error = 20 / np.sqrt((pattern() ** 2).sum())  # of a fit whose only trouble is the noise of the sky
    assert abs(found - strength) < 12 * error  # sources trouble it too: 1 in 100 lights lies 6 off, 1 in 3400 8.6
    left = result.pixels.values - without
    assert left.std() < 12 * error * pattern().std() + 1e-9


def test_without_noise_the_fit_is_exact():
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    sky = 300 + 0.2 * x - 0.1 * y
    result = subtract_fringe(image(sky + 2.5 * pattern()), fringe=FRINGE)
    assert result.added[-1][1] == pytest.approx(2.5, rel=1e-9)
    np.testing.assert_allclose(result.pixels.values - sky, 2.5 * pattern().mean(), atol=1e-6)


def test_a_given_scale_is_taken():
    result = subtract_fringe(image(np.full(SHAPE, 9.0)), fringe=FRINGE, scale=0.5)
    np.testing.assert_allclose(result.pixels.values, 9 - 0.5 * FRINGE.pixels.values)


def test_the_error_of_the_master_goes_with_the_square_of_the_scale():
    fringe = MasterFringe.of(image(pattern(), variance=np.full(SHAPE, 4.0), name="fringe.fits"))
    result = subtract_fringe(image(np.ones(SHAPE), variance=np.full(SHAPE, 1.0)), fringe=fringe, scale=3.0)
    np.testing.assert_allclose(result.pixels.total_variance, 1 + 9 * 4)


def test_bad_pixels_of_the_master_are_flagged_and_take_nothing_away():
    values, flags = pattern(), np.zeros(SHAPE, np.uint8)
    values[3, 4], flags[5, 6] = np.nan, Flag.BAD
    fringe = MasterFringe.of(image(values, flags, name="fringe.fits"))
    result = subtract_fringe(image(np.full(SHAPE, 9.0)), fringe=fringe, scale=1.0).pixels
    assert result.values[3, 4] == result.values[5, 6] == 9
    assert (result.flags[3, 4], result.flags[5, 6]) == (Flag.NONFINITE, Flag.BAD)
    assert abs(fringe.pixels.values[flags == 0].mean()) < 1e-9


def test_the_header_says_so():
    header = attach_header(subtract_fringe(image(np.full(SHAPE, 9.0)), fringe=FRINGE, scale=0.5)).header
    assert header.get("FRINGCOR") == "Fringe image is fringe.fits with scale=0.5"
    assert header.get("FRNGSCAL") == 0.5
    none = subtract_fringe(image(np.full(SHAPE, 9.0)), fringe=None)
    assert "FRINGCOR" not in attach_header(none).header


ONES = image(np.ones(SHAPE))
NONE_GOOD = image(np.ones(SHAPE), np.full(SHAPE, Flag.BAD, np.uint8))


@pytest.mark.parametrize(
    ("run", "error", "says"),
    [
        (lambda: subtract_fringe(image(np.ones((2, 2))), fringe=FRINGE), ShapeError, "light.fits: 2 rows"),
        (lambda: subtract_fringe(ONES, fringe=FRINGE, scale=np.nan), SettingError, "scale=nan"),
        (lambda: subtract_fringe(NONE_GOOD, fringe=FRINGE), CalibrationError, "0 good"),
        (lambda: MasterFringe.of(image(np.full(SHAPE, np.nan))), CalibrationError, "no good pixel"),
        (lambda: subtract_fringe(ONES, fringe=MasterFringe.of(ONES)), CalibrationError, "pattern of 0"),
        (lambda: pipe(ONES, *[subtract_fringe(fringe=FRINGE, scale=1.0)] * 2), StepError, "twice"),
    ],
)
def test_what_makes_no_sense_is_refused(run, error, says):
    with pytest.raises(error) as raised:
        run()
    assert says in str(raised.value)


def test_another_state_of_the_master_is_said():
    raw = MasterFringe.of(attrs.evolve(FRINGE.image, state=State()))
    with pytest.warns(AssumptionWarning, match="one is flat-fielded and the other is not"):
        subtract_fringe(image(np.ones(SHAPE)), fringe=raw, scale=1.0)
