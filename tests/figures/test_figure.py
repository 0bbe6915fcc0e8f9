"""A figure of anything: right way up, with its title, its unit and a histogram that counts every good pixel."""

import numpy as np
import pytest

from pipeline import Image, MasterBias, Pixels, figure
from pipeline.errors import ShapeError
from pipeline.figures.view import view_of

NOISY = np.random.default_rng(5).normal(1000, 7, (300, 280)).astype(np.float32)


@pytest.mark.parametrize(
    "thing",
    [NOISY, NOISY.astype(">f4"), np.ma.masked_greater(NOISY, 1020), Pixels.of(NOISY), Image.of(NOISY)],
    ids=["array", "big-endian", "masked", "pixels", "image"],
)
def test_a_figure_of_anything_is_right_way_up_with_square_pixels(thing):
    made = figure(thing, cells=10_000)
    picture, masked, _ = made.data
    np.testing.assert_array_equal(picture.z, NOISY)
    assert (picture.x0, picture.dx, picture.y0, picture.dy) == (0, 1, 0, 1)
    assert made.layout.yaxis.range == (-0.5, 299.5)
    assert made.layout.yaxis.scaleanchor == "x"
    assert np.nansum(masked.z) == (np.ma.getmaskarray(thing).sum() if isinstance(thing, np.ma.MaskedArray) else 0)


def test_a_master_has_its_header_for_a_title_and_its_unit_at_the_bar():
    header = {"OBJECT": "zero <b>", "EXPTIME": 0.0, "INSTRUME": "CAM"}
    made = figure(MasterBias.of(Image.of(NOISY, kind="bias", header=header)))
    assert "zero &lt;b&gt;" in made.layout.title.text
    assert "CAM" in made.layout.title.text
    assert made.layout.coloraxis.colorbar.title.text == "adu"


def test_the_histogram_counts_every_good_pixel_within_its_span():
    view = view_of(NOISY)
    made = figure(NOISY)
    bars = made.data[2]
    assert sum(bars.text) == view.values.size - sum(
        int(word) for word in made.layout.xaxis2.title.text.replace(",", "").split() if word.isdecimal()
    )


@pytest.mark.parametrize("thing", [np.zeros(5), np.zeros((2, 2, 2)), np.zeros((2, 2), complex), np.zeros((0, 5))])
def test_what_is_no_image_is_refused(thing):
    with pytest.raises(ShapeError):
        figure(thing)
