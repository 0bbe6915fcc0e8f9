"""What a figure shows of a record: the values that are good, and what to call it."""

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from strategies import examples

from pipeline import Flag, FrameSet, Image, MasterBias, Pixels, attach_header, combine
from pipeline.errors import ShapeError
from pipeline.figures.view import view_of
from pipeline.testing import pixels


@examples(60)
@given(pixels())
def test_good_values_are_finite_and_those_without_flags_where_there_are_any(drawn):
    view = view_of(drawn)
    values, flags = drawn.values, drawn.flags
    finite = np.isfinite(values)
    best = values[finite & (flags == 0)]
    np.testing.assert_array_equal(np.sort(view.good), np.sort(best if best.size else values[finite]))
    assert (view.masked is None) == (not flags.any())
    assert view.masked is None or (view.masked == (flags != 0)).all()
    assert view.shape == drawn.shape


def test_where_all_is_flagged_all_that_is_finite_counts_as_good():
    assert view_of(Pixels.of(np.array([[3.0, np.nan], [1.0, 2.0]]), np.uint8(Flag.BAD))).good.tolist() == [3, 1, 2]


def test_title_and_line_are_those_of_the_header():
    cards = {"OBJECT": "M 1", "EXPTIME": 12.50, "DATE-OBS": "2020-01-02", "TELESCOP": "INT", "INSTRUME": "INT"}
    view = view_of(Image.of(np.ones((3, 4)), kind="light", header=cards), name="unused")
    assert (view.title, view.unit) == ("M 1", "adu")
    assert view.subtitle == "light · 12.5 s · 2020-01-02 · INT · 4 × 3 pixels"


def test_a_whole_number_of_seconds_has_no_point_and_a_name_stands_for_an_object_without_one():
    header = {"OBJECT": "  ", "EXPTIME": 300.0}
    view = view_of(Image.of(np.ones((3, 4)), kind="dark", header=header, name="d.fits"), name="mine")
    assert (view.title, view.subtitle) == ("mine", "dark · 300 s · 4 × 3 pixels")


def test_a_combination_says_of_how_many_frames_and_takes_the_first_for_its_name():
    frames = FrameSet(Image.of(np.ones((3, 4), "u2"), kind="bias", name=f"b{n}.fits") for n in (1, 2, 3))
    combined = combine(frames)
    for record in (combined, MasterBias.of(combined), attach_header(combined)):
        view = view_of(record)
        assert view.title == "b1.fits"
        assert view.subtitle.startswith("bias of 3 frames · ")


def test_what_has_no_name_is_called_by_the_one_that_is_given():
    assert view_of(np.ones((2, 3)), name="flat.npy").title == "flat.npy"
    view = view_of(np.ones((2, 3)))
    assert (view.title, view.subtitle, view.unit) == ("an array", "3 × 2 pixels", "")
    assert view_of(fits.PrimaryHDU(np.ones((2, 3)), fits.Header({"OBJECT": "Vega"}))).title == "Vega"


def test_blocks_are_few_enough_and_count_what_is_flagged():
    view = view_of(Pixels.of(np.ones((40, 60)), np.eye(40, 60, dtype="u1") * np.uint8(Flag.BAD)))
    blocks = view.blocks(30)
    assert blocks.shown.size <= 30**2
    assert view.masked is not None
    assert view.masked.sum() == 40


@pytest.mark.parametrize("thing", [np.zeros((0, 5)), Pixels.of(np.zeros((3, 0)))])
def test_nothing_is_nothing_to_show(thing):
    with pytest.raises(ShapeError, match="has nothing to show"):
        view_of(thing)
