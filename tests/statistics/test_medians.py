"""The middle of a few values, and how well they tell it."""

import numpy as np
import pytest

from pipeline.statistics.medians import median_variance


@pytest.mark.parametrize("count", [3, 4, 5, 8, 9, 25])
def test_the_factors_of_the_median_are_those_of_normal_values(count):
    drawn = np.median(np.random.default_rng(1).normal(size=(200_000, count)), axis=1)
    assert float(median_variance(np.array(count))) == pytest.approx(count * drawn.var(), rel=0.012)
