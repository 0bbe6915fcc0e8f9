"""Masters and masks as hypothesis draws them: valid, and each with a name of its own."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline import (
    Image,
    Mask,
    Master,
    MasterBias,
    MasterDark,
    MasterFlat,
    MasterFringe,
    chain,
    flag_bad,
    pipe,
    subtract_bias,
)
from pipeline.testing import SHAPE, masters, records


@given(masters(), masters())
def test_masters_are_masters_and_are_called_by_what_they_hold(one, other):
    assert isinstance(one, Master)
    assert one.image.shape == SHAPE
    assert (repr(one) != repr(other)) or one.pixels == other.pixels


@given(records(MasterFlat))
def test_flats_are_positive_and_of_mean_one(flat):
    good = flat.pixels.values[~flat.pixels.mask]
    assert (flat.pixels.values > 0).all()
    np.testing.assert_allclose(good.mean(), 1, rtol=1e-5)


@given(records(MasterFringe))
def test_fringes_are_of_mean_zero(fringe):
    good = fringe.pixels.values[~fringe.pixels.mask]
    np.testing.assert_allclose(good.mean(dtype=float), 0, atol=1e-4)


@given(records(MasterDark, has_bias=True, shape=(2, 3)), st.from_type(Master))
def test_darks_have_an_exposure_and_tell_of_their_bias(dark, any_master):
    assert dark.has_bias
    assert dark.exposure > 0
    assert dark.image.shape == (2, 3)
    assert isinstance(any_master, Master)


@given(records(Mask), records(MasterBias), records(MasterBias))
def test_two_of_them_in_a_chain_are_told_apart(mask, one, other):
    steps = chain(flag_bad(mask=mask), subtract_bias(bias=one), subtract_bias(bias=other, force=True))
    assert steps.names
    assert pipe(Image.of(np.ones(SHAPE)), steps).shape == SHAPE
