"""Which frames may be combined: of one kind, reduced alike, and of one exposure."""

import warnings

import numpy as np
import pytest
from made_frames import even, exposed
from strategies import frames_of

from pipeline import FrameSet, Image, MasterBias, combine, subtract_bias
from pipeline.errors import AssumptionWarning, ShapeError, StepError


def test_kinds_are_not_mixed():
    with pytest.raises(StepError, match=r"dark0\.fits is a dark.*light0\.fits a light"):
        combine(FrameSet([*frames_of(np.ones((1, 2, 2)), kind="dark"), *frames_of(np.ones((1, 2, 2)))]))


def test_frames_of_different_shapes_are_each_named():
    planes = [np.ones(shape) for shape in ((2, 3), (2, 3), (3, 2))]
    with pytest.raises(ShapeError) as error:
        FrameSet(Image.of(plane, name=f"{number}.fits") for number, plane in enumerate(planes))
    assert "0.fits: 2 rows × 3 columns" in str(error.value)
    assert "1.fits: 2 rows × 3 columns" in str(error.value)
    assert "2.fits: 3 rows × 2 columns" in str(error.value)


@pytest.mark.parametrize("kind", ["dark", "flat", "light", "arc"])
def test_different_exposures_are_refused_unless_scaled(kind):
    with pytest.raises(StepError, match=r"10 s, 11 s.*scale='exposure'"):
        combine(exposed(10.0, 11.0, kind=kind))
    with pytest.raises(StepError, match="different exposures"):
        combine(exposed(10.0, None, kind=kind))


def test_exposures_within_one_percent_are_equal_and_those_of_biases_do_not_matter():
    assert combine(exposed(100.0, 100.9)).exposure == pytest.approx(100.45)
    assert combine(exposed(99.0, 100.0)).exposure == 99.5  # of the longest
    assert combine(exposed(0.0, 0.1, kind="bias")).kind == "bias"
    with pytest.raises(StepError, match="different exposures"):
        combine(exposed(100.0, 101.2))
    with pytest.raises(StepError, match="different exposures"):
        combine(exposed(98.9, 100.0))


def test_frames_in_different_states_are_refused():
    bias = MasterBias.of(Image.of(even(0), kind="bias"))
    first, second = exposed(10.0, 10.0)
    with pytest.raises(StepError, match="reduced differently: bias out, adu, adu"):
        combine(FrameSet([subtract_bias(first, bias=bias), second]))


def test_frames_none_of_which_has_an_exposure_are_equal_and_one_among_others_is_told():
    with warnings.catch_warnings():
        warnings.simplefilter("error", AssumptionWarning)
        assert combine(exposed(None, None), clip=None).exposure is None
    with pytest.warns(AssumptionWarning, match=r"None\.fits: no exposure in the header; taken for 1 s among frames"):
        assert combine(exposed(1.0, None), clip=None).exposure == 1.0
