"""Headers, pixels, images and sets as hypothesis draws them: what they may be, and that they fit together."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import Flag, FrameSet, Image, Pixels, ReducedImage
from pipeline.headers.status import State
from pipeline.records.frames import KINDS
from pipeline.testing import SHAPE, cards, frame_sets, images, nights, pixels, planes, raw_images

sizes = st.tuples(st.integers(1, 4), st.integers(1, 4))


@given(images())
def test_images_have_one_shape_and_say_their_exposure_in_the_header(image):
    assert image.shape == SHAPE
    assert image.header.get("EXPTIME") == image.exposure
    assert image.kind in KINDS
    assert not (~np.isfinite(image.values) & (image.pixels.flags & Flag.NONFINITE == 0)).any()


@given(images(), images())
def test_images_of_other_pixels_have_other_names(one, other):
    assert (one.name == other.name) == (one.pixels == other.pixels and one.kind == other.kind)


@given(images(kind="bias", exposure=None, header=cards(GAIN=1.5), name="b.fits", shape=(2, 3), history=[], said=[]))
def test_what_is_given_is_not_drawn(image):
    assert (image.kind, image.exposure, image.header["GAIN"], image.name) == ("bias", None, 1.5, "b.fits")
    assert (image.shape, image.history, image.said) == ((2, 3), (), ())


@given(raw_images())
def test_raw_images_have_no_past(image):
    assert image.state == State()
    assert image.history == ()


@given(pixels(shape=sizes, dtypes=["uint16"], flagged=False, variance=False))
def test_pixels_may_be_plain(plain):
    assert not plain.flags.any()
    assert plain.variance is None
    assert plain.dtype == np.float32


@given(pixels(values=np.eye(2, 3), variance=True), pixels(values=planes((2, 3)), shape=(2, 3)))
def test_pixels_may_be_of_given_arrays(one, other):
    assert (one.values == np.eye(2, 3)).all()
    assert one.variance.shape == other.shape == (2, 3)


MET = {
    "an arc": lambda image: image.kind == "arc",
    "no exposure": lambda image: image.exposure is None,
    "a variance": lambda image: image.pixels.variance is not None,
    "a flag": lambda image: (image.pixels.flags & Flag.SATURATED).any(),
    "NaN": lambda image: np.isnan(image.values).any(),
    "no bias": lambda image: image.state.bias and not image.state.flat,
    "a past": lambda image: len(image.history) == 2,
    "an object": lambda image: "OBJECT" in image.header and "GAIN" not in image.header,
}


def test_every_kind_flag_and_state_is_met():
    seen = set()

    @settings(max_examples=160, derandomize=True, database=None)
    @given(images())
    def look(image):
        seen.update(name for name, is_met in MET.items() if is_met(image))

    look()
    assert seen == set(MET)


@given(frame_sets(), frame_sets(raw_images(kind="dark"), min_size=1, max_size=2))
def test_sets_are_of_all_kinds_or_of_one(frames, darks):
    assert isinstance(frames + darks, FrameSet)
    assert 1 <= len(darks) == len(darks.dark) <= 2


@given(nights(seed=3, scene="stars"))
def test_nights_are_simulated_with_their_truth(night):
    assert night.light.shape == night.sigma.shape
    assert night.frames.light[0].header["EXPTIME"] == night.frames.light[0].exposure


@given(st.from_type(ReducedImage), st.from_type(Image), st.from_type(Pixels))
def test_products_are_drawn_with_their_headers(product, image, some):
    assert product.header["CREATOR"]
    assert product.shape == image.shape == some.shape
