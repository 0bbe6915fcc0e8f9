"""What hypothesis draws of what flows through a reduction: headers, pixels, images and sets of them, small and odd.

All have one shape unless others are asked for, so that whatever is drawn fits together.  What is given in place of
what would be drawn is a value or a strategy.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from hypothesis.strategies import DrawFn, SearchStrategy

from pipeline.compose.running import running
from pipeline.errors import PipelineWarning
from pipeline.headers.cards import COMMENTARY, Cards
from pipeline.headers.status import State
from pipeline.records.arrays import Array
from pipeline.records.frames import KINDS, FrameSet, Image
from pipeline.records.history import StepRecord
from pipeline.records.identity import content_key
from pipeline.records.note import KINDS as CATEGORIES
from pipeline.records.pixels import Flag, Pixels
from pipeline.simulation.simulate import Counts, Night, simulate
from pipeline.stages.header import ReducedImage, attach_header
from pipeline.testing.drawn_values import DRAWN, LARGEST, PARTICULAR, SHAPE, Shape, drawn_or_given, records

_KNOWN = {"SIMPLE", "XTENSION", "BITPIX", "NAXIS", "EXTEND", "END", "CONTINUE", "HIERARCH", "EXPTIME", *COMMENTARY}
"""Keywords that have a meaning of their own."""
_words = st.text(string.ascii_letters + string.digits + " .,:+-", max_size=12)
_numbers = st.floats(-LARGEST, LARGEST, allow_subnormal=False)

reasons = st.sampled_from([0, 0, 0, *Flag, Flag.BAD | Flag.SATURATED]).map(int)
"""Flags of a pixel: most are good."""

seconds = st.none() | st.floats(0.5, 3600, width=32)
"""Exposures, where they are known."""


def cards(values: Any = None, **known: Any) -> SearchStrategy[Cards]:
    """Draw headers of a few cards: of an object, a filter, a gain, and of keywords that nobody knows.

    >>> from hypothesis import given, settings
    >>> @settings(max_examples=5)
    ... @given(cards(FILTER="V"))
    ... def headers_say_the_filter(header):
    ...     assert header["FILTER"] == "V"
    >>> headers_say_the_filter()

    :param values: what the other cards say; by default texts, numbers and truths.
    :param known: cards that are there in each, by their keywords.
    """
    by_default = {
        **dict.fromkeys(("OBJECT", "FILTER", "OBSERVER", "INSTRUME", "TELESCOP"), _words),
        **dict.fromkeys(("AIRMASS", "GAIN", "RDNOISE"), st.floats(1.0, 9.0, width=16)),
        "CCDSUM": st.sampled_from(["1 1", "2 2"]),
    }
    unknown = st.text(string.ascii_uppercase, min_size=3, max_size=8).filter(lambda keyword: keyword not in _KNOWN)
    if values is None:
        values = _words | _numbers | st.booleans() | st.integers(-9999, 9999)
    others = st.dictionaries(unknown, values, max_size=2)
    telling = st.fixed_dictionaries(
        {keyword: drawn_or_given(value) for keyword, value in known.items()},
        optional={keyword: drawn for keyword, drawn in by_default.items() if keyword not in known},
    )
    return st.builds(lambda some, more: Cards.of({**more, **some}), telling, others)


def planes(shape: Shape = SHAPE, dtype: Any = np.float32) -> SearchStrategy[Array]:
    """Draw arrays of values as a detector gives them, (ny, nx): with NaN and infinities where the type has them.

    >>> from hypothesis import given, settings
    >>> @settings(max_examples=5)
    ... @given(planes((2, 3), "uint16"))
    ... def planes_are_as_asked(plane):
    ...     assert (plane.shape, plane.dtype) == ((2, 3), np.uint16)
    >>> planes_are_as_asked()
    """
    dtype = np.dtype(dtype)
    if dtype.kind != "f":
        return arrays.arrays(dtype, shape)
    usual = st.floats(-(2.0**16), 2.0**16, width=8 * dtype.itemsize, allow_subnormal=False)
    return arrays.arrays(dtype, shape, elements=usual | st.sampled_from([np.nan, np.inf, 0.0]))


def pixels(
    *,
    shape: Any = SHAPE,
    dtypes: Sequence[str] = ("uint16", "float32", "float64"),
    values: Any = None,
    flagged: bool = True,
    variance: bool | None = None,
) -> SearchStrategy[Pixels]:
    """Draw pixels, (ny, nx), with flags, and with a variance or none.

    >>> from hypothesis import given, settings
    >>> @settings(max_examples=5)
    ... @given(pixels(shape=(2, 3), variance=True))
    ... def pixels_have_a_variance(some):
    ...     assert some.variance.shape == (2, 3)
    >>> pixels_have_a_variance()

    :param shape: (ny, nx), or a strategy of such.
    :param dtypes: the types of the arrays that they are made of.
    :param values: the arrays; by default they are drawn, with NaN and infinities.
    :param flagged: whether some may have flags; what is not finite has one always.
    :param variance: whether they have one; by default some.
    """
    if isinstance(shape, SearchStrategy) or (values is not None and not isinstance(values, SearchStrategy)):
        more: dict[str, Any] = {"dtypes": dtypes, "flagged": flagged, "variance": variance}
        sizes = drawn_or_given(shape if values is None else np.shape(values))
        drawn = None if values is None else st.just(values)
        return sizes.flatmap(lambda size: pixels(shape=size, values=drawn, **more))
    every = st.one_of([planes(shape, dtype) for dtype in dtypes]) if values is None else values
    flags = arrays.arrays(np.uint16, shape, elements=reasons) if flagged else st.just(0)
    known = arrays.arrays(np.float32, shape, elements=st.floats(0, 2.0**10, width=32))
    either = {None: st.none() | known, True: known, False: st.none()}
    return st.builds(Pixels.of, every, flags, either[variance])


def images(
    *,
    kind: Any = None,
    shape: Any = SHAPE,
    pixels: Any = None,
    exposure: Any = seconds,
    header: Any = None,
    state: Any = None,
    history: Any = None,
    said: Any = (),
    name: Any = None,
) -> SearchStrategy[Image]:
    """Draw images: of every kind, with flags, variance, header and exposure, or without; some raw, some not.

    Two whose pixels differ have different names.  What is given in place of what would be drawn is a value or a
    strategy.

    >>> from hypothesis import given, settings
    >>> @settings(max_examples=5)
    ... @given(images(kind="light", shape=(3, 4)))
    ... def headers_have_the_exposure(image):
    ...     assert image.header.get("EXPTIME") == image.exposure
    >>> headers_have_the_exposure()

    :param kind: by default any.
    :param shape: (ny, nx).
    :param pixels: by default what :func:`pixels` draws.
    :param exposure: in seconds, or None.
    :param header: by default what :func:`cards` draws, and the exposure as EXPTIME.
    :param state: what has been done to them.
    :param history: their steps; by default up to two, of stages that nobody knows.
    :param said: the notes of them.
    :param name: by default one of kind and content.
    """
    past = st.lists(records(StepRecord, does="", done_before=None, said=()), max_size=2)
    return _images(
        exptime=header is None,
        kind=st.sampled_from(KINDS) if kind is None else drawn_or_given(kind),
        pixels=_pixels(shape=shape) if pixels is None else drawn_or_given(pixels),
        exposure=drawn_or_given(exposure),
        header=cards() if header is None else drawn_or_given(header),
        state=st.just(State()) | records(State) if state is None else drawn_or_given(state),
        history=st.just(()) | past if history is None else drawn_or_given(history),
        said=drawn_or_given(said),
        name=drawn_or_given(name),
    )


_pixels = pixels


@st.composite
def _images(draw: DrawFn, /, *, exptime: bool, **fields: SearchStrategy[Any]) -> Image:
    """Draw the fields of an image, and put the exposure into the header, where that is drawn."""
    drawn = {name: draw(strategy) for name, strategy in fields.items()}
    header, exposure, name = drawn["header"], drawn["exposure"], drawn["name"]
    if exptime and exposure is not None:
        header = Cards(header.text + Cards.of({"EXPTIME": exposure}).text)
    return Image(
        kind=drawn["kind"],
        data=drawn["pixels"],
        exposure=exposure,
        header=header,
        sources=(name_of(drawn["kind"], drawn["pixels"]) if name is None else name,),
        state=drawn["state"],
        history=tuple(drawn["history"]),
        said=tuple(drawn["said"]),
    )


def name_of(kind: str, held: Any) -> str:
    """Give a name for what holds pixels that says which: two that differ are not called alike."""
    return f"{kind}-{content_key(held)[:8]}.fits"


def raw_images(**fields: Any) -> SearchStrategy[Image]:
    """Draw images to which nothing was done yet: of :func:`images` those without states and steps.

    >>> from hypothesis import given, settings
    >>> @settings(max_examples=5)
    ... @given(raw_images(kind="flat"))
    ... def nothing_was_done(flat):
    ...     assert flat.history == ()
    >>> nothing_was_done()
    """
    raw: dict[str, Any] = {"state": State(), "history": ()}
    return images(**raw | fields)


def frame_sets(
    frames: SearchStrategy[Image] | None = None, *, min_size: int = 0, max_size: int = 4
) -> SearchStrategy[FrameSet]:
    """Draw sets of frames: of all kinds, or of the images that a strategy gives, which have one shape.

    >>> from hypothesis import given, settings
    >>> @settings(max_examples=5)
    ... @given(frame_sets(raw_images(kind="bias"), min_size=3))
    ... def all_are_biases(frames):
    ...     assert frames.bias == frames
    >>> all_are_biases()
    """
    return st.lists(raw_images() if frames is None else frames, min_size=min_size, max_size=max_size).map(FrameSet)


def nights(**settings: Any) -> SearchStrategy[Night]:
    """Draw nights of the simulator, whose truth is known: ``night.frames`` are raw, ``night.light`` is what they show.

    >>> from hypothesis import given, settings
    >>> @settings(max_examples=1)
    ... @given(nights(scene="stars"))
    ... def the_truth_is_positive(night):
    ...     assert (night.light > 0).all()
    >>> the_truth_is_positive()

    :param settings: of :func:`~pipeline.simulation.simulate.simulate`, each a value or a strategy.
    """
    by_default = {
        "seed": st.integers(0, 2**16),
        "shape": (16, 24),
        "scene": st.sampled_from(["spectrum", "stars"]),
        "counts": Counts(bias=2, dark=2, flat=2, light=2, arc=1),
    }
    return st.builds(simulate, **{name: drawn_or_given(value) for name, value in (by_default | settings).items()})


def _products(*, shape: Any = SHAPE, **fields: Any) -> SearchStrategy[ReducedImage]:
    """Draw images with the header to be written, made by attach_header of images that it takes."""
    return images(**{"kind": "light", "shape": shape, "said": ()} | fields).map(_with_header)


def _with_header(image: Image) -> ReducedImage:
    flags = image.pixels.flags.copy()
    flags[0, 0] = 0
    values = image.pixels.values.copy()
    values[0, 0] = 1  # of an image without a good pixel no product is made
    with running(on_note=lambda _: None):
        return attach_header(attrs.evolve(image, data=Pixels.of(values, flags, image.pixels.variance)))


def _categories() -> SearchStrategy[type[PipelineWarning]]:
    return st.sampled_from([category for category, _ in CATEGORIES.values()])


def _cards(*, shape: Any = SHAPE, **known: Any) -> SearchStrategy[Cards]:  # noqa: ARG001 - one signature for all
    return cards(**known)


def _frame_sets(*, shape: Any = SHAPE, **fields: Any) -> SearchStrategy[FrameSet]:
    return frame_sets(raw_images(shape=shape), **fields)


def _nights(*, shape: Any = SHAPE, **settings: Any) -> SearchStrategy[Night]:
    return nights(**settings) if shape == SHAPE else nights(shape=shape, **settings)


DRAWN |= {
    Cards: _cards,
    Pixels: pixels,
    Image: images,
    FrameSet: _frame_sets,
    ReducedImage: _products,
    Night: _nights,
}
PARTICULAR |= {
    ("Note", "category"): lambda _: _categories(),
    ("Note", "words"): lambda _: _words,
    ("Note", "frames"): lambda _: st.lists(st.sampled_from(["a.fits", "b.fits", "c.fits"]), unique=True).map(tuple),
    ("Note", "more"): lambda _: st.integers(0, 3),
    ("StepRecord", "stage"): lambda _: st.sampled_from(["one_before", "another_before"]),
    ("StepRecord", "settings"): lambda _: st.just((("by", "'mean'"),)),
    ("StepRecord", "masters"): lambda _: st.just(()),
    ("StepRecord", "does"): lambda _: st.sampled_from(["", "bias", "own"]),
    ("State", "unit"): lambda _: st.sampled_from(["adu", "electron", "adu/s", "electron/s"]),
    ("Done", "by"): lambda _: st.sampled_from(["ZEROCOR = T", "as was said"]),
    ("Lineage", "kind"): lambda _: st.sampled_from(KINDS),
    ("Lineage", "sources"): lambda _: st.just(("a.fits",)),
    ("Lineage", "combined"): lambda _: st.none(),
}
