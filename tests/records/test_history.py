"""What an image went through: what became of each step, and how a history is asked."""

import pytest

from pipeline import subtract_bias, subtract_dark, to_electrons
from pipeline.headers.status import Done
from pipeline.records.history import StepRecord, went_through

BIAS = StepRecord("subtract_bias", (("bias", "None"), ("force", "False")), does="bias")
OUTCOMES = [
    ({}, True, ""),
    ({"idle": True}, False, ""),
    ({"done_before": Done("ZEROCOR = T")}, False, "ZEROCOR = T"),
    ({"needless": True}, False, "nothing to do"),
]


@pytest.mark.parametrize(("outcome", "worked", "skipped"), OUTCOMES)
def test_a_step_works_or_says_why_it_was_passed_over(outcome, worked, skipped):
    step = StepRecord("heal", **outcome)
    assert (step.worked, step.skipped) == (worked, skipped)
    assert str(step) == "heal()" + (f" skipped: {skipped}" if skipped else "")


def test_a_history_is_asked_by_the_stage_and_whatever_became_of_the_step():
    for outcome, _, _ in OUTCOMES:
        history = (StepRecord("to_electrons"), StepRecord("subtract_bias", **outcome))
        assert went_through(history, subtract_bias)
        assert went_through(history, subtract_dark, subtract_bias)
        assert not went_through(history, subtract_dark)
    assert not went_through((), subtract_bias)


def test_a_step_knows_its_settings_by_their_values():
    assert BIAS.was_told(bias=None)
    assert BIAS.was_told(bias=None, force=False)
    assert not BIAS.was_told(bias=None, force=True)
    assert not BIAS.was_told(exposure=None)
    assert BIAS.is_of(subtract_bias)
    assert not BIAS.is_of(to_electrons)
