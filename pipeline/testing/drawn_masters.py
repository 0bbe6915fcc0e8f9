"""What hypothesis draws of what stages are given that holds pixels: masters of every kind, and masks.

Each is valid, as its class says, and its name tells it from all others, as two of one name in a chain are refused.
"""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from hypothesis.strategies import SearchStrategy

from pipeline.compose.stage import Master
from pipeline.headers.cards import Cards
from pipeline.headers.status import RESPONSE, State, state_of
from pipeline.records.arrays import Array
from pipeline.records.frames import Image
from pipeline.records.pixels import Pixels
from pipeline.stages.bad_pixels import Mask
from pipeline.stages.bias import MasterBias
from pipeline.stages.dark import MasterDark
from pipeline.stages.flat import MasterFlat
from pipeline.stages.fringe import MasterFringe
from pipeline.testing.drawn_images import images, name_of, reasons
from pipeline.testing.drawn_values import DRAWN, SHAPE, Shape, drawn_or_given


def _calibrations(
    kind: str, low: float, high: float, *, shape: Shape = SHAPE, exposure: Any = None, **fields: Any
) -> SearchStrategy[Image]:
    """Draw the image of a master: values between two, of which at least one is good, with errors that it shares."""
    pixels = st.builds(
        _as_shared,
        arrays.arrays(np.float32, shape, elements=st.floats(low, high, width=32)),
        arrays.arrays(np.uint16, shape, elements=reasons),
        st.none() | arrays.arrays(np.float32, shape, elements=st.floats(0, 9, width=32)),
    )
    raw: dict[str, Any] = {"state": State(), "header": Cards(), "history": ()}
    return images(kind=kind, pixels=pixels, exposure=exposure, **raw | fields)


def _as_shared(values: Array, flags: Array, variance: Array | None) -> Pixels:
    flags = flags.copy()
    flags[0, 0] = 0
    return Pixels.of(values, flags, variance).as_shared()


def _biases(*, shape: Shape = SHAPE, **fields: Any) -> SearchStrategy[MasterBias]:
    return _calibrations("bias", 90, 110, shape=shape, **fields).map(MasterBias)


def _darks(*, shape: Shape = SHAPE, has_bias: Any = None, **fields: Any) -> SearchStrategy[MasterDark]:
    time = st.floats(0.5, 3600, width=32)
    return st.builds(
        MasterDark,
        _calibrations("dark", 1, 9, shape=shape, exposure=time, **fields),
        has_bias=st.none() | st.booleans() if has_bias is None else drawn_or_given(has_bias),
    )


def _flats(*, shape: Shape = SHAPE, **fields: Any) -> SearchStrategy[MasterFlat]:
    header = Cards.of({RESPONSE: True})
    return _calibrations("flat", 0.5, 1.5, shape=shape, header=header, **fields).map(_as_response)


def _as_response(image: Image) -> MasterFlat:
    """Bring the mean of the good pixels to 1, as normalise_flat does."""
    pixels = image.pixels
    response = pixels.times(1 / float(pixels.values[~pixels.mask].mean()))
    return MasterFlat(
        attrs.evolve(image, data=response, state=state_of(image.header), sources=(name_of("flat", response),))
    )


def _fringes(*, shape: Shape = SHAPE, **fields: Any) -> SearchStrategy[MasterFringe]:
    return _calibrations("light", 90, 110, shape=shape, **fields).map(MasterFringe.of)


def masters(*, shape: Shape = SHAPE, **fields: Any) -> SearchStrategy[Master]:
    """Draw masters of every kind; ``records(MasterDark)`` draws those of one.

    >>> from hypothesis import given, settings
    >>> @settings(max_examples=5)
    ... @given(masters(shape=(2, 3)))
    ... def masters_are_of_an_image(master):
    ...     assert master.image.shape == (2, 3)
    >>> masters_are_of_an_image()

    :param fields: of the image that it is made of: see :func:`images`.
    """
    every: list[SearchStrategy[Any]] = [make(shape=shape, **fields) for make in (_biases, _darks, _flats, _fringes)]
    return st.one_of(every)


def _masks(*, shape: Shape = SHAPE, name: Any = None) -> SearchStrategy[Mask]:
    """Draw masks of which most pixels are good, each with a name of its own."""
    flags = arrays.arrays(np.uint16, shape, elements=reasons)
    return flags.flatmap(
        lambda bad: st.builds(
            Mask, st.just(bad), st.just(name_of("mask", bad)) if name is None else drawn_or_given(name)
        )
    )


DRAWN |= {
    MasterBias: _biases,
    MasterDark: _darks,
    MasterFlat: _flats,
    MasterFringe: _fringes,
    Master: masters,
    Mask: _masks,
}
