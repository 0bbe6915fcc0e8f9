"""How records show themselves in a notebook: what they are, a thumbnail, steps and notes."""

import base64
import io
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given

from pipeline import FrameSet, Image, MasterBias, attach_header, open_frame, subtract_bias, write
from pipeline.errors import AssumptionWarning
from pipeline.records.frames import Location
from pipeline.records.note import Note
from pipeline.records.notebook import MOST_FRAMES, SIDE
from pipeline.testing import pixels

VALUES = np.arange(12.0, dtype="f4").reshape(3, 4)
BIAS = MasterBias.of(np.full((3, 4), 2.0))


def shown(record):
    """Give the tree of what a record shows: it must be well-formed."""
    return ET.fromstring(record._repr_html_())


def picture(record):
    """Give the shades of a thumbnail, (ny, nx), the first row at the bottom as in a figure."""
    from PIL import Image as PillowImage

    (source,) = (image.get("src") for image in shown(record).iter("img"))
    data = base64.b64decode(source.removeprefix("data:image/png;base64,"))
    return np.asarray(PillowImage.open(io.BytesIO(data)))[::-1]


def texts(record):
    return "\n".join(shown(record).itertext())


def reduced(**more):
    return subtract_bias(Image.of(VALUES, exposure=30, name="<a&b>.fits", **more), bias=BIAS)


@given(pixels(shape=(3, 4)))
def test_any_image_shows_itself(given_pixels):
    for record in (Image.of(given_pixels), attach_header(Image.of(given_pixels))):
        assert repr(record) in texts(record)
        assert picture(record).shape == (3, 4)


def test_it_says_what_it_is_and_went_through_and_what_was_noted():
    image = reduced().noted([Note("odd & <even>", AssumptionWarning)])
    for record in (image, attach_header(image)):
        assert repr(record) in texts(record)
        assert "subtract_bias(bias=MasterBias('bias array'), force=False)" in texts(record)
        assert "odd & <even>" in texts(record)
    assert "Notes" not in texts(reduced())


def test_a_thumbnail_is_bright_where_the_image_is_and_small():
    rising = np.add.outer(np.arange(1000.0), np.zeros(500))
    shades = picture(Image.of(rising, exposure=1))
    assert max(shades.shape) <= SIDE
    assert shades.shape[0] == 2 * shades.shape[1]
    assert (shades[0].max(), shades[-1].min()) == (0, 255)
    assert (np.diff(shades.astype(int), axis=0) >= 0).all()


@pytest.mark.parametrize("value", [np.nan, 7.0])
def test_an_image_of_one_value_or_none_is_black(value):
    assert not picture(Image.of(np.full((3, 4), value))).any()


def test_a_frame_on_disk_is_read_where_it_is_sampled_and_one_that_is_not_open_has_no_picture(tmp_path):
    write(attach_header(reduced()), tmp_path / "a.fits")
    frame = open_frame(tmp_path / "a.fits")
    np.testing.assert_array_equal(picture(frame), picture(reduced()))
    assert list(shown(Image("light", Location("a.fits"))).iter("img")) == []
    write(attach_header(reduced()), tmp_path / "a.fits", overwrite=True)
    assert "changed since it was opened" in texts(frame)


def test_frames_are_a_table():
    frames = FrameSet([reduced()] * (MOST_FRAMES + 3))
    assert len(list(shown(frames).iter("tr"))) == MOST_FRAMES
    assert "... and 3 more" in texts(frames)
    assert repr(reduced()) in texts(frames[:1])
    assert "more" not in texts(frames[:1])
