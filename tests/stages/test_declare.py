"""What the user says has been done to a frame."""

import pytest
from made_masters import full

from pipeline import Image, MasterBias, declare, subtract_bias, subtract_overscan
from pipeline.errors import SettingError, StepError
from pipeline.headers.cards import Cards
from pipeline.headers.status import Done, state_of


def test_raw_is_raw_whatever_the_header_says():
    image = Image.of(full(10), header={"ZEROCOR": True, "CALSTAT": "BDF", "L1STATFL": 1, "GAIN": 2, "BUNIT": "e-"})
    raw = declare(image, state="raw")
    assert raw.state == state_of(Cards.of({"BUNIT": "e-"}))
    assert list(raw.header.to_header()) == ["GAIN", "BUNIT"]
    assert str(raw.history[-1]) == "declare(state='raw')"


@pytest.mark.parametrize(
    ("kind", "steps"), [("bias", "o"), ("dark", "ob"), ("flat", "obd"), ("light", "obdf"), ("arc", "obd")]
)
def test_finished_is_what_that_kind_needs(kind, steps):
    image = declare(Image.of(full(10), kind=kind), state="finished")
    assert {step[0] for step, by in image.state.done.items() if by == Done("as was said")} == set(steps)
    written = {keyword: value for keyword, value, _ in image.added}
    assert {step[0] for step in state_of(Cards.of(written)).done} == set(steps)  # the product says so itself


@pytest.mark.parametrize("kind", ["dark", "flat", "light", "arc"])
def test_without_bias_is_just_that_and_the_product_says_it(kind):
    image = declare(Image.of(full(10), kind=kind), state="without bias")
    assert set(image.state.done) == {"bias"}
    (card,) = image.added
    assert card[:2] == ("ZEROCOR", "No bias in it, as was said")
    assert set(state_of(Cards.of({card[0]: card[1]})).done) == {"bias"}
    taken = subtract_bias(image, bias=MasterBias.of(Image.of(full(4), kind="bias")))
    assert taken.pixels.values.tolist() == full(10).tolist()


def test_a_bias_is_not_without_bias():
    with pytest.raises(StepError, match="cannot be declared as without bias"):
        declare(Image.of(full(10), kind="bias"), state="without bias")


def test_what_the_header_says_is_not_said_again():
    image = declare(Image.of(full(10), kind="flat", header={"L1STATDA": 1}), state="finished")
    assert image.state.dark == Done("L1STATDA = 1")
    assert [keyword for keyword, _, _ in image.added] == ["OVERSCAN", "ZEROCOR"]


def test_states_are_said_before_they_are_made():
    bias = MasterBias.of(Image.of(full(1), kind="bias"))
    out = subtract_bias(Image.of(full(10)), bias=bias)
    strip = Image.of(full(10), header={"BIASSEC": "[1:1,1:3]"})
    for image in (out, subtract_overscan(strip)):
        with pytest.raises(StepError, match="put it first"):
            declare(image, state="raw")
    assert declare(subtract_bias(Image.of(full(1)), bias=None), state="raw").state == Image.of(full(1)).state
    with pytest.raises(SettingError, match="expected 'raw', 'finished' or 'without bias'"):
        declare(out, state="reduced")
