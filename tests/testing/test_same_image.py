"""Images that differ anywhere are told apart, by field and place; what says when a file was written does not count."""

import attrs
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline import Cards, Image, Note, Pixels, attach_header
from pipeline.errors import SettingError, StepError
from pipeline.headers.status import Done
from pipeline.records.history import StepRecord
from pipeline.testing import SHAPE, assert_same_image, images, masters

IMAGE = Image.of(
    Pixels.of(np.arange(6.0).reshape(2, 3), variance=np.ones((2, 3))), exposure=30, header={"OBJECT": "M 31"}, name="a"
)


@given(images(), masters())
def test_an_image_is_the_same_as_itself(image, master):
    assert_same_image(image, attrs.evolve(image))
    assert_same_image(master, master)


@given(images(), st.integers(0, SHAPE[0] - 1), st.integers(0, SHAPE[1] - 1))
def test_one_other_value_is_found_where_it_is(image, row, column):
    values = image.values.copy()
    assume(np.isfinite(values[row, column]))
    values[row, column] += 1
    assume(values[row, column] != image.values[row, column])
    other = attrs.evolve(image, data=attrs.evolve(image.pixels, values=values))
    with pytest.raises(AssertionError, match=rf"^values: first at row {row}, column {column}, .*; 1 of 30 differ$"):
        assert_same_image(image, other)
    assert_same_image(image, other, atol=1.1)
    assert_same_image(image, other, ignore=["values"])


def with_pixels(**planes):
    return attrs.evolve(IMAGE, data=attrs.evolve(IMAGE.pixels, **planes))


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (attrs.evolve(IMAGE, kind="arc"), "kind: 'light' and 'arc'"),
        (attrs.evolve(IMAGE, data=Pixels.of(np.ones((3, 3)))), r"shape: \(2, 3\) and \(3, 3\), \(rows, columns\)"),
        (with_pixels(flags=np.eye(2, 3) * 8), "flags: first at row 0, column 0, .*0.* and .*HOT.*; 2 of 6 differ"),
        (with_pixels(variance=np.eye(2, 3)), "variance: first at row 0, column 1, 1.0 and 0.0; 4 of 6 differ"),
        (with_pixels(variance=None), "variance: one of them has none"),
        (attrs.evolve(IMAGE, exposure=31), "exposure: 30.0 and 31.0"),
        (attrs.evolve(IMAGE, state=attrs.evolve(IMAGE.state, bias=Done("x"))), "state: .*bias=None.* and .*by='x'"),
        (
            attrs.evolve(IMAGE, header=Cards.of({"OBJECT": "M 32"})),
            "header: first in place 0, OBJECT  = 'M 31 .* and OBJECT  = 'M 32 .*; 1 and 1 in all",
        ),
        (IMAGE.recorded(StepRecord("seen")), r"history: first in place 0, None and seen\(\); 0 and 1 in all"),
        (IMAGE.noted([Note("is dark")]), "notes: first in place 0, None and is dark; 0 and 1 in all"),
    ],
)
def test_what_differs_is_named(other, says):
    with pytest.raises(AssertionError, match=f"^{says}"):
        assert_same_image(IMAGE, other)
    with pytest.raises(AssertionError):
        assert_same_image(other, IMAGE)


def test_a_product_is_the_same_whenever_it_was_written():
    product = attach_header(IMAGE)
    header = product.header.to_header()
    header["DATE"] = "1999-01-01T00:00:00"
    header["CHECKSUM"] = "x"
    assert_same_image(product, attrs.evolve(product, header=Cards.of(header)))
    header["CREATOR"] = "x"
    with pytest.raises(AssertionError, match="header: first in place"):
        assert_same_image(product, attrs.evolve(product, header=Cards.of(header)))


def test_arrays_are_images_and_others_are_refused():
    assert_same_image(np.array([[1.0, np.nan]]), np.array([[1.0, np.nan]]))
    assert_same_image(np.array([[1.0]]), np.array([[1.01]]), rtol=0.02)
    with pytest.raises(StepError, match="compares images; found 3"):
        assert_same_image(IMAGE, 3)
    for ignore in ("vlues", ["vlues"]):
        with pytest.raises(SettingError, match="ignore=vlues; expected some of kind, shape, values"):
            assert_same_image(IMAGE, IMAGE, ignore=ignore)
