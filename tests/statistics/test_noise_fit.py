"""The noise that is fitted to a stack: what it takes no notice of."""

import numpy as np
import pytest

from pipeline.statistics.frame_levels import measure_shifts
from pipeline.statistics.noise_fit import _fit, measure_stack_noise


@pytest.mark.parametrize("wild", [1e4, 1e8, 1e12])
def test_a_wild_pixel_does_not_change_what_is_fitted_to_the_others(wild):
    """One that jumps between exposures, and so stands far above its neighbours, varies by more than that explains."""
    rng = np.random.default_rng(1)
    level, step = rng.uniform(100, 4000, 5000), rng.uniform(0, 100, 5000)
    truth = 9 + 0.5 * level + 0.01 * step**2
    variance = truth * rng.chisquare(4, level.size) / 4

    def fit(level, step, variance, start):
        return _fit(np.stack([np.ones_like(level), level, step**2]), variance, start, 4)

    factors, errors = fit(level, step, variance, truth)
    assert (np.abs(np.array(factors) - (9, 0.5, 0.01)) < 5 * np.array(errors)).all()
    also = (np.append(plane, one) for plane, one in ((level, 500), (step, wild), (variance, wild**2), (truth, 300)))
    np.testing.assert_allclose(fit(*also), (factors, errors), rtol=1e-9)


@pytest.mark.parametrize("huge", [1e160, 1e300])
@pytest.mark.parametrize("kind", ["bias", "flat", "light"])
def test_a_damaged_value_whose_powers_are_no_numbers_does_not_stop_the_fit(kind, huge):
    stack = np.random.default_rng(1).normal(3000, 30, (3, 40, 50))
    sound = measure_stack_noise([stack], measure_shifts([stack], kind), kind)
    stack[1, 5:8, 5:8] = huge
    with np.errstate(over="ignore", invalid="ignore"):
        noise = measure_stack_noise([stack], measure_shifts([stack], kind), kind)
    level = np.array(3000.0)
    assert float(noise.variance(level)) == pytest.approx(float(sound.variance(level)), rel=0.05)
