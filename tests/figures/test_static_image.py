"""Pictures painted without a browser: right way up, in the colours of the map."""

import numpy as np
import pytest
from skies import SKY, write_sky

from pipeline import export_figure
from pipeline.figures.static_image import ticks


@pytest.fixture
def product(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write_sky("sky.fits")


def colour_at(name, x, y):
    """Give the colour of the middle of a pixel; pictures under 700 dots are painted larger."""
    from PIL import Image as Pillow

    from pipeline.figures.static_image import LEFT, SMALLEST, TOP

    times = -(-SMALLEST // 120)
    picture = Pillow.open(name).convert("RGB")
    return picture.getpixel((LEFT + x * times + times // 2, TOP + (89 - y) * times + times // 2))


def test_a_painted_picture_is_right_way_up_in_the_maps_colours(product):
    export_figure(product, "x.png")
    assert colour_at("x.png", 20, 10) == (0xFD, 0xE7, 0x25)
    assert colour_at("x.png", 40, 80) == (0x44, 0x01, 0x54)
    export_figure(product, "x.jpg")
    assert np.abs(np.subtract(colour_at("x.jpg", 20, 10), (0xFD, 0xE7, 0x25))).max() < 20


def test_masked_pixels_are_painted_in_their_own_colour(product):
    export_figure(np.ma.masked_greater(SKY, 8000), "m.png")
    assert colour_at("m.png", 20, 10) == (0xBB, 0x00, 0xFF)


def test_ticks_are_round_and_inside():
    assert ticks(-0.5, 0.5) == pytest.approx([-0.4, -0.2, 0, 0.2, 0.4])
    assert ticks(840.3, 977.2, 5) == pytest.approx([850, 900, 950])
