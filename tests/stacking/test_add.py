"""Images added, pixel by pixel, and arcs told apart by their lamp."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_masters import SHAPE, full

from pipeline import FrameSet, Image, MasterBias, Pixels, add_images, declare, each, pipe, subtract_bias
from pipeline.errors import StepError
from pipeline.stacking.add import by_lamp


@given(st.permutations(range(4)))
def test_adding_adds_values_exposures_variances_and_names(order):
    arcs = [Image.of(Pixels.of(full(10**n), 0, full(n)), kind="arc", exposure=n, name=f"{n}.fits") for n in range(4)]
    image = add_images(FrameSet(arcs[n] for n in order))
    assert (image.pixels.values == 1111).all()
    assert (image.pixels.variance == 6).all()
    assert image.exposure == 6
    assert image.sources == tuple(f"{n}.fits" for n in order)


def test_adding_keeps_flags_and_what_two_images_share():
    """A bias of variance 1 in both counts four times in their sum, not twice."""
    bias = MasterBias.of(Image.of(Pixels.of(full(1), 0, full(1)), kind="bias"))
    flags = np.zeros(SHAPE, np.uint8)
    flags[1, 1] = 2
    arcs = FrameSet(Image.of(Pixels.of(full(5), bits, full(0)), kind="arc", exposure=1) for bits in (flags, 0))
    image = pipe(arcs, each(subtract_bias(bias=bias)), add_images)
    np.testing.assert_allclose(image.pixels.total_variance, 4)
    np.testing.assert_array_equal(image.pixels.flags, flags)


def test_what_cannot_be_added_is_refused():
    arc, light = Image.of(full(1), kind="arc"), Image.of(full(1))
    for frames, word in (
        ([], "no frames"),
        ([arc, light], "combine one kind"),
        ([arc, declare(arc, state="finished")], "reduced differently"),
    ):
        with pytest.raises(StepError, match=word):
            add_images(FrameSet(frames))


def test_arcs_are_told_apart_by_lamp_and_exposure():
    said = [("Ne", 10), ("Hg", 10), ("Ne", 10.05), ("Ne", 30), ("Hg", 10)]
    arcs = FrameSet(
        Image.of(full(1), kind="arc", exposure=seconds, header={"OBJECT": lamp}, name=str(n))
        for n, (lamp, seconds) in enumerate(said)
    )
    assert [[arc.name for arc in group] for group in by_lamp(arcs)] == [["0", "2"], ["1", "4"], ["3"]]
    lit = [{"LAMP1": True, "LAMP2": False}, {"LAMP1": False, "LAMP2": True}, {"LAMP1": True, "LAMP2": False}]
    arcs = FrameSet(Image.of(full(1), kind="arc", header=cards, name=str(n)) for n, cards in enumerate(lit))
    assert [[arc.name for arc in group] for group in by_lamp(arcs)] == [["0", "2"], ["1"]]
